"""Names with a figure each, one below the other: bars from zero, or dots where only the interval matters."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from kpi_lib.show.blocks import Phrase, Table
from kpi_lib.show.canvas import DESK, INK, PHONE, Layout, cut, from_left, wide
from kpi_lib.show.picture import Picture

GAP = 9
SHORT = 12
FRAME = {
    "at": pl.Int64,
    "name": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "reach": pl.Float64,
    "text": pl.String,
    "beside": pl.String,
    "quiet": pl.Boolean,
    "told": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One name: its figure, the interval, the figure in words and what is said beside it."""

    name: str
    value: float
    text: str
    beside: str = ""
    low: float | None = None
    high: float | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Rows in the order to draw them; `dots` instead of bars."""

    rows: tuple[Row, ...]
    dots: bool = False


def ranks_picture(ranks: Ranks, *, alt: str, note: Phrase = "", table: Table | None = None) -> Picture:
    """The chart in both layouts."""
    return Picture(wide=rank_chart(ranks, DESK), narrow=rank_chart(ranks, PHONE), alt=alt, note=note, table=table)


def rank_chart(ranks: Ranks, layout: Layout) -> alt.LayerChart:
    """Draw at one width: names stand left of the marks on a desk and above them on a phone."""
    frame = _frame(ranks.rows, layout)
    total, height = layout.total - 4, _row(ranks.rows, layout)
    left = 0 if layout.narrow else max((wide(name) for name in frame["name"]), default=0) + 14
    low, high = min([0.0, *frame["low"], *frame["value"]]), max([0.0, *frame["reach"]]) or 1.0
    length = _length(frame, total - left, low=low, high=high) if not layout.narrow else total
    scale = alt.Scale(domain=[low, high], range=[left, left + length], nice=False, zero=False)
    y = alt.Y("at:O", sort=None, title=None, axis=None, scale=alt.Scale(type="point", padding=0.5))
    foot = (
        alt.Chart(frame.head(1)).mark_rule(color=INK.line).encode(x=alt.X(datum=0, axis=None, title=None, scale=scale))
    )
    drawn = [
        foot,
        *_marks(frame, scale, y, ranks=ranks, drop=_drop(ranks.rows, layout), thick=11 if layout.narrow else 15),
        *_words(frame, scale, y, layout=layout),
    ]
    return alt.LayerChart(layer=drawn, width=total, height=max(len(frame), 1) * height)


def _frame(rows: Sequence[Row], layout: Layout) -> pl.DataFrame:
    """The rows as the chart's data; `reach` is where the label begins."""
    letters = 30 if layout.narrow else layout.letters
    inline = layout.narrow and not _lines(rows)
    return pl.DataFrame(
        {
            "at": list(range(len(rows))),
            "name": [cut(row.name, letters) for row in rows],
            "value": [row.value for row in rows],
            "low": [row.value if row.low is None else row.low for row in rows],
            "high": [row.value if row.high is None else row.high for row in rows],
            "reach": [max(row.value, row.high or 0.0, 0.0) for row in rows],
            "text": [f"{row.text} · {row.beside}" if inline and row.beside else row.text for row in rows],
            "beside": ["" if inline else cut(row.beside, 54 if layout.narrow else 90) for row in rows],
            "quiet": [row.quiet for row in rows],
            "told": [f"{row.text} {row.beside}".strip() for row in rows],
        },
        schema=FRAME,
    )


def _row(rows: Sequence[Row], layout: Layout) -> int:
    """The height of a row."""
    if not layout.narrow:
        return 38 if len(rows) <= 7 else 30
    return 52 if _lines(rows) else 36


def _lines(rows: Sequence[Row]) -> bool:
    """Whether the words beside the figures need a line of their own on a phone."""
    return any(len(row.beside) > SHORT for row in rows)


def _drop(rows: Sequence[Row], layout: Layout) -> int:
    """How far the marks stand below the middle of their row, to leave room for the words above them."""
    if not layout.narrow:
        return 0
    return 17 if _lines(rows) else 9


