"""An explorer for funnels, and its twin without a browser: the same arguments give the same result."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ipywidgets
import polars as pl

from kpi_lib.core.dataset import PURCHASE, Dataset
from kpi_lib.core.errors import KpiError, UsageError
from kpi_lib.core.schema import TABLES
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.funnel import FunnelResult, funnel
from kpi_lib.shapes.funnel_compare import FunnelComparison, compare_funnels
from kpi_lib.shapes.funnel_rules import CHOICES, PRESETS, Funnel
from kpi_lib.show.charts import chart
from kpi_lib.show.markup import join, tag
from kpi_lib.show.notebook import stylesheet
from kpi_lib.show.picture import drawable, still
from kpi_lib.show.render import html
from kpi_lib.show.say import say

WAIT = 0.25  # seconds of rest before a change is computed
MOST_STEPS = 8
MOST_VALUES = 50
OCCURRENCES = (1, 2, 3, 5, 10)
NOTHING = ""
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
    line = f"kpi.funnel({f'data.with_by(({by!r},))' if by else 'data'}, {spec})"
    return f"kpi.compare_funnels({line})" if compare else line


def segment_columns(data: Dataset) -> list[str]:
    """Columns that can split a funnel: words with few values, neither ids nor the event itself."""
    found: list[str] = []
    for table in (data.activity, "users"):
        barred = {column.name for column in TABLES.get(table, ()) if column.required or column.kind != "text"}
        frame = data.tables.get(table)
        for column in frame.columns if frame is not None else ():
            worded = frame is not None and frame.schema[column] in (pl.String, pl.Categorical, pl.Boolean)
            if worded and column not in barred and data.segments(column).len() <= MOST_VALUES:
                found.append(column)
    return list(dict.fromkeys(found))


def step_choices(data: Dataset, steps: Sequence[str]) -> list[str]:
    """Events to choose steps from; orders also by their number."""
    names = sorted(event_names(data))
    counted = [f"{PURCHASE}@{nth}" for nth in OCCURRENCES] if PURCHASE in names else []
    return list(dict.fromkeys([*names, *counted, *steps]))


class FunnelExplorer:
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
        self.data = data
        self.result: Explored | None = None
        self.error = ""
        self._pending: asyncio.TimerHandle | None = None
        names = step_choices(data, steps)
        choices = [("–", NOTHING), *((name, name) for name in names)]
        given = [*steps, *[NOTHING] * MOST_STEPS][:MOST_STEPS]
        self.steps = [dropdown(f"Step {at}", choices, name) for at, name in enumerate(given, 1)]
        self.within = _text("Within", within or "", "no limit")
        self.order = dropdown("Order", [(name, name) for name in CHOICES["order"]], order)
        segments = list(dict.fromkeys([*segment_columns(data), *([by] if by else [])]))
        self.by = dropdown("Split by", [("nothing", NOTHING), *((name, name) for name in segments)], by or NOTHING)
        self.compare = ipywidgets.Checkbox(value=False, description="Compare segments", indent=False)
        self.rules = self._rarer(names)
        self._shown = ipywidgets.HTML()
        self.box = self._laid_out()
        self.refresh()

    def _rarer(self, names: Sequence[str]) -> dict[str, Any]:
        """The controls of the rules that few ask for, by argument; their first choice leaves the rule as it is."""
        held = [name for name in self.data.columns(self.data.activity) if name not in ("user_id", "time", "event")]

        def of(label: str, none: str, values: Iterable[str]) -> Any:  # noqa: ANN401 - ipywidgets is untyped
            return dropdown(label, [(none, NOTHING), *((value, value) for value in values)], NOTHING)

        return {
            "preset": of("Rules of", "ours", PRESETS),
            "attempt": of("Attempt", "as the rules say", CHOICES["attempt"]),
            "within_step": _text("Step times", "", "such as 1d, -"),
            "exclude": of("Ended by", "no event", (name for name in names if "@" not in name)),
            "exclusion": of("It ends", "the attempt", ("unit",)),
            "hold": of("Same", "no column", held),
        }

    def _laid_out(self) -> Any:  # noqa: ANN401 - ipywidgets is untyped
        """All controls, the rarer ones folded away, above the place of the answer."""
        for control in (*self.steps, self.within, self.order, self.by, self.compare, *self.rules.values()):
            control.observe(self._changed, names="value")
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        rows = [[*self.steps], [self.within, self.order, self.by, self.compare], [*self.rules.values()]]
        first, second, third = (ipywidgets.HBox(row, layout=wrap) for row in rows)
        more = ipywidgets.Accordion(children=[third], titles=("More rules",), selected_index=None)
        return ipywidgets.VBox([first, second, more, self._shown])

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; a rule that is left as it is does not stand there."""
        steps = tuple(control.value for control in self.steps if control.value != NOTHING)
        within = self.within.value.strip() or None
        chosen = {"steps": steps, "within": within, "by": self.by.value or None, "order": self.order.value}
        rarer = {name: control.value.strip() for name, control in self.rules.items() if control.value.strip()}
        if "within_step" in rarer:
            rarer["within_step"] = tuple(part.strip() for part in rarer["within_step"].split(","))
        if "exclude" in rarer:
            rarer["exclude"] = (self.rules["exclude"].value,)
        return chosen | rarer | ({"compare": True} if self.compare.value else {})

    @property
    def code(self) -> str:
        """The line of code that reproduces what is shown."""
        return code_of(**self.arguments)

    def refresh(self) -> None:
        """Compute and show the choices as they are now."""
        self._pending = None
        self._reveal()
        try:
            self.result, self.error = explore_funnel(self.data, **self.arguments), ""
        except KpiError as error:
            self.result, self.error = None, str(error)
        self._shown.value = shown(self.result, self.code) if self.result is not None else refusal(self.error)

    def _reveal(self) -> None:
        """Offer one more step than is chosen."""
        used = max((at for at, control in enumerate(self.steps) if control.value != NOTHING), default=-1)
        for at, control in enumerate(self.steps):
            control.layout.display = None if at <= used + 1 else "none"

    def _changed(self, _: Mapping[str, Any]) -> None:
        """Wait for a pause in changes; without an event loop there is nothing to wait for."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.refresh()
            return
        if self._pending is not None:
            self._pending.cancel()
        self._pending = loop.call_later(WAIT, self.refresh)

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - the notebook's calling convention
        """Show the controls in a notebook."""
        return self.box._repr_mimebundle_(**options)


def shown(result: Explored, code: str) -> str:
    """A result as safe markup: its sentence, its chart, the line of code."""
    words, line = (
        html(say(result)),
        join(tag("p", "The same in one line:", class_="kpi-note"), tag("pre", tag("code", code))),
    )
    if isinstance(result, FunnelComparison) and result.table["difference"].drop_nulls().is_empty():
        return f'{styled()}<div class="kpi-block" aria-live="polite">{words.text}{line.text}</div>'
    picture = chart(result)
    drawing = still({**drawable(picture.wide), "background": "#ffffff"})
    rules = tag("p", str(picture.note), class_="kpi-note")
    image = tag("figure", aria_label=picture.alt, role="img", style="margin:0;overflow-x:auto").text
    image = image.replace("></figure>", f">{drawing}</figure>")
    return f'{styled()}<div class="kpi-block" aria-live="polite">{words.text}{image}{rules.text}{line.text}</div>'


def refusal(message: str) -> str:
    """Why a choice is impossible, in words."""
    return f'{styled()}<div class="kpi-block">{tag("p", message, class_="kpi-say", role="alert").text}</div>'


def styled() -> str:
    """The stylesheet that safe markup needs where no page brings it."""
    return f"<style>{stylesheet()}</style>"


def dropdown(label: str, options: list[tuple[str, str]], value: str | None) -> Any:  # noqa: ANN401 - ipywidgets is untyped
    """A labelled list to choose from."""
    return ipywidgets.Dropdown(options=options, value=value, description=label)


def _text(label: str, value: str, placeholder: str) -> Any:  # noqa: ANN401 - ipywidgets is untyped
    return ipywidgets.Text(value=value, description=label, placeholder=placeholder, continuous_update=False)
