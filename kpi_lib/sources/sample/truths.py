"""The truths that are planted in the data, with their parameters and where to look: what the workbench has to find."""

from collections.abc import Iterator
from typing import Any

from kpi_lib.sources.sample import money, people
from kpi_lib.sources.sample.service import ESCALATES, TOPICS
from kpi_lib.sources.sample.story import (
    ADOPTION,
    BACKLOG_FACTOR,
    COST_PER_SIGNUP,
    CREEP,
    CREEPING,
    DUPLICATE_SHARE,
    ERRORS,
    FEATURE,
    FEATURE_EVENT,
    INCIDENT_DAYS,
    INCIDENT_DROP,
    INCIDENT_ERRORS,
    LATE_SHARE,
    PAID,
    RESPONSE_HOURS,
    SEAT_GROWTH,
    SIGNUPS,
    SLOW_CREEP,
    SLOW_ROUTE,
    TRIAL_DAYS,
    TRIAL_RATE,
    USE,
    VISIT_RATE,
    Story,
)
from kpi_lib.sources.sample.usage import ACTIVATE

Truth = dict[str, Any]
DAYS = (1, 7, 30)
WEEKS = (1, 4, 8, 12)


def truths(story: Story) -> dict[str, Truth]:
    """All truths by name; each says what is true, where it shows, and the exact parameters."""
    story_of = {"users": story.users, "days": story.days, "seed": story.seed, "synthetic": True}
    found = (*_people(story), *_use(story), *_money(story), *_service(story), *_record(story))
    return {"story": story_of, **{name: {"what": what, "where": where, **rest} for name, what, where, rest in found}}


def _rounded(value: float) -> float:
    return round(value, 4)


Found = Iterator[tuple[str, str, str, Truth]]


def _people(story: Story) -> Found:
    curves = {
        came: {f"day_{day}": _rounded(people.expected_retention(came, day)) for day in DAYS}
        | {f"week_{week}": _rounded(people.expected_week(came, week)) for week in WEEKS}
        | {f"day_{day}_activated": _rounded(people.expected_retention(came, day, True)) for day in DAYS}
        | {f"day_{day}_not_activated": _rounded(people.expected_retention(came, day, False)) for day in DAYS}
        for came in ("organic", "paid")
    }
    yield (
        "retention", "People from organic channels stay longer than people from paid ones, activated ones longer than others.",
        "kpi cohort --start-event sign_up --by channel; weeks on the elapsed clock",
        {"paid_channels": list(PAID), **curves},
    )  # fmt: skip
    yield (
        "activation", f"Activation ({ACTIVATE} within an hour of signing up) is more common without advertising.",
        "kpi compute activation_rate --by channel", {"event": ACTIVATE, **people.ACTIVATION},
    )  # fmt: skip
    first, last = story.trial_change
    yield (
        "trial_conversion", "New sign-ups got a new onboarding, half of them at first: more of its trials become customers.",
        "kpi compute trial_to_paid_rate --by onboarding",
        {**TRIAL_RATE, "trial_days": TRIAL_DAYS, "half_from": story.calendar_day(first), "all_from": story.calendar_day(last)},
    )  # fmt: skip
    yield (
        "visitors", "The same share of the web site's visitors signs up all the time.", "kpi compute visitor_to_signup_rate",
        {"rate": VISIT_RATE},
    )  # fmt: skip
    yield (
        "cost_creep", f"What a sign-up through {CREEPING} costs grows month by month; other channels stay as they are.",
        "kpi compute cpa --by channel --every month",
        {"channel": CREEPING, "growth_per_month": CREEP, "first_cost": COST_PER_SIGNUP, "first_month": story.months[0]},
    )  # fmt: skip


