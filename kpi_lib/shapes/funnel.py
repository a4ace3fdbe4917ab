"""Funnels: how many units get how far through a sequence of steps, how long it takes, and who is still under way.

The rules, each printed with the result: a window runs from the entry and includes its end; an attempt counts once its
whole window has been watched (ripe), whether it converted or not; one event never fills two steps; tied events may
stand in either order unless asked otherwise; of a unit's ripe attempts the deepest counts, of equally deep ones the
earliest.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name
from kpi_lib.core.distribution import seconds_of
from kpi_lib.core.engine import over_users, spread
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import wilson
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.core.schema import TABLES
from kpi_lib.core.units import minor_digits
from kpi_lib.shapes.attempts import attempts, choose, entry_rows
from kpi_lib.shapes.funnel_counts import TIMES, Counts, counts_of, levels, merged
from kpi_lib.shapes.funnel_pass import passed
from kpi_lib.shapes.funnel_range import by_range, warnings_of
from kpi_lib.shapes.funnel_rules import PRESETS, Funnel, required_before
from kpi_lib.shapes.sessions import group_name

__all__ = ["PRESETS", "Funnel", "FunnelResult", "attempts", "choose", "funnel"]

# bins of time to convert: edges that people read, each about three times the one before
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
SHORT = (0.0, 1.0, 3.0, 10.0, 30.0, MINUTE, 3 * MINUTE, 10 * MINUTE, 30 * MINUTE)
EDGES = (*SHORT, HOUR, 3 * HOUR, 8 * HOUR, DAY, 3 * DAY, 7 * DAY, 21 * DAY, 60 * DAY, 180 * DAY, 365 * DAY)


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """One row per segment and step, with the counts that are not steps, and the definition in force.

    Columns: segments, step, event, units, from_start, low, high, from_previous, previous_low, previous_high, then
    median, p25, p75, p90 and mean seconds from the entry (median_seconds …) and from the required step before
    (previous_median_seconds …), value (where one was asked for), in_progress, excluded, tie_sensitive, status.
    `people` has one row per counted attempt, and one per unit that has none.
    """

    table: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ask_people: Callable[[], pl.DataFrame] = field(default=pl.DataFrame, repr=False, compare=False)
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def people(self) -> pl.DataFrame:
        """One row per counted attempt and per unit without one, with the times of its steps; worked out when asked for."""
        return self.ask_people()

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

    def users(self) -> pl.DataFrame:
        """Who got how far: one row per counted attempt, and one per unit without any, by user and time of entry.

        Columns: user_id, the unit's own columns, segments, entered, step and event reached last, seconds from the entry
        to it, outcome (converted, dropped, in_progress, excluded). A step of 0 means that no attempt counts.
        """
        return self.people.drop(pl.selectors.matches(r"^t\d+$"))

    def histogram(self) -> pl.DataFrame:
        """How long those who converted took: bins that grow tenfold or so, [low_seconds, high_seconds), units in each.

        One row per segment and bin, from the first to the last bin that anybody is in.
        """
        done = self.people.filter(pl.col("outcome") == "converted").select(*self.by, "seconds")
        bins = pl.DataFrame({"bin": range(len(EDGES)), "low_seconds": EDGES, "high_seconds": [*EDGES[1:], None]})
        placed = done.with_columns(bin=pl.lit(pl.Series(EDGES)).search_sorted(pl.col("seconds"), side="right") - 1)
        counted = placed.group_by(*self.by, pl.col("bin").cast(pl.Int64)).agg(units=pl.len().cast(pl.Int64))
        used = bins.filter(pl.col("bin").is_between(counted["bin"].min(), counted["bin"].max()))
        groups = self.table.select(self.by).unique(maintain_order=True) if self.by else pl.DataFrame({"whole": [0]})
        spine = groups.join(used, how="cross", maintain_order="left_right")
        rows = spine.join(counted, on=[*self.by, "bin"], how="left", nulls_equal=True, maintain_order="left")
        return rows.select(*self.by, "low_seconds", "high_seconds", pl.col("units").fill_null(0))


def funnel(data: Dataset, spec: Funnel, *, grid: Grid | None = None) -> FunnelResult:
    """Count units by step: over all entries, or over the entries of one period read on to the end of the window."""
    if spread() and spec.unit not in ("user", "session"):
        raise UsageError(f"parts of users share a {spec.unit}: unit {spec.unit} is counted without --engine spark.")
    axis = segment_axis(data)
    found = merged(over_users(data, partial(_counts, spec=spec, grid=grid)), data.by)

    def people() -> pl.DataFrame:
        found = by_range(data, spec, partial(_made_by, spec=spec, grid=grid), why="who they are is asked", ids=True)
        together: pl.DataFrame = pl.concat(found, how="vertical_relaxed")
        return together

    return _result(data, spec, found, grid=grid, axis=axis, people=people)


def _counts(data: Dataset, *, spec: Funnel, grid: Grid | None) -> Counts:
    """What the funnel of these users comes to: in one pass where its rules and the form of the data allow it."""
    quick = passed(data, spec, grid)
    if isinstance(quick, Counts):
        return quick
    return merged(by_range(data, spec, partial(_general, spec=spec, grid=grid), why=quick), data.by)


def _general(data: Dataset, *, spec: Funnel, grid: Grid | None) -> Counts:
    """What the funnel comes to by the general rules."""
    return _answered(data, spec, found_by_ties(data, spec, grid))[0]


def _made_by(data: Dataset, *, spec: Funnel, grid: Grid | None) -> pl.DataFrame:
    """Who got how far; ties do not matter."""
    return _answered(data, spec, {"asked": _found(data, spec, grid)})[1]()


def found_by_ties(data: Dataset, spec: Funnel, grid: Grid | None) -> dict[str, pl.DataFrame]:
    """The attempts under the rule asked for ("asked"), with tied events in either order and in none.

    Unordered steps do not know ties.
    """
    if spec.order == "unordered":
        return {"asked": _found(data, spec, grid)}
    rows = entry_rows(data, spec)
    asked = _found(data, spec, grid, rows)
    if spec.ties in ("any", "strict") and spec.grace is None:
        # whoever has no tied events gets equally far in both orders: the others alone are followed once more
        tied = rows.filter(pl.col("group") == pl.col("group").shift(1))["unit"].unique()
        some, other = pl.col("unit").is_in(tied.implode()), "any" if spec.ties == "strict" else "strict"
        turned = _found(data, replace(spec, ties=other), grid, rows.filter(some))
        return {"asked": asked, spec.ties: asked.filter(some), other: turned}
    free = asked if spec.ties == "any" else _found(data, replace(spec, ties="any"), grid)
    fixed = _found(data, replace(spec, ties="strict", grace=None), grid)
    return {"asked": asked, "any": free, "strict": fixed}


def _found(data: Dataset, spec: Funnel, grid: Grid | None, rows: pl.DataFrame | None = None) -> pl.DataFrame:
    found = join_segments(attempts(data, spec, grid, rows=rows).lazy(), data).collect()
    return found.with_columns(usable=pl.col("ripe") | (spec.unripe == "include"))


def answer(
    data: Dataset, spec: Funnel, variants: Mapping[str, pl.DataFrame], *, grid: Grid | None, axis: pl.DataFrame
) -> FunnelResult:
    """The result that attempts give."""
    counts, people = _answered(data, spec, variants)
    return _result(data, spec, counts, grid=grid, axis=axis, people=people)


def _answered(
    data: Dataset, spec: Funnel, variants: Mapping[str, pl.DataFrame]
) -> tuple[Counts, Callable[[], pl.DataFrame]]:
    """What attempts come to, and who made them."""
    found = variants["asked"]
    chosen = choose(found, spec, ["unit"])
    rest = found.sort("unit", "time", "row").unique("unit", keep="first", maintain_order=True)
    rest = rest.join(chosen, on="unit", how="anti", maintain_order="left")
    standing = _standing(found, chosen, rest, sensitive=_sensitive(variants, spec), data=data, spec=spec)
    counts = counts_of(standing, chosen, by=data.by, spec=spec, ripe=bool(found["ripe"].all()))
    return counts, partial(_people, chosen, rest, data=data, spec=spec)


def _result(
    data: Dataset,
    spec: Funnel,
    found: Counts,
    *,
    grid: Grid | None,
    axis: pl.DataFrame,
    people: Callable[[], pl.DataFrame],
) -> FunnelResult:
    table = _table(found, axis, data=data, spec=spec)
    open_ones = spec.unripe == "include" and not found.all_ripe
    unsettled = open_ones or (grid is not None and grid.ends[-1] > data.observed_until)
    status = (
        pl.when(pl.col("units").first().over(list(data.by) or pl.lit(0)) == 0)
        .then(pl.lit("no_denominator"))
        .when(pl.lit(unsettled))
        .then(pl.lit("partial"))
        .when(pl.col("open") > 0)
        .then(pl.lit("ripening"))
        .otherwise(pl.lit("ok"))
    )
    rows = table.with_columns(status=status).drop("open")
    rules = _definition(data, spec, grid)
    return FunnelResult(rows, rules, data.by, warnings_of(data, spec), people, origin_of(data))


def _sensitive(variants: Mapping[str, pl.DataFrame], spec: Funnel) -> pl.Series:
    """Units whose depth depends on whether tied events may stand in either order."""
    if "any" not in variants:
        return variants["asked"]["unit"].clear()
    depths = []
    for ties in ("any", "strict"):
        counted = choose(variants[ties], spec, ["unit"])
        depths.append(counted.sort("unit", "time", "row").group_by("unit", maintain_order=True).agg(pl.col("depth")))
    both = depths[0].join(depths[1], on="unit", how="full", coalesce=True)
    return both.filter(pl.col("depth").ne_missing(pl.col("depth_right")))["unit"]


def _standing(
    found: pl.DataFrame, chosen: pl.DataFrame, rest: pl.DataFrame, *, sensitive: pl.Series, data: Dataset, spec: Funnel
) -> pl.DataFrame:
    """One row per unit: its segment (of the chosen attempt, else of its first) and where it stands."""
    at_choice = chosen.unique("unit", keep="first", maintain_order=True)
    # who has an attempt under way may still get further, unless the goal is reached or only the first attempt counts
    settled = chosen.filter((pl.col("depth") == len(spec.steps)) | spec.attempt.startswith("first"))["unit"]
    may_change = ~pl.col("unit").is_in(settled.implode()) | (spec.attempt == "all") | (spec.exclusion == "unit")
    usable = found.group_by("unit").agg(pl.col("usable").any(), young=(~pl.col("ripe")).any())
    usable = usable.with_columns(open=pl.col("young") & may_change).drop("young")
    rows = pl.concat([at_choice.select("unit", *data.by), rest.select("unit", *data.by)])
    return rows.join(usable, on="unit").with_columns(
        counted=pl.col("unit").is_in(at_choice["unit"].implode()),
        sensitive=pl.col("unit").is_in(sensitive.implode()),
    )


def _people(chosen: pl.DataFrame, rest: pl.DataFrame, *, data: Dataset, spec: Funnel) -> pl.DataFrame:
    """One row per counted attempt and per unit without one, with the times of its steps."""
    last = len(spec.steps)
    own = [
        column for column in dict.fromkeys((spec.unit, spec.hold)) if column in chosen.columns and column != "user_id"
    ]
    names = pl.Series([None, *spec.events])
    reached = pl.max_horizontal(f"t{at + 1}" for at in spec.required)
    counted = chosen.with_columns(
        step=pl.col("depth"),
        seconds=seconds_of(reached - pl.col("time").to_physical()),
        outcome=pl.when(pl.col("depth") == last).then(pl.lit("converted")).otherwise(pl.lit("dropped")),
    )
    others = rest.with_columns(
        step=pl.lit(0, pl.Int64),
        seconds=pl.lit(None, pl.Float64),
        outcome=pl.when("usable").then(pl.lit("excluded")).otherwise(pl.lit("in_progress")),
    )
    both = pl.concat([counted, others.with_columns(pl.lit(None, pl.Int64).alias(f"t{k}") for k in range(1, last + 1))])
    event = pl.col("step").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    columns = ["user_id", *own, *data.by, "entered", "step", "event", "seconds", "outcome"]
    named = (
        both.rename({"time": "entered"}).with_columns(event=event).sort("user_id", "entered", "row", nulls_last=True)
    )
    return named.select(*dict.fromkeys(columns), *(f"t{k}" for k in range(1, last + 1)))


def _table(found: Counts, axis: pl.DataFrame, *, data: Dataset, spec: Funnel) -> pl.DataFrame:
    """The spine of segments and steps with units, shares, times and the counts that are no steps."""
    by = list(data.by)
    if by:
        seen = [each.select(by) for each in (found.stands, found.times)]
        axis = pl.concat([axis, *seen]).unique().sort(by, nulls_last=True)
    width = len(spec.steps)
    events = spec.events if spec.order != "unordered" else [f"any {k} of {width}" for k in range(1, width + 1)]
    before = [required_before(spec.steps, k) + 1 for k in range(width)]
    steps = pl.DataFrame({"step": range(1, width + 1), "event": events, "before": before})
    spine = axis.join(steps, how="cross", maintain_order="left_right")
    reached = levels(found.times, by)
    filled = spine.join(reached, on=[*by, "step"], how="left", nulls_equal=True, maintain_order="left")
    filled = filled.with_columns(
        pl.col("units").fill_null(0), value=pl.col("worth").fill_null(0) / scale_of(data, spec)
    )
    flags = ("in_progress", "excluded", "tie_sensitive", "open")
    how = {"on": by, "how": "left", "nulls_equal": True} if by else {"how": "cross"}
    filled = filled.join(found.stands, maintain_order="left_right", **how)
    filled = filled.with_columns(pl.col(flags).fill_null(0)).with_columns(**_shares(by))
    times = [f"{lead}{name}_seconds" for lead in ("", "previous_") for name in TIMES]
    return filled.select(*by, "step", "event", "units", *_shares(by), *times, *(["value"] * bool(spec.value)), *flags)


def segment_axis(data: Dataset) -> pl.DataFrame:
    """All segments, whether anybody entered there or not."""
    if not data.by:
        return pl.DataFrame({"whole": [0]})
    axis, *others = (data.segments(column).to_frame(column) for column in data.by)
    for other in others:
        axis = axis.join(other, how="cross", maintain_order="left_right")
    return axis


def _shares(by: list[str]) -> dict[str, pl.Expr]:
    """Share of the first step and of the required step before, each with its interval."""
    group = by or pl.lit(0)
    whole = pl.col("units").first().over(group)
    before = pl.col("units").gather(pl.col("before") - 1).over(group)
    shares: dict[str, pl.Expr] = {}
    names = (("from_start", "low", "high"), ("from_previous", "previous_low", "previous_high"))
    for size, (share, low, high) in zip((whole, before), names, strict=True):
        shares[share] = pl.when(size > 0).then(pl.col("units") / size)
        shares[low], shares[high] = wilson(pl.col("units"), size)
    return shares


def scale_of(data: Dataset, spec: Funnel) -> int:
    """What a unit of the value column is divided by: amounts of orders are kept in the smallest unit of the currency."""
    money = {column.name for column in TABLES[data.activity] if column.kind == "money"}
    return 10 ** minor_digits(data.currency) if spec.value in money else 1


def _definition(data: Dataset, spec: Funnel, grid: Grid | None) -> dict[str, Any]:
    period = None if grid is None else f"{grid.firsts[0]}..{grid.stops[-1]}"
    rules = asdict(spec)
    return {
        name: list(each) if isinstance(each, tuple) else each for name, each in rules.items() if name != "system"
    } | {
        "preset": spec.system,
        "table": data.activity,
        "by": [plain_name(column) for column in data.by],
        "period": period,
        "zone": data.zone,
        "observed_until": data.observed_until.isoformat(),
    }
