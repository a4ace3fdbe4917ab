"""Goals: what their targets add up to, those of kpi.toml and those that the table `goals` brings along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.smart import Smart, smart
from kpi_lib.answers.targets import (
    AT_RISK,
    CANNOT_TELL,
    MET,
    MISSED,
    OFF,
    ON_TRACK,
    STATUSES,
    TargetStatus,
    elapsed_of,
    pace_of,
    progress_of,
    sign_of,
    standing,
    targets,
)  # fmt: skip
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import local_day
from kpi_lib.kpis.registry import catalogue

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """What a goal's targets add up to: progress and pace by weight, over the targets whose figure is known.

    A goal stands as its worst target does, and is met when all of them are. Targets without a goal have the name "".
    """

    name: str
    targets: tuple[TargetStatus, ...]

    @property
    def known(self) -> tuple[TargetStatus, ...]:
        """The targets whose progress is known."""
        return tuple(each for each in self.targets if each.progress is not None)

    @property
    def progress(self) -> float | None:
        """The mean of the targets' progress by weight; None where none is known."""
        weights = sum(each.weight for each in self.known)
        return sum(each.weight * (each.progress or 0.0) for each in self.known) / weights if weights else None

    @property
    def pace(self) -> float | None:
        """Progress over the time that has gone, of the targets that know both."""
        dated = [(each, elapsed_of(each)) for each in self.known]
        timed = [(each, gone) for each, gone in dated if gone]
        whole = sum(each.weight * gone for each, gone in timed)
        return sum(each.weight * (each.progress or 0.0) for each, _ in timed) / whole if whole else None

    @property
    def status(self) -> str:
        """The status that needs a look first."""
        return min((each.status for each in self.targets), key=STATUSES.index)


