"""Monetization: what customers pay."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import GINI, TOP_SHARE
from kpi_lib.core.measure import COUNT, DERIVED, RATIO, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import DOWN, MONEY, MONEY_PER_USER, SHARE, UP
from kpi_lib.core.units import RATIO as TIMES
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
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
from kpi_lib.shapes.adoption import NO_FEATURES, feature_events

PAID = ("transactions.user_id", "transactions.time", "transactions.amount")
RECURRING = (
    "subscriptions.subscription_id",
    "subscriptions.user_id",
    "subscriptions.start",
    "subscriptions.mrr|subscriptions.amount+interval",
)
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
AT_THE_END = "Known when the period is over."
SPENT = ("costs.date", "costs.category", "costs.amount")
GOODS = ("cogs", "cost of goods sold", "hosting", "support", "licences", "licenses", "payment fees")
MONTH = 365.25 / 12 * 86_400
REVENUE = f"{KPIS_101}: revenue and monetization"
FINANCIAL = f"{UNDERSTANDING}: financial"
CHURN = f"{KPIS_101}: retention and churn"
BUSINESS = f"{CLICKUP}: business performance"

_declare = partial(kpi, direction=UP, stages=(GROWTH, MATURE), cadence="month", ripeness=AT_ONCE, use=ACTIONABLE)
_standard = partial(_declare, references=(STANDARD,), sources_wrong="")


@_declare(
    title="Revenue",
    unit=MONEY,
    measure=TOTAL,
    inputs=PAID,
    stages=(EARLY, GROWTH, MATURE),
    formula="sum of the amounts of the period, refunds and credits negative in the period in which they happen",
    counter=("revenue_concentration",),
    references=(REVENUE, BUSINESS),
    sources_wrong='One source joins it with growth by an "or": this is a level, revenue_growth_rate its change.',
    use=CONTEXTUAL,
    signed=True,
)
def total_revenue(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much customers paid in the period. One row per transaction; value in minor units."""
    return data["transactions"].select("user_id", "time", *data.carried("transactions"), value="amount")


@_declare(
    title="Revenue growth",
    unit=SHARE,
    measure=DERIVED,
    inputs=PAID,
    lookback="before",
    formula="revenue / revenue of the period before − 1, complete periods only; null when the base is not above 0",
    ripeness=AT_THE_END,
    counter=("revenue_concentration",),
    references=(REVENUE, f"{NOTE}: revenue", GEEKS, FINANCIAL),
    sources_wrong="One source gives the amount of the increase; growth is a rate: from 100 to 120 is 20 %.",
    use=CONTEXTUAL,
    signed=True,
)
def revenue_growth_rate(total_revenue: pl.Expr, previous_total_revenue: pl.Expr) -> pl.Expr:
    """How fast revenue grows against the period before."""
    return pl.when(previous_total_revenue > 0).then(total_revenue / previous_total_revenue - 1)


