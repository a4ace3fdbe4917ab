"""Days of activity in one pass: how many users went on from which day to which, and in which periods new users came back.

Two small tables of counts say who was active in any window, how each period's users came to be, and who was retained:
all that these questions need where nobody asks who the users are. Tables of parts that share no user would add up.
"""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import days_in_order, local_day, period_number
from kpi_lib.core.store import USER, used, user_days

FIRST = (pl.col(USER) != pl.col(USER).shift(1)).fill_null(True)


def days_of(data: Dataset, shape: str, *, rest: bool) -> pl.LazyFrame | None:
    """The user-day table in the order of users and days, as stored or drawn once; None where the events are needed.

    `rest`: whether the question asks for no more than days. `USER` numbers the users.
    """
    parts = data.parts
    edges = (local_day(edge, data.zone) for edge in (data.observed_from, data.observed_until))
    if parts is None or data.activity != "events":
        why = "the events are in memory: the tables came from files"
    elif data.by or not rest:
        why = "segments, named events, exact times or amounts are asked for"
    elif not days_in_order(*edges, data.zone):
        why = "clocks were set back over a midnight, so that local days overlap"
    elif parts.days is not None:
        used(shape, "user days", "the table of users and their local days, kept beside the store")
        return parts.days
    else:
        used(shape, "scan", "one row per user and day, drawn once from the columns user_id and time")
        rows = pl.concat(parts.events).select("user_id", "time")
        found = parts.once("days", lambda: user_days(rows, data.zone))
        return found.lazy()
    used(shape, "tables", why)
    return None


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


def comebacks(data: Dataset, grain: str, shape: str, *, rest: bool) -> pl.DataFrame | None:
    """Users by their first day and a period in which they were active: first, number, users."""
    days = days_of(data, shape, rest=rest)
    if days is None or data.parts is None:
        return None
    number = period_number(pl.col("day"), grain, zone=data.zone, week_start=data.week_start)
    rows = days.select(FIRST.alias("fresh"), number=number, first=pl.when(FIRST).then("day").forward_fill())
    once = rows.filter(pl.col("fresh") | (pl.col("number") != pl.col("number").shift(1)))
    counts = once.group_by("first", "number").agg(users=pl.len().cast(pl.Int64)).sort("first", "number")
    return data.parts.once(("comebacks", data.zone, grain, data.week_start), counts.collect)


def spans(data: Dataset, grain: str, shape: str, *, rest: bool) -> pl.DataFrame | None:
    """Users by their first day and the last period in which they were active: first, number, users."""
    days = days_of(data, shape, rest=rest)
    if days is None or data.parts is None:
        return None
    last = (pl.col(USER) != pl.col(USER).shift(-1)).fill_null(True)
    number = period_number(pl.col("day"), grain, zone=data.zone, week_start=data.week_start)
    rows = days.select(number=number, first=pl.when(FIRST).then("day").forward_fill(), last=last).filter("last")
    counts = rows.group_by("first", "number").agg(users=pl.len().cast(pl.Int64)).sort("first", "number")
    return data.parts.once(("spans", data.zone, grain, data.week_start), counts.collect)
