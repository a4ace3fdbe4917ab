"""Who pays: trials, contracts with all that happens to them, and every payment that follows from them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from kpi_lib.core.period import INSTANT, begin, step
from kpi_lib.sources.sample.people import People
from kpi_lib.sources.sample.story import (
    COUNTRIES,
    DAY,
    DOLLAR,
    INCIDENT_DAYS,
    MINUTE,
    PLATFORMS,
    SEAT_GROWTH,
    TRIAL_DAYS,
    TRIAL_RATE,
    Ints,
    Story,
    decimals,
    ids,
    instants,
)

# cents per term before and after the price change: one price for all, or per seat
PRICES = {
    ("pro", "month", "EUR"): (1200, 1500), ("pro", "year", "EUR"): (12000, 15000),
    ("pro", "month", "USD"): (1320, 1620), ("pro", "year", "USD"): (13200, 16200),
    ("team", "month", "EUR"): (900, 900), ("team", "month", "USD"): (960, 960),
}  # fmt: skip
MONTHS = {"month": 1, "year": 12}
ADDON, ADDON_PRICE = "insights pack", 2900
LAPSE, COMES_BACK = 0.012, 0.6
REFUNDS = 0.015
WHALE_SEATS = 7
TIMES = ["start", "end", "trial_start", "trial_end", "term_end", "renewed_ts"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a customer has agreed to: plan, term, seats and the price of a term in cents."""

    plan: str
    interval: str
    seats: int
    cents: int


@dataclass(frozen=True, slots=True)
class Spell:
    """A time under the same terms: from day `start` to day `end` (null: not ended), renewed or left at its end."""

    start: int
    end: int | None
    terms: Terms
    renewed: bool


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who pays: who, since which day, at what time of day, until which day at the latest, in what currency."""

    user: int
    start: int
    clock: int
    leaves: int
    currency: str
    tried: bool


def customers(story: Story, who: People, tries: Ints, tried_at: Ints) -> list[Customer]:
    """Trials turn into contracts at their planted rates; a few people subscribe later without a trial."""
    chance = story.chance("customers")
    rate = np.where(who.new_onboarding[tries], TRIAL_RATE["new"], TRIAL_RATE["old"])
    won = chance.random(len(tries)) < rate
    day = who.day[tries] + TRIAL_DAYS
    started = won & (day < story.days)
    clock = tried_at - story.starts[who.day[tries]]
    found = [
        (int(u), int(d), int(c), True) for u, d, c in zip(tries[started], day[started], clock[started], strict=True)
    ]
    free = np.setdiff1d(np.arange(len(who)), tries)
    last = np.minimum(who.leaves[free], story.days)
    free = free[(last - who.day[free] > 40) & (chance.random(len(free)) < 0.09)]
    for user in free.tolist():
        since = int(chance.integers(who.day[user] + 30, min(who.leaves[user], story.days)))
        found.append((user, since, int(chance.integers(8 * 3600, 20 * 3600)) * 1_000_000, False))
    return [
        Customer(u, d, c, int(who.leaves[u]), "USD" if COUNTRIES[who.country[u]] == DOLLAR else "EUR", tried)
        for u, d, c, tried in sorted(found)
    ]


def price(story: Story, day: int, key: tuple[str, str, str], seats: int) -> int:
    """What a term costs on a day, in cents."""
    return PRICES[key][int(day >= story.price_change)] * seats


def spells(story: Story, customer: Customer, chance: np.random.Generator) -> Iterator[Spell]:
    """A customer's contract from renewal to renewal: it goes on, changes, lapses, comes back or ends."""
    start = day = customer.start
    terms = _first_terms(story, customer, chance)
    while True:
        due = story.number(step(story.calendar_day(day), "month", MONTHS[terms.interval]))
        if due >= story.days:
            yield Spell(start, None, terms, False)
            return
        lapsed = chance.random() < LAPSE
        if lapsed or customer.leaves <= due:
            yield Spell(start, due, terms, False)
            back = due + int(chance.integers(30, 90))
            if not lapsed or chance.random() > COMES_BACK or back >= min(customer.leaves, story.days):
                return
            start = day = back
            terms = _priced(story, back, terms, customer.currency)
            continue
        new = _priced(story, due, _changed(story, due, terms, chance), customer.currency)
        if new != terms or terms.interval == "year":  # each year is a contract of its own
            yield Spell(start, due, terms, True)
            start = due
        day, terms = due, new


def _first_terms(story: Story, customer: Customer, chance: np.random.Generator) -> Terms:
    seats = 2 + int(chance.lognormal(1.2, 0.7)) if chance.random() < 0.2 else 1
    plan = "team" if seats > 1 else "pro"
    interval = "year" if plan == "pro" and chance.random() < 0.25 else "month"
    return _priced(story, customer.start, Terms(plan, interval, seats, 0), customer.currency)


