"""Sessions: runs of a user's events without a long pause.

A pause longer than the gap starts a new session; a pause of exactly the gap does not. A session belongs to the day of
its start, lasts from its first to its last event (a single event: 0 s) and may cross midnight.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, segment_spine
from kpi_lib.core.distribution import counted_quantile, seconds_of
from kpi_lib.core.errors import UsageError
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, local_date
from kpi_lib.core.shape import shape
from kpi_lib.core.units import duration
from kpi_lib.shapes.activity import qualifying
from kpi_lib.shapes.session_pass import passed

GAP = timedelta(minutes=30)
LONE_STROKES = re.compile("(?:(?<= )|^)/+(?= |$)")  # within a value, what could be taken for the stroke between values


@dataclass(frozen=True, slots=True)
class SessionRules:
    """Where else a session ends: at midnight of the zone, when it would last longer than `longest`, after an `end` event.

    Events in `exclude` neither begin a session nor keep one going. Each rule cuts the sessions that the pauses (or the
    session numbers of the data) give into shorter ones.
    """

    midnight: bool = False
    longest: timedelta | None = None
    end: str | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a length of nothing."""
        if self.longest is not None and self.longest <= timedelta(0):
            raise UsageError(
                f"sessions of at most {self.longest} are not possible: it must be longer than 0, as in 24h."
            )


PLAIN = SessionRules()


def usual_gap(data: Dataset) -> timedelta:
    """The pause that ends a session where nothing else is asked: [settings] session_gap, else half an hour."""
    if (text := data.settings.get("session_gap")) is None:
        return GAP
    try:
        return duration(str(text))
    except UsageError as error:
        raise UsageError(f"[settings] session_gap: {error}") from None


def with_gap(data: Dataset, gap: str | None) -> Dataset:
    """The same data with another usual pause; None leaves it as it is, and so does the one that it has."""
    if gap in (None, data.settings.get("session_gap")):
        return data
    return replace(data, settings={**data.settings, "session_gap": gap})


def labelled(data: Dataset, gap: timedelta | None = None, rules: SessionRules = PLAIN) -> pl.LazyFrame:
    """The events with a column `session`: a number that is the same within a session, in order of user and start.

    A mapped `session_id` is trusted unless a gap is given; rows without an id are cut at the usual pause.
    """
    if gap is not None and gap <= timedelta(0):
        raise UsageError(f"a session gap of {gap} is not possible: it must be longer than 0, as in 30m.")
    rows = data.events()
    named = [*rules.exclude, *([rules.end] if rules.end else [])]
    if named:
        qualifying(data, named)  # a misspelt name would cut nothing in silence
    if rules.exclude:
        rows = rows.filter(pl.col("event").is_in(list(rules.exclude)).not_())
    pause = gap or usual_gap(data)
    fresh = _paused(pause)
    if gap is None and "session_id" in data.columns(data.activity):
        if not _in_one_piece(rows):
            rows = rows.sort("user_id", "session_id", "time", nulls_last=True, maintain_order=True)
        other = ~pl.col("session_id").eq_missing(pl.col("session_id").shift(1))
        fresh = other | (pl.col("session_id").is_null() & _paused(pause))
    if rules.midnight:
        day = local_date(pl.col("time"), data.zone)
        fresh |= (day != day.shift(1)).fill_null(False)
    if rules.end:
        fresh |= (pl.col("event").shift(1) == rules.end).fill_null(False)
    found = rows.with_columns(session=(_other_user() | fresh).cum_sum().set_sorted())
    return found if rules.longest is None else _no_longer_than(found.collect(engine="in-memory"), rules.longest).lazy()


def _in_one_piece(rows: pl.LazyFrame) -> bool:
    """Whether the events of each numbered session follow each other already; by hashes, of which equal ones only cost a sort."""
    numbers = rows.select(pl.col("user_id", "session_id").hash(), known=pl.col("session_id").is_not_null())
    changed = pl.any_horizontal(pl.col(c) != pl.col(c).shift(1) for c in ("user_id", "session_id"))
    begun = numbers.filter(changed.fill_null(True) | ~pl.col("known")).collect(engine="in-memory")
    return bool(begun["known"].all()) and begun.select("user_id", "session_id").n_unique() == len(begun)


def _no_longer_than(rows: pl.DataFrame, longest: timedelta) -> pl.DataFrame:
    """Cut each session at its first event later than its start and the longest time, until none is too long."""
    while True:
        late = pl.col("time") - pl.col("time").first().over("session") > longest
        cut = rows.select((late & late.shift(1).over("session").fill_null(False).not_()).alias("cut"))["cut"]
        if not cut.any():
            return rows
        rows = rows.with_columns(session=pl.col("session").rle_id() + cut.cast(pl.UInt32).cum_sum())


def _other_user() -> pl.Expr:
    return pl.col("user_id").ne_missing(pl.col("user_id").shift(1)) | (pl.int_range(pl.len()) == 0)


