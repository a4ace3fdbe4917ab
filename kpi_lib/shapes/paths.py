"""Paths: which event follows which within a session, step by step, so that every flow in flows out again.

A session takes one step per event (the same event several times in a row is one stay, unless asked otherwise). What is
rare at a step is "(other)"; "(start)" and "(end)" are the ends of a session, "(more)" what lies beyond the steps shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, segment_spine
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid
from kpi_lib.shapes.activity import qualifying
from kpi_lib.shapes.sessions import by_group, labelled, over, usual_gap

RULES = ("from_event", "to_event", "max_steps", "top", "collapse")
START, END, OTHER, MORE = "(start)", "(end)", "(other)", "(more)"


def transitions(data: Dataset) -> pl.LazyFrame:
    """One row per step of a session: user_id, time, from, to, ripe, segment columns at the step.

    The same event several times in a row is one stay; the last stay of a session goes to "(end)", so that as many
    steps leave an event as stays were made there. A last stay is ripe once the session is over.
    """
    same = (pl.col("session") == pl.col("session").shift(1)) & (pl.col("event") == pl.col("event").shift(1))
    last = pl.when((pl.col("session") != pl.col("session").shift(-1)).fill_null(True)).then("time").backward_fill()
    events = labelled(data).with_columns(ripe=over(last, data))
    stays = events.filter(~same.fill_null(False))
    onward = (
        pl.when(pl.col("session") == pl.col("session").shift(-1)).then(pl.col("event").shift(-1)).otherwise(pl.lit(END))
    )
    return stays.select(
        "user_id",
        "time",
        *data.carried(data.activity),
        pl.col("event").alias("from"),
        onward.alias("to"),
        ripe=pl.col("ripe") | (onward != END),
    )


@dataclass(frozen=True, slots=True)
class Paths:
    """Where sessions go. `table`: one row per segment, step, from and to with sessions, users, share (of who was at from).

    A move of step k leads from an event at step k to one at k + 1. `nodes`: who was at an event (segments, step, event,
    sessions, users). `totals`: a row per segment: sessions and users on these paths, all_sessions of the period, and how
    many of the paths' sessions may still go on (in_progress).
    """

    table: pl.DataFrame
    nodes: pl.DataFrame
    totals: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The nodes and edges as JSON values; with segments one result a group."""
        groups = by_group(self.totals, self.by)
        edges, nodes = by_group(self.table, self.by), by_group(self.nodes, self.by)
        found = {
            name: {"nodes": nodes.get(name, []), "edges": edges.get(name, [])}
            | rows[0]
            | {"definition": dict(self.definition)}
            for name, rows in groups.items()
        }
        return {"groups": found} if self.by else found[""]


def paths(
    data: Dataset,
    *,
    from_event: str | None = None,
    to_event: str | None = None,
    max_steps: int = 5,
    top: int = 5,
    collapse: bool = True,
    gap: timedelta | None = None,
    grid: Grid | None = None,
) -> Paths:
    """The ways through a session: from its start, from the first `from_event` in it, or up to the first `to_event`.

    With both, from the first from_event to the first to_event after it. At each step the `top` events with the most
    sessions are named. With a grid, of the sessions that start in its periods. A segment is that of the session's start.
    """
    if max_steps < 2 or top < 1:
        raise UsageError(
            f"paths of {max_steps} steps with {top} events a step are not possible: at least 2 steps and 1 event."
        )
    declared = {name for funnel in data.funnels.values() for name in funnel.names}
    for name in (from_event, to_event):
        if name is not None and name not in declared:  # what a funnel declares is known before it ever happens
            qualifying(data, (name,))
    stays = _stays(data, gap, grid, collapse=collapse)
    walks = _cut(stays, from_event, to_event)
    back = to_event is not None and from_event is None  # the way up to an event is counted back from it
    step = max_steps - (pl.col("last") - pl.col("at")) if back else pl.col("at") + 1
    shown = walks.with_columns(step=step).filter(pl.col("step").is_between(1, max_steps))
    moves = _moves(_named(shown, top, [name for name in (from_event, to_event) if name is not None]), list(data.by))
    edges, nodes = _tables(moves, list(data.by))
    rules: dict[str, Any] = dict(zip(RULES, (from_event, to_event, max_steps, top, collapse), strict=True))
    rules["gap_seconds"] = (gap or usual_gap(data)).total_seconds()
    return Paths(edges, nodes, _totals(data, stays, walks), rules, data.by)


def _stays(data: Dataset, gap: timedelta | None, grid: Grid | None, *, collapse: bool) -> pl.DataFrame:
    """One row per stay: session, user_id, event, its number within the session (at), closes (is its last), over, segments."""
    carried = data.carried(data.activity)
    first = [pl.col(column).first().over("session") for column in carried]
    begun, ended = pl.col("time").min().over("session"), pl.col("time").max().over("session")
    rows = labelled(data, gap).select("session", "user_id", "event", *first, begun=begun, over=over(ended, data, gap))
    if grid is not None:
        rows = rows.filter(grid.period(pl.col("begun")).is_not_null())
    if collapse:
        again = (pl.col("session") == pl.col("session").shift(1)) & (pl.col("event") == pl.col("event").shift(1))
        rows = rows.filter(again.fill_null(False).not_())
    stays = join_segments(rows.drop("begun"), data).collect(engine="in-memory")
    numbered = stays.with_columns(at=pl.int_range(pl.len(), dtype=pl.Int64).over("session"))
    return numbered.with_columns(closes=pl.col("at") == pl.col("at").max().over("session"))


