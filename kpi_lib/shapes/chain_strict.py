"""Chains in strict order: no other event of the unit between two steps.

Where no tied events can be the next step, a chain goes from row to row, all entries at once. Tied events may stand in any order
that lets the chain go on, which is tried entry by entry.
"""

from typing import TYPE_CHECKING

from kpi_lib.shapes.chain_log import Log, Pace

if TYPE_CHECKING:
    from kpi_lib.shapes.chain_log import Flags, Ints


class _Names(dict[int, tuple[str, ...]]):
    """The names of steps that a row can stand for, worked out for the few rows that somebody looks at."""

    def __init__(self, log: Log, steps: tuple[str, ...]) -> None:
        super().__init__()
        self._masks = {name: log.masks[name] for name in dict.fromkeys(steps)}

    def __missing__(self, row: int) -> tuple[str, ...]:
        self[row] = tuple(name for name, mask in self._masks.items() if mask[row])
        return self[row]


def consecutive(log: Log, steps: tuple[str, ...], entry: "Ints", pace: Pace) -> "Ints":
    """Strict order: no other event of the unit between two steps, for some order of the tied events."""
    rows, tied = _untied(log, steps, entry, pace)
    names = _Names(log, steps)
    for i, row in zip(tied.tolist(), entry[tied].tolist(), strict=True):
        reached = _walk(log, (steps, names), row, pace)
        for start in sorted(set(reached.values())):
            levels = [level for level, at in sorted(reached.items()) if at == start and level > 1]
            group = [r for r in range(start, int(log.group_end[start])) if r != row]
            _, owner = _fits([names[r] for r in group], tuple(steps[level - 1] for level in levels))
            rows[i, [level - 1 for level in levels]] = start
            for place, want in owner.items():
                rows[i, levels[want] - 1] = group[place]
        rows[i, 0] = row
    return rows


def _untied(log: Log, steps: tuple[str, ...], entry: "Ints", pace: Pace) -> "tuple[Ints, Ints]":
    """Follow the entries whose way no tied events decide from row to row; the places of the others, which have to be walked."""
    import numpy as np

    rows = np.full((len(entry), len(steps)), -1, dtype=np.int64)
    if not len(entry):
        return rows, entry
    if pace.repeats and len({name.split("@")[0] for name in steps}) < len(steps):
        return rows, np.arange(len(entry))  # what repeats a step may be the next one as well
    rows[:, 0] = entry
    crowd = np.cumsum(np.r_[0, log.group_end - log.group_start > 1])  # rows that share their instant, before each row
    shared = crowd[entry + 1] > crowd[entry]
    tied = shared & _decides(log, steps[1], entry, pace, but=entry)
    alive = np.flatnonzero(~shared if pace.repeats or pace.ties == "strict" else ~tied)
    last = log.group_end[entry[alive]] - 1
    for k, name in enumerate(steps[1:], start=1):
        row = _past(log, steps[k - 1], last) if pace.repeats else last + 1
        own = row < len(log.unit)
        own[own] = log.unit[row[own]] == log.unit[last[own]]
        shared = crowd[row + own] > crowd[last + 1]
        tied[alive] = shared & _decides(log, name, np.minimum(row, len(log.unit) - 1), pace)
        good = own & ~shared
        alive, row = alive[good], row[good]
        good = log.masks[name][row]
        if pace.within is not None:
            good = good & (log.time[row] - log.time[entry[alive]] <= pace.within)
        alive, last = alive[good], row[good]
        rows[alive, k] = last
    return rows, np.flatnonzero(tied)


def _decides(log: Log, name: str, rows: "Ints", pace: Pace, *, but: "Ints | None" = None) -> "Flags":
    """Whether the order of the events at the instant of a row may let a chain go on: one of them, `but` that row, is the step."""
    import numpy as np

    if pace.repeats or pace.ties == "strict":
        return np.full(len(rows), pace.repeats)
    there = np.bincount(log.group[log.masks[name]], minlength=int(log.group[-1]) + 1)[log.group[rows]]
    found: Flags = there > (0 if but is None else log.masks[name][but])
    return found


def _past(log: Log, name: str, rows: "Ints") -> "Ints":
    """For each row the first later one that is not of this name, or of another unit."""
    import numpy as np

    breaks = np.flatnonzero(np.r_[True, log.unit[1:] != log.unit[:-1]] | ~log.masks[name])
    found: Ints = np.r_[breaks, len(log.unit)][np.searchsorted(breaks, rows, side="right")]
    return found


def _walk(log: Log, labels: "tuple[tuple[str, ...], _Names]", row: int, pace: Pace) -> dict[int, int]:
    """Level -> first row of the tie group in which it is first reached, from one entry."""
    steps, names = labels
    start, stop = int(log.group_start[row]), int(log.group_end[row])
    others = [names[r] for r in range(start, stop) if r != row]
    inside = {1} | ({1 + m for m in _fits(others, steps[1:])[0]} if pace.ties != "strict" else set())
    found = dict.fromkeys(sorted(inside), start)
    # with strict ties nothing is known to be next to an event that shares its instant
    known = pace.ties != "strict" or not others or (pace.repeats and _again(others, steps[:1]))
    states = inside if known else set()
    while states and stop < len(log.unit) and log.unit[stop] == log.unit[row]:
        start, stop = stop, int(log.group_end[stop])
        if pace.within is not None and log.time[start] - log.time[row] > pace.within:
            break
        group, states_next = [names[r] for r in range(start, stop)], set()
        for k in states:
            reach = _fits(group, steps[k:])[0] if pace.ties != "strict" or len(group) == 1 else []
            for m in reach:
                found.setdefault(k + m, start)
            passed = [0, *reach] if pace.repeats else reach
            states_next |= {
                k + m for m in passed if m == len(group) or (pace.repeats and _again(group, steps[k - 1 : k + m]))
            }
        states = states_next
    return found


def _again(group: "list[tuple[str, ...]]", current: tuple[str, ...]) -> bool:
    """Whether every row of a tie group is one of the current steps, so that what is not needed is a repeat."""
    return all(set(has) & set(current) for has in group)


def _fits(group: "list[tuple[str, ...]]", wanted: tuple[str, ...]) -> tuple[list[int], dict[int, int]]:
    """The lengths m ≥ 1 for which the first m wanted names can be matched to distinct rows of a tie group; the matching."""
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
    return lengths, owner
