"""The users of each range of a store as data of their own, so that any question over users needs the memory of two ranges."""

from collections import ChainMap
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import replace
from typing import TypeVar

import polars as pl

from kpi_lib.core.dataset import Dataset, Whole, plain_name
from kpi_lib.core.store import USER, mapped, used
from kpi_lib.shapes.activity import event_names

Partial = TypeVar("Partial")


def in_ranges(
    data: Dataset,
    shape: str,
    work: Callable[[Dataset], Partial],
    *,
    why: str,
    events: Iterable[str] | None = None,
    columns: Iterable[str] = (),
    ids: bool = False,
    codes: bool = False,
) -> list[Partial]:
    """What `work` makes of the users of each range of a store, two at a time; without a store of all users at once.

    Answers must be such that those of parts which share no user add up. `events`: the only ones that matter; `columns`:
    those that matter besides user, time, event and segments. Users are numbers, of a range alone, unless their `ids` matter
    or the table of users tells their segment; words are text unless `codes` will do. `why` tells whoever traces why no
    faster way was taken.
    """
    parts = data.parts
    if parts is None or not parts.ordered or data.activity != "events":
        used(shape, "tables", why)
        return [work(data)]
    used(shape, "store", f"{len(parts.events)} ranges of users, by the general rules: {why}")
    kinds = parts.schema()
    whole = Whole(frozenset(event_names(data)), {plain_name(column): None for column in data.by})
    ids = ids or not set(map(plain_name, data.by)) <= set(kinds)
    wanted = _selected(data, dict(kinds), columns, ids=ids, codes=codes)
    kept = None if events is None else list(events)

    def worked(scan: pl.LazyFrame) -> Partial:
        rows = scan if kept is None else scan.filter(_among(kinds["event"], kept))
        found = rows.select(wanted).collect(engine="in-memory")
        tables = ChainMap({"events": found}, data.tables)  # type: ignore[arg-type]
        part = replace(data, tables=tables, parts=None, kept={}, whole=whole)
        return Context().run(work, part)  # what others ask of the whole is not asked of a part

    return mapped(worked, parts.events)


def _selected(
    data: Dataset, kinds: dict[str, pl.DataType], columns: Iterable[str], *, ids: bool, codes: bool
) -> list[pl.Expr]:
    """The columns of a range as the tables have them: codes are text again unless they will do, and segments cut."""
    few = {column for column, kind in kinds.items() if isinstance(kind, pl.Enum)}
    own = {}
    for column, plain in ((column, plain_name(column)) for column in data.by):
        if plain in kinds:
            coded = codes and plain in few and data.frequent(plain) is None
            own[column] = (pl.col(plain) if coded else data.segment(plain)).alias(column)
    others = [c for c in dict.fromkeys(("time", "event", *columns)) if c in kinds and c not in own and c != "user_id"]
    user = pl.col("user_id") if ids else pl.col(USER).alias("user_id")
    plainly = [pl.col(c) if codes or c not in few else pl.col(c).cast(pl.String) for c in others]
    return [user, *plainly, *own.values()]


def _among(kind: pl.DataType, names: list[str]) -> pl.Expr:
    """Whether an event is one of these names."""
    if isinstance(kind, pl.Enum):
        wanted = pl.Series([name for name in names if name in kind.categories], dtype=kind)
        return pl.col("event").is_in(wanted.implode())
    return pl.col("event").is_in(names)
