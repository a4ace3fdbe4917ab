"""Verbs for how people use the product over time and on their way: lifecycle, paths, habits and adoption."""

from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import GAP_HELP, Place, columns, grid_of, period, reading, segments, shared
from kpi_lib.cli.text import interval, table
from kpi_lib.core.units import COUNT, RATIO, SHARE, duration, show, span

if TYPE_CHECKING:
    from kpi_lib.core.dataset import Dataset
    from kpi_lib.core.period import Grid
    from kpi_lib.sources.workspace import Workspace


def opened(place: Place, asked: dict[str, Any]) -> "tuple[Workspace, Dataset, tuple[str, ...]]":
    """The workspace, its data read as asked with the segment columns in force, and the events that count as activity."""
    workspace, data = place.read(asked)
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
@reading
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
            _marked(r),
        ]
        for r in found.table.iter_rows(named=True)
    ]
    heads = [*found.by, "from", "active", *found.states, *ratio, ""]
    place.show(found.to_dict(), table(heads, rows, left=len(found.by) + 1))
    return 0


def _marked(row: dict[str, Any]) -> str:
    """What keeps a period from being a usual one."""
    if row["active"] is None:
        return "not watched"
    return "first seen here" if row["left_censored"] else "" if row["complete"] else "not over"


@click.command("paths")
@click.option("--from-event", metavar="E", help="Begin at the first such event of a session (default: its start).")
@click.option("--to-event", metavar="E", help="End at the first such event; alone, steps are counted back from it.")
@click.option("--max-steps", type=int, default=5, metavar="N", help="Steps to show (default 5).")
@click.option(
    "--top", type=int, default=5, metavar="N", help="Events to name at a step (default 5); the rest is (other)."
)
@click.option("--repeats", is_flag=True, help="Count the same event in a row as several steps.")
@click.option("--gap", metavar="D", help=GAP_HELP)
@click.option("--period", metavar="P", help="Sessions that start in this period (default: all).")
@segments
@reading
@shared
def paths(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Which way sessions take: the moves from event to event, step by step, in sessions and in users.

    \b
    Example:
      kpi paths --from-event add_to_cart --workspace data/clickstream
    """
    from kpi_lib.shapes.paths import paths as ways

    gap = duration(asked["gap"]) if asked["gap"] else None
    workspace, data, _ = opened(place, asked)
    found = ways(
        data,
        gap=gap,
        grid=workspace.grid(asked["period"]) if asked["period"] else None,
        collapse=not asked["repeats"],
        **{name: asked[name] for name in ("from_event", "to_event", "max_steps", "top")},
    )
    rows = [
        [
            *(r[column] for column in found.by),
            *(r[name] for name in ("step", "from", "to")),
            f"{r['sessions']:,}",
            f"{r['users']:,}",
            show(r["share"], SHARE),
        ]
        for r in found.table.iter_rows(named=True)
    ]
    counted, every, users, still = (found.totals[n].sum() for n in ("sessions", "all_sessions", "users", "in_progress"))
    people = "" if found.by else f" by {users:,} users"
    head = f"{counted:,} of {every:,} sessions{people}" + (f"; {still:,} may still go on" if still else "") + ":"
    heads = [*found.by, "step", "from", "to", "sessions", "users", "of those there"]
    place.show(found.to_dict(), f"{head}\n{table(heads, rows, left=len(found.by) + 3)}")
    return 0


@click.command("habits")
@click.option("--window", type=int, default=30, metavar="N", help="Days to look back (default 30).")
@click.option("--period", metavar="P", help="Look back from the end of this period (default: from the last whole day).")
@segments
@reading
@shared
def habits(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """On how many of the last days people come (the power-user curve), and after which pause they come again.

    \b
    Example:
      kpi habits --window 28 --period 2024-06-24 --workspace data/clickstream
    """
    from kpi_lib.shapes.engagement import habits as told

    workspace, data, events = opened(place, asked)
    grid = workspace.grid(asked["period"]) if asked["period"] else None
    found = told(data, window=asked["window"], grid=grid, events=events)
    rows = [
        [
            *(r[column] for column in found.by),
            r["days"],
            f"{r['users']:,}",
            show(r["share"], SHARE),
            f"{r['at_least']:,}",
            show(r["at_least_share"], SHARE),
        ]
        for r in found.table.iter_rows(named=True)
    ]
    heads = [*found.by, "active days", "people", "share", "so many or more", "share"]
    head = f"In the {asked['window']} days before {found.definition['end']}; pauses in days:"
    place.show(found.to_dict(), f"{head}\n{table(heads, rows, left=len(found.by))}\n\n{_summary(found)}")
    return 0


def _summary(found: Any) -> str:  # noqa: ANN401 - a Habits
    """Mean days, participation and pauses by segment."""
    names = ("users", "mean_days", "stickiness", "participation", "median_pause", "most_pause")
    units = (COUNT, RATIO, SHARE, SHARE, RATIO, RATIO)
    rows = [
        [*(r[column] for column in found.by), *(show(r[name], unit) for name, unit in zip(names, units, strict=True))]
        for r in found.summary.iter_rows(named=True)
    ]
    heads = [*found.by, "people", "mean days", "stickiness", "participation", "median pause", "80 % come within"]
    return table(heads, rows, left=len(found.by))


@click.command("adoption")
@period
@click.option(
    "--min-uses", type=int, default=1, metavar="N", help="Uses in the period that count as using (default 1)."
)
@click.option("--within", default="30d", metavar="D", help="Time in which to tell who takes it up (default 30d).")
@segments
@reading
@shared
def adoption(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """How many of those who could see a feature use it, how much, how many features each uses, and how soon they do.

    Features and their events stand under [features] in kpi.toml; a launch in the table features says from when on people
    could see one. Without a period it is the last complete month.

    \b
    Example:
      kpi adoption --period 2026-10 --by platform
    """
    from kpi_lib.core.errors import UsageError
    from kpi_lib.shapes.adoption import adoption as taken_up

    workspace, data, events = opened(place, asked)
    grid = grid_of(workspace, asked, "month")
    found = taken_up(data, grid, min_uses=asked["min_uses"], within=asked["within"], events=events)
    if found.reason:
        raise UsageError(found.reason)
    when = ["from"] if len(grid) > 1 else []
    rows = [
        [
            *(r[column] for column in found.by),
            *([r["start"]] if when else []),
            r["feature"],
            *(show(r[name], COUNT) for name in ("eligible", "adopters")),
            show(r["rate"], SHARE),
            interval(r, SHARE, ""),
            show(r["uses_per_active_day"], RATIO),
            f"{r['corner'] or ''}{'?' if r['clear'] is False else ''}",
        ]
        for r in found.table.iter_rows(named=True)
    ]
    heads = [*found.by, *when, "feature", "could see", "used it", "share", "95 % interval", "uses a day", "stands"]
    left = len(found.by) + len(when)
    chance = "" if found.table["clear"].fill_null(True).all() else "\n?: it may be chance that it stands there."
    parts = [table(heads, rows, left=left + 1) + chance, _breadth(found, left), _soon(found, asked["within"])]
    place.show(found.to_dict(), f"{grid.shown[0]} to {grid.stops[-1]} (end excluded):\n" + "\n\n".join(parts))
    return 0


def _breadth(found: Any, left: int) -> str:  # noqa: ANN401 - an Adoption
    """How many features somebody active uses."""
    rows = [
        [
            *(r[column] for column in found.by),
            *([r["start"]] if left > len(found.by) else []),
            show(r["users"], COUNT),
            show(r["mean_features"], RATIO),
            show(r["users_of_none"], COUNT),
        ]
        for r in found.summary.iter_rows(named=True)
    ]
    when = ["from"] if left > len(found.by) else []
    return table([*found.by, *when, "active people", "features each", "use none"], rows, left=left)


def _soon(found: Any, within: str) -> str:  # noqa: ANN401 - an Adoption
    """How long people take to use a feature from the first moment they could see it; over all the data."""
    rows = [
        [
            *(r[column] for column in found.by),
            r["feature"],
            show(r["users"], COUNT),
            show(r["by_then"], SHARE),
            "" if r["by_then"] is None else f"{show(r['by_then_low'], SHARE)} – {show(r['by_then_high'], SHARE)}",
            None if r["median_seconds"] is None else span(r["median_seconds"]),
        ]
        for r in found.waits.iter_rows(named=True)
    ]
    heads = [*found.by, "how soon", "people", f"within {within}", "95 % interval", "half after"]
    return table(heads, rows, left=len(found.by) + 1)


COMMANDS = {"lifecycle": lifecycle, "paths": paths, "habits": habits, "adoption": adoption}
