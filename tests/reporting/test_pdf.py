"""The page on paper: printed where something prints, and said beforehand where nothing does."""

import dataclasses
import re
import stat
from pathlib import Path

import pytest

from kpi_lib.core.errors import ReportError, UsageError
from kpi_lib.reporting import pdf
from kpi_lib.reporting.plan import Request, plan
from kpi_lib.reporting.runner import Job, run
from kpi_lib.sources.workspace import open_workspace
from tests.browser.conftest import chromium
from tests.notebooks.workspaces import ALL
from tests.reporting.conftest import Write


def program(tmp_path: Path, body: str) -> str:
    """A small program that stands in for Chromium."""
    place = tmp_path / "printer"
    place.write_text("#!/bin/sh\n" + body)
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return str(place)


PRINTS = 'for word in "$@"; do case "$word" in --print-to-pdf=*) printf "%%PDF-1.4" > "${word#--print-to-pdf=}";; esac; done\n'


def test_where_nothing_prints_it_is_said_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPI_CHROMIUM", raising=False)
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    workspace = open_workspace(ALL["minimal"](tmp_path / "w"))
    with pytest.raises(UsageError, match="--pdf needs Chromium or WeasyPrint"):
        plan(workspace, Request(names=("weekly",), out=tmp_path / "out", pdf=True))


@pytest.mark.parametrize("name", ["gone", ""])
def test_a_browser_that_is_named_and_not_there_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("KPI_CHROMIUM", str(tmp_path / name))  # nothing, and a folder
    with pytest.raises(UsageError, match=r"KPI_CHROMIUM names .*which is no program"):
        pdf.printer()


def test_weasyprint_serves_where_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPI_CHROMIUM", raising=False)
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    monkeypatch.setattr(pdf, "find_spec", lambda _: object())
    assert pdf.printer() == "weasyprint"


def test_the_report_gets_a_pdf_and_again_is_unchanged(
    notebook: Write, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KPI_CHROMIUM", program(tmp_path, PRINTS))
    assert run(notebook(), {}, job).status == "done"
    printed = dataclasses.replace(job, pdf=True)
    assert run(notebook(), {}, printed).status == "done"
    assert (job.folder / "report.pdf").read_bytes() == b"%PDF-1.4"
    assert run(notebook(), {}, printed).status == "unchanged"


@pytest.mark.parametrize(
    ("body", "words"), [("echo paper jam >&2; exit 3\n", "paper jam"), ("exit 0\n", "it said nothing")]
)
def test_a_printer_that_fails_leaves_the_last_good_report(
    *, notebook: Write, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    run(notebook(), {}, job)
    before = (job.folder / "report.html").read_bytes()
    monkeypatch.setenv("KPI_CHROMIUM", program(tmp_path, body))
    outcome = run(notebook(), {}, dataclasses.replace(job, pdf=True))
    assert outcome.status == "failed"
    assert words in (outcome.error or "")
    assert (job.folder / "report.html").read_bytes() == before


def test_a_program_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no-program").write_bytes(b"\x7fELF and no more")
    (tmp_path / "no-program").chmod(0o755)
    monkeypatch.setenv("KPI_CHROMIUM", str(tmp_path / "no-program"))
    with pytest.raises(ReportError, match="could not be printed"):
        pdf.print_pdf("<p>x</p>", tmp_path / "a.pdf")


@pytest.mark.browser
def test_a_real_browser_prints_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = chromium()
    if place is None:
        pytest.skip("NOT RUN: no Chromium on this machine (apt-get install chromium, or name it in KPI_CHROMIUM)")
    monkeypatch.setenv("KPI_CHROMIUM", place)
    pdf.print_pdf("<!DOCTYPE html><title>A</title><p>Hello</p>", tmp_path / "a.pdf")
    assert len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "a.pdf").read_bytes())) == 1
