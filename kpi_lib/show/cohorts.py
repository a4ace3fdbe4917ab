"""How cohorts are told: the triangle of who came back, and what the pooled curve allows to say."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from kpi_lib.core.units import SHARE
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.show.blocks import Cell, Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import listed, named, plural, told, told_between, whole, written

COLUMNS = 18
ROWS = 30
LEAST = 8  # of each segment, however many there are
LATER = 3
STILL = 1.5  # rates further apart than this are not one rate
EVERYBODY = "all"
FEW = 30
SHADED = 10


def age(row: dict[str, Any]) -> str:
    """The k of a cell, or its bracket."""
    return str(row["k"]) if row["to"] == row["k"] else f"{row['k']}–{row['to']}"


def curves(result: CohortResult) -> list[tuple[str, list[dict[str, Any]]]]:
    """The pooled rows of each segment, named."""
    if not result.by:
        return [(EVERYBODY, _known(result.pooled.to_dicts()))]
    parts: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for row in result.pooled.to_dicts():
        parts.setdefault(tuple(row[column] for column in result.by), []).append(row)
    return [(" / ".join(map(named, values)), _known(rows)) for values, rows in parts.items()]


def _known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ages that enough members have been watched to; all ages where there are few members at all."""
    seen = [row for row in rows if (row["eligible"] or 0) > 0]
    enough = [row for row in seen if row["eligible"] >= FEW]
    return enough if len(enough) > 1 else seen


def sentence(result: CohortResult) -> Say:
    """How many come back, and whether the curve has settled."""
    told = [(name, rows) for name, rows in curves(result) if any(row["k"] > 0 for row in rows)]
    if not told:
        return Say("Who comes back cannot be told yet: no cohort's first period after the start is over.")
    if result.by:
        return Say(_segments(result, told))
    return Say(tuple(_pooled(result, [row for row in told[0][1] if row["k"] > 0])))


def _pooled(result: CohortResult, rows: list[dict[str, Any]]) -> list[Phrase]:
    grain, first, last = result.definition.get("grain", "period"), rows[0], rows[-1]
    later = " or later" if result.definition.get("mode") == "on_or_after" else ""
    said: list[Phrase] = [
        "Of ", pooled(first, "eligible"), " who started, ",
        Strong((pooled(first, "rate"), f" came back in {grain} {age(first)}{later}")),
        " (95 % interval ", span(first), ")",
    ]  # fmt: skip
    if len(rows) > 1:
        far = (
            pooled(last, "rate"),
            " of ",
            pooled(last, "eligible"),
            f" in {grain} {age(last)}{later} (",
            span(last),
            ")",
        )
        said += [", ", *far]
    said.append(". ")
    said += _settled(rows, str(grain))
    if last["eligible"] < FEW:
        said += [" That stands on few: ", pooled(last, "eligible"), "."]
    return said


def pooled(row: dict[str, Any], field: str, by: Sequence[str] = ()) -> Figure:
    """One figure of the pooled curve."""
    text = whole(row[field]) if field == "eligible" else written(row[field], SHARE)
    return told(row, field, text, of="cohort_pooled", by=(*by, "k"))


def span(row: dict[str, Any], by: Sequence[str] = ()) -> Phrase:
    """The interval of a pooled rate."""
    return told_between(row, of="cohort_pooled", by=(*by, "k"))


def _settled(rows: list[dict[str, Any]], grain: str) -> list[Phrase]:
    """Settled = one rate fits the intervals of all later ages."""
    at = settles(rows)
    if at is None:
        return (
            ["Whether it settles cannot be told yet."]
            if len(rows) <= LATER
            else ["It has not settled: no one rate fits the last ages."]
        )
    low, high = (pooled(end(rows[at:], key=lambda row: row["rate"]), "rate") for end in (min, max))
    held: tuple[Phrase, ...] = ("near ", low) if low.text == high.text else ("between ", low, " and ", high)
    return [
        Strong((f"From {grain} {age(rows[at])} on it holds ", *held)),
        ", and the changes from one age to the next are within what chance gives.",
    ]


