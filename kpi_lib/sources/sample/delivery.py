"""How the product is made and run: releases, features, defects, tests, work, requests and incidents."""

from datetime import date

import numpy as np
import polars as pl

from kpi_lib.core.period import begin, step
from kpi_lib.sources.sample.people import busy_hour
from kpi_lib.sources.sample.story import (
    DAY,
    ERRORS,
    HOUR,
    INCIDENT_DAYS,
    INCIDENT_ERRORS,
    MINUTE,
    NEVER,
    PLATFORMS,
    SECOND,
    SLOW_CREEP,
    SLOW_ROUTE,
    Floats,
    Ints,
    Story,
    draw,
    ids,
    instants,
    names,
)
from kpi_lib.sources.sample.usage import FEATURES, version

ROUTES = {"/board": 120, "/task": 60, SLOW_ROUTE: 180, "/report": 400, "/log-in": 90}  # median milliseconds
PAGES = ("/", "/pricing", "/app")
TEAMS = ("web", "app", "platform")
MEMBERS = 6
REQUESTS_A_DAY = 240
TESTS = 40
UNITS = 120
LAUNCHES = (
    "labels", "archive", "import", "mentions", "filters", "saved views", "bulk edit", "reminders", "shortcuts", "print",
    "public links", "dashboards",
)  # fmt: skip


def _sometimes(story: Story, name: str, often: float) -> tuple[np.random.Generator, Ints, Ints]:
    """Days on which something happens, each with a time in working hours."""
    chance = story.chance(name)
    day = np.repeat(np.arange(story.days), chance.poisson(often * (story.weekdays < 5)))
    return chance, day, np.sort(story.within(day, busy_hour(chance, len(day))))


def _later(chance: np.random.Generator, time: Ints, hours: float, spread: float) -> Ints:
    wait: Floats = hours * chance.lognormal(0, spread, len(time)) * HOUR
    return time + wait.astype(np.int64) // 1000 * 1000


def releases(story: Story) -> pl.DataFrame:
    """One row per release: every second week a new version, and a mend after each second one."""
    numbers = np.arange(1, len(story.release_days) + 1)
    planned = story.within(story.release_days, np.full(len(numbers), 10 / 24))
    mended = planned[1::2] + 2 * DAY
    kinds = ["feature" if day == story.lift or number % 3 == 0 else "update"
             for number, day in zip(numbers.tolist(), story.release_days.tolist(), strict=True)]  # fmt: skip
    new = [version(number) for number in numbers.tolist()]
    chance, wait = story.chance("commits"), np.array([4.0] * len(planned) + [0.4] * len(mended))  # days, median
    since = (wait * chance.lognormal(0, 0.5, len(wait)) * DAY).astype(np.int64) // 1000 * 1000
    table = pl.DataFrame({
        "release_id": [f"r{name}" for name in new] + [f"r{name}-fix" for name in new[1::2]],
        "time": instants(np.concatenate([planned, mended])),
        "kind": kinds + ["fix"] * len(mended),
        "version": new + [None] * len(mended),  # a mend comes without people's doing
        "committed": instants(np.concatenate([planned, mended]) - since),
    })  # fmt: skip
    return table.filter(pl.col("time") < story.end).sort("time")


def features(story: Story) -> pl.DataFrame:
    """One row per feature: when work on it began, and when it came out; those in use before the data begin."""
    chance = story.chance("features")
    old = dict(zip(FEATURES, chance.integers(-700, -60, len(FEATURES)).tolist(), strict=True))
    new = {name: 40 + 60 * number for number, name in enumerate(LAUNCHES) if 40 + 60 * number < story.days}
    rows = [
        (name, story.calendar_day(day - int(chance.integers(30, 120))), story.calendar_day(day))
        for name, day in (old | new).items()
    ]
    planned = ("calendar", story.calendar_day(story.days - 45), None)
    return pl.DataFrame([*rows, planned], schema=["feature", "started", "launched"], orient="row")


