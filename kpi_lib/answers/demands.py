"""What KPIs ask of a workspace: columns of its tables, and choices in kpi.toml."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, shown
from kpi_lib.core.measure import DERIVED
from kpi_lib.core.period import Grid, last_complete
from kpi_lib.kpis.registry import REQUIRED, ChoiceNeeded, Kpi, alternatives, base_of, catalogue, find


def missing_inputs(kpi: Kpi, data: Dataset) -> list[str]:
    """The columns that a KPI needs and the workspace does not have, written table.column, alternatives with a bar between."""

    def there(table: str, column: str) -> bool:
        if table == "events" and data.activity == "transactions":
            table, column = "transactions", "time" if column == "event" else column
        return column in data.columns(table)

    return [each for each in kpi.inputs if not any(all(there(*at) for at in way) for way in alternatives(each))]


def in_words(inputs: Sequence[str]) -> str:
    """Columns that a figure needs, in words and by table.

    >>> in_words(["transactions.kind"])
    'the column kind of transactions'
    >>> in_words(["costs.date", "costs.amount", "subscriptions.mrr|subscriptions.amount+interval"])
    'the columns date and amount of costs and the column mrr (or amount with interval) of subscriptions'
    """
    columns: dict[str, list[str]] = {}
    for each in inputs:
        owner = each.partition(".")[0]
        first, *others = (way.removeprefix(f"{owner}.").replace("+", " with ") for way in each.split("|"))
        columns.setdefault(owner, []).append(first + (f" (or {' or '.join(others)})" if others else ""))
    return _row(
        f"the column{'s' if len(names) > 1 else ''} {_row(names)} of {owner}" for owner, names in columns.items()
    )


def _row(words: Iterable[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def available(data: Dataset) -> dict[str, list[str]]:
    """Every KPI with the inputs that this workspace lacks for it (none: it can be computed)."""
    return {name: missing_inputs(kpi, data) for name, kpi in catalogue().items()}


def choices_open(data: Dataset) -> dict[str, str]:
    """The KPIs whose inputs are there and that still wait for a choice in kpi.toml, with what to write."""
    last = last_complete("day", data.observed_until, zone=data.zone)
    waiting = {}
    for name, lacking in available(data).items():
        kpi = find(name)
        if lacking:
            continue
        try:
            _ask(kpi, data, last)
        except ChoiceNeeded as needed:
            waiting[name] = str(needed)
    return waiting


def _ask(kpi: Kpi, data: Dataset, grid: Grid) -> None:
    """Raise ChoiceNeeded where a KPI or what it is made of still waits for a choice."""
    for part in kpi.components:
        _ask(find(base_of(part)[1]), data, grid)
    if kpi.measure is not DERIVED:
        units_of(kpi, data, grid, data.settings)
    elif all(name in data.settings for name, default in kpi.options.items() if default is REQUIRED):
        value_of(kpi, data.settings)


def units_of(kpi: Kpi, data: Dataset, window: Grid, choices: Mapping[str, Any]) -> pl.LazyFrame:
    """The unit frame of a KPI with the choices in force; a choice that is missing or of the wrong kind is an error."""
    units: pl.LazyFrame = kpi.function(data, window, **_given(kpi, choices))
    return units


def value_of(kpi: Kpi, choices: Mapping[str, Any]) -> pl.Expr:
    """What a derived KPI makes of its parts; what is not finite is nothing."""
    value = kpi.function(*(pl.col(part) for part in kpi.components), **_given(kpi, choices))
    return pl.when(value.is_finite()).then(value)


def _given(kpi: Kpi, choices: Mapping[str, Any]) -> dict[str, Any]:
    """The choices that concern a KPI; one of the wrong kind is an error."""
    given = {name: choices[name] for name in kpi.options if name in choices}
    hints = get_type_hints(kpi.function) if given else {}
    for name, value in given.items():
        if wanted := _unfit(value, kpi.options[name], hints.get(name)):
            raise UsageError(
                f"{kpi.name}: the setting {name} is {shown(value)}; it must be {wanted}. `kpi show {kpi.name}` lists them."
            )
    return given


def _unfit(value: Any, default: Any, hint: Any) -> str:  # noqa: ANN401 - whatever stands in kpi.toml
    """What a setting must be, judged by its default and its type; empty if it is that."""
    if float in (hint, *get_args(hint)):
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
    if Sequence in {get_origin(each) for each in (hint, *get_args(hint))}:
        fits = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        return "" if fits else 'a list of texts, as in ["login"]'
    if isinstance(default, int):
        return "" if isinstance(value, int) and not isinstance(value, bool) else "a whole number"
    return "" if isinstance(value, str) or value is default else "a text"
