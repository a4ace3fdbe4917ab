"""What the notebooks on service tell of the demo company: the same figures as the command, and what was planted there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pytest

from kpi_lib.cli.main import run
from kpi_lib.sources.sample.folder import write_sample
from kpi_lib.sources.sample.story import Story

ROOT = Path(__file__).parents[2]
YEAR = "--every month --from 2025-10-01 --to 2026-11-01"
ASKED: dict[str, tuple[str, ...]] = {
    "50-quality-and-support": (
        "first_response_time avg_support_response_time first_contact_resolution support_csat support_escalation_rate "
        f"ticket_volume customer_support_costs uptime mtbf mttr_resolution {YEAR}",
        "app_error_rate --by platform --every week --from 2026-01-26 --to 2026-10-26",
        f"api_latency --by route {YEAR}",
    ),
}
FIELDS = ("value", "low", "high", "n", "unripe")
FIGURE = re.compile(
    r'<data class="kpi-figure"[^>]* data-kpi="(\w+)" data-field="(\w+)" data-value="([^"]*)" data-start="([^"]*)"'
    r'(?: data-by="([^"]*)")?>'
)
Figures = dict[tuple[str, str, tuple[str, ...]], dict[str, Any]]
Told = tuple[pl.DataFrame, str]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of the demo company, with fewer people."""
    folder = tmp_path_factory.mktemp("stories") / "company"
    write_sample(folder, Story(users=2_000, days=731))
    return folder


@pytest.fixture(scope="module")
def told(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Told]:
    """Plays a notebook once: the figures that it hands over, and the markup of what it shows."""
    known: dict[str, Told] = {}

    def play(name: str) -> Told:
        if name not in known:
            folder = tmp_path_factory.mktemp("run")
            command = [sys.executable, "-m", "tests.notebooks.shell", str(company)]
            command.append(str(ROOT / "notebooks" / f"{name}.ipynb"))
            env = {**os.environ, "KPI_RUN_FOLDER": str(folder)}
            done = subprocess.run(
                command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=300, check=False
            )
            assert done.returncode == 0, done.stderr[-2_000:]
            cells = json.loads(done.stdout)[name]
            assert [cell["error"] for cell in cells if cell["error"]] == []
            known[name] = (
                pl.read_parquet(folder / "values.parquet"),
                " ".join(t for cell in cells for t in cell["html"]),
            )
        return known[name]

    return play


def by_command(company: Path, name: str, capsys: pytest.CaptureFixture[str]) -> Figures:
    """The figures as `kpi compute --json` gives them, by KPI, start and segment."""
    found: Figures = {}
    for asked in ASKED[name]:
        assert run(["--workspace", str(company), "--json", "compute", *asked.split()]) == 0
        for row in json.loads(capsys.readouterr().out)["rows"]:
            found[row["kpi"], row["start"], tuple(map(str, row["by"].values()))] = row
    return found


@pytest.mark.parametrize("name", ASKED)
def test_every_figure_is_that_of_the_command(
    name: str, company: Path, told: Callable[[str], Told], capsys: pytest.CaptureFixture[str]
) -> None:
    handed, shown = told(name)
    wanted = by_command(company, name, capsys)
    segments = [column for column in handed.columns if column not in ("kpi", "start", "end", *FIELDS, "unit", "status")]
    seen = 0
    for row in handed.iter_rows(named=True):
        own = wanted[row["kpi"], str(row["start"]), tuple(str(row[c]) for c in segments if row[c] is not None)]
        assert {field: own[field] for field in (*FIELDS, "status")} == {f: row[f] for f in (*FIELDS, "status")}
        seen += row["value"] is not None
    assert handed.height == len(wanted)
    assert seen > len(wanted) // 2
    figures = FIGURE.findall(shown)
    for kpi, field, value, start, by in figures:
        own = wanted[kpi, start, tuple(each.split("=")[1] for each in unescape(by).split(";") if each)]
        assert (float(value) if value else None) == own[field], (kpi, field, start, by)
    assert {kpi for kpi, *_ in figures} == {kpi for kpi, *_ in wanted}


def series(values: pl.DataFrame, kpi: str, **only: str) -> dict[str, float]:
    """A KPI by the start of its periods."""
    rows = values.filter(pl.col("kpi") == kpi, pl.col("value").is_not_null(), **only).sort("start")
    return {str(start): value for start, value in rows.select("start", "value").rows()}


def test_the_month_of_the_backlog_stands_out(told: Callable[[str], Told]) -> None:
    waits = series(told("50-quality-and-support")[0], "first_response_time")
    usual = median(value for start, value in waits.items() if start != "2026-03-01")
    assert max(waits, key=lambda start: waits[start]) == "2026-03-01"
    assert waits["2026-03-01"] / usual == pytest.approx(2.0, rel=0.35)


def test_the_incident_is_found_on_its_platform_in_its_week(told: Callable[[str], Told]) -> None:
    failed = told("50-quality-and-support")[0].filter(pl.col("kpi") == "app_error_rate", pl.col("value").is_not_null())
    worst = failed.sort("value", "platform", "start").row(-1, named=True)
    assert (worst["platform"], str(worst["start"])) == ("android", "2026-05-25")
    assert worst["low"] > max(series(failed, "app_error_rate", platform="web").values())


def test_the_route_that_slows_down_is_found(told: Callable[[str], Told]) -> None:
    values = told("50-quality-and-support")[0]
    grown = {}
    for route in values["route"].drop_nulls().unique().sort():
        if slow := series(values, "api_latency", route=route, percentile="p95"):
            grown[route] = slow["2026-10-01"] / slow["2025-11-01"]
    assert max(grown, key=lambda route: grown[route]) == "/search"
    assert grown["/search"] == pytest.approx(1.012 ** (334 / 7), rel=0.2)
    assert max(change for route, change in grown.items() if route != "/search") < 1.3
