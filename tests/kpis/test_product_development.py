"""Releases, launches and goals by hand."""

from datetime import date
from typing import Any

import pytest

from kpi_lib.core.dataset import Dataset
from tests.build import frame_of, moment, row_of, rows_of, told

DAY = 86_400.0
GOALS = ["goal", "target", "type", "start_value", "target_value", "current_value", "weight", "start", "due"]


def aims(*rows: tuple[Any, ...]) -> Dataset:
    return told(tables={"goals": frame_of("goals", GOALS, rows)})


def aim(goal: str, *values: float | None, kind: str = "number", weight: float | None = None) -> tuple[Any, ...]:
    start, target, current = values
    return goal, f"{values}", kind, start, target, current, weight, date(2026, 1, 1), date(2026, 1, 31)


def test_releases_are_counted() -> None:
    rows = [(name, moment(day)) for name, day in (("a", "01-05"), ("b", "01-31T23:59"), ("c", "02-01"))]
    data = told(tables={"releases": frame_of("releases", ["release_id", "time"], rows)})
    assert row_of("release_velocity", data)["value"] == 2


def test_time_to_market_is_the_median_of_what_was_launched() -> None:
    rows = [("a", moment("01-01"), moment("01-11")), ("b", moment("01-01"), moment("01-31")), ("c", moment("01-01"), None),
            ("d", None, moment("01-20")), ("e", moment("01-30"), moment("02-02"))]  # fmt: skip
    data = told(tables={"features": frame_of("features", ["feature", "started", "launched"], rows)})
    found = row_of("time_to_market", data)
    assert (found["value"], found["n"]) == (20 * DAY, 2)


def test_wrong_progress_a_falling_target_needs_its_start() -> None:
    """Churn from 8 % to 4 %, now at 6 %: half way. Without the start it would be 150 %, or done."""
    assert row_of("goal_progress", aims(aim("churn", 0.08, 0.04, 0.06)))["value"] == pytest.approx(0.5)


def test_targets_roll_up_by_weight_and_within_0_and_1() -> None:
    data = aims(
        aim("grow", 0, 100, 25), aim("grow", 0, 100, 300, weight=3), aim("ship", None, 1, 1, kind="boolean"),
        aim("ship", 0, 8, 2, kind="tasks"), aim("ship", 0, None, 1), aim("back", 100, 200, 50), aim("stay", 5, 5, 5),
    )  # fmt: skip
    found = {row[0]: row[1] for row in rows_of("goal_progress", data).select("goal", "value").rows()}
    assert found == {
        "back": 0.0,
        "grow": pytest.approx((0.25 + 3) / 4),
        "ship": pytest.approx((1 + 0.25) / 2),
        "stay": 1.0,
    }


def test_a_goal_stands_from_its_start_to_the_day_it_is_due() -> None:
    data = aims(aim("grow", 0, 100, 25))
    assert row_of("goal_progress", data, "2026-01-31")["value"] == 0.25
    assert row_of("goal_progress", data, "2026-02-01")["value"] is None
    assert row_of("goal_progress", data, "2026-01-01")["value"] == 0.25
