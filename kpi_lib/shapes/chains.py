"""Chains of events, entry by entry: the exact kernel below every funnel.

Rows come ordered by unit and time. From each entry (a row of the first step) the kernel takes, step by step, the
earliest row that may follow; taking the earliest one never closes a way that a later one would have left open.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kpi_lib.shapes.chain_log import Log, Pace
from kpi_lib.shapes.chain_strict import consecutive

if TYPE_CHECKING:
    from kpi_lib.shapes.chain_log import Flags, Ints

NEVER = -(2**62)
FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Chains:
    """One row per entry: its row, row and time of each level (−1 and NEVER where not reached), what killed it, its limit."""

    entry: "Ints"
    rows: "Ints"
    levels: "Ints"
    over: "Ints"
    killed: "Flags"
    killer: "Ints"

    @property
    def depth(self) -> "Ints":
        """How many steps each entry reaches."""
        import numpy as np

        depth: Ints = (self.rows >= 0).sum(axis=1).astype(np.int64)
        return depth


def chains(log: Log, steps: tuple[str, ...], pace: Pace, order: str = "ordered") -> Chains:
    """Follow every entry; windows are in microseconds, both ends included."""
    import numpy as np

    first = np.any([log.masks[s] for s in steps], axis=0) if order == "unordered" else log.masks[steps[0]]
    entry = np.flatnonzero(first).astype(np.int64)
    rows = {"ordered": _ordered, "strict": consecutive, "unordered": _any_order}[order](log, steps, entry, pace)
    furthest = np.maximum.accumulate(rows, axis=1)
    levels = np.where(rows >= 0, log.time[furthest], NEVER)
    over = _limits(rows, levels, pace)
    killed, killer = _kills(log, (entry, rows, furthest[:, -1]), over)
    return Chains(entry, rows, levels, over, killed, killer)


def _limits(rows: "Ints", levels: "Ints", pace: Pace) -> "Ints":
    """Cut each chain before the first step that took too long; the instant at which an unfinished attempt is over."""
    import numpy as np

    over = np.full(len(rows), FOREVER, dtype=np.int64)
    if pace.within is not None:
        over = levels[:, 0] + pace.within
    alive = np.ones(len(rows), dtype=bool)
    for k in range(1, rows.shape[1]):
        window = pace.windows[k] if pace.windows else None
        if window is not None:
            late = alive & (levels[:, k - 1] != NEVER) & ~(levels[:, k] - levels[:, k - 1] <= window)
            waiting = alive & (levels[:, k - 1] != NEVER) & ((rows[:, k] < 0) | late)
            over = np.where(waiting, np.minimum(over, levels[:, k - 1] + window), over)
            alive &= ~late
        rows[~alive, k], levels[~alive, k] = -1, NEVER
    return over


def _positions(mask: "Flags") -> "tuple[Ints, Ints]":
    """Rows of a name, and for each row how many of them come before it (one more entry at the end)."""
    import numpy as np

    return np.flatnonzero(mask).astype(np.int64), np.r_[0, np.cumsum(mask)].astype(np.int64)


def _ordered(log: Log, steps: tuple[str, ...], entry: "Ints", pace: Pace) -> "Ints":
    import numpy as np

    places = {name: _positions(log.masks[name]) for name in steps}
    after = log.group_end if pace.ties == "strict" else log.reach(pace.grace) if pace.grace else log.group_start
    rows, last = [entry], entry
    for k, name in enumerate(steps[1:], start=1):
        at, before = places[name]
        place = before[after[last]]
        used = [r for r, s in zip(rows, steps, strict=False) if _related(s, name)]
        row = _spare(log, _next_unused(place, at, used), (place, at, used), _reserved(log, steps[k:]))
        latest = np.maximum(row, last)  # within the grace a step may stand before the one that it follows
        good = (rows[-1] >= 0) & (row >= 0) & (log.unit[row] == log.unit[entry])
        if pace.within is not None:
            good &= log.time[latest] - log.time[entry] <= pace.within
        rows.append(np.where(good, row, -1))
        last = np.where(good, latest, last)
    return np.stack(rows, axis=1)


def _related(one: str, other: str) -> bool:
    """Whether one event can stand for both steps: the same name, or a name and its n-th occurrence."""
    return one.split("@")[0] == other.split("@")[0]


def _reserved(log: Log, steps: tuple[str, ...]) -> "Flags | None":
    """Rows that a later step asks for by their number while this one takes any of that name."""
    import numpy as np

    later = [each for each in steps[1:] if "@" in each and _related(each, steps[0]) and each != steps[0]]
    return np.any([log.masks[each] for each in later], axis=0) if later else None


def _spare(log: Log, row: "Ints", choice: "tuple[Ints, Ints, list[Ints]]", reserved: "Flags | None") -> "Ints":
    """Among the rows of the chosen instant, leave one that a later step needs by its number, if another will do."""
    import numpy as np

    if reserved is None or not len(row):
        return row
    place, at, used = choice
    found = row
    for _ in range(len(used) + int(reserved.sum() > 0) + 1):
        wanted = (found >= 0) & reserved[found]
        if not wanted.any():
            break
        after = np.where(wanted, np.searchsorted(at, found) + 1, place)
        other = _next_unused(after, at, used)
        same = wanted & (other >= 0) & (log.group[other] == log.group[row])
        if not same.any():
            break
        found = np.where(same, other, found)
    return np.where((found >= 0) & reserved[found], row, found)


def _next_unused(place: "Ints", at: "Ints", used: "list[Ints]") -> "Ints":
    """The row at a place of a name's rows, moved on past rows that the chain has used; −1 beyond the last."""
    import numpy as np

    if not len(at):
        return np.full(len(place), -1, dtype=np.int64)
    place = place.copy()
    for _ in range(len(used) + 1):
        row = np.where(place < len(at), at[np.minimum(place, len(at) - 1)], -1)
        taken = np.zeros(len(place), dtype=bool)
        for rows in used:
            taken |= (row == rows) & (row >= 0)
        place += taken
        if not taken.any():
            break
    return row


