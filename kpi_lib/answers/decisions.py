"""What was decided, and what the figure that it was to move has done since, with the interval of the change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as Day
from typing import Any

import polars as pl

from kpi_lib.answers.change import Change, changes, compares, in_points
from kpi_lib.answers.compute import compute
from kpi_lib.answers.demands import in_words, missing_inputs
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, shown
from kpi_lib.core.period import EVERY, Grid, begin, step
from kpi_lib.kpis.registry import Kpi, find

TYPES = (
    "feature", "experience", "marketing", "price", "support", "market", "resources", "strategy", "project", "watch",
)  # fmt: skip
REACHED, TOWARD, OPEN, SHORT, AGAINST = "reached", "toward", "open", "short", "against"
EARLY, UNKNOWN = "early", "unknown"
FORM = re.compile(r"([+-])\s*(\d+(?:\.\d+)?)\s*(%|points?)?", re.ASCII)
UP_OR_DOWN = {"up": 1, "down": -1}
SCHEMA = pl.Schema(
    {
        "file": pl.String(), "date": pl.Date(), "decision": pl.String(), "type": pl.String(), "owner": pl.String(),
        "signal": pl.String(), "of": pl.String(), "expect": pl.String(), "due": pl.Date(), "look": pl.Date(),
        "since": pl.Date(), "start": pl.Date(), "previous": pl.Float64(), "value": pl.Float64(), "points": pl.Boolean(),
        "change": pl.Float64(), "change_low": pl.Float64(), "change_high": pl.Float64(), "state": pl.String(),
        "reason": pl.String(), "n": pl.Int64(), "unripe": pl.Int64(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision on record: what was seen, what was decided, which team sees to it, and what it is to do by when.

    `expect` is "+5 %", "-2 points", "up" or "down", for the KPI's change until `due`; `look` is when to look again.
    """

    date: Day
    decision: str
    type: str
    signal: str
    owner: str
    kpi: str
    expect: str
    due: Day
    look: Day
    file: str = ""

    def faults(self) -> list[tuple[str, str]]:
        """What is wrong with it, as pairs of a key and a message."""
        found = []
        key = "kpi"
        try:
            kpi = find(self.kpi)
            key = "expect"
            expected(self.expect, kpi)
        except UsageError as error:
            found.append((key, str(error)))
        if self.due <= self.date:
            found.append(("due", f"{self.due} is not after the decision of {self.date}: name a later day"))
        if self.look < self.date:
            found.append(("look", f"{self.look} is before the decision of {self.date}: name that day or a later one"))
        return found


def expected(text: str, kpi: Kpi) -> tuple[int, float | None]:
    """Read an expected effect: which way (1 or -1), and how far as the KPI's changes are counted (None: not said).

    >>> expected("+5 %", find("orders")), expected("-2 points", find("user_churn_rate")), expected("up", find("nps"))
    ((1, 0.05), (-1, -0.02), (1, None))
    """
    if kpi.parts or not compares(kpi):
        why = f"has several values ({', '.join(kpi.parts)})" if kpi.parts else "is a change in itself"
        raise UsageError(f"{kpi.name} {why}, so no single change can be expected of it: name a KPI that has one value.")
    words = text.strip()
    if words in UP_OR_DOWN:
        return UP_OR_DOWN[words], None
    found = FORM.fullmatch(words.replace("−", "-"))
    points = in_points(kpi)
    wanted = "points" if points else "%"
    if found is None or not found[3] or found[3].startswith("point") != points or float(found[2]) == 0:
        how = f'"+3 {wanted}", "-3 {wanted}", "up" or "down"'
        raise UsageError(f"{shown(text)} is no effect on {kpi.name}, whose changes are told in {wanted}: write {how}.")
    sign = 1 if found[1] == "+" else -1
    return sign, sign * float(found[2]) / (1 if points and not kpi.unit.percent else 100)


