"""How a comparison of funnels is told: differences with intervals that hold together, and no word of causes."""

from typing import Any

from kpi_lib.core.units import SHARE
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.charts_rank import Ranks, Row, ranks_picture
from kpi_lib.show.funnels import FEW, step_name
from kpi_lib.show.phrases import listed, moved, named, plain, span_name, told, written
from kpi_lib.show.picture import Picture

WHERE = ("what", "event")


def sentence(result: FunnelComparison) -> Say:
    """Which groups can be told apart, and how many cannot."""
    rows = [row for row in result.table.to_dicts() if row["difference"] is not None]
    if not rows:
        return Say("There are no two groups with entries to compare.")
    clear = [row for row in rows if row["clear"]]
    rest, lead = len(rows) - len(clear), _lead(result)
    if not clear:
        each = "the difference is" if rest == 1 else f"all {rest} differences are"
        return Say((Strong((lead, each, " within what chance gives")), ": not distinguishable."))
    phrase: list[Phrase] = [Strong((lead, _one(result, clear[0]))), "."]
    if len(clear) > 1:
        phrase.append(f" Clear as well: {listed([_name(result, row) for row in clear[1:]])}.")
    if rest:
        phrase.append(f" {rest} other {'difference is' if rest == 1 else 'differences are'} within what chance gives.")
    return Say((*phrase, " What goes together need not cause each other."))


def _lead(result: FunnelComparison) -> str:
    """Who is compared with whom."""
    if result.kind == "segments":
        return "Between segments: "
    what, against = span_name(result.table["what"][0]), span_name(result.table["against"][0])
    return f"{what[0].upper()}{what[1:]} against {against}: "


def _one(result: FunnelComparison, row: dict[str, Any]) -> Phrase:
    theirs = f" of {row['against']}" if result.kind == "segments" else ""
    shares = (_share(row, "share"), " against ", _share(row, "other_share"), theirs)
    return (_name(result, row), " ", *shares, ", ", _difference(row))


def _name(result: FunnelComparison, row: dict[str, Any]) -> str:
    """What tells the rows apart: the segment, or the step."""
    return named(row["what"]) if result.kind == "segments" else _way(row)


def _way(row: dict[str, Any]) -> str:
    """From which step to which, as people say it."""
    return " → ".join(map(step_name, str(row["event"]).split(" → ")))


def _share(row: dict[str, Any], field: str) -> Figure:
    return told(row, field, written(row[field], SHARE), of="funnel_comparison", by=WHERE)


def _difference(row: dict[str, Any]) -> Figure:
    text = moved(row["difference"], SHARE, points=True, sign=True)
    return told(row, "difference", text, of="funnel_comparison", by=WHERE)


def _ends(row: dict[str, Any]) -> Phrase:
    low, high = (moved(row[name], SHARE, points=True, sign=True).removesuffix(" points") for name in ("low", "high"))
    return (
        told(row, "low", low, of="funnel_comparison", by=WHERE),
        " to ",
        told(row, "high", high, of="funnel_comparison", by=WHERE),
    )


def comparison_table(result: FunnelComparison) -> Table:
    """Each pair with both shares, the difference in points and its interval."""
    rows: list[tuple[Phrase, ...]] = []
    for row in result.table.to_dicts():
        if row["difference"] is None:
            continue
        verdict = "clear" if row["clear"] else "not distinguishable"
        pair = (span_name(named(row["what"])), _way(row), span_name(row["against"]))
        rows.append((*pair, _share(row, "share"), _share(row, "other_share"), _difference(row), _ends(row), verdict))
    heads = ("What", "Step", "Against", "Share", "Theirs", "Difference", "95 % together", "")
    notes = " ".join(("The intervals hold for all rows at once (Holm).", *result.notes))
    return Table(title="Comparison", columns=heads, rows=tuple(rows), text_columns=3, note=notes)


def comparison_picture(result: FunnelComparison) -> Picture:
    """Each difference with its interval around zero."""
    rows = [row for row in result.table.to_dicts() if row["difference"] is not None]
    dots = tuple(
        Row(
            name=_name(result, row),
            value=row["difference"],
            text=moved(row["difference"], SHARE, points=True, sign=True),
            beside=f"{plain(_ends(row))} · {'clear' if row['clear'] else 'not distinguishable'}",
            low=row["low"],
            high=row["high"],
            quiet=not row["clear"] or min(row["of"], row["other_of"]) < FEW,
        )
        for row in rows
    )
    against = listed([span_name(each) for each in sorted({row["against"] for row in rows})])
    note = f"Points of difference against {against}; the line is the interval, all of which hold together with 95 %. "
    note += "Grey: not distinguishable, or too few to tell."
    alt = plain(sentence(result).phrase)
    return ranks_picture(Ranks(rows=dots, dots=True), alt=alt, note=note, table=comparison_table(result))
