"""Money: what customers pay, how it grows, and on how many it rests. Amounts are summed in integer minor units."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import TOP_SHARE
from kpi_lib.core.measure import COUNT, DERIVED, RATIO, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import DOWN, MONEY, MONEY_PER_USER, SHARE, UP
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    NOTE,
    SEMI,
    STANDARD,
    UNDERSTANDING,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, distinct, per_user, placed

PAID = ("transactions.user_id", "transactions.time", "transactions.amount")
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."


@kpi(
    title="Revenue",
    unit=MONEY,
    direction=UP,
    measure=TOTAL,
    inputs=PAID,
    stages=(EARLY, GROWTH, MATURE),
    cadence="month",
    formula="sum of the amounts of the period, refunds and credits negative in the period in which they happen",
    ripeness=AT_ONCE,
    counter=("revenue_concentration",),
    references=(KPIS_101, NOTE, UNDERSTANDING),
    sources_wrong="",
    use=ACTIONABLE,
)
def total_revenue(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much customers paid in the period. One row per transaction; value in minor units."""
    return data["transactions"].select("user_id", "time", *data.carried("transactions"), value="amount")


@kpi(
    title="Revenue growth",
    unit=SHARE,
    direction=UP,
    measure=DERIVED,
    inputs=PAID,
    lookback="before",
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="revenue / revenue of the period before − 1, complete periods only; null when the base is not above 0",
    ripeness="Known when the period is over.",
    counter=("revenue_concentration",),
    references=(KPIS_101, NOTE, UNDERSTANDING),
    sources_wrong="One source gives the amount of the increase; growth is a rate: from 100 to 120 is 20 %.",
    use=ACTIONABLE,
)
def revenue_growth_rate(total_revenue: pl.Expr, previous_total_revenue: pl.Expr) -> pl.Expr:
    """How fast revenue grows against the period before."""
    return pl.when(previous_total_revenue > 0).then(total_revenue / previous_total_revenue - 1)


