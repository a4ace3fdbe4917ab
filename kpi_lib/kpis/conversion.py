"""Conversion: how many get to the goal, and where they stop."""

from datetime import timedelta

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SHARE, UP, duration
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
from kpi_lib.shapes.activity import first_events
from kpi_lib.shapes.funnel import Funnel, attempts, choose

EVENTS = ("events.user_id", "events.event", "events.time")
WINDOW_WATCHED = "An entry counts once its whole window has been watched; younger ones are counted as unripe."


@kpi(
    title="Goal conversion rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(EARLY, GROWTH, MATURE),
    cadence="week",
    formula="users who enter in the period and do goal_event within goal_within of an entry / users who enter in the period "
    "(an entry is start_event; without it a user's first event ever)",
    ripeness=WINDOW_WATCHED,
    counter=("average_order_value",),
    references=(KPIS_101, NOTE, GEEKS, CLICKUP),
    sources_wrong='The bare word "conversion rate" means visits to sign-ups in one source, trials to payers in another.',
    use=ACTIONABLE,
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


@kpi(
    title="Activation rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(EARLY, GROWTH),
    cadence="week",
    formula="new users who do activation_event within activation_within of their sign-up (without one: their first event) / new users",
    ripeness=WINDOW_WATCHED,
    counter=("retention_day_7",),
    references=(KPIS_101,),
    sources_wrong="The source names neither the event nor the window.",
    use=ACTIONABLE,
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


@kpi(
    title="Funnel drop-off by step",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=EVENTS,
    parts=("step",),
    stages=(GROWTH, MATURE),
    cadence="week",
    formula="of the users who reach a step of the funnel (entries of the period), the share that does not reach the next in time",
    ripeness=WINDOW_WATCHED,
    counter=("average_order_value",),
    references=(KPIS_101, NOTE),
    sources_wrong="Who is still inside the window has not dropped off; the sources count them so.",
    use=ACTIONABLE,
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
