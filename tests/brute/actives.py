"""Daily, weekly and monthly actives and stickiness, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import mean
from typing import Any

from .periods import Calendar
from .rows import Row, as_rows


@dataclass(frozen=True, slots=True)
class Seen:
    """The log and the stretch of time in which it was recorded."""

    log: tuple[Row, ...]
    calendar: Calendar
    observed_from: int
    observed_until: int

    def users(self, start: int, end: int) -> int:
        """Distinct users with an event in [start, end)."""
        return len({row.unit for row in self.log if start <= row.time < end})

    def whole(self, day: date) -> bool:
        """Whether the day was observed from its first to its last instant."""
        edges = self.edges(day)
        return self.observed_from <= edges[0] and edges[1] <= self.observed_until

    def edges(self, day: date) -> tuple[int, int]:
        """First instant of the day and of the next one."""
        return self.calendar.start(day), self.calendar.end(day, "day")


def actives(
    rows: Iterable[tuple[Any, ...]],
    *,
    every: str,
    zone: str,
    observed_from: int,
    observed_until: int,
    week_start: str = "monday",
) -> list[dict[str, Any]]:
    """The actives' JSON rows for every period that touches the observed time.

    A trailing window (and a month) that begins before `observed_from`, or after everything observed, gives None. `dau` on
    weeks and months, and both
    sides of `stickiness`, use the wholly observed days. A period is `complete` when all of it was observed.
    """
    seen = Seen(tuple(as_rows(rows)), Calendar(zone, week_start), observed_from, observed_until)
    found = []
    label = seen.calendar.label(observed_from, every)
    while seen.calendar.start(label) < observed_until:
        found.append(record(seen, label, every))
        label = seen.calendar.next(label, every)
    return found


def record(seen: Seen, label: date, every: str) -> dict[str, Any]:
    """One period."""
    start, end = seen.calendar.start(label), seen.calendar.end(label, every)
    after = seen.calendar.next(label, every)
    own = days_of(seen, label, after)
    month = own if every == "month" else seen.calendar.days_before(after, 30)
    return {
        "start": label.isoformat(),
        "dau": seen.users(start, end) if every == "day" else mean_dau(seen, own),
        "wau": over(seen, seen.calendar.days_before(after, 7)),
        "mau": over(seen, month),
        "stickiness": stickiness(seen, month),
        "complete": seen.observed_from <= start and end <= seen.observed_until,
    }


def days_of(seen: Seen, label: date, after: date) -> list[date]:
    """The days that exist between two dates."""
    span = [label + timedelta(days=n) for n in range((after - label).days)]
    return [day for day in span if seen.calendar.start(day) < seen.calendar.start(day + timedelta(days=1))]


def unknown(seen: Seen, days: Sequence[date]) -> bool:
    """Whether a window begins before anything was recorded, or lies wholly behind the end of the record."""
    return seen.edges(days[0])[0] < seen.observed_from or seen.edges(days[0])[0] >= seen.observed_until


def over(seen: Seen, days: Sequence[date]) -> int | None:
    """Distinct users over a run of days."""
    return None if unknown(seen, days) else seen.users(seen.edges(days[0])[0], seen.edges(days[-1])[1])


def mean_dau(seen: Seen, days: Sequence[date]) -> float | None:
    """Mean daily actives over the wholly observed days; quiet days count as 0."""
    counts = [seen.users(*seen.edges(day)) for day in days if seen.whole(day)]
    return mean(counts) if counts else None


def stickiness(seen: Seen, days: Sequence[date]) -> float | None:
    """Mean daily actives over actives of the same days."""
    whole = [day for day in days if seen.whole(day)]
    if unknown(seen, days) or not whole:
        return None
    users = seen.users(seen.edges(whole[0])[0], seen.edges(whole[-1])[1])
    daily = mean_dau(seen, whole)
    return daily / users if users and daily is not None else None