@kpi(
    title="Revenue concentration (top tenth of payers)",
    unit=SHARE,
    direction=DOWN,
    measure=TOP_SHARE(0.10),
    inputs=PAID,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="revenue of the 10 % of customers who paid most in the period (rounded up) / revenue of all who paid",
    ripeness=AT_ONCE,
    counter=("total_revenue",),
    references=(UNDERSTANDING,),
    sources_wrong="The source only describes the risk.",
    use=ACTIONABLE,
)
def revenue_concentration(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """On how few customers the revenue rests. One row per paying customer and period; key = what they paid."""
    paid = _paid(data, grid).group_by(*_keys(data)).agg(key=pl.col("num").sum())
    return paid.filter(pl.col("key") > 0)


@kpi(
    title="Revenue by use of a feature",
    unit=MONEY_PER_USER,
    direction=UP,
    measure=RATIO,
    inputs=("events.user_id", "events.event", "events.time", *PAID),
    parts=("feature", "group"),
    stages=(GROWTH,),
    cadence="month",
    formula="revenue per active user, of the users of a feature (group = users) and of the others (group = others), in the period",
    ripeness=AT_ONCE,
    counter=("feature_adoption_rate",),
    references=(UNDERSTANDING,),
    sources_wrong="That users of a feature pay more does not mean that the feature makes them pay: association, not cause.",
    use=ACTIONABLE,
)
def feature_attributed_revenue(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """What users of a feature pay beside what the others pay. One row per active user, period and feature."""
    if not data.features:
        raise ChoiceNeeded(
            'no features are declared: name them under [features] in kpi.toml, as in search = ["search"].'
        )
    named = [(name, event) for name, events in data.features.items() for event in events]
    features = pl.DataFrame(named, schema={"feature": pl.String, "event": pl.String}, orient="row").lazy()
    pair = ["user_id", "period"]
    used = (
        placed(data.events().select("user_id", "time", "event"), grid)
        .join(features, on="event")
        .select(*pair, "feature")
        .unique()
    )
    active = placed(distinct(data, grid, events=active_events), grid)
    active = active.unique(pair, keep="first", maintain_order=True).join(
        features.select("feature").unique(), how="cross"
    )
    paid = _paid(data, grid).group_by(pair).agg(pl.col("num").sum())
    grouped = active.join(used.with_columns(group=pl.lit("users")), on=[*pair, "feature"], how="left")
    met = grouped.join(paid, on=pair, how="left")
    return met.with_columns(pl.col("group").fill_null("others"), pl.col("num").fill_null(0), den=pl.lit(1, pl.Int64))


@kpi(
    title="Orders",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    inputs=("transactions.user_id", "transactions.time"),
    stages=(EARLY, GROWTH, MATURE),
    cadence="month",
    formula="orders of the period; without an order id one row is one order; refunds are no orders",
    ripeness=AT_ONCE,
    counter=("average_order_value",),
    references=(STANDARD,),
    sources_wrong="",
    use=SEMI,
)
def orders(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many orders came in. One row per order."""
    return data.orders().select("user_id", "time", *data.carried("transactions"))


@kpi(
    title="Average order value",
    unit=MONEY,
    direction=UP,
    measure=RATIO,
    inputs=PAID,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="amounts of the period's orders before refunds / number of orders",
    ripeness=AT_ONCE,
    counter=("orders",),
    references=(STANDARD,),
    sources_wrong="",
    use=ACTIONABLE,
)
def average_order_value(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What an order is worth. One row per customer and period; num = amount, den = orders."""
    placed_orders = placed(data.orders(), grid)
    return placed_orders.group_by(*_keys(data)).agg(num=pl.col("amount").sum(), den=pl.len().cast(pl.Int64))


@kpi(
    title="Active customers",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    inputs=("transactions.user_id", "transactions.time"),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="distinct customers with an order in the period",
    ripeness=AT_ONCE,
    counter=("average_order_value",),
    references=(STANDARD,),
    sources_wrong="",
    use=ACTIONABLE,
)
def active_customers(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people bought in the period. One row per customer and run of periods."""
    return distinct(data.reading("transactions"), grid)


@kpi(
    title="Revenue per paying user (ARPPU)",
    unit=MONEY_PER_USER,
    direction=UP,
    measure=RATIO,
    inputs=PAID,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="revenue of the period / distinct customers with an order in it",
    ripeness=AT_ONCE,
    counter=("active_customers",),
    references=(STANDARD,),
    sources_wrong="",
    use=ACTIONABLE,
)
def arppu(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What a paying customer brings in the period. One row per customer and period; num = revenue, den = 1 if ordering."""
    payers = placed(distinct(data.reading("transactions"), grid), grid).select(*_keys(data), den=pl.lit(1, pl.Int64))
    return per_user([_paid(data, grid), payers], _keys(data))


@kpi(
    title="Revenue per active user (ARPU)",
    unit=MONEY_PER_USER,
    direction=UP,
    measure=RATIO,
    inputs=("events.user_id", "events.time", *PAID),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="revenue of the period / distinct users active in it",
    ripeness=AT_ONCE,
    counter=("mau",),
    references=(NOTE, GEEKS, CLICKUP),
    sources_wrong="The sources leave open which users count. Here: users active in the period.",
    use=ACTIONABLE,
)
def arpu(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """What an active user brings in the period. One row per user and period; num = revenue, den = 1 if active."""
    shared = [c for c in data.carried("transactions") if c in data.carried(data.activity)]
    keys = ["user_id", *shared, "period"]
    active = placed(distinct(data, grid, events=active_events), grid).select(keys).unique()
    active = active.with_columns(den=pl.lit(1, pl.Int64))
    return per_user([_paid(data, grid).select(*keys, "num"), active], keys)


def _keys(data: Dataset) -> list[str]:
    return ["user_id", *data.carried("transactions"), "period"]


def _paid(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per transaction and period: num = amount in minor units."""
    return placed(data["transactions"], grid).select(*_keys(data), num=pl.col("amount"))
