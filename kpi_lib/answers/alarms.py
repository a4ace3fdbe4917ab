"""Which periods of one series stand out: a sudden move, a new level, a slow drift.

Every period is judged by what came before it, never by what came after, so that a review of the past says what it
would have said then. The three questions share a budget of false alarms: a tenth of an alarm a year.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from kpi_lib.core.control import Reference, lag_one, mann_kendall, reference, step_at, two_sided

BUDGET = 0.1  # false alarms that a figure may give in a year
SUDDEN, SHIFT, CREEP = "sudden", "shift", "creep"
RELATIVE = 0.05  # smaller moves are not told, however clear
DRIFT = 0.10
HALF = 0.5  # of a new level's distance each of its periods must keep
RANGES = 12  # with so few periods the spread is taken from moving ranges


@dataclass(frozen=True, slots=True)
class Rules:
    """How a series on a grid is watched: periods of its season, looked back on, needed, and those that make a level."""

    season: int
    window: int
    least: int
    run: int
    a_year: float

    @property
    def chance(self) -> float:
        """How unlikely a period must be: the budget over three questions and all looks of a year."""
        return BUDGET / 3 / self.a_year


RULES = {
    "day": Rules(7, 63, 28, 7, 365.25),
    "week": Rules(1, 26, 12, 3, 52.18),
    "month": Rules(1, 12, 8, 3, 12.0),
    "quarter": Rules(1, 12, 8, 3, 4.0),
}


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over consecutive periods on the scale on which it is judged; None where it is not known.

    `sampling` is its standard error where it is known, `floor` how many of those the spread has at least. `shown` turns
    a value of the scale back into the figure; `matters` says whether two figures are far enough apart to be told.
    """

    values: Sequence[float | None]
    sampling: Sequence[float] | None
    floor: float
    shown: Callable[[float], float]
    matters: Callable[[float, float, float], bool]


@dataclass(frozen=True, slots=True)
class Look:
    """One question asked of one period: how unlikely it is, and what was expected; `hit` = unlikely enough and large enough."""

    at: int
    kind: str
    since: int
    observed: float
    expected: float
    low: float
    high: float
    chance: float
    hit: bool


@dataclass(slots=True)
class _Walk:
    """What is known on the way through a series: values moved to the present level, odd periods, the run of hits.

    `course` holds the values moved by new levels only, so that a drift is what was seen and no trend carried on.
    """

    series: Series
    rules: Rules
    values: list[float | None]
    course: list[float | None]
    odd: set[int] = field(default_factory=set)
    run: list[int] = field(default_factory=list)
    since: int | None = None


def watch(series: Series, every: str, first: int) -> list[Look]:
    """Judge the periods from `first` on, the drift only at the last one; empty where too little is known before them."""
    walk, looks = _Walk(series, RULES[every], list(series.values), list(series.values)), []
    for at in range(len(series.values)):
        found = _step(walk, at)
        looks += found if at >= first else []
    drift = _drift(walk)
    return looks + ([drift] if drift else [])


def _known(walk: _Walk, before: int, but: Sequence[int] = ()) -> list[int]:
    """The last known periods before one, as many as are looked back on; odd ones are no example."""
    left_out = walk.odd.union(but)
    there = [i for i in range(before) if walk.values[i] is not None and i not in left_out]
    return there[-walk.rules.window :]


def _usual(walk: _Walk, places: list[int], course: Sequence[float | None] | None = None) -> Reference | None:
    if len(places) < walk.rules.least:
        return None
    series, season = walk.series, walk.rules.season
    values = [x for i in places if (x := (course or walk.values)[i]) is not None]
    errors = None if series.sampling is None else [series.sampling[i] for i in places]
    ranges = walk.rules.window <= RANGES
    return reference(places, values, errors, season=season, ranges=ranges, floor=series.floor, since=walk.since)


def _step(walk: _Walk, at: int) -> list[Look]:
    """Judge one period and remember it: a run of hits becomes a new level, shorter ones were odd."""
    value = walk.values[at]
    usual = None if value is None else _usual(walk, _known(walk, at, walk.run))
    middle = usual.expected(at) if usual else None
    if value is None or usual is None or middle is None:
        return []
    error = None if walk.series.sampling is None else walk.series.sampling[at]
    chance = two_sided((value - middle) / usual.error(at, error), usual.freedom)
    bounds = usual.bounds(at, error, walk.rules.chance) or (middle, middle)
    look = _look(walk, (SUDDEN, at, at), (value, middle, *bounds), chance)
    same = not walk.run or (value > middle) == _above(walk, usual, walk.run[-1])
    if look.hit and same:
        walk.run.append(at)
    else:
        walk.odd.update(walk.run)
        walk.run = [at] if look.hit else []
    level = _level(walk, at)
    return [look, level] if level else [look]


def _above(walk: _Walk, usual: Reference, at: int) -> bool:
    value, middle = walk.values[at], usual.expected(at)
    return value is not None and middle is not None and value > middle


