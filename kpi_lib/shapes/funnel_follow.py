"""Entries followed through arrays of ordered rows: the attempts of `chains` for steps of different names, without a matrix.

Ordered steps take the first row that may follow; unordered ones the first row of each step from the entry's instant on;
strict ones are followed by `chains`, which tries tied events in every order.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kpi_lib.shapes.chain_log import Log, Pace
from kpi_lib.shapes.chain_strict import consecutive

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.integer[Any]]
    Flags = NDArray[np.bool_]
    Levels = list[tuple[Ints, Ints]]


NONE = 255


@dataclass(frozen=True)
class Track:
    """The rows of a part: time, place of the step (from `width` on: excluded events, `NONE`: neither), unit, where an instant
    begins; how many steps, the window, and the order that the steps are asked in."""

    time: "Ints"
    step: "NDArray[np.uint8]"
    unit: "NDArray[np.int32]"
    new_time: "Flags"
    width: int
    within: int | None
    order: str = "ordered"
    repeats: bool = False

    @property
    def excluded(self) -> "Flags":
        """Whether a row is an excluded event."""
        found: Flags = (self.step >= self.width) & (self.step != NONE)
        return found

    @cached_property
    def instant(self) -> "Ints":
        """For each row the first row of its instant."""
        import numpy as np

        starts = np.flatnonzero(self.new_time)
        return np.repeat(starts, np.diff(np.append(starts, len(self.time))))

    @cached_property
    def after(self) -> "Ints":
        """For each row the first row after its instant."""
        import numpy as np

        ends = np.append(np.flatnonzero(self.new_time)[1:], len(self.time))
        return np.repeat(ends, np.diff(np.append(0, ends)))

    def of(self, rows: "Ints") -> "Track":
        """Some of the rows: all of those of some units."""
        own = {"time": self.time[rows], "step": self.step[rows], "unit": self.unit[rows]}
        return replace(self, new_time=self.new_time[rows], **own)  # type: ignore[arg-type]


def follow(track: Track, entry: "Ints", *, strict: bool) -> "Levels":
    """For each level the entries that reach it and the rows where they do; `strict`: tied events stand in no order."""
    if track.order == "unordered":
        return _in_any_order(track, entry)
    chosen = _consecutive if track.order == "strict" else _in_order
    return chosen(track, entry, strict=strict)


def _in_order(track: Track, entry: "Ints", *, strict: bool) -> "Levels":
    """Always the first row that may follow."""
    import numpy as np

    follows = track.after if strict else track.instant  # the first row that may be the next step
    alive, row = np.arange(len(entry)), entry
    levels: Levels = [(alive, row)]
    for place in range(1, track.width):
        there, found = _next(track.step == place, follows[row])
        alive, found = alive[there], found[there]
        good = _inside(track, entry[alive], found)
        alive, row = alive[good], found[good]
        levels.append((alive, row))
    return levels


def _in_any_order(track: Track, entry: "Ints") -> "Levels":
    """The first row of each step from the entry's instant on; the k-th of them is level k."""
    import numpy as np

    before, never = track.instant[entry], len(track.time)
    reached = np.full((track.width, len(entry)), never, dtype=np.int32)
    for place in range(track.width):
        there, found = _next(track.step == place, before)
        good = there.copy()
        good[there] = _inside(track, entry[there], found[there])
        reached[place, good] = found[good]
    reached.sort(axis=0)
    return [(alive := np.flatnonzero(rows < never), rows[alive]) for rows in reached]


def _consecutive(track: Track, entry: "Ints", *, strict: bool) -> "Levels":
    """No other row between two steps, for some order of tied rows."""
    import numpy as np

    names = tuple(map(str, range(track.width)))
    masks = {name: track.step == place for place, name in enumerate(names)}
    group = np.cumsum(track.new_time, dtype=np.int64)
    log = Log(track.unit.astype(np.int64), track.time.astype(np.int64), group, masks, np.zeros(len(group), bool))
    pace = Pace(track.within, ties="strict" if strict else "any", repeats=track.repeats)
    found = consecutive(log, names, entry.astype(np.int64), pace).T
    return [(alive := np.flatnonzero(rows >= 0), rows[alive]) for rows in found]


def _next(hits: "Flags", before: "Ints") -> "tuple[Flags, Ints]":
    """The first of the rows that hit at or after each row: whether there is one, and which."""
    import numpy as np

    at, upto = np.flatnonzero(hits), np.cumsum(hits, dtype=np.int32)
    inside = np.minimum(before, len(hits) - 1)
    nth = np.where(before < len(hits), upto[inside] - hits[inside], len(at))
    there = nth < len(at)
    return there, at[np.minimum(nth, len(at) - 1)] if len(at) else nth


def _inside(track: Track, start: "Ints", found: "Ints") -> "Flags":
    """Whether rows are of the same unit as their entries, and within the window."""
    good: Flags = track.unit[found] == track.unit[start]
    if track.within is not None:
        good &= track.time[found] - track.time[start] <= track.within
    return good
