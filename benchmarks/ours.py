"""The questions as this library answers them, from each physical form of the data, in a form that can be compared."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

import kpi_lib as kpi
from benchmarks.data import DAYS, START, STEPS
from kpi_lib.core.store import Parts
from kpi_lib.shapes.lifecycle import lifecycle
from kpi_lib.sources.ranges import read_ranges, write_ranges

SINCE = datetime.fromtimestamp(START / 1e6, UTC)
UNTIL = SINCE + timedelta(days=DAYS)
WINDOW = "7d"
MODULES = tuple(f"kpi_lib.{name}" for name in ("shapes.funnel", "shapes.cohort", "shapes.sessions", "answers.compute"))


def scan(path: Path) -> kpi.Dataset:
    """The data as a scan of the file."""
    return kpi.Dataset.of({"events": pl.scan_parquet(path)}, observed_from=SINCE, observed_until=UNTIL)


def memory(path: Path) -> kpi.Dataset:
    """The data as a table in memory, which knows no faster form: the general way."""
    events = pl.read_parquet(path).with_columns(pl.col("event", "country").cast(pl.String))
    return kpi.Dataset.of({"events": events}, observed_from=SINCE, observed_until=UNTIL)


def store(path: Path) -> kpi.Dataset:
    """The data as a store of ranges of users."""
    return _kept(read_ranges(path.with_suffix(".store")))


def _kept(parts: Parts) -> kpi.Dataset:
    later = {"events": pl.concat(parts.events)}
    return kpi.Dataset.of(later, observed_from=SINCE, observed_until=UNTIL, parts=parts)


def build(path: Path) -> None:
    """Write the store; ids are text, as everywhere in a workspace."""
    folder = path.with_suffix(".store")
    folder.mkdir()
    write_ranges(pl.scan_parquet(path).with_columns(pl.col("user_id").cast(pl.String)), folder, zone="UTC")


def floor(data: kpi.Dataset) -> object:
    """Read user, time and event and do nothing."""
    parts = data.parts
    if parts is None:
        raise TypeError("no parts")
    user = parts.events[0].collect_schema().names()[0]
    return sum(each.select(user, "time", "event").collect().height for each in parts.events)


def funnel(data: kpi.Dataset) -> object:
    """Five ordered steps within seven days by country, the latest entry, everybody: what the other engines can do as well."""
    spec = kpi.Funnel(STEPS, within=WINDOW, time_to_convert="fastest", unripe="include")
    rows = kpi.funnel(data.with_by(("country",)), spec).table
    last = rows.filter(pl.col("step") == len(STEPS)).sort("country")
    units = rows.sort("country", "step").group_by("country", maintain_order=True).agg("units")
    return {"units": dict(units.iter_rows()), "median": dict(last.select("country", "median_seconds").iter_rows())}


def funnel_ripe(data: kpi.Dataset) -> object:
    """The same steps by all rules of this library: the earliest entry, ripe attempts only, ties counted."""
    rows = kpi.funnel(data.with_by(("country",)), kpi.Funnel(STEPS, within=WINDOW)).table
    return rows.select("country", "step", "units", "median_seconds", "in_progress", "tie_sensitive").to_dicts()


def retention(data: kpi.Dataset) -> object:
    """Members of each weekly cohort seen k weeks later."""
    rows = kpi.cohorts(data, kpi.Cohorts(grain="week")).table
    return {
        str(start): list(cells)
        for start, cells in rows.group_by("start", maintain_order=True).agg("retained").iter_rows()
    }


def actives(data: kpi.Dataset) -> object:
    """Users of the day, of the last 7 and of the last 30 days, for every day with a whole window."""
    grid = kpi.Grid.calendar("day", SINCE.date(), UNTIL.date(), zone="UTC")
    wide = kpi.compute(["dau", "wau", "mau"], data, grid).table.pivot("kpi", index="start", values="value")
    rows = wide.drop_nulls().sort("start").to_dicts()
    return [[str(row["start"]), *(int(row[name]) for name in ("dau", "wau", "mau"))] for row in rows]


def lifecycles(data: kpi.Dataset) -> object:
    """New, returning, resurrected and dormant users of every week."""
    rows = lifecycle(data, every="week").table
    return [
        [str(row["start"]), *(row[name] for name in ("new", "returning", "resurrected", "dormant"))]
        for row in rows.to_dicts()
    ]


def together(data: kpi.Dataset) -> object:
    """Retention, actives and lifecycle of one data set, one after the other."""
    return {"retention": retention(data), "actives": actives(data), "lifecycles": lifecycles(data)}


def sessions(data: kpi.Dataset) -> object:
    """How many sessions by pauses of 30 minutes, of how many users, how long, of how many events."""
    found = kpi.session_figures(data).to_dict()
    return [found[name] for name in ("sessions", "users", "median_seconds")]


QUESTIONS: dict[str, Callable[[kpi.Dataset], Any]] = {
    each.__name__: each for each in (floor, funnel, funnel_ripe, together, sessions)
}
FORMS = {"scan": scan, "store": store}
