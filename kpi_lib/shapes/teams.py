"""Work by team, never by person: a team of fewer than five people is left out, because a small team is its people."""

import polars as pl

from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid

FEWEST = 5
PERSONAL = ("assignee", "member", "employee_id", "team")


def refuse_persons(data: Dataset) -> None:
    """Figures of teams come by team and are never cut by person."""
    for column in data.by:
        if plain_name(column) in PERSONAL:
            raise UsageError(
                f"figures of teams come by team already and are never cut by {plain_name(column)}: a ranking of persons measures "
                "nothing that helps. Leave out --by."
            )


def members(data: Dataset) -> pl.LazyFrame:
    """Who works in which team: one row per team and person (team null where none is known)."""
    return items(data).select("team", person="assignee").filter(pl.col("person").is_not_null()).unique()


def recipients(data: Dataset) -> pl.LazyFrame:
    """Who gets notifications: one row per person with the team of their latest work item, null where none is known."""
    people = data.known("notifications").select(person="member").unique()
    if "assignee" not in data.columns("work_items"):
        return people.select(pl.lit(None, pl.String).alias("team"), "person")
    latest = items(data).sort("created", "item_id").unique("assignee", keep="last", maintain_order=True)
    return people.join(latest.select("team", person="assignee"), on="person", how="left").select("team", "person")


def items(data: Dataset) -> pl.LazyFrame:
    """The work items as known, with their team (null where the table has none)."""
    found = data.known("work_items")
    return found if "team" in data.columns("work_items") else found.with_columns(team=pl.lit(None, pl.String))


def large(people: pl.LazyFrame) -> pl.LazyFrame:
    """The teams of at least five people."""
    return people.group_by("team").len().filter(pl.col("len") >= FEWEST).select("team")


def stands(begin: str, end: str, data: Dataset, grid: Grid) -> dict[str, pl.Expr]:
    """The run of periods at whose end something that begins and ends stands; what is to begin later does not yet."""
    begun = pl.when(pl.col(begin) < data.observed_until).then(pl.col(begin))
    return {"first": grid.ended(begun), "stop": grid.ended(pl.col(end)).fill_null(len(grid))}
