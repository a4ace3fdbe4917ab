"""New, returning, resurrected and dormant users of each period, set by set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from .periods import Calendar
from .rows import as_rows


def lifecycle(
    rows: Iterable[tuple[Any, ...]], *, every: str, zone: str, observed_until: int, week_start: str = "monday"
) -> list[dict[str, Any]]:
    """The lifecycle's JSON rows, from the period of the first event to the last observed one.

    New = first event ever in this period; returning = active in the period before as well; resurrected = active before,
    but not in the period before; dormant = active in the period before and not in this one.
    """
    calendar = Calendar(zone, week_start)
    active: dict[date, set[str]] = {}
    for row in as_rows(rows):
        active.setdefault(calendar.label(row.time, every), set()).add(row.unit)
    if not active:
        return []
    found: list[dict[str, Any]] = []
    label, before, known = min(active), set[str](), set[str]()
    while calendar.start(label) < observed_until:
        now = active.get(label, set())
        after = calendar.next(label, every)
        found.append(
            {
                "start": label.isoformat(),
                "end": after.isoformat(),
                "active": len(now),
                "new": len(now - known),
                "returning": len(now & before),
                "resurrected": len((now & known) - before),
                "dormant": len(before - now),
                "left_censored": not found,
            }
        )
        label, before, known = after, now, known | now
    return found


def daily_states(rows: Iterable[tuple[Any, ...]], *, zone: str, observed_until: int) -> dict[str, dict[str, int]]:
    """Users in each of the seven states, by day from the first event to the last observed day.

    The days since the last active day before decide: up to 7 is current, up to 30 reactivated, more resurrected; of those
    who are not active today, 6 days or fewer is at_risk_wau, 29 or fewer at_risk_mau, more dormant.
    """
    calendar = Calendar(zone)
    days: dict[str, set[date]] = {}
    for row in as_rows(rows):
        days.setdefault(row.unit, set()).add(calendar.label(row.time, "day"))
    found: dict[str, dict[str, int]] = {}
    day = min((each for own in days.values() for each in own), default=None)
    while day is not None and calendar.start(day) < observed_until:
        counts = dict.fromkeys(
            ("new", "current", "reactivated", "resurrected", "at_risk_wau", "at_risk_mau", "dormant"), 0
        )
        for own in days.values():
            if state := _state(own, day, calendar):
                counts[state] += 1
        found[day.isoformat()] = counts
        day = calendar.next(day, "day")
    return found


def _state(own: set[date], day: date, calendar: Calendar) -> str:
    earlier = [each for each in own if each < day]
    if not earlier:
        return "new" if day in own else ""
    away = calendar.distance(max(earlier), day, "day")
    if day in own:
        return "current" if away <= 7 else "reactivated" if away <= 30 else "resurrected"
    return "at_risk_wau" if away <= 6 else "at_risk_mau" if away <= 29 else "dormant"
