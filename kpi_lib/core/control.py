"""Control charts and trend tests for short series: what was to be expected next, how sure that is, what is drift.

Robust throughout, so that an odd period does not hide the next one: a line through medians (Theil 1950, Sen 1968; by
weekday as in Hirsch, Slack and Smith 1982), spread from the median absolute deviation or, for few periods, from moving
ranges (XmR chart, Shewhart 1931). Values that are counts or shares come with their own sampling error, and the spread
is then in multiples of it (Laney 2002). Drift is tested by Mann (1945) and Kendall, many tests at once by Benjamini and
Hochberg (1995).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
GAUSS = 1 / NormalDist().inv_cdf(0.75)  # a normal spread in median absolute deviations
D2 = 2 / math.sqrt(math.pi)  # mean absolute difference of two standard normal values
ALIKE = 0.9  # neighbours are never taken to be more alike than this
# variances of a spread in parts of it, beside 1 / (2 n) for the plain one: what it costs in degrees of freedom
MAD_COST, RANGE_COST = 2.72, 1.65
SURE = 60.0  # degrees of freedom of a spread that is the known sampling error
TINY = 1e-12
MEDIAN_COST = math.pi / 2  # variance of a median in variances of a mean


def middle(values: Floats) -> float:
    """The median; NumPy's own takes ten times as long on so few values."""
    ranked, half = np.sort(values), len(values) // 2
    return float(ranked[half] + ranked[~half]) / 2


@lru_cache(maxsize=256)
def _pairs(count: int) -> tuple[Places, Places]:
    return np.triu_indices(count, 1)


def mad_spread(values: Floats) -> float:
    """Standard deviation told from the median absolute deviation: a third of odd values does not move it.

    >>> round(mad_spread(np.array([1.0, 2.0, 3.0, 4.0, 900.0])), 4)
    1.4826
    """
    return middle(np.abs(values - middle(values))) * GAUSS


def range_spread(values: Floats) -> float:
    """Standard deviation told from moving ranges, as in an XmR chart.

    >>> round(range_spread(np.array([1.0, 3.0, 1.0, 3.0])), 4)
    1.7725
    """
    return float(np.abs(values[1:] - values[:-1]).sum()) / (len(values) - 1) / D2


def two_sided(statistic: float, freedom: float) -> float:
    """Chance of a Student's t at least so far from 0."""
    from scipy.special import stdtr  # slow to import, and few reports ask for it

    return float(2 * stdtr(freedom, -abs(statistic)))


def lag_one(values: Floats) -> float:
    """How alike neighbours are (autocorrelation at lag one), between 0 and 0.9; unlike ones count as 0."""
    centred = values - values.sum() / len(values)
    whole = float(centred @ centred)
    return min(max(float(centred[1:] @ centred[:-1]) / whole, 0.0), ALIKE) if whole > 0 else 0.0


def slope_of(at: Floats, values: Floats, season: int = 1) -> float:
    """Theil and Sen's slope: the median over all pairs; with a season only over pairs of the same weekday."""
    first, second = _pairs(len(at))
    apart, moved = at[second] - at[first], values[second] - values[first]
    if season > 1:
        alike = apart % season == 0
        apart, moved = apart[alike], moved[alike]
    return middle(moved / apart) if len(apart) else 0.0


