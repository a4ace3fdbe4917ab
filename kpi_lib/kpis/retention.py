"""Retention: who comes back, who leaves, who renews, who buys again."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import DERIVED, PROPORTION
from kpi_lib.core.period import Grid, local_date, local_day, period_number
from kpi_lib.core.units import DOWN, SECONDS, SHARE, UP, duration
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    NOTE,
    STANDARD,
    UNDERSTANDING,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, active_days, distinct, first_events, placed, returned_on
from kpi_lib.shapes.bridge import movements

EVENTS = ("events.user_id", "events.event", "events.time")
RECURRING = (
    "subscriptions.subscription_id",
    "subscriptions.user_id",
    "subscriptions.start",
    "subscriptions.mrr|subscriptions.amount+interval",
)
DAY_WATCHED = "A new user counts once the whole day has been watched; younger ones are counted as unripe."
AT_THE_END = "Known when the period is over; before that it is marked partial."
ENGAGED = f"{KPIS_101}: active users and engagement"
CHURN = f"{KPIS_101}: retention and churn"
USED = f"{NOTE}: engagement and adoption"
CUSTOMER = f"{CLICKUP}: customer"
MONTH = 365.25 / 12 * 86_400

_declare = partial(
    kpi, unit=SHARE, direction=UP, measure=PROPORTION, stages=(GROWTH, MATURE), cadence="month", use=ACTIONABLE
)
_day = partial(
    _declare,
    inputs=EVENTS,
    ripeness=DAY_WATCHED,
    counter=("new_users",),
    references=(ENGAGED, USED),
    sources_wrong="The sources name neither cohort nor period.",
)


@_day(
    title="Day-1 retention",
    cadence="week",
    formula="new users active on the local day after their first / new users whose next day is fully observed",
)
def retention_day_1(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back the next day. One row per new user; `hit` = came back."""
    return returned_on(data, day=1, events=active_events)


