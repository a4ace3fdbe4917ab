"""How a report stands on a desk, on a phone, in the dark, without scripts, and on paper. The pictures are for eyes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SMALLEST = 11.0  # px a chart's text must come out at


def awake(seen: Any) -> Any:  # noqa: ANN401 - playwright's page
    """The page with every chart alive, at its top."""
    for figure in seen.page.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".live svg").wait_for()
    seen.page.evaluate("window.scrollTo(0, 0)")
    return seen.page


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scripts", [True, False])
def test_it_reads_well_everywhere(
    *,
    demo_html: str,
    visit: Callable[..., Any],
    pictures: Path,
    width: int,
    mode: str,
    scripts: bool,
) -> None:
    seen = visit(demo_html, width=width, mode=mode, scripts=scripts)
    opened = awake(seen) if scripts else seen.page
    opened.screenshot(path=pictures / f"{width}-{mode}{'' if scripts else '-still'}.png", full_page=True)
    assert seen.complaints == []
    if not scripts:
        shown = opened.locator(".still:visible")
        assert shown.count() == 2
        return
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert opened.locator(".drawn .still:visible").count() == 0
    sizes = opened.evaluate(TEXT_SIZES)
    assert min(sizes) >= SMALLEST
    assert opened.evaluate(CONTRAST, ".kpi-note, .kpi-label, .kpi-change, .kpi-say, .kpi-shaded, .kpi-target") == []


TEXT_SIZES = """[...document.querySelectorAll('.live svg')].flatMap((svg) => {
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll('text')].map((text) => parseFloat(getComputedStyle(text).fontSize) * scale);
})"""
CONTRAST = """(selector) => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...document.querySelectorAll(selector)].map((node) => {
    const [high, low] = [read(getComputedStyle(node).color), behind(node)].map(light).sort((a, b) => b - a);
    return [(high + 0.05) / (low + 0.05), node.className, node.textContent.slice(0, 30)];
  }).filter(([ratio]) => ratio < 4);
}"""


def test_a_phone_gets_its_own_layout_and_a_turn_brings_the_other(demo_html: str, visit: Callable[..., Any]) -> None:
    opened = awake(visit(demo_html, width=390))
    narrow = opened.locator(".live svg").first.get_attribute("width")
    opened.set_viewport_size({"width": 1200, "height": 900})
    opened.wait_for_function(
        "(before) => document.querySelector('.live svg').getAttribute('width') !== before", arg=narrow
    )


def test_the_mode_changes_charts_too(demo_html: str, visit: Callable[..., Any]) -> None:
    opened = awake(visit(demo_html))
    assert "#1b5e8c" in opened.locator(".live").last.inner_html()
    opened.emulate_media(color_scheme="dark")
    opened.wait_for_function("() => document.querySelectorAll('.live')[1].innerHTML.includes('#63b0e3')")


def test_everything_can_be_reached_and_unfolded_by_keyboard(demo_html: str, visit: Callable[..., Any]) -> None:
    opened = visit(demo_html).page
    reached = set()
    for _ in range(60):
        opened.keyboard.press("Tab")
        reached.add(opened.evaluate("document.activeElement.textContent.trim().slice(0, 25)"))
    for words in ("Skip to the findings", "How to read this report", "How this was computed", "The figures"):
        assert words in reached
    fold = opened.locator("summary", has_text="The figures")
    fold.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("table", has_text="1st order").is_visible()


def test_a_chart_says_what_it_found(demo_html: str, visit: Callable[..., Any]) -> None:
    opened = visit(demo_html, scripts=False).page
    named = [each.get_attribute("aria-label") for each in opened.locator(".still.wide svg").all()]
    assert named[1] == "Half of 23,570 customers ordered a second time; 1,154 reached ten orders."


def test_every_printed_figure_carries_its_raw_value(demo_html: str, visit: Callable[..., Any]) -> None:
    opened = visit(demo_html).page
    figures = opened.locator("data.kpi-figure").all()
    assert len(figures) > 30
    for each in figures:
        assert re.fullmatch(r"-?[\d.e+-]+", each.get_attribute("value") or "")
        assert each.get_attribute("data-kpi")


def test_it_prints_on_a4_without_boxes_that_scroll(demo_html: str, visit: Callable[..., Any], pictures: Path) -> None:
    opened = awake(visit(demo_html, mode="dark"))
    opened.emulate_media(media="print", color_scheme="dark")
    opened.set_viewport_size({"width": 718, "height": 1000})
    opened.screenshot(path=pictures / "print.png", full_page=True)
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    assert opened.locator(".live:visible").count() == 0
    assert opened.locator("figure .kpi-fold:not([open]):visible").count() == 0  # nothing asks paper for a click
    assert opened.locator(".still.wide:visible").count() == 2
    assert opened.evaluate("document.documentElement.scrollWidth") <= 718
    printed = opened.pdf(path=pictures / "print.pdf", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3
