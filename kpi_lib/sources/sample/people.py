"""Who signs up, through what, and how long each of them stays: the true retention curves of the demo company."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from kpi_lib.sources.sample.story import (
    CHANNEL_SHARES,
    CHANNELS,
    COST_PER_SIGNUP,
    COUNTRIES,
    COUNTRY_SHARES,
    CREEP,
    CREEPING,
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    PAID,
    PLATFORM_SHARES,
    PLATFORMS,
    SIGNUPS,
    TRIAL_DAYS,
    USE,
    VISIT_RATE,
    Flags,
    Floats,
    Ints,
    Story,
    decimals,
    draw,
    ids,
    instants,
    names,
)

ACTIVATION = {"organic": 0.6, "paid": 0.42}
# (came through, activated): who stays at all, how fast the others go, share of days on which those who stay come
STAY = {
    ("organic", True): (0.50, 0.8, 0.56),
    ("organic", False): (0.14, 1.1, 0.36),
    ("paid", True): (0.34, 0.9, 0.50),
    ("paid", False): (0.07, 1.3, 0.30),
}
FADE = 260.0
LAUNCH = 0.05
SOURCES = {
    "organic": ("organic", "organic"), "invite": ("invite", "referral"), "ads": ("ads", "cpc"),
    "social": ("social", "social"), "partner": ("partner", "referral"), "direct": ("direct", "none"),
}  # fmt: skip
PAGES = ("/", "/pricing", "/blog", "/features", "/signup")


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who signs up, in the order of signing up; each field holds one value per person."""

    day: Ints
    time: Ints
    channel: Ints
    platform: Ints
    country: Ints
    activated: Flags
    new_onboarding: Flags
    leaves: Ints
    rate: Floats
    adopts: Floats

    def __len__(self) -> int:
        """How many there are."""
        return len(self.day)


def survival(came: str, activated: bool, days: int) -> Floats:
    """The true share of a group that is still there on day 0, 1, 2 … after signing up.

    >>> survival("organic", True, 2).round(3).tolist()
    [1.0, 0.784]
    """
    floor, decay, _ = STAY[came, activated]
    k = np.arange(days, dtype=np.float64)
    curve: Floats = (floor + (1 - floor) * (1 + k) ** -decay) * np.exp(-k / FADE)
    return curve


def expected_retention(came: str, day: int, activated: bool | None = None) -> float:
    """The true share of sign-ups seen again on the n-th day after signing up; of all, or of those (not) activated."""
    both = {True: ACTIVATION[came], False: 1 - ACTIVATION[came]} if activated is None else {activated: 1.0}
    use, signups = np.array(USE), np.array(SIGNUPS)
    season = float(np.mean(signups / signups.mean() * np.roll(use, -(day % 7))))
    return sum(w * float(survival(came, a, day + 1)[day]) * STAY[came, a][2] * season for a, w in both.items())


def expected_week(came: str, week: int) -> float:
    """The true share of sign-ups seen in the n-th week after signing up (days 7n to 7n + 6)."""
    total = 0.0
    for activated, weight in ((True, ACTIVATION[came]), (False, 1 - ACTIVATION[came])):
        alive = survival(came, activated, 7 * week + 8)[7 * week :]
        miss = 1 - STAY[came, activated][2]
        left = alive[:-1] - alive[1:]
        seen = sum(float(left[j]) * (1 - miss ** (j + 1)) for j in range(7)) + float(alive[7]) * (1 - miss**7)
        total += weight * seen
    return total


def signup_weights(story: Story) -> Floats:
    """How many sign up on each day, relative to the others: a launch, growth, and then less of it."""
    x = np.arange(story.days) / story.days
    growth = 0.35 + 0.65 / (1 + np.exp(-(x - 0.28) * 11)) - 0.9 * np.clip(x - 0.65, 0, None)
    launch = LAUNCH * growth.sum() * np.exp(-np.arange(story.days) / 3) / 3.5
    weights = (growth + launch) * np.array(SIGNUPS)[story.weekdays]
    shares: Floats = weights / weights.sum()
    return shares


