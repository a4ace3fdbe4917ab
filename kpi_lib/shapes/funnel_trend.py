"""A funnel over time: one answer for each period of entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.shapes.funnel import answer, found_by_ties, segment_axis
from kpi_lib.shapes.funnel_rules import Funnel
from kpi_lib.shapes.sessions import group_name

PATIENCE = 60  # periods to go back at most


def ripe_period(spec: Funnel, data: Dataset, grid: Grid) -> Grid:
    """The last period of a grid, or the latest before it of which all entries are ripe where none of its own can be.

    A weekly review of a way that may take a month would otherwise never have anything to tell. It stays with the period
    where no earlier one lies inside the data, and where unripe entries count anyway.
    """
    asked = period = grid.only(len(grid) - 1)
    if spec.horizon is None or spec.unripe == "include":
        return asked
    wait = timedelta(microseconds=spec.horizon)
    if asked.starts[0] + wait <= data.observed_until:
        return asked
    for _ in range(PATIENCE):
        period = period.before()
        if period.starts[0] < data.observed_from:
            return asked
        if period.ends[0] + wait <= data.observed_until:
            return replace(period, shown=period.firsts)
    return asked


SHARED = "a unit counts once in every period in which it enters: periods do not add up to all units."


@dataclass(frozen=True, slots=True)
class FunnelTrend:
    """One row per period of entry, segment and step: start, end (local days), then the columns of a funnel."""

    table: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values, period by period; with segments one list a group."""
        if not self.by:
            return self._periods(self.table) | self._about()
        parts = self.table.partition_by(list(self.by), maintain_order=True)
        groups = {group_name(part.row(0, named=True), list(self.by)): self._periods(part) for part in parts}
        return {"groups": groups} | self._about()

    def _about(self) -> dict[str, Any]:
        return {"definition": dict(self.definition), "warnings": list(self.warnings)}

    def _periods(self, part: pl.DataFrame) -> dict[str, Any]:
        found = []
        for steps in part.partition_by("start", maintain_order=True):
            first = steps.row(0, named=True)
            head: dict[str, Any] = {name: first[name].isoformat() for name in ("start", "end")}
            counts = {name: first[name] for name in ("in_progress", "excluded", "tie_sensitive", "status")}
            found.append(head | {"steps": steps.drop(*head, *self.by, *counts).to_dicts()} | counts)
        return {"periods": found}


def funnel_trend(data: Dataset, spec: Funnel, grid: Grid) -> FunnelTrend:
    """Count units by step in every period of entry, each read on to the end of the window.

    Within a period the attempt that counts is chosen among the period's own entries, so a unit is there once; it is in
    as many periods as it has entries in.
    """
    variants, axis = found_by_ties(data, spec, grid), segment_axis(data)
    frames: list[pl.DataFrame] = []
    warnings: tuple[str, ...] = (SHARED,)
    for place in range(len(grid)):
        one = grid.only(place)
        inside = {name: found.filter(pl.col("period") == place) for name, found in variants.items()}
        found = answer(data, spec, inside, grid=one, axis=axis)
        days = {"start": pl.lit(grid.shown[place]), "end": pl.lit(grid.stops[place])}
        frames.append(found.table.select(**days, **{name: pl.col(name) for name in found.table.columns}))
        warnings = tuple(dict.fromkeys((*found.warnings, *warnings)))
    definition = dict(found.definition) | {"period": f"{grid.shown[0]}..{grid.stops[-1]}", "every": grid.every}
    return FunnelTrend(pl.concat(frames, how="vertical_relaxed"), definition, data.by, warnings, origin_of(data))
