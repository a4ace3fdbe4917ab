"""Differences: Newcombe's published examples, plain formulas, and what must hold for all numbers."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.compare import Difference, holm, mean_difference, share_difference, wilson_interval
from kpi_lib.core.measure import Z

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

WILSON = [(0, 10, 0.0, 0.27753), (1, 2, 0.09453, 0.90547), (8, 10, 0.49016, 0.94332), (10, 10, 0.72247, 1.0)]
# Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10: first minus second there
PUBLISHED = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0),
    ((10, 10), (0, 10), 0.6075, 1.0),
]


@pytest.mark.parametrize(("more", "less", "low", "high"), PUBLISHED)
def test_newcombes_examples(more: tuple[int, int], less: tuple[int, int], low: float, high: float) -> None:
    gap = share_difference(less, more)
    assert gap is not None
    assert (gap.low, gap.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(counts, counts)
def test_the_interval_holds_the_value_and_turns_with_the_groups(a: tuple[int, int], b: tuple[int, int]) -> None:
    there, back = share_difference(a, b), share_difference(b, a)
    assert there is not None
    assert back is not None
    assert there.low is not None
    assert there.high is not None
    assert -1 - 1e-12 <= there.low <= there.value <= there.high <= 1 + 1e-12
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))  # type: ignore[operator]


@given(counts)
def test_a_group_does_not_differ_from_itself(a: tuple[int, int]) -> None:
    gap = share_difference(a, a)
    assert gap is not None
    assert not gap.clear


def test_an_empty_group_has_no_difference() -> None:
    assert share_difference((0, 0), (1, 2)) is None
    assert share_difference((1, 2), (0, 0)) is None


@pytest.mark.parametrize(("hits", "n", "low", "high"), WILSON)
def test_wilsons_interval_is_the_one_of_the_measures(hits: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(hits, n) == (pytest.approx(low, abs=5e-6), pytest.approx(high, abs=5e-6))


def test_means_by_welch() -> None:
    gap = mean_difference((10.0, 4.0, 50), (11.0, 9.0, 30))
    half = Z * math.sqrt(4 / 50 + 9 / 30)
    assert (gap.value, gap.low, gap.high) == pytest.approx((1.0, 1 - half, 1 + half))


def test_the_widest_of_many_pairs_needs_more_than_one_pair_would() -> None:
    one, many = share_difference((40, 100), (55, 100)), share_difference((40, 100), (55, 100), pairs=45)
    assert one is not None
    assert many is not None
    assert one.clear
    assert not many.clear
    assert one.value == many.value


def test_a_group_of_one_has_no_interval() -> None:
    gap = mean_difference((10.0, None, 1), (11.0, 9.0, 30))
    assert gap == Difference(1.0, None, None)
    assert not gap.clear


def test_an_interval_that_ends_at_zero_is_not_clear() -> None:
    assert [Difference(1.0, low, high).clear for low, high in ((0.0, 2.0), (-2.0, 0.0), (-1.0, 1.0))] == [False] * 3
    assert [Difference(1.0, low, high).clear for low, high in ((0.1, 2.0), (-2.0, -0.1))] == [True] * 2
    assert not Difference(1.0, 0.5, None).clear
    assert not Difference(1.0, None, -0.5).clear


def drawn(seed: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    dice = Random(seed)
    sizes = [dice.randrange(1, 60) for _ in range(2 * dice.randrange(1, 7))]
    groups = [(dice.randrange(size + 1), size) for size in sizes]
    return list(zip(groups[::2], groups[1::2], strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_many_pairs_are_judged_step_by_step(seed: int) -> None:
    """Holm (1979): the smallest p is held against alpha / m, the next against alpha / (m - 1), until one is too large."""
    groups = drawn(seed)
    alone = [holm([pair])[0][1] for pair in groups]
    found = holm(groups)
    order, worst, rest = sorted(range(len(groups)), key=lambda at: alone[at]), 0.0, len(groups)
    clear = True
    for place, at in enumerate(order):
        worst = max(worst, min(1.0, alone[at] * (len(groups) - place)))
        gap, p = found[at]
        assert p == pytest.approx(worst, abs=1e-9)
        clear = clear and share_difference(*groups[at], pairs=rest).clear
        if len(set(alone)) == len(alone):
            assert gap == share_difference(*groups[at], pairs=rest)
            assert gap.clear == clear == (worst < 0.05)
        rest -= clear


def test_a_pair_without_people_has_no_part_in_the_judgement() -> None:
    clear, same = ((48, 80), (70, 80)), ((5, 10), (5, 10))
    found = holm([((0, 0), (1, 2)), clear, ((1, 2), (0, 0)), same, ((0, 9), (0, 9))])
    assert found[0] == found[2] == (None, None)
    assert [found[1], found[3], found[4]] == holm([clear, same, ((0, 9), (0, 9))])
    assert found[3][1] == found[4][1] == 1.0
