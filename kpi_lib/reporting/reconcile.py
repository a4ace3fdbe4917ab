"""Do the segments' reports add up to the whole's? Read from the published values, for figures that can be added at all."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.runner import Outcome

ADDITIVE = ("count", "total")  # measures whose figures of parts add up, where nobody is in two parts


def reconciled(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row per report, period, segment column and additive KPI: whole, sum over the segments, and the rest.

    A rest above zero has no value of the column; below zero, somebody counts in several segments.
    """
    good = [each for each in outcomes if each.status != "failed"]
    rows = []
    for whole in (each for each in good if not each.by):
        parts = [each for each in good if each.by and (each.name, each.period) == (whole.name, whole.period)]
        for column in dict.fromkeys(name for each in parts for name in each.by):
            named = [_sums(each) for each in parts if column in each.by]
            for kpi, value in _sums(whole).items():
                total = sum(each.get(kpi, 0.0) for each in named)
                place = {"name": whole.name, "period": whole.period, "column": column, "segments": len(named)}
                rows.append(
                    {**place, "kpi": kpi, "whole": value, "sum": round(total, 6), "rest": round(value - total, 6)}
                )
    return rows


def _sums(outcome: Outcome) -> dict[str, float]:
    """The last period's counts and totals of a published report."""
    values = pl.read_parquet(outcome.folder / "values.parquet")
    if not {"kpi", "start", "value"} <= set(values.columns):
        return {}
    additive = [name for name, kpi in catalogue().items() if kpi.measure.name in ADDITIVE and not kpi.parts]
    known = values.filter(pl.col("kpi").is_in(additive)).drop_nulls("value").sort("start")
    last = known.group_by("kpi", maintain_order=True).agg(pl.col("start", "value").last())
    ends = known["start"].max()
    return {row["kpi"]: row["value"] for row in last.to_dicts() if row["start"] == ends}


def told(row: dict[str, Any]) -> str:
    """One line for people.

    >>> told({"kpi": "orders", "sum": 7.0, "whole": 9.0, "segments": 2, "column": "plan", "rest": 2.0})
    'orders by plan: 7 in 2 segments of 9 in all; 2 without a plan'
    """
    line = f"{row['kpi']} by {row['column']}: {row['sum']:,.10g} in {row['segments']} segments of {row['whole']:,.10g} in all"
    if row["rest"] > 0:
        return f"{line}; {row['rest']:,.10g} without a {row['column']}"
    return f"{line}; {-row['rest']:,.10g} counted in several segments" if row["rest"] < 0 else line