def _paused(gap: timedelta) -> pl.Expr:
    return (pl.col("time") - pl.col("time").shift(1) > gap).fill_null(False)


@shape
def sessions(data: Dataset, gap: timedelta | None = None, rules: SessionRules = PLAIN) -> pl.LazyFrame:
    """One row per session: user_id, time (start), end, events, seconds, ripe, segment columns at its first event.

    A session is ripe once a whole pause after its last event has been watched: until then it may go on.
    """
    carried = data.carried(data.activity)
    grouped = labelled(data, gap, rules).group_by("session", maintain_order=True)
    first = [pl.col(column).first() for column in ("user_id", *carried)]
    found = grouped.agg(*first, pl.col("time").min(), end=pl.col("time").max(), events=pl.len().cast(pl.Int64))
    # whole microseconds, so that sums are exact
    seconds = seconds_of((pl.col("end") - pl.col("time")).dt.total_microseconds())
    return found.with_columns(seconds=seconds, ripe=over(pl.col("end"), data, gap))


def over(last: pl.Expr, data: Dataset, gap: timedelta | None = None) -> pl.Expr:
    """Whether a session with this last event is over: any event after a longer pause would begin another one."""
    return last + (gap or usual_gap(data)) < data.observed_until


@dataclass(frozen=True, slots=True)
class Sessions:
    """How many sessions there were and how long they lasted, in a period or over all data."""

    table: pl.DataFrame
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values, with groups when segments were asked for."""
        rows = self.table.to_dicts()
        by = self.table.columns[: self.table.columns.index("sessions")]
        if not by:
            return rows[0]
        return {"groups": {group_name(row, by): {k: v for k, v in row.items() if k not in by} for row in rows}}


def group_name(row: dict[str, Any], by: list[str]) -> str:
    """The key of a segment in JSON: its values, joined by " / "; a missing one is written null.

    A value that reads null stands in quotes, and a value's own " / " is written " // ": one more quote or stroke than it
    has, so that no two keys are the same.
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
    text = f'"{value}"' if str(value).strip('"') == "null" else str(value)
    return text if alone else LONE_STROKES.sub(r"/\g<0>", text)


def session_figures(
    data: Dataset, *, gap: timedelta | None = None, grid: Grid | None = None, rules: SessionRules = PLAIN
) -> Sessions:
    """Count and length of the sessions that start in a period (default: all); a segment without any is a row of zeros."""
    if rules == PLAIN and (quick := passed(data, gap, grid, usual=usual_gap(data))) is not None:
        return Sessions(_counted(*quick), origin_of(data))
    found = join_segments(sessions(data, gap, rules), data)
    if grid is not None:
        found = found.filter(grid.period(pl.col("time")).is_not_null())
    found = found.with_columns(length=(pl.col("end") - pl.col("time")).dt.total_microseconds())
    figures = _figures(pl.col("user_id").n_unique())
    if not data.by:
        return Sessions(found.select(figures).collect(), origin_of(data))
    table = found.group_by(data.by).agg(figures).collect()
    spine = segment_spine(pl.DataFrame({"one": [0]}), data, table).drop("one")
    whole = spine.join(table, on=list(data.by), how="left", nulls_equal=True)
    rows = whole.with_columns(pl.col("sessions", "users").fill_null(0)).sort(data.by, nulls_last=True)
    return Sessions(rows, origin_of(data))


def _counted(lengths: pl.DataFrame, users: int) -> pl.DataFrame:
    """The same figures from how many sessions are how long."""
    length, size = pl.col("length"), pl.col("sessions").sum()
    middle = counted_quantile(seconds_of(length), pl.col("sessions").cum_sum(), size, 0.5)
    shares = {
        "mean_seconds": (length * pl.col("sessions")).sum().cast(pl.Float64) / (size * 1_000_000),
        "events_per_session": pl.col("events").sum() / size,
        "single_event_share": pl.col("singles").sum() / size,
        "zero_length_share": pl.col("sessions").filter(length == 0).sum() / size,
    }
    told = {name: pl.when(size > 0).then(share) for name, share in shares.items()}
    return lengths.select(sessions=size, users=pl.lit(users, pl.Int64), median_seconds=middle, **told)


def _figures(users: pl.Expr) -> list[pl.Expr]:
    """Count, length in microseconds and events of sessions, in sums of whole numbers: the same in any order."""
    length, events, size = pl.col("length"), pl.col("events"), pl.len()
    total = length.sum().cast(pl.Float64) / (size.cast(pl.Int64) * 1_000_000)
    return [
        size.cast(pl.Int64).alias("sessions"),
        users.cast(pl.Int64).alias("users"),
        seconds_of(length).median().alias("median_seconds"),
        pl.when(size > 0).then(total).alias("mean_seconds"),
        events.mean().alias("events_per_session"),
        (events == 1).mean().alias("single_event_share"),
        (length == 0).mean().alias("zero_length_share"),
    ]
