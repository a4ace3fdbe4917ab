"""What a funnel asks: its steps and every rule in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.units import duration

CHOICES: Mapping[str, tuple[str, ...]] = {
    "order": ("ordered", "strict", "unordered"),
    "attempt": ("best", "first", "first_ever", "all"),
    "time_to_convert": ("earliest", "fastest"),
    "unripe": ("exclude", "include"),
    "exclusion": ("attempt", "unit"),
}
# what each system does by default, as far as its rules can be written with ours
PRESETS: Mapping[str, dict[str, Any]] = {
    "posthog": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include", "within": "14d"},
    "mixpanel": {
        "attempt": "first",
        "time_to_convert": "earliest",
        "unripe": "include",
        "within": "7d",
        "grace": "2s",
    },
    "amplitude": {"attempt": "best", "time_to_convert": "earliest", "unripe": "include", "within": "1d"},
    "windowfunnel": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include"},
}


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel's definition: the steps and every rule in force.

    `purchase@3` is a user's third such event ever; a step that ends in `?` may be left out (`??` stands for a question
    mark of the name). `within_step` limits each later step, counted from the last required one. `ties` is any, strict or
    the name of a column that orders events at the same instant; events up to `grace` apart stand in either order.
    `repeats` lets the current step happen again under strict order. `unit` is user, session or a column; `hold` keeps a
    column's value the same through the funnel. `attribution` says at which step the segment is read: first, last, step:N
    or all. `value` is a column to add up per step, `system` the preset that these rules began from.

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
    within_step: tuple[str | None, ...] = ()
    grace: str | None = None
    repeats: bool = False
    exclusion: str = "attempt"
    attribution: str = "first"
    value: str | None = None
    system: str | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        windows = tuple(None if each in (None, "", "-") else each for each in self.within_step)
        for name, value in (("steps", self.steps), ("exclude", self.exclude), ("within_step", windows)):
            object.__setattr__(self, name, tuple(value))
        if len(self.steps) < 2:
            raise UsageError(
                f"a funnel needs two steps or more; there {'is 1' if self.steps else 'are none'}: {', '.join(self.steps)}"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed, where="the funnel")
        for text in (self.within, self.grace, *windows):
            microseconds(text)
        _check_steps(self)
        _check_order(self)
        _check_attribution(self)

    @property
    def events(self) -> tuple[str, ...]:
        """The steps without their marks: an event, or an event with its number."""
        return tuple(read_step(each)[0] for each in self.steps)

    @property
    def names(self) -> tuple[str, ...]:
        """The events that the steps look for, each once."""
        return tuple(dict.fromkeys(each.split("@")[0] for each in self.events))

    @property
    def required(self) -> tuple[int, ...]:
        """Places, from 0, of the steps that may not be left out."""
        return tuple(at for at, each in enumerate(self.steps) if not read_step(each)[1])

    @property
    def windows(self) -> tuple[int | None, ...]:
        """Microseconds allowed for each step, from the last required one."""
        return (None, *map(microseconds, self.within_step or (None,) * (len(self.steps) - 1)))

    @property
    def horizon(self) -> int | None:
        """Microseconds after which an attempt is over, whatever happened; None where there is no limit."""
        own = [self.windows[at] for at in self.required[1:]]
        limits = [microseconds(self.within), None if None in own else sum(each or 0 for each in own)]
        return min((each for each in limits if each is not None), default=None)

    @property
    def attributed(self) -> int | None:
        """The step, from 1, at which the segment is read; None where that is no fixed one."""
        return int(self.attribution[5:]) if self.attribution.startswith("step:") else None

    @classmethod
    def of(cls, *events: str, **rules: Any) -> "Funnel":  # noqa: ANN401
        """The funnel of events by their own names: a question mark at the end of one is part of it.

        >>> Funnel.of("help?", "buy").events
        ('help?', 'buy')
        """
        return cls(tuple(each + "?" * (len(each) - len(each.rstrip("?"))) for each in events), **rules)

    @classmethod
    def preset(cls, name: str, steps: tuple[str, ...], **options: Any) -> "Funnel":  # noqa: ANN401
        """The funnel as another system counts it by default; options given by name win."""
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
        given = {key: value for key, value in options.items() if value is not None}
        rules = PRESETS[name] | given
        if "grace" not in given and (rules.get("order", "ordered") != "ordered" or rules.get("ties", "any") != "any"):
            rules.pop("grace", None)
        return cls(steps, system=name, **rules)


def microseconds(text: str | None) -> int | None:
    """A written duration in microseconds.

    >>> microseconds("2s")
    2000000
    """
    return None if text is None else duration(text) // timedelta(microseconds=1)


def read_step(text: str) -> tuple[str, bool]:
    """A step's event and whether it may be left out.

    >>> read_step("view"), read_step("help?"), read_step("ready??")
    (('view', False), ('help', True), ('ready?', False))
    """
    bare = text.rstrip("?")
    marks = len(text) - len(bare)
    return bare + "?" * (marks // 2), marks % 2 == 1


def required_before(steps: Sequence[str], place: int) -> int:
    """The place (from 0) of the required step before one; of the first step itself.

    >>> required_before(("view", "help?", "buy"), 2)
    0
    """
    return next((at for at in range(place - 1, -1, -1) if not read_step(steps[at])[1]), 0)


def _check_steps(spec: Funnel) -> None:
    for each in spec.events:
        name, at, nth = each.partition("@")
        if not name or (at and not (nth.isdecimal() and int(nth) > 0)):
            raise UsageError(f"{each!r} is no step: write the event, @ and a whole number above 0, as in purchase@3.")
    if both := set(spec.exclude) & set(spec.names):
        raise UsageError(f"{sorted(both)[0]!r} is a step and an excluded event at once: leave it out of one of them.")
    optional = [at for at in range(len(spec.steps)) if at not in spec.required]
    if {0, len(spec.steps) - 1} & set(optional):
        raise UsageError("the first and the last step of a funnel cannot be left out: take the ? away.")
    plain = [each.split("@")[0] for each in spec.events]
    if again := [plain[at] for at in optional if plain.count(plain[at]) > 1]:
        raise UsageError(f"{again[0]!r} may be left out and is another step as well: an optional step stands alone.")
    if spec.within_step and len(spec.within_step) != len(spec.steps) - 1:
        raise UsageError(
            f"within_step gives {len(spec.within_step)} windows for {len(spec.steps) - 1} steps after the first: "
            f"give one for each, and - where a step has none of its own, as in 1d,-,2d."
        )


def _check_order(spec: Funnel) -> None:
    """Some rules need an order of a certain kind."""
    if spec.order != "ordered":
        asked = {"grace": spec.grace is not None, "optional steps (?)": len(spec.required) < len(spec.steps)}
        asked["within_step"] = spec.order == "unordered" and bool(spec.within_step)
        if refused := [name for name, used in asked.items() if used]:
            raise UsageError(f"{refused[0]} and order {spec.order} do not go together: order ordered has it.")
    if spec.repeats and spec.order != "strict":
        raise UsageError(f"repeats belongs to order strict; under {spec.order} any event may stand between two steps.")
    if spec.grace is not None and spec.ties != "any":
        raise UsageError(f"grace lets close events stand in either order, ties {spec.ties} does not: choose one.")
    mixed = len(spec.names) < len(set(spec.events))
    if mixed and (spec.order == "unordered" or spec.grace is not None):
        what = "an unordered funnel" if spec.order == "unordered" else "a funnel with grace"
        raise UsageError(f"{what} cannot mix an event with its n-th occurrence: one event would stand for both.")


def _check_attribution(spec: Funnel) -> None:
    word, colon, place = spec.attribution.partition(":")
    if colon and word == "step":
        if place.isdecimal() and 1 <= int(place) <= len(spec.steps):
            return
        raise UsageError(f"attribution {spec.attribution!r} names no step: there are 1 to {len(spec.steps)}.")
    if spec.attribution not in ("first", "last", "all"):
        raise unknown("attribution", spec.attribution, ("first", "last", "step:N", "all"), where="the funnel")
