"""An explorer for the scorecard with targets to try out, and its twin without a browser."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from kpi_lib.answers.scorecard import Scorecard, scorecard
from kpi_lib.answers.targets import TargetStatus
from kpi_lib.answers.targets import targets as judged
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import EVERY, Grid, begin, label, local_day, parse_period
from kpi_lib.core.units import SECONDS, Unit
from kpi_lib.kpis.registry import find
from kpi_lib.show.controls import NOTHING, dropdown, number, text
from kpi_lib.show.explorer import Explorer, written
from kpi_lib.show.phrases import title_of

PERIODS = 24  # earlier periods to choose from
AIM = "target_"  # leads the names of the controls that hold a target
Aims = Sequence[Mapping[str, Any]]
WhatIf = Mapping[str, float | None]


def explore_scorecard(
    data: Dataset,
    names: Sequence[str],
    *,
    period: str,
    what_if: WhatIf | None = None,
    due: str = "",
    north_star: str | None = None,
    targets: Aims = (),
    owners: Mapping[str, Sequence[str]] | None = None,
    history: int = 13,
) -> Scorecard:
    """Compute what the explorer shows for the same arguments: a scorecard under other targets than those that are set.

    `what_if` gives KPIs another target (None: none at all), `due` all of them another day; `targets` are those of kpi.toml.
    """
    grid = parse_period(period, zone=data.zone, week_start=data.week_start)
    aims = tried(targets, what_if or {}, due)
    return scorecard(data, names, grid, north_star=north_star, targets=aims, owners=owners, history=history)


def tried(targets: Aims, what_if: WhatIf, due: str) -> list[dict[str, Any]]:
    """The targets with those to try out in their place; a day that is none is refused.

    >>> tried([{"kpi": "dau", "value": 5, "owner": "web"}], {"dau": 6, "mau": 9}, "")
    [{'kpi': 'dau', 'value': 6, 'owner': 'web'}, {'kpi': 'mau', 'value': 9}]
    """
    last = {each["kpi"]: dict(each) for each in targets}
    for name, value in what_if.items():
        last[name] = {**last.get(name, {}), "kpi": name, "value": value}
    try:
        day = {"due": date.fromisoformat(due)} if due else {}
    except ValueError:
        raise UsageError(f"Due: {due!r} is no day, as in 2026-12-31.") from None
    return [each | day for each in last.values() if each["value"] is not None]


class ScorecardExplorer(Explorer[Scorecard]):
    """Try out targets: change them, their day or the period; the scorecard and its line of code follow.

    `result` is the scorecard on show (None while the choice is impossible), `code` the line that reproduces it. Nothing is
    written into kpi.toml.
    """

    def __init__(
        self,
        data: Dataset,
        names: Sequence[str],
        grid: Grid,
        *,
        north_star: str | None = None,
        targets: Aims = (),
        owners: Mapping[str, Sequence[str]] | None = None,
        history: int = 13,
    ) -> None:
        """Begin with the last period of a grid and the targets that are set."""
        self.data, self.names, self.north_star = data, tuple(names), north_star
        self.targets, self.owners = tuple(targets), owners
        self._cards: dict[tuple[str, int], Scorecard] = {}
        self._aims: dict[str, TargetStatus] = {}
        self._set = {each["kpi"]: each["value"] for each in targets}
        self._asked = [each for each in dict.fromkeys([*filter(None, [north_star]), *names]) if not find(each).parts]
        offered = _periods(data, grid)
        controls: dict[str, Any] = {
            "period": dropdown("Period", [(each, each) for each in offered], offered[0]),
            "history": number("History", history, 2, 60),
            "due": text("All due", hint="as set; else 2026-12-31"),
        }
        controls |= {AIM + each: self._aim(each) for each in self._asked}
        super().__init__(controls, [tuple(controls)[:3], tuple(controls)[3:]])

    def _aim(self, name: str) -> Any:  # noqa: ANN401 - ipywidgets is untyped
        unit, value = find(name).unit, self._set.get(name)
        counted = "%" if unit.percent else self.data.currency if unit.money else "s" if unit is SECONDS else ""
        written = NOTHING if value is None else in_words(float(value), unit)
        control = text(f"Target: {title_of(name)}", written, f"none {f'({counted})' if counted else ''}")
        control.layout.width = "24rem"
        return control

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices on show, as the twin takes them; targets that are as they are set do not stand there."""
        value = {name: control.value for name, control in self.controls.items()}
        aims = {name: number_of(value[AIM + name], title_of(name)) for name in self._asked}
        changed = {name: aim for name, aim in aims.items() if aim != self._set.get(name)}
        given = {"what_if": changed, "due": value["due"].strip(), "north_star": self.north_star}
        given |= {"targets": self.targets, "owners": self.owners}
        base = {"names": self.names, "period": value["period"], "history": value["history"]}
        return base | {name: each for name, each in given.items() if each}

    def ask(self, **arguments: Any) -> Scorecard:  # noqa: ANN401 - the twin's own
        """The scorecard of these choices; what targets do not change is kept."""
        period, history = arguments["period"], arguments["history"]
        aims = {
            each["kpi"]: each for each in tried(self.targets, arguments.get("what_if", {}), arguments.get("due", ""))
        }
        if (period, history) not in self._cards:
            self._cards[period, history] = explore_scorecard(
                self.data, self.names, period=period, history=history, north_star=self.north_star
            )
        card = self._cards[period, history]
        until = parse_period(period, zone=self.data.zone, week_start=self.data.week_start).stops[-1]
        standings = []
        for each in card.standings:
            wanted = aims.get(each.kpi.name)
            aim = self._judged(wanted, until) if wanted else None
            teams = tuple((self.owners or {}).get(each.kpi.name, ())) or tuple(filter(None, [aim.owner if aim else ""]))
            standings.append(replace(each, aim=aim, teams=teams))
        return replace(card, standings=tuple(standings))

    def _judged(self, target: Mapping[str, Any], until: date) -> TargetStatus:
        key = repr((until, sorted(target.items(), key=lambda pair: pair[0])))
        if key not in self._aims:
            self._aims[key] = judged(self.data, [target], until=until)[0]
        return self._aims[key]

    def code_of(self, **arguments: Any) -> str:  # noqa: ANN401 - the twin's own
        """The line for these choices; targets and owners are those of the workspace."""
        given = {name: each for name, each in arguments.items() if name not in ("names", "targets", "owners")}
        line = written("kpi.explore_scorecard", "data", repr(arguments["names"]), **given)
        ours = [f"{name}=ws.{name}" for name in ("targets", "owners") if arguments.get(name)]
        return f"{line[:-1]}{''.join(f', {each}' for each in ours)})"


