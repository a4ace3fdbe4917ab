"""Calendar periods in a named time zone: the only place that turns local dates into instants.

A grid is a sequence of half-open periods [start, end). Trailing windows share the end of the period that was asked for
and begin earlier; only a grid places a unit in time.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from kpi_lib.core.errors import UsageError

EVERY = ("day", "week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
INSTANT = pl.Datetime("us", "UTC")
EPOCH = date(1970, 1, 1).toordinal()
FORMS = "2026-10 (month), 2026-W46 (week), 2026-Q3, 2026, 2026-10-05 (day) or 2026-10-01..2026-10-15 (end excluded)"


@lru_cache(maxsize=65_536)
def midnight(day: date, zone: str) -> datetime:
    """Instant at which a local day begins; where clocks skip midnight, the first instant of the day.

    >>> midnight(date(2026, 3, 29), "Europe/Berlin").isoformat()
    '2026-03-28T23:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(time: datetime, zone: str) -> date:
    """Calendar day of an instant in a zone."""
    return time.astimezone(ZoneInfo(zone)).date()


def micros(time: datetime) -> int:
    """Microseconds since 1970 (UTC): exact, where `timestamp()` rounds."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def begin(day: date, every: str, week_start: str = "monday") -> date:
    """First day of the calendar period that holds a day.

    >>> begin(date(2026, 11, 22), "quarter"), begin(date(2026, 11, 22), "week")
    (datetime.date(2026, 10, 1), datetime.date(2026, 11, 16))
    """
    if every == "day":
        return day
    if every == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAYS.index(week_start)) % 7)
    months = MONTHS[every]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def step(day: date, every: str, count: int = 1) -> date:
    """Move a first day by whole calendar periods; a month's end stays inside its month.

    >>> step(date(2026, 1, 31), "month")
    datetime.date(2026, 2, 28)
    """
    if every in ("day", "week"):
        return day + timedelta(days=count * (7 if every == "week" else 1))
    month = day.year * 12 + day.month - 1 + count * MONTHS[every]
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class Grid:
    """Periods of one kind: local first days, local days after the last, and the first days to show.

    `shown` differs from `firsts` only for trailing windows.
    """

    firsts: tuple[date, ...]
    stops: tuple[date, ...]
    zone: str
    every: str
    shown: tuple[date, ...]

    @classmethod
    def of(cls, firsts: list[date], stops: list[date], *, zone: str, every: str) -> "Grid":
        """Build a grid from local days; days that a zone skipped (Apia, 30 December 2011) are dropped."""
        kept = [(a, b) for a, b in zip(firsts, stops, strict=True) if midnight(a, zone) < midnight(b, zone)]
        if not kept:
            raise UsageError("the period is empty: its end must come after its start.")
        first, stop = zip(*kept, strict=True)
        return cls(first, stop, zone, every, first)

    @classmethod
    def calendar(cls, every: str, first: date, stop: date, *, zone: str, week_start: str = "monday") -> "Grid":
        """All calendar periods that begin in [begin of the one holding `first`, stop).

        >>> len(Grid.calendar("month", date(2026, 1, 1), date(2027, 1, 1), zone="UTC"))
        12
        """
        if every not in EVERY:
            raise UsageError(f"unknown grid {every!r}. There are: {', '.join(EVERY)}.")
        if stop <= first:
            raise UsageError(f"the period {first}..{stop} is empty: its end must come after its start.")
        starts = list(steps(begin(first, every, week_start), stop, every))
        return cls.of(starts, [step(day, every) for day in starts], zone=zone, every=every)

    def __len__(self) -> int:
        """Count of periods."""
        return len(self.firsts)

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Instants at which the windows begin."""
        return tuple(midnight(day, self.zone) for day in self.firsts)

    @property
    def ends(self) -> tuple[datetime, ...]:
        """Instants at which the windows end (excluded)."""
        return tuple(midnight(day, self.zone) for day in self.stops)

    @property
    def apart(self) -> bool:
        """Whether no two windows overlap."""
        return all(stop <= first for stop, first in zip(self.stops, self.firsts[1:], strict=False))

    def trailing(self, window: str | None) -> "Grid":
        """The same ends with earlier starts: 7d and 30d count local days, 1mo and 12mo calendar months."""
        if window is None:
            return self
        count, word = int(window.rstrip("dmo")), window.lstrip("0123456789")
        if word == "mo":
            return replace(self, firsts=tuple(step(stop, "month", -count) for stop in self.stops))
        return replace(self, firsts=tuple(self._days_back(stop, count) for stop in self.stops))

    def _days_back(self, stop: date, count: int) -> date:
        first = stop - timedelta(days=count)
        for skipped in reversed(skipped_days(self.zone)):
            first -= timedelta(days=first <= skipped < stop)
        return first

    def before(self) -> "Grid":
        """The period before each period, like for like."""
        if self.firsts == self.shown and self.every in EVERY:
            return self._moved(self.every, -1)
        firsts = tuple(a - (b - a) for a, b in zip(self.firsts, self.stops, strict=True))
        return replace(self, firsts=firsts, stops=self.firsts)

    def year_before(self) -> "Grid":
        """The same periods a year earlier; weeks and days keep their weekday (364 days)."""
        if self.every in ("day", "week"):
            return self._moved("week", -52)
        return self._moved("month", -12)

    def _moved(self, every: str, count: int) -> "Grid":
        firsts = tuple(step(day, every, count) for day in self.firsts)
        if every == "day" and (skipped := set(skipped_days(self.zone)).intersection(firsts)):
            # the day before 31 December 2011 was the 29th in Apia: a day that never was compares with nothing
            firsts = tuple(step(day, every, count) if day in skipped else day for day in firsts)
        return replace(self, firsts=firsts, stops=tuple(step(day, every, count) for day in self.stops))

    def back(self, count: int, since: date | None = None) -> "Grid":
        """The last period with the calendar periods before it, `count` in all, none of which begins before `since`."""
        last = self.only(len(self) - 1)
        if self.every not in EVERY:
            return last
        firsts = [last.firsts[0]]
        while len(firsts) < count and (since is None or step(firsts[0], self.every, -1) >= since):
            firsts.insert(0, step(firsts[0], self.every, -1))
        return Grid.of(firsts, [step(day, self.every) for day in firsts], zone=self.zone, every=self.every)

    def only(self, index: int) -> "Grid":
        """One period as a grid of its own."""
        one = slice(index, index + 1 or None)
        return replace(self, firsts=self.firsts[one], stops=self.stops[one], shown=self.shown[one])

    def ended(self, time: pl.Expr) -> pl.Expr:
        """How many windows have ended at an instant: the index of the first that can hold it (null stays null)."""
        return _count_upto(self.ends, time)

    def begun(self, time: pl.Expr) -> pl.Expr:
        """How many windows have begun at an instant (null stays null)."""
        return _count_upto(self.starts, time)

    def period(self, time: pl.Expr) -> pl.Expr:
        """Index of the window that holds an instant; null outside. For grids whose windows do not overlap."""
        return pl.when(self.ended(time) < self.begun(time)).then(self.ended(time))

    def days_ended(self, day: pl.Expr) -> pl.Expr:
        """How many windows have ended when a calendar day begins (null stays null)."""
        return _count_upto(self.stops, day)

    def days_begun(self, day: pl.Expr) -> pl.Expr:
        """How many windows have begun when a calendar day begins (null stays null)."""
        return _count_upto(self.firsts, day)

    def day_period(self, day: pl.Expr) -> pl.Expr:
        """Index of the period that holds a calendar day; null outside. For grids whose windows do not overlap."""
        return pl.when(self.days_ended(day) < self.days_begun(day)).then(self.days_ended(day))

    def frame(self, observed_from: datetime, observed_until: datetime) -> pl.DataFrame:
        """One row per period: period, start, end (local days), whole days and seconds seen, partial, early."""
        since, until = first_whole_day(observed_from, self.zone), local_day(observed_until, self.zone)
        rows = []
        for i, (first, stop) in enumerate(zip(self.firsts, self.stops, strict=True)):
            begins, ends = midnight(first, self.zone), midnight(stop, self.zone)
            seen = (min(ends, observed_until) - max(begins, observed_from)).total_seconds()
            skipped = sum(max(first, since) <= day < min(stop, until) for day in skipped_days(self.zone))
            days = max((min(stop, until) - max(first, since)).days - skipped, 0)
            if self.every == "day" and seen > 0 and first == self.shown[i]:
                days = 1  # a day stands for itself, however much of it was seen
            row = (i, self.shown[i], stop, days, max(seen, 0.0), ends > observed_until, begins < observed_from)
            rows.append(row)
        schema = {"period": pl.Int32, "start": pl.Date, "end": pl.Date, "days": pl.Int32, "seen": pl.Float64}
        return pl.DataFrame(rows, schema=schema | {"partial": pl.Boolean, "early": pl.Boolean}, orient="row")


