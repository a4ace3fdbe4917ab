"""An explorer for segments, and its twin without a browser: the same arguments give the same result."""

from typing import Any

from kpi_lib.answers.compute import segmentable
from kpi_lib.answers.contributions import Segmented, segmented
from kpi_lib.answers.demands import available
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, last_complete
from kpi_lib.show.controls import NOTHING, choice, dropdown, number, segment_columns
from kpi_lib.show.explorer import Cuts, Explorer, written
from kpi_lib.show.phrases import title_of

CADENCES = ("day", "week", "month", "quarter")


def explore_segments(
    data: Dataset, *, name: str, by: str | None = None, only: str = "", every: str = "month", periods: int = 6
) -> Segmented:
    """Compute what the explorer shows for the same arguments: a KPI over its last whole periods, by segment.

    `only` keeps one segment (column=value), `by` cuts what is left; each segment's part of the last change comes along.
    """
    seen = data.only(only)
    return segmented(name, seen, _periods(data, every, periods), cut=seen.with_by((by,)) if by else None)


def _periods(data: Dataset, every: str, periods: int) -> Grid:
    return last_complete(every, data.observed_until, zone=data.zone, week_start=data.week_start).back(periods)


class SegmentExplorer(Explorer[Segmented]):
    """Choose a KPI, a column to cut it by, one segment to stay in and the periods; lines and line of code follow.

    Below the lines stands what each segment contributed to the last change, by its size (mix) and its own figure (rate).

    `result` is the result on show (None while the choice is impossible), `code` the line that reproduces it.
    """

    def __init__(self, data: Dataset, name: str = "", *, by: str | None = None, every: str = "month") -> None:
        """Begin with these choices; where the data do not allow the KPI, with the first that they allow."""
        self.data, self.cut = data, Cuts(data)
        names = sorted((each for each, lacking in available(data).items() if not lacking), key=title_of)
        self._columns = segment_columns(data)
        values = [f"{column}={value}" for column in self._columns for value in data.segments(column).drop_nulls()]
        if not names:
            raise UsageError("no KPI can be computed from these data: there is nothing to cut.")
        begun = name if name in names else names[0]
        fit = segmentable(begun, data, self._columns)
        controls = {
            "name": dropdown("KPI", [(title_of(each), each) for each in names], begun),
            "by": choice("Split by", "nothing", fit, by or (fit[0] if fit else NOTHING)),
            "only": choice("Only", "everybody", values),
            "every": dropdown("Every", [(each, each) for each in CADENCES], every),
            "periods": number("Periods", 6, 1, 60),
        }
        super().__init__(controls, [tuple(controls)[:3], tuple(controls)[3:]])

    def settle(self) -> None:
        """Offer the columns that this KPI can be cut by."""
        control, fit = self.controls["by"], segmentable(self.controls["name"].value, self.data, self._columns)
        if (offered := (("nothing", NOTHING), *((each, each) for each in fit))) != tuple(control.options):
            kept = control.value if control.value in fit else NOTHING
            control.options = offered
            control.value = kept

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; no segment is left out."""
        value = {name: control.value for name, control in self.controls.items()}
        return {name: each for name, each in value.items() if each != NOTHING}

    def ask(self, **arguments: Any) -> Segmented:  # noqa: ANN401 - the twin's own
        """The figures of these choices."""
        by, only, name = arguments.get("by"), arguments.get("only", ""), arguments["name"]
        grid = _periods(self.data, arguments["every"], arguments["periods"])
        return segmented(name, self.cut(None, only), grid, cut=self.cut(by, only) if by else None)

    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices."""
        return written("kpi.explore_segments", "data", **arguments)
