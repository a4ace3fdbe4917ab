"""The script of the demo company: its calendar, its chance, and the truths that are planted in its data.

Everything here is invented. A truth is placed at a share of the span, so that a short sample has all of them as well.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT, begin, micros, midnight

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

UNTIL = date(2026, 11, 1)
ZONE = "Europe/Berlin"
CURRENCY = "EUR"
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND
NEVER = -1
LEAST = {"users": 100, "days": 90}
MOST = {"users": 5_000_000, "days": 3_650}

CHANNELS = ("organic", "invite", "ads", "social", "partner")
CHANNEL_SHARES = (0.42, 0.10, 0.26, 0.14, 0.08)
PAID = ("ads", "social", "partner")
PLATFORMS = ("web", "android")
PLATFORM_SHARES = (0.6, 0.4)
COUNTRIES = ("DE", "AT", "FR", "NL", "ES", "US")
COUNTRY_SHARES = (0.36, 0.08, 0.16, 0.1, 0.12, 0.18)
DOLLAR = "US"

# how busy a weekday is beside the mean day, Monday first: use, and sign-ups
USE = (1.18, 1.2, 1.18, 1.14, 1.02, 0.64, 0.64)
SIGNUPS = (1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75)

TRIAL_DAYS = 14
TRIAL_RATE = {"old": 0.28, "new": 0.4}
INCIDENT_DAYS, INCIDENT_DROP, INCIDENT_ERRORS = 3, 0.35, 0.08
ERRORS = 0.004
ADOPTION = (0.12, 0.27)
FEATURE, FEATURE_EVENT = "automation", "run_automation"
COST_PER_SIGNUP = {"ads": 9.0, "social": 6.0, "partner": 4.5}
CREEPING, CREEP = "ads", 0.04
SEAT_GROWTH = 0.18
BACKLOG_FACTOR = 2.0
RESPONSE_HOURS = 2.0
SLOW_ROUTE, SLOW_CREEP = "/search", 0.012
VISIT_RATE = 0.07
LATE_SHARE = 0.1
DUPLICATE_SHARE = 0.2


@dataclass(frozen=True)
class Story:
    """One run of the demo company: how many people sign up over how many days, and the seed of its chance."""

    users: int = 20_000
    days: int = 731
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a size in which the truths have no room."""
        for name, least in LEAST.items():
            if not least <= getattr(self, name) <= MOST[name]:
                raise UsageError(f"--{name} takes {least:,} to {MOST[name]:,}, not {getattr(self, name):,}.")
        if self.seed < 0:
            raise UsageError(f"--seed takes a whole number from 0, not {self.seed}.")

    def chance(self, name: str) -> np.random.Generator:
        """A stream of chance of its own: a change in one table never moves another."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def calendar_day(self, day: int) -> date:
        """The calendar day with this number; the first one is 0."""
        return UNTIL + timedelta(days=int(day) - self.days)

    def number(self, day: date) -> int:
        """The number of a calendar day."""
        return int((day - UNTIL).days) + self.days

    @property
    def end(self) -> datetime:
        """The first instant after the data."""
        return midnight(UNTIL, ZONE)

    @cached_property
    def starts(self) -> Ints:
        """The first instant of each day and of the day after the last, in microseconds."""
        return np.array(
            [micros(midnight(self.calendar_day(day), ZONE)) for day in range(self.days + 1)], dtype=np.int64
        )

    @cached_property
    def weekdays(self) -> Ints:
        """Monday is 0."""
        return (np.arange(self.days) + self.calendar_day(0).weekday()) % 7

    @cached_property
    def months(self) -> list[date]:
        """The first days of all calendar months that the span touches."""
        return sorted({begin(self.calendar_day(day), "month") for day in range(self.days)})

    @cached_property
    def month_numbers(self) -> Ints:
        """For each day, the number of its month; the first one is 0."""
        at = {month: number for number, month in enumerate(self.months)}
        return np.array([at[begin(self.calendar_day(day), "month")] for day in range(self.days)], dtype=np.int64)

    @cached_property
    def quarters(self) -> list[tuple[str, int, int]]:
        """All calendar quarters that the span touches: name, first day, day after the last."""
        firsts = sorted({begin(self.calendar_day(day), "quarter") for day in range(self.days)})
        edges = [max(0, self.number(first)) for first in firsts] + [self.days]
        names = [f"{first.year}-Q{first.month // 3 + 1}" for first in firsts]
        return [(name, *edge) for name, edge in zip(names, pairwise(edges), strict=True)]

    def within(self, days: Ints, share: Floats) -> Ints:
        """Instants within days at a share of the day, to the millisecond; a day of 23 hours is a day as well."""
        width = self.starts[days + 1] - self.starts[days]
        instant: Ints = self.starts[days] + (width * share).astype(np.int64)
        return instant // 1000 * 1000

    def before_end(self, instant: Ints) -> Ints:
        """What has not happened when the data end has not happened yet."""
        return np.where(instant < self.starts[-1], instant, NEVER)

    def _at(self, share: float) -> int:
        return round(share * self.days)

    @cached_property
    def release_days(self) -> Ints:
        """A release every second week."""
        return np.arange(7, self.days, 14)

    @property
    def lift(self) -> int:
        """The day of the release that lifts the adoption of a feature."""
        return int(self.release_days[round(0.6 * len(self.release_days))])

    @property
    def trial_change(self) -> tuple[int, int]:
        """Between these days half of the sign-ups get the new onboarding; before nobody, after them everybody."""
        return self._at(0.4), self._at(0.52)

    @property
    def incident(self) -> int:
        """The first of the days on which Android fails: a Tuesday."""
        day = self._at(0.78)
        return day + (1 - int(self.weekdays[day])) % 7

    @property
    def outage(self) -> int:
        """The day of which no event was recorded."""
        return self._at(0.88)

    @property
    def duplicated(self) -> int:
        """The day of which a part was exported twice."""
        return self._at(0.93)

    @property
    def late(self) -> tuple[int, int]:
        """From which day to which (excluded) rows come in late."""
        return self._at(0.95), self._at(0.95) + 3

    @property
    def price_change(self) -> int:
        """The day of the new price: the first of a month, never the first month."""
        month = max(1, int(self.month_numbers[self._at(0.58)]))
        return self.number(self.months[month])

    @property
    def backlog(self) -> date:
        """The month in which answers take twice as long."""
        return self.months[int(self.month_numbers[self._at(0.68)])]

    @property
    def concentration(self) -> int:
        """The day from which the largest accounts grow: the last two complete quarters and what follows."""
        return max(0, self.number(date(2026, 4, 1)))

    @property
    def slowdown(self) -> int:
        """The day from which one route gets slower."""
        return self._at(0.5)

    @property
    def addon(self) -> int:
        """The day on which the add-on goes on sale."""
        return self._at(0.72)

    @cached_property
    def waves(self) -> list[date]:
        """When NPS is asked: around the tenth of every second month, the last one included."""
        tenths = [month + timedelta(days=9) for month in self.months[::-2]]
        return [day for day in reversed(tenths) if self.number(day) >= 14]

    @property
    def odd_wave(self) -> date:
        """The wave that was asked on 1 to 10."""
        return self.waves[max(0, len(self.waves) - 3)]


def instants(values: Ints) -> pl.Series:
    """Microseconds as instants; NEVER is null.

    >>> instants(np.array([0, NEVER]))[0].isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    series = pl.Series(values, dtype=pl.Int64)
    return pl.select(pl.when(series >= 0).then(series)).to_series().cast(INSTANT)


