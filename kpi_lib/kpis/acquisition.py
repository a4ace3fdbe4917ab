"""Acquisition: who comes for the first time, and at what price."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import BOOKED, COUNT, DERIVED, PROPORTION, QUOTIENT
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, MONEY, SHARE, UP
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    SEMI,
    STANDARD,
    UNDERSTANDING,
    VANITY,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, first_events, placed
from kpi_lib.shapes.costs import costs
from kpi_lib.shapes.records import days, rows
from kpi_lib.shapes.revenue import stretches
from kpi_lib.shapes.visitors import visitors

AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
CAME = f"{KPIS_101}: acquisition and activation"
GAINED = f"{GEEKS}: acquisition"
SPENT = ("marketing_spend.date", "marketing_spend.channel", "marketing_spend.amount")
BOUGHT = ("transactions.user_id|subscriptions.user_id", "transactions.time|subscriptions.start")

_declare = partial(kpi, stages=(EARLY, GROWTH), cadence="month", ripeness=AT_ONCE)
_count = partial(_declare, unit=PEOPLE, direction=UP, measure=COUNT, use=SEMI)
_cost = partial(_declare, unit=MONEY, direction=DOWN, use=ACTIONABLE)


@_count(
    title="New users",
    inputs=("events.user_id", "events.event", "events.time"),
    lookback="first",
    cadence="week",
    formula="users whose first qualifying event ever falls in the period",
    counter=("retention_day_7",),
    references=(STANDARD,),
    sources_wrong="",
)
def new_users(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How many people came for the first time. One row per user, at the first qualifying event over all history."""
    return first_events(data, events=active_events)


@_count(
    title="New customers",
    inputs=BOUGHT,
    lookback="first",
    formula='customers whose first order ever (customers_by = "orders") or first paid subscription ever ("subscriptions") falls in the '
    "period; by default orders where there are transactions",
    counter=("repeat_purchase_rate",),
    references=(STANDARD,),
    sources_wrong="",
)
def new_customers(data: Dataset, grid: Grid, *, customers_by: str | None = None) -> pl.LazyFrame:
    """How many people bought for the first time. One row per customer, at the first payment over all history."""
    basis = customers_by or ("orders" if "transactions" in data.tables else "subscriptions")
    if basis not in ("orders", "subscriptions"):
        raise ChoiceNeeded(f'customers_by = "{basis}" is not possible: write "orders" or "subscriptions".')
    if basis == "orders":
        return first_events(data.reading("transactions"))
    first = stretches(data).unique("customer", keep="first", maintain_order=True).lazy()
    return first.select("user_id", *data.carried("subscriptions"), time="start")


