"""How long those who converted took, drawn as bins that grow about threefold."""

from dataclasses import replace
from typing import Any

from kpi_lib.core.errors import UsageError
from kpi_lib.core.units import SECONDS, show, span
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.show.blocks import Phrase, Say, Table
from kpi_lib.show.charts_rank import Ranks, Row, ranks_picture
from kpi_lib.show.facts import facts
from kpi_lib.show.funnels import part
from kpi_lib.show.phrases import told, whole
from kpi_lib.show.picture import Picture


def funnel_times(result: FunnelResult) -> Picture | Say:
    """Draw the time from the first to the last step of those who converted; one funnel without segments."""
    if result.by:
        raise UsageError("times are drawn for one funnel: leave the segments out, or take result.histogram().")
    bins, last = result.histogram().to_dicts(), result.table.row(-1, named=True)
    if not bins:
        return Say("Nobody got to the end, so there is no time to tell.")
    bars = tuple(Row(name=_bin(row), value=float(row["units"]), text=whole(row["units"])) for row in bins)
    quantiles = ", ".join(f"{word} {show(last[f'{name}_seconds'], SECONDS)}" for name, word in WORDS.items())
    alt = f"Time to convert of {whole(last['units'])}: {quantiles}."
    drawn = ranks_picture(Ranks(rows=bars), alt=alt, note=alt, table=_table(result, bins, last))
    return replace(drawn, facts=facts(result))


WORDS = {
    "p25": "a quarter within",
    "median": "half within",
    "p75": "three quarters within",
    "p90": "nine of ten within",
    "mean": "mean",
}


def _bin(row: dict[str, Any]) -> str:
    if row["high_seconds"] is None:
        return f"{span(row['low_seconds'])} and longer"
    return f"{span(row['low_seconds'])} to {span(row['high_seconds'])}"


def _table(result: FunnelResult, bins: list[dict[str, Any]], last: dict[str, Any]) -> Table:
    """The bins, and below them the quantiles of the whole."""
    rows: list[tuple[Phrase, ...]] = [
        (_bin(row), told(row, "units", whole(row["units"]), of="funnel_times", by=("low_seconds",))) for row in bins
    ]
    rows += [(words.capitalize(), part(result, last, f"{name}_seconds")) for name, words in WORDS.items()]
    return Table(title="Time to convert", columns=("Time", "Units"), rows=tuple(rows))
