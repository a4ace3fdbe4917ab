"""Budgets told: what each channel would bring with another spend, and the assumption behind it."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.answers.budget import Budget
from kpi_lib.core.units import COUNT, MONEY
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.economics import because
from kpi_lib.show.phrases import known, told, written

EVERYBODY = "All with spend"


def _figure(row: Mapping[str, Any], field: str, result: Budget) -> Figure:
    unit = COUNT if field.startswith(("expected", "customers")) else MONEY
    text = written(known(row[field]), unit, result.currency)
    return told({**row, "start": result.start}, field, text, of="budget", by=("channel",))


def _between(row: Mapping[str, Any], field: str, result: Budget) -> Phrase:
    value = _figure(row, field, result)
    if known(row.get(f"{field}_low")) is None or known(row.get(f"{field}_high")) is None:
        return value
    return (value, " (", _figure(row, f"{field}_low", result), " – ", _figure(row, f"{field}_high", result), ")")


def budget_sentence(result: Budget) -> Say:
    """What all channels together would bring against what they bring now."""
    if result.reason:
        return Say(f"What another budget would bring cannot be told: {because(result.reason)}.")
    rows = result.table.to_dicts()
    if not rows:
        return Say("What another budget would bring cannot be told: no channel with spend won a customer.")
    whole = rows[-1]
    said: list[Phrase] = [
        "With ", _figure(whole, "planned", result), " instead of ", _figure(whole, "spend", result), " all channels would win ",
        Strong((_figure(whole, "expected", result), " customers")), " instead of ", _figure(whole, "customers", result),
    ]  # fmt: skip
    if result.lacking:
        return Say(
            (*said, f", if {result.assumption}. What they would bring cannot be told: {because(result.lacking)}.")
        )
    said += [", who would bring ", _figure(whole, "brings", result), " of gross profit"]
    return Say((*said, f", if {result.assumption}."))


def budget_table(result: Budget) -> Table:
    """Each channel as it is and as planned."""
    rows: list[tuple[Phrase, ...]] = []
    told_of = {"expected": "Customers to expect"} | ({} if result.lacking else {"brings": "They bring"})
    for row in result.table.to_dicts():
        name = Strong(EVERYBODY) if row["whole"] else row["channel"]
        now = [_figure(row, field, result) for field in ("spend", "customers", "cac")]
        rows.append((name, *now, _figure(row, "planned", result), *(_between(row, each, result) for each in told_of)))
    return Table(
        title="What another budget would bring",
        columns=("Channel", "Spend", "New customers", "CAC", "Planned", *told_of.values()),
        rows=tuple(rows),
        note=f"In brackets the 95 % interval. It holds if {result.assumption}.",
    )
