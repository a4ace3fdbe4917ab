"""Product development as deliveries: the five figures of DORA, of one application and for its own team, never as a ranking."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import MEDIAN_TIME, QUANTILE
from kpi_lib.core.measure import PER_DAY, PROPORTION
from kpi_lib.core.period import Grid
from kpi_lib.core.units import COUNT, DOWN, SECONDS, SHARE, UP, duration
from kpi_lib.kpis.registry import ACTIONABLE, GROWTH, MATURE, STANDARD, kpi
from kpi_lib.shapes.outages import PLANNED, failures, unplanned
from kpi_lib.shapes.records import rows, seconds, waiting

DORA = "DORA's software delivery performance metrics (dora.dev, January 2026)"
RELEASED = ("releases.release_id", "releases.time")
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."

delivered = partial(
    kpi, stages=(GROWTH, MATURE), cadence="month", ripeness=AT_ONCE, references=(DORA, STANDARD), use=ACTIONABLE,
    sources_wrong="",
)  # fmt: skip


@delivered(
    title="Deployment frequency",
    unit=COUNT,
    direction=UP,
    measure=PER_DAY,
    inputs=RELEASED,
    formula="releases of the period / its days that were watched",
    counter=("change_failure_rate",),
    sources_wrong="Lists of thresholds (elite, high …) change every year and contradict each other: compare with yourself.",
)
def deployment_frequency(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often a day something new reaches users. One row per release."""
    return rows(data, "releases")


@delivered(
    title="Lead time for changes (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=QUANTILE(0.5),
    inputs=(*RELEASED, "releases.committed"),
    formula="median of release - commit over the releases of the period; committed = when the first change in it was committed",
    counter=("change_failure_rate",),
)
def change_lead_time(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long a finished change waits until users have it. One row per release; `key` = seconds."""
    known = pl.col("committed").is_not_null()
    return rows(data, "releases", where=known, key=seconds(pl.col("time") - pl.col("committed")))


@delivered(
    title="Change failure rate",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=(*RELEASED, "incidents.start", "incidents.release"),
    formula="releases that led to an incident (incidents.release) which began within failure_within after them / releases of the period",
    ripeness="A release counts once failure_within has passed; younger ones are counted as unripe.",
    counter=("deployment_frequency",),
)
def change_failure_rate(
    data: Dataset, grid: Grid, *, failure_within: str = "7d", planned_kinds: Sequence[str] = PLANNED
) -> pl.LazyFrame:
    """What share of releases makes trouble. One row per release; `hit` = an incident of its own in time."""
    due = pl.col("time") + duration(failure_within)
    shipped = rows(data, "releases", release=pl.col("release_id"), ripe=due <= data.observed_until)
    broke = failures(data, planned_kinds).select("release", "start").drop_nulls()
    met = shipped.select("release", "time").join(broke, on="release")
    hit = met.filter(pl.col("start").is_between("time", due)).select("release").unique().with_columns(hit=pl.lit(True))
    return shipped.join(hit, on="release", how="left").with_columns(pl.col("hit").fill_null(False)).drop("release")


@delivered(
    title="Failed deployment recovery time (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=MEDIAN_TIME,
    inputs=("incidents.start", "incidents.end", "incidents.release"),
    formula="median of end - start over the incidents that begin in the period and that a release led to (incidents.release)",
    ripeness="Incidents that go on count as still waiting (Kaplan-Meier); while there are any, the figure is ripening.",
    counter=("change_failure_rate",),
    sources_wrong="Formerly called mean time to restore: DORA now takes only failures that a release led to; outages of other "
    "causes are in mttr_resolution.",
)
def failed_deployment_recovery_time(
    data: Dataset, grid: Grid, *, planned_kinds: Sequence[str] = PLANNED
) -> pl.LazyFrame:
    """How long users bear a release that failed. One row per incident; `key` = seconds watched, `ended`."""
    led = pl.col("release").is_not_null() & unplanned(data, planned_kinds)
    return rows(data, "incidents", time="start", where=led, **waiting(data, "start", "end"))


@delivered(
    title="Deployment rework rate",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=(*RELEASED, "releases.kind"),
    formula="releases whose kind is one of rework_kinds: unplanned, to mend what users met / releases of a known kind in the period",
    counter=("deployment_frequency",),
)
def deployment_rework_rate(
    data: Dataset, grid: Grid, *, rework_kinds: Sequence[str] = ("fix", "hotfix", "rollback")
) -> pl.LazyFrame:
    """What share of releases only mends earlier ones. One row per release; `hit` = rework."""
    known = pl.col("kind").is_not_null()
    return rows(data, "releases", where=known, hit=pl.col("kind").is_in(list(rework_kinds)))
