"""Themes of low answers shown: what is named most, by how many, and whether others say it as well."""

from typing import Any

from kpi_lib.answers.review import SCALES
from kpi_lib.answers.themes import FEWEST, LONGEST, Themes
from kpi_lib.core.units import SHARE
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.phrases import moved, plural, span_of_change, told, told_between, written

KINDS = {"nps": "NPS", "csat": "CSAT"}
OF = "themes"
BY = ("kind", "theme")


def themes_sentence(result: Themes) -> Say:
    """What the unhappy name most, for each kind of question."""
    parts: list[Phrase] = []
    for kind in SCALES:
        rows = result.table.filter(kind=kind).to_dicts()
        if not rows:
            continue
        row = rows[0]
        if parts:
            parts.append(" ")
        counts = (_count(row, "people"), " of ", _count(row, "n"))
        named = Strong(("“", row["theme"], "” stands in ", *counts, f" low {KINDS[kind]} answers with words"))
        parts += [
            named,
            " (95\N{NARROW NO-BREAK SPACE}% interval ",
            told_between(row, of=OF, by=BY),
            ")",
            _against(row),
            ".",
        ]
    if not parts:
        silent = sum(result.silent.values())
        quiet = f" {plural(silent, 'low answer')} came without words." if silent else ""
        return Say(f"No word or phrase stands in {FEWEST} or more low answers of this period.{quiet}")
    return Say((*parts, " What people write about need not be what made them unhappy."))


def _against(row: dict[str, Any]) -> Phrase:
    """Whether the others say it less."""
    if row["more"] is None:
        return "; none of the others wrote anything to hold it against"
    other = (told(row, "other_people", f"{row['other_people']:,}", of=OF, by=BY), " of ",
             told(row, "other_n", f"{row['other_n']:,}", of=OF, by=BY), " others with words")  # fmt: skip
    return (
        ("; more often than in those of ", *other)
        if row["clear"]
        else ("; not clearly more often than in those of ", *other)
    )


def _count(row: dict[str, Any], field: str) -> Phrase:
    return told(row, field, f"{row[field]:,}", of=OF, by=BY)


def themes_table(result: Themes) -> Table:
    """One row a theme."""
    rows = tuple(
        (
            row["theme"],
            KINDS[row["kind"]],
            (_count(row, "people"), " of ", _count(row, "n")),
            (
                told(row, "share", written(row["share"], SHARE), of=OF, by=BY),
                " (",
                told_between(row, of=OF, by=BY),
                ")",
            ),
            _more(row),
        )
        for row in result.table.iter_rows(named=True)
    )
    silent = [
        f"{plural(count, f'low {KINDS[kind]} answer')} came without words."
        for kind, count in result.silent.items()
        if count
    ]
    note = (
        f"Words and phrases of up to {LONGEST} words in {FEWEST} low answers or more; a phrase stands for its words where the same answers "
        "hold them. In brackets the 95\N{NARROW NO-BREAK SPACE}% interval; the differences hold together (Holm)."
    )
    columns = ("Theme", "Question", "Low answers", "Share", "Against the others")
    return Table(
        title="What low answers say", columns=columns, rows=rows, text_columns=2, note=" ".join([note, *silent])
    )


def _more(row: dict[str, Any]) -> Phrase:
    if row["more"] is None:
        return "no others"
    more = told(row, "more", moved(row["more"], SHARE, points=True, sign=True), of=OF, by=BY)
    return (more, " (", span_of_change(row["more_low"], row["more_high"], SHARE, points=True), ")")
