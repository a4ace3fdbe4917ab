"""The common funnel in one pass over ordered rows: the same attempts as `attempts` follows, without a row for each entry.

Covered are steps in every order, each named once, with the best or first attempt of each user, any window, both clocks,
both ways with unripe attempts, and segments. Whatever else is asked goes the general way.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name
from kpi_lib.core.period import INSTANT, Grid, micros
from kpi_lib.core.store import USER, used
from kpi_lib.shapes.funnel_counts import Counts, counts_of, merged
from kpi_lib.shapes.funnel_follow import Track, follow
from kpi_lib.shapes.funnel_rules import Funnel, microseconds
from kpi_lib.shapes.rows import Rows, over

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.integer[Any]]
    Flags = NDArray[np.bool_]

NEVER = -(2**62)
STEP = "\x00step"
COVERED = ("within", "order", "attempt", "time_to_convert", "unripe", "repeats", "system")
FORMS = {"store": "ranges of users, sorted", "scan": "the columns of the files, sorted for this question"}


def passed(data: Dataset, spec: Funnel, grid: Grid | None) -> Counts | str:
    """The units and their counted attempts added up, or why the question or the data need the general way."""
    if why := _needs_more(data, spec):
        return why
    parts = data.parts
    if parts is None:
        raise TypeError("no parts")
    found = over(data, partial(_wanted, data=data, spec=spec), partial(_part, data=data, spec=spec, grid=grid))
    done = [each for each in found if each is not None]
    if len(done) < len(found):
        return "entries at one instant lie in different segments: the order of the table decides"
    used("funnel", parts.form, f"{len(parts.events)} parts: {FORMS[parts.form]}; every rule asked for is covered")
    return merged(done, data.by)


def _needs_more(data: Dataset, spec: Funnel) -> str:
    """Why the pass cannot answer; empty when it can."""
    if data.parts is None or data.activity != "events":
        return "the events are in memory: the tables came from files"
    if spec.attempt == "all" or spec != Funnel(spec.steps, **{name: getattr(spec, name) for name in COVERED}):
        return "the general rules for attempts, ties, units, times of steps or exclusions are asked for"
    names = set(data.sizes("events", "event")["event"])
    if spec.names != spec.steps or not names.issuperset(spec.steps):
        return "a step is named twice, is an occurrence, may be left out, or never occurs"
    return ""


def _part(rows: Rows, *, data: Dataset, spec: Funnel, grid: Grid | None) -> Counts | None:
    """The attempts of the users of one part; None where the order of rows at one instant would matter."""
    import numpy as np

    parts = data.parts
    step = rows.frame[STEP].to_physical().fill_null(255).to_numpy()
    entry = np.flatnonzero(step == 0) if spec.order != "unordered" else np.arange(len(step))
    unit = np.cumsum(rows.new_user, dtype=np.int32)
    if spec.attempt == "first_ever":
        entry = entry[_earliest(unit[entry], rows.time[entry])]
    if grid is not None:
        inside = grid.period(pl.from_epoch("time", "us").dt.replace_time_zone("UTC")).is_not_null()
        entry = entry[rows.frame["time"][entry].to_frame("time").select(inside).to_series().to_numpy()]
    if parts is not None and not parts.ordered and _ambiguous(rows, entry, data.by):
        return None
    within = microseconds(spec.within)
    log = Track(rows.time, step, unit, rows.new_time, len(spec.steps), within, spec.order, spec.repeats)
    levels = follow(log, entry, strict=False)
    ripe = np.ones(len(entry), bool) if within is None else rows.time[entry] + within <= micros(data.observed_until)
    usable = ripe.copy() if spec.unripe == "exclude" else np.ones(len(entry), bool)
    depth = _depth(levels, len(entry))
    if spec.attempt != "best":
        usable[usable] = _earliest(unit[entry[usable]], rows.time[entry[usable]])
    best = _best(log, entry[usable], depth[usable], latest=spec.time_to_convert == "fastest")
    chosen = np.flatnonzero(usable)[best]
    return _told(rows, log, data=data, spec=spec, entries=(entry, chosen, ripe, depth, levels), usable=usable)


def _earliest(unit: "Ints", time: "Ints") -> "Flags":
    """Which entries, in order, lie at their unit's first instant."""
    import numpy as np

    first = np.flatnonzero(np.append(True, unit[1:] != unit[:-1])) if len(unit) else unit
    earliest: Flags = time == np.repeat(time[first], np.diff(np.append(first, len(unit))))
    return earliest


def _ambiguous(rows: Rows, entry: "Ints", by: tuple[str, ...]) -> bool:
    """Whether entries of one user at one instant carry different segments."""
    import numpy as np

    own = [column for column in by if column in rows.frame.columns]
    if not own or not len(entry):
        return False
    user = np.cumsum(rows.new_user, dtype=np.int32)[entry]
    again = np.flatnonzero((user[1:] == user[:-1]) & (rows.time[entry[1:]] == rows.time[entry[:-1]]))
    one, other = (rows.frame.select(own)[entry[again + shift]] for shift in (0, 1))
    return not one.equals(other)


