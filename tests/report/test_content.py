"""What the demo reports must say by themselves, against what plain Python found in the data."""

import re
import tomllib
from typing import Any

import pytest

from kpi_lib.kpis.registry import catalogue
from tests.report.conftest import ROOT, Report

Oracle = dict[str, Any]


def value(report: Report, kpi: str, start: str, field: str = "value") -> Any:  # noqa: ANN401
    """One figure of the values file."""
    (row,) = [row for row in report.rows if row["kpi"] == kpi and str(row["start"]) == start]
    return row[field]


def test_the_monthly_review_tells_the_month(monthly: Report, oracle: Oracle) -> None:
    june = oracle["cdnow"]["months"]["1998-06-01"]
    assert value(monthly, "active_customers", "1998-06-01") == june["buyers"] == 1_506
    assert value(monthly, "orders", "1998-06-01") == june["orders"]
    assert value(monthly, "total_revenue", "1998-06-01") == pytest.approx(june["revenue_cents"] / 100, abs=1e-9)
    assert value(monthly, "average_order_value", "1998-06-01") == pytest.approx(june["average_order_cents"] / 100)
    assert value(monthly, "arppu", "1998-06-01") == pytest.approx(june["revenue_per_buyer_cents"] / 100)
    assert value(monthly, "repeat_purchase_rate", "1998-06-01") == june["repeat_rate"]
    assert value(monthly, "new_customers", "1998-06-01") == june["new_customers"] == 0
    assert "1,506" in monthly.sentences[0]


def test_a_change_is_like_for_like(monthly: Report, oracle: Oracle) -> None:
    months = oracle["cdnow"]["months"]
    june, may = (months[f"1998-{month}-01"]["orders"] for month in ("06", "05"))
    assert value(monthly, "orders", "1998-06-01", "previous") == may
    assert value(monthly, "orders", "1998-06-01", "change") == pytest.approx(june / may - 1)
    april = months["1998-04-01"]["orders"]
    assert value(monthly, "orders", "1998-05-01", "change") == pytest.approx(may / april - 1)
    assert value(monthly, "orders", "1997-06-01", "change") is None  # the page holds nothing before it


def test_the_monthly_review_finds_out_that_nobody_new_came(monthly: Report, oracle: Oracle) -> None:
    assert oracle["cdnow"]["last_first_purchase"] == "1997-03-25"
    top = monthly.sentences[-1]
    assert "Nobody new has come since 25 March 1997" in top
    assert "one closed group of 23,570" in top
    assert "ageing, not decline" in top
    assert monthly.says("Who is still here?")


def test_the_order_stages_and_cohorts_are_the_recorded_ones(monthly: Report, oracle: Oracle) -> None:
    steps = [row for row in monthly.rows if row["kpi"] == "funnel"]
    stages = oracle["cdnow"]["order_stages"]
    for field in ("event", "units", "from_start", "from_previous", "median_seconds"):
        assert [row[field] for row in steps] == [row[field] for row in stages]
    for cohort in oracle["cdnow"]["weekly_cohorts"]["cohorts"]:
        rows = [row for row in monthly.rows if row["kpi"] == "cohort" and str(row["start"]) == cohort["start"]]
        assert [[row["retained"], int(row["complete"])] for row in rows] == cohort["retained_complete"]


def test_the_weekly_review_tells_the_week(weekly: Report, oracle: Oracle) -> None:
    week = oracle["clickstream"]["weeks"]["2024-06-17"]
    start = "2024-06-17"
    assert value(weekly, "wau", start) == week["wau"] == 201
    assert value(weekly, "dau", start) == pytest.approx(week["mean_dau"])
    assert value(weekly, "new_users", start) == week["new_users"]
    (stays,) = [row for row in weekly.rows if row["kpi"] == "sessions"]
    assert {name: stays[name] for name in week["sessions"]} == pytest.approx(week["sessions"])
    used = {row["feature"]: row["value"] for row in weekly.rows if row["kpi"] == "feature_adoption_rate"}
    assert used == pytest.approx({name: users / week["wau"] for name, users in week["feature_users"].items()})


