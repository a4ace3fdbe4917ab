"""The theme is the one source of colours, and its colours can be told apart and read."""

import re
from importlib.resources import files

import altair as alt
import polars as pl
import pytest

from kpi_lib.show import theme
from kpi_lib.show.blocks import Cell, Table
from kpi_lib.show.picture import drawable
from kpi_lib.show.render import html
from kpi_lib.show.theme import DARK, LIGHT, Palette


def channels(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), channels(colour), strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def seen_by_deuteranopes(colour: str) -> list[float]:
    """Linear RGB as people without the green receptor see it (Viénot 1999)."""
    red, green, blue = channels(colour)
    both = 0.29275 * red + 0.70725 * green
    return [both, both, -0.02234 * red + 0.02234 * green + blue]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
class TestAPalette:
    @pytest.mark.parametrize("role", ["ink", "muted", "accent", "good", "bad", "warn"])
    def test_text_can_be_read_on_page_and_panel(self, palette: Palette, role: str) -> None:
        assert contrast(getattr(palette, role), palette.paper) >= 4.5
        assert contrast(getattr(palette, role), palette.panel) >= 4.5

    def test_categories_can_be_told_apart_by_colour_blind_people(self, palette: Palette) -> None:
        seen = [seen_by_deuteranopes(colour) for colour in palette.categories]
        apart = [
            sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
            for at, one in enumerate(seen)
            for other in seen[:at]
        ]
        assert min(apart) > 0.1
        assert len(palette.categories) <= 6
        assert palette.categories[0] == palette.accent

    def test_the_ladder_goes_one_way(self, palette: Palette) -> None:
        steps = [luminance(colour) for colour in palette.sequence]
        assert steps in (sorted(steps), sorted(steps, reverse=True))


def test_every_light_colour_has_one_dark_twin() -> None:
    swaps = theme.swaps()
    for palette_colour in (*LIGHT.categories, *LIGHT.sequence, LIGHT.ink, LIGHT.on_deep):
        assert swaps[palette_colour] != palette_colour
    assert swaps[LIGHT.accent] == DARK.accent == DARK.categories[0]


def test_no_ladder_step_is_taken_for_a_role() -> None:
    assert not set(theme.variables()) & {*LIGHT.sequence, LIGHT.on_pale, LIGHT.on_deep}


def test_css_has_a_property_for_every_colour_a_picture_uses() -> None:
    css = theme.css()
    assert all(f"{name}:" in css for name in theme.variables().values())
    assert "prefers-color-scheme:dark" in css


def test_the_stylesheets_name_no_property_that_is_not_there() -> None:
    sheets = [files("kpi_lib.show") / "blocks.css"]
    sheets += [files("kpi_lib.reporting").joinpath("template", name) for name in ("page.css", "index.css")]
    known = theme.css() + "--kpi-shade:"
    for sheet in sheets:
        text = sheet.read_text("utf-8")
        assert [
            name
            for name in set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
            if f"{name}:" not in known and name != "--natural"
        ] == []
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s}])", text) == []


def test_a_chart_is_drawn_in_the_theme_whatever_is_enabled() -> None:
    alt.theme.enable("dark")
    try:
        spec = drawable(alt.Chart(pl.DataFrame({"a": [1]})).mark_bar().encode(x="a"))
        assert alt.theme.active == "dark"
    finally:
        alt.theme.enable("default")
    assert spec["config"]["mark"]["color"] == LIGHT.accent


def test_charts_wear_the_theme() -> None:
    theme.enable()
    try:
        spec = alt.Chart(pl.DataFrame({"a": [1]})).mark_bar().encode(x="a").to_dict()
    finally:
        alt.theme.enable("default")
    assert spec["config"]["mark"]["color"] == LIGHT.accent
    assert spec["config"]["range"]["category"] == list(LIGHT.categories)


def oklab(colour: str) -> list[float]:
    """A colour in OKLab (Ottosson 2020), in which the shades are mixed."""
    red, green, blue = channels(colour)
    cones = [
        (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3),
        (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3),
        (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3),
    ]
    weights = (
        (0.2104542553, 0.793617785, -0.0040720468),
        (1.9779984951, -2.428592205, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.808675766),
    )
    return [sum(weight * cone for weight, cone in zip(row, cones, strict=True)) for row in weights]


def mixed(lab: list[float]) -> float:
    """The luminance of a colour in OKLab."""
    light, a, b = lab
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.291485548 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_in_a_shaded_cell_is_readable_at_every_shade(mode: str) -> None:
    colours = LIGHT if mode == "light" else DARK
    ends = oklab(colours.accent), oklab(colours.paper)
    for at in range(1001):
        written = html(Table(title="t", columns=("a",), rows=((Cell(phrase="9", shade=at / 1000),),))).text
        part = 0.08 + 0.84 * round(at / 10) / 100  # as blocks.css mixes it, the shade in whole percents
        ground = mixed([deep * part + paper * (1 - part) for deep, paper in zip(*ends, strict=True)])
        middle, deep = "kpi-mid" in written, "kpi-deep" in written
        text = {"light": "#ffffff" if deep else "#000000" if middle else colours.ink}.get(
            mode, "#000000" if middle else "#ffffff"
        )
        pair = sorted((ground, luminance(text)))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (mode, at)
