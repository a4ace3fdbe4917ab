"""How long ten monthly reports of the demo shop take, against ten empty notebooks in the same run, and what share is computing.

Measured are: `kpi report monthly --backfill 10` with a fresh kernel each; the same command on a notebook that does nothing but
hand over; papermill alone on that notebook, as many at once; and the figures of all ten alone, in one process and without
drawing. Rounds are interleaved, so that a busy minute hits all alike.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKSPACE = ROOT / "data" / "cdnow"
COMMAND = [sys.executable, "-c", "from kpi_lib.cli.main import main; main()"]
EMPTY = """import polars as pl
from kpi_lib.reporting.handover import hand_over
hand_over(pl.DataFrame({"kpi": []}), {"sentences": [period]})"""
PAPERMILL = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import papermill
if __name__ == "__main__":
    place, count, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        runs = [
            pool.submit(papermill.execute_notebook, place, f"{place}.{at}.ipynb", {"period": str(at)}, progress_bar=False)
            for at in range(count)
        ]
        for run in runs:
            run.result()
"""
FIGURES = """
import json, sys
from kpi_lib.reporting.pack import pack
cells = json.loads((pack() / "reports" / "monthly-review.ipynb").read_text("utf-8"))["cells"]
code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
for period in sys.argv[2:]:
    names = {}
    for at, text in enumerate(code[:-1]):
        exec(text, names)
        if at == 0:
            names.update(workspace=sys.argv[1], period=period)
"""


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description="Ten monthly reports against ten empty notebooks.")
    options.add_argument("--reports", type=int, default=10)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    kinds = ("reports", "empty", "papermill", "figures", "unchanged")
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as place:
        empty = bare(Path(place) / "empty")
        script = Path(place) / "papermill_alone.py"  # a file, as processes that are spawned read it again
        script.write_text(PAPERMILL, "utf-8")
        alone = [str(empty / "notebooks" / "empty.ipynb"), str(asked.reports), str(asked.jobs)]
        for at in range(asked.rounds):
            out = Path(place) / f"out{at}"
            rendered = ["--backfill", str(asked.reports), "--jobs", str(asked.jobs), "--json", "--out", str(out)]
            told = measured([*COMMAND, "report", "monthly", "--workspace", str(WORKSPACE), *rendered], taken["reports"])
            periods = [each["period"] for each in json.loads(told)["reports"]]
            measured([*COMMAND, "report", "monthly", "--workspace", str(WORKSPACE), *rendered], taken["unchanged"])
            measured([*COMMAND, "report", "empty", "--workspace", str(empty), *rendered], taken["empty"])
            measured([sys.executable, str(script), *alone], taken["papermill"])
            measured([sys.executable, "-c", FIGURES, str(WORKSPACE), *periods], taken["figures"])
    show(taken, asked)


def bare(folder: Path) -> Path:
    """The same workspace with a notebook that does nothing."""
    shutil.copytree(WORKSPACE, folder)
    (folder / "notebooks").mkdir()
    known = 'workspace: str = "."\nperiod: str = ""\nonly: str = ""'
    kinds = [(known, {"tags": ["parameters"]}), (EMPTY, {})]
    fixed = {"cell_type": "code", "execution_count": None, "outputs": []}
    cells = [{**fixed, "id": f"cell-{at}", "metadata": more, "source": text} for at, (text, more) in enumerate(kinds)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"cells": cells, "metadata": {"kpi": {"every": "month"}, **kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "notebooks" / "empty.ipynb").write_text(json.dumps(book), "utf-8")
    with (folder / "kpi.toml").open("a", encoding="utf-8") as file:
        file.write('\n[reports.empty]\nnotebook = "empty"\nevery = "month"\n')
    return folder


def measured(command: list[str], into: list[tuple[float, float]]) -> str:
    """Run a command; keep wall and processor seconds, its children's included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    into.append((wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return done.stdout


def show(taken: dict[str, list[tuple[float, float]]], asked: argparse.Namespace) -> None:
    """Medians, and the ratios within each round."""
    print(
        f"{asked.reports} monthly reports of data/cdnow, {asked.jobs} jobs, medians of {asked.rounds} rounds, ", end=""
    )
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| what | wall s | CPU s | ÷ empty, wall | CPU | ÷ papermill, wall | CPU |\n|---|---|---|---|---|---|---|")
    for name, times in taken.items():
        wall, cpu = (statistics.median(each[at] for each in times) for at in (0, 1))
        ratios = [
            statistics.median(a[at] / b[at] for a, b in zip(times, taken[floor], strict=True))
            for floor in ("empty", "papermill")
            for at in (0, 1)
        ]
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    share = statistics.median(a[1] / b[1] for a, b in zip(taken["figures"], taken["reports"], strict=True))
    print(f"\nComputing the figures is {share:.0%} of the processor time of the reports.")


if __name__ == "__main__":
    main()