def _periods(data: Dataset, grid: Grid) -> list[str]:
    """The periods to choose from, the last first: those of the same length in which the data were watched."""
    last = grid.only(len(grid) - 1)
    since = (
        begin(local_day(data.observed_from, data.zone), last.every, data.week_start) if last.every in EVERY else None
    )
    past = last.back(PERIODS, since)
    spans = zip(past.firsts, past.stops, strict=True)
    return [label(first, past.every, stop) for first, stop in spans][::-1]


def in_words(value: float, unit: Unit) -> str:
    """A target as people write it.

    >>> from kpi_lib.core.units import MONEY, SHARE
    >>> in_words(0.25, SHARE), in_words(80000, MONEY)
    ('25 %', '80,000')
    """
    if unit.percent:
        return f"{round(value * 100, 9):g} %"
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"


def number_of(words: str, name: str) -> float | None:
    """A target as somebody wrote it; nothing where there is none.

    >>> number_of("25 %", "Churn"), number_of("80,000", "Revenue"), number_of("", "DAU")
    (0.25, 80000.0, None)
    """
    plain = words.strip().replace(",", "").replace("\N{MINUS SIGN}", "-")
    share = plain.endswith("%")
    if not plain:
        return None
    try:
        value = float(plain.removesuffix("%"))
    except ValueError:
        raise UsageError(f"{name}: {words.strip()!r} is no number, as in 1,500 or 25 %.") from None
    return round(value / 100, 12) if share else value
