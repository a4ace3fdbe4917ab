"""Retention by hand: who comes back, who is gone, who buys again."""

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.period import parse_period
from tests.build import row_of, told

# ann came back on day 1 and 7, bob on day 7 only, cid never, dan is too young for day 7
NEW = """
ann 01-05T10:00 view
ann 01-06T23:59 view
ann 01-12T00:00 view
bob 01-06T12:00 view
bob 01-13T12:00 view
cid 01-07T12:00 view
cid 01-07T13:00 view
dan 01-08T12:00 view
"""
WEEK = "2026-W02"


def test_retention_counts_whose_day_was_watched_to_its_end() -> None:
    data = told(NEW, until="01-15")
    found = row_of("retention_day_7", data, WEEK)
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (2 / 3, 3, 1, "ripening")
    watched = row_of("retention_day_7", told(NEW, until="01-16"), WEEK)
    assert (watched["value"], watched["n"], watched["unripe"], watched["status"]) == (0.5, 4, 0, "small_n")


def test_wrong_retention_unripe_users_are_no_losses() -> None:
    """Counting the young as lost would say 2 of 4."""
    found = row_of("retention_day_7", told(NEW, until="01-15"), WEEK)
    assert found["value"] > 2 / 4


def test_day_one_is_the_next_local_day() -> None:
    assert row_of("retention_day_1", told(NEW), WEEK)["value"] == 1 / 4  # ann, at a minute to midnight
    shifted = told("ann 01-05T10:00 v\nann 01-06T23:59 v\n", zone="Pacific/Apia")
    assert row_of("retention_day_1", shifted, WEEK)["value"] == 1.0
    two_days_on = told("ann 01-05T23:59 v\nann 01-07T00:00 v\n")
    assert row_of("retention_day_1", two_days_on, WEEK)["value"] == 0.0


def test_day_thirty_and_nobody() -> None:
    back = told("ann 01-05 v\nann 02-04 v\nbob 01-05 v\nbob 02-03 v\n")
    assert row_of("retention_day_30", back, "2026-01")["value"] == 0.5
    for name in ("retention_day_1", "retention_day_7", "retention_day_30"):
        none = row_of(name, told("-"), WEEK)
        assert (none["value"], none["low"], none["n"], none["status"]) == (None, None, 0, "no_denominator")


def test_only_the_first_visit_ever_makes_a_new_user() -> None:
    assert row_of("retention_day_7", told(NEW), "2026-W03")["n"] == 0  # ann and bob come again, nobody comes first


USE = """
ann 01-10 v
ann 02-10 v
bob 01-10 v
cid 01-31T23:59 v
dan 02-01 v
"""


def test_user_churn_follows_the_users_of_the_month_before() -> None:
    found = row_of("user_churn_rate", told(USE), "2026-02")
    assert (found["value"], found["n"]) == (2 / 3, 3)  # bob and cid of ann, bob, cid; dan is new and in neither
    assert row_of("user_churn_rate", told(USE + USE), "2026-02")["value"] == 2 / 3


def test_wrong_churn_the_base_is_who_was_there_at_the_start() -> None:
    """20 of 200 starters left, 30 came: 10 %. One source divides by all customers and gets 20 / 230 = 8.7 %."""
    before = "\n".join(f"u{i} 01-10 v" for i in range(200))
    after = "\n".join(f"u{i} 02-10 v" for i in range(20, 230))
    found = row_of("user_churn_rate", told(before + "\n" + after), "2026-02")
    assert (found["value"], found["n"]) == (0.1, 200)


def test_churn_is_open_until_the_period_is_over_and_unknown_without_a_period_before() -> None:
    assert row_of("user_churn_rate", told(USE, until="02-20"), "2026-02")["status"] == "partial"
    first = row_of("user_churn_rate", told(USE), "2026-01")
    assert (first["value"], first["n"], first["status"]) == (None, 0, "early")
    assert row_of("user_churn_rate", told("-"), "2026-02")["value"] is None


BOUGHT = """
ann 01-05 100 A
ann 01-05 200 A
bob 01-05 100 B
bob 01-31T23:59 100 C
cid 01-20 100 D
cid 01-21 -100 D refund
cid 02-02 100 E
"""


def test_repeat_purchases_are_second_orders() -> None:
    found = row_of("repeat_purchase_rate", told(orders=BOUGHT))
    assert (found["value"], found["n"]) == (1 / 3, 3)  # bob; ann's two rows are one order, cid's refund is none
    assert row_of("repeat_purchase_rate", told(orders="-"))["value"] is None
    assert row_of("repeat_purchase_rate", told(orders="ann 01-05 5"))["value"] == 0.0


def test_repeat_purchases_of_all_time_know_earlier_orders() -> None:
    data = told(orders=BOUGHT)
    assert row_of("repeat_purchase_rate", data, "2026-02")["value"] == 0.0
    ever = row_of("repeat_purchase_rate", data, "2026-02", repeat_window="ever")
    assert (ever["value"], ever["n"]) == (2 / 3, 3)
    assert row_of("repeat_purchase_rate", data, "2026-01", repeat_window="ever")["value"] == 1 / 3
    assert row_of("repeat_purchase_rate", data, repeat_window="year")["status"] == "needs_choice"


@pytest.mark.parametrize("plan", ["pro", "free"])
def test_a_change_of_segment_is_no_churn(plan: str) -> None:
    data = told(f"ann 01-10 v pro\nann 02-10 v {plan}\n")
    found = compute("user_churn_rate", data, parse_period("2026-02", zone="UTC"), by=["plan"]).table
    assert found.filter(found["plan"] == "pro")["value"].to_list() == [0.0]
