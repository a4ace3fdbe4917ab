"""A chart in two layouts, one for a desk and one for a phone, drawn twice: as a still picture and as a live spec."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

from kpi_lib.show import theme
from kpi_lib.show.blocks import Phrase, Table, Tile
from kpi_lib.show.markup import Html, clean, join, tag
from kpi_lib.show.render import html, inline

HTML_MIME = "application/vnd.kpi.html"
PICTURE_MIME = "application/vnd.kpi.picture+json"
VEGALITE_MIME = "application/vnd.vegalite.v5+json"  # the newest that JupyterLab knows; it draws 6.x specs too
VEGALITE_VERSION = "6.4"
_BEYOND = re.compile("[\U00010000-\U0010ffff]")


class Chart(Protocol):
    """Anything that gives a Vega-Lite spec, such as an Altair chart."""

    def to_dict(self) -> dict[str, Any]:
        """The Vega-Lite spec."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One question, one chart: `alt` states the finding in words, `note` stands under it, `table` unfolds the figures.

    With a `tile` the two stand side by side as the north star of the report. Pictures in a row with the same first word of
    `choice` are alternatives, as of one segment each: a live page shows the one that is chosen, any other all of them.
    """

    wide: Chart
    alt: str
    narrow: Chart | None = None
    note: Phrase = ""
    table: Table | None = None
    tile: Tile | None = None
    choice: tuple[str, str] | None = None


def picture_bundle(picture: Picture) -> dict[str, Any]:
    """What a notebook keeps of a picture: both layouts for the report, and a fallback for JupyterLab."""
    wide = drawable(picture.wide)
    narrow = drawable(picture.narrow) if picture.narrow is not None else None
    wide_svg = still(wide)
    kept = {
        "wide": wide,
        "wide_svg": wide_svg,
        "narrow": narrow,
        "narrow_svg": still(narrow) if narrow is not None else None,
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


def below(picture: Picture) -> Html:
    """The note under a chart and its figures folded away."""
    note = tag("p", inline(picture.note), class_="kpi-note") if picture.note else None
    figures = html(picture.table) if picture.table is not None else None
    folded = tag("details", tag("summary", "The figures"), figures, class_="kpi-fold") if figures else None
    return join(note, folded)


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
    """The spec of a chart in the house's theme, whichever is enabled, with every text in it drawable."""
    with theme.worn():
        return drawn_spec(chart.to_dict())


def drawn_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Clean all texts of a spec: the drawing engine ends the whole process on a control character."""
    cleaned: dict[str, Any] = _over_texts(spec, clean)
    return cleaned


def _over_texts(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Apply a change to every string of a JSON value, names of fields included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(key)): _over_texts(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_over_texts(each, change) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None  # JSON has no word for it, and no chart a place
    return value


def still(spec: dict[str, Any]) -> str:
    """Draw a spec as SVG, without any network and without any script.

    The engine cuts long labels between the halves of a character beyond the first plane, such as an emoji, and then fails on
    the half; such a drawing is made once more with a sign in their place.
    """
    import vl_convert

    try:
        return vl_convert.vegalite_to_svg(spec, vl_version=VEGALITE_VERSION, allowed_base_urls=[])
    except ValueError:
        narrow: dict[str, Any] = _over_texts(spec, lambda text: _BEYOND.sub("\N{WHITE SQUARE}", text))
        if narrow == spec:
            raise
        return vl_convert.vegalite_to_svg(narrow, vl_version=VEGALITE_VERSION, allowed_base_urls=[])
