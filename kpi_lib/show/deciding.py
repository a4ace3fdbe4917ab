"""A form that puts a decision on record in the middle of a review, with its owner and its day."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import ipywidgets

from kpi_lib.answers.decisions import TYPES, Decision, Taken
from kpi_lib.core.errors import KpiError
from kpi_lib.show.controls import dropdown
from kpi_lib.show.decisions import taken_sentence, taken_table
from kpi_lib.show.panel import framed, refusal
from kpi_lib.show.phrases import title_of
from kpi_lib.show.render import html

WIDE = "min(100%, 34em)"


class DecisionForm:
    """What was decided, by whom it is seen to, and what it is to do by when; the button puts it on record.

    `keep` writes a decision, `known` reads those on record. `error` says in words why one was not taken.
    """

    def __init__(
        self,
        keep: Callable[[Decision], object],
        known: Callable[[], Taken],
        *,
        kpis: Sequence[str],
        owners: Sequence[str],
        today: date,
    ) -> None:
        """Offer these KPIs and teams."""
        self.keep, self.known, self.today, self.error = keep, known, today, ""
        self.decision = _line("Decision", "what is done from now on")
        self.signal = _line("Because", "what was seen that led to it")
        self.type = dropdown("Type", [(name, name) for name in TYPES], TYPES[0])
        self.owner = ipywidgets.Combobox(description="Owner", options=tuple(owners), placeholder="a team, no person")
        self.kpi = dropdown("KPI", [(title_of(name), name) for name in kpis], kpis[0] if kpis else None)
        self.expect = _line("Expected", "+5 %, -2 points, up or down", width="24em")
        self.due = ipywidgets.DatePicker(description="By", value=None)
        self.button = ipywidgets.Button(description="Put on record", button_style="primary")
        self.button.on_click(self._clicked)
        self._shown = ipywidgets.HTML()
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        rows = [[self.type, self.owner, self.kpi], [self.expect, self.due, self.button]]
        lines = [ipywidgets.HBox(row, layout=wrap) for row in rows]
        self.box = ipywidgets.VBox([self._shown, self.decision, self.signal, *lines])
        self.refresh()

    def record(self) -> None:
        """Put the decision that is written in the form on record, or say why that cannot be."""
        missing = [each.description for each in (self.decision, self.signal, self.owner, self.expect) if not _of(each)]
        missing += [] if self.due.value else [self.due.description]
        if missing:
            self.error = f"A decision also needs: {', '.join(missing)}."
            return
        try:
            self.keep(self._made())
        except KpiError as error:
            self.error = str(error)
            return
        self.error = ""
        for each in (self.decision, self.signal, self.expect):
            each.value = ""

    def _made(self) -> Decision:
        texts = {name: _of(getattr(self, name)) for name in ("decision", "signal", "owner", "expect")}
        due = self.due.value
        return Decision(**texts, type=self.type.value, kpi=self.kpi.value or "", date=self.today, due=due, look=due)

    def refresh(self) -> None:
        """Show what is on record, and above it what is wrong with the form."""
        found = self.known()
        parts = [html(taken_sentence(found)), *([html(taken_table(found))] if found.decisions else [])]
        told = "".join(part.text for part in parts)
        wrong = refusal(self.error) if self.error else ""
        self._shown.value = framed(told) + wrong

    def _clicked(self, _: Any) -> None:  # noqa: ANN401 - ipywidgets is untyped
        self.record()
        self.refresh()


def _of(control: Any) -> str:  # noqa: ANN401 - ipywidgets is untyped
    return str(control.value).strip()


def _line(label: str, placeholder: str, *, width: str = WIDE) -> Any:  # noqa: ANN401 - ipywidgets is untyped
    return ipywidgets.Text(description=label, placeholder=placeholder, layout=ipywidgets.Layout(width=width))
