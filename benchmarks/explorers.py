"""Measures explorers on a store: from a change of a control to the redrawn answer, as in a notebook's kernel.

`make bench-explorers`, or `python benchmarks/explorers.py --events 10000000 --runs 5`. The browser's own share comes on top.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import kpi_lib as kpi  # noqa: E402
from benchmarks import ours  # noqa: E402
from benchmarks.data import STEPS, generate  # noqa: E402

Change = tuple[str, object, object]  # a control, and the two values between which it goes to and fro
Made = Callable[[kpi.Dataset], Any]
HEADS = ("explorer", "change", "wall s", "CPU s", "first time s")
TARGETS = ({"kpi": "wau", "value": 100_000, "every": "week"},)


def _scorecard(data: kpi.Dataset) -> Any:  # noqa: ANN401 - an explorer
    grid = kpi.last_complete("week", data.observed_until, zone=data.zone)
    return kpi.ScorecardExplorer(data, ("dau", "mau", "stickiness"), grid, north_star="wau", targets=TARGETS)


EXPLORERS: dict[str, tuple[Made, tuple[Change, ...]]] = {
    "funnel": (
        lambda data: kpi.FunnelExplorer(data, STEPS, within="7d"),
        (("within", "1d", "7d"), ("step_2", "event_01", STEPS[1]), ("attempt", "first", ""), ("by", "country", "")),
    ),
    "cohorts": (
        lambda data: kpi.CohortExplorer(data),
        (("grain", "month", "week"), ("periods", "12", ""), ("gone_after", "4", ""), ("mode", "on_or_after", "on")),
    ),
    "segments": (
        lambda data: kpi.SegmentExplorer(data, "wau", every="week"),
        (("name", "mau", "wau"), ("every", "month", "week"), ("periods", 12, 6), ("by", "", "country")),
    ),
    "targets": (_scorecard, (("target_wau", "120,000", "100,000"), ("due", "2026-12-31", ""), ("history", 8, 13))),
    "kpis": (
        lambda data: kpi.KpiChooser(data, stage="growth"),
        (("stage", "mature", "growth"), ("goal_revenue", True, False)),
    ),
    "paths": (lambda data: kpi.PathExplorer(data), (("max_steps", 4, 5),)),
}


async def measured(explorer: Any, change: Change, runs: int) -> tuple[float, float, float]:  # noqa: ANN401
    """Median wall and CPU seconds from a change to the redrawn answer, and the wall seconds of the first change."""
    name, *values = change
    walls, works = [], []
    for run in range(runs + 1):
        began, used = time.perf_counter(), time.process_time()
        explorer.controls[name].value = values[run % 2]
        while explorer.busy:
            await asyncio.sleep(0.002)
        walls.append(time.perf_counter() - began)
        works.append(time.process_time() - used)
        if explorer.error:
            raise SystemExit(f"{name} = {values[run % 2]!r}: {explorer.error}")
    return median(walls[1:]), median(works[1:]), walls[0]


async def everything(data: kpi.Dataset, names: list[str], runs: int) -> list[tuple[str, ...]]:
    """One row per explorer and control."""
    rows = []
    for name in names:
        make, changes = EXPLORERS[name]
        explorer = make(data)
        explorer.wait()
        if explorer.error:
            raise SystemExit(f"{name}: {explorer.error}")
        for change in changes:
            figures = await measured(explorer, change, runs)
            rows.append((name, change[0], *(f"{each:.2f}" for each in figures)))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Draw the log, build its store, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(EXPLORERS), help="explorers to measure")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        generate(given.events, path)
        ours.build(path)
        rows = asyncio.run(everything(ours.store(path), given.only.split(","), given.runs))
    print(f"{given.events:,} events, medians of {given.runs} changes to and fro\n")
    for row in (HEADS, ("---",) * len(HEADS), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
