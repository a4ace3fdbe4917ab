"""Money by hand: revenue, growth, concentration, orders, and what a user or a payer brings."""

import random

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.funnel import Funnel
from tests.build import moment, row_of, rows_of, told

SALES = """
ann 01-05 1000 A
ann 01-05 500 A
ann 01-20 700 B
bob 01-06 300 C
bob 01-31T23:59:59.999999 200 D
cid 02-01 900 E
bob 02-02 -300 C refund
"""


def test_revenue_is_the_sum_of_the_period_with_refunds_in_their_own() -> None:
    data = told(orders=SALES)
    january, february = row_of("total_revenue", data, "2026-01"), row_of("total_revenue", data, "2026-02")
    assert (january["value"], january["n"], january["unit"]) == (27.0, 5, "money")
    assert february["value"] == 6.0  # the refund takes from February, January stays
    assert row_of("total_revenue", told(orders="-"))["value"] == 0


def test_minor_units_follow_the_currency() -> None:
    assert row_of("total_revenue", told(orders=SALES, currency="JPY"))["value"] == 2_700
    assert row_of("total_revenue", told(orders=SALES, currency="KWD"))["value"] == 2.7


def test_revenue_is_exact_to_the_cent() -> None:
    cents = [10, 20, 30, 1_999, 7] * 2_000
    text = "\n".join(f"u{i} 01-05 {each}" for i, each in enumerate(cents))
    assert row_of("total_revenue", told(orders=text))["value"] == sum(cents) / 100


def test_wrong_growth_it_is_a_rate_and_not_an_amount() -> None:
    """From 100 to 120 is 20 %; one source gives the increase itself."""
    found = row_of("revenue_growth_rate", told(orders="ann 01-05 10000\nann 02-05 12000"), "2026-02")
    assert found["value"] == pytest.approx(0.2)
    assert found["unit"] == "share"


def test_wrong_growth_from_18_to_21_is_16_7_percent() -> None:
    """One source's own example calls it 23 %."""
    found = row_of("revenue_growth_rate", told(orders="ann 01-05 1800\nann 02-05 2100"), "2026-02")
    assert round(found["value"], 4) == 0.1667


@pytest.mark.parametrize(
    "base", ["", "ann 01-05 0\n", "ann 01-05 100\nann 01-06 -100 - refund\n", "ann 01-06 -5 - refund\n"]
)
def test_growth_on_nothing_is_nothing(base: str) -> None:
    found = row_of("revenue_growth_rate", told(orders=base + "ann 02-05 2100"), "2026-02")
    assert (found["value"], found["low"], found["status"]) == (None, None, "no_denominator")


def test_growth_needs_two_whole_periods() -> None:
    text = "ann 01-05 1800\nann 02-05 2100"
    for span, status in ((("01-01", "02-27"), "partial"), (("01-02", "03-01"), "early")):
        found = row_of("revenue_growth_rate", told(orders=text, since=span[0], until=span[1]), "2026-02")
        assert (found["value"], found["status"]) == (None, status)


def test_concentration_is_what_the_top_tenth_pays() -> None:
    text = "\n".join(f"u{i} 01-05 {100 if i else 900}" for i in range(10)) + "\nx 01-05 -5 - refund"
    found = row_of("revenue_concentration", told(orders=text))
    assert (found["value"], found["n"], found["status"]) == (0.5, 10, "small_n")
    eleven = row_of("revenue_concentration", told(orders=text + "\nu10 01-05 200"))
    assert eleven["value"] == (900 + 200) / 2_000  # a tenth of eleven payers, rounded up, is two
    assert row_of("revenue_concentration", told(orders="-"))["value"] is None
    assert row_of("revenue_concentration", told(orders="ann 01-05 5"))["value"] == 1.0


def test_inequality_is_half_the_mean_difference_between_two_payers() -> None:
    for seed in range(40):
        dice = random.Random(seed)
        paid = [dice.choice((1, 5, 5, 20, 400)) for _ in range(dice.randrange(1, 60))]
        text = "\n".join(f"u{at} 01-05 {amount}" for at, amount in enumerate(paid))
        gap = sum(abs(one - other) for one in paid for other in paid) / len(paid) ** 2
        found = row_of("revenue_gini", told(orders=text + "\nx 01-05 -5 - refund"))
        assert found["value"] == pytest.approx(gap / 2 / (sum(paid) / len(paid)), abs=1e-12)
        assert found["n"] == len(paid)
    assert row_of("revenue_gini", told(orders="a 01-05 7\nb 01-05 7"))["value"] == pytest.approx(0, abs=1e-15)
    assert row_of("revenue_gini", told(orders="-"))["value"] is None