def settles(rows: Sequence[dict[str, Any]]) -> int | None:
    """From where on the rate keeps still: one rate fits all intervals, and the rates themselves stay close together.

    Wide intervals alone would call anything settled, and so would a rate that has gone to nothing.
    """
    for at in range(len(rows) - LATER):
        tail = rows[at:]
        low, high = min(row["rate"] for row in tail), max(row["rate"] for row in tail)
        fits = max(row["low"] for row in tail) <= min(row["high"] for row in tail)
        if fits and 0 < high <= STILL * low:
            return at
    return None


def _segments(result: CohortResult, told: list[tuple[str, list[dict[str, Any]]]]) -> Phrase:
    grain, by = result.definition.get("grain", "period"), result.by
    ages = [{row["k"] for row in rows if row["k"] > 0} for _, rows in told]
    shared = sorted(set.intersection(*ages))
    if len(told) < 2 or not shared:
        return f"The segments cannot be compared yet: {listed([name for name, _ in told])} have no age in common."
    k = shared[0]
    firsts = sorted(
        ((next(r for r in rows if r["k"] == k), name) for name, rows in told),
        key=lambda pair: (-pair[0]["rate"], pair[1]),
    )
    (top, best), (bottom, worst) = firsts[0], firsts[-1]
    rates = [(", ", pooled(row, "rate", by), " (", span(row, by), ")") for row in (top, bottom)]
    end = (
        "their intervals overlap, so chance may be all there is"
        if bottom["high"] >= top["low"]
        else "their intervals do not overlap; what goes together need not cause"
    )
    most = Strong(f"In {grain} {k} most come back in {best}")
    return (most, rates[0], f", fewest in {worst}", rates[1], f"; {end}.")


def shown_ages(ks: Sequence[int], most: int = COLUMNS) -> list[int]:
    """The ages a table can bear: all up to so many, else the first eight (five of few) and then ever wider steps to the last.

    >>> shown_ages(range(1, 71)), shown_ages(range(24), most=10)
    ([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 36, 52, 70], [0, 1, 2, 3, 4, 6, 12, 16, 23])
    """
    ordered = sorted(ks)
    if len(ordered) <= most:
        return ordered
    wanted = {*ordered[: max(most - 10, 5)], ordered[-1], 6, 12, 16, 24, 36, 52, 78, 104, 156, 208, 260, 365}
    kept = [k for k in ordered if k in wanted]
    return [*kept[: most - 1], ordered[-1]] if len(kept) > most else kept