def people(story: Story) -> People:
    """Draw everybody who signs up."""
    chance, size = story.chance("users"), story.users
    day = np.sort(draw(chance, list(signup_weights(story)), size))
    time = story.within(day, busy_hour(chance, size))
    order = np.argsort(time, kind="stable")
    day, time = day[order], time[order]
    channel = draw(chance, CHANNEL_SHARES, size)
    paid = np.isin(channel, [CHANNELS.index(name) for name in PAID])
    activated = chance.random(size) < np.where(paid, ACTIVATION["paid"], ACTIVATION["organic"])
    first, last = story.trial_change
    lives, rate = np.empty(size, dtype=np.int64), np.empty(size)
    luck = chance.random(size)
    for (came, yes), (_, _, often) in STAY.items():
        group = (paid == (came == "paid")) & (activated == yes)
        # the first day on which the curve is below a person's luck is the first without them
        lives[group] = np.searchsorted(-survival(came, yes, story.days + 1), -luck[group], side="right")
        rate[group] = often
    return People(
        day=day, time=time, channel=channel, activated=activated, rate=rate,
        platform=draw(chance, PLATFORM_SHARES, size),
        country=draw(chance, COUNTRY_SHARES, size),
        new_onboarding=chance.random(size) < np.select([day < first, day < last], [0.0, 0.5], 1.0),
        leaves=day + np.maximum(lives, 1),
        adopts=chance.random(size),
    )  # fmt: skip


def busy_hour(chance: np.random.Generator, size: int) -> Floats:
    """Shares of the day at which people do things: between six and ten o'clock in the evening at the latest."""
    share: Floats = (6 + 16 * chance.beta(2.2, 2.2, size)) / 24
    return share


def users(story: Story, who: People, plan: pl.Series, owner: Ints) -> pl.DataFrame:
    """The table users: plans as they stand at the end; country, platform and onboarding are segments."""
    chance = story.chance("deleted")
    gone = (who.leaves + 5 < story.days) & (chance.random(len(who)) < 0.03) & (plan.to_numpy() == "free")
    deleted = np.where(
        gone, story.within(np.minimum(who.leaves + 5, story.days - 1), busy_hour(chance, len(who))), NEVER
    )
    return pl.DataFrame({
        "user_id": ids("u", np.arange(len(who))),
        "signup_ts": instants(who.time),
        "account_id": ids("a", owner),
        "channel": names(CHANNELS, who.channel),
        "deleted_ts": instants(deleted),
        "plan": plan,
        "country": names(COUNTRIES, who.country),
        "platform": names(PLATFORMS, who.platform),
        "onboarding": names(("old", "new"), who.new_onboarding.astype(np.int64)),
    })  # fmt: skip


def marketing_spend(story: Story, who: People) -> pl.DataFrame:
    """One row per day, paid channel and campaign: what it cost, and the sign-ups that came of it."""
    chance, weights = story.chance("marketing_spend"), signup_weights(story)
    parts = []
    for name, cost in COST_PER_SIGNUP.items():
        code = CHANNELS.index(name)
        expected = weights * story.users * CHANNEL_SHARES[code]
        creep = (1 + CREEP) ** story.month_numbers if name == CREEPING else np.ones(story.days)
        spent = expected * cost * creep * chance.lognormal(0, 0.08, story.days)
        mine = who.day[who.channel == code]
        brand = chance.random(len(mine)) < 0.4
        for campaign, share, days in (("brand", 0.4, mine[brand]), ("always-on", 0.6, mine[~brand])):
            impressions = np.rint(spent * share * chance.uniform(60, 90, story.days)).astype(np.int64)
            clicks = chance.binomial(impressions, 0.012)
            conversions = np.bincount(days, minlength=story.days)
            parts.append(pl.DataFrame({
                "date": [story.calendar_day(day) for day in range(story.days)],
                "channel": name,
                "campaign": f"{name}-{campaign}",
                "impressions": impressions,
                "reach": np.rint(impressions * 0.6).astype(np.int64),
                "clicks": np.maximum(clicks, conversions),
                "conversions": conversions,
                "amount": decimals(np.rint(spent * share * 100).astype(np.int64)),
            }))  # fmt: skip
    return pl.concat(parts).sort("date", "campaign", maintain_order=True)


