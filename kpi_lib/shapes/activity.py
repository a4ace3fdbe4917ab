"""Who was active when: distinct users on any grid, and the days on which users were active."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import INSTANT, Grid, first_whole_day, local_date, local_day, midnight, period_number
from kpi_lib.core.shape import once, shape
from kpi_lib.core.store import UNITS, USER, Frames
from kpi_lib.shapes.day_pass import day_runs, days_of, moves, segment_days

ANY = ("*",)
DAYS = pl.Schema({"user_id": pl.String(), "day": pl.Date(), "time": INSTANT, "events": pl.Int64()})


def event_names(data: Dataset) -> set[str]:
    """The names of all events that occur in the data, of which these may be a part."""
    if data.whole is not None:
        return set(data.whole.events)
    return once(data, "event names", lambda: _event_names(data))


def _event_names(data: Dataset) -> set[str]:
    if data.activity == "events" and "event" in data.columns("events"):
        return set(data.sizes("events", "event")["event"].drop_nulls())
    return set(data.events().select(pl.col("event").unique()).collect()["event"].drop_nulls())


def qualifying(data: Dataset, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """The events that count as activity, in (user, time) order; `*` takes all, an unknown name is an error.

    A misspelt name would otherwise filter everything away in silence.
    """
    rows = data.events()
    if "*" in events:
        return rows
    if not events:
        raise UsageError('no events are named: write ["*"] for all of them.')
    there = event_names(data)
    for name in events:
        if there and name not in there:  # where nothing happened at all, nothing can be misspelt
            chosen = list(events) == list(data.settings.get("active_events", ()))
            raise unknown("event", name, there, where="[settings] active_events" if chosen else "")
    return rows.filter(pl.col("event").is_in(list(events)))


def by_day(data: Dataset, shape: str, *, rest: bool, ids: bool = False) -> Dataset:
    """The same data with one row per user and local day of activity, for shapes to which no more than that matters.

    `rest`: whether the question asks for nothing else. With segments a day has a row for each run of events in one of them.
    Where nothing is prepared, the data stay as they are. Users are numbered unless their `ids` matter.
    """
    carried = data.carried(data.activity)
    if set(data.columns("events")) == {*DAYS, *carried}:
        return data
    days = segment_days(data, carried, shape, rest=rest) if carried else days_of(data, shape, rest=rest)
    if days is None:
        return data
    days = days.select(pl.col("user_id" if ids else USER).alias("user_id"), "day", "time", "events", *carried)
    schema = pl.Schema({**DAYS, **dict.fromkeys(carried, pl.String())})
    others = {name: partial(data.tables.__getitem__, name) for name in data.tables if name != "events"}
    schemas = {name: pl.Schema(data.columns(name)) for name in others} | {"events": schema}
    readers = others | {"events": lambda: days.collect(engine="in-memory")}
    return replace(data, tables=Frames(readers, schemas, {"events": days}), parts=None, kept={})


@shape
def distinct(data: Dataset, grid: Grid, *, events: Sequence[str] = ANY, at_least: int = 1) -> pl.LazyFrame:
    """Distinct active users of every period: one row per user and run of periods [first, stop).

    One linear pass: an event stands for the periods that hold it and none of the user's later events. Where users are only
    counted, a row is a run of periods with the number of its users.
    """
    plain = "*" in events and at_least == 1
    if data.counting and not data.by and (found := moves(data, "distinct users", rest=plain)) is not None:
        return _runs(found, grid)
    keys = ["user_id", *data.carried(data.activity)]
    data = by_day(data, "distinct users", rest=plain, ids=True)
    rows = qualifying(data, events).select("time", *keys)
    placed = rows.select(*keys, first=grid.ended(pl.col("time")), begun=grid.begun(pl.col("time")))
    inside = placed.filter(pl.col("first") < pl.col("begun"))
    if at_least > 1:
        spread = inside.with_columns(period=pl.int_ranges("first", "begun", dtype=pl.Int32)).explode("period")
        return spread.group_by(*keys, "period").agg(pl.len()).filter(pl.col("len") >= at_least).drop("len")
    if len(keys) > 1:
        inside = inside.sort(*keys, "first", nulls_last=True)
    same = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift(-1)) for key in keys)
    later = pl.when(same).then(pl.col("first").shift(-1))
    runs = inside.with_columns(stop=pl.min_horizontal("begun", later)).drop("begun")
    return runs.filter(pl.col("first") < pl.col("stop"))


def _runs(found: pl.DataFrame, grid: Grid) -> pl.LazyFrame:
    """The runs of `distinct`, each with the number of its users: a day of activity stands in up to the user's next one."""
    day, later = pl.col("was"), grid.days_ended(pl.col("now"))
    placed = (
        found.lazy()
        .drop_nulls("was")
        .select("users", first=grid.days_ended(day), begun=grid.days_begun(day), later=later)
    )
    runs = placed.select("users", "first", stop=pl.min_horizontal("begun", "later")).filter(
        pl.col("first") < pl.col("stop")
    )
    return runs.rename({"users": UNITS})


