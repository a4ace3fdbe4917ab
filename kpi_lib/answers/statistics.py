"""The statistics behind KPIs (motion 1): computed when a figure needs them, or before, in parts that share no user."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from kpi_lib.answers.demands import missing_inputs, units_of
from kpi_lib.core.dataset import Dataset, SegmentMissing
from kpi_lib.core.engine import over_users, spread
from kpi_lib.core.measure import COUNT, DERIVED, GAP, PER_DAY
from kpi_lib.core.motions import Tally, tally
from kpi_lib.core.period import Grid
from kpi_lib.kpis.registry import ChoiceNeeded, Kpi, base_of, find

Key = tuple[str, Grid, bool]
_KNOWN: ContextVar[Mapping[Key, Tally]] = ContextVar("statistics", default={})  # noqa: B039 - never changed


def tallied(kpi: Kpi, data: Dataset, window: Grid, choices: Mapping[str, Any], *, folds: bool) -> Tally:
    """The statistics of a KPI over the periods of a grid; with `folds` also by twentieths of the users."""
    if found := _KNOWN.get().get((kpi.name, window, folds)):
        return found
    # only how many there are matters, not who they are
    counting = not folds and (kpi.measure is COUNT or kpi.measure is PER_DAY)
    units = units_of(kpi, replace(data, counting=counting), window, choices)
    return tally(units, kpi.measure, data, window, parts=kpi.parts, folds=folds)


def moved(window: Grid, part: str) -> tuple[Grid, Kpi]:
    """The periods and the KPI that a part of a derived KPI means."""
    shift, name = base_of(part)
    return {"": lambda: window, "previous_": window.before, "year_before_": window.year_before}[shift](), find(name)


def sources_of(kpi: Kpi, data: Dataset) -> tuple[str, ...]:
    """The tables that a KPI reads here, by name, the users left out."""
    there = {
        data.activity if each == "events" else each for each in kpi.tables if data.columns(each) or each == "events"
    }
    return tuple(sorted(there - {"users"}))


def seen_by(kpi: Kpi, data: Dataset) -> Dataset:
    """The data as a KPI sees them: the tables that it reads, from when on all of these were kept."""
    source = sources_of(kpi, data)
    return replace(data.recorded(*source), source=source)


@contextmanager
def prepared(asked: Sequence[tuple[Kpi, Grid]], data: Dataset, choices: Mapping[str, Any]) -> Iterator[None]:
    """Have the statistics of KPIs computed in parts first, where an engine is in force; the others are computed here."""
    keys = list(dict.fromkeys(key for kpi, grid in asked for key in _needed(kpi, grid, data))) if spread() else []
    parts = over_users(data, partial(_counted, keys=keys, choices=choices)) if keys else []
    known = {}
    for key in keys:
        kpi = find(key[0])
        if frames := [part[key] for part in parts if key in part]:
            known[key] = Tally(pl.concat(frames, how="vertical_relaxed"), data.by, kpi.parts, kpi.measure)
    token = _KNOWN.set(known)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def _needed(kpi: Kpi, grid: Grid, data: Dataset, *, folds: bool = False) -> Iterator[Key]:
    """The statistics that a KPI is made of, as far as parts of the users add up to them."""
    window = grid.trailing(kpi.window_on(grid.every))
    for part in kpi.components:
        earlier, theirs = moved(window, part)
        yield from _needed(theirs, earlier, data, folds=True)
    if kpi.measure not in (DERIVED, GAP) and not missing_inputs(kpi, data) and _by_user(kpi, data):
        yield kpi.name, window, folds or kpi.measure.jackknife


def _by_user(kpi: Kpi, data: Dataset) -> bool:
    """Whether all that a KPI counts belongs to a user: no tables without users, no visitors, no accounts of many users."""
    read = [set(data.columns(each)) for each in (*sources_of(kpi, data), *(kpi.tables & {"users"}))]
    accounts = "account_id" in data.columns("users") and kpi.tables - {"events", "users"}
    return all("user_id" in each and "visitor_id" not in each for each in read) and not accounts


def _counted(data: Dataset, *, keys: Sequence[Key], choices: Mapping[str, Any]) -> dict[Key, pl.DataFrame]:
    """The statistics of one part of the users. What is missing for a KPI is told where its figures are made."""
    found = {}
    for name, window, folds in keys:
        kpi = find(name)
        own = seen_by(kpi, data)
        try:
            found[name, window, folds] = tallied(kpi, own, window, choices, folds=folds).frame
        except (ChoiceNeeded, SegmentMissing):
            continue
    return found
