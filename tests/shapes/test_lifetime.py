"""Lifetime values: published parameters of the models, and ladders on histories whose truth is known."""

import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT
from kpi_lib.shapes.lifetime import Lifetime, lifetime
from kpi_lib.shapes.lifetime_models import (
    bgnbd_expected,
    bgnbd_rows,
    fit,
    gamma_mean,
    gamma_rows,
    sbg_rows,
    sbg_survival,
)
from kpi_lib.shapes.lifetime_rungs import MONTH, WEEKS, buyers
from tests.build import instant, told

NOBODY = np.zeros(1, dtype=np.int64)


def column(name: str) -> np.ndarray:
    sample = pl.read_csv(Path(__file__).with_name("cdnow_sample.csv"))
    return sample[name].cast(pl.Float64).to_numpy()


@pytest.mark.parametrize(
    ("there", "alpha", "beta", "loglik"),
    [
        ((1000, 869, 743, 653, 593, 551, 517, 491), 0.668, 3.806, -1611.16),  # High-end
        ((1000, 631, 468, 382, 326, 289, 262, 241), 0.704, 1.182, -1680.27),  # Regular
    ],
)
def test_sbg_gives_the_published_parameters(there: tuple[int, ...], alpha: float, beta: float, loglik: float) -> None:
    """Fader and Hardie 2007, customers left after each of seven renewals."""
    left = np.array(there, dtype=np.float64)
    stayed = np.zeros(7)
    stayed[-1] = left[-1]
    found = fit(sbg_rows(np.arange(1.0, 8.0), -np.diff(left), stayed), (1.0, 1.0), NOBODY)
    assert found.values == (pytest.approx(alpha, abs=5e-4), pytest.approx(beta, abs=5e-4))
    assert found.loglik == pytest.approx(loglik, abs=0.01)
    assert sbg_survival(found.values, np.array([0.0, 1.0]))[1] == pytest.approx(1 - alpha / (alpha + beta), abs=1e-3)


def test_one_churn_for_all_is_too_short_where_customers_differ() -> None:
    """High-end, customer-years in ten years: 6.35 by sBG, 5.37 with the first year's churn; discounted 5.92 and 4.41."""
    alpha, beta = 0.668, 3.806
    years = np.arange(10.0)
    model, even = sbg_survival((alpha, beta), years), (beta / (alpha + beta)) ** years
    assert (round(model.sum(), 2), round(even.sum(), 2)) == (6.35, 5.37)
    endless = np.arange(300.0)
    discounted = (sbg_survival((alpha, beta), endless) / 1.1**endless).sum()
    assert (round(discounted, 2), round(((beta / (alpha + beta) / 1.1) ** endless).sum(), 2)) == (5.92, 4.41)


def test_bg_nbd_gives_the_published_parameters_and_a_plain_sum_agrees() -> None:
    """Fader, Hardie and Lee 2005 on CDNOW's 2,357 customers: r = .243, α = 4.414, a = .793, b = 2.426, LL = −9582.4."""
    repeats, last, watched = column("x"), column("t_x"), column("T")
    found = fit(bgnbd_rows(repeats, last, watched), (1.0, 5.0, 1.0, 1.0), np.arange(len(repeats)) % 20, 20)
    assert found.settled
    for mine, published in zip(found.values, (0.243, 4.414, 0.793, 2.426), strict=True):
        assert mine == pytest.approx(published, rel=5e-3)
    assert found.loglik == pytest.approx(-9582.4, abs=0.05)
    r, alpha, a, b = found.values
    plain = 0.0
    for x, t, whole in zip(repeats, last, watched, strict=True):  # the likelihood as it is printed
        both = math.exp(math.lgamma(a + b) + math.lgamma(b + x) - math.lgamma(b) - math.lgamma(a + b + x))
        rate = math.exp(math.lgamma(r + x) - math.lgamma(r)) * alpha**r
        gone = a / (b + x - 1) * (1 / (alpha + t)) ** (r + x) if x > 0 else 0.0
        plain += math.log(both * rate * ((1 / (alpha + whole)) ** (r + x) + gone))
    assert found.loglik == pytest.approx(plain, abs=1e-6)


def test_leaving_a_group_out_by_one_step_is_close_to_fitting_without_it() -> None:
    repeats, last, watched = column("x"), column("t_x"), column("T")
    groups = np.arange(len(repeats)) % 20
    found = fit(bgnbd_rows(repeats, last, watched), (1.0, 5.0, 1.0, 1.0), groups, 20)
    keep = groups != 7
    again = fit(bgnbd_rows(repeats[keep], last[keep], watched[keep]), (1.0, 5.0, 1.0, 1.0), groups[keep])
    assert found.replicates[7] == pytest.approx(again.values, rel=0.02)
    year = np.array([52.0])
    whole = bgnbd_expected(found.values, year)[0]
    step, refit = (bgnbd_expected(each, year)[0] - whole for each in (found.replicates[7], again.values))
    assert step == pytest.approx(refit, rel=0.15)


