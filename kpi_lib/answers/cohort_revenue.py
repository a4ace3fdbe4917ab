"""What customers have brought so far, by when they came: the observed value of cohorts, without any model."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import unknown
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import local_date, local_day, period_number
from kpi_lib.core.units import minor_digits
from kpi_lib.shapes.activity import first_events

Z95 = 1.959963984540054
GRAINS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class CohortRevenue:
    """What a customer brought within so many months: observed means, amounts in units of the currency.

    `table`: one row per cohort and k (calendar months since that of the first order): start, size, k, total (of the cohort,
    to the end of month k), per_customer; only months watched to their end. `pooled`: one row per k, over all customers
    watched to its end: k, customers, per_customer, low, high. `early`: the data begin in the first cohort, which then
    holds older customers too.
    """

    table: pl.DataFrame
    pooled: pl.DataFrame
    every: str = "quarter"
    currency: str = "USD"
    early: bool = False
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The figures by the name under which a notebook hands them over."""
        return {"cohort_revenue": self.table, "cohort_revenue_pooled": self.pooled}

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        if self.table.is_empty():
            return {"cohorts": [], "pooled": [], "currency": self.currency}
        dated = self.table.with_columns(pl.col("start").cast(pl.String))
        return {"cohorts": dated.to_dicts(), "pooled": self.pooled.to_dicts(), "currency": self.currency}


def cohort_revenue(data: Dataset, every: str = "quarter") -> CohortRevenue:
    """Revenue per customer by months since the first order, refunds taken off, by month, quarter or year of that order.

    Every customer of a cohort is in the mean, also who never came back. Intervals: 95 %, normal, of the mean over customers.
    """
    if every not in GRAINS:
        raise unknown("grain", every, GRAINS, where="the cohorts (every)")
    if "transactions" not in data.tables or "amount" not in data.columns("transactions"):
        reason = "needs the column amount of a table of transactions"
        return CohortRevenue(pl.DataFrame(), pl.DataFrame(), every, data.currency, reason=reason)
    first = pl.date(pl.col("month") // 12, pl.col("month") % 12 // GRAINS[every] * GRAINS[every] + 1, 1)
    sizes, whole = _sums(data)
    sizes = sizes.group_by(start=first).agg(size=pl.col("n").sum())
    cohorts = whole.group_by("k", start=first).agg(pl.col("n", "sum").sum()).join(sizes, on="start")
    cohorts = cohorts.filter(pl.col("n") == pl.col("size")).sort("start", "k")
    pooled = whole.group_by("k").agg(pl.col("n", "sum", "squares").sum()).sort("k")
    opened = local_day(data.observed_from, data.zone)
    begun = sizes.select(pl.col("start").min()).item()
    return CohortRevenue(
        _told(cohorts, data).select("start", "size", "k", "total", "per_customer"),
        _with_interval(_told(pooled, data)).select("k", pl.col("n").alias("customers"), "per_customer", "low", "high"),
        every,
        data.currency,
        early=begun is not None and begun <= opened,
        origin=origin_of(data, "transactions"),
    )


def _sums(data: Dataset) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Customers by month of the first order (month, n); and for each such month and each k watched to its end: month, k, n,
    sum = what they had brought by then, squares = the sum of the squares of what each had brought, all in minor units.
    """
    shop, until = data.reading("transactions"), data.observed_until
    entries = first_events(shop).select("user_id", entry="time").filter(pl.col("entry") < until)
    entries = entries.with_columns(month=_month(pl.col("entry"), data))
    paid = data.known("transactions").select("user_id", "time", "amount").join(entries, on="user_id")
    paid = paid.filter(pl.col("time") >= pl.col("entry"))  # a refund of an order before the data is nobody's loss here
    keyed = paid.with_columns(k=_month(pl.col("time"), data) - pl.col("month"))
    each = keyed.group_by("user_id", "month", "k").agg(pl.col("amount").sum().cast(pl.Int128)).sort("user_id", "k")
    brought = pl.col("amount").cum_sum().over("user_id")
    before = brought - pl.col("amount")
    steps = each.with_columns(step=brought * brought - before * before)
    moved = steps.group_by("month", "k").agg(sum=pl.col("amount").sum(), squares=pl.col("step").sum()).collect()
    sizes = entries.group_by("month").agg(n=pl.len().cast(pl.Int64)).sort("month").collect()
    last = pl.lit(pl.select(_month(pl.lit(until), data)).item(), pl.Int64)
    ages = sizes.with_columns(k=pl.int_ranges(0, last - pl.col("month"))).explode("k").drop_nulls("k")
    filled = (
        ages.join(moved, on=["month", "k"], how="left")
        .sort("month", "k")
        .with_columns(pl.col("sum", "squares").fill_null(0))
    )
    return sizes, filled.with_columns(pl.col("sum", "squares").cum_sum().over("month"))


def _month(time: pl.Expr, data: Dataset) -> pl.Expr:
    return period_number(local_date(time, data.zone), "month", zone=data.zone)


def _told(sums: pl.DataFrame, data: Dataset) -> pl.DataFrame:
    """The total and the mean over customers in units of the currency."""
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    scaled = sums.with_columns(scale=pl.Series([10.0 ** minor_digits(data.currency)] * len(sums), dtype=pl.Float64))
    total = pl.col("sum").cast(pl.Float64) / pl.col("scale")
    return scaled.with_columns(total=total, per_customer=total / pl.col("n"))


def _with_interval(pooled: pl.DataFrame) -> pl.DataFrame:
    n, total = pl.col("n").cast(pl.Int128), pl.col("sum")
    spread = (n * pl.col("squares") - total * total).cast(pl.Float64)  # exact until here
    count = pl.col("n").cast(pl.Float64)
    error = pl.when(count > 1).then((spread / (count * count * (count - 1))).sqrt() / pl.col("scale") * Z95)
    return pooled.with_columns(low=pl.col("per_customer") - error, high=pl.col("per_customer") + error)
