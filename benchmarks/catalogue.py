"""Measures the whole catalogue on the demo company: all KPIs by month over two years, what each costs, and twice the people.

`make bench-kpis`, or `python benchmarks/catalogue.py --users 10000,20000`. Each measurement is a process of its own with two
threads. Numbers are CPU seconds unless the wall clock is named.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.run import afresh, median, peak  # noqa: E402

MONTHS = 24
HEADS = ("users", "step", "wall s", "CPU s", "peak MB", "what came out")


def measured(work: str, folder: Path) -> dict[str, Any]:
    """Do one step here and now: wall and CPU seconds, peak memory of this process in MB, and what came out."""
    call = WORK[work]
    for module in ("numpy", "scipy.special", "kpi_lib.answers.compute", "kpi_lib.sources.workspace"):
        __import__(module)
    used, began = time.process_time(), time.perf_counter()
    answer = call(folder)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return {"wall": wall, "cpu": cpu, "peak": peak(), "answer": answer}


def opened(folder: Path) -> str:
    """Read the files of the workspace, or its store."""
    data = _data(folder)
    return f"{len(data.tables)} tables, {data.tables['events'].height:,} events"


def everything(folder: Path) -> str:
    """Every KPI of the catalogue for 24 months, in one call."""
    import kpi_lib as kpi

    data = _data(folder)
    began, used = time.perf_counter(), time.process_time()
    table = kpi.compute(list(kpi.catalogue()), data, _months(data)).table
    told = f"{table['kpi'].n_unique()} KPIs, {table['value'].count():,} of {table.height:,} rows have a value"
    return f"{told}; without opening {time.perf_counter() - began:.1f} s, {time.process_time() - used:.1f} CPU s"


def one_by_one(folder: Path) -> dict[str, float]:
    """The CPU seconds of each KPI after the ones before it: who comes first pays for what they share."""
    import kpi_lib as kpi

    data, costs = _data(folder), {}
    months = _months(data)
    for name in kpi.catalogue():
        used = time.process_time()
        kpi.compute(name, data, months)
        costs[name] = time.process_time() - used
    return costs


def _data(folder: Path) -> Any:  # noqa: ANN401 - a Dataset; the library is imported after the clock is set up
    import kpi_lib as kpi

    return kpi.open_workspace(folder).data


def _months(data: Any) -> Any:  # noqa: ANN401
    from kpi_lib.core.period import Grid, begin, local_day, step

    stop = begin(local_day(data.observed_until, data.zone), "month")
    return Grid.calendar("month", step(stop, "month", -MONTHS), stop, zone=data.zone)


WORK = {"open": opened, "all": everything, "each": one_by_one}


def command(*arguments: str) -> dict[str, Any]:
    """Run the `kpi` command: seconds from its start to its end, as a person waits for it."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = "from kpi_lib.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(getattr(after, each) - getattr(before, each) for each in ("ru_utime", "ru_stime"))
    return {"wall": time.perf_counter() - began, "cpu": cpu, "answer": ""}


def table(rows: Sequence[Sequence[object]], heads: Sequence[str]) -> str:
    """Rows as a table in Markdown; what was not measured stays empty."""
    texts = [
        [f"{each:.2f}" if isinstance(each, float) else "" if each is None else str(each) for each in row]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(heads), ["---"] * len(heads), *texts])


def measure(users: int, folder: Path, runs: int) -> tuple[list[list[object]], dict[str, float]]:
    """The steps for a company of so many users, each the median of some runs, and the cost of each KPI."""
    there = folder / str(users)
    rows: list[list[object]] = []

    def note(name: str, found: Sequence[Mapping[str, Any]]) -> None:
        figures = [median(found, what) if what in found[0] else None for what in ("wall", "cpu", "peak")]
        rows.append([f"{users:,}", name, *figures, found[-1]["answer"]])
        print(f"{users:,} users: {name} {figures[0]:.1f} s", file=sys.stderr)

    if not (there / "kpi.toml").exists():
        note("kpi sample", [command("sample", str(there), "--users", str(users))])
    note("open the files", [_afresh("open", there) for _ in range(runs)])
    note(f"open, all KPIs × {MONTHS} months", [_afresh("all", there) for _ in range(runs)])
    costs = _afresh("each", there)["answer"]
    note("kpi list", [command("list", "--workspace", str(there)) for _ in range(runs)])
    note("kpi store build", [command("store", "build", "--workspace", str(there))])
    note("open the store", [_afresh("open", there) for _ in range(runs)])
    note(f"open the store, all KPIs × {MONTHS} months", [_afresh("all", there) for _ in range(runs)])
    return rows, costs


def _afresh(work: str, folder: Path) -> dict[str, Any]:
    return afresh(work, folder, Path(__file__))


def main(arguments: Sequence[str]) -> None:
    """Draw the companies, measure the smallest first, print the steps, the dearest KPIs, and what twice the people cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", default="10000,20000", help="sizes of the demo company, the smallest first")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to keep the data (default: a temporary folder)")
    parser.add_argument("--top", type=int, default=25, help="how many of the dearest KPIs to list")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.work:
        print(json.dumps(measured(asked.work, asked.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        sizes = [int(size) for size in asked.users.split(",")]
        found = [measure(size, asked.folder or Path(folder), asked.runs) for size in sizes]
    print(table([row for rows, _ in found for row in rows], HEADS))
    print()
    costs = [each for _, each in found]
    dearest = sorted(costs[-1], key=lambda name: -costs[-1][name])[: asked.top]
    heads = ["KPI", *(f"{size:,} users" for size in sizes), "last ÷ first"]
    names = [*dearest, "all"]
    totals = [each | {"all": sum(each.values())} for each in costs]
    print(table([[n, *(each[n] for each in totals), totals[-1][n] / totals[0][n]] for n in names], heads))


if __name__ == "__main__":
    main(sys.argv[1:])
