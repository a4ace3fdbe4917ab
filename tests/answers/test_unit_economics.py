"""What customers cost and bring by channel: the figures are those of the KPIs, the bands follow from the ratio."""

from datetime import date

import polars as pl
import pytest

from kpi_lib.answers.compute import compute, segmentable
from kpi_lib.answers.unit_economics import FIGURES, unit_economics
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, Grid
from tests.build import frame_of, moment

JANUARY = Grid.calendar("month", date(2026, 1, 1), date(2026, 2, 1), zone="UTC")
COSTS = {"ads": 40_000, "mail": 9_000, "fair": 1_500}  # 40, 9 and 1.5 for each of ten new customers, none for friends


def company(**choices: object) -> Dataset:
    """Of each of four channels twenty customers at 10 a month from December, of whom ten leave, and ten new ones."""
    subscriptions, users = [], []
    for channel in (*COSTS, "friends"):
        for at in range(30):
            name, new = f"{channel}{at:02}", at >= 20
            start = moment("01-05") if new else moment("01-01").replace(year=2025, month=12)
            subscriptions.append((f"s{name}", name, start, moment("01-20") if at < 10 else None, 1_000))
            users.append((name, channel))
    spend = [(date(2026, 1, 9), channel, cents) for channel, cents in COSTS.items()]
    tables = {
        "subscriptions": frame_of(
            "subscriptions", ["subscription_id", "user_id", "start", "end", "mrr"], subscriptions
        ),
        "users": frame_of("users", ["user_id", "channel"], users),
        "marketing_spend": frame_of("marketing_spend", ["date", "channel", "amount"], spend),
    }
    since, until = moment("01-01").replace(year=2025, month=11), moment("02-01")
    return Dataset.of(tables, observed_from=since, observed_until=until, settings={"gross_margin": 0.5, **choices})


def test_bands_follow_from_the_ratio() -> None:
    """10 a month at 50 % margin and 50 % churn is worth 10: against 40 it loses, against 9 it is thin, against 1.5 healthy."""
    found = unit_economics(company(), JANUARY)
    rows = {row["channel"]: row for row in found.table.to_dicts()}
    ratios = {name: row["ltv_cac_ratio"] for name, row in rows.items()}
    assert ratios == {
        None: 10 / 12.625,
        "ads": 0.25,
        "fair": pytest.approx(10 / 1.5),
        "friends": None,
        "mail": pytest.approx(10 / 9),
    }
    assert {name: row["band"] for name, row in rows.items()} == {
        None: "loses", "ads": "loses", "fair": "healthy", "friends": "free", "mail": "thin"
    }  # fmt: skip
    assert (rows["ads"]["customers"], rows[None]["customers"]) == (10, 40)
    assert [row["whole"] for row in found.table.to_dicts()] == [True, False, False, False, False]
    sure = [row for row in rows.values() if row["sure"]]
    assert all(row["ltv_cac_ratio_high"] < 1 for row in sure if row["band"] == "loses")
    assert rows["friends"]["sure"] is False


def test_its_figures_are_those_of_compute() -> None:
    data = company()
    found = unit_economics(data, JANUARY)
    told = {
        (row["kpi"], row["channel"]): row for row in compute(FIGURES, data, JANUARY, by=("channel",)).table.to_dicts()
    }
    for row in found.table.filter(~pl.col("whole")).to_dicts():
        for name in FIGURES:
            same = told[name, row["channel"]]
            assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == (same["value"], same["low"], same["high"])
    whole = {row["kpi"]: row["value"] for row in compute(FIGURES, data, JANUARY).table.to_dicts()}
    assert {name: found.table[name][0] for name in FIGURES} == whole


def test_what_is_missing_is_said_once() -> None:
    data = Dataset.of({"events": pl.DataFrame(schema={"user_id": pl.String, "time": INSTANT, "event": pl.String})},
                      observed_from=moment("01-01"), observed_until=moment("03-01"))  # fmt: skip
    found = unit_economics(data, JANUARY)
    assert found.table.is_empty()
    assert "marketing_spend" in found.reason
    assert found.to_dict() == {"rows": []}


def test_columns_that_are_not_there_are_left_out() -> None:
    data = company()
    assert unit_economics(data, JANUARY, by=("country",)).table.height == 1
    assert segmentable("cac", data, ["country", "channel"]) == ("channel",)
    assert segmentable(["arpa", "mrr"], data, ["plan"]) == ()
