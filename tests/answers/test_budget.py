"""Budgets by hand: what is planned over what a customer costs, and its interval from that of the cost."""

from datetime import date

import pytest

from kpi_lib.answers.budget import budget
from kpi_lib.answers.unit_economics import unit_economics
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import KpiError
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_unit_economics import JANUARY, company
from tests.build import frame_of, moment, told


def test_as_it_is_nothing_changes() -> None:
    found = budget(company(), JANUARY)
    rows = {row["channel"]: row for row in found.table.to_dicts()}
    assert {name: row["spend"] for name, row in rows.items()} == {"ads": 400.0, "mail": 90.0, "fair": 15.0, None: 505.0}
    assert all(row["planned"] == row["spend"] for row in rows.values())
    assert all(row["expected"] == pytest.approx(row["customers"]) for row in rows.values())
    assert "friends" not in rows  # who costs nothing has no cost of the next one


@pytest.mark.parametrize(
    ("plan", "ads"),
    [("ads=800", 800.0), ("ads=+100", 500.0), ("ads=-25 %", 300.0), ("ads=+50%", 600.0), ("ads=-900", 0.0)],
)
def test_a_plan_is_an_amount_or_a_change(plan: str, ads: float) -> None:
    """A customer of ads costs 40 and brings a quarter of that."""
    data = company()
    rows = {row["channel"]: row for row in budget(data, JANUARY, [plan]).table.to_dicts()}
    economics = {row["channel"]: row for row in unit_economics(data, JANUARY).table.to_dicts()}["ads"]
    assert rows["ads"]["planned"] == ads
    assert rows["ads"]["expected"] == pytest.approx(ads / 40)
    assert rows["ads"]["brings"] == pytest.approx(ads / 4)
    if ads:
        assert rows["ads"]["expected_low"] == pytest.approx(ads / economics["cac_high"])
        assert rows["ads"]["brings_high"] == pytest.approx(ads * economics["ltv_cac_ratio_high"])
    assert rows[None]["planned"] == pytest.approx(ads + 105)
    assert rows[None]["expected"] == pytest.approx(ads / 40 + 20)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("ads", r"'ads' is no plan; write channel=amount"),
        ("ads=many", r"is no plan"),
        ("adz=5", r"unknown channel 'adz' in the budget. Did you mean ads"),
    ],
)
def test_what_cannot_be_read_is_refused(plan: str, words: str) -> None:
    with pytest.raises(KpiError, match=words):
        budget(company(), JANUARY, [plan])


def test_without_the_tables_it_says_so() -> None:
    found = budget(told("a 01-05 open"), JANUARY)
    assert found.table.is_empty()
    assert plain(say(found).phrase).startswith("What another budget would bring cannot be told: it needs ")
    assert not table(found).rows


def test_the_sentence_names_the_assumption() -> None:
    said = plain(say(budget(company(), JANUARY, ["ads=800"])).phrase)
    assert said.startswith("With $905.00 instead of $505.00 all channels would win 40 customers instead of 30")
    assert "a rise is an upper bound" in said
    assert len(table(budget(company(), JANUARY)).rows) == 4


def test_a_shop_without_subscriptions_learns_what_customers_to_expect() -> None:
    """Two customers of ads for 30 and one of mail for 12; what an order brings over a life nobody can tell."""
    people = [("a", "ads"), ("b", "ads"), ("c", "mail")]
    orders = [(f"o{who}", who, moment("01-10"), 1_000) for who, _ in people]
    tables = {
        "transactions": frame_of("transactions", ["transaction_id", "user_id", "time", "amount"], orders),
        "users": frame_of("users", ["user_id", "channel"], people),
        "marketing_spend": frame_of(
            "marketing_spend",
            ["date", "channel", "amount"],
            [(date(2026, 1, 9), "ads", 3_000), (date(2026, 1, 9), "mail", 1_200)],
        ),
    }
    shop = Dataset.of(
        tables, observed_from=moment("01-01").replace(year=2025, month=11), observed_until=moment("02-01")
    )
    found = budget(shop, JANUARY, ["ads=60"])
    rows = {row["channel"]: row for row in found.table.to_dicts()}
    assert (rows["ads"]["cac"], rows["ads"]["expected"], rows["ads"]["brings"]) == (15.0, 4.0, None)
    assert (rows["mail"]["expected"], rows[None]["expected"], rows[None]["brings"]) == (1.0, 5.0, None)
    assert "subscriptions" in found.lacking
    said = plain(say(found).phrase)
    assert "all channels would win 5 customers instead of 3, if" in said
    assert "What they would bring cannot be told: it needs " in said
    assert table(found).columns[-1] == "Customers to expect"
