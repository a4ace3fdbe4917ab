"""A drill-down shown: of each clear change the segment it came from most, and every segment's part folded below."""

from dataclasses import replace

from kpi_lib.answers.contributions import SEVERAL
from kpi_lib.answers.drilling import DrillDown, Move, rows_of
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.changes import compared, compared_year
from kpi_lib.show.facts_answers import move_facts
from kpi_lib.show.phrases import figure, plural, told, unit_of, written
from kpi_lib.show.reviews import ARROWS

SPREAD = " No segment stands out."
MADE_OF = (
    "Effects add up to the change; of a quotient they are made of size (mix) and of the segment's own figure (rate)."
)


def sentence(result: DrillDown) -> Say:
    """How many figures clearly moved, and in how many of them one segment stands out."""
    if not result.moves:
        return Say("No figure on the agenda moved by more than chance gives, so there is nothing to take apart.")
    found = sum(each.source is not None for each in result.moves)
    clear = f"{plural(len(result.moves), 'figure')} clearly moved"
    return Say((Strong(clear), f"; in {found} of them one segment stands out."))


def parts(result: DrillDown) -> tuple[object, ...]:
    """The sentence, then each move: what it did, mostly where, and the segments."""
    shown: list[object] = [sentence(result)]
    for each in result.moves:
        behind = move_facts(each, result.every, result.currency)
        if each.source is None:
            shown.append(Say(_line(each, result), behind))
        else:
            shown += [Say(_line(each, result)), replace(move_table(each, result.currency), facts=behind)]
    return tuple(shown)


def _line(move: Move, result: DrillDown) -> Phrase:
    """What one figure did, and the segment that it came from most."""
    standing = move.standing
    value = figure(standing.row, currency=result.currency, by=tuple(standing.part))
    change = (compared_year if move.yearly else compared)(standing, result.every)
    lead: Phrase = (Strong((f"{standing.title} ", value)), ": ")
    moved: Phrase = (ARROWS[change.points], change.phrase, " ", change.against, ".") if change else ()
    first = next((row for row in rows_of(move) if row["segment"] != SEVERAL), None)
    if first is None:
        return (lead, moved, SPREAD)
    effect, whole = (_figure(move, first, field, result.currency) for field in ("effect", "change"))
    between = joined(first["effect"], first["change"])
    return (lead, moved, f" Mostly from {first['column']} {first['segment']}: ", effect, between, whole, ".")


def joined(effect: float, change: float) -> str:
    """What stands between a segment's part and the whole change: a part may be larger, where others moved against it."""
    return " of " if abs(effect) <= abs(change) else ", with the others "


def _figure(move: Move, row: dict[str, object], field: str, currency: str) -> Phrase:
    value = row[field]
    if not isinstance(value, float):
        return "—"
    lead = "+" if value > 0 and field in ("effect", "change") else ""
    text = lead + written(value, unit_of(move.standing.kpi.name), currency)
    return told(row, field, text, of="drilldown", by=("of", "segment"))


def move_table(move: Move, currency: str) -> Table:
    """Every segment of one move."""
    fields = ("before", "after", "effect")
    rows = tuple(
        (str(row["segment"]), *(_figure(move, row, field, currency) for field in fields)) for row in rows_of(move)
    )
    column = rows_of(move)[0]["column"] if rows else ""
    return Table(
        title=f"{move.standing.title} by {column}",
        columns=(str(column), "Before", "Now", "Part of the change"),
        rows=rows,
        note=MADE_OF,
    )


def drill_table(result: DrillDown) -> Table:
    """All moves in one table."""
    rows = tuple(
        (
            each.standing.title,
            str(row["segment"]),
            *(_figure(each, row, f, result.currency) for f in ("before", "after", "effect")),
        )
        for each in result.moves
        for row in rows_of(each)
    )
    columns = ("KPI", "Segment", "Before", "Now", "Part of the change")
    return Table(title="Where it came from", columns=columns, rows=rows, text_columns=2, note=MADE_OF)
