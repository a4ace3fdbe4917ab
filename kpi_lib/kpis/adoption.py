"""Adoption: who uses which feature, how often, and what goes with it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import PROPORTION, RATIO
from kpi_lib.core.period import INSTANT, Grid, local_date
from kpi_lib.core.units import PER_USER, SHARE, UP, duration
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    UNDERSTANDING,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, first_events, qualifying
from kpi_lib.shapes.adoption import NO_FEATURES, feature_users
from kpi_lib.shapes.records import rows

EVENTS = ("events.user_id", "events.event", "events.time")
FEATURES = f"{KPIS_101}: feature adoption and usage"
LAST = datetime(9999, 12, 31, tzinfo=UTC)
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."


@kpi(
    title="Feature adoption rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    parts=("feature",),
    stages=(EARLY, GROWTH),
    cadence="week",
    formula="distinct active users who used the feature ([features]) at least feature_min_uses times / distinct active users who could "
    "see it (active at or after features.launched, where it is known)",
    ripeness=AT_ONCE,
    counter=("feature_engagement_depth",),
    references=(FEATURES, f"{GEEKS}: engagement", f"{UNDERSTANDING}: usage"),
    sources_wrong="The sources leave the base open: all, active or eligible users. Here: users active in the period since the launch.",
    use=ACTIONABLE,
)
def feature_adoption_rate(
    data: Dataset, grid: Grid, *, feature_min_uses: int = 1, active_events: Sequence[str] = ANY
) -> pl.LazyFrame:
    """What share of those who could see a feature uses it. One row per such user, period and feature; `hit` = uses it."""
    return _uses(data, grid, active_events).with_columns(hit=pl.col("num") >= feature_min_uses)


@kpi(
    title="Feature usage frequency",
    unit=PER_USER,
    direction=UP,
    measure=RATIO,
    inputs=EVENTS,
    parts=("feature",),
    stages=(GROWTH,),
    cadence="week",
    formula="uses of a feature ([features]) in the period / distinct users active in it who could see the feature (= adoption x depth)",
    ripeness=AT_ONCE,
    counter=("feature_adoption_rate",),
    references=(FEATURES, f"{UNDERSTANDING}: usage"),
    sources_wrong="Active users or users of the feature: the base must be named. Here: active users.",
    use=ACTIONABLE,
)
def feature_usage_frequency(data: Dataset, grid: Grid, *, active_events: Sequence[str] = ANY) -> pl.LazyFrame:
    """How often an active user uses a feature. One row per active user, period and feature; num = uses, den = 1."""
    return _uses(data, grid, active_events).with_columns(den=pl.lit(1, pl.Int64))


@kpi(
    title="Feature engagement among its users",
    unit=PER_USER,
    direction=UP,
    measure=RATIO,
    inputs=EVENTS,
    parts=("feature",),
    stages=(GROWTH,),
    cadence="week",
    formula="uses of the feature ([features]) in the period / distinct users of the feature in it",
    ripeness=AT_ONCE,
    counter=("feature_adoption_rate",),
    references=(f"{UNDERSTANDING}: usage",),
    sources_wrong="",
    use=ACTIONABLE,
)
def feature_engagement_depth(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much those who use a feature use it. One row per user of the feature and period; num = uses, den = 1."""
    return _uses(data, grid, ANY).filter(pl.col("num") > 0).with_columns(den=pl.lit(1, pl.Int64))


