"""How often people come, day by day and user by user."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from statistics import mean, median
from typing import Any

from .periods import Calendar
from .rows import as_rows


def habits(
    rows: Iterable[tuple[Any, ...]], *, window: int, zone: str, observed_from: int, observed_until: int
) -> dict[str, Any]:
    """The power-user curve, participation and pauses for the `window` days to the last whole one."""
    calendar = Calendar(zone)
    stop = calendar.day_of(observed_until)
    span = calendar.days_before(stop, window)
    watched = observed_from <= calendar.start(span[0])
    days: dict[str, set[date]] = {}
    for row in as_rows(rows):
        day = calendar.day_of(row.time)
        if observed_from <= calendar.start(day) and day < stop:
            days.setdefault(row.unit, set()).add(day)
    counts = {user: len(own & set(span)) for user, own in days.items()} if watched else {}
    active = {user: count for user, count in counts.items() if count}
    pauses = [
        median(calendar.distance(a, b, "day") for a, b in pairwise(own))
        for own in (sorted(each) for each in days.values())
        if len(own) > 1
    ]
    able = {user: sum(day >= min(own) for day in span) for user, own in days.items()}
    return {
        "curve": {n: sum(count >= n for count in active.values()) for n in sorted(set(active.values()))},
        "users": len(active),
        "mean_days": mean(active.values()) if active else None,
        "participation": mean(counts[user] / able[user] for user in counts) if counts else None,
        "everybody": len(counts),
        "paused": len(pauses),
        "median_pause": median(pauses) if pauses else None,
        "most_pause": next((d for d in sorted(pauses) if sum(p <= d for p in pauses) >= 0.8 * len(pauses)), None),
    }
