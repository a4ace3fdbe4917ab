"""How far a figure moved from one period to another, with the uncertainty that the same users in both leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.compute import replicated
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, GAP
from kpi_lib.core.motions import FOLDS, NOISE, T_FOLDS, WHOLE
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, RATIO, SCORE, SHARE, UP
from kpi_lib.kpis.registry import Kpi, base_of

POINTS = (RATIO, SCORE)
Replicates = Mapping[date, Mapping[int, float | None]]


@dataclass(frozen=True, slots=True)
class Change:
    """Now against an earlier period: `amount` is a fraction (percent) or a difference (points), with its 95 % interval.

    `previous` is the figure of the earlier period, `since` its first day.
    """

    amount: float | None
    low: float | None
    high: float | None
    points: bool
    previous: float | None
    since: date | None = None

    @property
    def clear(self) -> bool:
        """Whether the change is more than chance gives; unknown counts as no."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def better(kpi: Kpi, change: Change) -> bool | None:
    """Whether a change goes the declared way; None where there is no better way or no clear change."""
    if not change.clear or change.amount is None or kpi.direction not in (UP, DOWN):
        return None
    return (change.amount > 0) != (kpi.direction == DOWN)


def in_points(kpi: Kpi) -> bool:
    """Whether its changes are differences (shares, scores, ratios) rather than percent."""
    return (kpi.unit.percent or kpi.unit in POINTS) and not kpi.unit.money


def compares(kpi: Kpi) -> bool:
    """Whether its periods can be set against each other; a growth rate is a change in itself."""
    return kpi.measure is not GAP and not any(base_of(part)[0] for part in kpi.components)


def changes(kpi: Kpi, data: Dataset, grid: Grid, bases: Sequence[Grid]) -> list[Change]:
    """The last period of a grid against each of these periods.

    Both sides must be over and wholly observed. The jackknife leaves out the same twentieths of users in both periods,
    so that who comes in both is counted as such.
    """
    return changes_over(kpi, data, grid, bases)[0]


def changes_over(
    kpi: Kpi, data: Dataset, grid: Grid, bases: Sequence[Grid], *, part: Mapping[str, Any] | None = None
) -> tuple[list[Change], dict[date, Change]]:
    """The same, of a KPI with several values one component's; and by its first day the change of each earlier period.

    Those are on the period before it in the grid, and cost nothing more.
    """
    now, points = grid.shown[-1], in_points(kpi)
    bases = [replace(base, shown=base.firsts) for base in bases]  # a moved grid still shows where it came from
    if not compares(kpi):
        return [Change(None, None, None, points, None, base.shown[0]) for base in bases], {}
    copies = _copies(kpi, data, grid, part)
    found = []
    for base in bases:
        day = base.shown[0]
        there = copies if day in grid.shown else _copies(kpi, data, base, part)
        found.append(_change(kpi, copies.get(now), there.get(day), day))
    pairs = zip(grid.shown[:-2], grid.shown[1:-1], strict=True)
    return found, {day: _change(kpi, copies.get(day), copies.get(before), before) for before, day in pairs}


def _copies(kpi: Kpi, data: Dataset, grid: Grid, part: Mapping[str, Any] | None) -> Replicates:
    rows = replicated(kpi, data, grid).filter(*(pl.col(name).eq_missing(value) for name, value in (part or {}).items()))
    found: dict[date, dict[int, float | None]] = {}
    for start, left_out, value in rows.select("start", "left_out", "value").iter_rows():
        found.setdefault(start, {})[left_out] = value
    return found


def _change(
    kpi: Kpi, now: Mapping[int, float | None] | None, before: Mapping[int, float | None] | None, since: date
) -> Change:
    points = in_points(kpi)
    if not now or not before or before.get(WHOLE) is None:
        return Change(None, None, None, points, None, since)
    moved = {fold: _moved(now.get(fold), before.get(fold), points=points) for fold in (WHOLE, *range(FOLDS))}
    amount, previous = moved[WHOLE], before[WHOLE]
    known = [part for fold in range(FOLDS) if (part := moved[fold]) is not None]
    if kpi.measure is COUNT and amount == -1.0:
        # one person may count many times, so people are told by the twentieths that they are in: never too many
        people = sum(before.get(fold) != previous for fold in range(FOLDS))
        return Change(amount, -1.0, fallen_to_none(people), points, previous, since)
    if amount is None or len(known) < FOLDS:
        return Change(amount, None, None, points, previous, since)
    mean = sum(known) / FOLDS
    half = T_FOLDS * ((FOLDS - 1) / FOLDS * sum((part - mean) ** 2 for part in known)) ** 0.5
    # equal replicates differ in the last bit of their mean: figures without users are known, not surely moved
    low, high = _possible(kpi, amount - half, amount + half) if half > abs(amount) * NOISE else (None, None)
    return Change(amount, low, high, points, previous, since)


def _possible(kpi: Kpi, low: float, high: float) -> tuple[float, float]:
    """The interval cut where no change can go: nothing that is never below 0 falls by more than all, no share by more than 1."""
    if kpi.signed or (in_points(kpi) and kpi.unit is not SHARE):
        return low, high
    return max(low, -1.0), min(high, 1.0) if in_points(kpi) else high


def fallen_to_none(before: int) -> float:
    """Upper end of the 95 % interval of a count's change when `before` people counted and now none does.

    Given how many there were in both periods together, each was in the second with one probability; where none was, the
    exact bound of that probability is 1 - 0.025 ** (1 / before) (Clopper and Pearson 1934). From six on it is a fall.

    >>> [round(fallen_to_none(count), 2) for count in (3, 5, 6, 20)]
    [1.42, 0.09, -0.15, -0.8]
    """
    later = 1 - float(0.025 ** (1 / before))
    return later / (1 - later) - 1


def _moved(now: float | None, before: float | None, *, points: bool) -> float | None:
    if now is None or before is None:
        return None
    if points:
        return now - before
    return now / before - 1 if before > 0 else None