def test_gamma_gamma_gives_the_published_parameters() -> None:
    """Fader and Hardie 2013 on the 946 customers with a repeat order: p = 6.25, q = 3.74, γ = 15.45."""
    repeats, mean = column("x"), column("zbar")
    some = repeats > 0
    assert some.sum() == 946
    found = fit(gamma_rows(repeats[some], mean[some]), (1.0, 3.0, 30.0), np.zeros(946, dtype=np.int64))
    for mine, published in zip(found.values, (6.25, 3.74, 15.45), strict=True):
        assert mine == pytest.approx(published, rel=5e-3)
    assert found.loglik == pytest.approx(-4055.92, abs=0.01)
    assert gamma_mean(found.values) == pytest.approx(35.17, abs=0.01)
    assert math.isnan(gamma_mean((1.0, 0.9, 1.0)))


def test_expected_orders_are_those_of_simulated_customers() -> None:
    r, alpha, a, b = parameters = (0.6, 5.0, 0.8, 2.5)
    dice, people, end = np.random.default_rng(5), 60_000, 52.0
    rate, leaving = dice.gamma(r, 1 / alpha, people), dice.beta(a, b, people)
    total = 0
    clock, there = np.zeros(people), np.ones(people, dtype=bool)
    while there.any():
        clock = clock + dice.exponential(1 / rate)
        bought = there & (clock <= end)
        total += int(bought.sum())
        there = bought & (dice.random(people) >= leaving)
    assert bgnbd_expected(parameters, np.array([end]))[0] == pytest.approx(total / people, rel=0.02)


def members(lives: list[int | None], price: int = 1_000, months: int = 12) -> Dataset:
    """Customers who all start at once and pay so many months (None: still)."""
    rows = [
        (f"s{i}", f"u{i}", instant(0), None if n is None else instant(n * MONTH - 1), price)
        for i, n in enumerate(lives)
    ]
    schema = {"subscription_id": pl.String, "user_id": pl.String, "start": INSTANT, "end": INSTANT, "mrr": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return Dataset.of(
        {"subscriptions": frame}, observed_from=instant(0), observed_until=instant((months - 1) * MONTH + 1)
    )


def value(found: Lifetime, method: str, what: str = "value") -> float:
    return float(found.table.filter(pl.col("method") == method)[what].item())


def test_the_ladder_by_hand() -> None:
    """40 customers at 10 a month: 10 leave after one month, 10 after two, 20 stay to the end of three months seen."""
    data = members([1] * 10 + [2] * 10 + [None] * 20, months=3)
    found = lifetime(data, gross_margin=0.5, horizon=3, discount=0.0)
    # months paid: 40 + 30 + 20 = 90 → 22.50 each, half of it margin
    assert value(found, "observed") == pytest.approx(1_125.0)
    # lost 20 of the 40 + 30 who could go → churn 2/7, 1 / churn = 3.5 months
    assert value(found, "simple") == pytest.approx(0.5 * 1_000 * 3.5)
    assert value(found, "geometric") == pytest.approx(500 * (1 + 5 / 7 + 25 / 49))
    assert found.table["months"].to_list() == [None, 3, 3, 3]
    assert found.curves.filter(pl.col("method") == "observed")["plain"].to_list() == pytest.approx([500, 875, 1_125])
    assert (found.payback(5.0), found.payback(8.0), found.payback(11.26)) == (1, 2, None)  # not yet is an answer


def test_discounts_fall_on_later_months() -> None:
    found = lifetime(members([None] * 40, months=3), gross_margin=1.0, horizon=2, discount=0.21)
    assert value(found, "observed") == pytest.approx(1_000 * (1 + 1.21 ** (-1 / 12)))


def test_discounts_of_orders_fall_on_the_middle_of_their_month() -> None:
    data = told(orders="ann 01-01 10000\nann 02-05 10000", since="01-01", until="03-10")
    found = lifetime(data, gross_margin=1.0, horizon=2, discount=0.21, basis="orders")
    assert value(found, "observed") == pytest.approx(10_000 * (1.21 ** (-0.5 / 12) + 1.21 ** (-1.5 / 12)))


def test_without_a_loss_there_is_only_a_bound_and_a_short_history_says_so() -> None:
    found = lifetime(members([None] * 40, months=3), gross_margin=1.0, horizon=12)
    simple = found.table.row(0, named=True)
    assert (simple["value"], simple["status"]) == (None, "no_churn")
    # 80 renewals without a loss: churn is below 1 − 0.05^(1/80) with 95 % certainty
    assert simple["low"] == pytest.approx(1_000 / (1 - 0.05 ** (1 / 80)))
    assert dict(zip(found.table["method"], found.table["status"], strict=True)) == {
        "simple": "no_churn",
        "geometric": "ok",
        "observed": "partial",
        "sbg": "no_fit",
    }


def test_where_customers_differ_the_model_finds_the_truth_and_one_churn_does_not() -> None:
    dice = np.random.default_rng(3)
    lives = [int(n) for n in dice.geometric(dice.beta(0.668, 3.806, 6_000))]
    truth = 1_000 * float(np.minimum(lives, 36).mean())
    seen = lifetime(members([n if n < 13 else None for n in lives], months=13), gross_margin=1.0, discount=0.0)
    low, high = value(seen, "sbg", "low"), value(seen, "sbg", "high")
    assert low < truth < high
    assert high - low < 0.2 * truth
    assert value(seen, "geometric") < 0.85 * truth
    assert all(seen.table["warning"].str.len_chars() > 20)


def test_a_customer_who_joins_late_is_in_the_months_that_were_seen_only() -> None:
    one, two = members([None] * 30, months=5), members([None] * 30, price=3_000, months=5)
    late = two.tables["subscriptions"].with_columns(
        pl.col("start") + timedelta(microseconds=3 * MONTH), user_id="x" + pl.col("user_id")
    )
    both = Dataset.of(
        {"subscriptions": pl.concat([one.tables["subscriptions"], late.select(one.tables["subscriptions"].columns)])},
        observed_from=one.observed_from,
        observed_until=one.observed_until,
    )
    found = lifetime(both, gross_margin=1.0, horizon=5, discount=0.0)
    steps = np.diff([0.0, *found.curves.filter(pl.col("method") == "observed")["plain"].to_list()])
    assert steps.tolist() == pytest.approx([2_000, 2_000, 1_000, 1_000, 1_000])


def shop(people: int = 400) -> Dataset:
    """Orders of simulated customers over a year."""
    dice, rows = np.random.default_rng(9), []
    week = 7 * 86_400 * 10**6
    for person in range(people):
        rate, leaving, size = dice.gamma(0.8, 1 / 4), dice.beta(0.8, 3.0), 40 / dice.gamma(4.0, 1.0)
        clock, there = dice.random() * 8, True
        while there and clock < 52:
            rows.append((f"u{person}", instant(int(clock * week)), max(int(100 * size * dice.gamma(6.0, 1 / 6)), 1)))
            clock += dice.exponential(1 / rate)
            there = dice.random() >= leaving
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "time": INSTANT, "amount": pl.Int64}, orient="row")
    return Dataset.of({"transactions": frame}, observed_from=instant(0), observed_until=instant(52 * week))


