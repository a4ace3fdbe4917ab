"""Team: what teams get done and how people there feel; nothing here is about a person."""

from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, NPS, RATIO, TOTAL, hidden_below
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, SCORE, UP
from kpi_lib.core.units import COUNT as ITEMS
from kpi_lib.kpis.registry import ACTIONABLE, CLICKUP, CONTEXTUAL, GEEKS, VANITY, ChoiceNeeded, kpi
from kpi_lib.shapes.records import answers, mean_of, rows
from kpi_lib.shapes.teams import FEWEST, items, large, members, recipients, refuse_persons, stands

AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
RANKING = "Its source shows it by person: items differ in size, and a ranking harms. Here by team, from five people on."
ASKED = ("employee_surveys.kind", "employee_surveys.score", "employee_surveys.time")

work = partial(
    kpi,
    unit=ITEMS,
    parts=("team",),
    stages=(),
    cadence="week",
    ripeness=AT_ONCE,
    references=(CLICKUP,),
    sources_wrong=RANKING,
)
felt = partial(kpi, unit=SCORE, direction=UP, stages=(), cadence="quarter", ripeness=AT_ONCE)


@work(
    title="Tasks completed",
    direction=CONTEXT,
    measure=COUNT,
    inputs=("work_items.item_id", "work_items.assignee", "work_items.completed"),
    formula="work items completed in the period, by team; teams of fewer than five people are left out",
    counter=("overdue_tasks",),
    use=VANITY,
)
def tasks_completed(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much teams finish; items differ in size. One row per completed item."""
    done = items(data).filter(pl.col("completed").is_not_null()).select("team", time="completed")
    return _in_teams(done, data)


@work(
    title="Tasks worked on",
    direction=CONTEXT,
    measure=COUNT,
    inputs=("work_log.item_id", "work_log.date", "work_items.item_id", "work_items.assignee"),
    formula="distinct work items with activity in the period, by team; teams of fewer than five people are left out",
    counter=("tasks_completed",),
    use=VANITY,
)
def tasks_worked_on(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many things teams have in hand; many at once slow all of them. One row per item and period."""
    touched = data.known("work_log").select("item_id", period=grid.day_period(pl.col("date"))).unique()
    owners = items(data).select("item_id", "team")
    return _in_teams(touched.filter(pl.col("period").is_not_null()).join(owners, on="item_id").drop("item_id"), data)


@work(
    title="Workspace points",
    direction=CONTEXT,
    measure=TOTAL,
    inputs=("work_items.item_id", "work_items.assignee", "work_items.completed", "work_items.points"),
    formula="sum of the points of the work items completed in the period, by team; teams of fewer than five people are left out",
    counter=("overdue_tasks",),
    use=VANITY,
)
def workspace_points(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many points teams collect; each team deals its own. One row per completed item."""
    done = items(data).filter(pl.col("completed").is_not_null() & pl.col("points").is_not_null())
    # decimals add up the same in any order
    return _in_teams(done.select("team", time="completed", value=pl.col("points").cast(pl.Decimal(38, 4))), data)


@work(
    title="Overdue tasks",
    direction=DOWN,
    measure=COUNT,
    inputs=("work_items.item_id", "work_items.assignee", "work_items.due", "work_items.completed"),
    formula="work items due before the end of the period and not completed before it, by team; small teams are left out",
    counter=("tasks_completed",),
    use=ACTIONABLE,
)
def overdue_tasks(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much is late at the end of a period. One row per item and run of periods."""
    return _in_teams(items(data).select("team", **stands("due", "completed", data, grid)), data)


@work(
    title="Uncleared notifications",
    direction=DOWN,
    measure=COUNT,
    inputs=("notifications.member", "notifications.time", "notifications.cleared_ts"),
    formula="notifications not cleared at the end of the period, by team of the member; small teams are left out",
    counter=("overdue_tasks",),
    use=VANITY,
)
def uncleared_notifications(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many notifications wait, an artefact of the tool. One row per notification and run of periods."""
    people = recipients(data)
    waits = data.known("notifications").select(person="member", **stands("time", "cleared_ts", data, grid))
    return _in_teams(waits.join(people, on="person").drop("person"), data, people)


@felt(
    title="Employee satisfaction",
    measure=hidden_below(FEWEST, RATIO),
    inputs=ASKED,
    formula='mean of the answers of kind "satisfaction" on 1-5, the last of each person; hidden below 5 answers',
    counter=("employee_engagement",),
    references=(f"{GEEKS}: operational",),
    sources_wrong="Never pooled with customers' satisfaction (csat_mean).",
    use=ACTIONABLE,
)
def employee_satisfaction_score(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How satisfied the people who make the product are. One row per person and period; num = score."""
    found = answers(data, grid, "satisfaction", (1, 5), table="employee_surveys", who="employee_id")
    return found.with_columns(**mean_of(pl.col("score")))


@felt(
    title="Net promoter score of the development team",
    measure=hidden_below(FEWEST, NPS),
    inputs=ASKED,
    formula='100 x (answers 9-10 - answers 0-6) / answers of kind "enps" on 0-10, the last of each person; hidden below 5 answers',
    counter=("employee_satisfaction_score",),
    references=(f"{GEEKS}: product development",),
    sources_wrong="The same formula for other people: internal answers are never pooled with those of customers (nps).",
    use=CONTEXTUAL,
    signed=True,
)
def dev_team_nps(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Whether people inside would recommend working here; few are asked. One row per person and period; `score` = 0 to 10."""
    return answers(data, grid, "enps", (0, 10), table="employee_surveys", who="employee_id")


@felt(
    title="Mean of ratings from 1 to 5",
    measure=RATIO,
    inputs=("surveys.kind", "surveys.score", "surveys.time"),
    formula='sum of ratings / ratings of kind "rating" on 1-5 in the period',
    counter=(),
    references=(GEEKS,),
    sources_wrong="The source divides answers by ratings, which is always 1: 5, 4, 4, 3 are 4.0. Its bands (3.5 accepted, 4.0 good, "
    "4.2 very good) have no source and are no target for other KPIs.",
    use=CONTEXTUAL,
)
def kpi_rating_score(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What a rating from 1 to 5 is on average. One row per rating; num = rating."""
    valid = (pl.col("kind") == "rating") & pl.col("score").is_between(1, 5)
    return rows(data, "surveys", where=valid, score=pl.col("score")).with_columns(**mean_of(pl.col("score")))


def _in_teams(units: pl.LazyFrame, data: Dataset, people: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """The units of teams of at least five people."""
    refuse_persons(data)
    known = members(data) if people is None else people
    if large(known).collect().is_empty() and not known.head(1).collect().is_empty():
        raise ChoiceNeeded(f"no team has {FEWEST} people or more: figures of so few would be figures of persons.")
    return units.join(large(known), on="team", nulls_equal=True, maintain_order="left")
