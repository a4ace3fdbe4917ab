"""Figures that came out otherwise than in the report before are told, and a run of the same inputs tells the same."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kpi_lib.reporting.restated import MOST, restated, restated_html
from kpi_lib.reporting.runner import Job, run
from tests.reporting.conftest import Write

ROWS: dict[str, list[Any]] = {
    "kpi": ["orders", "orders", "arpu", "funnel"],
    "start": ["2026-01-01", "2026-02-01", "2026-02-01", "2026-02-01"],
    "plan": [None, "pro", None, None],
    "value": [10.0, 20.0, 3.5, 1.0],
    "unit": ["count", "count", "money", "share"],
}


def manifest(data: str = "aaaa", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    facts = {"fingerprint": data, "definitions": {"orders": "1", "arpu": "2"}}
    return {
        "facts": facts | more.pop("facts", {}),
        "parameters": {},
        "audience": "team",
        "least": 0,
        "versions": {},
        **more,
    }


@pytest.fixture
def before(tmp_path: Path) -> Path:
    pl.DataFrame(ROWS).write_parquet(tmp_path / "values.parquet")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest(restated={"since": "old", "figures": [], "more": 0})))
    return tmp_path


def test_changed_figures_of_declared_kpis_are_told(before: Path) -> None:
    values = pl.DataFrame(ROWS | {"value": [10.0, 21.0, None, 2.0]})
    told = restated(
        before, values, manifest("bbbb", facts={"fingerprint": "bbbb", "definitions": {"orders": "9", "arpu": "2"}})
    )
    assert told == {
        "since": "aaaa",
        "figures": [
            {"kpi": "orders", "start": "2026-02-01", "by": {"plan": "pro"}, "before": 20.0, "now": 21.0},
            {"kpi": "arpu", "start": "2026-02-01", "by": {}, "before": 3.5, "now": None},
        ],
        "more": 0,
        "definitions": ["orders"],
    }
    page = restated_html(told, "EUR")
    assert page is not None
    for words in ("2 figures", "Orders", "pro", ">20<", ">21<", "€3.50", "—", "aaaa", "Defined anew: orders"):
        assert words in page.text, words


def test_the_same_inputs_tell_what_was_told_before(before: Path) -> None:
    assert restated(before, pl.DataFrame(ROWS), manifest()) == {"since": "old", "figures": [], "more": 0}


def test_nothing_before_and_nothing_readable_tell_nothing(tmp_path: Path, before: Path) -> None:
    assert restated(tmp_path / "none", pl.DataFrame(ROWS), manifest()) == {}
    assert restated_html({}, "EUR") is None
    for text in ("{", "[]", '{"facts": 3}', '{"facts": {}}'):
        (before / "manifest.json").write_text(text)
        found = restated(before, pl.DataFrame(ROWS), manifest())
        assert found.get("figures", []) == []


def test_a_flood_is_cut_and_counted(before: Path) -> None:
    many = {"kpi": ["orders"] * 60, "start": [f"d{at}" for at in range(60)], "value": [1.0] * 60}
    pl.DataFrame(many).write_parquet(before / "values.parquet")
    told = restated(before, pl.DataFrame(many | {"value": [2.0] * 60}), manifest("bbbb"))
    assert (len(told["figures"]), told["more"]) == (MOST, 60 - MOST)


def test_a_report_run_on_other_data_says_what_moved(notebook: Write, job: Job) -> None:
    code = """
import polars as pl
from kpi_lib.reporting.handover import hand_over
hand_over(pl.DataFrame({"kpi": ["orders"], "start": ["1998-06-01"], "value": [float(rows)]}), {"fingerprint": label})
"""
    place = notebook(handover=code)
    first = run(place, {"rows": 20, "label": "monday"}, job)
    assert "otherwise than before" not in (first.folder / "report.html").read_text()
    assert run(place, {"rows": 21, "label": "tuesday"}, job).status == "done"
    page = (job.folder / "report.html").read_bytes()
    assert b"What came out otherwise than before: 1 figure" in page
    assert b"The run before used the data monday" in page
    assert run(place, {"rows": 21, "label": "tuesday"}, job).status == "unchanged"
    assert (job.folder / "report.html").read_bytes() == page
