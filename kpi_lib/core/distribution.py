"""Measures that need the whole distribution: their statistics are small tables of counts by value, which still add up."""

import math
from collections.abc import Mapping

import polars as pl

from kpi_lib.core.measure import Fold, Measure, Z

COUNTS = {"count": pl.len().cast(pl.Int64)}
EPSILON = 1e-9
# the component `percentile` of a figure (p50, p95, p99) as a share
PERCENT = pl.col("percentile").first().str.slice(1).cast(pl.Float64) / 100


def QUANTILE(q: float) -> Measure:
    """The q-quantile (linear between neighbours) with the interval between two order statistics."""
    fold = _quantile(q)
    return Measure(f"quantile {q}", ("key",), COUNTS, _done, key="key", fold=fold, floor=10)


def _median_times() -> Measure:
    stats = {"count": pl.len().cast(pl.Int64), "events": pl.col("ended").sum().cast(pl.Int64)}
    return Measure("median time", ("key", "ended"), stats, _done, key="key", fold=_half_done, floor=10)


def SURVIVAL(days: int) -> Measure:
    """Kaplan-Meier share that is still there after so many days; null until somebody has been watched that long.

    Unit frames give `key` = days watched and `ended` = whether the watching ended with the event.
    """
    stats = {"count": pl.len().cast(pl.Int64), "events": pl.col("ended").sum().cast(pl.Int64)}
    return Measure(f"survival {days}", ("key", "ended"), stats, _done, key="key", fold=_survival(days), floor=30)


def TOP_SHARE(top: float) -> Measure:
    """Share of the whole that the largest `top` share of units holds (rounded up to whole units)."""
    fold = _top_share(top)
    return Measure(f"top {top}", ("key",), COUNTS, _done, key="key", fold=fold, floor=30, jackknife=True)


def GINI() -> Measure:
    """Gini coefficient of what units hold: 0 where all hold the same, towards 1 the fewer hold all of it."""
    return Measure("gini", ("key",), COUNTS, _done, key="key", fold=_gini, floor=30, jackknife=True)


