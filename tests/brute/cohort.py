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
    recurring: bool = False


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
    recurring: bool = False,
    gone_after: int | None = None,
) -> dict[str, Any]:
    """Answer one cohort question: `cohorts` and `pooled` as in the JSON, without intervals.

    `start` is "first", an event name, or sign-up times by user; `periods=N` keeps k = 0 … N. With brackets, a cell has
    the `k` of the bracket's first period and a `to` with its last one. `recurring`: everybody enters again in each calendar
    period with a start event. `curve` tells the mean over cohorts, the period before, and who is not gone yet.
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
        recurring=recurring,
    )
    check(rules)
    log = as_rows(rows)
    last = max((row.time for row in log), default=None)
    groups: dict[date, list[Member]] = {}
    for member in members(log, rules):
        groups.setdefault(rules.calendar.label(member.entry, grain), []).append(member)
    tables = [table(label, group, rules, last) for label, group in sorted(groups.items())]
    shown = ("start", "size", "cells")
    found = [{key: one[key] for key in shown} for one in tables]
    return {"cohorts": found, "pooled": pool(tables), "curve": curve(found, groups, rules, gone_after)}


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
    starts = sorted(entries.items())
    if rules.recurring:
        starts = again(units, rules)
    for unit, entry in starts:
        returns = [row.time for row in units.get(unit, []) if rules.ret in (None, row.event)]
        found.append(Member(entry, tuple(number(entry, time, rules) for time in returns)))
    return found


def again(units: Mapping[str, list[Row]], rules: Rules) -> list[tuple[str, int]]:
    """Each user with the first start event of every calendar period that has one."""
    found: dict[tuple[str, date], int] = {}
    for unit, own in units.items():
        for row in own:
            if rules.start in ("first", row.event):
                key = (unit, rules.calendar.label(row.time, rules.grain))
                found[key] = min(row.time, found.get(key, row.time))
    return sorted((unit, time) for (unit, _), time in found.items())


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


def curve(
    cohorts: Sequence[Mapping[str, Any]], groups: Mapping[date, list[Member]], rules: Rules, gone_after: int | None
) -> list[dict[str, Any]]:
    """For each k: complete cohorts and the mean of their rates, the rate of k - 1 among those watched to k, survival."""
    found = []
    everybody = [member for group in groups.values() for member in group]
    for k in sorted({cell["k"] for one in cohorts for cell in one["cells"]}):
        cells = [(one["size"], cell) for one in cohorts for cell in one["cells"] if cell["k"] == k and cell["complete"]]
        rates = [cell["retained"] / size for size, cell in cells]
        shown = [one["start"] for one in cohorts if any(cell["k"] == k for cell in one["cells"])]
        told = [member for label, group in groups.items() if label.isoformat() in shown for member in group]
        ripe = [member for member in told if period_end(member, k, rules) <= rules.observed_until]
        before = [retained(member, k - 1, k - 1, rules) for member in ripe] if k and rules.mode != "bracket" else []
        row = {"k": k, "cohorts": len(rates), "simple": sum(rates) / len(rates) if rates else None}
        row["previous"] = sum(before) / len(before) if before else None
        row["survival"] = None if gone_after is None else survival([life(m, rules, gone_after) for m in everybody], k)
        found.append(row)
    return found


def life(member: Member, rules: Rules, gone_after: int) -> tuple[int, bool]:
    """The period in which a member is gone, or the last one watched, and which of the two."""
    watched = 0
    while period_end(member, watched, rules) <= rules.observed_until:
        watched += 1
    for age in range(gone_after, watched):
        if not any(retained(member, k, k, rules) for k in range(age - gone_after + 1, age + 1)):
            return age, True
    return max(watched - 1, 0), False


def survival(lives: Sequence[tuple[int, bool]], k: int) -> float | None:
    """Kaplan and Meier's product over the periods up to k; unknown where nobody was watched that long."""
    if not any(age >= k for age, _ in lives):
        return None
    share = 1.0
    for at in range(k + 1):
        risk = sum(age >= at for age, _ in lives)
        share *= 1 - sum(age == at and gone for age, gone in lives) / risk
    return share