def cohort_table(result: CohortResult) -> Table:
    """The triangle: percent of each cohort that came back, darker for more; a dot where it cannot be known yet."""
    cells = result.table.filter(pl.col("complete") & (pl.col("k") > 0))
    ages = cells.select("k", "to").unique().sort("k").to_dicts()
    kept = set(shown_ages([row["k"] for row in ages]))
    heads = [row for row in ages if row["k"] in kept]
    rates = cells.filter(pl.col("size") >= SHADED).select((pl.col("retained") / pl.col("size")).max()).item()
    keys = [*result.by, "start"]
    segments = result.table.partition_by(result.by, maintain_order=True) if result.by else [result.table]
    parts = [segment.partition_by(keys, maintain_order=True) for segment in segments]
    most = max(ROWS // max(len(parts), 1), LEAST)
    rows = [_row(each.to_dicts(), result, heads, deepest=rates or 1.0) for part in parts for each in part[-most:]]
    if not result.by and not result.pooled.is_empty():
        rows.append(_everybody(_known(result.pooled.to_dicts()), heads))
    return Table(
        title="Share of each cohort that came back, in percent",
        columns=(*result.by, "Start", "Size", *(age(row) for row in heads)),
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=_note(result, max(map(len, parts), default=0), most, len(ages) - len(heads)),
    )


def _note(result: CohortResult, cohorts: int, most: int, hidden: int) -> str:
    grain = str(result.definition.get("grain", "period"))
    said = [f"{each[0].upper()}{each[1:]}" for each in result.warnings]
    said += [f"Percent of those who started, by {grain}s since the start. A dot: not yet observed, never zero."]
    if result.definition.get("mode") == "on_or_after":
        said.append(
            f"The newer the {grain}, the less time was left to come back later: the last cells of each row are low."
        )
    if result.table.height and (result.table["size"] < SHADED).any():
        said.append(f"Unshaded: fewer than {SHADED} members.")
    if cohorts > most:
        said.append(
            f"The last {most} of {plural(cohorts, 'cohort')}{' of each segment' if result.by else ''} are shown."
        )
    if hidden:
        said.append(left_out(hidden, drawn=not result.by))
    return " ".join(said)


def left_out(hidden: int, *, drawn: bool) -> str:
    """How many ages a table leaves out, and whether a curve beside it has them."""
    return f"{plural(hidden, 'column')} between them left out{'; the curve has them all' if drawn else ''}."


def _row(
    cells: list[dict[str, Any]], result: CohortResult, heads: list[dict[str, Any]], *, deepest: float
) -> tuple[Phrase | Cell, ...]:
    first = cells[0]
    found = {cell["k"]: cell for cell in cells}
    segments = tuple(named(first[column]) for column in result.by)
    start = f"{first['start']:%Y-%m}" if result.definition.get("grain") == "month" else str(first["start"])
    size = told(first, "size", whole(first["size"]), of="cohort", by=(*result.by, "k"))
    return (*segments, start, size, *(_cell(found.get(head["k"]), deepest, result.by) for head in heads))


def _cell(cell: dict[str, Any] | None, deepest: float, by: Sequence[str]) -> Cell:
    if cell is None or not cell["complete"] or not cell["size"]:
        return Cell(unseen=True)
    rate = cell["retained"] / cell["size"]
    printed = told({**cell, "rate": rate}, "rate", _percent(rate), of="cohort", by=(*by, "k"))
    return Cell(phrase=printed, shade=min(rate / deepest, 1.0) if cell["size"] >= SHADED else None)


def _percent(rate: float) -> str:
    """Whole percents from ten on, one decimal below."""
    return f"{rate * 100:.0f}" if rate >= 0.0995 or not rate else f"{rate * 100:.1f}"


def _everybody(rows: list[dict[str, Any]], heads: list[dict[str, Any]]) -> tuple[Phrase | Cell, ...]:
    """The pooled curve as the last row of the triangle."""
    found = {row["k"]: row for row in rows}
    size = pooled(found[0], "eligible") if 0 in found else whole(None)
    rates = [found.get(head["k"]) for head in heads]
    return (
        Strong(EVERYBODY),
        size,
        *(Cell(unseen=True) if row is None else Cell(phrase=_pooled_cell(row)) for row in rates),
    )


def _pooled_cell(row: dict[str, Any]) -> Phrase:
    return Strong(told(row, "rate", _percent(row["rate"]), of="cohort_pooled", by=("k",)))


def curve_table(result: CohortResult) -> Table:
    """The pooled curve in figures: how many were watched to each age, and the share that came back."""
    rows = tuple(
        (
            *(named(row[c]) for c in result.by),
            age(row),
            *(pooled(row, f, result.by) for f in ("eligible", "rate")),
            span(row, result.by),
        )
        for row in result.pooled.filter(pl.col("eligible") > 0).to_dicts()
    )
    grain = str(result.definition.get("grain", "period"))
    columns = (*result.by, f"{grain.capitalize()}s since the start", "Watched so long", "Came back", "95 %")
    return Table(
        title="Who came back, all cohorts pooled",
        columns=columns,
        rows=rows,
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
    )
