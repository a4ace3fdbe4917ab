"""Every number printed in a report is the one in its values file and the one that the command computes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.kpis.registry import catalogue
from kpi_lib.show.decisions import NONE
from tests.report.conftest import Report, finished, started
from tests.report.page import Folds, Page, folded_away, foldless, misread, strays, unfounded

NAMES = ["monthly", "weekly"]
FIELDS = ("value", "low", "high", "n", "unripe", "unit", "status")


@pytest.fixture(params=NAMES)
def report(request: pytest.FixtureRequest) -> Report:
    found: Report = request.getfixturevalue(request.param)
    return found


def test_every_printed_figure_is_in_the_values_file(report: Report) -> None:
    assert len(report.page.figures) > 250
    assert unfounded(report.page, report.rows) == []


def test_every_printed_figure_reads_as_its_value(report: Report) -> None:
    wrong = [(each.text, dict(each.attributes)) for each in report.page.figures if misread(each)]
    assert wrong == []


def test_no_number_stands_outside_a_figure(report: Report) -> None:
    assert strays(report.page) == []


def test_every_figure_unfolds_to_what_stands_behind_it(report: Report) -> None:
    assert len(Folds(report.html).found) > 10
    assert folded_away(report.html) == []
    assert foldless(report.html) == []
    bare = re.sub(r"<dt>Denominator</dt><dd>.*?</dd>", "<dt>Denominator</dt><dd></dd>", report.html, count=1)
    assert [each.partition(": ")[2] for each in folded_away(bare)] == ["Denominator"]
    assert folded_away(report.html.replace("</main>", "<figure></figure></main>"))
    strange = '<data class="kpi-figure" data-kpi="strange">7</data>'
    for part in (
        "<table><tr><td>{}</td></tr></table>",
        '<p class="kpi-say">{}</p>',
        '<aside class="kpi-aside"><p>{}</p></aside>',
    ):
        assert len(foldless(report.html.replace("</main>", part.format(strange) + "</main>"))) == 1, part


def test_both_checks_can_fail(monthly: Report) -> None:
    html = monthly.html
    assert strays(Page(html.replace("</h1>", " 47</h1>")))
    assert strays(Page(html.replace("Who is still here?</h2>", "Who is still here?</h2><p>1,506 came.</p>")))
    assert strays(Page(html.replace("Who is still here?</h2>", "Who is still here?</h2><div>1,506 came.</div>")))
    raw = 'data-kpi="orders" data-field="value" value="2043.0"'
    assert html.count(raw) == 1
    assert unfounded(Page(html.replace(raw, raw.replace("2043", "2044"))), monthly.rows)
    assert unfounded(Page(html.replace(raw, raw.replace("orders", "total_revenue"))), monthly.rows)
    assert any(misread(each) for each in Page(html.replace(">2,043</data>", ">2,034</data>")).figures)
    assert any(misread(each) for each in Page(html.replace(">$76,109</data>", ">76,109 %</data>")).figures)
    assert any(misread(each) for each in Page(html.replace("54 d</data>", "55 d</data>")).figures)


def test_every_section_prints_figures(report: Report) -> None:
    parts = re.split(r'<section class="question"', report.html)
    assert len(parts) > 3
    told = [part for part in parts[:-1] if NONE not in part]
    assert len(told) == len(parts) - 2  # the demo workspaces have no decisions on record
    assert all("data-kpi" in part for part in told)  # the last one is the method


@pytest.mark.parametrize(
    ("name", "workspace", "every", "until"),
    [("monthly", "cdnow", "month", "1998-07-01"), ("weekly", "clickstream", "week", "2024-06-24")],
)
def test_every_kpi_equals_the_command(
    request: pytest.FixtureRequest, asked: Callable[..., Any], *, name: str, workspace: str, every: str, until: str
) -> None:
    report: Report = request.getfixturevalue(name)
    ours = [row for row in report.rows if row["kpi"] in catalogue()]
    names = sorted({row["kpi"] for row in ours})
    since = str(min(row["start"] for row in ours))
    told = asked(workspace, "compute", *names, "--from", since, "--to", until, "--every", every)["rows"]
    parts = {name: catalogue()[name].parts for name in names}
    theirs = {(row["kpi"], row["start"], tuple(row["by"].values())): row for row in told}
    assert len(names) >= 7
    for row in ours:
        other = theirs[row["kpi"], str(row["start"]), tuple(row[part] for part in parts[row["kpi"]])]
        assert {field: row[field] for field in FIELDS} == {field: other[field] for field in FIELDS}, row["kpi"]


def test_a_report_on_orders_counts_users_by_all_they_do(
    demo: Path, tmp_path_factory: pytest.TempPathFactory, asked: Callable[..., Any]
) -> None:
    """The monthly review follows orders; its north star and tiles are those of the whole workspace all the same."""
    workspace = tmp_path_factory.mktemp("company") / "demo"
    shutil.copytree(demo, workspace)
    out = tmp_path_factory.mktemp("of a company")
    report = finished(started(str(workspace), "monthly", "2026-10", out), out)
    ours = [row for row in report.rows if row["kpi"] in catalogue() and str(row["start"]) == "2026-10-01"]
    assert "wau" in {row["kpi"] for row in ours}
    for row in ours:
        (theirs,) = asked(str(workspace), "compute", row["kpi"], "--period", "2026-10")["rows"]
        assert {field: row[field] for field in FIELDS} == {field: theirs[field] for field in FIELDS}, row["kpi"]


def test_the_actives_equal_the_command(weekly: Report, asked: Callable[..., Any]) -> None:
    rows = [row for row in weekly.rows if row["kpi"] == "actives"]
    told = asked("clickstream", "compute", "dau", "wau", "mau", "stickiness", "--period", "2024-W25")["rows"]
    last = max(rows, key=lambda row: row["start"])
    assert {row["kpi"]: row["value"] for row in told} == {
        name: last[name] for name in ("dau", "wau", "mau", "stickiness")
    }


@pytest.mark.parametrize(
    ("name", "workspace", "arguments"),
    [("monthly", "cdnow", ("orders",)), ("weekly", "clickstream", ("checkout", "--period", "2024-W25"))],
)
def test_the_funnel_equals_the_command(
    request: pytest.FixtureRequest, asked: Callable[..., Any], *, name: str, workspace: str, arguments: tuple[str, ...]
) -> None:
    report: Report = request.getfixturevalue(name)
    told = asked(workspace, "funnel", *arguments)
    rows = [row for row in report.rows if row["kpi"] == "funnel"]
    assert [{field: row[field] for field in step} for row, step in zip(rows, told["steps"], strict=True)] == told[
        "steps"
    ]
    for field in ("in_progress", "excluded", "tie_sensitive"):
        assert rows[0][field] == told[field]


def cells(told: Any) -> dict[tuple[str, int], tuple[int, int, int]]:  # noqa: ANN401
    """Complete cells of the command's answer: size, eligible, retained."""
    return {
        (cohort["start"], cell["k"]): (cohort["size"], cell["eligible"], cell["retained"])
        for cohort in told["cohorts"]
        for cell in cohort["cells"]
        if cell["complete"]
    }


