"""A workspace: a folder with a kpi.toml, opened once, its data loaded on first use."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from kpi_lib.answers.decisions import Decision
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError, KpiWarning, UsageError, WorkspaceError, shown
from kpi_lib.core.period import EVERY, Grid, last_complete, local_day, parse_period
from kpi_lib.core.store import used
from kpi_lib.sources.decisions import read_decisions
from kpi_lib.sources.findings import Loaded
from kpi_lib.sources.loading import load
from kpi_lib.sources.manifest import FILE, read_manifest
from kpi_lib.sources.ranges import Tell, silent
from kpi_lib.sources.store import ABSENT, build, opened, standing

EMPTY = "no table holds a row"
CADENCES = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}


@dataclass(frozen=True, slots=True)
class Workspace:
    """Somebody's data and choices: `data` is what calculations start from, `log` tells what was read and set aside."""

    folder: Path
    name: str
    config: Mapping[str, Any]
    now: datetime
    _cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def data(self) -> Dataset:
        """The tables, read at first use and kept."""
        return self._loaded()[0]

    @property
    def log(self) -> Loaded:
        """Counts by table, and what was found while reading."""
        return self._loaded()[1]

    @property
    def targets(self) -> tuple[Mapping[str, Any], ...]:
        """The targets that the workspace sets itself."""
        return tuple(self.config["targets"])

    @property
    def owners(self) -> Mapping[str, Sequence[str]]:
        """The teams that work on a KPI, the one that answers for it first."""
        found: Mapping[str, Sequence[str]] = self.config["owners"]
        return found

    def _empty(self) -> bool:
        """Whether no table holds a row, and nobody said how long was watched."""
        said = {"observed_from", "observed_until"} & set(self.config["workspace"])
        return not said and not any(counts.kept for counts in self.log.counts.values())

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided, oldest first: the files in decisions/."""
        return read_decisions(self.folder)

    @property
    def kpi_sets(self) -> tuple[Mapping[str, Any], ...]:
        """The versions of the KPI set, the one in force last."""
        return tuple(self.config["kpi_sets"])

    @property
    def reports(self) -> Mapping[str, Any]:
        """The reports it wants, by name."""
        found: Mapping[str, Any] = self.config["reports"]
        return found

    @property
    def product(self) -> Mapping[str, Any]:
        """Profile, stage, goals and north star, as far as they are set."""
        found: Mapping[str, Any] = self.config["product"]
        return found

    @property
    def settings(self) -> Mapping[str, Any]:
        """The choices that KPIs ask for."""
        found: Mapping[str, Any] = self.config["settings"]
        return found

    @property
    def funnels(self) -> Mapping[str, Any]:
        """The named funnels with their options."""
        found: Mapping[str, Any] = self.config["funnels"]
        return found

    @property
    def features(self) -> Mapping[str, tuple[str, ...]]:
        """The features with the events that show their use."""
        return {name: tuple(events) for name, events in self.config["features"].items()}

    @property
    def freshness(self) -> Mapping[str, str]:
        """How old the data may get before a warning and before an error."""
        found: Mapping[str, str] = self.config["freshness"]
        return found

    @property
    def today(self) -> date:
        """The calendar day of the workspace's zone."""
        return local_day(self.now, self.config["workspace"].get("timezone", "UTC"))

    def as_of(self, day: date) -> "Workspace":
        """The workspace as it stood when a day began: what came later is not known yet, in its data and its periods.

        Raises UsageError when nothing had been observed by then; a day after the end of the data changes nothing.
        """
        data = self.data
        until = Grid.of([day], [day + timedelta(days=1)], zone=data.zone, every="day").starts[0]
        if until <= data.observed_from:
            since = local_day(data.observed_from, data.zone)
            raise UsageError(f"nothing was known when {day} began: the data begin on {since}.")
        return replace(self, _cache={**self._cache, "loaded": (data.as_of(until), self.log)})

    def grid(
        self,
        period: str | None = None,
        *,
        start: str | date | None = None,
        stop: str | date | None = None,
        every: str | None = None,
        cadence: str = "month",
    ) -> Grid:
        """The periods that a request means; without any, the last complete period of the cadence.

        `every` cuts the period, or the span from `start` to `stop` (excluded), into days, weeks, months and so on.
        """
        data = self.data
        whole = partial(Grid.calendar, zone=data.zone, week_start=data.week_start)
        if every is not None and every not in EVERY:
            raise UsageError(f"unknown grid {shown(every)}. There are: {', '.join(EVERY)}.")
        if period is not None:
            if start is not None or stop is not None:
                raise UsageError("give a period or a start and an end, not both.")
            one = parse_period(period, zone=data.zone, week_start=data.week_start)
            _tell_unwatched(one, data, empty=self._empty())
            return whole(every, one.firsts[0], one.stops[-1]) if every else one
        if self._empty() and (start is None or stop is None):
            raise UsageError(
                f"{EMPTY}, so there is no last complete period. Look at the files with kpi check, or say a period."
            )
        if start is None and stop is None and every is None:
            unit = CADENCES.get(cadence, cadence)
            return last_complete(unit, data.observed_until, zone=data.zone, week_start=data.week_start)
        first = _day(start, "--from") or local_day(data.observed_from, data.zone)
        last = _day(stop, "--to") or local_day(data.observed_until - timedelta(microseconds=1), data.zone) + timedelta(
            days=1
        )
        found = whole(every, first, last) if every else Grid.of([first], [last], zone=data.zone, every="custom")
        _tell_unwatched(found, data, empty=self._empty())
        if every:
            _tell_widened(found, every, start, stop)
        return found

    @property
    def store(self) -> str:
        """Why the data come from the files and not from the store; empty when they come from the store."""
        self._loaded()
        reason: str = self._cache["store"]
        return reason

    @property
    def stale(self) -> str:
        """Why a store that is there is not used; empty when there is none or when it is."""
        return "" if self.store == ABSENT else self.store

    def build_store(self, tell: Tell = silent) -> dict[str, Any]:
        """Write the store in which the data open and answer faster, or find it up to date."""
        return build(self.folder, self.config, self.now, tell)

    def _loaded(self) -> tuple[Dataset, Loaded]:
        if "loaded" not in self._cache:
            state = standing(self.folder, self.config, self.now)
            self._cache["store"] = state.reason
            if state.fresh:
                try:
                    self._cache["loaded"] = opened(self.folder, self.config, state.content)
                except (DataError, OSError, ValueError, KeyError) as error:
                    self._cache["store"] = f"it cannot be read: {error}"
            if self._cache["store"]:
                self._cache["loaded"] = load(self.folder / FILE, self.config, self.now)
        reason = self._cache["store"]
        used("tables", "files" if reason else "store", reason or "it was made from these files and choices")
        found: tuple[Dataset, Loaded] = self._cache["loaded"]
        return found


