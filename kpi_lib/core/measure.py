"""Measures: additive statistics of a unit frame, and the finish that turns them into value, low and high.

Statistics of segments, days and user buckets add up; averages are never averaged. Interval rules: Wilson for shares
(Wilson 1927), adjusted Wald for the net promoter score (Rocks 2016), Student's t for means, the delta method for ratios,
order statistics for quantiles, Kaplan-Meier with Greenwood's variance on the log-log scale for survival. Where none of the
counted events was seen, the rule of three bounds their rate. Full counts and totals have no interval: nothing was sampled.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

Z = 1.959963984540054
# when as many events as this are to be expected, 95 of 100 watches see at least one (rule of three: Hanley, Lippman-Hand 1983)
NONE_SEEN = -math.log(0.05)
Finish = Callable[[pl.DataFrame], pl.DataFrame]
Fold = Callable[[pl.DataFrame, list[str]], pl.DataFrame]


WIDE = "wide "  # columns with room for exact products; no unit frame has such names


@dataclass(frozen=True, slots=True)
class Measure:
    """How a unit frame becomes a figure.

    `needs` are the unit frame's columns, `stats` the sums kept of them, `finish` adds value, low and high to a frame of
    summed statistics (one row per figure). With a `key`, statistics are tables and `fold` first makes one row of the
    rows per key. `zero`: nothing to count is 0, not "no denominator". `floor`: below it a figure is marked small.
    `jackknife`: the interval comes from leaving out one twentieth of the users at a time. `counted` says which units
    are n where that is not all of them.
    """

    name: str
    needs: tuple[str, ...]
    stats: Mapping[str, pl.Expr]
    finish: Finish
    key: str | None = None
    fold: Fold | None = None
    zero: bool = False
    floor: int = 0
    jackknife: bool = False
    counted: pl.Expr | None = None


def wilson(hits: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's 95 % interval of a share, as two expressions; null where n is 0.

    >>> low, high = wilson(pl.lit(8), pl.lit(10))
    >>> pl.select(low.round(5).alias("low"), high.round(5).alias("high")).row(0)
    (0.49016, 0.94332)
    """
    size, share = n.cast(pl.Float64), hits.cast(pl.Float64) / n
    centre = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z / (1 + Z * Z / size) * (share * (1 - share) / size + Z * Z / (4 * size * size)).sqrt()
    # at 0 and n the bound is exact; rounding would leave a trace such as 1e-17
    low = pl.when(hits == 0).then(0.0).otherwise(centre - half)
    high = pl.when(hits == n).then(1.0).otherwise(centre + half)
    return pl.when(n > 0).then(low), pl.when(n > 0).then(high)


def t_quantile(freedom: pl.Series) -> pl.Series:
    """The 97.5 % point of Student's t; null below one degree of freedom."""
    from scipy.special import stdtrit

    known = freedom.cast(pl.Float64).fill_null(0.0).clip(lower_bound=1.0)
    points = pl.Series(freedom.name, stdtrit(known.to_numpy(), 0.975))
    return points.set(freedom.fill_null(0) < 1, None)


def _share(frame: pl.DataFrame) -> pl.DataFrame:
    low, high = wilson(pl.col("hits"), pl.col("n"))
    value = pl.when(pl.col("n") > 0).then(pl.col("hits") / pl.col("n"))
    return frame.with_columns(value.alias("value"), low.alias("low"), high.alias("high"))


def _with_t(frame: pl.DataFrame, value: pl.Expr, error: pl.Expr) -> pl.DataFrame:
    size = pl.col("n").cast(pl.Float64)
    known = frame.with_columns(t_quantile(frame["n"].cast(pl.Float64) - 1).alias("t"), value.alias("value"))
    half = pl.when(size > 1).then(pl.col("t") * error)
    finished = known.with_columns((pl.col("value") - half).alias("low"), (pl.col("value") + half).alias("high"))
    return finished.drop("t")


def _mean(frame: pl.DataFrame) -> pl.DataFrame:
    size, total = pl.col("n").cast(pl.Float64), pl.col("total").cast(pl.Float64)
    variance = ((pl.col("squares") - total * total / size) / (size - 1)).clip(lower_bound=0.0)
    return _with_t(frame, pl.when(size > 0).then(total / size), (variance / size).sqrt())


