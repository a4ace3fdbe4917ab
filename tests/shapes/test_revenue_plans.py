"""Recurring revenue by plan, by customer and from period to period, against loops over subscriptions."""

import random
from datetime import date

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, micros
from kpi_lib.shapes.bridge import mrr_bridge
from kpi_lib.shapes.revenue import contracts, standing, stretches
from tests.build import instant, moment
from tests.shapes.test_revenue import DAY, history, months, sold, table


def planned(seed: int) -> list[tuple[str, int, int | None, int, str]]:
    dice = random.Random(seed)
    return [(*row, dice.choice(("large", "small"))) for row in history(dice)]


def of_plans(rows: list[tuple[str, int, int | None, int, str]]) -> Dataset:
    frame = table(
        [
            {"user_id": who, "start": instant(a), "end": None if b is None else instant(b), "mrr": mrr, "plan": plan}
            for who, a, b, mrr, plan in rows
        ]
    )
    ends = {"observed_from": instant(0), "observed_until": instant(90 * DAY)}
    return Dataset.of({"subscriptions": frame}, **ends).with_by(("plan",))


@pytest.mark.parametrize("seed", range(30))
def test_each_plan_stands_with_what_is_paid_for_it(seed: int) -> None:
    """Who pays just before a period's end, by customer and plan; a stretch carries the plan of the dearest subscription."""
    rows = planned(seed)
    data = of_plans(rows)
    grid = Grid.calendar("week", date(1970, 1, 1), date(1970, 3, 20), zone="UTC")
    runs = standing(data, grid).collect().rows(named=True)
    for at, end in enumerate(micros(each) for each in grid.ends):
        wanted: dict[tuple[str, str], int] = {}
        for who, a, b, mrr, plan in rows:
            if mrr and a < end and (b is None or end <= b) and (b is None or b > a):
                wanted[who, plan] = wanted.get((who, plan), 0) + mrr
        found = {(run["user_id"], run["plan"]): run["mrr"] for run in runs if run["first"] <= at < run["stop"]}
        assert found == wanted, (seed, at)
    assert stretches(data, apart=True).columns[:2] == ["customer", "plan"]
    assert len(stretches(data, apart=True).columns) == len(stretches(data).columns)
    for each in stretches(data).rows(named=True):
        now = micros(each["start"])
        alive = [
            row
            for row in rows
            if row[0] == each["customer"] and row[3] and row[1] <= now and (row[2] is None or now < row[2])
        ]
        assert each["mrr"] == sum(row[3] for row in alive), seed
        dearest = min(alive, key=lambda row: (-row[3], row[1], row[4]), default=None)
        assert each["plan"] == (dearest and dearest[4]), seed


def test_a_subscription_counts_from_its_first_observed_instant_and_pays_after_its_trial() -> None:
    late = {"user_id": "ann", "start": "01-05", "trial_end": "02-01", "mrr": 100}
    assert [contracts(sold(late, until=until)).height for until in ("02-01", "02-02")] == [0, 1]
    trial = sold({"user_id": "ann", "start": "01-05", "trial_end": "01-19", "mrr": 100})
    assert contracts(trial)["start"].to_list() == [moment("01-19")]


def test_an_account_is_known_by_who_subscribed_first() -> None:
    users = pl.DataFrame({"user_id": ["ann", "bob", "cat"], "account_id": ["acme"] * 3})
    rows = [
        {"user_id": who, "start": day, "mrr": 100}
        for who, day in (("cat", "02-01"), ("bob", "01-05"), ("ann", "01-20"))
    ]
    for apart in (False, True):
        found = stretches(sold(*rows, users=users), apart=apart)
        assert found["user_id"].unique().to_list() == ["bob"]
        assert found.columns == ["customer", "user_id", "mrr", "start", "stop", "before", "since"]


def test_who_comes_twice_in_a_month_belongs_to_the_plan_of_the_first_time() -> None:
    data = sold(
        {"user_id": "ann", "start": "02-05", "end": "02-07", "mrr": 100, "plan": "first"},
        {"user_id": "ann", "start": "02-10", "mrr": 300, "plan": "second"},
    )
    found = mrr_bridge(data, months(2), ("plan",), mrr_movements="events").table.filter(
        pl.col("start") == date(2026, 2, 1)
    )
    assert found.select("plan", "new", "reactivation", "churn", "closing").rows() == [
        ("first", 100, 300, 100, 300),
        ("second", 0, 0, 0, 0),
    ]


def test_a_customer_at_one_cent_is_one() -> None:
    found = mrr_bridge(sold({"user_id": "ann", "start": "01-05", "end": "03-05", "mrr": 1}), months(3)).table
    counts = [f"customers_{name}" for name in ("opening", "new", "back", "lost", "closing")]
    assert found.select(counts).rows() == [(0, 1, 0, 0, 1), (1, 0, 0, 0, 1), (1, 0, 0, 1, 0)]


def test_the_frame_of_a_bridge_tells_what_came_for_each_that_went() -> None:
    data = sold(
        {"user_id": "ann", "start": "01-05", "end": "02-05", "mrr": 1},
        {"user_id": "ann", "start": "03-05", "end": "03-09", "mrr": 1},
        {"user_id": "bob", "start": "02-05", "mrr": 300},
        {"user_id": "bob", "start": "03-05", "mrr": 150},
    )
    found = mrr_bridge(data, months(4))
    frame = found.frames["mrr_bridge"]
    # February: 3.00 came and 0.01 went; March: 0.01 came back, 1.50 more, and 0.01 went
    assert frame["quick_ratio"].to_list() == [None, 300.0, 151.0, None]
    assert frame["new"].to_list() == [0.01, 3.0, 0.0, 0.0]
    assert found.table["customers_back"].to_list() == [0, 0, 1, 0]
    assert frame.drop("quick_ratio").equals(found.amounts)
    nothing = mrr_bridge(Dataset.of({}, observed_from=moment("01-01"), observed_until=moment("02-01")), months(1))
    assert nothing.frames["mrr_bridge"].is_empty()