@dataclass(frozen=True, slots=True)
class Followed:
    """A decision with what its KPI did from the last whole period before it to the one that is looked at.

    `n` and `unripe` are those behind `value`, `definition` and `fingerprint` its version and its data.
    `state`: reached (the whole interval is at least what was expected), toward (clearly that way), short (no clear change,
    and surely less than expected), against (clearly the other way), open (within chance), early (no whole period since),
    unknown. A change after a decision need not come from it.
    """

    decision: Decision
    change: Change
    value: float | None
    start: Day
    state: str
    reason: str = ""
    n: int | None = None
    unripe: int | None = None
    definition: str = ""
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """One row of the table."""
        own = {name: getattr(self.decision, name) for name in SCHEMA if name in Decision.__dataclass_fields__}
        moved = {"previous": self.change.previous, "points": self.change.points, "change": self.change.amount}
        ends = {"change_low": self.change.low, "change_high": self.change.high, "since": self.change.since}
        now = {"of": self.decision.kpi, "start": self.start, "value": self.value, "state": self.state}
        return {**own, **moved, **ends, **now, "reason": self.reason, "n": self.n, "unripe": self.unripe}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The decisions taken before the end of a period, oldest first, with what happened since.

    `until` is the first day after the period: decisions whose `look` has come are those to talk about.
    """

    followed: tuple[Followed, ...]
    every: str
    until: Day
    currency: str

    @property
    def table(self) -> pl.DataFrame:
        """One row per decision: its fields, `of` (the KPI), previous, value, change with interval, state, reason."""
        return pl.DataFrame([each.to_dict() for each in self.followed], schema=SCHEMA)

    @property
    def to_look_at(self) -> tuple[Followed, ...]:
        """Those whose next look has come."""
        return tuple(each for each in self.followed if each.decision.look < self.until)

    def to_dict(self) -> dict[str, Any]:
        """The decisions as JSON values."""
        days = pl.col(pl.Date).cast(pl.String)
        return {"decisions": self.table.with_columns(days).rename({"of": "kpi"}).to_dicts()}


def follow_up(decisions: Sequence[Decision], data: Dataset, grid: Grid) -> FollowUp:
    """Follow what was decided before the end of the grid's last period: its KPI then, now, and the change between."""
    last = grid.only(len(grid) - 1)
    taken = sorted((each for each in decisions if each.date < last.stops[0]), key=lambda each: (each.date, each.file))
    return FollowUp(tuple(_followed(each, data, last) for each in taken), last.every, last.stops[0], data.currency)


@dataclass(frozen=True, slots=True)
class Taken:
    """The decisions taken since the end of a period, oldest first: those of its review; `since` is the first day after it."""

    decisions: tuple[Decision, ...]
    since: Day


def taken(decisions: Sequence[Decision], grid: Grid) -> Taken:
    """The decisions that a review of the grid's last period, or somebody since, put on record."""
    since = grid.stops[-1]
    found = sorted((each for each in decisions if each.date >= since), key=lambda each: (each.date, each.file))
    return Taken(tuple(found), since)


def _followed(decision: Decision, data: Dataset, last: Grid) -> Followed:
    kpi = find(decision.kpi)
    none = Change(None, None, None, in_points(kpi), None)
    start = last.shown[0]
    if lacking := missing_inputs(kpi, data):
        return Followed(decision, none, None, start, UNKNOWN, f"needs {in_words(lacking)}")
    values = compute(kpi.name, data, last)
    row = values.table.row(0, named=True)
    known = Followed(
        decision,
        none,
        row["value"],
        start,
        UNKNOWN,
        n=row["n"],
        unripe=row["unripe"],
        definition=values.definitions.get(kpi.name, ""),
        fingerprint=values.fingerprint,
    )
    if values.reasons:
        return replace(known, reason=values.reasons[kpi.name])
    if last.firsts[0] < decision.date:
        return replace(known, state=EARLY, reason=_first_after(decision.date, last, data))
    change = changes(kpi, data, last, [_before(decision.date, last, data)])[0]
    state, reason = _state(decision, kpi, change)
    return replace(known, change=change, state=state, reason=reason)


def _before(day: Day, last: Grid, data: Dataset) -> Grid:
    """The last period of that kind that was over when the decision was taken."""
    if last.every not in EVERY:
        length = last.stops[0] - last.firsts[0]
        return Grid.of([day - length], [day], zone=last.zone, every=last.every)
    stop = begin(day, last.every, data.week_start)
    return Grid.of([step(stop, last.every, -1)], [stop], zone=last.zone, every=last.every)


def _first_after(day: Day, last: Grid, data: Dataset) -> str:
    if last.every not in EVERY:
        return "the period begins before the decision"
    first = begin(day, last.every, data.week_start)
    first = first if first == day else step(first, last.every)
    return f"the first whole {last.every} after it begins on {first}"


def _state(decision: Decision, kpi: Kpi, change: Change) -> tuple[str, str]:
    """How the change stands to what was expected, judged by its whole interval."""
    if change.amount is None:
        return UNKNOWN, "one of the two periods is not wholly known"
    if change.low is None or change.high is None:
        return OPEN, "how much of the change is chance cannot be told"
    sign, amount = expected(decision.expect, kpi)
    worst, best = (change.low, change.high) if sign > 0 else (-change.high, -change.low)
    wanted = abs(amount or 0.0)
    if worst > 0:
        return (REACHED, "") if worst >= wanted else (TOWARD, "")
    if best < 0:
        return AGAINST, ""
    return (SHORT, "") if best < wanted else (OPEN, "")