@_count(
    title="New sign-ups",
    inputs=("users.user_id", "users.signup_ts"),
    cadence="week",
    formula="users whose sign-up falls in the period, also those who have left since",
    counter=("visitor_to_signup_rate",),
    references=(CAME, GAINED),
    sources_wrong="One source calls this count a sign-up rate: 5 sign-ups are 5; the rate is visitor_to_signup_rate.",
)
def new_signups(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people signed up. One row per user, at the sign-up."""
    return rows(data, "users", time="signup_ts")


@_count(
    title="Trial sign-ups",
    inputs=("subscriptions.subscription_id", "subscriptions.user_id", "subscriptions.trial_start"),
    cadence="week",
    formula="distinct users who start a trial in the period",
    counter=("trial_to_paid_rate",),
    references=(UNDERSTANDING, CLICKUP),
    sources_wrong="One source calls the step from 18 to 21 trials a week +23 %; it is +16.7 %.",
    use=ACTIONABLE,
)
def trial_signups(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people began a trial. One row per user and period."""
    begun = placed(rows(data, "subscriptions", time="trial_start"), grid).drop("time")
    return begun.unique(["user_id", *data.carried("subscriptions"), "period"], maintain_order=True)


@_declare(
    title="Visitors who sign up",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("web_visits.visitor_id", "web_visits.time", "users.user_id", "users.signup_ts"),
    cadence="week",
    formula="visitors first seen in the period who sign up within signup_within of their first visit / visitors first seen in the "
    "period who had not signed up before",
    ripeness="A visitor counts once the time to sign up is over; younger ones are counted as unripe.",
    counter=("activation_rate",),
    references=(CAME, GAINED),
    sources_wrong="The sources divide by visits or by visitors, and by all sign-ups of the period, also of people who never visited: 5 "
    "sign-ups on 4 visitors would be 125 %. Here a sign-up counts only for its own visitor, and each once.",
    use=ACTIONABLE,
)
def visitor_to_signup_rate(data: Dataset, grid: Grid, *, signup_within: str = "30d") -> pl.LazyFrame:
    """Share of the website's new visitors who become users in time. One row per visitor; `hit` = signed up."""
    return visitors(data, signup_within)


@_declare(
    title="Marketing reach (as reported)",
    unit=PEOPLE,
    direction=CONTEXT,
    measure=BOOKED,
    inputs=("marketing_spend.date", "marketing_spend.channel", "marketing_spend.reach"),
    stages=(),
    formula="sum of the reach that channels report for the days of the period: an upper bound, because who is reached on two days or "
    "by two channels is counted twice",
    counter=(),
    references=(CAME,),
    sources_wrong="The source wants people; channels report impressions, and reach for themselves only. Impressions are no people.",
    use=VANITY,
)
def marketing_reach(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people saw the marketing, at most. One row per row of marketing_spend; value = reach."""
    return days(data, grid, "marketing_spend", value=pl.col("reach"))


@_count(
    title="App installs",
    inputs=("installs.device_id", "installs.time"),
    cadence="week",
    formula="devices whose first install ever falls in the period",
    lookback="first",
    counter=("activation_rate",),
    references=(f"{CLICKUP}: user engagement",),
    sources_wrong="The source files it under engagement; an install comes before any use.",
    use=VANITY,
)
def app_downloads(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many devices got the app for the first time. One row per device, at its first install."""
    carried = data.carried("installs")
    ordered = data.known("installs").sort("time", *carried, nulls_last=True)
    return ordered.group_by("device_id", maintain_order=True).agg(pl.col("time", *carried).first()).drop("device_id")


@_cost(
    title="Spend on acquisition",
    direction=CONTEXT,
    measure=BOOKED,
    inputs=SPENT,
    formula="marketing spend of the period (with cac_lag, of so many periods before) and the costs of the categories in cac_costs",
    stages=(),
    counter=(),
    references=(STANDARD,),
    sources_wrong="",
    use=CONTEXTUAL,
)
def acquisition_spend(data: Dataset, grid: Grid, *, cac_costs: Sequence[str] = (), cac_lag: int = 0) -> pl.LazyFrame:
    """What was spent to win customers. One row per row of marketing_spend and of the costs that count."""
    if cac_lag < 0:
        raise UsageError(f"cac_lag is {cac_lag}; it must be a number of periods, 0 or more.")
    for _ in range(cac_lag):
        grid = grid.before()
    spent = days(data, grid, "marketing_spend", value=pl.col("amount"))
    return pl.concat([spent, costs(data, grid, cac_costs)], how="diagonal") if cac_costs else spent


@_cost(
    title="Cost per acquisition (CPA)",
    measure=QUOTIENT,
    inputs=(*SPENT, "marketing_spend.conversions"),
    formula="spend of a channel or campaign in the period / conversions it reports (--by channel, --by campaign); null without one",
    counter=("trial_to_paid_rate",),
    references=(GAINED,),
    sources_wrong="The source gives CPA and CAC one definition. CPA: media spend per conversion, by channel; CAC: all that sales and "
    "marketing cost per new paying customer. 1,000 on ads for 100 sign-ups is 10; with 4,000 of salaries for 25 who pay it is 200.",
)
def cpa(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What a conversion costs in media. One row per row of marketing_spend; num = amount, den = conversions."""
    both = {"num": pl.col("amount").fill_null(0), "den": pl.col("conversions").fill_null(0)}
    return days(data, grid, "marketing_spend", **both)


@_cost(
    title="Customer acquisition cost (CAC)",
    measure=DERIVED,
    inputs=(*SPENT, *BOUGHT),
    formula="acquisition_spend / new_customers of the period; null without a new customer. Only marketing spend (paid CAC) unless "
    "cac_costs names the costs of sales and marketing (fully loaded CAC)",
    counter=("ltv_cac_ratio",),
    references=(f"{KPIS_101}: revenue and monetization", GAINED, f"{UNDERSTANDING}: financial", f"{CLICKUP}: customer"),
    sources_wrong="One source counts marketing channels only, another salaries and sales too; none says that both sides are of one "
    "period and that only new customers count: 50,000 for 250 new ones is 200.",
)
def cac(acquisition_spend: pl.Expr, new_customers: pl.Expr) -> pl.Expr:
    """What it costs to win a paying customer."""
    return pl.when(new_customers > 0).then(acquisition_spend / new_customers)
