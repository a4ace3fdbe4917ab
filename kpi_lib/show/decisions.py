"""Decisions shown: what was seen and decided, what was expected, and what the figure did since, in neutral words."""

from collections import Counter

from kpi_lib.answers.change import Change
from kpi_lib.answers.decisions import AGAINST, EARLY, OPEN, REACHED, SHORT, TOWARD, UNKNOWN, Followed, FollowUp, Taken
from kpi_lib.core.period import EVERY, step
from kpi_lib.kpis.registry import find
from kpi_lib.show.blocks import Figure, Note, Phrase, Say, Strong, Table
from kpi_lib.show.facts_answers import followed_facts
from kpi_lib.show.phrases import (
    day_name,
    listed,
    moved,
    period_name,
    plain,
    plural,
    span_of_change,
    title_of,
    told,
    unit_of,
)

STATES = {
    REACHED: "✓ as expected or more",
    TOWARD: "▲ the expected way, not surely as far",
    SHORT: "✕ less than expected",
    AGAINST: "▼ the other way",
    OPEN: "● within what chance gives",
    EARLY: "… too early to tell",
    UNKNOWN: "? cannot be told",
}
COUNTED = {
    REACHED: "went as expected or further",
    TOWARD: "went the expected way",
    SHORT: "did less than expected",
    AGAINST: "went the other way",
    OPEN: "stayed within what chance gives",
    EARLY: "too early to tell",
    UNKNOWN: "cannot be told",
}
NOT_ITS_CAUSE = "A change after a decision need not come from it: other things changed in that time as well."
COLUMNS = ("Decision", "Owner", "Because", "Expected", "Since then", "Next look")
NONE = "No decision is on record for this time. The command kpi decide puts one on record, and the reports follow it."


def sentence(result: FollowUp) -> Say:
    """How many decisions are followed, how they stand, and how many are due for another look."""
    if not result.followed:
        return Say(NONE)
    counts = Counter(each.state for each in result.followed)
    parts = [f"{counts[state]} {words}" for state, words in COUNTED.items() if counts[state]]
    due = len(result.to_look_at)
    look = f" The next look at {'it' if len(result.followed) == 1 else f'{due} of them'} has come." if due else ""
    return Say((Strong(f"{plural(len(result.followed), 'decision')} followed"), f": {listed(parts)}.{look}"))


def follow_up_table(result: FollowUp) -> Table:
    """One row per decision; everything that people wrote stands here as text."""
    rows = tuple(_row(each, result) for each in result.followed)
    return Table(
        title="Decisions and what happened since",
        columns=COLUMNS,
        rows=rows,
        text_columns=len(COLUMNS),
        note=NOT_ITS_CAUSE,
    )


def notes(result: FollowUp) -> tuple[Note, ...]:
    """A note per decision, which fits a phone as well; everything that people wrote stands here as text."""
    return tuple(_note(each, result) for each in result.followed)


def _note(each: Followed, result: FollowUp) -> Note:
    decision = each.decision
    what, _, signal, wanted, happened, look = _row(each, result)
    phrases = (
        ("Because: ", signal),
        ("Expected: ", wanted, "; next look ", look),
        (Strong(("Since then: ", happened)),),
    )
    return Note(
        title=f"{plain(what)}, {decision.owner}",
        phrases=phrases,
        folded=False,
        facts=followed_facts(each, result.every, result.currency),
    )


def _row(each: Followed, result: FollowUp) -> tuple[Phrase, ...]:
    decision = each.decision
    look = day_name(decision.look) + (" (has come)" if decision.look < result.until else "")
    wanted = f"{title_of(decision.kpi)} {decision.expect} by {day_name(decision.due)}"
    what = f"{decision.decision} ({decision.type}, {day_name(decision.date)})"
    return (what, decision.owner, decision.signal, wanted, since(each, result.every), look)


def since(each: Followed, every: str) -> Phrase:
    """What the figure did: from when to when, how far, with the interval, and how that stands to what was expected."""
    change, word = each.change, STATES[each.state]
    if change.amount is None or change.since is None:
        return f"{word}: {each.reason}" if each.reason else word
    first = period_name(change.since, step(change.since, every) if every in EVERY else each.decision.date)
    arrow = "▲ " if change.amount > 0 else "▼ " if change.amount < 0 else "● "
    size = _told(each, "change", moved(change.amount, find(each.decision.kpi).unit, points=change.points))
    return (arrow, size, *_span(each, change), f" since {first}: {word}", f" ({each.reason})" if each.reason else "")


def _span(each: Followed, change: Change) -> tuple[Phrase, ...]:
    if change.low is None or change.high is None:
        return ()
    unit = unit_of(each.decision.kpi)
    low, high = span_of_change(change.low, change.high, unit, points=change.points).split(" to ")
    return (" (", _told(each, "change_low", low), " to ", _told(each, "change_high", high), ")")


def _told(each: Followed, field: str, text: str) -> Figure:
    return told(each.to_dict(), field, text, of="followup", by=("file",))


def taken_sentence(result: Taken) -> Say:
    """How many decisions were put on record since the period ended."""
    if not result.decisions:
        return Say(f"No decision was put on record since {day_name(result.since)}.")
    counted = plural(len(result.decisions), "decision")
    return Say((Strong(f"{counted} on record"), f" since {day_name(result.since)}."))


def taken_table(result: Taken) -> Table:
    """Each of them with its owner and its day; everything that people wrote stands here as text."""
    rows = tuple(
        (
            each.decision,
            each.owner,
            day_name(each.date),
            f"{title_of(each.kpi)} {each.expect} by {day_name(each.due)}",
            each.signal,
        )
        for each in result.decisions
    )
    columns = ("Decision", "Owner", "Taken on", "Expected", "Because")
    return Table(title="Decided", columns=columns, rows=rows, text_columns=len(columns))
