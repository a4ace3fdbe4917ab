"""Cohorts: who comes back (or pays again) k periods after the start, and for whom that can be known yet.

A cell counts the members seen in period k so far; it is complete when every member's period k has been watched to its
end, and only complete cells enter rates and the pooled row.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.engine import over_users
from kpi_lib.core.measure import wilson
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, local_day
from kpi_lib.core.schema import columns
from kpi_lib.core.units import minor_digits
from kpi_lib.shapes.cohort_members import Followed, added, followed, number_of
from kpi_lib.shapes.cohort_rules import LENGTHS, Cohorts
from kpi_lib.shapes.curve import curve
from kpi_lib.shapes.newcomers import older_than_data, unwatched_at_first
from kpi_lib.shapes.sessions import group_name

__all__ = ["CohortResult", "Cohorts", "cohorts"]


@dataclass(frozen=True, slots=True)
class CohortResult:
    """`table`: one row per segment, cohort and k; `pooled`: one row per segment and k over all cohorts.

    table columns: segments, start, size, k, to, eligible, retained, complete, value, same_period (members with a return
    event in the period of their start, where that is another event). `curve`: one row per segment and k with the simple
    mean over cohorts, the rate of the period before over the same members, and survival. `warnings`: why a first time may
    not be one.
    """

    table: pl.DataFrame
    pooled: pl.DataFrame
    curve: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; with segments one result a group."""
        if not self.by:
            return self._one(self.table, self.pooled, self.curve)
        groups = {}
        for part in self.table.partition_by(list(self.by), maintain_order=True):
            here = part.row(0, named=True)
            own = pl.all_horizontal(
                pl.col(column).eq_missing(pl.lit(here[column], dtype=pl.String)) for column in self.by
            )
            groups[group_name(here, list(self.by))] = self._one(
                part.drop(self.by), self.pooled.filter(own).drop(self.by), self.curve.filter(own).drop(self.by)
            )
        return {"groups": groups}

    def _one(self, table: pl.DataFrame, pooled: pl.DataFrame, curve: pl.DataFrame) -> dict[str, Any]:
        spans = [] if self.definition["mode"] == "bracket" else ["to"]
        cohorts = []
        for part in table.partition_by("start", maintain_order=True):
            head = {"start": part["start"][0].isoformat(), "size": part["size"][0]}
            same = {} if part["same_period"][0] is None else {"same_period": part["same_period"][0]}
            cells = part.drop("start", "size", "same_period", *spans).to_dicts()
            cohorts.append(head | same | {"cells": cells})
        rows = {"pooled": pooled.drop(spans).to_dicts(), "curve": curve.drop(spans).to_dicts()}
        return {"cohorts": cohorts} | rows | {"definition": dict(self.definition), "warnings": list(self.warnings)}


def cohorts(data: Dataset, spec: Cohorts, *, grid: Grid | None = None) -> CohortResult:
    """Build the cohort table; with a grid, of those who started in its periods (their returns are read to the end)."""
    by = list(data.by)
    found = added(over_users(data, partial(followed, spec=spec, grid=grid)), by)
    sizes = found.members.group_by(*by, "cohort", "start").agg(
        pl.col("users").sum().alias("size"), pl.col("entry").min().alias("earliest")
    )
    cells = _cells(spec, sizes, found.last)
    parts = (_eligible(data, spec, found.members, cells), _retained(spec, found.seen, by), _values(data, spec, found))
    for part in (*parts, found.same):
        keys = [*by, "cohort"] if "k" not in part.columns else [*by, "cohort", "k"]
        cells = cells.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    table = _filled(spec, cells).sort(*by, "cohort", "k", nulls_last=True)
    order = [*by, "start", "size", "k", "to", "eligible", "retained", "complete", "value", "same_period"]
    rules = {"events": list(spec.events), "brackets": [list(pair) for pair in spec.brackets], "zone": data.zone}
    rules |= {"by": [plain_name(column) for column in by], "observed_until": data.observed_until.isoformat()}
    lives = found.lives if spec.gone_after else None
    line = curve(table, found.seen, found.members, by, steps=spec.mode != "bracket", lives=lives)
    signed = spec.start_event == "signup"
    said = unwatched_at_first(data) if signed else () if spec.recurring else older_than_data(data, sizes, spec.grain)
    pooled, told = _pooled(table, spec, by), asdict(spec) | rules
    return CohortResult(table.select(order), pooled, line, told, data.by, said, origin_of(data))


