"""Conversion: how many get to the goal, how long it takes, and where they stop."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import MEDIAN_TIME, QUANTILE
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SECONDS, SHARE, UP, duration
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    NOTE,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, distinct, first_events, placed
from kpi_lib.shapes.funnel import Funnel, attempts, choose
from kpi_lib.shapes.records import rows, seconds
from kpi_lib.shapes.revenue import contracts
from kpi_lib.shapes.trials import trials

EVENTS = ("events.user_id", "events.event", "events.time")
TRIALS = (
    "subscriptions.subscription_id",
    "subscriptions.user_id",
    "subscriptions.start",
    "subscriptions.trial_start",
    "subscriptions.mrr|subscriptions.amount+interval",
)
DEALS = ("deals.deal_id", "deals.lead_ts", "deals.closed_ts", "deals.won")
FUNNEL = f"{KPIS_101}: conversion and funnel"
WINDOW_WATCHED = "An entry counts once its whole window has been watched; younger ones are counted as unripe."

_declare = partial(
    kpi,
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    stages=(EARLY, GROWTH),
    cadence="week",
    ripeness=WINDOW_WATCHED,
    use=ACTIONABLE,
)


@_declare(
    title="Goal conversion rate",
    inputs=EVENTS,
    stages=(EARLY, GROWTH, MATURE),
    formula="users who enter in the period and do goal_event within goal_within of an entry / users who enter in the period "
    "(an entry is start_event; without it a user's first event ever)",
    counter=("average_order_value",),
    references=(FUNNEL, f"{NOTE}: conversion", f"{GEEKS}: acquisition"),
    sources_wrong='The bare word "conversion rate" means visits to sign-ups in one source, trials to payers in another.',
)
def goal_conversion_rate(
    data: Dataset, grid: Grid, *, goal_event: str | None = None, start_event: str | None = None, goal_within: str = "7d"
) -> pl.LazyFrame:
    """Share of the users who start that reach the goal in time. One row per user and period of entry; `hit` = reached."""
    if goal_event is None:
        raise ChoiceNeeded(
            'which event is the goal is not chosen: write goal_event = "…" under [settings] in kpi.toml.'
        )
    if start_event is not None:
        return _reached(data, grid, Funnel((start_event, goal_event), within=goal_within)).with_columns(
            hit=pl.col("depth") == 2
        )
    within = pl.duration(microseconds=_micros(goal_within))
    entries = first_events(data)
    goals = first_events(data, events=(goal_event,)).select("user_id", goal=pl.col("time"))
    met = entries.join(goals, on="user_id", how="left")
    hit = (pl.col("goal") <= pl.col("time") + within).fill_null(False)
    return met.with_columns(hit=hit, ripe=pl.col("time") + within <= data.observed_until).drop("goal")


@_declare(
    title="Activation rate",
    inputs=EVENTS,
    formula="new users who do activation_event within activation_within of their sign-up (without one: their first event) / new users",
    counter=("retention_day_7",),
    references=(FUNNEL,),
    sources_wrong="The source names neither the event nor the window.",
)
def activation_rate(
    data: Dataset, grid: Grid, *, activation_event: str | None = None, activation_within: str = "7d"
) -> pl.LazyFrame:
    """Share of new users who reach the moment of value in time. One row per new user; `hit` = reached."""
    if activation_event is None:
        raise ChoiceNeeded(
            'the activation event is not chosen: write activation_event = "…" under [settings] in kpi.toml.'
        )
    within = pl.duration(microseconds=_micros(activation_within))
    signed = "signup_ts" in data.columns("users")
    observed = pl.col("time") < data.observed_until
    entries = (
        data["users"].select("user_id", *data.carried("users"), time="signup_ts").filter(observed)
        if signed
        else first_events(data)
    )
    done = data.events().filter(pl.col("event") == activation_event).select("user_id", done=pl.col("time"))
    met = entries.join(done, on="user_id", how="left")
    # an event before the sign-up does not activate, one at the same instant does
    hit = ((pl.col("done") >= pl.col("time")) & (pl.col("done") <= pl.col("time") + within)).fill_null(False)
    keys = ["user_id", "time", *[c for c in data.by if c in entries.collect_schema().names()]]
    return met.group_by(keys).agg(hit=hit.any()).with_columns(ripe=pl.col("time") + within <= data.observed_until)


@_declare(
    title="Trials that become paid",
    inputs=TRIALS,
    formula="trials started in the period whose customer begins to pay within trial_within of that start / trials started in the period",
    counter=("customer_churn_rate",),
    references=(
        f"{KPIS_101}: acquisition and activation",
        FUNNEL,
        f"{KPIS_101}: revenue and monetization",
        f"{CLICKUP}: customer",
    ),
    sources_wrong="One source divides all paying customers by the trials: 500 payers on 100 trials of which 20 converted would be "
    "500 %; it is 20 %. Trials still running are left out, and how long it takes is time_to_convert.",
)
def trial_to_paid_rate(data: Dataset, grid: Grid, *, trial_within: str = "30d") -> pl.LazyFrame:
    """Share of the trials that turn into paying customers in time. One row per trial; `hit` = paid."""
    return trials(data, trial_within).drop("paid")


@_declare(
    title="Time from trial to payment",
    unit=SECONDS,
    direction=DOWN,
    measure=QUANTILE(0.5),
    inputs=TRIALS,
    formula="median, over the trials started in the period that convert within trial_within, of first payment − start of the trial",
    counter=("trial_to_paid_rate",),
    references=(f"{CLICKUP}: customer",),
    sources_wrong="The source says that a conversion rate tracks it: one of two trials that pays after 20 days is a rate of 50 % and a "
    "time of 20 days.",
)
def time_to_convert(data: Dataset, grid: Grid, *, trial_within: str = "30d") -> pl.LazyFrame:
    """How long those who convert take to do so. One row per converting trial; key = seconds."""
    found = trials(data, trial_within).filter(pl.col("hit") | ~pl.col("ripe"))
    return found.with_columns(key=seconds(pl.col("paid") - pl.col("time"))).drop("paid", "hit")


@_declare(
    title="Free users who become paying",
    inputs=("users.user_id", "users.signup_ts", "users.plan", *(c for c in TRIALS if "trial" not in c)),
    formula="users who sign up in the period on a plan of free_plans and begin to pay within paid_within / users who sign up on such a "
    "plan in the period (users.plan; where it names another plan and the first subscription came days after the sign-up, it was free)",
    counter=("customer_churn_rate",),
    references=(f"{KPIS_101}: revenue and monetization",),
    sources_wrong="The source takes free plans and trials as one; a free plan has no end, so the two rates do not compare.",
)
def free_to_paid_rate(
    data: Dataset, grid: Grid, *, free_plans: Sequence[str] = ("free",), paid_within: str = "30d"
) -> pl.LazyFrame:
    """Share of new users of a free plan who begin to pay in time. One row per such user; `hit` = pays."""
    plans = set(data["users"].select("plan").unique().collect()["plan"].drop_nulls())
    if plans and not plans & set(free_plans):
        raise ChoiceNeeded(
            f"which plans are free is not known: write free_plans under [settings]; plans: {', '.join(sorted(plans))}."
        )
    until = pl.col("time") + duration(paid_within)
    begun = data.known("subscriptions").group_by("user_id").agg(begun=pl.col("start").min())
    # a plan that came later is no plan at sign-up: the table of users may hold the plan of today
    later = (pl.col("begun") > pl.col("time") + timedelta(days=1)) & (pl.col("begun") <= until)
    free = pl.col("plan").is_in(list(free_plans))
    known = rows(data, "users", time="signup_ts", where=pl.col("plan").is_not_null(), free=free)
    signed = known.join(begun, on="user_id", how="left").filter(pl.col("free") | later).drop("begun", "free")
    paying = contracts(data).select("user_id", paid="start").lazy()
    first = signed.select("user_id", "time").join(paying, on="user_id").filter(pl.col("paid") >= pl.col("time"))
    met = signed.join(first.group_by("user_id").agg(pl.col("paid").min()), on="user_id", how="left")
    return met.with_columns(hit=(pl.col("paid") <= until).fill_null(False), ripe=until <= data.observed_until).drop(
        "paid"
    )


@_declare(
    title="Active users who pay",
    inputs=(
        "events.user_id",
        "events.time",
        "transactions.user_id|subscriptions.user_id",
        "transactions.time|subscriptions.start",
    ),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="users active in the period who have a paid subscription in it or buy something in it / users active in the period",
    ripeness="A period counts as it stands; one that is not over is marked partial.",
    counter=("user_churn_rate",),
    references=(f"{GEEKS}: monetization",),
    sources_wrong="The source does not say which users, and adds subscribers (a stock) to purchases (a flow); here both are of one period.",
)
def paid_feature_conversion_rate(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """Share of the active users who pay. One row per active user and period; `hit` = pays."""
    pair = ["user_id", "period"]
    active = placed(distinct(data, grid, events=active_events), grid)
    payers = []
    if "transactions" in data.tables:
        payers.append(placed(data.orders().select("user_id", "time"), grid).select(pair))
    if "subscriptions" in data.tables:
        stop = grid.begun(pl.col("end") - timedelta(microseconds=1)).fill_null(len(grid))
        runs = contracts(data).lazy().select("user_id", first=grid.ended(pl.col("start")), stop=stop)
        payers.append(placed(runs, grid).select(pair))
    paid = pl.concat(payers).unique().with_columns(hit=pl.lit(True))
    return active.join(paid, on=pair, how="left").with_columns(pl.col("hit").fill_null(False))


@_declare(
    title="Leads that are won",
    inputs=DEALS,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="leads of the period that are won within lead_within / leads of the period",
    counter=("sales_cycle_length",),
    references=(FUNNEL,),
    sources_wrong="The source only names it. Deals still open are no lost ones.",
)
def lead_to_sale_rate(data: Dataset, grid: Grid, *, lead_within: str = "90d") -> pl.LazyFrame:
    """Share of the leads that are won in time. One row per deal; `hit` = won."""
    until = pl.col("lead_ts") + duration(lead_within)
    hit = (pl.col("won") & (pl.col("closed_ts") <= until)).fill_null(False)
    return rows(data, "deals", time="lead_ts", hit=hit, ripe=until <= data.observed_until)


@_declare(
    title="Length of the sales cycle",
    unit=SECONDS,
    direction=DOWN,
    measure=MEDIAN_TIME,
    inputs=DEALS,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="Kaplan-Meier median, over the deals created in the period, of the time from creation to winning; open deals count as "
    "still waiting, lost ones until they were lost",
    ripeness="Open deals count as still waiting; while there are any, the figure is ripening.",
    counter=("lead_to_sale_rate",),
    references=(FUNNEL,),
    sources_wrong="The source only names it. A mean over deals already won is too short: the slow ones are not in it yet.",
)
def sales_cycle_length(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long a deal takes from its creation until it is won. One row per deal; key = seconds watched, ended = won."""
    begin = pl.coalesce("opportunity_ts", "lead_ts") if "opportunity_ts" in data.columns("deals") else pl.col("lead_ts")
    until = pl.coalesce("closed_ts", pl.lit(data.observed_until))
    closed = pl.col("closed_ts").is_not_null()
    found = rows(
        data,
        "deals",
        time="lead_ts",
        key=seconds(until - begin),
        ended=closed & pl.col("won").fill_null(False),
        open=~closed,
    )
    return found.filter(pl.col("key") >= 0)


