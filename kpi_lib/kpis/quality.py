"""Quality: what fails in use, what testing finds before, and how soon it is mended."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import MEDIAN_TIME
from kpi_lib.core.measure import COUNT, PROPORTION, RATE
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, SECONDS, SHARE, UP, duration
from kpi_lib.core.units import COUNT as ITEMS
from kpi_lib.core.units import RATIO as QUOTIENT
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
    GEEKS,
    MATURE,
    NOTE,
    STANDARD,
    VANITY,
    ChoiceNeeded,
    kpi,
)  # fmt: skip
from kpi_lib.shapes.activity import placed
from kpi_lib.shapes.records import MICRO, fixed, last_of_each, rows, standing, waiting

TESTING = f"{CLICKUP}: product quality"
MAKING = f"{GEEKS}: product development"
REJECTED = ("rejected", "duplicate")
SEVERE = ("blocker", "critical", "major")
RUNS = ("tests.run_id", "tests.test_id", "tests.time", "tests.result")
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
FOLLOWED = (
    "A release counts once defect_follow_up has passed since: a fresh one always looks good; until then it is unripe."
)

act = partial(kpi, stages=(MATURE,), cadence="month", use=ACTIONABLE)
beside = partial(kpi, stages=(), cadence="month", ripeness=AT_ONCE)


@act(
    title="Error rate in production",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=("requests.time", "requests.status"),
    formula="requests answered with failed_from_status (500) or more / requests with a status, in the period",
    ripeness=AT_ONCE,
    counter=("release_velocity",),
    references=(f"{NOTE}: quality and performance",),
    sources_wrong="The source puts frequency and severity into one figure: this is how often (2 of 100 requests are 2 %); "
    "severe_defects is how bad.",
)
def app_error_rate(data: Dataset, grid: Grid, *, failed_from_status: int = 500) -> pl.LazyFrame:
    """What share of requests fails. One row per request; `hit` = failed."""
    known = pl.col("status").is_not_null()
    return rows(data, "requests", where=known, hit=pl.col("status") >= failed_from_status)


@act(
    title="Defect density",
    unit=QUOTIENT,
    direction=DOWN,
    measure=RATE(MICRO),
    inputs=("defects.release", "defects.opened", "code_size.release", "releases.release_id", "releases.time"),
    formula="defects of the releases of the period opened up to defect_follow_up after them, rejected ones left out / size of "
    'these releases in density_size ("kloc" or "story_points")',
    ripeness="A release counts as it stands; until defect_follow_up has passed since, the figure is ripening.",
    counter=("release_velocity",),
    references=(MAKING,),
    sources_wrong='"Defect rate" means three things: errors that users meet, defects per unit of work (this one), failed tests.',
)
def defect_density(
    data: Dataset, grid: Grid, *, density_size: str = "kloc", defect_follow_up: str = "90d",
    rejected_statuses: Sequence[str] = REJECTED,
) -> pl.LazyFrame:  # fmt: skip
    """How many defects a release has for its size. One row per release; num = defects, den = size, both in millionths."""
    if density_size not in ("kloc", "story_points") or density_size not in data.columns("code_size"):
        raise ChoiceNeeded(
            f'density_size = "{density_size}" is no column of code_size: write "kloc" or "story_points".'
        )
    size = data.known("code_size").group_by("release").agg(den=fixed(pl.col(density_size)).sum())
    last = pl.col("time") + duration(defect_follow_up)
    shipped = rows(data, "releases", release=pl.col("release_id"), open=last > data.observed_until)
    found = _confirmed(data, rejected_statuses).join(shipped, on="release").filter(pl.col("opened") <= last)
    counted = found.group_by("release").agg(num=pl.len().cast(pl.Int64) * MICRO)
    met = shipped.join(size, on="release").join(counted, on="release", how="left")
    return met.with_columns(pl.col("num").fill_null(0)).filter(pl.col("den") > 0).drop("release")


@act(
    title="Test failure rate",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=RUNS,
    formula="tests whose last result in a run is failed / tests passed or failed, in the period; skipped ones left out",
    ripeness=AT_ONCE,
    counter=("tests_executed",),
    references=(TESTING,),
    sources_wrong="The source calls the number of failed tests the defect rate: a count is no rate, and one defect fails many "
    "tests. 12 of 400 failed are 3 %.",
)
def failed_tests(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share of tests fails. One row per test and run; `hit` = failed."""
    return _results(data, grid).with_columns(hit=pl.col("result") == "failed")


