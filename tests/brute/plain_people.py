"""Who comes, what they do and whether they come back, in plain Python."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

from tests.brute.plain import Found, Number, Period, Row, Shop, over, plain, seconds, share

ACTIONS = ("buy", "view")


def days_active(w: Shop, p: Period) -> int:
    return sum(len({w.day(row["time"]) for row in rows}) for rows in w.active(p).values())


def watched(w: Shop, p: Period) -> int:
    """How many whole days of a period were watched."""
    days = [p.first + timedelta(days=n) for n in range((p.stop - p.first).days)]
    return sum(w.since <= w.midnight(day) and w.midnight(day + timedelta(days=1)) <= w.until for day in days)


def trailing(w: Shop, p: Period, days: int) -> Period:
    first = p.stop - timedelta(days=days)
    return Period(first, p.stop, w.midnight(first), p.end)


@plain
def dau(w: Shop, p: Period) -> Found:
    return over(days_active(w, p), watched(w, p))


@plain
def wau(w: Shop, p: Period) -> Found:
    return float(len(w.active(trailing(w, p, 7))))


@plain
def mau(w: Shop, p: Period) -> Found:
    return float(len(w.active(p if w.every == "month" else trailing(w, p, 30))))


@plain
def active_users(w: Shop, p: Period) -> Found:
    return float(len(w.active(p)))


@plain
def stickiness(w: Shop, p: Period) -> Found:
    span = p if w.every == "month" else trailing(w, p, 30)
    return over(days_active(w, span), len(w.active(span)) * watched(w, span))


@plain
def new_users(w: Shop, p: Period) -> Found:
    return float(sum(w.seen(time, p) for time in w.first.values()))


@plain
def actions_per_user(w: Shop, p: Period) -> Found:
    rows = w.active(p)
    return over(sum(row["event"] in ACTIONS for each in rows.values() for row in each), len(rows))


@plain
def logins(w: Shop, p: Period) -> Found:
    return float(sum(row["event"] == "login" for rows in w.active(p).values() for row in rows))


@plain
def active_user_ratio(w: Shop, p: Period) -> Found:
    there = w.active(p)
    users = [u for u in w["users"] if u["signup_ts"] is not None and u["signup_ts"] < min(p.end, w.until)]
    return over(sum(user["user_id"] in there for user in users), len(users))


def begun(w: Shop, p: Period) -> list[list[Row]]:
    return [rows for rows in w.sessions if w.seen(rows[0]["time"], p)]


def spent(w: Shop, p: Period) -> float:
    return sum(seconds(rows[-1]["time"] - rows[0]["time"]) for rows in begun(w, p))


@plain
def avg_session_duration(w: Shop, p: Period) -> Found:
    return over(spent(w, p), len(begun(w, p)))


@plain
def avg_time_per_user(w: Shop, p: Period) -> Found:
    return over(spent(w, p), len(w.active(p)))


@plain
def actions_per_session(w: Shop, p: Period) -> Found:
    rows = begun(w, p)
    return over(sum(row["event"] in ACTIONS for each in rows for row in each), len(rows))


@plain
def bounce_rate(w: Shop, p: Period) -> Found:
    rows = begun(w, p)
    return over(sum(len(each) < 2 for each in rows), len(rows))  # two views engage, however fast


@plain
def user_path_analysis(w: Shop, p: Period) -> Found:
    steps: Counter[tuple[str, ...]] = Counter()
    for rows in w.sessions:
        stays = [
            rows[0],
            *(row for before, row in pairwise(rows) if row["event"] != before["event"]),
        ]
        for stay, after in zip(stays, [*stays[1:], {"event": "(end)"}], strict=True):
            steps[stay["event"], after["event"]] += w.seen(stay["time"], p)
    whole: Counter[str] = Counter()
    for (start, _), count in steps.items():
        whole[start] += count
    return {(start, to): over(count, whole[start]) for (start, to), count in steps.items() if count}


def returned(w: Shop, p: Period, days: int) -> Number:
    newcomers = {user: w.day(time) + timedelta(days=days) for user, time in w.first.items() if w.seen(time, p)}
    ripe = {user: day for user, day in newcomers.items() if w.midnight(day + timedelta(days=1)) <= w.until}
    return over(sum(day in {w.day(row["time"]) for row in w.users[user]} for user, day in ripe.items()), len(ripe))


@plain
def retention_day_1(w: Shop, p: Period) -> Found:
    return returned(w, p, 1)


@plain
def retention_day_7(w: Shop, p: Period) -> Found:
    return returned(w, p, 7)


@plain
def retention_day_30(w: Shop, p: Period) -> Found:
    return returned(w, p, 30)


def later(p: Period, every: str, steps: int) -> tuple[date, date]:
    if every == "week":
        first = p.first + timedelta(days=7 * steps)
        return first, first + timedelta(days=7)
    months = [p.first.year * 12 + p.first.month - 1 + steps + n for n in (0, 1)]
    first, stop = (date(month // 12, month % 12 + 1, 1) for month in months)
    return first, stop


@plain
def user_retention_rate(w: Shop, p: Period) -> Found:
    cohort = [user for user, time in w.first.items() if w.seen(time, p)]
    found: dict[tuple[str, ...], Number] = {}
    for k in range(1, w.settings.get("cohort_periods", 6) + 1):
        first, stop = later(p, w.every, k)
        back = sum(any(first <= w.day(row["time"]) < stop for row in w.users[user]) for user in cohort)
        found[(str(k),)] = over(back, len(cohort)) if w.midnight(stop) <= w.until else None
    return found


@plain
def user_churn_rate(w: Shop, p: Period) -> Found:
    first, stop = later(p, w.every, -1)
    before = w.active(Period(first, stop, w.midnight(first), w.midnight(stop)))
    return over(len(before.keys() - w.active(p).keys()), len(before))


@plain
def goal_conversion_rate(w: Shop, p: Period) -> Found:
    within, found = w.choice("goal_within", "7d"), []
    for rows in w.users.values():
        best = None  # the entries of the period that were watched long enough
        for at, row in enumerate(rows):
            if row["event"] == "view" and w.seen(row["time"], p) and w.over(row["time"], within):
                inside = [e for n, e in enumerate(rows) if n != at and row["time"] <= e["time"] <= row["time"] + within]
                best = bool(best) or any(each["event"] == "buy" for each in inside)
        if best is not None:
            found.append((best, True))
    return share(found)


@plain
def funnel_dropoff_rate(w: Shop, p: Period) -> Found:
    within = timedelta(days=2)
    reached: dict[int, list[bool]] = defaultdict(list)
    for rows in w.users.values():
        depth = 0
        for row in rows:
            if row["event"] == "view" and w.seen(row["time"], p) and w.over(row["time"], within):
                inside = [each for each in rows if row["time"] <= each["time"] <= row["time"] + within]
                looks = [each["time"] for each in inside if each["event"] == "search"]
                buys = [each["time"] for each in inside if each["event"] == "buy"]
                depth = max(depth, 1 + bool(looks) + any(time >= min(looks) for time in buys if looks))
        for step in range(1, min(depth, 2) + 1):
            reached[step].append(depth == step)
    return {(str(step),): over(sum(stopped), len(stopped)) for step, stopped in reached.items()}


def signed(w: Shop, p: Period) -> list[tuple[str, datetime]]:
    return [(user["user_id"], user["signup_ts"]) for user in w["users"] if w.seen(user["signup_ts"], p)]


@plain
def new_signups(w: Shop, p: Period) -> Found:
    return float(len(signed(w, p)))


@plain
def activation_rate(w: Shop, p: Period) -> Found:
    within = w.choice("activation_within", "7d")
    done = {user: [row["time"] for row in rows if row["event"] == "buy"] for user, rows in w.users.items()}
    hits = {u: (any(t <= each <= t + within for each in done.get(u, [])), t) for u, t in signed(w, p)}
    return share((hit, w.over(time, within)) for hit, time in hits.values())


@plain
def product_adoption_rate(w: Shop, p: Period) -> Found:
    within, found = w.choice("adoption_within", "30d"), []
    for user, time in signed(w, p):
        days = {w.day(r["time"]) for r in w.users.get(user, []) if time <= r["time"] <= time + within}
        found.append((len(days) >= w.settings.get("adoption_days", 3), w.over(time, within)))
    return share(found)


def uses(w: Shop, p: Period) -> dict[str, tuple[int, list[int]]]:
    """By feature: how many could see it, and how often each of its users used it."""
    launches = {row["feature"]: row["launched"] for row in w["features"]}
    found = {}
    for feature, events in w.features.items():
        since = launches.get(feature)
        able = {u: [r for r in rows if since is None or r["time"] >= since] for u, rows in w.active(p).items()}
        counts = [sum(row["event"] in events for row in rows) for rows in able.values() if rows]
        found[feature] = (len(counts), [count for count in counts if count])
    return found


@plain
def feature_adoption_rate(w: Shop, p: Period) -> Found:
    return {(name,): over(len(counts), able) for name, (able, counts) in uses(w, p).items()}


@plain
def feature_usage_frequency(w: Shop, p: Period) -> Found:
    return {(name,): over(sum(counts), able) for name, (able, counts) in uses(w, p).items()}


@plain
def feature_engagement_depth(w: Shop, p: Period) -> Found:
    return {(name,): over(sum(counts), len(counts)) for name, (_, counts) in uses(w, p).items() if counts}


@plain
def update_adoption_rate(w: Shop, p: Period) -> Found:
    within = w.choice("update_within", "14d")
    out = {row["version"]: row["time"] for row in w["releases"] if row["version"] is not None}
    found: dict[tuple[str, ...], Number] = {}
    for release in w.within("releases", p):
        time, hits = release["time"], []
        for rows in w.users.values():
            inside = [row for row in rows if row["version"] is not None and time <= row["time"] <= time + within]
            if inside:
                since = out.get(inside[-1]["version"])
                hits.append(since is not None and time <= since <= inside[-1]["time"])
        found[(release["version"],)] = over(sum(hits), len(hits)) if w.over(time, within) else None
    return found
