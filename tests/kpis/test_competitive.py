"""Beside others, by hand: what is not in the table is not made up."""

from typing import Any

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from tests.build import frame_of, moment, row_of, rows_of, told

MARKET = ["period", "competitor", "metric", "value"]
SOLD = "ann 01-05 30000\nbob 01-06 20000\nann 02-06 9900\n"


def beside(*rows: tuple[str, str, str, float], orders: str = "", **tables: pl.DataFrame) -> Dataset:
    return told(orders=orders, tables={"market": frame_of("market", MARKET, rows), **tables})


def test_share_of_a_market_that_is_known() -> None:
    data = beside(("2026-01", "(market)", "revenue", 5_000.0), ("2026-01", "Rival", "revenue", 900.0), orders=SOLD)
    found = row_of("market_share", data)
    assert (found["value"], found["n"], found["status"]) == (500 / 5_000, 2, "ok")


def test_wrong_market_the_listed_competitors_are_not_all_of_it() -> None:
    """500 of 500 + 900 would be 36 %: nobody said that there is no third."""
    found = row_of("market_share", beside(("2026-01", "Rival", "revenue", 900.0), orders=SOLD))
    assert (found["value"], found["status"]) == (None, "no_denominator")
    assert row_of("market_share", told(orders=SOLD))["status"] == "missing_input"
    other_month = beside(("2026-03", "(market)", "revenue", 5_000.0), orders=SOLD)
    assert row_of("market_share", other_month)["value"] is None


def test_an_own_figure_in_the_table_goes_first() -> None:
    rows = [
        ("2026-Q1", "(market)", "units", 400.0),
        ("2026-Q1", "(own)", "units", 100.0),
        ("2026-Q1", "(own)", "revenue", 9.0),
    ]
    data = told(orders=SOLD, tables={"market": frame_of("market", MARKET, rows)}, until="05-01")
    assert row_of("market_share", data, "2026-Q1", market_metric="units")["value"] == 0.25
    assert row_of("market_share", data, "2026-Q1")["value"] is None


def test_users_beside_each_competitor() -> None:
    people = [
        ("a", moment("01-02"), None),
        ("b", moment("01-31"), None),
        ("c", moment("01-03"), moment("01-20")),
        ("d", moment("02-01"), None),
    ]
    users = frame_of("users", ["user_id", "signup_ts", "deleted_ts"], people)
    rows = (
        ("2026-01", "Rival", "users", 8.0),
        ("2026-01", "Other", "users", 1.0),
        ("2026-01", "(market)", "users", 99.0),
    )
    found = rows_of("relative_user_base", beside(*rows, users=users))
    assert found.select("competitor", "value", "n").rows() == [("Other", 2.0, 2), ("Rival", 0.25, 2)]


def paying() -> pl.DataFrame:
    """Ten at the start of January, one of whom leaves, and two that come."""
    spans: list[tuple[Any, ...]] = [(f"s{i}", f"u{i}", "12-01", None) for i in range(9)]
    rows = [(name, who, moment("01-01"), None, 900) for name, who, *_ in spans]
    rows += [("s9", "u9", moment("01-01"), moment("02-10"), 900)]
    rows += [(f"n{i}", f"n{i}", moment("02-05"), None, 900) for i in range(2)]
    return frame_of("subscriptions", ["subscription_id", "user_id", "start", "end", "mrr"], rows)


def test_churn_is_a_difference_and_acquisition_a_ratio() -> None:
    """One of ten lost (10 %) beside 4 %: 6 points more. Two of ten won (20 %) beside 10 %: twice as fast."""
    rows = (("2026-02", "Rival", "churn_rate", 0.04), ("2026-02", "Rival", "acquisition_rate", 0.10))
    data = beside(*rows, subscriptions=paying())
    churn, won = (row_of(f"relative_{name}_rate", data, "2026-02") for name in ("churn", "acquisition"))
    assert (churn["value"], churn["n"]) == (pytest.approx(0.06), 10)
    assert won["value"] == pytest.approx(2.0)


def published(*rows: tuple[str, float]) -> dict[str, pl.DataFrame]:
    listed = [(name, "2025", value, "invented") for name, value in rows]
    return {"benchmarks": frame_of("benchmarks", ["kpi", "period", "value", "source"], listed)}


def test_a_gap_is_signed_so_that_more_is_better() -> None:
    text = "ann 01-05 v\nbob 01-05 v\ncid 01-05 v\nann 02-05 v\nann 02-06 v\nbob 02-07 v\n"
    data = told(text, tables=published(("active_users", 4.0), ("user_churn_rate", 0.25)))
    found = rows_of("benchmark_gap", data, "2026-02")
    gaps = {row["benchmark"]: row for row in found.to_dicts()}
    assert gaps["active_users"]["value"] == pytest.approx(2 / 4 - 1)
    churn = gaps["user_churn_rate"]
    assert churn["value"] == pytest.approx(-(1 / 3 - 0.25) / 0.25)  # a third gone where a quarter is usual: worse
    assert churn["low"] < churn["value"] < churn["high"]
    assert (churn["n"], churn["status"], churn["unit"]) == (3, "small_n", "share")


def test_a_benchmark_of_nothing_and_of_no_kpi() -> None:
    none = row_of("benchmark_gap", told("ann 01-05 v", tables=published(("active_users", 0.0))))
    assert none["value"] is None
    with pytest.raises(UsageError, match=r"unknown KPI 'activ_users'"):
        row_of("benchmark_gap", told("ann 01-05 v", tables=published(("activ_users", 1.0))))
    with pytest.raises(UsageError, match="several values"):
        row_of("benchmark_gap", told("ann 01-05 v", tables=published(("user_path_analysis", 1.0))))
