"""Whether a target is SMART (Doran 1981, in the documents' reading), and whether what it says adds up: computed, not felt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi_lib.answers.balance import neighbour
from kpi_lib.answers.stages import GOALS, STAGES
from kpi_lib.answers.targets import CANNOT_TELL, FAULTY, MET, PAST, TargetStatus
from kpi_lib.core.dataset import Dataset
from kpi_lib.kpis.registry import VANITY, Kpi, catalogue

REACH = 0.025  # below it the whole 95 % interval of where the figure leads falls short
NUMBER = r"[+\-\N{MINUS SIGN}]?\d+(?:[.,]\d+)*"
FROM_TO = re.compile(rf"from\s+({NUMBER})\s*%?\s+to\s+({NUMBER})\s*%?", re.IGNORECASE)
CHANGE = re.compile(rf"({NUMBER})\s*(%|percent\b|points?\b)", re.IGNORECASE)
DATED = re.compile(r"\b(?:19|20)\d\d\b|\bby\s+\w+|\b(?:this|next)\s+(?:week|month|quarter|year)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, no or not to be told (None), with the reason."""

    good: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Smart:
    """The five verdicts on a target, and what its figure is: a KPI, a metric (no goal or no target) or vanity."""

    kpi: str
    role: str
    verdicts: Mapping[str, Verdict]

    def to_dict(self) -> dict[str, Any]:
        """The verdicts as JSON values."""
        told = {name: {"good": each.good, "reason": each.reason} for name, each in self.verdicts.items()}
        return {"kpi": self.kpi, "role": self.role, **told}


@dataclass(frozen=True, slots=True)
class Statement:
    """A target put into words: what it starts from, where to, by how much; `faults` say what is missing or does not add up."""

    base: float | None
    target: float | None
    change: float | None
    faults: tuple[str, ...]


def smart(status: TargetStatus, target: Mapping[str, Any], data: Dataset, product: Mapping[str, Any]) -> Smart:
    """Check a target: specific, measurable, achievable, relevant, time-bound, each with the figures behind the verdict."""
    kpi = catalogue().get(status.kpi)
    relevant = _relevant(kpi, target, product)
    verdicts = {
        "specific": _specific(kpi, status, target),
        "measurable": _measurable(status),
        "achievable": _achievable(status),
        "relevant": relevant,
        "time_bound": _timed(status),
    }
    return Smart(status.kpi, role_of(kpi, linked=bool(relevant.good), aimed=status.status != FAULTY), verdicts)


def role_of(kpi: Kpi | None, *, linked: bool, aimed: bool) -> str:
    """A figure is a KPI when it serves a goal and has a target, else a metric; vanity looks good and explains nothing.

    >>> from kpi_lib.kpis.registry import find
    >>> [role_of(find("social_likes"), linked=True, aimed=True), role_of(find("csat"), linked=True, aimed=False)]
    ['vanity', 'metric']
    """
    if kpi is not None and kpi.use == VANITY:
        return "vanity"
    return "kpi" if kpi is not None and linked and aimed else "metric"


def _specific(kpi: Kpi | None, status: TargetStatus, target: Mapping[str, Any]) -> Verdict:
    if kpi is None:
        return Verdict(False, status.reasons[0])
    if wrong := statement(target["statement"], status).faults if "statement" in target else ():
        return Verdict(False, f"its statement: {'; '.join(wrong)}")
    if kpi.parts:
        return Verdict(False, f"{kpi.name} has several values")
    pinned = "pinned" if target.get("definition") else "not pinned: kpi goals --pin tells when it changes"
    return Verdict(True, f"{kpi.formula} (definition {pinned})")


def _measurable(status: TargetStatus) -> Verdict:
    if status.row is not None:
        return Verdict(True, f"the data give it, last for the period up to {status.row['end']}")
    return Verdict(False, "; ".join(status.reasons))


def _achievable(status: TargetStatus) -> Verdict:
    if status.row is None:
        return Verdict(None, "without a figure nobody can say")
    if status.probability is None:
        if status.status == MET:
            return Verdict(True, "it is reached already")
        return Verdict(None if status.status in (CANNOT_TELL, PAST, FAULTY) else False, "; ".join(status.reasons))
    if status.probability < REACH:
        return Verdict(False, f"out of reach of its history: {status.reasons[0]}")
    easy = "; what is nearly certain moves nobody" if status.probability > 1 - REACH else ""
    return Verdict(True, f"within reach of its history: {status.reasons[0]}{easy}")


