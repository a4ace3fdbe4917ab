"""The session answer, walking through each user's events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, NamedTuple

from .periods import Calendar
from .rows import MINUTE, SECOND, Row, as_rows, by_unit


class Session(NamedTuple):
    """One visit: its user, first and last event, and how many events it has."""

    user: str
    start: int
    end: int
    events: int


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where else a session ends, and which events count for none."""

    midnight: Calendar | None = None
    longest: int | None = None
    end: str | None = None
    exclude: tuple[str, ...] = ()

    def here(self, session: list[Row], row: Row) -> bool:
        """Whether the next event belongs to another session."""
        last = session[-1]
        if self.midnight is not None and self.midnight.day_of(last.time) != self.midnight.day_of(row.time):
            return True
        if self.longest is not None and row.time - session[0].time > self.longest:
            return True
        return self.end is not None and last.event == self.end


def sessions(rows: Iterable[tuple[Any, ...]], *, gap: int = 30 * MINUTE, cuts: Cuts = Cuts()) -> list[Session]:
    """Cut each user's events at pauses of more than `gap` microseconds; a pause of exactly `gap` does not cut."""
    found: list[Session] = []
    for user, own in by_unit(row for row in as_rows(rows) if row.event not in cuts.exclude).items():
        open_: list[Row] = []
        for row in sorted(own, key=lambda each: (each.time, each.event)):
            if open_ and (row.time - open_[-1].time > gap or cuts.here(open_, row)):
                found.append(Session(user, open_[0].time, open_[-1].time, len(open_)))
                open_ = []
            open_.append(row)
        found.append(Session(user, open_[0].time, open_[-1].time, len(open_)))
    return found


def session_summary(
    rows: Iterable[tuple[Any, ...]],
    *,
    gap: int = 30 * MINUTE,
    period: tuple[int, int] | None = None,
    cuts: Cuts = Cuts(),
) -> dict[str, Any]:
    """The sessions' JSON. A session belongs to the period that holds its start, and is never cut at an edge."""
    listed = sessions(rows, gap=gap, cuts=cuts)
    found = [one for one in listed if period is None or period[0] <= one.start < period[1]]
    lengths = [(one.end - one.start) / SECOND for one in found]
    return {
        "sessions": len(found),
        "users": len({one.user for one in found}),
        "median_seconds": median(lengths) if found else None,
        "mean_seconds": mean(lengths) if found else None,
        "events_per_session": mean(one.events for one in found) if found else None,
        "single_event_share": mean(one.events == 1 for one in found) if found else None,
        "zero_length_share": mean(length == 0 for length in lengths) if found else None,
    }
