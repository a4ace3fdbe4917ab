"""The ladder of lifetime values, told: each method with its interval and what to mind, and when a customer has paid off."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from kpi_lib.answers.unit_economics import UnitEconomics
from kpi_lib.core.units import MONEY, percent
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.economics import because, economics_figure
from kpi_lib.show.phrases import known, plain, plural, told, whole, written
from kpi_lib.show.picture import Picture

NAMES = {
    "simple": "Simple formula",
    "geometric": "Same churn for all",
    "observed": "Observed so far",
    "sbg": "sBG",
    "bgnbd": "BG/NBD with Gamma–Gamma",
}
ON_LINES = {
    **NAMES,
    "geometric": "Same churn",
    "observed": "Observed",
    "bgnbd": "BG/NBD",
}  # where a phone has little room
MODELS = ("sbg", "bgnbd", "geometric", "observed")  # what is told first, where it can be


def _rows(ladder: Lifetime) -> list[dict[str, Any]]:
    return ladder.frames["lifetime"].to_dicts()


def _amount(ladder: Lifetime, row: Mapping[str, Any], field: str = "value") -> Figure:
    return told(row, field, written(known(row[field]), MONEY, ladder.currency), of="lifetime", by=("method",))


def _between(ladder: Lifetime, row: Mapping[str, Any]) -> Phrase:
    """An interval of which the upper end may be unknown."""
    if row["low"] is None:
        return "—"
    low = _amount(ladder, row, "low")
    return ("above ", low) if row["high"] is None else (low, " – ", _amount(ladder, row, "high"))


def lifetime_table(ladder: Lifetime) -> Table:
    """One row a method: value, interval, and how far it reaches; below it what to mind."""
    rows: list[tuple[Phrase, ...]] = []
    for row in _rows(ladder):
        reach = plural(row["months"], "month") if row["months"] else "without end"
        status = "" if row["status"] == "ok" else row["status"].replace("_", " ")
        n = told(row, "n", whole(row["n"]), of="lifetime", by=("method",))
        figures = (_amount(ladder, row), _between(ladder, row), n)
        rows.append((NAMES[row["method"]], *figures, reach, status))
    columns = ("Method", "Value", "95 %", "Customers", "Reach", "Status")
    minds = (f"{NAMES[row['method']]}: {row['warning'][:1].lower()}{row['warning'][1:]}" for row in _rows(ladder))
    note = " ".join((_terms(ladder), *minds))
    return Table(title="What a new customer is worth", columns=columns, rows=tuple(rows), note=note)


def _terms(ladder: Lifetime) -> str:
    margin, yearly = percent(ladder.gross_margin), percent(ladder.discount)
    return (
        f"Gross profit at a margin of {margin} over {plural(ladder.horizon, 'month')}, discounted by {yearly} a year."
    )


def lifetime_sentence(ladder: Lifetime) -> Say:
    """What the best rung that could be climbed says, with its interval, and how the simple formula differs."""
    if ladder.reason:
        return Say(f"What a new customer is worth cannot be told: it {ladder.reason}.")
    found = {row["method"]: row for row in _rows(ladder) if row["value"] is not None}
    best = next((found[name] for name in MODELS if name in found), None)
    if best is None:
        return Say("What a new customer is worth cannot be told from these data yet.")
    sure: Phrase = (" (95 %: ", _between(ladder, best), ")") if best["low"] is not None else ""
    said: tuple[Phrase, ...] = (
        "A new customer is worth ",
        Strong(_amount(ladder, best)),
        sure,
        f" by {NAMES[best['method']]}",
    )
    seen = found.get("observed")
    if seen and best is not seen:
        part = seen["value"] < best["value"]
        within = f" was seen within {plural(seen['months'], 'month')}"
        said = (*said, ", of which " if part else "; more, ", _amount(ladder, seen), within)
    if "simple" in found:
        said = (
            *said,
            "; the simple formula, without end and without discount, says ",
            _amount(ladder, found["simple"]),
        )
    return Say((*said, ". ", _terms(ladder)))


def lifetime_picture(ladder: Lifetime) -> Picture:
    """Gross profit of a new customer month by month, by each method that goes by months."""
    curves = ladder.frames["lifetime_curves"]
    points = [
        {
            "at": str(row["month"]), "series": ON_LINES[row["method"]], "value": row["discounted"], "low": None, "high": None,
            "open": False, "told": written(known(row["discounted"]), MONEY, ladder.currency),
        }
        for row in curves.to_dicts()
    ]  # fmt: skip
    names = [ON_LINES[name] for name in curves["method"].unique(maintain_order=True)]
    lines = Lines(
        points=points_of(points),
        at=tuple(str(month) for month in sorted(set(curves["month"]))),
        unit=MONEY,
        colours=dict(zip(names, INK.categories, strict=False)),
        currency=ladder.currency,
        axis="months as a customer",
    )
    note = (
        "Discounted gross profit of a new customer up to then. Where a model leaves the observed line, it does not fit."
    )
    return lines_picture(lines, alt=plain(lifetime_sentence(ladder).phrase), note=note)


def payback(ladder: Lifetime, economics: UnitEconomics) -> Say:
    """When a new customer has paid back what it costs: by what was observed, and by the simple formula."""
    if reason := ladder.reason or economics.reason:
        return Say(f"When a customer has paid off cannot be told: {because(reason)}.")
    row = economics.table.row(0, named=True)
    if row["cac"] is None:
        return Say("When a customer has paid off cannot be told: nothing was spent, or nobody was won.")
    cost, formula = (economics_figure(economics, row, name) for name in ("cac", "cac_payback_period"))
    month = ladder.payback(row["cac"])
    seen = ladder.curves.filter(pl.col("method") == "observed")["month"].max()
    if month is None:
        when: Phrase = Strong(f"has not paid off yet within the {plural(seen or 0, 'month')} observed")  # type: ignore[arg-type]
    else:
        when = Strong(f"has paid off in month {month}")
    return Say(
        (
            "A customer who costs ",
            cost,
            " ",
            when,
            " by what customers have paid so far; the formula says ",
            formula,
            ".",
        )
    )
