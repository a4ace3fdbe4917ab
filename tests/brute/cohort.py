"""The cohort answer, member by member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .periods import Calendar
from .rows import DAY, Row, as_rows, by_unit

ELAPSED = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
Bracket = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """All options of one cohort question."""

    start: str | Mapping[str, int]
    ret: str | None
    grain: str
    mode: str
    brackets: tuple[Bracket, ...]
    clock: str
    periods: int | None
    min_events: int
    calendar: Calendar
    observed_until: int


@dataclass(frozen=True, slots=True)
class Member:
    """One user: when they entered, and in which of their periods each of their return events falls."""

    entry: int
    returns: tuple[int, ...]


def cohort(
    rows: Iterable[tuple[Any, ...]],
    *,
    grain: str,
    zone: str,
    observed_until: int,
    start: str | Mapping[str, int] = "first",
    ret: str | None = None,
    mode: str = "on",
    brackets: Sequence[Bracket] = (),
    clock: str = "calendar",
    periods: int | None = None,
    min_events: int = 1,
    week_start: str = "monday",
) -> dict[str, Any]:
    """Answer one cohort question: `cohorts` and `pooled` as in the JSON, without intervals.

    `start` is "first", an event name, or sign-up times by user; `periods=N` keeps k = 0 … N. With brackets, a cell has
    the `k` of the bracket's first period and a `to` with its last one.
    """
    rules = Rules(
        start=start,
        ret=ret,
        grain=grain,
        mode=mode,
        brackets=tuple(brackets),
        clock=clock,
        periods=periods,
        min_events=min_events,
        calendar=Calendar(zone, week_start),
        observed_until=observed_until,
    )
    check(rules)
    log = as_rows(rows)
    last = max((row.time for row in log), default=None)
    groups: dict[date, list[Member]] = {}
    for member in members(log, rules):
        groups.setdefault(rules.calendar.label(member.entry, grain), []).append(member)
    tables = [table(label, group, rules, last) for label, group in sorted(groups.items())]
    shown = ("start", "size", "cells")
    return {"cohorts": [{key: one[key] for key in shown} for one in tables], "pooled": pool(tables)}


def check(rules: Rules) -> None:
    """Refuse an option that no rule knows."""
    if rules.mode not in ("on", "on_or_after", "bracket") or rules.clock not in ("calendar", "elapsed"):
        raise ValueError(f"mode={rules.mode!r} clock={rules.clock!r}")
    if (rules.mode == "bracket") != bool(rules.brackets):
        raise ValueError("brackets go with mode='bracket'")


def members(log: Sequence[Row], rules: Rules) -> list[Member]:
    """Every user who entered: at the first event ever, at the first such event ever, or at sign-up."""
    units = by_unit(log)
    entries: dict[str, int] = {}
    if isinstance(rules.start, Mapping):
        entries = dict(rules.start)
    else:
        for unit, own in units.items():
            times = [row.time for row in own if rules.start in ("first", row.event)]
            if times:
                entries[unit] = min(times)
    found = []
    for unit, entry in sorted(entries.items()):
        returns = [row.time for row in units.get(unit, []) if rules.ret in (None, row.event)]
        found.append(Member(entry, tuple(number(entry, time, rules) for time in returns)))
    return found


def number(entry: int, time: int, rules: Rules) -> int:
    """In which of a member's periods 0, 1, 2, … an instant falls; negative before entry."""
    if rules.clock == "elapsed":
        return (time - entry) // ELAPSED[rules.grain]
    calendar, grain = rules.calendar, rules.grain
    return calendar.distance(calendar.label(entry, grain), calendar.label(time, grain), grain)


def period_end(member: Member, k: int, rules: Rules) -> int:
    """First instant after the member's period k."""
    if rules.clock == "elapsed":
        return member.entry + (k + 1) * ELAPSED[rules.grain]
    calendar, grain = rules.calendar, rules.grain
    return calendar.end(calendar.later(calendar.label(member.entry, grain), grain, k), grain)


def retained(member: Member, low: int, high: int, rules: Rules) -> bool:
    """Whether the member counts as come back in periods low … high (low = high outside brackets)."""
    if low == 0:
        return True
    if rules.mode == "on_or_after":
        return any(member.returns.count(k) >= rules.min_events for k in member.returns if k >= low)
    return sum(low <= k <= high for k in member.returns) >= rules.min_events


def spans(group: Sequence[Member], rules: Rules, last: int | None) -> list[Bracket]:
    """The periods or brackets that get a cell: up to the one that holds the last event of the data."""
    reach = 0 if last is None else max(0, *(number(member.entry, last, rules) for member in group))
    if rules.periods is not None:
        reach = min(reach, rules.periods)
    if rules.mode != "bracket":
        return [(k, k) for k in range(reach + 1)]
    wanted = list(rules.brackets)
    if all(low > 0 for low, _ in wanted):
        wanted.insert(0, (0, 0))
    return [(low, high) for low, high in wanted if low <= reach]


def table(label: date, group: Sequence[Member], rules: Rules, last: int | None) -> dict[str, Any]:
    """One cohort with its cells, and what each cell gives to the pooled row."""
    cells, shares = [], []
    for low, high in spans(group, rules, last):
        ripe = [member for member in group if period_end(member, high, rules) <= rules.observed_until]
        back = [member for member in group if retained(member, low, high, rules)]
        full = len(ripe) == len(group)
        cell = {"k": low, "eligible": len(ripe), "retained": len(back), "complete": full, "value": None}
        cells.append(cell | ({"to": high} if rules.mode == "bracket" else {}))
        # By calendar all members ripen at one instant, so this pools whole cells; by elapsed time, members.
        shares.append((low, len(ripe), sum(retained(member, low, high, rules) for member in ripe)))
    return {"start": label.isoformat(), "size": len(group), "cells": cells, "shares": shares}


def pool(tables: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum of retained over sum of eligible, never a mean of rates."""
    sums: dict[int, tuple[int, int]] = {}
    for one in tables:
        for k, eligible, back in one["shares"]:
            old = sums.get(k, (0, 0))
            sums[k] = (old[0] + eligible, old[1] + back)
    return [
        {"k": k, "eligible": eligible, "retained": back, "rate": back / eligible if eligible else None}
        for k, (eligible, back) in sorted(sums.items())
    ]
