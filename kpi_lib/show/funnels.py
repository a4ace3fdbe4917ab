"""How a funnel is told: its chart, its table and its sentences."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.core.compare import share_difference
from kpi_lib.core.units import SECONDS, SHARE, show
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_rules import read_step
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import known, listed, named, plain, plural, span_name, told, told_between, whole, written

ORDERS = {
    "ordered": "in this order, other events may come between",
    "strict": "one directly after the other",
    "unordered": "in any order",
}
ATTEMPTS = {
    "best": "the deepest attempt of each counts",
    "first": "the first attempt of each counts",
    "first_ever": "the first attempt of each over all the data counts",
    "all": "every attempt counts",
}
TIMES = {"earliest": "timed from the earliest such start", "fastest": "timed from the latest such start"}
FEW = 30
OPEN_END = " There is no time limit, so who entered lately may still come."


def step_name(event: str) -> str:
    """A step as people say it.

    >>> step_name("purchase@2"), step_name("search")
    ('2nd purchase', 'search')
    """
    name, _, nth = event.partition("@")
    if not (name and nth.isdigit()):
        return event
    ending = "th" if nth[-2:] in ("11", "12", "13") else {"1": "st", "2": "nd", "3": "rd"}.get(nth[-1], "th")
    return f"{nth}{ending} {name}"


def noun(result: FunnelResult, count: int) -> str:
    """What the funnel counts, with its number."""
    unit, hold = str(result.definition.get("unit", "user")), result.definition.get("hold")
    if result.definition.get("attempt") == "all":
        return plural(count, "attempt")
    if hold:
        return plural(count, f"pair of {unit} and {hold}", f"pairs of {unit} and {hold}")
    if unit in ("user", "session"):
        return plural(count, unit)
    return plural(count, f"value of {unit}", f"values of {unit}")


def groups(result: FunnelResult) -> list[tuple[str, list[dict[str, Any]]]]:
    """The steps of each segment, named."""
    if not result.by:
        return [("", result.table.to_dicts())]
    parts = result.table.partition_by(list(result.by), maintain_order=True)
    return [(" / ".join(named(part[column][0]) for column in result.by), part.to_dicts()) for part in parts]


def sentence(result: FunnelResult) -> Say:
    """Who converts, where most are lost, how long it takes; how sure, and what is still open."""
    if result.table.is_empty():
        return Say("There is nothing to tell: nobody and no segment entered this funnel.")
    needed = [not read_step(step)[1] for step in result.definition["steps"]]
    steps = [row for row in result.table.to_dicts() if needed[row["step"] - 1]]
    if not result.by and not steps[0]["units"]:
        return Say(_nobody(result, steps[0]))
    return Say((_entered(result), *(_by_segment(result) if result.by else _overall(result, steps))))


def _nobody(result: FunnelResult, first: Mapping[str, Any]) -> Phrase:
    """Why there is no conversion to tell: nobody entered, or nobody's time is up."""
    period = result.definition.get("period")
    at = step_name(first["event"]) + (f" in {span_name(str(period))}" if period else "")
    if not first["in_progress"]:
        return f"Nobody entered at {at}, so there is no conversion to tell."
    waiting = counted(result, first, "in_progress")
    return (
        "Nobody whose time is up entered at ",
        at,
        "; ",
        *waiting,
        " still under way: conversion cannot be told yet.",
    )


def _entered(result: FunnelResult) -> str:
    """Of which period the entries are, where not of all."""
    if not result.definition.get("period"):
        return ""
    return f"Of entries of {span_name(str(result.definition['period']))}: "


