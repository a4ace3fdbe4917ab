"""A chooser of KPIs; its twin without a browser is `kpi.stage`: the same arguments give the same advice."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from kpi_lib.answers.stages import GOALS, LIMIT, PROFILES, STAGES, Advice, stage
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import KpiError
from kpi_lib.show.advice import advice_table, gaps, sentence
from kpi_lib.show.markup import tag
from kpi_lib.show.render import html
from kpi_lib.show.widgets import dropdown, refusal, styled

NONE = ""


class KpiChooser:
    """Choose stage, goals, profile and how many; the KPIs with their reasons and the line of code follow.

    `advice` is what is on show (None while the choice is impossible), `code` the line and `command` the command for it.
    """

    def __init__(
        self,
        data: Dataset | None = None,
        *,
        stage: str | None = None,
        goals: Sequence[str] = (),
        profile: str | None = None,
        new_features: bool = False,
        limit: int = LIMIT,
    ) -> None:
        """Begin with these choices."""
        self.data = data
        self.advice: Advice | None = None
        self.error = ""
        self.stage = dropdown("Stage", [("none", NONE), *((name, name) for name in STAGES)], stage or NONE)
        self.profile = dropdown("Product", [("any", NONE), *((name, name) for name in PROFILES)], profile or NONE)
        self.goals = {name: ipywidgets.Checkbox(value=name in goals, description=name) for name in GOALS}
        self.new_features = ipywidgets.Checkbox(value=new_features, description="new features are planned")
        self.limit = ipywidgets.BoundedIntText(value=limit, min=1, max=12, description="At most")
        self._shown = ipywidgets.HTML()
        controls = [self.stage, self.profile, self.limit, *self.goals.values(), self.new_features]
        for control in controls:
            control.observe(self._changed, names="value")
        wrap = ipywidgets.Layout(flex_flow="row wrap")
        rows = [ipywidgets.HBox(part, layout=wrap) for part in (controls[:3], controls[3:])]
        self.box = ipywidgets.VBox([*rows, self._shown])
        self.refresh()

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as `kpi.stage` takes them."""
        return {
            "stage": self.stage.value or None,
            "goals": tuple(name for name, control in self.goals.items() if control.value),
            "profile": self.profile.value or None,
            "new_features": bool(self.new_features.value),
            "limit": int(self.limit.value),
        }

    @property
    def code(self) -> str:
        """The line of code that reproduces what is shown."""
        return f"kpi.stage(data, {', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    @property
    def command(self) -> str:
        """The command that writes the choice into kpi.toml."""
        asked = self.arguments
        said = [f"--{name} {asked[name]}" for name in ("stage", "profile") if asked[name]]
        said += [f"--goal {goal}" for goal in asked["goals"]]
        said += ["--new-features"] if asked["new_features"] else []
        said += [f"--limit {asked['limit']}"] if asked["limit"] != LIMIT else []
        return " ".join(["kpi stage", *said, "--write"])

    def refresh(self) -> None:
        """Compute and show the choices as they are now."""
        try:
            self.advice, self.error = stage(self.data, **self.arguments), ""
        except KpiError as error:
            self.advice, self.error = None, str(error)
        self._shown.value = self._told(self.advice) if self.advice is not None else refusal(self.error)

    def _told(self, advice: Advice) -> str:
        parts = (sentence(advice), gaps(advice), advice_table(advice))
        words = [html(part).text for part in parts if part is not None]
        for label, line in (("The same in one line:", self.code), ("To write it into kpi.toml:", self.command)):
            words += [tag("p", label, class_="kpi-note").text, tag("pre", tag("code", line)).text]
        return f'{styled()}<div class="kpi-block" aria-live="polite">{"".join(words)}</div>'

    def _changed(self, _: Mapping[str, Any]) -> None:
        self.refresh()

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - the notebook's calling convention
        """Show the controls in a notebook."""
        return self.box._repr_mimebundle_(**options)