def _relevant(kpi: Kpi | None, target: Mapping[str, Any], product: Mapping[str, Any]) -> Verdict:
    """Linked to a goal by hand, or named for the stage or a goal of the product, or its north star."""
    if kpi is None:
        return Verdict(False, "it is no KPI")
    if kpi.use == VANITY:
        instead = neighbour(kpi)
        return Verdict(False, f"it looks good and explains nothing{f': watch {instead}' if instead else ''}")
    if target.get("goal"):
        return Verdict(True, f"it serves the goal {target['goal']}")
    if product.get("north_star") == kpi.name:
        return Verdict(True, "it is the north star")
    chosen = [STAGES[product["stage"]]] if product.get("stage") else []
    chosen += [GOALS[goal] for goal in product.get("goals", ())]
    for scenario in chosen:
        if kpi.name in (*scenario.primary, *scenario.secondary):
            return Verdict(True, f"it is among those for {scenario.label}")
    return Verdict(False, "no goal is linked: add goal = the goal that it serves")


def _timed(status: TargetStatus) -> Verdict:
    if status.due is None:
        return Verdict(False, "no due day: add due = the day by which it is wanted")
    if status.status == PAST or any(each.startswith("it is due") for each in status.reasons if status.status == FAULTY):
        return Verdict(False, "; ".join(status.reasons))
    return Verdict(True, f"due {status.due}, in whole {status.every}s")


def statement(text: str, status: TargetStatus | None = None) -> Statement:
    """Read a target in words and check its arithmetic; `status` is the target that it should agree with.

    >>> statement("trials +23 %, from 18 to 21 a week, in 2021").faults
    ('from 18 to 21 is +16.7 %, not +23 %: write +16.7 %, or 22.14 as the target',)
    >>> statement("organic traffic").faults
    ('it names no base and target (from 18 to 21)', 'it names no change (+16.7 %)', 'it names no day or year')
    """
    ends = FROM_TO.search(text)
    base, target = (_value(ends[1]), _value(ends[2])) if ends else (None, None)
    rest = FROM_TO.sub(" ", text)
    change = CHANGE.search(rest)
    faults = [] if ends else ["it names no base and target (from 18 to 21)"]
    faults += [] if change else ["it names no change (+16.7 %)"]
    faults += [] if DATED.search(rest) else ["it names no day or year"]
    if base is not None and target is not None and change:
        faults += _sums(base, target, change)
    if status is not None and target is not None and status.value is not None:
        scale = 100 if "%" in (ends[0] if ends else "") else 1
        if abs(target / scale - status.value) > 1e-9 * max(1, abs(status.value)):
            faults.append(f"it says {target / scale:g}, the target is {status.value:g}")
    return Statement(base, target, _value(change[1]) if change else None, tuple(faults))


def _value(text: str) -> float:
    """A number as people write it: 1,200 and 16.7, with a true minus as well."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    return float(re.sub(r",(?=\d{3}\b)", "", plain).replace(",", "."))


def _sums(base: float, target: float, change: re.Match[str]) -> list[str]:
    """Whether the change said is the change meant, to the last digit that is written."""
    said, points = _value(change[1]), change[2].lower().startswith("point")
    if base == 0 and not points:
        return ["from 0 nothing can grow by a percentage"]
    true = target - base if points else (target - base) / abs(base) * 100
    digits = len(re.split(r"[.,]", change[1])[1]) if re.search(r"[.,]", change[1]) else 0
    signed = change[1][0] in "+-\N{MINUS SIGN}"
    if abs((said if signed else abs(said)) - (true if signed else abs(true))) <= 0.5 * 10**-digits + 1e-9:
        return []
    unit = "points" if points else "%"
    meant = base + said if points else base + abs(base) * said / 100
    return [
        f"from {base:g} to {target:g} is {true:+.3g} {unit}, not {said:+g} {unit}: write {true:+.3g} {unit}, or {meant:g} as the target"
    ]
