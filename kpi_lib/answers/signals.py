"""What stands out: sudden drops and jumps, new levels, slow creep and lost data, of any KPIs in whole periods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from kpi_lib.answers.alarms import RULES, SHIFT, SUDDEN, Look, Series, watch
from kpi_lib.answers.compute import Values, compute
from kpi_lib.answers.contributions import Contributions, best_explained
from kpi_lib.answers.demands import available
from kpi_lib.core.control import adjusted
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import GAP
from kpi_lib.core.period import Grid, begin, last_complete, local_date, local_day, step
from kpi_lib.core.units import COUNT, DOWN, SCORE, UP, Unit
from kpi_lib.kpis.registry import Kpi, find

FALSE_SHARE = 0.05  # of the signals of a period, so many may be false
EXPLAINED = 3
FEW = 5  # a count that moved by fewer units is not told
LASTING = ("shift", "creep")
SLIGHT = 0.002  # nor a share that moved by less
LONGER = 2  # so many windows are read, so that a figure that is not there every period has its window too
UNRIPE = 0.05  # of the units may still be unripe
QUIET = 10  # a day without a row is an outage where so many rows a day are usual
Segment = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """One figure that stands out in one period.

    `kind`: drop or jump (one period), shift (a new level since `since`), creep (a drift since then), outage (nothing was
    recorded). `expected` with `low` and `high`: where the figure would have been but for chance. `size`: observed against
    expected, as a fraction or (`points`) as a difference. `better`: whether that is the good direction; None: no telling.
    `p`: chance of such a move in one figure, `q`: corrected for all figures that were looked at. `beside`: releases and
    incidents of the time. `contributions`: which segments it came from.
    """

    kpi: str
    by: Segment
    every: str
    start: date
    end: date
    since: date
    kind: str
    observed: float
    expected: float
    low: float
    high: float
    size: float | None
    points: bool
    better: bool | None
    p: float
    q: float
    unit: str
    note: str = ""
    beside: tuple[str, ...] = ()
    contributions: Contributions | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """All signals, the least likely first; `looked` series were judged, `unknown` says what is missing for the others."""

    signals: tuple[Signal, ...]
    looked: int
    unknown: Mapping[str, str]
    outages: tuple[date, ...]
    values: Values
    currency: str

    @property
    def table(self) -> pl.DataFrame:
        """One row per signal: its fields, segments as one text, without contributions."""
        return pl.DataFrame([_flat(each) for each in self.signals], schema=SCHEMA)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The signals numbered, the KPI as `figure`: what a report hands over."""
        return {"signals": self.table.rename({"kpi": "figure"}).with_row_index("nth", 1)}

    def to_dict(self) -> dict[str, Any]:
        """The signals as JSON values."""
        rows = []
        for each in self.signals:
            found = each.contributions.to_dict() if each.contributions else None
            days = {name: getattr(each, name).isoformat() for name in ("start", "end", "since")}
            by = {plain_name(name): value for name, value in each.by}
            rows.append(_flat(each) | days | {"by": by, "beside": list(each.beside), "contributions": found})
        return {
            "signals": rows,
            "looked": self.looked,
            "unknown": dict(self.unknown),
            "outages": [day.isoformat() for day in self.outages],
        }


_TEXT, _REAL = pl.String, pl.Float64
SCHEMA = {
    "kpi": _TEXT, "by": _TEXT, "every": _TEXT, "start": pl.Date, "end": pl.Date, "since": pl.Date, "kind": _TEXT,
    "observed": _REAL, "expected": _REAL, "low": _REAL, "high": _REAL, "size": _REAL, "points": pl.Boolean,
    "better": pl.Boolean, "p": _REAL, "q": _REAL, "unit": _TEXT, "note": _TEXT, "beside": _TEXT,
}  # fmt: skip


def _flat(signal: Signal) -> dict[str, Any]:
    fields = {name: getattr(signal, name) for name in SCHEMA}
    return fields | {"by": segment_name(signal.by), "beside": "; ".join(signal.beside)}


def segment_name(by: Segment) -> str:
    """The segment of a signal in words; empty for everybody."""
    return ", ".join(f"{plain_name(name)} {'(none)' if value is None else value}" for name, value in by)