def _filled(spec: Cohorts, cells: pl.DataFrame) -> pl.DataFrame:
    """Cells in which nobody came hold 0, the cell of the start all members."""
    start = (pl.col("k") == 0).alias("start_cell")
    filled = cells.with_columns(pl.col("eligible", "retained", "both").fill_null(0), start).with_columns(
        retained=pl.when("start_cell").then("size").otherwise("retained"),
        both=pl.when("start_cell").then("eligible").otherwise("both"),
        value=pl.col("value").fill_null(0.0) if spec.value else pl.col("value"),
        same_period=pl.col("same_period").fill_null(0) if spec.comes_back_otherwise else pl.lit(None, pl.Int64),
    )
    return filled.with_columns(complete=(pl.col("eligible") == pl.col("size")))


def _cells(spec: Cohorts, sizes: pl.DataFrame, last: int | None) -> pl.DataFrame:
    """The empty table: one row per cohort and k, to the period that holds the last event."""
    if last is None or sizes.is_empty():
        return sizes.drop("earliest").with_columns(k=pl.lit(0, pl.Int64), to=pl.lit(0, pl.Int64))
    furthest = pl.lit(last) - pl.col("cohort")
    if spec.clock == "elapsed":
        furthest = (pl.lit(last) - pl.col("earliest")).floordiv(LENGTHS[spec.grain])
    furthest = furthest.clip(lower_bound=0, upper_bound=spec.periods)
    if spec.mode == "bracket":
        own = any(lo == 0 for lo, _ in spec.brackets)
        spans = spec.brackets if own else ((0, 0), *spec.brackets)
        spread = pl.DataFrame(
            {"k": [lo for lo, _ in spans], "to": [hi for _, hi in spans]}, schema={"k": pl.Int64, "to": pl.Int64}
        )
        return (
            sizes.with_columns(furthest=furthest)
            .join(spread.sort("k"), how="cross")
            .filter(pl.col("k") <= pl.col("furthest"))
            .drop("furthest", "earliest")
        )
    spread = sizes.with_columns(k=pl.int_ranges(0, furthest + 1, dtype=pl.Int64)).explode("k")
    return spread.with_columns(to=pl.col("k")).drop("earliest")


def _eligible(data: Dataset, spec: Cohorts, members: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Members whose period k has been watched to its end."""
    keys = [*data.by, "cohort", "k"]
    if spec.clock == "calendar":
        until = pl.select(number_of(pl.lit(local_day(data.observed_until, data.zone)), data, spec)).item()
        whole = pl.when(pl.col("cohort") + pl.col("to") < until).then("size").otherwise(0)
        return cells.select(*keys, eligible=whole)
    spans = cells.select(*keys, "to").join(members, on=[*data.by, "cohort"], nulls_equal=True)
    return spans.filter(pl.col("to") < pl.col("watched")).group_by(keys).agg(pl.col("users").sum().alias("eligible"))


def _retained(spec: Cohorts, seen: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Members seen in period k so far, and those of them that are eligible."""
    to = pl.col("k")
    for lo, hi in spec.brackets:
        to = pl.when(pl.col("k") == lo).then(hi).otherwise(to)
    watched = to < pl.col("watched") if spec.clock == "elapsed" else pl.lit(True)
    counts = {"retained": pl.col("users").sum(), "both": pl.col("users").filter(pl.col("both")).sum()}
    return seen.with_columns(both=watched).group_by(*by, "cohort", "k").agg(**counts)


def _values(data: Dataset, spec: Cohorts, found: Followed) -> pl.DataFrame:
    """The sum of the value column per cell; money in units of the currency, other numbers as they are."""
    keys = [*data.by, "cohort", "k"]
    if spec.value is None:
        return found.worth.group_by(keys).agg(value=pl.lit(None, dtype=pl.Float64).first())
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    known = columns(data.activity).get(spec.value)
    digits = minor_digits(data.currency) if known is not None and known.kind == "money" else 0
    sums = found.worth.group_by(keys).agg(pl.col("worth").sum().cast(pl.Float64))
    scaled = sums.with_columns(scale=pl.Series([10.0**digits] * len(sums), dtype=pl.Float64))
    return scaled.select(*keys, value=pl.col("worth") / pl.col("scale"))


def _pooled(table: pl.DataFrame, spec: Cohorts, by: list[str]) -> pl.DataFrame:
    """Retained over eligible for each k, summed over complete cells; on the elapsed clock over eligible members."""
    usable = pl.col("complete") if spec.clock == "calendar" else pl.lit(True)
    counts = {"eligible": "eligible", "retained": "both" if spec.clock == "elapsed" else "retained"}
    sums = table.group_by(*by, "k", "to").agg(
        **{name: pl.col(column).filter(usable).sum() for name, column in counts.items()}
    )
    low, high = wilson(pl.col("retained"), pl.col("eligible"))
    rate = pl.when(pl.col("eligible") > 0).then(pl.col("retained") / pl.col("eligible"))
    return sums.sort(*by, "k", nulls_last=True).with_columns(rate=rate, low=low, high=high)
