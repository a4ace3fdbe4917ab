"""`kpi store build` and `kpi explain` as people run them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]
QUESTIONS = (
    ["sessions"],
    ["funnel", "--steps", "visit,order"],
    ["cohort"],
    ["active", "--every", "week"],
    ["lifecycle", "--every", "week"],
)


def test_a_question_is_answered_the_same_from_the_store(kpi: Kpi, stranger: Path) -> None:
    before = [kpi(*question, "--workspace", stranger, "--json").json for question in QUESTIONS]
    built = kpi("store", "build", "--workspace", stranger, "--json")
    assert (built.status, built.json["built"]) == (0, True)
    assert "sort" in built.err
    assert [kpi(*question, "--workspace", stranger, "--json").json for question in QUESTIONS] == before
    assert kpi("store", "build", "--workspace", stranger, "--json").json | {"built": True} == built.json


def test_a_store_that_is_out_of_date_is_told_and_not_used(kpi: Kpi, stranger: Path) -> None:
    kpi("store", "build", "--workspace", stranger)
    log = stranger / "log export.csv"
    log.write_text(log.read_text("utf-8") + "2026-03-02 10:00:00,somebody,visit,de\n", encoding="utf-8")
    said = kpi("sessions", "--workspace", stranger, "--json")
    assert "the store is not used: log export.csv has changed" in said.err
    assert "kpi store build" in said.err
    (stranger / ".kpi" / "store" / "manifest.json").unlink()
    assert kpi("sessions", "--workspace", stranger, "--json").json == said.json


@pytest.mark.parametrize("question", QUESTIONS)
def test_explain_names_the_form_and_the_reason(kpi: Kpi, stranger: Path, question: list[str]) -> None:
    before = kpi("--workspace", stranger, "explain", *question, "--json")
    assert before.json["question"] == question[0]
    assert {"shape": "tables", "form": "files", "why": "there is no store"} in before.json["forms"]
    kpi("store", "build", "--workspace", stranger)
    after = kpi("explain", "--workspace", stranger, *question)
    assert after.out.splitlines()[1].split()[:2] == ["tables", "store"]


def test_explain_refuses_what_the_question_refuses(kpi: Kpi, stranger: Path) -> None:
    said = kpi("explain", "--workspace", stranger, "funnel", "--steps", "visit")
    assert (said.status, said.out) == (2, "")
    assert "two steps or more" in said.err


def test_what_stops_a_build_is_told_on_a_line_of_its_own(kpi: Kpi, stranger: Path) -> None:
    toml = stranger / "kpi.toml"
    lines = toml.read_text("utf-8").splitlines()
    zones = [at for at, line in enumerate(lines) if line.startswith("timezone")]  # of the workspace, then of the table
    kept = [line for at, line in enumerate(lines) if at not in zones[1:]]
    toml.write_text("\n".join(kept), encoding="utf-8")
    said = kpi("store", "build", "--workspace", stranger)
    assert said.status == 2
    assert "a time without a zone" in said.err
    assert any(line.startswith("kpi: log export.csv") for line in said.err.splitlines())
