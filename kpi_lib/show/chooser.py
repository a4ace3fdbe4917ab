"""A chooser of KPIs; its twin without a browser is `kpi.stage`: the same arguments give the same advice."""

from collections.abc import Sequence
from typing import Any

from kpi_lib.answers.demands import available
from kpi_lib.answers.stages import GOALS, LIMIT, PROFILES, STAGES, Advice, stage
from kpi_lib.core.dataset import Dataset
from kpi_lib.show.controls import NOTHING, choice, number, toggle
from kpi_lib.show.explorer import Explorer, written

GOAL = "goal_"  # leads the names of the controls of goals
PLAIN = ("stage", "profile", "north_star", "limit")


class KpiChooser(Explorer[Advice]):
    """Choose stage, goals, product, north star and how many; the KPIs with their reasons and the line of code follow.

    `result` is the advice on show (None while the choice is impossible), `code` the line and `command` the command for it.
    """

    def __init__(
        self,
        data: Dataset | None = None,
        *,
        stage: str | None = None,
        goals: Sequence[str] = (),
        profile: str | None = None,
        north_star: str | None = None,
        new_features: bool = False,
        limit: int = LIMIT,
    ) -> None:
        """Begin with these choices."""
        self.data = data
        there = available(data) if data is not None else {}
        stars = sorted(
            {*(name for name, lacking in there.items() if not lacking), *([north_star] if north_star else [])}
        )
        controls = {
            "stage": choice("Stage", "none", STAGES, stage or NOTHING),
            "profile": choice("Product", "any", PROFILES, profile or NOTHING),
            "north_star": choice("North star", "as proposed", stars, north_star or NOTHING),
            "limit": number("At most", limit, 1, 12),
        }
        aims = {GOAL + name: toggle(f"Goal: {name}", on=name in goals) for name in GOALS}
        planned = {"new_features": toggle("New features are planned", on=new_features)}
        super().__init__(controls | aims | planned, [PLAIN, [*aims, *planned]])

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as `kpi.stage` takes them."""
        value = {name: control.value for name, control in self.controls.items()}
        star = {"north_star": value["north_star"]} if value["north_star"] else {}
        return {
            "stage": value["stage"] or None,
            "goals": tuple(name for name in GOALS if value[GOAL + name]),
            "profile": value["profile"] or None,
            "new_features": bool(value["new_features"]),
            "limit": int(value["limit"]),
        } | star

    def ask(self, **arguments: Any) -> Advice:  # noqa: ANN401 - the twin's own
        """The advice for these choices."""
        return stage(self.data, **arguments)

    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices."""
        return written("kpi.stage", "data", **arguments)

    def lines(self, **arguments: Any) -> dict[str, str]:  # noqa: ANN401 - the twin's own
        """The line of code, and the command that writes the choice down."""
        return super().lines(**arguments) | {"To write it into kpi.toml:": command_of(**arguments)}

    @property
    def command(self) -> str:
        """The command that writes the choice into kpi.toml."""
        return command_of(**self.arguments)


def command_of(
    *,
    stage: str | None,
    goals: Sequence[str],
    profile: str | None,
    new_features: bool,
    limit: int,
    north_star: str | None = None,
) -> str:
    """The command for these choices.

    >>> command_of(stage="growth", goals=("revenue",), profile=None, new_features=False, limit=5)
    'kpi stage --stage growth --goal revenue --write'
    """
    said = [f"--{option} {value}" for option, value in (("stage", stage), ("profile", profile)) if value]
    said += [f"--goal {goal}" for goal in goals]
    said += [f"--north-star {north_star}"] if north_star else []
    said += ["--new-features"] if new_features else []
    said += [f"--limit {limit}"] if limit != LIMIT else []
    return " ".join(["kpi stage", *said, "--write"])