def web_visits(story: Story, who: People) -> pl.DataFrame:
    """One row per visit to the web site; the visit that ends in a sign-up names the user."""
    chance = story.chance("web_visits")
    web = np.flatnonzero(who.platform == PLATFORMS.index("web"))
    others = round(len(web) * (1 / VISIT_RATE - 1))
    sources = (*CHANNELS, "direct")
    last = who.time[web] - chance.integers(MINUTE, 12 * MINUTE, len(web))
    lost = story.within(draw(chance, list(signup_weights(story)), others), busy_hour(chance, others))
    end = np.concatenate([last, lost])
    source = np.concatenate([who.channel[web], draw(chance, (0.4, 0.05, 0.2, 0.15, 0.05, 0.15), others)])
    earlier = chance.poisson(0.6, len(end))
    back = np.repeat(end, earlier) - (chance.exponential(2.5, int(earlier.sum())).clip(0.05, 20) * DAY).astype(np.int64)
    visitor = np.concatenate([np.arange(len(end)), np.repeat(np.arange(len(end)), earlier)])
    page = np.concatenate([np.where(np.arange(len(end)) < len(web), 4, draw(chance, (5, 2, 3, 2), len(end))),
                           draw(chance, (5, 2, 3, 2), len(back))])  # fmt: skip
    user = np.full(len(visitor), NEVER)
    user[: len(web)] = web
    order = chance.permutation(len(end))  # visitors' numbers tell nothing about who signs up
    table = pl.DataFrame({
        "visitor_id": ids("v", order[visitor]),
        "user_id": pl.select(pl.when(pl.Series(user) >= 0).then(ids("u", user))).to_series(),
        "time": instants(np.concatenate([end, back]) // 1000 * 1000),
        "source": names([SOURCES[name][0] for name in sources], source[visitor]),
        "medium": names([SOURCES[name][1] for name in sources], source[visitor]),
        "page": names(PAGES, page),
    })  # fmt: skip
    table = table.filter(pl.col("time").dt.epoch("us") >= int(story.starts[0])).sort("time", "visitor_id", "page")
    return table.with_columns(session_id="w" + pl.int_range(pl.len()).cast(pl.String))


def installs(story: Story, who: People) -> pl.DataFrame:
    """One row per first start of the app on a device; some of them never sign up."""
    chance = story.chance("installs")
    app = np.flatnonzero(who.platform == PLATFORMS.index("android"))
    lost = round(len(app) * 0.8)
    before = who.time[app] - chance.integers(MINUTE, HOUR, len(app))
    alone = story.within(draw(chance, list(signup_weights(story)), lost), busy_hour(chance, lost))
    user = pl.concat([ids("u", app), pl.repeat(None, lost, dtype=pl.String, eager=True)])
    return pl.DataFrame({
        "device_id": ids("d", chance.permutation(len(app) + lost)),
        "user_id": user,
        "time": instants(np.concatenate([before, alone])),
        "store": "play",
    }).sort("time", "device_id")  # fmt: skip


def trial_starts(story: Story, who: People) -> tuple[Ints, Ints]:
    """Who tries the paid plan (people who will stay that long), and when: within the hour of signing up."""
    chance = story.chance("trials")
    tries = np.flatnonzero((who.leaves - who.day > TRIAL_DAYS) & (chance.random(len(who)) < 0.55))
    return tries, who.time[tries] + chance.integers(5 * MINUTE, HOUR, len(tries)) // 1000 * 1000
