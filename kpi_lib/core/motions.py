"""The two motions of every figure: unit frames become additive statistics, statistics become values.

Motion 1 (`tally`) is heavy and runs over users; motion 2 (`settle`) is tiny and knows periods, segments and intervals.
"""

from dataclasses import dataclass

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, segment_spine
from kpi_lib.core.measure import Measure, widened
from kpi_lib.core.period import Grid
from kpi_lib.core.store import UNITS

FOLDS = 20
T_FOLDS = 2.093024054408263  # Student's t, 97.5 %, 19 degrees of freedom
WHOLE = -1
NOISE = 1e-12  # replicates that differ by less than this part of the value differ by rounding only


@dataclass(frozen=True, slots=True)
class Tally:
    """Statistics of one measure: one row per run of periods, segment, component, key and fold."""

    frame: pl.DataFrame
    by: tuple[str, ...]
    parts: tuple[str, ...]
    measure: Measure

    @property
    def groups(self) -> list[str]:
        """The columns that tell figures of one period apart."""
        return [*self.by, *self.parts]


def tally(
    units: pl.LazyFrame,
    measure: Measure,
    data: Dataset,
    grid: Grid,
    *,
    parts: tuple[str, ...] = (),
    folds: bool = False,
) -> Tally:
    """Motion 1: place the units, count the unripe, sum the rest.

    A unit frame has `time`, `period` or a run `first, stop`; the measure's columns; `ripe` where a window must be
    watched; `open` where a unit counts as it stands and may still change; `user_id` where segments of users are asked for;
    `UNITS` where a row stands for several units.
    """
    types = units.collect_schema()
    there = types.names()
    placed = _with_runs(join_segments(units, data), grid, there)
    ripe = pl.col("ripe") if "ripe" in there else pl.lit(True)
    fold = (_fold(placed) if "user_id" in there else pl.lit(None, dtype=pl.Int8)) if folds else None
    keys = ["first", "stop", *data.by, *parts] + ([measure.key] if measure.key else [])
    grouped = [*keys, fold.alias("fold")] if fold is not None else keys
    kept = {name: expr for name, expr in measure.stats.items()}
    ready = placed.with_columns(ripe.alias("ripe"), *widened(measure, types))
    still = (pl.col("open") & pl.col("ripe")).sum().cast(pl.Int64) if "open" in there else pl.lit(0, pl.Int64)
    one = pl.len() if UNITS not in there else pl.col(UNITS).sum()
    size = one if measure.counted is None else measure.counted.sum()
    counts = {"n": size.cast(pl.Int64), "unripe": still}
    stats = ready.filter("ripe").group_by(grouped).agg(**counts, **kept)
    if "ripe" in there:
        unripe = ready.filter(~pl.col("ripe")).group_by(grouped).agg(pl.len().cast(pl.Int64).alias("unripe"))
        stats = pl.concat([stats, unripe], how="diagonal")
    told = stats.with_columns(pl.col("n", "unripe").fill_null(0)).collect(engine="in-memory")
    frame = told.sort(
        *keys, *(["fold"] if folds else []), nulls_last=True, maintain_order=True
    )  # sums of floats mind the order
    return Tally(frame, data.by, parts, measure)


def _with_runs(units: pl.LazyFrame, grid: Grid, there: list[str]) -> pl.LazyFrame:
    if "period" in there:
        units = units.with_columns(pl.col("period").alias("first"), (pl.col("period") + 1).alias("stop"))
    elif "first" not in there:
        units = units.with_columns(grid.ended(pl.col("time")).alias("first"), grid.begun(pl.col("time")).alias("stop"))
    return units.filter(pl.col("first") < pl.col("stop")).with_columns(pl.col("first", "stop").cast(pl.Int32))


def _fold(units: pl.LazyFrame) -> pl.Expr:
    return (pl.col("user_id").hash(seed=0) % FOLDS).cast(pl.Int8)


