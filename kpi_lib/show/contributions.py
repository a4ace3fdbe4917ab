"""What each segment contributed to a change: by its size and by its own figure."""

from typing import Any

from kpi_lib.answers.compute import Values
from kpi_lib.answers.contributions import SEVERAL, Contributions, Segmented
from kpi_lib.core.dataset import plain_name
from kpi_lib.core.units import SHARE
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.drilling import MADE_OF
from kpi_lib.show.phrases import moved, period_name, title_of, told, unit_of, written

UNTOLD = (
    "What each segment contributed to the last change cannot be told: the figure did not move, is not known in both periods, "
    "is no sum and no quotient of sums, or is a quotient over people who are in several segments."
)
MOVES = ("mix", "rate", "effect", "change")
ADD_UP = "The parts add up to the change."
NOTE = "A segment whose users are in others as well counts in each; what that makes too much is taken off in one row."


def contributed(result: Segmented) -> tuple[object, ...]:
    """The sentence and the table of a cut figure's contributions; nothing where there is no change to divide."""
    if not result.values.by or len(set(result.values.table["start"])) < 2:
        return ()
    if result.change is None:
        return (Say(UNTOLD),)
    return (sentence(result.values, result.change), contributions_table(result.change, result.values.currency))


def sentence(values: Values, found: Contributions) -> Say:
    """How far the figure moved, and the segment that most of it came from."""
    spans, currency = dict(values.table.select("start", "end").iter_rows()), values.currency
    before, after = (period_name(start, spans[start]) for start in (found.before, found.after))
    lead = f"{title_of(found.kpi)} from {before} to {after}: "
    first = next((row for row in rows_of(found) if row["segment"] != SEVERAL), None)
    if first is None:
        return Say(lead)
    change, effect = (_figure(found, first, field, currency) for field in ("change", "effect"))
    named = f"{plain_name(found.column)} {first['segment']}"
    return Say((lead, Strong(change), f", mostly from {named}: ", effect, "."))


def rows_of(found: Contributions) -> list[dict[str, Any]]:
    """The segments, the largest effect first, each with the whole change."""
    return [row | {"change": found.change} for row in found.table.to_dicts()]


def contributions_table(found: Contributions, currency: str) -> Table:
    """Every segment before and after, its part of the whole, and its part of the change; the parts add up to the change."""
    rows = rows_of(found)
    divided = any(row["rate"] for row in rows)  # what is added up changes by its parts alone
    fields = ["before", "after", *(["weight_before", "weight_after", "mix", "rate"] if divided else []), "effect"]
    heads = ["Before", "Now", *(["Weight before", "Weight now", "By its size", "By its own figure"] if divided else [])]
    shown: list[tuple[Phrase, ...]] = [
        (str(row["segment"]), *(_figure(found, row, field, currency) for field in fields)) for row in rows
    ]
    shown.append(("Together", *[""] * (len(fields) - 1), _figure(found, rows[0], "change", currency)))
    made = MADE_OF if divided else ADD_UP
    note = f"{made} {NOTE}" if any(row["segment"] == SEVERAL for row in rows) else made
    columns = (plain_name(found.column), *heads, "Part of the change")
    return Table(title="Where the change came from", columns=columns, rows=tuple(shown), note=note)


def _figure(found: Contributions, row: dict[str, Any], field: str, currency: str) -> Figure | str:
    value = row[field]
    if value is None:
        return "—"
    unit = SHARE if field.startswith("weight") else unit_of(found.kpi)
    if unit.percent and field in MOVES:
        text = moved(value, unit, points=True, sign=True)
    else:
        text = ("+" if value > 0 and field in MOVES else "") + written(value, unit, currency)
    return told(row, field, text, of="contributions", by=("segment",))
