"""Attempts at a funnel: one row per entry, and the choice of those that count."""

from typing import TYPE_CHECKING

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import Grid, micros
from kpi_lib.shapes.chain_log import Log, Pace
from kpi_lib.shapes.chains import FOREVER, NEVER, Chains, chains, detour
from kpi_lib.shapes.funnel_rules import Funnel, microseconds
from kpi_lib.shapes.sessions import labelled

if TYPE_CHECKING:
    from kpi_lib.shapes.chain_log import Ints


def attempts(
    data: Dataset, spec: Funnel, grid: Grid | None = None, *, rows: pl.DataFrame | None = None
) -> pl.DataFrame:
    """One row per entry: unit, user_id, time, level times t1 … tk (microseconds, null where not reached), depth, ripe, killed, end.

    `depth` is the place of the furthest required step. Segment columns are read where `attribution` says. With `value`
    there are v1 … vk, the column at the events that met the steps. With a grid, `period` is the period of the entry;
    entries outside are left out, but chains are followed beyond. `rows` are those of `entry_rows`, or of some units of them.
    """
    rows = entry_rows(data, spec) if rows is None else rows
    log = _log(rows, spec)
    whole, windows = microseconds(spec.within), tuple(spec.windows[at] for at in spec.required)
    pace = Pace(whole, windows, spec.ties, grace=microseconds(spec.grace) or 0, repeats=spec.repeats)
    steps = tuple(spec.events[at] for at in spec.required)
    found = _entries(
        rows, chains(log, steps, pace, spec.order), log, spec=spec, pace=pace, carried=data.carried(data.activity)
    )
    limit = spec.horizon
    ripe = pl.lit(True) if limit is None else pl.col("time").to_physical() + limit <= micros(data.observed_until)
    found = found.with_columns(ripe=ripe)
    if spec.attempt == "first_ever":
        found = found.filter(pl.col("group") == pl.col("group").min().over("unit"))
    if grid is not None:
        found = found.with_columns(period=grid.period(pl.col("time"))).filter(pl.col("period").is_not_null())
    return found


def named_rows(data: Dataset, spec: Funnel) -> pl.LazyFrame:
    """The events that the steps and exclusions name; for strict order all events. Unknown columns are errors."""
    refuse_unknown(data, spec)
    lazy = labelled(data) if spec.unit == "session" else data.events()
    lazy = _with_occurrences(lazy, spec)
    if spec.order != "strict":
        lazy = lazy.filter(pl.col("event").is_in([*spec.names, *spec.exclude]))
    return lazy


def refuse_unknown(data: Dataset, spec: Funnel) -> None:
    """Raise UsageError where a rule reads a column that is not there, or adds up one that holds no numbers."""
    table = data.columns(data.activity) | {"event": pl.String()}
    for column in (spec.hold, spec.unit, spec.ties, spec.value):
        if column not in (None, "user", "session", "any", "strict") and column not in table:
            raise unknown("column", str(column), table, where=f"table {data.activity}")
    if spec.value is not None and not table[spec.value].is_numeric():
        numbers = ", ".join(name for name, kind in table.items() if kind.is_numeric())
        raise UsageError(f"column {spec.value!r} holds no numbers to add up. There are: {numbers or 'none'}.")


def must_have(spec: Funnel) -> list[str]:
    """The columns without whose value a row belongs to no unit."""
    return [column for column in (spec.unit, spec.hold) if column not in (None, "user", "session")]


def entry_rows(data: Dataset, spec: Funnel) -> pl.DataFrame:
    """The rows that matter, ordered by unit, time and sequence; rows of a unit that nothing orders share their `group`."""
    unit = {"user": "user_id", "session": "session"}.get(spec.unit, spec.unit)
    carried = data.carried(data.activity)
    keys = list(dict.fromkeys([unit, *filter(None, [spec.hold]), *(carried if spec.attribution == "all" else [])]))
    sequence = [spec.ties] if spec.ties not in ("any", "strict") and spec.order != "unordered" else []
    ordered = named_rows(data, spec).drop_nulls(must_have(spec)) if must_have(spec) else named_rows(data, spec)
    ordered = ordered.sort(*keys, "time", *sequence, nulls_last=True, maintain_order=True)
    same = pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in keys)
    tied = same & (pl.col("time") == pl.col("time").shift(1))
    for column in sequence:
        tied = tied & pl.col(column).eq_missing(pl.col(column).shift(1))
    codes = {
        "unit": (~same.fill_null(False)).cum_sum().cast(pl.Int64),
        "group": (~tied.fill_null(False)).cum_sum().cast(pl.Int64),
        "worth": pl.col(spec.value) if spec.value else pl.lit(None, pl.Int64),
    }
    kept = dict.fromkeys(["user_id", *keys, "time", "event", *carried])
    return ordered.select(*kept, *([pl.col("nth")] if _counted(spec) else []), **codes).collect(engine="in-memory")


def _counted(spec: Funnel) -> bool:
    return any("@" in each for each in spec.events)


def _with_occurrences(rows: pl.LazyFrame, spec: Funnel) -> pl.LazyFrame:
    """Number a user's events of each name, where a step asks for the n-th."""
    if not _counted(spec):
        return rows
    ranked = rows.sort("user_id", "time", maintain_order=True)
    return ranked.with_columns(nth=pl.int_range(1, pl.len() + 1).over("user_id", "event"))