def _cut(stays: pl.DataFrame, from_event: str | None, to_event: str | None) -> pl.DataFrame:
    """The part of each session that is asked for, numbered anew; `last` is the number of its last stay."""
    walks = stays
    if from_event is not None:
        first = pl.col("at").filter(pl.col("event") == from_event).min().over("session")
        walks = walks.with_columns(at=pl.col("at") - first).filter(pl.col("at") >= 0)
    if to_event is not None:
        there = (pl.col("event") == to_event) & (pl.col("at") >= (0 if from_event is None else 1))
        walks = walks.with_columns(stop=pl.col("at").filter(there).min().over("session"))
        walks = walks.filter(pl.col("at") <= pl.col("stop")).drop("stop")
    return walks.with_columns(last=pl.col("at").max().over("session"))


def _named(shown: pl.DataFrame, top: int, ends: list[str]) -> pl.DataFrame:
    """The stays with their name: the event if it is among the most frequent of its step, else "(other)"."""
    quoted = pl.format('"{}"', "event")  # an event that is called like one of our own nodes
    counts = shown.group_by("step", "event").agg(pl.len()).sort("step", "len", "event", descending=[False, True, False])
    kept = counts.filter((pl.int_range(pl.len()).over("step") < top) | pl.col("event").is_in(ends))
    name = pl.when(pl.col("event").is_in([START, END, OTHER, MORE])).then(quoted).otherwise("event")
    names = kept.select("step", "event", name=name)
    found = shown.join(names, on=["step", "event"], how="left", maintain_order="left")
    return found.with_columns(pl.col("name").fill_null(OTHER))


def _moves(shown: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row per move of a session: session, user_id, segments, step, from, to, begins (leads into the first stay shown)."""
    whole = ["session", "user_id", *by]
    following = pl.col("name").shift(-1).over("session")
    sink = pl.when(pl.col("at") == pl.col("last")).then(pl.lit(END)).otherwise(pl.lit(MORE))
    onward = shown.select(*whole, "step", pl.col("name").alias("from"), to=following.fill_null(sink), begins=False)
    entry = shown.filter(pl.col("step") == pl.col("step").min().over("session"))
    source = pl.when(pl.col("at") == 0).then(pl.lit(START)).otherwise(pl.lit(MORE)).alias("from")
    into = entry.select(*whole, pl.col("step") - 1, source, to="name", begins=True)
    return pl.concat([into, onward])


def _tables(moves: pl.DataFrame, by: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The moves and the nodes with their sessions and users."""
    whole = ["session", "user_id", *by]
    begun = moves.filter("begins").select(*whole, "step", event="from")
    reached = moves.select(*whole, pl.col("step") + 1, event="to")
    nodes = _counted(pl.concat([begun, reached]), [*by, "step", "event"])
    edges = _counted(moves, [*by, "step", "from", "to"])
    there = nodes.select(*by, "step", pl.col("event").alias("from"), there="sessions")
    edges = edges.join(there, on=[*by, "step", "from"], how="left", nulls_equal=True)
    edges = edges.with_columns(share=pl.col("sessions") / pl.col("there")).drop("there")
    return _largest_first(edges, by, ["from", "to"]), _largest_first(nodes, by, ["event"])


def _counted(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    counts = {"sessions": pl.col("session").n_unique(), "users": pl.col("user_id").n_unique()}
    return rows.group_by(keys).agg(each.cast(pl.Int64).alias(name) for name, each in counts.items())


def _largest_first(rows: pl.DataFrame, by: list[str], names: list[str]) -> pl.DataFrame:
    falling = [False] * (len(by) + 1) + [True] + [False] * len(names)
    return rows.sort(*by, "step", "sessions", *names, descending=falling, nulls_last=True)


def _totals(data: Dataset, stays: pl.DataFrame, walks: pl.DataFrame) -> pl.DataFrame:
    """One row per segment: sessions and users on the paths, all_sessions, in_progress."""
    by, size = list(data.by), pl.col("session").n_unique().cast(pl.Int64)
    still = pl.col("session").filter(~pl.col("over") & pl.col("closes")).n_unique().cast(pl.Int64)
    users = pl.col("user_id").n_unique().cast(pl.Int64)
    parts = [
        _per_segment(walks, by, sessions=size, users=users),
        _per_segment(stays, by, all_sessions=size),
        _per_segment(walks, by, in_progress=still),
    ]
    if not by:
        return pl.concat(parts, how="horizontal")
    spine = segment_spine(pl.DataFrame({"one": [0]}), data, stays).drop("one")
    for part in parts:
        spine = spine.join(part, on=by, how="left", nulls_equal=True, maintain_order="left")
    return spine.with_columns(pl.exclude(by).fill_null(0)).sort(by, nulls_last=True)


def _per_segment(rows: pl.DataFrame, by: list[str], **figures: pl.Expr) -> pl.DataFrame:
    return rows.group_by(by).agg(**figures) if by else rows.select(**figures)
