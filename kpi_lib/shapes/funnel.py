"""Funnels: how many units get how far through a sequence of steps, how long it takes, and who is still under way.

The rules, each printed with the result: a window runs from the entry and includes its end; an attempt counts once its
whole window has been watched (ripe), whether it converted or not; one event never fills two steps; tied events may
stand in either order unless asked otherwise; of a unit's ripe attempts the deepest counts, of equally deep ones the
earliest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import Grid, micros
from kpi_lib.core.units import duration
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.chains import NEVER, Chains, Log, chains
from kpi_lib.shapes.sessions import labelled

CHOICES: Mapping[str, tuple[str, ...]] = {
    "order": ("ordered", "strict", "unordered"),
    "attempt": ("best", "first", "all"),
    "time_to_convert": ("earliest", "fastest"),
    "unripe": ("exclude", "include"),
}
# what each system does by default, as far as its rules can be written with ours
PRESETS: Mapping[str, dict[str, Any]] = {
    "posthog": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include", "within": "14d"},
    "mixpanel": {"attempt": "first", "time_to_convert": "earliest", "unripe": "include", "within": "7d"},
    "amplitude": {"attempt": "best", "time_to_convert": "earliest", "unripe": "include", "within": "1d"},
    "windowfunnel": {"attempt": "best", "time_to_convert": "fastest", "unripe": "include"},
}


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel's definition: the steps and every rule in force.

    `purchase@3` is a user's third such event ever. `ties` is any, strict or the name of a column that orders events at
    the same instant; `unit` user, session or a column; `hold` keeps a column's value the same through the funnel.

    >>> Funnel(("view", "buy"), within="7d").within
    '7d'
    """

    steps: tuple[str, ...]
    within: str | None = None
    order: str = "ordered"
    attempt: str = "best"
    ties: str = "any"
    time_to_convert: str = "earliest"
    unripe: str = "exclude"
    unit: str = "user"
    exclude: tuple[str, ...] = ()
    hold: str | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        object.__setattr__(self, "steps", tuple(self.steps))
        object.__setattr__(self, "exclude", tuple(self.exclude))
        if len(self.steps) < 2:
            raise UsageError(f"a funnel needs two steps or more; there {'is 1' if self.steps else 'are none'}: {', '.join(self.steps)}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed, where="the funnel")
        if self.within is not None:
            duration(self.within)
        if both := set(self.exclude) & {each.split("@")[0] for each in self.steps}:
            raise UsageError(f"{sorted(both)[0]!r} is a step and an excluded event at once: leave it out of one of them.")
        names = {each.split("@")[0] for each in self.steps}
        if self.order == "unordered" and len(names) < len(set(self.steps)):
            raise UsageError("an unordered funnel cannot mix an event with its n-th occurrence: one event would stand for both.")

    @classmethod
    def preset(cls, name: str, steps: tuple[str, ...], **options: Any) -> "Funnel":  # noqa: ANN401
        """The funnel as another system counts it by default; options given by name win."""
        if name not in PRESETS:
            raise unknown("preset", name, PRESETS)
        return cls(steps, **(PRESETS[name] | {k: v for k, v in options.items() if v is not None}))


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """One row per segment and step, with the counts that are not steps, and the definition in force.

    Columns: segments, step, event, units, from_start, low, high, from_previous, previous_low, previous_high,
    median_seconds, p25_seconds, p75_seconds, in_progress, excluded, tie_sensitive, status.
    """

    table: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; with segments one result a group."""
        from kpi_lib.shapes.sessions import group_name

        if not self.by:
            return self._one(self.table)
        parts = self.table.partition_by(list(self.by), maintain_order=True)
        return {"groups": {group_name(part.row(0, named=True), list(self.by)): self._one(part) for part in parts}}

    def _one(self, part: pl.DataFrame) -> dict[str, Any]:
        whole = part.row(0, named=True)
        counts = {name: whole[name] for name in ("in_progress", "excluded", "tie_sensitive", "status")}
        steps = part.drop(*self.by, *counts).to_dicts()
        return {"steps": steps, **counts, "definition": dict(self.definition), "warnings": list(self.warnings)}


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
    codes = {"unit": (~same.fill_null(False)).cum_sum().cast(pl.Int64), "group": (~tied.fill_null(False)).cum_sum().cast(pl.Int64)}
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
    ranked = usable.filter(~pl.col("killed")).sort(*keys, "depth", "group", "row", descending=[False] * len(keys) + [True, latest, False])
    return ranked.unique(keys, keep="first", maintain_order=True)


def _by_entry(usable: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """In order of entry; of entries that nothing orders, the one that serves the unit best comes first."""
    return usable.sort(*keys, "group", "killed", "depth", "row", descending=[False] * (len(keys) + 2) + [True, False])


def _disjoint(usable: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """From a unit's first entry on, each next attempt begins strictly after the end of the one before."""
    rows = _by_entry(usable, keys).with_columns(place=pl.int_range(pl.len()))
    starts = rows.select(*keys, "place", at=pl.col("time").to_physical()).unique([*keys, "at"], keep="first", maintain_order=True)
    ends = rows.filter(pl.col("end").is_not_null()).select(*keys, "place", at=pl.col("end") + 1).sort("at")
    following = ends.join_asof(starts.rename({"place": "next"}).sort("at"), on="at", by=keys, strategy="forward", check_sortedness=False)
    jump = rows.select("place").join(following.select("place", "next"), on="place", how="left", maintain_order="left")["next"]
    frontier = rows.group_by(keys, maintain_order=True).agg(pl.col("place").first())["place"]
    taken = [frontier]
    while len(frontier):
        frontier = jump.gather(frontier).drop_nulls()
        taken.append(frontier)
    return rows[pl.concat(taken).sort()].drop("place")


def funnel(data: Dataset, spec: Funnel, *, grid: Grid | None = None) -> FunnelResult:
    """Count units by step: over all entries, or over the entries of one period read on to the end of the window."""
    found = attempts(data, spec, grid)
    found = _with_user_segments(found, data).with_columns(usable=pl.col("ripe") | (spec.unripe == "include"))
    chosen = choose(found, spec, ["unit"])
    sensitive = _sensitive(data, spec, chosen, grid)
    table = _table(_standing(found, chosen, sensitive, data), chosen, data, spec)
    status = pl.when(pl.col("units").first().over(list(data.by) or pl.lit(0)) == 0).then(pl.lit("no_denominator"))
    if spec.unripe == "include" and (found.height and not found["ripe"].all()):
        status = status.otherwise(pl.lit("partial"))
    elif grid is not None and grid.ends[-1] > data.observed_until:
        status = status.otherwise(pl.lit("partial"))
    else:
        status = status.when(pl.col("in_progress") > 0).then(pl.lit("ripening")).otherwise(pl.lit("ok"))
    return FunnelResult(table.with_columns(status=status), _definition(data, spec, grid), data.by, _warnings(data, spec))


def _with_user_segments(found: pl.DataFrame, data: Dataset) -> pl.DataFrame:
    missing = [column for column in data.by if column not in found.columns]
    if not missing:
        return found
    users = data["users"].select("user_id", *missing).unique("user_id", keep="first").collect()
    return found.join(users, on="user_id", how="left", maintain_order="left")


def _sensitive(data: Dataset, spec: Funnel, chosen: pl.DataFrame, grid: Grid | None) -> pl.DataFrame:
    """Units whose depth depends on whether tied events may stand in either order. Unordered steps do not know ties."""
    if spec.order == "unordered":
        return chosen.select("unit").clear()
    depths = []
    for ties in ("any", "strict"):
        counted = chosen
        if spec.ties != ties:
            found = attempts(data, replace(spec, ties=ties), grid)
            counted = choose(found.with_columns(usable=pl.col("ripe") | (spec.unripe == "include")), spec, ["unit"])
        depths.append(counted.sort("unit", "time", "row").group_by("unit", maintain_order=True).agg(pl.col("depth")))
    both = depths[0].join(depths[1], on="unit", how="full", coalesce=True)
    return both.filter(pl.col("depth").ne_missing(pl.col("depth_right"))).select("unit")


def _standing(found: pl.DataFrame, chosen: pl.DataFrame, sensitive: pl.DataFrame, data: Dataset) -> pl.DataFrame:
    """One row per unit: its segment (at the chosen entry, else at its first) and where it stands."""
    first = found.sort("unit", "time", "row").unique("unit", keep="first", maintain_order=True)
    at_choice = chosen.unique("unit", keep="first", maintain_order=True)
    rest = first.join(at_choice, on="unit", how="anti")
    usable = found.group_by("unit").agg(pl.col("usable").any())
    rows = pl.concat([at_choice.select("unit", *data.by), rest.select("unit", *data.by)])
    return rows.join(usable, on="unit").with_columns(
        counted=pl.col("unit").is_in(at_choice["unit"].implode()), sensitive=pl.col("unit").is_in(sensitive["unit"].implode())
    )


def _table(standing: pl.DataFrame, chosen: pl.DataFrame, data: Dataset, spec: Funnel) -> pl.DataFrame:
    from kpi_lib.core.measure import wilson

    by = list(data.by)
    if by:
        axis = data.segments(by[0]).to_frame(by[0])
        for column in by[1:]:
            axis = axis.join(data.segments(column).to_frame(column), how="cross", maintain_order="left_right")
        seen = standing.select(pl.col(by).cast(pl.String)).unique()
        axis = pl.concat([axis, seen]).unique(maintain_order=True).sort(by, nulls_last=True)
    else:
        axis = pl.DataFrame({"_": [0]})
    events = spec.steps if spec.order != "unordered" else [f"any {k} of {len(spec.steps)}" for k in range(1, len(spec.steps) + 1)]
    spine = axis.join(pl.DataFrame({"step": range(1, len(spec.steps) + 1), "event": events}), how="cross", maintain_order="left_right")
    keys = [*by, "step"]
    filled = spine.join(_levels(chosen, by, len(spec.steps)), on=keys, how="left", nulls_equal=True, maintain_order="left")
    filled = filled.with_columns(pl.col("units").fill_null(0))
    for name, flag in (("in_progress", ~pl.col("usable")), ("excluded", pl.col("usable") & ~pl.col("counted")), ("tie_sensitive", pl.col("sensitive"))):
        counts = standing.filter(flag).group_by(by or pl.lit(0).alias("_")).agg(pl.len().cast(pl.Int64).alias(name))
        filled = filled.join(counts.with_columns(pl.col("_").cast(pl.Int64)) if not by else counts, on=by or "_", how="left", nulls_equal=True, maintain_order="left")
    filled = filled.with_columns(pl.col("in_progress", "excluded", "tie_sensitive").fill_null(0))
    whole = pl.col("units").first().over(by or pl.lit(0))
    before = pl.col("units").shift(1).over(by or pl.lit(0)).fill_null(pl.col("units"))
    shares = {}
    for size, share, low, high in ((whole, "from_start", "low", "high"), (before, "from_previous", "previous_low", "previous_high")):
        shares[share] = pl.when(size > 0).then(pl.col("units") / size)
        shares[low], shares[high] = wilson(pl.col("units"), size)
    order = [*by, "step", "event", "units", *shares, "median_seconds", "p25_seconds", "p75_seconds", "in_progress", "excluded", "tie_sensitive"]
    return filled.with_columns(**shares).select(order)


def _levels(chosen: pl.DataFrame, by: list[str], width: int) -> pl.DataFrame:
    """Units and time from the entry by step reached."""
    frames = []
    for k in range(1, width + 1):
        took = (pl.col(f"t{k}") - pl.col("time").to_physical()) / 1e6
        reached = chosen.filter(pl.col(f"t{k}").is_not_null()).select(*by, step=pl.lit(k, pl.Int64), took=took)
        frames.append(reached)
    quartiles = {f"p{q}_seconds": pl.col("took").quantile(q / 100, "linear") for q in (25, 75)}
    stats = pl.concat(frames).group_by(*by, "step")
    return stats.agg(pl.len().cast(pl.Int64).alias("units"), median_seconds=pl.col("took").median(), **quartiles)


def _definition(data: Dataset, spec: Funnel, grid: Grid | None) -> dict[str, Any]:
    period = None if grid is None else f"{grid.firsts[0]}..{grid.stops[-1]}"
    kept = asdict(spec) | {"steps": list(spec.steps), "exclude": list(spec.exclude)}
    return kept | {"by": list(data.by), "period": period, "zone": data.zone, "observed_until": data.observed_until.isoformat()}


def _warnings(data: Dataset, spec: Funnel) -> tuple[str, ...]:
    """A step that never occurs is no error, but it must be said."""
    from kpi_lib.core.errors import nearest

    there = event_names(data)
    names = dict.fromkeys([each.split("@")[0] for each in spec.steps] + list(spec.exclude))
    return tuple(f"no event is named {name!r} in the data. {nearest(name, there)}" for name in names if name not in there)