def signals(
    data: Dataset,
    names: Sequence[str] = (),
    grid: Grid | Callable[[Kpi], Grid] | None = None,
    by: Sequence[str] = (),
    *,
    explain: int = EXPLAINED,
) -> Signals:
    """Look for what stands out in the periods of a grid, each judged by the periods before it.

    Without names, all KPIs of one value that these data allow are looked at; without a grid, the last whole period of each KPI's
    cadence. Periods that are not over and figures on too few units are left out. A figure gives a false alarm in ten
    years of looking; over many figures at most one signal in twenty is false. The clearest ones come with what their
    segments contributed.
    """
    asked = [find(name) for name in names] or _plain(data)
    judged = {kpi.name: _whole(_grid_of(kpi, grid, data), data) for kpi in asked}
    values = compute(
        [kpi.name for kpi in asked], data, lambda kpi: _with_history(judged[kpi.name], data), by
    )  # fmt: skip
    outages = outage_days(data)
    found: list[tuple[Signal, bool]] = []
    unknown = dict(values.reasons)
    looked = 0
    for kpi in asked:
        own = judged[kpi.name]
        seen, why = _of_kpi(kpi, values, own, outages if data.activity in kpi.tables | {"events"} & kpi.tables else ())
        found += [pair for each in seen for pair in each]
        looked += len(seen)
        if not seen and kpi.name not in unknown:
            unknown[kpi.name] = why
    told = sorted(_corrected(found), key=lambda each: (each.p, each.kpi, each.start, segment_name(each.by)))
    beside = _beside(data)
    dressed = [
        replace(each, beside=beside(each), contributions=_source(each, data) if at < explain else None)
        for at, each in enumerate(told)
    ]
    return Signals(tuple(dressed), looked, unknown, tuple(outages), values, data.currency)


def _plain(data: Dataset) -> list[Kpi]:
    """The KPIs that these data allow, those with many values each left out."""
    there = [find(name) for name, lacking in available(data).items() if not lacking]
    return [kpi for kpi in there if not kpi.parts and kpi.measure is not GAP]


def _grid_of(kpi: Kpi, grid: Grid | Callable[[Kpi], Grid] | None, data: Dataset) -> Grid:
    if grid is None:
        return last_complete(kpi.cadence, data.observed_until, zone=data.zone, week_start=data.week_start)
    return grid if isinstance(grid, Grid) else grid(kpi)


def _whole(grid: Grid, data: Dataset) -> Grid:
    """The periods that are over; a grid that signals cannot be told on is an error."""
    if grid.every not in RULES:
        raise UsageError(
            f"signals are told by {', '.join(RULES)}, not by {grid.every}: give --every with --from and --to."
        )
    until = local_day(data.observed_until, data.zone)
    over = [at for at, stop in enumerate(grid.stops) if stop <= until]
    if not over:
        raise UsageError(f"no {grid.every} of the asked ones is over: the data end on {until} (excluded).")
    return Grid.of([grid.firsts[at] for at in over], [grid.stops[at] for at in over], zone=grid.zone, every=grid.every)


def _with_history(grid: Grid, data: Dataset) -> Grid:
    """The same periods with as many before them as are looked back on, none before the data."""
    since = begin(local_day(data.observed_from, data.zone), grid.every, data.week_start)
    first = max(step(grid.firsts[0], grid.every, -LONGER * RULES[grid.every].window), min(since, grid.firsts[0]))
    return Grid.calendar(grid.every, first, grid.stops[-1], zone=grid.zone, week_start=data.week_start)


def outage_days(data: Dataset) -> list[date]:
    """Days inside the data without a single row where people are there every day: rather lost data than nobody."""
    days = data.events().select(day=local_date(pl.col("time"), data.zone)).group_by("day").len().sort("day").collect()
    there = days.drop_nulls("day")
    if there.height < 2 or there["len"].quantile(0.05) < QUIET:  # type: ignore[operator]
        return []
    first, *_ = seen = there["day"].to_list()
    until = local_day(data.observed_until, data.zone)  # the last days may be lost as well
    return sorted({first + timedelta(days=at) for at in range((until - first).days)} - set(seen))


