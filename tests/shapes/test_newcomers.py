"""Who looks new may only be new to the data: told where sign-ups or the size of the first period speak for it."""

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from tests.build import instant, moment, told

DAY = 86_400_000_000


def crowd(first: int, later: int, weeks: int = 6) -> str:
    """So many newcomers in the first week, so many in each one after."""
    rows = [f"a{user} 01-05T10:00 view" for user in range(first)]
    days = [5 + 7 * week for week in range(1, weeks)]
    stamp = [f"01-{day:02}" if day <= 31 else f"02-{day - 31:02}" for day in days]
    return "\n".join([*rows, *(f"b{at}{user} {each} view" for at, each in enumerate(stamp) for user in range(later))])


def both(data: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return cohorts(data, Cohorts()).warnings, funnel(data, Funnel(("view", "view"), attempt="first_ever")).warnings


def test_a_first_week_far_larger_than_usual_is_told() -> None:
    for said in both(told(crowd(50, 10), since="01-05")):
        assert said == (
            "the first week (2026-01-05) has 50 newcomers, a usual one 10: many of them may have come before the data "
            "begin, so that their first time here is not their first.",
        )


@pytest.mark.parametrize(("first", "later", "weeks"), [(20, 10, 6), (15, 10, 6), (4, 1, 6), (50, 10, 3)])
def test_an_ordinary_beginning_and_too_little_to_know_are_not(first: int, later: int, weeks: int) -> None:
    assert both(told(crowd(first, later, weeks), since="01-05")) == ((), ())


def test_a_launch_later_than_the_data_is_no_beginning_in_mid_life() -> None:
    assert both(told(crowd(50, 10), since="01-01", until="03-01")) == ((), ())


def signed(*days: int | None) -> pl.DataFrame:
    at = moment("01-05")
    ups = [None if day is None else at + (instant(day * DAY) - instant(0)) for day in days]
    return pl.DataFrame({"user_id": [f"a{user}" for user in range(len(days))], "signup_ts": ups}).with_columns(
        pl.col("signup_ts").cast(pl.Datetime("us", "UTC"))
    )


def test_sign_ups_before_the_data_are_told_and_known_ones_settle_it() -> None:
    text = crowd(50, 10)
    said = both(told(text, since="01-05", tables={"users": signed(-3, -1, 0, None)}))
    assert (
        said
        == (
            ("2 of 3 users signed up before the data begin (2026-01-05): those of them who came again look new here.",),
        )
        * 2
    )
    assert both(told(text, since="01-05", tables={"users": signed(0, 1, 2)})) == ((), ())
    assert both(told(text, since="01-05", tables={"users": signed(None)}))[0][0].startswith("the first week")


def test_of_cohorts_from_sign_up_it_is_said_who_came_before_anybody_looked() -> None:
    data = told(crowd(50, 10), since="01-05", tables={"users": signed(-3, 0, 1)})
    assert cohorts(data, Cohorts(start_event="signup")).warnings == (
        "1 of 3 users signed up before the data begin (2026-01-05): "
        "what they did until then is not known, and counts as if they had not come.",
    )
    later = told(crowd(50, 10), since="01-05", tables={"users": signed(0, 0, 1)})
    assert cohorts(later, Cohorts(start_event="signup")).warnings == ()


def test_recurring_cohorts_and_funnels_by_other_rules_need_no_such_word() -> None:
    data = told(crowd(50, 10), since="01-05", tables={"users": signed(-3, 0, 1)})
    assert cohorts(data, Cohorts(recurring=True)).warnings == ()
    assert funnel(data, Funnel(("view", "view"))).warnings == ()
    assert cohorts(data, Cohorts()).to_dict()["warnings"] == list(cohorts(data, Cohorts()).warnings)
