"""What chains of events are followed through: the rows of a question as arrays, and how a chain may go on."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


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

    def reach(self, grace: int) -> "Ints":
        """Index of the unit's first row that lies at most so many microseconds before each row."""
        import numpy as np

        found = np.arange(len(self.time))
        close = (self.unit[1:] == self.unit[:-1]) & (self.time[1:] - self.time[:-1] <= grace)
        rows = np.flatnonzero(close) + 1  # the others reach no further than to themselves
        low, high = np.searchsorted(self.unit, self.unit[rows]), rows.copy()
        while len(wide := np.flatnonzero(low < high)):  # by halves
            middle = (low[wide] + high[wide]) // 2
            inside = self.time[rows[wide]] - self.time[middle] <= grace
            high[wide[inside]] = middle[inside]
            low[wide[~inside]] = middle[~inside] + 1
        found[rows] = low
        return found


@dataclass(frozen=True, slots=True)
class Pace:
    """How a chain may go on: microseconds from the entry and from step to step, the rule for ties, grace, repeats."""

    within: int | None = None
    windows: tuple[int | None, ...] = ()
    ties: str = "any"
    grace: int = 0
    repeats: bool = False
