"""Sessions by pauses in one pass over ordered rows: how many last how long, and how many events they have."""

from datetime import timedelta
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid
from kpi_lib.core.store import used
from kpi_lib.shapes.rows import Rows, over


def passed(
    data: Dataset, gap: timedelta | None, grid: Grid | None, *, usual: timedelta
) -> tuple[pl.DataFrame, int] | None:
    """Sessions by their length and how many users have one; None where this does not do.

    One row per length in microseconds: length, sessions, events of them, singles (of one event alone).
    """
    if data.parts is None or data.activity != "events":
        why = "the events are in memory: the tables came from files"
    elif gap is not None and gap <= timedelta(0):
        why = "no pause is that short"
    elif data.by or (gap is None and "session_id" in data.columns("events")):
        why = "segments or sessions with numbers of their own are asked for"
    else:
        used("sessions", data.parts.form, f"{len(data.parts.events)} parts: user and time, read once")
        pause = (gap or usual) // timedelta(microseconds=1)
        found = over(data, lambda scan: (scan, []), partial(_part, pause=pause, grid=grid))
        lengths = pl.concat([each for each, _ in found]).group_by("length").agg(pl.all().sum()).sort("length")
        return lengths, sum(users for _, users in found)
    used("sessions", "tables", why)
    return None


def _part(rows: Rows, *, pause: int, grid: Grid | None) -> tuple[pl.DataFrame, int]:
    import numpy as np

    begins = rows.new_user.copy()
    begins[1:] |= rows.time[1:] - rows.time[:-1] > pause
    start = np.flatnonzero(begins)
    stop = np.append(start[1:], len(rows))[: len(start)]
    first, owner = rows.time[start], rows.new_user
    if grid is not None:
        inside = grid.period(pl.from_epoch("time", "us").dt.replace_time_zone("UTC")).is_not_null()
        kept = pl.DataFrame({"time": first}).select(inside).to_series().to_numpy()
        start, stop, first = start[kept], stop[kept], first[kept]
    users = np.cumsum(owner, dtype=np.int32)[start] if grid is not None else np.flatnonzero(owner)
    count = len(np.unique(users)) if grid is not None else len(users)
    each = pl.DataFrame({"length": rows.time[stop - 1] - first, "events": stop - start})
    sums = {"events": pl.col("events").sum(), "singles": (pl.col("events") == 1).sum().cast(pl.Int64)}
    return each.group_by("length").agg(sessions=pl.len().cast(pl.Int64), **sums), count
