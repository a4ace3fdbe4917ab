"""The same question under several systems' rules, side by side, and why the answers differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin
from kpi_lib.core.period import Grid
from kpi_lib.shapes.attempts import attempts
from kpi_lib.shapes.funnel import FunnelResult, answer, segment_axis
from kpi_lib.shapes.funnel_rules import PRESETS, Funnel

ASKED = "as asked"
RULES = ("within", "unripe", "grace", "attempt", "time_to_convert")
WHY: Mapping[str, Callable[[Any, Any], str]] = {
    "within": lambda ours, theirs: f"allows {theirs or 'any time'} instead of {ours or 'any time'}",
    "unripe": lambda _, theirs: f"counts {'also' if theirs == 'include' else 'not'} those whose window is not over",
    "grace": lambda _, theirs: f"lets events up to {theirs or 'no time'} apart stand in either order",
    "attempt": lambda ours, theirs: (
        f"takes the {theirs.replace('_', ' ')} attempt instead of the {ours.replace('_', ' ')}"
    ),
    "time_to_convert": lambda _, theirs: (
        f"times from the {'latest' if theirs == 'fastest' else 'earliest'} start that gets as far"
    ),
}


@dataclass(frozen=True, slots=True)
class DefinitionStrip:
    """A funnel under the rules asked for and under those of other systems.

    table: one row per definition and step (definition, step, event, units, from_start, low, high, median_seconds,
    in_progress). reasons: one row per rule in which a definition differs from what was asked: definition, rule, ours,
    theirs, why, units (whose step or standing changes by it, after the rules before it), retimed (whose time alone does).
    """

    table: pl.DataFrame
    reasons: pl.DataFrame
    definition: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The strip as JSON values."""
        found = []
        for part in self.table.partition_by("definition", maintain_order=True):
            name, open_ones = part.row(0, named=True)["definition"], part["in_progress"][0]
            why = self.reasons.filter(pl.col("definition") == name).drop("definition").to_dicts()
            steps = part.drop("definition", "in_progress").to_dicts()
            found.append({"name": name, "steps": steps, "in_progress": open_ones, "reasons": why})
        return {"definitions": found, "definition": dict(self.definition), "warnings": list(self.warnings)}


def definition_strip(data: Dataset, spec: Funnel, *, grid: Grid | None = None) -> DefinitionStrip:
    """Ask the same question as it stands and under each preset, over all segments together.

    A window that is asked for holds for all of them; without one each has its own.
    The reasons change one rule at a time, from what was asked to what the other system does, and count the units for
    which the change matters.
    """
    count = _counter(data.with_by(()), spec, grid)
    asked = count(spec)
    tables, reasons = [_told(ASKED, asked)], []
    for name in PRESETS:
        ours = spec
        for rule, theirs in _differing(spec, name).items():
            changed = replace(ours, **{rule: theirs})
            units, retimed = _moved(count(ours), count(changed))
            why = WHY[rule](getattr(ours, rule), theirs)
            told = {"rule": rule, "ours": getattr(ours, rule), "theirs": theirs, "why": why}
            reasons.append({"definition": name, **told, "units": units, "retimed": retimed})
            ours = changed
        tables.append(_told(name, count(ours)))
    text = dict.fromkeys(("definition", "rule", "ours", "theirs", "why"), pl.String)
    schema = {**text, "units": pl.Int64, "retimed": pl.Int64}
    changed_rules = pl.DataFrame(reasons, schema=schema)
    return DefinitionStrip(pl.concat(tables), changed_rules, asked.definition, asked.warnings, asked.origin)


def _differing(spec: Funnel, name: str) -> dict[str, Any]:
    """The rules of a preset that are not those of the question, in the order in which they are changed."""
    rules = {**dict.fromkeys(RULES), "grace": None, "within": spec.within, **PRESETS[name]}
    if spec.order != "ordered" or spec.ties != "any" or len(spec.names) < len(set(spec.events)):
        rules["grace"] = None
    differing = {rule: rules[rule] for rule in RULES if rules[rule] != getattr(spec, rule)}
    if spec.within is not None:  # whoever compares two systems gives both the same window
        differing.pop("within", None)
    return differing


def _counter(data: Dataset, spec: Funnel, grid: Grid | None) -> Callable[[Funnel], FunnelResult]:
    """Count under other rules; attempts that only differ in which of them counts are followed once."""
    axis, memo = segment_axis(data), dict[Funnel, pl.DataFrame]()

    def count(rules: Funnel) -> FunnelResult:
        ever = "first_ever" if rules.attempt == "first_ever" else "best"
        key = replace(rules, attempt=ever, time_to_convert="earliest", unripe="exclude")
        if key not in memo:
            memo[key] = attempts(data, key, grid)
        usable = memo[key].with_columns(usable=pl.col("ripe") | (rules.unripe == "include"))
        return answer(data, rules, {"asked": usable}, grid=grid, axis=axis)

    return count


def _told(name: str, result: FunnelResult) -> pl.DataFrame:
    columns = ("step", "event", "units", "from_start", "low", "high", "median_seconds", "in_progress")
    return result.table.select(pl.lit(name).alias("definition"), *columns)


def _moved(first: FunnelResult, second: FunnelResult) -> tuple[int, int]:
    """Units whose steps or standing differ between two answers, and units of which only the times do."""
    keys = [name for name in first.people.columns[: first.people.columns.index("entered")]]
    stands, times = pl.col("outcome", "step"), pl.col("seconds", "entered")
    one, other = (each.people.group_by(keys, maintain_order=True).agg(stands, times) for each in (first, second))
    both = one.join(other, on=keys, how="full", nulls_equal=True)
    moved, later = (
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in names)
        for names in (("outcome", "step"), ("seconds", "entered"))
    )
    return both.select(moved.sum(), (~moved & later).sum().alias("later")).row(0)