def _of_kpi(
    kpi: Kpi, values: Values, judged: Grid, outages: Sequence[date]
) -> tuple[list[list[tuple[Signal, bool]]], str]:
    """The questions asked of each series of a KPI, with the answer; why there are none."""
    rows = values.table.filter(pl.col("kpi") == kpi.name)
    columns = [*values.by, *kpi.parts]
    groups = rows.partition_by(columns, maintain_order=True) if columns else [rows]
    found, longest, rules = [], 0, RULES[judged.every]
    for group in groups:
        ordered = group.sort("start").to_dicts()
        known = sum(_usable(row) for row in ordered)
        longest = max(longest, known)
        first = next((at for at, row in enumerate(ordered) if row["start"] >= judged.firsts[0]), len(ordered))
        if known <= rules.least:
            continue
        if looks := watch(series_of(kpi, ordered), judged.every, first):
            place = (judged.every, tuple((column, ordered[0][column]) for column in columns), outages)
            found.append(_told(kpi, ordered, _once(looks), place))
    need = f"cannot tell yet: {rules.least + 1} whole {judged.every}s with enough units are needed, there are {longest}"
    return found, need if longest <= rules.least else f"cannot tell: it has no figure in the asked {judged.every}"


def _usable(row: Mapping[str, Any]) -> bool:
    """Whether a figure of a whole period can be an example: known, on enough units, hardly any of them unripe."""
    ripe = row["status"] == "ok" or (row["status"] == "ripening" and row["unripe"] <= UNRIPE * row["n"])
    return ripe and row["value"] is not None and math.isfinite(row["value"])


def series_of(kpi: Kpi, rows: Sequence[Mapping[str, Any]]) -> Series:
    """A figure on the scale on which chance is alike everywhere: roots for counts, arcs for shares, else logarithms."""
    values = [row["value"] if _usable(row) else None for row in rows]
    known = [value for value in values if value is not None]
    matters = _matters(kpi.unit)
    floor = 0.0 if kpi.window else 1.0
    if kpi.unit.name == COUNT.name and kpi.measure.name in ("count", "per_day") and min(known, default=0) >= 0:
        roots = [None if value is None else 2 * math.sqrt(value + 0.375) for value in values]
        errors = [math.sqrt(row["value"] / row["n"]) if row["n"] and row["value"] else 1.0 for row in rows]
        return Series(roots, errors, floor, lambda x: max((max(x, 0.0) / 2) ** 2 - 0.375, 0.0), matters)
    if kpi.unit.percent and kpi.measure.name == "proportion":
        arcs = [
            None if value is None else 2 * math.asin(math.sqrt((value * row["n"] + 0.375) / (row["n"] + 0.75)))
            for value, row in zip(values, rows, strict=True)
        ]
        errors = [1 / math.sqrt(row["n"] + 0.5) for row in rows]
        return Series(arcs, errors, floor, lambda x: math.sin(min(max(x, 0.0), math.pi) / 2) ** 2, matters)
    some = [value for value in known if value > 0]
    if kpi.unit.percent or kpi.unit.name == SCORE.name or min(known, default=-1) < 0 or len(some) < 0.9 * len(known):
        return Series(values, None, 0.0, float, matters)
    least = min(some, default=1.0) / 2
    logs = [None if value is None else math.log(max(value, least)) for value in values]
    return Series(logs, None, 0.0, math.exp, matters)


def _matters(unit: Unit) -> Callable[[float, float, float], bool]:
    """Whether a figure is far enough from another to be told; a share is measured from its nearer end."""

    def far(observed: float, expected: float, part: float) -> bool:
        apart = abs(observed - expected)
        if unit.percent:
            near = max(min(expected, 1 - expected), 0.0) if 0 <= expected <= 1 else abs(expected)
            return apart >= max(part * near, SLIGHT)
        return apart >= max(part * abs(expected), FEW if unit.name == COUNT.name else 0.0)

    return far


def _once(looks: Sequence[Look]) -> list[Look]:
    """A move that lasts is told once: by its first period, or by the level that it became."""
    levels = [(look.since, look.at) for look in looks if look.hit and look.kind == SHIFT]
    kept: list[Look] = []
    last: Look | None = None
    for look in looks:
        if look.kind == SUDDEN and look.hit:
            goes_on = last is not None and last.at == look.at - 1 and _up(last) == _up(look)
            last = look
            if goes_on or any(since <= look.at <= at for since, at in levels):
                kept.append(replace(look, hit=False))
                continue
        kept.append(look)
    return kept