@beside(
    title="Open defects",
    unit=ITEMS,
    direction=DOWN,
    measure=COUNT,
    inputs=("defects.opened", "defects.closed"),
    formula="defects opened before the end of the period and not closed before it, rejected ones left out",
    counter=("bug_resolution_time",),
    references=(TESTING,),
    sources_wrong="",
    use=ACTIONABLE,
)
def active_defects(data: Dataset, grid: Grid, *, rejected_statuses: Sequence[str] = REJECTED) -> pl.LazyFrame:
    """How many defects stand at the end of a period. One row per defect and run of periods."""
    kept = _not_rejected(data, rejected_statuses)
    return standing(data, grid, "defects", begin="opened", end="closed", where=kept)


@beside(
    title="Rejected defects",
    unit=ITEMS,
    direction=DOWN,
    measure=COUNT,
    inputs=("defects.opened", "defects.status"),
    formula="defects reported in the period that turned out to be none (rejected_statuses)",
    counter=("active_defects",),
    references=(TESTING,),
    sources_wrong="A count without its base: look at it beside the defects reported.",
    use=ACTIONABLE,
)
def rejected_defects(data: Dataset, grid: Grid, *, rejected_statuses: Sequence[str] = REJECTED) -> pl.LazyFrame:
    """How many reports were no defects. One row per rejected report."""
    return rows(data, "defects", time="opened", where=pl.col("status").is_in(list(rejected_statuses)))


@beside(
    title="Severe defects",
    unit=ITEMS,
    direction=DOWN,
    measure=COUNT,
    inputs=("defects.opened", "defects.severity"),
    formula="defects opened in the period whose severity is one of severe, rejected ones left out",
    counter=("bug_resolution_time",),
    references=(TESTING, f"{NOTE}: quality and performance"),
    sources_wrong="",
    use=ACTIONABLE,
)
def severe_defects(
    data: Dataset, grid: Grid, *, severe: Sequence[str] = SEVERE, rejected_statuses: Sequence[str] = REJECTED
) -> pl.LazyFrame:
    """How many grave defects came up. One row per severe defect."""
    grave = pl.col("severity").is_in(list(severe)) & _not_rejected(data, rejected_statuses)
    return rows(data, "defects", time="opened", where=grave)


@act(
    title="Defect detection effectiveness",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("defects.opened", "defects.found_by", "defects.release", "releases.release_id", "releases.time"),
    formula="defects found by the team up to the release / all defects of the release found within defect_follow_up after it, "
    "rejected ones left out, over the releases of the period",
    ripeness=FOLLOWED,
    counter=("release_velocity",),
    references=(TESTING, STANDARD),
    sources_wrong="Right as it stands (90 by the team and 10 by users are 90 %), but it names neither the release nor how long "
    "users have had to find what is left.",
)
def defect_detection_effectiveness(
    data: Dataset, grid: Grid, *, defect_follow_up: str = "90d", rejected_statuses: Sequence[str] = REJECTED
) -> pl.LazyFrame:
    """What share of defects testing finds before users do. One row per defect; `hit` = found in time by the team."""
    after = duration(defect_follow_up)
    shipped = rows(data, "releases", release=pl.col("release_id"), ripe=pl.col("time") + after <= data.observed_until)
    met = _confirmed(data, rejected_statuses).join(shipped, on="release")
    inside = met.filter(pl.col("opened") <= pl.col("time") + after)
    hit = ((pl.col("found_by") == "team") & (pl.col("opened") <= pl.col("time"))).fill_null(False)
    return inside.with_columns(hit=hit).drop("release", "opened", "found_by")


