"""Attempts at a funnel: one row per entry, and the choice of those that count."""

from datetime import timedelta

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import Grid, micros
from kpi_lib.core.units import duration
from kpi_lib.shapes.chains import NEVER, Chains, Log, chains
from kpi_lib.shapes.funnel_rules import Funnel
from kpi_lib.shapes.sessions import labelled


def attempts(data: Dataset, spec: Funnel, grid: Grid | None = None) -> pl.DataFrame:
    """One row per entry: unit, user_id, time, level times t1 … tk (microseconds, null where not reached), depth, ripe, killed, end.

    With a grid, `period` is the period of the entry; entries outside are left out, but chains are followed beyond.
    """
    rows = _rows(data, spec)
    log = _log(rows, spec)
    within = None if spec.within is None else duration(spec.within) // timedelta(microseconds=1)
    followed = chains(log, spec.steps, within=within, order=spec.order, ties=spec.ties)
    found = _entries(rows, followed, log, within)
    ripe = pl.lit(True) if within is None else pl.col("time").to_physical() + within <= micros(data.observed_until)
    found = found.with_columns(ripe=ripe)
    if grid is not None:
        found = found.with_columns(period=grid.period(pl.col("time"))).filter(pl.col("period").is_not_null())
    return found


def _rows(data: Dataset, spec: Funnel) -> pl.DataFrame:
    """The rows that matter, ordered by unit, time and sequence; for strict order all rows of the unit."""
    table = data.columns(data.activity) | {"event": pl.String()}
    for column in (spec.hold, spec.unit, spec.ties):
        if column not in (None, "user", "session", "any", "strict") and column not in table:
            raise unknown("column", str(column), table, where=f"table {data.activity}")
    lazy = labelled(data) if spec.unit == "session" else data.events()
    unit = {"user": "user_id", "session": "session"}.get(spec.unit, spec.unit)
    keys = [unit, *([spec.hold] if spec.hold else [])]
    sequence = [spec.ties] if spec.ties not in ("any", "strict") and spec.order != "unordered" else []
    lazy = _with_occurrences(lazy, spec)
    if spec.order != "strict":
        names = {each.split("@")[0] for each in spec.steps} | set(spec.exclude)
        lazy = lazy.filter(pl.col("event").is_in(list(names)))
    if spec.unit not in ("user", "session"):
        lazy = lazy.filter(pl.col(spec.unit).is_not_null())
    ordered = lazy.sort(*keys, "time", *sequence, nulls_last=True, maintain_order=True)
    same = pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in keys)
    tied = same & (pl.col("time") == pl.col("time").shift(1))
    for column in sequence:
        tied = tied & pl.col(column).eq_missing(pl.col(column).shift(1))
    codes = {
        "unit": (~same.fill_null(False)).cum_sum().cast(pl.Int64),
        "group": (~tied.fill_null(False)).cum_sum().cast(pl.Int64),
    }
    kept = dict.fromkeys(["user_id", *keys, "time", "event", *data.carried(data.activity)])
    return ordered.select(*kept, *([pl.col("nth")] if _counted(spec) else []), **codes).collect(engine="in-memory")


def _counted(spec: Funnel) -> bool:
    return any("@" in each for each in spec.steps)


def _with_occurrences(rows: pl.LazyFrame, spec: Funnel) -> pl.LazyFrame:
    """Number a user's events of each name, where a step asks for the n-th."""
    if not _counted(spec):
        return rows
    for each in spec.steps:
        name, _, nth = each.partition("@")
        if "@" in each and not (name and nth.isdigit() and int(nth) > 0):
            raise UsageError(f"{each!r} is no step: write the event, @ and a whole number above 0, as in purchase@3.")
    ranked = rows.sort("user_id", "time", maintain_order=True)
    return ranked.with_columns(nth=pl.int_range(1, pl.len() + 1).over("user_id", "event"))


def _log(rows: pl.DataFrame, spec: Funnel) -> Log:
    masks = {}
    for each in spec.steps:
        name, _, nth = each.partition("@")
        hit = rows["event"] == name
        masks[each] = (hit & (rows["nth"] == int(nth)) if nth else hit).to_numpy()
    excluded = rows["event"].is_in(list(spec.exclude)).to_numpy()
    time = rows["time"].to_physical().to_numpy()
    return Log(rows["unit"].to_numpy(), time, rows["group"].to_numpy(), masks, excluded)


def _entries(rows: pl.DataFrame, followed: Chains, log: Log, within: int | None) -> pl.DataFrame:
    taken = rows[followed.entry].drop("nth", "event", strict=False)
    width = followed.levels.shape[1]
    levels = {f"t{k + 1}": pl.Series(followed.levels[:, k]).replace(NEVER, None) for k in range(width)}
    frame = taken.with_columns(depth=pl.Series(followed.depth), killed=pl.Series(followed.killed), **levels)
    over = pl.lit(None, dtype=pl.Int64) if within is None else pl.col("t1") + within
    killer = pl.Series(log.time[followed.killer] if len(rows) else [], dtype=pl.Int64)
    frame = frame.with_columns(killer=killer, row=pl.int_range(pl.len()))
    end = pl.when("killed").then("killer").when(pl.col(f"t{width}").is_not_null()).then(f"t{width}").otherwise(over)
    return frame.with_columns(end=end).drop("killer")


def choose(found: pl.DataFrame, spec: Funnel, keys: list[str]) -> pl.DataFrame:
    """The attempts that count, of those with a `usable` flag: one per unit (and period), or all that do not overlap."""
    usable = found.filter(pl.col("usable"))
    if spec.attempt == "all":
        return _disjoint(usable, keys).filter(~pl.col("killed"))
    if spec.attempt == "first":
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
