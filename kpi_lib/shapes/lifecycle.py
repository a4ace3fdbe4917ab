"""Lifecycle: of those active in a period who is new, who stayed, who came back, and who of the period before is gone.

New = the first qualifying event of all history lies in the period; returning = active in the period before as well;
resurrected = active earlier, but not in the period before; dormant = active in the period before and not in this one. So

    active = new + returning + resurrected,  active of the period before = returning + dormant.

A segment is that of the user's first event, so that a user stays in one segment and segments add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name, segment_spine
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, local_date, local_day, period_number
from kpi_lib.shapes.activity import ANY, by_day, first_events, qualifying
from kpi_lib.shapes.day_pass import moves

GRAINS = ("day", "week", "month")
FLOWS = ("new", "returning", "resurrected", "dormant")
STATES = ("new", "current", "reactivated", "resurrected", "at_risk_wau", "at_risk_mau", "dormant")
WEEK, MONTH = 7, 30


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Users by period and state: segments, start, end, active, the states, left_censored, complete; flows have a pulse too.

    `left_censored`: the data begin here, so that whoever came before looks new. A period of which nothing was observed
    has no figures. pulse = (new + resurrected) / dormant: above 1 the product gains more people than it loses.
    """

    table: pl.DataFrame
    states: tuple[str, ...]
    by: tuple[str, ...] = ()
    every: str = "week"
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values; segments in `by`."""
        rows = []
        for row in self.table.iter_rows(named=True):
            dates = {"start": row["start"].isoformat(), "end": row["end"].isoformat()}
            segment = {"by": {plain_name(column): row[column] for column in self.by}} if self.by else {}
            rows.append(segment | {name: row[name] for name in row if name not in self.by} | dates)
        return {"rows": rows}


def lifecycle(
    data: Dataset, *, every: str = "week", grid: Grid | None = None, events: Sequence[str] = ANY
) -> Lifecycle:
    """How each period's active users came to be active, by day, week or month.

    One row per segment and period; without a grid from the first event to the end of the data.
    """
    grain = grid.every if grid else every
    steps, first = _steps(data, grain, events)
    periods = _periods(data, grid, every, first)
    following = (pl.col("was") == pl.col("now") - 1).fill_null(False)
    counts = {"active": pl.col("now").is_not_null(), "new": pl.col("was").is_null(), "returning": following}
    arrived = steps.drop_nulls("now").with_columns(number="now")
    left = steps.drop_nulls("was").with_columns(number=pl.col("was") + 1)
    rows, keys = segment_spine(periods, data, steps), [*data.by, "number"]
    for part in (_counted(arrived, keys, counts), _counted(left, keys, {"dormant": following.not_()})):
        rows = rows.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    rows = _where_seen(rows, ("active", "new", "returning", "dormant"))
    came = pl.col("active") - pl.col("returning")
    pulse = pl.when(pl.col("dormant") > 0).then(came / pl.col("dormant"))
    rows = rows.with_columns(resurrected=came - pl.col("new"), pulse=pulse)
    columns = [*data.by, "start", "end", "active", *FLOWS, "pulse", "left_censored", "complete"]
    ordered = rows.sort(*data.by, "start", nulls_last=True).select(columns)
    return Lifecycle(ordered, FLOWS, data.by, grain, origin_of(data))


def daily_states(data: Dataset, *, grid: Grid | None = None, events: Sequence[str] = ANY) -> Lifecycle:
    """Everybody who ever came, by day and state: the seven states of the daily growth model.

    Active today: new, current (last seen up to 7 days before), reactivated (8 to 30), resurrected (longer ago). Not active
    today: at_risk_wau (seen in the 7 days to today), at_risk_mau (in the 30 days to today), dormant. So the first four are
    the daily actives, with at_risk_wau the weekly and with at_risk_mau the monthly ones.
    """
    if grid is not None and grid.every != "day":
        raise UsageError("the seven states are told day by day: ask with --every day.")
    steps, since = _steps(data, "day", events)
    periods = _periods(data, grid, "day", since, window="30d")
    keys, changes = [*data.by, "number"], _changes(steps, list(data.by))
    first, last = changes["number"].min(), periods["number"].max()
    days = range(first, last + 1) if isinstance(first, int) and isinstance(last, int) else ()
    line = segment_spine(pl.DataFrame({"number": days}, schema={"number": pl.Int64}), data, steps)
    line = line.join(changes, on=keys, how="left", nulls_equal=True).sort(keys, nulls_last=True)
    sums = [pl.col(name).fill_null(0).cum_sum() for name in STATES]
    line = line.with_columns(each.over(data.by) if data.by else each for each in sums)
    rows = segment_spine(periods, data, steps).join(line, on=keys, how="left", nulls_equal=True)
    rows = _where_seen(rows, STATES).with_columns(active=pl.sum_horizontal(STATES[:4], ignore_nulls=False))
    columns = [*data.by, "start", "end", "active", *STATES, "left_censored", "complete"]
    ordered = rows.sort(*data.by, "start", nulls_last=True).select(columns)
    return Lifecycle(ordered, STATES, data.by, "day", origin_of(data))


def _whole(data: Dataset, every: str, first: date | None) -> Grid | None:
    """All periods from the first day with a qualifying event to the end of the data; None where nothing ever happened."""
    stop = local_day(data.observed_until - timedelta(microseconds=1), data.zone) + timedelta(days=1)
    if first is None or first >= stop:
        return None
    return Grid.calendar(every, first, stop, zone=data.zone, week_start=data.week_start)


def _periods(
    data: Dataset, grid: Grid | None, every: str, first: date | None, *, window: str | None = None
) -> pl.DataFrame:
    """One row per period: start, end, number, seen, left_censored (the period, or the window to its end), complete."""
    data = data.recorded(data.activity)
    asked = grid.every if grid else every
    if asked not in GRAINS:
        raise unknown("grid", asked, GRAINS, where="the lifecycle (--every)")
    whole = _whole(data, asked, first)
    own = grid or whole
    begin = max(data.observed_from, whole.starts[0] if whole and window is None else data.observed_from)
    schema = {"start": pl.Date, "end": pl.Date, "seen": pl.Boolean, "left_censored": pl.Boolean, "complete": pl.Boolean}
    rows = []
    if own is not None:
        since = [a < begin if window else a <= begin for a in own.trailing(window).starts]
        seen = [a < data.observed_until and b > data.observed_from for a, b in zip(own.starts, own.ends, strict=True)]
        whole_ones = [b <= data.observed_until for b in own.ends]
        rows = list(zip(own.firsts, own.stops, seen, since, whole_ones, strict=True))
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(number=period_number(pl.col("start"), asked, zone=data.zone, week_start=data.week_start))


def _steps(data: Dataset, grain: str, events: Sequence[str]) -> tuple[pl.DataFrame, date | None]:
    """Users by a period of activity and their next one, with segments of the first event; the first day of all.

    Columns: segments, was, now (numbers of periods; null before the first and after the last one), users.
    """
    numbered = partial(period_number, grain=grain, zone=data.zone, week_start=data.week_start)
    found = None if data.by else moves(data, "lifecycle", rest="*" in events)
    if found is not None and found.filter(pl.col("now") < local_day(data.observed_until, data.zone)).height:
        places = found.select("users", was=numbered(pl.col("was")), now=numbered(pl.col("now")))
        crossing = places.filter(pl.col("was").ne_missing(pl.col("now")))
        return crossing.group_by("was", "now").agg(pl.col("users").sum()), found["now"].min()  # type: ignore[return-value]
    data = by_day(data, "lifecycle", rest="*" in events, ids=True)
    rows = qualifying(data, events).select("user_id", "time", day=local_date(pl.col("time"), data.zone))
    rows = rows.with_columns(number=numbered(pl.col("day")))
    same = (pl.col("user_id") == pl.col("user_id").shift(1)).fill_null(False)
    once = rows.filter((same & (pl.col("number") == pl.col("number").shift(1))).not_())
    visits = once.with_columns(
        was=pl.when(same).then(pl.col("number").shift(1)), last=same.shift(-1).fill_null(False).not_()
    )
    if data.by:
        entries = join_segments(first_events(data, events=events), data).select("user_id", *data.by)
        visits = visits.join(entries, on="user_id", how="left", maintain_order="left")
    known = visits.collect(engine="in-memory")
    ends = known.filter("last").with_columns(was="number", number=pl.lit(None, pl.Int64))
    steps = pl.concat([known, ends]).group_by(*data.by, "was", now="number").agg(users=pl.len().cast(pl.Int64))
    return steps, known.filter(pl.col("time") < data.observed_until)["day"].min()  # type: ignore[return-value]


def _changes(steps: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """How many more (or fewer) users are in each state from a day on: segments, number, a column per state.

    A stay in a state is a run of days: a visit fills its own day and then ripens towards dormancy until the next visit.
    """
    came, left = steps.drop_nulls("now"), steps.drop_nulls("was")
    away = pl.col("now") - pl.col("was")
    own = (
        pl.when(away.is_null()).then(pl.lit("new"))
        .when(away <= WEEK).then(pl.lit("current"))
        .when(away <= MONTH).then(pl.lit("reactivated"))
        .otherwise(pl.lit("resurrected"))
    )  # fmt: skip
    edges = {"at_risk_wau": (1, WEEK), "at_risk_mau": (WEEK, MONTH), "dormant": (MONTH, 2**61)}
    stays = [came.select(*by, "users", state=own, start="now", stop=pl.col("now") + 1)]
    for state, (since, until) in edges.items():
        ends = pl.min_horizontal(pl.col("was") + until, pl.col("now").fill_null(2**62))
        stays.append(left.select(*by, "users", state=pl.lit(state), start=pl.col("was") + since, stop=ends))
    runs = pl.concat(stays).filter(pl.col("start") < pl.col("stop"))
    change = {"start": pl.col("users"), "stop": -pl.col("users")}
    turns = [runs.select(*by, "state", number=edge, change=count) for edge, count in change.items()]
    counted = [pl.col("change").filter(pl.col("state") == name).sum().alias(name) for name in STATES]
    return pl.concat(turns).group_by(*by, "number").agg(counted)


def _counted(steps: pl.DataFrame, keys: list[str], what: dict[str, pl.Expr]) -> pl.DataFrame:
    return steps.group_by(keys).agg(pl.col("users").filter(mark).sum().alias(name) for name, mark in what.items())


def _where_seen(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """A count of nothing is 0 where somebody looked, and unknown where nobody did."""
    return rows.with_columns(pl.when("seen").then(pl.col(name).fill_null(0)).alias(name) for name in names)
