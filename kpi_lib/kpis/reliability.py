"""Reliability: how much of the time the product is up, how fast it answers, how often it fails and how soon it is back."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import PERCENTILES
from kpi_lib.core.errors import UsageError
from kpi_lib.core.exposure import BETWEEN_FAILURES, TO_FAILURE, UPTIME
from kpi_lib.core.measure import RATIO
from kpi_lib.core.period import Grid
from kpi_lib.core.units import DOWN, SECONDS, SHARE, UP
from kpi_lib.core.units import RATIO as QUOTIENT
from kpi_lib.kpis.registry import ACTIONABLE, CONTEXTUAL, GEEKS, KPIS_101, MATURE, NOTE, STANDARD, ChoiceNeeded, kpi
from kpi_lib.shapes.outages import PLANNED, failures, in_use, outages
from kpi_lib.shapes.records import MICRO, over, rows

STABILITY = f"{KPIS_101}: performance and stability"
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
NO_FAILURE = "Without a failure there is no mean but a lower bound (95 %): a third of the time, by the rule of three."
REPAIRED = "Incidents count in the period in which they end; open ones are in none yet."
LATENCY = ("requests.time", "requests.kind", "requests.latency_ms")

act = partial(kpi, stages=(MATURE,), cadence="month", use=ACTIONABLE)
speed = partial(
    act, unit=SECONDS, direction=DOWN, measure=PERCENTILES, parts=("percentile",), headline=("p95",),
    inputs=LATENCY, ripeness=AT_ONCE, counter=("app_error_rate",),
)  # fmt: skip


@act(
    title="Uptime",
    unit=SHARE,
    direction=UP,
    measure=UPTIME,
    inputs=("incidents.start", "incidents.end"),
    formula="1 - time covered by incidents (overlaps once; planned_kinds left out) / time of the period that was watched",
    ripeness="An incident that has not ended counts as down until now; a period that is not over is marked partial.",
    counter=("release_velocity",),
    references=(STABILITY, f"{NOTE}: quality and performance", f"{GEEKS}: operational"),
    sources_wrong="One source puts uptime and response time into one KPI, another takes a server that is up for a service that "
    "is. 99.9 % of 30 days leaves 43.2 minutes; two incidents at once are one outage.",
)
def uptime(data: Dataset, grid: Grid, *, planned_kinds: Sequence[str] = PLANNED) -> pl.LazyFrame:
    """What share of the time the product was up. One row per incident and period; `down` = microseconds that it adds."""
    return outages(data, grid, planned_kinds)


@speed(
    title="Site response time",
    formula='p50, p95 and p99 of the latency of requests of kind "page" in the period, from the single requests',
    references=(STABILITY, f"{GEEKS}: operational"),
    sources_wrong="One line with API latency in one source, with uptime in another. A mean hides the slow ones: of 95 answers "
    "in 0.1 s and 5 in 10 s it says 0.6 s, and p99 says 10 s. Percentiles of days are never averaged.",
)
def site_response_time(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long pages take, for half of the requests and for the slowest. One row per request and percentile; `key` = seconds."""
    return _latency(data, "page")


