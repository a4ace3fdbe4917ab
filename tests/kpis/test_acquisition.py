"""Newcomers by hand: only the first time ever counts."""

from datetime import date

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, Grid
from kpi_lib.core.schema import columns
from tests.build import moment, row_of, told

FIRST = "ann 01-02 v\nann 01-20 v\nbob 01-31T23:59:59 buy\ncid 02-01 v\ncid 02-01 v\n"


def test_a_user_is_new_once() -> None:
    data = told(FIRST)
    assert row_of("new_users", data, "2026-01")["value"] == 2
    assert row_of("new_users", data, "2026-02")["value"] == 1
    assert row_of("new_users", data, "2026-W04")["value"] == 0  # ann was there before
    assert row_of("new_users", told("-"))["value"] == 0


def test_the_first_qualifying_event_makes_a_user() -> None:
    assert row_of("new_users", told(FIRST), "2026-01", active_events=["buy"])["value"] == 1


def test_the_first_period_of_the_data_cannot_tell_new_from_old() -> None:
    assert row_of("new_users", told(FIRST), "2026-01")["status"] == "early"
    assert row_of("new_users", told(FIRST), "2026-02")["status"] == "ok"


def test_new_customers_ordered_for_the_first_time_ever() -> None:
    data = told(orders="ann 01-05 100\nann 02-05 100\nbob 02-05 100\ncid 02-06 -5 - refund\n")
    assert row_of("new_customers", data, "2026-01")["value"] == 1
    assert row_of("new_customers", data, "2026-02")["value"] == 1
    assert row_of("new_customers", told(orders="-"))["value"] == 0


def test_newcomers_of_days_add_to_those_of_the_month() -> None:
    grid = Grid.calendar("day", date(2026, 1, 1), date(2026, 3, 1), zone="UTC")
    assert compute("new_users", told(FIRST), grid).table["value"].sum() == 3


def visited(text: str, users: str, until: str = "04-01") -> Dataset:
    """Visits from lines of visitor, time, source and user (- for none); users from lines of user and sign-up."""
    rows = [[*line.split(), "-"][:4] for line in text.strip().splitlines()]
    kinds = {name: columns("web_visits")[name].dtype for name in ("visitor_id", "time", "source", "user_id")}
    visits = [(v, moment(t), s, None if u == "-" else u) for v, t, s, u in rows]
    people = [(line.split()[0], moment(line.split()[1])) for line in users.strip().splitlines()]
    signed = {name: columns("users")[name].dtype for name in ("user_id", "signup_ts")}
    tables = {
        "web_visits": pl.DataFrame(visits, schema=kinds, orient="row"),
        "users": pl.DataFrame(people, schema=signed, orient="row"),
    }
    return told(events="ann 01-01 v", tables=tables, until=until)


def test_sign_ups_count_for_their_own_visitor() -> None:
    data = visited("v1 01-05 ad\nv1 01-06 ad ann\nv2 01-05 ad\nv3 01-05 web\nv3 01-20 web bob", "ann 01-06\nbob 02-20")
    found = row_of("visitor_to_signup_rate", data)
    assert (found["value"], found["n"]) == (pytest.approx(1 / 3), 3)
    assert row_of("new_signups", data)["value"] == 1


def test_wrong_sign_up_rate_above_100_percent() -> None:
    """5 sign-ups, 4 of them of people who never visited, on 4 visitors would be 125 %; of the visitors one signed up: 25 %."""
    data = visited(
        "v1 01-05 ad ann\nv2 01-05 ad\nv3 01-05 ad\nv4 01-05 ad",
        "\n".join(f"{u} 01-06" for u in ("ann", "b", "c", "d", "e")),
    )
    assert row_of("new_signups", data)["value"] == 5
    assert row_of("visitor_to_signup_rate", data)["value"] == 0.25


def test_two_devices_of_a_user_are_one_sign_up_and_old_users_are_no_visitors_to_win() -> None:
    data = visited(
        "v1 01-05 ad\nv2 01-06 ad\nv2 01-08 ad ann\nv1 01-09 ad ann\nv3 01-10 ad bob", "ann 01-08\nbob 01-02"
    )
    found = row_of("visitor_to_signup_rate", data)
    assert (found["value"], found["n"]) == (0.5, 2)


def test_visitors_are_judged_when_their_time_is_over() -> None:
    data = visited("v1 01-05 ad ann\nv2 01-25 ad", "ann 01-06", until="02-10")
    found = row_of("visitor_to_signup_rate", data)
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (1.0, 1, 1, "ripening")
    assert row_of("visitor_to_signup_rate", data, signup_within="7d")["value"] == 0.5


def test_reach_adds_what_channels_report_and_nothing_reported_is_unknown() -> None:
    rows = [(date(2026, 1, 5), "ads", 100), (date(2026, 1, 6), "ads", 80), (date(2026, 1, 6), "tv", None)]
    frame = pl.DataFrame(rows, schema={"date": pl.Date, "channel": pl.String, "reach": pl.Int64}, orient="row")
    data = told(events="ann 01-01 v", tables={"marketing_spend": frame})
    assert row_of("marketing_reach", data)["value"] == 180
    assert row_of("marketing_reach", data, "2026-02")["value"] is None


def test_a_device_is_new_once() -> None:
    rows = [("d1", moment("01-05")), ("d1", moment("02-05")), ("d2", moment("02-06"))]
    frame = pl.DataFrame(rows, schema={"device_id": pl.String, "time": INSTANT}, orient="row")
    data = told(events="ann 01-01 v", tables={"installs": frame})
    assert [row_of("app_downloads", data, month)["value"] for month in ("2026-01", "2026-02")] == [1, 1]


def test_new_customers_by_subscription_where_there_are_no_orders() -> None:
    rows = [
        ("s1", "ann", "01-05", 500),
        ("s2", "ann", "02-05", 900),
        ("s3", "bob", "02-06", 0),
        ("s4", "cid", "02-07", 9),
    ]
    kinds = {name: columns("subscriptions")[name].dtype for name in ("subscription_id", "user_id", "start", "mrr")}
    frame = pl.DataFrame([(s, u, moment(t), m) for s, u, t, m in rows], schema=kinds, orient="row")
    data = told(events="ann 01-01 v", tables={"subscriptions": frame})
    assert row_of("new_customers", data, "2026-02")["value"] == 1
    both = told(events="ann 01-01 v", orders="zoe 02-02 5\nyan 02-03 5", tables={"subscriptions": frame})
    assert row_of("new_customers", both, "2026-02")["value"] == 2
    assert row_of("new_customers", both, "2026-02", customers_by="subscriptions")["value"] == 1
    assert row_of("new_customers", both, "2026-02", customers_by="luck")["status"] == "needs_choice"
