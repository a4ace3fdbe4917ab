"""What a report tells otherwise than the one that stands in its place: figures of the same period that came out different."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.kpis.registry import catalogue
from kpi_lib.show.blocks import Table
from kpi_lib.show.markup import Html, tag
from kpi_lib.show.phrases import title_of, unit_of, written
from kpi_lib.show.render import html

MOST = 40
TAIL = ("end", "value", "low", "high", "n", "unripe", "unit", "status", "kpi", "start")
INPUTS = ("parameters", "audience", "least", "versions")
Restated = dict[str, Any]


def restated(folder: Path, values: pl.DataFrame, manifest: Mapping[str, Any]) -> Restated:
    """What differs from the last different run: {"since": its data, "figures": […], "more": …, "definitions": […]}; empty
    where there is none. A run of the same inputs keeps what its forerunner told, so that it comes out the same."""
    try:
        before: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        old = pl.read_parquet(folder / "values.parquet")
        kept: Restated = dict(before.get("restated", {}))
        if _inputs(before) == _inputs(manifest):
            return kept
        return _compared(old, values, before["facts"], manifest["facts"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError, pl.exceptions.PolarsError):
        return {}  # nothing stands there, or nothing that this version reads


def _inputs(manifest: Mapping[str, Any]) -> list[Any]:
    facts = manifest["facts"]
    return [facts.get("fingerprint"), facts.get("definitions"), *(manifest.get(name) for name in INPUTS)]


def _compared(old: pl.DataFrame, new: pl.DataFrame, before: Mapping[str, Any], now: Mapping[str, Any]) -> Restated:
    then, today = _figures(old), _figures(new)
    moved = [
        {"kpi": key[0], "start": key[1], "by": dict(key[2]), "before": then[key], "now": today[key]}
        for key in today
        if key in then and then[key] != today[key]
    ]
    was, is_ = before.get("definitions", {}), now.get("definitions", {})
    meant = sorted(name for name in was if name in is_ and was[name] != is_[name])
    told = {"figures": moved[:MOST], "more": max(len(moved) - MOST, 0), "definitions": meant}
    return {"since": before.get("fingerprint", ""), **told}


def _figures(values: pl.DataFrame) -> dict[tuple[str, str, tuple[tuple[str, str], ...]], float | None]:
    """The values of declared KPIs by KPI, period and segment or component."""
    if "value" not in values.columns or "start" not in values.columns:
        return {}
    columns = [name for name, kind in values.schema.items() if kind == pl.String and name not in TAIL]
    rows = values.filter(pl.col("kpi").is_in(list(catalogue()))).to_dicts()
    places = [tuple((name, str(row[name])) for name in columns if row[name] is not None) for row in rows]
    return {(row["kpi"], str(row["start"]), by): row["value"] for row, by in zip(rows, places, strict=True)}


def restated_html(told: Restated, currency: str) -> Html | None:
    """The differences as a table to unfold."""
    if not told:
        return None
    rows = tuple(
        (title_of(each["kpi"]), each["start"], ", ".join(each["by"].values()), *_ends(each, currency))
        for each in told["figures"]
    )
    count = len(rows) + told["more"]
    title = (
        f"What came out otherwise than before: {count:,} figure{'' if count == 1 else 's'}"
        if count
        else "Nothing came out otherwise than before"
    )
    notes = [f"The run before used the data {told['since']}."]
    notes += [f"{told['more']:,} more are not listed."] if told["more"] else []
    notes += [f"Defined anew: {', '.join(told['definitions'])}."] if told["definitions"] else []
    table = Table(title=title, columns=("KPI", "From", "Of", "Before", "Now"), rows=rows, text_columns=3)
    body = tag("div", tag("p", " ".join(notes)), html(table) if rows else None)
    return tag("details", tag("summary", title), body, class_="kpi-fold")


def _ends(figure: Mapping[str, Any], currency: str) -> tuple[str, str]:
    unit = unit_of(figure["kpi"])
    return written(figure["before"], unit, currency), written(figure["now"], unit, currency)
