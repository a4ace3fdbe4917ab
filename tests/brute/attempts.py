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
    optional: tuple[bool, ...] = ()
    within_step: tuple[int | None, ...] = ()
    grace: int = 0
    repeats: bool = False
    exclusion: str = "attempt"

    @property
    def required(self) -> tuple[int, ...]:
        """Places of the steps that may not be left out."""
        return tuple(at for at in range(len(self.steps)) if not (self.optional and self.optional[at]))

    def window(self, step: int) -> int | None:
        """A step's own window."""
        return self.within_step[step] if self.within_step else None


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
    times: tuple[int | None, ...]
    killed_at: int | None
    over: int | None
    reached: int

    @property
    def depth(self) -> int:
        """Number of required steps reached."""
        return self.reached


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
        "attempt": ("best", "first", "first_ever", "all"),
        "ties": ("any", "strict", "sequence"),
        "ttc": ("earliest", "fastest"),
        "unripe": ("exclude", "include"),
        "exclusion": ("attempt", "unit"),
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
    """Every chain of distinct rows that starts at row `start` and meets the required steps, whatever its length.

    Within the grace a row may stand before the moment at which the step before was reached.
    """

    def extend(chain: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        yield chain
        if len(chain) == len(rules.required):
            return
        reached = max(log[place].row.time for place in chain)
        for place, item in enumerate(log):
            if place in chain or rules.required[len(chain)] not in item.steps:
                continue
            close = rules.grace > 0 and item.row.time >= reached - rules.grace
            follows = close or (rules.grace == 0 and may_follow(log[chain[-1]].row, item.row, rules.ties))
            if follows and in_window(log[start].row.time, max(reached, item.row.time), rules.within):
                yield from extend((*chain, place))

    return extend((start,))


def in_window(start: int, time: int, within: int | None) -> bool:
    """The window is inclusive at both ends."""
    return start <= time and (within is None or time - start <= within)


def unbroken(log: Sequence[Labelled], chain: Sequence[int], ties: str, *, repeats: bool = False) -> bool:
    """Whether the chain's rows can stand side by side in the unit's whole list of events.

    Rows at one instant may be arranged freely, so only a foreign row *between* first and last breaks the chain. With
    strict ties nothing may be arranged: a foreign row at the instant of a chain row breaks it too. With `repeats` a row
    that is the current step once more is not foreign; tied with the chain's rows it may be that of any of them.
    """
    if len(chain) == 1:
        return True
    keys = [key_of(log[place].row, ties) for place in chain]
    for place, item in enumerate(log):
        key = key_of(item.row, ties)
        inside = keys[0] <= key <= keys[-1] if ties == "strict" else keys[0] < key < keys[-1]
        if place in chain or not inside:
            continue
        if not repeats or (ties == "strict" and key in keys[1:]):
            return False
        current = {max(at for at, each in enumerate(keys) if each < key)} if key > keys[0] else set()
        current |= {at for at, each in enumerate(keys) if each == key}
        if not current & item.steps:
            return False
    return True


def ordered_keys(log: Sequence[Labelled], start: int, rules: Rules) -> list[Key]:
    """When each required step is first reached, over all chains from this row; cut where a step took too long."""
    best: dict[int, Key] = {}
    for chain in chains(log, start, rules):
        if rules.order == "strict" and not unbroken(log, chain, rules.ties, repeats=rules.repeats):
            continue
        done = max(key_of(log[place].row, rules.ties) for place in chain)
        best[len(chain)] = min(done, best.get(len(chain), done))
    keys: list[Key] = []
    for level, step in enumerate(rules.required, start=1):
        window = rules.window(step)
        if level not in best or (keys and window is not None and best[level][0] - keys[-1][0] > window):
            break
        keys.append(best[level])
    return keys


def limit(entry: int, keys: Sequence[Key], rules: Rules) -> int | None:
    """The instant at which an attempt that got so far is over."""
    ends = [] if rules.within is None else [entry + rules.within]
    if len(keys) < len(rules.required) and (window := rules.window(rules.required[len(keys)])) is not None:
        ends.append(keys[-1][0] + window)
    return min(ends, default=None)


def ordered_times(log: Sequence[Labelled], start: int, rules: Rules) -> tuple[int | None, ...]:
    """Time of each step from this row on, to the furthest required one and the optional ones behind it."""
    keys = ordered_keys(log, start, rules)
    times: list[int | None] = []
    for step in range(len(rules.steps)):
        if step in rules.required:
            level = rules.required.index(step)
            times.append(keys[level][0] if level < len(keys) else None)
        else:
            times.append(optional_time(log, step, (log[start].row.time, keys), rules))
    while times[-1] is None:
        times.pop()
    return tuple(times)


def optional_time(log: Sequence[Labelled], step: int, reached: tuple[int, list[Key]], rules: Rules) -> int | None:
    """When an optional step is taken: its first event between the required steps around it, or none."""
    entry, keys = reached
    level = sum(place < step for place in rules.required)
    if len(keys) < level:
        return None
    before, after = keys[level - 1], keys[level] if level < len(keys) else None
    over = limit(entry, keys, rules)
    found = []
    for item in log:
        key, time = key_of(item.row, rules.ties), item.row.time
        if step not in item.steps:
            continue
        if rules.ties == "strict":
            between = before < key and (after is None or key < after)
        elif rules.grace:
            between = time >= before[0] - rules.grace and (after is None or time <= after[0] + rules.grace)
        else:
            between = before <= key and (after is None or key <= after)
        if not between or (after is None and over is not None and time > over):
            continue
        moment = max(time, before[0])
        found.append(moment if after is None else min(moment, after[0]))
    window = rules.window(step)
    first = min(found, default=None)
    return None if first is None or (window is not None and first - before[0] > window) else first


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
    keys = ordered_keys(log, start, rules)
    return keys[-1] if len(keys) == len(rules.required) else None


def killer(log: Sequence[Labelled], start: int, rules: Rules, over: int | None) -> int | None:
    """Time of the first exclusion event that ends the attempt, if one does: after the entry and before its end."""
    ties = "any" if rules.order == "unordered" else rules.ties
    entry, done = log[start].row, finish(log, start, rules)
    after = [
        item.row for item in log if item.row.event in rules.exclude and key_of(item.row, ties) > key_of(entry, ties)
    ]
    if done is not None:
        after = [row for row in after if key_of(row, ties) < done]
    elif over is not None:
        after = [row for row in after if row.time <= over]
    return min((row.time for row in after), default=None)


def attempts(log: Sequence[Labelled], rules: Rules) -> list[Attempt]:
    """Every attempt of one unit, in order of entry, ripe or not, killed or not."""
    found = []
    for place, item in enumerate(log):
        if not (item.steps if rules.order == "unordered" else 0 in item.steps):
            continue
        entry = item.row.time
        if rules.order == "unordered":
            times: tuple[int | None, ...] = unordered_times(log, place, rules)
            reached, over = len(times), None if rules.within is None else entry + rules.within
        else:
            keys, times = ordered_keys(log, place, rules), ordered_times(log, place, rules)
            reached, over = len(keys), limit(entry, keys, rules)
        killed = killer(log, place, rules, over)
        found.append(Attempt(key_of(item.row, rules.ties), entry, times, killed, over, reached))
    # Entries that nothing orders: the arrangement that serves the unit best comes first.
    return sorted(found, key=lambda one: (one.key, one.killed_at is not None, -one.depth, written(one.times)))


def written(times: tuple[int | None, ...]) -> tuple[float, ...]:
    """Times that can be compared: a step not taken comes last."""
    return tuple(float("inf") if time is None else time for time in times)
