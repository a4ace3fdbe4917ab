"""The actives oracle on logs small enough to answer by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from .actives import actives
from .periods import Calendar
from .rows import DAY, HOUR, Row
from .test_brute_periods import at

START = at(2026, 1, 1)


def log(**days: list[float]) -> list[Row]:
    """Events of users at these days after START."""
    return [Row(user, START + round(day * DAY), "e") for user, own in days.items() for day in own]


def ask(rows: list[Row], every: str, until: float, zone: str = "UTC") -> dict[str, dict[str, Any]]:
    """Answer by start of period."""
    answer = actives(rows, every=every, zone=zone, observed_from=START, observed_until=START + round(until * DAY))
    return {one["start"]: one for one in answer}


def test_day_grid_by_hand() -> None:
    rows = log(a=[0, 0.5, 6, 29.9], b=[6.5, 7], c=[30])
    answer = ask(rows, "day", 31)
    assert len(answer) == 31
    assert [answer[f"2026-01-{day:02}"]["dau"] for day in (1, 2, 7, 8, 30, 31)] == [1, 0, 2, 1, 1, 1]
    assert [answer[f"2026-01-{day:02}"]["wau"] for day in (6, 7, 8, 14, 15)] == [None, 2, 2, 1, 0]
    assert answer["2026-01-29"]["mau"] is None
    assert (answer["2026-01-30"]["mau"], answer["2026-01-31"]["mau"]) == (2, 3)
    assert answer["2026-01-30"]["stickiness"] == pytest.approx((1 + 2 + 1 + 1) / 30 / 2)
    # stickiness × 30 = mean active days of an active user: a has 3 days (0, 6, 29), b has 2
    assert answer["2026-01-30"]["stickiness"] * 30 == pytest.approx(2.5)


def test_month_grid_uses_the_calendar_month() -> None:
    answer = ask(log(a=[0, 1, 31], b=[23.9]), "month", 59)  # the last week of January is days 24 … 30
    january, february = answer["2026-01-01"], answer["2026-02-01"]
    assert (january["mau"], january["wau"], january["dau"]) == (2, 0, 3 / 31)
    assert january["stickiness"] == pytest.approx(3 / 31 / 2)
    assert (february["mau"], february["complete"]) == (1, True)


def test_week_grid_trails_30_days_behind_its_end() -> None:
    answer = ask(log(a=[4, 5, 33], b=[10]), "week", 40)  # 2026-01-05 is a Monday
    assert list(answer)[:2] == ["2025-12-29", "2026-01-05"]
    assert (answer["2026-01-05"]["wau"], answer["2026-01-05"]["dau"]) == (2, 3 / 7)
    assert answer["2026-01-05"]["mau"] is None
    late = answer["2026-01-26"]  # window: 3 January to 1 February, days 2 … 31
    assert (late["mau"], late["stickiness"]) == (2, pytest.approx(3 / 30 / 2))


def test_what_begins_before_the_log_is_null() -> None:
    window: dict[str, Any] = {"observed_from": at(2026, 1, 11), "observed_until": at(2026, 2, 1)}
    answer = actives(log(a=[20]), every="month", zone="UTC", **window)
    assert answer == [
        {"start": "2026-01-01", "dau": 1 / 21, "wau": 0, "mau": None, "stickiness": None, "complete": False}
    ]


def test_running_period_is_incomplete_and_averages_whole_days_only() -> None:
    answer = ask(log(a=[31, 32, 33.2], b=[33.1]), "month", 33.5)["2026-02-01"]
    assert (answer["dau"], answer["mau"], answer["complete"]) == (1, 2, False)
    assert answer["stickiness"] == 1.0  # a alone on both whole days
    today = ask(log(a=[31, 32, 33.2], b=[33.1]), "day", 33.5)["2026-02-03"]
    assert (today["dau"], today["complete"]) == (2, False)


def test_nobody_active_has_no_stickiness() -> None:
    answer = ask([], "month", 31)["2026-01-01"]
    assert (answer["dau"], answer["mau"], answer["stickiness"]) == (0, 0, None)


def test_days_are_local_and_trail_by_calendar() -> None:
    berlin = Calendar("Europe/Berlin")
    start, edge = berlin.start(date(2026, 3, 1)), berlin.start(date(2026, 3, 30))  # 29 March has 23 hours
    rows = [Row("a", edge - 1, "e"), Row("b", edge, "e"), Row("c", berlin.start(date(2026, 3, 24)) - 1, "e")]
    window: dict[str, Any] = {"observed_from": start, "observed_until": edge + DAY}
    answer = {one["start"]: one for one in actives(rows, every="day", zone="Europe/Berlin", **window)}
    assert [answer[day]["dau"] for day in ("2026-03-29", "2026-03-30")] == [1, 1]
    assert answer["2026-03-30"]["wau"] == 2  # 24 March 00:00 to 30 March: c is one microsecond too old
    assert answer["2026-03-30"]["mau"] == 3
    assert (edge - berlin.start(date(2026, 3, 24))) == 6 * DAY - HOUR


def test_skipped_day_is_no_day() -> None:
    apia = Calendar("Pacific/Apia")
    start = apia.start(date(2011, 12, 25))
    window: dict[str, Any] = {"observed_from": start, "observed_until": apia.start(date(2012, 1, 2))}
    rows = [Row("a", start, "e")]
    answer = actives(rows, every="day", zone="Pacific/Apia", **window)
    assert [one["start"][-2:] for one in answer] == ["25", "26", "27", "28", "29", "31", "01"]
    assert [one["wau"] for one in answer] == [None] * 6 + [1]
