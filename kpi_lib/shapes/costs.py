"""What was spent: rows of the table of costs by category, and categories that do not exist refused."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import unknown
from kpi_lib.core.period import Grid
from kpi_lib.shapes.records import days

ALL = "*"


def categories(data: Dataset) -> list[str]:
    """The categories of costs that there are, in small letters."""
    if "category" not in data.columns("costs"):
        return []
    return sorted(data["costs"].select(_word()).unique().collect()["category"].drop_nulls())


def costs(data: Dataset, grid: Grid, named: Sequence[str]) -> pl.LazyFrame:
    """Costs of these categories (`*`: of all) by period: one row per row of the table: period, value in minor units.

    Capitals make no difference; a category that is not there is an error that names the nearest.
    """
    wanted = [each.strip().lower() for each in named]
    there = categories(data)
    for each in wanted:
        if there and each not in (ALL, *there):
            raise unknown("category", each, there, where="costs")
    return days(data, grid, "costs", where=None if ALL in wanted else _word().is_in(wanted), value=pl.col("amount"))


def _word() -> pl.Expr:
    return pl.col("category").str.strip_chars().str.to_lowercase()
