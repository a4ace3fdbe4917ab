"""Competition: our figures beside those of others, where others' figures are known."""

from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError
from kpi_lib.core.measure import AGAINST, GAP
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SHARE, UP
from kpi_lib.core.units import RATIO as QUOTIENT
from kpi_lib.kpis.registry import CLICKUP, CONTEXTUAL, GEEKS, KPIS_101, kpi
from kpi_lib.shapes.bridge import movements
from kpi_lib.shapes.market import labels, ours, theirs

MARKET = ("market.period", "market.competitor", "market.metric", "market.value")
PAID = ("subscriptions.user_id", "subscriptions.start", "subscriptions.end")
COMPETING = f"{KPIS_101}: competitive"
BY_NAME = (
    "The market's row must name the same period (2026-10, 2026-W46, 2026-Q3, 2026); without one there is no value."
)
TOTAL, OWN = "(market)", "(own)"

beside = partial(kpi, stages=(), cadence="month", use=CONTEXTUAL)


@beside(
    title="Market share",
    unit=SHARE,
    direction=UP,
    measure=AGAINST("ratio"),
    inputs=MARKET,
    formula='own market_metric ("revenue") in the period / that of the whole market (competitor "(market)"); own = the row "(own)", '
    "else sales or registered users",
    ripeness=BY_NAME,
    counter=("new_customers",),
    references=(COMPETING, GEEKS),
    sources_wrong="One source joins it with the size of the user base. Competitors that happen to be listed are not the market: "
    "without a row for all of it there is no share.",
)
def market_share(data: Dataset, grid: Grid, *, market_metric: str = "revenue") -> pl.LazyFrame:
    """What part of the market is ours. One row per period; own, base = 1, other = the market, size = rows behind own."""
    whole = theirs(data, grid, market_metric).filter(pl.col("competitor") == TOTAL).drop("competitor")
    found = ours(data, grid, market_metric, OWN).join(whole, on="period").with_columns(base=pl.lit(1.0))
    beyond = found.filter(pl.col("own") > pl.col("other")).join(labels(grid), on="period").sort("period").collect()
    if not beyond.is_empty():
        first = beyond.row(0, named=True)
        raise DataError(
            f"table market, period {first['name']}, competitor {TOTAL}, metric {market_metric}: value {first['other']:,} is less than "
            f"our own {first['own']:,.2f}, so that our share would be above 100 %.\nGive the whole market, our part of it included, in "
            "the same unit and currency."
        )
    return found


@beside(
    title="User base compared with competitors",
    unit=QUOTIENT,
    direction=UP,
    measure=AGAINST("ratio"),
    inputs=(*MARKET, "users.user_id"),
    parts=("competitor",),
    formula="own registered users at the end of the period / users of each competitor in it",
    ripeness=BY_NAME,
    counter=("active_user_ratio",),
    references=(COMPETING,),
    sources_wrong="What others publish as users is rarely what one counts as users oneself.",
)
def relative_user_base(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How large we are beside each competitor. One row per period and competitor; own, base = 1, other, size = own users."""
    met = ours(data, grid, "users", OWN).join(theirs(data, grid, "users", (OWN, TOTAL)), on="period")
    return met.with_columns(base=pl.lit(1.0))


@beside(
    title="Customer acquisition compared with competitors",
    unit=QUOTIENT,
    direction=UP,
    measure=AGAINST("ratio"),
    inputs=(*MARKET, *PAID),
    parts=("competitor",),
    formula="own new customers / customers at the start of the period, divided by acquisition_rate of each competitor",
    ripeness=BY_NAME,
    counter=("relative_churn_rate",),
    references=(COMPETING,),
    sources_wrong="Two KPIs on one line of the source (with churn). Rates compare only if both count customers alike.",
)
def relative_acquisition_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How fast we win customers beside each competitor. One row per period and competitor; own / base = our rate."""
    return _rates(data, grid, "acquisition_rate", pl.col("new") > 0)


@beside(
    title="Churn compared with competitors",
    unit=SHARE,
    direction=DOWN,
    measure=AGAINST("gap"),
    inputs=(*MARKET, *PAID),
    parts=("competitor",),
    formula="own customer churn of the period - churn_rate of each competitor (a difference, in points)",
    ripeness=BY_NAME,
    counter=("relative_acquisition_rate",),
    references=(COMPETING, f"{CLICKUP}: customer"),
    sources_wrong="One source says that churn shows who went to a competitor: it does not tell where they went.",
    signed=True,
)
def relative_churn_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Whether we lose more than each competitor. One row per period and competitor; own / base = our churn, other = theirs."""
    return _rates(data, grid, "churn_rate", (pl.col("opening") > 0) & (pl.col("closing") == 0))


@beside(
    title="Gap to the benchmark",
    unit=SHARE,
    direction=UP,
    measure=GAP,
    inputs=("benchmarks.kpi", "benchmarks.value", "benchmarks.source"),
    parts=("benchmark",),
    ripeness="As the KPI that is compared.",
    formula="(own value - benchmark) / |benchmark|, turned so that positive is better, for each KPI named in benchmarks; of several "
    "figures the one of the latest period",
    counter=(),
    references=(COMPETING, GEEKS),
    sources_wrong="A benchmark without source, year and population is an opinion: the table asks for its source.",
    signed=True,
)
def benchmark_gap(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How far we are from what others publish. One row per KPI and period; value = the benchmark, which compute sets against ours."""
    order = ["kpi", *[c for c in ("period", "segment") if c in data.columns("benchmarks")]]
    latest = data["benchmarks"].sort(*order, "value").unique("kpi", keep="last", maintain_order=True)
    return latest.select(benchmark="kpi", value="value").join(labels(grid).select("period"), how="cross")


def _rates(data: Dataset, grid: Grid, metric: str, counted: pl.Expr) -> pl.LazyFrame:
    start = (pl.col("opening") > 0).sum().cast(pl.Int64)
    rate = movements(data, grid).group_by("period").agg(own=counted.sum().cast(pl.Float64), size=start)
    met = rate.join(theirs(data, grid, metric, (OWN, TOTAL)), on="period").filter(pl.col("size") > 0)
    return met.with_columns(base=pl.col("size").cast(pl.Float64))
