"""Days that a zone left out, days that came back, and how many days of a period were seen."""

from datetime import UTC, date, datetime, timedelta

import pytest

from kpi_lib.core.period import Grid, days_in_order, local_day, midnight, skipped_days

# places that moved to the other side of the date line, and some that did not
MOVED = [
    "Pacific/Kwajalein",
    "Pacific/Enderbury",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "Pacific/Fakaofo",
    "Asia/Tokyo",
]


@pytest.mark.parametrize("zone", MOVED)
def test_the_days_left_out_are_those_that_no_hour_belongs_to(zone: str) -> None:
    missing: list[date] = []
    for first, count in ((date(1993, 8, 10), 520), (date(2011, 12, 10), 40)):
        hours = (
            datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(hours=at) for at in range(24 * count)
        )
        there = {local_day(hour, zone) for hour in hours}
        missing += [day for day in (first + timedelta(days=at) for at in range(1, count - 1)) if day not in there]
    assert skipped_days(zone) == tuple(missing)
    assert bool(missing) == (zone != "Asia/Tokyo")


@pytest.mark.parametrize(
    ("first", "last", "whole"),
    [(9, 30, True), (8, 30, False), (7, 7, False), (1, 6, False), (1, 5, True), (1, 30, False)],
)
def test_a_day_that_comes_back_after_midnight_is_out_of_order(first: int, last: int, whole: bool) -> None:
    """In St John's the clocks of 7 November 2010 went back from 0:01 to 23:01 of the day before."""
    assert days_in_order(date(2010, 11, first), date(2010, 11, last), "America/St_Johns") is whole
    assert days_in_order(date(2010, 11, first), date(2010, 11, last), "America/New_York")
    assert days_in_order(
        date(2011, 12, first), date(2011, 12, last), "Pacific/Apia"
    )  # a day left out is in nobody's way


def test_a_day_that_never_was_is_not_among_the_days_seen() -> None:
    apia, all_of_it = "Pacific/Apia", (datetime(2011, 11, 1, tzinfo=UTC), datetime(2012, 3, 1, tzinfo=UTC))
    december = Grid.calendar("month", date(2011, 12, 1), date(2012, 1, 1), zone=apia)
    assert december.frame(*all_of_it)["days"].to_list() == [30]
    assert december.frame(all_of_it[0], midnight(date(2011, 12, 20), apia))["days"].to_list() == [19]
    assert december.frame(midnight(date(2011, 12, 31), apia), all_of_it[1])["days"].to_list() == [1]
    until_then = Grid.of([date(2011, 12, 1)], [date(2011, 12, 30)], zone=apia, every="custom")
    assert until_then.frame(*all_of_it)["days"].to_list() == [29]
    assert until_then.trailing("7d").firsts == (date(2011, 12, 23),)
    longer = Grid.of([date(2011, 12, 1)], [date(2012, 1, 10)], zone=apia, every="custom")
    assert longer.frame(midnight(date(2012, 1, 1), apia), all_of_it[1])["days"].to_list() == [9]
    after = Grid.calendar("day", date(2012, 1, 5), date(2012, 1, 6), zone=apia)
    assert after.trailing("7d").firsts == (date(2011, 12, 29),)  # 30 December would be the seventh day back


def test_a_day_counts_as_one_however_little_of_it_was_seen() -> None:
    day, begins = Grid.calendar("day", date(2026, 1, 5), date(2026, 1, 6), zone="UTC"), datetime(2026, 1, 5, tzinfo=UTC)
    before = begins - timedelta(days=3)
    for seen, days in ((timedelta(0), 0), (timedelta(milliseconds=1), 1), (timedelta(hours=24), 1)):
        assert day.frame(before, begins + seen)["days"].to_list() == [days]
    assert day.trailing("2d").frame(before, begins + timedelta(hours=1))["days"].to_list() == [1]  # the day before it
