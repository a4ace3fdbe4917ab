"""What stands behind the figures of answers: of KPIs as they stand, of what moved, of rules, decisions, surveys and advice."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kpi_lib.answers.decisions import Followed
from kpi_lib.answers.drilling import Move
from kpi_lib.answers.proposal import Proposal
from kpi_lib.answers.review import Unhappy
from kpi_lib.answers.rulebook import Findings
from kpi_lib.answers.scorecard import Standing
from kpi_lib.answers.stages import Advice
from kpi_lib.answers.themes import Themes
from kpi_lib.core.measure import PROPORTION
from kpi_lib.core.period import EVERY, step
from kpi_lib.kpis.registry import Kpi, find
from kpi_lib.show.blocks import Facts, Phrase
from kpi_lib.show.facts_shapes import NONE, NOTHING, ROWS, RULES, WATCHED, fact_list, origin_in_words
from kpi_lib.show.phrases import figure, interval, period_name, title_of, told, unit_of, whole, written

FULL = ("count", "per_day", "total", "quotient", "stock", "uptime")
SAME_USERS = "of the change: the same twentieths of users left out on both sides, or as the KPI's own"
PARTS = "Part of the change: the effects of the segments add up to it; of a quotient each is made of its size and of its own figure."
ANSWERS = "Last answer of a person in the period; low: NPS from 0 to 6, CSAT 1 or 2"
CHOSEN = "none: KPIs are chosen, not counted"


def hits_of(row: Mapping[str, Any]) -> int | None:
    """How many of the units behind a share did."""
    return None if row["value"] is None or row["n"] is None else round(row["value"] * row["n"])


def standing_facts(standing: Standing, currency: str) -> Facts:
    """All that one needs to count the figure again: what was divided by what, how many, from which columns and data."""
    row, kpi, by, history = standing.row, standing.kpi, tuple(standing.part), standing.history
    above, _, below = kpi.formula.partition(" / ")
    numerator: Phrase = above
    denominator: Phrase = below or NOTHING
    if kpi.measure is PROPORTION and row["value"] is not None:
        hits = {**row, "hits": hits_of(row)}
        numerator = (told(hits, "hits", whole(hits["hits"]), of=kpi.name, by=by), f" {above}")
        denominator = (figure(row, "n", by=by), f" {below}")
    none = NONE if kpi.measure.name in FULL else "none can be told"
    return fact_list(
        f"{kpi.formula}, version {history.definitions.get(kpi.name, '')}",
        numerator,
        denominator,
        figure(row, "n", by=by),
        (figure(row, "unripe", by=by), " not ripe. ", kpi.ripeness),
        interval(row, currency=currency, by=by) or none,
        "; ".join(kpi.references),
        _columns(kpi),
        f"period {row['start']} to {row['end']}, end excluded · {history.fingerprint}",
    )


def _columns(*kpis: Kpi) -> str:
    return ", ".join(dict.fromkeys(name for each in kpis for name in each.inputs or each.components))


def standings_facts(standings: Sequence[Standing], currency: str, *, more: Sequence[str] = ()) -> Facts:
    """The same of several figures in one place, each under its title; `more` names columns that find their rows as well."""
    kpis = list({each.kpi.name: each.kpi for each in standings}.values())
    versions = {name: text for each in standings for name, text in each.history.definitions.items()}
    halves = {each.title: each.formula.partition(" / ") for each in kpis}
    spans = dict.fromkeys(f"{each.row['start']} to {each.row['end']}" for each in standings)
    files = dict.fromkeys(each.history.fingerprint for each in standings)

    def each_one(said: Callable[[Standing, tuple[str, ...]], Phrase]) -> Phrase:
        parts = [(f"{each.title} ", said(each, (*more, *each.part)) or "none") for each in standings]
        return tuple(("; ", *part) if at else part for at, part in enumerate(parts))

    return fact_list(
        "; ".join(f"{each.title}: {each.formula}, version {versions.get(each.name, '')}" for each in kpis),
        "; ".join(f"{title}: {above}" for title, (above, _, _) in halves.items()),
        "; ".join(f"{title}: {below or NOTHING}" for title, (_, _, below) in halves.items()),
        each_one(lambda each, by: figure(each.row, "n", by=by)),
        each_one(lambda each, by: figure(each.row, "unripe", by=by)),
        each_one(lambda each, by: interval(each.row, currency=currency, by=by)),
        "; ".join(dict.fromkeys(text for each in kpis for text in each.references)),
        _columns(*kpis),
        f"period {', '.join(spans)}, end excluded · {', '.join(files)}",
    )


def move_facts(move: Move, every: str, currency: str) -> Facts:
    """A figure that moved, and the segments that its change is divided among."""
    standing = move.standing
    known = dict(standing_facts(standing, currency))
    change = standing.year if move.yearly and standing.year else standing.change
    apart = f" Divided by {move.source.column}. {PARTS}" if move.source else ""
    before = (
        period_name(change.since, step(change.since, every)) if change.since and every in EVERY else "the one before"
    )
    known["Definition"] = (known["Definition"], f". The change is on {before}.{apart}")
    known["95 % interval"] = (known["95 % interval"], f" of the figure; {SAME_USERS}; of a segment's part none is told")
    return fact_list(*known.values())


def followed_facts(each: Followed, every: str, currency: str) -> Facts:
    """A decision: the figure that it was to move, then and now, and what was expected of it."""
    decision, kpi = each.decision, find(each.decision.kpi)
    row, unit = each.to_dict(), unit_of(each.decision.kpi)

    def shown(field: str, text: str) -> Phrase:
        return told(row, field, text, of="followup", by=("file",))

    since = each.change.since
    then = period_name(since, step(since, every) if every in EVERY else decision.date) if since else "the period before"
    now, before = (shown(name, written(row[name], unit, currency)) for name in ("value", "previous"))
    how = "the difference in points" if each.change.points else "the change as a part of what it was before"
    return fact_list(
        f"{kpi.title}: {kpi.formula}, version {each.definition}. Expected: {decision.expect} by {decision.due}; told is {how}",
        ("now ", now, f", from {each.start} on"),
        ("before ", before, f" in {then}; the figure itself is over {kpi.formula.partition(' / ')[2] or 'nothing'}"),
        shown("n", whole(each.n)),
        (shown("unripe", whole(each.unripe)), " not ripe. ", kpi.ripeness),
        f"{SAME_USERS}; where none is told, how much is chance is not known",
        "; ".join(kpi.references),
        _columns(kpi),
        " · ".join(filter(None, (f"{then}, and from {each.start} on", each.fingerprint))),
    )


def findings_facts(result: Findings) -> Facts:
    """Named rules: the figures that each rests on, and who gives the rule."""
    rows = result.frames["rules"].to_dicts()
    kpis = [find(name) for name in dict.fromkeys(row["figure"] for row in rows)]
    parts = [(f"{title_of(row['figure'])}{', ' if row['part'] else ''}{row['part']} ", _n(row)) for row in rows]
    halves = [each.formula.partition(" / ") for each in kpis]
    return fact_list(
        "; ".join(["What must be so stands with each rule", *(f"{each.title}: {each.formula}" for each in kpis)]),
        "; ".join(dict.fromkeys(above for above, _, _ in halves)) or "no figure could be told",
        "; ".join(dict.fromkeys(below or NOTHING for _, _, below in halves)) or "no figure could be told",
        tuple(("; ", *part) if at else part for at, part in enumerate(parts)) or "no figure could be told",
        "what is not ripe cannot be told, and its rule says so",
        "behind each figure that has one; of a change, in brackets behind it",
        "; ".join(dict.fromkeys(each.rule.source for each in result.findings)) or "no rule",
        _columns(*kpis) or "no table",
        origin_in_words(result.origin, f"up to {result.end}, that day excluded" if result.end else "")[1],
    )


def _n(row: Mapping[str, Any]) -> Phrase:
    return told(row, "n", whole(row["n"]), of="rules", by=("nth",))


def unhappy_facts(result: Unhappy) -> Facts:
    """Who is unhappy: which answers count."""
    return fact_list(
        ANSWERS,
        "people with a low answer",
        "people who answered",
        "those who answered, in the sentence",
        WATCHED,
        NONE,
        "; ".join(dict.fromkeys((*find("nps").references, *find("csat").references))),
        *origin_in_words(result.origin),
    )


def themes_facts(result: Themes) -> Facts:
    """Themes of low answers: what counts as one."""
    return fact_list(
        f"{ANSWERS}. A theme is a word or phrase of up to three words that three or more low answers hold",
        "low answers that hold it; of the others, answers that hold it",
        "low answers with words; of the others, answers with words",
        ROWS,
        WATCHED,
        "Wilson's score interval (1927), in each row; of the difference Newcombe's (1998), clear after Holm's correction (1979)",
        "; ".join(dict.fromkeys((*find("nps").references, *find("csat").references))),
        *origin_in_words(result.origin),
    )


def advice_facts(result: Advice) -> Facts:
    """KPIs to watch: the scenarios that they come from."""
    rows = (*result.primary, *result.secondary, *result.also)
    kpis = [find(row["kpi"]) for row in rows]
    return fact_list(
        f"The KPIs that the sources name for: {', '.join(dict.fromkeys(row['scenario'] for row in rows)) or 'nothing chosen'}",
        CHOSEN,
        CHOSEN,
        CHOSEN,
        CHOSEN,
        CHOSEN,
        "; ".join(dict.fromkeys(text for each in kpis for text in each.references)) or "no scenario",
        "the names of columns that the tables have; which are missing stands in each row",
        "no row of the tables is read for it",
    )


def proposal_facts(result: Proposal) -> Facts:
    """The stage that data look like: how it is told."""
    return fact_list(
        "Early, growth or mature: mean monthly change of monthly active users, and whether newcomers stay",
        "active users of a month; newcomers who are active in their last month that a hundred have reached",
        "active users of the month before; newcomers watched to that month",
        f"{result.months} whole months with active users",
        "months that are not over, and newcomers not yet watched so far, are left out",
        "Student's t on the logarithms of the monthly changes, in brackets; of who stays none is told",
        RULES.format("Which stage a product seems to be in"),
        *origin_in_words(result.origin),
    )
