"""Recurring revenue: prices by the month, who pays when, and the bridge to the cent."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError, UsageError
from kpi_lib.core.period import Grid, micros
from kpi_lib.core.schema import columns
from kpi_lib.shapes.bridge import MOVEMENTS, movements, mrr_bridge
from kpi_lib.shapes.revenue import MONTHLY, contracts, monthly, standing, stretches
from tests.brute import mrr as brute
from tests.build import instant, moment

DAY = 86_400_000_000
FLOW = ("opening", *MOVEMENTS, "closing")


def table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Subscriptions from dictionaries; ids and absent ends are filled in."""
    known = dict.fromkeys(["subscription_id", "user_id", "start", "end", *[c for row in rows for c in row]])
    full = [{"subscription_id": f"s{i}", **dict.fromkeys(known), **row} for i, row in enumerate(rows)]
    full = [{**row, "subscription_id": row["subscription_id"] or f"s{i}"} for i, row in enumerate(full)]
    frame = pl.DataFrame(full, infer_schema_length=None)
    return frame.cast({c: each.dtype for c, each in columns("subscriptions").items() if c in frame.columns})


def sold(*rows: dict[str, Any], until: str = "07-01", **tables: pl.DataFrame) -> Dataset:
    """A data set of subscriptions in 2026."""
    timed = [{k: moment(v) if isinstance(v, str) and v[:1] == "0" else v for k, v in row.items()} for row in rows]
    return Dataset.of(
        {"subscriptions": table(timed), **tables}, observed_from=moment("01-01"), observed_until=moment(until)
    )


def months(count: int = 6) -> Grid:
    return Grid.calendar("month", date(2026, 1, 1), date(2026, 1 + count, 1), zone="UTC")


def flow(data: Dataset, grid: Grid, **choices: str) -> list[tuple[int, ...]]:
    return mrr_bridge(data, grid, **choices).table.select(FLOW).rows()


@pytest.mark.parametrize(
    ("amount", "interval", "cents"),
    [
        (200_000, "year", 16_667),  # ChartMogul's example: 2,000 a year is 166.67 a month
        (120_000, "annual", 10_000),
        (100, "quarterly", 33),
        (1_000, "week", 4_333),
        (3, "half-year", 1),  # half a cent goes up
        (2_000, " Month ", 2_000),
        (100, "daily", 3_042),
    ],
)
def test_prices_are_normalised_to_a_month_once_and_half_up(amount: int, interval: str, cents: int) -> None:
    data = sold({"user_id": "ann", "start": "01-05", "amount": amount, "interval": interval})
    assert contracts(data)["mrr"].to_list() == [cents]


@given(st.integers(0, 10**12), st.sampled_from(sorted(MONTHLY)))
def test_a_monthly_price_is_the_nearest_cent(amount: int, interval: str) -> None:
    times, parts = MONTHLY[interval]
    found = pl.select(monthly(pl.lit(amount, pl.Int64), pl.lit(times), pl.lit(parts))).item()
    assert Fraction(-1, 2) < found - Fraction(amount * times, parts) <= Fraction(1, 2)


