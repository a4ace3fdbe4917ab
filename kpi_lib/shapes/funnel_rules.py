"""What a funnel asks: its steps and every rule in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.units import duration

CHOICES: Mapping[str, tuple[str, ...]] = {
    "order": ("ordered", "strict", "unordered"),
    "attempt": ("best", "first", "all"),
    "time_to_convert": ("earliest", "fastest"),
    "unripe": ("exclude", "include"),
}
# what each system does by default, as far as its rules can be written with ours
PRESETS: Mapping[str, dict[str, Any]] = {
    "posthog": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include", "within": "14d"},
    "mixpanel": {"attempt": "first", "time_to_convert": "earliest", "unripe": "include", "within": "7d"},
    "amplitude": {"attempt": "best", "time_to_convert": "earliest", "unripe": "include", "within": "1d"},
    "windowfunnel": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include"},
}


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel's definition: the steps and every rule in force.

    `purchase@3` is a user's third such event ever. `ties` is any, strict or the name of a column that orders events at
    the same instant; `unit` user, session or a column; `hold` keeps a column's value the same through the funnel.

    >>> Funnel(("view", "buy"), within="7d").within
    '7d'
    """

    steps: tuple[str, ...]
    within: str | None = None
    order: str = "ordered"
    attempt: str = "best"
    ties: str = "any"
    time_to_convert: str = "earliest"
    unripe: str = "exclude"
    unit: str = "user"
    exclude: tuple[str, ...] = ()
    hold: str | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        object.__setattr__(self, "steps", tuple(self.steps))
        object.__setattr__(self, "exclude", tuple(self.exclude))
        if len(self.steps) < 2:
            raise UsageError(
                f"a funnel needs two steps or more; there {'is 1' if self.steps else 'are none'}: {', '.join(self.steps)}"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed, where="the funnel")
        if self.within is not None:
            duration(self.within)
        if both := set(self.exclude) & {each.split("@")[0] for each in self.steps}:
            raise UsageError(
                f"{sorted(both)[0]!r} is a step and an excluded event at once: leave it out of one of them."
            )
        names = {each.split("@")[0] for each in self.steps}
        if self.order == "unordered" and len(names) < len(set(self.steps)):
            raise UsageError(
                "an unordered funnel cannot mix an event with its n-th occurrence: one event would stand for both."
            )

    @classmethod
    def preset(cls, name: str, steps: tuple[str, ...], **options: Any) -> "Funnel":  # noqa: ANN401
        """The funnel as another system counts it by default; options given by name win."""
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
        return cls(steps, **(PRESETS[name] | {k: v for k, v in options.items() if v is not None}))