def test_a_shops_ladder_agrees_with_what_was_seen() -> None:
    data = shop()
    found = lifetime(data, gross_margin=1.0, horizon=9, discount=0.0)
    assert found.table["method"].to_list() == ["observed", "bgnbd"]
    low, high = value(found, "bgnbd", "low"), value(found, "bgnbd", "high")
    assert low < value(found, "observed") < high
    assert found.parameters["bgnbd"]["q"] > 1
    paid = data.tables["transactions"]
    born = paid.group_by("user_id").agg(born=pl.col("time").min())
    first = paid.join(born, on="user_id").filter(pl.col("time") < pl.col("born") + timedelta(microseconds=MONTH))
    ripe = born.filter(pl.col("born") + timedelta(microseconds=MONTH) <= data.observed_until)
    month = first.filter(pl.col("user_id").is_in(ripe["user_id"].implode()))["amount"].sum() / len(ripe)
    assert found.curves.filter(pl.col("method") == "observed")["plain"][0] == pytest.approx(month)


def test_buyers_count_days_with_orders() -> None:
    data = told(orders="ann 01-01 100\nann 01-01T10:00 50\nann 01-15 300\nann 01-22 100\nbob 01-08 700", until="01-30")
    found = buyers(data).drop("group").sort("user_id")
    assert found.rows() == [("ann", 2.0, 3.0, 4.0, 150, 200.0), ("bob", 0.0, 0.0, 3.0, 700, None)]
    assert pytest.approx(4.348, abs=1e-3) == WEEKS


@pytest.mark.parametrize(
    ("make", "choices", "message"),
    [
        (members, {"gross_margin": 1.5}, r"gross_margin is 1\.5"),
        (members, {"gross_margin": 0.5, "horizon": 0}, "horizon is 0"),
        (members, {"gross_margin": 0.5, "basis": "luck"}, "write subscriptions or orders"),
    ],
)
def test_what_is_not_chosen_is_refused(
    make: Callable[[list[int | None]], Dataset], choices: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        lifetime(make([None, 1]), **choices)  # type: ignore[arg-type]


def test_what_is_missing_is_said_and_nothing_is_guessed() -> None:
    found = lifetime(members([None, 1]))
    assert found.table.is_empty()
    assert found.reason == "needs a margin: write gross_margin = 0.8 (a share, yours) under [settings] in kpi.toml"
    found = lifetime(members([None, 1]), gross_margin=0.5, basis="orders")
    assert found.reason == "needs a table of transactions with amounts: add [tables.transactions] to kpi.toml"
    assert found.to_dict()["rows"] == []
    assert found.payback(1.0) is None


def test_few_customers_are_no_model() -> None:
    found = lifetime(told(orders="ann 01-05 100\nbob 01-06 100"), gross_margin=0.5)
    assert found.table["status"].to_list() == ["partial", "no_fit"]
    written = found.to_dict()
    assert written["gross_margin"] == 0.5
    assert [row["method"] for row in written["rows"]] == ["observed", "bgnbd"]
