"""Money against its costs by hand: margins, what a customer costs and is worth, and when that has paid off."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.answers.demands import choices_open
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import parse_period
from kpi_lib.core.schema import columns
from tests.build import moment, row_of, told

MONTH = 365.25 / 12 * 86_400


def table(name: str, rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    known = {column: each.dtype for column, each in columns(name).items() if column in rows[0]}
    return {name: pl.DataFrame(rows, schema=known)}


def booked(**categories: int) -> dict[str, pl.DataFrame]:
    return table("costs", [{"date": date(2026, 1, 9), "category": c, "amount": a} for c, a in categories.items()])


def spent(*rows: tuple[int, str, int]) -> dict[str, pl.DataFrame]:
    return table("marketing_spend", [{"date": date(2026, m, 9), "channel": c, "amount": a} for m, c, a in rows])


def members(count: int, leaving: int, cents: int) -> dict[str, pl.DataFrame]:
    """Customers from December on; some leave on 10 January."""
    start = moment("01-01").replace(year=2025, month=12)
    rows = [
        {
            "subscription_id": f"s{i}",
            "user_id": f"u{i}",
            "start": start,
            "end": moment("01-10") if i < leaving else None,
            "mrr": cents,
        }
        for i in range(count)
    ]
    return table("subscriptions", rows)


def test_wrong_margin_is_no_amount_and_gross_is_not_net() -> None:
    """100 of revenue, 30 for goods, 50 other costs: 70 % gross, 20 % net; the source's difference is 70 of money."""
    data = told(orders="ann 01-05 10000", tables=booked(Hosting=3_000, rent=5_000))
    assert row_of("gross_margin", data)["value"] == 0.7
    assert row_of("profit_margin", data)["value"] == pytest.approx(0.2)
    assert row_of("cost_of_goods_sold", data)["value"] == 30.0
    assert (row_of("profit_margin", data)["unit"], row_of("profit_margin", data)["n"]) == ("share", 1)


def test_costs_that_nobody_booked_are_not_zero() -> None:
    data = told(orders="ann 02-05 10000", tables=booked(hosting=3_000))
    for name in ("gross_margin", "profit_margin", "cost_of_goods_sold"):
        found = row_of(name, data, "2026-02")
        assert (found["value"], found["status"]) == (None, "no_denominator")
    assert row_of("gross_margin", data, "2026-01")["value"] is None  # no revenue


def test_which_costs_are_of_goods_is_asked_where_names_do_not_tell() -> None:
    data = told(orders="ann 01-05 10000", tables=booked(stuff=3_000, rent=5_000))
    found = compute("gross_margin", data, parse_period("2026-01", zone="UTC"))
    assert found.table["status"].to_list() == ["needs_choice"]
    assert "categories: rent, stuff" in found.reasons["gross_margin"]
    assert row_of("gross_margin", data, cogs_categories=["Stuff"])["value"] == 0.7
    with pytest.raises(UsageError, match=r"unknown category 'staff' in costs\. Did you mean stuff"):
        row_of("gross_margin", data, cogs_categories=["staff"])


def test_return_on_an_investment_takes_what_is_attributed() -> None:
    orders = table(
        "transactions",
        [
            {"user_id": "ann", "time": moment("01-05"), "amount": 30_000, "product": "app"},
            {"user_id": "bob", "time": moment("01-05"), "amount": 9_000, "product": "book"},
        ],
    )
    data = told(tables={**orders, **booked(app=20_000, rent=1)})
    assert row_of("roi", data, roi_costs=["app"], roi_products=["app"])["value"] == 0.5
    assert row_of("roi", data, roi_costs=["app"], roi_products=["*"])["value"] == pytest.approx(0.95)
    assert row_of("roi", data)["status"] == "needs_choice"


def test_wrong_share_of_new_products_upside_down() -> None:
    """50,000 of 200,000: 25 %; printed the other way round it is 4."""
    rows = [("ann", "new", 5_000_000), ("bob", "old", 10_000_000), ("bob", None, 5_000_000)]
    sold = [{"user_id": u, "time": moment("01-05"), "amount": a, "product": p} for u, p, a in rows]
    launched = [
        {"product": "new", "launch_ts": moment("01-05")},
        {"product": "old", "launch_ts": moment("01-05").replace(year=2025)},
    ]
    data = told(tables={**table("transactions", sold), **table("products", launched)})
    assert row_of("new_product_revenue_share", data)["value"] == 0.25
    assert row_of("new_product_revenue_share", data, new_product_months=13)["value"] == 0.75


def test_acquisition_costs_are_shared_by_new_customers_only() -> None:
    """50,000 for 250 new ones is 200; those who bought before do not count."""
    orders = "\n".join(["old 01-05 100", "old 02-05 100", *(f"u{i} 02-05 100" for i in range(250))])
    data = told(orders=orders, tables=spent((2, "ads", 3_000_000), (2, "mail", 2_000_000)))
    found = row_of("cac", data, "2026-02")
    assert (found["value"], found["n"], found["unit"]) == (200.0, 250, "money")


def test_costs_of_acquisition_can_be_loaded_and_lag() -> None:
    orders = "ann 01-05 100\n" + "\n".join(f"u{i} 02-05 100" for i in range(10))
    extra = table("costs", [{"date": date(2026, 2, 9), "category": "Sales", "amount": 5_000}])
    data = told(orders=orders, tables={**spent((1, "ads", 20_000), (2, "ads", 10_000)), **extra})
    assert row_of("cac", data, "2026-02")["value"] == 10.0
    assert row_of("cac", data, "2026-02", cac_costs=["sales"])["value"] == 15.0
    assert row_of("cac", data, "2026-02", cac_lag=1)["value"] == 20.0
    with pytest.raises(UsageError, match="cac_lag is -1"):
        row_of("cac", data, "2026-02", cac_lag=-1)