def _any_order(log: Log, steps: tuple[str, ...], entry: "Ints", pace: Pace) -> "Ints":
    """The rows that meet the first, second … step, whichever it is: distinct rows from the entry's instant on."""
    import numpy as np

    columns = []
    for name, count in Counter(steps).items():
        at, before = _positions(log.masks[name])
        place = before[log.group_start[entry]]
        for ahead in range(count):
            row = np.where(place + ahead < len(at), at[np.minimum(place + ahead, len(at) - 1)] if len(at) else -1, -1)
            good = (row >= 0) & (log.unit[row] == log.unit[entry])
            if pace.within is not None:
                good &= log.time[row] - log.time[entry] <= pace.within
            columns.append(np.where(good, row, FOREVER))
    rows = np.sort(np.stack(columns, axis=1), axis=1)
    rows[rows == FOREVER] = -1
    return rows


def _kills(log: Log, found: "tuple[Ints, Ints, Ints]", over: "Ints") -> "tuple[Flags, Ints]":
    """Whether an exclusion event falls after the entry and before its end, and the row of the first such event."""
    import numpy as np

    entry, rows, last = found
    at, before = _positions(log.excluded)
    if not len(at):
        return np.zeros(len(entry), dtype=bool), np.full(len(entry), -1, dtype=np.int64)
    place = before[log.group_end[entry]]
    row = np.where(place < len(at), at[np.minimum(place, len(at) - 1)], -1)
    later = (row >= 0) & (log.unit[row] == log.unit[entry])
    killed = later & np.where(rows[:, -1] >= 0, row < log.group_start[last], log.time[row] <= over)
    return killed, np.where(killed, row, -1)


def detour(log: Log, name: str, found: Chains, pace: Pace, *, before: int, window: int | None) -> "tuple[Ints, Ints]":
    """Row and time at which each attempt takes an optional step between its required ones (−1 and NEVER: it does not).

    `before` is the place of the step before, counted among the required ones; `window` the optional step's own.
    """
    import numpy as np

    at, count = _positions(log.masks[name])
    furthest = np.maximum.accumulate(found.rows, axis=1)
    anchor, following = furthest[:, before], found.rows[:, before + 1]
    start = (log.group_end if pace.ties == "strict" else log.reach(pace.grace) if pace.grace else log.group_start)[
        anchor
    ]
    place = count[start]
    row = np.where(place < len(at), at[np.minimum(place, len(at) - 1)] if len(at) else -1, -1)
    good = (row >= 0) & (found.rows[:, before] >= 0) & (log.unit[row] == log.unit[found.entry])
    end = furthest[:, before + 1]
    in_time = row < (log.group_start if pace.ties == "strict" else log.group_end)[end]
    if pace.grace:
        in_time = log.time[row] - log.time[end] <= pace.grace
    good &= np.where(following >= 0, in_time, log.time[row] <= found.over)
    time = np.maximum(log.time[row], log.time[anchor])
    time = np.where(following >= 0, np.minimum(time, found.levels[:, before + 1]), time)
    if window is not None:
        good &= time - log.time[anchor] <= window
    return np.where(good, row, -1), np.where(good, time, NEVER)
