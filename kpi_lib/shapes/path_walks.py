"""The stays of sessions and the part of each session that a path takes, from rows in which every session is in one piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments
from kpi_lib.core.period import Grid
from kpi_lib.shapes.sessions import labelled, over

# all of these look from row to row: a hash of some million sessions takes many times as long
ROW = pl.int_range(pl.len(), dtype=pl.Int64)
FRESH = pl.col("session").ne_missing(pl.col("session").shift(1)) | (ROW == 0)
LAST = FRESH.shift(-1, fill_value=True)
START = pl.when(FRESH).then(ROW).forward_fill()
STOP = pl.when(LAST).then(ROW).backward_fill()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of paths: the part of a session, how many steps, of which sessions, and what counts as one stay."""

    from_event: str | None
    to_event: str | None
    max_steps: int
    collapse: bool
    gap: timedelta | None
    grid: Grid | None

    @property
    def ends(self) -> list[str]:
        """The events that are named in any case."""
        return [name for name in (self.from_event, self.to_event) if name is not None]


@dataclass(frozen=True, slots=True)
class Walks:
    """The walks of some users. `shown`: a row per stay shown: event, segments, step, user (a number), begins, opens, closes.

    `opens` and `closes` tell whether the stay is the first and the last of its walk, `begins` whether none is shown before it.
    `counts`: stays by step and event; `totals`: what the walks come to, by segment.
    """

    shown: pl.DataFrame
    counts: pl.DataFrame
    totals: pl.DataFrame


def walks(data: Dataset, *, asked: Question) -> Walks:
    """The walks of these users."""
    by = list(data.by)
    stays = _stays(data, asked)
    cut = _cut(stays, asked)
    back = asked.to_event is not None and asked.from_event is None  # the way up to an event is counted back from it
    step = asked.max_steps - (pl.col("last") - pl.col("at")) if back else pl.col("at") + 1
    inside = cut.lazy().with_columns(step=step).filter(pl.col("step").is_between(1, asked.max_steps))
    ends = {"begins": FRESH, "opens": pl.col("at") == 0, "closes": pl.col("at") == pl.col("last")}
    user = pl.col("user_id").rle_id()
    shown = inside.select("event", *by, pl.col("step").cast(pl.Int32), user=user, **ends)
    found = shown.collect(engine="in-memory")
    words = [column for column in by if found.schema[column] == pl.String]
    found = found.with_columns(pl.col(c).cast(pl.Enum(found[c].unique().drop_nulls().sort())) for c in words)
    counts = found.group_by("step", "event").agg(pl.len().cast(pl.Int64))
    return Walks(found, counts, _totals(stays, cut, by))


def _stays(data: Dataset, asked: Question) -> pl.DataFrame:
    """One row per stay: session, user_id, event, its number within the session (at), closes (is its last), over, segments."""
    first = [pl.col(column).gather(START) for column in data.carried(data.activity)]
    ended = over(pl.col("time").gather(STOP), data, asked.gap)
    rows = labelled(data, asked.gap).select(
        "session", "user_id", "event", *first, begun=pl.col("time").gather(START), over=ended
    )
    if asked.grid is not None:
        rows = rows.filter(asked.grid.period(pl.col("begun")).is_not_null())
    if asked.collapse:
        rows = rows.filter(FRESH | pl.col("event").ne_missing(pl.col("event").shift(1)))
    stays = join_segments(rows.drop("begun"), data).collect(engine="in-memory")
    return stays.with_columns(at=ROW - START, closes=LAST)


def _cut(stays: pl.DataFrame, asked: Question) -> pl.DataFrame:
    """The part of each session that is asked for, numbered anew; `last` is the number of its last stay."""
    found = stays.lazy()
    if asked.from_event is not None:
        hit = (pl.col("event") == asked.from_event).fill_null(False)
        found = found.filter(_so_far(hit) > 0).with_columns(at=ROW - START)
    if asked.to_event is not None:
        there = (pl.col("event") == asked.to_event).fill_null(False) & (
            pl.col("at") >= (0 if asked.from_event is None else 1)
        )
        found = found.filter((_so_far(there) - there.cast(pl.Int64) == 0) & (_so_far(there).gather(STOP) > 0))
    return found.with_columns(last=pl.col("at").gather(STOP)).collect(engine="in-memory")


def _so_far(hit: pl.Expr) -> pl.Expr:
    """How many rows of the session hit, up to each row and with it."""
    seen = hit.cast(pl.Int64).cum_sum()
    return seen - (seen - hit.cast(pl.Int64)).gather(START)


def _totals(stays: pl.DataFrame, cut: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row per segment: sessions and users on the paths, all_sessions, in_progress."""
    size = (pl.col("at") == 0).sum().cast(pl.Int64)
    still, users = (
        (~pl.col("over") & pl.col("closes")).sum().cast(pl.Int64),
        pl.col("user_id").n_unique().cast(pl.Int64),
    )
    figures = {"sessions": size, "users": users, "all_sessions": pl.lit(0, pl.Int64), "in_progress": still}
    whole = {**dict.fromkeys(figures, pl.lit(0, pl.Int64)), "all_sessions": size}
    parts = (_per_segment(cut, by, **figures), _per_segment(stays, by, **whole))
    return added(pl.concat(parts).with_columns(pl.col(by).cast(pl.String)), by)


def added(totals: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The totals of parts that share no user, together."""
    return _per_segment(totals, list(by), **{name: pl.col(name).sum() for name in totals.columns if name not in by})


def _per_segment(rows: pl.DataFrame, by: list[str], **figures: pl.Expr) -> pl.DataFrame:
    return rows.group_by(by).agg(**figures) if by else rows.select(**figures)
