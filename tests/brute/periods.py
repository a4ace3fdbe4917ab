"""Calendar periods of a zone, found by looking at the local clock and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

from .rows import MINUTE, SECOND

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = date(1970, 1, 1)
QUARTER_HOUR = 15 * MINUTE  # the clocks of every zone tested here jump at, and by, whole quarters of an hour


@dataclass(frozen=True, slots=True)
class Calendar:
    """How instants fall into days, weeks and months; periods are named by their first date."""

    zone: str
    week_start: str = "monday"

    def day_of(self, time: int) -> date:
        """The date on a wall calendar at this instant."""
        return local_date(time // SECOND, self.zone)

    def label(self, time: int, grain: str) -> date:
        """First date of the period that holds the instant."""
        return self.floor(self.day_of(time), grain)

    def floor(self, day: date, grain: str) -> date:
        """First date of the period that holds the date."""
        if grain == "month":
            return day.replace(day=1)
        if grain == "week":
            return day - timedelta(days=(day.weekday() - WEEKDAYS.index(self.week_start)) % 7)
        if grain == "day":
            return day
        raise ValueError(f"no grain {grain!r}")

    def start(self, label: date) -> int:
        """First instant at which the local date is at least this date."""
        return first_instant(label, self.zone)

    def next(self, label: date, grain: str) -> date:
        """The following period; a date that the zone skipped is not a day."""
        following = self.floor(label + timedelta(days={"day": 1, "week": 7, "month": 31}[grain]), grain)
        if grain == "day" and self.start(following) == self.start(following + timedelta(days=1)):
            return self.next(following, grain)
        return following

    def end(self, label: date, grain: str) -> int:
        """First instant after the period."""
        return self.start(self.next(label, grain))

    def from_(self, label: date, grain: str) -> Iterator[date]:
        """The period and all later ones, without end."""
        while True:
            yield label
            label = self.next(label, grain)

    def later(self, label: date, grain: str, k: int) -> date:
        """The k-th period after this one."""
        return next(islice(self.from_(label, grain), k, None))

    def distance(self, label: date, later: date, grain: str) -> int:
        """How many periods lie between two labels; negative when `later` comes before."""
        if later < label:
            return -self.distance(later, label, grain)
        return next(k for k, period in enumerate(self.from_(label, grain)) if period == later)

    def days_before(self, end: date, count: int) -> list[date]:
        """The last `count` existing days before a date, oldest first."""
        found: list[date] = []
        day = end
        while len(found) < count:
            day -= timedelta(days=1)
            if self.start(day) < self.start(day + timedelta(days=1)):
                found.append(day)
        return found[::-1]


@cache
def local_date(seconds: int, zone: str) -> date:
    """Local date of a second since 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)).date()


@cache
def first_instant(day: date, zone: str) -> int:
    """Walk in quarter hours from two days before until the local calendar shows the date."""
    time = ((day - EPOCH).days - 2) * 24 * 60 * MINUTE
    while local_date(time // SECOND, zone) < day:
        time += QUARTER_HOUR
    return time
