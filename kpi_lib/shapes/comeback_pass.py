"""Users' calendar periods with activity in one pass over their days: when they came, stayed, and were gone, as counts of users.

Every table says how many users have their first day on a day, and in which segment they were at their first event.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.period import period_number
from kpi_lib.core.store import Parts, mapped
from kpi_lib.shapes.day_pass import FIRST, MOST, days_of

FIRST_DAY = pl.when(FIRST).then("day").forward_fill()
NUMBER, LATER = pl.col("number"), pl.col("fresh").shift(-1).not_()
NEXT_GONE = pl.when(LATER).then(pl.col("gone").shift(-1))


def comebacks(
    data: Dataset, grain: str, *, brackets: tuple[tuple[int, int], ...] = (), at_least: int = 1
) -> pl.DataFrame | None:
    """Users by their first day and a period with so many events, or that of the first day: segments, first, number, users.

    With brackets of periods after the first one, a user counts once in each of them, in the number of its first period. None
    where days of activity do not tell it.
    """
    rows = _periods(data, grain, brackets, at_least)
    return None if rows is None else _counted(data, rows, "number", ("comebacks", grain, brackets, at_least))


def spans(data: Dataset, grain: str, *, at_least: int = 1) -> pl.DataFrame | None:
    """Users by their first day and the last period in which they were active: segments, first, number, users."""
    rows = _periods(data, grain, (), at_least)
    if rows is None:
        return None
    last = rows.filter(pl.col("fresh").shift(-1, fill_value=True))
    return _counted(data, last, "number", ("spans", grain, at_least))


def departures(data: Dataset, grain: str, *, away: int, until: int, at_least: int = 1) -> pl.DataFrame | None:
    """Users by their first day and the last of the first `away` whole periods without them: segments, first, gone, users.

    Only periods before `until` have been watched to their end; `gone` is null where nobody was away so long.
    """
    rows = _periods(data, grain, (), at_least)
    if rows is None:
        return None
    missed = pl.min_horizontal(pl.when(LATER).then(NUMBER.shift(-1)), pl.lit(until, pl.Int64)) - NUMBER - 1
    marked = rows.with_columns(gone=pl.when(missed >= away).then(NUMBER + away))
    # of each user the first row, with the first of the periods: those of nobody are rows that only users' first ones keep
    kept = marked.filter(pl.col("fresh") | pl.col("gone").is_not_null())
    first = kept.with_columns(gone=pl.when("fresh").then(pl.coalesce("gone", NEXT_GONE))).filter("fresh")
    return _counted(data, first, "gone", ("departures", grain, away, until, at_least))


def _periods(data: Dataset, grain: str, brackets: tuple[tuple[int, int], ...], at_least: int) -> pl.LazyFrame | None:
    """One row per user and period with so many events, and that of the first day: fresh (is that one), first, number, segments."""
    segments = _first_segments(data)
    days = None if segments is None else days_of(data, "cohorts", rest=True)
    if segments is None or days is None:
        return None
    number = period_number(pl.col("day"), grain, zone=data.zone, week_start=data.week_start)
    rows = days.select("events", FIRST.alias("fresh"), number=number, first=FIRST_DAY, who=FIRST.cum_sum() - 1)
    if brackets:
        start = period_number(pl.col("first"), grain, zone=data.zone, week_start=data.week_start)
        rows = rows.with_columns(number=start + in_bracket(NUMBER - start, brackets)).drop_nulls("number")
    before = pl.col("events").cum_sum() - pl.col("events")
    summed = rows.with_columns(before=before, whole=pl.col("events").sum()) if at_least > 1 else rows
    once = summed.filter(pl.col("fresh") | (NUMBER.shift(1) != NUMBER))
    if at_least > 1:
        events = pl.col("before").shift(-1).fill_null(pl.col("whole")) - pl.col("before")
        once = once.filter(pl.col("fresh") | (events >= at_least))
    own = [pl.lit(series).gather("who").alias(name) for name, series in segments.items()]
    return once.select("fresh", "first", "number", *own)


def in_bracket(k: pl.Expr, brackets: tuple[tuple[int, int], ...]) -> pl.Expr:
    """The first period of the bracket that holds a period; the one of the start stands alone, others are nowhere."""
    inside = pl.lit(None, dtype=pl.Int64)
    for low, high in brackets:
        inside = pl.when(k.is_between(low, high)).then(low).otherwise(inside)
    return pl.when(k == 0).then(0).otherwise(inside)


def _counted(data: Dataset, rows: pl.LazyFrame, number: str, question: tuple[Any, ...]) -> pl.DataFrame:
    """Users by segments, first day and a number; with segments the last few tables are kept, as each may be large."""
    keys = [*data.by, "first", number]

    def made() -> pl.DataFrame:
        counts = rows.group_by(keys).agg(users=pl.len().cast(pl.Int64)).collect()
        return counts.with_columns(pl.col(data.by).cast(pl.String)).sort(keys, nulls_last=True)

    return _kept(_parts(data), data.by, (question, data.zone, data.week_start, _cuts(data)), made)


def _first_segments(data: Dataset) -> dict[str, pl.Series] | None:
    """The segments of users at their first event, user by user as their days lie; None where events do not tell them in order."""
    if not data.by:
        return {}
    if data.parts is None or not data.parts.ordered or data.activity != "events":
        return None
    found = {}
    for name in data.by:
        own = _at_first(data, name)
        if own is None:
            return None
        found[name] = own
    return found


def _at_first(data: Dataset, name: str) -> pl.Series | None:
    """One segment column at the users' first events, as codes; None where neither events nor users have it, or users stand twice."""
    carried = name in data.carried("events")
    days = None if carried else days_of(data, "cohorts", rest=True)
    if not carried and (days is None or name not in data.columns("users")):
        return None
    values = pl.Enum(data.segments(plain_name(name)).drop_nulls())

    def drawn(scan: pl.LazyFrame) -> pl.DataFrame:
        own = data.segment(plain_name(name)).cast(values).alias(name)
        return scan.filter(FIRST).select(own).collect(engine="in-memory")

    def made() -> pl.DataFrame:
        if days is None:
            return pl.concat(mapped(drawn, _parts(data).events))
        users = days.filter(FIRST).select("user_id").collect()
        known = data["users"].select("user_id", pl.col(name).cast(values)).collect()
        joined = users.join(known, on="user_id", how="left", maintain_order="left")
        return joined.select(name) if len(joined) == len(users) else pl.DataFrame()

    found = _kept(_parts(data), data.by, ("at first", name, values.categories.to_list()), made)
    return found[name] if name in found.columns else None


def _cuts(data: Dataset) -> str:
    """What the segment columns are cut into."""
    return repr([(name, data.frequent(plain_name(name))) for name in data.by])


def _parts(data: Dataset) -> Parts:
    if data.parts is None:
        raise TypeError("no parts")
    return data.parts


def _kept(parts: Parts, by: tuple[str, ...], key: Any, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:  # noqa: ANN401
    """A table that several questions share; of those with segments the last few."""
    if not by:
        return parts.once(key, make)
    tables = parts.once("by segments", dict[str, pl.DataFrame])
    found = tables.pop(repr(key)) if repr(key) in tables else make()
    tables[repr(key)] = found
    while len(tables) > 2 * MOST:
        tables.pop(next(iter(tables)))
    return found
