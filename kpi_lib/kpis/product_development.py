"""Product development: how often something new is released, how long it takes, and how far the goals are."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import QUANTILE
from kpi_lib.core.measure import COUNT, QUOTIENT
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, SECONDS, SHARE, UP
from kpi_lib.core.units import COUNT as RELEASES
from kpi_lib.kpis.registry import ACTIONABLE, CLICKUP, CONTEXTUAL, GEEKS, GROWTH, MATURE, kpi
from kpi_lib.shapes.records import fixed, rows, seconds

MAKING = f"{GEEKS}: product development"
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."


@kpi(
    title="Release velocity",
    unit=RELEASES,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("releases.release_id", "releases.time"),
    stages=(),
    cadence="month",
    formula="releases in the period (by kind: features and fixes apart)",
    ripeness=AT_ONCE,
    counter=("defect_density",),
    references=(MAKING,),
    sources_wrong='Another source calls tests executed "velocity": 400 of them are tests_executed, whatever was released.',
    use=CONTEXTUAL,
)
def release_velocity(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often something is released. One row per release."""
    return rows(data, "releases")


@kpi(
    title="Time to market (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=QUANTILE(0.5),
    inputs=("features.feature", "features.started", "features.launched"),
    stages=(GROWTH, MATURE),
    cadence="quarter",
    formula="median of launched - started over the features launched in the period; started = when work on it was begun",
    ripeness="Features count when they are launched; those still in work are in no figure yet.",
    counter=("defect_density",),
    references=(MAKING,),
    sources_wrong="The source leaves the start open: idea, decision or first work. Here: the instant that the table calls started.",
    use=ACTIONABLE,
)
def time_to_market(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long it takes from the start of work to the launch. One row per launched feature; `key` = seconds."""
    known = pl.col("started").is_not_null()
    return rows(data, "features", time="launched", where=known, key=seconds(pl.col("launched") - pl.col("started")))


@kpi(
    title="Goal progress",
    unit=SHARE,
    direction=UP,
    measure=QUOTIENT,
    inputs=("goals.goal", "goals.target", "goals.type", "goals.target_value", "goals.current_value"),
    parts=("goal",),
    stages=(),
    cadence="month",
    formula="sum of weight x progress / sum of weights over a goal's targets; progress = (current - start) / (target - start), "
    "within 0 and 1; a yes-or-no target is 0 or 1",
    ripeness="The state that the table gives, in every period between start and due: it holds no history.",
    counter=(),
    references=(CLICKUP,),
    sources_wrong="The source leaves the weights open (here: weight, else equal). Without the start value a falling target goes "
    "wrong: from 8 % churn to 4 %, now at 6 %, is half way, not 150 %.",
    use=ACTIONABLE,
)
def goal_progress(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How far each goal is. One row per target and period; num = weight x progress, den = weight, in millionths."""
    there = data.columns("goals")
    run = {
        "first": _edge(grid.stops, "start") if "start" in there else pl.lit(0, pl.Int32),
        "stop": _edge(grid.firsts, "due").fill_null(len(grid)) if "due" in there else pl.lit(len(grid), pl.Int32),
    }
    weight = pl.col("weight").fill_null(1.0) if "weight" in there else pl.lit(1.0)
    begin = pl.col("start_value").fill_null(0.0) if "start_value" in there else pl.lit(0.0)
    way = pl.col("target_value") - begin
    part = pl.when(way != 0).then((pl.col("current_value") - begin) / way)
    reached = (pl.col("current_value") >= pl.col("target_value")).cast(pl.Float64)
    progress = pl.when((pl.col("type") == "boolean") | (way == 0)).then(reached).otherwise(part).clip(0.0, 1.0)
    known = pl.col("current_value").is_not_null() & pl.col("target_value").is_not_null()
    columns = {"num": fixed(weight * progress), "den": fixed(weight)}
    return data.known("goals").filter(known).select("goal", *data.carried("goals"), **run, **columns)


def _edge(days: tuple[object, ...], column: str) -> pl.Expr:
    """How many of these days lie on or before the day in a column; null stays null for a due day, 0 for a start."""
    found = pl.lit(pl.Series(days, dtype=pl.Date)).search_sorted(pl.col(column), side="right").cast(pl.Int32)
    missing = pl.lit(0, pl.Int32) if column == "start" else pl.lit(None, pl.Int32)
    return pl.when(pl.col(column).is_null()).then(missing).otherwise(found)
