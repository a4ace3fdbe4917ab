"""Pages can be used by everybody: axe-core finds no break of WCAG 2.2, level AA, in what is written here."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from kpi_lib.reporting.index import Entry, index_page
from kpi_lib.reporting.integrity import checklist_html
from kpi_lib.reporting.restated import restated_html
from kpi_lib.show.markup import join

pytestmark = pytest.mark.browser

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """(levels) => axe.run(document, {runOnly: {type: 'tag', values: levels}}).then((found) => found.violations.map(
  (each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`))"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker's script."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def breaks(seen: Any, axe: str) -> list[str]:  # noqa: ANN401 - playwright's page
    """What breaks the rules, everything unfolded."""
    seen.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    seen.page.evaluate(axe)
    found: list[str] = seen.page.evaluate(RUN, LEVELS)
    return found


@pytest.mark.parametrize(("width", "mode"), [(1200, "light"), (1200, "dark"), (390, "light")])
def test_a_report_breaks_no_rule(*, demo_html: str, visit: Callable[..., Any], axe: str, width: int, mode: str) -> None:
    figure = {"kpi": "orders", "start": "1998-06-01", "by": {}, "before": 3.0, "now": 4.0}
    told = {"since": "f00d", "figures": [figure], "more": 2, "definitions": ["orders"]}
    later = join(checklist_html([(True, "sound"), (False, "broken")]), restated_html(told, "EUR"))
    page = demo_html.replace("<!-- after rendering -->", later.text)
    assert page != demo_html
    assert breaks(visit(page, width=width, mode=mode), axe) == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_catalogue_breaks_no_rule(visit: Callable[..., Any], axe: str, mode: str) -> None:
    kind = {"workspace": "Shop", "report": "monthly", "link": "a/report.html"}
    found = [
        Entry(title="June", period="2026-06", by="", sentence="**Up**", star="Orders", past=(1.0, 3.0, 2.0), **kind),
        Entry(title="May", period="2026-05", by="plan = pro", error="it stopped", **kind),
    ]
    assert breaks(visit(index_page(found), mode=mode), axe) == []


def test_the_checker_finds_a_planted_break(demo_html: str, visit: Callable[..., Any], axe: str) -> None:
    page = demo_html.replace("</main>", '<img src="data:,"><p style="color:#ccc;background:#fff">pale</p></main>')
    told = " ".join(breaks(visit(page), axe))
    assert "image-alt" in told
    assert "color-contrast" in told