def test_a_share_of_revenue_stays_between_none_and_all() -> None:
    text = "\n".join(f"u{i} 01-05 {1_000_000 if i == 7 else 1}" for i in range(60))
    found = row_of("revenue_concentration", told(orders=text))
    assert found["value"] > 0.99
    assert found["high"] is None or found["high"] <= 1.0


def test_orders_and_their_value_before_refunds() -> None:
    data = told(orders=SALES)
    assert row_of("orders", data)["value"] == 4
    value = row_of("average_order_value", data)
    assert (value["value"], value["n"], value["unit"]) == (27 / 4, 2, "money")
    assert row_of("orders", data, "2026-02")["value"] == 1
    assert row_of("average_order_value", data, "2026-02")["value"] == 9.0
    assert row_of("orders", told(orders="-"))["value"] == 0
    assert row_of("average_order_value", told(orders="-"))["status"] == "no_denominator"


def test_customers_and_what_one_brings() -> None:
    data = told(orders=SALES)
    assert row_of("active_customers", data)["value"] == 2
    assert row_of("arppu", data)["value"] == 13.5
    assert row_of("active_customers", data, "2026-02")["value"] == 1  # a refund is no order
    assert row_of("arppu", data, "2026-02")["value"] == 6.0
    refunds_only = told(orders="bob 02-02 -300 C refund")
    assert row_of("arppu", refunds_only, "2026-02")["status"] == "no_denominator"


VISITS = "ann 01-05 v\nann 01-06 v\nbob 01-05 v\ncid 01-05 v\ndan 01-05 v\n"


def test_revenue_per_active_user_counts_who_pays_nothing() -> None:
    found = row_of("arpu", told(VISITS, SALES))
    assert (found["value"], found["n"], found["unit"]) == (27 / 4, 4, "per_user")
    assert row_of("arpu", told("-", SALES))["value"] is None
    assert row_of("arpu", told(VISITS, "-"))["value"] == 0.0
    assert row_of("arpu", told(VISITS + VISITS, SALES))["value"] == 27 / 4


def test_wrong_revenue_per_user_says_which_users() -> None:
    """27 of revenue by two who pay of four who came of five who signed up: 6.75; a bare "users" may mean 13.50 or 5.40."""
    users = pl.DataFrame({"user_id": ["ann", "bob", "cid", "dan", "eve"]})
    data = told(VISITS, SALES, tables={"users": users})
    assert (row_of("arpu", data)["value"], row_of("arppu", data)["value"]) == (6.75, 13.5)


def test_revenue_beside_the_use_of_a_feature() -> None:
    features = {"search": ("find",)}
    data = told(VISITS + "ann 01-07 find\nann 01-08 find\n", SALES, features=features)
    table = rows_of("feature_attributed_revenue", data)
    assert table.select("feature", "group", "value", "n").rows() == [
        ("search", "others", pytest.approx(5 / 3), 3),
        ("search", "users", 22.0, 1),
    ]
    assert row_of("feature_attributed_revenue", told(VISITS, SALES))["status"] == "needs_choice"


def test_other_columns_of_the_file_do_no_harm() -> None:
    """A stranger's export has columns of any name; only those asked for may matter."""
    features, funnels = {"see": ("v",)}, {"two": Funnel(("v", "v"), within="1d")}
    data = told(VISITS, SALES, features=features, funnels=funnels)
    odd = {
        "period": "monthly",
        "first": "1",
        "stop": "x",
        "value": "9",
        "ripe": "no",
        "key": "k",
        "n": "1",
        "hit": "y",
        "feature": "f",
        "group": "g",
    }
    columns = [pl.lit(text).alias(name) for name, text in odd.items()]
    tables = {name: frame.with_columns(columns) for name, frame in data.tables.items()}
    edges = {"observed_from": data.observed_from, "observed_until": data.observed_until}
    spoiled = Dataset.of(tables, features=features, funnels=funnels, **edges)
    choices = {"goal_event": "v", "activation_event": "v", "login_events": ["v"]}
    for name in catalogue():
        assert rows_of(name, spoiled, **choices).equals(rows_of(name, data, **choices)), name


def test_revenue_of_segments_adds_to_the_whole() -> None:
    data = told(orders=SALES, users="ann pro\nbob free\nzoe team")
    found = compute("total_revenue", data, parse_period("2026-01", zone="UTC"), by=["plan"]).table
    assert found.select("plan", "value").rows() == [("free", 5.0), ("pro", 22.0), ("team", 0.0)]


def test_revenue_of_days_adds_to_the_month() -> None:
    grid = Grid.calendar("day", moment("01-01").date(), moment("02-01").date(), zone="UTC")
    assert compute("total_revenue", told(orders=SALES), grid).table["value"].sum() == pytest.approx(27.0)
