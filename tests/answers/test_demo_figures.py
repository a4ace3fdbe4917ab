"""The demo workspaces give the figures that plain Python found in their files."""

import json
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.sessions import session_figures
from kpi_lib.sources.workspace import open_workspace

ROOT = Path(__file__).parents[2]
RECORDED = json.loads((ROOT / "tests" / "oracle" / "demo_figures.json").read_text(encoding="utf-8"))
SHOP, CLICKS = RECORDED["cdnow"], RECORDED["clickstream"]


@cache
def workspace(name: str) -> Dataset:
    return open_workspace(ROOT / "data" / name).data


def column(name: str, data: Dataset, grid: Grid, **options: Any) -> list[float | None]:  # noqa: ANN401
    return compute(name, data, grid, options=options).table["value"].to_list()


def test_every_month_of_the_shop() -> None:
    data, grid = workspace("cdnow"), Grid.calendar("month", date(1997, 1, 1), date(1998, 7, 1), zone="UTC")
    rows = [SHOP["months"][str(day)] for day in grid.firsts]
    for name, key, scale in (
        ("orders", "orders", 1),
        ("active_customers", "buyers", 1),
        ("total_revenue", "revenue_cents", 100),
        ("average_order_value", "average_order_cents", 100),
        ("arppu", "revenue_per_buyer_cents", 100),
        ("repeat_purchase_rate", "repeat_rate", 1),
        ("new_customers", "new_customers", 1),
    ):
        assert column(name, data, grid) == pytest.approx([row[key] / scale for row in rows], rel=1e-12), name


@pytest.mark.parametrize(
    ("part", "period"), [("whole", "1997-01-01..1998-07-01"), ("trailing_12_months", "1997-07-01..1998-07-01")]
)
def test_the_shop_over_longer_times(part: str, period: str) -> None:
    data, grid, wanted = workspace("cdnow"), parse_period(period, zone="UTC"), SHOP[part]
    assert column("orders", data, grid) == [wanted["orders"]]
    assert column("active_customers", data, grid) == [wanted["buyers"]]
    assert column("total_revenue", data, grid) == [wanted["revenue_cents"] / 100]
    assert column("repeat_purchase_rate", data, grid) == pytest.approx([wanted["repeat_rate"]], rel=1e-12)


def test_the_order_stages_of_the_shop() -> None:
    steps = tuple(row["event"] for row in SHOP["order_stages"])
    found = funnel(workspace("cdnow"), Funnel(steps)).to_dict()["steps"]
    for mine, wanted in zip(found, SHOP["order_stages"], strict=True):
        assert {key: mine[key] for key in ("event", "units")} == {key: wanted[key] for key in ("event", "units")}
        for key in ("from_start", "from_previous", "median_seconds"):
            assert mine[key] == pytest.approx(wanted[key], rel=1e-12)


@pytest.mark.parametrize(("name", "grain", "wanted"), [
    ("cdnow", "week", SHOP["weekly_cohorts"]),
    ("cdnow", "month", SHOP["monthly_cohorts"]),
    ("clickstream", "week", CLICKS["weekly_cohorts"]),
])  # fmt: skip
def test_cohorts(name: str, grain: str, wanted: dict[str, Any]) -> None:
    found = cohorts(workspace(name), Cohorts(grain=grain)).to_dict()
    mine = [
        {
            "start": each["start"],
            "size": each["size"],
            "retained_complete": [[cell["retained"], int(cell["complete"])] for cell in each["cells"]],
        }
        for each in found["cohorts"]
    ]
    assert mine == wanted["cohorts"]
    pooled = {row["k"]: row for row in found["pooled"] if row["eligible"]}
    assert list(pooled) == [row["k"] for row in wanted["pooled"]]
    for row in wanted["pooled"]:
        assert {key: pooled[row["k"]][key] for key in ("k", "eligible", "retained")} == {
            k: row[k] for k in ("k", "eligible", "retained")
        }
        assert pooled[row["k"]]["rate"] == pytest.approx(row["rate"], rel=1e-12)


