"""Small unit frames and grids for tests of the two motions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import Measure
from kpi_lib.core.motions import settle, tally
from kpi_lib.core.period import INSTANT, Grid

START = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def days(count: int) -> Grid:
    """So many days from the first of January."""
    return Grid.calendar("day", START, START + timedelta(days=count), zone="UTC")


def whole(count: int = 1, **tables: pl.DataFrame) -> Dataset:
    """A dataset watched over so many days."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return Dataset.of(tables, observed_from=begin, observed_until=begin + timedelta(days=count))


def settled(units: pl.DataFrame, measure: Measure, *, data: Dataset | None = None, count: int = 1) -> pl.DataFrame:
    """Both motions; units without a time or a period stand in the first day."""
    if not {"time", "period", "first"} & set(units.columns):
        units = units.with_columns(time=pl.lit(NOON, dtype=INSTANT))
    seen, grid = data or whole(count), days(count)
    stats = tally(units.lazy(), measure, seen, grid, folds=measure.jackknife)
    return settle(stats, seen, grid.frame(seen.observed_from, seen.observed_until))


def figure(units: pl.DataFrame, measure: Measure) -> dict[str, Any]:
    """The one figure of a unit frame."""
    return settled(units, measure).row(0, named=True)
