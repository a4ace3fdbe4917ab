"""From when on a log was kept: what lies before it is not known, and no zero."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from kpi_lib.core.period import local_date, local_day, midnight

LOG = "events"
WEEK, TIMES = (
    7,
    5,
)  # a silence before the first row is no chance when it is longer than both a week and five times any later one


def beginnings(
    tables: Mapping[str, pl.DataFrame | pl.LazyFrame], observed_from: datetime, zone: str
) -> dict[str, datetime]:
    """The log of events with its first instant, if it begins so much later than the data that it cannot have been kept before.

    A workspace may hold invoices of two years and an event log of six months. Who bought was there, so that log says nothing
    about the first eighteen. A few days, or a pause as there were others, are taken as they stand: nothing happened. The
    other way round, use before the first sale, is how many products begin: those are zeros.

    >>> from datetime import date
    >>> log = pl.DataFrame({"time": [midnight(date(2026, 3, day), "UTC") for day in (1, 2, 4)]})
    >>> str(beginnings({"events": log}, midnight(date(2026, 1, 1), "UTC"), "UTC")["events"].date())
    '2026-03-01'
    >>> beginnings({"events": log}, midnight(date(2026, 2, 25), "UTC"), "UTC")
    {}
    """
    if LOG not in tables:
        return {}
    times = tables[LOG].lazy().select("time")
    first: datetime | None = times.min().collect().item()
    day = local_day(first or observed_from, zone)
    silent = (day - local_day(observed_from, zone)).days
    if silent <= WEEK:
        return {}
    days = times.select(local_date(pl.col("time"), zone).alias("day")).unique().sort("day")
    longest = days.select(pl.col("day").diff().dt.total_days().max()).collect().item() or 1
    return {LOG: midnight(day, zone)} if silent > TIMES * longest else {}
