"""Monetization against its costs: what is left of revenue, what a customer is worth and when winning one has paid off."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import BOOKED, DERIVED, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, FRACTION, MONEY, SECONDS, SHARE, UP
from kpi_lib.core.units import RATIO as TIMES
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
from kpi_lib.shapes.costs import categories, costs

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
_recurring = partial(_standard, inputs=RECURRING, ripeness=AT_THE_END)


@_declare(
    title="Cost of goods sold",
    unit=MONEY,
    direction=CONTEXT,
    measure=BOOKED,
    inputs=SPENT,
    stages=(),
    formula="costs of the period of the categories in cogs_categories: what it costs to deliver the product",
    counter=(),
    references=(STANDARD,),
    sources_wrong="",
    use=CONTEXTUAL,
)
def cost_of_goods_sold(data: Dataset, grid: Grid, *, cogs_categories: Sequence[str] | None = None) -> pl.LazyFrame:
    """What it cost to deliver what was sold. One row per row of costs that counts; value in minor units."""
    there = categories(data)
    usual = [each for each in there if each in GOODS]
    if cogs_categories is None and there and not usual:
        raise ChoiceNeeded(
            f"which costs are costs of goods is not known: write cogs_categories under [settings]; categories: {', '.join(there)}."
        )
    return costs(data, grid, usual if cogs_categories is None else cogs_categories)


@_declare(
    title="Total costs",
    unit=MONEY,
    direction=CONTEXT,
    measure=BOOKED,
    inputs=SPENT,
    stages=(),
    formula="all costs of the period in the table of costs",
    counter=(),
    references=(STANDARD,),
    sources_wrong="",
    use=CONTEXTUAL,
)
def total_costs(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What was spent in the period. One row per row of costs; value in minor units."""
    return costs(data, grid, ("*",))


@_declare(
    title="Gross margin",
    unit=SHARE,
    measure=DERIVED,
    inputs=(*PAID, *SPENT),
    formula="(revenue − cost of goods sold) / revenue of the period; null without revenue or without any such cost booked",
    ripeness=AT_THE_END,
    counter=("total_revenue",),
    references=(REVENUE, CLICKUP),
    sources_wrong="One source gives it as an amount of money; that is gross profit.",
    signed=True,
)
def gross_margin(cost_of_goods_sold: pl.Expr, total_revenue: pl.Expr) -> pl.Expr:
    """What share of the revenue is left after delivering the product."""
    return pl.when(total_revenue > 0).then(1 - cost_of_goods_sold / total_revenue)


@_declare(
    title="Profit margin",
    unit=SHARE,
    measure=DERIVED,
    inputs=(*PAID, *SPENT),
    formula="(revenue − all costs of the table of costs) / revenue of the period",
    ripeness=AT_THE_END,
    counter=("total_revenue",),
    references=(f"{NOTE}: revenue", GEEKS, UNDERSTANDING, BUSINESS),
    sources_wrong="One source takes revenue − cost of production and delivery, which is an amount, and gross profit: of 100 with 30 for "
    "goods and 50 other costs the gross margin is 70 %, the profit margin 20 %.",
    use=CONTEXTUAL,
    signed=True,
)
def profit_margin(total_costs: pl.Expr, total_revenue: pl.Expr) -> pl.Expr:
    """What share of the revenue is left after all costs."""
    return pl.when(total_revenue > 0).then(1 - total_costs / total_revenue)


@_declare(
    title="Revenue of an investment",
    unit=MONEY,
    measure=TOTAL,
    inputs=(*PAID, "transactions.product"),
    stages=(),
    direction=CONTEXT,
    formula="revenue of the period from the products in roi_products",
    counter=(),
    references=(STANDARD,),
    sources_wrong="",
    use=CONTEXTUAL,
    signed=True,
)
def attributed_revenue(data: Dataset, grid: Grid, *, roi_products: Sequence[str] | None = None) -> pl.LazyFrame:
    """What the products of an investment brought in. One row per transaction; value in minor units."""
    if not roi_products:
        raise ChoiceNeeded(
            'whose revenue an investment brought is not chosen: write roi_products = ["…"] under [settings].'
        )
    sold = data["transactions"].filter(pl.lit("*" in roi_products) | pl.col("product").is_in(list(roi_products)))
    return sold.select("user_id", "time", *data.carried("transactions"), value="amount")


