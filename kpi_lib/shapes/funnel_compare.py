"""Whether segments, or two periods, of a funnel can be told apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.core.compare import Shares, holm
from kpi_lib.core.errors import UsageError
from kpi_lib.core.origin import Origin
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_rules import required_before
from kpi_lib.shapes.sessions import group_name

CAUTION = "What goes together is associated, not caused."
SCHEMA = {
    "what": pl.String,
    "against": pl.String,
    "step": pl.Int64,
    "event": pl.String,
    "units": pl.Int64,
    "of": pl.Int64,
    "share": pl.Float64,
    "other_units": pl.Int64,
    "other_of": pl.Int64,
    "other_share": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p": pl.Float64,
    "clear": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class FunnelComparison:
    """One row per pair of groups (`kind`: segments or periods): both shares, their difference with interval, p, clear.

    Columns: what, against, step, event, units, of, share, other_units, other_of, other_share, difference, low, high, p,
    clear. Intervals are Newcombe's and p is Holm's: over all rows together, the chance that any of them is called clear
    though there is nothing is 5 % at most. A pair is "not distinguishable" when its interval holds zero.
    """

    table: pl.DataFrame
    kind: str
    notes: tuple[str, ...] = ()
    definition: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {"kind": self.kind, "rows": self.table.to_dicts(), "notes": list(self.notes)}


def compare_funnels(result: FunnelResult, before: FunnelResult | None = None) -> FunnelComparison:
    """Each segment against all others together, or a funnel step by step against an earlier one.

    Segments are compared by who reaches the last step; without any there is nothing to compare. Two funnels (without
    segments, of the same steps) are compared by every step from the required one before, and as a whole.
    """
    if before is None:
        rows, notes = _segments(result), []
    else:
        rows, notes = _periods(result, before), ["Who entered in both periods is counted in both."]
    if result.definition["attempt"] == "all":
        notes.append("Attempts of one unit resemble each other: the intervals are too narrow.")
    table = pl.DataFrame(_judged(rows), schema=SCHEMA)
    kind = "segments" if before is None else "periods"
    return FunnelComparison(table, kind, (*notes, CAUTION), result.definition, result.origin)


Row = tuple[str, str, int, str, Shares]


def _segments(result: FunnelResult) -> list[Row]:
    if not result.by:
        return []
    if result.definition["attribution"] == "all":
        raise UsageError("segments that share units cannot be compared: take another attribution than all.")
    last = len(result.definition["steps"])
    found = []
    for part in result.table.partition_by(list(result.by), maintain_order=True):
        name = group_name(part.row(0, named=True), list(result.by))
        hits, n = (part.filter(pl.col("step") == step)["units"].item() for step in (last, 1))
        found.append((name, hits, n))
    there = [each for each in found if each[2] > 0]
    event = result.table["event"][-1] if len(result.table) else ""
    all_hits, all_n = sum(hits for _, hits, _ in there), sum(n for _, _, n in there)
    rows: list[Row] = []
    for name, hits, n in there[: 1 if len(there) == 2 else None]:
        others = "the others" if len(there) > 2 else there[-1][0]
        if all_n > n:
            rows.append((name, others, last, event, ((all_hits - hits, all_n - n), (hits, n))))
    return rows


def _periods(result: FunnelResult, before: FunnelResult) -> list[Row]:
    if result.by or before.by:
        raise UsageError("two periods are compared without segments: leave by out.")
    if result.table["event"].to_list() != before.table["event"].to_list():
        raise UsageError("the two funnels have different steps: compare the same question in two periods.")
    name, other = ((each.definition["period"] or "all").replace("..", " to ") for each in (result, before))
    now, then = (each.table["units"].to_list() for each in (result, before))
    steps = result.definition["steps"]
    pairs = [(at, required_before(steps, at)) for at in range(1, len(steps))]
    if pairs[-1][1] > 0:
        pairs.append((len(steps) - 1, 0))
    events = result.table["event"].to_list()
    return [
        (name, other, at + 1, f"{events[since]} → {events[at]}", ((then[at], then[since]), (now[at], now[since])))
        for at, since in pairs
    ]


def _judged(rows: list[Row]) -> list[dict[str, Any]]:
    judged: list[dict[str, Any]] = []
    for (what, against, step, event, shares), (gap, p) in zip(rows, holm([row[4] for row in rows]), strict=True):
        (other_units, other_of), (units, of) = shares
        judged.append({
            "what": what,
            "against": against,
            "step": step,
            "event": event,
            "units": units,
            "of": of,
            "share": units / of if of else None,
            "other_units": other_units,
            "other_of": other_of,
            "other_share": other_units / other_of if other_of else None,
            "difference": gap.value if gap else None,
            "low": gap.low if gap else None,
            "high": gap.high if gap else None,
            "p": p,
            "clear": gap.clear if gap else None,
        })  # fmt: skip
    return judged