def _ratio(frame: pl.DataFrame) -> pl.DataFrame:
    size, num, den = (pl.col(c).cast(pl.Float64) for c in ("n", "num", "den"))
    ratio = pl.when(den != 0).then(num / den)
    spread = pl.col("num_num") - 2 * ratio * pl.col("num_den") + ratio * ratio * pl.col("den_den")
    error = (spread.clip(lower_bound=0.0) * size / (size - 1)).sqrt() / den.abs()
    return _with_t(frame, ratio, error)


def exact(column: str) -> Finish:
    """A finish whose value is a summed column: a full count has no interval."""

    def finish(frame: pl.DataFrame) -> pl.DataFrame:
        none = pl.lit(None, dtype=pl.Float64)
        return frame.with_columns(pl.col(column).cast(pl.Float64).alias("value"), low=none, high=none)

    return finish


def _per_day(frame: pl.DataFrame) -> pl.DataFrame:
    none = pl.lit(None, dtype=pl.Float64)
    value = pl.when(pl.col("days") > 0).then(pl.col("n") / pl.col("days"))
    return frame.with_columns(value.alias("value"), low=none, high=none)


def _products(one: str, other: str) -> pl.Expr:
    """The sum of products. Those of whole numbers are exact, as `tally` makes room for them: their order does not matter."""
    return (pl.col(WIDE + one) * pl.col(WIDE + other)).sum().cast(pl.Float64)


