"""The calendar oracle on days that people know to be odd."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from .periods import Calendar
from .rows import HOUR


def at(*parts: int) -> int:
    """UTC microseconds of a UTC date and time."""
    year, month, day, *clock = parts
    stamp = datetime(year, month, day, *clock, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return round(stamp.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # this day had no midnight
        ("America/Sao_Paulo", date(2019, 2, 16), 25),
        ("Pacific/Chatham", date(2026, 4, 5), 25),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
        ("Pacific/Apia", date(2011, 12, 29), 24),
    ],
)
def test_length_of_day(zone: str, day: date, hours: int) -> None:
    calendar = Calendar(zone)
    assert calendar.end(day, "day") - calendar.start(day) == hours * HOUR


def test_known_edges() -> None:
    assert Calendar("UTC").start(date(2026, 1, 1)) == at(2026, 1, 1)
    assert Calendar("Asia/Kolkata").start(date(2026, 1, 1)) == at(2025, 12, 31, 18, 30)
    assert Calendar("Pacific/Chatham").start(date(2026, 1, 1)) == at(2025, 12, 31, 10, 15)
    assert Calendar("America/Sao_Paulo").start(date(2018, 11, 4)) == at(2018, 11, 4, 3)


def test_apia_skipped_a_day() -> None:
    calendar = Calendar("Pacific/Apia")
    assert calendar.next(date(2011, 12, 29), "day") == date(2011, 12, 31)
    assert calendar.distance(date(2011, 12, 28), date(2011, 12, 31), "day") == 2
    assert calendar.days_before(date(2012, 1, 1), 2) == [date(2011, 12, 29), date(2011, 12, 31)]
    week = calendar.start(date(2011, 12, 26))
    assert calendar.end(date(2011, 12, 26), "week") - week == 6 * 24 * HOUR


def test_weeks_and_months() -> None:
    monday, sunday = Calendar("UTC"), Calendar("UTC", "sunday")
    assert monday.label(at(2026, 11, 22, 12), "week") == date(2026, 11, 16)
    assert sunday.label(at(2026, 11, 22, 12), "week") == date(2026, 11, 22)
    assert monday.label(at(2024, 2, 29), "month") == date(2024, 2, 1)
    assert monday.later(date(2023, 12, 1), "month", 3) == date(2024, 3, 1)
    assert monday.distance(date(2024, 3, 1), date(2023, 12, 1), "month") == -3
    with pytest.raises(ValueError, match="grain"):
        monday.label(0, "fortnight")


def test_the_edge_belongs_to_the_new_period() -> None:
    calendar = Calendar("Europe/Berlin")
    edge = calendar.start(date(2026, 10, 26))
    assert calendar.label(edge, "day") == date(2026, 10, 26)
    assert calendar.label(edge - 1, "day") == date(2026, 10, 25)
