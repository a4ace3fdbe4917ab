"""Conversion by hand: windows with both ends, entries that are too young, and where people stop."""

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT, Grid, parse_period
from kpi_lib.shapes.funnel import Funnel
from tests.build import moment, row_of, rows_of, told

WEEK = "2026-W02"
TRIALS = """
ann 01-05T10:00 visit
ann 01-12T10:00 pay
bob 01-05T10:00 visit
bob 01-12T10:00:00.000001 pay
cid 01-06T10:00 visit
dan 01-11T10:00 visit
dan 01-11T11:00 pay
"""
PAY = {"goal_event": "pay"}


def test_the_goal_counts_to_the_last_instant_of_the_window() -> None:
    found = row_of("goal_conversion_rate", told(TRIALS), WEEK, **PAY)
    assert (found["value"], found["n"], found["unripe"]) == (2 / 4, 4, 0)  # ann exactly at 168 h, bob a tick later
    assert row_of("goal_conversion_rate", told(TRIALS), WEEK, goal_within="8d", **PAY)["value"] == 3 / 4


@pytest.mark.parametrize("start", [None, "visit"])
def test_the_window_must_have_been_watched_whether_or_not_the_goal_was_reached(start: str | None) -> None:
    options = {"start_event": start, **PAY}
    young = row_of("goal_conversion_rate", told(TRIALS, until="01-13T10:00"), WEEK, **options)
    assert (young["value"], young["n"], young["unripe"], young["status"]) == (1 / 3, 3, 1, "ripening")
    edge = row_of("goal_conversion_rate", told(TRIALS, until="01-18T10:00"), WEEK, **options)
    assert (edge["n"], edge["unripe"]) == (4, 0)
    before = row_of("goal_conversion_rate", told(TRIALS, until="01-18T09:59:59"), WEEK, **options)
    assert (before["n"], before["unripe"]) == (3, 1)


@pytest.mark.parametrize("start", [None, "visit"])
def test_wrong_conversion_payers_of_other_trials_are_no_conversions(start: str | None) -> None:
    """20 of this week's 100 trials pay, and 480 older customers pay as well: 20 %. Payers over trials would say 500 %."""
    old = "\n".join(f"o{i} 01-02 visit\no{i} 01-06 pay" for i in range(480))
    new = "\n".join(f"n{i} 01-07 visit" + (f"\nn{i} 01-08 pay" if i < 20 else "") for i in range(100))
    found = row_of("goal_conversion_rate", told(old + "\n" + new), WEEK, start_event=start, **PAY)
    assert (found["value"], found["n"]) == (0.2, 100)


def test_an_entry_of_every_period_counts_when_a_user_starts_again() -> None:
    text = "ann 01-05 visit\nann 01-06 pay\nann 01-13 visit\n"
    grid = Grid.calendar("week", moment("01-05").date(), moment("01-19").date(), zone="UTC")
    table = compute("goal_conversion_rate", told(text), grid, options={"start_event": "visit", **PAY}).table
    assert table.select("value", "n").rows() == [(1.0, 1), (0.0, 1)]


def test_a_goal_must_be_chosen_and_must_exist() -> None:
    assert row_of("goal_conversion_rate", told(TRIALS), WEEK)["status"] == "needs_choice"
    with pytest.raises(UsageError, match="Did you mean pay"):
        row_of("goal_conversion_rate", told(TRIALS), WEEK, goal_event="pya")
    with pytest.raises(UsageError, match="no duration"):
        row_of("goal_conversion_rate", told(TRIALS), WEEK, goal_within="soon", **PAY)


def test_nobody_who_starts_is_no_rate() -> None:
    for options in (PAY, {"start_event": "visit", **PAY}):
        found = row_of("goal_conversion_rate", told(TRIALS), "2026-02-03", **options)
        assert (found["value"], found["n"], found["status"]) == (None, 0, "no_denominator")


def test_activation_of_newcomers_in_time() -> None:
    data = told(TRIALS)
    assert row_of("activation_rate", data, WEEK)["status"] == "needs_choice"
    found = row_of("activation_rate", data, WEEK, activation_event="pay")
    assert (found["value"], found["n"]) == (0.5, 4)
    assert row_of("activation_rate", data, WEEK, activation_event="pay", activation_within="1h")["value"] == 1 / 4
    young = row_of("activation_rate", told(TRIALS, until="01-13"), WEEK, activation_event="pay")
    assert (young["n"], young["unripe"], young["status"]) == (2, 2, "ripening")
    assert row_of("activation_rate", told(TRIALS + TRIALS), WEEK, activation_event="pay")["value"] == 0.5


