"""Quantiles against numpy, survival against a plain loop and published hand numbers, top shares against plain Python."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kpi_lib.core.distribution import MEDIAN_TIME, QUANTILE, SURVIVAL, TOP_SHARE
from kpi_lib.core.distribution import kaplan_meier as curve
from kpi_lib.core.measure import Z

from .samples import figure, settled

Lives = Sequence[tuple[int, bool]]


@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_quantiles_are_linear_between_neighbours(q: float, size: int) -> None:
    draw = Random(size)
    for spread in (3, 1_000):  # many ties, few ties
        values = [draw.randrange(spread) for _ in range(size)]
        found = figure(pl.DataFrame({"key": values}), QUANTILE(q))
        assert found["value"] == pytest.approx(np.quantile(values, q, method="linear"), rel=1e-12)
        assert found["n"] == size


def test_the_interval_of_a_median_is_between_two_order_statistics() -> None:
    found = figure(pl.DataFrame({"key": list(range(1, 101))}), QUANTILE(0.5))
    assert (found["low"], found["value"], found["high"]) == (40.0, 50.5, 61.0)


@pytest.mark.parametrize("q", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("size", [10, 20, 50, 200, 1_000])
def test_order_statistics_cover_at_least_95_percent(q: float, size: int) -> None:
    """Without any assumption about the values: the chance that the q-quantile lies between the l-th and u-th value is binomial."""
    found = figure(pl.DataFrame({"key": list(range(1, size + 1))}), QUANTILE(q))
    if found["low"] is None:
        assert size * min(q, 1 - q) < 6  # too few values beyond it
        return
    lower, upper = int(found["low"]), int(found["high"])
    covered = stats.binom.cdf(upper - 1, size, q) - stats.binom.cdf(lower - 1, size, q)
    assert 0.949 <= covered <= 0.999


def test_too_few_values_have_a_quantile_and_no_interval() -> None:
    found = figure(pl.DataFrame({"key": [1, 2, 3]}), QUANTILE(0.5))
    assert (found["value"], found["low"], found["high"]) == (2.0, None, None)


def kaplan_meier(lives: Lives, days: int) -> tuple[float | None, float]:
    share, spread = 1.0, 0.0
    for time in sorted({length for length, ended in lives if ended and length <= days}):
        risk = sum(length >= time for length, _ in lives)
        gone = sum(length == time and ended for length, ended in lives)
        share *= 1 - gone / risk
        spread += gone / (risk * (risk - gone)) if risk > gone else 0.0
    watched = share == 0 or any(length >= days for length, _ in lives)
    return (share if watched else None), spread


def log_log(share: float, spread: float) -> tuple[float, float]:
    if share in (0, 1):
        return share, share
    width = Z * math.sqrt(spread) / abs(math.log(share))
    return share ** math.exp(width), share ** math.exp(-width)


@pytest.mark.parametrize("block", range(3))
def test_survival_equals_a_plain_loop(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        draw = Random(seed)
        lives = [(draw.randrange(12), draw.random() < 0.6) for _ in range(draw.choice((1, 2, 5, 30)))]
        days = draw.randrange(14)
        found = figure(pl.DataFrame(lives, schema=["key", "ended"], orient="row"), SURVIVAL(days))
        share, spread = kaplan_meier(lives, days)
        assert (found["value"] is None) == (share is None), seed
        if share is not None:
            assert found["value"] == pytest.approx(share, abs=1e-12)
            assert (found["low"], found["high"]) == pytest.approx(log_log(share, spread), abs=1e-9)


# remission of leukaemia under 6-MP: weeks, + = still in remission when last seen (Freireich and others, 1963)
REMISSION = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
# the textbook's column of S(t), to three places
STEPS = [(6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)]


@pytest.mark.parametrize(("week", "share"), STEPS)
def test_survival_of_the_textbook(week: int, share: float) -> None:
    lives = [(int(each.rstrip("+")), not each.endswith("+")) for each in REMISSION.split()]
    frame = pl.DataFrame(lives, schema=["key", "ended"], orient="row")
    assert round(figure(frame, SURVIVAL(week))["value"], 3) == share
    # flat until the next event
    assert figure(frame, SURVIVAL(24))["value"] == figure(frame, SURVIVAL(23))["value"]


def test_the_log_log_interval_by_hand() -> None:
    """S = .5 after 2 of 4: Greenwood 1/(4·3) + 1/(3·2) = .25; ±1.96·.5/ln 2 = ±1.41387 on the log-log scale."""
    frame = pl.DataFrame({"key": [1, 2, 3, 4], "ended": [True, True, False, False]})
    found = figure(frame, SURVIVAL(3))
    assert found["value"] == 0.5
    assert (round(found["low"], 4), round(found["high"], 4)) == (
        round(0.5 ** math.exp(1.959964 * 0.5 / math.log(2)), 4),
        round(0.5 ** math.exp(-1.959964 * 0.5 / math.log(2)), 4),
    )
    assert (round(found["low"], 3), round(found["high"], 3)) == (0.058, 0.845)


def test_who_is_lost_on_the_day_of_an_event_was_still_at_risk() -> None:
    tied = pl.DataFrame({"key": [5, 5], "ended": [True, False]})
    assert figure(tied, SURVIVAL(5))["value"] == 0.5
    assert figure(pl.DataFrame({"key": [4, 5], "ended": [False, True]}), SURVIVAL(5))["value"] == 0.0


def test_survival_is_unknown_until_somebody_was_watched_that_long() -> None:
    young = pl.DataFrame({"key": [3, 9], "ended": [True, False]})
    assert figure(young, SURVIVAL(9))["value"] == 0.5
    assert figure(young, SURVIVAL(10))["value"] is None
    assert figure(pl.DataFrame({"key": [3], "ended": [True]}), SURVIVAL(10))["value"] == 0.0


def test_censored_customers_are_no_survivors_and_no_losses() -> None:
    """Counting all as the base would say 3 of 4 remain."""
    lives = pl.DataFrame({"key": [1, 1, 5, 9], "ended": [False, False, True, False]})
    assert figure(lives, SURVIVAL(9))["value"] == 0.5


@pytest.mark.parametrize("top", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("size", [1, 3, 10, 30, 101])
def test_top_shares_equal_plain_python(top: float, size: int) -> None:
    for spread in (3, 10_000):
        draw = Random(size * spread)
        paid = [draw.randrange(1, spread) for _ in range(size)]
        frame = pl.DataFrame({"key": paid, "user_id": [f"u{i}" for i in range(size)]})
        taken = math.ceil(round(size * top, 9))
        wanted = sum(sorted(paid, reverse=True)[:taken]) / sum(paid)
        found = figure(frame, TOP_SHARE(top))
        assert found["value"] == pytest.approx(wanted, rel=1e-12)
        assert found["n"] == size


def test_ten_percent_of_thirty_are_three() -> None:
    frame = pl.DataFrame({"key": [10] * 3 + [1] * 27, "user_id": [f"u{i}" for i in range(30)]})
    assert figure(frame, TOP_SHARE(0.1))["value"] == 30 / 57


def test_distributions_of_periods_do_not_mix() -> None:
    frame = pl.DataFrame({"key": [1, 2, 3, 100], "period": [0, 0, 0, 1]}, schema_overrides={"period": pl.Int32})
    assert settled(frame, QUANTILE(0.5), count=3)["value"].to_list() == [2.0, 100.0, None]


def half_done(lives: Lives) -> float | None:
    """When the curve of a plain loop crosses one half; where it stays on it, the middle up to the next one done."""
    share = 1.0
    done = sorted({length for length, ended in lives if ended})
    for at, time in enumerate(done):
        risk = sum(length >= time for length, _ in lives)
        share *= 1 - sum(length == time and ended for length, ended in lives) / risk
        if abs(share - 0.5) < 1e-9:
            return (time + done[at + 1]) / 2 if at + 1 < len(done) else time
        if share < 0.5:
            return time
    return None


@pytest.mark.parametrize("seed", range(120))
def test_the_median_time_is_where_half_are_done(seed: int) -> None:
    draw = Random(seed)
    lives = [(draw.randrange(12), draw.random() < 0.7) for _ in range(draw.choice((1, 2, 4, 5, 8, 30)))]
    found = figure(pl.DataFrame(lives, schema=["key", "ended"], orient="row"), MEDIAN_TIME)
    assert found["value"] == half_done(lives)
    assert found["n"] == len(lives)


@pytest.mark.parametrize(("size", "told"), [(1, False), (2, False), (6, False), (7, True), (30, True)])
def test_few_who_are_all_done_do_not_make_their_median_sure(size: int, told: bool) -> None:
    """Of one wait of five hours the median was told as 5 h, from 5 h to 5 h. Where all are done the curve has no interval."""
    waits = pl.DataFrame({"key": [float(at) for at in range(1, size + 1)], "ended": [True] * size})
    found = figure(waits, MEDIAN_TIME)
    assert (found["low"] is not None, found["high"] is not None) == (told, told)
    if told:
        assert found["low"] < found["value"] < found["high"]


def test_the_median_time_of_the_trial_of_freireich() -> None:
    """21 patients on 6-MP (Freireich 1963): the published median is 23 weeks; 21 on placebo: 8 weeks."""
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    still = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    treated = pl.DataFrame({"key": weeks + still, "ended": [True] * 9 + [False] * 12})
    assert figure(treated, MEDIAN_TIME)["value"] == 23
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    found = figure(pl.DataFrame({"key": placebo, "ended": [True] * 21}), MEDIAN_TIME)
    assert (found["value"], found["low"], found["high"]) == (8, 4, 11)  # the published interval


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11])
def test_without_waiting_the_median_time_is_the_median(size: int) -> None:
    draw = Random(size)
    values = [draw.randrange(1_000) for _ in range(size)]
    found = figure(pl.DataFrame({"key": values, "ended": [True] * size}), MEDIAN_TIME)
    assert found["value"] == np.median(values)


RECORDED = json.loads((Path(__file__).parents[1] / "oracle" / "survival_curves.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", range(len(RECORDED)))
def test_the_whole_curve_is_that_of_another_library(case: int) -> None:
    """Recorded from lifelines: value, low and high at each time; where all are gone it gives no interval, we the value."""
    lives = pl.DataFrame(RECORDED[case]["lives"], schema=["key", "ended"], orient="row")
    counts = lives.group_by("key").agg(count=pl.len().cast(pl.Int64), events=pl.col("ended").sum())
    found = {row["key"]: row for row in curve(counts, []).to_dicts()}
    for time, share, low, high in RECORDED[case]["curve"]:
        assert found[time]["value"] == pytest.approx(share, abs=1e-12)
        if 0 < share < 1:
            assert (found[time]["low"], found[time]["high"]) == pytest.approx((low, high), abs=1e-9)
