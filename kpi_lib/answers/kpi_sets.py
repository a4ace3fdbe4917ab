"""The KPI set over time: which figures a workspace watches, since when, and what changed from one version to the next."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

KpiSet = Mapping[str, Any]


def next_set(sets: Sequence[KpiSet], primary: Sequence[str], secondary: Sequence[str], since: date) -> KpiSet | None:
    """The next version of the KPI set; None where it is the one in force.

    >>> first = next_set([], ["dau"], ["arpu"], date(2026, 1, 5))
    >>> first["version"], next_set([first], ["dau"], ["arpu"], date(2026, 2, 2))
    (1, None)
    """
    lists = {"primary": list(primary), "secondary": list(secondary)}
    if sets and all(list(sets[-1].get(name, ())) == names for name, names in lists.items()):
        return None
    return {"version": sets[-1]["version"] + 1 if sets else 1, "since": since, **lists}


def story(sets: Sequence[KpiSet], until: date | None = None) -> str:
    """The version in force on a day, what changed with it, and when to look at it again; "" where none was.

    >>> old = {"version": 1, "since": date(2026, 1, 5), "primary": ["dau", "mau"], "secondary": ["arpu"]}
    >>> new = {"version": 2, "since": date(2026, 3, 2), "primary": ["dau", "arpu"], "why": "it must pay"}
    >>> story([old, new])
    'version 2 since 2026-03-02: now primary arpu; dropped mau (it must pay)'
    >>> story([old, new], date(2026, 2, 1))
    'version 1 since 2026-01-05: the first'
    >>> story([{**old, "look": date(2026, 4, 1)}], date(2026, 5, 1))
    'version 1 since 2026-01-05: the first; a new look at it was due on 2026-04-01'
    """
    known = [each for each in sets if until is None or each["since"] <= until]
    if not known:
        return ""
    now = known[-1]
    changes = "; ".join(changed(known[-2], now)) if len(known) > 1 else "the first"
    why = f" ({now['why']})" if now.get("why") else ""
    return f"version {now['version']} since {now['since']}: {changes or 'the same figures'}{why}{_look(now.get('look'), until)}"


def _look(day: date | None, until: date | None) -> str:
    """When the choice is to be looked at again: products change, and so does what tells about them."""
    if day is None:
        return ""
    return f"; a new look at it {'was due on' if until and until > day else 'is due on'} {day}"


def changed(before: KpiSet, now: KpiSet) -> list[str]:
    """What a version adds, drops and moves between first and beside, in its order."""
    old = {name: rank for rank in ("secondary", "primary") for name in before.get(rank, ())}
    new = {name: rank for rank in ("secondary", "primary") for name in now.get(rank, ())}
    kinds = {
        "added": [name for name in new if name not in old],
        "now primary": [name for name in new if name in old and (old[name], new[name]) == ("secondary", "primary")],
        "now secondary": [name for name in new if name in old and (old[name], new[name]) == ("primary", "secondary")],
        "dropped": [name for name in old if name not in new],
    }
    return [f"{word} {', '.join(names)}" for word, names in kinds.items() if names]
