"""An explorer for cohorts, and its twin without a browser: the same arguments give the same result."""

import re
from typing import Any

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.cohort import CohortResult, cohorts
from kpi_lib.shapes.cohort_rules import CHOICES, Cohorts
from kpi_lib.show.controls import choice, dropdown, number, split_by, text, toggle
from kpi_lib.show.explorer import Cuts, Explorer, seen, written

FIRST, SIGNUP = "first", "signup"
MODES = {"on": "in a period", "on_or_after": "then or later", "bracket": "in a span of periods"}
BRACKETS = re.compile(r"(\d+)\s*[-–]\s*(\d+)")
PLAIN = ("start_event", "return_event", "grain", "mode", "brackets", "by")
RARER = ("clock", "periods", "min_events", "gone_after", "recurring")


def explore_cohorts(data: Dataset, *, by: str | None = None, **rules: Any) -> CohortResult:  # noqa: ANN401
    """Compute what the explorer shows for the same arguments: the cohorts of these rules, those of `Cohorts` by name."""
    return cohorts(data.with_by((by,)) if by else data, Cohorts(**rules))


class CohortExplorer(Explorer[CohortResult]):
    """Choose who starts, what counts as coming back, the periods and a segment; triangle, curve and line of code follow.

    `result` is the result on show (None while the choice is impossible), `code` the line that reproduces it.
    """

    def __init__(self, data: Dataset, *, grain: str = "week", clock: str = "calendar", by: str | None = None) -> None:
        """Begin with these choices."""
        self.data, self.cut = data, Cuts(data)
        names = sorted(event_names(data))
        signs = [(SIGNUP, SIGNUP)] if "signup_ts" in data.columns("users") else []
        starts = [("first activity", FIRST), *signs, *((name, name) for name in names if name not in (FIRST, SIGNUP))]
        grains, clocks = ([(each, each) for each in CHOICES[name]] for name in ("grain", "clock"))
        controls = {
            "start_event": dropdown("Start", starts, FIRST),
            "return_event": choice("Coming back", "any activity", names),
            "grain": dropdown("By", grains, grain),
            "mode": dropdown("Came back", [(label, mode) for mode, label in MODES.items()], "on"),
            "brackets": text("Spans", hint="such as 1-3, 4-7"),
            "by": split_by(data, by),
            "clock": dropdown("Clock", clocks, clock),
            "periods": text("Periods", hint="all"),
            "min_events": number("Events at least", 1, 1, 100),
            "gone_after": text("Gone after", hint="periods away; nobody"),
            "recurring": toggle("Start anew in every period"),
        }
        super().__init__(controls, [PLAIN[:3], PLAIN[3:]], rarer=RARER)

    def settle(self) -> None:
        """Spans are asked for only where they count."""
        self.controls["brackets"].layout.display = None if self.controls["mode"].value == "bracket" else "none"

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; what is left as it is does not stand there."""
        value = {name: control.value for name, control in self.controls.items()}
        rules: dict[str, Any] = {name: value[name] for name in ("start_event", "grain", "mode", "clock")}
        found = {
            "return_event": value["return_event"] or None,
            "brackets": _spans(value["brackets"]) if value["mode"] == "bracket" else (),
            "by": value["by"] or None,
            "periods": _whole(value["periods"], "Periods"),
            "gone_after": _whole(value["gone_after"], "Gone after"),
            "min_events": value["min_events"] if value["min_events"] != 1 else None,
            "recurring": value["recurring"] or None,
        }
        return rules | {name: each for name, each in found.items() if each not in (None, ())}

    def ask(self, **arguments: Any) -> CohortResult:  # noqa: ANN401 - the twin's own
        """The cohorts of these choices."""
        by = arguments.pop("by", None)
        return explore_cohorts(self.cut(by), **arguments)

    def code_of(self, by: str | None = None, **rules: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices."""
        return written("kpi.cohorts", seen(by), written("kpi.Cohorts", **rules))


def _whole(words: str, label: str) -> int | None:
    """A whole number as somebody wrote it; nothing where there is none."""
    if not words.strip():
        return None
    if not words.strip().isdecimal():
        raise UsageError(f"{label}: {words.strip()!r} is no whole number, as in 12.")
    return int(words)


def _spans(words: str) -> tuple[tuple[int, int], ...]:
    """Spans of periods as somebody wrote them.

    >>> _spans("1-3, 4-7")
    ((1, 3), (4, 7))
    """
    parts = [part.strip() for part in words.split(",") if part.strip()]
    found = [BRACKETS.fullmatch(part) for part in parts]
    if not parts or None in found:
        raise UsageError(f"Spans: {words.strip()!r} gives none; write them as in 1-3, 4-7.")
    return tuple((int(each[1]), int(each[2])) for each in found if each)
