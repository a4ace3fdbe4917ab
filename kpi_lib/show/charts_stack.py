"""Bars over time, stacked: what a period gained above the line, what it lost below."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import altair as alt
import polars as pl

from kpi_lib.core.units import COUNT, MINUS, Unit
from kpi_lib.show.blocks import Phrase, Table
from kpi_lib.show.canvas import DESK, PHONE, Layout, begun, marks_of, round_scale, value_axis, wide
from kpi_lib.show.picture import Picture

BAR = {
    "at": pl.String,
    "series": pl.String,
    "place": pl.Int64,
    "value": pl.Float64,
    "open": pl.Boolean,
    "told": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What is stacked: `bars` (at, series, value, open, told; below the line negative), places and series in order."""

    bars: Sequence[dict[str, object]]
    at: tuple[str, ...]
    colours: dict[str, str]
    unit: Unit = COUNT
    currency: str = "USD"


def stack_picture(stack: Stack, *, alt: str, note: Phrase = "", table: Table | None = None) -> Picture:
    """The chart in both layouts, from the first period of which anything is known."""
    stack = replace(stack, at=begun(stack.at, [str(bar["at"]) for bar in stack.bars if bar["value"] is not None]))
    return Picture(wide=stack_chart(stack, DESK), narrow=stack_chart(stack, PHONE), alt=alt, note=note, table=table)


def stack_chart(stack: Stack, layout: Layout) -> alt.Chart:
    """Draw at one width; bars of a period that is not over are pale."""
    order = {name: place for place, name in enumerate(stack.colours)}
    frame = pl.DataFrame([{**row, "place": order[str(row["series"])]} for row in stack.bars], schema=BAR)
    sums = frame.group_by("at", (pl.col("value") < 0).alias("below")).agg(pl.col("value").sum())
    scale = round_scale(sums["value"].to_list(), stack.unit, currency=stack.currency)
    if not stack.unit.money:  # who is lost is no negative count
        scale = replace(scale, texts=tuple(text.removeprefix(MINUS) for text in scale.texts))
    marks = marks_of(stack.at, max(min(layout.marks, (layout.total - 70) // 80), 2))
    x = alt.X(
        "at:O",
        sort=stack.at,
        title=None,
        axis=alt.Axis(values=marks, labelOverlap=False),
        scale=alt.Scale(type="band", domain=stack.at, paddingInner=0.15 if len(stack.at) < 60 else 0.0),
    )
    plot = layout.total - 8 - scale.extent
    # the last mark is written under the middle of its bar and may hang over the edge
    hang = max(wide(stack.at[-1] if stack.at else "") - plot // max(len(stack.at), 1), 0) // 2
    legend = alt.Legend(columns=2 if layout.narrow else 0, columnPadding=24, title=None, symbolType="square")
    hues = alt.Scale(domain=list(stack.colours), range=list(stack.colours.values()))
    told = [
        alt.Tooltip("at:N", title="when"),
        alt.Tooltip("series:N", title="what"),
        alt.Tooltip("told:N", title="how much" if stack.unit.money else "people"),
    ]
    drawn: alt.Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=x,
            y=value_axis("value", scale).stack("zero"),
            color=alt.Color("series:N", scale=hues, legend=legend if len(order) > 1 else None),
            order=alt.Order("place:Q"),
            opacity=alt.OpacityValue(1.0, condition={"test": "datum.open", "value": 0.45}),
            tooltip=told,
        )
        .properties(width=plot - hang, height=220)
    )
    return drawn
