"""Retention: who comes back, who leaves, who buys again."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SHARE, UP
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    NOTE,
    STANDARD,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, distinct, placed, returned_on

EVENTS = ("events.user_id", "events.event", "events.time")
DAY_WATCHED = "A new user counts once the whole day has been watched; younger ones are counted as unripe."


@kpi(
    title="Day-1 retention",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(GROWTH, MATURE),
    cadence="week",
    formula="new users active on the local day after their first / new users whose next day is fully observed",
    ripeness=DAY_WATCHED,
    counter=("new_users",),
    references=(KPIS_101, NOTE),
    sources_wrong="The sources name neither cohort nor period.",
    use=ACTIONABLE,
)
def retention_day_1(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back the next day. One row per new user; `hit` = came back."""
    return returned_on(data, day=1, events=active_events)


@kpi(
    title="Day-7 retention",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(GROWTH, MATURE),
    cadence="week",
    formula="new users active on the seventh local day after their first / new users whose seventh day is fully observed",
    ripeness=DAY_WATCHED,
    counter=("new_users",),
    references=(KPIS_101, NOTE),
    sources_wrong="The sources name neither cohort nor period.",
    use=ACTIONABLE,
)
def retention_day_7(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back on their seventh day. One row per new user; `hit` = came back."""
    return returned_on(data, day=7, events=active_events)


@kpi(
    title="Day-30 retention",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="new users active on the thirtieth local day after their first / new users whose thirtieth day is fully observed",
    ripeness=DAY_WATCHED,
    counter=("new_users",),
    references=(KPIS_101, NOTE),
    sources_wrong="The sources name neither cohort nor period.",
    use=ACTIONABLE,
)
def retention_day_30(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back on their thirtieth day. One row per new user; `hit` = came back."""
    return returned_on(data, day=30, events=active_events)


@kpi(
    title="User churn rate (by activity)",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=EVENTS,
    lookback="before",
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="users active in the period before and not in this one / users active in the period before",
    ripeness="Known when the period is over; before that it is marked partial.",
    counter=("new_users",),
    references=(KPIS_101, NOTE, GEEKS, CLICKUP),
    sources_wrong="The sources mix users who stop using with customers who cancel, and one divides by all customers: with "
    "200 at the start and 20 lost it is 10 %, not 8.7 %.",
    use=ACTIONABLE,
)
def user_churn_rate(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of the previous period's active users who did not come back. One row per such user; `hit` = gone."""
    keys = ["user_id", *data.carried(data.activity), "period"]
    before = placed(distinct(data, grid.before(), events=active_events), grid).select(keys)
    now = placed(distinct(data, grid, events=active_events), grid).select("user_id", "period").unique()
    back = before.join(now.with_columns(back=pl.lit(True)), on=["user_id", "period"], how="left")
    return back.with_columns(hit=pl.col("back").is_null()).drop("back")


@kpi(
    title="Repeat-purchase rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("transactions.user_id", "transactions.time"),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="customers with two or more orders / customers with one or more, in the period "
    '(repeat_window = "period") or in all history up to its end ("ever")',
    ripeness="Orders of a period count as they stand; a period that is not over is marked partial.",
    counter=("new_customers",),
    references=(KPIS_101, STANDARD),
    sources_wrong="The source names it together with renewal, which needs a subscription.",
    use=ACTIONABLE,
)
def repeat_purchase_rate(data: Dataset, grid: Grid, *, repeat_window: str = "period") -> pl.LazyFrame:
    """Share of customers who ordered more than once. One row per customer and run of periods; `hit` = ordered again."""
    orders = data.reading("transactions").orders()
    carried = data.carried("transactions")
    if repeat_window == "period":
        found = placed(orders, grid).group_by("user_id", *carried, "period").agg(hit=pl.len() >= 2)
        return found
    if repeat_window != "ever":
        raise ChoiceNeeded(f'repeat_window = "{repeat_window}" is not possible: write "period" or "ever".')
    numbered = orders.select("user_id", "time", *carried, nth=pl.int_range(1, pl.len() + 1).over("user_id")).filter(
        pl.col("nth") <= 2
    )
    # known from the first order on, a repeat customer from the second: state at a period's end
    first = grid.ended(pl.col("time"))
    later = pl.when(pl.col("user_id") == pl.col("user_id").shift(-1)).then(first.shift(-1)).otherwise(len(grid))
    return numbered.with_columns(hit=pl.col("nth") == 2, first=first, stop=later).drop("time", "nth")
