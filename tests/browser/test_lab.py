"""`kpi lab` as people use it: the notebook in a real JupyterLab, its charts drawn offline, every control of the explorer."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

import kpi_lib as kpi

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from kpi_lib.cli.main import main; main()"]
QUIET = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are there as well
}
SLOW = 90_000  # ms; a busy machine must not fail the test


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    address: str
    token: str
    workspace: Path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`kpi lab` on a copy of the click-stream, with a notebook of its own to save into."""
    folder = tmp_path_factory.mktemp("lab")
    workspace = folder / "clickstream"
    shutil.copytree(ROOT / "data" / "clickstream", workspace)
    (workspace / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "20-funnel.ipynb", workspace / "notebooks")
    for name, content in QUIET.items():
        place = folder / "settings" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content), "utf-8")
    port, token = free_port(), secrets.token_hex(16)
    places = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTERLAB_WORKSPACES_DIR": "desks",
    }
    env = {**os.environ, **{key: str(folder / name) for key, name in places.items()}, "JUPYTER_TOKEN": token}
    env |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [*COMMAND, "--workspace", str(workspace), "lab", "--port", str(port), "--no-browser"]
    with (folder / "log.txt").open("w") as log:
        running = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
        try:
            found = Lab(f"http://127.0.0.1:{port}", token, workspace)
            until_up(found, running, folder / "log.txt")
            yield found
        finally:
            running.terminate()
            running.wait(30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def status(lab: Lab, path: str, token: str = "") -> int:
    """How the server answers a request."""
    asked = urllib.request.Request(lab.address + path, headers={"Authorization": f"token {token}"} if token else {})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def until_up(lab: Lab, running: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server answers."""
    for _ in range(240):
        assert running.poll() is None, log.read_text("utf-8")
        try:
            if status(lab, "/api/status", lab.token) == 200:
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text("utf-8"))


def test_without_the_token_nothing_is_served(lab: Lab) -> None:
    assert status(lab, "/api/contents", lab.token) == 200
    assert status(lab, "/api/contents") == 403
    assert status(lab, "/api/contents", "0" * 32) == 403
    assert status(lab, "/api/kernels") == 403


@dataclass
class Opened:
    """The notebook in a browser, with all its cells run."""

    page: Any
    requests: list[str]

    @property
    def explorer(self) -> Any:  # noqa: ANN401 - playwright's locator
        """The area of the explorer."""
        return self.page.locator(".jp-OutputArea-output .widget-vbox").first

    def line(self) -> str:
        """The line of code under the picture."""
        return str(self.explorer.locator("pre code").inner_text())

    def until(self, words: str) -> None:
        """Wait until the line of code holds these words."""
        self.explorer.locator("pre code", has_text=words).wait_for(timeout=SLOW)

    def figures(self) -> dict[tuple[str, str], float]:
        """Every printed figure of the explorer, by its place."""
        read = "all => all.map(one => ({...one.dataset}))"
        shown = self.explorer.locator("data.kpi-figure").evaluate_all(read)
        return {(each["by"], each["field"]): float(each["value"]) for each in shown}

    def control(self, label: str) -> Any:  # noqa: ANN401 - playwright's locator
        """A control by its label."""
        return self.explorer.get_by_label(label, exact=True)


@pytest.fixture(scope="module")
def opened(lab: Lab, browser: Any) -> Iterator[Opened]:  # noqa: ANN401 - playwright's own type
    """20-funnel, run from top to bottom."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(SLOW)
    page, requests = context.new_page(), []
    page.on("request", lambda asked: requests.append(asked.url))
    page.goto(f"{lab.address}/lab/tree/20-funnel.ipynb?reset&token={lab.token}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # earlier, Lab would ask for a kernel
    page.locator("li.lm-MenuBar-item", has_text="Run").click()
    page.locator("li.lm-Menu-item", has_text="Run All Cells").first.click()
    page.locator(".kpi-lineage").first.wait_for(state="attached")
    yield Opened(page, requests)
    context.close()


def test_charts_draw_without_any_network(opened: Opened) -> None:
    drawn = opened.page.locator(".jp-OutputArea-output canvas, .jp-OutputArea-output svg")
    assert drawn.count() >= 3
    assert opened.page.locator(".vega-embed canvas, .vega-embed svg").count() >= 2
    box = opened.page.locator(".vega-embed canvas, .vega-embed svg").first.bounding_box()
    assert box["width"] > 300
    assert box["height"] > 60
    assert opened.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert opened.page.get_by_text("Error loading script").count() == 0
    hosts = {urlparse(each).hostname for each in opened.requests if each.startswith("http")}
    assert hosts == {"127.0.0.1"}


def test_every_control_gives_what_its_twin_gives(opened: Opened, lab: Lab) -> None:
    data = kpi.open_workspace(lab.workspace).data
    begun = {"steps": ("product_view", "add_to_cart", "purchase"), "within": "24h"}
    opened.until("within='24h'")
    same(opened, data, begun)

    opened.control("Step 4").select_option(label="account_page")
    opened.until("'account_page'")
    begun["steps"] = (*begun["steps"], "account_page")
    same(opened, data, begun)

    opened.control("Step 4").select_option(label="–")
    opened.control("Step 1").select_option(label="catalog")
    opened.until("'catalog'")
    begun["steps"] = ("catalog", "add_to_cart", "purchase")
    same(opened, data, begun)

    within = opened.control("Within")
    within.fill("30m")
    within.press("Enter")
    opened.until("within='30m'")
    begun["within"] = "30m"
    same(opened, data, begun)

    opened.control("Order").select_option(label="unordered")
    opened.until("order='unordered'")
    begun["order"] = "unordered"
    same(opened, data, begun)

    opened.control("Split by").select_option(label="platform")
    opened.until("with_by(('platform',))")
    begun["by"] = "platform"
    same(opened, data, begun)

    rarer_rules(opened, data, begun)

    within.fill("soon")
    within.press("Enter")
    opened.explorer.locator("[role=alert]").wait_for()
    assert "soon" in opened.explorer.locator("[role=alert]").inner_text()


def rarer_rules(opened: Opened, data: Any, begun: dict[str, Any]) -> None:  # noqa: ANN401 - a dataset
    """The rules that are folded away, and the comparison of segments, change the answer as they change the twin's."""
    opened.explorer.get_by_text("More rules").click()
    for label, choice, words in (
        ("Attempt", "first", "attempt='first'"),
        ("Ended by", "support_chat", "exclude=('support_chat',)"),
        ("It ends", "unit", "exclusion='unit'"),
        ("Same", "platform", "hold='platform'"),
        ("Rules of", "amplitude", "preset('amplitude'"),
    ):
        opened.control(label).select_option(label=choice)
        opened.until(words)
    begun |= {
        "attempt": "first",
        "exclude": ("support_chat",),
        "exclusion": "unit",
        "hold": "platform",
        "preset": "amplitude",
    }
    same(opened, data, begun)

    opened.control("Order").select_option(label="ordered")
    times = opened.control("Step times")
    times.fill("1h, -")
    times.press("Enter")
    opened.until("within_step=('1h', '-')")
    begun |= {"order": "ordered", "within_step": ("1h", "-")}
    same(opened, data, begun)

    opened.control("Compare segments").check()
    opened.until("kpi.compare_funnels")
    compared = kpi.explore_funnel(data, **begun, compare=True)
    assert eval(opened.line(), {"kpi": kpi, "data": data}).table.equals(compared.table)
    opened.control("Compare segments").uncheck()
    opened.explorer.locator("pre code", has_text="compare_funnels").wait_for(state="detached")


def same(opened: Opened, data: Any, arguments: dict[str, Any]) -> None:  # noqa: ANN401 - a dataset
    """The figures on the screen are those of the twin, and so is the line of code."""
    result = kpi.explore_funnel(data, **arguments)
    names = [*result.by, "step"]
    rows = {";".join(f"{name}={row[name]}" for name in names): row for row in result.table.to_dicts()}
    shown = opened.figures()
    assert len(shown) >= 4
    for (place, field), value in shown.items():
        row = rows[place]
        if field.startswith("lost"):
            before = rows[f"step={row['step'] - 1}"]["units"]
            wanted = before - row["units"] if field == "lost" else 1 - row["units"] / before
        else:
            wanted = row[field]
        assert value == wanted, (place, field)
    assert eval(opened.line(), {"kpi": kpi, "data": data}).table.equals(result.table)
    assert opened.explorer.locator("figure svg").count() == 1
