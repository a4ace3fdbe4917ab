"""Which KPIs to watch, shown: the reason for each, and what is missing for those that cannot be computed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.answers.demands import in_words
from kpi_lib.answers.proposal import Proposal
from kpi_lib.answers.stages import Advice
from kpi_lib.kpis.registry import Kpi, catalogue
from kpi_lib.show.blocks import Note, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import plural, title_of

SHORT = ("arpu", "csat", "nps", "wau", "mrr", "ltv", "cac")
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
    if advice.warnings:
        said.append(f" {plural(len(advice.warnings), 'thing')} to mind beside them.")
    return Say(tuple(said))


def gaps(advice: Advice) -> Note | None:
    """What the choice leaves out, and what is not what it looks like."""
    said = tuple(f"{text[:1].upper()}{text[1:]}" for text in map(titled, advice.warnings))
    return Note(title="To mind with this choice", phrases=said, folded=False) if said else None


def titled(text: str) -> str:
    """A text with the titles of KPIs for their ids.

    >>> titled("add retention_day_7 or nps")
    'add Day-7 retention or Net promoter score'
    """
    known = catalogue()
    return re.sub(r"\b[a-z]+(?:_[a-z0-9]+)*\b", lambda found: _title(found[0], known), text)


def _title(word: str, known: Mapping[str, Kpi]) -> str:
    """The title of an id; words of everyday language that are ids as well, such as orders, stay."""
    return known[word].title if word in known and ("_" in word or word in SHORT) else word


def advice_table(advice: Advice) -> Table:
    """The KPIs in order, with the reason, what is missing, and what to watch with each."""
    ranks = (("first", advice.primary), ("beside", advice.secondary), ("also advised", advice.also))
    rows = tuple(
        (
            title_of(row["kpi"]),
            rank,
            LIMIT.get(row["reason"], row["reason"]),
            "✓ can be computed" if row["available"] else "○ not yet",
            (in_words(row["missing_inputs"]) if row["missing_inputs"] else "")
            or ("" if row["available"] else "not computed by this version"),
            title_of(advice.counters[row["kpi"]]) if row["kpi"] in advice.counters else "",
        )
        for rank, part in ranks
        for row in part
    )
    columns = ("KPI", "Watch", "Why", "From these data", "Missing", "Watch with")
    note = f"North star: {title_of(advice.north_star)}, moved by {_tree(advice.inputs)}." if advice.inputs else ""
    note += " Watch with: what would show that a figure was reached the wrong way."
    return Table(title="KPIs to watch", columns=columns, rows=rows, text_columns=6, note=note.strip())


def _tree(inputs: Sequence[Mapping[str, Any]]) -> str:
    """The drivers in a row, those of a driver in brackets behind it."""
    said = (title_of(each["kpi"]) + (f" ({_tree(each['inputs'])})" if each["inputs"] else "") for each in inputs)
    return ", ".join(said)


def proposal_sentence(proposal: Proposal) -> Say:
    """Which stage the data look like, and why."""
    why = f": {'; '.join(proposal.reasons)}."
    if proposal.stage is None:
        return Say((Strong("Which stage it is cannot be told yet"), why))
    return Say((Strong(f"By its data the product looks {proposal.stage}"), why))
