"""Random subscriptions, deals, visits, installs, spend and costs for the laws."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import polars as pl

from kpi_lib.core.schema import columns

SETTINGS = {
    "trial_within": "9d",
    "paid_within": "9d",
    "signup_within": "6d",
    "renewal_grace": "3d",
    "lead_within": "12d",
    "gross_margin": 0.8,
    "cac_costs": ["salaries"],
    "roi_costs": ["salaries", "hosting"],
    "roi_products": ["p0", "p1"],
    "cohort_periods": 3,
}

# visitors and devices, not users: what a user does alone says nothing of who came unnamed before
WITHOUT_USERS = ("visitor_to_signup_rate", "app_downloads")


def tables(draw: Random, start: datetime, until: datetime, users: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Eleven weeks of a shop that also sells subscriptions."""
    days = (until - start).days

    def some(low: float = 0, high: float = days) -> datetime:
        return start + timedelta(microseconds=draw.randrange(round(low * 86_400e6), round(high * 86_400e6)))

    def perhaps(value: Any, chance: float) -> Any:  # noqa: ANN401
        return value if draw.random() < chance else None

    people = [_user(user, some(-20), draw) for user in users]
    signed = [(p["user_id"], p["signup_ts"]) for p in people if p["signup_ts"] is not None and p["signup_ts"] > start]
    seen = [row for user, signup in signed for row in _before(user, signup, draw)]
    return {
        "users": frame("users", people),
        "subscriptions": frame("subscriptions", [_subscription(n, some(-30), draw, users) for n in range(130)]),
        "deals": frame("deals", [_deal(n, some(0, days - 3), draw) for n in range(150)]),
        "web_visits": frame("web_visits", [_visit(some(), draw, users) for _ in range(160)] + seen),
        "installs": frame(
            "installs",
            [
                {
                    "device_id": f"d{draw.randrange(90)}",
                    "user_id": perhaps(draw.choice(users), 0.8),
                    "time": some(),
                    "store": draw.choice(("play", "apple")),
                }
                for _ in range(140)
            ],
        ),
        "marketing_spend": frame(
            "marketing_spend", [_spend(day, c, draw) for day in _days(start, days) for c in "xyz"]
        ),
        "costs": frame("costs", [row for day in _days(start, days)[::2] for row in _costs(day, draw)]),
        "products": frame(
            "products",
            [{"product": f"p{n}", "launch_ts": start + timedelta(days=days)} for n, days in enumerate((-340, -90, 25))],
        ),
    }


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a canonical table."""
    known = {name: column.dtype for name, column in columns(table).items() if name in rows[0]}
    return pl.DataFrame(rows, schema=known)


def _days(start: datetime, days: int) -> list[date]:
    return [start.date() + timedelta(days=n) for n in range(1, days)]


def _costs(day: date, draw: Random) -> list[dict[str, Any]]:
    categories = ("Hosting", "salaries", "rent", "support")
    return [{"date": day, "category": each, "amount": draw.randrange(100, 5_000)} for each in categories]


def _user(user: str, signup: datetime, draw: Random) -> dict[str, Any]:
    plan = draw.choice(("free", "free", "pro"))
    return {"user_id": user, "signup_ts": signup if draw.random() < 0.9 else None, "plan": plan}


def _subscription(number: int, start: datetime, draw: Random, users: Sequence[str]) -> dict[str, Any]:
    length = timedelta(hours=draw.randrange(24, 24 * 25))
    trial = draw.random() < 0.4
    due = start + timedelta(days=draw.randrange(5, 40))
    # some rows begin with their trial, others when it is paid for
    began = start - timedelta(days=draw.choice((0, 0, 7, 16)))
    return {
        "subscription_id": f"s{number}",
        "user_id": draw.choice(users),
        "start": start,
        "end": start + length if draw.random() < 0.9 else None,
        "mrr": draw.choice((0, 900, 1_900, 4_900, 9_901)),
        "plan": draw.choice(("pro", "free", None)),
        "is_trial": trial and draw.random() < 0.4,
        "trial_start": began if trial else None,
        "trial_end": began + timedelta(days=7) if trial else None,
        "term_end": due,
        "renewed_ts": due + timedelta(hours=draw.randrange(-90, 100)) if draw.random() < 0.6 else None,
    }


def _deal(number: int, lead: datetime, draw: Random) -> dict[str, Any]:
    seen = lead + timedelta(hours=draw.randrange(24 * 4)) if draw.random() < 0.5 else None
    closed = (seen or lead) + timedelta(hours=draw.randrange(1, 24 * 12))
    return {
        "deal_id": f"x{number}",
        "lead_ts": lead,
        "opportunity_ts": seen,
        "closed_ts": closed,
        "won": draw.random() < 0.6,
        "amount": draw.randrange(1_000, 90_000),
    }


def _visit(time: datetime, draw: Random, users: Sequence[str]) -> dict[str, Any]:
    number = draw.randrange(120)
    known = users[number % len(users)] if number % 3 else None
    return {
        "visitor_id": f"v{number}",
        "user_id": known if draw.random() < 0.7 else None,
        "time": time,
        "source": draw.choice(("ad", "search", None)),
        "medium": draw.choice(("organic", "referral", None)),
        "page": draw.choice(("home", "prices", None)),
    }


def _before(user: str, signup: datetime, draw: Random) -> list[dict[str, Any]]:
    """A visit before the sign-up and one after it that names the user."""
    visit = {"visitor_id": f"w{user}", "source": draw.choice(("ad", "search", None))}
    first, after = (timedelta(hours=draw.randrange(1, hours)) for hours in (200, 30))
    return [{**visit, "user_id": None, "time": signup - first}, {**visit, "user_id": user, "time": signup + after}]


def _spend(day: date, channel: str, draw: Random) -> dict[str, Any]:
    shown = draw.randrange(1_000, 9_000)
    return {
        "date": day,
        "channel": channel,
        "impressions": shown,
        "reach": shown // 3,
        "campaign": draw.choice(("spring", "brand")),
        "amount": draw.randrange(500, 9_000),
        "clicks": shown // 40,
        "conversions": draw.randrange(0, 4),
    }
