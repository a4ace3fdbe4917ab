"""Named rules told: which of them hold, by which figures, and what to look at."""

from collections.abc import Iterator, Mapping
from typing import Any

from kpi_lib.answers.rulebook import UNKNOWN, YES, Evidence, Finding, Findings
from kpi_lib.kpis.registry import find
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.phrases import (
    day_name,
    known,
    listed,
    moved,
    period_name,
    plural,
    span_of_change,
    title_of,
    told,
    unit_of,
    whole,
    written,
)  # fmt: skip

NOT_ITS_CAUSE = "What stands beside a figure need not be its cause."


def rules_sentence(result: Findings) -> Say:
    """Which rules hold, each by the figure that tells most."""
    judged = [each for each in result.findings if each.verdict != UNKNOWN]
    if not judged:
        return Say("No named rule can be told yet: the tables or the history that they need are not there.")
    count = f"{plural(len(judged), 'named rule')} could be looked at"
    if not result.holding:
        return Say(f"{count}, and none of them holds.")
    said: list[Phrase] = [
        f"{count}, and {len(result.holding)} of them hold" + ("s" if len(result.holding) == 1 else "")
    ]
    for finding, rows in _by_rule(result):
        if finding.verdict == YES:
            lead = ": " if len(said) == 1 else "; "
            said += [lead, Strong(_lower(finding.rule.title)), " (", *_one(finding.evidence[0], rows[0], result), ")"]
    return Say((*said, "."))


def _lower(title: str) -> str:
    return title if title[1:2].isupper() else title[0].lower() + title[1:]


def _by_rule(result: Findings) -> Iterator[tuple[Finding, list[dict[str, Any]]]]:
    """Each rule with the numbered rows of its figures."""
    rows = result.frames["rules"].to_dicts()
    for each in result.findings:
        size = len(each.evidence)
        yield each, rows[:size]
        rows = rows[size:]


def _one(evidence: Evidence, row: Mapping[str, Any], result: Findings) -> tuple[Phrase, ...]:
    """One figure with its interval and its change."""
    kpi = find(row["figure"])
    unit = unit_of(row["figure"], row["unit"])

    def figure(field: str) -> Phrase:
        text = whole(row[field]) if field == "n" else written(known(row[field]), unit, result.currency)
        return told(row, field, text, of="rules", by=("nth",))

    part = f", {row['part']}" if row["part"] else ""
    earlier = result.end is not None and row["end"] < result.end
    part += f", {period_name(row['start'], row['end'])}" if earlier else ""
    said: list[Phrase] = [f"{title_of(kpi.name)}{part} ", figure("value")]
    if known(row["low"]) is not None and known(row["high"]) is not None:
        said += [", 95 % ", figure("low"), " – ", figure("high")]
    change = evidence.change
    if change is not None and change.amount is not None:
        sure = change.low is not None and change.high is not None
        span = f" ({span_of_change(change.low, change.high, unit, points=change.points)})" if sure else ""  # type: ignore[arg-type]
        size = moved(change.amount, unit, points=change.points, sign=True)
        said += [
            ", ",
            told(row, "change", size, of="rules", by=("nth",)),
            f"{span} since {day_name(change.since) if change.since else 'before'}",
        ]
    return tuple(said)


def figures_of(result: Findings) -> list[tuple[Phrase, ...]]:
    """The figures of each rule in a row."""
    told: list[tuple[Phrase, ...]] = []
    for finding, own in _by_rule(result):
        figures: list[Phrase] = []
        for evidence, row in zip(finding.evidence, own, strict=True):
            figures += ["; " if figures else "", *_one(evidence, row, result)]
        beside = f". Beside it: {listed(finding.beside)}" if finding.beside else ""
        told.append((*figures, beside))
    return told


def verdict_of(finding: Finding) -> str:
    """The verdict, with what is missing where there is none."""
    return finding.verdict + (f" ({finding.reason})" if finding.reason else "")


def rules_table(result: Findings) -> Table:
    """Every rule: what must be so, whether it is, the figures that say so, and what to look at."""
    rows: list[tuple[Phrase, ...]] = []
    for finding, figures in zip(result.findings, figures_of(result), strict=True):
        rule = (Strong(finding.rule.title), f": {finding.rule.when}. Source: {finding.rule.source}.")
        hint = finding.rule.hint if finding.verdict == YES else ""
        rows.append((rule, verdict_of(finding), figures, hint))
    first = next((row["start"] for row in result.table.to_dicts()), None)
    last = next((row["end"] for row in result.table.to_dicts()), None)
    when = f", {period_name(first, last)}" if first and last else ""
    return Table(
        title=f"Named rules{when}",
        columns=("Rule", "Holds", "Figures", "Where to look"),
        rows=tuple(rows),
        text_columns=4,
        note=f"Changes are on the year before where the data reach so far, else on the period before. {NOT_ITS_CAUSE}",
    )