def _use(story: Story) -> Found:
    end = story.incident + INCIDENT_DAYS
    yield (
        "incident", "The Android app fails for some days: fewer people come there and more requests fail; the web is as always.",
        "kpi compute dau --every day --by platform; tables incidents and requests",
        {"platform": "android", "start": story.calendar_day(story.incident), "end": story.calendar_day(end), "drop": INCIDENT_DROP,
         "error_rate": INCIDENT_ERRORS, "usual_error_rate": ERRORS},
    )  # fmt: skip
    yield (
        "release_lift", f"A release brings {FEATURE} to people's eyes: the share of users who use it jumps.",
        "kpi compute feature_adoption_rate --every month; table releases",
        {"feature": FEATURE, "event": FEATURE_EVENT, "before": ADOPTION[0], "after": ADOPTION[1], "day": story.calendar_day(story.lift)},
    )  # fmt: skip
    yield (
        "weekdays", "People work less on weekends and sign up less on them; each list begins on Monday.",
        "kpi active --every day", {"use": list(USE), "sign_ups": list(SIGNUPS)},
    )  # fmt: skip
    yield (
        "concentration", "The largest teams add seats every month, so the share of the top tenth of payers grows while the number "
        "of active users hardly does.",
        "kpi compute revenue_concentration dau --every quarter",
        {"from": story.calendar_day(story.concentration), "seats_per_month": SEAT_GROWTH, "from_seats": money.WHALE_SEATS},
    )  # fmt: skip


def _money(story: Story) -> Found:
    old, new = money.PRICES["pro", "month", "EUR"]
    yield (
        "price_change", "The plan pro costs more from one month on; contracts that run pay it from their next renewal.",
        "kpi compute mrr arpa --every month",
        {"plan": "pro", "day": story.calendar_day(story.price_change), "before_cents": old, "after_cents": new},
    )  # fmt: skip
    yield (
        "new_product", f"An add-on ({money.ADDON}) goes on sale.", "kpi compute new_product_revenue_share",
        {"product": money.ADDON, "day": story.calendar_day(story.addon), "cents": money.ADDON_PRICE},
    )  # fmt: skip
    yield "refunds", "Some payments are given back.", "table transactions, kind refund", {"share": money.REFUNDS}


def _service(story: Story) -> Found:
    yield (
        "backlog", "In one month the first answer takes twice as long.", "kpi compute first_response_time --every month",
        {"month": story.backlog, "factor": BACKLOG_FACTOR, "median_hours": RESPONSE_HOURS},
    )  # fmt: skip
    usual, all_topics = TOPICS[FEATURE], sum(TOPICS.values())
    yield (
        "escalating_topic", f"From its release on, more of the tickets that escalate are about {FEATURE}.",
        "kpi compute support_escalation_rate --by topic; kpi signals --rules",
        {"topic": FEATURE, "from": story.calendar_day(story.lift), "share_of_others": usual / all_topics,
         "share_of_escalated": usual * ESCALATES / (all_topics + usual * (ESCALATES - 1))},
    )  # fmt: skip
    yield (
        "odd_wave", "One NPS wave was asked on 1 to 10 instead of 0 to 10: it has no zeros.",
        "table surveys, column wave; kpi compute nps --by wave", {"wave": f"{story.odd_wave:%Y-%m}", "lowest": 1},
    )  # fmt: skip


def _record(story: Story) -> Found:
    yield (
        "slow_route", "One route gets slower week by week.", "table requests, column route; kpi compute api_latency --by route",
        {"route": SLOW_ROUTE, "growth_per_week": SLOW_CREEP, "from": story.calendar_day(story.slowdown)},
    )  # fmt: skip
    yield "outage", "Of one day no event was recorded.", "kpi check", {"day": story.calendar_day(story.outage)}
    yield (
        "duplicates", "A part of one day was exported twice: the same rows with the same event_id.", "kpi check",
        {"day": story.calendar_day(story.duplicated), "share": DUPLICATE_SHARE},
    )  # fmt: skip
    yield (
        "late_rows", "Some rows of a few days came in one to three days late.", "column ingested of events",
        {"start": story.calendar_day(story.late[0]), "end": story.calendar_day(story.late[1]), "share": LATE_SHARE},
    )  # fmt: skip