def test_the_column_mrr_is_taken_where_it_is_known() -> None:
    rows = [{"mrr": 500, "amount": 99_999, "interval": "year"}, {"amount": 2_400, "interval": "year"}]
    data = sold(*({"user_id": "ann", "start": "01-05", **row} for row in rows))
    assert sorted(contracts(data)["mrr"]) == [200, 500]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"mrr": None}, r"subscription_id 's0': no price \(1 such rows\)"),
        ({"mrr": -5}, r"subscription_id 's0': the price -5 is negative"),
        ({"amount": 100, "interval": "anual"}, r"column interval: 'anual' is no interval\. Did you mean annual"),
        ({"amount": 100, "interval": None}, "no price"),
    ],
)
def test_a_price_that_cannot_be_used_is_an_error_that_names_it(row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        contracts(sold({"user_id": "ann", "start": "01-05", **row}))


def test_trials_and_free_plans_bring_nothing() -> None:
    data = sold(
        {"user_id": "free", "start": "01-05", "mrr": 0},
        {"user_id": "trial", "start": "01-05", "mrr": 900, "is_trial": True},
        {
            "user_id": "lapsed",
            "start": "01-05",
            "trial_start": "01-05",
            "trial_end": "01-19",
            "end": "01-19",
            "mrr": 900,
        },
        {"user_id": "won", "start": "01-05", "trial_start": "01-05", "trial_end": "01-19", "mrr": 900},
        {"user_id": "early", "start": "01-09", "trial_start": "01-05", "trial_end": "01-19", "mrr": 900},
    )
    assert sorted(contracts(data).select("user_id", "start").rows()) == [
        ("early", moment("01-09")),
        ("won", moment("01-19")),
    ]


def test_what_starts_on_the_first_is_new_in_that_month_and_what_ends_there_is_lost_in_it() -> None:
    data = sold({"user_id": "ann", "start": "02-01", "end": "04-01", "mrr": 1_000})
    assert flow(data, months(4)) == [
        (0, 0, 0, 0, 0, 0, 0),
        (0, 1_000, 0, 0, 0, 0, 1_000),
        (1_000, 0, 0, 0, 0, 0, 1_000),
        (1_000, 0, 0, 0, 0, 1_000, 0),
    ]


def test_a_change_of_plan_is_no_churn_and_one_of_two_that_ends_is_a_contraction() -> None:
    data = sold(
        {"user_id": "ann", "start": "01-05", "end": "02-10", "mrr": 1_000},
        {"user_id": "ann", "start": "02-10", "mrr": 1_500},
        {"user_id": "bob", "start": "01-05", "mrr": 700},
        {"user_id": "bob", "start": "01-06", "end": "02-20", "mrr": 300},
    )
    assert flow(data, months(3))[1] == (2_000, 0, 500, 0, 300, 0, 2_200)


def test_the_published_example_100_with_10_10_10() -> None:
    """ChartMogul: 100 at the start, 10 churned, 10 contracted, 10 expanded."""
    data = sold(
        {"user_id": "left", "start": "01-05", "end": "02-10", "mrr": 10},
        {"user_id": "less", "start": "01-05", "end": "02-10", "mrr": 40},
        {"user_id": "less", "start": "02-10", "mrr": 30},
        {"user_id": "more", "start": "01-05", "end": "02-10", "mrr": 50},
        {"user_id": "more", "start": "02-10", "mrr": 60},
    )
    assert flow(data, months(2))[1] == (100, 0, 10, 0, 10, 10, 90)


def test_who_pauses_leaves_and_comes_back() -> None:
    rows = [
        {"user_id": "ann", "start": "01-05", "end": "02-10", "mrr": 1_000},
        {"user_id": "ann", "start": "06-20", "mrr": 1_200},
    ]
    data = sold(*rows)
    assert [row[3:] for row in flow(data, months())][-1] == (1_200, 0, 0, 1_200)
    assert flow(data, months(), reactivation_within="90d")[-1] == (0, 1_200, 0, 0, 0, 0, 1_200)
    assert flow(data, months(), reactivation_within="130d")[-1][3] == 1_200


def test_joining_and_leaving_in_one_month_counts_twice_or_not_at_all() -> None:
    data = sold({"user_id": "ann", "start": "01-05", "end": "01-20", "mrr": 1_000})
    assert flow(data, months(1)) == [(0, 1_000, 0, 0, 0, 1_000, 0)]
    assert flow(data, months(1), joined_and_left="ignore") == [(0, 0, 0, 0, 0, 0, 0)]


def test_up_and_down_within_a_month_is_nothing_net_and_two_movements_by_event() -> None:
    data = sold(
        {"user_id": "ann", "start": "01-05", "mrr": 1_000},
        {"user_id": "ann", "start": "02-05", "end": "02-20", "mrr": 400},
    )
    assert flow(data, months(2))[1] == (1_000, 0, 0, 0, 0, 0, 1_000)
    assert flow(data, months(2), mrr_movements="events")[1] == (1_000, 0, 400, 0, 400, 0, 1_000)


@pytest.mark.parametrize("choice", ["mrr_movements", "joined_and_left"])
def test_an_unknown_choice_is_refused(choice: str) -> None:
    with pytest.raises(UsageError, match=f"{choice} = 'other' is not possible: write"):
        mrr_bridge(sold({"user_id": "ann", "start": "01-05", "mrr": 1}), months(1), **{choice: "other"})


def test_users_of_one_account_are_one_customer() -> None:
    users = pl.DataFrame({"user_id": ["ann", "bob", "cat"], "account_id": ["acme", "acme", None]})
    rows = [
        {"user_id": "ann", "start": "01-05", "end": "02-10", "mrr": 1_000},
        {"user_id": "bob", "start": "02-10", "mrr": 1_500},
        {"user_id": "acme", "start": "02-10", "mrr": 7},  # a user of the account's name is another customer
    ]
    found = mrr_bridge(sold(*rows, users=users), months(2)).table.row(1, named=True)
    assert (found["expansion"], found["new"], found["churn"]) == (500, 7, 0)
    assert (found["customers_opening"], found["customers_closing"]) == (1, 2)


def test_segments_follow_the_customer_through_a_change_and_add_up() -> None:
    data = sold(
        {"user_id": "ann", "start": "01-05", "end": "02-10", "mrr": 1_000, "plan": "small"},
        {"user_id": "ann", "start": "02-10", "mrr": 1_500, "plan": "large"},
        {"user_id": "bob", "start": "01-05", "mrr": 700, "plan": None},
    )
    found = mrr_bridge(data, months(3), ("plan",)).table
    assert found["plan"].unique(maintain_order=True).to_list() == ["large", "small", None]
    assert found.filter(pl.col("plan") == "small").select(FLOW).rows()[1] == (1_000, 0, 500, 0, 0, 0, 1_500)
    whole = found.group_by("start").agg(pl.col(FLOW).sum()).sort("start").select(FLOW).rows()
    assert whole == flow(data, months(3))
    # the level belongs to the plan that is paid for
    ends = standing(data.with_by(("plan",)), months(3)).collect().sort("plan", "mrr", nulls_last=True)
    assert ends.select("plan", "first", "stop", "mrr").rows() == [
        ("large", 1, 3, 1_500),
        ("small", 0, 1, 1_000),
        (None, 0, 3, 700),
    ]


def test_what_was_not_observed_is_null_and_what_is_not_over_is_marked() -> None:
    data = sold({"user_id": "ann", "start": "01-05", "mrr": 1_000}, until="02-15")
    found = mrr_bridge(data, months(3)).table
    assert found["status"].to_list() == ["ok", "partial", "partial"]
    assert found["closing"].to_list() == [1_000, 1_000, None]
    assert mrr_bridge(data, months(1)).to_dict()["rows"][0]["closing"] == 10.0


def test_the_bridge_needs_subscriptions() -> None:
    data = Dataset.of({}, observed_from=moment("01-01"), observed_until=moment("02-01"))
    found = mrr_bridge(data, months(1))
    assert found.reason == "needs a table of subscriptions: add [tables.subscriptions] to kpi.toml"
    assert found.to_dict()["rows"] == []


def history(dice: random.Random) -> list[brute.Subscription]:
    """Up to nine subscriptions of three customers over 40 days, on few instants so that edges meet."""
    rows = []
    for _ in range(dice.randrange(1, 10)):
        start = dice.randrange(0, 80) * DAY // 2
        end = None if dice.random() < 0.3 else start + dice.randrange(0, 30) * DAY // 2
        rows.append((dice.choice("abc"), start, end, dice.choice((0, 1, 10, 10, 25, 333))))
    return rows


def of(rows: list[brute.Subscription], until: int) -> Dataset:
    frame = table(
        [
            {"user_id": who, "start": instant(start), "end": None if end is None else instant(end), "mrr": cents}
            for who, start, end, cents in rows
        ]
    )
    return Dataset.of({"subscriptions": frame}, observed_from=instant(0), observed_until=instant(until))


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("within", [None, 5])
def test_a_thousand_random_histories_balance_and_are_what_a_loop_finds(
    events: bool, both: bool, within: int | None
) -> None:
    """125 histories for each of the eight choices, side by side in one data set."""
    first = date(1970, 1, 1)
    grid = Grid.calendar("week", first + timedelta(days=4), first + timedelta(days=50), zone="UTC")
    histories = [history(random.Random(f"{seed} {events} {both} {within}")) for seed in range(125)]
    rows = [(f"{who}{i}", *rest) for i, each in enumerate(histories) for who, *rest in each]
    found = movements(
        of(rows, 60 * DAY),
        grid,
        mrr_movements="events" if events else "net",
        joined_and_left="both" if both else "ignore",
        reactivation_within=within and f"{within}d",
    ).collect()
    mine = {(row["period"], row["customer"]): {n: row[n] for n in FLOW} for row in found.iter_rows(named=True)}
    limit = None if within is None else within * DAY
    for number, edges in enumerate(zip(grid.starts, grid.ends, strict=True)):
        period = (micros(edges[0]), micros(edges[1]))
        for i, each in enumerate(histories):
            theirs = brute.bridge(each, period, events=events, both=both, within=limit)
            for customer, flows in theirs.items():
                assert mine.pop((number, f"{customer}{i}")) == flows, (i, number, customer, each)
                gains = flows["new"] + flows["expansion"] + flows["reactivation"]
                assert flows["opening"] + gains - flows["contraction"] - flows["churn"] == flows["closing"]
    assert mine == {}


@settings(max_examples=12)
@given(st.randoms(use_true_random=False), st.sampled_from(("UTC", "America/New_York", "Pacific/Apia")))
def test_one_period_closes_with_what_the_next_opens_with(dice: random.Random, zone: str) -> None:
    rows = history(dice)
    data = of(rows, 60 * DAY)
    grid = Grid.calendar("day", date(1970, 1, 3), date(1970, 2, 20), zone=zone)
    found = mrr_bridge(data, grid).table
    assert found["closing"].to_list()[:-1] == found["opening"].to_list()[1:]
    weekly = Grid.of([grid.firsts[0]], [grid.stops[-1]], zone=zone, every="custom")
    events = mrr_bridge(data, weekly, mrr_movements="events").table.row(0, named=True)
    parts = mrr_bridge(data, grid, mrr_movements="events").table
    assert [events[n] for n in MOVEMENTS] == [parts[n].sum() for n in MOVEMENTS]  # movements by event add over time


def test_the_order_of_rows_changes_nothing() -> None:
    dice = random.Random(7)
    rows = [history(dice) for _ in range(20)]
    flat = [(f"{who}{i}", *rest) for i, each in enumerate(rows) for who, *rest in each]
    frame = of(flat, 60 * DAY).tables["subscriptions"]
    one, other = (
        stretches(Dataset.of({"subscriptions": f}, observed_from=instant(0), observed_until=instant(60 * DAY)))
        for f in (frame, frame.sample(fraction=1, shuffle=True, seed=3))
    )
    assert one.equals(other)
    assert isinstance(one["start"][0], datetime)
