"""The lifecycle oracle on logs small enough to answer by hand."""

from __future__ import annotations

import random

import pytest

from .lifecycle import lifecycle
from .rows import DAY, Row
from .test_brute_periods import at

START = at(2026, 1, 5)
COUNTS = ("active", "new", "returning", "resurrected", "dormant")


def log(**days: list[float]) -> list[Row]:
    """Events of users at these days after START."""
    return [Row(user, START + round(day * DAY), "e") for user, own in days.items() for day in own]


def test_by_hand() -> None:
    answer = lifecycle(log(a=[0, 1, 3], b=[0, 0.5], c=[3]), every="day", zone="UTC", observed_until=START + 5 * DAY)
    assert [tuple(row[name] for name in COUNTS) for row in answer] == [
        (2, 2, 0, 0, 0),
        (1, 0, 1, 0, 1),  # b falls asleep, counted once
        (0, 0, 0, 0, 1),
        (2, 1, 0, 1, 0),  # a wakes, c is new
        (0, 0, 0, 0, 2),
    ]
    assert [row["left_censored"] for row in answer] == [True, False, False, False, False]
    assert (answer[0]["start"], answer[0]["end"]) == ("2026-01-05", "2026-01-06")
    assert lifecycle([], every="day", zone="UTC", observed_until=START) == []


def test_next_week_is_returning_even_13_days_later() -> None:
    answer = lifecycle(log(a=[0, 13.9]), every="week", zone="UTC", observed_until=START + 14 * DAY)
    assert [row["returning"] for row in answer] == [0, 1]


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_identities(every: str) -> None:
    dice = random.Random(5)
    for _ in range(40):
        rows = [Row(dice.choice("abcd"), START + dice.randrange(90 * DAY), "e") for _ in range(20)]
        answer = lifecycle(rows, every=every, zone="America/New_York", observed_until=START + 91 * DAY)
        assert sum(row["new"] for row in answer) == len({row.unit for row in rows})
        for last, row in zip([{"active": 0}, *answer], answer, strict=False):
            assert row["active"] == row["new"] + row["returning"] + row["resurrected"]
            assert last["active"] == row["returning"] + row["dormant"]
