"""Shapes that several figures share: computed once for a data set and its arguments, then kept with the data set."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.progress import told
from kpi_lib.core.store import tracing

P = ParamSpec("P")
Result = TypeVar("Result")
MOST = 96  # results that are kept of one data set; the oldest go first


def shape(make: Callable[Concatenate[Dataset, P], pl.LazyFrame]) -> Callable[Concatenate[Dataset, P], pl.LazyFrame]:
    """Keep the rows of a shape, which must depend on tables, calendar, observed span, pause and arguments alone."""

    @wraps(make)
    def shared(data: Dataset, /, *args: P.args, **options: P.kwargs) -> pl.LazyFrame:
        key = (make, _fixed(args), _fixed(options))
        return once(data, key, lambda: make(data, *args, **options).collect(engine="in-memory")).lazy()

    return shared


def once(data: Dataset, key: Any, make: Callable[[], Result]) -> Result:  # noqa: ANN401 - any name of a result
    """A result that several figures share, made at first use. It goes with the data set."""
    told()
    choices = (
        data.counting and data.parts is not None,
        data.activity,
        data.zone,
        data.week_start,
        _fixed(dict(data.features)),
        data.settings.get("session_gap"),  # the one setting that a shape reads itself
    )
    place = (key, data.by, data.observed_from, data.observed_until, *choices)
    tables, found = data.kept.get(place, (None, None))
    if tables is not data.tables or tracing():  # none yet, of other tables, or somebody asks how it is made
        found = make()
        while len(data.kept) >= MOST:
            data.kept.pop(next(iter(data.kept)))
        data.kept[place] = (data.tables, found)
    return found  # type: ignore[no-any-return]


def _fixed(value: Any) -> Any:  # noqa: ANN401
    """An argument as something that can be a key: lists and dictionaries as what they hold."""
    if isinstance(value, dict):
        return tuple((name, _fixed(each)) for name, each in sorted(value.items()))
    return tuple(_fixed(each) for each in value) if isinstance(value, list | tuple) else value
