"""Of entries followed through arrays of rows those that count: the rules of `attempts.choose`, without a frame for each entry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kpi_lib.shapes.funnel_follow import Track
from kpi_lib.shapes.funnel_rules import Funnel

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from kpi_lib.shapes.funnel_follow import Levels

    Ints = NDArray[np.integer[Any]]
    Flags = NDArray[np.bool_]
    Depths = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Tried:
    """Entries and what became of them: the row of each, how deep it came, its last row if it is complete (else −1), and the
    row of the excluded event that ended it (else −1)."""

    entry: "Ints"
    depth: "Depths"
    last: "Ints"
    killer: "Ints"

    def of(self, some: "Ints | Flags") -> "Tried":
        """Some of the entries."""
        return Tried(self.entry[some], self.depth[some], self.last[some], self.killer[some])


def tried(track: Track, entry: "Ints", levels: "Levels") -> Tried:
    """What became of entries that reached these levels."""
    import numpy as np

    depth = np.zeros(len(entry), dtype=np.int8)
    for alive, _ in levels:
        depth[alive] += 1
    last = np.full(len(entry), -1, dtype=np.int64)
    alive, row = levels[-1]
    last[alive] = row
    return Tried(entry, depth, last, _killers(track, entry, last))


def _killers(track: Track, entry: "Ints", last: "Ints") -> "Ints":
    """The first excluded event after each entry and before its end; −1 where there is none."""
    import numpy as np

    none, at = np.full(len(entry), -1, dtype=np.int64), np.flatnonzero(track.excluded)
    if not len(at) or not len(entry):
        return none
    place = np.searchsorted(at, track.after[entry])
    row = at[np.minimum(place, len(at) - 1)]
    later = (place < len(at)) & (track.unit[row] == track.unit[entry])
    in_time = True if track.within is None else track.time[row] - track.time[entry] <= track.within
    killed: Flags = later & np.where(last >= 0, row < track.instant[last], in_time)
    return np.where(killed, row, none)


def chosen(track: Track, found: Tried, usable: "Flags", spec: Funnel) -> "Ints":
    """The places of the entries that count, of those that are usable: one of each unit, or all that do not overlap."""
    import numpy as np

    unit, killed = track.unit[found.entry], found.killer >= 0
    kept = usable.copy()
    if spec.exclusion == "unit":
        kept &= ~np.isin(unit, unit[usable & killed])
    if spec.attempt == "all":
        taken = _disjoint(track, found, np.flatnonzero(kept))
        return taken[~killed[taken]]
    if spec.attempt != "best":
        kept[kept] = earliest(unit[kept], track.time[found.entry[kept]])
    places = np.flatnonzero(kept & ~killed)
    return places[_best(track, found.of(places), latest=spec.time_to_convert == "fastest")]


def earliest(unit: "Ints", time: "Ints") -> "Flags":
    """Which entries, in order, lie at their unit's first instant."""
    import numpy as np

    first = np.flatnonzero(np.append(True, unit[1:] != unit[:-1])) if len(unit) else unit
    found: Flags = time == np.repeat(time[first], np.diff(np.append(first, len(unit))))
    return found


def _best(track: Track, found: Tried, *, latest: bool) -> "Ints":
    """Of each unit the place of its deepest entry; of equally deep ones the earliest, or the first of the latest instant."""
    import numpy as np

    entry, depth = found.entry, found.depth
    if not len(entry):
        return entry
    unit = track.unit[entry]
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    deepest = np.maximum.reduceat(depth, starts)
    places: Ints = np.flatnonzero(depth == np.repeat(deepest, np.diff(np.append(starts, len(entry)))))
    owner, time = unit[places], track.time[entry[places]]
    if not latest:
        first: Ints = places[np.append(True, owner[1:] != owner[:-1])]
        return first
    begins = np.append(True, (owner[1:] != owner[:-1]) | (time[1:] != time[:-1]))
    first = np.maximum.accumulate(np.where(begins, np.arange(len(places)), 0))
    last: Ints = places[first[np.append(owner[1:] != owner[:-1], True)]]
    return last


def _disjoint(track: Track, found: Tried, places: "Ints") -> "Ints":
    """From a unit's first entry on, each next attempt begins strictly after the end of the one before."""
    import numpy as np

    if not len(places):
        return places
    entry = found.entry[places]
    unit, time = track.unit[entry], track.time[entry]
    begins = np.append(True, (unit[1:] != unit[:-1]) | (time[1:] != time[:-1]))
    # of entries at one instant the one that serves the unit best
    rank = np.lexsort((entry, -found.depth[places], found.killer[places] >= 0, np.cumsum(begins)))
    starts = places[rank[np.flatnonzero(begins)]]
    entry, owner = found.entry[starts], track.unit[found.entry[starts]]
    frontier, taken = np.flatnonzero(np.append(True, owner[1:] != owner[:-1])), []
    while len(frontier):
        taken.append(starts[frontier])
        following = np.searchsorted(entry, _after(track, found.of(starts[frontier])))
        inside = following < len(starts)
        inside[inside] = owner[following[inside]] == owner[frontier[inside]]
        frontier = following[inside]
    return np.sort(np.concatenate(taken))


def _after(track: Track, found: Tried) -> "Ints":
    """The first row after the end of each attempt; that of its unit at most the first one of the next."""
    import numpy as np

    low, high = found.entry + 1, np.searchsorted(track.unit, track.unit[found.entry], side="right")
    end = np.where(found.killer >= 0, found.killer, found.last)
    done = end >= 0
    low = np.where(done, track.after[end], low if track.within is not None else high)
    high = np.where(done | (track.within is None), low, high)
    while len(wide := np.flatnonzero(low < high)):  # the first row beyond the window, by halves
        middle = (low[wide] + high[wide]) // 2
        inside = track.time[middle] - track.time[found.entry[wide]] <= (track.within or 0)
        low[wide[inside]] = middle[inside] + 1
        high[wide[~inside]] = middle[~inside]
    return low


def different(one: "tuple[Ints, Depths]", other: "tuple[Ints, Depths]") -> "Ints":
    """Units whose attempts, in order, are not equally deep in both."""
    import numpy as np

    size = max(len(one[0]), len(other[0])) + 1

    def codes(unit: "Ints", depth: "Depths") -> "NDArray[np.int64]":
        first = np.flatnonzero(np.append(True, unit[1:] != unit[:-1])) if len(unit) else unit
        nth = np.arange(len(unit)) - np.repeat(first, np.diff(np.append(first, len(unit))))
        found: NDArray[np.int64] = (unit.astype(np.int64) * size + nth) * 256 + depth
        return found

    found: Ints = np.unique(np.setxor1d(codes(*one), codes(*other), assume_unique=True) // (256 * size))
    return found
