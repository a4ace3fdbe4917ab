"""Days of activity in one pass: how many users went on from which day to which.

A small table of counts says who was active in any window, and how each period's users came to be: all that these questions
need where nobody asks who the users are. Tables of parts that share no user would add up.
"""

from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.period import days_in_order, local_date, local_day
from kpi_lib.core.store import USER, mapped, used, user_days

IN_MEMORY = "the events are in memory: the tables came from files"
FIRST = (pl.col(USER) != pl.col(USER).shift(1)).fill_null(True)
MOST = 4  # tables of days by segments that are kept; the oldest goes first


def days_of(data: Dataset, shape: str, *, rest: bool) -> pl.LazyFrame | None:
    """The user-day table in the order of users and days, as stored or drawn once; None where the events are needed.

    `rest`: whether the question asks for no more than days; it knows nothing of segments. `USER` numbers the users.
    """
    parts = data.parts
    if parts is None or (why := _needs_more(data, rest=rest)):
        used(shape, "tables", IN_MEMORY if parts is None else why)
        return None
    if parts.days is not None:
        used(shape, "user days", "the table of users and their local days, kept beside the store")
        return parts.days
    used(shape, "scan", "one row per user and day, drawn once from the columns user_id and time")
    rows = pl.concat(parts.events).select("user_id", "time")
    found = parts.once("days", lambda: user_days(rows, data.zone))
    return found.lazy()


def _needs_more(data: Dataset, *, rest: bool) -> str:
    """Why days of activity are not enough; empty when they are."""
    edges = (local_day(edge, data.zone) for edge in (data.observed_from, data.observed_until))
    if data.activity != "events":
        return IN_MEMORY
    if not rest:
        return "named events, exact times or amounts are asked for"
    return (
        "" if days_in_order(*edges, data.zone) else "clocks were set back over a midnight, so that local days overlap"
    )


def segment_days(data: Dataset, carried: list[str], shape: str, *, rest: bool) -> pl.LazyFrame | None:
    """The user-day table with the segments that events carry: a row for each run of a day's events in one of them.

    Drawn once from a store, user by user in order, so that who is in which segment first can be told.
    """
    parts = data.parts
    if parts is None or not parts.ordered or (why := _needs_more(data, rest=rest)):
        used(shape, "tables", IN_MEMORY if parts is None else "no store is in order" if not parts.ordered else why)
        return None
    used(shape, "user days", "users, their local days and segments, drawn once from the store")
    cut = {name: data.segment(plain_name(name)).alias(name) for name in carried}
    kept = tuple((name, tuple(data.frequent(plain_name(name)) or ())) for name in carried)

    def drawn(scan: pl.LazyFrame) -> pl.DataFrame:
        rows = scan.select(USER, "user_id", "time", *cut.values())
        return day_runs(rows, [USER, "user_id", *carried], data.zone).drop("last").collect(engine="in-memory")

    def together() -> pl.DataFrame:
        runs = pl.concat(mapped(drawn, parts.events))
        return runs.with_columns(pl.col("user_id").rle_id().alias(USER))

    tables = parts.once("days by segments", dict[Any, pl.DataFrame])
    key = (kept, data.zone)
    if key not in tables:
        while len(tables) >= MOST:
            tables.pop(next(iter(tables)))
        tables[key] = together()
    return tables[key].lazy()


def day_runs(rows: pl.LazyFrame, keys: list[str], zone: str) -> pl.LazyFrame:
    """One row per run of a user's events on a local day: keys, day, time (of the first), last (time of the last), events.

    A day is mostly one run, but a segment may change to and fro, and a clock may be set back just after midnight.
    """
    dated = rows.select(*keys, "time", day=local_date(pl.col("time"), zone), row=pl.int_range(pl.len(), dtype=pl.Int64))
    other = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in (*keys, "day"))
    begins = other | (pl.col("row") == 0)
    marked = dated.with_columns(before=pl.col("time").shift(1), end=pl.col("time").last(), size=pl.len().cast(pl.Int64))
    runs = marked.filter(begins).with_columns(
        last=pl.col("before").shift(-1).fill_null(pl.col("end")),
        events=pl.col("row").shift(-1).fill_null(pl.col("size")) - pl.col("row"),
    )
    return runs.drop("row", "before", "end", "size")


def moves(data: Dataset, shape: str, *, rest: bool) -> pl.DataFrame | None:
    """Users by a day of activity and their next one: was, now, users; no day before the first one and after the last one."""
    days = days_of(data, shape, rest=rest)
    if days is None or data.parts is None:
        return None
    later = pl.when(pl.col(USER) == pl.col(USER).shift(-1)).then(pl.col("day").shift(-1))
    pairs = days.select("day", FIRST.alias("first"), now=later).group_by(was="day", now="now")
    sums = pairs.agg(users=pl.len().cast(pl.Int64), came=pl.col("first").sum().cast(pl.Int64))

    def counted() -> pl.DataFrame:
        found = sums.collect()
        came = found.group_by(now="was").agg(users=pl.col("came").sum()).filter(pl.col("users") > 0)
        came = came.select(pl.lit(None, pl.Date).alias("was"), "now", "users")
        return pl.concat([came, found.drop("came")]).sort("was", "now", nulls_last=True)

    return data.parts.once(("moves", data.zone), counted)
