"""Opportunities told: where most is to be won, by how far a part lies behind and whom it reaches."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.answers.opportunities import Opportunities
from kpi_lib.core.units import COUNT, significant
from kpi_lib.kpis.registry import find
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import known, moved, told, unit_of, whole, written

MOST = 12


def _figure(row: Mapping[str, Any], field: str, result: Opportunities) -> Figure:
    unit = unit_of(result.kpi)
    if field == "n":
        text = whole(row[field])
    elif field == "won":
        text = written(row[field], COUNT, result.currency) if unit.percent else significant(row[field], 3)
    elif field in ("gap", "effect"):
        text = moved(row[field], unit, points=True)
    else:
        text = written(known(row[field]), unit, result.currency)
    return told(row, field, text, of="opportunities", by=("nth",))


def opportunities_sentence(result: Opportunities) -> Say:
    """The part with most to be won."""
    title = find(result.kpi).title
    if result.reason:
        return Say(f"Where more is to be won in {title} cannot be told: {result.reason}.")
    row = result.frames["opportunities"].row(0, named=True)
    sure = "" if row["clear"] else "; chance may be all of it"
    people = " people more" if find(result.kpi).unit.percent else " in all"
    return Say((
        f"Most is to be won in {title} at ", Strong(f"{row['column']} {row['part']}"), ": ", _figure(row, "value", result),
        " against ", _figure(row, "others", result), " of the others; at their level that is ", _figure(row, "won", result),
        f"{people}, and the whole would move by ", _figure(row, "effect", result), f"{sure}.",
    ))  # fmt: skip


def opportunities_table(result: Opportunities) -> Table:
    """The parts that lie behind, by gap × reach."""
    rows: list[tuple[Phrase, ...]] = []
    listed = result.frames["opportunities"].to_dicts()[:MOST]
    columns = {row["column"] for row in listed}
    for row in listed:
        ends = (
            (" (", _figure(row, "low", result), " – ", _figure(row, "high", result), ")")
            if row["low"] is not None
            else ()
        )
        figures = [_figure(row, field, result) for field in ("others", "gap", "n", "won", "effect")]
        name = str(row["part"]) if len(columns) == 1 else f"{row['column']} {row['part']}"
        rows.append((name, "yes" if row["clear"] else "no", (_figure(row, "value", result), *ends), *figures))
    return Table(
        title=f"Where most is to be won: {find(result.kpi).title}",
        columns=(
            str(*columns) if len(columns) == 1 else "Part",
            "Clear",
            "Its figure",
            "The others",
            "Gap",
            "Reaches",
            "Gap × reach",
            "Moves the whole by",
        ),
        rows=tuple(rows),
        text_columns=2,
        note="A gap is how far a part lies behind all others of its column together. Whether it can be closed, and at what cost, no "
        "figure here says; parts differ in more than this.",
    )
