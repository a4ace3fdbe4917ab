"""Measures the kernels from file to answer, each run in a process of its own.

`make bench`, or `.venv/bin/python benchmarks/run.py --events 1000000 --runs 3`. The data are drawn from a fixed seed.
"""

import argparse
import hashlib
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import kpi_lib as kpi

NAMES = ("home", "search", "view", "cart", "purchase", "help", "review", "account")
WEIGHTS = (20, 18, 30, 10, 3, 4, 5, 10)
DAYS = 180
START = 1_735_689_600_000_000  # 1 January 2025, UTC
HOUR, MINUTE, SECOND = 3_600_000_000, 60_000_000, 1_000_000


def generate(events: int, path: Path, seed: int = 7) -> None:
    """Write a log in order of time: visits of about eight events, users of very different diligence."""
    import numpy as np

    dice = np.random.default_rng(seed)
    users = max(events // 25, 1)
    eager = dice.lognormal(0, 1.2, users)
    visits = max(events // 8, 1)
    owner = dice.choice(users, visits, p=eager / eager.sum())
    begun = START + dice.integers(0, DAYS, visits) * 24 * HOUR + dice.integers(7 * HOUR, 23 * HOUR, visits)
    visit = np.sort(dice.integers(0, visits, events))
    # whole seconds, so that ties occur as they do in real logs
    inside = dice.exponential(4 * MINUTE, events).astype(np.int64) // SECOND * SECOND
    share = np.array(WEIGHTS) / sum(WEIGHTS)
    frame = pl.DataFrame(
        {
            "user_id": pl.Series(owner[visit]).cast(pl.String),
            "time": pl.Series(begun[visit] // SECOND * SECOND + inside).cast(pl.Datetime("us", "UTC")),
            "event": pl.Series(NAMES).gather(dice.choice(len(NAMES), events, p=share)),
        }
    )
    frame.sort("time", maintain_order=True).write_parquet(path)


def dataset(path: Path) -> kpi.Dataset:
    """Read the log and bring it into the order that the kernels need."""
    return kpi.Dataset.of({"events": pl.read_parquet(path)})


def weeks(data: kpi.Dataset) -> kpi.Grid:
    """All weeks of the data."""
    return kpi.Grid.calendar("week", data.observed_from.date(), data.observed_until.date(), zone=data.zone)


def scan(path: Path) -> object:
    """The floor: read the three columns and do nothing."""
    return pl.read_parquet(path).height


def load(path: Path) -> object:
    """Read and order: what every question below includes."""
    return dataset(path)["events"].select(pl.len()).collect().item()


def funnel(path: Path) -> object:
    """A funnel of three steps within a day, with all rules."""
    return kpi.funnel(dataset(path), kpi.Funnel(("view", "cart", "purchase"), within="24h")).to_dict()


def cohort(path: Path) -> object:
    """Weekly retention of all weekly cohorts."""
    return kpi.cohorts(dataset(path), kpi.Cohorts(grain="week")).to_dict()


def active(path: Path) -> object:
    """Daily, weekly and monthly actives and stickiness for every week."""
    data = dataset(path)
    return kpi.actives(data, weeks(data)).to_dict()


def sessions(path: Path) -> object:
    """Sessions by pauses of 30 minutes."""
    return kpi.session_figures(dataset(path)).to_dict()


def kpis(path: Path) -> object:
    """Six KPIs for every week."""
    data = dataset(path)
    names = ["wau", "new_users", "actions_per_user", "avg_session_duration", "retention_day_7", "user_churn_rate"]
    return kpi.compute(names, data, weeks(data)).to_dict()


WORK: dict[str, Callable[[Path], object]] = {
    each.__name__: each for each in (scan, load, funnel, cohort, active, sessions, kpis)
}


def measure(name: str, path: Path) -> dict[str, Any]:
    """Do one piece of work here and now: wall and CPU seconds, peak memory of this process, digest of the answer."""
    used, began = time.process_time(), time.perf_counter()
    answer = WORK[name](path)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    digest = hashlib.sha256(json.dumps(answer, default=str).encode()).hexdigest()[:12]
    return {"wall": wall, "cpu": cpu, "peak": peak, "digest": digest}


def afresh(name: str, path: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--work", name, "--data", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report(found: dict[str, list[dict[str, Any]]]) -> str:
    """The table of medians; the same question must have had the same answer each time."""
    floor = statistics.median(run["cpu"] for run in found["scan"])
    lines = ["| work | wall s | CPU s | peak MB | CPU ÷ scan | answer |", "|---|---|---|---|---|---|"]
    for name, runs in found.items():
        wall, cpu, peak = (statistics.median(run[key] for run in runs) for key in ("wall", "cpu", "peak"))
        digests = {run["digest"] for run in runs}
        if len(digests) > 1:
            raise SystemExit(f"{name} gave different answers: {', '.join(sorted(digests))}")
        ratio = cpu / floor if floor else float("nan")
        lines.append(f"| {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratio:.1f} | {digests.pop()} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Draw the data, measure round by round (so that a busy minute hits all alike), and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.work:
        print(json.dumps(measure(asked.work, asked.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        generate(asked.events, path)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in WORK}
        for turn in range(asked.runs):
            for name in WORK:
                print(f"run {turn + 1} of {asked.runs}: {name}", file=sys.stderr)
                found[name].append(afresh(name, path))
    here = f"Python {platform.python_version()}, Polars {pl.__version__}, {pl.thread_pool_size()} threads, {platform.machine()}"
    print(f"{asked.events:,} events, medians of {asked.runs} runs, {here}\n")
    print(report(found))


if __name__ == "__main__":
    main(sys.argv[1:])
