"""Is the data fit to be judged? Contracts and quality of a workspace, as findings a person can act on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from kpi_lib.core.errors import DataError, nearest, shown
from kpi_lib.core.period import local_date, local_day
from kpi_lib.core.units import duration, span
from kpi_lib.shapes.activity import event_names
from kpi_lib.shapes.revenue import stretches
from kpi_lib.sources.findings import ERROR, FUTURE, WARNING, Counts, Finding
from kpi_lib.sources.workspace import Workspace

LOGS = ("events", "transactions")
LISTED = 5
MANY_TIES = 0.05
MANY_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of a workspace found; `failed` when anything in it is an error."""

    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether an error was found; warnings do not count."""
        return any(finding.severity == ERROR for finding in self.findings)

    @property
    def table(self) -> pl.DataFrame:
        """One row per finding, the errors first."""
        text = ("severity", "table", "file", "column", "value", "message", "mend")
        schema = {name: pl.String for name in text} | {"line": pl.Int64, "rows": pl.Int64}
        order = ["severity", "table", "file", "line", "column", "value", "message", "mend", "rows"]
        return pl.DataFrame([finding.to_dict() for finding in self.findings], schema=schema).select(order)

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON values."""
        tables = {name: counts.to_dict() for name, counts in self.counts.items()}
        return {"findings": [finding.to_dict() for finding in self.findings], "tables": tables}


def check(workspace: Workspace) -> Check:
    """Load the workspace and look at the data as a careful analyst would before believing a figure."""
    found = [*workspace.log.findings, *_looks(workspace)]
    return Check(tuple(sorted(found, key=lambda each: each.severity != ERROR)), workspace.log.counts)


def _looks(workspace: Workspace) -> Iterator[Finding]:
    yield from _empty_tables(workspace)
    yield from stale(workspace)
    yield from _late_logs(workspace)
    yield from _outages(workspace)
    yield from _ties(workspace)
    yield from _zero_amounts(workspace)
    yield from _unknown_events(workspace)
    yield from _narrow_scale(workspace)
    yield from _short_pauses(workspace)


def _empty_tables(workspace: Workspace) -> Iterator[Finding]:
    for name, counts in workspace.log.counts.items():
        if not counts.kept:
            lost = counts.read - counts.kept
            why = f"all {lost:,} rows were filtered, deduplicated or quarantined" if lost else "the files hold no rows"
            yield Finding(WARNING, name, f"the table is empty: {why}", "check path and where of this table", rows=0)


def stale(workspace: Workspace) -> Iterator[Finding]:
    """Data that end long before they should, if the workspace says how long is long."""
    limits = workspace.freshness
    if not limits:
        return
    until = workspace.data.observed_until if "observed_until" in workspace.config["workspace"] else workspace.now
    for name in LOGS:
        last = _last(workspace, name)
        if last is None:
            continue
        age = until - last
        for severity, key in ((ERROR, "error_after"), (WARNING, "warn_after")):
            if key in limits and age > duration(limits[key]):
                message = f"the last row is {span(age.total_seconds())} old ({last:%Y-%m-%d %H:%M} UTC)"
                mend = f"load newer data, or change [freshness] {key} = {limits[key]}"
                yield Finding(severity, name, message, mend, column="time", value=last.isoformat())
                break


def turns(workspace: Workspace) -> datetime | None:
    """When time alone will change what these data tell: they pass a limit of age, or rows of the future come to be of today."""
    now, limits = workspace.now, workspace.freshness.values()
    last = [_last(workspace, name) for name in LOGS] if "observed_until" not in workspace.config["workspace"] else []
    ages = [each + duration(limit) for each in last if each is not None for limit in limits]
    if any(FUTURE in finding.message for finding in workspace.log.findings):
        ages.append(datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC))
    return min((each for each in ages if each > now), default=None)


def _last(workspace: Workspace, table: str) -> Any:  # noqa: ANN401 - a datetime or nothing
    frame = workspace.data.tables.get(table)
    return frame["time"].max() if frame is not None and len(frame) else None


def _late_logs(workspace: Workspace) -> Iterator[Finding]:
    """Logs that begin long after the other data: their figures have no zeros before, as nobody looked."""
    data = workspace.data
    for name, begun in data.begins.items():
        day, since = local_day(begun, data.zone), local_day(data.observed_from, data.zone)
        message = f"the log begins on {day}, {(day - since).days:,} days after the data ({since}); figures made of it begin there"
        mend = f"if it was kept all the time and nothing happened, say so: [workspace] observed_from = {since}"
        yield Finding(WARNING, name, message, mend, column="time", value=str(day))


def _outages(workspace: Workspace) -> Iterator[Finding]:
    """Days inside the span without any event: more often a broken pipe than a day on which nobody came."""
    data = workspace.data
    for name in LOGS:
        frame = data.tables.get(name)
        if frame is None or frame.is_empty():
            continue
        days = frame.select(local_date(pl.col("time"), data.zone).unique().sort().alias("day"))["day"].to_list()
        missing = _between(days, local_day(data.observed_until - timedelta(microseconds=1), data.zone))
        if missing:
            listed = ", ".join(str(day) for day in missing[:LISTED]) + (" …" if len(missing) > LISTED else "")
            what = "day has" if len(missing) == 1 else "days have"
            message = f"{len(missing):,} {what} no row at all: {listed}"
            mend = "find out whether the recording failed on them; a figure that falls there may be an outage"
            yield Finding(WARNING, name, message, mend, column="time", value=str(missing[0]))


