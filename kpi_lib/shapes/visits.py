"""Visits to the web site: runs of a visitor's page views without a long pause, each with where it came from."""

from datetime import timedelta

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid
from kpi_lib.core.shape import shape
from kpi_lib.shapes.activity import placed
from kpi_lib.shapes.sessions import GAP


@shape
def visits(data: Dataset, gap: timedelta = GAP) -> pl.LazyFrame:
    """One row per visit: visitor_id, time (start), user_id, source and medium of the first page, segment columns.

    A mapped `session_id` is trusted; without one a pause of more than half an hour begins the next visit.
    """
    there = data.columns("web_visits")
    rows = _pages(data, "session_id" if "session_id" in there else None)
    other = pl.col("visitor_id").ne_missing(pl.col("visitor_id").shift(1)) | (pl.int_range(pl.len()) == 0)
    paused = (pl.col("time") - pl.col("time").shift(1) > gap).fill_null(False)
    if "session_id" in there:
        changed = pl.col("session_id").ne_missing(pl.col("session_id").shift(1))
        paused = changed | (pl.col("session_id").is_null() & paused)
    kept = [c for c in ("source", "medium", *data.carried("web_visits")) if c in there]
    first = [pl.col(c).first() for c in ("visitor_id", "time", *dict.fromkeys(kept))]
    return (
        rows.with_columns(visit=(other | paused).cum_sum())
        .group_by("visit", maintain_order=True)
        .agg(*first, *_user(data))
    )


def visitors(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per visitor and period in which they came: period, user_id if ever known then, segment columns."""
    came = placed(_pages(data, None), grid)
    return came.group_by("visitor_id", "period", *data.carried("web_visits"), maintain_order=True).agg(*_user(data))


def _pages(data: Dataset, session: str | None) -> pl.LazyFrame:
    keys = ["visitor_id", *([session] if session else []), "time"]
    rest = sorted(set(data.columns("web_visits")) - {*keys, "user_id"})
    return data.known("web_visits").sort(*keys, *rest, nulls_last=True, maintain_order=True)


def _user(data: Dataset) -> list[pl.Expr]:
    there = "user_id" in data.columns("web_visits") and "user_id" not in data.carried("web_visits")
    return [pl.col("user_id").drop_nulls().first()] if there else []
