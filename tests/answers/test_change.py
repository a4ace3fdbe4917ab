"""Changes against the year before, of derived KPIs and of components, by a jackknife in plain Python."""

from datetime import UTC, date, datetime
from random import Random
from statistics import fmean
from typing import Any

import polars as pl
import pytest
from scipy import stats

from kpi_lib.answers.change import Change, better, changes, changes_over
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.kpis.registry import find
from tests.build import events, frame_of, told, transactions

COSTS = {(2025, 2): 20_000, (2026, 1): 31_000, (2026, 2): 47_000}
FEBRUARY = parse_period("2026-02", zone="UTC")


def shop(seed: int) -> Dataset:
    """Orders of three months, two of them a year apart, and what the goods cost."""
    draw = Random(seed)
    rows = [
        (f"u{user}", datetime(year, month, draw.randrange(1, 29), tzinfo=UTC), draw.randrange(500, 9_000), None, "sale")
        for user in range(150)
        for year, month in COSTS
        if draw.random() < 0.6
    ]
    booked = [(date(year, month, 3), "cost_of_goods_sold", cost) for (year, month), cost in COSTS.items()]
    tables = {"transactions": transactions(rows), "costs": frame_of("costs", ["date", "category", "amount"], booked)}
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    return Dataset.of(
        tables, observed_from=since, observed_until=until, settings={"cogs_categories": ["cost_of_goods_sold"]}
    )


def month_without(data: Dataset, at: tuple[int, int], fold: int | None) -> int:
    """Cents taken in a month, one twentieth of the users left out."""
    folds = {user: pl.select(pl.lit(user).hash(seed=0) % 20).item() for user in data.tables["transactions"]["user_id"]}
    rows = data.tables["transactions"].select("user_id", "time", "amount").iter_rows()
    return sum(amount for user, time, amount in rows if (time.year, time.month) == at and folds[user] != fold)


def jackknife(moved: Any) -> tuple[float, float, float]:  # noqa: ANN401 - fold -> change
    parts = [moved(fold) for fold in range(20)]
    half = stats.t.ppf(0.975, 19) * (19 / 20 * sum((part - fmean(parts)) ** 2 for part in parts)) ** 0.5
    return moved(None), moved(None) - half, moved(None) + half


def against(name: str, data: Dataset, **more: Any) -> list[Change]:  # noqa: ANN401
    past = FEBRUARY.back(2)
    return changes_over(find(name), data, past, [FEBRUARY.before(), FEBRUARY.year_before()], **more)[0]


@pytest.mark.parametrize("seed", range(2))
def test_the_change_on_the_year_before_equals_plain_python(seed: int) -> None:
    data = shop(seed)
    previous, year = against("total_revenue", data)
    for change, base in ((previous, (2026, 1)), (year, (2025, 2))):
        wanted = jackknife(
            lambda fold, at=base: month_without(data, (2026, 2), fold) / month_without(data, at, fold) - 1
        )
        assert (change.amount, change.low, change.high) == pytest.approx(wanted, rel=1e-9)
        assert change.previous == pytest.approx(month_without(data, base, None) / 100)
    assert (previous.since, year.since) == (date(2026, 1, 1), date(2025, 2, 1))


@pytest.mark.parametrize("seed", range(2))
def test_the_change_of_a_derived_kpi_equals_plain_python(seed: int) -> None:
    data = shop(seed)

    def margin(at: tuple[int, int], fold: int | None) -> float:
        return 1 - COSTS[at] / month_without(data, at, fold)

    for change, base in zip(against("gross_margin", data), ((2026, 1), (2025, 2)), strict=True):
        wanted = jackknife(lambda fold, at=base: margin((2026, 2), fold) - margin(at, fold))
        assert change.points
        assert (change.amount, change.low, change.high) == pytest.approx(wanted, rel=1e-9)


def test_no_change_of_what_is_never_below_zero_falls_by_more_than_all() -> None:
    few = told(orders="ann 01-05 1000\nbob 01-06 90000\ncat 01-07 500\nann 02-05 2000\ndan 02-08 70000")
    found = changes(find("orders"), few, FEBRUARY, [FEBRUARY.before()])[0]
    assert found.amount == pytest.approx(2 / 3 - 1)
    assert found.low == -1.0
    assert found.high is not None
    assert found.high > 0
    share = changes(find("repeat_purchase_rate"), few, FEBRUARY, [FEBRUARY.before()])[0]
    assert share.low is None or (share.low >= -1.0 and (share.high or 0) <= 1.0)


