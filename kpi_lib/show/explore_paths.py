"""An explorer for paths, and its twin without a browser: the same arguments give the same result."""

from typing import Any

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.paths import Paths, paths
from kpi_lib.show.controls import NOTHING, choice, number, split_by, toggle
from kpi_lib.show.explorer import Cuts, Explorer, seen, written

PLAIN = ("from_event", "to_event", "max_steps", "top", "by", "collapse")


def explore_paths(data: Dataset, *, by: str | None = None, **rules: Any) -> Paths:  # noqa: ANN401 - those of `paths`
    """Compute what the explorer shows for the same arguments: the ways through sessions, rules as those of `paths`."""
    return paths(data.with_by((by,)) if by else data, **rules)


class PathExplorer(Explorer[Paths]):
    """Choose where paths start, what they lead to and how much of them is named; drawing and line of code follow.

    `result` is the result on show (None while the choice is impossible), `code` the line that reproduces it.
    """

    def __init__(
        self,
        data: Dataset,
        *,
        from_event: str | None = None,
        to_event: str | None = None,
        max_steps: int = 5,
        top: int = 5,
    ) -> None:
        """Begin with these choices."""
        self.data, self.cut = data, Cuts(data)
        names = sorted({*event_names(data), *filter(None, (from_event, to_event))})
        controls = {
            "from_event": choice("From", "the start of the visit", names, from_event or NOTHING),
            "to_event": choice("To", "wherever it leads", names, to_event or NOTHING),
            "max_steps": number("Steps", max_steps, 2, 12),
            "top": number("Events a step", top, 1, 12),
            "by": split_by(data),
            "collapse": toggle("The same event in a row is one step", on=True),
        }
        super().__init__(controls, [PLAIN[:4], PLAIN[4:]])

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; no segment and no event are left out."""
        value = {name: control.value for name, control in self.controls.items()}
        named = {name: value[name] for name in ("from_event", "to_event", "by") if value[name]}
        return named | {name: value[name] for name in ("max_steps", "top", "collapse")}

    def ask(self, **arguments: Any) -> Paths:  # noqa: ANN401 - the twin's own
        """The paths of these choices."""
        by = arguments.pop("by", None)
        return explore_paths(self.cut(by), **arguments)

    def code_of(self, by: str | None = None, **rules: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices."""
        return written("kpi.paths", seen(by), **rules)
