"""How the definition strip is told: one question, several systems' rules, and the rule that makes the difference."""

from typing import Any

import polars as pl

from kpi_lib.core.units import SECONDS, SHARE, show
from kpi_lib.shapes.funnel_strip import ASKED, DefinitionStrip
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.charts_rank import Ranks, Row, ranks_picture
from kpi_lib.show.funnels import step_name
from kpi_lib.show.phrases import between, known, plain, plural, told, told_between, whole, written
from kpi_lib.show.picture import Picture

WHERE = ("definition", "step")


def ends(result: DefinitionStrip) -> list[dict[str, Any]]:
    """The last step under each definition, with how many entered."""
    entered = pl.col("units").first().over("definition").alias("entered")
    return result.table.with_columns(entered).filter(pl.col("step") == pl.col("step").max()).to_dicts()


def sentence(result: DefinitionStrip) -> Say:
    """From which to which share the same data go, by the rules alone."""
    rows = [row for row in ends(result) if known(row["from_start"]) is not None]
    if not rows:
        return Say("Nobody entered this funnel under any of the definitions.")
    low, high = (pick(rows, key=lambda row: row["from_start"]) for pick in (min, max))
    if low["from_start"] == high["from_start"]:
        return Say(("All definitions agree: ", _share(low), " get through."))
    mine = next((row for row in rows if row["definition"] == ASKED), rows[0])
    phrase: list[Phrase] = [
        Strong(("The same data give ", _share(low), f" {_by(low)} and ", _share(high))),
        f" {_by(high)}",
    ]
    phrase += ["." if mine in (low, high) else ("; ", _share(mine), " as asked.")]
    largest = max(result.reasons.to_dicts(), key=lambda row: row["units"], default=None)
    if largest and largest["units"]:
        changed = _changed(largest, "units", plural(largest["units"], "unit"))
        phrase += [
            f" The rule that matters most: {largest['definition']} {largest['why']}, which changes ",
            changed,
            ".",
        ]
    return Say(tuple(phrase))


def _changed(row: dict[str, Any], field: str, text: str) -> Phrase:
    """How many units count otherwise under a rule."""
    return told(row, field, text, of="funnel_reasons", by=("definition", "rule"))


def _by(row: dict[str, Any]) -> str:
    return ASKED if row["definition"] == ASKED else f"by the rules of {row['definition']}"


def _share(row: dict[str, Any]) -> Phrase:
    return told(row, "from_start", written(known(row["from_start"]), SHARE), of="funnel_strip", by=WHERE)


def strip_table(result: DefinitionStrip) -> Table:
    """Units per step, share and median time under each definition."""
    parts = result.table.partition_by("definition", maintain_order=True)
    names = [step_name(event) for event in parts[0]["event"]]
    rows: list[tuple[Phrase, ...]] = []
    for part in parts:
        steps = part.to_dicts()
        counts = (told(row, "units", whole(row["units"]), of="funnel_strip", by=WHERE) for row in steps)
        last = steps[-1]
        took = told(last, "median_seconds", show(last["median_seconds"], SECONDS), of="funnel_strip", by=WHERE)
        interval = told_between(last, of="funnel_strip", by=WHERE)
        rows.append((last["definition"], *counts, _share(last), interval, took))
    heads = ("Rules of", *names, "Share", "95 %", "Median time")
    why: list[Phrase] = []
    for row in result.reasons.to_dicts():
        if row["units"] or row["retimed"]:
            steps_, times = (_changed(row, field, whole(row[field])) for field in ("units", "retimed"))
            lead = f"{' ' if why else ''}{row['definition']} {row['why']}: other steps for "
            why += [lead, steps_, ", only other times for ", times, "."]
    return Table(title="Definitions side by side", columns=heads, rows=tuple(rows), note=tuple(why))


def strip_picture(result: DefinitionStrip) -> Picture:
    """The share that gets through under each definition, with its interval."""
    dots = tuple(
        Row(
            name=row["definition"],
            value=row["from_start"],
            text=written(row["from_start"], SHARE),
            beside=f"{between(row['low'], row['high'])} · {whole(row['units'])} of {whole(row['entered'])}",
            low=row["low"],
            high=row["high"],
            quiet=row["definition"] != ASKED,
        )
        for row in ends(result)
        if known(row["from_start"]) is not None
    )
    note = "Share that reaches the last step by the rules of each system; the line is the 95 % interval. The figures say why."
    alt = plain(sentence(result).phrase)
    return ranks_picture(Ranks(rows=dots, dots=True), alt=alt, note=note, table=strip_table(result))