def _between(days: list[date], last: date) -> list[date]:
    there = set(days)
    span_days = (max(days[-1], last) - days[0]).days + 1
    return [day for day in (days[0] + timedelta(days=i) for i in range(span_days)) if day not in there]


def _ties(workspace: Workspace) -> Iterator[Finding]:
    """Events of a user at the same instant have no order, and funnels have to choose one."""
    frame = workspace.data.tables.get("events")
    if frame is None or frame.is_empty():
        return
    same = (pl.col("user_id") == pl.col("user_id").shift()) & (pl.col("time") == pl.col("time").shift())
    count = int(frame.select(same.sum()).item())
    if count > MANY_TIES * len(frame):
        share = f"{count / len(frame):.0%} of the events"
        message = f"{share} have the same time as the event of that user before them"
        mend = "record finer times, or name a column that orders them (funnel option ties)"
        yield Finding(WARNING, "events", message, mend, column="time", rows=count)


def _zero_amounts(workspace: Workspace) -> Iterator[Finding]:
    frame = workspace.data.tables.get("transactions")
    count = int((frame["amount"] == 0).sum()) if frame is not None else 0
    if count:
        what = "row has" if count == 1 else "rows have"
        message = f"{count:,} {what} an amount of zero; they count as orders"
        yield Finding(
            WARNING,
            "transactions",
            message,
            "if they are no orders, leave them out with where",
            column="amount",
            rows=count,
        )


def _narrow_scale(workspace: Workspace) -> Iterator[Finding]:
    """Months of NPS answers without a single 0: the question may have been asked on 1 to 10, which has no 0."""
    frame = workspace.data.tables.get("surveys", pl.DataFrame())
    if not {"kind", "score"} <= set(frame.columns):
        return
    asked = frame.filter((pl.col("kind") == "nps") & pl.col("score").is_not_null())
    month = local_date(pl.col("time"), workspace.data.zone).dt.strftime("%Y-%m").alias("month")
    waves = asked.group_by(month).agg(pl.len(), pl.col("score").min().alias("lowest")).sort("month")
    for month_name, rows, _ in waves.filter((pl.col("len") >= MANY_ANSWERS) & (pl.col("lowest") > 0)).iter_rows():
        message = f"none of the {rows:,} NPS answers of {month_name} is a 0; perhaps the question was asked on 1 to 10"
        mend = (
            "look at the question: NPS asks on 0 to 10, and a wave on another scale is no NPS; leave it out with where"
        )
        yield Finding(WARNING, "surveys", message, mend, column="score", value=month_name, rows=rows)


def _short_pauses(workspace: Workspace) -> Iterator[Finding]:
    """Customers who go and come back within a day: mostly ends that are written as the last moment paid for."""
    data = workspace.data
    if "subscriptions" not in data.tables:
        return
    try:
        spans = stretches(data)
    except DataError as error:  # without a usable price nobody can be followed
        message, _, mend = str(error).removeprefix("table subscriptions, ").partition(". ")
        yield Finding(ERROR, "subscriptions", message, mend.rstrip("."), column="mrr")
        return
    away = (pl.col("stop") - pl.col("start")).is_between(timedelta(0), timedelta(days=1), closed="right")
    short = spans.filter((pl.col("mrr") == 0) & away)
    if not short.is_empty():
        what = "pause of a customer lasts" if len(short) == 1 else "pauses of customers last"
        message = f"{len(short):,} {what} a day or less; each is a churn and a reactivation if a period ends in it"
        mend = "if end is the last moment or day that is paid for, write the instant at which the next one begins"
        value = short["start"].min()
        yield Finding(WARNING, "subscriptions", message, mend, column="end", value=str(value), rows=len(short))


def _unknown_events(workspace: Workspace) -> Iterator[Finding]:
    """Events that features, funnels and settings name and that never occur: mostly a slip of the pen."""
    data = workspace.data
    there = event_names(data)
    if not there:
        return
    for place, name in dict.fromkeys(_named(workspace)):
        if name not in there:
            message = f"{place} names the event {shown(name)}, which does not occur. {nearest(name, there)}"
            yield Finding(WARNING, data.activity, message, f"correct {place} in kpi.toml", column="event", value=name)


def _named(workspace: Workspace) -> Iterator[tuple[str, str]]:
    for feature, events in workspace.features.items():
        yield from ((f"[features] {feature}", name) for name in events)
    for funnel, spec in workspace.data.funnels.items():
        yield from ((f"[funnels.{funnel}]", name) for name in (*spec.names, *spec.exclude))
    for key, value in workspace.settings.items():
        if {"event", "events"} & set(key.split("_")):
            names = value if isinstance(value, list) else [value]
            yield from ((f"[settings] {key}", name) for name in names if isinstance(name, str) and name != "*")
