"""The session answer, walking through each user's events."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, median
from typing import Any, NamedTuple

from .rows import MINUTE, SECOND, as_rows, by_unit


class Session(NamedTuple):
    """One visit: its user, first and last event, and how many events it has."""

    user: str
    start: int
    end: int
    events: int


def sessions(rows: Iterable[tuple[Any, ...]], *, gap: int = 30 * MINUTE) -> list[Session]:
    """Cut each user's events at pauses of more than `gap` microseconds; a pause of exactly `gap` does not cut."""
    found: list[Session] = []
    for user, own in by_unit(as_rows(rows)).items():
        open_: list[int] = []
        for time in sorted(row.time for row in own):
            if open_ and time - open_[-1] > gap:
                found.append(Session(user, open_[0], open_[-1], len(open_)))
                open_ = []
            open_.append(time)
        found.append(Session(user, open_[0], open_[-1], len(open_)))
    return found


def session_summary(
    rows: Iterable[tuple[Any, ...]], *, gap: int = 30 * MINUTE, period: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The sessions' JSON. A session belongs to the period that holds its start, and is never cut at an edge."""
    found = [one for one in sessions(rows, gap=gap) if period is None or period[0] <= one.start < period[1]]
    lengths = [(one.end - one.start) / SECOND for one in found]
    return {
        "sessions": len(found),
        "users": len({one.user for one in found}),
        "median_seconds": median(lengths) if found else None,
        "mean_seconds": mean(lengths) if found else None,
        "events_per_session": mean(one.events for one in found) if found else None,
        "single_event_share": mean(one.events == 1 for one in found) if found else None,
    }
