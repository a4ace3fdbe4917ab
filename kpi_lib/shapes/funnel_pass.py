"""The common funnel in one pass over ordered rows: the same attempts as `attempts` follows, without a row for each entry.

Covered are steps in every order, each named once, with the best, the first or all attempts of each user, ended by other events
or not, any window, both clocks, tied events in any order or in none, both ways with unripe attempts, and segments. Whatever
else is asked goes the general way.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name
from kpi_lib.core.period import INSTANT, Grid, micros
from kpi_lib.core.store import USER, used
from kpi_lib.shapes.funnel_choice import Tried, chosen, different, earliest, tried
from kpi_lib.shapes.funnel_counts import Counts, counts_of, merged
from kpi_lib.shapes.funnel_follow import NONE, Track, follow
from kpi_lib.shapes.funnel_rules import Funnel, microseconds
from kpi_lib.shapes.rows import Rows, over

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from kpi_lib.shapes.funnel_follow import Levels

    Ints = NDArray[np.integer[Any]]
    Flags = NDArray[np.bool_]

NEVER = -(2**62)
STEP = "\x00step"
COVERED = (
    "within",
    "ties",
    "order",
    "attempt",
    "time_to_convert",
    "unripe",
    "repeats",
    "exclude",
    "exclusion",
    "system",
)
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
    if spec.ties not in ("any", "strict") or spec != Funnel(
        spec.steps, **{name: getattr(spec, name) for name in COVERED}
    ):
        return "the general rules for units, ties told by a column, times of steps, segments or amounts are asked for"
    if len(spec.steps) + len(spec.exclude) > NONE:
        return f"there are more than {NONE} steps and excluded events"
    names = set(data.sizes("events", "event")["event"])
    if spec.names != spec.steps or not names.issuperset(spec.steps):
        return "a step is named twice, is an occurrence, may be left out, or never occurs"
    return ""


def _part(rows: Rows, *, data: Dataset, spec: Funnel, grid: Grid | None) -> Counts | None:
    """The attempts of the users of one part; None where the order of rows at one instant would matter."""
    import numpy as np

    if spec.order == "strict" and not spec.repeats:
        rows = _near(rows, len(spec.steps))
    parts, step = data.parts, _places(rows)
    entry = np.flatnonzero(step == 0 if spec.order != "unordered" else step < len(spec.steps))
    unit = np.cumsum(rows.new_user, dtype=np.int32)
    if spec.attempt == "first_ever":
        entry = entry[earliest(unit[entry], rows.time[entry])]
    if grid is not None:
        inside = grid.period(pl.from_epoch("time", "us").dt.replace_time_zone("UTC")).is_not_null()
        entry = entry[rows.frame["time"][entry].to_frame("time").select(inside).to_series().to_numpy()]
    if parts is not None and not parts.ordered and _ambiguous(rows, entry, data.by):
        return None
    within = microseconds(spec.within)
    track = Track(rows.time, step, unit, rows.new_time, len(spec.steps), within, spec.order, spec.repeats)
    levels = follow(track, entry, strict=spec.ties == "strict")
    found = tried(track, entry, levels)
    ripe = np.ones(len(entry), bool) if within is None else rows.time[entry] + within <= micros(data.observed_until)
    usable = ripe if spec.unripe == "exclude" else np.ones(len(entry), bool)
    counting = chosen(track, found, usable, spec)
    sensitive = _sensitive(track, found, usable, counting, spec=spec)
    frame = _standing(rows, track, found, counting, data=data, spec=spec, flags=(ripe, usable, sensitive))
    attempts = _attempts(rows, track, found, counting, data=data, levels=levels)
    return counts_of(frame, attempts, by=data.by, spec=spec, ripe=bool(ripe.all()))


def _places(rows: Rows) -> "NDArray[np.uint8]":
    """Of each row the place of its step; from the last step on that of an excluded event, `NONE` of any other."""
    return rows.frame[STEP].to_physical().cast(pl.UInt8).fill_null(NONE).to_numpy()


def _near(rows: Rows, width: int) -> Rows:
    """The rows that consecutive steps can be made of: from each entry's instant on as many instants as there are steps.

    Excluded events stay as well. A chain takes a step or more of each instant, so that it never comes to a row that was left out.
    """
    import numpy as np

    step = _places(rows)
    group = np.cumsum(rows.new_time, dtype=np.int32) - 1
    near = np.zeros(len(rows) + width, dtype=bool)
    begun = group[step == 0]
    for ahead in range(width):
        near[begun + ahead] = True
    kept = near[group] | ((step >= width) & (step != NONE))
    user = np.cumsum(rows.new_user, dtype=np.int32)[kept]
    frame = rows.frame.filter(pl.Series(kept))
    return Rows(frame, rows.time[kept], np.append(True, user[1:] != user[:-1])[: len(user)], rows.new_time[kept])


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
    """The rows of the steps and of excluded events, with the place of each step and what segments need."""
    kinds = dict(scan.collect_schema())
    event, kind, marked = pl.col("event"), kinds["event"], tuple(dict.fromkeys([*spec.steps, *spec.exclude]))
    steps = pl.Enum(marked)
    if isinstance(kind, pl.Enum):
        names = kind.categories.to_list()
        places = pl.Series([name if name in marked else None for name in names], dtype=steps)
        wanted = pl.Series([name for name in marked if name in names], dtype=kind)
        scan = scan.filter(event.is_in(wanted.implode())) if spec.order != "strict" else scan
        step = pl.lit(places).gather(event.to_physical())
    else:
        scan = scan.filter(event.is_in(list(marked))) if spec.order != "strict" else scan
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


def _sensitive(track: Track, found: Tried, usable: "Flags", counting: "Ints", *, spec: Funnel) -> "Ints":
    """Units whose depth depends on whether tied events may stand in either order; only units with ties can be."""
    import numpy as np

    tied = np.unique(track.unit[~track.new_time])
    if not len(tied) or not len(found.entry) or track.order == "unordered":  # unordered steps do not know ties
        return tied[:0]
    mine = np.zeros(int(track.unit[-1]) + 1, dtype=bool)
    mine[tied] = True
    kept, asked = np.flatnonzero(mine[track.unit]), mine[track.unit[found.entry]]
    part, entry = track.of(kept), np.searchsorted(kept, found.entry[asked])
    turned = tried(part, entry, follow(part, entry, strict=spec.ties != "strict"))
    other = chosen(part, turned, usable[asked], spec)
    own = counting[asked[counting]]
    depths = (track.unit[found.entry[own]], found.depth[own]), (part.unit[turned.entry[other]], turned.depth[other])
    return different(*depths)


def _standing(
    rows: Rows,
    track: Track,
    found: Tried,
    counting: "Ints",
    *,
    data: Dataset,
    spec: Funnel,
    flags: "tuple[Flags, Flags, Ints]",
) -> pl.DataFrame:
    """One row per unit that entered: its segment (of its first counted attempt, else of its first) and where it stands."""
    import numpy as np

    ripe, usable, sensitive = flags
    unit = track.unit[found.entry]
    first = np.flatnonzero(np.append(True, unit[1:] != unit[:-1])) if len(unit) else unit
    own = unit[first]
    owner, place = np.unique(unit[counting], return_index=True)
    counted = np.isin(own, owner, assume_unique=True)
    shown = first.copy()
    shown[counted] = counting[place]
    some, young = (np.logical_or.reduceat(each, first) if len(first) else each for each in (usable, ~ripe))
    # who has an attempt under way may still get further, unless the goal is reached or only the first attempt counts
    done = counted & ((found.depth[shown] == track.width) | spec.attempt.startswith("first"))
    if spec.attempt == "all" or spec.exclusion == "unit":
        done &= False
    told = {"usable": some, "open": young & ~done, "counted": counted}
    told["sensitive"] = np.isin(own, sensitive, assume_unique=True)
    marks = [pl.Series(name, each, dtype=pl.Boolean) for name, each in told.items()]
    return pl.DataFrame([*_segments(rows, found.entry[shown], data), *marks])


def _attempts(
    rows: Rows, track: Track, found: Tried, counting: "Ints", *, data: Dataset, levels: "Levels"
) -> pl.DataFrame:
    """One row per counted attempt with its segment and the times of its steps."""
    import numpy as np

    times = [pl.Series("time", track.time[found.entry[counting]]).cast(INSTANT)]
    spot = np.full(len(found.entry), -1, dtype=np.int64)
    spot[counting] = np.arange(len(counting))
    for k, (alive, row) in enumerate(levels, 1):
        mine = spot[alive]
        column = np.full(len(counting), NEVER, dtype=np.int64)
        column[mine[mine >= 0]] = track.time[row[mine >= 0]]
        times.append(pl.Series(f"t{k}", column).replace(NEVER, None))
    return pl.DataFrame([*_segments(rows, found.entry[counting], data), *times])


def _segments(rows: Rows, places: "Ints", data: Dataset) -> list[pl.Series]:
    """The segments of some rows, as text."""
    frame = rows.frame.select(USER, *(c for c in rows.frame.columns if c in data.by or c == "user_id"))[places]
    return join_segments(frame.lazy(), data).collect().select(pl.col(data.by).cast(pl.String)).get_columns()
