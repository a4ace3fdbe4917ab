"""How targets stand: reached or not by the figure's interval, and how likely by the due day from where the figure leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from math import isfinite
from typing import Any

from kpi_lib.answers.compute import Values, compute
from kpi_lib.answers.demands import missing_inputs
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import nearest, shown
from kpi_lib.core.period import Grid, begin, last_complete, local_day, midnight, step
from kpi_lib.core.projection import FEWEST, Projection, project
from kpi_lib.core.units import CONTEXT, COUNT, DOWN, MONEY, SHARE, Unit, show
from kpi_lib.kpis.registry import Kpi, base_of, catalogue, find

MET, MISSED, ON_TRACK, AT_RISK, OFF = "met", "missed", "on_track", "at_risk", "off"
CANNOT_TELL, PAST, FAULTY = "cannot_tell", "past", "faulty"
STATUSES = (FAULTY, MISSED, OFF, AT_RISK, CANNOT_TELL, PAST, ON_TRACK, MET)  # what needs a look first stands first
LIKELY, UNLIKELY = 0.8, 0.2
HISTORY = 24
# the bands of one document, for ratings from 1 to 5 and for nothing else
BANDS = {"accepted": 3.5, "good": 4.0, "very good": 4.2}
RATINGS = ("csat_mean", "avg_review_rating", "kpi_rating_score", "employee_satisfaction_score", "employee_engagement")
UNTOLD = {
    "no_denominator": "there was nobody to count",
    "early": "the data begin too late for it",
    "partial": "the period is not over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """How a target stands, judged on the latest whole period whose figure is settled (`row`, a row of `compute`).

    `status` is met or missed (the due day has come), on_track, at_risk or off (by the probability of reaching it),
    cannot_tell, past (due before that period) or faulty (it cannot be judged until somebody mends it); `reasons` say why.
    `progress` is the part of the way from `base` that is done, `pace` that part over the part of the time that has gone.
    `projection` is the figure `ahead` periods on, at the due day.
    """

    kpi: str
    value: float | None
    due: date | None
    status: str
    progress: float | None = None
    pace: float | None = None
    probability: float | None = None
    reasons: tuple[str, ...] = ()
    owner: str = ""
    goal: str = ""
    weight: float = 1.0
    type: str = "number"
    every: str = "month"
    base: float | None = None
    begun: date | None = None
    lower: bool = False
    row: Mapping[str, Any] | None = None
    history: Values | None = None
    projection: Projection | None = None
    ahead: int = 0

    @property
    def unit(self) -> Unit:
        """The unit in which it is written: that of its KPI, else that of its type."""
        known = catalogue().get(self.kpi)
        return known.unit if known else {"percent": SHARE, "currency": MONEY}.get(self.type, COUNT)

    def to_dict(self) -> dict[str, Any]:
        """The status as JSON values."""
        names = ("kpi", "value", "type", "due", "every", "owner", "goal", "weight", "status", "progress", "pace")
        told = {name: getattr(self, name) for name in (*names, "probability")}
        current = {name: self.row[name] for name in ("start", "end", "value", "low", "high", "n")} if self.row else None
        lead = self.projection
        expected = {"value": lead.value, "low": lead.low, "high": lead.high, "periods": self.ahead} if lead else None
        more = {"base": self.base, "set": self.begun, "current": current, "expected": expected}
        return {**told, **more, "reasons": list(self.reasons)}


def targets(
    data: Dataset, wanted: Sequence[Mapping[str, Any]], *, until: date | None = None
) -> tuple[TargetStatus, ...]:
    """Judge targets as kpi.toml holds them, each on its own periods (`every`, else the KPI's cadence), as of a day.

    Bad targets are no errors: they come back as faulty, with what is wrong and what mends it.
    """
    end = until or local_day(data.observed_until, data.zone)
    return tuple(_judged(each, data, end) for each in wanted)


def fingerprint(kpi: Kpi, settings: Mapping[str, Any]) -> str:
    """The hash of what a KPI means here, that of the KPIs it is made of included: a target is set for one meaning."""
    own = kpi.definition_hash(settings)
    parts = [fingerprint(find(base_of(part)[1]), settings) for part in kpi.components]
    return sha256("|".join([own, *parts]).encode()).hexdigest()[:8] if parts else own


def sign_of(kpi: Kpi, value: float, base: float | None) -> int:
    """1 where more is better, -1 where less is; 0 where that depends on the product and no base tells it."""
    if kpi.direction == CONTEXT:
        return 0 if base is None or base == value else 1 if value > base else -1
    return -1 if kpi.direction == DOWN else 1


def standing(value: float, target: float, interval: tuple[float | None, float | None], sign: int) -> str:
    """Met or missed when the whole interval is on one side of the target; cannot_tell while the interval holds it.

    >>> standing(0.32, 0.30, (0.31, 0.33), 1), standing(0.32, 0.30, (0.29, 0.35), 1), standing(0.32, 0.30, (0.31, 0.33), -1)
    ('met', 'cannot_tell', 'missed')
    """
    low, high = interval
    if low is None or high is None:
        return MET if sign * value >= sign * target else MISSED
    worst, best = (low, high) if sign > 0 else (high, low)
    return MET if sign * worst >= sign * target else MISSED if sign * best < sign * target else CANNOT_TELL


def progress_of(current: float, target: float, base: float | None) -> float | None:
    """The part of the way that is done, within 0 and 1; without a base nobody knows the way.

    >>> progress_of(0.06, 0.04, 0.08), progress_of(21, 18, 18), progress_of(5, 4, None)
    (0.5, 1.0, None)
    """
    if base is None:
        return None
    way = target - base
    part = (current - base) / way if way else float(current >= target)
    return min(max(round(part, 12), 0.0), 1.0)


def pace_of(progress: float | None, begun: date | None, due: date | None, now: date) -> float | None:
    """Progress over the part of the time that has gone; the due day is part of the time.

    >>> pace_of(0.25, date(2026, 1, 1), date(2026, 12, 31), date(2026, 7, 2))
    0.5013736263736264
    """
    gone = _gone_by(begun, due, now)
    return progress / gone if progress is not None and gone else None


def elapsed_of(status: TargetStatus) -> float | None:
    """The part of the time from the day it was set to the due day that has gone; None where that cannot be told."""
    return _gone_by(status.begun, status.due, status.row["end"]) if status.row else None


def _gone_by(begun: date | None, due: date | None, now: date) -> float | None:
    if begun is None or due is None or now <= begun or due < begun:
        return None
    return min((now - begun) / (due + timedelta(days=1) - begun), 1.0)


def _judged(target: Mapping[str, Any], data: Dataset, until: date) -> TargetStatus:
    """One target: what is wrong with it, else how its figure stands."""
    named = {name: target[name] for name in ("owner", "goal", "type") if name in target}
    blank = TargetStatus(
        kpi=target["kpi"], value=_number(target["value"]), due=target.get("due"), status=FAULTY,
        weight=float(target.get("weight", 1.0)), base=target.get("base"), begun=target.get("set"), **named,
    )  # fmt: skip
    if target["kpi"] not in catalogue():
        return replace(
            blank, reasons=(f"there is no KPI {shown(target['kpi'])}. {nearest(target['kpi'], catalogue())}",)
        )
    kpi = find(target["kpi"])
    every = target.get("every") or ("week" if kpi.cadence == "day" else kpi.cadence)
    blank = replace(blank, every=every, type=target.get("type", type_of(kpi.unit)))
    if faults := _faults(kpi, target, data):
        return replace(blank, reasons=tuple(faults))
    sign = sign_of(kpi, float(target["value"]), blank.base)
    values = compute(kpi.name, data, _grid(data, every, until))
    if values.reasons:
        return replace(blank, reasons=(f"{kpi.name} cannot be computed: {values.reasons[kpi.name]}",))
    rows = [row for row in values.table.iter_rows(named=True)]
    while rows and rows[-1]["status"] == "ripening":  # its figure may still change
        rows.pop()
    status = replace(blank, lower=sign < 0, history=values)
    if not rows or rows[-1]["value"] is None:
        why = UNTOLD.get(rows[-1]["status"], "there is no figure") if rows else "no period has been watched long enough"
        return replace(status, status=CANNOT_TELL, reasons=(f"{kpi.name} has no figure yet: {why}",))
    return _stands(replace(status, row=rows[-1]), rows, sign, data.currency)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None


def _grid(data: Dataset, every: str, until: date) -> Grid:
    end = min(midnight(until, data.zone), data.observed_until)
    last = last_complete(every, end, zone=data.zone, week_start=data.week_start)
    return last.back(HISTORY, begin(local_day(data.observed_from, data.zone), every, data.week_start))


def type_of(unit: Unit) -> str:
    """The type of target that fits a unit.

    >>> type_of(MONEY), type_of(SHARE), type_of(COUNT)
    ('currency', 'percent', 'number')
    """
    return "currency" if unit.money else "percent" if unit.percent else "number"


def _faults(kpi: Kpi, target: Mapping[str, Any], data: Dataset) -> list[str]:
    """Why a target cannot be judged, each fault with its mend."""
    found = []
    if kpi.parts:
        found.append(f"{kpi.name} has several values ({', '.join(kpi.parts)}); a target needs a KPI that has one")
    if lacking := missing_inputs(kpi, data):
        found.append(f"{kpi.name} cannot be computed here: add {', '.join(lacking)}")
    found += _unfit(kpi, target)
    due, begun = target.get("due"), target.get("set")
    if due and begun and due <= begun:
        found.append(f"it is due {due}, which is not after {begun}, the day on which it was set")
    if due and due < local_day(data.observed_from, data.zone):
        found.append(f"it is due {due}, before the data begin: set a day to come")
    pinned, now = target.get("definition"), fingerprint(kpi, data.settings)
    if pinned and pinned != now:
        found.append(
            f"the definition of {kpi.name} has changed since it was set ({pinned}, now {now}): see kpi show {kpi.name}, "
            "set the target anew and pin it with kpi goals --pin"
        )
    return found


def _unfit(kpi: Kpi, target: Mapping[str, Any]) -> list[str]:
    """What is wrong with the number: its type, its size, or that nobody can say which way is better."""
    unit, value, asked = kpi.unit, target["value"], target.get("type", "")
    fits = {type_of(unit), "number" if unit.percent else "", "tasks" if unit is COUNT else "", ""}
    if asked not in fits or isinstance(value, bool):
        wrong = asked if asked not in fits else "yes or no"
        return [f'{kpi.name} is counted in {_word(unit)}, not in {wrong}: write type = "{type_of(unit)}" and its value']
    if not isfinite(value):
        return [f"{value} is no size that can be reached"]
    if unit is SHARE and not 0 <= value <= 1:
        hint = f": write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
        return [f"{value:g} is no share, which lies between 0 and 1{hint}"]
    if sign_of(kpi, value, target.get("base")) == 0:
        return [f"whether more or less of {kpi.name} is better depends on the product: write base = the figure today"]
    return []


def _word(unit: Unit) -> str:
    return "money" if unit.money else "percent" if unit.percent else {"count": "numbers"}.get(unit.name, unit.name)


def _stands(status: TargetStatus, rows: list[dict[str, Any]], sign: int, currency: str) -> TargetStatus:
    """A target whose figure is known."""
    row, value, due = rows[-1], status.value or 0.0, status.due
    kpi = find(status.kpi)
    base = 0.0 if status.base is None and sign > 0 and kpi.unit in (COUNT, MONEY, SHARE) else status.base
    progress = progress_of(row["value"], value, base)
    told = replace(status, progress=progress, pace=pace_of(progress, status.begun, due, row["end"]))
    now = standing(row["value"], value, (row["low"], row["high"]), sign)
    if due is None:
        if now == MET:
            return replace(told, status=MET, reasons=("reached; without a due day it is never over",))
        return replace(told, status=CANNOT_TELL, reasons=("no due day: add due = the day by which it is wanted",))
    if due < row["start"]:
        return replace(told, status=PAST, reasons=(_over(told, due, rows, currency),))
    ahead = _periods(row["end"], due, status.every)
    if ahead == 0:
        return replace(told, status=now, reasons=(_final(now, status.every),))
    series = settled(rows)
    lead = project(series, ahead)
    if lead is None:
        whole = step(row["end"], status.every, FEWEST - len(series))
        need = f"{FEWEST} whole {status.every}s in a row are needed to see where it leads, there are {len(series)}"
        return replace(told, status=CANNOT_TELL, ahead=ahead, reasons=(f"{need}: from {whole} on",))
    chance = lead.above(value) if sign > 0 else 1 - lead.above(value)
    word = ON_TRACK if chance >= LIKELY else OFF if chance <= UNLIKELY else AT_RISK
    lead = held(lead, kpi.unit, series)
    ends = [show(end, kpi.unit, currency) for end in (lead.value, lead.low, lead.high)]
    leads = f"{ahead} {status.every}{'s' if ahead > 1 else ''} on it leads to {ends[0]} ({ends[1]} – {ends[2]})"
    return replace(told, status=word, probability=chance, ahead=ahead, projection=lead, reasons=(leads,))


def settled(rows: list[dict[str, Any]]) -> list[float]:
    """The values of the last periods in a row that all have one."""
    found: list[float] = []
    for row in reversed(rows):
        if row["value"] is None or row["status"] not in ("ok", "small_n"):
            break
        found.insert(0, row["value"])
    return found


def held(lead: Projection, unit: Unit, series: list[float]) -> Projection:
    """A projection inside what the figure can be: no share above 1, nothing below 0 that never was."""
    top = 1.0 if unit is SHARE else None
    ends = {}
    for name in ("value", "low", "high"):
        end = getattr(lead, name)
        end = max(end, 0.0) if min(series) >= 0 else end
        ends[name] = end if top is None else min(end, top)
    return replace(lead, **ends)


def _periods(after: date, due: date, every: str) -> int:
    """How many whole periods still end by the end of the due day."""
    count, stop = 0, step(after, every)
    while stop <= due + timedelta(days=1) and count < 1_000:
        count, stop = count + 1, step(stop, every)
    return count


def _final(now: str, every: str) -> str:
    if now == CANNOT_TELL:
        return f"no further {every} ends by the due day, and the 95 % interval of the last one holds the target"
    return f"no further {every} ends by the due day: the last one decides"


def _over(status: TargetStatus, due: date, rows: list[dict[str, Any]], currency: str) -> str:
    """What became of a target whose day is long over."""
    then = [row for row in rows if row["end"] <= due + timedelta(days=1) and row["value"] is not None]
    text = f"it was due {due}: set a new one"
    if not then:
        return text
    row = then[-1]
    word = standing(row["value"], status.value or 0.0, (row["low"], row["high"]), -1 if status.lower else 1)
    said = {MET: "met", MISSED: "missed"}.get(word, "within what chance gives")
    return f"{text} (then {show(row['value'], find(status.kpi).unit, currency)}, {said})"
