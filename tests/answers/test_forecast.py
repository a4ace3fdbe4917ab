"""Forecasts: payers against plain Python and simulation, drivers that multiply to the target, too little said to be so."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
import pytest

from kpi_lib.answers.forecast import CUSTOMERS, DAY, Forecast, expected_payers, forecast
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT
from tests.build import dataset

START = datetime(2025, 1, 1, tzinfo=UTC)


def company(months: int = 14, seed: int = 1) -> Dataset:
    """Trials every day, half of which pay ten days later; contracts of 10.00 that run on."""
    draw, rows = Random(seed), []
    until = START + timedelta(days=30 * months)
    for at in range(30 * months):
        begun = START + timedelta(days=at)
        paid = begun + timedelta(days=10) if draw.random() < 0.5 else None
        rows.append((f"t{at}", f"u{at}", begun, paid or begun + timedelta(days=14), 0, True, begun))
        if paid and paid < until:
            rows.append((f"s{at}", f"u{at}", paid, None, 1_000, False, None))
    names = ("subscription_id", "user_id", "start", "end", "mrr", "is_trial", "trial_start")
    types = (pl.String, pl.String, INSTANT, INSTANT, pl.Int64, pl.Boolean, INSTANT)
    table = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return Dataset.of({"subscriptions": table}, observed_from=START, observed_until=until)


def of(found: Forecast, what: str) -> list[dict[str, object]]:
    return found.table.filter(pl.col("what") == what).to_dicts()


def test_payers_equal_plain_python() -> None:
    took = [3 * DAY] * 20 + [8 * DAY] * 30 + [None] * 50
    ages = [0, 0, 5, 9]
    rates = [50.5 / 101, 50.5 / 101, 30.5 / 81, 0.5 / 51]
    sizes = [100, 100, 80, 50]
    mean, low, high = expected_payers(ages, took)
    spread = sum(p * (1 - p) for p in rates)
    shared = sum(math.sqrt(p * (1 - p) / (n + 2)) for p, n in zip(rates, sizes, strict=True))
    assert mean == pytest.approx(sum(rates))
    half = 1.959963984540054 * math.sqrt(spread + shared**2)
    assert (low, high) == pytest.approx((max(sum(rates) - half, 0), min(sum(rates) + half, 4)))


def test_the_interval_of_payers_holds_the_truth() -> None:
    draw, inside, runs = Random(5), 0, 400
    for _ in range(runs):
        took = [draw.randrange(1, 14) * DAY if draw.random() < 0.35 else None for _ in range(120)]
        coming = sum(draw.random() < 0.35 for _ in range(60))
        _, low, high = expected_payers([0] * 60, took)
        inside += low <= coming <= high
    assert 0.92 <= inside / runs <= 0.995


def test_no_open_trial_gives_no_payer() -> None:
    assert expected_payers([], [DAY, None]) == (0.0, 0.0, 0.0)


def test_a_company_with_trials() -> None:
    found = forecast(company(), months=2)
    (payers,) = of(found, "payers")
    assert 0 < payers["low"] < payers["value"] < payers["high"]  # type: ignore[operator]
    # of thirty trials that run, ten are younger than the tenth day and half of those will pay; the others have not
    assert payers["value"] == pytest.approx(5, abs=2)
    coming = of(found, "mrr")
    assert [row["n"] for row in coming] == [13, 13]
    assert coming[0]["value"] < coming[1]["value"]  # type: ignore[operator]
    assert coming[1]["high"] - coming[1]["low"] > coming[0]["high"] - coming[0]["low"]  # type: ignore[operator]
    assert all(row["assumption"] for row in found.table.to_dicts())


def test_each_driver_alone_brings_the_target_about() -> None:
    data = company()
    now = forecast(data, target=("mrr", 1.0)).drivers.to_dicts()
    assert [row["driver"] for row in now] == ["arpa", CUSTOMERS]
    value = now[0]["now"] * now[1]["now"]
    for row in forecast(data, target=("mrr", 1.5 * value)).drivers.to_dicts():
        other = value / row["now"]
        assert row["needed"] * other == pytest.approx(1.5 * value)
        assert row["change"] == pytest.approx(0.5)
        assert row["reached"] == 0
        assert row["lowest"] <= row["now"] <= row["highest"]


def test_daily_actives_are_new_users_times_the_days_that_each_comes() -> None:
    """Ten new people a day, each of whom comes on five days: once the first have gone there are fifty a day."""
    rows = []
    for day in range(200):
        for at in range(10):
            rows += [
                (f"u{day:03}-{at}", (day + later) * 86_400_000_000 + at, "use", 0, {}) for later in range(0, 10, 2)
            ]
    found = forecast(dataset(rows, until=200 * 86_400_000_000), target=("dau", 75.0)).drivers
    pairs = {row["driver"]: row for row in found.to_dicts()}
    new, each = pairs["new_a_day"], pairs["days_each"]
    assert (new["now"], each["now"]) == (pytest.approx(10), pytest.approx(5))
    assert (new["needed"], each["needed"]) == (pytest.approx(15), pytest.approx(7.5))
    assert pairs["mau"]["now"] * pairs["stickiness"]["now"] == pytest.approx(50)
    assert new["reached"] == 0


def test_what_is_missing_is_said() -> None:
    found = forecast(company(months=4))
    assert "cannot tell yet: 6 whole months" in found.unknown["mrr"]
    empty = forecast(Dataset.of({}, observed_from=START, observed_until=START + timedelta(days=90)))
    assert empty.table.is_empty()
    assert set(empty.unknown) == {"payers", "mrr"}
    assert empty.to_dict()["rows"] == []


@pytest.mark.parametrize(
    ("asked", "told"), [({"months": 0}, "1 to 24"), ({"target": ("nps", 5.0)}, "unknown target with drivers")]
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        forecast(company(), **asked)  # type: ignore[arg-type]
