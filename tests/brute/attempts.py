"""What one attempt at a funnel reaches: every chain of rows is tried, nothing is clever."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .rows import Row

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All options of one funnel question."""

    steps: tuple[str, ...]
    within: int | None
    observed_until: int
    order: str = "ordered"
    attempt: str = "best"
    ties: str = "any"
    ttc: str = "earliest"
    unripe: str = "exclude"
    exclude: tuple[str, ...] = ()
    entry: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A row with the steps (0, 1, …) that it can serve as."""

    row: Row
    steps: frozenset[int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: where it starts, when each further level is first complete, what ended it."""

    key: Key
    entry: int
    times: tuple[int, ...]
    killed_at: int | None

    @property
    def depth(self) -> int:
        """Number of steps reached."""
        return len(self.times)


def label(rows: Sequence[Row], steps: Sequence[str]) -> list[Labelled]:
    """Mark each row with the steps it matches; `NAME@3` is the third NAME of the unit's owner ever."""
    seen: Counter[tuple[str, str]] = Counter()
    marks: dict[int, frozenset[int]] = {}
    for place in sorted(range(len(rows)), key=lambda i: rows[i].time):  # stable: input order inside one instant
        row = rows[place]
        owner = (row.props.get("user_id", row.unit), row.event)
        seen[owner] += 1
        marks[place] = frozenset(j for j, step in enumerate(steps) if step in (row.event, f"{row.event}@{seen[owner]}"))
    return [Labelled(row, marks[place]) for place, row in enumerate(rows)]


def check(rules: Rules) -> None:
    """Refuse an option that no rule knows, so that a misspelt test cannot pass."""
    known = {
        "order": ("ordered", "strict", "unordered"),
        "attempt": ("best", "first", "all"),
        "ties": ("any", "strict", "sequence"),
        "ttc": ("earliest", "fastest"),
        "unripe": ("exclude", "include"),
    }
    for option, values in known.items():
        if getattr(rules, option) not in values:
            raise ValueError(f"{option}={getattr(rules, option)!r} is not one of {values}")
    if not rules.steps or any(re.fullmatch(r".*@0*", step) for step in rules.steps):
        raise ValueError(f"unusable steps {rules.steps}")


def key_of(row: Row, ties: str) -> Key:
    """What orders two rows."""
    if ties != "sequence":
        return (row.time,)
    if row.seq is None:
        raise ValueError("ties='sequence' needs a sequence number on every row")
    return (row.time, row.seq)


def may_follow(earlier: Row, later: Row, ties: str) -> bool:
    """Whether `later` may stand after `earlier`."""
    if ties == "strict":
        return earlier.time < later.time
    return key_of(earlier, ties) <= key_of(later, ties)


def chains(log: Sequence[Labelled], start: int, rules: Rules) -> Iterator[tuple[int, ...]]:
    """Every chain of distinct rows that starts at row `start`, whatever its length."""

    def extend(chain: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        yield chain
        for place, item in enumerate(log):
            if (
                place not in chain
                and len(chain) in item.steps
                and may_follow(log[chain[-1]].row, item.row, rules.ties)
                and in_window(log[start].row.time, item.row.time, rules.within)
            ):
                yield from extend((*chain, place))

    return extend((start,))


def in_window(start: int, time: int, within: int | None) -> bool:
    """The window is inclusive at both ends."""
    return start <= time and (within is None or time - start <= within)


def unbroken(log: Sequence[Labelled], chain: Sequence[int], ties: str) -> bool:
    """Whether the chain's rows can stand side by side in the unit's whole list of events.

    Rows at one instant may be arranged freely, so only a foreign row *between* first and last breaks the chain. With
    strict ties nothing may be arranged: a foreign row at the instant of a chain row breaks it too.
    """
    if len(chain) == 1:
        return True
    low, high = key_of(log[chain[0]].row, ties), key_of(log[chain[-1]].row, ties)
    others = [key_of(item.row, ties) for place, item in enumerate(log) if place not in chain]
    if ties == "strict":
        return not any(low <= other <= high for other in others)
    return not any(low < other < high for other in others)


def ordered_times(log: Sequence[Labelled], start: int, rules: Rules) -> tuple[int, ...]:
    """Earliest completion of each prefix of the steps, over all chains from this row."""
    best: dict[int, int] = {}
    for chain in chains(log, start, rules):
        if rules.order == "strict" and not unbroken(log, chain, rules.ties):
            continue
        done = log[chain[-1]].row.time
        best[len(chain)] = min(done, best.get(len(chain), done))
    return tuple(best[level] for level in sorted(best))


def most_steps(candidates: Sequence[frozenset[int]], step: int, steps: int) -> int:
    """Largest number of the steps from `step` on that can be served by different rows (all assignments tried)."""
    if step == steps:
        return 0
    found = most_steps(candidates, step + 1, steps)
    for place, serves in enumerate(candidates):
        if step in serves:
            rest = (*candidates[:place], *candidates[place + 1 :])
            found = max(found, 1 + most_steps(rest, step + 1, steps))
    return found


def unordered_times(log: Sequence[Labelled], start: int, rules: Rules) -> tuple[int, ...]:
    """When 1, 2, … steps are first matched, in any order, inside the window from this row."""
    begin = log[start].row.time
    times: list[int] = []
    for moment in sorted({item.row.time for item in log if in_window(begin, item.row.time, rules.within)}):
        seen = [item.steps for item in log if begin <= item.row.time <= moment]
        reached = most_steps(seen, 0, len(rules.steps))
        times += [moment] * (reached - len(times))
    return tuple(times)


def finish(log: Sequence[Labelled], start: int, rules: Rules) -> Key | None:
    """The key of the earliest row that completes all steps; unordered steps know instants only."""
    if rules.order == "unordered":
        times = unordered_times(log, start, rules)
        return (times[-1],) if len(times) == len(rules.steps) else None
    whole = [chain for chain in chains(log, start, rules) if len(chain) == len(rules.steps)]
    if rules.order == "strict":
        whole = [chain for chain in whole if unbroken(log, chain, rules.ties)]
    return min((key_of(log[chain[-1]].row, rules.ties) for chain in whole), default=None)


def killer(log: Sequence[Labelled], start: int, rules: Rules) -> int | None:
    """Time of the first exclusion event that ends the attempt, if one does: after the entry and before its end."""
    ties = "any" if rules.order == "unordered" else rules.ties
    entry, done = log[start].row, finish(log, start, rules)
    after = [
        item.row for item in log if item.row.event in rules.exclude and key_of(item.row, ties) > key_of(entry, ties)
    ]
    if done is not None:
        after = [row for row in after if key_of(row, ties) < done]
    elif rules.within is not None:
        after = [row for row in after if row.time <= entry.time + rules.within]
    return min((row.time for row in after), default=None)


def attempts(log: Sequence[Labelled], rules: Rules) -> list[Attempt]:
    """Every attempt of one unit, in order of entry, ripe or not, killed or not."""
    found = []
    for place, item in enumerate(log):
        if item.steps if rules.order == "unordered" else 0 in item.steps:
            reach = unordered_times if rules.order == "unordered" else ordered_times
            times = reach(log, place, rules)
            found.append(Attempt(key_of(item.row, rules.ties), item.row.time, times, killer(log, place, rules)))
    # Entries that nothing orders: the arrangement that serves the unit best comes first.
    return sorted(found, key=lambda one: (one.key, one.killed_at is not None, -one.depth, one.times))
