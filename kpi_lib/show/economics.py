"""How money by customer is told: unit economics by channel, and what cohorts have brought so far."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.unit_economics import MONTH, UnitEconomics
from kpi_lib.core.units import MONEY, RATIO, significant
from kpi_lib.show.blocks import Cell, Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.cohorts import left_out, shown_ages
from kpi_lib.show.phrases import known, named, period_name, plain, told, whole, written
from kpi_lib.show.picture import Picture

BANDS = {
    "loses": "loses",
    "thin": "thin",
    "healthy": "healthy",
    "free": "no spend",
    "unknown": "not known",
}
FEW = 30
WIDEST = 10  # columns of amounts that a page and a sheet of paper bear


def economics_figure(result: UnitEconomics, row: Mapping[str, Any], name: str, end: str = "") -> Figure:
    """One figure of a channel, as the KPI it is; `end` is empty, low or high."""
    value = known(row[f"{name}_{end}" if end else name])
    if name == "cac_payback_period":
        text = "—" if value is None else f"{significant(value / MONTH, 2)} months"
    else:
        text = written(value, RATIO if name == "ltv_cac_ratio" else MONEY, result.figures.currency)
    start = str(result.figures.table["start"][0])
    by = () if row["whole"] else tuple((column, named(row[column])) for column in result.by)
    return Figure(text=text, kpi=name, value=value, field=end or "value", start=start, by=by)


def _sure(result: UnitEconomics, row: Mapping[str, Any], name: str) -> tuple[Phrase, ...]:
    if row[f"{name}_low"] is None or row[f"{name}_high"] is None:
        return ()
    low, high = (economics_figure(result, row, name, end) for end in ("low", "high"))
    return (" (", low, " – ", high, ")")


def _name(result: UnitEconomics, row: Mapping[str, Any]) -> str:
    return "All together" if row["whole"] else " / ".join(named(row[column]) for column in result.by)


def economics_sentence(result: UnitEconomics) -> Say:
    """Whether customers bring back what they cost, and where they do not."""
    if result.reason:
        return Say(f"Whether customers pay back what they cost cannot be told: {because(result.reason)}.")
    rows = result.table.to_dicts()
    everybody = rows[0]
    first = result.figures.table.row(0, named=True)
    period = period_name(first["start"], first["end"])
    if known(everybody["ltv_cac_ratio"]) is None:
        return Say(f"Whether customers pay back what they cost cannot be told for {period}: CAC or LTV has no value.")
    said: list[Phrase] = [
        f"In {period} ",
        Strong(("a new customer is worth ", economics_figure(result, everybody, "ltv_cac_ratio"), " times what it costs")),
        *_sure(result, everybody, "ltv_cac_ratio"), ", ", economics_figure(result, everybody, "ltv"), " for ",
        economics_figure(result, everybody, "cac"), ", paid back in ",
        economics_figure(result, everybody, "cac_payback_period"), ".",
    ]  # fmt: skip
    losing = sorted((row for row in rows[1:] if row["band"] == "loses"), key=lambda row: row["ltv_cac_ratio"])
    for row in losing[:2]:
        said += [
            " ", Strong((_name(result, row), " loses: ")),
            economics_figure(result, row, "ltv"), " for ", economics_figure(result, row, "cac"), ", a ratio of ",
            economics_figure(result, row, "ltv_cac_ratio"), *_sure(result, row, "ltv_cac_ratio"),
            "." if row["sure"] else ", so chance may be all that is wrong.",
        ]  # fmt: skip
    return Say(tuple(said))


def because(reason: str) -> str:
    """A reason as the end of a sentence."""
    plain_reason = reason.rstrip(".")
    return f"it {plain_reason}" if plain_reason.startswith(("needs", "has")) else plain_reason


def economics_table(result: UnitEconomics) -> Table:
    """CAC, LTV, their ratio and the payback by channel, with intervals and what to make of them."""
    start = "" if result.table.is_empty() else str(result.figures.table["start"][0])
    rows = []
    for row in result.table.to_dicts():
        by = () if row["whole"] else tuple((column, named(row[column])) for column in result.by)
        count = Figure(text=whole(row["customers"]), kpi="cac", value=row["customers"], field="n", start=start, by=by)
        judged = BANDS[row["band"]] + ("" if row["sure"] or row["band"] in ("free", "unknown") else "?")
        figures = [
            (economics_figure(result, row, name), *_sure(result, row, name))
            for name in ("cac", "ltv", "ltv_cac_ratio", "cac_payback_period")
        ]
        rows.append((_name(result, row), judged, count, figures[2], figures[0], figures[1], figures[3]))
    head = " / ".join(result.by).capitalize() or "Who"
    return Table(
        title="What a customer costs and brings",
        columns=(head, "Band", "New customers", "LTV to CAC", "CAC", "LTV (gross profit)", "Payback"),
        rows=tuple(rows),
        text_columns=2,
        note="In brackets the 95 % interval. Loses: below 1. Thin: below 3. A question mark: the interval leaves the band. "
        "No spend: customers without a cost of their own, so no ratio.",
    )


def _brought(result: CohortRevenue, row: Mapping[str, Any], field: str = "per_customer") -> Figure:
    text = written(known(row[field]), MONEY, result.currency)
    return told(row, field, text, of="cohort_revenue_pooled", by=("k",))


def _label(result: CohortRevenue, row: Mapping[str, Any]) -> str:
    start = row["start"]
    if result.every == "quarter":
        return f"Q{start.month // 3 + 1} {start.year}"
    return str(start.year) if result.every == "year" else f"{start:%Y-%m}"


def _ages(result: CohortRevenue) -> list[dict[str, Any]]:
    """The pooled rows that stand on enough customers; all where there are few at all."""
    if result.pooled.is_empty():
        return []
    enough = result.pooled.filter(pl.col("customers") >= FEW)
    return (enough if enough.height > 1 else result.pooled).to_dicts()


def brought_sentence(result: CohortRevenue) -> Say:
    """What a customer has brought by then and then, and whether later cohorts bring more."""
    if result.reason:
        return Say(f"What customers have brought cannot be told: it {result.reason}.")
    rows = _ages(result)
    if not rows:
        return Say("What customers have brought cannot be told yet: nobody has been watched for a whole month.")
    first, last = rows[0], rows[-1]
    said: list[Phrase] = [
        "Within the month of the first order a customer brings ", _brought(result, first), ", ",
        Strong(("after ", str(last["k"]), " months ", _brought(result, last))), " in all (95 % ",
        _brought(result, last, "low"), " – ", _brought(result, last, "high"), ", ",
        told(last, "customers", whole(last["customers"]), of="cohort_revenue_pooled", by=("k",)), " customers).",
    ] if len(rows) > 1 and last["low"] is not None else [
        "Within the month of the first order a customer brings ", _brought(result, first), ".",
    ]  # fmt: skip
    return Say((*said, *_later(result)))


def _later(result: CohortRevenue) -> tuple[Phrase, ...]:
    """The first cohort against the last one that has been watched for three months more than its first."""
    same = result.table.filter((pl.col("k") == 3) & (pl.col("size") >= FEW)).to_dicts()
    if len(same) < 2:
        return ()
    (first, then), (last, now) = ((_label(result, row), _total(result, row)) for row in (same[0], same[-1]))
    return (" By month 3 those of ", first, " had brought ", then, ", those of ", last, " ", now, " each.")


def _total(result: CohortRevenue, row: Mapping[str, Any]) -> Figure:
    return told(
        row, "per_customer", written(row["per_customer"], MONEY, result.currency), of="cohort_revenue", by=("k",)
    )


def brought_table(result: CohortRevenue) -> Table:
    """What each cohort has brought per customer, by months since the first order."""
    if result.table.is_empty():
        return Table(title="Revenue per customer so far", columns=("First order",), rows=())
    every = set(result.table["k"])
    ks = shown_ages(sorted(every), most=WIDEST)
    deepest = result.table["per_customer"].max()
    rows: list[tuple[Phrase | Cell, ...]] = []
    for part in result.table.partition_by("start", maintain_order=True)[-30:]:
        cells = {row["k"]: row for row in part.to_dicts()}
        first = next(iter(cells.values()))
        size = told(first, "size", whole(first["size"]), of="cohort_revenue", by=("k",))
        shaded = first["size"] >= 10
        rows.append(
            (_label(result, first), size, *(_cell(result, cells.get(k), deepest if shaded else None) for k in ks))
        )
    pooled = {row["k"]: row for row in _ages(result)}
    everybody = [Cell(phrase=Strong(_brought(result, pooled[k]))) if k in pooled else Cell(unseen=True) for k in ks]
    rows.append((Strong("all"), "", *everybody))
    note = "Revenue per customer, refunds taken off, to the end of the month so many months after the first order; a dot: not "
    note += "yet observed. The last row is of all customers watched so long."
    note += f" {left_out(len(every) - len(ks), drawn=True)}" if len(every) > len(ks) else ""
    note += " The data begin in the first cohort: it may hold customers who had bought before." if result.early else ""
    return Table(
        title="Revenue per customer so far",
        columns=("First order", "Customers", *map(str, ks)),
        rows=tuple(rows),
        note=note,
    )


def _cell(result: CohortRevenue, row: Mapping[str, Any] | None, deepest: Any) -> Cell:  # noqa: ANN401 - a maximum of a frame
    if row is None:
        return Cell(unseen=True)
    shade = max(row["per_customer"], 0.0) / deepest if deepest else None
    return Cell(phrase=_total(result, row), shade=shade)


def brought_picture(result: CohortRevenue) -> Picture:
    """Revenue per customer by months since the first order: all together with the interval, and the latest cohorts."""
    rows = _ages(result)
    at = tuple(str(row["k"]) for row in rows)
    points = [
        {"at": str(row["k"]), "series": "all", "open": False, "told": plain((_brought(result, row), " of ", whole(row["customers"])))}
        | {"value": row["per_customer"], "low": row["low"], "high": row["high"]}
        for row in rows
    ]  # fmt: skip
    lines = Lines(
        points=points_of(points), at=at, unit=MONEY, colours={"all": INK.accent}, currency=result.currency,
        axis="months since the first order", height=210,
    )  # fmt: skip
    note = (
        "All customers watched so long; the band is the 95 % interval. The figures of each cohort stand in the table."
    )
    return lines_picture(lines, alt=plain(brought_sentence(result).phrase), note=note)
