"""What the notebooks on service tell of the demo company: the same figures as the command, and what was planted there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from itertools import combinations
from math import exp, log
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
    "55-delivery": (
        "release_velocity time_to_market active_defects severe_defects defect_density bug_resolution_time "
        "bug_resolution_rate defect_detection_effectiveness failed_tests test_automation_rate mttr_resolution mttr_repair "
        "uptime employee_satisfaction_score dev_team_nps deployment_frequency change_lead_time change_failure_rate "
        "failed_deployment_recovery_time deployment_rework_rate --every quarter --from 2025-04-01 --to 2026-10-01",
        "feature_adoption_rate overdue_tasks tasks_completed tasks_worked_on workspace_points uncleared_notifications "
        f"{YEAR}",
    ),
    "60-marketing": (
        "acquisition_spend marketing_reach visitor_to_signup_rate organic_traffic referral_traffic email_click_rate "
        f"social_engagement_rate {YEAR}",
        f"cpa --by channel {YEAR}",
        "cac activation_rate --by channel --every quarter --from 2025-10-01 --to 2026-10-01",
        "traffic_source_mix --every month --from 2026-10-01 --to 2026-11-01",
    ),
}
FIELDS = ("value", "low", "high", "n", "unripe")
FIGURE = re.compile(
    r'<data class="kpi-figure"[^>]* data-kpi="(\w+)" data-field="(\w+)" value="([^"]*)" data-start="([^"]*)"'
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
            found[row["kpi"], row["start"], tuple(str(each) for each in row["by"].values() if each is not None)] = row
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
        own = wanted[
            kpi, start, tuple(each.split("=")[1] for each in unescape(by).split(";") if each and "(none)" not in each)
        ]
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


def growth(values: list[float]) -> float:
    """Growth per period: the median over all pairs (Theil 1950, Sen 1968), which single odd months do not move."""
    pairs = combinations(enumerate(map(log, values)), 2)
    return exp(median((later - before) / (j - i) for (i, before), (j, later) in pairs)) - 1


def test_the_channel_that_gets_dearer_is_found(told: Callable[[str], Told]) -> None:
    values = told("60-marketing")[0]
    grown = {each: growth([*series(values, "cpa", channel=each).values()]) for each in ("ads", "social", "partner")}
    assert grown["ads"] == pytest.approx(0.04, abs=0.015)
    assert max(grown, key=lambda each: grown[each]) == "ads"


def test_people_of_paid_channels_find_the_value_less_often(told: Callable[[str], Told]) -> None:
    rows = told("60-marketing")[0].filter(pl.col("kpi") == "activation_rate", pl.col("value").is_not_null())
    paid = pl.col("channel").is_in(["ads", "social", "partner"])
    for part, truth in ((rows.filter(paid), 0.42), (rows.filter(~paid), 0.60)):
        pairs = part.select("value", "n").rows()
        people = sum(n for _, n in pairs)
        assert people > 100
        assert sum(value * n for value, n in pairs) / people == pytest.approx(truth, abs=0.08)


def test_the_feature_that_few_use_but_often_is_found(told: Callable[[str], Told]) -> None:
    rows = told("25-engagement")[0].filter(pl.col("kpi") == "adoption", pl.col("feature") == "automation")
    assert rows["corner"].to_list() == ["promote"]
    assert rows["rate"].item() == pytest.approx(0.27, abs=0.12)


def test_the_release_that_brought_a_feature_to_sight_is_seen(told: Callable[[str], Told]) -> None:
    used = series(told("55-delivery")[0], "feature_adoption_rate", feature="automation")
    assert used["2026-02-01"] / used["2025-12-01"] == pytest.approx(0.27 / 0.12, rel=0.4)