def test_activation_counts_from_the_sign_up_where_it_is_known() -> None:
    signed = {"ann": "01-05T10:00", "bob": "01-05T10:00", "cid": "01-06", "eve": "01-07"}
    users = pl.DataFrame(
        {"user_id": list(signed), "signup_ts": [moment(t) for t in signed.values()], "time": [moment("01-01")] * 4},
        schema_overrides={"signup_ts": INSTANT, "time": INSTANT},
    )
    log = "ann 01-04 use\nbob 01-05T10:00 use\ncid 01-06T01:00 view\ncid 01-06T02:00 use\ncid 01-06T03:00 use\n"
    found = row_of("activation_rate", told(log, tables={"users": users}), WEEK, activation_event="use")
    assert (found["value"], found["n"]) == (0.5, 4)  # ann's use came before the sign-up, eve never came


CHECKOUT = {"checkout": Funnel(("view", "cart", "pay"), within="1d")}
STEPS = """
ann 01-05T10:00 view
ann 01-05T10:01 cart
ann 01-06T10:00 pay
bob 01-05T10:00 view
bob 01-05T10:01 cart
bob 01-06T10:00:01 pay
cid 01-05T10:00 view
dan 01-11T22:00 view
"""


def drops(**choices: object) -> list[tuple[int, float, int, int]]:
    table = rows_of("funnel_dropoff_rate", told(STEPS, funnels=CHECKOUT, **choices), WEEK)  # type: ignore[arg-type]
    return table.select("step", "value", "n", "unripe").rows()


def test_drop_off_is_of_those_who_reached_the_step() -> None:
    assert drops() == [(1, 0.5, 4, 0), (2, 0.5, 2, 0)]


def test_wrong_drop_off_who_is_inside_the_window_has_not_dropped_off() -> None:
    assert drops(until="01-12") == [(1, 1 / 3, 3, 1), (2, 0.5, 2, 1)]


def test_a_period_is_not_settled_while_a_second_try_is_under_way() -> None:
    """Ann gave up on Monday and is trying again: her week may still turn out well."""
    text = (
        "ann 01-05T10:00 view\nann 01-11T22:00 view\nbob 01-05T10:00 view\nbob 01-05T11:00 pay\nbob 01-11T22:00 view\n"
    )
    options = {"start_event": "view", "goal_within": "1d", **PAY}
    then = row_of("goal_conversion_rate", told(text, until="01-12"), WEEK, **options)
    assert (then["value"], then["n"], then["unripe"], then["status"]) == (0.5, 2, 1, "ripening")
    now = row_of("goal_conversion_rate", told(text + "ann 01-12T01:00 pay\n"), WEEK, **options)
    assert (now["value"], now["n"], now["unripe"]) == (1.0, 2, 0)


def test_a_funnel_must_be_declared_and_chosen_by_its_name() -> None:
    assert row_of("funnel_dropoff_rate", told(STEPS), WEEK)["status"] == "needs_choice"
    data = told(STEPS, funnels={**CHECKOUT, "short": Funnel(("view", "cart"))})
    assert row_of("funnel_dropoff_rate", data, WEEK, dropoff_funnel="short")["value"] == 0.5
    assert row_of("funnel_dropoff_rate", data, WEEK, dropoff_funnel="long")["status"] == "needs_choice"
    nothing = rows_of("funnel_dropoff_rate", told("-", funnels=CHECKOUT), WEEK)
    assert nothing["status"].to_list() == ["no_denominator"]


def test_conversion_by_a_segment_of_users() -> None:
    users = pl.DataFrame({"user_id": ["ann", "bob", "cid", "zoe"], "country": ["DE", "FR", "DE", "IT"]})
    found = compute(
        "goal_conversion_rate",
        told(TRIALS, tables={"users": users}),
        parse_period(WEEK, zone="UTC"),
        by=["country"],
        options=PAY,
    )
    rows = found.table.select("country", "value", "n").rows()
    assert rows == [("DE", 0.5, 2), ("FR", 0.0, 1), ("IT", None, 0), (None, 1.0, 1)]
