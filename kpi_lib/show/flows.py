"""How paths are told: where sessions begin, what most do next, where they end."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from kpi_lib.core.units import SHARE
from kpi_lib.shapes.paths import END, MORE, OTHER, START, Paths
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import named, plural, told, whole, written

ROWS = 40
KEYS = ("step", "from", "to")
OURS = (START, END, OTHER, MORE)


def printed(row: Mapping[str, Any], field: str, by: Sequence[str] = ()) -> Figure:
    """One figure of a move."""
    text = written(row[field], SHARE) if field == "share" else whole(row[field])
    return told(row, field, text, of="paths", by=(*by, *KEYS))


def sentence(result: Paths) -> Say:
    """The start, the commonest way on and the ends; of a way to a goal, what comes right before it."""
    if not result.totals["sessions"].sum():
        missing = result.definition["from_event"] or result.definition["to_event"]
        return Say(f"No session holds such a path{f' ({missing})' if missing else ''}.")
    if result.by:
        return Say(_segments(result))
    rows, totals = result.table.to_dicts(), result.totals.row(0, named=True)
    counted = told(totals, "sessions", whole(totals["sessions"]), of="paths_total")
    said: list[Phrase] = ["Of ", counted, " sessions" if totals["sessions"] != 1 else " session"]
    if totals["sessions"] < totals["all_sessions"]:
        every = told(totals, "all_sessions", whole(totals["all_sessions"]), of="paths_total")
        said += [f" that hold{'s' * (totals['sessions'] == 1)} this path (of ", every, ")"]
    if result.definition["to_event"] is not None and result.definition["from_event"] is None:
        return Say((*said, *_leads(result, rows, totals["sessions"])))
    said += _begins(rows, anywhere=result.definition["from_event"] is None)
    onward = [row for row in rows if row["step"] >= 1 and not {row["from"], row["to"]} & set(OURS)]
    if onward:
        most = max(onward, key=lambda row: (row["sessions"], -row["step"]))
        way = f"{', ' if len(said) <= 3 else '; '}most go from {most['from']} to {most['to']} at step {most['step']}: "
        said += [way, printed(most, "sessions"), " sessions, ", printed(most, "share"), " of those who were there"]
    elif all(row["to"] == END for row in rows if row["step"] >= 1):
        said += [", ", Strong("none goes on to another event")]
    said += [".", *_ends(rows, totals)]
    return Say(tuple(said))


def _begins(rows: Sequence[dict[str, Any]], *, anywhere: bool) -> list[Phrase]:
    """What most begin with; where the question says it, there is nothing to tell."""
    begins = [row for row in rows if row["from"] == START]
    if len(begins) > 1:
        return [", ", Strong((printed(begins[0], "share"), f" begin with {begins[0]['to']}"))]
    return [", ", Strong(f"each begins with {begins[0]['to']}")] if begins and anywhere else []


def _leads(result: Paths, rows: Sequence[dict[str, Any]], sessions: int) -> list[Phrase]:
    """What comes right before the goal; a session that begins with it has nothing that does."""
    goal = result.definition["to_event"]
    name = f'"{goal}"' if goal in OURS else goal
    into = [row for row in rows if row["to"] == name and row["step"] == result.definition["max_steps"] - 1]
    at_once = [row for row in into if row["from"] == START]
    before = [row for row in into if row["from"] not in (START, MORE)]
    if not before:
        return [", ", Strong(f"each begins with {goal}"), ": nothing in it leads there."]
    said: list[Phrase] = []
    if at_once:
        one = at_once[0]["sessions"] == 1
        said += [", ", printed(at_once[0], "sessions"), f" begin{'s' * one} with {goal}, so that nothing leads to it"]
    most = max(before, key=lambda row: (row["from"] != OTHER, row["sessions"]))
    said += ["; " if at_once else ", ", Strong(f"most {'others ' if at_once else ''}come from {most['from']}"), ": "]
    return [*said, printed(most, "sessions"), " sessions." if most["sessions"] != 1 else " session."]


def _ends(rows: Sequence[dict[str, Any]], totals: Mapping[str, Any]) -> list[Phrase]:
    ended = [row for row in rows if row["to"] == END and row["step"] == 1]
    if not ended or sum(row["sessions"] for row in ended) == totals["sessions"]:
        return []
    most = max(ended, key=lambda row: row["sessions"])
    return [" After one step ", printed(most, "share"), f" of those at {most['from']} are gone."]


def _segments(result: Paths) -> Phrase:
    rows = [row for row in result.totals.to_dicts() if row["sessions"]]
    top = max(rows, key=lambda row: row["sessions"])
    name = " / ".join(named(top[column]) for column in result.by)
    count = told(top, "sessions", whole(top["sessions"]), of="paths_total", by=result.by)
    return (
        Strong(f"Most of these sessions are in {name}"),
        ": ",
        count,
        f" of {plural(sum(r['sessions'] for r in rows), 'session')}.",
    )


def paths_table(result: Paths) -> Table:
    """The moves with the most sessions, in the order of their steps."""
    largest = result.table.sort("sessions", *KEYS, descending=[True, False, False, False]).head(ROWS)
    kept = largest.sort(
        *result.by, "step", "sessions", "from", "to", descending=[False] * (len(result.by) + 1) + [True, False, False]
    )
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in result.by),
            str(row["step"]),
            row["from"],
            row["to"],
            *(printed(row, field, result.by) for field in ("sessions", "users", "share")),
        )
        for row in kept.to_dicts()
    ]
    columns = (*result.by, "Step", "From", "To", "Sessions", "Users", "Of those there")
    note = f"The {ROWS} largest of {result.table.height} moves." if result.table.height > ROWS else ""
    return Table(
        title="Moves from event to event",
        columns=columns,
        rows=tuple(rows),
        text_columns=len(result.by) + 3,
        choices=tuple(range(len(result.by))),
        note=note,
    )


def whole_flow(result: Paths) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Moves and nodes of all segments together: a session is in one segment, so its counts add up."""
    moves = result.table.group_by(KEYS).agg(pl.col("sessions").sum())
    nodes = result.nodes.group_by("step", "event").agg(pl.col("sessions").sum())
    falling = [False, True, False]
    return (
        moves.sort("step", "sessions", "from", "to", descending=[*falling, False]),
        nodes.sort("step", "sessions", "event", descending=falling),
    )
