"""Sessions: runs of a user's events without a long pause.

A pause longer than the gap starts a new session; a pause of exactly the gap does not. A session belongs to the day of
its start, lasts from its first to its last event (a single event: 0 s) and may cross midnight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid
from kpi_lib.shapes.session_pass import passed

GAP = timedelta(minutes=30)


def labelled(data: Dataset, gap: timedelta | None = None) -> pl.LazyFrame:
    """The events with a column `session`: a number that is the same within a session, in order of user and start.

    A mapped `session_id` is trusted unless a gap is given; rows without an id fall back to the pause rule.
    """
    if gap is not None and gap <= timedelta(0):
        raise UsageError(f"a session gap of {gap} is not possible: it must be longer than 0, as in 30m.")
    rows = data.events()
    if gap is None and "session_id" in data.columns(data.activity):
        rows = rows.sort("user_id", "session_id", "time", nulls_last=True, maintain_order=True)
        other = ~pl.col("session_id").eq_missing(pl.col("session_id").shift(1))
        pause = pl.col("session_id").is_null() & _paused(GAP)
        return rows.with_columns(session=(_other_user() | other | pause).cum_sum())
    return rows.with_columns(session=(_other_user() | _paused(gap or GAP)).cum_sum())


def _other_user() -> pl.Expr:
    return pl.col("user_id").ne_missing(pl.col("user_id").shift(1)) | (pl.int_range(pl.len()) == 0)


def _paused(gap: timedelta) -> pl.Expr:
    return (pl.col("time") - pl.col("time").shift(1) > gap).fill_null(False)


def sessions(data: Dataset, gap: timedelta | None = None) -> pl.LazyFrame:
    """One row per session: user_id, time (start), end, events, seconds, ripe, segment columns at its first event.

    A session is ripe once a whole pause after its last event has been watched: until then it may go on.
    """
    carried = data.carried(data.activity)
    grouped = labelled(data, gap).group_by("session", maintain_order=True)
    first = [pl.col(column).first() for column in ("user_id", *carried)]
    found = grouped.agg(*first, pl.col("time").min(), end=pl.col("time").max(), events=pl.len().cast(pl.Int64))
    # whole microseconds, so that sums are exact
    seconds = (pl.col("end") - pl.col("time")).dt.total_microseconds() / 1e6
    return found.with_columns(seconds=seconds, ripe=over(pl.col("end"), data, gap))


def over(last: pl.Expr, data: Dataset, gap: timedelta | None = None) -> pl.Expr:
    """Whether a session with this last event is over: any event after a longer pause would begin another one."""
    return last + (gap or GAP) < data.observed_until


@dataclass(frozen=True, slots=True)
class Sessions:
    """How many sessions there were and how long they lasted, in a period or over all data."""

    table: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values, with groups when segments were asked for."""
        rows = self.table.to_dicts()
        by = self.table.columns[: self.table.columns.index("sessions")]
        if not by:
            return rows[0]
        return {"groups": {group_name(row, by): {k: v for k, v in row.items() if k not in by} for row in rows}}


def group_name(row: dict[str, Any], by: list[str]) -> str:
    """The key of a segment in JSON: its values, joined by " / "; a missing one is written null.

    A value that reads null stands in quotes, and a value's own " / " is written " // ", so that no two keys are the same.
    """
    return " / ".join(_key(row[column], alone=len(by) == 1) for column in by)


def by_group(table: pl.DataFrame, by: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each segment without its columns, under the key it has in JSON; without segments under an empty one."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        own = {name: value for name, value in row.items() if name not in by}
        groups.setdefault(group_name(row, list(by)) if by else "", []).append(own)
    return groups


def _key(value: object, *, alone: bool) -> str:
    if value is None:
        return "null"
    text = '"null"' if str(value) == "null" else str(value)
    return text if alone else text.replace(" / ", " // ")


def session_figures(data: Dataset, *, gap: timedelta | None = None, grid: Grid | None = None) -> Sessions:
    """Count and length of the sessions that start in a period (default: all)."""
    if (quick := passed(data, gap, grid, usual=GAP)) is not None:
        return Sessions(quick[0].select(_figures(pl.lit(quick[1]))))
    found = sessions(data, gap)
    found = join_segments(found, data)
    if grid is not None:
        found = found.filter(grid.period(pl.col("time")).is_not_null())
    found = found.with_columns(length=(pl.col("end") - pl.col("time")).dt.total_microseconds())
    figures = _figures(pl.col("user_id").n_unique())
    if data.by:
        return Sessions(found.group_by(data.by).agg(figures).sort(data.by, nulls_last=True).collect())
    return Sessions(found.select(figures).collect())


def _figures(users: pl.Expr) -> list[pl.Expr]:
    """Count, length in microseconds and events of sessions, in sums of whole numbers: the same in any order."""
    length, events, size = pl.col("length"), pl.col("events"), pl.len()
    total = length.sum().cast(pl.Float64) / (size.cast(pl.Int64) * 1_000_000)
    return [
        size.cast(pl.Int64).alias("sessions"),
        users.cast(pl.Int64).alias("users"),
        (length / 1e6).median().alias("median_seconds"),
        pl.when(size > 0).then(total).alias("mean_seconds"),
        events.mean().alias("events_per_session"),
        (events == 1).mean().alias("single_event_share"),
    ]
