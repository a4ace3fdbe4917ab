"""How a lifecycle is told: who is new, who stayed, who came back and who is gone."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from kpi_lib.core.units import RATIO
from kpi_lib.shapes.lifecycle import FLOWS, STATES, Lifecycle
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_stack import Stack, stack_picture
from kpi_lib.show.phrases import known, named, period_name, plain, short_period, told, whole, written
from kpi_lib.show.picture import Picture

WORDS = {
    "new": "New",
    "returning": "Stayed",
    "resurrected": "Came back",
    "dormant": "Gone",
    "current": "Current",
    "reactivated": "Back after 8–30 days",
    "at_risk_wau": "Away up to 6 days",
    "at_risk_mau": "Away 7–29 days",
}
LONG = {"resurrected": "Back after longer", "dormant": "Away 30 days or more"}
ROWS = 60
SO_FAR = " (so far)"


def word(state: str, result: Lifecycle) -> str:
    """The plain word for a state; the daily states that share a name with a flow have their own."""
    return LONG.get(state, WORDS[state]) if result.states == STATES else WORDS[state]


def printed(row: Mapping[str, Any], field: str, by: tuple[str, ...] = ()) -> Figure:
    """One figure of the lifecycle."""
    text = written(known(row[field]), RATIO) if field == "pulse" else whole(row[field])
    return told(row, field, text, of="lifecycle", by=by)


def sentence(result: Lifecycle) -> Say:
    """What the last whole period gained and lost."""
    rows = [
        row
        for row in result.table.to_dicts()
        if row["complete"] and not row["left_censored"] and row["active"] is not None
    ]
    if not rows:
        return Say("Who comes and who goes cannot be told yet: no whole period after the first has been observed.")
    end = max(row["start"] for row in rows)
    last = [row for row in rows if row["start"] == end]
    said = _segments(last, result) if result.by else _states(last[0]) if result.states == STATES else _flows(last[0])
    return Say(("On " if result.every == "day" else "In ", period_name(last[0]["start"], last[0]["end"]), ", ", said))


def _flows(row: Mapping[str, Any]) -> Phrase:
    people = " person was active: " if row["active"] == 1 else " people were active: "
    came: Phrase = (
        printed(row, "new"), " new, ", printed(row, "returning"), " who stayed and ",
        printed(row, "resurrected"), " who came back; ", printed(row, "dormant"), " of the period before did not.",
    )  # fmt: skip
    if row["pulse"] is None:
        return (Strong((printed(row, "active"), people)), came)
    tide = "as many are won as lost" if row["pulse"] == 1 else "more are won than lost"
    tide = tide if row["pulse"] >= 1 else "fewer are won than lost"
    return (
        Strong((printed(row, "active"), people)),
        came,
        f" So {tide}: ",
        printed(row, "pulse"),
        " won for each lost.",
    )


def _states(row: Mapping[str, Any]) -> Phrase:
    return (
        Strong((printed(row, "active"), " person came" if row["active"] == 1 else " people came")), ": ", printed(row, "new"), " new, ",
        printed(row, "current"), " who had come in the week before, ", printed(row, "reactivated"),
        " back after 8 to 30 days and ", printed(row, "resurrected"), " after longer. ",
        printed(row, "at_risk_wau"), " others had come in the last 7 days, ",
        printed(row, "at_risk_mau"), " more in the last 30; ", printed(row, "dormant"), " have been away longer.",
    )  # fmt: skip


def _segments(rows: list[dict[str, Any]], result: Lifecycle) -> Phrase:
    def name(row: Mapping[str, Any]) -> str:
        return " / ".join(named(row[column]) for column in result.by)

    if not any(row["new"] for row in rows):
        most = max(rows, key=lambda row: (row["active"], name(row)))
        where = (f"; {name(most)} has the most active people: ", printed(most, "active", result.by))
        return (Strong("nobody came for the first time"), *(where if most["active"] else ()), ".")
    top = max(rows, key=lambda row: (row["new"], name(row)))
    count = printed(top, "new", result.by)
    return (
        Strong(f"{name(top)} won the most new people"),
        ": ",
        count,
        " of ",
        whole(sum(row["new"] for row in rows)),
        ".",
    )


def lifecycle_table(result: Lifecycle) -> Table:
    """The states by period, the latest last."""
    listed = result.table.to_dicts()
    fields = ("active", *result.states, *(("pulse",) if result.states == FLOWS else ()))
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in result.by),
            period_name(row["start"], row["end"]) + ("" if row["complete"] else SO_FAR),
            *(printed(row, field, result.by) for field in fields),
        )
        for row in listed[-ROWS:]
    ]
    heads = (
        "Active",
        *(word(state, result) for state in result.states),
        *(("Won per lost",) if "pulse" in fields else ()),
    )
    note = "The first period cannot tell new people from old ones." if listed and listed[0]["left_censored"] else ""
    note += f" The last {ROWS} of {len(listed)} rows." if len(listed) > ROWS else ""
    return Table(
        title="Who is active, and where they come from",
        columns=(*result.by, "Period", *heads),
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=note.strip(),
    )


def lifecycle_picture(result: Lifecycle) -> Picture:
    """Active people stacked above the line, those who are gone (or about to be) below; segments are added up."""
    below = ("dormant",) if result.states == FLOWS else ("at_risk_wau", "at_risk_mau")
    drawn = [state for state in result.states if state in below or state != "dormant"]
    order = [state for state in drawn if state not in below]
    hues = dict(zip([*order, *below], INK.categories, strict=False))
    hues["dormant" if "dormant" in below else "at_risk_mau"] = INK.ghost
    keys = ["start", "end", "complete"]
    sums = [pl.when(pl.col(state).count() > 0).then(pl.col(state).sum()) for state in result.states]  # none is not zero
    rows = result.table.group_by(keys).agg(sums).sort("start").to_dicts()
    bars: list[dict[str, object]] = [
        {
            "at": short_period(row["start"], row["end"]),
            "series": word(state, result),
            "value": None if row[state] is None else float(row[state]) * (-1 if state in below else 1),
            "open": not row["complete"],
            "told": whole(row[state]),
        }
        for row in rows
        for state in drawn
    ]
    at = tuple(dict.fromkeys(str(bar["at"]) for bar in bars))
    stack = Stack(bars=bars, at=at, colours={word(state, result): colour for state, colour in hues.items()})
    note = "Above the line: who came. Below: who was there the period before and did not come."
    if result.states == STATES:
        note = "Above the line: who came that day. Below: who came in the 30 days to it, but not on it."
    note += " Pale: not over." if not result.table["complete"].all() else ""
    return stack_picture(stack, alt=plain(sentence(result).phrase), note=note, table=lifecycle_table(result))