def _done(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def _grouped(
    frame: pl.DataFrame, groups: list[str], figures: Mapping[str, pl.Expr], *, descending: bool = False
) -> pl.DataFrame:
    order = [*groups, "key"]
    ranked = frame.sort(order, descending=[False] * len(groups) + [descending], nulls_last=True)
    upto = pl.col("count").cum_sum().over(groups).alias("upto") if groups else pl.col("count").cum_sum().alias("upto")
    grouped = ranked.with_columns(upto).group_by(groups or pl.lit(1).alias("_"), maintain_order=True)
    return grouped.agg(pl.col("count").sum().alias("n"), **figures)


def _at(rank: pl.Expr) -> pl.Expr:
    return pl.col("key").filter(pl.col("upto") > rank).first().cast(pl.Float64)


def _quantile(q: float | pl.Expr) -> Fold:
    def fold(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
        n = pl.col("count").sum()
        place = (n - 1).cast(pl.Float64) * q
        lower, upper = _at(place.floor()), _at(place.ceil())
        half = (n * q * (1 - q)).sqrt() * Z
        first, last = (n * q - half).floor() - 1, (n * q + half).ceil()
        low = pl.when((first >= 0) & (last < n)).then(_at(first))
        high = pl.when((first >= 0) & (last < n)).then(_at(last))
        value = lower + (upper - lower) * (place - place.floor())
        return _grouped(frame, groups, {"value": value, "low": low, "high": high})

    return fold


def _top_share(top: float) -> Fold:
    def fold(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
        # 1e-9: ten per cent of 30 units are three, though 0.1 * 30 is a little more in binary
        taken = (pl.col("count").sum() * top - 1e-9).ceil()
        inside = (pl.col("count") - (pl.col("upto") - taken).clip(lower_bound=0)).clip(lower_bound=0)
        whole = (pl.col("key") * pl.col("count")).sum()
        value = pl.when(whole > 0).then((pl.col("key") * inside).sum() / whole)
        none = pl.lit(None, dtype=pl.Float64)
        return _grouped(frame, groups, {"value": value, "low": none, "high": none}, descending=True)

    return fold


def _gini(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    n, held = pl.col("count").sum(), (pl.col("key") * pl.col("count")).sum()
    # units in order of what they hold: the places of equal ones are upto - count + 1 … upto
    places = pl.col("count") * (2 * pl.col("upto") - pl.col("count") + 1)
    ranked = (pl.col("key").cast(pl.Int128) * places.cast(pl.Int128)).sum().cast(pl.Float64)
    value = pl.when(held > 0).then(ranked / (n * held) - (n + 1) / n)
    none = pl.lit(None, dtype=pl.Float64)
    return _grouped(frame, groups, {"value": value, "low": none, "high": none})


def _survival(days: int) -> Fold:
    def fold(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
        n = pl.col("count").sum()
        risk = (n - pl.col("upto") + pl.col("count")).cast(pl.Float64)
        within = pl.col("key") <= days
        share = (1 - pl.col("events") / risk).filter(within).product()
        # Greenwood's sum; a step that takes everybody adds nothing because the share is 0 from then on
        left = risk - pl.col("events")
        spread = pl.when(left > 0).then(pl.col("events") / (risk * left)).otherwise(0.0).filter(within).sum()
        watched = (pl.col("key") >= days).any() | (share == 0)
        figures = {"value": pl.when(watched).then(share), "spread": pl.when(watched).then(spread)}
        return _log_log(_grouped(frame, groups, figures))

    return fold


def kaplan_meier(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """The Kaplan-Meier curve of a table of counts: key, count and events become risk, value, low and high after each key.

    Who is lost at the time of an event was still at risk of it. The interval is Greenwood's on the log-log scale.
    """

    def over(expr: pl.Expr) -> pl.Expr:
        return expr.over(groups) if groups else expr

    steps = frame.sort(*groups, "key", nulls_last=True)
    steps = steps.with_columns(risk=over(pl.col("count").sum() - pl.col("count").cum_sum() + pl.col("count")))
    left = pl.col("risk") - pl.col("events")
    step = pl.when(left > 0).then(pl.col("events") / (pl.col("risk") * left)).otherwise(0.0)
    return _log_log(steps.with_columns(value=over((left / pl.col("risk")).cum_prod()), spread=over(step.cum_sum())))


def _half_done(frame: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """Kaplan-Meier median: when half of all are done; where exactly half are, the middle up to the next one done.

    Its interval holds the times at which the interval of the curve holds one half (Brookmeyer and Crowley 1982).
    """

    curve = kaplan_meier(frame, groups).filter((pl.col("events") > 0) | (pl.col("count") > 0))

    def first(reached: pl.Expr) -> pl.Expr:
        return pl.col("key").filter((pl.col("events") > 0) & reached).first().cast(pl.Float64)

    half, below = first(pl.col("value") <= 0.5 + EPSILON), first(pl.col("value") < 0.5 - EPSILON)
    # without a later one done, the first time stands
    median = (half + pl.coalesce(below, half)) / 2
    # where all are done the curve has no interval: few who are all done do not make their median sure
    low, high = (first((pl.col(side) <= 0.5) & (pl.col("value") > 0)) for side in ("low", "high"))
    both = low.is_not_null() & high.is_not_null()
    bounds = {"low": pl.when(both).then(low), "high": pl.when(both).then(high)}
    grouped = curve.group_by(groups or pl.lit(1).alias("_"), maintain_order=True)
    return grouped.agg(pl.col("count").sum().alias("n"), value=median, **bounds)


def _log_log(frame: pl.DataFrame) -> pl.DataFrame:
    value, spread = pl.col("value"), pl.col("spread")
    inner = (value > 0) & (value < 1)
    width = Z * spread.sqrt() / value.log(math.e).abs()
    low = pl.when(inner).then(value ** width.exp()).when(value.is_not_null()).then(value)
    high = pl.when(inner).then(value ** (-width).exp()).when(value.is_not_null()).then(value)
    return frame.with_columns(low.alias("low"), high.alias("high")).drop("spread")


# the median of times of which some are still running: unit frames give `key` = seconds watched and `ended`
MEDIAN_TIME = _median_times()
PERCENTILES = Measure("percentiles", ("key",), COUNTS, _done, key="key", fold=_quantile(PERCENT), floor=10)


def seconds_of(time: pl.Expr) -> pl.Expr:
    """Microseconds as seconds, the nearest number there is.

    >>> pl.DataFrame({"time": [333_334, 1]}).select(seconds_of(pl.col("time"))).to_series().to_list()
    [0.333334, 1e-06]
    """
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    return time / (time * 0 + 1_000_000)


def counted_quantile(value: pl.Expr, upto: pl.Expr, size: pl.Expr, q: float) -> pl.Expr:
    """A quantile, linear between the two nearest units, where rows in order of `value` tell how many units lie `upto` each.

    >>> rows = pl.DataFrame({"value": [1.0, 4.0], "units": [3, 1]})
    >>> rows.select(counted_quantile(pl.col("value"), pl.col("units").cum_sum(), pl.col("units").sum(), 0.75)).item()
    1.75
    """
    place = (size - 1) * q
    low, high = (value.filter(upto > at).first() for at in (place.floor(), place.ceil()))
    return pl.when(low == high).then(low).otherwise((place - place.floor()) * (high - low) + low)
