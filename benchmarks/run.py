"""Asks this library and other engines the same questions, each time in a process of its own, and compares the answers.

`make bench`, or `python benchmarks/run.py --events 1000000 --runs 3` where the group `bench` of pyproject.toml is installed.
"""

import argparse
import hashlib
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import data, ours  # noqa: E402
from benchmarks.peers import PEERS  # noqa: E402
from kpi_lib.kpis.registry import catalogue  # noqa: E402

THREADS = "2"
PARTS = ("retention", "actives", "lifecycles")
Run = dict[str, Any]


def works(peers: Iterable[str]) -> list[str]:
    """Every piece of work, written question:engine; our engines are the forms of the data."""
    own = [f"{question}:{form}" for question in ours.QUESTIONS for form in ours.FORMS]
    return own + [f"{question}:{peer}" for question, each in PEERS.items() for peer in each if peer in peers]


def measure(work: str, path: Path) -> Run:
    """Do one piece of work here and now: wall and CPU seconds, peak memory of this process in MB, and the answer."""
    question, engine = work.split(":")
    own = engine in ours.FORMS
    call = partial(_ask, question, engine, path) if own else partial(PEERS[question][engine], path)
    # the clock starts after the imports, for everybody
    for module in ("numpy", "scipy.special", *ours.MODULES) if own else (engine,):
        importlib.import_module(module)
    if own:
        catalogue()
    used, began = time.process_time(), time.perf_counter()
    answer = call()
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return {"wall": wall, "cpu": cpu, "peak": peak(), "answer": answer}


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # the other figure may be that of the process which started this one
        line = next(each for each in status.read_text("utf-8").splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _ask(question: str, form: str, path: Path) -> object:
    return ours.QUESTIONS[question](ours.FORMS[form](path))


def afresh(work: str, path: Path, script: Path = Path(__file__)) -> Run:
    """Measure in a process of its own."""
    command = [sys.executable, str(script.resolve()), "--work", work, "--data", str(path)]
    threads = {"POLARS_MAX_THREADS": THREADS}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | threads)
    result: Run = json.loads(done.stdout.splitlines()[-1])
    return result


def check(found: dict[str, list[Run]]) -> None:
    """Stop when two answers to the same question differ: between runs, forms or engines."""
    answers: dict[str, dict[str, str]] = {}
    for work, runs in found.items():
        question, _, engine = work.partition(":")
        for number, run in enumerate(runs):
            for part, answer in _parts(question, run["answer"]).items():
                digest = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:12]
                answers.setdefault(part, {})[f"{engine} {number + 1}"] = digest
    for part, told in answers.items():
        if len(set(told.values())) > 1:
            raise SystemExit(f"{part} has different answers: {', '.join(f'{k} {v}' for k, v in sorted(told.items()))}")


def _parts(question: str, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """What of an answer can be compared: the parts of the joint question, and the times of those who tell them."""
    if question == "together":
        return dict(answer)
    return {f"funnel {name}": each for name, each in answer.items()} if question == "funnel" else {question: answer}


def median(runs: Sequence[Mapping[str, Any]], what: str) -> float:
    """The median of a figure over runs."""
    return statistics.median(run[what] for run in runs)


def paired(runs: list[Run], bases: list[list[Run]], what: str = "wall") -> float | None:
    """The median, round by round, of our time over the sum of the others' in the same round."""
    if not bases:
        return None
    return statistics.median(run[what] / sum(base[i][what] for base in bases) for i, run in enumerate(runs))


def best(found: dict[str, list[Run]], question: str) -> str | None:
    """The fastest of the other engines at a question, by median wall time."""
    there = [work for work in found if work.startswith(f"{question}:") and work.split(":")[1] not in ours.FORMS]
    return min(there, key=lambda work: median(found[work], "wall"), default=None)


def report(found: dict[str, list[Run]]) -> str:
    """The table of medians; ratios are medians of ratios within a round."""
    heads = ["question", "engine", "wall s", "CPU s", "peak MB", "÷ best other", "in CPU s", "÷ bare scan"]
    lines = [" | ".join(heads), "|".join(["---"] * len(heads))]
    for work, runs in found.items():
        question, engine = work.split(":")
        own = engine in ours.FORMS
        rivals = {"together": PARTS, "floor": ()}.get(question, (question.removesuffix("_ripe"),))
        names = [best(found, each) for each in rivals] if own else []
        bases = [found[name] for name in names if name is not None]
        bare = paired(runs, [found[f"floor:{engine if own else 'scan'}"]])
        figures = [f"{median(runs, what):.{digits}f}" for what, digits in (("wall", 2), ("cpu", 2), ("peak", 0))]
        ratios = [
            "" if each is None else f"{each:.2f}" for each in (paired(runs, bases), paired(runs, bases, "cpu"), bare)
        ]
        lines.append(" | ".join([question, engine, *figures, *ratios]))
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)


def main(arguments: Sequence[str]) -> None:
    """Draw the data, build the store, measure round by round (so that a busy minute hits all alike), print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", default="duckdb,chdb,pandas", help="which other engines; empty for none")
    parser.add_argument("--folder", type=Path, help="where to keep the data (default: a temporary folder)")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.work == "build":
        ours.build(asked.data)
        print(json.dumps({"cpu": time.process_time(), "peak": peak()}))
    elif asked.work:
        print(json.dumps(measure(asked.work, asked.data)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            _all(asked, asked.folder or Path(folder))


def _all(asked: argparse.Namespace, folder: Path) -> None:
    path = folder / f"{asked.events}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"drawing {asked.events:,} events", file=sys.stderr)
        data.generate(asked.events, path)
    began, told = time.perf_counter(), ""
    if not path.with_suffix(".store").exists():
        built = afresh("build", path)
        wall = time.perf_counter() - began
        told = f"store built in {wall:.1f} s, {built['cpu']:.1f} CPU s, {built['peak']:.0f} MB at its peak\n"
    found: dict[str, list[Run]] = {work: [] for work in works(asked.peers.split(","))}
    for turn in range(asked.runs):
        for work in found:
            print(f"round {turn + 1} of {asked.runs}: {work}", file=sys.stderr)
            found[work].append(afresh(work, path))
        check(found)
    print(f"{asked.events:,} events, medians of {asked.runs} rounds, {_here()}\n{told}")
    print(report(found))


def _here() -> str:
    versions = []
    for name in ("polars", *sorted({peer for each in PEERS.values() for peer in each})):
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(versions)}, {THREADS} threads, {platform.machine()}"


if __name__ == "__main__":
    main(sys.argv[1:])
