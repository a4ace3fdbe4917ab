"""Decisions of a review: put on record by the form, listed with owner and day, refused in words."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import kpi_lib as kpi
from kpi_lib.answers.decisions import Decision, taken
from kpi_lib.core.period import parse_period
from kpi_lib.reporting.session import decide
from kpi_lib.show.deciding import DecisionForm
from kpi_lib.show.faces import faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.render import html
from kpi_lib.sources.decisions import read_decisions, write_decision
from tests.notebooks.workspaces import ALL

MARCH = parse_period("2026-03", zone="UTC")
GIVEN = {"decision": "Ask <b>them</b>", "signal": "fewer came", "owner": "growth", "expect": "+5 %"}


def made(day: date, words: str = "Do it") -> Decision:
    return Decision(date=day, decision=words, type="price", signal="s", owner="shop", kpi="mau", expect="up",
                    due=date(2027, 1, 1), look=date(2027, 1, 1))  # fmt: skip


@pytest.fixture
def form(tmp_path: Path) -> DecisionForm:
    return DecisionForm(
        lambda each: write_decision(tmp_path, each),
        lambda: taken(read_decisions(tmp_path), MARCH),
        kpis=["mau", "new_users"],
        owners=["growth"],
        today=date(2026, 4, 2),
    )


def fill(form: DecisionForm, **given: Any) -> None:  # noqa: ANN401
    for name, value in {**GIVEN, "due": date(2026, 9, 1), **given}.items():
        getattr(form, name).value = value


def test_decisions_count_from_the_end_of_the_period() -> None:
    before, first, later = (made(date(2026, month, day)) for month, day in ((3, 31), (4, 1), (5, 1)))
    assert taken([later, before, first], MARCH).decisions == (first, later)


def test_the_button_puts_a_decision_on_record_with_owner_and_day(form: DecisionForm, tmp_path: Path) -> None:
    fill(form)
    form.button.click()
    (kept,) = read_decisions(tmp_path)
    assert (kept.owner, kept.date, kept.due, kept.kpi) == ("growth", date(2026, 4, 2), date(2026, 9, 1), "mau")
    assert (form.error, form.decision.value) == ("", "")
    shown = form.box.children[0].value
    assert "1 decision on record" in shown
    assert "2 April 2026" in shown
    assert "&lt;b&gt;them" in shown


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"owner": " ", "due": None}, "A decision also needs: Owner, By."),
        ({"expect": "a lot"}, "'a lot' is no effect on mau"),
        ({"due": date(2026, 4, 1)}, "2026-04-01 is not after the decision"),
    ],
)
def test_what_is_no_decision_is_refused_in_the_form(
    form: DecisionForm, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    fill(form, **given)
    form.button.click()
    assert words in form.error
    assert 'role="alert"' in form.box.children[0].value
    assert form.decision.value == GIVEN["decision"]  # nothing that was typed is lost
    assert read_decisions(tmp_path) == ()


def test_the_same_words_are_not_overwritten(form: DecisionForm, tmp_path: Path) -> None:
    for _ in range(2):
        fill(form)
        form.button.click()
    assert "is there already" in form.error
    assert len(read_decisions(tmp_path)) == 1


@pytest.mark.parametrize("run", [True, False])
def test_a_run_of_a_report_shows_what_is_on_record_and_no_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, run: bool
) -> None:
    workspace = kpi.open_workspace(ALL["minimal"](tmp_path / "w"))
    write_decision(workspace.folder, made(date(2026, 4, 3), "Send letters"))
    deciding = decide(workspace, MARCH, kpi.scorecard(workspace.data, ["mau"], MARCH))
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    if run:
        monkeypatch.setenv("KPI_RUN_FOLDER", str(tmp_path))
    deciding._ipython_display_()
    (only,) = shown
    if not run:
        assert "VBox" in type(only).__name__
        return
    sentence, rows = faces(only)
    assert "1 decision on record" in html(sentence).text.replace("<strong>", "").replace("</strong>", "")
    assert [plain(cell) for cell in rows.rows[0]][:3] == ["Send letters", "shop", "3 April 2026"]


def test_none_on_record_is_said() -> None:
    (sentence,) = faces(taken([], MARCH))
    assert "No decision was put on record since 1 April 2026." in html(sentence).text
