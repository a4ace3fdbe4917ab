"""Small nasty event logs and questions about them: ties, repeats, odd days of odd zones, users without events.

One description serves twice: `random_*` draws with a seed (fast, for many logs), the strategies let hypothesis draw and
shrink. Whatever is chosen is chosen from a list whose first item is the plainest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from .periods import Calendar
from .rows import DAY, HOUR, MINUTE, SECOND, Row

T = TypeVar("T")
Question = dict[str, Any]

ODD_DAYS = {
    "UTC": (date(2024, 2, 28),),
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2019, 2, 16)),
    "Pacific/Apia": (date(2011, 12, 29), date(2011, 9, 24)),
    "Asia/Kolkata": (date(2026, 3, 29),),
    "Pacific/Chatham": (date(2026, 4, 5), date(2026, 9, 27)),
}
TIGHT = (SECOND, 1, MINUTE, 30 * MINUTE, 30 * MINUTE + 1, HOUR)
WIDE = (DAY, HOUR, 23 * HOUR, 25 * HOUR, DAY - 1, 3 * DAY, 7 * DAY, 30 * DAY)
EVENTS = ("a", "b", "c", "x")


class Choose(Protocol):
    """Picks one of the options."""

    def __call__(self, options: Sequence[T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Log:
    """Events, the zone of their calendar, when recording began and ended, and the few instants they happen at."""

    rows: tuple[Row, ...]
    zone: str
    observed_from: int
    observed_until: int
    instants: tuple[int, ...]


def make_log(choose: Choose) -> Log:
    """A log of up to six users with up to twelve events each."""
    zone = choose(tuple(ODD_DAYS))
    calendar = Calendar(zone)
    instants = make_instants(choose, calendar.start(choose(ODD_DAYS[zone])), calendar)
    rows = [
        Row(f"u{user}", choose(instants), choose(EVENTS), choose(range(4)), {"plan": choose(("free", "paid", None))})
        for user in range(1 + choose(range(6)))
        for _ in range(choose(range(13)))
    ]
    first, last = calendar.day_of(instants[0]), calendar.day_of(instants[-1])
    begin = choose((calendar.start(first), instants[0], calendar.start(first) - 40 * DAY))
    until = choose((calendar.end(last, "day"), instants[-1] + 1, instants[-1] + 9 * DAY))
    return Log(tuple(rows), zone, begin, until, instants)


def make_instants(choose: Choose, day: int, calendar: Calendar) -> tuple[int, ...]:
    """Two to eight instants around the start of a day; some lie on the edges of local days."""
    gaps, count = choose(((TIGHT, range(2, 6)), (WIDE, range(3, 9))))
    times = [day + choose((0, -1, HOUR, -DAY, 12 * HOUR))]
    for _ in range(choose(count) - 1):
        time = times[-1] + choose(gaps)
        edge = calendar.start(calendar.day_of(time))
        times.append(choose((time, time, time, edge, edge - 1)))
    return tuple(sorted(set(times)))


def make_funnel(choose: Choose, log: Log) -> Question:
    """Keyword arguments of `funnel`, `steps` among them; windows and edges fall exactly on events where they can."""
    early, late = sorted((choose(log.instants), choose(log.instants)))
    window = choose((late - early, late - early + 1, max(0, late - early - 1), 0, DAY, None))
    ripens = tuple(time + (window or 0) for time in log.instants if time + (window or 0) > log.instants[-1])
    return {
        "steps": [choose(("a", "b", "a", "c", "b", "a@2", "c@1")) for _ in range(1 + choose(range(4)))],
        "within": window,
        "observed_until": choose((log.observed_until, log.observed_until, *ripens)),
        "order": choose(("ordered", "ordered", "strict", "unordered")),
        "attempt": choose(("best", "first", "all")),
        "ties": choose(("any", "strict", "sequence")),
        "ttc": choose(("earliest", "fastest")),
        "unripe": choose(("exclude", "exclude", "include")),
        "exclude": choose(((), (), ("x",))),
        "entry": choose((None, None, (early, late), (early, late + 1))),
    }


FAMILIES = ("windows", "grace", "repeats", "optional", "exclusion")


def make_rules(choose: Choose, log: Log, family: str) -> tuple[Log, Question]:
    """A funnel question about one of the rarer rules, and the log in a form in which that rule matters."""
    question = make_funnel(choose, log)
    early, late = sorted((choose(log.instants), choose(log.instants)))
    near = (SECOND, MINUTE, HOUR, max(late - early, 1))
    kinds = {"repeats": "ab", "grace": "abb", "optional": "abc"}.get(family, "abc")
    steps = [choose(kinds) for _ in range(2 + choose(range(3)))]
    question |= {"steps": steps, "order": "ordered", "within": choose((None, DAY, *near))}
    question["attempt"] = choose(("best", "best", "first", "first_ever", "all"))
    if family == "windows":
        question |= {"order": choose(("ordered", "strict")), "within_step": [None, *(choose(near) for _ in steps[1:])]}
        question["within_step"][-1] = choose((None, *near))
    if family == "grace":
        question |= {"ties": "any", "grace": choose(near)}
    if family == "repeats":
        question |= {"order": "strict", "repeats": True, "exclude": ()}
    if family == "optional":
        question["steps"] = ["a", choose(("c", "c", "c@2")), *steps[1:-1], "b"]
        question["steps"][2:] = [choose("ab") for _ in question["steps"][2:]]
        question["optional"] = [at == 1 for at in range(len(question["steps"]))]
        question["within_step"] = [None, *(choose((None, *near)) for _ in question["steps"][1:])]
        question["grace"] = choose((0, *near)) if question["ties"] == "any" else 0
    if family == "exclusion":
        question |= {"exclude": ("x",), "exclusion": "unit"}
    rows = [row._replace(event=choose(kinds) if family == "repeats" else row.event) for row in log.rows]
    return replace(log, rows=tuple(rows)), question


def make_cohort(choose: Choose, log: Log) -> Question:
    """Keyword arguments of `cohort`."""
    mode = choose(("on", "on_or_after", "bracket"))
    users = sorted({row.unit for row in log.rows} | {"quiet"})
    signups = {user: choose(log.instants) - choose((0, DAY, 1)) for user in users}
    start = choose(("first", "first", "a", signups))
    return {
        "start": start,
        "ret": choose((None, "a", "b")),
        "grain": choose(("day", "week", "month")),
        "mode": mode,
        "brackets": choose((((1, 1),), ((1, 3), (4, 7)), ((0, 2), (3, 30)))) if mode == "bracket" else (),
        "clock": choose(("calendar", "elapsed")),
        "periods": choose((None, 3, 0)),
        "min_events": choose((1, 1, 2)),
        "week_start": choose(("monday", "sunday")),
        "zone": log.zone,
        "observed_until": log.observed_until,
        "recurring": choose((False, True)) and start is not signups,
        "gone_after": choose((None, 1, 2)) if mode == "on" else None,
    }


def random_log(seed: int) -> Log:
    """The log of a seed, the same on every machine."""
    return make_log(Random(seed).choice)


def random_funnel(seed: int) -> tuple[Log, Question]:
    """A log and a funnel question about it."""
    choose = Random(seed).choice
    log = make_log(choose)
    return log, make_funnel(choose, log)


def random_rules(seed: int, family: str) -> tuple[Log, Question]:
    """A log and a question about one of the rarer rules."""
    choose = Random(seed).choice
    return make_rules(choose, make_log(choose), family)


def random_cohort(seed: int) -> tuple[Log, Question]:
    """A log and a cohort question about it."""
    choose = Random(seed).choice
    log = make_log(choose)
    return log, make_cohort(choose, log)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Logs for hypothesis."""
    return make_log(drawing(draw))


@st.composite
def funnels(draw: st.DrawFn) -> tuple[Log, Question]:
    """Logs with a funnel question, for hypothesis."""
    log = make_log(drawing(draw))
    return log, make_funnel(drawing(draw), log)


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Log, Question]:
    """Logs with a cohort question, for hypothesis."""
    log = make_log(drawing(draw))
    return log, make_cohort(drawing(draw), log)


def drawing(draw: st.DrawFn) -> Choose:
    """Let hypothesis choose."""

    def choose(options: Sequence[T], /) -> T:
        return draw(st.sampled_from(options))

    return choose
