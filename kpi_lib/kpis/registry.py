"""Declaring a KPI: one decorated function holds its formula, its metadata and its place in the catalogue.

The function's name is the KPI's id, its module the category (or one of a category's further files). Every field is a
required keyword, so a half-declared KPI cannot be imported; options of the formula are the function's keyword-only
arguments, filled from `[settings]`.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kpi_lib.core.errors import KpiError, unknown
from kpi_lib.core.measure import DERIVED, Measure
from kpi_lib.core.units import Unit
from kpi_lib.kpis.documents import CLICKUP, GEEKS, KPIS_101, NOTE, STANDARD, UNDERSTANDING, tags

__all__ = [
    "ACTIONABLE", "CATEGORIES", "CLICKUP", "CONTEXTUAL", "EARLY", "GEEKS", "GROWTH", "KPIS_101", "MATURE", "NEEDED", "NOTE",
    "REGISTRY", "REQUIRED", "SEMI", "STANDARD", "UNDERSTANDING", "UNSET", "VANITY", "ChoiceNeeded", "Kpi", "alternatives", "base_of",
    "catalogue", "faults", "find", "kpi",
]  # fmt: skip

EARLY, GROWTH, MATURE = "early", "growth", "mature"
ACTIONABLE, SEMI, VANITY, CONTEXTUAL = "actionable", "semi-vanity", "vanity", "context"

# the order in which the catalogue is read: how users come, stay and pay; what they say; how the product is made and run
CATEGORIES_AS_TEXT = """
acquisition engagement adoption retention conversion monetization satisfaction support quality reliability
product_development team marketing communication competitive
"""
CATEGORIES = tuple(CATEGORIES_AS_TEXT.split())
# a category that one file cannot hold has further ones
MORE = {"recurring": "monetization", "unit_economics": "monetization", "delivery": "product_development"}
EARLIER = ("previous_", "year_before_")
# what a choice without a default means while nobody makes it; the others must be made
UNSET = {
    "cogs_categories": "those with usual names, such as hosting",
    "customers_by": "orders where there are transactions, else subscriptions",
    "dropoff_funnel": "the first of [funnels]",
    "reactivation_within": "any time",
    "session_gap": "the recorded session_id, else 30m",
    "start_event": "a user's first event ever",
    "support_categories": "those with usual names, such as support",
}
NEEDED = "must be chosen"
REQUIRED = inspect.Parameter.empty


class ChoiceNeeded(KpiError):
    """A KPI cannot be computed until the workspace makes a choice; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """A declared KPI. `window` is the trailing window it looks through, by grid where it depends on it.

    `parts` name the component columns of a KPI with several values, `headline` the component that a scorecard shows (none:
    the greatest).
    `lookback` says what a KPI must know from before its period: "first" (what ever came before), "before" (the period
    before it) or nothing. `signed`: the value may be below 0 (a share: outside 0 to 1), and so may its interval.
    `revision` counts how often its figures changed while its words stayed the same; it is part of the definition's hash.
    """

    name: str
    category: str
    function: Callable[..., Any]
    title: str
    unit: Unit
    direction: str
    measure: Measure
    inputs: tuple[str, ...]
    window: str | Mapping[str, str] | None
    parts: tuple[str, ...]
    lookback: str
    stages: tuple[str, ...]
    cadence: str
    formula: str
    ripeness: str
    counter: tuple[str, ...]
    references: tuple[str, ...]
    sources_wrong: str
    use: str
    headline: tuple[Any, ...] = ()
    signed: bool = False
    revision: int = 1

    @property
    def summary(self) -> str:
        """What the KPI tells, in one sentence: the first line of its docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def options(self) -> dict[str, Any]:
        """The choices of its formula with their defaults; REQUIRED where there is none."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @property
    def choices(self) -> dict[str, Any]:
        """The choices of its formula and of the KPIs that it is made of."""
        parts = (REGISTRY[base_of(part)[1]].choices for part in self.components if base_of(part)[1] in REGISTRY)
        return {name: default for each in (self.options, *parts) for name, default in each.items()}

    @property
    def tables(self) -> set[str]:
        """The tables that it reads, all those among which it has a choice included."""
        return {table for each in self.inputs for way in alternatives(each) for table, _ in way}

    @property
    def components(self) -> tuple[str, ...]:
        """The KPIs that a derived KPI is made of, in the order numerator, denominator."""
        if self.measure is not DERIVED:
            return ()
        parameters = inspect.signature(self.function).parameters.values()
        return tuple(p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)

    def window_on(self, every: str) -> str | None:
        """The trailing window on a grid of that kind."""
        return self.window.get(every) if isinstance(self.window, Mapping) else self.window

    def definition_hash(self, options: Mapping[str, Any]) -> str:
        """Short fingerprint of formula and choices: when it changes, the figure's meaning has changed."""
        choices = {name: options.get(name, default) for name, default in self.choices.items()}
        text = "|".join(
            (self.name, self.formula, self.unit.name, str(self.window), repr(sorted(choices.items(), key=str)))
        )
        text += f"|{self.revision}" if self.revision > 1 else ""
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def record(self, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Everything about the KPI as JSON values, for `kpi list`, `kpi show` and the docs."""
        given = options or {}
        choices = {n: None if d is REQUIRED else d for n, d in self.choices.items()}
        unset = {n: {"unset": UNSET.get(n, NEEDED)} for n, d in choices.items() if d is None}
        return {
            "kpi": self.name,
            "title": self.title,
            "category": self.category,
            "summary": self.summary,
            "formula": self.formula,
            "unit": self.unit.name,
            "direction": self.direction,
            "measure": self.measure.name,
            "inputs": list(self.inputs),
            "window": dict(self.window) if isinstance(self.window, Mapping) else self.window,
            "components": list(self.parts) or list(self.components),
            "settings": {n: {"default": d, "value": given.get(n, d)} | unset.get(n, {}) for n, d in choices.items()},
            "stages": list(self.stages),
            "cadence": self.cadence,
            "ripeness": self.ripeness,
            "counter": list(self.counter),
            "use": self.use,
            "sources": list(self.references),
            "tags": list(tags(self.references)),
            "sources_wrong": self.sources_wrong,
            "definition": self.definition_hash(given),
        }


REGISTRY: dict[str, Kpi] = {}


def alternatives(asked: str) -> list[list[tuple[str, str]]]:
    """The ways in which an input can be met, each a list of tables and columns.

    >>> alternatives("subscriptions.mrr|subscriptions.amount+interval")
    [[('subscriptions', 'mrr')], [('subscriptions', 'amount'), ('subscriptions', 'interval')]]
    """
    ways = (way.split(".") for way in asked.split("|"))
    return [[(table, column) for column in names.split("+")] for table, names in ways]


def kpi(
    *,
    title: str,
    unit: Unit,
    direction: str,
    measure: Measure,
    inputs: tuple[str, ...],
    stages: tuple[str, ...],
    cadence: str,
    formula: str,
    ripeness: str,
    counter: tuple[str, ...],
    references: tuple[str, ...],
    sources_wrong: str,
    use: str,
    window: str | Mapping[str, str] | None = None,
    parts: tuple[str, ...] = (),
    lookback: str = "",
    headline: tuple[Any, ...] = (),
    signed: bool = False,
    revision: int = 1,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Record the decorated function as a KPI under its own name."""

    def record(function: Callable[..., Any]) -> Callable[..., Any]:
        name, module = function.__name__, function.__module__.rsplit(".", 1)[-1]
        category = MORE.get(module, module)
        if name in REGISTRY and REGISTRY[name].function.__module__ != function.__module__:
            raise ValueError(
                f"two KPIs are named {name}: {REGISTRY[name].function.__module__} and {function.__module__}"
            )
        meta = (title, unit, direction, measure, inputs, window, parts, lookback, stages, cadence)
        rest = (formula, ripeness, counter, references, sources_wrong, use, headline, signed, revision)
        REGISTRY[name] = Kpi(name, category, function, *meta, *rest)
        return function

    return record


def catalogue() -> dict[str, Kpi]:
    """All declared KPIs by id, in the order of categories and declaration."""
    modules = [m for c in CATEGORIES for m in (c, *(more for more, of in MORE.items() if of == c))]
    for module in modules:
        importlib.import_module(f"kpi_lib.kpis.{module}")
    places = {f"kpi_lib.kpis.{module}": at for at, module in enumerate(modules)}
    ordered = sorted(REGISTRY.items(), key=lambda item: places.get(item[1].function.__module__, len(places)))
    if ordered != list(REGISTRY.items()):  # somebody imported a later category first
        REGISTRY.clear()
        REGISTRY.update(ordered)
    return REGISTRY


def find(name: str) -> Kpi:
    """The KPI of an id; an unknown one is an error that names the nearest."""
    known = REGISTRY if name in REGISTRY else catalogue()
    if name not in known:
        raise unknown("KPI", name, known)
    return known[name]


def base_of(name: str) -> tuple[str, str]:
    """Split a part of a derived KPI into its shift and the KPI's id.

    >>> base_of("previous_total_revenue")
    ('previous_', 'total_revenue')
    """
    for prefix in EARLIER:
        if name.startswith(prefix):
            return prefix, name.removeprefix(prefix)
    return "", name


def faults() -> list[str]:
    """What is wrong with the catalogue as a whole: unknown counters or parts, parts that lead back to themselves."""
    known = catalogue()
    found = [f"{k.name}: unknown counter {c}" for k in known.values() for c in k.counter if c not in known]
    for each in known.values():
        found += [f"{each.name}: unknown part {p}" for p in each.components if base_of(p)[1] not in known]
        found += [f"{each.name}: no summary"] if not each.summary else []
        if each.name in _below(each.name, known, set()):
            found.append(f"{each.name}: is made of itself")
    return found


def _below(name: str, known: Mapping[str, Kpi], seen: set[str]) -> set[str]:
    for part in known[name].components if name in known else ():
        base = base_of(part)[1]
        if base not in seen:
            seen.add(base)
            _below(base, known, seen)
    return seen