@pytest.mark.parametrize(("name", "workspace"), [("monthly", "cdnow"), ("weekly", "clickstream")])
def test_the_cohorts_equal_the_command(
    request: pytest.FixtureRequest, asked: Callable[..., Any], name: str, workspace: str
) -> None:
    report: Report = request.getfixturevalue(name)
    told = asked(workspace, "cohort", "--grain", "week")
    theirs = cells(told)
    ours = {
        (str(row["start"]), row["k"]): (row["size"], row["eligible"], row["retained"])
        for row in report.rows
        if row["kpi"] == "cohort" and row["complete"]
    }
    assert len(ours) > 200
    assert ours == {place: theirs[place] for place in ours}
    if name == "monthly":  # its month ends with the data; the week's report must not see the days after it
        assert ours == theirs
        pooled = [row for row in report.rows if row["kpi"] == "cohort_pooled" and row["eligible"]]
        assert [{f: row[f] for f in ("k", "eligible", "retained", "rate", "low", "high")} for row in pooled] == [
            {f: row[f] for f in ("k", "eligible", "retained", "rate", "low", "high")}
            for row in told["pooled"]
            if row["eligible"]
        ]


@pytest.mark.parametrize("name", ["weekly", pytest.param("monthly", marks=pytest.mark.slow)])
def test_two_runs_give_the_same_bytes_in_another_zone_and_with_other_seeds_and_threads(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    first: Report = request.getfixturevalue(name)
    out = tmp_path_factory.mktemp("again")
    workspace, period = {"weekly": ("clickstream", "2024-W25"), "monthly": ("cdnow", "1998-06")}[name]
    other = {"TZ": "America/New_York", "PYTHONHASHSEED": "1", "POLARS_MAX_THREADS": "1", "LC_ALL": "C.UTF-8"}
    again = finished(started(workspace, name, period, out, **other), out)
    for file in ("report.html", "values.parquet"):
        assert (first.folder / file).read_bytes() == (again.folder / file).read_bytes(), file
