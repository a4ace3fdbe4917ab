"""Signals told: what stands out, how far from what was to be expected, beside which release, from which segment."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.answers.contributions import SEVERAL, Contributions
from kpi_lib.answers.signals import Signal, Signals, segment_name
from kpi_lib.core.units import significant
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.drilling import joined
from kpi_lib.show.phrases import day_name, listed, moved, period_name, plural, title_of, told, unit_of, written

WORDS = {
    "drop": "▼ drop", "jump": "▲ jump", "shift": "◆ new level", "creep": "◢ creep", "outage": "○ nothing recorded",
}  # fmt: skip
VERBS = {
    ("drop", False): "fell to", ("jump", True): "jumped to", ("shift", True): "rose to a new level of",
    ("shift", False): "fell to a new level of", ("creep", True): "crept up to", ("creep", False): "crept down to",
}  # fmt: skip
SAID = 3
MANY = 10


def signals_sentence(result: Signals) -> Say:
    """What stands out most, or that nothing does, and what could not be judged."""
    unknown = f" {plural(len(result.unknown), 'figure')} cannot be judged yet." if result.unknown else ""
    if not result.looked:
        return Say(f"Nothing can be judged yet.{unknown}")
    rows = result.frames["signals"].to_dicts()
    if not rows:
        return Say((Strong("Nothing stands out"), f" among {plural(result.looked, 'series', 'series')}.{unknown}"))
    said: list[Phrase] = [
        Strong(f"{plural(len(rows), 'signal')} among {plural(result.looked, 'series', 'series')}"),
        ":",
    ]
    for each, row in list(zip(result.signals, rows, strict=True))[:SAID]:
        said += [" ", *_one(each, row, result.currency)]
    more = f" {plural(len(rows) - SAID, 'further signal')} in the table." if len(rows) > SAID else ""
    return Say((*said, more + unknown))


def name_of(signal: Signal) -> str:
    """The figure with its segment."""
    segment = segment_name(signal.by)
    return title_of(signal.kpi) + (f" ({segment})" if segment else "")


def _figure(signal: Signal, row: Mapping[str, Any], field: str, currency: str) -> Figure:
    return told(row, field, written(row[field], unit_of(signal.kpi), currency), of="signals", by=("nth",))


def _one(signal: Signal, row: Mapping[str, Any], currency: str) -> tuple[Phrase, ...]:
    period, name = period_name(signal.start, signal.end), name_of(signal)
    observed, expected = (_figure(signal, row, field, currency) for field in ("observed", "expected"))
    if signal.kind == "outage":
        return (Strong(f"{name}: nothing was recorded"), f" in {period}, so it is no fall.")
    verb = VERBS[signal.kind, signal.observed > signal.expected]
    since = f" since {day_name(signal.since)}" if signal.kind in ("shift", "creep") else ""
    against = (expected, " was to be expected") if signal.low < signal.high else ("from ", expected)
    beside = f"; beside it {listed(signal.beside)}" if signal.beside else ""
    return (Strong((f"{name} {verb} ", observed)), f" in {period}{since} (", *against, f"){beside}.")


def mostly(found: Contributions | None, currency: str) -> str:
    """The segment that the change came from most, in words; empty where none stands out."""
    if found is None:
        return ""
    row = next((each for each in found.table.to_dicts() if each["segment"] != SEVERAL), None)
    if row is None:
        return ""
    unit = unit_of(found.kpi)
    parts = [written(row["effect"], unit, currency), written(found.change, unit, currency)]
    by = (
        ""
        if not row["rate"] or not row["mix"]
        else " by its own figure"
        if abs(row["rate"]) > abs(row["mix"])
        else " by its size"
    )
    return f"{found.column} {row['segment']}: {joined(row['effect'], found.change).join(parts)}{by}"


def size_of(signal: Signal) -> str:
    """How far from what was expected, signed; many times as much is told as such."""
    if signal.size is None:
        return "—"
    if not signal.points and signal.size >= MANY - 1:
        return f"{significant(signal.size + 1, 2)} times as much"
    return moved(signal.size, unit_of(signal.kpi), points=signal.points, sign=True)


def chance_of(p: float) -> str:
    """How likely such a move is where nothing happened.

    >>> chance_of(0.0123), chance_of(0.00000004)
    ('p 0.012', 'p < 0.00001')
    """
    return "p < 0.00001" if p < 0.00001 else f"p {significant(p, 2)}"


def signals_table(result: Signals) -> Table:
    """Every signal with what was expected, and what could not be judged."""
    rows = [
        _row(each, row, result) for each, row in zip(result.signals, result.frames["signals"].to_dicts(), strict=True)
    ]
    columns = ("Figure", "What", "When", "Beside it", "Mostly from", "Observed", "Expected", "Change", "Chance")
    why = " ".join(f"{title_of(name)}: {reason}." for name, reason in list(result.unknown.items())[:6])
    more = f" And {len(result.unknown) - 6} others." if len(result.unknown) > 6 else ""
    note = "Expected: from the figure's own past, weekdays and trend counted in. What stands beside a signal need not be its cause."
    return Table(
        title="Signals", columns=columns, rows=tuple(rows), text_columns=5, note=f"{note} {why}{more}".strip()
    )  # fmt: skip


def _row(signal: Signal, row: Mapping[str, Any], result: Signals) -> tuple[Phrase, ...]:
    observed, expected = (_figure(signal, row, field, result.currency) for field in ("observed", "expected"))
    since = f", since {day_name(signal.since)}" if signal.since != signal.start else ""
    beside = signal.note or listed(signal.beside)
    source = mostly(signal.contributions, result.currency)
    when = period_name(signal.start, signal.end) + since
    return (
        name_of(signal),
        WORDS[signal.kind],
        when,
        beside,
        source,
        observed,
        expected,
        size_of(signal),
        chance_of(signal.p),
    )
