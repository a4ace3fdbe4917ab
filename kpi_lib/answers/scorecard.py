"""How a few KPIs stand: the figure, its history, the change like for like with its uncertainty, and the target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.change import Change, better, changes_over, in_points
from kpi_lib.answers.compute import Values, compute
from kpi_lib.answers.demands import available, in_words
from kpi_lib.answers.stages import DEPTH, stage
from kpi_lib.answers.targets import TargetStatus
from kpi_lib.answers.targets import targets as judged
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import EVERY, Grid, begin, label, local_day
from kpi_lib.core.progress import counted
from kpi_lib.kpis.registry import Kpi, base_of, find

STAR, PRIMARY, COMPANION = "north_star", "primary", "companion"
ACTIVITY = ("dau", "wau", "mau", "active_users")
BASICS = (
    "active_users",
    "stickiness",
    "new_users",
    "user_churn_rate",
    "total_revenue",
    "orders",
    "repeat_purchase_rate",
)
BARREN = ("needs_choice", "no_segment", "missing_input")


@dataclass(frozen=True, slots=True)
class Standing:
    """One KPI on the scorecard: its definition, the figure's row, history (oldest first), changes and target.

    `change` is against the period before, `year` against the same period a year earlier. Of a KPI with several values
    `part` is the component that is shown. `earlier` holds the change of each earlier period of the history on the one
    before it, by its first day. `teams` are those that work on it, the owner first. `made_of` holds the rows of
    the figures that a derived KPI is calculated from.
    """

    kpi: Kpi
    row: Mapping[str, Any]
    history: Values
    change: Change
    aim: TargetStatus | None
    year: Change | None = None
    role: str = PRIMARY
    teams: tuple[str, ...] = ()
    part: Mapping[str, Any] = field(default_factory=dict)
    earlier: Mapping[date, Change] = field(default_factory=dict)
    made_of: tuple[Mapping[str, Any], ...] = ()

    @property
    def better(self) -> bool | None:
        """Whether the change goes the declared way; None where there is no better way or no clear change."""
        return better(self.kpi, self.change)

    @property
    def title(self) -> str:
        """The KPI's title, with the component that is shown."""
        named = ", ".join("(none)" if value is None else str(value) for value in self.part.values())
        return f"{self.kpi.title} ({named})" if named else self.kpi.title

    @property
    def owner(self) -> str:
        """The team that answers for it; empty where nobody is named."""
        return self.teams[0] if self.teams else ""

    def to_dict(self) -> dict[str, Any]:
        """One row of the scorecard as JSON values."""
        row = {**self.row, "start": str(self.row["start"]), "end": str(self.row["end"])}
        moved = {"points": self.change.points, **moved_by("", self.change), "better": self.better}
        year = {**moved_by("year_", self.year), "year_better": better(self.kpi, self.year) if self.year else None}
        aim = self.aim.to_dict() if self.aim else None
        past = self.history.table.select(pl.col("start").cast(pl.String), "value", "status").to_dicts()
        named = {"title": self.title, "role": self.role, "by": dict(self.part), "owner": self.owner}
        return {
            **row,
            **named,
            "teams": list(self.teams),
            "made_of": {row["kpi"]: row["value"] for row in self.made_of},
            **moved,
            **year,
            "target": aim,
            "history": past,
        }


