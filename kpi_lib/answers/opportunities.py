"""Where most is to be won: how far each part lies behind the others, how many it reaches, and what closing the gap would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute, segmentable
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, UP
from kpi_lib.kpis.registry import Kpi, find

WEIGHED = ("proportion", "mean")  # figures that are means over their n, so that parts can be put together
_REAL = pl.Float64
SCHEMA = {
    "kpi_of": pl.String, "column": pl.String, "part": pl.String, "value": _REAL, "low": _REAL, "high": _REAL,
    "n": pl.Int64, "others": _REAL, "gap": _REAL, "won": _REAL, "effect": _REAL, "clear": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opportunities:
    """Parts that lie behind the others, the most to be won first.

    `table`: one row per part with a gap: kpi_of, column, part, value with low and high, n (whom it reaches), others (the
    same figure of all other parts of that column), gap (how far it lies behind), won = gap × n (of a share: how many people more), effect =
    how far the whole would move, clear (its interval leaves out what the others reach). `reason`: why there is none.
    """

    table: pl.DataFrame
    kpi: str
    start: str
    end: str
    currency: str
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The rows numbered: what a report hands over."""
        return {"opportunities": self.table.with_row_index("nth", 1)}

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        head = {"kpi": self.kpi, "start": self.start, "end": self.end, "reason": self.reason}
        return head | {"opportunities": self.table.rename({"kpi_of": "kpi"}).to_dicts()}


def opportunities(name: str, data: Dataset, grid: Grid, by: Sequence[str] = ()) -> Opportunities:
    """Rank the parts of a share or mean by gap × reach in the last period of a grid.

    A part is a component of the KPI (a feature, say) or a segment of one of the columns `by`; a gap is how far it lies behind all other
    parts of that column together. That closing it is possible, or what it would cost, is not in the figures.
    """
    kpi, last = find(name), grid.only(len(grid) - 1)
    if kpi.measure.name not in WEIGHED:
        raise UsageError(
            f"{name} is no share or mean of units, so gaps of its parts cannot be weighed by whom they reach."
        )
    if kpi.direction not in (UP, DOWN):
        raise UsageError(f"{name} has no better direction, so nothing of it lies behind.")
    start, end = str(last.shown[0]), str(last.stops[0])
    columns = [(each, (each,)) for each in segmentable(name, data, by)] if by else [(part, ()) for part in kpi.parts]
    if not columns:
        wanted = ", ".join(by) or "a column to cut by (--by)"
        return Opportunities(pl.DataFrame(schema=SCHEMA), name, start, end, data.currency, f"needs {wanted}")
    parts = [(column, compute(name, data, last, by=cut).table.to_dicts()) for column, cut in columns]
    rows = [row for column, found in parts for row in _behind(kpi, found, column)]
    table = pl.DataFrame(rows, schema=SCHEMA).sort("won", "part", descending=[True, False])
    why = "" if rows else "no part lies behind the others"
    return Opportunities(table, name, start, end, data.currency, why, origin_of(data, *sorted(kpi.tables)))


def _behind(kpi: Kpi, parts: Sequence[Mapping[str, Any]], column: str) -> list[dict[str, Any]]:
    """The parts of one column that lie behind the others."""
    rows = [row for row in parts if row["value"] is not None and row["n"]]
    key = next((name for name in rows[0] if plain_name(name) == column), column) if rows else column
    total, size = sum(row["value"] * row["n"] for row in rows), sum(row["n"] for row in rows)
    found = []
    for row in rows:
        if row["n"] == size:
            continue
        others = (total - row["value"] * row["n"]) / (size - row["n"])
        gap = others - row["value"] if kpi.direction == UP else row["value"] - others
        if gap <= 0:
            continue
        bound = row["high"] if kpi.direction == UP else row["low"]
        clear = bound is not None and (bound < others if kpi.direction == UP else bound > others)
        won = gap * row["n"]
        part = "(none)" if row[key] is None else str(row[key])
        own = {field: row[field] for field in ("value", "low", "high", "n")}
        more = {"others": others, "gap": gap, "won": won, "effect": won / size, "clear": clear}
        found.append({"kpi_of": kpi.name, "column": column, "part": part, **own, **more})
    return found
