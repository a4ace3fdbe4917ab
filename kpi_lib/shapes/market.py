"""The market beside our own figures: what the table says of a period, and nothing that it does not say."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, label
from kpi_lib.core.units import minor_digits


def labels(grid: Grid) -> pl.LazyFrame:
    """The periods of a grid by the name that people write: period, name."""
    names = [label(first, grid.every, stop) for first, stop in zip(grid.firsts, grid.stops, strict=True)]
    return pl.LazyFrame({"period": range(len(names)), "name": names}, schema={"period": pl.Int32, "name": pl.String})


def theirs(data: Dataset, grid: Grid, metric: str, apart: Sequence[str] = ()) -> pl.LazyFrame:
    """What the market table says of a figure: period, competitor, other. Names in `apart` are no competitors."""
    rows = data["market"].filter((pl.col("metric") == metric) & ~pl.col("competitor").is_in(list(apart)))
    named = rows.join(labels(grid), left_on=pl.col("period"), right_on="name")
    return named.group_by("competitor", period="period_right").agg(other=pl.col("value").max())


def ours(data: Dataset, grid: Grid, metric: str, own: str) -> pl.LazyFrame:
    """Our own figure: the row of that name in the market table, else our sales (revenue) or registered users (users).

    Columns: period, own, size (how many rows or users stand behind it). No row where nothing is known.
    """
    said = theirs(data, grid, metric).filter(pl.col("competitor") == own)
    told = said.select("period", own="other", size=pl.lit(1, pl.Int64))
    if metric == "revenue" and data.columns("transactions"):
        sold = data.known("transactions").select(period=grid.period(pl.col("time")), amount="amount")
        scale = 10 ** minor_digits(data.currency)
        found = sold.group_by("period").agg(own=pl.col("amount").sum(), size=pl.len().cast(pl.Int64))
        # a column as divisor: by a scalar Polars multiplies, which is off in the last bit
        counted = found.with_columns(own=pl.col("own") / (pl.col("size") * 0 + scale))
    elif metric == "users" and data.columns("users"):
        counted = _registered(data, grid)
    else:
        return told
    known = counted.filter(pl.col("period").is_not_null())
    return pl.concat([told, known.join(told, on="period", how="anti")], how="diagonal_relaxed")


def _registered(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Users registered and not deleted at the end of each period; without a column of sign-ups all of them."""
    there = data.columns("users")
    first = grid.ended(pl.col("signup_ts")) if "signup_ts" in there else pl.lit(0, pl.Int32)
    stop = pl.lit(len(grid), pl.Int32)
    if "deleted_ts" in there:
        stop = grid.ended(pl.col("deleted_ts")).fill_null(stop)
    run = data.known("users").select(first=first, stop=stop).filter(pl.col("first") < pl.col("stop"))
    spread = run.select(period=pl.int_ranges("first", "stop", dtype=pl.Int32)).explode("period")
    counted = spread.group_by("period").agg(size=pl.len().cast(pl.Int64))
    return counted.with_columns(own=pl.col("size").cast(pl.Float64))