def _wanted(scan: pl.LazyFrame, *, data: Dataset, spec: Funnel) -> tuple[pl.LazyFrame, list[pl.Expr]]:
    """The rows of the steps, with the place of each step and what segments need."""
    kinds = dict(scan.collect_schema())
    event, kind, steps = pl.col("event"), kinds["event"], pl.Enum(spec.steps)
    if isinstance(kind, pl.Enum):
        names = kind.categories.to_list()
        places = pl.Series([name if name in spec.steps else None for name in names], dtype=steps)
        wanted = pl.Series([name for name in spec.steps if name in names], dtype=kind)
        scan = scan.filter(event.is_in(wanted.implode())) if spec.order != "strict" else scan
        step = pl.lit(places).gather(event.to_physical())
    else:
        scan = scan.filter(event.is_in(list(spec.steps))) if spec.order != "strict" else scan
        step = event.cast(steps, strict=False)
    own = [column for column in data.by if plain_name(column) in kinds]
    more = [_segment(data, plain_name(column), kinds).alias(column) for column in own]
    if len(own) < len(data.by):
        more.append(pl.col("user_id"))
    return scan, [step.alias(STEP), *more]


def _segment(data: Dataset, column: str, kinds: Mapping[str, pl.DataType]) -> pl.Expr:
    """A segment column; one of few known values stays as it is, because codes are less work than text."""
    plain = isinstance(kinds[column], pl.Enum) and data.frequent(column) is None
    return pl.col(column) if plain else data.segment(column)


def _depth(levels: "list[tuple[Ints, Ints]]", entries: int) -> "NDArray[np.int8]":
    import numpy as np

    depth = np.zeros(entries, dtype=np.int8)
    for alive, _ in levels:
        depth[alive] += 1
    return depth


def _best(log: Track, entry: "Ints", depth: "NDArray[np.int8]", *, latest: bool) -> "Ints":
    """Of each unit the place of its deepest entry; of equally deep ones the earliest, or the first of the latest instant."""
    import numpy as np

    if not len(entry):
        return entry
    unit = log.unit[entry]
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    deepest = np.maximum.reduceat(depth, starts)
    found: Ints = np.flatnonzero(depth == np.repeat(deepest, np.diff(np.append(starts, len(entry)))))
    owner, time = unit[found], log.time[entry[found]]
    if not latest:
        earliest: Ints = found[np.append(True, owner[1:] != owner[:-1])]
        return earliest
    begins = np.append(True, (owner[1:] != owner[:-1]) | (time[1:] != time[:-1]))
    first = np.maximum.accumulate(np.where(begins, np.arange(len(found)), 0))
    last: Ints = found[first[np.append(owner[1:] != owner[:-1], True)]]
    return last


def _sensitive(log: Track, entry: "Ints", usable: "Flags", depth: "NDArray[np.int8]") -> "Ints":
    """Units whose depth depends on whether tied events may stand in either order; only units with ties can be."""
    import numpy as np

    tied = np.unique(log.unit[~log.new_time])
    if not len(tied) or log.order == "unordered":  # unordered steps do not know ties
        return tied[:0]
    mine = np.zeros(int(log.unit[-1]) + 1, dtype=bool)
    mine[tied] = True
    kept = np.flatnonzero(mine[log.unit])
    part = log.of(kept)
    asked = usable & mine[log.unit[entry]]
    entries = np.searchsorted(kept, entry[asked])
    strict = _depth(follow(part, entries, strict=True), len(entries))
    if not len(entries):
        return tied[:0]
    unit = part.unit[entries]
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    differs = np.maximum.reduceat(strict, starts) != np.maximum.reduceat(depth[asked], starts)
    found: Ints = unit[starts][differs]
    return found


def _told(
    rows: Rows,
    log: Track,
    *,
    data: Dataset,
    spec: Funnel,
    entries: "tuple[Ints, Ints, Flags, NDArray[np.int8], list[tuple[Ints, Ints]]]",
    usable: "Flags",
) -> Counts:
    """One row per unit that entered, and one per counted attempt with the times of its steps, added up."""
    import numpy as np

    entry, chosen, ripe, depth, levels = entries
    unit = log.unit[entry]
    first = np.flatnonzero(np.append(True, unit[1:] != unit[:-1])) if len(entry) else entry
    own = unit[first]
    counted = np.isin(own, unit[chosen], assume_unique=True)
    shown = first.copy()
    shown[counted] = chosen
    young = np.logical_or.reduceat(~ripe, first) if len(first) else ripe
    sensitive = np.isin(own, _sensitive(log, entry, usable, depth), assume_unique=True)
    done = counted & ((depth[shown] == log.width) | (spec.attempt != "best"))
    frame = rows.frame.select(USER, *(c for c in rows.frame.columns if c in data.by or c == "user_id"))[entry[shown]]
    marks = {"usable": counted, "open": young & ~done, "counted": counted, "sensitive": sensitive}
    flags = {name: pl.Series(each, dtype=pl.Boolean) for name, each in marks.items()}
    standing = join_segments(frame.lazy(), data).collect().select(pl.col(data.by).cast(pl.String), **flags)
    times = {"time": pl.Series(log.time[entry[chosen]]).cast(INSTANT)}
    spot = np.full(len(entry), -1, dtype=np.int64)
    spot[chosen] = np.arange(len(chosen))
    for k, (alive, row) in enumerate(levels, 1):
        mine = spot[alive]
        column = np.full(len(chosen), NEVER, dtype=np.int64)
        column[mine[mine >= 0]] = log.time[row[mine >= 0]]
        times[f"t{k}"] = pl.Series(column).replace(NEVER, None)
    attempts = standing.filter("counted").with_columns(**times).select(*data.by, *times)
    return counts_of(standing, attempts, by=data.by, spec=spec, ripe=bool(ripe.all()))
