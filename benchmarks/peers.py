"""The same questions asked of other engines, each in the fastest form that is known here; they read the same file."""

import os
import statistics
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.data import DAY, DAYS, START, STEPS

WINDOW = 7 * DAY
WEEK = 7 * DAY
GAP = 1_800_000_000
NAMES = ", ".join(f"'{name}'" for name in STEPS)
US = {"duckdb": "epoch_us(time)", "chdb": "toUnixTimestamp64Micro(time)"}


def duckdb(path: Path) -> "Callable[[str], list[tuple[Any, ...]]]":
    """A function that asks DuckDB."""
    import duckdb as engine

    link = engine.connect()
    link.execute(f"set threads = {_threads()}")
    return lambda query: link.execute(query.replace("LOG", f"read_parquet('{path}')")).fetchall()


def chdb(path: Path) -> "Callable[[str], list[tuple[Any, ...]]]":
    """A function that asks ClickHouse inside this process."""
    import json

    import chdb as engine

    def ask(query: str) -> list[tuple[Any, ...]]:
        text = query.replace("LOG", f"file('{path}', Parquet)") + f" settings max_threads = {_threads()}"
        found = json.loads(str(engine.query(text, "JSONCompact")))
        return [tuple(row) for row in found["data"]]

    return ask


def _threads() -> int:
    return min(os.cpu_count() or 1, 2)


def funnel_duckdb(path: Path) -> object:
    """Nested running maxima: the latest start that reaches each step, one window function a step."""
    place = " ".join(f"when '{name}' then {k}" for k, name in enumerate(STEPS, 1))
    steps = f"select user_id, country, epoch_us(time) as t, case event {place} end as step from LOG where event in ({NAMES})"
    inner = f"({steps})"
    for k in range(1, len(STEPS) + 1):
        before = "t" if k == 1 else f"s{k - 1}"
        inside = "" if k == 1 else f" and t - s{k - 1} <= {WINDOW}"
        over = "over (partition by user_id order by t, step rows unbounded preceding)"
        inner = f"(select *, max(case when step = {k}{inside} then {before} end) {over} as s{k} from {inner})"
    last = len(STEPS)
    reached = ", ".join(f"count(s{k}) filter (s{k} is not null) > 0 as r{k}" for k in range(1, last + 1))
    start = f"max(s{last}) as start"
    users = f"select user_id, any_value(country) as country, {reached}, {start} from w group by user_id"
    end = f"select u.country, min(w.t) - u.start as took from w join u using (user_id) where w.step = {last} and w.s{last} = u.start"
    sums = ", ".join(f"count(*) filter (r{k})" for k in range(1, last + 1))
    rows = duckdb(path)(
        f"with w as materialized (select * from {inner}), u as materialized ({users}), "
        f"d as ({end} group by u.user_id, u.country, u.start), m as (select country, median(took) / 1e6 as half from d group by 1) "
        f"select country, {sums}, any_value(half) from u left join m using (country) where r1 group by country"
    )
    return _by_country(rows, with_median=True)


def funnel_chdb(path: Path) -> object:
    """windowFunnel: levels only, no times, so it does less."""
    conditions = ", ".join(f"event = '{name}'" for name in STEPS)
    level = f"windowFunnel({WINDOW // 1_000_000})(toDateTime(time, 'UTC'), {conditions})"
    users = f"select any(country) as country, {level} as level from LOG where event in ({NAMES}) group by user_id"
    sums = ", ".join(f"countIf(level >= {k})" for k in range(1, len(STEPS) + 1))
    rows = chdb(path)(f"select country, {sums} from ({users}) where level > 0 group by country")
    return _by_country([(country, *map(int, rest)) for country, *rest in rows], with_median=False)


def _by_country(rows: list[tuple[Any, ...]], *, with_median: bool) -> object:
    width = len(STEPS) + 1
    units = {row[0]: list(row[1:width]) for row in sorted(rows)}
    return {"units": units, **({"median": {row[0]: row[width] for row in sorted(rows)}} if with_median else {})}


