"""Where a change came from: what each segment contributed by its size (mix) and by its own figure (rate)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.compute import Values, compute
from kpi_lib.answers.demands import units_of
from kpi_lib.core.dataset import Dataset, SegmentMissing, plain_name
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import DERIVED
from kpi_lib.core.motions import by_period, tally
from kpi_lib.core.period import Grid
from kpi_lib.kpis.registry import ChoiceNeeded, Kpi, base_of, find

USUAL = ("channel", "country", "plan", "platform", "product", "category")
COLUMNS = 5
MOST = 12  # values of a column that is offered as an explanation
STANDS_OUT = 0.15  # a segment explains when its part of the change is so much above its part of the whole
SUMS = {"proportion": ("hits", "n"), "mean": ("total", "n"), "ratio": ("num", "den"), "quotient": ("num", "den")}
ADDED = ("count", "total", "per_day", "stock")
Sides = dict[Any, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Contributions:
    """How a figure's change divides among the segments of a column.

    `table`: one row per segment, the largest contribution first and those against the change last: segment, before, after
    (its own figure), weight_before, weight_after (its part of the whole), mix, rate, effect = mix + rate. The effects add up
    to `change`, what belongs to no single segment (users in several) as the segment `several` included.
    """

    kpi: str
    column: str
    before: date
    after: date
    change: float
    table: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        head = {"column": plain_name(self.column), "before": str(self.before), "after": str(self.after)}
        return head | {"change": self.change, "rows": self.table.to_dicts()}


SEVERAL = "(in several)"
_SCHEMA = {"segment": pl.String} | dict.fromkeys(
    ("before", "after", "weight_before", "weight_after", "mix", "rate", "effect"), pl.Float64
)


def best_explained(name: str, data: Dataset, before: Grid, after: Grid) -> Contributions | None:
    """The change between two periods by the column in which one segment stands out most; None where none does."""
    wholes = _wholes(find(name), data, before, after)
    grids, kpi = (before, after), find(name)
    divided = [_divided(kpi, data.with_by((each,)), each, (grids, wholes)) for each in explaining(kpi, data)]
    found = [(_stands_out(each), each.column, each) for each in divided if each]
    best = max(found, key=lambda one: (one[0], one[1]), default=None)
    return best[2] if best and best[0] >= STANDS_OUT else None


def _stands_out(each: Contributions) -> float:
    """How far a segment's part of all that moved is above its part of the whole.

    Of all that moved, not of the change: where people go from one segment to another, as from an old version to a new one,
    both move by many times the change, and neither says why.
    """
    moved = each.table["effect"].abs().sum() * (1 if each.change > 0 else -1)
    rows = each.table.filter(pl.col("segment").ne_missing(SEVERAL)).to_dicts()
    parts = [row["effect"] / moved - (row["weight_before"] + row["weight_after"]) / 2 for row in rows]
    return max(parts, default=0.0)


def explaining(kpi: Kpi, data: Dataset) -> tuple[str, ...]:
    """The columns of few words in the tables that a KPI reads and in users, the usual ones first."""
    tables = {data.activity if table == "events" else table for table in kpi.tables} | {"users"}
    there = data.segment_columns(MOST, tuple(sorted(tables)))
    types = {name: kind for table in tables for name, kind in data.columns(table).items()}
    return tuple(sorted((c for c in there if types[c] == pl.String), key=lambda c: (c not in USUAL, c)))[:COLUMNS]


def contributions(name: str, data: Dataset, before: Grid, after: Grid, *, column: str) -> Contributions | None:
    """Divide the change of a figure between two periods among the segments of a column; None where that cannot be done.

    A count or sum changes by what its segments change. A quotient R = sum of weight × r changes by
    mix = (w1 - w0) × ((r0 + r1) / 2 - (R0 + R1) / 2) and rate = (r1 - r0) × (w0 + w1) / 2 of each segment, which add up
    exactly. Quantiles, survival and figures made of more than two others do not divide.
    """
    wholes = _wholes(find(name), data, before, after)
    return _divided(find(name), data.with_by((column,)), column, ((before, after), wholes))


def _wholes(kpi: Kpi, data: Dataset, before: Grid, after: Grid) -> tuple[float | None, float | None]:
    ends = [compute(kpi.name, data, grid).table for grid in (before, after)]
    first, second = (None if kpi.parts or table.height != 1 else table["value"][0] for table in ends)
    return first, second


def _divided(
    kpi: Kpi, data: Dataset, column: str, ends: tuple[tuple[Grid, Grid], tuple[float | None, float | None]]
) -> Contributions | None:
    grids, (first, second) = ends
    if first is None or second is None or first == second:
        return None
    try:
        sides = [_sides(kpi, data, grid) for grid in grids]
    except (SegmentMissing, ChoiceNeeded, UsageError):
        return None
    if sides[0] is None or sides[1] is None:
        return None
    divide = _added if kpi.measure.name in ADDED else _quotient
    rows = divide(sides[0], sides[1], first, second)
    if not rows:
        return None
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    ordered = table.sort("effect", "segment", descending=[second > first, False], nulls_last=True)
    return Contributions(kpi.name, column, grids[0].firsts[0], grids[1].firsts[0], second - first, ordered)


def _sides(kpi: Kpi, data: Dataset, grid: Grid) -> Sides | None:
    """What stands above and below the line in each segment that is in force; below a count stands nothing."""
    if kpi.measure.name in ADDED:
        return {s: (v or 0.0, 0.0) for s, v in _by_segment(kpi.name, data, grid).items()}
    if kpi.measure is DERIVED:
        if len(kpi.components) != 2 or any(base_of(part)[0] for part in kpi.components):
            return None
        above, below = (_by_segment(part, data, grid) for part in kpi.components)
        return {s: (above.get(s) or 0.0, below.get(s) or 0.0) for s in {**above, **below}}
    if kpi.measure.name not in SUMS:
        return None
    window = grid.trailing(kpi.window_on(grid.every))
    summed = by_period(tally(units_of(kpi, data, window, data.settings), kpi.measure, data, window))
    return {s: (float(a), float(b)) for s, a, b in summed.select(*data.by, *SUMS[kpi.measure.name]).iter_rows()}


def _by_segment(name: str, data: Dataset, grid: Grid) -> dict[Any, float | None]:
    return dict(compute(name, data, grid).table.select(*data.by, "value").iter_rows())


def _added(first: Sides, second: Sides, before: float, after: float) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    rest = after - before
    for segment in {**first, **second}:
        old, new = first.get(segment, (0.0, 0.0))[0], second.get(segment, (0.0, 0.0))[0]
        weights = (old / before if before else 0.0, new / after if after else 0.0)
        rows.append((_named(segment), old, new, *weights, new - old, 0.0, new - old))
        rest -= new - old
    if abs(rest) > 1e-9 * max(abs(before), abs(after)):
        rows.append((SEVERAL, None, None, 0.0, 0.0, rest, 0.0, rest))
    return rows


def _quotient(first: Sides, second: Sides, before: float, after: float) -> list[tuple[Any, ...]]:
    above, below = ([sum(side[s][i] for s in sorted(side, key=str)) for side in (first, second)] for i in (0, 1))
    if not all(below) or not all(above):
        return []
    # the figure in its own unit over the bare quotient: 0.01 for cents
    scale = [whole / (a / b) for whole, a, b in zip((before, after), above, below, strict=True)]
    if abs(scale[0] - scale[1]) > 1e-9 * abs(scale[0]):
        return []
    middle, rows = (before + after) / 2, []
    for segment in {**first, **second}:
        (a0, b0), (a1, b1) = first.get(segment, (0.0, 0.0)), second.get(segment, (0.0, 0.0))
        w0, w1 = b0 / below[0], b1 / below[1]
        known = [scale[0] * a / b if b else None for a, b in ((a0, b0), (a1, b1))]
        old = known[0] if known[0] is not None else known[1]
        new = known[1] if known[1] is not None else known[0]
        if old is None or new is None:
            if a0 or a1:  # something above the line that belongs to nothing below it
                return []
            continue
        mix, rate = (w1 - w0) * ((old + new) / 2 - middle), (new - old) * (w0 + w1) / 2
        rows.append((_named(segment), *known, w0, w1, mix, rate, mix + rate))
    return rows


def _named(segment: Any) -> str:  # noqa: ANN401 - the value of a column
    return "(none)" if segment is None else str(segment)


@dataclass(frozen=True, slots=True)
class Segmented:
    """A KPI over its last whole periods, cut by a column, with what each segment contributed to the last change.

    `change` is None where nothing is cut, where there is one period, and where the figure did not move or does not divide.
    """

    values: Values
    change: Contributions | None

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values, with the contributions as `change`."""
        return self.values.to_dict() | {"change": None if self.change is None else self.change.to_dict()}


def segmented(name: str, data: Dataset, grid: Grid, *, cut: Dataset | None = None) -> Segmented:
    """Compute a KPI of all data or by the segments of `cut`, the same data cut by one column."""
    values = compute(name, data if cut is None else cut, grid)
    if cut is None or len(grid) < 2:
        return Segmented(values, None)
    before, after = (grid.only(len(grid) - back) for back in (2, 1))
    wholes = _wholes(find(name), data, before, after)
    return Segmented(values, _divided(find(name), cut, cut.by[0], ((before, after), wholes)))
