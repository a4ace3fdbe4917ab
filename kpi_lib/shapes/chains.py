"""Chains of events, entry by entry: the exact kernel below every funnel.

Rows come ordered by unit and time. From each entry (a row of the first step) the kernel takes, step by step, the
earliest row that may follow; taking the earliest one never closes a way that a later one would have left open.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

NEVER = -(2**62)


@dataclass(frozen=True)
class Log:
    """The rows of a question as arrays: unit code, time in microseconds, tie group, one mask per step name."""

    unit: "Ints"
    time: "Ints"
    group: "Ints"
    masks: "dict[str, Flags]"
    excluded: "Flags"

    @cached_property
    def group_start(self) -> "Ints":
        """Index of the first row of each row's tie group."""
        import numpy as np

        starts = np.flatnonzero(np.r_[True, self.group[1:] != self.group[:-1]])
        return np.repeat(starts, np.diff(np.r_[starts, len(self.group)]))

    @cached_property
    def group_end(self) -> "Ints":
        """Index after the last row of each row's tie group."""
        import numpy as np

        starts = np.flatnonzero(np.r_[True, self.group[1:] != self.group[:-1]])
        ends = np.r_[starts[1:], len(self.group)]
        return np.repeat(ends, np.diff(np.r_[starts, len(self.group)]))


@dataclass(frozen=True, slots=True)
class Chains:
    """One row per entry: its row, the time of each level (NEVER where not reached), the row after which it was killed."""

    entry: "Ints"
    levels: "Ints"
    killed: "Flags"
    killer: "Ints"

    @property
    def depth(self) -> "Ints":
        """How many steps each entry reaches."""
        import numpy as np

        depth: Ints = (self.levels != NEVER).sum(axis=1).astype(np.int64)
        return depth


def chains(log: Log, steps: tuple[str, ...], *, within: int | None, order: str, ties: str) -> Chains:
    """Follow every entry; `within` in microseconds from the entry, both ends included."""
    import numpy as np

    first = np.logical_or.reduce([log.masks[s] for s in steps]) if order == "unordered" else log.masks[steps[0]]
    entry = np.flatnonzero(first).astype(np.int64)
    follow = {"ordered": _ordered, "strict": _consecutive, "unordered": _any_order}[order]
    levels, last = follow(log, steps, entry, (within, ties))
    killed, killer = _kills(log, entry, (levels, last), within)
    return Chains(entry, levels, killed, killer)


def _positions(mask: "Flags") -> "tuple[Ints, Ints]":
    """Rows of a name, and for each row how many of them come before it (one more entry at the end)."""
    import numpy as np

    return np.flatnonzero(mask).astype(np.int64), np.r_[0, np.cumsum(mask)].astype(np.int64)


def _ordered(log: Log, steps: tuple[str, ...], entry: "Ints", rule: tuple[int | None, str]) -> "tuple[Ints, Ints]":
    import numpy as np

    within, ties = rule
    places = {name: _positions(log.masks[name]) for name in steps}
    after = log.group_end if ties == "strict" else log.group_start
    rows = [entry]
    alive = np.ones(len(entry), dtype=bool)
    levels = np.full((len(entry), len(steps)), NEVER, dtype=np.int64)
    levels[:, 0] = log.time[entry]
    for k, name in enumerate(steps[1:], start=1):
        at, before = places[name]
        place = before[after[rows[-1]]]
        used = [r for r, s in zip(rows, steps, strict=False) if _related(s, name)]
        row = _spare(log, _next_unused(place, at, used), (place, at, used), _reserved(log, steps[k:]))
        alive = alive & (row >= 0) & (log.unit[row] == log.unit[entry])
        if within is not None:
            alive &= log.time[row] - log.time[entry] <= within
        levels[alive, k] = log.time[row[alive]]
        rows.append(np.where(alive, row, rows[-1]))
    return levels, rows[-1]


def _related(one: str, other: str) -> bool:
    """Whether one event can stand for both steps: the same name, or a name and its n-th occurrence."""
    return one.split("@")[0] == other.split("@")[0]


def _reserved(log: Log, steps: tuple[str, ...]) -> "Flags | None":
    """Rows that a later step asks for by their number while this one takes any of that name."""
    import numpy as np

    later = [each for each in steps[1:] if "@" in each and _related(each, steps[0]) and each != steps[0]]
    return np.logical_or.reduce([log.masks[each] for each in later]) if later else None


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