@_declare(
    title="Cost of an investment",
    unit=MONEY,
    measure=BOOKED,
    inputs=SPENT,
    stages=(),
    direction=CONTEXT,
    formula="costs of the period of the categories in roi_costs",
    counter=(),
    references=(STANDARD,),
    sources_wrong="",
    use=CONTEXTUAL,
)
def investment_cost(data: Dataset, grid: Grid, *, roi_costs: Sequence[str] | None = None) -> pl.LazyFrame:
    """What an investment cost. One row per row of costs that counts; value in minor units."""
    if not roi_costs:
        raise ChoiceNeeded(
            'what an investment cost is not chosen: write roi_costs = ["…"] (categories of costs) under [settings].'
        )
    return costs(data, grid, roi_costs)


@_declare(
    title="Return on investment (ROI)",
    unit=FRACTION,
    measure=DERIVED,
    inputs=(*PAID, "transactions.product", *SPENT),
    formula="(revenue of the investment − its cost) / its cost, in the period; the attribution is yours: roi_products and roi_costs",
    ripeness=AT_THE_END,
    counter=("profit_margin",),
    references=(GEEKS,),
    sources_wrong="The source only names it.",
    signed=True,
)
def roi(investment_cost: pl.Expr, attributed_revenue: pl.Expr) -> pl.Expr:
    """What an investment brings for each unit of money put in."""
    return pl.when(investment_cost > 0).then(attributed_revenue / investment_cost - 1)


@_recurring(
    title="Customer lifetime value (LTV, at the last month's churn)",
    unit=MONEY,
    measure=DERIVED,
    window="1mo",
    formula="arpa × gross_margin / customer_churn_rate of the month that ends with the period; null where nobody left",
    counter=("cac",),
    references=(REVENUE, CHURN, f"{GEEKS}: monetization", FINANCIAL, f"{CLICKUP}: customer"),
    sources_wrong="The sources multiply revenue by lifetime without the margin: at 20 a month, 80 % margin and 5 % churn it is 320, "
    "not 400. Where customers differ, 1 / churn is too short; kpi.lifetime sets other estimates beside it, "
    "`simple` among them with the churn of all months.",
)
def ltv(arpa: pl.Expr, customer_churn_rate: pl.Expr, *, gross_margin: float | None = None) -> pl.Expr:
    """What a customer brings in gross profit over the whole time, if churn went on as in the last month."""
    return arpa * _margin(gross_margin) / customer_churn_rate


@_recurring(
    title="LTV to CAC",
    unit=TIMES,
    measure=DERIVED,
    inputs=(*RECURRING, "marketing_spend.date", "marketing_spend.channel", "marketing_spend.amount"),
    formula="ltv / cac; below 1 each new customer loses money, 3 is a common rule of thumb",
    counter=("cac_payback_period",),
    references=(FINANCIAL,),
    sources_wrong="The source calls revenue above CAC healthy: revenue of 150 at a margin of 40 % against a CAC of 100 is 0.6 and loses.",
)
def ltv_cac_ratio(ltv: pl.Expr, cac: pl.Expr) -> pl.Expr:
    """How often a customer brings back what winning one costs."""
    return pl.when(cac > 0).then(ltv / cac)


@_recurring(
    title="CAC payback period",
    unit=SECONDS,
    direction=DOWN,
    measure=DERIVED,
    inputs=(*RECURRING, "marketing_spend.date", "marketing_spend.channel", "marketing_spend.amount"),
    formula="cac / (arpa × gross_margin), in months of 30.44 days",
    counter=("ltv_cac_ratio",),
    references=(REVENUE,),
    sources_wrong="The source only names it.",
)
def cac_payback_period(cac: pl.Expr, arpa: pl.Expr, *, gross_margin: float | None = None) -> pl.Expr:
    """How long a customer must stay until winning one has paid off."""
    return pl.when(arpa > 0).then(cac / (arpa * _margin(gross_margin)) * MONTH)


def _margin(share: float | None) -> float:
    if share is None:
        raise ChoiceNeeded(
            "which share of the revenue is gross profit is not chosen: write gross_margin = 0.8 (yours) under [settings] in kpi.toml; "
            "from costs, the KPI gross_margin computes it."
        )
    if not 0 < share <= 1:
        raise UsageError(f"gross_margin is {share}; it must be a share above 0 and not above 1, as in 0.8.")
    return share
