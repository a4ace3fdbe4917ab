"""Teams by hand: small ones stay hidden, nobody is ranked, and answers of few are not shown."""

from datetime import date
from typing import Any

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import parse_period
from tests.build import frame_of, moment, row_of, rows_of, told

ITEMS = ["item_id", "team", "assignee", "created", "due", "completed", "points"]
WORK = ("tasks_completed", "tasks_worked_on", "workspace_points", "overdue_tasks", "uncleared_notifications")


def office(*sizes: tuple[str | None, int], team: bool = True) -> Dataset:
    """Teams with so many people, each with one item: done on the 10th with 2.5 points."""
    people = [(name, f"{name}{i}") for name, size in sizes for i in range(size)]
    rows = [(f"w-{who}", name, who, moment("01-02"), moment("01-09"), moment("01-10"), 2.5) for name, who in people]
    rows.append(("late", people[0][0], people[0][1], moment("01-02"), moment("01-20"), None, None))
    items = frame_of("work_items", ITEMS, rows)
    log = [(f"w-{who}", who, date(2026, 1, day)) for _, who in people for day in (3, 4)]
    notes = [(who, moment("01-05"), moment("02-01") if i else None) for i, (_, who) in enumerate(people)]
    return told(
        tables={
            "work_items": items if team else items.drop("team"),
            "work_log": frame_of("work_log", ["item_id", "assignee", "date"], log),
            "notifications": frame_of("notifications", ["member", "time", "cleared_ts"], notes),
        }
    )


def figures(name: str, data: Dataset, period: str = "2026-01") -> dict[str | None, float]:
    return dict(rows_of(name, data, period).select("team", "value").rows())


def test_teams_are_counted_and_small_ones_left_out() -> None:
    data = office(("red", 6), ("blue", 5), ("tiny", 4))
    assert figures("tasks_completed", data) == {"blue": 5, "red": 6}
    assert figures("tasks_worked_on", data) == {"blue": 5, "red": 6}
    assert figures("workspace_points", data) == {"blue": 12.5, "red": 15.0}
    assert figures("overdue_tasks", data) == {"red": 1}
    assert figures("overdue_tasks", data, "2026-01-09") == {"blue": 5, "red": 6}  # completed on the day after
    assert figures("uncleared_notifications", data) == {"blue": 5, "red": 6}
    assert figures("uncleared_notifications", data, "2026-02") == {"red": 1}


def test_without_teams_everybody_is_one_and_few_are_none() -> None:
    assert figures("tasks_completed", office(("red", 6), team=False)) == {None: 6}
    alone = row_of("tasks_completed", office(("red", 4)))
    assert (alone["value"], alone["status"]) == (None, "needs_choice")


@pytest.mark.parametrize(
    ("name", "column"),
    [*((name, "assignee") for name in WORK[:4]), ("uncleared_notifications", "member"), ("tasks_completed", "team")],
)
def test_nobody_is_ranked(name: str, column: str) -> None:
    with pytest.raises(UsageError, match=rf"never cut by {column}"):
        compute(name, office(("red", 6)), parse_period("2026-01", zone="UTC"), by=(column,))


def test_members_of_no_known_team_are_not_lost() -> None:
    """They work on no item, so that nobody knows their team: together, if they are five, and never 0."""
    notes = [(f"n{i}", moment("01-05"), None) for i in range(5)]
    columns = ["member", "time", "cleared_ts"]
    data = office(("red", 6))
    tables = {**data.tables, "notifications": frame_of("notifications", columns, notes)}
    assert figures("uncleared_notifications", told(tables=tables)) == {None: 5}
    del tables["work_items"]
    assert figures("uncleared_notifications", told(tables=tables)) == {None: 5}
    few = told(tables={"notifications": frame_of("notifications", columns, notes[:4])})
    assert row_of("uncleared_notifications", few)["value"] is None


def test_an_item_of_tomorrow_is_not_overdue_today() -> None:
    rows = [(f"w{i}", "red", f"p{i}", moment("01-02"), moment("01-20"), None, 1.0) for i in range(5)]
    data = told(tables={"work_items": frame_of("work_items", ITEMS, rows)}, until="01-15")
    assert figures("overdue_tasks", data) in ({None: 0.0}, {"red": 0.0})


def answered(kind: str, *scores: float) -> Dataset:
    rows = [(f"h{i}", moment("01-05"), kind, float(score)) for i, score in enumerate(scores)]
    return told(
        tables={"employee_surveys": frame_of("employee_surveys", ["employee_id", "time", "kind", "score"], rows)}
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("employee_satisfaction_score", "satisfaction"), ("employee_engagement", "engagement")]
)
def test_answers_of_fewer_than_five_are_hidden(name: str, kind: str) -> None:
    assert row_of(name, answered(kind, 5, 4, 4, 3, 2))["value"] == pytest.approx(3.6)
    few = row_of(name, answered(kind, 5, 4, 4, 3))
    assert (few["value"], few["low"], few["high"]) == (None, None, None)


def test_wrong_nps_of_the_team_is_apart_from_that_of_customers() -> None:
    """Pooled with customers' answers 10, 10, 10 it would be another figure."""
    data = answered("enps", 10, 9, 8, 6, 6)
    assert row_of("dev_team_nps", data)["value"] == pytest.approx(0.0)
    assert row_of("nps", data)["status"] == "missing_input"


def test_wrong_mean_answers_by_ratings_is_always_one() -> None:
    """The ratings 5, 4, 4, 3: their sum by their number is 4.0; answers by ratings are 4 / 4 = 1."""
    rows: list[tuple[Any, ...]] = [("ann", moment("01-05"), "rating", score) for score in (5.0, 4.0, 4.0, 3.0)]
    data = told(tables={"surveys": frame_of("surveys", ["user_id", "time", "kind", "score"], rows)})
    assert row_of("kpi_rating_score", data)["value"] == pytest.approx(4.0)