@dataclass(frozen=True, slots=True)
class Goals:
    """All goals with their targets, the SMART check of each target on a KPI, and what others publish for it."""

    goals: tuple[Goal, ...]
    checks: tuple[Smart, ...]
    benchmarks: Mapping[str, Mapping[str, Any]]
    currency: str

    @property
    def targets(self) -> tuple[TargetStatus, ...]:
        """The targets of all goals in order."""
        return tuple(each for goal in self.goals for each in goal.targets)

    @property
    def table(self) -> pl.DataFrame:
        """One row per target, numbered `nth`: goal, target, what is wanted by when, the figure, and how it stands."""
        rows = []
        for nth, each in enumerate(self.targets, 1):
            now, lead = each.row or {}, each.projection
            rows.append({
                "nth": nth, "goal": each.goal, "target": each.kpi, "wanted": each.value, "due": each.due, "status": each.status,
                "current": now.get("value"), "low": now.get("low"), "high": now.get("high"), "progress": each.progress,
                "pace": each.pace, "probability": each.probability, "expected": lead.value if lead else None,
                "expected_low": lead.low if lead else None, "expected_high": lead.high if lead else None,
            })  # fmt: skip
        return pl.DataFrame(rows, schema_overrides={"due": pl.Date}, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """Goals, checks and benchmarks as JSON values."""
        told = [
            {"goal": goal.name, "status": goal.status, "progress": goal.progress, "pace": goal.pace}
            | {"known": len(goal.known), "targets": [each.to_dict() for each in goal.targets]}
            for goal in self.goals
        ]
        checks = [each.to_dict() for each in self.checks]
        return {
            "goals": told,
            "smart": checks,
            "benchmarks": {name: dict(row) for name, row in self.benchmarks.items()},
        }


def goals(
    data: Dataset,
    wanted: Sequence[Mapping[str, Any]] = (),
    *,
    until: date | None = None,
    product: Mapping[str, Any] | None = None,
) -> Goals:
    """Judge all targets and roll them up by goal: those of kpi.toml (`ws.targets`), then those of the table `goals`.

    `product` is the workspace's choice of stage, goals and north star: a target is relevant when it serves one of them.
    """
    now = min(until or date.max, local_day(data.observed_until, data.zone))
    own = targets(data, wanted, until=now)
    checks = tuple(smart(status, target, data, product or {}) for status, target in zip(own, wanted, strict=True))
    every = [*own, *imported(data, now)]
    names = dict.fromkeys(sorted((each.goal for each in every), key=lambda name: name == ""))
    found = tuple(Goal(name, tuple(each for each in every if each.goal == name)) for name in names)
    return Goals(found, checks, benchmarks(data, own), data.currency)


def imported(data: Dataset, now: date) -> tuple[TargetStatus, ...]:
    """The targets of the table `goals`: it holds their state and no history, so time alone says how they stand."""
    rows = data.known("goals").collect() if data.columns("goals") else pl.DataFrame()
    return tuple(_imported(row, now) for row in rows.iter_rows(named=True))


def _imported(row: Mapping[str, Any], now: date) -> TargetStatus:
    target, current, kind, due = (row.get(name) for name in ("target_value", "current_value", "type", "due"))
    base = row.get("start_value") or 0.0
    whole = {"start": now, "end": now, "value": current, "low": None, "high": None, "n": None, "status": "ok"}
    yes_or_no = kind == "boolean" or target == base
    told = TargetStatus(
        kpi=row["target"], goal=row["goal"], type=kind or "number", value=target, due=due, begun=row.get("start"), base=base,
        status=CANNOT_TELL, weight=row.get("weight") or 1.0, lower=bool(target is not None and target < base),
        row=None if current is None else whole,
    )  # fmt: skip
    if target is None or current is None:
        absent = "target_value" if target is None else "current_value"
        return replace(told, reasons=(f"the table goals gives it no {absent}",))
    done = float(current >= target) if yes_or_no else progress_of(current, target, base)
    pace = None if yes_or_no else pace_of(done, told.begun, due, now)
    told = replace(told, progress=done, pace=pace)
    status, reason = _by_time(told, yes_or_no, now)
    return replace(told, status=status, reasons=(reason,))


def _by_time(target: TargetStatus, yes_or_no: bool, now: date) -> tuple[str, str]:
    """How a target without a history stands: done, too late, or as fast as time passes."""
    if target.progress == 1.0:
        return MET, "it is done"
    if target.due and now > target.due:
        return MISSED, f"it was due {target.due}"
    if yes_or_no:
        return CANNOT_TELL, "yes or no shows no progress before it is done"
    if target.pace is None:
        return CANNOT_TELL, "without a start before today and a due day there is no pace"
    word = ON_TRACK if target.pace >= 1 else AT_RISK if target.pace >= HALF else OFF
    return word, "judged by its pace: the table goals holds no history"


def benchmarks(data: Dataset, judged: Sequence[TargetStatus]) -> dict[str, dict[str, Any]]:
    """What others publish for the KPIs of targets: value, source, year and population, and how our figure stands to it.

    Of several figures for a KPI the one of the latest period counts. `standing` is met, missed or cannot_tell (our
    interval holds it); `lacks` names what makes it an opinion rather than a benchmark.
    """
    there = data.columns("benchmarks")
    if not there:
        return {}
    order = ["kpi", *[name for name in ("period", "segment") if name in there]]
    found = {}
    for row in data["benchmarks"].sort(*order, "value").collect().iter_rows(named=True):
        ours = next((each for each in judged if each.kpi == row["kpi"] and each.row), None)
        if ours is None or ours.row is None:
            continue
        sign = sign_of(catalogue()[ours.kpi], row["value"], ours.row["value"])
        word = (
            standing(ours.row["value"], row["value"], (ours.row["low"], ours.row["high"]), sign)
            if sign
            else CANNOT_TELL
        )
        named = {"period": row.get("period"), "population": row.get("segment")}
        lacks = [{"period": "a year", "population": "a population"}[name] for name, text in named.items() if not text]
        found[ours.kpi] = {"value": row["value"], "source": row["source"], **named, "standing": word, "lacks": lacks}
    return found
