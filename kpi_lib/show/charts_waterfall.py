"""A waterfall: from what was there at the start, by what came and went, to what is there at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import altair as alt
import polars as pl

from kpi_lib.show.blocks import Phrase, Table
from kpi_lib.show.canvas import DESK, INK, PHONE, Layout, from_left, wide
from kpi_lib.show.picture import Picture

ROWS = (32, 44)  # the height of a row on a desk and on a phone


@dataclass(frozen=True, slots=True)
class Fall:
    """One bar: its name, its amount (what goes is negative), its words; `total` stands on zero."""

    name: str
    amount: float
    text: str
    total: bool = False


def waterfall_picture(falls: Sequence[Fall], *, alt: str, note: Phrase = "", table: Table | None = None) -> Picture:
    """The chart in both layouts; the bars lie one below the other, so that names and amounts fit a phone."""
    return Picture(wide=waterfall(falls, DESK), narrow=waterfall(falls, PHONE), alt=alt, note=note, table=table)


def waterfall(falls: Sequence[Fall], layout: Layout) -> alt.LayerChart:
    """Draw at one width: names stand left of the bars on a desk and above them on a phone."""
    ends = list(accumulate(falls, lambda at, fall: fall.amount if fall.total else at + fall.amount, initial=0.0))[1:]
    frame = pl.DataFrame({
        "at": list(range(len(falls))),
        "name": [fall.name for fall in falls],
        "text": [fall.text for fall in falls],
        "from": [0.0 if fall.total else end - fall.amount for fall, end in zip(falls, ends, strict=True)],
        "to": ends,
        "kind": ["total" if fall.total else "up" if fall.amount > 0 else "down" for fall in falls],
    }).with_columns(reach=pl.max_horizontal("from", "to"))  # fmt: skip
    left = 0 if layout.narrow else max(map(wide, frame["name"])) + 14
    room = layout.total - 4 - left - max(map(wide, frame["text"])) - 12
    low, high = min(0.0, *ends), max(*frame["reach"], 0.0) or 1.0
    scale = alt.Scale(domain=[low, high], range=[left, left + room], nice=False, zero=False)
    lower = 9 if layout.narrow else 0  # on a phone the name stands above its bar
    y = alt.Y("at:O", sort=None, title=None, axis=None, scale=alt.Scale(type="point", padding=0.5))
    hues = alt.Scale(domain=["total", "up", "down"], range=[INK.accent, INK.good, INK.bad])
    base = alt.Chart(frame)
    bars = base.mark_bar(size=14, yOffset=lower).encode(
        x=alt.X("from:Q", axis=None, title=None, scale=scale), x2=alt.X2("to:Q"), y=y, color=alt.Color("kind:N", legend=None, scale=hues),
        tooltip=[alt.Tooltip("name:N", title="what"), alt.Tooltip("text:N", title="how much")],
    )  # fmt: skip
    amounts = base.mark_text(align="left", baseline="middle", dx=7, dy=lower)
    names = base.mark_text(align="left", baseline="middle", dy=lower - 16 if layout.narrow else 0)
    drawn = [
        bars,
        amounts.encode(x=alt.X("reach:Q", axis=None, title=None, scale=scale), y=y, text=alt.Text("text:N")),
        names.encode(x=from_left(0), y=y, text=alt.Text("name:N")),
    ]
    height = ROWS[layout.narrow] * len(falls)
    return alt.LayerChart(layer=drawn, width=layout.total - 4, height=height)
