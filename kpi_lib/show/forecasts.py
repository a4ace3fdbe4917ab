"""Forecasts told: each with its interval and the assumption that it rests on."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.answers.forecast import CUSTOMERS, DAYS_EACH, NEW_A_DAY, Forecast
from kpi_lib.core.units import COUNT, MONEY, PER_USER, Unit
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import moved, period_name, title_of, told, unit_of, written

WORDS = {
    CUSTOMERS: "paying customers",
    NEW_A_DAY: "new users a day",
    DAYS_EACH: "the days on which a new user comes (the sum of retention)",
}
NAMES = {"payers": "Payers from open trials", "mrr": "Monthly recurring revenue"}


def forecast_sentence(result: Forecast) -> Say:
    """What is to be expected, and what a target would ask of each driver alone."""
    rows, said = result.table.to_dicts(), list[Phrase]()
    last = {row["what"]: row for row in rows}
    for row in last.values():
        said += [" " if said else "", *_expected(row, result.currency)]
    if result.target and result.drivers.height:
        name, value = result.target
        said += [f" For {title_of(name)} of {written(value, unit_of(name), result.currency)}"]
        for at, row in enumerate(result.drivers.to_dicts()):
            said += [
                " or " if at else " ",
                f"{driver_name(row['driver'])} alone would have to go to ",
                _driver(row, "needed", result),
            ]
            said += [
                " (now ",
                _driver(row, "now", result),
                f", reached in {row['reached']} of {row['months']} months)",
            ]
        said.append(".")
    missing = "; ".join(f"{NAMES[name]}: {why}" for name, why in result.unknown.items())
    return Say(
        (*said, f" Not told – {missing}." if said else f"Nothing can be expected yet – {missing}.")
        if missing
        else tuple(said)
    )


def _expected(row: Mapping[str, Any], currency: str) -> tuple[Phrase, ...]:
    value, low, high = (_figure(row, field, currency) for field in ("value", "low", "high"))
    when = f" at the end of {period_name(row['start'], row['end'])}" if row["start"] else ""
    return (
        Strong((f"{NAMES[row['what']]}: ", value)),
        f"{when} (95 % ",
        low,
        " – ",
        high,
        f"), if {row['assumption']}.",
    )


def _figure(row: Mapping[str, Any], field: str, currency: str) -> Figure:
    unit = MONEY if row["what"] == "mrr" else COUNT
    text = written(row[field], unit, currency)
    return told({**row, "start": row["start"] or ""}, field, text, of="forecast", by=("what",))


def driver_name(name: str) -> str:
    """The words for a driver."""
    return WORDS.get(name) or title_of(name)


def unit_of_driver(name: str) -> Unit:
    """Its unit."""
    return PER_USER if name in (NEW_A_DAY, DAYS_EACH) else COUNT if name == CUSTOMERS else unit_of(name)


def _driver(row: Mapping[str, Any], field: str, result: Forecast) -> Figure:
    text = written(row[field], unit_of_driver(row["driver"]), result.currency)
    return told(row, field, text, of="forecast_drivers", by=("driver",))


def forecast_table(result: Forecast) -> Table:
    """Every forecast with its interval and assumption, and the drivers of the target."""
    rows: list[tuple[Phrase, ...]] = []
    for row in result.table.to_dicts():
        when = period_name(row["start"], row["end"]) if row["start"] else "while they run"
        value, low, high = (_figure(row, field, result.currency) for field in ("value", "low", "high"))
        rows.append((NAMES[row["what"]], when, row["assumption"], value, (low, " – ", high)))
    for row in result.drivers.to_dicts():
        change = moved(row["change"], COUNT, points=False, sign=True)
        why = f"it alone moves, by {change}; so far {row['reached']} of {row['months']} months were there"
        rows.append((driver_name(row["driver"]), "for the target", why, _driver(row, "needed", result), ""))
    return Table(
        title="What is to be expected",
        columns=("Figure", "When", "If", "Value", "95 %"),
        rows=tuple(rows),
        text_columns=3,
    )
