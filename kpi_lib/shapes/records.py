"""Rows that stand for themselves - tickets, answers, test runs - each at its time, with its user where the table knows one."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid
from kpi_lib.shapes.activity import placed

MICRO = 1_000_000


def rows(
    data: Dataset, table: str, *, time: str = "time", where: pl.Expr | None = None, **columns: pl.Expr
) -> pl.LazyFrame:
    """One row per row of a table that `where` keeps: time, user_id if there is one, segment columns, and what is asked for."""
    there = data.known(table).filter(pl.col(time).is_not_null())
    kept = there if where is None else there.filter(where)
    return kept.select(*_own(data, table), time=pl.col(time), **columns)


def days(data: Dataset, grid: Grid, table: str, *, where: pl.Expr | None = None, **columns: pl.Expr) -> pl.LazyFrame:
    """The same for a table of calendar days: `period` in place of the time."""
    kept = data.known(table) if where is None else data.known(table).filter(where)
    found = kept.select(*_own(data, table), period=grid.day_period(pl.col("date")), **columns)
    return found.filter(pl.col("period").is_not_null())


def standing(
    data: Dataset, grid: Grid, table: str, *, begin: str, end: str, where: pl.Expr, **columns: pl.Expr
) -> pl.LazyFrame:
    """What stands at the end of a period: begun before it and not ended before it. One row per row and run of periods."""
    run = {"first": grid.ended(pl.col(begin)), "stop": grid.ended(pl.col(end)).fill_null(len(grid))}
    return data.known(table).filter(where).select(*_own(data, table), **run, **columns)


def waiting(data: Dataset, begin: str, end: str) -> dict[str, pl.Expr]:
    """Columns of a wait: `key` = seconds watched, `ended`, and `open` while it goes on."""
    until = pl.coalesce(pl.col(end), pl.lit(data.observed_until))
    done = pl.col(end).is_not_null()
    return {"key": seconds(until - pl.col(begin)), "ended": done, "open": ~done}


def answers(
    data: Dataset, grid: Grid, kind: str, scale: tuple[int, int], *, table: str = "surveys", who: str = "user_id"
) -> pl.LazyFrame:
    """The last valid answer of everybody who answered in a period: period, score, ticket if known. Null names are all different."""
    valid = (pl.col("kind") == kind) & pl.col("score").is_between(*scale)
    there = data.columns(table)
    person = pl.col(who) if who in there else pl.lit(None, pl.String)
    if "ticket_id" in there:
        valid = valid & pl.col("ticket_id").is_null()  # asked about a ticket, it says how support did
    found = placed(rows(data, table, where=valid, score=pl.col("score"), person=person), grid)
    return last_of_each(found, "person", "period").drop("person", "time")


def questionnaires(data: Dataset) -> pl.LazyFrame:
    """One row per answered questionnaire on usability (kind sus): time, person, score from 0 to 100, segment columns.

    Rows with an `item` are its ten statements on 1 to 5, those of one user and time one questionnaire: of odd statements
    the score less 1 counts, of even ones 5 less the score, and one that was left out counts as 3 (Brooke 1996).
    """
    there = data.columns("surveys")
    person = pl.col("user_id") if "user_id" in there else pl.lit(None, pl.String)
    item = pl.col("item") if "item" in there else pl.lit(None, pl.Int64)
    said = rows(data, "surveys", where=pl.col("kind") == "sus", score=pl.col("score"), person=person, item=item)
    keys = ["time", "person", *_own(data, "surveys")]
    whole = said.filter(pl.col("item").is_null() & pl.col("score").is_between(0, 100)).select(*keys, "score")
    given = said.filter(pl.col("item").is_between(1, 10) & pl.col("score").is_between(1, 5))
    points = pl.when(pl.col("item") % 2 == 1).then(pl.col("score") - 1).otherwise(5 - pl.col("score"))
    once = given.group_by(*keys, "item").agg(points.max().alias("points"))
    scored = once.group_by(keys).agg(score=2.5 * (pl.col("points").sum() + 2 * (10 - pl.len())))
    return pl.concat([whole, scored.select(*keys, "score")])


def last_of_each(found: pl.LazyFrame, person: str, *keys: str) -> pl.LazyFrame:
    """The last row of each person within the keys; rows without a name are all of different people."""
    unnamed = pl.format("\x00{}", pl.int_range(pl.len()))
    named = found.with_columns(_who=pl.coalesce(person, unnamed)).sort("_who", "time", maintain_order=True)
    return named.unique(["_who", *keys], keep="last", maintain_order=True).drop("_who")


def mean_of(value: pl.Expr) -> dict[str, pl.Expr]:
    """Both sides of a mean in whole millionths, so that sums do not depend on the order of rows."""
    return {"num": fixed(value), "den": pl.lit(MICRO, pl.Int64)}


def fixed(value: pl.Expr) -> pl.Expr:
    """A number in whole millionths."""
    return (value * MICRO).round().cast(pl.Int64)


def seconds(span: pl.Expr) -> pl.Expr:
    """Length of a time span in seconds."""
    return over(span.dt.total_microseconds(), MICRO)


def over(number: pl.Expr, size: int) -> pl.Expr:
    """A number divided by another: as a column, because by a scalar Polars multiplies, which is off in the last bit."""
    return number / (number * 0 + size)


def _own(data: Dataset, table: str) -> list[str]:
    return [*(["user_id"] if "user_id" in data.columns(table) else []), *data.carried(table)]
