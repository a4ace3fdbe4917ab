"""The whole catalogue once more in plain Python, from the definitions and not from the code: what every KPI says in a period.

A function of the modules `plain_*.py` has the name of its KPI, takes a shop and a period, and returns its value, or its
values by component.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Number = float | None
Found = Number | dict[tuple[str, ...], Number]
GAP = timedelta(minutes=30)


@dataclass(frozen=True)
class Period:
    """A period by its local dates and by its instants; the end is no part of it."""

    first: date
    stop: date
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Shop:
    """Tables as lists of rows, the observed time, and the choices."""

    tables: Mapping[str, list[Row]]
    since: datetime
    until: datetime
    zone: str
    settings: Mapping[str, Any]
    features: Mapping[str, tuple[str, ...]]
    every: str

    def __getitem__(self, table: str) -> list[Row]:
        """The rows of a table; none where there is no such table."""
        return self.tables.get(table, [])

    def seen(self, time: datetime | None, period: Period) -> bool:
        """Whether an instant lies in a period and was observed."""
        return time is not None and period.start <= time < period.end and time < self.until

    def within(self, table: str, period: Period, time: str = "time") -> list[Row]:
        """The rows of a table in a period, in the order of their times."""
        return sorted((row for row in self[table] if self.seen(row[time], period)), key=lambda row: row[time])

    def booked(self, table: str, period: Period) -> list[Row]:
        """The rows of a table of days in a period."""
        return [row for row in self[table] if period.first <= row["date"] < period.stop and row["date"] <= self.last]

    def known(self, time: datetime | None) -> datetime | None:
        """A time as far as it is known already."""
        return time if time is not None and time < self.until else None

    def over(self, time: datetime, span: timedelta) -> bool:
        """Whether so long after an instant has been watched."""
        return time + span <= self.until

    def choice(self, name: str, default: str) -> timedelta:
        """A duration among the choices."""
        text = self.settings.get(name, default)
        return timedelta(**{{"d": "days", "h": "hours", "m": "minutes"}[text[-1]]: int(text[:-1])})

    def day(self, time: datetime) -> date:
        """The date on a wall calendar of the zone."""
        return time.astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        """When a date begins in the zone."""
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def last(self) -> date:
        """The last date that was observed, at least in part."""
        return self.day(self.until - timedelta(microseconds=1))

    @cached_property
    def users(self) -> dict[str, list[Row]]:
        """What each user did, in order; at one instant by the name of the event."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self["events"], key=lambda row: (row["time"], row["event"])):
            if row["time"] < self.until:
                found[row["user_id"]].append(row)
        return found

    @cached_property
    def first(self) -> dict[str, datetime]:
        """When each user came for the first time."""
        return {user: rows[0]["time"] for user, rows in self.users.items()}

    @cached_property
    def sessions(self) -> list[list[Row]]:
        """Events of a user without a pause of more than half an hour."""
        found: list[list[Row]] = []
        for rows in self.users.values():
            found += cut(rows)
        return found

    def active(self, period: Period) -> dict[str, list[Row]]:
        """Who was active in a period, with what they did."""
        found = {u: [row for row in rows if self.seen(row["time"], period)] for u, rows in self.users.items()}
        return {user: rows for user, rows in found.items() if rows}


def cut(rows: list[Row], gap: timedelta = GAP) -> list[list[Row]]:
    """Rows in order, cut where more than the gap lies between two."""
    found = [[rows[0]]]
    for row in rows[1:]:
        if row["time"] - found[-1][-1]["time"] > gap:
            found.append([])
        found[-1].append(row)
    return found


def over(part: float, whole: float) -> Number:
    """A quotient; nothing where nothing stands below the line."""
    return part / whole if whole else None


def share(units: Iterable[tuple[bool | None, bool]]) -> Number:
    """The share that hit among the units that are ripe."""
    ripe = [bool(hit) for hit, is_ripe in units if is_ripe]
    return over(sum(ripe), len(ripe))


def mean(values: Iterable[float]) -> Number:
    """The mean."""
    listed = list(values)
    return over(sum(listed), len(listed))


def seconds(span: timedelta) -> float:
    """A length of time in seconds."""
    return span / timedelta(seconds=1)


def quantile(values: Iterable[float], q: float) -> Number:
    """A quantile, linear between two neighbours."""
    ranked = sorted(values)
    if not ranked:
        return None
    at = (len(ranked) - 1) * q
    low, high = ranked[math.floor(at)], ranked[math.ceil(at)]
    return low + (high - low) * (at - math.floor(at))


def half_done(waits: list[tuple[float, bool]]) -> Number:
    """When half are done, by Kaplan and Meier; where exactly half are, the middle up to the next one."""
    left, half = 1.0, None
    for time in sorted({wait for wait, done in waits if done}):
        risk = sum(wait >= time for wait, _ in waits)
        left *= 1 - sum(done and wait == time for wait, done in waits) / risk
        if half is not None and left < 0.5 - 1e-9:
            return (half + time) / 2
        if half is None and left <= 0.5 + 1e-9:
            half = time
            if left < 0.5 - 1e-9:
                return time
    return half


def latest(rows: list[Row], person: str, *more: str) -> list[Row]:
    """Of rows in order, the last one of each person; rows without a name are of different people."""
    found: dict[Hashable, Row] = {}
    for at, row in enumerate(rows):
        name = row.get(person)
        found[(name if name is not None else ("nobody", at), *(row[key] for key in more))] = row
    return list(found.values())


def waited(shop: Shop, rows: list[Row], begin: str, end: str) -> Number:
    """The median time from one instant to another; who still waits has waited until now."""
    ends = [(row[begin], shop.known(row[end])) for row in rows]
    return half_done([(seconds((end or shop.until) - begin), end is not None) for begin, end in ends])


PLAIN: dict[str, Callable[[Shop, Period], Found]] = {}


def plain(function: Callable[[Shop, Period], Found]) -> Callable[[Shop, Period], Found]:
    """Record what a KPI is, under its name."""
    PLAIN[function.__name__] = function
    return function
