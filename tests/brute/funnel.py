"""The funnel answer, by trying everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from .attempts import Attempt, Labelled, Rules, attempts, check, label
from .rows import SECOND, as_rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one unit contributes: its counted attempts, or the reason why there are none."""

    state: str
    attempts: tuple[Attempt, ...] = ()

    @property
    def depths(self) -> tuple[int, ...]:
        """Depth of every counted attempt; empty when the unit is in no step."""
        return tuple(one.depth for one in self.attempts)


def funnel(
    rows: Iterable[tuple[Any, ...]],
    steps: Sequence[str],
    *,
    within: int | None,
    observed_until: int,
    order: str = "ordered",
    attempt: str = "best",
    ties: str = "any",
    ttc: str = "earliest",
    unripe: str = "exclude",
    exclude: Sequence[str] = (),
    entry: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Answer one funnel question; times and `within` in microseconds.

    `units` maps every unit with an entry to its state (`counted`, `in_progress`, `excluded`) and attempts; the other
    keys are those of the funnel's JSON.
    """
    rules = Rules(
        steps=tuple(steps),
        within=within,
        observed_until=observed_until,
        order=order,
        attempt=attempt,
        ties=ties,
        ttc=ttc,
        unripe=unripe,
        exclude=tuple(exclude),
        entry=entry,
    )
    check(rules)
    logs = split(rows, rules)
    outcomes = {unit: found for unit, log in logs.items() if (found := outcome(log, rules)).state != "absent"}
    counted = [one for found in outcomes.values() for one in found.attempts]
    return {
        "units": {unit: describe(found) for unit, found in outcomes.items()},
        "steps": summary(counted, rules),
        "in_progress": sum(found.state == "in_progress" for found in outcomes.values()),
        "excluded": sum(found.state == "excluded" for found in outcomes.values()),
        "tie_sensitive": sum(tie_sensitive(log, rules) for log in logs.values()),
    }


def split(rows: Iterable[tuple[Any, ...]], rules: Rules) -> dict[str, list[Labelled]]:
    """Labelled rows of each unit. Labels come first: `NAME@3` counts over all rows of the owner."""
    logs: dict[str, list[Labelled]] = {}
    for item in label(as_rows(rows), rules.steps):
        logs.setdefault(item.row.unit, []).append(item)
    return dict(sorted(logs.items()))


def outcome(log: Sequence[Labelled], rules: Rules) -> Outcome:
    """One unit's contribution."""
    entries = [one for one in attempts(log, rules) if in_period(one.entry, rules.entry)]
    considered = [one for one in entries if ripe(one.entry, rules)]
    if not entries:
        return Outcome("absent")
    if not considered:
        return Outcome("in_progress")
    chosen = {"best": best, "first": first, "all": separate}[rules.attempt](considered, rules)
    return Outcome("counted", tuple(chosen)) if chosen else Outcome("excluded")


def in_period(time: int, period: tuple[int, int] | None) -> bool:
    """Periods are half-open."""
    return period is None or period[0] <= time < period[1]


def ripe(entry: int, rules: Rules) -> bool:
    """Whether the whole window has been observed; the outcome plays no part."""
    return rules.unripe == "include" or rules.within is None or entry + rules.within <= rules.observed_until


def best(considered: Sequence[Attempt], rules: Rules) -> list[Attempt]:
    """The deepest attempt that was not killed; among equals the earliest or the latest entry."""
    alive = [one for one in considered if one.killed_at is None]
    deepest = max((one.depth for one in alive), default=0)
    equals = [one for one in alive if one.depth == deepest]
    if rules.ttc == "fastest":
        equals = [one for one in equals if one.key == equals[-1].key]
    return equals[:1]


def first(considered: Sequence[Attempt], rules: Rules) -> list[Attempt]:
    """The first considered attempt, or none when it was killed."""
    return [one for one in considered[:1] if one.killed_at is None]


def separate(considered: Sequence[Attempt], rules: Rules) -> list[Attempt]:
    """Attempts that do not overlap, taken from the left; killed ones end but do not count."""
    taken: list[Attempt] = []
    end: float = float("-inf")
    for one in considered:
        if one.entry > end:
            taken.append(one)
            end = end_of(one, rules)
    return [one for one in taken if one.killed_at is None]


def end_of(attempt: Attempt, rules: Rules) -> float:
    """When the attempt is over and the unit may start again."""
    if attempt.killed_at is not None:
        return attempt.killed_at
    if attempt.depth == len(rules.steps):
        return attempt.times[-1]
    return float("inf") if rules.within is None else attempt.entry + rules.within


def tie_sensitive(log: Sequence[Labelled], rules: Rules) -> bool:
    """Whether the unit's depth depends on how events of one instant are ordered."""
    free, fixed = (outcome(log, replace(rules, ties=ties)) for ties in ("any", "strict"))
    return free.depths != fixed.depths


def summary(counted: Sequence[Attempt], rules: Rules) -> list[dict[str, Any]]:
    """One record a step, as in the funnel's JSON but without intervals."""
    records: list[dict[str, Any]] = []
    start = previous = len(counted)
    for level, event in enumerate(rules.steps, start=1):
        waits = [one.times[level - 1] - one.entry for one in counted if one.depth >= level]
        records.append(
            {
                "step": level,
                "event": event,
                "units": len(waits),
                "from_start": len(waits) / start if start else None,
                "from_previous": len(waits) / previous if previous else None,
                "median_seconds": median(waits) / SECOND if waits else None,
            }
        )
        previous = len(waits)
    return records


def describe(found: Outcome) -> dict[str, Any]:
    """A unit's outcome as plain data."""
    attempts = [{"entry": one.entry, "depth": one.depth, "times": list(one.times)} for one in found.attempts]
    return {"state": found.state, "depth": max(found.depths, default=0), "attempts": attempts}