@kpi(
    title="Product adoption rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=EVENTS,
    stages=(EARLY,),
    cadence="week",
    formula="new users with adoption_events on adoption_days (3) distinct days within adoption_within (30d) of their sign-up "
    "(without one: their first event) / new users",
    ripeness="A new user counts once adoption_within has passed since; younger ones are counted as unripe.",
    counter=("activation_rate",),
    references=(UNDERSTANDING,),
    sources_wrong="The source does not define it. It is neither the first use (activation_rate) nor that of a feature.",
    use=ACTIONABLE,
)
def product_adoption_rate(
    data: Dataset,
    grid: Grid,
    *,
    adoption_events: Sequence[str] = ANY,
    adoption_days: int = 3,
    adoption_within: str = "30d",
) -> pl.LazyFrame:
    """What share of new users makes the product a habit. One row per new user; `hit` = used it on enough days."""
    within = duration(adoption_within)
    signed = "signup_ts" in data.columns("users")
    entries = rows(data, "users", time="signup_ts") if signed else first_events(data)
    events = qualifying(data, adoption_events).select("user_id", at=pl.col("time"))
    inside = (pl.col("at") >= pl.col("time")) & (pl.col("at") <= pl.col("time") + within)
    keys = ["user_id", "time"]
    met = events.join(entries.select(keys), on="user_id").filter(inside)
    days = met.select(*keys, day=local_date(pl.col("at"), data.zone)).unique().group_by(keys).len("days")
    found = entries.join(days, on=keys, how="left").with_columns(hit=pl.col("days").fill_null(0) >= adoption_days)
    kept = [*keys, *[c for c in data.by if c in entries.collect_schema().names()], "hit"]
    return found.select(kept).with_columns(ripe=pl.col("time") + within <= data.observed_until)


@kpi(
    title="Product update adoption rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("events.user_id", "events.time", "events.version", "releases.version", "releases.time"),
    parts=("version",),
    stages=(GROWTH, MATURE),
    cadence="month",
    formula="users whose last event within update_within (14d) of a release comes from that version or a later one / users with "
    "an event in that time, over the releases of the period",
    ripeness="A release counts once update_within has passed since; the users of younger ones are counted as unripe.",
    counter=("app_error_rate",),
    references=(FEATURES,),
    sources_wrong="The source pools features and updates; that a version is there does not mean that anything in it is used.",
    use=ACTIONABLE,
)
def update_adoption_rate(data: Dataset, grid: Grid, *, update_within: str = "14d") -> pl.LazyFrame:
    """How far an update has come. One row per release and user active after it; `hit` = has it. Order is that of release times."""
    within = duration(update_within)
    known = pl.col("version").is_not_null()
    out = rows(data, "releases", where=known, version=pl.col("version")).group_by("version").agg(pl.col("time").min())
    carried = data.carried("events")
    seen = (
        data.known("events").filter(known).select("user_id", *carried, at="time", on=pl.col("version").cast(pl.String))
    )
    # the releases whose time is running at an event stand side by side in the order of time: a run of them, up to the
    # first one that still waits at the user's next event, whose last event this one is not
    outs = out.sort("time", "version").collect()
    edges, at = pl.lit(outs["time"].to_physical()), pl.col("at").to_physical()
    length = pl.lit(within // timedelta(microseconds=1), pl.Int64)
    keys = ["user_id", *carried]
    ordered = seen.sort(*keys, "at", nulls_last=True) if carried else seen
    same = pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift(-1)) for key in keys)
    following = pl.when(same.fill_null(False)).then(pl.col("at").shift(-1)).otherwise(pl.lit(LAST, INSTANT))
    following = pl.when(following > pl.col("at")).then(following).backward_fill()
    run = {
        "first": edges.search_sorted(at - length, side="left"),
        "stop": pl.min_horizontal(
            edges.search_sorted(at, side="right"), edges.search_sorted(following.to_physical() - length, side="left")
        ),
    }
    inside = ordered.with_columns(**run).filter(pl.col("first") < pl.col("stop"))
    dated = inside.join(out.select(on="version", since="time"), on="on", how="left")
    # who has a version before it is out has a test build, and counts as having none
    dated = dated.with_columns(since=pl.when(pl.col("since") <= pl.col("at")).then("since"))
    met = dated.with_columns(release=pl.int_ranges("first", "stop", dtype=pl.UInt32)).explode("release")
    last = met.group_by(*keys, "release").agg(pl.col("since").max())
    released = outs.lazy().with_row_index("release").select("release", "version", "time")
    hit = (pl.col("since") >= pl.col("time")).fill_null(False)
    found = last.join(released, on="release").with_columns(hit=hit, ripe=pl.col("time") + within <= data.observed_until)
    return found.drop("release", "since")


def _uses(data: Dataset, grid: Grid, active_events: Sequence[str]) -> pl.LazyFrame:
    """One row per user who could see a feature, period and feature: num = uses of it."""
    if not data.features:
        raise ChoiceNeeded(NO_FEATURES)
    return feature_users(data, grid, events=active_events)
