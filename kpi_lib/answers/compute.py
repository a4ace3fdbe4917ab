"""Computing KPIs: names, data and a grid in, one tidy frame out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from kpi_lib.answers.demands import in_words, missing_inputs, units_of, value_of
from kpi_lib.answers.statistics import moved, prepared, seen_by, sources_of, tallied
from kpi_lib.core.dataset import MARK, Dataset, SegmentMissing, plain_name
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.measure import DERIVED, GAP
from kpi_lib.core.motions import interval_of_replicates, replicates, settle, spine_of
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SHARE, minor_digits
from kpi_lib.kpis.registry import REQUIRED, ChoiceNeeded, Kpi, find

FIGURES = ("value", "low", "high")
TAIL = ("start", "end", *FIGURES, "n", "unripe", "unit", "status")
SMALL_DISPLAY = 10


@dataclass(frozen=True, slots=True)
class Values:
    """Computed KPIs: `table` has one row per KPI, segment, component and period.

    Columns: kpi, segments and components, start, end, value, low, high, n, unripe, unit, status. `reasons` says why a KPI
    has no value; `definitions` holds the hash of each definition in force.
    """

    table: pl.DataFrame
    by: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    currency: str = "USD"
    fingerprint: str = ""
    every: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values; dates in ISO form, segments and components in `by`."""
        rows = []
        for row in self.table.iter_rows(named=True):
            columns = (*self.by, *self.parts.get(row["kpi"], ()))
            tail = {name: row[name] for name in TAIL}
            dates = {"start": row["start"].isoformat(), "end": row["end"].isoformat()}
            rows.append({"kpi": row["kpi"], "by": {plain_name(c): row[c] for c in columns}} | tail | dates)
        return {"rows": rows}

    def only(self, name: str, **parts: str) -> "Values":
        """The rows of one KPI, or of some of its segments or components (`percentile="p95"`); why there are none stays."""
        told = {} if name in self.reasons else parts
        return replace(self, table=self.table.filter(pl.col("kpi") == name, **told))


def compute(
    names: str | Sequence[str],
    data: Dataset,
    grid: Grid | Callable[[Kpi], Grid],
    by: Sequence[str] = (),
    *,
    options: Mapping[str, Any] | None = None,
) -> Values:
    """Compute KPIs for every period of a grid (or of the grid that a function gives each KPI), by segment columns if asked.

    Raises UsageError for an unknown KPI or column; what a workspace cannot compute comes back with a status and a reason.
    """
    asked = [find(name) for name in ([names] if isinstance(names, str) else names)]
    seen = data.with_by(tuple(by)) if by else data
    if by:
        _check_segments(asked, seen)
    choices = {**data.settings, **(options or {})}
    frames, reasons = [], {}
    periods = [grid if isinstance(grid, Grid) else grid(kpi) for kpi in asked]
    with prepared(list(zip(asked, periods, strict=True)), seen, choices):
        for kpi, own in zip(asked, periods, strict=True):
            frame, reason = _values(kpi, seen, own, choices)
            frames.append(frame)
            if reason:
                reasons[kpi.name] = reason
    parts = {kpi.name: kpi.parts for kpi in asked}
    columns = list(dict.fromkeys(["kpi", *seen.by, *(p for names in parts.values() for p in names), *TAIL]))
    table = pl.concat(frames, how="diagonal_relaxed")
    absent = [pl.lit(None, dtype=pl.String).alias(column) for column in columns if column not in table.columns]
    table = table.with_columns(absent).select(columns)
    hashes = {kpi.name: kpi.definition_hash(choices) for kpi in asked}
    return Values(
        table, seen.by, parts, reasons, hashes, data.currency, data.fingerprint, periods[-1].every if asked else ""
    )


def segmentable(names: str | Sequence[str], data: Dataset, columns: Sequence[str]) -> tuple[str, ...]:
    """Of these columns those by which at least one of the KPIs can be cut here, for a notebook that must run anywhere."""
    tables = {table for name in ([names] if isinstance(names, str) else names) for table in _tables(find(name), data)}
    return tuple(column for column in columns if any(column in data.columns(table) for table in tables))


def _check_segments(asked: list[Kpi], data: Dataset) -> None:
    """A column that no asked KPI has is a mistake; one that some lack is told per KPI."""
    for column in data.by:
        data.segments(column)
    lacking = [_lacks_segment(kpi, data) for kpi in asked]
    if asked and all(lacking):
        known = {c for table in _tables(asked[0], data) for c in data.columns(table) if not c.endswith(MARK)}
        where = f"the tables of {asked[0].name}, which are {', '.join(sorted(_tables(asked[0], data)))} (--by)"
        raise unknown("column", plain_name(lacking[0] or ""), known, where=where)


def _tables(kpi: Kpi, data: Dataset) -> set[str]:
    """The tables that a KPI reads, and the users."""
    return {*sources_of(kpi, data), *(["users"] if data.columns("users") else [])}


def _lacks_segment(kpi: Kpi, data: Dataset) -> str | None:
    tables = kpi.tables | {"users"}
    if "events" in tables:
        tables.add(data.activity)
    return next((c for c in data.by if not any(c in data.columns(table) for table in tables)), None)


