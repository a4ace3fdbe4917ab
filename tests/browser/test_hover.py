"""A rendered report under a real pointer: every mark of every chart is passed over, and what it tells is a text in words."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_report_safety import RUN
from tests.notebooks.workspaces import ALL
from tests.report.conftest import finished, started

pytestmark = pytest.mark.browser

MARKS = """(figure) => [...figure.querySelectorAll('.live svg [class*=mark-] path, .live svg [class*=mark-] text')]
  .filter((mark) => getComputedStyle(mark.closest('g')).pointerEvents !== 'none')
  .map((mark) => mark.getBoundingClientRect()).filter((box) => box.width + box.height > 0)
  .map((box) => [box.x + box.width / 2, box.y + box.height / 2])"""
WRONG = re.compile(r"\b(undefined|NaN|null|Infinity|\[object)\b")


def passed_over(opened: Any) -> tuple[int, list[str]]:  # noqa: ANN401 - playwright's page
    """Move over every mark of every chart; how many there were, and what the tips said."""
    count, told = 0, []
    opened.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    for figure in opened.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".live svg").wait_for()
        for x, y in figure.evaluate(MARKS):
            opened.mouse.move(x, y)
            count += 1
            tip = opened.locator("#vg-tooltip-element.visible")
            if tip.count():
                told.append(tip.inner_text())
    return count, told


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weekly review of the click-stream, rendered by the command."""
    out = tmp_path_factory.mktemp("hover")
    return finished(started("clickstream", "weekly", "2024-W25", out), out).html


@pytest.mark.parametrize(("width", "mode"), [(1200, "light"), pytest.param(390, "dark", marks=pytest.mark.slow)])
def test_every_mark_tells_something_in_words(
    *, weekly: str, visit: Callable[..., Any], pictures: Path, width: int, mode: str
) -> None:
    seen = visit(weekly, width=width, mode=mode)
    count, told = passed_over(seen.page)
    seen.page.screenshot(path=pictures / f"hover-{width}-{mode}.png")
    assert count > 100
    assert len(told) > 30
    assert [text for text in told if WRONG.search(text) or not text.strip()] == []
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width


def test_hostile_names_of_events_files_and_parameters_stay_text_in_a_rendered_report(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    workspace, out = ALL["hostile"](tmp_path / "w"), tmp_path / "out"
    nasty = f"img src=x onerror={RUN} .csv".replace("/", "")
    (workspace / "events.csv").rename(workspace / f"<{nasty}>.csv")
    toml = (workspace / "kpi.toml").read_text("utf-8")
    (workspace / "kpi.toml").write_text(toml.replace('path = "events.csv"', f'path = "<{nasty}>.csv"'), "utf-8")
    with (workspace / f"<{nasty}>.csv").open("a", encoding="utf-8") as file:
        file.write("u1,never,view,free\n")
    report = finished(started(str(workspace), "weekly", "2026-W15", out), out)
    seen = visit(report.html)
    passed_over(seen.page)
    assert seen.page.evaluate("window.ran") is None
    assert seen.complaints == []
    told = seen.page.inner_text("body")
    assert "onerror=" in told
    assert "<script>alert(1)</script>" in told


def test_a_parameter_that_is_markup_is_refused_as_text(tmp_path: Path) -> None:
    workspace = ALL["minimal"](tmp_path / "w")
    asked = started(str(workspace), "weekly", "<img src=x onerror=alert(1)>", tmp_path / "out")
    assert isinstance(asked, subprocess.Popen)
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 2
    assert "<img src=x" in said
    assert not (tmp_path / "out").exists()