def by_period(stats: Tally, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Spread runs over their periods and add up what meets there."""
    measure = stats.measure
    keys = ["period", *stats.groups, *extra] + ([measure.key] if measure.key else [])
    spread = stats.frame.with_columns(pl.int_ranges("first", "stop", dtype=pl.Int32).alias("period")).explode("period")
    sums = [pl.col(name).sum() for name in ("n", "unripe", *measure.stats)]
    return spread.group_by(keys).agg(sums).sort(keys, nulls_last=True)


def figures(summed: pl.DataFrame, stats: Tally, spine: pl.DataFrame, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """One row per row of the spine: n, unripe, value, low, high. Nothing to count is 0 or null, as the measure says."""
    measure, keys = stats.measure, ["period", *stats.groups, *extra]
    ready = summed
    if measure.fold is not None:
        ripe = measure.fold(summed.filter(pl.col("n") > 0), keys)
        unripe = summed.group_by(keys).agg(pl.col("unripe").sum())
        ready = unripe.join(ripe, on=keys, how="left", nulls_equal=True)
    full = spine.join(ready, on=keys, how="left", nulls_equal=True, maintain_order="left")
    filled = full.with_columns(pl.col("n", "unripe", *([] if measure.fold else measure.stats)).fill_null(0))
    # a column of one value may be a scalar, by whose reciprocal Polars multiplies: off in the last bit
    return measure.finish(pl.DataFrame(filled.get_columns())) if measure.fold is None else filled


def spine_of(stats: Tally, data: Dataset, periods: pl.DataFrame) -> pl.DataFrame:
    """Every period times every segment value times every component that occurs."""
    spine = segment_spine(periods, data, stats.frame)
    if stats.parts:
        parts = stats.frame.select(stats.parts).unique().sort(stats.parts, nulls_last=True)
        if parts.is_empty():  # nothing happened: one row says so
            parts = parts.clear(1)
        spine = spine.join(parts, how="cross", maintain_order="left_right")
    return spine


def settle(stats: Tally, data: Dataset, periods: pl.DataFrame) -> pl.DataFrame:
    """Motion 2: one row per period, segment and component with n, unripe, value, low and high."""
    spine = spine_of(stats, data, periods)
    if not stats.measure.jackknife:
        return figures(by_period(stats), stats, spine)
    return interval_of_replicates(replicates(stats, spine), ["period", *stats.groups])


def replicates(stats: Tally, spine: pl.DataFrame) -> pl.DataFrame:
    """The figures of everybody (left_out −1) and with each twentieth of the users left out in turn."""
    summed = by_period(stats, ("fold",))
    keys = [c for c in summed.columns if c not in ("fold", "n", "unripe", *stats.measure.stats)]
    sums = [pl.col(name).sum() for name in ("n", "unripe", *stats.measure.stats)]
    # every twentieth is in each copy but its own; the order of the sums is that of the folds
    copies = pl.DataFrame({"left_out": range(WHOLE, FOLDS)}, schema={"left_out": pl.Int8})
    each = summed.join(copies, how="cross", maintain_order="right_left")
    kept = each.filter(pl.col("fold").ne_missing(pl.col("left_out")))
    added = kept.group_by("left_out", *keys, maintain_order=True).agg(sums)
    whole = spine.join(copies, how="cross", maintain_order="right_left")
    return figures(added, stats, whole, ("left_out",))


def interval_of_replicates(copies: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Delete-a-group jackknife: value of everybody with a t interval from the spread of the replicates."""
    parts = copies.filter(pl.col("left_out") != WHOLE)
    # as lists in one order: sums over groups differ in the last bit from run to run
    lists = parts.group_by(keys).agg(pl.col("value").sort_by("left_out").alias("all"))
    known = pl.col("all").list.drop_nulls().list.len() == pl.col("all").list.len()
    error = (pl.col("all").list.var(ddof=0) * (FOLDS - 1)).sqrt()
    spread = lists.select(*keys, pl.when(known).then(error).alias("error"))
    whole = copies.filter(pl.col("left_out") == WHOLE).drop("left_out", "low", "high", strict=False)
    found = whole.join(spread, on=keys, how="left", nulls_equal=True, maintain_order="left")
    varies = pl.col("error") > pl.col("value").abs() * NOISE
    half = pl.when(varies).then(pl.col("error") * T_FOLDS)
    return found.with_columns((pl.col("value") - half).alias("low"), (pl.col("value") + half).alias("high")).drop(
        "error"
    )
