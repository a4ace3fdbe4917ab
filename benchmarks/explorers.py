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
HEADS = ("explorer", "control", "set to", "wall s", "CPU s", "the first time")
TARGETS = ({"kpi": "wau", "value": 100_000, "every": "week"},)


def _scorecard(data: kpi.Dataset) -> Any:  # noqa: ANN401 - an explorer
    grid = kpi.last_complete("week", data.observed_until, zone=data.zone)
    return kpi.ScorecardExplorer(data, ("dau", "mau", "stickiness"), grid, north_star="wau", targets=TARGETS)


EXPLORERS: dict[str, tuple[Made, tuple[Change, ...]]] = {
    "funnel": (
        lambda data: kpi.FunnelExplorer(data, STEPS, within="7d"),
        (
            ("within", "1d", "7d"),
            ("step_2", "event_01", STEPS[1]),
            ("by", "country", ""),
            ("attempt", "first", ""),
            ("attempt", "first_ever", ""),
            ("attempt", "all", ""),
            ("order", "unordered", "ordered"),
            ("order", "strict", "ordered"),
            ("exclude", "event_03", ""),
        ),
    ),
    "cohorts": (
        lambda data: kpi.CohortExplorer(data),
        (
            ("grain", "month", "week"),
            ("periods", "12", ""),
            ("gone_after", "4", ""),
            ("mode", "on_or_after", "on"),
            ("by", "country", ""),
            ("clock", "elapsed", "calendar"),
            ("min_events", 2, 1),
        ),
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
    "paths": (lambda data: kpi.PathExplorer(data), (("max_steps", 4, 5), ("by", "country", ""))),
}


async def measured(explorer: Any, name: str, value: object) -> tuple[float, float]:  # noqa: ANN401
    """Wall and CPU seconds from a change of a control to the redrawn answer."""
    began, used = time.perf_counter(), time.process_time()
    explorer.controls[name].value = value
    while explorer.busy:
        await asyncio.sleep(0.002)
    if explorer.error:
        raise SystemExit(f"{name} = {value!r}: {explorer.error}")
    return time.perf_counter() - began, time.process_time() - used


async def everything(data: kpi.Dataset, names: list[str], runs: int) -> list[tuple[str, ...]]:
    """One row per explorer and control."""
    rows = []
    for name in names:
        make, changes = EXPLORERS[name]
        explorer = make(data)
        explorer.wait()
        if explorer.error:
            raise SystemExit(f"{name}: {explorer.error}")
        for control, there, back in changes:
            took: dict[object, list[tuple[float, float]]] = {there: [], back: []}
            for _ in range(runs):
                for value in (there, back):
                    took[value].append(await measured(explorer, control, value))
            for value, pairs in took.items():
                wall, cpu = (median(figures) for figures in zip(*pairs, strict=True))
                told = (name, control, repr(value), f"{wall:.2f}", f"{cpu:.2f}", f"{pairs[0][0]:.2f}")
                rows.append(told)
                print(" | ".join(told), file=sys.stderr, flush=True)
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
