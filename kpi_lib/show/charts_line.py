"""Lines over time or age: one question, a band where there is an interval, labels at the end of each line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import altair as alt
import polars as pl

from kpi_lib.core.units import Unit
from kpi_lib.show.blocks import Phrase, Table, Tile
from kpi_lib.show.canvas import (
    DESK,
    INK,
    OTHER,
    PHONE,
    Layout,
    Scale,
    begun,
    cut,
    marks_of,
    round_scale,
    spread,
    value_axis,
    wide,
)
from kpi_lib.show.phrases import known, written
from kpi_lib.show.picture import Picture

LINE_GAP = 15.0
BESIDE = 640  # the width of a chart that stands beside a tile
POINTS = {
    "at": pl.String,
    "series": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "open": pl.Boolean,
    "told": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a line chart shows. `points`: at, series, value, low, high, open (period not over), told (for the pointer).

    `at` lists the places of the axis in order; `colours` gives each series its colour, unnamed ones are grey.
    """

    points: pl.DataFrame
    at: tuple[str, ...]
    unit: Unit
    colours: Mapping[str, str]
    currency: str = "USD"
    axis: str | None = None
    height: int = 220


def lines_picture(
    lines: Lines, *, alt: str, note: Phrase = "", table: Table | None = None, tile: Tile | None = None
) -> Picture:
    """The chart in both layouts; beside a tile there is less room."""
    desk = replace(DESK, total=BESIDE, marks=7) if tile else DESK
    lines = replace(lines, at=begun(lines.at, lines.points.drop_nulls("value")["at"]))
    wide_one, narrow_one = line_chart(lines, desk), line_chart(lines, PHONE)
    return Picture(wide=wide_one, narrow=narrow_one, alt=alt, note=note, table=table, tile=tile)


