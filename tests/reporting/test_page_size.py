"""How much a page weighs with charts of real results: light enough for mail."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

import kpi_lib as kpi
from kpi_lib.reporting.outputs import Specs
from kpi_lib.reporting.page import Head, page
from kpi_lib.show.faces import readable
from kpi_lib.show.notebook import bundle
from kpi_lib.show.picture import PICTURE_MIME, Picture

MB = 1_000_000
HEAD = Head(workspace="Demo", report="everything", title="April 2026")


@pytest.fixture(scope="module")
def shown(demo: Path) -> list[object]:
    """What the results of the demo company show, in the order of a long report."""
    ws = kpi.open_workspace(demo)
    data, grid = ws.data, ws.grid(cadence="week").back(13)
    way, card = (
        kpi.declared_funnel(ws),
        kpi.scorecard(data, kpi.handful(ws, most=8), ws.grid(cadence="week"), north_star="wau"),
    )
    by = data.with_by(data.segment_columns()[:1])
    names = (
        "mau",
        "new_users",
        "total_revenue",
        "user_churn_rate",
        "average_order_value",
        "actions_per_user",
        "orders",
    )
    results = [
        card, kpi.actives(data, grid), kpi.funnel(data, way), kpi.funnel_trend(data, way, grid), kpi.funnel(by, way),
        kpi.definition_strip(data, way), kpi.cohorts(data, kpi.Cohorts(grain="week")), kpi.cohorts(by, kpi.Cohorts(grain="month")),
        kpi.lifecycle(data, grid=grid), kpi.habits(data), kpi.mrr_bridge(data, grid), kpi.adoption(data, grid),
        kpi.cohort_revenue(data), kpi.paths(data), *(kpi.compute(name, by, grid) for name in names),
        *(kpi.compute(name, data, grid) for name in names),
    ]  # fmt: skip
    return [part for result in results for part in readable(result) if part is not None]


def weight(parts: list[object]) -> int:
    cells = [nbformat.v4.new_markdown_cell("# How?\n## What moved?")]
    for part in parts:
        cells.append(nbformat.v4.new_code_cell("shown"))
        cells[-1].outputs.append(nbformat.v4.new_output("display_data", bundle(part)))
    return len(page(nbformat.v4.new_notebook(cells=cells), HEAD).encode())


def upto(parts: list[object], charts: int) -> list[object]:
    """The first parts that hold so many charts, with all tables and tiles between them."""
    places = [at for at, part in enumerate(parts) if isinstance(part, Picture)]
    assert len(places) >= charts, len(places)
    return parts[: places[charts - 1] + 1]


@pytest.mark.parametrize(("charts", "most"), [(8, 1.8 * MB), (20, 3 * MB)])
def test_a_page_of_real_charts_is_light(shown: list[object], charts: int, most: float) -> None:
    assert weight(upto(shown, charts)) <= most


def test_specs_come_back_whole_though_common_parts_are_written_once(shown: list[object]) -> None:
    specs = Specs()
    for part in (each for each in shown if isinstance(each, Picture)):
        made = bundle(part)[PICTURE_MIME]
        specs.add(wide=made["wide"], narrow=made["narrow"])
    bare: dict[str, Any] = {"mark": "bar", "data": {"values": [{"a": 1}]}}
    clash = {
        "mark": "bar",
        "config": {"view": 1},
        "datasets": {next(iter(specs.found[0]["wide"]["datasets"])): [{"other": 1}]},
    }
    specs.add(wide=bare, narrow=None)
    specs.add(wide=clash, narrow=None)
    lean = json.loads(json.dumps(specs.told_once()))
    assert len(json.dumps(lean)) < 0.75 * len(json.dumps(specs.found))
    for before, after in zip(specs.found, lean["charts"], strict=True):
        for layout in ("wide", "narrow"):
            assert whole(after[layout], lean) == expected(before[layout])


def expected(spec: dict[str, Any] | None) -> dict[str, Any] | None:
    read: Any = json.loads(json.dumps(spec))
    return read and {"config": {}, **read}


def whole(spec: dict[str, Any] | None, kept: dict[str, Any]) -> dict[str, Any] | None:
    """What the script of the page does."""
    if spec is None:
        return None
    found = {"config": kept["config"], **spec}
    if "datasets" in spec:
        rows = {name: kept["datasets"][name] if each is None else each for name, each in spec["datasets"].items()}
        found["datasets"] = rows
    return found
