"""An explorer for funnels, and its twin without a browser: the same arguments give the same result."""

from collections.abc import Iterable, Sequence
from typing import Any

from kpi_lib.core.dataset import PURCHASE, Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.funnel import FunnelResult, funnel
from kpi_lib.shapes.funnel_compare import FunnelComparison, compare_funnels
from kpi_lib.shapes.funnel_rules import CHOICES, PRESETS, Funnel
from kpi_lib.show.controls import NOTHING, choice, dropdown, split_by, text, toggle
from kpi_lib.show.explorer import Cuts, Explorer, seen

MOST_STEPS = 8
OCCURRENCES = (1, 2, 3, 5, 10)
PLAIN = ("within", "order", "by", "compare")
RARER = ("preset", "attempt", "within_step", "exclude", "exclusion", "hold")
Explored = FunnelResult | FunnelComparison


def explore_funnel(
    data: Dataset,
    *,
    steps: Sequence[str],
    by: str | None = None,
    compare: bool = False,
    preset: str | None = None,
    **rules: Any,  # noqa: ANN401 - the rules of a Funnel, by name
) -> Explored:
    """Compute what the explorer shows for the same arguments: a funnel, or its segments compared.

    `rules` are those of a Funnel; one that is None or empty is left to the preset, or to the default.
    """
    given = {name: value for name, value in rules.items() if value not in (None, ())}
    spec = Funnel.preset(preset, tuple(steps), **given) if preset else Funnel(tuple(steps), **given)
    if compare and not by:
        raise UsageError("to compare segments, choose a column under Split by.")
    found = funnel(data.with_by((by,)) if by else data, spec)
    return compare_funnels(found) if compare else found


def code_of(
    *,
    steps: Sequence[str],
    by: str | None = None,
    compare: bool = False,
    preset: str | None = None,
    within: str | None = None,
    order: str = "ordered",
    **rules: Any,  # noqa: ANN401 - the rules of a Funnel, by name
) -> str:
    """The line that gives the same result in a notebook.

    >>> code_of(steps=("view", "buy"), within="7d")
    "kpi.funnel(data, kpi.Funnel(('view', 'buy'), within='7d', order='ordered'))"
    >>> code_of(steps=("view", "buy"), preset="mixpanel", exclude=("refuse",))
    "kpi.funnel(data, kpi.Funnel.preset('mixpanel', ('view', 'buy'), within=None, order='ordered', exclude=('refuse',)))"
    """
    given = {"within": within, "order": order, **{k: v for k, v in rules.items() if v not in (None, ())}}
    told = ", ".join(f"{name}={value!r}" for name, value in given.items())
    spec = (
        f"kpi.Funnel.preset({preset!r}, {tuple(steps)!r}, {told})"
        if preset
        else f"kpi.Funnel({tuple(steps)!r}, {told})"
    )
    line = f"kpi.funnel({seen(by)}, {spec})"
    return f"kpi.compare_funnels({line})" if compare else line


def step_choices(data: Dataset, steps: Sequence[str]) -> list[str]:
    """Events to choose steps from; orders also by their number."""
    names = sorted(event_names(data))
    counted = [f"{PURCHASE}@{nth}" for nth in OCCURRENCES] if PURCHASE in names else []
    return list(dict.fromkeys([*names, *counted, *steps]))


class FunnelExplorer(Explorer[Explored]):
    """Choose steps, window, order and segment, and under "More rules" the rest; chart, sentence and line of code follow.

    `result` is the result on show (None while the choice is impossible), `code` the line that reproduces it.
    """

    def __init__(
        self,
        data: Dataset,
        steps: Sequence[str],
        *,
        within: str | None = "7d",
        by: str | None = None,
        order: str = "ordered",
    ) -> None:
        """Begin with these choices."""
        self.data, self.cut = data, Cuts(data)
        names = step_choices(data, steps)
        given = [*steps, *[NOTHING] * MOST_STEPS][:MOST_STEPS]
        chosen = {f"step_{at}": choice(f"Step {at}", "–", names, name) for at, name in enumerate(given, 1)}
        self.steps = list(chosen.values())
        plain = {
            "within": text("Within", within or NOTHING, "no limit"),
            "order": dropdown("Order", [(name, name) for name in CHOICES["order"]], order),
            "by": split_by(data, by),
            "compare": toggle("Compare segments"),
        }
        super().__init__(chosen | plain | self._rarer(names), [list(chosen), PLAIN], rarer=RARER)

    def _rarer(self, names: Iterable[str]) -> dict[str, Any]:
        """The controls of the rules that few ask for, by argument; their first choice leaves the rule as it is."""
        held = [name for name in self.data.columns(self.data.activity) if name not in ("user_id", "time", "event")]
        return {
            "preset": choice("Rules of", "ours", PRESETS),
            "attempt": choice("Attempt", "as the rules say", CHOICES["attempt"]),
            "within_step": text("Step times", hint="such as 1d, -"),
            "exclude": choice("Ended by", "no event", (name for name in names if "@" not in name)),
            "exclusion": choice("It ends", "the attempt", ("unit",)),
            "hold": choice("Same", "no column", held),
        }

    def settle(self) -> None:
        """Offer one more step than is chosen."""
        used = max((at for at, control in enumerate(self.steps) if control.value != NOTHING), default=-1)
        for at, control in enumerate(self.steps):
            control.layout.display = None if at <= used + 1 else "none"

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; a rule that is left as it is does not stand there."""
        value = {name: control.value for name, control in self.controls.items()}
        steps = tuple(control.value for control in self.steps if control.value != NOTHING)
        chosen = {"steps": steps, "within": value["within"].strip() or None, "by": value["by"] or None}
        rarer: dict[str, Any] = {name: value[name].strip() for name in RARER if value[name].strip()}
        if "within_step" in rarer:
            rarer["within_step"] = tuple(part.strip() for part in rarer["within_step"].split(","))
        if "exclude" in rarer:
            rarer["exclude"] = (value["exclude"],)
        return chosen | {"order": value["order"]} | rarer | ({"compare": True} if value["compare"] else {})

    def ask(self, **arguments: Any) -> Explored:  # noqa: ANN401 - the twin's own
        """The funnel of these choices."""
        by = arguments.pop("by", None)
        if arguments.get("compare"):
            return explore_funnel(self.data, by=by, **arguments)
        return explore_funnel(self.cut(by), **arguments)

    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices."""
        return code_of(**arguments)