def _log(rows: pl.DataFrame, spec: Funnel) -> Log:
    masks = {}
    for each in spec.events:
        name, _, nth = each.partition("@")
        hit = rows["event"] == name
        masks[each] = (hit & (rows["nth"] == int(nth)) if nth else hit).to_numpy()
    excluded = rows["event"].is_in(list(spec.exclude)).to_numpy()
    time = rows["time"].to_physical().to_numpy()
    return Log(rows["unit"].to_numpy(), time, rows["group"].to_numpy(), masks, excluded)


def _entries(
    rows: pl.DataFrame, followed: Chains, log: Log, *, spec: Funnel, pace: Pace, carried: list[str]
) -> pl.DataFrame:
    places, times = {}, {}
    for k, event in enumerate(spec.events):
        if k in spec.required:
            at = spec.required.index(k)
            places[k], times[k] = followed.rows[:, at], followed.levels[:, at]
        else:
            before = sum(each < k for each in spec.required) - 1
            places[k], times[k] = detour(log, event, followed, pace, before=before, window=spec.windows[k])
    reached = pl.Series("depth", followed.depth)
    depth = reached.replace_strict({n + 1: at + 1 for n, at in enumerate(spec.required)}, return_dtype=pl.Int64)
    frame = _attributed(rows, followed, places, spec=spec, carried=carried).with_columns(
        depth,
        pl.Series("killed", followed.killed),
        *(pl.Series(f"t{k + 1}", each).replace(NEVER, None) for k, each in times.items()),
    )
    if spec.value:
        frame = frame.with_columns(_at(rows["worth"], each).alias(f"v{k + 1}") for k, each in places.items())
    killer = pl.Series("killer", log.time[followed.killer] if len(rows) else [], dtype=pl.Int64)
    over = pl.Series("over", followed.over).replace(FOREVER, None)
    frame = frame.with_columns(killer, over, row=pl.int_range(pl.len()))
    last = f"t{len(spec.steps)}"
    end = pl.when("killed").then("killer").when(pl.col(last).is_not_null()).then(last).otherwise("over")
    return frame.with_columns(end=end).drop("killer", "over")


def _at(column: pl.Series, places: "Ints") -> pl.Series:
    """A column's values at rows; null where there is no row (−1)."""
    return column.gather(pl.Series(places).replace(-1, None))


def _attributed(
    rows: pl.DataFrame, followed: Chains, places: "dict[int, Ints]", *, spec: Funnel, carried: list[str]
) -> pl.DataFrame:
    """The rows of the entries, their segment columns read at the step that the attribution names."""
    import numpy as np

    frame = rows[followed.entry].drop("nth", "event", "worth", strict=False)
    if spec.attribution == "last":
        source = np.where(places[0] >= 0, places[0], followed.entry)
        for k in range(1, len(places)):
            source = np.where(places[k] >= 0, places[k], source)
    elif spec.attributed is not None:
        source = places[spec.attributed - 1]
    else:
        return frame
    short = pl.Series(source) < 0
    nowhere = pl.lit(f"(step {spec.attributed} not reached)")
    read = [pl.when(short).then(nowhere).otherwise(_at(rows[name], source)).alias(name) for name in carried]
    return frame.with_columns(read)


def choose(found: pl.DataFrame, spec: Funnel, keys: list[str]) -> pl.DataFrame:
    """The attempts that count, of those with a `usable` flag: one per unit (and period), or all that do not overlap."""
    usable = found.filter(pl.col("usable"))
    if spec.exclusion == "unit":
        usable = usable.filter(~pl.col("killed").any().over(keys))
    if spec.attempt == "all":
        return _disjoint(usable, keys).filter(~pl.col("killed"))
    if spec.attempt in ("first", "first_ever"):
        return _by_entry(usable, keys).unique(keys, keep="first", maintain_order=True).filter(~pl.col("killed"))
    latest = spec.time_to_convert == "fastest"
    ranked = usable.filter(~pl.col("killed")).sort(
        *keys, "depth", "group", "row", descending=[False] * len(keys) + [True, latest, False]
    )
    return ranked.unique(keys, keep="first", maintain_order=True)


def _by_entry(usable: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """In order of entry; of entries that nothing orders, the one that serves the unit best comes first."""
    return usable.sort(*keys, "group", "killed", "depth", "row", descending=[False] * (len(keys) + 2) + [True, False])


def _disjoint(usable: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """From a unit's first entry on, each next attempt begins strictly after the end of the one before."""
    rows = _by_entry(usable, keys).with_columns(place=pl.int_range(pl.len()))
    starts = rows.select(*keys, "place", at=pl.col("time").to_physical()).unique(
        [*keys, "at"], keep="first", maintain_order=True
    )
    ends = rows.filter(pl.col("end").is_not_null()).select(*keys, "place", at=pl.col("end") + 1).sort("at")
    following = ends.join_asof(
        starts.rename({"place": "next"}).sort("at"), on="at", by=keys, strategy="forward", check_sortedness=False
    )
    jump = rows.select("place").join(following.select("place", "next"), on="place", how="left", maintain_order="left")[
        "next"
    ]
    frontier = rows.group_by(keys, maintain_order=True).agg(pl.col("place").first())["place"]
    taken = [frontier]
    while len(frontier):
        frontier = jump.gather(frontier).drop_nulls()
        taken.append(frontier)
    return rows[pl.concat(taken).sort()].drop("place")
