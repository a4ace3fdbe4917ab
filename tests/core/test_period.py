"""Calendar edges in zones that do odd things, periods as people write them, and the law that a time has one period."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import (
    EVERY,
    INSTANT,
    WEEKDAYS,
    Grid,
    begin,
    first_whole_day,
    label,
    last_complete,
    local_day,
    micros,
    midnight,
    parse_period,
    period_number,
    period_start,
    skipped_days,
    step,
)
from tests.brute.periods import Calendar
from tests.build import instant

ODD = {
    "UTC": date(2024, 2, 20),
    "Europe/Berlin": date(2026, 3, 20),
    "America/New_York": date(2026, 10, 25),
    "Asia/Kolkata": date(2026, 3, 25),  # +05:30
    "Pacific/Chatham": date(2026, 4, 1),  # +12:45, clocks change
    "America/Sao_Paulo": date(2018, 10, 30),  # 4 November begins at 1 o'clock
    "America/Havana": date(2026, 3, 1),
    "Asia/Beirut": date(2023, 3, 20),
    "Pacific/Apia": date(2011, 12, 20),  # 30 December did not happen
}

EDGES = [
    (date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00:00+00:00"),
    (date(2026, 3, 30), "Europe/Berlin", "2026-03-29T22:00:00+00:00"),
    (date(2026, 11, 2), "America/New_York", "2026-11-02T05:00:00+00:00"),
    (date(2026, 3, 29), "Asia/Kolkata", "2026-03-28T18:30:00+00:00"),
    (date(2026, 4, 5), "Pacific/Chatham", "2026-04-04T10:15:00+00:00"),
    (date(2026, 4, 6), "Pacific/Chatham", "2026-04-05T11:15:00+00:00"),
    (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
    (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    (date(2011, 12, 31), "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
]


def test_local_midnight_by_hand() -> None:
    for day, zone, wanted in EDGES:
        assert midnight(day, zone).isoformat() == wanted, (day, zone)


@pytest.mark.parametrize("zone", ODD)
@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_edges_are_those_of_the_wall_calendar(zone: str, every: str) -> None:
    calendar, first = Calendar(zone), ODD[zone]
    grid = Grid.calendar(every, first, first + timedelta(days=40), zone=zone)
    wanted = calendar.floor(first, every)
    for start, stop, day in zip(grid.starts, grid.ends, grid.firsts, strict=True):
        assert day == wanted
        assert (micros(start), micros(stop)) == (calendar.start(day), calendar.end(day, every))
        wanted = calendar.next(wanted, every)


@pytest.mark.parametrize("zone", ODD)
@pytest.mark.parametrize("every", EVERY)
def test_a_time_is_in_exactly_one_period_of_a_calendar(zone: str, every: str) -> None:
    draw, first = Random(f"{zone} {every}"), ODD[zone]
    grid = Grid.calendar(every, first, first + timedelta(days=30), zone=zone)
    low, high = micros(grid.starts[0]), micros(grid.ends[-1])
    edges = [micros(edge) + shift for edge in (*grid.starts, *grid.ends) for shift in (-1, 0, 1)]
    times = [*edges, *(draw.randrange(low - 10**12, high + 10**12) for _ in range(200))]
    frame = pl.DataFrame({"time": [instant(time) for time in times]}, schema={"time": INSTANT})
    found = frame.select(grid.period(pl.col("time"))).to_series().to_list()
    for time, index in zip(times, found, strict=True):
        holding = [
            i for i, (a, b) in enumerate(zip(grid.starts, grid.ends, strict=True)) if micros(a) <= time < micros(b)
        ]
        assert holding == ([] if index is None else [index]), (time, index)
        assert (index is None) == (not low <= time < high)
    gaps = [a == b for a, b in zip(grid.ends, grid.starts[1:], strict=False)]
    assert all(gaps)


def test_a_missing_time_has_no_period() -> None:
    grid = Grid.calendar("day", date(2026, 1, 1), date(2026, 1, 3), zone="UTC")
    frame = pl.DataFrame({"time": [None]}, schema={"time": INSTANT})
    assert frame.select(grid.period(pl.col("time"))).item() is None


def test_a_day_that_never_was_is_no_period() -> None:
    grid = Grid.calendar("day", date(2011, 12, 28), date(2012, 1, 2), zone="Pacific/Apia")
    assert [day.day for day in grid.firsts] == [28, 29, 31, 1]
    assert skipped_days("Pacific/Apia") == (date(2011, 12, 30),)
    assert skipped_days("UTC") == ()
    with pytest.raises(UsageError, match="empty"):
        parse_period("2011-12-30", zone="Pacific/Apia")


def test_the_period_before_a_skipped_day_is_the_last_day_that_was() -> None:
    one = Grid.calendar("day", date(2011, 12, 31), date(2012, 1, 1), zone="Pacific/Apia")
    assert one.before().firsts == (date(2011, 12, 29),)
    assert one.before().ends[0] == one.starts[0]
    assert one.trailing("7d").firsts == (date(2011, 12, 24),)


WRITTEN = [
    ("2026-10", "2026-10-01", "2026-11-01", "month"),
    ("2026-12", "2026-12-01", "2027-01-01", "month"),
    ("2026-W46", "2026-11-09", "2026-11-16", "week"),
    ("2026-W01", "2025-12-29", "2026-01-05", "week"),
    ("2020-W53", "2020-12-28", "2021-01-04", "week"),
    ("2026-Q3", "2026-07-01", "2026-10-01", "quarter"),
    ("2026", "2026-01-01", "2027-01-01", "year"),
    (" 2026-10-05 ", "2026-10-05", "2026-10-06", "day"),
    ("2024-02-29", "2024-02-29", "2024-03-01", "day"),
    ("2026-10-01..2026-10-15", "2026-10-01", "2026-10-15", "custom"),
]


@pytest.mark.parametrize(("text", "first", "stop", "every"), WRITTEN)
def test_periods_are_read_as_people_write_them(text: str, first: str, stop: str, every: str) -> None:
    grid = parse_period(text, zone="America/New_York")
    assert (str(grid.firsts[0]), str(grid.stops[0]), grid.every, len(grid)) == (first, stop, every, 1)
    assert label(grid.shown[0], every, grid.stops[0]) == text.strip()


REFUSED = (
    "", "x", "2026-13", "2026-00", "2026-W54", "2025-W53", "2026-W00", "2026-Q5", "2026-02-30", "26-10", "2026-1", "0000",
    "2026-10-05T00:00", "2026-10-01..", "..2026-10-01", "2026-10..2026-11", "2026-10-05..2026-10-05", "20261005",
    "2026-10-15..2026-10-01", "2026-01-01..2026-01-02..2026-01-03", "9999-12-31", "9999", "last week", "2026-10\n2026-11",
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_period_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match=r"no period\. Write|is empty"):
        parse_period(text, zone="UTC")


@pytest.mark.parametrize("week_start", WEEKDAYS)
def test_a_week_keeps_its_name_whatever_day_it_begins_on(week_start: str) -> None:
    for written in ("2026-W01", "2026-W46", "2020-W53"):
        grid = parse_period(written, zone="UTC", week_start=week_start)
        assert grid.firsts[0].weekday() == WEEKDAYS.index(week_start)
        assert label(grid.firsts[0], "week") == written
        assert grid.stops[0] - grid.firsts[0] == timedelta(days=7)


@pytest.mark.parametrize("every", EVERY)
def test_begin_and_step_cut_time_without_gaps(every: str) -> None:
    for offset in range(0, 800, 3):
        day = date(2023, 12, 25) + timedelta(days=offset)
        start = begin(day, every)
        assert start <= day < step(start, every)
        assert step(step(start, every), every, -1) == start


def test_a_step_from_a_months_end_stays_inside_the_month() -> None:
    assert step(date(2026, 1, 31), "month") == date(2026, 2, 28)
    assert step(date(2024, 1, 31), "month") == date(2024, 2, 29)
    assert step(date(2024, 3, 31), "month", -1) == date(2024, 2, 29)
    assert step(date(2026, 11, 30), "quarter") == date(2027, 2, 28)
    assert step(date(2024, 2, 29), "year") == date(2025, 2, 28)


BEFORE = [
    ("2026-03", "2026-02-01", "2026-03-01", "2025-03-01", "2025-04-01"),
    ("2026-01", "2025-12-01", "2026-01-01", "2025-01-01", "2025-02-01"),
    ("2026-Q1", "2025-10-01", "2026-01-01", "2025-01-01", "2025-04-01"),
    ("2026", "2025-01-01", "2026-01-01", "2025-01-01", "2026-01-01"),
    ("2026-W10", "2026-02-23", "2026-03-02", "2025-03-03", "2025-03-10"),
    ("2026-10-05", "2026-10-04", "2026-10-05", "2025-10-06", "2025-10-07"),
    ("2026-10-05..2026-10-15", "2026-09-25", "2026-10-05", "2025-10-05", "2025-10-15"),
]


@pytest.mark.parametrize(("text", "edges"), [(text, edges) for text, *edges in BEFORE])
def test_the_period_before_and_a_year_before(text: str, edges: list[str]) -> None:
    first, stop, year_first, year_stop = edges
    grid = parse_period(text, zone="UTC")
    before, year = grid.before(), grid.year_before()
    assert (str(before.firsts[0]), str(before.stops[0])) == (first, stop)
    assert (str(year.firsts[0]), str(year.stops[0])) == (year_first, year_stop)
    assert before.stops == grid.firsts


def test_trailing_windows_share_the_end_and_count_local_days() -> None:
    grid = Grid.calendar("day", date(2026, 3, 28), date(2026, 3, 31), zone="Europe/Berlin")
    week = grid.trailing("7d")
    assert week.ends == grid.ends
    assert week.shown == grid.firsts
    assert [str(day) for day in week.firsts] == ["2026-03-22", "2026-03-23", "2026-03-24"]
    assert (week.ends[1] - week.starts[1]) == timedelta(hours=167)  # a day of 23 hours inside
    month = Grid.calendar("month", date(2026, 3, 1), date(2026, 4, 1), zone="UTC")
    assert month.trailing("1mo").firsts == (date(2026, 3, 1),)
    assert month.trailing("12mo").firsts == (date(2025, 4, 1),)
    assert month.trailing("30d").firsts == (date(2026, 3, 2),)
    assert month.trailing(None) is month
    assert month.trailing("30d").before().stops == (date(2026, 3, 2),)
    assert month.trailing("30d").before().firsts == (date(2026, 1, 31),)


def test_overlapping_windows_hold_a_time_in_a_run() -> None:
    grid = Grid.calendar("day", date(2026, 1, 1), date(2026, 1, 11), zone="UTC").trailing("7d")
    time = pl.lit(datetime(2026, 1, 3, 12, tzinfo=UTC), dtype=INSTANT)
    first, stop = pl.select(grid.ended(time).alias("a"), grid.begun(time).alias("b")).row(0)
    assert list(range(first, stop)) == [2, 3, 4, 5, 6, 7, 8]


def test_one_period_of_a_grid_is_a_grid() -> None:
    grid = Grid.calendar("week", date(2026, 1, 1), date(2026, 2, 1), zone="UTC").trailing("30d")
    for index in range(len(grid)):
        one = grid.only(index)
        assert (one.firsts, one.stops, one.shown) == ((grid.firsts[index],), (grid.stops[index],), (grid.shown[index],))
    assert grid.only(-1).stops == grid.stops[-1:]


def test_a_grid_that_holds_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        Grid.calendar("day", date(2026, 1, 2), date(2026, 1, 2), zone="UTC")
    with pytest.raises(UsageError, match=r"fortnight.*There are: day"):
        Grid.calendar("fortnight", date(2026, 1, 2), date(2026, 1, 3), zone="UTC")


def test_what_was_seen_of_each_period() -> None:
    grid = Grid.calendar("month", date(2026, 1, 1), date(2026, 4, 1), zone="UTC")
    seen = grid.frame(datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 3, 5, 6, tzinfo=UTC))
    assert seen["days"].to_list() == [21, 28, 4]  # half days are left out
    assert seen["partial"].to_list() == [False, False, True]
    assert seen["early"].to_list() == [True, False, False]
    assert seen["seen"].to_list() == [21.5 * 86_400, 28 * 86_400, 4.25 * 86_400]
    outside = grid.frame(datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    assert (outside["days"].to_list(), outside["seen"].to_list()) == ([0, 0, 0], [0.0, 0.0, 0.0])


def test_the_last_complete_period_ends_where_the_data_end() -> None:
    until = datetime(2026, 6, 30, 22, tzinfo=UTC)  # 1 July, midnight in Berlin
    assert last_complete("month", until, zone="Europe/Berlin").firsts == (date(2026, 6, 1),)
    assert last_complete("month", until, zone="UTC").firsts == (date(2026, 5, 1),)
    assert last_complete("week", until, zone="UTC", week_start="sunday").firsts == (date(2026, 6, 21),)
    assert last_complete("month", until - timedelta(microseconds=1), zone="Europe/Berlin").firsts == (date(2026, 5, 1),)


@pytest.mark.parametrize("zone", ODD)
def test_the_first_whole_day_begins_no_earlier_than_the_data(zone: str) -> None:
    edge = midnight(ODD[zone], zone)
    assert first_whole_day(edge, zone) == ODD[zone]
    assert first_whole_day(edge + timedelta(microseconds=1), zone) == ODD[zone] + timedelta(days=1)
    assert local_day(edge, zone) == ODD[zone]
    assert local_day(edge - timedelta(microseconds=1), zone) < ODD[zone]


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia"])
@pytest.mark.parametrize("week_start", ["monday", "sunday", "thursday"])
def test_period_numbers_count_on_without_a_gap(grain: str, zone: str, week_start: str) -> None:
    calendar = Calendar(zone, week_start)
    labels = [calendar.floor(date(2011, 11, 20), grain)]
    while len(labels) < 60:
        labels.append(calendar.next(labels[-1], grain))
    place = {"zone": zone, "week_start": week_start}
    days = pl.DataFrame({"day": labels}, schema={"day": pl.Date})
    numbers = days.select(period_number(pl.col("day"), grain, **place))["day"].to_list()
    assert numbers == list(range(numbers[0], numbers[0] + 60))
    starts = days.select(period_start(pl.col("day"), grain, week_start=week_start))["day"].to_list()
    assert starts == labels


def test_micros_are_exact_where_floats_are_not() -> None:
    time = datetime(2262, 1, 1, 0, 0, 0, 999_999, tzinfo=ZoneInfo("Asia/Kolkata"))
    assert instant(micros(time)) == time
    assert micros(instant(10**15 + 1)) == 10**15 + 1


def test_a_period_is_partial_until_its_last_instant_was_watched() -> None:
    grid = parse_period("2026-03", zone="Europe/Berlin")
    since, end, tick = datetime(2026, 1, 1, tzinfo=UTC), grid.ends[0], timedelta(microseconds=1)
    assert grid.frame(since, end)["partial"].to_list() == [False]
    assert grid.frame(since, end - tick)["partial"].to_list() == [True]
    assert grid.frame(grid.starts[0], end)["early"].to_list() == [False]
    assert grid.frame(grid.starts[0] + tick, end)["early"].to_list() == [True]


@given(
    st.sampled_from(("UTC", "America/Sao_Paulo", "Pacific/Apia", "Asia/Beirut")),
    st.sampled_from(("day", "week", "month")),
    st.dates(date(2025, 1, 1), date(2027, 1, 1)),
)
def test_a_calendar_day_is_in_the_period_that_holds_its_first_instant(zone: str, every: str, day: date) -> None:
    grid = Grid.calendar(every, date(2025, 12, 1), date(2026, 3, 1), zone=zone)
    times = pl.DataFrame(
        {"day": [day, None], "time": [midnight(day, zone), None]}, schema={"day": pl.Date, "time": INSTANT}
    )
    found = times.select(by_day=grid.day_period(pl.col("day")), by_time=grid.period(pl.col("time")))
    assert found["by_day"].to_list() == found["by_time"].to_list()


def test_the_periods_up_to_the_last_one() -> None:
    grid = Grid.calendar("month", date(2026, 1, 1), date(2026, 4, 1), zone="UTC")
    january, february, march = grid.firsts
    assert grid.back(3).firsts == (january, february, march)
    assert grid.back(3).stops == (february, march, date(2026, 4, 1))
    assert grid.back(1).firsts == grid.back(9, since=date(2026, 2, 2)).firsts == (march,)
    assert grid.back(9, since=february).firsts == (february, march)
    assert grid.back(14).firsts[0] == date(2025, 2, 1)
    custom = parse_period("2026-01-01..2026-01-15", zone="UTC")
    assert custom.back(3) == custom


def test_only_windows_that_overlap_are_not_apart() -> None:
    grid = Grid.calendar("day", date(2026, 1, 1), date(2026, 1, 9), zone="UTC")
    assert grid.apart
    assert grid.trailing("1d").apart
    assert not grid.trailing("2d").apart
    assert grid.only(3).trailing("30d").apart


@pytest.mark.parametrize("week_start", WEEKDAYS)
@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_every_day_has_the_number_and_the_first_day_of_its_period(grain: str, week_start: str) -> None:
    calendar, every_day = Calendar("UTC", week_start), [date(2026, 1, 25) + timedelta(days=at) for at in range(40)]
    firsts = [calendar.floor(day, grain) for day in every_day]
    frame = pl.DataFrame({"day": every_day, "first": firsts}, schema={"day": pl.Date, "first": pl.Date})
    number, begins = (
        [period_number(pl.col(name), grain, zone="UTC", week_start=week_start).alias(name) for name in frame.columns],
        period_start(pl.col("day"), grain, week_start=week_start),
    )
    numbers = frame.select(number)
    assert numbers["day"].to_list() == numbers["first"].to_list()
    assert frame.select(begins)["day"].to_list() == firsts
