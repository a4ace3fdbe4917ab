"""Adoption: who uses which feature, how often, and what goes with it."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import PROPORTION, RATIO
from kpi_lib.core.period import Grid
from kpi_lib.core.units import PER_USER, SHARE, UP
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    UNDERSTANDING,
    ChoiceNeeded,
    kpi,
)
from kpi_lib.shapes.activity import ANY, distinct, placed, qualifying

EVENTS = ("events.user_id", "events.event", "events.time")
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
    formula="distinct active users who used the feature at least feature_min_uses times / distinct active users",
    ripeness=AT_ONCE,
    counter=("feature_engagement_depth",),
    references=(KPIS_101, GEEKS, UNDERSTANDING),
    sources_wrong="The sources leave the base open: all, active or eligible users. Here: users active in the period.",
    use=ACTIONABLE,
)
def feature_adoption_rate(
    data: Dataset, grid: Grid, *, feature_min_uses: int = 1, active_events: Sequence[str] = ANY
) -> pl.LazyFrame:
    """What share of active users uses a feature. One row per active user, period and feature; `hit` = uses it."""
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
    formula="feature uses in the period / distinct users active in it (= adoption x depth)",
    ripeness=AT_ONCE,
    counter=("feature_adoption_rate",),
    references=(KPIS_101, UNDERSTANDING),
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
    formula="feature uses in the period / distinct users of the feature in it",
    ripeness=AT_ONCE,
    counter=("feature_adoption_rate",),
    references=(UNDERSTANDING,),
    sources_wrong="",
    use=ACTIONABLE,
)
def feature_engagement_depth(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much those who use a feature use it. One row per user of the feature and period; num = uses, den = 1."""
    return _uses(data, grid, ANY).filter(pl.col("num") > 0).with_columns(den=pl.lit(1, pl.Int64))


def _uses(data: Dataset, grid: Grid, active_events: Sequence[str]) -> pl.LazyFrame:
    """One row per active user, period and feature: num = uses of the feature."""
    if not data.features:
        raise ChoiceNeeded(
            'no features are declared: name them under [features] in kpi.toml, as in search = ["search"].'
        )
    named = [(name, event) for name, events in data.features.items() for event in dict.fromkeys(events)]
    features = pl.DataFrame(named, schema={"feature": pl.String, "event": pl.String}, orient="row").lazy()
    keys = ["user_id", *data.carried(data.activity), "period"]
    used = (
        placed(qualifying(data).select("time", "event", *keys[:-1]), grid)
        .join(features, on="event")
        .group_by(*keys, "feature")
        .agg(num=pl.len().cast(pl.Int64))
    )
    active = (
        placed(distinct(data, grid, events=active_events), grid)
        .select(keys)
        .join(features.select("feature").unique(), how="cross")
    )
    met = active.join(used, on=[*keys, "feature"], how="left", nulls_equal=True)
    return met.with_columns(pl.col("num").fill_null(0))
