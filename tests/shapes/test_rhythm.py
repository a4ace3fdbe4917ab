"""By which grain cohorts are drawn is read off the pauses between what people do."""

from datetime import date, timedelta
from random import Random

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.rhythm import FEWEST, usual_grain
from tests.build import told


def payers(pauses: list[list[int]], first: date = date(2026, 1, 3)) -> Dataset:
    """A payer each, with these days between one payment and the next."""
    rows = []
    for at, own in enumerate(pauses):
        day = first + timedelta(days=at % 20)
        for pause in (0, *own):
            day += timedelta(days=pause)
            rows.append(f"u{at} {day:%m-%d} 100")
    return told(orders="\n".join(rows), until="12-31")


def monthly(people: int, times: int = 3) -> list[list[int]]:
    return [[31, 28, 31, 30, 31, 30][:times] for _ in range(people)]


def test_payments_by_the_month_are_looked_at_by_the_month() -> None:
    assert usual_grain(payers(monthly(20))) == "month"
    assert usual_grain(payers([[30, 32, 61, 91] for _ in range(20)])) == "month"  # late by a day, or by the quarter


def test_purchases_in_no_rhythm_stay_weeks() -> None:
    dice = Random(1)
    assert usual_grain(payers([[dice.randrange(1, 60) for _ in range(4)] for _ in range(40)])) == "week"
    assert usual_grain(payers([[7, 7, 14, 7] for _ in range(20)])) == "week"
    assert usual_grain(payers([[45, 45] for _ in range(20)])) == "week"


def test_half_of_the_returns_is_not_most_of_them_and_few_tell_nothing() -> None:
    even = [[30], [10]] * 20
    assert usual_grain(payers(even)) == "week"
    assert usual_grain(payers([*even, [30]])) == "month"
    assert usual_grain(payers(monthly(FEWEST, 1))) == "month"
    assert usual_grain(payers(monthly(FEWEST - 1, 1))) == "week"
    assert usual_grain(payers([])) == "week"
