"""Verbs for how people use the product over time: lifecycle."""

from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import Place, columns, period, segments, shared, table_choice
from kpi_lib.cli.text import table
from kpi_lib.core.units import RATIO, show

if TYPE_CHECKING:
    from kpi_lib.core.dataset import Dataset
    from kpi_lib.core.period import Grid
    from kpi_lib.sources.workspace import Workspace


def opened(place: Place, asked: dict[str, Any]) -> "tuple[Workspace, Dataset, tuple[str, ...]]":
    """The workspace, its data read as asked with the segment columns in force, and the events that count as activity."""
    workspace = place.open()
    data = workspace.data.reading(asked["table"]) if asked["table"] else workspace.data
    by = columns(asked["by"])
    for column in by:
        data.segments(column)
    return workspace, data.with_by(by), tuple(data.settings.get("active_events", ("*",)))


def _cut(workspace: "Workspace", asked: dict[str, Any], every: str) -> "Grid | None":
    """The grid of --period, --from and --to in steps of `every`; None where none of them is given."""
    if not any(asked[name] for name in ("period", "start", "stop")):
        return None
    return workspace.grid(asked["period"], start=asked["start"], stop=asked["stop"], every=every)


@click.command("lifecycle")
@period
@click.option("--states", is_flag=True, help="The seven states of the daily growth model instead, day by day.")
@segments
@table_choice
@shared
def lifecycle(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Who is new, who stayed, who came back and who is gone, by day, week (default) or month.

    \b
    Example:
      kpi lifecycle --every month --workspace data/cdnow
    """
    from kpi_lib.shapes.lifecycle import FLOWS, daily_states
    from kpi_lib.shapes.lifecycle import lifecycle as flows

    workspace, data, events = opened(place, asked)
    every = asked["every"] or ("day" if asked["states"] else "week")
    grid = _cut(workspace, asked, every)
    if asked["states"]:
        found = daily_states(
            data, grid=grid or (workspace.grid(every=every) if every != "day" else None), events=events
        )
    else:
        found = flows(data, every=every, grid=grid, events=events)
    ratio = ["pulse"] if found.states == FLOWS else []
    rows = [
        [
            *(r[column] for column in found.by),
            r["start"],
            *("—" if r[name] is None else f"{r[name]:,}" for name in ("active", *found.states)),
            *(show(r[name], RATIO) for name in ratio),
            "first seen here" if r["left_censored"] else "" if r["complete"] else "not over",
        ]
        for r in found.table.iter_rows(named=True)
    ]
    heads = [*found.by, "from", "active", *found.states, *ratio, ""]
    place.show(found.to_dict(), table(heads, rows, left=len(found.by) + 1))
    return 0


COMMANDS = {"lifecycle": lifecycle}
