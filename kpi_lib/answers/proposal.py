"""Which stage a product seems to be in: from how long it has been watched, whether it grows, and whether people stay."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import begin, last_complete, local_day
from kpi_lib.core.units import percent
from kpi_lib.shapes.cohort import Cohorts, cohorts

FEWEST, YEAR = 6, 12
GROWING = 0.02  # a month: a quarter more in a year
STAYING, APART, MEMBERS = 0.9, 3, 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stage (None: cannot be told yet) with its reasons; `growth` is the mean monthly change of active users (95 % interval).

    `kept` is the share of newcomers who are active in their last month that enough of them have reached, `before` that of
    three months earlier: people stay where little is lost between the two.
    """

    stage: str | None
    reasons: tuple[str, ...]
    months: int
    growth: float | None = None
    low: float | None = None
    high: float | None = None
    kept: float | None = None
    before: float | None = None
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def staying(self) -> bool | None:
        """Whether retention has levelled off; None where too few have been watched for it."""
        if self.kept is None or self.before is None:
            return None
        return self.kept > 0 and self.kept >= STAYING * self.before

    def to_dict(self) -> dict[str, Any]:
        """The proposal as JSON values."""
        names = ("stage", "months", "growth", "low", "high", "kept", "before", "staying")
        return {**{name: getattr(self, name) for name in names}, "reasons": list(self.reasons)}


def propose_stage(data: Dataset) -> Proposal:
    """Propose early, growth or mature from a year of monthly actives and from who stays, and say why.

    Growth: active users clearly grow, by 2 % a month or more, and newcomers stay (or a year has passed). Mature: a year has
    passed without such growth. Early: neither yet. The data may begin later than the product, which nobody can see in them.
    """
    actives = _actives(data)
    if len(actives) < FEWEST:
        why = f"{len(actives)} whole months with active users: {FEWEST} are needed to tell a stage"
        return Proposal(None, (why,), len(actives), origin=origin_of(data))
    growth, low, high = change_a_month(actives)
    kept, before = _kept(data)
    watched = len(actives)
    found = Proposal(None, (), watched, growth, low, high, kept, before, origin_of(data))
    grows = low > 0 and growth >= GROWING
    settled = watched >= YEAR
    stage = "growth" if grows and (settled or found.staying) else "mature" if settled else "early"
    return replace(found, stage=stage, reasons=_reasons(found, grows=grows))


def _actives(data: Dataset) -> list[float]:
    """Active users of the last whole months, up to a year and the one before, in a row."""
    last = last_complete("month", data.observed_until, zone=data.zone, week_start=data.week_start)
    since = begin(local_day(data.observed_from, data.zone), "month", data.week_start)
    rows = compute("mau", data, last.back(YEAR + 1, since)).table.select("value", "status").rows()
    found: list[float] = []
    for value, status in reversed(rows):
        if not value or status not in ("ok", "small_n"):
            break
        found.insert(0, value)
    return found


def change_a_month(actives: Sequence[float]) -> tuple[float, float, float]:
    """Mean change from month to month as a fraction, with its 95 % interval by Student's t on the logarithms.

    >>> [round(each, 3) for each in change_a_month([100, 110, 118, 133, 143, 160])]
    [0.099, 0.068, 0.13]
    """
    from scipy.special import stdtrit

    moves = [log(now / before) for before, now in pairwise(actives)]
    mean = fmean(moves)
    half = float(stdtrit(len(moves) - 1, 0.975)) * stdev(moves) / sqrt(len(moves))
    return exp(mean) - 1, exp(mean - half) - 1, exp(mean + half) - 1


def _kept(data: Dataset) -> tuple[float | None, float | None]:
    """Pooled retention in the last month that a hundred newcomers have reached, and three months before it."""
    events = tuple(data.settings.get("active_events", ("*",)))
    pooled = cohorts(data, Cohorts(grain="month", events=events)).pooled
    rates = dict(pooled.filter(pl.col("eligible") >= MEMBERS, pl.col("k") > 0).select("k", "rate").rows())
    last = max(rates, default=0)
    return (rates[last], rates.get(last - APART)) if last > APART else (None, None)


def _reasons(found: Proposal, *, grows: bool) -> tuple[str, ...]:
    span = f"{_signed(found.low)} to {_signed(found.high)}"
    growth = f"active users {'grow' if grows else 'do not clearly grow by 2 % or more'}: {_signed(found.growth)} a month ({span})"
    over = f"{found.months - 1} changes from month to month"
    if found.kept is None or found.before is None:
        stay = "too few newcomers have been watched for four months to say whether they stay"
    else:
        rest = f"{percent(found.kept)} of newcomers are active in their last month, {percent(found.before)} three months before"
        stay = f"{'people stay' if found.staying else 'people go on leaving'}: {rest}"
    long = f"{'a year or more' if found.months >= YEAR else 'less than a year'} of whole months is in the data"
    return (f"{growth}, over {over}", stay, long)


def _signed(change: float | None) -> str:
    text = percent(change or 0.0)
    return text if (change or 0.0) < 0 else f"+{text}"
