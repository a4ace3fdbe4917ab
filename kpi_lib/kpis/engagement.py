"""Engagement: how many people are active, how often, and what they do."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, FLOW, PER_DAY, PROPORTION, RATE, RATIO
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, FRACTION, PER_USER, SECONDS, SHARE, UP, duration
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import RATIO as QUOTIENT
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
    VANITY,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, active_days, distinct, event_names, per_user, placed, qualifying, whole_days
from kpi_lib.shapes.paths import transitions
from kpi_lib.shapes.sessions import labelled, over, sessions, with_gap

EVENTS = ("events.user_id", "events.event", "events.time")
MONTHLY = {"day": "30d", "week": "30d", "custom": "30d", "quarter": "1mo", "year": "1mo"}
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
SESSIONS_OVER = "Sessions count as they stand; while one may still go on, its user is also counted as unripe."
MICRO = 1_000_000

counted = partial(kpi, inputs=EVENTS, ripeness=AT_ONCE)
by_session = partial(kpi, stages=(GROWTH,), cadence="week", ripeness=SESSIONS_OVER)

ACTIVE, USED = f"{KPIS_101}: active users and engagement", f"{CLICKUP}: user engagement"
ADOPTED, ENGAGED, USAGE = f"{NOTE}: engagement and adoption", f"{GEEKS}: engagement", f"{UNDERSTANDING}: usage"


@counted(
    title="Daily active users",
    unit=PEOPLE,
    direction=UP,
    measure=PER_DAY,
    stages=(EARLY, GROWTH, MATURE),
    cadence="day",
    formula="distinct users with a qualifying event on a local calendar day; over a longer period the mean of its observed days",
    counter=("avg_session_duration",),
    references=(ACTIVE, ENGAGED, USAGE, USED),
    sources_wrong="One source divides active users by active users, which is always 1; another reads 10,000 daily users as "
    "10,000 people who find value every day. They may be others each day: ten a day are ten or 310 people in January.",
    use=SEMI,
)
def dau(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How many people use the product on a day. One row per user and local day of activity."""
    days = active_days(data, events=active_events)
    return days if grid.every == "day" else whole_days(data, days)