def test_every_week_of_the_clicks() -> None:
    data = workspace("clickstream")
    starts = [date.fromisoformat(day) for day in CLICKS["weeks"]]
    grid = Grid.calendar("week", starts[0], starts[-1] + timedelta(days=7), zone="UTC")
    weeks = list(CLICKS["weeks"].values())
    rows = actives(data, grid).to_dict()["rows"]
    assert [row["start"] for row in rows] == list(CLICKS["weeks"])
    for row, week in zip(rows[1:], weeks[1:], strict=True):  # the first begins before the data
        assert row["complete"] == week["complete"]
        assert row["wau"] == week["wau"]
        if week["complete"]:
            assert row["dau"] == pytest.approx(week["mean_dau"])
    assert column("new_users", data, grid) == [week["new_users"] for week in weeks]
    for name, key in (("avg_session_duration", "mean_seconds"), ("actions_per_session", "events_per_session")):
        assert column(name, data, grid) == pytest.approx([week["sessions"][key] for week in weeks], rel=1e-12)
    thirty = [week["mau_30"] for week in weeks]
    assert [row["mau"] for row in rows][4:] == thirty[4:]


def test_the_reviewed_week_of_the_clicks() -> None:
    data, week = workspace("clickstream"), CLICKS["weeks"][CLICKS["reviewed_week"]]
    start = date.fromisoformat(CLICKS["reviewed_week"])
    days = Grid.calendar("day", start, start + timedelta(days=7), zone="UTC")
    assert column("dau", data, days) == week["daily_actives"]
    one = Grid.calendar("week", start, start + timedelta(days=7), zone="UTC")
    adoption = compute("feature_adoption_rate", data, one).table
    uses = {feature: round(value * n) for feature, value, n in adoption.select("feature", "value", "n").rows()}
    assert uses == week["feature_users"]
    assert adoption["n"].unique().to_list() == [week["wau"]]
    assert column("active_users", data, one, active_events=["purchase"]) == [week["buyers"]]
    assert column("logins", data, one, login_events=["purchase"]) == [week["purchases"]]


def test_sessions_of_the_clicks() -> None:
    data = workspace("clickstream")
    assert session_figures(data).to_dict() == pytest.approx(CLICKS["sessions_by_id"])
    assert session_figures(data, gap=timedelta(minutes=30)).to_dict() == pytest.approx(CLICKS["sessions_by_gap"])


@pytest.mark.parametrize("label", CLICKS["funnels"])
def test_funnels_of_the_clicks(label: str) -> None:
    data, wanted = workspace("clickstream"), CLICKS["funnels"][label]
    name, _, window = label.partition(" within ")
    steps = tuple(row["event"] for row in wanted["whole"]["steps"])
    start = date.fromisoformat(CLICKS["reviewed_week"])
    week = Grid.calendar("week", start, start + timedelta(days=7), zone="UTC")
    assert name.startswith("checkout")
    for part, grid in (("whole", None), ("reviewed_week", week)):
        found = funnel(data, Funnel(steps, within=None if window == "none" else window), grid=grid).to_dict()
        assert [row["units"] for row in found["steps"]] == [row["units"] for row in wanted[part]["steps"]]
        assert [row["median_seconds"] for row in found["steps"]] == [
            row["median_seconds"] for row in wanted[part]["steps"]
        ]
        assert found["in_progress"] == wanted[part]["in_progress"]
        assert found["tie_sensitive"] == wanted[part]["tie_sensitive"]


def test_the_declared_funnel_gives_its_drop_off() -> None:
    data = workspace("clickstream")
    start = date.fromisoformat(CLICKS["reviewed_week"])
    week = Grid.calendar("week", start, start + timedelta(days=7), zone="UTC")
    table = compute("funnel_dropoff_rate", data, week).table
    units = [row["units"] for row in CLICKS["funnels"]["checkout within 24h"]["reviewed_week"]["steps"]]
    assert table["n"].to_list() == units[:-1]
    assert table["value"].to_list() == pytest.approx([1 - after / before for before, after in pairwise(units)])
    assert pl.Series(table["unripe"]).to_list() == [0, 0]
