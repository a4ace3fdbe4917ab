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
    **options: Any,  # noqa: ANN401 - the other fields of Rules
) -> dict[str, Any]:
    """Answer one funnel question; times and `within` in microseconds.

    `units` maps every unit with an entry to its state (`counted`, `in_progress`, `excluded`) and attempts; the other
    keys are those of the funnel's JSON.
    """
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    rules = Rules(steps=tuple(steps), within=within, observed_until=observed_until, **chosen)
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
    entries = attempts(log, rules)
    if rules.attempt == "first_ever":
        entries = [one for one in entries if one.key == entries[0].key]
    entries = [one for one in entries if in_period(one.entry, rules.entry)]
    considered = [one for one in entries if ripe(one.entry, rules)]
    if not entries:
        return Outcome("absent")
    if not considered:
        return Outcome("in_progress")
    if rules.exclusion == "unit" and any(one.killed_at is not None for one in considered):
        return Outcome("excluded")
    chosen = {"best": best, "first": first, "first_ever": first, "all": separate}[rules.attempt](considered, rules)
    return Outcome("counted", tuple(chosen)) if chosen else Outcome("excluded")


def in_period(time: int, period: tuple[int, int] | None) -> bool:
    """Periods are half-open."""
    return period is None or period[0] <= time < period[1]


def ripe(entry: int, rules: Rules) -> bool:
    """Whether the whole time allowed has been observed; the outcome plays no part."""
    allowed = longest(rules)
    return rules.unripe == "include" or allowed is None or entry + allowed <= rules.observed_until


def longest(rules: Rules) -> int | None:
    """The longest that an attempt can last: the whole window, or the required steps' own windows one after another."""
    own = [rules.window(step) for step in rules.required[1:]]
    together = None if None in own else sum(each for each in own if each is not None)
    return min((each for each in (rules.within, together) if each is not None), default=None)


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
    last = attempt.times[-1] if attempt.depth == len(rules.required) else attempt.over
    return float("inf") if last is None else last


def tie_sensitive(log: Sequence[Labelled], rules: Rules) -> bool:
    """Whether the unit's depth depends on how events of one instant (or within the grace) are ordered."""
    free = outcome(log, replace(rules, ties="any"))
    fixed = outcome(log, replace(rules, ties="strict", grace=0))
    return free.depths != fixed.depths


def summary(counted: Sequence[Attempt], rules: Rules) -> list[dict[str, Any]]:
    """One record a step, as in the funnel's JSON but without intervals."""
    records: list[dict[str, Any]] = []
    reached = [[one for one in counted if time_of(one, step) is not None] for step in range(len(rules.steps))]
    for step, event in enumerate(rules.steps):
        before = max((each for each in rules.required if each < step), default=0)
        start, previous, here = len(reached[0]), len(reached[before]), len(reached[step])
        waits = [(time_of(one, step) or 0) - one.entry for one in reached[step]]
        since = [(time_of(one, step) or 0) - (time_of(one, before) or 0) for one in reached[step]]
        records.append(
            {
                "step": step + 1,
                "event": event,
                "units": here,
                "from_start": here / start if start else None,
                "from_previous": here / previous if previous else None,
                **times(waits, ""),
                **times(since, "previous_"),
            }
        )
    return records


def time_of(one: Attempt, step: int) -> int | None:
    """When an attempt met a step, if it did."""
    return one.times[step] if step < len(one.times) else None


def times(waits: Sequence[int], lead: str) -> dict[str, float | None]:
    """Mean, median and other quantiles (linear between neighbours) in seconds."""
    ordered = sorted(waits)
    if not ordered:
        return {f"{lead}{name}_seconds": None for name in ("median", "p25", "p75", "p90", "mean")}
    found: dict[str, float | None] = {f"{lead}median_seconds": median(ordered) / SECOND}
    for q in (25, 75, 90):
        place = (len(ordered) - 1) * q / 100
        low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
        found[f"{lead}p{q}_seconds"] = (low + (high - low) * (place - int(place))) / SECOND
    return found | {f"{lead}mean_seconds": sum(ordered) / len(ordered) / SECOND}


def describe(found: Outcome) -> dict[str, Any]:
    """A unit's outcome as plain data."""
    attempts = [{"entry": one.entry, "depth": one.depth, "times": list(one.times)} for one in found.attempts]
    return {"state": found.state, "depth": max(found.depths, default=0), "attempts": attempts}