def steps(first: date, stop: date, every: str) -> Iterator[date]:
    """First days of the periods from `first` on, before `stop`."""
    day = first
    while day < stop:
        yield day
        day = step(day, every)


def first_whole_day(since: datetime, zone: str) -> date:
    """The first local day of which everything is observed."""
    return local_day(since - timedelta(microseconds=1), zone) + timedelta(days=1)


# the days on which places changed to the other side of the date line, since 1970
DATE_LINE = (date(1993, 8, 21), date(1994, 12, 31), date(1995, 1, 1), date(2011, 12, 30))


@lru_cache(maxsize=256)
def skipped_days(zone: str) -> tuple[date, ...]:
    """The dates that a zone's calendar left out.

    >>> skipped_days("Pacific/Apia")
    (datetime.date(2011, 12, 30),)
    """
    return tuple(day for day in DATE_LINE if midnight(day, zone) == midnight(day + timedelta(days=1), zone))


@lru_cache(maxsize=256)
def days_in_order(first: date, last: date, zone: str) -> bool:
    """Whether each local day ends where the next begins; not where clocks went back over midnight.

    >>> days_in_order(date(2010, 11, 1), date(2010, 11, 30), "America/St_Johns")
    False
    """
    soon = timedelta(minutes=30)
    days = (date.fromordinal(each) for each in range(first.toordinal() - 1, last.toordinal() + 2))
    return all(local_day(midnight(day, zone) + soon, zone) == day for day in days if day not in skipped_days(zone))