def _overall(result: FunnelResult, steps: list[dict[str, Any]]) -> list[Phrase]:
    first, last = steps[0], steps[-1]
    rate = (part(result, last, "from_start"), " of ", *counted(result, first))
    way = f" got from {step_name(first['event'])} to {step_name(last['event'])}"
    said: list[Phrase] = [Strong((*rate, way)), " (95 % interval ", span(result, last), ")."]
    lost = _worst(steps) if len(steps) > 2 else None
    if lost is not None:
        before, after = steps[lost - 1], steps[lost]
        verb = "lost" if result.definition.get("within") else "missing"
        said.append(f" Most are {verb} between {step_name(before['event'])} and {step_name(after['event'])}: ")
        said += [Strong(_lost(result, before, after)), "."]
    if last["median_seconds"] is not None and last["units"]:
        said += [" Half of those who arrived took ", part(result, last, "median_seconds"), " or less."]
    if first["units"] < FEW:
        said += [
            " ",
            part(result, first, "units"),
            " entry is" if first["units"] == 1 else " entries are",
            " little to go by.",
        ]
    if not result.definition.get("within") and last["units"] < first["units"]:
        said.append(OPEN_END)
    return [*said, *_open(result, first)]


def _lost(result: FunnelResult, before: dict[str, Any], after: dict[str, Any]) -> Phrase:
    """How many stopped before a step, as the figures of that step."""
    row = {**after, "lost": before["units"] - after["units"], "lost_share": 1 - after["units"] / before["units"]}
    there = part(result, before, "units")
    did = "stopped there" if result.definition.get("within") else "have not come further so far"
    return (part(result, row, "lost"), " of ", there, " (", part(result, row, "lost_share"), f") {did}")


def part(result: FunnelResult, row: Mapping[str, Any], field: str) -> Figure:
    """One figure of a step."""
    if field.endswith("_seconds"):
        text = show(row[field], SECONDS)
    elif field in ("units", "lost"):
        text = whole(row[field])
    else:
        text = written(known(row[field]), SHARE)
    return told(row, field, text, of="funnel", by=(*result.by, "step"))


def span(result: FunnelResult, row: Mapping[str, Any], before: str = "") -> Phrase:
    """The interval of a step's share of the start, or of the step before."""
    return told_between(row, f"{before}low", f"{before}high", of="funnel", by=(*result.by, "step"))


def counted(result: FunnelResult, row: Mapping[str, Any], field: str = "units") -> tuple[Phrase, ...]:
    """A count of a step with what the funnel counts."""
    number, _, words = noun(result, row[field]).partition(" ")
    return (told(row, field, number, of="funnel", by=(*result.by, "step")), f" {words}")


def _worst(steps: list[dict[str, Any]]) -> int | None:
    """The step before which most units are lost; none where nobody is."""
    losses = {at: steps[at - 1]["units"] - steps[at]["units"] for at in range(1, len(steps))}
    most = max(losses.values(), default=0)
    return next((at for at, gone in losses.items() if gone == most), None) if most > 0 else None


def _open(result: FunnelResult, first: Mapping[str, Any]) -> list[Phrase]:
    """What the counts leave out, when there is any."""
    said: list[Phrase] = []
    if count := first["in_progress"]:
        verb = "is" if count == 1 else "are"
        said += [" ", *counted(result, first, "in_progress"), f" {verb} still within the time allowed and not counted."]
    if count := first["excluded"]:
        verb = "was" if count == 1 else "were"
        said += [" ", *counted(result, first, "excluded"), f" {verb} left out by an excluded event."]
    if first["tie_sensitive"]:
        ties = counted(result, first, "tie_sensitive")
        said += [" For ", *ties, " it depends on the order of events at the same instant."]
    return said


