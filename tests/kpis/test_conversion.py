"""Conversion by hand: windows with both ends, entries that are too young, and where people stop."""

from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT, Grid, parse_period
from kpi_lib.core.schema import columns
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


def subscriptions(*rows: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """Subscriptions in 2026; whatever looks like a day is one."""
    known = dict.fromkeys(["start", "end", "trial_start", "trial_end", "mrr", *(c for row in rows for c in row)])
    full = [
        {
            "subscription_id": f"s{i}",
            **known,
            **{c: moment(v) if c != "user_id" and isinstance(v, str) else v for c, v in row.items()},
        }
        for i, row in enumerate(rows)
    ]
    schema = {name: each.dtype for name, each in columns("subscriptions").items() if name in full[0]}
    return {"subscriptions": pl.DataFrame(full, schema=schema)}


def trial(user: str, begin: str, paid: str | None = None, end: str | None = None) -> dict[str, Any]:
    """A trial that ends unpaid, or turns into a paying subscription."""
    if paid is None:
        return {"user_id": user, "start": begin, "trial_start": begin, "trial_end": end, "end": end, "mrr": 900}
    return {"user_id": user, "start": begin, "trial_start": begin, "trial_end": paid, "mrr": 900}


def test_wrong_trials_over_all_payers() -> None:
    """100 trials of which 20 converted, and 500 payers in all: 20 %; payers over trials would be 500 %."""
    rows = [trial(f"t{i}", "01-05", "01-19" if i < 20 else None, "01-19") for i in range(100)]
    rows += [{"user_id": f"old{i}", "start": "01-01", "mrr": 900} for i in range(480)]
    data = told(events="ann 01-01 v", tables=subscriptions(*rows), until="03-01")
    found = row_of("trial_to_paid_rate", data)
    assert (found["value"], found["n"], row_of("trial_signups", data)["value"]) == (0.2, 100, 100)


def test_trials_still_running_are_unripe_and_late_payers_are_none() -> None:
    rows = [trial("ann", "01-05", "02-04"), trial("bob", "01-05", "02-05"), trial("cid", "01-20", "02-01")]
    data = told(events="ann 01-01 v", tables=subscriptions(*rows), until="02-10")
    found = row_of("trial_to_paid_rate", data)
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (0.5, 2, 1, "ripening")
    assert row_of("trial_to_paid_rate", data, trial_within="12d")["value"] == pytest.approx(1 / 3)
    taken = row_of("time_to_convert", data)
    assert (taken["value"], taken["n"], taken["unripe"]) == (30 * 86_400, 1, 1)


def test_wrong_conversion_rate_does_not_track_how_long() -> None:
    """One of two trials pays, after 20 days: the rate is 50 %, the time 20 days; the source says that the rate tracks it."""
    rows = [trial("ann", "01-05", "01-25"), trial("bob", "01-05", end="01-25")]
    data = told(events="ann 01-01 v", tables=subscriptions(*rows), until="03-01")
    rate, time = row_of("trial_to_paid_rate", data), row_of("time_to_convert", data)
    assert (rate["value"], rate["unit"]) == (0.5, "share")
    assert (time["value"], time["unit"], time["n"]) == (20 * 86_400, "seconds", 1)


def test_a_later_subscription_of_the_same_customer_converts_his_trial() -> None:
    rows = [
        trial("ann", "01-05", end="01-12"),
        {"user_id": "ann", "start": "01-10", "mrr": 900},
        trial("bob", "01-05", end="01-12"),
        {"user_id": "bob", "start": "01-02", "end": "01-04", "mrr": 900},
    ]
    data = told(events="ann 01-01 v", tables=subscriptions(*rows), until="03-01")
    assert row_of("trial_to_paid_rate", data)["value"] == 0.5
    assert row_of("time_to_convert", data)["value"] == 5 * 86_400
    users = pl.DataFrame({"user_id": ["ann", "bob", "eve"], "account_id": ["x", "y", "y"]})
    more = subscriptions(*rows, {"user_id": "eve", "start": "01-20", "mrr": 900})
    shared = told(events="ann 01-01 v", tables={**more, "users": users}, until="03-01")
    assert row_of("trial_to_paid_rate", shared)["value"] == 1.0  # bob's account pays through eve


def signed(*rows: tuple[str, str, str]) -> dict[str, pl.DataFrame]:
    frame = pl.DataFrame(
        [(user, moment(day), plan) for user, day, plan in rows],
        schema={"user_id": pl.String, "signup_ts": columns("users")["signup_ts"].dtype, "plan": pl.String},
        orient="row",
    )
    return {"users": frame}


def test_free_users_who_pay_are_those_of_the_cohort_and_in_time() -> None:
    users = signed(
        ("ann", "01-05", "free"), ("bob", "01-05", "free"), ("cid", "01-05", "pro"), ("dan", "01-05", "free")
    )
    paid = subscriptions(
        {"user_id": "ann", "start": "02-04", "mrr": 900},
        {"user_id": "bob", "start": "02-05", "mrr": 900},
        {"user_id": "cid", "start": "01-05", "mrr": 900},
        {"user_id": "dan", "start": "01-06", "mrr": 0},
    )
    data = told(events="ann 01-01 v", tables={**users, **paid}, until="03-01")
    assert row_of("free_to_paid_rate", data)["value"] == pytest.approx(1 / 3)
    assert row_of("free_to_paid_rate", data, free_plans=["free", "pro"])["value"] == 0.5
    assert row_of("free_to_paid_rate", data, free_plans=["gratis"])["status"] == "needs_choice"


def test_wrong_free_to_paid_a_plan_of_today_hides_who_was_free() -> None:
    """Ann began to pay on the tenth day, so her plan is pro today; by today's plan 0 of 1 free users would have paid."""
    users = signed(("ann", "01-05", "pro"), ("bob", "01-05", "free"), ("cid", "01-05", "pro"), ("dan", "01-05", "pro"))
    paid = subscriptions(
        {"user_id": "ann", "start": "01-15", "mrr": 900},
        {"user_id": "cid", "start": "01-05T20:00", "mrr": 900},  # hours after the sign-up: never was free
        {"user_id": "dan", "start": "02-20", "mrr": 900},  # too late to be told from somebody who was invited
    )
    data = told(events="ann 01-01 v", tables={**users, **paid}, until="03-01")
    assert (row_of("free_to_paid_rate", data)["value"], row_of("free_to_paid_rate", data)["n"]) == (0.5, 2)


def test_active_users_pay_by_subscription_or_by_order_in_the_same_period() -> None:
    paid = subscriptions(
        {"user_id": "ann", "start": "01-01", "end": "02-01", "mrr": 900},
        {"user_id": "bob", "start": "01-31T23:00", "mrr": 900},
        {"user_id": "zoe", "start": "01-01", "mrr": 900},
    )
    events = "ann 01-05 v\nbob 01-05 v\ncid 01-05 v\ndan 01-05 v\nann 02-05 v\ncid 02-05 v"
    data = told(events, "cid 01-20 500\ncid 02-03 -500 - refund", tables=paid, until="03-01")
    january, february = (row_of("paid_feature_conversion_rate", data, month) for month in ("2026-01", "2026-02"))
    assert (january["value"], january["n"]) == (0.75, 4)
    assert (february["value"], february["n"]) == (0.0, 2)  # a refund buys nothing, and ann's ended with January


def deals(*rows: tuple[str, str | None, bool | None]) -> Dataset:
    schema = {name: columns("deals")[name].dtype for name in ("deal_id", "lead_ts", "closed_ts", "won")}
    listed = [(f"d{i}", moment(a), None if b is None else moment(b), won) for i, (a, b, won) in enumerate(rows)]
    return told(
        events="ann 01-01 v", tables={"deals": pl.DataFrame(listed, schema=schema, orient="row")}, until="04-01"
    )


def test_leads_are_won_in_time_and_open_ones_are_not_lost() -> None:
    data = deals(("01-01", "01-31", True), ("01-01", "02-01", True), ("01-02", "01-20", False), ("01-20", None, None))
    found = row_of("lead_to_sale_rate", data, lead_within="30d")
    assert (found["value"], found["n"], found["unripe"]) == (0.25, 4, 0)
    long = row_of("lead_to_sale_rate", data, lead_within="80d")
    assert (long["value"], long["n"], long["unripe"]) == (pytest.approx(2 / 3), 3, 1)


def test_the_sales_cycle_is_the_median_with_open_deals_still_waiting() -> None:
    """Won after 10, 20 and 30 days, two open since 1 January: half of five are won after 30 days. A mean of the won says 20."""
    won = [("01-01", f"01-{1 + days}", True) for days in (10, 20, 30)]
    found = row_of("sales_cycle_length", deals(*won, ("01-01", None, None), ("01-01", None, None)))
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (30 * 86_400, 5, 2, "ripening")
    lost = row_of("sales_cycle_length", deals(*won, ("01-01", "01-05", False)))
    assert (lost["value"], lost["status"]) == (20 * 86_400, "small_n")
    assert row_of("sales_cycle_length", deals(("01-01", None, None)))["value"] is None


def test_nobody_drops_off_at_a_step_that_may_be_left_out() -> None:
    log = "ann 01-05T10:00 look\nann 01-05T10:01 buy\nbob 01-05T10:00 look\nbob 01-05T10:01 help"
    data = told(log, funnels={"way": Funnel(("look", "help?", "buy"), within="1h")})
    rows = rows_of("funnel_dropoff_rate", data)
    assert rows.filter(pl.col("n") > 0).select("step", "value", "n").rows() == [(1, 0.5, 2)]
