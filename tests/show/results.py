"""Small data sets with known answers, hostile ones at random, and a way to find every figure in a block."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT
from kpi_lib.show.blocks import Figure

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
HOSTILE = (
    "<script>alert(1)</script>",
    "a\x00b",
    "`${1}`'\"",
    "",
    "x" * 200,
    "日本",
    "\u202eabc",
    "datum.value",
    "a.b[c]",
)


def log(rows: list[tuple[str, float, str, str | None]], *, days: int = 60) -> Dataset:
    """Events from rows of user, hours since the start, event and plan, watched for so many days."""
    listed = [(user, START + timedelta(hours=hours), event, plan) for user, hours, event, plan in rows]
    schema = {"user_id": pl.String, "time": INSTANT, "event": pl.String, "plan": pl.String}
    events = pl.DataFrame(listed, schema=schema, orient="row")
    until = START + timedelta(days=days)
    settings = {"goal_event": "buy", "activation_event": "buy"}
    return Dataset.of({"events": events}, observed_from=START, observed_until=until, settings=settings)


def visits() -> Dataset:
    """Forty users on two plans: all look, half of the free and three quarters of the others buy; some return weekly."""
    rows: list[tuple[str, float, str, str | None]] = []
    for user in range(40):
        plan = "free" if user % 2 else "paid"
        begin = (user % 14) * 24.0
        rows.append((f"u{user}", begin, "look", plan))
        if user % 4 < (2 if plan == "free" else 3):
            rows.append((f"u{user}", begin + 1, "cart", plan))
        if user % 4 in (0, 1):
            rows.append((f"u{user}", begin + 2, "buy", plan))
        rows += [(f"u{user}", begin + 24 * 7 * week, "look", plan) for week in range(1, 5) if (user + week) % 3]
    return log(rows)


def shop(*, months: int = 6) -> Dataset:
    """Sixty customers who all come in the first month and order again now and then; amounts in cents."""
    orders = [
        (f"c{customer}", START + timedelta(days=30 * month + customer % 20), 1000 + 50 * customer + 100 * month)
        for customer in range(60)
        for month in range(months)
        if month == 0 or (customer * 7 + month * 3) % 4 == 0
    ]
    table = pl.DataFrame(orders, schema={"user_id": pl.String, "time": INSTANT, "amount": pl.Int64}, orient="row")
    until = datetime(2026, 7, 1, tzinfo=UTC)
    return Dataset.of({"transactions": table}, observed_until=until, settings={"repeat_window": "ever"})


def figures(part: Any) -> Iterator[Figure]:  # noqa: ANN401 - any block or phrase
    """Every figure in a block, however deep."""
    if isinstance(part, Figure):
        yield part
    elif isinstance(part, tuple | list):
        for each in part:
            yield from figures(each)
    elif is_dataclass(part):
        for field in fields(part):
            yield from figures(getattr(part, field.name))


names = st.sampled_from(("look", "cart", "buy", *HOSTILE))
plans = st.sampled_from((None, "free", "paid", *HOSTILE))
rows = st.tuples(st.sampled_from(("u1", "u2", "u3", "<b>")), st.integers(0, 60 * 24).map(float), names, plans)
logs = st.lists(rows, max_size=25).map(log)
