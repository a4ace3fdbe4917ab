"""How a few KPIs stand: the figure, its history, the change like for like with its uncertainty, and the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.compute import Values, compute, replicated
from kpi_lib.answers.demands import available
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT
from kpi_lib.core.motions import FOLDS, T_FOLDS, WHOLE
from kpi_lib.core.period import EVERY, Grid, begin, label, local_day
from kpi_lib.core.units import DOWN, RATIO, SCORE
from kpi_lib.kpis.registry import Kpi, find

POINTS = (RATIO, SCORE)
BEFORE = {
    "day": "the day before",
    "week": "the week before",
    "month": "the month before",
    "quarter": "the quarter before",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Now against the period before: `amount` is a fraction (percent) or a difference (points), with its 95 % interval."""

    amount: float | None
    low: float | None
    high: float | None
    points: bool
    previous: float | None

    @property
    def clear(self) -> bool:
        """Whether the change is more than chance gives; unknown counts as no."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Aim:
    """A target and how the figure stands to it: met, missed, behind (not due yet), or open while the interval holds it."""

    value: float
    due: date | None
    owner: str
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One KPI on the scorecard: its definition, the figure's row, history (oldest first), change and target."""

    kpi: Kpi
    row: Mapping[str, Any]
    history: Values
    change: Change
    aim: Aim | None

    @property
    def better(self) -> bool | None:
        """Whether the change goes the declared way; None where there is no better way or no clear change."""
        if not self.change.clear or self.change.amount is None or self.kpi.direction not in ("higher_better", DOWN):
            return None
        return (self.change.amount > 0) != (self.kpi.direction == DOWN)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The KPIs of a review in order, the north star first; `left_out` says which could not be computed and why."""

    standings: tuple[Standing, ...]
    north_star: str | None
    period: str
    every: str
    currency: str
    left_out: Mapping[str, str]

    @property
    def table(self) -> pl.DataFrame:
        """One row per KPI: the columns of `compute` and previous, change, change_low, change_high, target."""
        rows = []
        for each in self.standings:
            change = each.change
            extra = {
                "previous": change.previous,
                "change": change.amount,
                "change_low": change.low,
                "change_high": change.high,
            }
            rows.append({**each.row, **extra, "target": each.aim.value if each.aim else None})
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        rows = self.table.with_columns(pl.col("start", "end").cast(pl.String)).to_dicts() if self.standings else []
        return {"period": self.period, "north_star": self.north_star, "rows": rows, "left_out": dict(self.left_out)}


def scorecard(
    data: Dataset,
    names: Sequence[str],
    grid: Grid,
    *,
    north_star: str | None = None,
    targets: Sequence[Mapping[str, Any]] = (),
    history: int = 13,
) -> Scorecard:
    """Put KPIs with one value each side by side for the grid's last period, with the periods before as history."""
    lacking = available(data)
    ordered = list(dict.fromkeys([north_star, *names] if north_star else names))
    left_out = {name: "needs " + ", ".join(lacking[name]) for name in ordered if lacking.get(name)}
    last = grid.only(len(grid) - 1)
    past = last.back(
        history,
        begin(local_day(data.observed_from, data.zone), last.every, data.week_start) if last.every in EVERY else None,
    )
    standings = []
    for name in ordered:
        if name in left_out:
            continue
        kpi, values = find(name), compute(name, data, past)
        row = values.table.row(-1, named=True)
        if row["status"] in ("needs_choice", "no_segment", "missing_input"):
            left_out[name] = values.reasons.get(name, row["status"])
            continue
        standings.append(Standing(kpi, row, values, _change(kpi, data, last, row), _aim(kpi, row, targets)))
    written = label(last.shown[0], last.every, last.stops[0])
    star = north_star if north_star not in left_out else None
    return Scorecard(tuple(standings), star, written, last.every, data.currency, left_out)


def _change(kpi: Kpi, data: Dataset, last: Grid, row: Mapping[str, Any]) -> Change:
    """Jackknife over the same twentieths of users in both periods, so that who comes in both is counted as such."""
    points = (kpi.unit.percent or kpi.unit in POINTS) and not kpi.unit.money
    nothing = Change(None, None, None, points, None)
    if row["status"] in ("partial", "early") or row["value"] is None or kpi.parts:
        return nothing
    now, before = replicated(kpi, data, last), replicated(kpi, data, last.before())
    if now is None or before is None or before.get(WHOLE) is None:
        return nothing
    moved = {fold: _moved(now.get(fold), before.get(fold), points=points) for fold in (WHOLE, *range(FOLDS))}
    amount, parts = moved[WHOLE], [moved[fold] for fold in range(FOLDS)]
    known = [part for part in parts if part is not None]
    if kpi.measure is COUNT and amount == -1.0:
        # one person may count many times, so people are told by the twentieths that they are in: never too many
        people = sum(before.get(fold) != before[WHOLE] for fold in range(FOLDS))
        return Change(amount, -1.0, fallen_to_none(people), points, before[WHOLE])
    if amount is None or len(known) < FOLDS:
        return Change(amount, None, None, points, before[WHOLE])
    mean = sum(known) / FOLDS
    half = T_FOLDS * ((FOLDS - 1) / FOLDS * sum((part - mean) ** 2 for part in known)) ** 0.5
    low, high = (amount - half, amount + half) if half > 0 else (None, None)
    return Change(amount, low, high, points, before[WHOLE])


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


def _aim(kpi: Kpi, row: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> Aim | None:
    own = [each for each in targets if each["kpi"] == kpi.name]
    if not own or row["value"] is None:
        return None
    target = own[-1]
    sign = -1 if kpi.direction == DOWN else 1
    value, low, high = (sign * x if x is not None else None for x in (row["value"], row["low"], row["high"]))
    wanted = sign * float(target["value"])
    if low is not None and high is not None and min(low, high) < wanted <= max(low, high):
        state = "open"
    else:
        due = target.get("due")
        late = due is None or due < row["end"]
        state = "met" if value is not None and value >= wanted else ("missed" if late else "behind")
    return Aim(float(target["value"]), target.get("due"), target.get("owner", ""), state)