@speed(
    title="API latency",
    formula='p50, p95 and p99 of the latency of requests of kind "api" in the period, from the single requests',
    references=(STABILITY, STANDARD),
    sources_wrong="One line with site response time in the source: what the server takes and what the visitor waits.",
)
def api_latency(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long the server takes to answer. One row per request and percentile; `key` = seconds."""
    return _latency(data, "api")


@act(
    title="Apdex (T = apdex_seconds, 0.5 s unless set)",
    unit=QUOTIENT,
    direction=UP,
    measure=RATIO,
    inputs=("requests.time", "requests.latency_ms"),
    formula="(requests answered within T + half of those answered within 4 T) / requests with a latency, in the period; "
    "T = apdex_seconds; what failed (failed_from_status, 500, or more) satisfies nobody, however fast",
    ripeness=AT_ONCE,
    counter=("app_error_rate",),
    references=("Apdex technical specification 1.1", STANDARD),
    sources_wrong="",
)
def apdex(data: Dataset, grid: Grid, *, apdex_seconds: float = 0.5, failed_from_status: int = 500) -> pl.LazyFrame:
    """How content users are with the speed, from 0 to 1. One row per request; num = 2, 1 or 0, den = 2."""
    if apdex_seconds <= 0:
        raise UsageError(f"apdex_seconds is {apdex_seconds}; it must be a number of seconds above 0, as in 0.5.")
    took = pl.col("latency_ms")
    points = (took <= apdex_seconds * 1_000).cast(pl.Int64) + (took <= apdex_seconds * 4_000).cast(pl.Int64)
    if "status" in data.columns("requests"):
        points = pl.when(pl.col("status") >= failed_from_status).then(pl.lit(0, pl.Int64)).otherwise(points)
    return rows(data, "requests", where=took.is_not_null(), num=points, den=pl.lit(2, pl.Int64))


@act(
    title="Mean time between failures",
    unit=SECONDS,
    direction=UP,
    measure=BETWEEN_FAILURES,
    inputs=("incidents.start", "incidents.end"),
    formula="time up in the period / incidents that start in it (planned_kinds left out); without a failure no value",
    ripeness=f"{AT_ONCE} {NO_FAILURE}",
    counter=("release_velocity",),
    references=(STABILITY,),
    sources_wrong='The source writes "or MTTF": that is for what is thrown away when it fails, this for what is repaired.',
)
def mtbf(data: Dataset, grid: Grid, *, planned_kinds: Sequence[str] = PLANNED) -> pl.LazyFrame:
    """How long the product runs between failures. One row per incident and period; `down`, `failures`."""
    return outages(data, grid, planned_kinds)


@act(
    title="Mean time to failure",
    unit=SECONDS,
    direction=UP,
    measure=TO_FAILURE,
    inputs=("units.unit_id", "units.start", "units.failed"),
    formula="time in use of all units in the period / units that failed in it; units still in use give their time",
    ripeness=f"{AT_ONCE} {NO_FAILURE}",
    counter=("mtbf",),
    references=(STABILITY,),
    sources_wrong="Named as if it were MTBF. Units that have not failed belong in: averaging only those that did halves it or worse.",
    use=CONTEXTUAL,
)
def mttf(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long a unit that is not repaired lasts. One row per unit and period; `exposure` in microseconds, `failures`."""
    return in_use(data, grid)


@act(
    title="Mean time to repair",
    unit=SECONDS,
    direction=DOWN,
    measure=RATIO,
    inputs=("incidents.repair_start", "incidents.end"),
    formula="mean of end - repair_start over the incidents that end in the period (planned_kinds left out)",
    ripeness=REPAIRED,
    counter=("mtbf",),
    references=(STABILITY,),
    sources_wrong="The source writes one MTTR for repair (work on it) and resolution (from the start): the clock must be named.",
)
def mttr_repair(data: Dataset, grid: Grid, *, planned_kinds: Sequence[str] = PLANNED) -> pl.LazyFrame:
    """How long the work on an incident takes. One row per ended incident; num = microseconds."""
    return _lasted(data, "repair_start", planned_kinds)


@act(
    title="Mean time to resolution",
    unit=SECONDS,
    direction=DOWN,
    measure=RATIO,
    inputs=("incidents.start", "incidents.end"),
    formula="mean of end - start (or detected, by resolution_clock) over the incidents that end in the period",
    ripeness=REPAIRED,
    counter=("mtbf",),
    references=(STABILITY, STANDARD),
    sources_wrong="The source writes one MTTR for repair and resolution. Down from 10:00, worked on from 10:40, up at 11:00: "
    "resolved in 60 minutes, repaired in 20.",
)
def mttr_resolution(
    data: Dataset, grid: Grid, *, resolution_clock: str = "start", planned_kinds: Sequence[str] = PLANNED
) -> pl.LazyFrame:
    """How long an incident lasts for users. One row per ended incident; num = microseconds."""
    if resolution_clock not in ("start", "detected") or resolution_clock not in data.columns("incidents"):
        raise ChoiceNeeded(
            f'resolution_clock = "{resolution_clock}" is not possible: write "start", or "detected" where known.'
        )
    return _lasted(data, resolution_clock, planned_kinds)


def _lasted(data: Dataset, clock: str, planned: Sequence[str]) -> pl.LazyFrame:
    ended = failures(data, planned).filter(pl.col("end").is_not_null() & pl.col(clock).is_not_null())
    spent = (pl.col("end") - pl.col(clock)).dt.total_microseconds()
    return ended.select(*data.carried("incidents"), time=pl.col("end"), num=spent, den=pl.lit(MICRO, pl.Int64))


def _latency(data: Dataset, kind: str) -> pl.LazyFrame:
    known = (pl.col("kind") == kind) & pl.col("latency_ms").is_not_null()
    found = rows(data, "requests", where=known, key=over(pl.col("latency_ms"), 1_000))
    return found.with_columns(percentile=pl.lit(["p50", "p95", "p99"])).explode("percentile")
