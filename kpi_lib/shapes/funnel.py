"""Funnels: how many units get how far through a sequence of steps, how long it takes, and who is still under way.

The rules, each printed with the result: a window runs from the entry and includes its end; an attempt counts once its
whole window has been watched (ripe), whether it converted or not; one event never fills two steps; tied events may
stand in either order unless asked otherwise; of a unit's ripe attempts the deepest counts, of equally deep ones the
earliest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name
from kpi_lib.core.errors import nearest
from kpi_lib.core.measure import wilson
from kpi_lib.core.period import Grid
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.attempts import attempts, choose
from kpi_lib.shapes.funnel_rules import PRESETS, Funnel
from kpi_lib.shapes.sessions import group_name

__all__ = ["PRESETS", "Funnel", "FunnelResult", "attempts", "choose", "funnel"]


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """One row per segment and step, with the counts that are not steps, and the definition in force.

    Columns: segments, step, event, units, from_start, low, high, from_previous, previous_low, previous_high,
    median_seconds, p25_seconds, p75_seconds, in_progress, excluded, tie_sensitive, status.
    """

    table: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; with segments one result a group."""
        if not self.by:
            return self._one(self.table)
        parts = self.table.partition_by(list(self.by), maintain_order=True)
        return {"groups": {group_name(part.row(0, named=True), list(self.by)): self._one(part) for part in parts}}

    def _one(self, part: pl.DataFrame) -> dict[str, Any]:
        whole = part.row(0, named=True)
        counts = {name: whole[name] for name in ("in_progress", "excluded", "tie_sensitive", "status")}
        steps = part.drop(*self.by, *counts).to_dicts()
        return {"steps": steps, **counts, "definition": dict(self.definition), "warnings": list(self.warnings)}


def funnel(data: Dataset, spec: Funnel, *, grid: Grid | None = None) -> FunnelResult:
    """Count units by step: over all entries, or over the entries of one period read on to the end of the window."""
    found = attempts(data, spec, grid)
    found = join_segments(found.lazy(), data).collect().with_columns(usable=pl.col("ripe") | (spec.unripe == "include"))
    chosen = choose(found, spec, ["unit"])
    sensitive = _sensitive(data, spec, chosen, grid)
    table = _table(_standing(found, chosen, sensitive, data=data, spec=spec), chosen, data, spec)
    open_ones = spec.unripe == "include" and not found["ripe"].all()
    partial = open_ones or (grid is not None and grid.ends[-1] > data.observed_until)
    status = (
        pl.when(pl.col("units").first().over(list(data.by) or pl.lit(0)) == 0)
        .then(pl.lit("no_denominator"))
        .when(pl.lit(partial))
        .then(pl.lit("partial"))
        .when(pl.col("open") > 0)
        .then(pl.lit("ripening"))
        .otherwise(pl.lit("ok"))
    )
    rows = table.with_columns(status=status).drop("open")
    return FunnelResult(rows, _definition(data, spec, grid), data.by, _warnings(data, spec))


def _sensitive(data: Dataset, spec: Funnel, chosen: pl.DataFrame, grid: Grid | None) -> pl.DataFrame:
    """Units whose depth depends on whether tied events may stand in either order. Unordered steps do not know ties."""
    if spec.order == "unordered":
        return chosen.select("unit").clear()
    depths = []
    for ties in ("any", "strict"):
        counted = chosen
        if spec.ties != ties:
            found = attempts(data, replace(spec, ties=ties), grid)
            counted = choose(found.with_columns(usable=pl.col("ripe") | (spec.unripe == "include")), spec, ["unit"])
        depths.append(counted.sort("unit", "time", "row").group_by("unit", maintain_order=True).agg(pl.col("depth")))
    both = depths[0].join(depths[1], on="unit", how="full", coalesce=True)
    return both.filter(pl.col("depth").ne_missing(pl.col("depth_right"))).select("unit")


def _standing(
    found: pl.DataFrame, chosen: pl.DataFrame, sensitive: pl.DataFrame, *, data: Dataset, spec: Funnel
) -> pl.DataFrame:
    """One row per unit: its segment (at the chosen entry, else at its first) and where it stands."""
    first = found.sort("unit", "time", "row").unique("unit", keep="first", maintain_order=True)
    at_choice = chosen.unique("unit", keep="first", maintain_order=True)
    rest = first.join(at_choice, on="unit", how="anti")
    # who has an attempt under way may still get further, unless the goal is reached or only the first attempt counts
    settled = chosen.filter((pl.col("depth") == len(spec.steps)) | (spec.attempt == "first"))["unit"]
    may_change = (spec.attempt == "all") | ~pl.col("unit").is_in(settled.implode())
    usable = found.group_by("unit").agg(pl.col("usable").any(), young=(~pl.col("ripe")).any())
    usable = usable.with_columns(open=pl.col("young") & may_change).drop("young")
    rows = pl.concat([at_choice.select("unit", *data.by), rest.select("unit", *data.by)])
    return rows.join(usable, on="unit").with_columns(
        counted=pl.col("unit").is_in(at_choice["unit"].implode()),
        sensitive=pl.col("unit").is_in(sensitive["unit"].implode()),
    )