def test_the_funnel_of_the_week_is_the_recorded_one(weekly: Report, oracle: Oracle) -> None:
    recorded = oracle["clickstream"]["funnels"]["checkout within 24h"]["reviewed_week"]
    steps = [row for row in weekly.rows if row["kpi"] == "funnel"]
    for field in ("event", "units", "median_seconds"):
        assert [row[field] for row in steps] == [row[field] for row in recorded["steps"]]


def test_synthetic_data_are_called_synthetic(weekly: Report) -> None:
    assert weekly.html.count("(synthetic)") >= 3
    assert "(synthetic)" in (weekly.page.texts[0].read + weekly.page.texts[1].read)
    assert "synthetic" in weekly.html.partition("<title>")[2].partition("</title>")[0]
    assert "synthetic" in str(weekly.folder)


@pytest.mark.parametrize(("name", "workspace"), [("monthly", "cdnow"), ("weekly", "clickstream")])
def test_targets_are_those_of_the_workspace(request: pytest.FixtureRequest, name: str, workspace: str) -> None:
    report: Report = request.getfixturevalue(name)
    wanted = tomllib.loads((ROOT / "data" / workspace / "kpi.toml").read_text("utf-8"))["targets"]
    shown = [text.read for text in report.page.texts if "kpi-target" in text.classes]
    assert len(shown) == len(wanted)
    for target in wanted:
        assert any(f"{target['value']:,} by 30 June {target['due'].year}" in each for each in shown)


@pytest.mark.parametrize("name", ["monthly", "weekly"])
def test_what_a_tile_means_is_its_definition(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    meanings = [text.read.partition("Counted as: ")[2] for text in report.page.texts if "Counted as: " in text.words]
    formulas = {f"{catalogue()[kpi].formula}." for kpi in report.manifest["facts"]["definitions"]}
    assert len(meanings) == 7
    assert {" ".join(each.split()) for each in meanings} <= formulas


@pytest.mark.parametrize(("name", "table"), [("monthly", "transactions"), ("weekly", "events")])
def test_rows_read_are_those_of_the_manifest(request: pytest.FixtureRequest, name: str, table: str) -> None:
    report: Report = request.getfixturevalue(name)
    rows = report.manifest["facts"]["rows"][table]
    assert report.says(f"{rows['read']:,} rows of {table} read · {rows['quarantined']:,} set aside")
    parts = (f"{rows[part]:,} {word}" for part, word in PARTS.items())
    assert report.says(f"{rows['read']:,} read = " + " + ".join(parts))


PARTS = {"kept": "kept", "filtered": "filtered", "deduplicated": "deduplicated", "quarantined": "set aside"}


@pytest.mark.parametrize("name", ["monthly", "weekly"])
def test_the_lineage_is_that_of_the_manifest(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    facts = report.manifest["facts"]
    lineage = " ".join(text.read for text in report.page.texts if "kpi-lineage" in text.classes)
    assert facts["fingerprint"] in lineage
    for kpi, definition in facts["definitions"].items():
        assert f"{kpi} {definition}" in lineage
    assert report.manifest["versions"]["kpi-workbench"] in lineage
    assert facts["sentences"] == report.sentences


@pytest.mark.parametrize("name", ["monthly", "weekly"])
def test_nothing_of_the_workshop_stands_in_the_page(request: pytest.FixtureRequest, name: str) -> None:
    report: Report = request.getfixturevalue(name)
    shown = " ".join(text.read for text in report.page.texts)
    for word in ("Traceback", "nan", "None", "inf", "One row per", "Warning", str(ROOT)):
        assert not re.search(rf"\b{re.escape(word)}\b", shown), word
    assert str(ROOT) not in report.html