def moved_by(lead: str, change: Change | None) -> dict[str, Any]:
    """A change as columns; `lead` tells the year's from the period's."""
    found = change or Change(None, None, None, points=False, previous=None)
    told = {"change": found.amount, "change_low": found.low, "change_high": found.high}
    return {"year_ago" if lead else "previous": found.previous, **{lead + name: value for name, value in told.items()}}


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The KPIs of a review in order, the north star first; `left_out` says which could not be computed and why.

    `alone` names activity figures beside which no depth figure could be set.
    """

    standings: tuple[Standing, ...]
    north_star: str | None
    period: str
    every: str
    currency: str
    left_out: Mapping[str, str]
    alone: tuple[str, ...] = ()

    @property
    def table(self) -> pl.DataFrame:
        """One row per KPI: the columns of `compute`, previous, change, year_ago, year_change with intervals, role, owner, target."""
        rows = []
        for each in self.standings:
            shown = {name: value for name, value in each.row.items() if name not in each.part}
            extra = {
                **moved_by("", each.change),
                **moved_by("year_", each.year),
                "role": each.role,
                "owner": each.owner,
            }
            rows.append({**shown, **extra, "target": each.aim.value if each.aim else None})
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        rows = [each.to_dict() for each in self.standings]
        left = {"left_out": dict(self.left_out), "without_depth": list(self.alone)}
        return {"period": self.period, "every": self.every, "north_star": self.north_star, "rows": rows, **left}

    def owners(self) -> dict[str, tuple[Standing, ...]]:
        """The standings by owner in alphabetical order, those without one last."""
        names = sorted({each.owner for each in self.standings}, key=lambda name: (not name, name))
        return {name: tuple(each for each in self.standings if each.owner == name) for name in names}


def watched(data: Dataset, product: Mapping[str, Any], targets: Sequence[Mapping[str, Any]] = ()) -> tuple[str, ...]:
    """The KPIs that a workspace watches: those of its KPI set, else of its stage and goals, that can be computed, and its aims.

    Where it has chosen nothing, a few that tell most.
    """
    lacking = available(data)
    aimed = [each["kpi"] for each in targets if each["kpi"] in lacking]
    named = product.get("stage"), product.get("goals", ())
    advised = [name for name in product.get("kpis", ()) if not lacking[name]]
    if any(named) and not product.get("kpis"):
        advised = [row["kpi"] for row in stage(data, stage=named[0], goals=named[1]).primary if row["available"]]
    return tuple(dict.fromkeys([*advised, *aimed])) or tuple(name for name in BASICS if not lacking[name])


def scorecard(
    data: Dataset,
    names: Sequence[str],
    grid: Grid,
    *,
    north_star: str | None = None,
    targets: Sequence[Mapping[str, Any]] = (),
    owners: Mapping[str, Sequence[str]] | None = None,
    history: int = 13,
) -> Scorecard:
    """Put KPIs side by side for the grid's last period, with the periods before as history.

    The north star comes first, then the KPIs as named. An activity figure never stands without a depth figure: where
    none is named, the first that the data allow is set behind it as a companion. `owners` names the teams of a KPI.
    """
    lacking = available(data)
    asked = list(dict.fromkeys([north_star, *names] if north_star else names))
    for name in asked:
        find(name)
    roles, alone = _with_depth(asked, lacking, north_star)
    last = grid.only(len(grid) - 1)
    since = (
        begin(local_day(data.observed_from, data.zone), last.every, data.week_start) if last.every in EVERY else None
    )
    past = last.back(history, since)
    wanted = {each["kpi"]: each for each in targets}  # of several for one KPI the last
    left_out: dict[str, str] = {}
    standings = []
    for name, role in counted(roles.items(), "KPI", len(roles)):
        if lacking[name]:
            left_out[name] = f"needs {in_words(lacking[name])}"
            continue
        found = _standing(find(name), data, past, wanted.get(name))
        if isinstance(found, str):
            left_out[name] = found
            continue
        teams = tuple((owners or {}).get(name, ())) or tuple(filter(None, [found.aim.owner if found.aim else ""]))
        standings.append(replace(found, role=role, teams=teams))
    star = north_star if north_star not in left_out else None
    written = label(last.shown[0], last.every, last.stops[0])
    return Scorecard(tuple(standings), star, written, last.every, data.currency, left_out, alone)


def _with_depth(
    asked: Sequence[str], lacking: Mapping[str, list[str]], star: str | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The KPIs in order with their roles, a depth figure behind the first activity figure; and who stays alone."""
    roles = {name: STAR if name == star else PRIMARY for name in asked}
    active = [name for name in asked if name in ACTIVITY and not lacking[name]]
    if not active or any(name in DEPTH and not lacking[name] for name in asked):
        return roles, ()
    wanted = (*find(active[0]).counter, *DEPTH)
    depth = next((name for name in wanted if name in DEPTH and not lacking[name] and not find(name).parts), None)
    if depth is None:
        return roles, tuple(active)
    ordered: dict[str, str] = {}
    for name, role in roles.items():
        ordered[name] = role
        if name == active[0]:
            ordered[depth] = COMPANION
    return ordered, ()


def _standing(kpi: Kpi, data: Dataset, past: Grid, target: Mapping[str, Any] | None) -> Standing | str:
    """How one KPI stands, or why it cannot be told."""
    values = compute(kpi.name, data, past)
    rows = values.table.filter(pl.col("start") == past.shown[-1])
    part = _headline(kpi, rows) if kpi.parts else {}
    own = [pl.col(name).eq_missing(value) for name, value in part.items()]
    values = replace(values, table=values.table.filter(*own)) if part else values
    row = rows.filter(*own).row(0, named=True)
    if row["status"] in BARREN:
        return values.reasons.get(kpi.name, str(row["status"]))
    last = past.only(len(past) - 1)
    bases = [last.before()] + ([last.year_before()] if last.every in EVERY and last.every != "year" else [])
    earlier: dict[date, Change] = {}
    if row["status"] in ("partial", "early") or row["value"] is None:
        moved = [Change(None, None, None, points=in_points(kpi), previous=None)] * len(bases)
    else:
        moved, earlier = changes_over(kpi, data, past, bases, part=part)
    year = moved[1] if len(moved) > 1 else None
    aim = judged(data, [target], until=past.stops[-1])[0] if target else None
    made_of = _made_of(kpi, data, last)
    return Standing(kpi, row, values, moved[0], aim, year, part=part, earlier=earlier, made_of=made_of)


def _made_of(kpi: Kpi, data: Dataset, last: Grid) -> tuple[Mapping[str, Any], ...]:
    """The figures that a derived KPI is calculated from, each with the first day that it covers."""
    window = last.trailing(kpi.window_on(last.every))
    moves = {"": window, "previous_": window.before(), "year_before_": window.year_before()}
    found = []
    for shift, name in map(base_of, kpi.components):
        covered = replace(moves[shift], shown=moves[shift].firsts)
        found.append(compute(name, data, covered).table.row(0, named=True))
    return tuple(found)


def _headline(kpi: Kpi, rows: pl.DataFrame) -> dict[str, Any]:
    """The component that stands for a KPI with several values: the declared one, else the greatest of the period."""
    declared = dict(zip(kpi.parts, kpi.headline, strict=False))
    if declared:
        return declared
    ordered = rows.sort("value", *kpi.parts, descending=[True, *(False for _ in kpi.parts)], nulls_last=True)
    return {name: ordered[name][0] for name in kpi.parts}
