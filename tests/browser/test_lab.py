"""`kpi lab` as people use it: notebooks in a real JupyterLab, charts drawn offline, every control of every explorer."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import pytest

import kpi_lib as kpi
from kpi_lib.show.panel import panel, parts_of
from tests.browser.lab import ROOT, Lab, Shown, run_all, running_lab
from tests.show.results import figures

pytestmark = pytest.mark.browser

OPEN = """import kpi_lib as kpi
ws = kpi.open_workspace(".")
data, grid = ws.data, ws.grid(cadence="week")"""
SLOW_ONE = """import time
from kpi_lib.core.progress import counted
from kpi_lib.show.controls import number
from kpi_lib.show.explorer import Explorer

class Slow(Explorer):
    arguments = property(lambda self: {"size": self.controls["size"].value})

    def ask(self, size):
        [time.sleep(1 if size > 9 else 0) for _ in counted(range(size), "part", size)]
        return kpi.stage(data, stage="growth")

    def code_of(self, size):
        return f"slow({size})"

Slow({"size": number("Size", 2, 0, 100)}, [["size"]])"""
EXPLORERS = {
    "cohorts": "kpi.CohortExplorer(data)",
    "paths": "kpi.PathExplorer(data, max_steps=4)",
    "segments": 'kpi.SegmentExplorer(data, "wau", every="week")',
    "scorecard": 'kpi.ScorecardExplorer(data, ["actions_per_user"], grid, north_star="wau", targets=ws.targets, history=6)',
    "kpis": 'kpi.KpiChooser(data, stage="growth")',
    "slow": SLOW_ONE,
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab with 20-funnel and a notebook of explorers."""
    books = {"20-funnel": ROOT / "notebooks" / "20-funnel.ipynb", "explorers": [OPEN, *EXPLORERS.values()]}
    with running_lab(tmp_path_factory.mktemp("lab"), books) as found:
        yield found


@pytest.fixture(scope="module")
def opened(lab: Lab, browser: Any) -> Iterator[Any]:  # noqa: ANN401 - playwright's own type
    """20-funnel, run from top to bottom."""
    with run_all(browser, lab, "20-funnel") as (page, requests):
        page.locator(".kpi-lineage").first.wait_for(state="attached")
        yield page, requests


@pytest.fixture(scope="module")
def explorers(lab: Lab, browser: Any) -> Iterator[dict[str, Shown]]:  # noqa: ANN401 - playwright's own type
    """All explorers but the funnel's, and one that is slow, by name."""
    with run_all(browser, lab, "explorers") as (page, _):
        cells = page.locator(".jp-CodeCell")
        yield {name: Shown(cells.nth(at).locator(".widget-vbox").first) for at, name in enumerate(EXPLORERS, 1)}


@pytest.fixture(scope="module")
def ws(lab: Lab) -> kpi.Workspace:
    """The same workspace, opened here."""
    return kpi.open_workspace(str(lab.workspace))


def same(shown: Shown, twin: Any, ws: kpi.Workspace) -> None:  # noqa: ANN401 - any result
    """The figures on the screen are those that the twin's own panel prints, and the line gives the twin's result."""
    assert eval(shown.line(), {"kpi": kpi, "data": ws.data, "ws": ws}).to_dict() == twin.to_dict()
    assert shown.figures() == printed(twin)
    assert shown.box.locator("figure svg text").all_text_contents() == drawn(twin)
    assert shown.box.locator("[role=alert]").count() == 0


def printed(result: Any) -> dict[tuple[str, str, str], float]:  # noqa: ANN401 - any result
    """Every figure of the parts that show a result, by its place."""
    found: dict[tuple[str, str, str], float] = {}
    for figure in figures(tuple(parts_of(result))):
        by = ";".join(f"{column}={value}" for column, value in figure.by)
        if figure.value is not None:
            found[figure.kpi, f"{figure.start}/{by}", figure.field] = float(figure.value)
    return found


