"""What people say and ask: surveys, reviews, wishes, usability sessions, tickets with their messages, inquiries."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kpi_lib.sources.sample.delivery import MEMBERS, TEAMS
from kpi_lib.sources.sample.people import People, busy_hour
from kpi_lib.sources.sample.story import (
    BACKLOG_FACTOR,
    DAY,
    FEATURE,
    HOUR,
    MINUTE,
    NEVER,
    RESPONSE_HOURS,
    SECOND,
    Flags,
    Floats,
    Ints,
    Story,
    draw,
    ids,
    instants,
    names,
)
from kpi_lib.sources.sample.usage import Visits

TICKET_CHANNELS = ("email", "chat", "phone", "social")
TOPICS = {"sign-in": 3.0, "billing": 3.0, "import": 2.0, FEATURE: 2.0, "mobile app": 2.0}  # what tickets are about
ESCALATES = 5.0  # from its release on so much more of the weight of escalated tickets falls on the feature
REASONS = ("too slow", "too expensive", "hard to learn", "misses a feature", "crashes")
WISHES = ("calendar view", "offline mode", "time tracking", "dark mode", "guest access", "templates")
TASKS = ("create a project", "invite a colleague", "export a report", "set up an automation")


def _some(story: Story, name: str, come: Visits, share: float) -> tuple[np.random.Generator, Ints, Ints, Ints]:
    """Some of the days on which people came, each with a time on it."""
    chance = story.chance(name)
    at = np.flatnonzero(chance.random(len(come.user)) < share)
    time = np.maximum(story.within(come.day[at], busy_hour(chance, len(at))), come.since[at] + 5 * MINUTE)
    order = np.argsort(time, kind="stable")
    return chance, come.user[at][order], come.day[at][order], time[order]


@dataclass(frozen=True, slots=True)
class Course:
    """The course of each ticket: when it was opened, first answered and solved (NEVER: not yet)."""

    opened: Ints
    answered: Ints
    solved: Ints


def tickets(story: Story, come: Visits) -> tuple[pl.DataFrame, Course]:
    """One row per ticket, and the course of each."""
    chance, user, day, opened = _some(story, "tickets", come, 0.006)
    size = len(user)
    channel = draw(chance, (5, 3, 1.2, 0.8), size)
    slow = np.array([story.months.index(story.backlog)]) == story.month_numbers[day]
    hours = RESPONSE_HOURS * chance.lognormal(0, 0.9, size) * np.where(slow, BACKLOG_FACTOR, 1.0)
    answered = np.where(chance.random(size) < 0.97, opened + (hours * HOUR).astype(np.int64) // 1000 * 1000, NEVER)
    answered = np.where(answered == NEVER, NEVER, story.before_end(answered))
    contacts = 1 + chance.poisson(0.55, size)
    took = (hours * 0.5 * HOUR + contacts * chance.exponential(9, size) * HOUR).astype(np.int64) // 1000 * 1000
    solved = np.where(answered == NEVER, NEVER, story.before_end(answered + took))
    escalated = chance.random(size) < 0.08
    rated = (solved != NEVER) & (chance.random(size) < 0.45)
    mood = 4.5 - 0.25 * np.log1p(hours) - 0.6 * escalated + chance.normal(0, 0.9, size)
    score = np.clip(np.rint(mood), 1, 5)
    table = pl.DataFrame({
        "ticket_id": ids("k", np.arange(size)),
        "user_id": ids("u", user),
        "opened": instants(opened),
        "channel": names(TICKET_CHANNELS, channel),
        "topic": _topics(story, day, escalated),
        "first_response": instants(answered),
        "resolved": instants(solved),
        "contacts": contacts,
        "escalated": escalated,
        "reopened": (solved != NEVER) & (contacts > 1) & (chance.random(size) < 0.12),
        "csat": pl.Series(score).set(pl.Series(~rated), None),
    })  # fmt: skip
    return table, Course(opened, answered, solved)


def ticket_messages(story: Story, table: pl.DataFrame, course: Course) -> pl.DataFrame:
    """One row per message: the question, a machine's receipt, the first answer, and the answer that solved it."""
    chance, number = story.chance("ticket_messages"), np.arange(len(table))
    opened, answered, solved = course.opened, course.answered, course.solved
    asked_again = np.where(solved == NEVER, NEVER, answered + (solved - answered) // 2 // 1000 * 1000)
    again = table["contacts"].to_numpy() > 1
    receipt = opened + chance.integers(SECOND, 20 * SECOND, len(table)) // 1000 * 1000
    parts = [("customer", opened, number >= 0), ("bot", receipt, number >= 0), ("agent", answered, answered != NEVER),
             ("customer", asked_again, again & (solved != NEVER)), ("agent", solved, again & (solved != NEVER))]  # fmt: skip
    frames = [
        pl.DataFrame({"ticket_id": ids("k", number[rows]), "time": instants(time[rows]), "author": author})
        for author, time, rows in parts
    ]
    return pl.concat(frames).filter(pl.col("time") < story.end).sort("time", "ticket_id", "author")


def _topics(story: Story, day: Ints, escalated: Flags) -> pl.Series:
    """What each ticket is about; from the release of a feature on more of those that escalate are about it."""
    chance, usual = story.chance("topics"), tuple(TOPICS.values())
    troubled = [share * (ESCALATES if name == FEATURE else 1) for name, share in TOPICS.items()]
    often, more = draw(chance, usual, len(day)), draw(chance, troubled, len(day))
    return names(tuple(TOPICS), np.where(escalated & (day >= story.lift), more, often))


def surveys(story: Story, who: People, come: Visits, asked: pl.DataFrame) -> pl.DataFrame:
    """One row per answer: NPS in waves, CSAT all the time and after tickets, effort, a rating on 1 to 5, and SUS by item."""
    parts = [_nps(story, who, come), _asked_at_random(story, come, "csat", share=0.008, mean=3.9)]
    parts.append(_asked_at_random(story, come, "rating", share=0.002, mean=3.8))
    parts += [_asked_at_random(story, come, "ces", share=0.002, mean=5.1, best=7), _usability(story, come)]
    rated = asked.filter(pl.col("csat").is_not_null())
    parts.append(rated.select("user_id", time="resolved", kind=pl.lit("csat"), score="csat", ticket_id="ticket_id"))
    table = pl.concat(parts, how="diagonal_relaxed").sort("time", "user_id", "kind", "item")
    return table.select("user_id", "time", "kind", "score", "answer", "ticket_id", "item", "wave")


def _usability(story: Story, come: Visits) -> pl.DataFrame:
    """The ten statements of the system usability scale, odd ones in praise, even ones in blame, 1 to 5."""
    chance, user, _, time = _some(story, "sus", come, 0.0015)
    mood = np.repeat(chance.normal(0, 0.5, len(user)), 10)
    item = np.tile(np.arange(1, 11), len(user))
    score = np.clip(
        np.rint(3 + np.where(item % 2 == 1, 1, -1) * (0.85 + mood + chance.normal(0, 0.7, len(item)))), 1, 5
    )
    who = {"user_id": ids("u", np.repeat(user, 10)), "time": instants(np.repeat(time, 10))}
    return pl.DataFrame(who | {"kind": "sus", "score": score, "item": item})


def _asked_at_random(
    story: Story, come: Visits, kind: str, *, share: float, mean: float, best: int = 5
) -> pl.DataFrame:
    chance, user, _, time = _some(story, kind, come, share)
    score = np.clip(np.rint(mean + chance.normal(0, 1.0, len(user))), 1, best)
    return pl.DataFrame({"user_id": ids("u", user), "time": instants(time), "kind": kind, "score": score})


def nps_mood(story: Story, wave: int) -> float:
    """The mean of the mood behind the answers of a wave: it rises a little from wave to wave."""
    return 7.0 + 1.2 * wave / max(1, len(story.waves) - 1)


def _nps(story: Story, who: People, come: Visits) -> pl.DataFrame:
    chance, parts = story.chance("nps"), []
    for number, wave in enumerate(story.waves):
        day = story.number(wave)
        lately = np.unique(come.user[(come.day >= day - 14) & (come.day < day)])
        answering = lately[chance.random(len(lately)) < 0.4]
        mood = nps_mood(story, number) + 0.6 * who.activated[answering] + chance.normal(-0.2, 2.4, len(answering))
        lowest = 1 if wave == story.odd_wave else 0
        angry = chance.random(len(answering)) < 0.04
        score = np.clip(np.rint(np.where(angry, 0.0, mood)), lowest, 10) + 0.0  # no minus zero
        time = story.within(
            np.full(len(answering), day) + chance.integers(0, 5, len(answering)), busy_hour(chance, len(answering))
        )
        reason = names(REASONS, draw(chance, (3, 2, 2, 2, 1), len(answering)))
        parts.append(pl.DataFrame({
            "user_id": ids("u", answering), "time": instants(time), "kind": "nps", "score": score,
            "answer": pl.select(pl.when(pl.Series(score) <= 6).then(reason)).to_series(), "wave": f"{wave:%Y-%m}",
        }))  # fmt: skip
    return pl.concat(parts).filter(pl.col("time") < story.end)


def reviews(story: Story, who: People, come: Visits) -> pl.DataFrame:
    """One row per public review."""
    chance, user, _, time = _some(story, "reviews", come, 0.0012)
    rating = np.clip(np.rint(chance.normal(4.1, 1.1, len(user))), 1, 5)
    words: Ints = np.where(rating >= 4, 0, np.where(rating >= 3, 1, 2))
    return pl.DataFrame({
        "user_id": ids("u", user), "time": instants(time), "source": names(("web", "play"), who.platform[user]),
        "rating": rating, "text": names(("does what it should", "good, with gaps", "not for us"), words),
    })  # fmt: skip


def feature_requests(story: Story, come: Visits) -> pl.DataFrame:
    """One row per wish."""
    chance, user, _, time = _some(story, "feature_requests", come, 0.002)
    return pl.DataFrame({
        "request_id": ids("q", np.arange(len(user))), "user_id": ids("u", user), "time": instants(time),
        "feature": names(WISHES, draw(chance, (6, 5, 4, 3, 2, 1), len(user))),
    })  # fmt: skip


def usability_tasks(story: Story, come: Visits) -> pl.DataFrame:
    """One row per task that a test person tried: eight people in each month."""
    chance, rows = story.chance("usability_tasks"), []
    for number in range(len(story.months)):
        here = come.user[story.month_numbers[come.day] == number]
        day = int(np.flatnonzero(story.month_numbers == number)[0])
        for user in chance.choice(here, 8).tolist():
            time = int(story.within(np.array([day]), np.array([0.4]))[0]) + int(chance.integers(0, 240)) * MINUTE
            for task in TASKS:
                rows.append((user, task, time, bool(chance.random() < 0.78), int(chance.poisson(0.6)), 6))
    table = pl.DataFrame(rows, schema=["user", "task", "time", "completed", "errors", "opportunities"], orient="row")
    return table.select(
        ids("u", table["user"].to_numpy()).alias("user_id"), "task", instants(table["time"].to_numpy()).alias("time"),
        "completed", pl.min_horizontal("errors", "opportunities").alias("errors"), "opportunities",
    ).sort("time", "user_id", "task")  # fmt: skip


def inquiries(story: Story) -> pl.DataFrame:
    """One row per question of somebody outside: press, partners, buyers."""
    chance = story.chance("inquiries")
    day = np.repeat(np.arange(story.days), chance.poisson(0.8, story.days))
    received = np.sort(story.within(day, busy_hour(chance, len(day))))
    wait: Floats = chance.lognormal(2.2, 0.9, len(day)) * HOUR
    responded = np.where(chance.random(len(day)) < 0.92, story.before_end(received + wait.astype(np.int64)), NEVER)
    return pl.DataFrame({
        "inquiry_id": ids("i", np.arange(len(day))), "received": instants(received), "responded": instants(responded),
        "kind": names(("sales", "press", "partner"), draw(chance, (6, 1, 2), len(day))),
    })  # fmt: skip


def emails(story: Story, come: Visits) -> pl.DataFrame:
    """One row per letter of the monthly news, sent to people who were there in the two weeks before."""
    chance, parts = story.chance("emails"), []
    for month in story.months[1:]:
        day = story.number(month)
        to = np.unique(come.user[(come.day >= day - 14) & (come.day < day)])
        size = len(to)
        sent = story.within(np.full(size, day), np.full(size, 0.4)) + chance.integers(0, HOUR, size) // 1000 * 1000
        opened = np.where(
            chance.random(size) < 0.34, sent + chance.integers(MINUTE, 2 * DAY, size) // 1000 * 1000, NEVER
        )
        clicks = (opened != NEVER) & (chance.random(size) < 0.15)
        clicked = np.where(clicks, opened + chance.integers(2 * SECOND, 5 * MINUTE, size) // 1000 * 1000, NEVER)
        arrives = chance.random(size) < 0.98
        parts.append(pl.DataFrame({
            "user_id": ids("u", to), "campaign": f"news {month:%Y-%m}",
            **{name: instants(np.where(arrives & (time != NEVER), story.before_end(time), NEVER))
               for name, time in (("delivered", sent), ("opened", opened), ("clicked", clicked))},
        }))  # fmt: skip
    table = pl.concat(parts)
    return table.select(ids("m", np.arange(len(table))).alias("email_id"), pl.all())


def notifications(story: Story) -> pl.DataFrame:
    """One row per notice to somebody of the teams, cleared or not."""
    chance = story.chance("notifications")
    day = np.repeat(np.arange(story.days), chance.poisson(6 * (story.weekdays < 5)))
    time = np.sort(story.within(day, busy_hour(chance, len(day))))
    wait = (chance.lognormal(1.2, 1.4, len(day)) * HOUR).astype(np.int64)
    cleared = np.where(chance.random(len(day)) < 0.93, story.before_end(time + wait), NEVER)
    people = [f"{team} {n}" for team in TEAMS for n in range(1, MEMBERS + 1)]
    return pl.DataFrame({
        "member": names(people, chance.integers(0, len(people), len(day))),
        "time": instants(time), "cleared_ts": instants(cleared),
    })  # fmt: skip
