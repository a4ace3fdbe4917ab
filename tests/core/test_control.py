"""Control charts and trend tests: published charts, SciPy's answers, and what must hold for all numbers."""

import math
from itertools import pairwise
from random import Random
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kpi_lib.core.control import (
    adjusted,
    lag_one,
    mad_spread,
    mann_kendall,
    range_spread,
    reference,
    slope_of,
    step_at,
    two_sided,
)

values = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=4, max_size=40)
NEAR = {"rel": 1e-9, "abs": 1e-12}


def test_the_individuals_chart_of_the_nist_handbook() -> None:
    """Section 6.3.2.2, flow rates of ten batches: mean 50.81, limits 45.8159 and 55.8041."""
    flow = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    half = 3 * range_spread(flow) * (2 / math.sqrt(math.pi)) / 1.128  # the handbook rounds the constant
    assert (flow.mean() - half, flow.mean() + half) == (
        pytest.approx(45.8159, abs=5e-5),
        pytest.approx(55.8041, abs=5e-5),
    )


@given(values)
def test_robust_statistics_equal_scipys(x: list[float]) -> None:
    found = np.array(x)
    assert mad_spread(found) == pytest.approx(stats.median_abs_deviation(found, scale="normal"), **NEAR)
    at = np.arange(len(x), dtype=np.float64)
    assert slope_of(at, found) == pytest.approx(stats.theilslopes(found, at).slope, **NEAR)
    if len(set(x)) > 1:
        known = stats.kendalltau(at, found, method="asymptotic").pvalue
        assert mann_kendall(x) == pytest.approx(known, **NEAR)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_false_discoveries_are_counted_as_by_scipy(chances: list[float]) -> None:
    assert adjusted(chances) == pytest.approx([*stats.false_discovery_control(chances)], **NEAR)


def test_the_tail_is_students() -> None:
    assert two_sided(-2.5, 7.3) == pytest.approx(2 * stats.t.sf(2.5, 7.3), **NEAR)


def test_a_season_compares_only_the_same_weekdays() -> None:
    week = [10, 11, 12, 11, 10, 3, 2]
    x = np.array([v + 0.5 * (i // 7) for i, v in enumerate(week * 6)], dtype=np.float64)
    assert slope_of(np.arange(42.0), x, 7) == pytest.approx(0.5 / 7)
    usual = reference(range(42), x.tolist(), season=7)
    assert [usual.expected(at) for at in range(42, 49)] == pytest.approx([v + 3.0 for v in week])


def plain_step(x: list[float]) -> tuple[int, float]:
    rests = []
    for cut in range(1, len(x)):
        parts = (x[:cut], x[cut:])
        rests.append((sum(abs(v - median(part)) for part in parts for v in part) / len(x), cut))
    return min(rests)[1], min(rests)[0]


@given(values)
def test_the_best_step_is_found(x: list[float]) -> None:
    (_, rest), (_, wanted) = step_at(x), plain_step(x)
    assert rest == pytest.approx(wanted, **NEAR)


def test_neighbours_that_are_alike() -> None:
    draw = Random(4)
    x = [draw.random() for _ in range(30)]
    centred = [v - mean(x) for v in x]
    own = sum(a * b for a, b in zip(centred[1:], centred, strict=False)) / sum(v * v for v in centred)
    assert lag_one(np.array(x)) == pytest.approx(min(max(own, 0.0), 0.9))
    assert lag_one(np.arange(50.0)) == pytest.approx(0.9)
    assert lag_one(np.ones(5)) == 0.0


@pytest.mark.parametrize("ranges", [True, False])
def test_a_step_ahead_is_covered_as_often_as_promised(ranges: bool) -> None:
    """95 % bounds hold 95 % of the next values, the uncertainty of line and spread counted in."""
    chance, inside, runs = np.random.default_rng(7), 0, 600
    for _ in range(runs):
        x = chance.normal(10, 2, 13 if ranges else 27)
        low, high = reference(range(len(x) - 1), x[:-1].tolist(), ranges=ranges).bounds(len(x) - 1, None, 0.05) or (
            0,
            0,
        )
        inside += low <= x[-1] <= high
    assert inside / runs == pytest.approx(0.95, abs=0.03)


def test_the_spread_of_counts_is_never_below_their_sampling_error() -> None:
    x = [20.0, 20.1] * 10
    usual = reference(range(20), x, [1.0] * 20, floor=1.0)
    assert usual.spread == 1.0
    assert reference(range(20), x, [1.0] * 20).spread < 0.2


def test_shares_of_unlike_size_are_charted_in_multiples_of_their_sampling_error() -> None:
    """Laney's p' chart, written out: z of each share, its spread by moving ranges / 1.128, limits of spread × own error."""
    sizes = [100, 4_900] * 10
    shares = [0.30, 0.21, 0.14, 0.19, 0.26, 0.20, 0.12, 0.215, 0.22, 0.185] * 2
    errors = [0.4 / math.sqrt(n) for n in sizes]
    found = reference(range(20), shares, errors, ranges=True)
    flat = [share - found.slope * at - (found.centres[0] or 0.0) for at, share in enumerate(shares)]
    z = [rest / error for rest, error in zip(flat, errors, strict=True)]
    centred = [each - sum(z) / 20 for each in z]
    alike = max(sum(a * b for a, b in pairwise(centred)) / sum(a * a for a in centred), 0.0)
    ranges = sum(abs(b - a) for a, b in pairwise(z)) / 19 / (2 / math.sqrt(math.pi))
    assert found.spread == pytest.approx(ranges / math.sqrt(1 - alike), rel=1e-9)
    small, large = (found.error(20, 0.4 / math.sqrt(n)) for n in (100, 4_900))
    assert small / large == pytest.approx(7)


def test_an_unmoved_series_still_has_a_spread() -> None:
    assert reference(range(12), [4.0] * 12).spread == pytest.approx(0.04)
    assert reference(range(12), [0.0] * 12).spread == pytest.approx(0.01)