def retention_duckdb(path: Path) -> object:
    """One 64-bit mask of weeks a user; equal masks are counted, then bits are read."""
    mask = f"bit_or(1::ubigint << ((epoch_us(time) - {START}) // {WEEK})::int) as mask"
    return _cohorts(duckdb(path)(f"select mask, count(*) from (select {mask} from LOG group by user_id) group by mask"))


def retention_chdb(path: Path) -> object:
    """The same with groupBitOr."""
    mask = f"groupBitOr(bitShiftLeft(toUInt64(1), intDiv({US['chdb']} - {START}, {WEEK}))) as mask"
    rows = chdb(path)(f"select toString(mask), count() from (select {mask} from LOG group by user_id) group by mask")
    return _cohorts((int(mask), int(count)) for mask, count in rows)


def _cohorts(masks: Iterable[tuple[int, int]]) -> object:
    weeks = -(-DAYS // 7)
    cells = [[0] * (weeks - first) for first in range(weeks)]
    for mask, count in masks:
        first = (mask & -mask).bit_length() - 1
        for k in range(weeks - first):
            cells[first][k] += count * (mask >> (first + k) & 1)
    return {_date(7 * week): row for week, row in enumerate(cells) if row[0]}


def actives_duckdb(path: Path) -> object:
    """Distinct days, the gap to the next one, a histogram of gaps, running sums."""
    days = f"select distinct user_id, ((epoch_us(time) - {START}) // {DAY})::int as day from LOG"
    gap = "lead(day) over (partition by user_id order by day) - day"
    gaps = f"select day, least(coalesce({gap}, 31), 31) as gap from ({days})"
    return _windows(duckdb(path)(f"select day, gap, count(*) from ({gaps}) group by all"))


def actives_chdb(path: Path) -> object:
    """The same with sorted arrays of days."""
    days = f"arraySort(groupUniqArray(toInt32(intDiv({US['chdb']} - {START}, {DAY})))) as days"
    gaps = (
        "arrayMap((d, n) -> (d, if(n = 0, 31, least(n - d, 31))), days, arrayPushBack(arrayPopFront(days), 0)) as pairs"
    )
    pairs = f"select arrayJoin(pairs) as p from (select {gaps} from (select {days} from LOG group by user_id))"
    rows = chdb(path)(f"select p.1, p.2, count() from ({pairs}) group by 1, 2")
    return _windows((int(day), int(gap), int(count)) for day, gap, count in rows)


def _windows(rows: Iterable[tuple[int, int, int]]) -> object:
    counts = {w: [0] * (DAYS + 32) for w in (1, 7, 30)}
    for day, gap, count in rows:
        for width, change in counts.items():
            change[day] += count
            change[day + min(gap, width)] -= count
    found, running = [], dict.fromkeys(counts, 0)
    for day in range(DAYS):
        for width in counts:
            running[width] += counts[width][day]
        if day >= 29:
            found.append([_date(day), *running.values()])
    return found


def lifecycles_duckdb(path: Path) -> object:
    """Distinct weeks with the week before and after of the same user."""
    weeks = f"select distinct user_id, ((epoch_us(time) - {START}) // {WEEK})::int as week from LOG"
    order = "over (partition by user_id order by week)"
    both = f"select week, lag(week) {order} as was, lead(week) {order} as next from ({weeks})"
    return _flows(duckdb(path)(
        f"select week, count(*) filter (was is null), count(*) filter (was = week - 1), count(*), "
        f"count(*) filter (next is null or next > week + 1) from ({both}) group by week"))  # fmt: skip


def lifecycles_chdb(path: Path) -> object:
    """The same with sorted arrays of weeks."""
    weeks = f"arraySort(groupUniqArray(toInt32(intDiv({US['chdb']} - {START}, {WEEK})))) as weeks"
    zipped = (
        "arrayZip(weeks, arrayPushFront(arrayPopBack(weeks), -9), arrayPushBack(arrayPopFront(weeks), 999)) as found"
    )
    rows = chdb(path)(
        f"select p.1 as week, countIf(p.2 = -9), countIf(p.2 = week - 1), count(), countIf(p.3 > week + 1) from "
        f"(select arrayJoin(found) as p from (select {zipped} from (select {weeks} from LOG group by user_id))) group by week"
    )
    return _flows([tuple(map(int, row)) for row in rows])


def _flows(rows: Iterable[tuple[Any, ...]]) -> object:
    found, gone = [], 0
    for week, new, stayed, active, leaving in sorted(rows):
        found.append([_date(7 * week), new, stayed, active - new - stayed, gone])
        gone = leaving
    return found


def sessions_duckdb(path: Path) -> object:
    """One window function marks the starts; the end of a session is the row before the next start."""
    order = "over (partition by user_id order by t)"
    marked = f"select user_id, t, lag(t) {order} as was, lead(t) {order} as next from (select user_id, epoch_us(time) as t from LOG)"
    edges = f"select user_id, t, (was is null or t - was > {GAP}) as starts, (next is null or next - t > {GAP}) as ends from ({marked})"
    paired = f"select user_id, starts, case when ends then t else lead(t) {order} end - t as length from ({edges}) where starts or ends"
    found = duckdb(path)(f"select count(*), count(distinct user_id), median(length) / 1e6 from ({paired}) where starts")
    return [*found[0]]


def sessions_chdb(path: Path) -> object:
    """Sorted arrays of times, split where the pause is long."""
    times = f"arraySort(groupArray({US['chdb']})) as t"
    split = f"arraySplit((x, p) -> p > {GAP}, t, arrayPushFront(arrayPopFront(arrayDifference(t)), 0)) as runs"
    rows = chdb(path)(
        f"select count(), uniqExact(user_id), quantileExactInclusive(0.5)(r[-1] - r[1]) / 1e6 from "
        f"(select user_id, arrayJoin(runs) as r from (select user_id, {split} from (select user_id, {times} from LOG group by user_id)))"
    )
    return [int(rows[0][0]), int(rows[0][1]), float(rows[0][2])]


def sessions_pandas(path: Path) -> object:
    """What a notebook would do."""
    import pandas as pd

    rows = pd.read_parquet(path, columns=["user_id", "time"]).sort_values(["user_id", "time"])
    pause = rows.groupby("user_id")["time"].diff()
    number = (pause.isna() | (pause > pd.Timedelta(minutes=30))).cumsum()
    spans = rows.groupby(number)["time"].agg(["min", "max"])
    lengths = (spans["max"] - spans["min"]).dt.total_seconds()
    return [len(spans), int(rows["user_id"].nunique()), statistics.median(lengths.tolist())]


def sessions_retentioneering(path: Path) -> object:
    """Its event stream and its own split; it asks home for statistics of use unless told not to."""
    os.environ["RETENTIONEERING_NO_TRACK"] = "1"
    import pandas as pd
    from retentioneering import Eventstream

    rows = pd.read_parquet(path, columns=["user_id", "time", "event"]).rename(columns={"time": "timestamp"})
    split = Eventstream(rows).split_sessions(timeout=pd.Timedelta(microseconds=GAP)).df
    spans = split.groupby(["user_id", "session_id"], observed=True)["timestamp"].agg(["min", "max"])
    lengths = (spans["max"] - spans["min"]).dt.total_seconds()
    return [len(spans), int(split["user_id"].nunique()), statistics.median(lengths.tolist())]


def _date(day: int) -> str:
    return str((datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=day)).date())


PEERS: dict[str, dict[str, Callable[[Path], Any]]] = {
    "funnel": {"duckdb": funnel_duckdb, "chdb": funnel_chdb},
    "retention": {"duckdb": retention_duckdb, "chdb": retention_chdb},
    "actives": {"duckdb": actives_duckdb, "chdb": actives_chdb},
    "lifecycles": {"duckdb": lifecycles_duckdb, "chdb": lifecycles_chdb},
    "sessions": {
        "duckdb": sessions_duckdb,
        "chdb": sessions_chdb,
        "pandas": sessions_pandas,
        "retentioneering": sessions_retentioneering,
    },
}
