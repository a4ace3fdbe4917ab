"""Every report of the pack on every workspace that has its tables: each number is in its values, and is what the command says."""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.pack import packed, refusal, template
from kpi_lib.sources.workspace import open_workspace
from tests.cli.conftest import kpi, log, stranger  # noqa: F401 - fixtures
from tests.report.conftest import ROOT, finished, started
from tests.report.page import folded_away, foldless, misread, strays, unfounded
from tests.report.shapes import ELSEWHERE, Beside

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
    if name == "one-page":
        assert 1 <= len(report.sentences) <= 3
        assert 1 <= report.html.count('class="kpi-tile"') <= 6  # the north star and five more
        assert report.html.count('class="star"') == bool(opened.product.get("north_star"))
    grid = opened.grid(_last(opened, name), cadence=template(opened, name).every)
    beside = Beside(name, opened, grid, cache(partial(asked, str(workspace))))
    assert beside.unlike(report.rows) == []
    for wrong in _spoilt(report.rows):  # and the comparison sees one figure in a row of any kind that is another
        told = beside.unlike([wrong])
        assert bool(told) == (wrong["kpi"] not in ELSEWHERE), wrong


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


COMPARED = {"cohort_revenue_pooled": "per_customer"}  # where not every figure has an equal at the command


def _spoilt(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last row of each kind, with one figure of it changed."""
    spoilt = []
    for row in {row["kpi"]: row for row in rows if row["kpi"] not in catalogue() or row["status"] == "ok"}.values():
        figures = [name for name, value in row.items() if isinstance(value, int | float) and name not in ("k", "to")]
        field = "value" if row["kpi"] in catalogue() else COMPARED.get(row["kpi"], figures[0])
        spoilt.append(row | {field: row[field] + 1000})
    return spoilt