def _any_order(log: Log, steps: tuple[str, ...], entry: "Ints", rule: tuple[int | None, str]) -> "tuple[Ints, Ints]":
    """Times at which the first, second … step is met, whichever it is, on distinct rows from the entry's instant on."""
    import numpy as np

    never = np.iinfo(np.int64).max
    columns = []
    for name, count in Counter(steps).items():
        at, before = _positions(log.masks[name])
        place = before[log.group_start[entry]]
        for ahead in range(count):
            row = np.where(place + ahead < len(at), at[np.minimum(place + ahead, len(at) - 1)] if len(at) else -1, -1)
            good = (row >= 0) & (log.unit[row] == log.unit[entry])
            if rule[0] is not None:
                good &= log.time[row] - log.time[entry] <= rule[0]
            columns.append(np.where(good, log.time[row], never))
    levels = np.sort(np.stack(columns, axis=1), axis=1)
    levels[levels == never] = NEVER
    last = levels.max(axis=1)
    return levels, _row_at(log, entry, last)


def _row_at(log: Log, entry: "Ints", time: "Ints") -> "Ints":
    """The first row of the entry's unit at an instant that the unit has."""
    import numpy as np

    rank: Ints = np.asarray(np.searchsorted(np.unique(log.time), np.r_[log.time, time]), dtype=np.int64)
    span = int(rank.max(initial=0)) + 1
    have, want = log.unit * span + rank[: len(log.time)], log.unit[entry] * span + rank[len(log.time) :]
    found: Ints = np.asarray(np.searchsorted(have, want), dtype=np.int64)
    return found


def _consecutive(log: Log, steps: tuple[str, ...], entry: "Ints", rule: tuple[int | None, str]) -> "tuple[Ints, Ints]":
    """Strict order: no other event of the unit between two steps, for some order of the tied events."""
    import numpy as np

    levels = np.full((len(entry), len(steps)), NEVER, dtype=np.int64)
    last = entry.copy()
    names = [tuple(name for name in dict.fromkeys(steps) if log.masks[name][row]) for row in range(len(log.unit))]
    for i, row in enumerate(entry.tolist()):
        for level, at in _walk(log, (steps, names), row, rule).items():
            levels[i, level - 1] = log.time[at]
            last[i] = max(last[i], at)
    return levels, last


def _walk(
    log: Log, labels: "tuple[tuple[str, ...], list[tuple[str, ...]]]", row: int, rule: tuple[int | None, str]
) -> dict[int, int]:
    """Level -> first row of the tie group in which it is first reached, from one entry."""
    (steps, names), (within, ties) = labels, rule
    start, stop = int(log.group_start[row]), int(log.group_end[row])
    others = [names[r] for r in range(start, stop) if r != row]
    inside = {1} | ({1 + m for m in _fits(others, steps[1:])} if ties != "strict" else set())
    found = dict.fromkeys(sorted(inside), start)
    # with strict ties nothing is known to be next to an event that shares its instant
    states = inside if ties != "strict" or not others else set()
    while states and stop < len(log.unit) and log.unit[stop] == log.unit[row]:
        start, stop = stop, int(log.group_end[stop])
        if within is not None and log.time[start] - log.time[row] > within:
            break
        group, states_next = [names[r] for r in range(start, stop)], set()
        if ties == "strict" and len(group) > 1:
            break
        for k in states:
            reach = _fits(group, steps[k:])
            for m in reach:
                found.setdefault(k + m, start)
            if reach and reach[-1] >= len(group):
                states_next.add(k + len(group))
        states = states_next
    return found


def _fits(group: "list[tuple[str, ...]]", wanted: tuple[str, ...]) -> list[int]:
    """The lengths m ≥ 1 for which the first m wanted names can be matched to distinct rows of a tie group."""
    lengths: list[int] = []
    owner: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for row, has in enumerate(group):
            if wanted[want] in has and row not in tried:
                tried.add(row)
                if row not in owner or place(owner[row], tried):
                    owner[row] = want
                    return True
        return False

    for m in range(min(len(wanted), len(group))):
        if not place(m, set()):
            break
        lengths.append(m + 1)
    return lengths


def _kills(log: Log, entry: "Ints", reached: "tuple[Ints, Ints]", within: int | None) -> "tuple[Flags, Ints]":
    """Whether an exclusion event falls after the entry and before its end, and the row of the first such event."""
    import numpy as np

    at, before = _positions(log.excluded)
    if not len(at):
        return np.zeros(len(entry), dtype=bool), np.full(len(entry), -1, dtype=np.int64)
    levels, last = reached
    place = before[log.group_end[entry]]
    row = np.where(place < len(at), at[np.minimum(place, len(at) - 1)], -1)
    later = (row >= 0) & (log.unit[row] == log.unit[entry])
    done = levels[:, -1] != NEVER
    in_time = np.ones(len(entry), dtype=bool) if within is None else log.time[row] - log.time[entry] <= within
    killed = later & np.where(done, row < log.group_start[last], in_time)
    return killed, np.where(killed, row, -1)