def _table(standing: pl.DataFrame, chosen: pl.DataFrame, data: Dataset, spec: Funnel) -> pl.DataFrame:
    """The spine of segments and steps with units, shares, times and the counts that are no steps."""
    by = list(data.by)
    axis = _axis(standing, data)
    width = len(spec.steps)
    events = spec.steps if spec.order != "unordered" else [f"any {k} of {width}" for k in range(1, width + 1)]
    steps = pl.DataFrame({"step": range(1, width + 1), "event": events})
    spine = axis.join(steps, how="cross", maintain_order="left_right")
    filled = spine.join(
        _levels(chosen, by, width), on=[*by, "step"], how="left", nulls_equal=True, maintain_order="left"
    ).with_columns(pl.col("units").fill_null(0))
    usable, counted = pl.col("usable"), pl.col("counted")
    flags = {"in_progress": ~usable, "excluded": usable & ~counted, "tie_sensitive": pl.col("sensitive")}
    flags["open"] = pl.col("open")
    sums = [flag.sum().cast(pl.Int64).alias(name) for name, flag in flags.items()]
    counts = standing.group_by(by).agg(sums) if by else standing.select(sums)
    how = {"on": by, "how": "left", "nulls_equal": True} if by else {"how": "cross"}
    filled = filled.join(counts, maintain_order="left_right", **how)
    filled = filled.with_columns(pl.col(list(flags)).fill_null(0)).with_columns(**_shares(by))
    quartiles = ("median_seconds", "p25_seconds", "p75_seconds")
    return filled.select(*by, "step", "event", "units", *_shares(by), *quartiles, *flags)


def _axis(standing: pl.DataFrame, data: Dataset) -> pl.DataFrame:
    """All segments, whether anybody entered there or not."""
    if not data.by:
        return pl.DataFrame({"whole": [0]})
    axis, *others = (data.segments(column).to_frame(column) for column in data.by)
    for other in others:
        axis = axis.join(other, how="cross", maintain_order="left_right")
    seen = standing.select(pl.col(data.by).cast(pl.String)).unique()
    return pl.concat([axis, seen]).unique().sort(data.by, nulls_last=True)


def _shares(by: list[str]) -> dict[str, pl.Expr]:
    """Share of the first step and of the step before, each with its interval."""
    group = by or pl.lit(0)
    whole = pl.col("units").first().over(group)
    before = pl.col("units").shift(1).over(group).fill_null(pl.col("units"))
    shares: dict[str, pl.Expr] = {}
    names = (("from_start", "low", "high"), ("from_previous", "previous_low", "previous_high"))
    for size, (share, low, high) in zip((whole, before), names, strict=True):
        shares[share] = pl.when(size > 0).then(pl.col("units") / size)
        shares[low], shares[high] = wilson(pl.col("units"), size)
    return shares


def _levels(chosen: pl.DataFrame, by: list[str], width: int) -> pl.DataFrame:
    """Units and time from the entry by step reached."""
    frames = []
    for k in range(1, width + 1):
        took = (pl.col(f"t{k}") - pl.col("time").to_physical()) / 1e6
        reached = chosen.filter(pl.col(f"t{k}").is_not_null()).select(*by, step=pl.lit(k, pl.Int64), took=took)
        frames.append(reached)
    quartiles = {f"p{q}_seconds": pl.col("took").quantile(q / 100, "linear") for q in (25, 75)}
    stats = pl.concat(frames).group_by(*by, "step")
    return stats.agg(pl.len().cast(pl.Int64).alias("units"), median_seconds=pl.col("took").median(), **quartiles)


def _definition(data: Dataset, spec: Funnel, grid: Grid | None) -> dict[str, Any]:
    period = None if grid is None else f"{grid.firsts[0]}..{grid.stops[-1]}"
    kept = asdict(spec) | {"steps": list(spec.steps), "exclude": list(spec.exclude)}
    return kept | {
        "by": [plain_name(column) for column in data.by],
        "period": period,
        "zone": data.zone,
        "observed_until": data.observed_until.isoformat(),
    }


def _warnings(data: Dataset, spec: Funnel) -> tuple[str, ...]:
    """A step that never occurs is no error, but it must be said."""
    there = event_names(data)
    names = dict.fromkeys([each.split("@")[0] for each in spec.steps] + list(spec.exclude))
    return tuple(
        f"no event is named {name!r} in the data. {nearest(name, there)}" for name in names if name not in there
    )
