"""What people do with the product: the days on which they come, their sessions, and the events of these."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kpi_lib.sources.sample.people import People, busy_hour
from kpi_lib.sources.sample.story import (
    ADOPTION,
    DAY,
    DUPLICATE_SHARE,
    FEATURE_EVENT,
    HOUR,
    INCIDENT_DAYS,
    INCIDENT_DROP,
    LATE_SHARE,
    MINUTE,
    PLATFORMS,
    SECOND,
    USE,
    Floats,
    Ints,
    Story,
    draw,
    ids,
    instants,
    names,
)

SIGNUP, ACTIVATE, TRY, BUY = "sign_up", "create_project", "start_trial", "subscribe"
# events of a session and how often each occurs beside the others
ACTIONS = {
    "view_board": 30, "create_task": 20, "complete_task": 14, "comment": 10, "search": 8, "open_report": 4,
    "export_report": 2, "share_board": 2, "invite_member": 1, "view_pricing": 1.5,
}  # fmt: skip
OPENINGS = {"log_in": 0.35, "open_app": 0.65}
NAMES = (*ACTIONS, *OPENINGS, SIGNUP, ACTIVATE, TRY, BUY, FEATURE_EVENT)
CODES = {name: code for code, name in enumerate(NAMES)}
FEATURES = {
    "tasks": ["create_task", "complete_task"], "comments": ["comment"], "search": ["search"],
    "reports": ["open_report", "export_report"], "sharing": ["share_board", "invite_member"],
    "automation": [FEATURE_EVENT],
}  # fmt: skip
LATEST_HOUR = 22.5
MANY = 10**8  # more events than a quarter can have: numbers go on from quarter to quarter


@dataclass(frozen=True, slots=True)
class Log:
    """Events as codes: who (number of the person), when, what, in which session."""

    user: Ints
    time: Ints
    event: Ints
    session: Ints


@dataclass(frozen=True, slots=True)
class Visits:
    """The days on which people come, ordered by day; one value per person and day. `since`: when they signed up."""

    user: Ints
    day: Ints
    since: Ints

    def between(self, first: int, last: int) -> "Visits":
        """The visits from one day to another (excluded)."""
        low, high = np.searchsorted(self.day, (first, last))
        return Visits(self.user[low:high], self.day[low:high], self.since[low:high])


@dataclass(frozen=True)
class Usage:
    """What people do in one quarter: drawn and written by itself, so that millions of events need no more memory."""

    story: Story
    who: People
    come: Visits
    quarter: str

    def chance(self, name: str) -> np.random.Generator:
        """A stream of chance for this quarter."""
        return self.story.chance(f"{name} {self.quarter}")


def visits(story: Story, who: People) -> Visits:
    """Draw for each person the days on which they come; everybody comes on the day of signing up."""
    chance = story.chance("visits")
    use = np.array(USE)[story.weekdays]
    android = who.platform == PLATFORMS.index("android")
    first = np.searchsorted(who.day, np.arange(story.days + 1))
    alive = np.empty(0, dtype=np.int64)
    seen = []
    for day in range(story.days):
        alive = np.concatenate([alive, np.arange(first[day], first[day + 1])])
        alive = alive[who.leaves[alive] > day]
        often = who.rate[alive] * use[day]
        if story.incident <= day < story.incident + INCIDENT_DAYS:
            often = often * np.where(android[alive], 1 - INCIDENT_DROP, 1.0)
        seen.append(alive[(chance.random(len(alive)) < often) | (who.day[alive] == day)])
    user = np.concatenate(seen)
    return Visits(user, np.repeat(np.arange(story.days), [len(each) for each in seen]), who.time[user])


def sessions(use: Usage) -> Log:
    """Draw one or more sessions a day; the first one of all begins with signing up."""
    story, who, come, chance = use.story, use.who, use.come, use.chance("sessions")
    size = len(come.user)
    newcomer = who.day[come.user] == come.day
    begin = np.where(newcomer, who.time[come.user], story.within(come.day, busy_hour(chance, size)))
    again = chance.random(size) < 0.2
    later = begin[again] + (chance.uniform(1.5, 6, int(again.sum())) * HOUR).astype(np.int64) // 1000 * 1000
    fits = later < story.starts[come.day[again]] + int(LATEST_HOUR * HOUR)
    opening = np.where(newcomer, CODES[SIGNUP], CODES["log_in"] + draw(chance, list(OPENINGS.values()), size))
    user = np.concatenate([come.user, come.user[again][fits]])
    time = np.concatenate([begin, later[fits]])
    event = np.concatenate([opening, np.full(int(fits.sum()), CODES["open_app"])])
    return Log(user, time, event, np.arange(len(user)))


def actions(use: Usage, start: Log) -> Log:
    """Draw what happens in each session after its first event; what would run past midnight is not recorded."""
    chance = use.chance("actions")
    busy = use.story.chance("busy").gamma(3, 1 / 3, use.story.users)
    count = chance.poisson(1 + 3.4 * busy[start.user])
    session = np.repeat(np.arange(len(count)), count)
    gap = chance.exponential(70 * SECOND, len(session)).clip(SECOND, 10 * MINUTE).astype(np.int64)
    total = np.cumsum(gap)
    before = np.concatenate([[0], total])[np.cumsum(count) - count]
    time = (start.time[session] + total - before[session]) // 1000 * 1000
    event = draw(chance, list(ACTIONS.values()), len(session))
    kept = time < _end_of_day(use.story, start.time)[session]
    return Log(start.user[session][kept], time[kept], event[kept], session[kept])


def _end_of_day(story: Story, time: Ints) -> Ints:
    ends: Ints = story.starts[np.searchsorted(story.starts, time, side="right")]
    return ends


def milestones(use: Usage, start: Log) -> Log:
    """What follows from who people are: activation after signing up, and the planted feature on each day of its adopters."""
    who, come, chance = use.who, use.come, use.chance("milestones")
    size = len(come.user)  # the first sessions of each day stand in the order of the visits
    first = (who.day[come.user] == come.day) & who.activated[come.user]
    adopts = who.adopts[come.user] < np.where(come.day < use.story.lift, *ADOPTION)
    parts = []
    for rows, name, low, high in ((first, ACTIVATE, MINUTE, 40 * MINUTE), (adopts, FEATURE_EVENT, SECOND, 4 * MINUTE)):
        at = np.flatnonzero(rows)
        time = start.time[:size][at] + chance.integers(low, high, len(at)) // 1000 * 1000
        parts.append(Log(come.user[at], time, np.full(len(at), CODES[name]), at))
    return _together(parts)


def _together(parts: list[Log]) -> Log:
    user, time, event, session = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("user", "time", "event", "session")
    )
    return Log(user, time, event, session)


def told(name: str, user: Ints, time: Ints, session: Ints) -> Log:
    """Events of one name."""
    return Log(user, time, np.full(len(user), CODES[name]), session)


def events(use: Usage, parts: list[Log]) -> pl.DataFrame:
    """The table events: without the day of the outage, with late rows and with rows exported twice."""
    log, story, who, chance = _together(parts), use.story, use.who, use.chance("events")
    lost = (log.time >= story.starts[story.outage]) & (log.time < story.starts[story.outage + 1])
    order = np.lexsort((log.event, log.user, log.time))
    order = order[~lost[order]]
    user, time = log.user[order], log.time[order]
    day = np.searchsorted(story.starts, time, side="right") - 1
    ingested = time + chance.integers(SECOND, 5 * MINUTE, len(order)) // 1000 * 1000
    late = (day >= story.late[0]) & (day < story.late[1]) & (chance.random(len(order)) < LATE_SHARE)
    ingested[late] += chance.integers(DAY, 3 * DAY, int(late.sum())) // 1000 * 1000
    first = int(use.quarter[2:].replace("-Q", "")) * MANY
    table = pl.DataFrame({
        "event_id": "e" + pl.Series(first + np.arange(len(order))).cast(pl.String),
        "user_id": ids("u", np.arange(story.users)).gather(pl.Series(user)),
        "event": names(NAMES, log.event[order]),
        "time": instants(time),
        "ingested": instants(ingested),
        "session_id": "s" + pl.Series(first + log.session[order]).cast(pl.String),
        "platform": names(PLATFORMS, who.platform[user]),
        "version": names(*_versions(story, who, user, day)),
    })  # fmt: skip
    twice = (day == story.duplicated) & (chance.random(len(order)) < DUPLICATE_SHARE)
    return pl.concat([table, table.filter(pl.Series(twice))])


def _versions(story: Story, who: People, user: Ints, day: Ints) -> tuple[list[str], Ints]:
    """The version in use: the newest one on the web; on Android people update days later, each in their own time."""
    patience: Floats = story.chance("updates").exponential(9, story.users)
    wait = np.where(who.platform == PLATFORMS.index("android"), patience.astype(np.int64), 0)
    number = np.searchsorted(story.release_days, day - wait[user], side="right")
    return [version(n) for n in range(len(story.release_days) + 1)], number.astype(np.int64)


def version(number: int) -> str:
    """The version that the n-th release brings; 0 is the one before the first.

    >>> version(0), version(13)
    ('1.0.0', '2.3.0')
    """
    return f"{1 + number // 10}.{number % 10}.0"
