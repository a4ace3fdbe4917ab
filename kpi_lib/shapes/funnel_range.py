"""The general rules of funnels range by range, and what must be said beside a funnel."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import nearest
from kpi_lib.core.store import used
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.attempts import must_have, named_rows, refuse_unknown
from kpi_lib.shapes.funnel_rules import Funnel
from kpi_lib.shapes.newcomers import older_than_data, weekly_firsts
from kpi_lib.shapes.range_data import in_ranges

Partial = TypeVar("Partial")


def by_range(
    data: Dataset, spec: Funnel, work: Callable[[Dataset], Partial], *, why: str, ids: bool = False
) -> list[Partial]:
    """Work on the rows that matter, range by range, unless users share a unit."""
    names = None if spec.order == "strict" or spec.unit == "session" else [*spec.names, *spec.exclude]
    own = [column for column in (spec.unit, spec.hold, spec.ties, spec.value, "session_id") if column]
    if spec.unit not in ("user", "session") or (ids and spec.unit == "session"):
        used("funnel", "tables", f"each {spec.unit} is shared by users or numbered among those of all")
        return [work(data)]
    refuse_unknown(data, spec)  # here, where all columns are known
    return in_ranges(data, "funnel", work, why=why, events=names, columns=own, ids=ids)


def _without(column: str, data: Dataset, *, spec: Funnel) -> int:
    """How many of the rows that the steps name have no such value."""
    return int(named_rows(data, spec).select(pl.col(column).is_null().sum()).collect().item())


def warnings_of(data: Dataset, spec: Funnel) -> tuple[str, ...]:
    """What is no error, but must be said: steps that never occur, rows that belong to no unit, sums that mislead."""
    there = event_names(data)
    names = dict.fromkeys([*spec.names, *spec.exclude])
    said = [f"no event is named {name!r} in the data. {nearest(name, there)}" for name in names if name not in there]
    for column in must_have(spec):
        empty = sum(by_range(data, spec, partial(_without, column, spec=spec), why="rows of nobody are counted"))
        if empty:
            rows = "1 row has no {} and belongs" if empty == 1 else f"{empty:,} rows have no {{}} and belong"
            said.append(f"{rows.format(column)} to nobody: left out.")
    if data.by and spec.attribution == "all":
        said.append("with attribution all a unit counts in every segment that it enters: segments do not add up.")
    if spec.attempt == "first_ever" and spec.unit == "user" and spec.names[0] in there:
        said += older_than_data(data, weekly_firsts(data, spec.names[0]), "week")
    return tuple(said)
