"""Paths: which event follows which within a session, step by step, so that every flow in flows out again.

A session takes one step per event (the same event several times in a row is one stay, unless asked otherwise). What is
rare at a step is "(other)"; "(start)" and "(end)" are the ends of a session, "(more)" what lies beyond the steps shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import polars as pl

from kpi_lib.core.dataset import Dataset, segment_spine
from kpi_lib.core.errors import UsageError
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.core.store import mapped
from kpi_lib.shapes.activity import qualifying
from kpi_lib.shapes.path_walks import Question, added, walks
from kpi_lib.shapes.range_data import in_ranges
from kpi_lib.shapes.sessions import by_group, labelled, over, usual_gap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RULES = ("from_event", "to_event", "max_steps", "top", "collapse")
SMALL = {16: pl.UInt16, 32: pl.UInt32, 64: pl.UInt64}
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
    origin: Origin = field(default=Origin(), repr=False, compare=False)

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
    asked = Question(from_event, to_event, max_steps, collapse, gap, grid)
    why = "a row for each step of each session"
    found = in_ranges(data, "paths", partial(walks, asked=asked), why=why, columns=["session_id"], codes=True)
    names = _names(pl.concat([each.counts for each in found]), top, asked.ends)
    by = list(data.by)
    counted = mapped(lambda each: _counts(_moves(each.shown, names, by), by), tuple(found))
    edges, nodes = (pl.concat(parts) for parts in zip(*counted, strict=True))
    rules: dict[str, Any] = dict(zip(RULES, (from_event, to_event, max_steps, top, collapse), strict=True))
    rules["gap_seconds"] = (gap or usual_gap(data)).total_seconds()
    totals = _totals(data, pl.concat([each.totals for each in found]))
    return Paths(*_tables(edges, nodes, by), totals, rules, data.by, origin_of(data))


def _names(counts: pl.DataFrame, top: int, ends: list[str]) -> pl.DataFrame:
    """The name of each event at each step: itself if it is among the most frequent of the step, else "(other)"."""
    event = pl.col("event").cast(pl.String)
    sums = counts.group_by("step", "event").agg(pl.col("len").sum()).with_columns(text=event)
    ranked = sums.sort("step", "len", "text", descending=[False, True, False])
    kept = (pl.int_range(pl.len()).over("step") < top) | pl.col("text").is_in(ends)
    quoted = pl.format('"{}"', "text")  # an event that is called like one of our own nodes
    own = pl.when(pl.col("text").is_in([START, END, OTHER, MORE])).then(quoted).otherwise("text")
    named = ranked.select("step", "event", name=pl.when(kept).then(own).otherwise(pl.lit(OTHER)))
    there = pl.Enum([START, END, OTHER, MORE, *sorted({*named["name"].drop_nulls()} - {OTHER})])
    return named.with_columns(pl.col("name").cast(there))


def _moves(shown: pl.DataFrame, names: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row per move of a session: user, segments, step, from, to, begins (leads into the first stay shown)."""
    whole, kind = ["user", *by], names.schema["name"]
    begin, end, more = (pl.lit(name, kind) for name in (START, END, MORE))
    named = shown.join(names, on=["step", "event"], how="left", maintain_order="left", nulls_equal=True)
    further = pl.col("begins").shift(-1, fill_value=True).not_()
    sink = pl.when("closes").then(end).otherwise(more)
    onward = named.select(
        *whole,
        "step",
        pl.col("name").alias("from"),
        to=pl.when(further).then(pl.col("name").shift(-1)).otherwise(sink),
        begins=False,
    )
    source = pl.when("opens").then(begin).otherwise(more).alias("from")
    into = named.filter("begins").select(*whole, pl.col("step") - 1, source, to="name", begins=True)
    return pl.concat([into, onward])