def open_workspace(path: Path | str = ".", *, now: datetime | None = None) -> Workspace:
    """Open the workspace in a folder (or named by its kpi.toml); `now` stands in for the clock."""
    given = Path(path)
    manifest = given if given.suffix == ".toml" else given / FILE
    if not manifest.is_file():
        raise _absent(given, manifest)
    config = read_manifest(manifest)
    name = config["workspace"].get("name") or manifest.resolve().parent.name
    return Workspace(manifest.parent, name, config, now or datetime.now(UTC))


def _absent(given: Path, manifest: Path) -> WorkspaceError:
    if not given.exists():
        return WorkspaceError(f"{given} does not exist. Name the folder that holds your {FILE} with --workspace.")
    near = (
        sorted(str(each.parent) for pattern in (f"*/{FILE}", f"*/*/{FILE}") for each in given.glob(pattern))
        if given.is_dir()
        else []
    )
    hint = f"There is one in {', '.join(near[:3])}: name that folder with --workspace." if near else ""
    return WorkspaceError(
        f"{manifest} is not there, so this folder is no workspace.\n"
        f"{hint or 'Write one for your files: kpi init FILE.csv'}"
    )


def _tell_unwatched(grid: Grid, data: Dataset, *, empty: bool) -> None:
    """Say so where nobody looked: a count of nothing is no zero there."""
    if grid.ends[-1] > data.observed_from and grid.starts[0] < data.observed_until:
        return
    since, last = (
        local_day(at, data.zone) for at in (data.observed_from, data.observed_until - timedelta(microseconds=1))
    )
    why = EMPTY if empty else f"the data run from {since} to {last}, its end included"
    warnings.warn(f"nothing was observed from {grid.firsts[0]} to {grid.stops[-1]}: {why}.", KpiWarning, stacklevel=3)


def _tell_widened(found: Grid, every: str, start: str | date | None, stop: str | date | None) -> None:
    """Say so where a span is no whole number of periods."""
    for asked, given, edge in (("--from", start, found.firsts[0]), ("--to", stop, found.stops[-1])):
        if given is not None and str(given) != str(edge):
            told = f"{asked} {given} is no edge of a {every}: whole {every}s are shown, which here means {edge}."
            warnings.warn(told, KpiWarning, stacklevel=3)


def _day(day: str | date | None, option: str) -> date | None:
    if day is None or isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{option} {shown(day)} is no day. Write it as 2026-10-05.") from None