def test_a_growth_rate_is_a_change_in_itself() -> None:
    assert [change.amount for change in against("revenue_growth_rate", shop(0))] == [None, None]


def test_a_figure_without_users_moves_without_an_interval() -> None:
    """Its replicates are equal; rounding of their mean must not pass for an interval of no width, hence for certainty."""
    for cost in range(11_111, 11_131):
        booked = [(date(2026, 1, 3), "hosting", 30_007), (date(2026, 2, 3), "hosting", cost)]
        data = told(orders="ann 01-05 100", tables={"costs": frame_of("costs", ["date", "category", "amount"], booked)})
        change = against("total_costs", data)[0]
        assert change.amount == pytest.approx(cost / 30_007 - 1)
        assert (change.low, change.high, change.clear) == (None, None, False)


def test_nothing_is_compared_with_a_period_before_the_data() -> None:
    data = told(orders="ann 01-05 100\nbob 02-05 100", since="01-10")
    assert [change.amount for change in against("total_revenue", data)] == [None, None]


def test_a_component_is_compared_with_itself() -> None:
    rows = [(f"u{user}", day * 86_400_000_000 + 1_767_225_600_000_000, event, at, {})
            for at, (user, day, event) in enumerate(
                [(u, 3, "s") for u in range(30)] + [(u, 4, "x") for u in range(12)]
                + [(u, 40, "s") for u in range(24)] + [(u, 41, "x") for u in range(18)])]  # fmt: skip
    until = datetime(2026, 3, 1, tzinfo=UTC)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    data = Dataset.of(
        {"events": events(rows)},
        observed_from=start,
        observed_until=until,
        features={"search": ("s",), "export": ("x",)},
    )
    for feature, wanted in (("search", 24 / 24 - 30 / 30), ("export", 18 / 24 - 12 / 30)):
        assert against("feature_adoption_rate", data, part={"feature": feature})[0].amount == pytest.approx(wanted)


def test_better_is_told_of_clear_changes_only() -> None:
    up, down, maybe = (Change(x, x - 0.1, x + 0.1, points=True, previous=0.5) for x in (0.3, -0.3, 0.05))
    churn, kept, length = find("user_churn_rate"), find("retention_day_7"), find("avg_session_duration")
    assert [better(kept, each) for each in (up, down, maybe)] == [True, False, None]
    assert [better(churn, each) for each in (up, down, maybe)] == [False, True, None]
    assert [better(length, each) for each in (up, down, maybe)] == [None, None, None]


def test_weeks_are_compared_with_the_week_of_a_year_before() -> None:
    """52 weeks back, so that each weekday meets its like."""
    draw = Random(5)
    sold = [
        (f"u{draw.randrange(60)}", datetime(2025, 1, 6, tzinfo=UTC) + (datetime(2025, 1, 7) - datetime(2025, 1, 6)) * at, 100, None, "sale")
        for at in range(420)
    ]  # fmt: skip
    data = Dataset.of({"transactions": transactions(sold)}, observed_until=datetime(2026, 3, 2, tzinfo=UTC))
    week = Grid.calendar("week", date(2026, 2, 16), date(2026, 2, 23), zone="UTC")
    year = changes(find("orders"), data, week.back(13), [week.year_before()])[0]
    assert (year.since, year.previous, year.amount) == (date(2025, 2, 17), 7.0, 0.0)


@pytest.mark.parametrize("name", ["orders", "average_order_value", "repeat_purchase_rate"])
def test_earlier_changes_are_those_of_a_grid_that_ends_there(name: str) -> None:
    lines = [
        f"u{user} 0{month}-1{user % 9} {500 + 7 * user * month}" for month in (1, 2, 3, 4) for user in range(60 + month)
    ]
    data = told(orders="\n".join(lines), until="05-01")
    april = parse_period("2026-04", zone="UTC")
    now, earlier = changes_over(find(name), data, april.back(4), [april.before()])
    assert now == changes(find(name), data, april.back(4), [april.before()])
    assert list(earlier) == [date(2026, 2, 1), date(2026, 3, 1)]
    for day, change in earlier.items():
        month = parse_period(f"{day:%Y-%m}", zone="UTC")
        assert change == changes(find(name), data, month.back(2), [month.before()])[0]
        assert change.amount is not None