def drawn(result: Any) -> list[str]:  # noqa: ANN401 - any result
    """Every word and number in the charts of a result, in both widths."""
    texts = re.findall(r"<text\b[^>]*>(.*?)</text>", panel(result, {}), re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", each)) for each in texts]


def test_without_the_token_nothing_is_served(lab: Lab) -> None:
    assert lab.status("/api/contents", lab.token) == 200
    assert lab.status("/api/contents") == 403
    assert lab.status("/api/contents", "0" * 32) == 403
    assert lab.status("/api/kernels") == 403


def test_charts_draw_without_any_network(opened: Any) -> None:  # noqa: ANN401 - page and requests
    page, requests = opened
    assert page.locator(".jp-OutputArea-output canvas, .jp-OutputArea-output svg").count() >= 3
    assert page.locator(".vega-embed canvas, .vega-embed svg").count() >= 2
    box = page.locator(".vega-embed canvas, .vega-embed svg").first.bounding_box()
    assert box["width"] > 300
    assert box["height"] > 60
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert page.get_by_text("Error loading script").count() == 0
    hosts = {urlparse(each).hostname for each in requests if each.startswith("http")}
    assert hosts == {"127.0.0.1"}


@dataclass
class Case:
    """An explorer on the screen, its twin, and the arguments that the controls stand for by now."""

    shown: Shown
    ws: kpi.Workspace
    twin: Callable[..., Any]
    given: dict[str, Any]

    def begin(self, words: str) -> None:
        """Wait for the first answer."""
        self.shown.until(words)
        self.same()

    def same(self) -> None:
        """The answer is that of the twin."""
        given = {name: one for name, one in self.given.items() if one is not None}
        same(self.shown, self.twin(self.ws.data, **given), self.ws)

    def change(self, label: str, value: str, words: str, **more: Any) -> None:  # noqa: ANN401 - the twin's arguments
        """Change one control, wait until these words stand in the line, and compare with the twin's answer."""
        self.shown.set(label, value)
        self.shown.until(words)
        self.given |= more
        self.same()


def test_every_control_of_cohorts_gives_what_its_twin_gives(explorers: dict[str, Shown], ws: kpi.Workspace) -> None:
    case = Case(explorers["cohorts"], ws, kpi.explore_cohorts, {})
    case.begin("kpi.cohorts(data, ")
    case.shown.box.get_by_text("More rules").click()
    case.change("Split by", "platform", "with_by(('platform',))", by="platform")
    case.change("Split by", "nothing", "cohorts(data,", by=None)
    case.change("Start", "catalog", "start_event='catalog'", start_event="catalog")
    case.change("Coming back", "purchase", "return_event='purchase'", return_event="purchase")
    case.change("By", "month", "grain='month'", grain="month")
    case.change("Clock", "elapsed", "clock='elapsed'", clock="elapsed")
    case.change("Periods", "3", "periods=3", periods=3)
    case.change("Events at least", "2", "min_events=2", min_events=2)
    case.change("Gone after", "2", "gone_after=2", gone_after=2)
    case.change("Gone after", "", "periods=3, min_events=2", gone_after=None)
    case.change("Start anew in every period", "on", "recurring=True", recurring=True)
    case.change("Came back", "then or later", "mode='on_or_after'", mode="on_or_after")
    case.shown.set("Came back", "in a span of periods")
    assert "write them as in 1-3, 4-7" in case.shown.refused()
    case.change("Spans", "1-2", "((1, 2),)", mode="bracket", brackets=((1, 2),))


def test_every_control_of_paths_gives_what_its_twin_gives(explorers: dict[str, Shown], ws: kpi.Workspace) -> None:
    case = Case(explorers["paths"], ws, kpi.explore_paths, {"max_steps": 4})
    case.begin("kpi.paths(data, ")
    case.change("From", "catalog", "from_event='catalog'", from_event="catalog")
    case.change("To", "purchase", "to_event='purchase'", to_event="purchase")
    case.change("Steps", "3", "max_steps=3", max_steps=3)
    case.change("Events a step", "2", "top=2", top=2)
    case.change("The same event in a row is one step", "off", "collapse=False", collapse=False)
    case.change("Split by", "platform", "with_by(('platform',))", by="platform")


def test_every_control_of_segments_gives_what_its_twin_gives(explorers: dict[str, Shown], ws: kpi.Workspace) -> None:
    begun = {"name": "wau", "every": "week", "by": "platform"}
    case = Case(explorers["segments"], ws, kpi.explore_segments, begun)
    case.begin("kpi.explore_segments(data, name='wau', by='platform', ")
    case.change("KPI", "Actions per user", "name='actions_per_user'", name="actions_per_user")
    case.change("Every", "month", "every='month'", every="month")
    case.change("Periods", "4", "periods=4", periods=4)
    case.change("Only", "platform=mobile", "only='platform=mobile'", only="platform=mobile")
    case.change("Split by", "nothing", "'actions_per_user', only='platform=mobile', every=", by=None)


def test_every_control_of_targets_gives_what_its_twin_gives(explorers: dict[str, Shown], ws: kpi.Workspace) -> None:
    begun = {"names": ["actions_per_user"], "north_star": "wau", "targets": ws.targets, "history": 6}
    case = Case(explorers["scorecard"], ws, kpi.explore_scorecard, {**begun, "period": "2024-W25"})
    case.begin("kpi.explore_scorecard(data, ")
    case.change("Target: Weekly active users", "150", "{'wau': 150.0}", what_if={"wau": 150.0})
    case.change(
        "Target: Actions per user", "12", "'actions_per_user': 12.0", what_if={"wau": 150.0, "actions_per_user": 12.0}
    )
    case.change("All due", "2024-12-31", "due='2024-12-31'", due="2024-12-31")
    case.change("History", "8", "history=8", history=8)
    case.change("Period", "2024-W24", "period='2024-W24'", period="2024-W24")
    case.shown.set("Target: Weekly active users", "lots")
    assert "is no number" in case.shown.refused()


def test_every_control_of_the_chooser_gives_what_its_twin_gives(explorers: dict[str, Shown], ws: kpi.Workspace) -> None:
    case = Case(explorers["kpis"], ws, kpi.stage, {"stage": "growth"})
    case.begin("kpi.stage(data, ")
    case.change("Product", "app", "profile='app'", profile="app")
    case.change("North star", "dau", "north_star='dau'", north_star="dau")
    case.change("At most", "3", "limit=3", limit=3)
    case.change("Goal: engagement", "on", "('engagement',)", goals=("engagement",))
    case.change("Goal: revenue", "on", "'revenue')", goals=("engagement", "revenue"))
    case.change("Goal: satisfaction", "on", "'satisfaction')", goals=("engagement", "revenue", "satisfaction"))
    case.change("New features are planned", "on", "new_features=True", new_features=True)
    case.change("Stage", "mature", "stage='mature'", stage="mature")
    case.shown.set("Goal: engagement", "off")
    case.shown.set("Goal: revenue", "off")
    case.shown.set("Goal: satisfaction", "off")
    case.shown.set("Stage", "none")
    assert "name a stage" in case.shown.refused()


def test_every_control_of_the_funnel_gives_what_its_twin_gives(opened: Any, ws: kpi.Workspace) -> None:  # noqa: ANN401
    steps = ("product_view", "add_to_cart", "purchase")
    shown = Shown(opened[0].locator(".jp-OutputArea-output .widget-vbox").first)
    case = Case(shown, ws, kpi.explore_funnel, {"steps": steps, "within": "24h"})
    case.begin("within='24h'")
    same_funnel(case)
    shown.box.get_by_text("More rules").click()
    for label, value, words, more in (
        ("Step 4", "account_page", "'account_page'", {"steps": (*steps, "account_page")}),
        ("Step 4", "–", "'purchase')", {"steps": steps}),
        ("Step 1", "catalog", "'catalog'", {"steps": ("catalog", *steps[1:])}),
        ("Within", "30m", "within='30m'", {"within": "30m"}),
        ("Order", "unordered", "order='unordered'", {"order": "unordered"}),
        ("Split by", "platform", "with_by(('platform',))", {"by": "platform"}),
        ("Attempt", "first", "attempt='first'", {"attempt": "first"}),
        ("Ended by", "support_chat", "exclude=('support_chat',)", {"exclude": ("support_chat",)}),
        ("It ends", "unit", "exclusion='unit'", {"exclusion": "unit"}),
        ("Same", "platform", "hold='platform'", {"hold": "platform"}),
        ("Rules of", "amplitude", "preset('amplitude'", {"preset": "amplitude"}),
        ("Order", "ordered", "order='ordered'", {"order": "ordered"}),
        ("Step times", "1h, -", "within_step=('1h', '-')", {"within_step": ("1h", "-")}),
    ):
        case.change(label, value, words, **more)
        same_funnel(case)
    case.change("Compare segments", "on", "kpi.compare_funnels", compare=True)
    shown.set("Within", "soon")
    assert "soon" in shown.refused()


def same_funnel(case: Case) -> None:
    """The figures on the screen are those of the twin's table, read without any of the words around them."""
    result = kpi.explore_funnel(case.ws.data, **case.given)
    names = [*result.by, "step"]
    rows = {";".join(f"{name}={row[name]}" for name in names): row for row in result.table.to_dicts()}
    found = case.shown.figures()
    assert len(found) >= 4
    for (_, place, field), value in found.items():
        row = rows[place.removeprefix("/")]
        if field.startswith("lost"):
            before = rows[place.removeprefix("/").rpartition("=")[0] + f"={row['step'] - 1}"]["units"]
            wanted = before - row["units"] if field == "lost" else 1 - row["units"] / before
        else:
            wanted = row[field]
        assert value == wanted, (place, field)


def test_long_work_says_how_far_it_is_and_can_be_stopped_while_the_kernel_goes_on(
    explorers: dict[str, Shown],
) -> None:
    shown = explorers["slow"]
    shown.until("slow(2)")
    shown.set("Size", "60")
    shown.box.get_by_role("status").filter(has_text="Computing: part").wait_for()
    stop = shown.box.get_by_role("button", name="Stop")
    stop.click()
    shown.box.get_by_role("status").filter(has_text="Stopped. What is shown belongs to the choices before").wait_for()
    assert not stop.is_visible()
    assert shown.line() == "slow(2)"
    shown.set("Size", "3")
    shown.until("slow(3)")
    assert shown.box.get_by_role("status").filter(visible=True).count() == 0
    shown.set("Size", "60")
    shown.box.get_by_role("status").filter(has_text="Computing: part").wait_for()
    shown.set("Size", "4")  # the newest wins: nobody waits a minute
    shown.until("slow(4)")
