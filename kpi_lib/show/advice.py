"""Which KPIs to watch, shown: the reason for each, and what is missing for those that cannot be computed."""

from kpi_lib.answers.stages import Advice
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.phrases import plural, title_of

LIMIT = {"limit": "beyond the first five"}


def sentence(advice: Advice) -> Say:
    """How many to watch first, how many of them the data allow, and what is missing beside them."""
    if not advice.primary:
        return Say("No KPI is proposed for this choice.")
    there = [row for row in advice.primary if row["available"]]
    names = ", ".join(title_of(row["kpi"]) for row in advice.primary)
    can = (
        "all can be computed"
        if len(there) == len(advice.primary)
        else f"{len(there)} of them can be computed from these data"
    )
    said: list[Phrase] = [Strong(f"Watch {plural(len(advice.primary), 'KPI')} first"), f": {names}; {can}."]
    return Say((*said, *(f" {warning[:1].upper()}{warning[1:]}" for warning in advice.warnings)))


def advice_table(advice: Advice) -> Table:
    """The KPIs in order, with the reason and what is missing."""
    ranked = [("first", row) for row in advice.primary] + [("beside", row) for row in advice.secondary]
    rows = tuple(
        (
            title_of(row["kpi"]),
            rank,
            LIMIT.get(row["reason"], row["reason"]),
            "✓ can be computed" if row["available"] else "○ not yet",
            ", ".join(row["missing_inputs"]) or ("" if row["available"] else "not computed by this version"),
        )
        for rank, row in ranked
    )
    return Table(
        title="KPIs to watch", columns=("KPI", "Watch", "Why", "From these data", "Missing"), rows=rows, text_columns=5
    )