def decimals(cents: Ints) -> pl.Series:
    """Whole cents as decimals with two digits: money never passes through a float.

    >>> decimals(np.array([1205, -5])).to_list()
    [Decimal('12.05'), Decimal('-0.05')]
    """
    amount = pl.Series(cents, dtype=pl.Int64)
    sign = pl.when(amount < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = (amount.abs() // 100).cast(pl.String)
    part = (amount.abs() % 100).cast(pl.String).str.zfill(2)
    return pl.select(pl.concat_str(sign, whole, pl.lit("."), part)).to_series().cast(pl.Decimal(14, 2))


def ids(prefix: str, numbers: Ints) -> pl.Series:
    """Numbers as keys that sort like them.

    >>> ids("u", np.array([7])).to_list()
    ['u0000007']
    """
    return prefix + pl.Series(numbers, dtype=pl.Int64).cast(pl.String).str.zfill(7)


def names(values: Sequence[str], codes: Ints) -> pl.Series:
    """Codes as the words they stand for."""
    return pl.Series(list(values), dtype=pl.String).gather(pl.Series(codes, dtype=pl.Int64))


def draw(chance: np.random.Generator, shares: Sequence[float], size: int) -> Ints:
    """Draw codes with these relative frequencies."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.searchsorted(edges / edges[-1], chance.random(size), side="right").astype(np.int64)