@_day(
    title="Day-7 retention",
    cadence="week",
    formula="new users active on the seventh local day after their first / new users whose seventh day is fully observed",
)
def retention_day_7(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back on their seventh day. One row per new user; `hit` = came back."""
    return returned_on(data, day=7, events=active_events)


@_day(
    title="Day-30 retention",
    formula="new users active on the thirtieth local day after their first / new users whose thirtieth day is fully observed",
)
def retention_day_30(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of new users who come back on their thirtieth day. One row per new user; `hit` = came back."""
    return returned_on(data, day=30, events=active_events)


@_day(
    title="User retention by cohort",
    parts=("k",),
    headline=(1,),
    lookback="first",
    formula="users whose first event ever falls in the period and who are active in the k-th calendar day, week or month after it "
    "(as the periods asked for; months for longer ones) / all users of that cohort, for k = 1 … cohort_periods",
    ripeness="A cohort's k-th period counts once it is wholly observed; before that its users are counted as unripe.",
    references=(ENGAGED, USED, GEEKS),
    sources_wrong="The sources name neither cohort, period nor mode, and one of them means customers.",
)
def user_retention_rate(
    data: Dataset, grid: Grid, *, cohort_periods: int = 6, active_events: Sequence[str] = ANY
) -> pl.LazyFrame:
    """Share of a cohort's users who are active k periods later. One row per new user and k; `hit` = active then."""
    grain = grid.every if grid.every in ("day", "week") else "month"

    def number(day: pl.Expr) -> pl.Expr:
        return period_number(day, grain, zone=data.zone, week_start=data.week_start)

    at = number(local_date(pl.col("time"), data.zone))
    active = active_days(data, events=active_events).select("user_id", to=number(pl.col("day"))).unique()
    newcomers = first_events(data, events=active_events)
    later = newcomers.with_columns(k=pl.int_ranges(1, cohort_periods + 1, dtype=pl.Int64)).explode("k")
    met = later.with_columns(to=at + pl.col("k")).join(
        active.with_columns(hit=pl.lit(True)), on=["user_id", "to"], how="left"
    )
    ripe = pl.col("to") < number(pl.lit(local_day(data.observed_until, data.zone)))
    return met.with_columns(pl.col("hit").fill_null(False), ripe=ripe).drop("to")


@_declare(
    title="User churn rate (by activity)",
    direction=DOWN,
    inputs=EVENTS,
    lookback="before",
    formula="users active in the period before and not in this one / users active in the period before",
    ripeness=AT_THE_END,
    counter=("new_users",),
    references=(USED, f"{GEEKS}: monetization"),
    sources_wrong="The sources mix users who stop using with customers who cancel; that is customer_churn_rate.",
)
def user_churn_rate(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of the previous period's active users who did not come back. One row per such user; `hit` = gone."""
    keys = ["user_id", *data.carried(data.activity), "period"]
    before = placed(distinct(data, grid.before(), events=active_events), grid).select(keys)
    now = placed(distinct(data, grid, events=active_events), grid).select("user_id", "period").unique()
    back = before.join(now.with_columns(back=pl.lit(True)), on=["user_id", "period"], how="left")
    return back.with_columns(hit=pl.col("back").is_null()).drop("back")


@_declare(
    title="Customer retention rate",
    inputs=RECURRING,
    formula="customers with recurring revenue at the start of the period who still have some at its end / customers at its start",
    ripeness=AT_THE_END,
    counter=("arpa",),
    references=(CUSTOMER,),
    sources_wrong="The source prints E − N / S × 100 without brackets: with 200 at the start, 210 at the end and 30 newcomers it is "
    "90 %, read literally 195. Newcomers who left again must not be taken off: of 100, 5 leave, 10 join and 4 of these leave: 95 %, "
    "not 91 %.",
)
def customer_retention_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Share of the customers of the start who are still there at the end. One row per such customer; `hit` = stayed."""
    return _of_the_start(data, grid, pl.col("closing") > 0)


@_declare(
    title="Customer churn rate",
    direction=DOWN,
    inputs=RECURRING,
    formula="customers with recurring revenue at the start of the period who have none at its end / customers at its start; "
    "1 − customer_retention_rate",
    ripeness=AT_THE_END,
    counter=("arpa",),
    references=(CHURN, NOTE, UNDERSTANDING, CUSTOMER),
    sources_wrong="One source divides by all customers, without a date: with 200 at the start, 20 of them lost and 30 new it is 10 %, "
    "not 8.7 % (of 230) or 9.5 % (of 210). A year's churn is 1 − (1 − c)^12 of a month's, not 12 c.",
)
def customer_churn_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Share of the customers of the start who are gone at the end. One row per such customer; `hit` = gone."""
    return _of_the_start(data, grid, pl.col("closing") == 0)


@_declare(
    title="Average customer lifetime (from churn)",
    unit=SECONDS,
    measure=DERIVED,
    inputs=RECURRING,
    window="1mo",
    formula="1 month / customer_churn_rate of the month that ends with the period; null where nobody left",
    ripeness=AT_THE_END,
    counter=("arpa",),
    references=(UNDERSTANDING, CUSTOMER),
    sources_wrong="The mean over customers who have left is too short, because the present ones stay longer. 1 / churn takes churn as "
    "the same for everybody; where customers differ it is too short as well: kpi.lifetime shows by how much.",
    use=CONTEXTUAL,
)
def avg_customer_lifetime(customer_churn_rate: pl.Expr) -> pl.Expr:
    """How long a customer stays, if churn were the same for all and went on as in the last month."""
    return MONTH / customer_churn_rate


@_declare(
    title="Subscription renewal rate",
    inputs=(
        "subscriptions.subscription_id",
        "subscriptions.user_id",
        "subscriptions.start",
        "subscriptions.term_end",
        "subscriptions.renewed_ts",
    ),
    formula="subscriptions whose term ended in the period and that were renewed by renewal_grace after it / subscriptions whose term "
    "ended in the period; trials have no term",
    ripeness="A subscription counts once its term and the days of grace are over; younger ones are counted as unripe.",
    counter=("arpa",),
    references=(CHURN, f"{GEEKS}: monetization", CUSTOMER),
    sources_wrong="One source divides by all subscribers; only those due can renew: of 1,000, 100 due and 80 renewed are 80 %, not 8 %.",
)
def subscription_renewal_rate(data: Dataset, grid: Grid, *, renewal_grace: str = "7d") -> pl.LazyFrame:
    """Share of the subscriptions due that were renewed. One row per subscription due; `hit` = renewed in time."""
    due = data.known("subscriptions").filter(pl.col("term_end").is_not_null())
    if "is_trial" in data.columns("subscriptions"):
        due = due.filter(~pl.col("is_trial").fill_null(False))
    until = pl.col("term_end") + duration(renewal_grace)
    hit = (pl.col("renewed_ts") <= until).fill_null(False)
    carried = data.carried("subscriptions")
    return due.select("user_id", *carried, time="term_end", hit=hit, ripe=until <= data.observed_until)


@_declare(
    title="Repeat-purchase rate",
    inputs=("transactions.user_id", "transactions.time"),
    formula="customers with two or more orders / customers with one or more, in the period "
    '(repeat_window = "period") or in all history up to its end ("ever")',
    ripeness="Orders of a period count as they stand; a period that is not over is marked partial.",
    counter=("new_customers",),
    references=(CHURN, CUSTOMER, STANDARD),
    sources_wrong="The source names it together with renewal, which needs a subscription.",
)
def repeat_purchase_rate(data: Dataset, grid: Grid, *, repeat_window: str = "period") -> pl.LazyFrame:
    """Share of customers who ordered more than once. One row per customer and run of periods; `hit` = ordered again."""
    orders = data.reading("transactions").orders()
    carried = data.carried("transactions")
    if repeat_window == "period":
        return placed(orders, grid).group_by("user_id", *carried, "period").agg(hit=pl.len() >= 2)
    if repeat_window != "ever":
        raise ChoiceNeeded(f'repeat_window = "{repeat_window}" is not possible: write "period" or "ever".')
    numbered = orders.select("user_id", "time", *carried, nth=pl.int_range(1, pl.len() + 1).over("user_id")).filter(
        pl.col("nth") <= 2
    )
    # known from the first order on, a repeat customer from the second: state at a period's end
    first = grid.ended(pl.col("time"))
    later = pl.when(pl.col("user_id") == pl.col("user_id").shift(-1)).then(first.shift(-1)).otherwise(len(grid))
    return numbered.with_columns(hit=pl.col("nth") == 2, first=first, stop=later).drop("time", "nth")


def _of_the_start(data: Dataset, grid: Grid, hit: pl.Expr) -> pl.LazyFrame:
    there = movements(data, grid).filter(pl.col("opening") > 0)
    return there.select("user_id", "period", *data.carried("subscriptions"), hit=hit)
