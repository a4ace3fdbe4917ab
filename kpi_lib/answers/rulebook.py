"""What a named rule is: its declaration, the figures that it looks at, and what it comes to.

A rule holds, does not hold, or cannot be told; it always names the figures that it rests on. A change is that on the same
period of the year before where the data reach so far, else on the period before.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from kpi_lib.answers.change import Change, changes
from kpi_lib.answers.compute import compute
from kpi_lib.answers.scorecard import Scorecard, Standing, scorecard
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin
from kpi_lib.core.period import EVERY, Grid, begin, local_date, local_day
from kpi_lib.kpis.registry import find

LOOKED_BACK = 7  # periods: what is not asked or not ripe for longer is no news
YES, NO, UNKNOWN = "yes", "no", "cannot tell"
Judged = tuple[str, list["Evidence"], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One figure of a rule: the row of `compute`, of which part (empty: of all), and its change where one is told."""

    row: Mapping[str, Any]
    part: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as declared: `when` says what must be so, `hint` what to look at if it is, `source` who gives the rule.

    It needs the inputs of the KPIs `needs`, and one of the columns `parts` (table.column) where it names any.
    """

    name: str
    title: str
    when: str
    hint: str
    source: str
    needs: tuple[str, ...]
    judge: Callable[["Book"], Judged]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule comes to: `verdict` is yes, no or cannot tell (`reason`); `beside`: what happened at the time."""

    rule: Rule
    verdict: str
    evidence: tuple[Evidence, ...] = ()
    beside: tuple[str, ...] = ()
    reason: str = ""


_TEXT, _REAL = pl.String, pl.Float64
SCHEMA = {
    "rule": _TEXT, "verdict": _TEXT, "figure": _TEXT, "part": _TEXT, "start": pl.Date, "end": pl.Date, "value": _REAL,
    "low": _REAL, "high": _REAL, "n": pl.Int64, "unit": _TEXT, "status": _TEXT, "since": pl.Date, "change": _REAL,
    "change_low": _REAL, "change_high": _REAL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Findings:
    """Every rule with its verdict, those that hold first; `end` is the first day after the period that was looked at."""

    findings: tuple[Finding, ...]
    currency: str
    end: date | None = None
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def holding(self) -> tuple[Finding, ...]:
        """The rules that hold."""
        return tuple(each for each in self.findings if each.verdict == YES)

    @property
    def table(self) -> pl.DataFrame:
        """One row per figure of a rule: rule, verdict, figure (the KPI), part, its tidy row, and its change since."""
        rows = [
            {name: each.row.get(name) for name in SCHEMA}
            | {"rule": found.rule.name, "verdict": found.verdict, "figure": each.row["kpi"], "part": each.part}
            | _change(each.change)
            for found in self.findings
            for each in found.evidence
        ]
        return pl.DataFrame(rows, schema=SCHEMA)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The figures numbered: what a report hands over."""
        return {"rules": self.table.with_row_index("nth", 1)}

    def to_dict(self) -> dict[str, Any]:
        """The rules as JSON values."""
        figures = self.table.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()
        told = []
        for found in self.findings:
            head = {name: getattr(found.rule, name) for name in ("name", "title", "when", "hint", "source")}
            own = [row for row in figures if row["rule"] == found.rule.name]
            rest = {"verdict": found.verdict, "reason": found.reason, "beside": list(found.beside)}
            told.append(head | rest | {"figures": own})
        return {"rules": told}


def _change(change: Change | None) -> dict[str, Any]:
    if change is None:
        return dict.fromkeys(("since", "change", "change_low", "change_high"))
    return {"since": change.since, "change": change.amount, "change_low": change.low, "change_high": change.high}


class Book:
    """The data and the last period of a grid, with the figures that several rules ask for, each computed once."""

    def __init__(self, data: Dataset, grid: Grid) -> None:
        """Nothing is computed yet."""
        self.data, self.grid = data, grid
        self.last = grid.only(len(grid) - 1)
        self._known: dict[str, Standing | None] = {}

    def standing(self, name: str) -> Standing | None:
        """How a KPI stands in the period; None where it has no figure."""
        if name not in self._known:
            card: Scorecard = scorecard(self.data, [name], self.last)
            found = next((each for each in card.standings if each.kpi.name == name), None)
            self._known[name] = found if found and found.row["value"] is not None else None
        return self._known[name]

    def standings(self, *names: str) -> list[Standing]:
        """How some KPIs stand; empty unless all of them have a figure."""
        found = [each for name in names if (each := self.standing(name))]
        return found if len(found) == len(names) else []

    def ripe(self, name: str) -> Standing | None:
        """How a KPI stands in the last period that has a figure: of this one some are known only later."""
        if (now := self.standing(name)) is not None:
            return now
        periods = self._known_periods(name)
        found = scorecard(self.data, [name], periods[-1]).standings if periods else ()
        return found[0] if found else None

    def since_last(self, name: str) -> Change | None:
        """The change of a KPI against the last earlier period with a figure: not everything is asked in every period."""
        earlier = [each for each in self._known_periods(name) if each.shown[0] < self.last.shown[0]]
        return changes(find(name), self.data, self.last, [earlier[-1]])[0] if earlier else None

    def _known_periods(self, name: str) -> list[Grid]:
        """The periods up to this one, a few back, in which a KPI of one value has a figure."""
        if self.last.every not in EVERY:
            return []
        begun = local_day(self.data.observed_from, self.data.zone)
        past = self.last.back(LOOKED_BACK, begin(begun, self.last.every, self.data.week_start))
        rows = compute(name, self.data, past).table.filter(pl.col("value").is_not_null())
        there = set(rows["start"])
        return [past.only(at) for at, day in enumerate(past.shown) if day in there]

    def releases(self, since: date | None = None) -> tuple[str, ...]:
        """Releases from a day on (else from the period before), as words."""
        if not {"release_id", "time"} <= set(self.data.columns("releases")):
            return ()
        since, until = since or self.last.before().firsts[0], self.last.stops[-1]
        rows = self.data.known("releases").select("release_id", day=local_date(pl.col("time"), self.data.zone))
        inside = rows.filter(pl.col("day") >= since, pl.col("day") < until).sort("day", "release_id").collect()
        return tuple(f"release {name} ({day})" for name, day in inside.iter_rows())


def course(standing: Standing) -> Change:
    """The change on the year before where there is one, else on the period before."""
    year = standing.year
    return year if year is not None and year.amount is not None else standing.change


def rises(change: Change) -> bool:
    """Whether a change is clearly up."""
    return change.clear and change.amount is not None and change.amount > 0


def falls(change: Change) -> bool:
    """Whether a change is clearly down."""
    return change.clear and change.amount is not None and change.amount < 0


def seen(standings: Iterable[Standing]) -> list[Evidence]:
    """How KPIs stand as evidence, each with its change."""
    return [Evidence(each.row, ", ".join(map(str, each.part.values())), course(each)) for each in standings]


RULES: list[Rule] = []


def rule(
    *, title: str, when: str, hint: str, source: str, needs: tuple[str, ...], parts: tuple[str, ...] = ()
) -> Callable[[Callable[[Book], Judged]], Callable[[Book], Judged]]:
    """Declare a rule; its name is that of the function."""

    def declared(judge: Callable[[Book], Judged]) -> Callable[[Book], Judged]:
        RULES.append(Rule(judge.__name__, title, when, hint, source, needs, judge, parts))
        return judge

    return declared
