"""The recorded demo figures are what plain Python finds in the data, and that Python is right on hand-made logs."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

DAY = timedelta(days=1)


def test_the_recorded_figures_are_those_of_the_data(oracle: ModuleType, root: Path) -> None:
    recorded = (root / "tests" / "oracle" / "demo_figures.json").read_text(encoding="utf-8")
    found = oracle.figures()
    assert json.loads(recorded) == json.loads(json.dumps(found))
    assert recorded == oracle.as_text(found)


def test_headline_figures_of_both_workspaces(root: Path) -> None:
    recorded = json.loads((root / "tests" / "oracle" / "demo_figures.json").read_text(encoding="utf-8"))
    june = recorded["cdnow"]["months"]["1998-06-01"]
    assert (june["orders"], june["buyers"], june["revenue_cents"]) == (2_043, 1_506, 7_610_930)
    assert [step["units"] for step in recorded["cdnow"]["order_stages"]] == [23_570, 11_662, 7_583, 3_925, 1_154]
    assert sum(month["orders"] for month in recorded["cdnow"]["months"].values()) == 69_659
    assert sum(week["events"] for week in recorded["clickstream"]["weeks"].values()) == 31_106
    assert not recorded["clickstream"]["weeks"]["2024-06-24"]["complete"]


def test_cohorts_by_hand(oracle: ModuleType) -> None:
    activity = [("a", date(2024, 1, 7)), ("a", date(2024, 1, 8)), ("b", date(2024, 1, 1)), ("c", date(2024, 1, 14))]
    table = oracle.cohorts(activity, oracle.monday, lambda day: oracle.monday(day) + 7 * DAY, date(2024, 1, 15))
    assert table["cohorts"] == [
        {"start": "2024-01-01", "size": 2, "retained_complete": [[2, 1], [1, 1]]},
        {"start": "2024-01-08", "size": 1, "retained_complete": [[1, 1]]},
    ]
    assert [(row["k"], row["eligible"], row["retained"]) for row in table["pooled"]] == [(0, 3, 3), (1, 2, 1)]


def test_an_unfinished_week_is_not_pooled(oracle: ModuleType) -> None:
    activity = [("a", date(2024, 1, 1)), ("a", date(2024, 1, 8))]
    table = oracle.cohorts(activity, oracle.monday, lambda day: oracle.monday(day) + 7 * DAY, date(2024, 1, 14))
    assert table["cohorts"][0]["retained_complete"] == [[1, 1], [1, 0]]
    assert [row["k"] for row in table["pooled"]] == [0]


def test_order_stages_by_hand(oracle: ModuleType) -> None:
    rows = [(1, date(1997, 1, 3), 0), (1, date(1997, 1, 1), 0), (2, date(1997, 1, 1), 0), (2, date(1997, 1, 1), 0)]
    steps = oracle.order_stages(rows, (1, 2, 3))
    assert [(step["units"], step["median_seconds"]) for step in steps] == [(2, 0.0), (2, 86_400.0), (0, None)]


def test_sessions_end_only_after_more_than_the_gap(oracle: ModuleType) -> None:
    at = datetime(2024, 1, 1, 9)
    times = [at, at + timedelta(minutes=30), at + timedelta(minutes=60, seconds=1)]
    found = oracle.sessions([("u", time, "e", "s") for time in times], timedelta(minutes=30))
    assert [(row[2], row[3]) for row in found] == [(1_800.0, 2), (0.0, 1)]
    assert len(oracle.sessions([("u", time, "e", "s") for time in times], None)) == 1


@pytest.mark.parametrize(
    ("minutes", "within", "depth"),
    [
        ({"a": [0], "b": [60]}, 60, 2),  # the end of the window belongs to it
        ({"a": [0], "b": [61]}, 60, 1),
        ({"a": [0, 50], "b": [100]}, 60, 2),  # a later start reaches deeper
        ({"a": [10], "b": [5]}, 60, 1),  # the wrong order
        ({"a": [0], "b": [0]}, 60, 2),  # the same instant may count either way round
        ({"b": [0]}, 60, 0),
    ],
)
def test_funnel_by_hand(oracle: ModuleType, minutes: dict[str, list[int]], within: int, depth: int) -> None:
    at = datetime(2024, 6, 1)
    log = [("u", at + timedelta(minutes=each), event, "s") for event, times in minutes.items() for each in times]
    table = oracle.funnel(log, ("a", "b"), within=timedelta(minutes=within))
    assert [step["units"] for step in table["steps"]] == [int(level < depth) for level in range(2)]
    assert table["tie_sensitive"] == int(minutes == {"a": [0], "b": [0]})


def test_an_entry_whose_window_is_not_over_is_in_progress(oracle: ModuleType) -> None:
    late = datetime(2024, 6, 29, 12)
    log = [("u", late, "a", "s"), ("u", late, "b", "s"), ("v", late - DAY / 2, "a", "s")]
    table = oracle.funnel(log, ("a", "b"), within=DAY)
    assert (table["in_progress"], [step["units"] for step in table["steps"]]) == (1, [1, 0])