def _priced(story: Story, day: int, terms: Terms, currency: str) -> Terms:
    return replace(terms, cents=price(story, day, (terms.plan, terms.interval, currency), terms.seats))


def _changed(story: Story, day: int, terms: Terms, chance: np.random.Generator) -> Terms:
    """Upgrades, downgrades and seats; from a planted day on the largest accounts grow month by month."""
    luck = chance.random()
    if terms.plan == "pro":
        if luck < 0.012:
            return Terms("team", "month", 3, 0)
        return replace(terms, interval="year") if luck < 0.022 else terms
    if luck < 0.01:
        return Terms("pro", "month", 1, 0)
    if terms.seats >= WHALE_SEATS and day >= story.concentration:
        return replace(terms, seats=math.ceil(terms.seats * (1 + SEAT_GROWTH)))
    if luck < 0.06:
        return replace(terms, seats=terms.seats + 1)
    return replace(terms, seats=max(2, terms.seats - 1)) if luck < 0.1 else terms


def contracts(story: Story, paying: list[Customer]) -> list[tuple[Customer, Spell]]:
    """All spells of all customers."""
    chance = story.chance("contracts")
    return [(customer, spell) for customer in paying for spell in spells(story, customer, chance)]


def instant(story: Story, day: int, clock: int) -> int:
    """The instant of a clock time on a day, in microseconds."""
    if day >= story.days:  # only ends of terms lie there
        return int(story.starts[-1]) + (day - story.days) * DAY + clock
    return int(min(story.starts[day] + clock, story.starts[day + 1] - 1))


def _row(story: Story, customer: Customer, spell: Spell) -> dict[str, object]:
    """A spell as a row. Only yearly contracts have a term that ends by itself."""
    terms, months = spell.terms, MONTHS[spell.terms.interval]
    end = None if spell.end is None else instant(story, spell.end, customer.clock)
    next_year = story.number(step(story.calendar_day(spell.start), "month", 12))
    term_end = (end or instant(story, next_year, customer.clock)) if months > 1 else None
    return {
        "user": customer.user, "start": instant(story, spell.start, customer.clock), "end": end,
        "monthly": terms.cents // months, "cents": terms.cents, "interval": terms.interval, "currency": customer.currency,
        "plan": terms.plan, "seats": terms.seats, "is_trial": False,
        "term_end": term_end, "renewed_ts": end if months > 1 and spell.renewed else None,
    }  # fmt: skip


def _trial(story: Story, user: int, start: int) -> dict[str, object]:
    end = start + TRIAL_DAYS * DAY
    return {
        "user": user, "start": start, "end": end if end < story.starts[-1] else None, "monthly": 0, "cents": 0,
        "interval": "month", "currency": "EUR", "plan": "pro", "seats": 1, "is_trial": True,
        "trial_start": start, "trial_end": end,
    }  # fmt: skip


def subscriptions(story: Story, signed: list[tuple[Customer, Spell]], tries: Ints, tried_at: Ints) -> pl.DataFrame:
    """One row per trial and per spell under the same terms; a change of terms ends one spell and begins the next."""
    rows = [_trial(story, user, start) for user, start in zip(tries.tolist(), tried_at.tolist(), strict=True)]
    rows += [_row(story, customer, spell) for customer, spell in signed]
    table = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=dict.fromkeys(TIMES, pl.Int64))
    table = table.sort("start", "user", "is_trial").with_columns(pl.col(TIMES).cast(INSTANT))
    return table.select(
        ids("c", np.arange(len(table))).alias("subscription_id"),
        ids("u", table["user"].to_numpy()).alias("user_id"),
        "start", "end",
        decimals(table["monthly"].to_numpy()).alias("mrr"),
        decimals(table["cents"].to_numpy()).alias("amount"),
        "interval", "currency", "plan", "seats", "is_trial", "trial_start", "trial_end", "term_end", "renewed_ts",
    )  # fmt: skip


