"""Newcomers by hand: only the first time ever counts."""

from datetime import date

from kpi_lib.answers.compute import compute
from kpi_lib.core.period import Grid
from tests.build import row_of, told

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
