"""Every report of the pack on every workspace that has its tables: each number is in its values, and is what the command says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.pack import packed, refusal, template
from kpi_lib.sources.workspace import open_workspace
from tests.cli.conftest import kpi, log, stranger  # noqa: F401 - fixtures
from tests.report.conftest import ROOT, finished, started
from tests.report.page import folded_away, foldless, misread, strays, unfounded

FIELDS = ("value", "low", "high", "n", "unripe", "unit", "status")
PLACES = ("cdnow", "clickstream", "demo", "stranger")
EVERYDAY = {("one-page", "stranger")}
CASES = [
    pytest.param(name, place, marks=[] if (name, place) in EVERYDAY else pytest.mark.slow)
    for place in PLACES
    for name in packed()
    if name != "portfolio"  # it has several workspaces, and tests of its own
]


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The workspace of that name."""
    return lambda place: request.getfixturevalue(place) if place in ("demo", "stranger") else ROOT / "data" / place


@pytest.mark.parametrize(("name", "place"), CASES)
def test_every_number_of_a_report_is_in_its_values_and_is_what_the_command_says(
    *, name: str, place: str, folder: Callable[[str], Path], asked: Callable[..., Any], tmp_path: Path
) -> None:
    workspace = folder(place)
    opened = open_workspace(workspace)
    if why := refusal(template(opened, name), opened):
        assert "needs a table of" in why  # said before anything runs
        return
    report = finished(started(str(workspace), name, _last(opened, name), tmp_path / "out"), tmp_path / "out")
    assert report.page.figures or report.says("Nobody entered at 1st purchase in the week of")
    assert folded_away(report.html) == []
    assert foldless(report.html) == []
    assert [each for each in unfounded(report.page, report.rows) if not _one_of(each)] == []
    assert [(each.text, dict(each.attributes)) for each in report.page.figures if misread(each)] == []
    assert strays(report.page) == []
    ours = [row for row in report.rows if row["kpi"] in catalogue() and row.get("status") is not None]
    cuts = {*opened.data.by, "channel"}  # what a customer brings and costs is told by channel, too
    whole = [
        row for row in ours if all(row.get(each) is None or each in catalogue()[row["kpi"]].parts for each in cuts)
    ]
    every = template(opened, name).every
    for kpi_name in sorted({row["kpi"] for row in whole}):
        rows = [row for row in whole if row["kpi"] == kpi_name]
        equal_to_the_command(rows, every, asked=lambda *words: asked(str(workspace), *words))


def _last(opened: Any, name: str) -> str:  # noqa: ANN401 - a Workspace
    """The last whole period of the report's own cadence."""
    from kpi_lib.core.period import label

    every = template(opened, name).every
    grid = opened.grid(cadence=every)
    return label(grid.shown[-1], grid.every, grid.stops[-1])


def _one_of(told: str) -> bool:
    """Whether the values file has several rows there, as of two funnels in one report, and the figure is one of them."""
    found = re.search(r"'value': '([^']*)'.* is \[(.+)\] in the values", told)
    if found is None:
        return False
    return not found[1] or float(found[1]) in {float(each) for each in found[2].split(", ")}  # the other has none


def equal_to_the_command(rows: list[dict[str, Any]], every: str, *, asked: Callable[..., Any]) -> None:
    """The last period's figure of a KPI, which the command computes on its own."""
    last = max(rows, key=lambda row: row["start"])
    own = [row for row in rows if row["start"] == last["start"]]
    span = ("--from", str(last["start"]), "--to", str(last["end"]))
    told = [
        row
        for kind in dict.fromkeys((every, "month", "week", "day"))
        for row in asked("compute", last["kpi"], *span, "--every", kind)["rows"]
    ]
    parts = catalogue()[last["kpi"]].parts
    for row in own:
        if parts and row["status"] == "no_denominator":
            continue  # a component that only an earlier period has
        if row["unripe"]:
            continue  # a report stands as of the end of its period; the command counts who has ripened since
        found = [each for each in told if all(each["by"].get(part) == row.get(part) for part in parts)]
        assert any({f: row[f] for f in FIELDS} == {f: each[f] for f in FIELDS} for each in found), (row, found)
