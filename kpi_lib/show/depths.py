"""How early depth is told: who spent more time at first and who came back, side by side."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.core.units import SECONDS, SHARE
from kpi_lib.shapes.early_depth import EarlyDepth
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import WITHIN_CHANCE, moved, span_of_change, told, told_between, whole, written


def _figure(row: Mapping[str, Any], field: str) -> Figure:
    unit = SECONDS if field in ("shortest", "longest") else SHARE
    text = whole(row[field]) if field in ("users", "returned") else written(row[field], unit)
    return told(row, field, text, of="early_depth", by=("group",))


def depth_sentence(result: EarlyDepth) -> Say:
    """The group with most time against the one with least, with the interval of the difference."""
    if result.reason or result.difference is None:
        return Say(f"Whether more time at first goes with coming back cannot be told yet: {result.reason}.")
    rows, gap = result.table.to_dicts(), result.difference
    ends = {"gap": gap.value}
    size = told(ends, "gap", moved(gap.value, SHARE, points=True, sign=True), of="early_depth_gap")
    sure = gap.low is not None and gap.high is not None
    span = f" (95 % {span_of_change(gap.low, gap.high, SHARE, points=True)})" if sure else ""  # type: ignore[arg-type]
    verdict = "they go together, which need not mean that one brings the other" if gap.clear else WITHIN_CHANCE
    said: tuple[Phrase, ...] = (
        "Of those who spent most time in their first ", result.first, " (", _figure(rows[-1], "shortest"), " or more) ",
        Strong((_figure(rows[-1], "rate"), " came back")), f" in days {result.later[0]} to {result.later[1] - 1}, of those who ",
        "spent least ",
        _figure(rows[0], "rate"), ": ", size, span, "; ", verdict, ".",
    )  # fmt: skip
    return Say(said)


def depth_table(result: EarlyDepth) -> Table:
    """The groups from least to most time."""
    rows: list[tuple[Phrase, ...]] = []
    for row in result.table.to_dicts():
        time = (_figure(row, "shortest"), " – ", _figure(row, "longest"))
        between = told_between(row, of="early_depth", by=("group",))
        rows.append(
            (f"{row['group']}", time, _figure(row, "users"), _figure(row, "returned"), _figure(row, "rate"), between)
        )
    wait = f" {result.unripe:,} newer ones still have time." if result.unripe else ""
    return Table(
        title=f"Coming back by the time spent in the first {result.first}",
        columns=("Group", "Time spent", "People", "Came back", "Rate", "95 %"),
        rows=tuple(rows),
        note=f"People in quarters by the time that they spent; equal times stay together.{wait} Who stays and who spends time may "
        "both simply like the product.",
    )