def defects(story: Story) -> pl.DataFrame:
    """One row per defect of a release: the team finds most of them before it comes out, users find some after."""
    chance = story.chance("defects")
    count = chance.poisson(7, len(story.release_days))
    release = np.repeat(np.arange(len(count)), count)
    users = chance.random(len(release)) < 0.25
    after = story.within(story.release_days[release], np.full(len(release), 10 / 24))
    opened = after + np.where(users, 1, -1) * (chance.exponential(9, len(release)).clip(0.1, 60) * DAY).astype(np.int64)
    opened = opened // 1000 * 1000
    severity = draw(chance, (1, 3, 6, 4), len(release))
    closed = np.where(chance.random(len(release)) < 0.93, _later(chance, opened, 60, 1.1), NEVER)
    closed = np.where(closed == NEVER, NEVER, story.before_end(closed))
    rejected = chance.random(len(release)) < 0.07
    table = pl.DataFrame({
        "release": names([f"r{version(n + 1)}" for n in range(len(count))], release),
        "severity": names(("critical", "major", "moderate", "minor"), severity),
        "opened": instants(opened),
        "status": names(("open", "closed", "rejected"), np.where(closed == NEVER, 0, 1 + rejected)),
        "closed": instants(closed),
        "found_by": names(("team", "user"), users.astype(np.int64)),
    }).filter(pl.col("opened") < story.end).sort("opened", "release")  # fmt: skip
    return table.select(ids("b", np.arange(len(table))).alias("defect_id"), pl.all())


def code_size(story: Story) -> pl.DataFrame:
    """One row per release: how much code it changed, and the points that were planned for it."""
    chance, count = story.chance("code_size"), len(story.release_days)
    return pl.DataFrame({
        "release": [f"r{version(n + 1)}" for n in range(count)],
        "kloc": chance.lognormal(1.6, 0.4, count).round(2),
        "story_points": chance.integers(18, 48, count).astype(np.float64),
    })  # fmt: skip


