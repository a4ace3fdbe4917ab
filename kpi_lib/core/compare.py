"""Differences between two groups with their uncertainty: never a bare "more" or "less".

Shares: Newcombe's hybrid score interval (1998, method 10), built from the two Wilson intervals. Means: Welch's
unpooled interval. A difference is clear when its interval leaves out zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from kpi_lib.core.measure import Z


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first, with its 95 % interval; no interval where a group is too small to have one."""

    value: float
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether chance alone would hardly give it."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def wilson_interval(hits: int, n: int, z: float = Z) -> tuple[float, float]:
    """Wilson's interval of one share (95 % unless another z is given); n must be above 0.

    >>> [round(x, 5) for x in wilson_interval(8, 10)]
    [0.49016, 0.94332]
    """
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == n else centre + half)


Shares = tuple[tuple[int, int], tuple[int, int]]


def share_difference(first: tuple[int, int], second: tuple[int, int], *, pairs: int = 1) -> Difference | None:
    """Share of the second group minus share of the first, each given as (hits, n); None where a group is empty.

    Who picks the two out of many groups compares as many `pairs`: the interval is widened for them (Bonferroni).

    Newcombe's example, 56 of 70 against 48 of 80:

    >>> gap = share_difference((48, 80), (56, 70))
    >>> round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    return _newcombe((first, second), _z(pairs)) if first[1] and second[1] else None


def holm(groups: Sequence[Shares]) -> list[tuple[Difference | None, float | None]]:
    """Differences of several pairs of shares together, each with its p, so that all hold at once with 95 %.

    Holm's step-down rule (1979): the pairs are judged from the clearest on, the first as one of all, the next as one of
    the rest, until one is not clear. Each pair gets the interval at its own level, so an interval holds zero exactly
    when its pair is not clear. p is the adjusted one: the smallest times all pairs, the next times the rest, none smaller than
    the one before it.

    >>> [(round(gap.low, 3), gap.clear, round(p, 3)) for gap, p in holm([((48, 80), (56, 70)), ((10, 50), (11, 50))])]
    [(0.031, True, 0.016), (-0.14, False, 0.806)]
    """
    known = {at: _touching(pair) for at, pair in enumerate(groups) if pair[0][1] and pair[1][1]}
    found: list[tuple[Difference | None, float | None]] = [(None, None)] * len(groups)
    left, worst, open_ = len(known), 0.0, True
    for place, at in enumerate(sorted(known, key=lambda each: (-known[each], each))):
        gap = _newcombe(groups[at], _z(left))
        worst = max(worst, min(1.0, (len(known) - place) * 2 * (1 - NormalDist().cdf(known[at]))))
        found[at] = (gap, worst)
        open_ = open_ and gap.clear
        left -= open_
    return found


def _z(pairs: int) -> float:
    return Z if pairs <= 1 else NormalDist().inv_cdf(1 - 0.025 / pairs)


def _newcombe(groups: Shares, z: float) -> Difference:
    (x1, n1), (x2, n2) = groups
    p1, p2 = x1 / n1, x2 / n2
    (low1, high1), (low2, high2) = wilson_interval(x1, n1, z), wilson_interval(x2, n2, z)
    below = math.hypot(p2 - low2, high1 - p1)
    above = math.hypot(high2 - p2, p1 - low1)
    return Difference(p2 - p1, p2 - p1 - below, p2 - p1 + above)


def _touching(groups: Shares) -> float:
    """The z at which the interval just touches zero; beyond 8 nothing gets any clearer."""
    low, high = 0.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _newcombe(groups, middle).clear else (low, middle)
    return low


def mean_difference(first: tuple[float, float | None, int], second: tuple[float, float | None, int]) -> Difference:
    """Mean of the second group minus mean of the first, each given as (mean, variance, n); large groups assumed.

    >>> mean_difference((1.0, 4.0, 100), (2.0, 4.0, 100)).clear
    True
    """
    (mean1, variance1, n1), (mean2, variance2, n2) = first, second
    value = mean2 - mean1
    if variance1 is None or variance2 is None:
        return Difference(value, None, None)
    half = Z * math.sqrt(variance1 / n1 + variance2 / n2)
    return Difference(value, value - half, value + half)
