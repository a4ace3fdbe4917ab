"""Models of how long customers stay and how often they buy, fitted by maximum likelihood.

- sBG: customers who leave at renewals, each with their own chance (Fader and Hardie 2007).
- BG/NBD: customers who buy at their own pace and leave unseen (Fader, Hardie and Lee 2005).
- Gamma-Gamma: how much an order is worth to each customer (Fader and Hardie 2013).

Parameters are positive and fitted on a log scale. Replicates leave out one group of customers at a time: one Newton step from
the fit of all, which is where the intervals come from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LogLikelihood = Callable[[Floats], Floats]  # of parameters: the log likelihood of each row
EDGE = 12.0  # logs of parameters beyond this say that the data do not pin them down


@dataclass(frozen=True, slots=True)
class Fit:
    """Parameters by maximum likelihood, their log likelihood, and what they are without each group of customers."""

    values: tuple[float, ...]
    loglik: float
    replicates: tuple[tuple[float, ...], ...]
    settled: bool


def fit(rows: LogLikelihood, start: tuple[float, ...], groups: NDArray[np.int64], count: int = 0) -> Fit:
    """Maximise the sum of the rows' log likelihoods; `groups` number the rows' groups 0 … count − 1."""
    from scipy.optimize import minimize

    size = max(len(groups), 1)

    def total(theta: Floats) -> float:
        found = float(rows(np.exp(theta)).sum())
        return -found / size if np.isfinite(found) else 1e10

    def slope(theta: Floats) -> Floats:
        return np.array([(total(theta + h) - total(theta - h)) / 2e-5 for h in _steps(theta, 1e-5)])

    bounds = [(-EDGE, EDGE)] * len(start)
    found = minimize(
        total, np.log(start), jac=slope, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9}
    )
    theta = np.asarray(found.x, dtype=np.float64)
    settled = bool(np.isfinite(found.fun) and found.fun < 1e9 and (np.abs(theta) < EDGE - 1e-6).all())
    values = tuple(float(v) for v in np.exp(theta))
    copies = _replicates(rows, theta, groups, count) if settled and count else ()
    return Fit(values, -float(found.fun) * size, copies, settled)


def _steps(theta: Floats, size: float) -> list[Floats]:
    return [np.eye(len(theta))[i] * size for i in range(len(theta))]


def _replicates(
    rows: LogLikelihood, theta: Floats, groups: NDArray[np.int64], count: int
) -> tuple[tuple[float, ...], ...]:
    """Without a group the slope at the optimum is minus that group's; one Newton step goes to where it is 0 again."""
    small, wide = _steps(theta, 1e-5), _steps(theta, 1e-3)
    slopes = [(rows(np.exp(theta + h)) - rows(np.exp(theta - h))) / 2e-5 for h in small]
    score = np.array([np.bincount(groups, weights=each, minlength=count) for each in slopes])

    def whole(shift: Floats) -> float:
        return float(rows(np.exp(theta + shift)).sum())

    curve = np.array(
        [[(whole(a + b) - whole(a - b) - whole(b - a) + whole(-a - b)) / 4e-6 for b in wide] for a in wide]
    )
    try:
        moved = np.linalg.solve(curve, score)
    except np.linalg.LinAlgError:
        return ()
    return tuple(tuple(float(v) for v in np.exp(theta + moved[:, g])) for g in range(count))


def sbg_rows(age: Floats, lost: Floats, stayed: Floats) -> LogLikelihood:
    """Log likelihood of `lost` customers at the age-th renewal and of `stayed` who were last seen after it."""
    from scipy.special import betaln

    def rows(parameters: Floats) -> Floats:
        alpha, beta = parameters
        base = betaln(alpha, beta)
        leaving = betaln(alpha + 1, beta + np.maximum(age, 1) - 1) - base
        found: Floats = lost * leaving + stayed * (betaln(alpha, beta + age) - base)
        return found

    return rows


def sbg_survival(values: tuple[float, ...], ages: Floats) -> Floats:
    """Share of customers who are still there after so many renewals."""
    from scipy.special import betaln

    alpha, beta = values
    found: Floats = np.exp(betaln(alpha, beta + ages) - betaln(alpha, beta))
    return found


def bgnbd_rows(repeats: Floats, last: Floats, watched: Floats) -> LogLikelihood:
    """Log likelihood of each customer: repeat orders, time of the last one and time watched, since the first order."""
    from scipy.special import gammaln

    kinds, which = np.unique(repeats, return_inverse=True)
    some = repeats > 0

    def rows(parameters: Floats) -> Floats:
        r, alpha, a, b = parameters
        by_kind = gammaln(r + kinds) - gammaln(r) + r * np.log(alpha)
        by_kind += gammaln(a + b) + gammaln(b + kinds) - gammaln(b) - gammaln(a + b + kinds)
        gone = np.log(a) - np.log(b + np.maximum(kinds, 1) - 1)
        alive = -(r + repeats) * np.log(alpha + watched)
        left = gone[which] - (r + repeats) * np.log(alpha + last)
        found: Floats = by_kind[which] + np.where(some, np.logaddexp(alive, left), alive)
        return found

    return rows


def bgnbd_expected(values: tuple[float, ...], times: Floats) -> Floats:
    """Repeat orders that a new customer places up to these times."""
    from scipy.special import hyp2f1

    r, alpha, a, b = values
    share = hyp2f1(r, b, a + b - 1, times / (alpha + times))
    found: Floats = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + times)) ** r * share)
    return found


def gamma_rows(repeats: Floats, mean: Floats) -> LogLikelihood:
    """Log likelihood of each customer's mean repeat order, for customers who have one."""
    from scipy.special import gammaln

    def rows(parameters: Floats) -> Floats:
        p, q, scale = parameters
        shape = p * repeats
        found: Floats = (
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(scale) + (shape - 1) * np.log(mean)
            + shape * np.log(repeats) - (shape + q) * np.log(scale + mean * repeats)
        )  # fmt: skip
        return found

    return rows


def gamma_mean(values: tuple[float, ...]) -> float:
    """Mean value of an order over all customers; infinite tails (q not above 1) have none."""
    p, q, scale = values
    return p * scale / (q - 1) if q > 1 else float("nan")