def transactions(story: Story, who: People, signed: list[tuple[Customer, Spell]]) -> pl.DataFrame:
    """One row per payment: each term of each contract, the add-on, refunds, and a credit after the incident."""
    chance = story.chance("transactions")
    rows = [payment for each in signed for payment in _payments(story, *each)]
    rows += _addons(story, signed, chance)
    sales = pl.DataFrame(rows, schema=["user", "time", "cents", "currency", "product"], orient="row").sort(
        "time", "user"
    )
    sales = sales.with_columns(order="o" + pl.int_range(pl.len()).cast(pl.String).str.zfill(7), kind=pl.lit("sale"))
    back = sales.filter(pl.Series(chance.random(len(sales)) < REFUNDS))
    wait = pl.Series((chance.uniform(0.5, 12, len(back)) * DAY).astype(np.int64) // 1000 * 1000)
    refunds = back.with_columns(time=pl.col("time") + wait, cents=-pl.col("cents"), kind=pl.lit("refund"))
    credits = _credits(story, who, sales).select(sales.columns)
    table = pl.concat([sales, refunds, credits]).filter(pl.col("time") < int(story.starts[-1]))
    table = table.sort("time", "user", "order", "kind")
    return table.select(
        transaction_id="t" + pl.int_range(pl.len()).cast(pl.String).str.zfill(7), order_id="order",
        user_id=ids("u", table["user"].to_numpy()), time=instants(table["time"].to_numpy()),
        amount=decimals(table["cents"].to_numpy()), currency="currency", product="product", kind="kind",
    )  # fmt: skip


def _payments(story: Story, customer: Customer, spell: Spell) -> Iterator[tuple[int, int, int, str, str]]:
    day, end = spell.start, story.days if spell.end is None else spell.end
    while day < end:  # each renewal is counted from the one before, as in the contract
        yield customer.user, instant(story, day, customer.clock), spell.terms.cents, customer.currency, spell.terms.plan
        day = story.number(step(story.calendar_day(day), "month", MONTHS[spell.terms.interval]))


def _addons(
    story: Story, signed: list[tuple[Customer, Spell]], chance: np.random.Generator
) -> list[tuple[int, int, int, str, str]]:
    open_then = [(c, s) for c, s in signed if s.end is None and chance.random() < 0.2]
    found = []
    for customer, spell in open_then:
        day = int(chance.integers(max(spell.start, story.addon), story.days))
        time = instant(story, day, int(chance.integers(8 * 60, 21 * 60)) * MINUTE)
        found.append((customer.user, time, ADDON_PRICE, customer.currency, ADDON))
    return found


def _credits(story: Story, who: People, sales: pl.DataFrame) -> pl.DataFrame:
    """Android's customers of the month before the incident get something back."""
    day = story.incident + INCIDENT_DAYS + 1
    android = np.flatnonzero(who.platform == PLATFORMS.index("android"))
    recent = pl.col("time").is_between(
        int(story.starts[max(0, story.incident - 31)]), int(story.starts[story.incident])
    )
    mine = sales.filter(recent, pl.col("user").is_in(android.tolist()), product="pro").unique("user", keep="first")
    return mine.sort("user").with_columns(
        time=pl.lit(int(story.starts[day]) + 9 * 60 * MINUTE, pl.Int64), cents=pl.lit(-200, pl.Int64), kind=pl.lit("credit"),
        order=pl.lit(None, pl.String),
    )  # fmt: skip


def rates(story: Story) -> pl.DataFrame:
    """One row per month: what a dollar is worth in euros from that day on."""
    chance = story.chance("rates")
    walk = 0.92 + np.cumsum(chance.normal(0, 0.006, len(story.months)))
    first = [begin(story.calendar_day(0), "month"), *story.months[1:]]
    return pl.DataFrame({"date": first, "currency": "USD", "rate": walk.round(4)})


def products(story: Story) -> pl.DataFrame:
    """One row per product: when it went on sale."""
    sold: dict[str, date] = {"pro": date(2022, 3, 1), "team": date(2022, 9, 1), ADDON: story.calendar_day(story.addon)}
    return pl.DataFrame({"product": list(sold), "launch_ts": list(sold.values())})


def plans(story: Story, who: People, signed: list[tuple[Customer, Spell]]) -> tuple[pl.Series, Ints]:
    """Everybody's plan at the end, and whose account they are in: people who were invited belong to a team's owner."""
    plan = np.full(len(who), "free", dtype=object)
    owner = np.arange(len(who))
    for customer, spell in signed:
        if spell.end is None:
            plan[customer.user] = spell.terms.plan
    teams = np.array(sorted({c.user for c, s in signed if s.terms.plan == "team"}), dtype=np.int64)
    paying = {c.user for c, _ in signed}
    invited = np.array([u for u in np.flatnonzero(who.channel == 1).tolist() if u not in paying], dtype=np.int64)
    older = np.searchsorted(teams, invited)  # how many teams' owners signed up before
    picked = (story.chance("accounts").random(len(invited)) * older).astype(np.int64)
    joins = older > 0
    owner[invited[joins]] = teams[picked[joins]]
    plan[invited[joins]] = plan[owner[invited[joins]]]
    return pl.Series(plan.tolist(), dtype=pl.String), owner