def _values(kpi: Kpi, data: Dataset, grid: Grid, choices: Mapping[str, Any]) -> tuple[pl.DataFrame, str]:
    """The tidy rows of one KPI, and the reason if there are no figures."""
    data = seen_by(kpi, data)
    if missing := missing_inputs(kpi, data):
        return _blank(kpi, data, grid, "missing_input"), f"needs {in_words(missing)}"
    required = [name for name, default in kpi.options.items() if default is REQUIRED and name not in choices]
    if required:
        return _blank(kpi, data, grid, "needs_choice"), f"choose {required[0]} under [settings] in kpi.toml"
    try:
        if column := _lacks_segment(kpi, data):
            if kpi.measure is not DERIVED:
                units_of(kpi, data, grid, choices)  # a choice that is missing is told first
            raise SegmentMissing(column)
        if kpi.measure is GAP:
            return _gaps(kpi, data, grid, choices), ""
        figures = _derived(kpi, data, grid, choices) if kpi.measure is DERIVED else _direct(kpi, data, grid, choices)
    except ChoiceNeeded as needed:
        return _blank(kpi, data, grid, "needs_choice"), str(needed)
    except SegmentMissing as missed:
        return _blank(kpi, data, grid, "no_segment"), f"has no column {missed.column}"
    return _tidy(kpi, data, figures), ""


def _blank(kpi: Kpi, data: Dataset, grid: Grid, status: str) -> pl.DataFrame:
    periods = grid.frame(data.observed_from, data.observed_until).select("start", "end")
    nothing = dict.fromkeys(FIGURES, pl.lit(None, dtype=pl.Float64))
    counts = {
        "n": pl.lit(0, pl.Int64),
        "unripe": pl.lit(0, pl.Int64),
        "unit": pl.lit(kpi.unit.name),
        "status": pl.lit(status),
    }
    return periods.with_columns(kpi=pl.lit(kpi.name), **nothing, **counts)


def _direct(kpi: Kpi, data: Dataset, grid: Grid, choices: Mapping[str, Any]) -> pl.DataFrame:
    window = grid.trailing(kpi.window_on(grid.every))
    stats = tallied(kpi, data, window, choices, folds=kpi.measure.jackknife)
    return settle(stats, data, _periods(kpi, data, grid, window))


def _periods(kpi: Kpi, data: Dataset, grid: Grid, window: Grid) -> pl.DataFrame:
    """The spine of periods with what is known of each: early (and whether that voids the value), partial."""
    frame = window.frame(data.observed_from, data.observed_until)
    early = frame["early"]
    voids = kpi.window is not None
    if kpi.lookback == "before":
        early = window.before().frame(data.observed_from, data.observed_until)["early"]
        # half a month as the base of a growth rate is wrong; as the group to follow it is only smaller
        voids = kpi.measure is DERIVED
    elif kpi.lookback == "first":
        early = pl.Series([start <= data.observed_from for start in window.starts])
    # a count of nothing is 0 only where somebody looked: in the period, and in the window that is counted
    unseen = (grid.frame(data.observed_from, data.observed_until)["seen"] <= 0) | (frame["seen"] <= 0)
    void = (early if voids else early & False) | unseen
    for part in kpi.components:
        earlier, theirs = moved(window, part)
        own = _periods(theirs, data, earlier, earlier.trailing(theirs.window_on(grid.every)))
        early, void = early | own["early"], void | own["void"]
    return frame.with_columns(early=early, void=void, unseen=unseen)


def _derived(kpi: Kpi, data: Dataset, grid: Grid, choices: Mapping[str, Any]) -> pl.DataFrame:
    """A KPI made of others: computed on the parts of everybody, and on the parts with each twentieth of users left out."""
    window = grid.trailing(kpi.window_on(grid.every))
    periods = _periods(kpi, data, grid, window)
    copies = _copies(kpi, data, grid, choices)
    found = interval_of_replicates(copies, ["period", *data.by])
    return periods.join(found, on="period", maintain_order="left")


def _copies(kpi: Kpi, data: Dataset, grid: Grid, choices: Mapping[str, Any]) -> pl.DataFrame:
    """A KPI of everybody (left_out −1) and with each twentieth of users left out; n and unripe are those of the last part."""
    window = grid.trailing(kpi.window_on(grid.every))
    if kpi.measure is not DERIVED:
        stats = tallied(kpi, data, window, choices, folds=True)
        frame = window.frame(data.observed_from, data.observed_until)
        return replicates(stats, spine_of(stats, data, frame.select("period", "days", "seen")))
    keys = ["period", *data.by, "left_out"]
    whole: pl.DataFrame | None = None
    for part in kpi.components:
        earlier, theirs = moved(window, part)
        kept = _copies(theirs, data, earlier, choices).select(*keys, "n", "unripe", pl.col("value").alias(part))
        if whole is not None:  # a segment may be known to one part only, as a channel that nobody came by
            whole = whole.drop("n", "unripe")
            kept = whole.join(kept, on=keys, how="full", nulls_equal=True, coalesce=True, maintain_order="left_right")
        whole = kept.with_columns(pl.col("n", "unripe").fill_null(0))
    if whole is None:
        raise TypeError(f"{kpi.name} is derived from nothing")
    # a column of one value would be a scalar, by whose reciprocal Polars multiplies: off in the last bit
    plain = pl.DataFrame(whole.get_columns())
    return plain.with_columns(value=value_of(kpi, choices)).drop(kpi.components)


