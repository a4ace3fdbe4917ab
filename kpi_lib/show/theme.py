"""One source of colours, sizes and chart settings for notebooks, reports and slides.

Charts are drawn in the light colours. The page swaps each of them for its dark twin, so a chart must take its colours
from here and from nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace'

TYPE = {"tiny": 12, "small": 13, "body": 16, "lead": 18, "title": 21, "page": 30, "value": 27, "star": 46}
SPACE = {"1": 4, "2": 8, "3": 12, "4": 16, "5": 24, "6": 32, "7": 48, "8": 64}
COLUMN = 1000  # the widest a page gets, in px
NAME = "kpi"  # as Altair knows it
WIDE = 920  # total width a wide chart should come out at
NARROW = 342  # total width of its twin for phones: a 390 px screen less the margins
BREAKPOINT = 720  # at and below this the narrow twin of a chart is shown
HEIGHT = 320  # no chart is taller


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one mode; every role is named by what it is for."""

    ink: str
    muted: str
    paper: str
    panel: str
    line: str
    grid: str
    ghost: str
    accent: str
    soft: str
    good: str
    bad: str
    warn: str
    categories: tuple[str, ...]
    sequence: tuple[str, ...]
    on_pale: str
    on_deep: str


LIGHT = Palette(
    ink="#1b1f24",
    muted="#59626c",
    paper="#ffffff",
    panel="#f6f7f7",
    line="#dfe2e4",
    grid="#e7e9eb",
    ghost="#b9c0c7",
    accent="#1b5e8c",
    soft="#c9dcea",
    good="#17753d",
    bad="#b3261e",
    warn="#8a5800",
    categories=("#1b5e8c", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
    sequence=("#eef4f8", "#cbdde9", "#9cbdd4", "#6497bb", "#33709b", "#124a70"),
    on_pale="#10202d",
    on_deep="#fdfeff",
)
DARK = Palette(
    ink="#e8eaec",
    muted="#a3acb5",
    paper="#14171a",
    panel="#1d2125",
    line="#343a40",
    grid="#2b3035",
    ghost="#5d666f",
    accent="#63b0e3",
    soft="#27465c",
    good="#62cf8d",
    bad="#ff8f85",
    warn="#efbb5a",
    categories=("#63b0e3", "#f28c4b", "#35c79b", "#e5a0c6", "#f1bd49", "#b8e0f7"),
    sequence=("#1b2a35", "#21405a", "#2d5f85", "#4585b0", "#72aed5", "#b3dcf5"),
    on_pale="#f2f7fa",
    on_deep="#0c1a25",
)

ROLES = ("ink", "muted", "paper", "panel", "line", "grid", "ghost", "accent", "soft", "good", "bad", "warn")


def swaps() -> dict[str, str]:
    """Light colour → its dark twin, for a chart that is drawn afresh in dark mode."""
    pairs = {getattr(LIGHT, role): getattr(DARK, role) for role in (*ROLES, "on_pale", "on_deep")}
    ladders = zip(LIGHT.categories + LIGHT.sequence, DARK.categories + DARK.sequence, strict=True)
    return {**dict(ladders), **pairs}


def variables() -> dict[str, str]:
    """Light colour → the name of its CSS property, for a still picture that follows the page.

    Steps of the single-hue ladder are left out: a picture mixes them into colours in between, which keep as they are.
    """
    named = {colour: f"--kpi-cat-{at}" for at, colour in enumerate(LIGHT.categories, 1)}
    return {**named, **{getattr(LIGHT, role): f"--kpi-{role}" for role in ROLES}}


def css(root: str = ":root") -> str:
    """CSS custom properties of both modes, the type and spacing scale; paper is always light."""
    scale = [f"--kpi-type-{name}:{size / 16:g}rem" for name, size in TYPE.items()]
    scale += [f"--kpi-space-{name}:{size / 16:g}rem" for name, size in SPACE.items()]
    scale += [f"--kpi-font:{FONT}", f"--kpi-mono:{MONO}"]
    light, dark = _properties(LIGHT), _properties(DARK)
    return (
        f"{root}{{color-scheme:light dark;{';'.join(scale + light)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{{root}{{{';'.join(dark)}}}}}\n"
    )


def _properties(palette: Palette) -> list[str]:
    """The colours of one mode as CSS declarations."""
    plain = [f"--kpi-{role}:{getattr(palette, role)}" for role in ROLES]
    return plain + [f"--kpi-cat-{at}:{colour}" for at, colour in enumerate(palette.categories, 1)]


def config() -> dict[str, Any]:
    """Vega-Lite settings shared by every chart: muted grid, no boxes, readable text, one accent."""
    text = {"labelFont": FONT, "titleFont": FONT, "labelColor": LIGHT.muted, "titleColor": LIGHT.muted}
    sizes = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    return {
        "background": None,
        "font": FONT,
        "padding": 2,
        "view": {"stroke": None, "continuousWidth": WIDE - 120, "continuousHeight": 220},
        "axis": {
            **text,
            **sizes,
            "domain": False,
            "ticks": False,
            "grid": True,
            "gridColor": LIGHT.grid,
            "labelPadding": 8,
            "titlePadding": 10,
            "labelLimit": 220,
            "labelOverlap": "greedy",
        },
        "axisX": {"grid": False, "labelAngle": 0, "domain": True, "domainColor": LIGHT.line},
        "axisBand": {"grid": False},
        "legend": {**text, **sizes, "orient": "top", "symbolType": "circle", "title": None, "labelLimit": 260},
        "header": {**text, **sizes, "labelColor": LIGHT.ink},
        "title": {"font": FONT, "fontSize": 14, "fontWeight": 600, "color": LIGHT.ink, "anchor": "start", "offset": 10},
        "range": {
            "category": list(LIGHT.categories),
            "ramp": list(LIGHT.sequence),
            "heatmap": list(LIGHT.sequence),
            "ordinal": list(LIGHT.sequence),
        },
        "mark": {"color": LIGHT.accent},
        "line": {"strokeWidth": 2, "strokeJoin": "round", "strokeCap": "round"},
        "point": {"size": 36, "filled": True},
        "bar": {"cornerRadiusEnd": 2},
        "area": {"opacity": 0.25, "line": False},
        "rule": {"color": LIGHT.ghost},
        "text": {"font": FONT, "fontSize": 12, "color": LIGHT.ink},
        "rect": {"cornerRadius": 2},
    }


def enable() -> None:
    """Make every Altair chart of this process wear the theme."""
    import altair as alt

    @alt.theme.register(NAME, enable=True)
    def kpi_theme() -> alt.theme.ThemeConfig:
        return alt.theme.ThemeConfig(config=config())  # type: ignore[typeddict-item]


@contextmanager
def worn() -> Iterator[None]:
    """Wear the theme for as long as the context lasts, whatever theme somebody has enabled."""
    import altair as alt

    before = alt.theme.active
    enable()  # which takes less time than asking Altair whether it knows the theme
    try:
        yield
    finally:
        alt.theme.enable(before)
