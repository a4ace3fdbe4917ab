"""What customers say and ask, and how the product is made and run, drawn at random."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import polars as pl

from kpi_lib.core.schema import TABLES

SETTINGS = {
    "defect_follow_up": "8d",
    "bug_within": "4d",
    "email_within": "2d",
    "fcr_within": "3d",
    "failure_within": "9d",
    "escalation_within": "3d",
    "update_within": "4d",
    "adoption_within": "6d",
    "adoption_days": 2,
}
WITHOUT_USERS = ("relative_user_base", "relative_acquisition_rate", "relative_churn_rate")
ONCE = ("market", "benchmarks", "social")
Row = dict[str, Any]


def tables(draw: Random, start: datetime, until: datetime, users: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    span = (until - start) // timedelta(microseconds=1)

    def when() -> datetime:
        return start + timedelta(microseconds=draw.randrange(span))

    def person() -> str | None:
        return draw.choice((*users[:40], None)) if draw.random() < 0.3 else draw.choice(users[:40])

    def later(time: datetime, days: float, never: float = 0.0) -> datetime | None:
        return None if draw.random() < never else time + timedelta(seconds=draw.expovariate(1 / (days * 86_400)) + 1)

    rows = (
        said(draw, when, person) | helped(draw, when, person, later) | built(draw, when, later) | run(draw, when, later)
    )
    rows |= spread(draw, when, person, later, start=start) | worked(draw, when, later) | beside(draw)
    return {name: frame(name, found) for name, found in rows.items()}


def frame(name: str, rows: list[Row]) -> pl.DataFrame:
    known = {column.name: column.dtype for column in TABLES[name]}
    return pl.DataFrame(rows, schema={column: known.get(column, pl.String()) for column in rows[0]}, orient="row")


def said(draw: Random, when: Callable[[], datetime], person: Callable[[], str | None]) -> dict[str, list[Row]]:
    scales = {"nps": (0, 10), "csat": (1, 5), "rating": (1, 5), "ces": (1, 7), "sus": (0, 100)}
    surveys: list[Row] = [
        {"user_id": person(), "time": when(), "kind": kind, "score": float(draw.randint(*scale)), "item": None}
        for kind, scale in scales.items()
        for _ in range(250)
    ]
    for who, time in [(f"u{draw.randrange(40)}", when()) for _ in range(60)]:
        items = draw.sample(range(1, 11), draw.randrange(8, 11))  # some leave one out
        surveys += [
            {"user_id": who, "time": time, "kind": "sus", "score": float(draw.randint(1, 5)), "item": item}
            for item in items
        ]
    reviews = [
        {
            "user_id": person(),
            "time": when(),
            "source": draw.choice(("shop", "web")),
            "rating": draw.randint(10, 50) / 10,
        }
        for _ in range(150)
    ]
    wishes = [
        {"request_id": f"w{i}", "user_id": person(), "time": when(), "feature": draw.choice(("dark mode", "export"))}
        for i in range(200)
    ]
    tasks = [
        {"user_id": person(), "task": draw.choice("xy"), "time": when(), "completed": draw.random() < 0.7,
         "errors": draw.randrange(4), "opportunities": draw.randrange(4, 9)}
        for _ in range(200)
    ]  # fmt: skip
    return {"surveys": surveys, "reviews": reviews, "feature_requests": wishes, "usability_tasks": tasks}


def helped(draw: Random, when: Any, person: Any, later: Any) -> dict[str, list[Row]]:  # noqa: ANN401
    tickets, messages = [], []
    for i in range(260):
        opened = when()
        answered = later(opened, 0.3, 0.01)
        resolved = later(answered or opened, 1)
        tickets.append({
            "ticket_id": f"t{i}", "user_id": person(), "opened": opened, "channel": draw.choice(("mail", "chat", None)),
            "first_response": answered, "resolved": resolved, "contacts": draw.choice((1, 1, 2, 3)),
            "escalated": draw.random() < 0.2, "reopened": draw.random() < 0.1,
            "csat": draw.choice((None, 1.0, 3.0, 4.0, 5.0)),
        })  # fmt: skip
        time = opened
        for author in ["customer", *draw.choices(("customer", "agent", "bot"), k=4)]:
            messages.append({"ticket_id": f"t{i}", "time": time, "author": author})
            time = later(time, 0.2)
    return {"tickets": tickets, "ticket_messages": messages}


def built(draw: Random, when: Any, later: Any) -> dict[str, list[Row]]:  # noqa: ANN401
    names = [f"r{i}" for i in range(36)]
    releases = [
        {"release_id": name, "time": time, "kind": draw.choice(("feature", "fix")), "version": f"1.{i}",
         "committed": time - timedelta(hours=draw.randrange(1, 90))}
        for i, (name, time) in enumerate((name, when()) for name in names)
    ]  # fmt: skip
    shipped = {each["release_id"]: each["time"] for each in releases}
    defects = []
    for i in range(300):
        release = draw.choice((*names, None))
        opened = when() if release is None else shipped[release] + timedelta(hours=draw.randrange(-240, 300))
        defects.append({
            "defect_id": f"d{i}", "release": release, "opened": opened, "found_by": draw.choice(("team", "team", "user")),
            "severity": draw.choice(("critical", "major", "minor")), "closed": later(opened, 2, 0.01),
            "status": draw.choice(("open", "closed", "closed", "rejected")),
        })  # fmt: skip
    sizes = [{"release": name, "kloc": draw.randrange(1, 90) / 10, "story_points": 5.0} for name in names]
    tests = [
        {"run_id": f"n{draw.randrange(60)}", "test_id": f"c{draw.randrange(30)}", "time": when(),
         "automated": draw.random() < 0.6, "result": draw.choice(("passed", "passed", "failed", "skipped"))}
        for _ in range(600)
    ]  # fmt: skip
    started = [when() for _ in range(60)]
    features = [{"feature": f"f{i}", "started": at, "launched": later(at, 9)} for i, at in enumerate(started)]
    goals = [
        {"goal": draw.choice(("grow", "please")), "target": f"g{i}", "type": draw.choice(("number", "boolean")),
         "start_value": 0.0, "target_value": 1.0, "current_value": draw.randrange(11) / 10, "weight": draw.choice((1.0, 2.5)),
         "start": at.date(), "due": at.date() + timedelta(days=draw.randrange(1, 40))}
        for i, at in enumerate(when() for _ in range(40))
    ]  # fmt: skip
    return {
        "releases": releases,
        "defects": defects,
        "code_size": sizes,
        "tests": tests,
        "features": features,
        "goals": goals,
    }


def run(draw: Random, when: Any, later: Any) -> dict[str, list[Row]]:  # noqa: ANN401
    incidents = []
    for i in range(90):
        start = when()
        seen = later(start, 0.02)
        begun = later(seen, 0.05)
        incidents.append({
            "incident_id": f"i{i}", "start": start, "detected": seen, "repair_start": begun, "end": later(begun, 0.5),
            "kind": draw.choice(("failure", "failure", "maintenance", None)), "severity": "high",
            "release": draw.choice((*(f"r{number}" for number in range(36)), None)),
        })  # fmt: skip
    requests = [
        {"time": when(), "service": "web", "status": draw.choice((200, 200, 404, 500, None)), "kind": draw.choice(("page", "api")),
         "route": "/", "latency_ms": draw.randrange(1, 90_000) / 10}
        for _ in range(700)
    ]  # fmt: skip
    units = []
    for i in range(60):
        start = when()
        units.append({"unit_id": f"k{i}", "start": start, "failed": later(start, 20)})
    return {"incidents": incidents, "requests": requests, "units": units}


def spread(draw: Random, when: Any, person: Any, later: Any, *, start: datetime) -> dict[str, list[Row]]:  # noqa: ANN401
    emails = []
    for i in range(250):
        sent = when()
        opened = later(sent, 1, 0.4)
        clicked = later(opened, 0.2, 0.5) if opened else None
        emails.append(
            {"email_id": f"e{i}", "user_id": person(), "delivered": sent, "opened": opened, "clicked": clicked}
        )
    social = [
        {"date": (start + timedelta(days=day + 1)).date(), "platform": name, "followers": 100 + 3 * day + draw.randrange(9),
         "impressions": draw.randrange(500, 900), "likes": draw.randrange(30), "comments": draw.randrange(9),
         "shares": draw.randrange(9), "clicks": draw.randrange(20)}
        for day in range(0, 70, 2)
        for name in ("photos", "texts")
    ]  # fmt: skip
    mentions = [
        {"time": when(), "source": "press", "sentiment": draw.choice(("positive", "neutral", "negative", None))}
        for _ in range(200)
    ]
    inquiries = []
    for i in range(120):
        received = when()
        inquiries.append(
            {"inquiry_id": f"q{i}", "received": received, "responded": later(received, 0.5, 0.01), "kind": "press"}
        )
    return {"emails": emails, "social": social, "mentions": mentions, "inquiries": inquiries}


def worked(draw: Random, when: Any, later: Any) -> dict[str, list[Row]]:  # noqa: ANN401
    work_items, log = [], []
    for i in range(300):
        number, created = draw.randrange(24), when()
        done = later(created, 6, 0.05)
        work_items.append({
            "item_id": f"w{i}", "team": ("red", "blue", None)[number % 3], "assignee": f"p{number}", "created": created,
            "due": created + timedelta(days=draw.randrange(1, 15)), "completed": done, "points": draw.choice((1.0, 2.5, 0.1, None)),
        })  # fmt: skip
        log += [
            {"item_id": f"w{i}", "assignee": f"p{number}", "date": (created + timedelta(days=d)).date()}
            for d in (2, 3, 9)
        ]
    notes = []
    for _ in range(200):
        time = when()
        notes.append({"member": f"p{draw.randrange(24)}", "time": time, "cleared_ts": later(time, 3, 0.2)})
    scales = {"satisfaction": (1, 5), "engagement": (1, 5), "enps": (0, 10)}
    felt = [
        {"employee_id": f"h{draw.randrange(200)}", "time": when(), "kind": kind, "score": float(draw.randint(*scale))}
        for kind, scale in scales.items()
        for _ in range(180)
    ]
    return {"work_items": work_items, "work_log": log, "notifications": notes, "employee_surveys": felt}


def beside(draw: Random) -> dict[str, list[Row]]:
    periods = [*(f"2026-W{week:02}" for week in range(5, 17)), "2026-02", "2026-03", "2026-04"]
    sizes = {"users": (30, 90), "revenue": (20_000, 40_000), "acquisition_rate": (0.05, 0.2), "churn_rate": (0.05, 0.2)}
    market = [
        {"period": period, "competitor": name, "metric": metric, "value": round(draw.uniform(*size), 4)}
        for period in periods
        for metric, size in sizes.items()
        for name in ("(market)", "Ours", "Theirs")
    ]
    published = {"user_churn_rate": 0.4, "stickiness": 0.1, "avg_session_duration": 300.0}
    figures = [{"kpi": kpi, "period": "2025", "value": value, "source": "invented"} for kpi, value in published.items()]
    return {"market": market, "benchmarks": figures}