def _length(frame: pl.DataFrame, room: int, *, low: float, high: float) -> float:
    """The longest bars can get while every label still fits behind its own."""
    step = _after(frame)
    fits = [float(room)]
    for row in frame.to_dicts():
        label = step + wide(row["beside"]) if row["beside"] else wide(row["text"]) + GAP
        share = (row["reach"] - low) / (high - low)
        fits.append((room - label) / share if share > 0 else float(room))
    return max(min(fits), room * 0.2)


def _after(frame: pl.DataFrame) -> int:
    """Where the muted words begin, behind the widest figure."""
    return max((wide(text) for text in frame["text"]), default=0) + 2 * GAP


def _marks(frame: pl.DataFrame, scale: alt.Scale, y: alt.Y, *, ranks: Ranks, drop: int, thick: int) -> list[alt.Chart]:
    """Bars or dots, whiskers where there is an interval."""
    x = _along("value", scale)
    told = [alt.Tooltip("name:N", title="what"), alt.Tooltip("told:N", title="value")]
    spans = frame.filter(pl.col("low") < pl.col("high"))
    whisker = alt.Chart(spans).encode(x=_along("low", scale), x2=alt.X2("high:Q"), y=y)
    # a whisker would drown in a bar of the full colour
    strong, quiet = (INK.soft, INK.line) if len(spans) and not ranks.dots else (INK.accent, INK.ghost)
    colour = alt.ColorValue(strong, condition={"test": "datum.quiet", "value": quiet})
    if ranks.dots:
        dots = (
            alt.Chart(frame)
            .mark_point(filled=True, size=90, opacity=1, yOffset=drop)
            .encode(x=x, y=y, color=colour, tooltip=told)
        )
        return [
            *([whisker.mark_rule(color=INK.accent, strokeWidth=2, opacity=0.45, yOffset=drop)] if len(spans) else []),
            dots,
        ]
    bars = (
        alt.Chart(frame)
        .mark_bar(height=thick, yOffset=drop)
        .encode(x=x, x2=alt.X2Datum(0), y=y, color=colour, tooltip=told)
    )
    return [bars, *([whisker.mark_rule(color=INK.accent, strokeWidth=2, yOffset=drop)] if len(spans) else [])]


def _words(frame: pl.DataFrame, scale: alt.Scale, y: alt.Y, *, layout: Layout) -> list[alt.Chart]:
    """The names, the figures and what is said beside them."""
    text = alt.Chart(frame).encode(y=y)
    end = _along("reach", scale)
    if not layout.narrow:
        return [
            text.mark_text(align="left", baseline="middle").encode(x=from_left(0), text=alt.Text("name:N")),
            text.mark_text(align="left", baseline="middle", fontWeight=600, dx=GAP).encode(
                x=end, text=alt.Text("text:N")
            ),
            text.mark_text(align="left", baseline="middle", color=INK.muted, dx=_after(frame)).encode(
                x=end, text=alt.Text("beside:N")
            ),
        ]
    up = -16 if _has_words(frame) else -8
    words = [
        text.mark_text(align="left", baseline="middle", yOffset=up).encode(x=from_left(0), text=alt.Text("name:N")),
        text.mark_text(align="right", baseline="middle", fontWeight=600, yOffset=up).encode(
            x=from_left(layout.total - 4), text=alt.Text("text:N")
        ),
    ]
    beside = text.mark_text(align="left", baseline="middle", color=INK.muted, yOffset=0).encode(
        x=from_left(0), text=alt.Text("beside:N")
    )
    return [*words, beside] if _has_words(frame) else words


def _along(field: str, scale: alt.Scale) -> alt.X:
    return alt.X(f"{field}:Q", axis=None, title=None, scale=scale)


def _has_words(frame: pl.DataFrame) -> bool:
    return bool((frame["beside"] != "").any())