def _by_segment(result: FunnelResult) -> list[Phrase]:
    """Which segments can be told apart at the last step."""
    entered = {name: (steps[0]["units"], steps[-1]) for name, steps in groups(result) if steps and steps[0]["units"]}
    rated = [(name, last) for name, (_, last) in entered.items()]
    if not rated:
        return ["Nobody whose time is up entered in any segment: conversion cannot be told yet."]
    rated.sort(key=lambda pair: (-pair[1]["from_start"], pair[0]))
    (best, top), (worst, bottom) = rated[0], rated[-1]
    if len(rated) == 1:
        return [Strong((f"{best}: ", _rate(result, top))), ", the only segment with entries."]
    rates = (f"{best} converts at ", _rate(result, top), f", {worst} at ", _rate(result, bottom))
    said: list[Phrase] = [Strong(rates)]
    low, high = ((step["units"], entered[name][0]) for name, step in ((worst, bottom), (best, top)))
    gap = share_difference(low, high, pairs=len(rated) * (len(rated) - 1) // 2)
    said.append(
        "; that is more than chance gives, however one pairs the segments. What goes together need not cause each other."
        if gap is not None and gap.clear
        else "; chance may be all there is between them."
    )
    return said


def _rate(result: FunnelResult, step: Mapping[str, Any]) -> Phrase:
    return (part(result, step, "from_start"), " (", span(result, step), ")")


def definition(result: FunnelResult) -> str:
    """The rules in force, in one line of words."""
    return rules_in_words(result.definition)


def rules_in_words(rules: Mapping[str, Any]) -> str:
    """A definition in one line of words."""
    within = f"within {rules['within']} of the first step" if rules.get("within") else "without a time limit"
    parts = [
        " → ".join(step_name(event) + " (may be left out)" * free for event, free in map(read_step, rules["steps"])),
        within,
        *_rarer(rules),
        ORDERS.get(str(rules.get("order")), ""),
    ]
    parts += [ATTEMPTS.get(str(rules.get("attempt")), ""), TIMES.get(str(rules.get("time_to_convert")), "")]
    ties = rules.get("ties", "any")
    parts.append(
        "events at the same instant stand in either order"
        if ties == "any"
        else ""
        if ties == "strict"
        else f"events at the same instant are ordered by {ties}"
    )
    if rules.get("within"):
        parts.append(
            "only entries whose whole time has passed"
            if rules.get("unripe") != "include"
            else "entries still under way included"
        )
    if rules.get("exclude"):
        gone = " (which leaves out whom it happened to)" if rules.get("exclusion") == "unit" else ""
        parts.append(f"ended by {listed(list(rules['exclude']))}{gone}")
    if rules.get("hold"):
        parts.append(f"with the same {rules['hold']} throughout")
    parts.append(f"entries of {span_name(str(rules['period']))}" if rules.get("period") else "")
    return "; ".join(filter(None, parts)) + "."


def _rarer(rules: Mapping[str, Any]) -> list[str]:
    """The rules that few ask for, where they are in force."""
    said = []
    if rules.get("within_step"):
        said.append(
            f"each step within {listed([each or 'any time' for each in rules['within_step']])} of the one before"
        )
    if rules.get("grace"):
        said.append(f"events up to {rules['grace']} apart stand in either order")
    if rules.get("repeats"):
        said.append("the current step may happen again")
    if rules.get("by") and rules.get("attribution", "first") != "first":
        where = {"last": "the last step reached", "all": "every step"}.get(rules["attribution"], rules["attribution"])
        said.append(f"segments read at {where.replace(':', ' ')}")
    if rules.get("preset"):
        said.append(f"counted as {rules['preset']} does")
    return said


def steps_table(result: FunnelResult) -> Table:
    """Every step with its counts, rates, intervals and times."""
    columns = (
        *result.by,
        "Step",
        "Units",
        "Of the step before",
        "95 %",
        "Of the start",
        "95 %",
        "Median time",
        "Middle half",
    )
    rows: list[tuple[Phrase, ...]] = []
    for row in result.table.to_dicts():
        started = row["step"] > 1
        name: tuple[Phrase, ...] = (
            *(named(row[c]) for c in result.by),
            step_name(row["event"]),
            part(result, row, "units"),
        )
        before = (part(result, row, "from_previous"), span(result, row, "previous_"))
        start = (part(result, row, "from_start"), span(result, row))
        times = (part(result, row, "median_seconds"), _half(result, row))
        rows.append((*name, *before, *start, *times) if started else (*name, *[""] * 6))
    words = " ".join((*result.warnings, definition(result)))
    return Table(
        title="Funnel by step",
        columns=columns,
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=words,
    )


def _half(result: FunnelResult, row: Mapping[str, Any]) -> Phrase:
    if row["p25_seconds"] is None or row["p75_seconds"] is None:
        return ""
    return (part(result, row, "p25_seconds"), " – ", part(result, row, "p75_seconds"))


def description(result: FunnelResult) -> str:
    """The finding, for those who cannot see the chart."""
    return plain(sentence(result).phrase)