def _counts(moves: pl.DataFrame, by: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sessions and users by move, and by node; a session makes one move at each step."""
    begun = moves.filter("begins").select("user", *by, "step", event="from")
    reached = moves.select("user", *by, pl.col("step") + 1, event="to")
    nodes = pl.concat([begun, reached])
    return _counted(moves, [*by, "step", "from", "to"]), _counted(nodes, [*by, "step", "event"])


def _counted(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Sessions and users by keys of few values, which make one small whole number."""
    kinds = {key: rows.schema[key] for key in keys}
    sizes = {key: int(rows[key].to_physical().max() or 0) + 2 for key in keys}  # type: ignore[arg-type]
    code, most = pl.lit(0, pl.UInt64), prod(sizes.values())
    small = next(kind for bits, kind in SMALL.items() if most <= 2**bits)
    for key, size in sizes.items():
        code = code * size + pl.col(key).to_physical().fill_null(size - 1).cast(pl.UInt64)
    found = _by_code(rows.select(code.cast(small).alias("code"))["code"], rows["user"])
    for key, size in reversed(sizes.items()):
        at = pl.col("code") % size
        known, kind = pl.when(at < size - 1).then(at), kinds[key]
        own = pl.lit(kind.categories).gather(known) if isinstance(kind, pl.Enum) else known.cast(pl.Int64)
        found = found.with_columns(own.alias(key), code=pl.col("code") // size)
    return found.select(*keys, pl.col("sessions", "users").cast(pl.Int64))


def _by_code(codes: pl.Series, users: pl.Series) -> pl.DataFrame:
    """Rows and users by code. To sort by a small number, which keeps users in their order, is less work than to hash both."""
    import numpy as np

    code, user = codes.to_numpy(), users.to_numpy()
    order = np.argsort(code, kind="stable")
    sorted_code, owner = code[order], user[order]
    begins = _begins(sorted_code)
    if (owner[1:] < owner[:-1])[~begins[1:]].any():  # users in no order: they have to be sorted as well
        owner = user[np.lexsort((user, code))]
    starts = np.flatnonzero(begins)
    whole = np.add.reduceat(begins | _begins(owner), starts, dtype=np.int64) if len(starts) else starts
    sessions = np.diff(np.append(starts, len(code)))
    return pl.DataFrame({"code": sorted_code[starts].astype(np.uint64), "sessions": sessions, "users": whole})


def _begins(values: "NDArray[np.integer[Any]]") -> "NDArray[np.bool_]":
    """Where another value begins."""
    import numpy as np

    return np.append(True, values[1:] != values[:-1])[: len(values)]


def _tables(edges: pl.DataFrame, nodes: pl.DataFrame, by: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The moves and the nodes of all users, with the share of each move."""
    edges, nodes = (_added(rows) for rows in (edges, nodes))
    there = nodes.select(*by, "step", pl.col("event").alias("from"), there="sessions")
    edges = edges.join(there, on=[*by, "step", "from"], how="left", nulls_equal=True)
    edges = edges.with_columns(share=pl.col("sessions") / pl.col("there")).drop("there")
    return _largest_first(edges, by, ["from", "to"]), _largest_first(nodes, by, ["event"])


def _added(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts of parts that share no user, together."""
    return rows.group_by(pl.exclude("sessions", "users")).agg(pl.col("sessions", "users").sum())


def _largest_first(rows: pl.DataFrame, by: list[str], names: list[str]) -> pl.DataFrame:
    falling = [False] * (len(by) + 1) + [True] + [False] * len(names)
    return rows.sort(*by, "step", "sessions", *names, descending=falling, nulls_last=True)


def _totals(data: Dataset, found: pl.DataFrame) -> pl.DataFrame:
    """One row per segment: sessions and users on the paths, all_sessions, in_progress."""
    totals, by = added(found, data.by), list(data.by)
    if not by:
        return totals
    spine = segment_spine(pl.DataFrame({"one": [0]}), data, totals).drop("one")
    whole = spine.join(totals, on=by, how="left", nulls_equal=True, maintain_order="left")
    return whole.with_columns(pl.exclude(by).fill_null(0)).sort(by, nulls_last=True)
