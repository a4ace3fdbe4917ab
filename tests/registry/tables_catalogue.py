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
    "escalation_within": "3d",
    "update_within": "4d",
    "adoption_within": "6d",
    "adoption_days": 2,
}
Row = dict[str, Any]


def tables(draw: Random, start: datetime, until: datetime, users: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    span = (until - start) // timedelta(microseconds=1)

    def when() -> datetime:
        return start + timedelta(microseconds=draw.randrange(span))

    def person() -> str | None:
        return draw.choice((*users[:40], None)) if draw.random() < 0.3 else draw.choice(users[:40])

    def later(time: datetime, days: float, never: float = 0.0) -> datetime | None:
        return None if draw.random() < never else time + timedelta(seconds=draw.expovariate(1 / (days * 86_400)) + 1)

    rows = said(draw, when, person) | helped(draw, when, person, later)
    return {name: frame(name, found) for name, found in rows.items()}


def frame(name: str, rows: list[Row]) -> pl.DataFrame:
    known = {column.name: column.dtype for column in TABLES[name]}
    return pl.DataFrame(rows, schema={column: known.get(column, pl.String()) for column in rows[0]}, orient="row")


def said(draw: Random, when: Callable[[], datetime], person: Callable[[], str | None]) -> dict[str, list[Row]]:
    scales = {"nps": (0, 10), "csat": (1, 5), "rating": (1, 5)}
    surveys = [
        {"user_id": person(), "time": when(), "kind": kind, "score": float(draw.randint(*scale))}
        for kind, scale in scales.items()
        for _ in range(250)
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