@_declare(
    title="Funnel drop-off by step",
    direction=DOWN,
    inputs=EVENTS,
    parts=("step",),
    stages=(GROWTH, MATURE),
    formula="of the users who reach a step of the funnel (entries of the period), the share that does not reach the next in time",
    counter=("average_order_value",),
    references=(FUNNEL, f"{NOTE}: conversion"),
    sources_wrong="Who is still inside the window has not dropped off; the sources count them so.",
)
def funnel_dropoff_rate(data: Dataset, grid: Grid, *, dropoff_funnel: str | None = None) -> pl.LazyFrame:
    """At which step people stop. One row per user, period of entry and step reached; `hit` = went no further."""
    if not data.funnels:
        raise ChoiceNeeded("no funnel is declared: add [funnels.NAME] with steps and within to kpi.toml.")
    name = dropoff_funnel or next(iter(data.funnels))
    if name not in data.funnels:
        raise ChoiceNeeded(f"dropoff_funnel = {name!r} is not declared; there are: {', '.join(data.funnels)}.")
    spec: Funnel = data.funnels[name]
    reached = _reached(data, grid, spec)
    last = len(spec.steps)
    # who is still under way may reach any step yet
    furthest = pl.when("ripe").then(pl.min_horizontal("depth", pl.lit(last - 1))).otherwise(last - 1)
    steps = reached.with_columns(step=pl.int_ranges(1, furthest + 1)).explode("step")
    # an optional step is no place to stop at
    return steps.filter(pl.col("step").is_in([at + 1 for at in spec.required])).with_columns(
        hit=pl.col("depth") == pl.col("step")
    )


def _reached(data: Dataset, grid: Grid, spec: Funnel) -> pl.LazyFrame:
    """One row per user and period of entry: depth of the attempt that counts, ripe."""
    found = attempts(data, spec, grid)
    keys = ["unit", "period"]
    ripe = choose(found.with_columns(usable=pl.col("ripe") | (spec.unripe == "include")), spec, keys)
    # who has reached the goal stays as he is; anybody else may still get further, and the period is not settled
    done = ripe.filter((pl.col("depth") == len(spec.steps)) | spec.attempt.startswith("first"))
    young = found.filter(~pl.col("ripe")).join(done, on=keys, how="anti")
    young = young.sort(*keys, "time", "row").unique(keys, keep="first", maintain_order=True)
    columns = ["user_id", "period", "depth", *[c for c in data.by if c in found.columns]]
    kept = pl.concat([ripe.select(*columns, ripe=pl.lit(True)), young.select(*columns, ripe=pl.lit(False))])
    return kept.lazy()


def _micros(text: str) -> int:
    return duration(text) // timedelta(microseconds=1)