def period_number(day: pl.Expr, grain: str, *, zone: str, week_start: str = "monday") -> pl.Expr:
    """Consecutive number of the calendar day, week or month that holds a local day; skipped days have none."""
    if grain == "month":
        return day.dt.year().cast(pl.Int64) * 12 + day.dt.month() - 1
    days = day.to_physical().cast(pl.Int64)
    if grain == "week":  # 1970-01-01 was a Thursday, the fourth day of a week that starts on Monday
        return (days + 3 - WEEKDAYS.index(week_start)).floordiv(7)
    for skipped in skipped_days(zone):
        days = days - (day > pl.lit(skipped)).cast(pl.Int64)
    return days


def period_start(day: pl.Expr, grain: str, *, week_start: str = "monday") -> pl.Expr:
    """First day of the calendar day, week or month that holds a local day."""
    if grain == "month":
        return day.dt.month_start()
    back = (day.dt.weekday().cast(pl.Int64) - 1 - WEEKDAYS.index(week_start)) % 7
    return day if grain == "day" else day - pl.duration(days=back)


def _count_upto(edges: tuple[date, ...], place: pl.Expr) -> pl.Expr:
    # search_sorted(null) is 0, which would place a row without a time in the first period
    instants = [micros(each) for each in edges if isinstance(each, datetime)]
    series = pl.Series(instants or [each.toordinal() - EPOCH for each in edges], dtype=pl.Int64)
    found = pl.lit(series).search_sorted(place.to_physical().cast(pl.Int64), side="right")
    return pl.when(place.is_not_null()).then(found.cast(pl.Int32))


def local_date(time: pl.Expr, zone: str) -> pl.Expr:
    """Local calendar day of an instant."""
    return time.dt.convert_time_zone(zone).dt.date()


def parse_period(text: str, *, zone: str, week_start: str = "monday") -> Grid:
    """Read one period as people write it.

    >>> [str(parse_period(p, zone="UTC").firsts[0]) for p in ("2026-10", "2026-W46", "2026-Q3", "2026", "2026-10-05")]
    ['2026-10-01', '2026-11-09', '2026-07-01', '2026-01-01', '2026-10-05']
    """
    written = text.strip()
    try:
        if ".." in written:
            first, stop = (date.fromisoformat(part.strip()) for part in written.split("..", 1))
            if stop <= first:
                raise UsageError(f"the period {written} is empty: its end (excluded) must come after its start.")
            return Grid.of([first], [stop], zone=zone, every="custom")
        first, every = _first_day(written, week_start)
        return Grid.calendar(every, first, step(first, every), zone=zone, week_start=week_start)
    except (ValueError, OverflowError):
        raise UsageError(f"{written!r} is no period. Write {FORMS}.") from None


def _first_day(written: str, week_start: str) -> tuple[date, str]:
    if found := re.fullmatch(r"(\d{4})-W(\d{2})", written):
        # a week is named by the ISO week of its fourth day, and no day but Thursday leads every first day to that week
        thursday = date.fromisocalendar(int(found[1]), int(found[2]), 4)
        return begin(thursday, "week", week_start), "week"
    if found := re.fullmatch(r"(\d{4})-Q([1-4])", written):
        return date(int(found[1]), int(found[2]) * 3 - 2, 1), "quarter"
    if re.fullmatch(r"\d{4}", written):
        return date(int(written), 1, 1), "year"
    if re.fullmatch(r"\d{4}-\d{2}", written):
        return date.fromisoformat(written + "-01"), "month"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
        return date.fromisoformat(written), "day"
    raise ValueError(written)


def last_complete(every: str, observed_until: datetime, *, zone: str, week_start: str = "monday") -> Grid:
    """The last period that is wholly observed."""
    stop = begin(local_day(observed_until, zone), every, week_start)
    first = step(stop, every, -1)
    return Grid.calendar(every, first, stop, zone=zone, week_start=week_start)


def label(first: date, every: str, stop: date | None = None) -> str:
    """The short name of a period, as people write it and folders carry it.

    >>> label(date(2026, 11, 9), "week"), label(date(2026, 10, 1), "month")
    ('2026-W46', '2026-10')
    """
    if every == "week":
        year, week, _ = (first + timedelta(days=3)).isocalendar()
        return f"{year}-W{week:02d}"
    if every == "quarter":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    if every == "custom":
        return f"{first}..{stop}"
    return {"day": f"{first}", "month": f"{first:%Y-%m}", "year": f"{first.year}"}[every]