@shape
def active_days(data: Dataset, *, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """One row per user and local day of activity: user_id, day, time (of the first event), events, segment columns."""
    if data.counting and not data.by and (found := moves(data, "active days", rest="*" in events)) is not None:
        days = found.drop_nulls("now").group_by(day="now").agg(pl.col("users").sum().alias(UNITS)).sort("day")
        begins = pl.Series("time", [midnight(day, data.zone) for day in days["day"]], INSTANT)
        return days.with_columns(begins).lazy()
    keys = ["user_id", *data.carried(data.activity)]
    daily = by_day(data, "active days", rest="*" in events, ids=True)
    if daily is data:
        runs = day_runs(qualifying(data, events), keys, data.zone)
    elif len(keys) > 1:
        runs = daily["events"]
    else:
        return daily["events"].select("user_id", "day", "time", "events")
    return runs.group_by(*keys, "day").agg(pl.col("time").min(), pl.col("events").sum())


@shape
def first_events(data: Dataset, *, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """One row per user: user_id, time of the first qualifying event over all history, segment columns at that event."""
    carried = data.carried(data.activity)
    data = by_day(data, "first events", rest="*" in events, ids=True)
    rows = qualifying(data, events).select("user_id", "time", *carried)
    return rows.filter(pl.col("user_id").ne_missing(pl.col("user_id").shift(1)) | (pl.int_range(pl.len()) == 0))


def returned_on(data: Dataset, *, day: int, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """One row per new user: time of the first event, `hit` = active on the local day so many days later, `ripe`."""
    newcomers = first_events(data, events=events)
    numbered = period_number(local_date(pl.col("time"), data.zone), "day", zone=data.zone)
    pair = ["user_id", "target"]
    due = newcomers.with_columns(target=numbered + day)
    # the few newcomers against the many days, not the other way round
    back = active_days(data, events=events).select("user_id", target=numbered).join(due.select(pair), on=pair)
    met = due.join(back.unique().with_columns(hit=pl.lit(True)), on=pair, how="left")
    # the day is watched to its end when the local day of observed_until lies beyond it
    until = period_number(pl.lit(local_day(data.observed_until, data.zone)), "day", zone=data.zone)
    return met.with_columns(pl.col("hit").fill_null(False), ripe=pl.col("target") < until).drop("target")


def whole_days(data: Dataset, days: pl.LazyFrame) -> pl.LazyFrame:
    """Of active days, those that were watched from start to end: half a day is not a small day."""
    first, stop = first_whole_day(data.observed_from, data.zone), local_day(data.observed_until, data.zone)
    return days.filter(pl.col("day").is_between(first, stop, closed="left"))


def placed(units: pl.LazyFrame, grid: Grid) -> pl.LazyFrame:
    """Spread units with a `time` or a run over the periods that hold them: one row per unit and `period`."""
    if "time" in units.collect_schema().names():
        if grid.apart:
            return units.with_columns(period=grid.period(pl.col("time"))).filter(pl.col("period").is_not_null())
        units = units.with_columns(first=grid.ended(pl.col("time")), stop=grid.begun(pl.col("time")))
    inside = units.filter(pl.col("first") < pl.col("stop"))
    return (
        inside.with_columns(period=pl.int_ranges("first", "stop", dtype=pl.Int32))
        .explode("period")
        .drop("first", "stop")
    )


def per_user(parts: list[pl.LazyFrame], keys: list[str]) -> pl.LazyFrame:
    """Bring numerators and denominators together: sum `num` and `den` by user, period and whatever else is a key."""
    whole = pl.concat(parts, how="diagonal")
    return whole.group_by(keys).agg(pl.col("num", "den").sum())