def _gaps(kpi: Kpi, data: Dataset, grid: Grid, choices: Mapping[str, Any]) -> pl.DataFrame:
    """The KPIs that benchmarks name, each as its distance from the published figure, in parts of it."""
    if data.by:
        raise SegmentMissing(data.by[0])
    published = units_of(kpi, data, grid, choices).select("benchmark", "value").unique().sort("benchmark").collect()
    frames = [_blank(kpi, data, grid, "no_denominator").with_columns(benchmark=pl.lit(None, pl.String))]
    for name, figure in published.iter_rows():
        other = find(name)
        if other.parts:
            raise UsageError(f"table benchmarks: {name} has several values; a benchmark needs a KPI that has one.")
        sign = -1 if other.direction == DOWN else 1
        ends = ("high", "low") if sign < 0 else ("low", "high")
        sides = zip(FIGURES, ("value", *ends), strict=True)
        gaps = {to: _apart(pl.col(of), figure) * sign for to, of in sides}
        rows = _values(other, data, grid, choices)[0]
        frames.append(
            rows.with_columns(**gaps, kpi=pl.lit(kpi.name), benchmark=pl.lit(name), unit=pl.lit(kpi.unit.name))
        )
    found = pl.concat(frames[1:] or frames, how="diagonal_relaxed")
    return found.select("kpi", *kpi.parts, *TAIL)


def _apart(value: pl.Expr, figure: float) -> pl.Expr:
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    part = (value - figure) / (value * 0 + abs(figure))
    return pl.when(part.is_finite()).then(part)


def _tidy(kpi: Kpi, data: Dataset, figures: pl.DataFrame) -> pl.DataFrame:
    """Scale money, say how each figure stands, and keep the columns of the contract."""
    rows = _scaled(figures, minor_digits(data.currency)) if kpi.unit.money else figures
    if not kpi.signed:  # a symmetric interval may reach beyond what can be
        rows = rows.with_columns(pl.col("low", "high").clip(0.0, 1.0 if kpi.unit is SHARE else None))
    if kpi.measure is DERIVED:
        rows = rows.with_columns(void=pl.col("void") | pl.col("partial"))
    counted = [pl.when(~pl.col("unseen")).then(pl.col(name)).otherwise(0).alias(name) for name in ("n", "unripe")]
    rows = rows.with_columns(*(pl.when(~pl.col("void")).then(pl.col(name)).alias(name) for name in FIGURES), *counted)
    nothing = pl.col("value").is_null() | (not kpi.measure.zero and (pl.col("n") == 0))
    floor = max(kpi.measure.floor, SMALL_DISPLAY if kpi.measure is DERIVED else 0)
    status = (
        pl.when("early").then(pl.lit("early"))
        .when("partial").then(pl.lit("partial"))
        .when(pl.col("unripe") > 0).then(pl.lit("ripening"))
        .when(nothing).then(pl.lit("no_denominator"))
        .when(pl.col("n") < floor).then(pl.lit("small_n"))
        .otherwise(pl.lit("ok"))
    )  # fmt: skip
    labelled = rows.with_columns(kpi=pl.lit(kpi.name), unit=pl.lit(kpi.unit.name), status=status)
    ordered = labelled.sort(*data.by, *kpi.parts, "start", nulls_last=True, maintain_order=True)
    return ordered.select("kpi", *data.by, *kpi.parts, *TAIL)


def _scaled(figures: pl.DataFrame, digits: int) -> pl.DataFrame:
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    scaled = figures.with_columns(scale=pl.Series([10.0**digits] * len(figures)))
    return scaled.with_columns(pl.col(name) / pl.col("scale") for name in FIGURES).drop("scale")


def replicated(kpi: Kpi, data: Dataset, grid: Grid) -> pl.DataFrame:
    """Each whole period's value for everybody (left_out −1) and with each twentieth of users left out in turn.

    Columns: start, components, left_out, value. Periods that are void, early or not over are left out. The basis for
    intervals of differences between periods: the same users are left out on both sides.
    """
    data, window = seen_by(kpi, data), grid.trailing(kpi.window_on(grid.every))
    whole = _periods(kpi, data, grid, window).filter(~(pl.col("void") | pl.col("partial") | pl.col("early")))
    copies = _copies(kpi, data, grid, data.settings).with_columns(pl.col("value").cast(pl.Float64))
    if kpi.unit.money:
        scale = pl.Series([10.0 ** minor_digits(data.currency)] * len(copies))
        copies = copies.with_columns(pl.col("value") / scale)
    kept = copies.drop("start", strict=False).join(whole.select("period", "start"), on="period", maintain_order="left")
    return kept.select("start", *kpi.parts, "left_out", "value")