def _up(look: Look) -> bool:
    return look.observed > look.expected


def _told(
    kpi: Kpi, rows: Sequence[Mapping[str, Any]], looks: Sequence[Look], place: tuple[str, Segment, Sequence[date]]
) -> list[tuple[Signal, bool]]:
    """The looks at a series as signals, each with whether it is one."""
    every, by, outages = place
    points = kpi.unit.points
    told = []
    for look in looks:
        row = rows[look.at]
        apart = look.observed - look.expected
        size = apart if points else apart / look.expected if look.expected else None
        better = (apart > 0) == (kpi.direction == UP) if kpi.direction in (UP, DOWN) else None
        lost = [day for day in outages if row["start"] <= day < row["end"]]
        kind = ("jump" if apart > 0 else "drop") if look.kind == SUDDEN else look.kind
        note = f"nothing was recorded on {', '.join(map(str, lost[:3]))}" if lost else ""
        if lost and apart < 0 and look.kind == SUDDEN:
            kind, better = "outage", None
        since = rows[look.since]["start"]
        figures = (look.observed, look.expected, look.low, look.high, size, points, better, look.chance, 1.0)
        signal = Signal(
            kpi.name, by, every, row["start"], row["end"], since, kind, *figures, kpi.unit.name, note
        )  # fmt: skip
        told.append((signal, look.hit))
    return told


def _corrected(found: Sequence[tuple[Signal, bool]]) -> list[Signal]:
    """Those signals of each period that stay when all that was asked of it is counted in; one a series, the suddenest."""
    asked: dict[tuple[str, date], list[tuple[Signal, bool]]] = {}
    for signal, hit in found:
        asked.setdefault((signal.every, signal.start), []).append((signal, hit))
    kept = []
    for pairs in asked.values():
        chances = adjusted([signal.p for signal, _ in pairs])
        kept += [replace(s, q=q) for (s, hit), q in zip(pairs, chances, strict=True) if hit and q <= FALSE_SHARE]
    plainest: dict[tuple[str, Segment, date], Signal] = {}
    for each in sorted(kept, key=lambda signal: LASTING.index(signal.kind) if signal.kind in LASTING else -1):
        plainest.setdefault((each.kpi, each.by, each.start), each)
    return list(plainest.values())


def _pair(signal: Signal, data: Dataset) -> tuple[Grid, Grid]:
    """The period of a signal and the one to compare it with: the one before, the same weekday, or where it began."""
    place = {"zone": data.zone, "every": signal.every}
    after = Grid.of([signal.start], [signal.end], **place)
    first = step(signal.start, signal.every, -1 if signal.every != "day" else -7)
    if signal.kind in LASTING:
        first = signal.since if signal.kind == "creep" else step(signal.since, signal.every, -1)
    return Grid.of([first], [step(first, signal.every)], **place), after


def _source(signal: Signal, data: Dataset) -> Contributions | None:
    """Which segments a signal came from, if the two periods that are compared moved the way it did."""
    if signal.by or signal.kind == "outage":
        return None
    found = best_explained(signal.kpi, data, *_pair(signal, data))
    return found if found and (found.change > 0) == (signal.observed > signal.expected) else None


def _beside(data: Dataset) -> Callable[[Signal], tuple[str, ...]]:
    """Releases and incidents from the period before a signal on (or before its new level) to its end."""
    marks: list[tuple[date, str]] = []
    for table, key, time in (("releases", "release_id", "time"), ("incidents", "incident_id", "start")):
        if key in data.columns(table):
            rows = data.known(table).select(key, day=local_date(pl.col(time), data.zone)).drop_nulls().sort("day", key)
            marks += [(day, f"{table[:-1]} {name} ({day})") for name, day in rows.collect().iter_rows()]

    def near(signal: Signal) -> tuple[str, ...]:
        if signal.kind == "creep":
            return ()
        first = step(signal.since, signal.every, -1)
        until = step(signal.since, signal.every)
        return tuple(text for day, text in sorted(marks) if first <= day < until)[-4:]

    return near