@dataclass(frozen=True, slots=True)
class Reference:
    """What a series did so far: a line with a centre for each phase of the season, and the spread around it.

    `spread` is in units of the values, or in multiples of their sampling error where they come with one.
    """

    slope: float
    centres: tuple[float | None, ...]
    spread: float
    freedom: float
    alike: float
    middle: float
    width: float
    fewest: int

    def expected(self, at: float) -> float | None:
        """The value to expect at a place; None where its weekday was never seen."""
        centre = self.centres[int(at) % len(self.centres)]
        return None if centre is None else centre + self.slope * at

    def error(self, at: float, sampling: float | None, periods: int = 1) -> float:
        """Standard deviation of the mean of `periods` values around `at`, the uncertainty of the line included."""
        own = (1 + self.alike) / (1 - self.alike) / periods if periods > 1 else 1.0
        line = MEDIAN_COST / self.fewest + (at - self.middle) ** 2 / self.width
        return self.spread * (1.0 if sampling is None else sampling) * math.sqrt(own + line)

    def bounds(self, at: float, sampling: float | None, chance: float) -> tuple[float, float] | None:
        """Between which values the next one lies but for this chance."""
        middle = self.expected(at)
        if middle is None:
            return None
        half = self.half(at, sampling, chance)
        return middle - half, middle + half

    def half(self, at: float, sampling: float | None, chance: float, periods: int = 1) -> float:
        """How far the mean of `periods` values around `at` goes from the expected but for this chance."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 1 - chance / 2)) * self.error(at, sampling, periods)


def reference(
    at: Sequence[int],
    values: Sequence[float],
    sampling: Sequence[float] | None = None,
    *,
    season: int = 1,
    ranges: bool = False,
    floor: float = 0.0,
    since: int | None = None,
) -> Reference:
    """Fit what is usual to values at places (days, weeks …), in order.

    `ranges` takes the spread from moving ranges, which does with few values. `floor` keeps the spread from falling below
    so many sampling errors. `since`: the level is known only from this place on (earlier values were moved to it).
    """
    places, x = np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64)
    slope = slope_of(places, x, season)
    flat, phase = x - slope * places, places.astype(np.int64) % season
    centres = tuple(middle(own) if len(own := flat[phase == p]) else None for p in range(season))
    rest = flat - np.array([centres[p] for p in phase], dtype=np.float64)
    scaled = rest if sampling is None else rest / np.asarray(sampling, dtype=np.float64)
    left = max(len(x) - 1 - len({*phase.tolist()}), 1)
    alike = lag_one(scaled)
    # neighbours that are alike have small ranges
    ranged = range_spread(scaled) / math.sqrt(1 - alike) if ranges else 0.0
    spread = ranged if ranges else mad_spread(scaled) * len(x) / left
    centre = float(places.sum()) / len(places)
    sure = floor > 0 and spread <= floor
    freedom = SURE if sure else left / (RANGE_COST if ranges else MAD_COST)
    known = int((places >= since).sum()) if since is not None else len(x)
    return Reference(
        slope, centres, max(spread if spread > TINY else _still(scaled, x), floor), freedom, alike, centre,
        float(((places - centre) ** 2).sum()), max(min(known, len(x) // season), 1),
    )  # fmt: skip


def _still(scaled: Floats, values: Floats) -> float:
    """The spread of a series that hardly ever moves: that of its few moves, or a hundredth of its level."""
    return float(np.abs(scaled).sum()) / len(scaled) or 0.01 * (abs(middle(values)) or 1.0)


def mann_kendall(values: Sequence[float], alike: float = 0.0) -> float:
    """Chance (two-sided) of so much rising or falling in a series without drift; ties are taken into account.

    `alike` is the autocorrelation at lag one, by which chance makes longer runs (Yue and Wang 2004).

    >>> round(mann_kendall([1, 2, 3, 4, 5]), 4), mann_kendall([2, 2, 2])
    (0.0143, 1.0)
    """
    x = np.asarray(values, dtype=np.float64)
    first, second = _pairs(len(x))
    score = float(np.sign(x[second] - x[first]).sum())
    n, (_, ties) = len(x), np.unique(x, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0:
        return 1.0
    return 2 * NormalDist().cdf(-abs(score) / math.sqrt(variance * (1 + alike) / (1 - alike)))


def step_at(values: Sequence[float]) -> tuple[int, float]:
    """Where one step divides a series best, and the mean distance from the two medians that it leaves.

    >>> step_at([1, 1, 2, 1, 5, 6, 5])
    (4, 0.2857142857142857)
    """
    x = np.asarray(values, dtype=np.float64)
    left = [
        (float(sum(np.abs(part - middle(part)).sum() for part in (x[:cut], x[cut:]))) / len(x), cut)
        for cut in range(1, len(x))
    ]
    rest, cut = min(left)
    return cut, rest


def adjusted(chances: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's q of each p: the share of false ones among all that are no less clear.

    >>> [round(q, 4) for q in adjusted([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = sorted(range(len(chances)), key=lambda at: (-chances[at], at))
    found, lowest = [1.0] * len(chances), 1.0
    for place, at in enumerate(order):
        lowest = min(lowest, chances[at] * len(chances) / (len(chances) - place))
        found[at] = lowest
    return found
