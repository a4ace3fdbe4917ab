"""A review from beginning to end: the session in a real JupyterLab, a decision put on record, the minutes read offline."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from tests.browser.lab import COMMAND, ROOT, Lab, serving

pytestmark = pytest.mark.browser

PERIOD = "2024-05"
NOTE = "We agreed to ask the newcomers first."
DECISION = "A shorter way to the basket <b>now</b>"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The click-stream with a team that answers for a KPI."""
    workspace = Path(shutil.copytree(ROOT / "data" / "clickstream", tmp_path_factory.mktemp("review") / "clickstream"))
    with (workspace / "kpi.toml").open("a", encoding="utf-8") as file:
        file.write('\n[owners]\nwau = ["growth", "product"]\n')
    return workspace


@pytest.fixture(scope="module")
def meeting(shop: Path) -> Iterator[Lab]:
    """`kpi review` as the person types it who leads the meeting."""
    with serving(shop.parent, shop, "review", "--period", PERIOD) as found:
        yield found


@pytest.fixture(scope="module")
def page(meeting: Lab, browser: Any) -> Iterator[tuple[Any, list[str]]]:  # noqa: ANN401 - playwright's own type
    """The session, run from top to bottom, and all that its page asked for."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(40_000)
    opened, requests = context.new_page(), []
    opened.on("request", lambda asked: requests.append(asked.url))
    opened.goto(f"{meeting.address}/doc/tree/review-{PERIOD}.ipynb?token={meeting.token}")
    opened.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    assert "Begin: Run ▸ Run All Cells." in opened.locator(".jp-Notebook").inner_text()
    opened.locator("li.lm-MenuBar-item", has_text="Run").click()
    opened.locator("li.lm-Menu-item", has_text="Run All Cells").first.click()
    opened.locator(".kpi-lineage").first.wait_for(state="attached")
    yield opened, requests
    context.close()


def test_the_session_is_for_this_machine_and_its_token(meeting: Lab) -> None:
    assert meeting.status("/api/contents", meeting.token) == 200
    assert meeting.status("/api/contents") == 403
    assert meeting.status("/api/contents", "0" * 32) == 403
    assert meeting.status("/api/kernels") == 403
    told = (meeting.workspace.parent / "log.txt").read_text("utf-8")
    assert "127.0.0.1" in told
    assert ("--allow-root" in told) == (os.geteuid() == 0)


def test_no_code_stands_between_the_answers(page: tuple[Any, list[str]]) -> None:
    opened, requests = page
    assert opened.locator(".jp-CodeCell .jp-InputArea-editor:visible").count() == 0
    assert "kpi." not in " ".join(
        each.inner_text() for each in opened.locator(".jp-CodeCell .jp-InputPlaceholder").all()
    )
    assert opened.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert {urlparse(each).hostname for each in requests if each.startswith("http")} == {"127.0.0.1"}


def test_agenda_scorecard_questions_and_drill_down_are_there(page: tuple[Any, list[str]], pictures: Path) -> None:
    opened, _ = page
    told = opened.locator(".jp-Notebook").inner_text()
    order = [
        "How do the KPIs stand?",
        "Needs attention",
        "Wins",
        "Questions for the meeting",
        "where did it come from?",
    ]
    order += ["What do we decide?"]
    assert [told.index(words) for words in order] == sorted(told.index(words) for words in order)
    assert opened.locator(".kpi-tile").count() >= 4
    assert "Daily active users by user_cohort" in told
    for at, words in enumerate(("How do the KPIs stand?", "Needs attention", "where did it come from?")):
        opened.get_by_text(words).locator("visible=true").first.scroll_into_view_if_needed()
        opened.screenshot(path=pictures / f"review-{at}.png")


def test_a_decision_is_put_on_record_in_the_session(page: tuple[Any, list[str]], shop: Path, pictures: Path) -> None:
    opened, _ = page
    form = opened.locator(".jp-OutputArea-output .widget-vbox").first
    form.scroll_into_view_if_needed()
    assert "No decision was put on record since 1 June 2024." in form.inner_text()
    button = form.get_by_role("button", name="Put on record")
    button.click()
    form.locator("[role=alert]", has_text="A decision also needs: Decision, Because, Owner, Expected, By.").wait_for()
    for label, text in (
        ("Decision", DECISION),
        ("Because", "people leave before the basket"),
        ("Owner", "growth"),
        ("Expected", "five per cent"),
        ("By", "2099-01-01"),
    ):
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_label("KPI", exact=True).select_option(label="Weekly active users")
    button.click()
    form.locator("[role=alert]", has_text="'five per cent' is no effect on wau").wait_for()
    form.get_by_label("Expected", exact=True).fill("+5 %")
    button.click()
    form.get_by_text("1 decision on record").wait_for()
    opened.screenshot(path=pictures / "review-decision.png")
    (file,) = (shop / "decisions").glob("*.toml")
    kept = file.read_text("utf-8")
    assert 'owner = "growth"' in kept
    assert f"date = {datetime.now(UTC):%Y-%m-}" in kept
    assert form.locator("b").count() == 0  # what people write is text


def test_the_minutes_hold_it_all_offline_and_without_scripts(
    page: tuple[Any, list[str]], shop: Path, visit: Callable[..., Any], pictures: Path
) -> None:
    opened, _ = page
    opened.locator("h2", has_text="What do we decide?").click()
    for key in ("Escape", "b", "m", "Enter"):
        opened.keyboard.press(key)
    opened.keyboard.type(NOTE)
    opened.keyboard.press("Shift+Enter")
    opened.locator(".jp-RenderedMarkdown", has_text=NOTE).wait_for()
    opened.locator("li.lm-MenuBar-item", has_text="File").click()
    opened.locator("li.lm-Menu-item", has_text="Save Notebook").first.click()
    book = shop / ".kpi" / "review" / f"review-{PERIOD}.ipynb"
    for _ in range(100):
        if NOTE in book.read_text("utf-8"):
            break
        opened.wait_for_timeout(100)
    out = shop.parent / "out"
    given = ["--workspace", str(shop), "--json", "review", "--period", PERIOD, "--minutes", "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*COMMAND, *given], env=env, cwd=shop.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    minutes = (shop.parent / json.loads(done.stdout)["page"]).read_text("utf-8")
    for scripts, width in ((False, 1200), (True, 390)):
        seen = visit(minutes, scripts=scripts, width=width)
        told = seen.page.inner_text("body")
        for words in ("Needs attention", "Questions for the meeting", "Daily active users by user_cohort", NOTE):
            assert words in told
        row = seen.page.locator("tr", has_text=DECISION).inner_text()
        assert "growth" in row
        assert re.search(rf"{datetime.now(UTC):%B %Y}", row)
        assert "Begin:" not in told
        assert seen.complaints == []
        assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
        seen.page.screenshot(path=pictures / f"minutes-{width}.png", full_page=True)
