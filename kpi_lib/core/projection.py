"""Where a series of figures leads: a level with a trend, projected with its uncertainty.

The level moves on by the trend each period and keeps a part `alpha` of each surprise (simple exponential smoothing with
drift; Hyndman, Koehler, Ord and Snyder 2008). With alpha = 0 this is the straight line of ordinary least squares, with
alpha = 1 the random walk with drift; given alpha its predictions follow Student's t exactly. Nobody knows alpha: it is
averaged over, each weighted by how well it explains the series (flat priors), so few or restless figures project widely.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

ALPHAS = tuple(step / 10 for step in range(11))
FEWEST = 6


@dataclass(frozen=True, slots=True)
class Part:
    """What one alpha predicts: a centre with its error and degrees of freedom, and the weight it has among the others."""

    weight: float
    centre: float
    error: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Projection:
    """What a series is expected to be so many periods ahead, with the 95 % interval of the figure itself."""

    value: float
    low: float
    high: float
    parts: tuple[Part, ...]

    def above(self, wanted: float) -> float:
        """The probability of a figure of at least this size."""
        return _above(self.parts, wanted)


def project(series: Sequence[float], ahead: int, *, alphas: Sequence[float] = ALPHAS) -> Projection | None:
    """Project a series of consecutive periods; None where it has fewer than six, too few to tell its trend from chance.

    >>> found = project([10, 12, 11, 13, 14, 14, 15], 2, alphas=(0.0,))
    >>> [round(each, 2) for each in (found.value, found.low, found.high)]
    [16.64, 14.24, 19.04]
    """
    if len(series) < FEWEST:
        return None
    centre = sum(series) / len(series)
    size = max(abs(value - centre) for value in series)
    if size <= 1e-12 * abs(centre) or size == 0:  # it never moved: nothing but the same can be expected of it
        still = Part(1.0, series[-1], 0.0, len(series) - 2)
        return Projection(series[-1], series[-1], series[-1], (still,))
    scaled = [(value - centre) / size for value in series]
    fits = [_fit(scaled, ahead, alpha) for alpha in alphas]
    top = max(weight for weight, _ in fits)
    total = sum(exp(weight - top) for weight, _ in fits)
    parts = tuple(
        Part(exp(weight - top) / total, centre + size * part.centre, size * part.error, part.freedom)
        for weight, part in fits
    )
    value = sum(part.weight * part.centre for part in parts)
    return Projection(value, _quantile(parts, 0.025), _quantile(parts, 0.975), parts)


def _fit(series: Sequence[float], ahead: int, alpha: float) -> tuple[float, Part]:
    """Log weight and prediction of one alpha: least squares of the surprises on the level and the trend."""
    n = len(series)
    y, next_y = _surprises(series, alpha)
    level, next_level = _surprises([1.0] * n, alpha)
    slope, next_slope = _surprises([t + 1.0 for t in range(n)], alpha)
    aa, ab, bb = _dot(level, level), _dot(level, slope), _dot(slope, slope)
    det = aa * bb - ab * ab
    ya, yb = _dot(y, level), _dot(y, slope)
    start, trend = (bb * ya - ab * yb) / det, (aa * yb - ab * ya) / det
    rest = sum((u - start * a - trend * b) ** 2 for u, a, b in zip(y, level, slope, strict=True))
    rest = max(rest, 1e-24)  # a series that fits to the last bit has no surprises left, and no logarithm
    da, db = 1.0 - next_level, n + ahead - next_slope
    unsure = (bb * da * da - 2 * ab * da * db + aa * db * db) / det
    variance = rest / (n - 2) * (1 + (ahead - 1) * alpha * alpha + unsure)
    weight = -0.5 * log(det) - (n - 2) / 2 * log(rest)
    return weight, Part(0.0, next_y + start * da + trend * db, sqrt(variance), n - 2)


def _surprises(series: Sequence[float], alpha: float) -> tuple[list[float], float]:
    """How far each figure is from what those before lead to expect, and what is expected next."""
    expected, found = 0.0, []
    for value in series:
        found.append(value - expected)
        expected += alpha * (value - expected)
    return found, expected


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _above(parts: Sequence[Part], wanted: float) -> float:
    """The probability of a figure of at least this size."""
    from scipy.special import stdtr

    if not any(part.error for part in parts):
        return float(parts[0].centre >= wanted)
    found = stdtr([part.freedom for part in parts], [(part.centre - wanted) / part.error for part in parts])
    return sum(part.weight * float(share) for part, share in zip(parts, found, strict=True))


def _quantile(parts: Sequence[Part], share: float) -> float:
    """The figure below which this share of the mixture lies, found by halving."""
    from scipy.special import stdtrit

    known = [part for part in parts if part.weight > 1e-12]
    ends = [part.centre + part.error * float(stdtrit(part.freedom, share)) for part in known]
    low, high = min(ends), max(ends)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - _above(known, middle) < share else (low, middle)
    return (low + high) / 2