def _look(
    walk: _Walk,
    place: tuple[str, int, int],
    scale: tuple[float, float, float, float],
    chance: float,
    *,
    part: float = RELATIVE,
) -> Look:
    """A question answered: the figures turned back, and whether it is unlikely and large enough."""
    kind, since, at = place
    observed, expected, low, high = (walk.series.shown(x) for x in scale)
    hit = chance <= walk.rules.chance and walk.series.matters(observed, expected, part)
    return Look(at, kind, since, observed, expected, low, high, chance, hit)


def _level(walk: _Walk, at: int) -> Look | None:
    """Whether the last periods together stand apart from those before; if so, the past is moved to the new level."""
    begin, series = at - walk.rules.run + 1, walk.series
    recent = [i for i in range(max(begin, 0), at + 1) if walk.values[i] is not None]
    usual = _usual(walk, _known(walk, begin)) if begin > 0 else None
    settled = walk.since is None or begin >= walk.since + walk.rules.run
    if usual is None or len(recent) < walk.rules.run or not settled:
        return None
    apart = [x - m for i in recent if (x := walk.values[i]) is not None and (m := usual.expected(i)) is not None]
    mean = sum(apart) / max(len(apart), 1)
    if len(apart) < len(recent) or not all(x / mean >= HALF for x in apart if mean):
        return None
    error = None if series.sampling is None else sum(series.sampling[i] for i in recent) / len(recent)
    place, count = (begin + at) / 2, len(recent)
    chance = two_sided(mean / usual.error(place, error, count), usual.freedom)
    half = usual.half(place, error, walk.rules.chance, count)
    since = _began(walk, usual, begin, at)
    # what is told is what was seen: the mean of these periods against what they were expected to be
    centre = sum(m for i in recent if (m := usual.expected(i)) is not None) / count
    look = _look(walk, (SHIFT, since, at), (centre + mean, centre, centre - half, centre + half), chance)
    if not look.hit:
        return look
    told, bend = _another(walk, since, recent, up=mean > 0)
    turn = 0.0 if told else bend - usual.slope
    _move(walk.values, since, lambda i: mean + turn * (i - place))
    if told:
        _move(walk.course, since, lambda _: mean)
    walk.since, walk.run = since, []
    walk.odd = {i for i in walk.odd if i < since}
    return replace(look, hit=told)


def _move(values: list[float | None], since: int, by: Callable[[int], float]) -> None:
    """Move what was before to the present level, or turn it to the present slope."""
    values[:since] = [None if old is None else old + by(i) for i, old in enumerate(values[:since])]


def _another(walk: _Walk, since: int, recent: Sequence[int], *, up: bool) -> tuple[bool, float]:
    """Whether the level is another than just before, and the slope from there: growth that slackens leaves its trend only."""
    raw = walk.series.values
    earlier = [i for i in _known(walk, since) if raw[i] is not None][-walk.rules.run :]
    old, new = (sum(x for i in at if (x := raw[i]) is not None) / len(at) for at in (earlier, recent))
    apart = sum(recent) / len(recent) - sum(earlier) / len(earlier)
    far = walk.series.matters(walk.series.shown(new), walk.series.shown(old), RELATIVE)
    return (new > old) == up and far, (new - old) / apart


def _began(walk: _Walk, usual: Reference, begin: int, at: int) -> int:
    """Where the new level began: it may be seen only when the run is full."""
    near = [i for i in range(max(begin - walk.rules.run, 0), at + 1) if walk.values[i] is not None]
    apart = [x - m for i in near if (x := walk.values[i]) is not None and (m := usual.expected(i)) is not None]
    return near[step_at(apart)[0]] if len(apart) == len(near) else begin


def _drift(walk: _Walk) -> Look | None:
    """Whether the window as a whole rises or falls: step by step, or by one step."""
    at, season = len(walk.values) - 1, walk.rules.season
    places = _known(walk, at + 1, walk.run)
    usual = _usual(walk, places, walk.course)
    if usual is None or len(places) <= walk.rules.least:
        return None
    level = usual.centres[at % season] or 0.0
    flat = [x - c for i in places if (x := walk.course[i]) is not None and (c := usual.centres[i % season]) is not None]
    rest = np.array([x - usual.slope * i for x, i in zip(flat, places, strict=True)])
    line = float(np.abs(rest - np.median(rest)).sum()) / len(rest)
    cut, step = step_at(flat)
    creeps = line <= step
    since = places[0] if creeps else places[cut]
    # what is told is what was seen at both ends: a line through a beginning from nothing leads below nothing
    ends = (walk.rules.run, -walk.rules.run) if creeps else (cut, cut)
    first, last = median(flat[: ends[0]]), median(flat[ends[1] :])
    chance = mann_kendall(flat, alike=lag_one(rest))
    scale = (level + last, level + first, level + first, level + first)
    return _look(walk, (CREEP if creeps else SHIFT, since, at), scale, chance, part=DRIFT)
