"""Acquisition: who comes for the first time."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT
from kpi_lib.core.period import Grid
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import UP
from kpi_lib.kpis.registry import EARLY, GROWTH, SEMI, STANDARD, kpi
from kpi_lib.shapes.activity import ANY, first_events

AT_ONCE = "A period counts as it stands; one that is not over is marked partial."


@kpi(
    title="New users",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    inputs=("events.user_id", "events.event", "events.time"),
    lookback="first",
    stages=(EARLY, GROWTH),
    cadence="week",
    formula="users whose first qualifying event ever falls in the period",
    ripeness=AT_ONCE,
    counter=("retention_day_7",),
    references=(STANDARD,),
    sources_wrong="",
    use=SEMI,
)
def new_users(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How many people came for the first time. One row per user, at the first qualifying event over all history."""
    return first_events(data, events=active_events)


@kpi(
    title="New customers",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    inputs=("transactions.user_id", "transactions.time"),
    lookback="first",
    stages=(EARLY, GROWTH),
    cadence="month",
    formula="customers whose first order ever falls in the period",
    ripeness=AT_ONCE,
    counter=("repeat_purchase_rate",),
    references=(STANDARD,),
    sources_wrong="",
    use=SEMI,
)
def new_customers(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people bought for the first time. One row per customer, at the first order over all history."""
    return first_events(data.reading("transactions"))
