"""Unit economics: what winning a customer costs against what a customer brings, by channel and for all together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kpi_lib.answers.compute import Values, compute
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.period import Grid

FIGURES = ("cac", "ltv", "ltv_cac_ratio", "cac_payback_period")
LOSES, HEALTHY = 1.0, 3.0  # a customer brings less than it costs; the common rule of thumb
MONTH = 365.25 / 12 * 86_400


@dataclass(frozen=True, slots=True)
class UnitEconomics:
    """CAC, LTV, their ratio and the payback of one period.

    `table`: one row per segment, all together first (segment null, `whole` true): customers (new ones), then cac, ltv,
    ltv_cac_ratio and cac_payback_period (seconds), each with _low and _high, band and `sure`. Bands: loses (ratio below 1),
    thin (below 3), healthy, free (customers without spend), unknown; sure = the whole interval lies in the band.
    `figures` and `together` are the same figures in tidy rows, by segment and of everybody.
    """

    table: pl.DataFrame
    figures: Values
    together: Values
    by: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values, segments in `by`."""
        rows = self.table.to_dicts()
        return {"rows": [{"by": {plain_name(c): row.pop(c) for c in self.by}} | row for row in rows]}


def unit_economics(data: Dataset, grid: Grid, by: Sequence[str] = ("channel",)) -> UnitEconomics:
    """What a customer costs and brings in the last period of a grid, by channel (or other columns that the users have).

    Columns that the data lack are left out. What keeps the figures from being computed stands in `reason`.
    """
    last = grid.only(len(grid) - 1)
    together = compute(FIGURES, data, last)
    there = {name for table in ("users", "subscriptions", "marketing_spend") for name in data.columns(table)}
    cut = tuple(name for name in by if name in there)
    if reason := next(iter(together.reasons.values()), ""):
        return UnitEconomics(pl.DataFrame(), together, together, (), reason)
    figures = compute(FIGURES, data, last, by=cut) if cut else together
    whole = _wide(together, ()).with_columns(pl.lit(None, pl.String).alias(c) for c in figures.by)
    parts = [whole.with_columns(whole=pl.lit(True))]
    if cut:
        parts.append(_wide(figures, figures.by).with_columns(whole=pl.lit(False)))
    order = [*figures.by, "whole", "customers", *(f"{n}{end}" for n in FIGURES for end in ("", "_low", "_high"))]
    table = _banded(pl.concat(parts, how="diagonal_relaxed").select(order))
    return UnitEconomics(table, figures, together, figures.by)


def _wide(values: Values, by: tuple[str, ...]) -> pl.DataFrame:
    """One row per segment with a column for each figure."""
    wide = values.only("cac").table.select(*by, customers="n")
    for name in FIGURES:
        ends = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
        own = values.only(name).table.select(*by, **ends)
        keyed = wide.join(own, on=list(by), how="left", nulls_equal=True, maintain_order="left") if by else None
        wide = pl.concat([wide, own], how="horizontal") if keyed is None else keyed
    return wide


def _banded(table: pl.DataFrame) -> pl.DataFrame:
    ratio, low, high = pl.col("ltv_cac_ratio"), pl.col("ltv_cac_ratio_low"), pl.col("ltv_cac_ratio_high")
    free = pl.col("cac").is_null() & (pl.col("customers") > 0)
    band = (
        pl.when(free).then(pl.lit("free")).when(ratio.is_null()).then(pl.lit("unknown"))
        .when(ratio < LOSES).then(pl.lit("loses")).when(ratio < HEALTHY).then(pl.lit("thin")).otherwise(pl.lit("healthy"))
    )  # fmt: skip
    inside = (
        pl.when(ratio < LOSES).then(high < LOSES)
        .when(ratio < HEALTHY).then((low >= LOSES) & (high < HEALTHY)).otherwise(low >= HEALTHY)
    )  # fmt: skip
    return table.with_columns(band=band, sure=inside.fill_null(False))