def widened(measure: Measure, types: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """The columns of a unit frame that a measure multiplies, whole numbers in 128 bits."""
    if not {"squares", "num_num"} & set(measure.stats):
        return []
    wide = {name: pl.Int128 if types[name].is_integer() else pl.Float64 for name in measure.needs}
    return [pl.col(name).cast(dtype).alias(WIDE + name) for name, dtype in wide.items()]


PROPORTION = Measure("proportion", ("hit",), {"hits": pl.col("hit").sum()}, _share, floor=30)
MEAN = Measure(
    "mean",
    ("value",),
    {"total": pl.col("value").sum(), "squares": _products("value", "value")},
    _mean,
    floor=30,
)
RATIO = Measure(
    "ratio",
    ("num", "den"),
    {
        "num": pl.col("num").sum(),
        "den": pl.col("den").sum(),
        "num_num": _products("num", "num"),
        "num_den": _products("num", "den"),
        "den_den": _products("den", "den"),
    },
    _ratio,
    floor=30,
    counted=pl.col("den") > 0,  # who only brings a numerator, such as a refund, is not one of those divided by
)


def RATE(one: int = 1, *, share: bool = False) -> Measure:
    """A ratio whose numerator counts events, each of them `one` of it. None seen is not sure to be none: the rule of three.

    `share`: the denominator counts the same things, so that all of them seen is not sure to be all either.
    """

    def finish(frame: pl.DataFrame) -> pl.DataFrame:
        found, bound = _ratio(frame), NONE_SEEN * one / pl.col("den")
        none = (pl.col("num") == 0) & (pl.col("den") > 0)
        every = share & (pl.col("num") == pl.col("den")) & (pl.col("den") > 0)
        low = pl.when(none).then(0.0).when(every).then(1 - bound).otherwise("low")
        high = pl.when(none).then(bound).when(every).then(1.0).otherwise("high")
        return found.with_columns(low=low, high=high)

    return replace(RATIO, finish=finish)


def _of_shared_wholes(frame: pl.DataFrame) -> pl.DataFrame:
    """The wholes stand in the rows without a destination, and hold for every destination from there."""
    stats = ("n", "unripe", *RATIO.stats)
    keys = [c for c in frame.columns if c not in (*stats, "to")]
    whole = pl.col("n", "unripe", "den", "den_den").filter(pl.col("to").is_null()).first().over(keys)
    # where nothing happened at all, one row says so
    return _ratio(frame.with_columns(whole).filter(pl.col("to").is_not_null() | pl.col("from").is_null()))


# a ratio by where from and where to: a user's whole, `den` in a row without `to`, is the same for all destinations
FLOW = replace(RATIO, finish=_of_shared_wholes)
TOTAL = Measure("total", ("value",), {"total": pl.col("value").sum()}, exact("total"), zero=True)
COUNT = Measure("count", (), {}, exact("n"), zero=True)
PER_DAY = Measure("per_day", (), {}, _per_day, zero=True)
DERIVED = Measure("derived", (), {}, exact("value"), jackknife=True)
COUNTED = Measure("proportion", ("hits", "of"), {"hits": pl.col("hits").sum()}, _share, floor=30, counted=pl.col("of"))


def _promoters(frame: pl.DataFrame) -> pl.DataFrame:
    size, plus, minus = (pl.col(c).cast(pl.Float64) for c in ("n", "promoters", "detractors"))
    value = pl.when(size > 0).then((plus - minus) / size)
    # three answers more: three quarters of a promoter and of a detractor, one and a half passives
    share, centre = (plus + minus + 1.5) / (size + 3), (plus - minus) / (size + 3)
    half = Z * ((share - centre * centre) / (size + 3)).sqrt()
    # with very few answers the middle is drawn towards 0, past the value itself
    low = pl.when(size > 0).then(pl.min_horizontal(value, (centre - half).clip(lower_bound=-1)))
    high = pl.when(size > 0).then(pl.max_horizontal(value, (centre + half).clip(upper_bound=1)))
    return frame.with_columns(value=value * 100, low=low * 100, high=high * 100)


NPS = Measure(
    "nps",
    ("score",),
    {
        "promoters": (pl.col("score") >= 9).sum().cast(pl.Int64),
        "detractors": (pl.col("score") <= 6).sum().cast(pl.Int64),
    },
    _promoters,
    floor=30,
)


def _quotient(frame: pl.DataFrame) -> pl.DataFrame:
    none = pl.lit(None, dtype=pl.Float64)
    return frame.with_columns(
        value=pl.when(pl.col("den") != 0).then(pl.col("num") / pl.col("den")), low=none, high=none
    )


def _stock(frame: pl.DataFrame) -> pl.DataFrame:
    none = pl.lit(None, dtype=pl.Float64)
    return frame.with_columns(
        value=pl.when(pl.col("n") > 0).then(pl.col("total").cast(pl.Float64)), low=none, high=none
    )


# full counts on both sides: nothing was sampled, so there is no interval
QUOTIENT = Measure("quotient", ("num", "den"), {"num": pl.col("num").sum(), "den": pl.col("den").sum()}, _quotient)
# the last reading stands; before the first one nothing is known
STOCK = Measure("stock", ("value",), {"total": pl.col("value").sum()}, _stock)
# a sum of what was booked; where nobody booked anything, it is not known to be 0
BOOKED = replace(STOCK, name="total")


# a published figure that compute sets against ours
GAP = Measure("gap", ("value",), {}, exact("value"))


def AGAINST(kind: str) -> Measure:
    """Our figure, own / base, beside somebody else's: divided by it ("ratio") or less it ("gap"). `size` units stand behind ours."""

    def finish(frame: pl.DataFrame) -> pl.DataFrame:
        none, ours = pl.lit(None, dtype=pl.Float64), pl.col("own") / pl.col("base")
        value = ours - pl.col("other") if kind == "gap" else ours / pl.col("other")
        return frame.with_columns(value=pl.when(value.is_finite() & (pl.col("n") > 0)).then(value), low=none, high=none)

    stats = {name: pl.col(name).cast(pl.Float64).sum() for name in ("own", "base", "other")}
    return Measure(f"against {kind}", (*stats, "size"), stats, finish, counted=pl.col("size"))


def hidden_below(fewest: int, measure: Measure) -> Measure:
    """The same measure without a figure where fewer answered: nobody can be picked out of a small group."""

    def finish(frame: pl.DataFrame) -> pl.DataFrame:
        enough = pl.col("n") >= fewest
        return measure.finish(frame).with_columns(pl.when(enough).then(c).alias(c) for c in ("value", "low", "high"))

    return replace(measure, finish=finish)
