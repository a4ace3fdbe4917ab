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
