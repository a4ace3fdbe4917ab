"""Engagement: on how many days people come, how long they stay away, and which share of their days they use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name, segment_spine
from kpi_lib.core.errors import UsageError
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, first_whole_day, local_day, period_number
from kpi_lib.shapes.activity import ANY, active_days, whole_days
from kpi_lib.shapes.sessions import by_group

MOST = 0.8  # the share of people whose usual pause shows the natural rhythm of a product


@dataclass(frozen=True, slots=True)
class Habits:
    """How often people come, in one window of days that was watched from start to end.

    `table`: the power-user curve: segments, days, users, share, at_least, at_least_share (of who was active).
    `pauses`: segments, days (a user's median pause between active days, all history to the end), users, share, upto (the
    share with that pause or a shorter one). `summary`, one row per segment: users, mean_days, stickiness (mean_days over
    the days of the window), everybody (who had come by its end), participation (mean over everybody of the share of their
    days in the window that were active), paused (users with two active days), median_pause, most_pause (that 80 % keep to).
    """

    table: pl.DataFrame
    pauses: pl.DataFrame
    summary: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The tables as JSON values; with segments one result a group."""
        table, pauses = by_group(self.table, self.by), by_group(self.pauses, self.by)
        rules = {"definition": dict(self.definition)}
        found = {
            key: {"days": table.get(key, []), "pauses": pauses.get(key, []), "summary": rows[0]} | rules
            for key, rows in by_group(self.summary, self.by).items()
        }
        return {"groups": found} if self.by else found[""]


def habits(data: Dataset, *, window: int = 30, grid: Grid | None = None, events: Sequence[str] = ANY) -> Habits:
    """How often people come in the `window` local days to the end of the grid, or of the data.

    A window that was not watched from start to end has no figures: half a month does not make a rare visitor.
    """
    if window < 1:
        raise UsageError(f"a window of {window} days is not possible: it must be 1 or more.")
    stop = grid.stops[-1] if grid else local_day(data.observed_until, data.zone)
    own = Grid.of([stop - timedelta(days=2)], [stop], zone=data.zone, every="custom").trailing(f"{window}d")
    first, until = first_whole_day(data.observed_from, data.zone), local_day(data.observed_until, data.zone)
    watched = own.firsts[0] >= first and stop <= until
    number = period_number(pl.col("day"), "day", zone=data.zone)
    visits = join_segments(whole_days(data, active_days(data, events=events)), data).filter(pl.col("day") < stop)
    days = (
        visits.select("user_id", *data.by, "day", number=number)
        .sort("user_id", *data.by, "day", nulls_last=True)
        .collect()
    )
    inside = days.filter(pl.col("day") >= own.firsts[0]) if watched else days.clear()
    by, keys = list(data.by), ["user_id", *data.by]
    counts = inside.group_by(keys).agg(days=pl.len().cast(pl.Int64))
    edges = [pl.select(period_number(pl.lit(day), "day", zone=data.zone)).item() for day in (own.firsts[0], stop)]
    since = pl.max_horizontal(pl.col("number").min(), pl.lit(edges[0], pl.Int64))
    everybody = (days if watched else days.clear()).group_by(keys).agg(able=edges[1] - since)
    pauses = _pauses(days, keys)
    table = _shares(counts, by, "days")
    rules: dict[str, Any] = {"window_days": window, "start": own.firsts[0].isoformat(), "end": stop.isoformat()}
    rules = rules | {"watched": watched, "by": [plain_name(column) for column in by]}
    upto = _shares(pauses, by, "pause").rename({"pause": "days"})
    told = upto.with_columns(upto=1 - pl.col("at_least_share") + pl.col("share")).drop("at_least", "at_least_share")
    parts = {"days": days, "counts": counts, "everybody": everybody, "pauses": pauses, "told": told}
    return Habits(table, told, _summary(data, parts, window), rules, data.by, origin_of(data))


def _shares(rows: pl.DataFrame, by: list[str], of: str) -> pl.DataFrame:
    """How many users have each value, and that value or more."""
    table = rows.group_by(*by, of).agg(users=pl.len().cast(pl.Int64)).sort(*by, of, nulls_last=True)

    def within(each: pl.Expr) -> pl.Expr:
        return each.over(by) if by else each

    size = within(pl.col("users").sum())
    least = within(pl.col("users").cum_sum(reverse=True))
    return table.with_columns(share=pl.col("users") / size, at_least=least, at_least_share=least / size)


def _pauses(days: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row per user with two active days or more: the median of the days between one and the next."""
    same = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift(1)) for key in keys)
    gaps = days.with_columns(gap=pl.when(same).then(pl.col("number") - pl.col("number").shift(1))).drop_nulls("gap")
    return gaps.group_by(keys).agg(pause=pl.col("gap").median())


def _summary(data: Dataset, parts: Mapping[str, pl.DataFrame], window: int) -> pl.DataFrame:
    """One row per segment; what nobody can have is null."""
    by, keys = list(data.by), ["user_id", *data.by]
    counts, pauses = parts["counts"], parts["pauses"]
    shared = (
        parts["everybody"].join(counts, on=keys, how="left", nulls_equal=True).with_columns(pl.col("days").fill_null(0))
    )
    # counted before it is divided: a mean of floats in no order would differ in its last digit from run to run
    cells = (
        shared.group_by(*by, "days", "able").agg(n=pl.len().cast(pl.Int64)).sort(*by, "days", "able", nulls_last=True)
    )
    size, people = pl.len().cast(pl.Int64), pl.col("n").sum()
    part = (pl.col("n") * pl.col("days") / pl.col("able")).sum() / pl.when(people > 0).then(people)
    most = pl.col("days").filter(pl.col("upto") >= MOST - 1e-12).min()
    found = [
        _per(counts, by, users=size, mean_days=pl.col("days").mean()),
        _per(cells, by, everybody=people, participation=part),
        _per(pauses, by, paused=size, median_pause=pl.col("pause").median()),
        _per(parts["told"], by, most_pause=most),
    ]
    spine = segment_spine(pl.DataFrame({"one": [0]}), data, parts["days"])
    for each in found:
        spine = (
            spine.join(each, on=by, how="left", nulls_equal=True) if by else pl.concat([spine, each], how="horizontal")
        )
    filled = spine.with_columns(pl.col("users", "everybody", "paused").fill_null(0))
    names = ["users", "mean_days", "stickiness", "everybody", "participation", "paused", "median_pause", "most_pause"]
    return (
        filled.with_columns(stickiness=pl.col("mean_days") / window)
        .select(*by, *names)
        .sort(by or names, nulls_last=True)
    )


def _per(rows: pl.DataFrame, by: list[str], **figures: pl.Expr) -> pl.DataFrame:
    return rows.group_by(by, maintain_order=True).agg(**figures) if by else rows.select(**figures)