def points_of(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows as the points of a line chart; what is not finite is missing."""
    clean = [{**row, **{name: known(row[name]) for name in ("value", "low", "high")}} for row in rows]
    return pl.DataFrame(clean, schema=POINTS)


def line_chart(
    lines: Lines, layout: Layout, *, extent: int | None = None, room: int | None = None, marked: bool = True
) -> alt.LayerChart:
    """Draw the lines at one width, exactly as wide as asked; `marked` writes the places under the axis."""
    scale = _scale(lines)
    labels = _labels(lines, scale, layout)
    room = room or label_room(lines, layout)
    plot = layout.total - 4 - (extent or scale.extent)
    x = alt.X(
        "at:O",
        sort=lines.at,
        title=lines.axis if marked else None,
        axis=alt.Axis(values=marks_of(lines.at, _marks(lines, layout, plot - room)), labelOverlap=False, labels=marked),
        scale=alt.Scale(type="point", domain=lines.at, padding=0.3, range=[0, {"expr": f"width - {room}"}]),
    )
    y = value_axis("value", scale, extent=extent)
    colour = alt.Color("series:N", legend=None, scale=_colours(lines))
    layers = [*_bands(lines, x, scale), *_strokes(lines.points, x, y, colour), _texts(labels, x, scale, colour)]
    return alt.LayerChart(layer=layers, width=plot, height=lines.height)


def label_room(lines: Lines, layout: Layout) -> int:
    """Room in px for the labels at the end of the lines."""
    texts = _labels(lines, _scale(lines), layout)["text"]
    return max((wide(line) for text in texts for line in text.split("\n")), default=0) + 16


def _scale(lines: Lines) -> Scale:
    bands = _banded(lines)  # what is not drawn needs no room
    bounds = [*lines.points["value"], *bands["low"], *bands["high"]]
    return round_scale(bounds, lines.unit, currency=lines.currency, marks=4 if lines.height > 120 else 2)


def _marks(lines: Lines, layout: Layout, plot: int) -> int:
    """How many places can be written under the axis without touching."""
    letters = max((len(at) for at in lines.at), default=1)
    return max(min(layout.marks, plot // (6 * letters + 8)), 2)


def _colours(lines: Lines) -> alt.Scale:
    names = lines.points["series"].unique(maintain_order=True).to_list()
    return alt.Scale(domain=names, range=[lines.colours.get(name, INK.ghost) for name in names])


def _banded(lines: Lines) -> pl.DataFrame:
    """The points whose band is drawn."""
    there = lines.points.drop_nulls(["low", "high"])
    return there if there["series"].n_unique() <= 2 else there.clear()


def _bands(lines: Lines, x: alt.X, scale: Scale) -> list[alt.Chart]:
    """The 95 % bands; only when few enough lines to tell them apart."""
    drawn = _banded(lines)
    if drawn.is_empty():
        return []
    band = alt.Chart(drawn).mark_area(opacity=0.16)
    y = alt.Y("low:Q", title=None, scale=alt.Scale(domain=[scale.bottom, scale.top], nice=False, zero=False))
    return [band.encode(x=x, y=y, y2=alt.Y2("high:Q"), color=alt.Color("series:N", legend=None, scale=_colours(lines)))]


def _strokes(points: pl.DataFrame, x: alt.X, y: alt.Y, colour: alt.Color) -> list[alt.Chart]:
    """The lines, a dot where a line ends or a value stands alone, hollow where the period is not over."""
    seen = points.with_columns(
        alone=pl.col("value").is_not_null()
        & pl.col("value").shift(1).over("series").is_null()
        & pl.col("value").shift(-1).over("series").is_null(),
        last=pl.col("at") == pl.col("at").filter(pl.col("value").is_not_null()).last().over("series"),
    )
    dots = seen.filter(pl.col("value").is_not_null() & (pl.col("alone") | pl.col("last") | pl.col("open")))
    stroke = alt.Chart(points).mark_line().encode(x=x, y=y, color=colour)
    full = (
        alt.Chart(dots.filter(~pl.col("open")))
        .mark_point(filled=True, size=45, opacity=1)
        .encode(x=x, y=y, color=colour)
    )
    hollow = alt.Chart(dots.filter("open")).mark_point(filled=True, size=50, opacity=1, fill=INK.paper, strokeWidth=1.8)
    told = [
        alt.Tooltip("at:N", title="when"),
        alt.Tooltip("series:N", title="what"),
        alt.Tooltip("told:N", title="value"),
    ]
    pointer = alt.Chart(points.filter(pl.col("value").is_not_null())).mark_point(size=160, opacity=0, filled=True)
    drawn = [stroke, full, hollow.encode(x=x, y=y, stroke=colour), pointer.encode(x=x, y=y, tooltip=told)]
    return [each for each in drawn if not each.data.is_empty()]


def _labels(lines: Lines, scale: Scale, layout: Layout) -> pl.DataFrame:
    """What stands at the end of each line, moved apart where lines end close together."""
    there = lines.points.filter(pl.col("value").is_not_null())
    last = there.unique("series", keep="last", maintain_order=True)
    several = lines.points["series"].n_unique() > 1
    grey = [name for name in last["series"] if name not in lines.colours]
    rows = [row for row in last.to_dicts() if row["series"] in lines.colours or row["series"] == next(iter(grey), None)]
    px = lines.height / (scale.top - scale.bottom)
    gap = LINE_GAP * (2 if several and layout.narrow else 1)
    places = {row["series"]: (row["value"] - scale.bottom) * px for row in rows}
    lift = LINE_GAP / 2 if gap > LINE_GAP else 0.0  # a label of two lines hangs below its place
    raised = {name: place + lift for name, place in places.items()}
    moved = spread(raised, gap=gap, top=float(lines.height), bottom=2 * lift)
    alone = grey[0] if len(grey) == 1 else None  # one line is no others: it keeps its name
    texts = [_text(row, lines, several=several, layout=layout, alone=alone) for row in rows]
    ends = [row["at"] for row in rows]
    heights = [moved[row["series"]] / px + scale.bottom for row in rows]
    names = [row["series"] for row in rows]
    schema = {"at": pl.String, "series": pl.String, "y": pl.Float64, "text": pl.String}
    return pl.DataFrame({"at": ends, "series": names, "y": heights, "text": texts}, schema=schema)


def _text(row: Mapping[str, object], lines: Lines, *, several: bool, layout: Layout, alone: str | None) -> str:
    value = written(known(row["value"]), lines.unit, lines.currency)
    if not several:
        return value
    name = str(row["series"])
    if name not in lines.colours and name != alone:
        return OTHER
    return f"{cut(name, layout.letters)}{chr(10) if layout.narrow else ' '}{value}"


def _texts(labels: pl.DataFrame, x: alt.X, scale: Scale, colour: alt.Color) -> alt.Chart:
    y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[scale.bottom, scale.top], nice=False, zero=False))
    text: alt.Chart = alt.Chart(labels).mark_text(align="left", baseline="middle", dx=9, lineBreak="\n")
    drawn: alt.Chart = text.encode(x=x, y=y, text=alt.Text("text:N"))
    if labels["series"].n_unique() > 1:
        drawn = drawn.encode(color=colour)
    return drawn
