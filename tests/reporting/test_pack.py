"""Reports of the pack: which tables they need, what is refused before a kernel starts, and what the list says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kpi_lib.cli.main import run
from kpi_lib.core.errors import DataError, UsageError
from kpi_lib.reporting.notebooks import handful
from kpi_lib.reporting.pack import pack, packed, template
from kpi_lib.reporting.page import Head, page
from kpi_lib.reporting.plan import Request, plan, sorted_out
from kpi_lib.show.blocks import Headline, Pill, Pills, Say, Table
from kpi_lib.show.notebook import bundle
from kpi_lib.sources.workspace import open_workspace
from tests.notebooks.workspaces import ALL

NEEDS = {
    "monthly-review": ["transactions"],
    "launch-review": ["events"],
    "revenue-report": ["transactions|subscriptions"],
}


def planned(folder: Path, *names: str) -> list[Any]:
    return plan(open_workspace(folder), Request(names=names, out=folder / "out"))


def test_every_report_of_the_pack_says_what_it_needs() -> None:
    for name in packed():
        said = json.loads((pack() / "reports" / f"{name}.ipynb").read_text("utf-8"))["metadata"]["kpi"]
        assert said["needs"] == NEEDS.get(name, ["events|transactions"]), name
        assert said["every"] in ("week", "month", "quarter")


def test_a_report_of_the_pack_needs_no_entry_in_the_workspace(tmp_path: Path) -> None:
    (job,) = planned(ALL["minimal"](tmp_path / "w"), "quarterly-review")
    assert job.notebook.stem == "quarterly-review"
    assert job.job.period == "2026-Q1"
    assert job.job.folder == tmp_path / "w" / "out" / "Small" / "quarterly-review" / "2026-Q1"


def test_the_workspace_has_the_last_word_on_how_often(tmp_path: Path) -> None:
    folder = ALL["minimal"](tmp_path / "w")
    with (folder / "kpi.toml").open("a") as file:
        file.write('\n[reports.fast]\nnotebook = "quarterly-review"\nevery = "week"\n')
    assert template(open_workspace(folder), "fast").every == "week"


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (
            "minimal",
            "monthly",
            "the report monthly needs a table of transactions, and there is none. There are: events.",
        ),
        ("minimal", "revenue-report", "needs a table of transactions or subscriptions"),
        ("minimal_orders", "launch-review", "needs a table of events, and there is none. There are: transactions."),
    ],
)
def test_a_report_without_its_table_is_refused_and_others_named(
    *, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, name: str, words: str
) -> None:
    folder = ALL[data](tmp_path / "w")
    assert run(["--workspace", str(folder), "report", name, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "cohort-report, funnel-report" in told
    assert name not in told.split("Reports that these tables allow: ")[1]
    assert not (tmp_path / "out").exists()


def test_of_all_reports_those_that_cannot_be_made_do_not_stop_the_others(tmp_path: Path) -> None:
    fit, refused = sorted_out(open_workspace(ALL["minimal"](tmp_path / "w")))
    assert fit == ("weekly",)
    assert list(refused) == ["monthly"]
    assert "needs a table of transactions" in refused["monthly"]


def test_the_list_tells_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ALL["minimal"](tmp_path / "w")
    assert run(["--workspace", str(folder), "--json", "report", "--list"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["reports"]}
    assert rows["weekly"] == {
        "name": "weekly",
        "notebook": "weekly-review",
        "every": "week",
        "from": "kpi.toml",
        "missing": [],
    }
    assert rows["monthly"]["missing"] == ["transactions"]
    assert rows["quarterly-review"]["from"] == "pack"
    assert "weekly-review" not in rows  # it stands there as weekly


@pytest.mark.parametrize("broken", ['{"cells": [', "", "[1, 2]"])
def test_one_broken_notebook_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    folder = ALL["minimal"](tmp_path / "w")
    (folder / "notebooks").mkdir(exist_ok=True)
    (folder / "notebooks" / "torn.ipynb").write_text(broken)
    (folder / "kpi.toml").write_text((folder / "kpi.toml").read_text() + '[reports.own]\nnotebook = "torn"\n')
    fit, refused = sorted_out(open_workspace(folder))
    assert fit == ("weekly",)
    assert "torn.ipynb cannot be read as a notebook" in refused["own"]
    assert run(["--workspace", str(folder), "--json", "report", "--list"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["reports"]}
    assert "torn.ipynb cannot be read as a notebook" in rows["own"]["error"]
    assert "error" not in rows["weekly"]
    assert run(["--workspace", str(folder), "report", "own", "--out", str(tmp_path / "out")]) == 2


def test_a_wrong_parameter_of_one_report_does_not_stop_the_others(tmp_path: Path) -> None:
    folder = ALL["minimal"](tmp_path / "w")
    more = '[reports.own]\nnotebook = "one-page"\nparams = { kpi = ["dau"] }\n'
    (folder / "kpi.toml").write_text((folder / "kpi.toml").read_text() + more)
    fit, refused = sorted_out(open_workspace(folder))
    assert fit == ("weekly",)
    assert "Did you mean kpis?" in refused["own"]


LIMITS = '\n[freshness]\nwarn_after = "2d"\nerror_after = "70d"\n'


@pytest.mark.filterwarnings("ignore:nothing was observed")  # the data begin with the week after
@pytest.mark.parametrize(("day", "month", "kind"), [(3, 3, ""), (20, 3, "warned"), (30, 6, "refused")])
def test_old_data_warn_on_the_page_and_very_old_ones_are_refused(
    tmp_path: Path, day: int, month: int, kind: str
) -> None:
    folder = ALL["minimal"](tmp_path / "w")
    text = (folder / "kpi.toml").read_text().replace("observed_until = 2026-05-04\n", "")
    (folder / "kpi.toml").write_text(text + LIMITS)
    workspace = open_workspace(folder, now=datetime(2026, month, day, tzinfo=UTC))
    asked = Request(names=("weekly",), out=tmp_path / "out", period="2026-W09")
    if kind == "refused":
        with pytest.raises(DataError, match=r"(?s)too old for a report.*error_after"):
            plan(workspace, asked)
        return
    notice = plan(workspace, asked)[0].job.head.notice
    assert notice == ("The last row of events is of 2026-03-02; the limit is 2d." if kind else "")


def test_the_command_makes_nothing_of_data_that_are_too_old_and_leaves_the_last_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = ALL["minimal"](tmp_path / "w"), tmp_path / "out"
    (folder / "kpi.toml").write_text((folder / "kpi.toml").read_text() + '\n[freshness]\nerror_after = "1d"\n')
    last = out / "Small" / "weekly" / "2026-W18" / "report.html"
    last.parent.mkdir(parents=True)
    last.write_text("good")
    for names in (["weekly"], ["--all"]):
        assert run(["--workspace", str(folder), "report", *names, "--out", str(out)]) == 2
        told = capsys.readouterr()
        assert (told.out, "Traceback" in told.err) == ("", False)
        assert "too old for a report" in told.err
    assert [each for each in out.rglob("*") if each.is_file()] == [last]
    assert last.read_text() == "good"


def test_an_old_page_says_so_on_top() -> None:
    book = nbformat.v4.new_notebook(cells=[])
    head = {"workspace": "w", "report": "r", "title": "t"}
    assert "<strong>Old data.</strong> The last &lt;b&gt;" in page(book, Head(**head, notice="The last <b>"))
    assert "Old data" not in page(book, Head(**head))


@pytest.fixture
def book() -> Any:  # noqa: ANN401 - a notebook
    def code(source: str, *shown: object) -> Any:  # noqa: ANN401
        outputs = [nbformat.v4.new_output("display_data", bundle(each)) for each in shown]
        return nbformat.v4.new_code_cell(source, outputs=outputs)

    text = nbformat.v4.new_markdown_cell
    table = Table(title="Rows", columns=("a", "b"), rows=(("x", "y"),))
    cells = [
        text("# Q?"),
        code("pills", Pills((Pill("fresh"),))),
        code("top", Headline(("Up",))),
        text("## Who?"),
        code("secret_code", Say("Found"), table),
        text("## Where?"),
        code("more", table),
        text("## Why?"),
        code("behind", Say("Because", (("Definition", "what it is"),))),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("audience", "kept", "gone"),
    [
        ("team", ("Up", "Found", "Because", "<table", "secret_code", "Where?"), ()),
        ("executive", ("Up", "Found", "Because", "what it is"), ("<table", "secret_code", "Where?")),
        ("investor", ("Up", "Found", "<table", "Where?"), ("secret_code",)),
    ],
)
def test_each_audience_gets_its_cut_of_one_notebook(
    book: Any,  # noqa: ANN401
    audience: str,
    kept: tuple[str, ...],
    gone: tuple[str, ...],
) -> None:
    told = page(book, Head(workspace="w", report="r", title="t", audience=audience))
    assert [words for words in kept if words not in told] == []
    assert [words for words in gone if words in told] == []


def test_a_handful_fits_stage_and_tables(tmp_path: Path) -> None:
    def chosen(data: str, more: str = "", **asked: Any) -> list[str]:  # noqa: ANN401
        folder = ALL[data](tmp_path / (data + str(len(more))))
        with (folder / "kpi.toml").open("a") as file:
            file.write(more)
        return handful(open_workspace(folder), **asked)

    assert chosen("minimal") == ["active_users", "stickiness", "new_users", "user_churn_rate"]
    assert "total_revenue" in chosen("minimal_orders", "\n")
    growth = '\n[product]\nstage = "growth"\nnorth_star = "dau"\n'
    assert chosen("minimal", growth, most=2) == ["mau", "avg_session_duration"]
    assert chosen("minimal", "\n\n", names=["nps"]) == ["nps"]


def test_an_unknown_report_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown report 'one-pag'.*Did you mean one-page"):
        planned(ALL["minimal"](tmp_path / "w"), "one-pag")
