"""Monetization by subscriptions: what comes in every month, and what of it is lost and won."""

from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import RATIO, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, FRACTION, MONEY, MONEY_PER_USER, SHARE, UP
from kpi_lib.core.units import RATIO as TIMES
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    GROWTH,
    KPIS_101,
    MATURE,
    STANDARD,
    UNDERSTANDING,
    kpi,
)
from kpi_lib.shapes.bridge import movements
from kpi_lib.shapes.revenue import standing

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


@_recurring(
    title="Monthly recurring revenue (MRR)",
    unit=MONEY,
    measure=TOTAL,
    formula="sum, at the end of the period, of what subscriptions bring in a month (a year's price / 12, a quarter's / 3, a week's "
    "× 52 / 12); without trials, free plans, one-off payments and refunds",
    counter=("gross_mrr_churn",),
    references=(BUSINESS,),
    sources_wrong="The source multiplies revenue per user by all users, which is just the month's revenue with one-off payments. "
    "With ten customers at 20 a month and one at 1,200 a year it is 300. Another takes it for profitability: no cost is in it.",
)
def mrr(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What subscriptions bring in every month. One row per customer and run of period ends; value in minor units."""
    return standing(data, grid).rename({"mrr": "value"})


@_recurring(
    title="Recurring revenue per customer (ARPA)",
    unit=MONEY_PER_USER,
    measure=RATIO,
    formula="monthly recurring revenue at the end of the period / customers who pay it",
    counter=("customer_churn_rate",),
)
def arpa(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What a subscribing customer pays a month. One row per customer and period; num = MRR, den = 1."""
    return standing(data, grid).rename({"mrr": "num"}).with_columns(den=pl.lit(1, pl.Int64))


@_recurring(
    title="Net revenue retention (NRR)",
    unit=FRACTION,
    measure=RATIO,
    formula="MRR at the period's end of the customers who paid at its start / their MRR at its start",
    counter=("grr",),
)
def nrr(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What is left of recurring revenue, growth of the customers included. One row per customer at the start."""
    return _of_opening(data, grid, pl.col("closing"))


@_recurring(
    title="Gross revenue retention (GRR)",
    unit=SHARE,
    measure=RATIO,
    formula="sum over the customers who paid at the start of min(MRR at the start, at the end) / their MRR at the start",
    counter=("nrr",),
)
def grr(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What is left of recurring revenue without any growth; never above 100 %. One row per customer at the start."""
    return _of_opening(data, grid, pl.min_horizontal("opening", "closing"))


@_recurring(
    title="Gross MRR churn",
    unit=FRACTION,
    direction=DOWN,
    measure=RATIO,
    formula="(churned + contracted MRR of the period) / MRR at its start",
    counter=("mrr",),
)
def gross_mrr_churn(
    data: Dataset,
    grid: Grid,
    *,
    mrr_movements: str = "net",
    joined_and_left: str = "both",
    reactivation_within: str | None = None,
) -> pl.LazyFrame:
    """How much recurring revenue is lost. One row per customer and period; num = lost MRR, den = MRR at the start."""
    moved = movements(
        data,
        grid,
        mrr_movements=mrr_movements,
        joined_and_left=joined_and_left,
        reactivation_within=reactivation_within,
    )
    return _over(moved, data, _lost(), pl.col("opening"))


@_recurring(
    title="Net MRR churn",
    unit=FRACTION,
    direction=DOWN,
    measure=RATIO,
    formula="(churned + contracted − expanded − reactivated MRR of the period) / MRR at its start; below 0 where more came than went",
    counter=("gross_mrr_churn",),
    signed=True,
)
def net_mrr_churn(
    data: Dataset,
    grid: Grid,
    *,
    mrr_movements: str = "net",
    joined_and_left: str = "both",
    reactivation_within: str | None = None,
) -> pl.LazyFrame:
    """How much recurring revenue is lost after what old customers add. One row per customer and period."""
    moved = movements(
        data,
        grid,
        mrr_movements=mrr_movements,
        joined_and_left=joined_and_left,
        reactivation_within=reactivation_within,
    )
    return _over(moved, data, _lost() - pl.col("expansion") - pl.col("reactivation"), pl.col("opening"))


@_recurring(
    title="Quick ratio of recurring revenue",
    unit=TIMES,
    measure=RATIO,
    formula="(new + expanded + reactivated MRR) / (churned + contracted MRR) of the period; null where nothing was lost",
    counter=("gross_mrr_churn",),
)
def quick_ratio(
    data: Dataset,
    grid: Grid,
    *,
    mrr_movements: str = "net",
    joined_and_left: str = "both",
    reactivation_within: str | None = None,
) -> pl.LazyFrame:
    """How much recurring revenue comes for what goes. One row per customer and period; num = gained, den = lost MRR."""
    moved = movements(
        data,
        grid,
        mrr_movements=mrr_movements,
        joined_and_left=joined_and_left,
        reactivation_within=reactivation_within,
    )
    return _over(moved, data, pl.col("new") + pl.col("expansion") + pl.col("reactivation"), _lost())


def _lost() -> pl.Expr:
    return pl.col("churn") + pl.col("contraction")


def _of_opening(data: Dataset, grid: Grid, num: pl.Expr) -> pl.LazyFrame:
    return _over(movements(data, grid).filter(pl.col("opening") > 0), data, num, pl.col("opening"))


def _over(moved: pl.LazyFrame, data: Dataset, num: pl.Expr, den: pl.Expr) -> pl.LazyFrame:
    return moved.select("user_id", "period", *data.carried("subscriptions"), num=num, den=den)
