"""Projections against ordinary least squares, the drift method, dense generalised least squares, and simulation."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kpi_lib.core.projection import ALPHAS, FEWEST, Projection, project

SERIES = [52.0, 49.5, 55.0, 57.5, 54.0, 60.5, 58.0, 63.5, 61.0, 66.0, 64.5, 70.0]


def only(alpha: float, ahead: int, series: list[float] = SERIES) -> Projection:
    found = project(series, ahead, alphas=(alpha,))
    assert found is not None
    return found


def t_interval(centre: float, error: float, freedom: int) -> tuple[float, float]:
    half = stats.t.ppf(0.975, freedom) * error
    return centre - half, centre + half


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_without_drift_it_is_the_line_of_least_squares(ahead: int) -> None:
    n, x = len(SERIES), np.arange(len(SERIES))
    line = stats.linregress(x, SERIES)
    rest = np.asarray(SERIES) - line.intercept - line.slope * x
    variance = (rest**2).sum() / (n - 2)
    at = n - 1 + ahead
    error = (variance * (1 + 1 / n + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())) ** 0.5
    centre = line.intercept + line.slope * at
    found = only(0.0, ahead)
    assert found.value == pytest.approx(centre, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(t_interval(centre, error, n - 2), rel=1e-9)
    assert found.above(70.0) == pytest.approx(stats.t.sf((70.0 - centre) / error, n - 2), rel=1e-9)


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_with_full_drift_it_is_the_published_drift_method(ahead: int) -> None:
    """Hyndman and Athanasopoulos, Forecasting: Principles and Practice, table of benchmark methods."""
    moves = np.diff(SERIES)
    centre = SERIES[-1] + ahead * (SERIES[-1] - SERIES[0]) / len(moves)
    error = moves.std(ddof=1) * (ahead * (1 + ahead / len(moves))) ** 0.5
    found = only(1.0, ahead)
    assert found.value == pytest.approx(centre, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(t_interval(centre, error, len(moves) - 1), rel=1e-9)


def dense(series: list[float], ahead: int, alpha: float) -> tuple[float, float, float, int]:
    """Log weight, centre and error by generalised least squares with the covariance of the whole path written out."""
    n, m = len(series), len(series) + ahead
    path = np.eye(m) + alpha * np.tril(np.ones((m, m)), -1)
    cov = path @ path.T
    x = np.column_stack([np.ones(m), np.arange(1, m + 1)])
    inverse = np.linalg.inv(cov[:n, :n])
    gram = x[:n].T @ inverse @ x[:n]
    beta = np.linalg.solve(gram, x[:n].T @ inverse @ series)
    rest = np.asarray(series) - x[:n] @ beta
    square = rest @ inverse @ rest
    tie = cov[-1, :n] @ inverse
    unsure = x[-1] - tie @ x[:n]
    spread = cov[-1, -1] - tie @ cov[:n, -1] + unsure @ np.linalg.solve(gram, unsure)
    centre = x[-1] @ beta + tie @ rest
    weight = -0.5 * np.log(np.linalg.det(gram)) - (n - 2) / 2 * np.log(square)
    return weight, centre, (square / (n - 2) * spread) ** 0.5, n - 2


@pytest.mark.parametrize("ahead", [1, 4, 9])
def test_the_mixture_equals_one_written_out_in_matrices(ahead: int) -> None:
    fits = [dense(SERIES, ahead, alpha) for alpha in ALPHAS]
    weights = np.exp([fit[0] - max(f[0] for f in fits) for fit in fits])
    weights = weights / weights.sum()
    found = project(SERIES, ahead)
    assert found is not None
    assert [part.weight for part in found.parts] == pytest.approx(list(weights), rel=1e-9)
    assert [part.centre for part in found.parts] == pytest.approx([fit[1] for fit in fits], rel=1e-9)
    assert [part.error for part in found.parts] == pytest.approx([fit[2] for fit in fits], rel=1e-9)
    assert found.value == pytest.approx(sum(w * fit[1] for w, fit in zip(weights, fits, strict=True)), rel=1e-9)

    def above(wanted: float) -> float:
        return sum(w * stats.t.sf((wanted - f[1]) / f[2], f[3]) for w, f in zip(weights, fits, strict=True))

    assert found.above(66.0) == pytest.approx(above(66.0), rel=1e-9)
    assert (above(found.low), above(found.high)) == pytest.approx((0.975, 0.025), rel=1e-9)


def walk(draw: Random, length: int, kind: str) -> list[float]:
    """A series: noise about a line, a random walk with drift, or shocks that last."""
    level, last, found = 100.0, 0.0, []
    for at in range(length):
        noise = draw.gauss(0, 1)
        level += (0.3 + noise) if kind == "walk" else 0.0
        last = 0.6 * last + noise
        found.append({"line": 100 + 0.2 * at + noise, "walk": level, "lasting": 100 + last}[kind])
    return found


@pytest.mark.parametrize("kind", ["line", "walk", "lasting"])
@pytest.mark.parametrize("ahead", [1, 6])
def test_intervals_hold_what_comes_about_as_often_as_they_say(kind: str, ahead: int) -> None:
    draw, rounds, n = Random(f"{kind}{ahead}"), 150, 20
    held = 0
    for _ in range(rounds):
        series = walk(draw, n + ahead, kind)
        found = project(series[:n], ahead)
        assert found is not None
        held += found.low <= series[-1] <= found.high
    assert 0.86 <= held / rounds < 1  # a random walk six periods on: 90 %, more or less


values = st.lists(st.integers(-1000, 1000).map(float), min_size=FEWEST, max_size=30)


@given(values, st.integers(1, 12), st.integers(1, 50), st.integers(-500, 500))
def test_another_unit_or_zero_changes_nothing_but_the_figures(
    series: list[float], ahead: int, by: int, plus: int
) -> None:
    one, other = project(series, ahead), project([by * value + plus for value in series], ahead)
    assert one is not None
    assert other is not None
    scale = max(map(abs, series)) * by + abs(plus) + 1
    for name in ("value", "low", "high"):
        assert getattr(other, name) == pytest.approx(by * getattr(one, name) + plus, abs=1e-6 * scale * ahead)
    assert one.low <= one.high
    chances = [one.above(wanted) for wanted in (-5000.0, -10.0, 0.0, 10.0, 5000.0)]
    assert chances == sorted(chances, reverse=True)
    assert all(-1e-12 <= chance <= 1 + 1e-12 for chance in chances)


def test_the_further_ahead_the_less_is_known() -> None:
    wide = [found.high - found.low for ahead in (1, 2, 5, 12) if (found := project(SERIES, ahead)) is not None]
    assert wide == sorted(wide)
    assert len(set(wide)) == 4


@pytest.mark.parametrize("series", [[], [1.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_too_few_figures_lead_nowhere(series: list[float]) -> None:
    assert project(series, 1) is None


@pytest.mark.parametrize("level", [0.0, 7.0, 1e9])
def test_what_never_moved_is_expected_to_stay(level: float) -> None:
    found: Any = project([level] * FEWEST, 3)
    assert (found.value, found.low, found.high) == (level, level, level)
    assert (found.above(level), found.above(level + 1)) == (1.0, 0.0)


def test_a_perfect_line_goes_on() -> None:
    found = project([float(2 * at) for at in range(8)], 4)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((22, 22, 22), abs=1e-6)