def test_nobody_new_is_no_price_and_no_spend_is_not_for_free() -> None:
    data = told(orders="ann 01-05 100\nann 02-05 100", tables=spent((1, "ads", 1), (2, "ads", 1)))
    assert row_of("cac", data, "2026-02")["status"] == "no_denominator"
    assert row_of("cac", told(orders="ann 01-05 100", tables=spent((2, "ads", 1))))["value"] is None


def test_a_channel_by_which_nobody_came_still_costs() -> None:
    users = table("users", [{"user_id": "ann", "channel": "ads"}, {"user_id": "bob", "channel": "ads"}])
    data = told(orders="ann 01-05 100\nbob 01-06 100", tables={**users, **spent((1, "ads", 600), (1, "tv", 900))})
    found = compute("cac", data, parse_period("2026-01", zone="UTC"), ("channel",)).table
    assert found.select("channel", "value", "n").rows() == [("ads", 3.0, 2), ("tv", None, 0)]
    spend = compute("acquisition_spend", data, parse_period("2026-01", zone="UTC"), ("channel",)).table
    assert spend.drop_nulls("value").select("channel", "value").rows() == [("ads", 6.0), ("tv", 9.0)]


def test_cost_by_conversion_is_per_channel_and_null_without_one() -> None:
    rows = [("ads", 900, 3), ("tv", 500, 0)]
    data = told(
        events="ann 01-05 v",
        tables=table(
            "marketing_spend",
            [{"date": date(2026, 1, 9), "channel": c, "amount": a, "conversions": n} for c, a, n in rows],
        ),
    )
    found = compute("cpa", data, parse_period("2026-01", zone="UTC"), ("channel",)).table
    assert found.select("channel", "value").rows() == [("ads", 3.0), ("tv", None)]
    assert row_of("cpa", data)["value"] == pytest.approx(14 / 3)


def test_wrong_cost_of_a_conversion_is_not_that_of_a_customer() -> None:
    """1,000 on ads, 100 sign-ups by them, 4,000 for salaries, 25 who pay: CPA 10, CAC 200. One definition for both says 40."""
    users = "\n".join(f"u{i} 01-05 1" for i in range(25))
    (ads,) = spent((1, "ads", 100_000)).items()
    tables = {ads[0]: ads[1].with_columns(conversions=pl.lit(100, pl.Int64)), **booked(salaries=400_000)}
    data = told(orders=users, tables=tables)
    assert row_of("cpa", data)["value"] == 10.0
    assert row_of("cac", data, cac_costs=["salaries"])["value"] == 200.0
    assert row_of("cac", data)["value"] == 40.0  # media alone, as the source has it


def test_wrong_value_of_a_customer_without_the_margin() -> None:
    """20 a month, 80 % margin, 5 % churn: 320; revenue alone says 400."""
    data = told(events="ann 01-01 v", tables=members(100, 5, 2_000))
    found = row_of("ltv", data, gross_margin=0.8)
    assert (found["value"], found["n"]) == (pytest.approx(320.0), 100)
    assert row_of("ltv", data, gross_margin=1)["value"] == pytest.approx(400.0)
    assert found["low"] < 320 < found["high"]


def test_without_a_margin_there_is_no_value_and_without_churn_no_end() -> None:
    data = told(events="ann 01-01 v", tables={**members(100, 0, 2_000), **spent((1, "ads", 100))})
    for name in ("ltv", "ltv_cac_ratio", "cac_payback_period"):
        assert row_of(name, data)["status"] == "needs_choice"
        assert "gross_margin = 0.8" in choices_open(data)[name]
    assert row_of("ltv", data, gross_margin=0.8)["status"] == "no_denominator"
    for wrong, message in (("0.8", "must be a number"), (1.2, "a share above 0 and not above 1"), (True, "a number")):
        with pytest.raises(UsageError, match=message):
            row_of("ltv", data, gross_margin=wrong)


def worth(margin: float) -> Dataset:
    """100 customers at 15 a month, one in ten leaves; in January ten orders are new, for 1,000 of spend."""
    orders = "\n".join(["old 01-01 1", *(f"n{i} 02-05 1" for i in range(10))])
    tables = {**members(100, 0, 1_500), **spent((2, "ads", 100_000))}
    frame = tables["subscriptions"]
    gone = frame["user_id"].is_in([f"u{i}" for i in range(10)])
    tables["subscriptions"] = frame.with_columns(end=pl.when(gone).then(pl.lit(moment("02-10"))))
    return told(events="ann 01-01 v", orders=orders, tables=tables, settings={"gross_margin": margin})


def test_wrong_health_by_revenue_alone() -> None:
    """Revenue of 150, a margin of 40 % and 100 to win one: 0.6, so that each new customer loses money."""
    found = row_of("ltv_cac_ratio", worth(0.4), "2026-02")
    assert (found["value"], found["n"]) == (pytest.approx(0.6), 10)
    assert row_of("ltv_cac_ratio", worth(1.0), "2026-02")["value"] == pytest.approx(
        1.5
    )  # what the source calls healthy


def test_payback_is_told_as_a_duration() -> None:
    assert row_of("cac_payback_period", worth(0.4), "2026-02")["value"] == pytest.approx(100 / 6 * MONTH)
