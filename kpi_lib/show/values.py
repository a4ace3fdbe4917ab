"""How computed figures are told: any KPI, one period or many, with segments or components."""

from collections.abc import Sequence
from typing import Any

from kpi_lib.answers.compute import Values
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.phrases import UNKNOWN, figure, interval, known, named, period_name, plural, title_of

SHOWN = 3
PATH = ("from", "to")
SETTLED = ("ok", "ripening")
BOUNDED = ("no_denominator", "ripening")
ROWS = 60
LONG = 5  # so many whole periods before the last make a series whose start is told


def kpis(values: Values) -> list[str]:
    """The KPIs there are, in order."""
    return [str(name) for name in values.table["kpi"].unique(maintain_order=True)]


def groups(values: Values, kpi: str) -> tuple[str, ...]:
    """The columns that tell figures of one period apart: segments, then components."""
    return (*values.by, *values.parts.get(kpi, ()))


def group_of(row: dict[str, Any], columns: Sequence[str]) -> str:
    """The name of a row's segment; a bare number says what it counts, as in step 2."""
    names = (f"{column} {row[column]}" if type(row[column]) is int else named(row[column]) for column in columns)
    return (" → " if tuple(columns) == PATH else " / ").join(names)


def sentence(values: Values) -> Say:
    """The latest figure of each KPI with its uncertainty, or why there is none."""
    names = kpis(values)
    if not names:
        return Say("Nothing was computed.")
    told: list[Phrase] = []
    for name in names[:SHOWN]:
        told += [" " if told else "", _one(values, name)]
    if len(names) > SHOWN:
        told.append(f" {plural(len(names) - SHOWN, 'more figure')} in the table.")
    return Say(tuple(told))


def _one(values: Values, kpi: str) -> Phrase:
    rows = values.only(kpi).table.to_dicts()
    title = title_of(kpi)
    if reason := values.reasons.get(kpi, "").rstrip("."):
        return (
            f"{title} cannot be told: it {reason}."
            if reason.startswith(("needs", "has"))
            else f"{title} cannot be told: {reason}."
        )
    there = [row for row in rows if known(row["value"]) is not None]
    bounds = [row for row in rows if row["status"] in BOUNDED and known(row["low"]) is not None]
    if not there and bounds and not groups(values, kpi):
        period, least = (
            period_name(bounds[-1]["start"], bounds[-1]["end"]),
            figure(bounds[-1], "low", currency=values.currency),
        )
        return (f"{title} in {period}: none came to an end, so at least ", least, " (95 %).")
    if not there:
        why = UNKNOWN.get(rows[-1]["status"], "the data do not allow it")
        return f"{title} cannot be told yet: {why}."
    # a whole period tells more than a later one that is not over
    end = max(row["start"] for row in [row for row in there if row["status"] in SETTLED] or there)
    last = [row for row in there if row["start"] == end]
    columns = groups(values, kpi)
    if not columns:
        return _stands(values, title, last[-1])
    last.sort(key=lambda row: (-row["value"], group_of(row, columns)))
    return _spans(values, title, [last[0], last[-1]] if len(last) > 1 else last)


def _stands(values: Values, title: str, row: dict[str, Any]) -> Phrase:
    so_far = " so far" if row["status"] in ("partial", "early") else ""
    period = period_name(row["start"], row["end"])
    return (
        Strong((f"{title}{so_far}: ", figure(row, currency=values.currency))),
        f" in {period}",
        *_sure(values, row, ()),
        *_before(values, row, ()),
        ".",
    )


def _before(values: Values, row: dict[str, Any], columns: Sequence[str]) -> tuple[Phrase, ...]:
    """What the figure was at the start of a longer series, so that a slow move is not overlooked."""
    same = [
        each for each in values.only(row["kpi"]).table.to_dicts()
        if all(each[column] == row[column] for column in columns) and each["status"] == "ok" and each["start"] < row["start"]
    ]  # fmt: skip
    if len(same) < LONG:
        return ()
    first = same[0]
    then = figure(first, currency=values.currency, by=columns)
    return (", ", then, f" in {period_name(first['start'], first['end'])}")


def _sure(values: Values, row: dict[str, Any], columns: Sequence[str]) -> tuple[Phrase, ...]:
    span = interval(row, currency=values.currency, by=columns)
    few = (", on few: ", figure(row, "n", by=columns)) if row["status"] == "small_n" else ()
    return (" (95 % ", span, *few, ")") if span else (" (", *few[1:], " in all)") if few else ()


def _spans(values: Values, title: str, ends: list[dict[str, Any]]) -> Phrase:
    columns = groups(values, ends[0]["kpi"])
    period = period_name(ends[0]["start"], ends[0]["end"])
    told: list[Phrase] = [f"{title} in {period}: "]
    for at, row in enumerate(ends):
        told += [
            " down to " if at else "",
            Strong((f"{group_of(row, columns)} ", figure(row, currency=values.currency, by=columns))),
        ]
        told += [*_sure(values, row, columns), *_before(values, row, columns)]
    if len(ends) == 2 and None not in (known(ends[0]["low"]), known(ends[1]["high"])):
        apart = ends[1]["high"] < ends[0]["low"]
        told.append(
            "; their intervals do not overlap"
            if apart
            else "; their intervals overlap, so chance may be all there is between them"
        )
    return (*told, ".")


def values_table(values: Values) -> Table:
    """Every figure with its interval and n."""
    columns = list(dict.fromkeys([*values.by, *(part for name in kpis(values) for part in values.parts.get(name, ()))]))
    rows = values.table.to_dicts()
    several = len(kpis(values)) > 1
    told = tuple(_row(values, row, columns, several=several) for row in rows[-ROWS:])
    heads = (*(["KPI"] if several else []), *columns, "Period", "Value", "95 %", "n", "Status")
    note = f"The last {ROWS} of {plural(len(rows), 'row')}." if len(rows) > ROWS else ""
    reasons = " ".join(f"{title_of(name)}: {why.rstrip('.')}." for name, why in values.reasons.items())
    title = title_of(kpis(values)[0]) if len(kpis(values)) == 1 else "Computed figures"
    return Table(
        title=title,
        columns=heads,
        rows=told,
        text_columns=len(columns) + 1 + several,
        choices=tuple(range(len(columns) + several)),
        note=f"{note} {reasons}".strip(),
    )


def _row(values: Values, row: dict[str, Any], columns: Sequence[str], *, several: bool) -> tuple[Phrase, ...]:
    own = groups(values, row["kpi"])
    words = [title_of(row["kpi"])] if several else []
    words += [named(row[column]) if column in own else "" for column in columns]
    period = period_name(row["start"], row["end"])
    status = {"ok": ""}.get(row["status"], row["status"].replace("_", " "))
    span = interval(row, currency=values.currency, by=own)
    return (*words, period, figure(row, currency=values.currency, by=own), span, figure(row, "n", by=own), status)
