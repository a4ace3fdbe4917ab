"""Lifecycle: of those active in a period who is new, who stayed, who came back, and who of the period before is gone.

New = the first qualifying event of all history lies in the period; returning = active in the period before as well;
resurrected = active earlier, but not in the period before; dormant = active in the period before and not in this one. So

    active = new + returning + resurrected,  active of the period before = returning + dormant.

A segment is that of the user's first event, so that a user stays in one segment and segments add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name, segment_spine
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import Grid, local_date, local_day, period_number
from kpi_lib.shapes.activity import ANY, by_day, first_events, qualifying

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
    data = by_day(data, "lifecycle", rest="*" in events)
    periods = _periods(data, grid, every, events)
    grain = grid.every if grid else every
    visits = _visits(data, grain, events)
    keys = [*data.by, "number"]
    stayed = (pl.col("before") == pl.col("number") - 1).fill_null(False)
    counts = {"active": pl.lit(True), "new": pl.col("before").is_null(), "returning": stayed}
    gone = visits.filter(pl.col("after").ne_missing(pl.col("number") + 1)).with_columns(number=pl.col("number") + 1)
    rows = segment_spine(periods, data, visits)
    for part in (_counted(visits, keys, counts), _counted(gone, keys, {"dormant": pl.lit(True)})):
        rows = rows.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    rows = _where_seen(rows, ("active", "new", "returning", "dormant"))
    came = pl.col("active") - pl.col("returning")
    pulse = pl.when(pl.col("dormant") > 0).then(came / pl.col("dormant"))
    rows = rows.with_columns(resurrected=came - pl.col("new"), pulse=pulse)
    columns = [*data.by, "start", "end", "active", *FLOWS, "pulse", "left_censored", "complete"]
    return Lifecycle(rows.sort(*data.by, "start", nulls_last=True).select(columns), FLOWS, data.by, grain)


def daily_states(data: Dataset, *, grid: Grid | None = None, events: Sequence[str] = ANY) -> Lifecycle:
    """Everybody who ever came, by day and state: the seven states of the daily growth model.

    Active today: new, current (last seen up to 7 days before), reactivated (8 to 30), resurrected (longer ago). Not active
    today: at_risk_wau (seen in the 7 days to today), at_risk_mau (in the 30 days to today), dormant. So the first four are
    the daily actives, with at_risk_wau the weekly and with at_risk_mau the monthly ones.
    """
    if grid is not None and grid.every != "day":
        raise UsageError("the seven states are told day by day: ask with --every day.")
    data = by_day(data, "lifecycle", rest="*" in events)
    periods = _periods(data, grid, "day", events, window="30d")
    visits = _visits(data, "day", events)
    keys, changes = [*data.by, "number"], _changes(visits, list(data.by))
    first, last = changes["number"].min(), periods["number"].max()
    days = range(first, last + 1) if isinstance(first, int) and isinstance(last, int) else ()
    line = segment_spine(pl.DataFrame({"number": days}, schema={"number": pl.Int64}), data, visits)
    line = line.join(changes, on=keys, how="left", nulls_equal=True).sort(keys, nulls_last=True)
    sums = [pl.col(name).fill_null(0).cum_sum() for name in STATES]
    line = line.with_columns(each.over(data.by) if data.by else each for each in sums)
    rows = segment_spine(periods, data, visits).join(line, on=keys, how="left", nulls_equal=True)
    rows = _where_seen(rows, STATES).with_columns(active=pl.sum_horizontal(STATES[:4], ignore_nulls=False))
    columns = [*data.by, "start", "end", "active", *STATES, "left_censored", "complete"]
    return Lifecycle(rows.sort(*data.by, "start", nulls_last=True).select(columns), STATES, data.by, "day")


def _whole(data: Dataset, every: str, events: Sequence[str]) -> Grid | None:
    """All periods from the first qualifying event to the end of the data; None where nothing ever happened."""
    first = qualifying(data, events).select(pl.col("time").min()).collect().item()
    if first is None or first >= data.observed_until:
        return None
    stop = local_day(data.observed_until - timedelta(microseconds=1), data.zone) + timedelta(days=1)
    return Grid.calendar(every, local_day(first, data.zone), stop, zone=data.zone, week_start=data.week_start)


def _periods(
    data: Dataset, grid: Grid | None, every: str, events: Sequence[str], *, window: str | None = None
) -> pl.DataFrame:
    """One row per period: start, end, number, seen, left_censored (the period, or the window to its end), complete."""
    asked = grid.every if grid else every
    if asked not in GRAINS:
        raise unknown("grid", asked, GRAINS, where="the lifecycle (--every)")
    whole = _whole(data, asked, events)
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


def _visits(data: Dataset, grain: str, events: Sequence[str]) -> pl.DataFrame:
    """One row per user and period of activity: its number, the user's numbers before and after, segments of the first event."""
    day = local_date(pl.col("time"), data.zone)
    number = period_number(day, grain, zone=data.zone, week_start=data.week_start)
    rows = qualifying(data, events).select("user_id", number=number)
    same = pl.col("user_id") == pl.col("user_id").shift(1)
    once = rows.filter((same & (pl.col("number") == pl.col("number").shift(1))).fill_null(False).not_())
    before = pl.when(pl.col("user_id") == pl.col("user_id").shift(1)).then(pl.col("number").shift(1))
    after = pl.when(pl.col("user_id") == pl.col("user_id").shift(-1)).then(pl.col("number").shift(-1))
    visits = once.with_columns(before=before, after=after)
    if data.by:
        entries = join_segments(first_events(data, events=events), data).select("user_id", *data.by)
        visits = visits.join(entries, on="user_id", how="left", maintain_order="left")
    return visits.collect(engine="in-memory")


def _changes(visits: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """How many more (or fewer) users are in each state from a day on: segments, number, a column per state.

    A stay in a state is a run of days: a visit fills its own day and then ripens towards dormancy until the next visit.
    """
    number, after = pl.col("number"), pl.col("after").fill_null(2**62)
    away = number - pl.col("before")
    own = (
        pl.when(away.is_null()).then(pl.lit("new"))
        .when(away <= WEEK).then(pl.lit("current"))
        .when(away <= MONTH).then(pl.lit("reactivated"))
        .otherwise(pl.lit("resurrected"))
    )  # fmt: skip
    edges = {"at_risk_wau": (1, WEEK), "at_risk_mau": (WEEK, MONTH), "dormant": (MONTH, 2**61)}
    stays = [visits.select(*by, state=own, start=number, stop=number + 1)]
    for state, (since, until) in edges.items():
        ends = pl.min_horizontal(number + until, after)
        stays.append(visits.select(*by, state=pl.lit(state), start=number + since, stop=ends))
    runs = pl.concat(stays).filter(pl.col("start") < pl.col("stop"))
    moves = [runs.select(*by, "state", number=edge, change=pl.lit(sign)) for edge, sign in (("start", 1), ("stop", -1))]
    counted = [pl.col("change").filter(pl.col("state") == name).sum().cast(pl.Int64).alias(name) for name in STATES]
    return pl.concat(moves).group_by(*by, "number").agg(counted)


def _counted(frame: pl.DataFrame, keys: list[str], what: dict[str, pl.Expr]) -> pl.DataFrame:
    marks = frame.with_columns(**what)
    return marks.group_by(keys).agg(pl.col(name).sum().cast(pl.Int64) for name in what)


def _where_seen(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """A count of nothing is 0 where somebody looked, and unknown where nobody did."""
    return rows.with_columns(pl.when("seen").then(pl.col(name).fill_null(0)).alias(name) for name in names)