def tests(story: Story) -> pl.DataFrame:
    """One row per test and run, a run on each working day; a fifth of the tests is still done by hand."""
    chance = story.chance("tests")
    day = np.repeat(np.flatnonzero(story.weekdays < 5), TESTS)
    test = np.tile(np.arange(TESTS), len(day) // TESTS)
    result = draw(chance, (0.955, 0.025, 0.02), len(day))
    return pl.DataFrame({
        "run_id": ids("n", day), "test_id": ids("y", test),
        "time": instants(story.within(day, np.full(len(day), 0.3)) + test * 20 * SECOND),
        "automated": test >= TESTS // 5, "result": names(("passed", "failed", "skipped"), result),
    })  # fmt: skip


def work_items(story: Story) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per piece of work; and the days on which somebody worked on it, one row each."""
    chance, _, created = _sometimes(story, "work_items", 3.2)
    size = len(created)
    done = np.where(chance.random(size) < 0.93, _later(chance, created, 110, 0.9), NEVER)
    done = np.where(done == NEVER, NEVER, story.before_end(done))
    team, member = chance.integers(0, len(TEAMS), size), chance.integers(1, MEMBERS + 1, size)
    assignee = [f"{TEAMS[t]} {m}" for t, m in zip(team.tolist(), member.tolist(), strict=True)]
    items = pl.DataFrame({
        "item_id": ids("x", np.arange(size)), "team": names(TEAMS, team), "assignee": assignee,
        "created": instants(created), "due": instants(created + chance.integers(3, 21, size) * DAY),
        "completed": instants(done), "points": chance.choice([1.0, 2.0, 3.0, 5.0, 8.0], size),
    })  # fmt: skip
    first = np.searchsorted(story.starts, created, side="right") - 1
    last = np.where(done == NEVER, first + 5, np.searchsorted(story.starts, done, side="right") - 1)
    rows = [
        (number, assignee[number], story.calendar_day(day))
        for number in range(size)
        for day in range(first[number], min(int(last[number]), int(first[number]) + 9, story.days - 1) + 1)
        if story.weekdays[day] < 5
    ]
    log = pl.DataFrame(rows, schema=["item", "assignee", "date"], orient="row")
    return items, log.select(ids("x", log["item"].to_numpy()).alias("item_id"), "assignee", "date")


def requests(story: Story) -> pl.DataFrame:
    """One row per request of a sample that the servers keep: the app's fail in the incident, one route gets slower."""
    chance = story.chance("requests")
    day = np.repeat(np.arange(story.days), REQUESTS_A_DAY)
    time = np.sort(story.within(day, busy_hour(chance, len(day))))
    page = chance.random(len(day)) < 0.25
    route = np.where(page, len(ROUTES) + draw(chance, (3, 1, 6), len(day)), draw(chance, (8, 6, 3, 1, 2), len(day)))
    app = chance.random(len(day)) < 0.4
    hurt = app & (day >= story.incident) & (day < story.incident + INCIDENT_DAYS)
    failed = chance.random(len(day)) < np.where(hurt, INCIDENT_ERRORS, ERRORS)
    median = np.array([*ROUTES.values(), 350, 250, 500], dtype=np.float64)[route]
    weeks = np.clip(day - story.slowdown, 0, None) / 7
    slow = np.where(route == list(ROUTES).index(SLOW_ROUTE), (1 + SLOW_CREEP) ** weeks, 1.0)
    return pl.DataFrame({
        "time": instants(time), "service": names(("api", "site"), page.astype(np.int64)),
        "status": np.where(failed, 503, np.where(chance.random(len(day)) < 0.02, 404, 200)),
        "kind": names(("api", "page"), page.astype(np.int64)), "route": names((*ROUTES, *PAGES), route),
        "latency_ms": (median * slow * chance.lognormal(0, 0.5, len(day))).round(1),
        "platform": names(PLATFORMS, app.astype(np.int64)),
    })  # fmt: skip


def incidents(story: Story) -> pl.DataFrame:
    """One row per incident: the planted one on Android, some short outages (of the release three days before), and maintenance."""
    chance, _, time = _sometimes(story, "incidents", 0.035)
    detected = time + chance.integers(MINUTE, 12 * MINUTE, len(time)) // 1000 * 1000
    repair = detected + chance.integers(2 * MINUTE, 20 * MINUTE, len(time)) // 1000 * 1000
    rows = [
        ("outage", "major", *each) for each in zip(time, detected, repair, _later(chance, repair, 0.7, 0.8), strict=True)
    ]  # fmt: skip
    first, last = int(story.starts[story.incident]), int(story.starts[story.incident + INCIDENT_DAYS])
    rows.append(("degraded", "critical", first, first + 9 * HOUR, first + 11 * HOUR, last))
    for month in story.months[1:]:
        night = int(story.starts[story.number(month) + 2]) + 2 * HOUR
        rows.append(("maintenance", "minor", night, night, night, night + HOUR))
    schema = {"kind": pl.String, "severity": pl.String} | dict.fromkeys(
        ("start", "detected", "repair_start", "end"), pl.Int64
    )
    table = (
        pl.DataFrame(rows, schema=schema, orient="row")
        .sort("start", "kind")
        .filter(pl.col("end") < int(story.starts[-1]))
    )
    shipped = releases(story).select("release_id", "time")
    table = table.with_columns(instants(table["start"].to_numpy()).alias("time"))
    table = table.join_asof(shipped, on="time", tolerance="3d").with_columns(
        pl.when(pl.col("kind") != "maintenance").then("release_id").alias("release")
    )
    return table.select(
        ids("z", np.arange(len(table))).alias("incident_id"),
        *(instants(table[name].to_numpy()).alias(name) for name in ("start", "end")), "kind", "severity",
        *(instants(table[name].to_numpy()).alias(name) for name in ("repair_start", "detected")),
        "release",
    )  # fmt: skip


def units(story: Story) -> pl.DataFrame:
    """One row per device of the demonstration rooms: in use since when, and failed when."""
    chance = story.chance("units")
    start = story.within(np.sort(chance.integers(0, story.days, UNITS)), busy_hour(chance, UNITS))
    life: Floats = 400 * chance.weibull(1.2, UNITS) * DAY
    return pl.DataFrame({
        "unit_id": ids("j", np.arange(UNITS)), "start": instants(start),
        "failed": instants(story.before_end(start + life.astype(np.int64) // 1000 * 1000)),
    })  # fmt: skip


def goals(story: Story) -> pl.DataFrame:
    """One row per target of the goals of the current quarter."""
    last = story.calendar_day(story.days - 1)
    start = begin(last, "quarter")
    due: date = step(start, "quarter")
    rows = [
        ("grow", "weekly actives", "number", 3000.0, 3600.0, 3310.0, 2.0),
        ("grow", "new customers", "number", 0.0, 180.0, 71.0, 1.0),
        ("earn", "monthly recurring revenue", "currency", 11000.0, 14000.0, 12600.0, 2.0),
        ("earn", "renewals", "percent", 0.78, 0.85, 0.79, 1.0),
        ("please", "net promoter score", "number", 12.0, 25.0, 16.0, 1.0),
        ("please", "calendar view is out", "boolean", 0.0, 1.0, 0.0, 1.0),
        ("please", "answers rewritten", "tasks", 0.0, 12.0, 5.0, 1.0),
    ]
    columns = ["goal", "target", "type", "start_value", "target_value", "current_value", "weight"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(start=pl.lit(start), due=pl.lit(due))
