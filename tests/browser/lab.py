"""A real JupyterLab as `kpi lab` starts it, and a notebook in it with all its cells run."""

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from kpi_lib.cli.main import main; main()"]
QUIET = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are there as well
}
PLACES = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_WORKSPACES_DIR": "desks"}
SLOW = 90_000  # ms; a busy machine must not fail the test


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    address: str
    token: str
    workspace: Path

    def status(self, path: str, token: str = "") -> int:
        """How the server answers a request."""
        headers = {"Authorization": f"token {token}"} if token else {}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address + path, headers=headers), timeout=10
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code


@contextmanager
def running_lab(folder: Path, books: Mapping[str, Path | list[str]]) -> Iterator[Lab]:
    """`kpi lab` on a copy of the click-stream, with notebooks of its own: files, or the code of their cells."""
    workspace = folder / "clickstream"
    shutil.copytree(ROOT / "data" / "clickstream", workspace)
    (workspace / "notebooks").mkdir()
    for name, book in books.items():
        place = workspace / "notebooks" / f"{name}.ipynb"
        if isinstance(book, Path):
            shutil.copy(book, place)
        else:
            cells = [nbformat.v4.new_code_cell(code) for code in book]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), place)
    with serving(folder, workspace, "lab") as lab:
        yield lab


@contextmanager
def serving(folder: Path, workspace: Path, *words: str) -> Iterator[Lab]:
    """A command of `kpi` that starts a JupyterLab, from its first answer to its end; its log is log.txt in the folder."""
    for name, content in QUIET.items():
        place = folder / "settings" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content), "utf-8")
    port = free_port()
    lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), workspace)
    env = {**os.environ, **{key: str(folder / name) for key, name in PLACES.items()}, "JUPYTER_TOKEN": lab.token}
    env |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [*COMMAND, "--workspace", str(workspace), *words, "--port", str(port), "--no-browser"]
    with (folder / "log.txt").open("w") as log:
        running = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
        try:
            _until_up(lab, running, folder / "log.txt")
            yield lab
        finally:
            running.terminate()
            running.wait(30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _until_up(lab: Lab, running: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server answers."""
    for _ in range(240):
        assert running.poll() is None, log.read_text("utf-8")
        try:
            if lab.status("/api/status", lab.token) == 200:
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text("utf-8"))


@contextmanager
def run_all(browser: Any, lab: Lab, name: str, *, width: int = 1400) -> Iterator[tuple[Any, list[str]]]:  # noqa: ANN401
    """A notebook, opened and with all its cells started; gives the page and the addresses that it asks for."""
    context = browser.new_context(viewport={"width": width, "height": 1000})
    context.set_default_timeout(SLOW)
    page, requests = context.new_page(), []
    page.on("request", lambda asked: requests.append(asked.url))
    page.goto(f"{lab.address}/lab/tree/{name}.ipynb?reset&token={lab.token}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # earlier, Lab would ask for a kernel
    page.locator("li.lm-MenuBar-item", has_text="Run").click()
    page.locator("li.lm-Menu-item", has_text="Run All Cells").first.click()
    yield page, requests
    context.close()


@dataclass
class Shown:
    """An explorer on the screen."""

    box: Any

    def line(self) -> str:
        """The line of code under the answer."""
        return str(self.box.locator("pre code").first.inner_text())

    def until(self, words: str) -> None:
        """Wait until the line of code holds these words."""
        self.box.locator("pre code", has_text=words).first.wait_for(timeout=SLOW)

    def refused(self) -> str:
        """Why there is no answer."""
        self.box.locator("[role=alert]").wait_for(timeout=SLOW)
        return str(self.box.locator("[role=alert]").inner_text())

    def figures(self) -> dict[tuple[str, str, str], float]:
        """Every printed figure that has a value, by its place."""
        read = "all => all.map(one => ({...one.dataset, value: one.value}))"
        shown = self.box.locator("data.kpi-figure").evaluate_all(read)
        named = ((each, f"{each.get('start', '')}/{each.get('by', '')}") for each in shown if each["value"])
        return {(each.get("kpi", ""), place, each["field"]): float(each["value"]) for each, place in named}

    def control(self, label: str) -> Any:  # noqa: ANN401 - playwright's locator
        """A control by its label."""
        return self.box.get_by_label(label, exact=True)

    def set(self, label: str, value: str) -> None:
        """Choose from a list, write into a line and press Enter, or set a tick (on, off)."""
        control = self.control(label)
        kind = control.evaluate("one => one.type")
        if kind == "checkbox":
            control.set_checked(value == "on")
        elif kind.startswith("select"):
            control.select_option(label=value)
        else:
            control.fill(value)
            control.press("Enter")