@counted(
    title="Weekly active users",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    window="7d",
    stages=(EARLY, GROWTH, MATURE),
    cadence="week",
    formula="distinct users with a qualifying event in the 7 local days that end with the period",
    counter=("stickiness",),
    references=(STANDARD,),
    sources_wrong="",
    use=SEMI,
)
def wau(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How many people used the product in the last seven days. One row per user and run of periods."""
    return distinct(data, grid, events=active_events)


@counted(
    title="Monthly active users",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    window=MONTHLY,
    stages=(EARLY, GROWTH, MATURE),
    cadence="month",
    formula="distinct users with a qualifying event in the calendar month; by day or week in the trailing 30 local days",
    counter=("stickiness",),
    references=(ACTIVE, ENGAGED, USAGE, USED),
    sources_wrong="One source offers monthly or daily actives as if they were one; another divides them by themselves.",
    use=SEMI,
)
def mau(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How many people used the product in a month. One row per user and run of periods."""
    return distinct(data, grid, events=active_events)


@counted(
    title="Active users",
    unit=PEOPLE,
    direction=UP,
    measure=COUNT,
    stages=(EARLY, GROWTH, MATURE),
    cadence="month",
    formula="distinct users with at least n qualifying events in the period (n = active_min_events)",
    counter=("actions_per_user",),
    references=(ADOPTED, GEEKS, USED),
    sources_wrong="A count does not show stickiness, as one source says; that is daily over monthly actives.",
    use=SEMI,
)
def active_users(
    data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY, active_min_events: int = 1
) -> pl.LazyFrame:
    """How many people were active in the period, by your own bar for active. One row per user and run of periods."""
    return distinct(data, grid, events=active_events, at_least=active_min_events)


@counted(
    title="Stickiness (daily over monthly actives)",
    unit=FRACTION,
    direction=UP,
    measure=RATIO,
    window=MONTHLY,
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="mean daily actives / distinct actives over the same days = active days per active user / days",
    counter=("new_users",),
    references=(ADOPTED, USED),
    sources_wrong="No source states it rightly: one calls a plain count stickiness, the other divides a number by "
    "itself: two people, there on one and on two days of January, make 3 of 62 days, 4.8 %.",
    use=ACTIONABLE,
)
def stickiness(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """On what share of days an active user shows up. One row per user and period; num = active days, den = days seen."""
    keys = ["user_id", *data.carried(data.activity), "period"]
    days = (
        placed(whole_days(data, active_days(data, events=active_events)), grid)
        .group_by(keys)
        .agg(num=pl.len().cast(pl.Int64))
    )
    seen = (
        grid.frame(data.observed_from, data.observed_until).lazy().select("period", den=pl.col("days").cast(pl.Int64))
    )
    return days.join(seen, on="period")


@by_session(
    title="Average session duration",
    unit=SECONDS,
    direction=CONTEXT,
    measure=RATIO,
    inputs=("events.user_id", "events.time"),
    formula="summed length of the sessions that start in the period / number of these sessions; a single event lasts 0 s",
    counter=("goal_conversion_rate",),
    references=(ACTIVE, ENGAGED, USAGE, USED),
    sources_wrong="One source divides by users, which gives time per user: 400 min over 40 sessions of 10 users are 10 min a "
    "session, not 40.",
    use=CONTEXTUAL,
)
def avg_session_duration(data: Dataset, grid: Grid, *, session_gap: str | None = None) -> pl.LazyFrame:
    """How long a session lasts on average. One row per user and period; num = microseconds, den = sessions x 1,000,000."""
    found = _sessions(data, grid, session_gap)
    unfinished = (~pl.col("ripe")).any()
    return found.group_by(*_keys(data)).agg(
        open=unfinished, num=pl.col("length").sum(), den=pl.len().cast(pl.Int64) * MICRO
    )


@by_session(
    title="Average time spent per user",
    unit=SECONDS,
    direction=CONTEXT,
    measure=RATIO,
    inputs=("events.user_id", "events.time"),
    formula="summed length of the sessions that start in the period / distinct users active in it",
    counter=("goal_conversion_rate",),
    references=(USED,),
    sources_wrong="A sound figure that its source calls session duration.",
    use=CONTEXTUAL,
)
def avg_time_per_user(
    data: Dataset, grid: Grid, *, session_gap: str | None = None, active_events: Sequence[str] = ANY
) -> pl.LazyFrame:
    """How much time an active user spends in the period. One row per active user and period; num = microseconds."""
    spent = _sessions(data, grid, session_gap).select(*_keys(data), open=~pl.col("ripe"), num=pl.col("length"))
    active = placed(distinct(data, grid, events=active_events), grid)
    active = active.select(*_keys(data), den=pl.lit(MICRO, pl.Int64))
    both = pl.concat([spent, active], how="diagonal")
    return both.group_by(_keys(data)).agg(pl.col("num", "den").sum(), pl.col("open").any())


@counted(
    title="Actions per user",
    unit=PER_USER,
    direction=UP,
    measure=RATIO,
    stages=(GROWTH,),
    cadence="week",
    formula="actions (action_events) in the period / distinct users active in it",
    counter=("user_churn_rate",),
    references=(ENGAGED,),
    sources_wrong="The source leaves the base open: all, active or acting users. Here: users active in the period.",
    use=ACTIONABLE,
)
def actions_per_user(
    data: Dataset, grid: Grid, *, action_events: Sequence[str] = ANY, active_events: Sequence[str] = ANY
) -> pl.LazyFrame:
    """How much an active user does in the period. One row per active user and period; num = actions, den = 1."""
    acts = placed(qualifying(data, action_events), grid).select(*_keys(data), num=pl.lit(1, pl.Int64))
    active = placed(distinct(data, grid, events=active_events), grid).select(*_keys(data), den=pl.lit(1, pl.Int64))
    return per_user([acts, active], _keys(data)).filter(pl.col("den") > 0)


@by_session(
    title="Actions per session",
    unit=QUOTIENT,
    direction=CONTEXT,
    measure=RATIO,
    inputs=EVENTS,
    formula="actions (action_events) in the sessions that start in the period / number of these sessions",
    counter=("goal_conversion_rate",),
    references=(USED,),
    sources_wrong="The source gives no formula; more clicks may also mean friction.",
    use=ACTIONABLE,
)
def actions_per_session(
    data: Dataset, grid: Grid, *, action_events: Sequence[str] = ANY, session_gap: str | None = None
) -> pl.LazyFrame:
    """How much happens in a session. One row per user and period; num = actions, den = sessions."""
    acted, data = _among(data, action_events), with_gap(data, session_gap)
    carried = [pl.col(column).first() for column in ("user_id", *data.carried(data.activity))]
    found = (
        labelled(data)
        .group_by("session", maintain_order=True)
        .agg(
            *carried,
            pl.col("time").min(),
            num=acted.sum().cast(pl.Int64),
            open=~over(pl.col("time").max(), data),
        )
    )
    sums = (pl.col("num").sum(), pl.col("open").any())
    return placed(found, grid).group_by(*_keys(data)).agg(*sums, den=pl.len().cast(pl.Int64))


@counted(
    title="Log-ins",
    unit=PEOPLE,
    direction=CONTEXT,
    measure=COUNT,
    stages=(),
    cadence="week",
    formula="log-in events (login_events) in the period",
    counter=(),
    references=(USED,),
    sources_wrong="Many log-ins do not tell what people do, as another source says; who stays signed in never logs in again.",
    use=VANITY,
)
def logins(data: Dataset, grid: Grid, *, login_events: Sequence[str] = ("login",)) -> pl.LazyFrame:
    """How often people logged in. One row per log-in."""
    if missing := set(login_events) - event_names(data):
        raise ChoiceNeeded(
            f"no event is named {sorted(missing)[0]!r}; say which events are log-ins: "
            'login_events = ["…"] under [settings] in kpi.toml.'
        )
    return qualifying(data, login_events).select("user_id", "time", *data.carried(data.activity))


@by_session(
    title="User paths (what follows what)",
    unit=SHARE,
    direction=CONTEXT,
    measure=FLOW,
    inputs=EVENTS,
    parts=("from", "to"),
    formula="steps from one event to the next within a session, or to its end / all steps from that event; repeats count once",
    counter=(),
    references=(f"{KPIS_101}: feature adoption and usage",),
    sources_wrong="An analysis rather than one number: it has no target.",
    use=ACTIONABLE,
)
def user_path_analysis(data: Dataset, grid: Grid, *, session_gap: str | None = None) -> pl.LazyFrame:
    """Where people go next. One row per user, period, event and follower; num = such steps, den = all steps from there.

    The followers that a user never goes to are not written out: the row without `to` stands for them.
    """
    keys = [*_keys(data), "from"]
    steps = placed(transitions(with_gap(data, session_gap)), grid)
    went = steps.group_by(*keys, "to").agg(num=pl.len().cast(pl.Int64), open=(~pl.col("ripe")).any())
    went = went.collect(engine="in-memory").lazy()
    left = went.group_by(keys).agg(pl.col("open").any(), den=pl.col("num").sum(), num=pl.lit(0, pl.Int64))
    moved = went.drop("open").join(left.select(*keys, "den"), on=keys, nulls_equal=True)
    return pl.concat([left, moved.with_columns(open=pl.lit(False))], how="diagonal")


@kpi(
    title="Share of users who are active",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("users.user_id", "users.signup_ts", *EVENTS),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="registered users with a qualifying event in the period / users registered and not deleted at its end",
    ripeness=AT_ONCE,
    counter=("new_users",),
    references=(USED,),
    sources_wrong="The source prints active users / active users, which is always 1; its prose means all users: 300 of 1,000 are 30 %.",
    use=ACTIONABLE,
)
def active_user_ratio(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """What share of those who signed up still comes. One row per registered user and period; `hit` = was active."""
    stop = pl.lit(len(grid), pl.Int32)
    if "deleted_ts" in data.columns("users"):
        stop = grid.ended(pl.col("deleted_ts")).fill_null(stop)
    registered = data.known("users").select(
        "user_id", *data.carried("users"), first=grid.ended(pl.col("signup_ts")), stop=stop
    )
    active = placed(distinct(data, grid, events=active_events), grid).select("user_id", "period").unique()
    met = placed(registered, grid).join(active.with_columns(hit=pl.lit(True)), on=["user_id", "period"], how="left")
    return met.with_columns(pl.col("hit").fill_null(False))


@kpi(
    title="Bounce rate",
    unit=SHARE,
    direction=DOWN,
    measure=RATE(share=True),
    inputs=EVENTS,
    stages=(EARLY, GROWTH),
    cadence="week",
    formula="sessions that start in the period and are not engaged / sessions that start in it; engaged = lasts engaged_after "
    "(10s) or longer, or has two view_events, or a key event",
    ripeness=SESSIONS_OVER,
    counter=("avg_session_duration",),
    references=(USAGE, CLICKUP, STANDARD),
    sources_wrong="Named by one source and described by another, defined by none. The older meaning, sessions of one page, is "
    'engaged_after = "9999d" without key events.',
    use=ACTIONABLE,
)
def bounce_rate(
    data: Dataset, grid: Grid, *, engaged_after: str = "10s", view_events: Sequence[str] = ANY,
    key_events: Sequence[str] = (), session_gap: str | None = None,
) -> pl.LazyFrame:  # fmt: skip
    """What share of sessions ends before it began. One row per user and period; num = bounced sessions, den = sessions."""
    views, data = _among(data, view_events), with_gap(data, session_gap)
    key = _among(data, key_events) if key_events else pl.lit(False)
    carried = [pl.col(column).first() for column in ("user_id", *data.carried(data.activity))]
    lasted = pl.col("time").max() - pl.col("time").min() >= duration(engaged_after)
    engaged = lasted | (views.sum() >= 2) | key.any()
    found = (
        labelled(data)
        .group_by("session", maintain_order=True)
        .agg(*carried, pl.col("time").min(), open=~over(pl.col("time").max(), data), engaged=engaged)
    )
    bounced = (~pl.col("engaged")).sum().cast(pl.Int64)
    return (
        placed(found, grid).group_by(*_keys(data)).agg(pl.col("open").any(), num=bounced, den=pl.len().cast(pl.Int64))
    )


def _among(data: Dataset, events: Sequence[str]) -> pl.Expr:
    qualifying(data, events)  # a misspelt name is refused
    return pl.col("event").is_not_null() if "*" in events else pl.col("event").is_in(list(events))


def _keys(data: Dataset) -> list[str]:
    return ["user_id", *data.carried(data.activity), "period"]


def _sessions(data: Dataset, grid: Grid, gap: str | None) -> pl.LazyFrame:
    found = placed(sessions(with_gap(data, gap)), grid)
    return found.with_columns(length=(pl.col("seconds") * MICRO).round().cast(pl.Int64))
