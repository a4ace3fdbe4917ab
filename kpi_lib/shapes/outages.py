"""Outages: the time during which incidents kept a service down, overlapping ones counted once."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, micros

PLANNED = ("planned", "maintenance")


def unplanned(data: Dataset, planned: Sequence[str]) -> pl.Expr:
    """Whether an incident counts: its kind is none of the planned ones."""
    known = "kind" in data.columns("incidents")
    return ~pl.col("kind").is_in(list(planned)).fill_null(False) if known else pl.lit(True)


def failures(data: Dataset, planned: Sequence[str] = ()) -> pl.LazyFrame:
    """The incidents that count."""
    return data.known("incidents").filter(unplanned(data, planned))


def outages(data: Dataset, grid: Grid, planned: Sequence[str] = ()) -> pl.LazyFrame:
    """One row per incident and period that it touches: period, down (microseconds that no earlier one covers), failures.

    An incident without an end goes on. `failures` is 1 in the period in which the incident starts; both are cut to
    what was watched. Segments are those of the incident.
    """
    carried = data.carried("incidents")
    until = micros(data.observed_until)
    begin = pl.col("start").to_physical()
    end = pl.col("end").to_physical().fill_null(until)
    found = failures(data, planned).select(*carried, begin=begin, end=end).sort("begin", "end")
    covered = pl.col("end").cum_max().shift(1)
    free = pl.max_horizontal("begin", covered.over(carried) if carried else covered)
    touching = found.with_columns(free=free).join(_watched(data, grid), how="cross")
    down = (pl.min_horizontal("end", "shuts") - pl.max_horizontal("free", "opens")).clip(lower_bound=0)
    fell = (pl.col("begin") >= pl.col("opens")) & (pl.col("begin") < pl.col("shuts"))
    inside = pl.min_horizontal("end", "shuts") > pl.max_horizontal("begin", "opens")
    return touching.filter(inside | fell).select(*carried, "period", down=down, failures=fell.cast(pl.Int64))


def in_use(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per unit and period in which it ran: period, exposure (microseconds), failures (1 where it failed)."""
    carried = data.carried("units")
    failed = pl.col("failed").to_physical()
    ran = data.known("units").select(*carried, begin=pl.col("start").to_physical(), failed=failed)
    last = pl.min_horizontal(pl.col("failed").fill_null(micros(data.observed_until)), "shuts")
    fell = (pl.col("failed") >= pl.col("opens")) & (pl.col("failed") < pl.col("shuts"))
    met = ran.join(_watched(data, grid), how="cross").with_columns(
        exposure=(last - pl.max_horizontal("begin", "opens")).clip(lower_bound=0),
        failures=fell.fill_null(False).cast(pl.Int64),
    )
    kept = (pl.col("exposure") > 0) | (pl.col("failures") > 0)
    return met.filter(kept).select(*carried, "period", "exposure", "failures")


def _watched(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """The periods with the edges of what was watched of them, in microseconds."""
    since, until = micros(data.observed_from), micros(data.observed_until)
    edges = {
        "opens": [max(micros(time), since) for time in grid.starts],
        "shuts": [min(micros(time), until) for time in grid.ends],
    }
    return pl.LazyFrame({"period": range(len(grid)), **edges}, schema_overrides={"period": pl.Int32})