@_declare(
    title="Revenue concentration (top tenth of payers)",
    unit=SHARE,
    direction=DOWN,
    measure=TOP_SHARE(0.10),
    inputs=PAID,
    formula="revenue of the 10 % of customers who paid most in the period (rounded up) / revenue of all who paid",
    counter=("total_revenue",),
    references=(FINANCIAL,),
    sources_wrong="The source only describes the risk.",
)
def revenue_concentration(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """On how few customers the revenue rests. One row per paying customer and period; key = what they paid."""
    return _payers(data, grid)


@_declare(
    title="Revenue inequality (Gini)",
    unit=TIMES,
    direction=DOWN,
    measure=GINI(),
    inputs=PAID,
    formula="Gini coefficient of what each customer paid in the period: half the mean difference between two customers / mean",
    counter=("total_revenue",),
    references=(FINANCIAL,),
    sources_wrong="The source only describes the risk.",
)
def revenue_gini(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How unequally customers pay: 0 when all pay the same. One row per paying customer and period; key = what they paid."""
    return _payers(data, grid)


def _payers(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per paying customer and period; key = what they paid, refunds taken off."""
    paid = _paid(data, grid).group_by(*_keys(data)).agg(key=pl.col("num").sum())
    return paid.filter(pl.col("key") > 0)


@_declare(
    title="Revenue by use of a feature",
    unit=MONEY_PER_USER,
    measure=RATIO,
    inputs=("events.user_id", "events.event", "events.time", *PAID),
    parts=("feature", "group"),
    stages=(GROWTH,),
    formula="revenue per active user in the period, of users of a feature ([features]; group = users) and of the others (group = others)",
    counter=("feature_adoption_rate",),
    references=(UNDERSTANDING,),
    sources_wrong="That users of a feature pay more does not mean that the feature makes them pay: association, not cause.",
    signed=True,
)
def feature_attributed_revenue(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """What users of a feature pay beside what the others pay. One row per active user, period and feature."""
    if not data.features:
        raise ChoiceNeeded(NO_FEATURES)
    features = feature_events(data)
    pair = ["user_id", "period"]
    events = placed(data.events().select("user_id", "time", "event").join(features, on="event"), grid)
    used = events.select(*pair, "feature").unique().with_columns(group=pl.lit("users"))
    active = placed(distinct(data, grid, events=active_events), grid).unique(pair, keep="first", maintain_order=True)
    active = active.join(features.select("feature").unique(), how="cross")
    paid = _paid(data, grid).group_by(pair).agg(pl.col("num").sum())
    met = active.join(used, on=[*pair, "feature"], how="left").join(paid, on=pair, how="left")
    return met.with_columns(pl.col("group").fill_null("others"), pl.col("num").fill_null(0), den=pl.lit(1, pl.Int64))


@_standard(
    title="Orders",
    unit=PEOPLE,
    measure=COUNT,
    inputs=("transactions.user_id", "transactions.time"),
    stages=(EARLY, GROWTH, MATURE),
    formula="orders of the period; without an order id one row is one order; refunds are no orders",
    counter=("average_order_value",),
    use=SEMI,
)
def orders(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many orders came in. One row per order."""
    return data.orders().select("user_id", "time", *data.carried("transactions"))


@_standard(
    title="Average order value",
    unit=MONEY,
    measure=RATIO,
    inputs=PAID,
    formula="amounts of the period's orders before refunds / number of orders",
    counter=("orders",),
)
def average_order_value(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What an order is worth. One row per customer and period; num = amount, den = orders."""
    placed_orders = placed(data.orders(), grid)
    return placed_orders.group_by(*_keys(data)).agg(num=pl.col("amount").sum(), den=pl.len().cast(pl.Int64))


@_standard(
    title="Active customers",
    unit=PEOPLE,
    measure=COUNT,
    inputs=("transactions.user_id", "transactions.time"),
    formula="distinct customers with an order in the period",
    counter=("average_order_value",),
)
def active_customers(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people bought in the period. One row per customer and run of periods."""
    return distinct(data.reading("transactions"), grid)


@_standard(
    title="Revenue per paying user (ARPPU)",
    unit=MONEY_PER_USER,
    measure=RATIO,
    inputs=PAID,
    formula="revenue of the period / distinct customers with an order in it",
    counter=("active_customers",),
    signed=True,
)
def arppu(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What a paying customer brings in the period. One row per customer and period; num = revenue, den = 1 if ordering."""
    payers = placed(distinct(data.reading("transactions"), grid), grid).select(*_keys(data), den=pl.lit(1, pl.Int64))
    return per_user([_paid(data, grid), payers], _keys(data))


@_declare(
    title="Revenue per active user (ARPU)",
    unit=MONEY_PER_USER,
    measure=RATIO,
    inputs=("events.user_id", "events.time", *PAID),
    formula="revenue of the period / distinct users active in it",
    counter=("mau",),
    references=(REVENUE, f"{NOTE}: revenue", f"{GEEKS}: monetization", BUSINESS),
    sources_wrong="The sources leave open which users count: 27 of revenue, two who paid of four who came, is 6.75; of those who paid it "
    "is 13.50 (arppu). Here: users active in the period.",
    signed=True,
)
def arpu(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """What an active user brings in the period. One row per user and period; num = revenue, den = 1 if active."""
    shared = [c for c in data.carried("transactions") if c in data.carried(data.activity)]
    keys = ["user_id", *shared, "period"]
    active = placed(distinct(data, grid, events=active_events), grid).select(keys).unique()
    active = active.with_columns(den=pl.lit(1, pl.Int64))
    return per_user([_paid(data, grid).select(*keys, "num"), active], keys)


@_declare(
    title="Revenue from new products",
    unit=SHARE,
    measure=RATIO,
    inputs=(*PAID, "transactions.product", "products.product", "products.launch_ts"),
    formula="sales of the period of products launched less than new_product_months before the sale / sales of the period, both before "
    "refunds",
    counter=("total_revenue",),
    references=(BUSINESS,),
    sources_wrong="The source prints it upside down: 50,000 of 200,000 from new products are 25 %, not 4.",
)
def new_product_revenue_share(data: Dataset, grid: Grid, *, new_product_months: int = 12) -> pl.LazyFrame:
    """How much of the revenue new products bring. One row per customer and period; num = from new products, den = all."""
    launched = data["products"].select("product", "launch_ts").unique("product", keep="first", maintain_order=True)
    sales = data["transactions"]
    if "kind" in data.columns("transactions"):
        sales = sales.filter(pl.col("kind").fill_null("sale") == "sale")
    sold = placed(sales, grid).join(launched, on="product", how="left")
    old = pl.col("launch_ts").dt.convert_time_zone(data.zone).dt.offset_by(f"{new_product_months}mo")
    new = ((pl.col("launch_ts") <= pl.col("time")) & (pl.col("time") < old.dt.convert_time_zone("UTC"))).fill_null(
        False
    )
    fresh = pl.when(new).then("amount").otherwise(0)
    return sold.group_by(*_keys(data)).agg(num=fresh.sum(), den=pl.col("amount").sum())


def _keys(data: Dataset) -> list[str]:
    return ["user_id", *data.carried("transactions"), "period"]


def _paid(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per transaction and period: num = amount in minor units."""
    return placed(data["transactions"], grid).select(*_keys(data), num=pl.col("amount"))
