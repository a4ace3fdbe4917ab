"""A chart in two layouts, one for a desk and one for a phone, drawn twice: as a still picture and as a live spec."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from kpi_lib.show import theme
from kpi_lib.show.blocks import Facts, Phrase, Table, Tile
from kpi_lib.show.markup import Html, clean, join, tag
from kpi_lib.show.render import facts_html, html, inline
from kpi_lib.show.stills import over_texts, still

HTML_MIME = "application/vnd.kpi.html"
PICTURE_MIME = "application/vnd.kpi.picture+json"
VEGALITE_MIME = "application/vnd.vegalite.v5+json"  # the newest that JupyterLab knows; it draws 6.x specs too
STILLS = "KPI_STILLS"  # set to LATER where the run that executes a notebook draws its charts
LATER = "later"


class Chart(Protocol):
    """Anything that gives a Vega-Lite spec, such as an Altair chart."""

    def to_dict(self, *, validate: bool = True) -> dict[str, Any]:
        """The Vega-Lite spec."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One question, one chart: `alt` states the finding in words, `note` stands under it, `table` unfolds the figures
    and `facts` what they are and what stands behind them.

    With a `tile` the two stand side by side as the north star of the report. Pictures in a row with the same first word of
    `choice` are alternatives, as of one segment each: a live page shows the one that is chosen, any other all of them.
    """

    wide: Chart
    alt: str
    narrow: Chart | None = None
    note: Phrase = ""
    table: Table | None = None
    facts: Facts = ()
    tile: Tile | None = None
    choice: tuple[str, str] | None = None


def picture_bundle(picture: Picture) -> dict[str, Any]:
    """What a notebook keeps of a picture: both layouts for the report, and a fallback for JupyterLab."""
    wide = drawable(picture.wide)
    narrow = drawable(picture.narrow) if picture.narrow is not None else None
    draw = still if os.environ.get(STILLS) != LATER else _undrawn
    wide_svg = draw(wide)
    kept = {
        "wide": wide,
        "wide_svg": wide_svg,
        "narrow": narrow,
        "narrow_svg": draw(narrow) if narrow is not None else None,
        "alt": clean(picture.alt),
        "below": below(picture).text,
        "tile": html(picture.tile).text if picture.tile is not None else None,
        "choice": [clean(word) for word in picture.choice] if picture.choice else None,
    }
    on_white = {**wide, "background": "#ffffff"}  # a dark JupyterLab would swallow the dark ink
    return {
        PICTURE_MIME: kept,
        VEGALITE_MIME: on_white,
        "image/svg+xml": wide_svg,
        "text/plain": f"[chart] {clean(picture.alt)}",
    }


def _undrawn(_: dict[str, Any]) -> str:
    """What stands for a still until it is drawn."""
    return ""


def below(picture: Picture) -> Html:
    """The note under a chart, with its figures and what stands behind them folded away."""
    note = tag("p", inline(picture.note), class_="kpi-note") if picture.note else None
    figures = html(picture.table) if picture.table is not None else None
    folded = tag("details", tag("summary", "The figures"), figures, class_="kpi-fold") if figures else None
    return join(note, folded, facts_html(picture.facts))


def chart_bundle(spec: dict[str, Any], description: str = "") -> dict[str, Any]:
    """The same for a lone chart that has no layout for phones."""
    drawn = drawn_spec(spec)
    alt = clean(description or str(drawn.get("description") or drawn.get("title") or "chart"))
    return {
        VEGALITE_MIME: {**drawn, "background": "#ffffff"},
        "image/svg+xml": still(drawn),
        "text/plain": f"[chart] {alt}",
    }


def drawable(chart: Chart) -> dict[str, Any]:
    """The spec of a chart in the house's theme, whichever is enabled, with every text in it drawable.

    It is not checked against the schema of Vega-Lite, which takes longer than all the rest; tests check every chart's.
    """
    with theme.worn():
        return drawn_spec(chart.to_dict(validate=False))


def drawn_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Clean all texts of a spec: the drawing engine ends the whole process on a control character."""
    once = cache(clean)  # the same few names stand in every row of the data
    cleaned: dict[str, Any] = over_texts(spec, once)
    return cleaned