@beside(
    title="Tests executed",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=RUNS,
    formula="tests passed or failed in the period, each once a run",
    counter=("failed_tests",),
    references=(TESTING,),
    sources_wrong="The source calls it the velocity KPI; in the field velocity is work done in a sprint. 300 + 100 is a count of tests.",
    use=VANITY,
)
def tests_executed(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many tests ran; more of them is no better quality. One row per test and run."""
    return _results(data, grid)


@beside(
    title="Tests passed",
    unit=ITEMS,
    direction=UP,
    measure=COUNT,
    inputs=RUNS,
    formula="tests whose last result in a run is passed, in the period",
    counter=("failed_tests",),
    references=(TESTING,),
    sources_wrong="A count alone misleads: it grows with the tests. The rate is 1 - failed_tests.",
    use=ACTIONABLE,
)
def tests_passed(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many tests passed. One row per passed test and run."""
    return _results(data, grid).filter(pl.col("result") == "passed")


@beside(
    title="Share of automated tests",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("tests.test_id", "tests.time", "tests.automated"),
    formula="automated test cases / test cases that ran in the period (each case once, not each run)",
    counter=("failed_tests",),
    references=(TESTING,),
    sources_wrong="The source does not say whether cases or runs count; runs would let one nightly test outweigh all others.",
    use=CONTEXTUAL,
)
def test_automation_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share of test cases runs by itself. One row per test case and period; `hit` = automated."""
    known = pl.col("automated").is_not_null()
    ran = placed(rows(data, "tests", where=known, case=pl.col("test_id"), hit=pl.col("automated")), grid)
    return last_of_each(ran, "case", "period").drop("case", "time")


@act(
    title="Bug resolution time (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=MEDIAN_TIME,
    inputs=("defects.opened", "defects.closed"),
    formula="median of closed - opened over the defects opened in the period, rejected ones left out",
    ripeness="Defects that are open count as still waiting (Kaplan-Meier); while there are any, the figure is ripening.",
    counter=("active_defects",),
    references=(MAKING, STANDARD),
    sources_wrong="The source calls a duration a rate. Looking at closed defects only flatters: closed after 1, 3 and 20 days and two "
    "still open, half are closed after 20 days; the mean of what is closed says 8.",
)
def bug_resolution_time(data: Dataset, grid: Grid, *, rejected_statuses: Sequence[str] = REJECTED) -> pl.LazyFrame:
    """How long half of the defects stay open. One row per defect; `key` = seconds watched, `ended` = closed."""
    kept = _not_rejected(data, rejected_statuses)
    return rows(data, "defects", time="opened", where=kept, **waiting(data, "opened", "closed"))


@act(
    title="Bug resolution rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("defects.opened", "defects.closed"),
    formula="defects opened in the period and closed within bug_within / defects opened in the period, rejected ones left out",
    ripeness="A defect counts once bug_within has passed since it was opened; younger ones are counted as unripe.",
    counter=("defect_detection_effectiveness",),
    references=(MAKING, STANDARD),
    sources_wrong="The name as its source prints it, whose text describes a time (bug_resolution_time). Closed after 1, 3 and 20 days "
    "and two still open: 2 of 5 within 14 days, 40 %.",
)
def bug_resolution_rate(
    data: Dataset, grid: Grid, *, bug_within: str = "14d", rejected_statuses: Sequence[str] = REJECTED
) -> pl.LazyFrame:
    """What share of defects is mended in time. One row per defect; `hit` = closed in time."""
    due = pl.col("opened") + duration(bug_within)
    hit = (pl.col("closed") <= due).fill_null(False)
    kept = _not_rejected(data, rejected_statuses)
    return rows(data, "defects", time="opened", where=kept, hit=hit, ripe=due <= data.observed_until)


def _not_rejected(data: Dataset, statuses: Sequence[str]) -> pl.Expr:
    if "status" not in data.columns("defects"):
        return pl.lit(True)
    return ~pl.col("status").is_in(list(statuses)).fill_null(False)


def _confirmed(data: Dataset, statuses: Sequence[str]) -> pl.LazyFrame:
    there = [c for c in ("release", "opened", "found_by") if c in data.columns("defects")]
    return data.known("defects").filter(_not_rejected(data, statuses)).select(there)


def _results(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """One row per test, run and period with its last result; flaky repeats within a run count once in a period."""
    decided = pl.col("result").is_in(["passed", "failed"])
    ran = rows(data, "tests", where=decided, run=pl.col("run_id"), case=pl.col("test_id"), result=pl.col("result"))
    return last_of_each(placed(ran, grid), "case", "run", "period").drop("case", "run", "time")
