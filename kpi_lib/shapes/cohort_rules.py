"""What a retention question asks: who starts, what counts as coming back, and on which clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.shapes.activity import ANY

DAY = 86_400_000_000
LENGTHS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "grain": tuple(LENGTHS),
    "mode": ("on", "on_or_after", "bracket"),
    "clock": ("calendar", "elapsed"),
}


@dataclass(frozen=True, slots=True)
class Cohorts:
    """A retention question: who starts, what counts as coming back, and on which clock.

    `start_event` is first (first activity ever), signup (users.signup_ts) or an event name; `return_event` an event name
    or any activity. The elapsed clock counts exact days of 24 h, weeks of 7 and months of 30 such days from the entry.
    `recurring`: a user enters a cohort in every period with a start event, not only in the first. `gone_after`: whole
    periods away after which somebody counts as gone, for the survival in the curve.

    >>> Cohorts(grain="month").clock
    'calendar'
    """

    start_event: str = "first"
    return_event: str | None = None
    grain: str = "week"
    mode: str = "on"
    brackets: tuple[tuple[int, int], ...] = ()
    clock: str = "calendar"
    periods: int | None = None
    min_events: int = 1
    value: str | None = None
    recurring: bool = False
    gone_after: int | None = None
    events: tuple[str, ...] = ANY

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed, where="the cohorts")
        if self.mode == "bracket" and not self.brackets:
            raise UsageError("bracket retention needs brackets, as in 1-3,4-7.")
        if self.brackets and self.mode != "bracket":
            raise UsageError(f"brackets go with mode bracket, not with mode {self.mode}.")
        ordered = sorted(self.brackets)
        if any(lo < 0 or hi < lo for lo, hi in ordered) or any(b[0] <= a[1] for a, b in pairwise(ordered)):
            written = ",".join(f"{lo}-{hi}" for lo, hi in self.brackets)
            raise UsageError(
                f"the brackets {written} are not possible: each begins at 0 or later, ends after its start and overlaps no other."
            )
        self._check_counts()

    def _check_counts(self) -> None:
        if self.min_events < 1:
            raise UsageError(f"min_events is {self.min_events}; it must be 1 or more.")
        if self.periods is not None and self.periods < 0:
            raise UsageError(f"periods is {self.periods}; it must be 0 or more.")
        if self.recurring and self.start_event == "signup":
            raise UsageError("nobody signs up again: recurring cohorts start from first or an event.")
        if self.gone_after is not None and (self.gone_after < 1 or self.mode != "on"):
            raise UsageError(f"gone_after is {self.gone_after}; it must be 1 or more, and goes with mode on.")

    @property
    def comes_back_otherwise(self) -> bool:
        """Whether coming back is something else than starting, so that it can happen in the period of the start."""
        return self.start_event == "signup" or self.return_event not in (None, self.start_event)
