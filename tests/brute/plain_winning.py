"""What winning customers costs, and which leads, visitors and trials become customers, in plain Python."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from tests.brute.plain import PLAIN, Found, Period, Row, Shop, cut, half_done, over, plain, quantile, seconds, share
from tests.brute.plain_money import paying

MONTH = 365.25 / 12 * 86_400


def trials(w: Shop, p: Period) -> list[tuple[float | None, bool]]:
    """Seconds from the start of each trial to the first payment in time (none: not in time), and whether it is ripe."""
    within, found = w.choice("trial_within", "30d"), []
    for row in w["subscriptions"]:
        time = row["trial_start"]
        if w.seen(time, p):
            paid = [begin for user, begin, *_ in paying(w) if user == row["user_id"] and time <= begin <= time + within]
            found.append((seconds(min(paid) - time) if paid else None, w.over(time, within)))
    return found


@plain
def trial_signups(w: Shop, p: Period) -> Found:
    return float(len({row["user_id"] for row in w["subscriptions"] if w.seen(row["trial_start"], p)}))


@plain
def trial_to_paid_rate(w: Shop, p: Period) -> Found:
    return share((wait is not None, ripe) for wait, ripe in trials(w, p))


@plain
def time_to_convert(w: Shop, p: Period) -> Found:
    return quantile((wait for wait, ripe in trials(w, p) if ripe and wait is not None), 0.5)


@plain
def free_to_paid_rate(w: Shop, p: Period) -> Found:
    within, found = w.choice("paid_within", "30d"), []
    for user in w["users"]:
        time = user["signup_ts"]
        if not w.seen(time, p) or user["plan"] is None:
            continue
        first = min((r["start"] for r in w["subscriptions"] if r["user_id"] == user["user_id"]), default=None)
        late = first is not None and time + timedelta(days=1) < first <= time + within
        if user["plan"] == "free" or late:
            paid = [begin for name, begin, *_ in paying(w) if name == user["user_id"] and begin >= time]
            found.append((bool(paid) and min(paid) <= time + within, w.over(time, within)))
    return share(found)


@plain
def lead_to_sale_rate(w: Shop, p: Period) -> Found:
    within = w.choice("lead_within", "90d")
    leads = [(row["won"], w.known(row["closed_ts"]), row["lead_ts"]) for row in w.within("deals", p, "lead_ts")]
    return share((won and at is not None and at <= lead + within, w.over(lead, within)) for won, at, lead in leads)


@plain
def sales_cycle_length(w: Shop, p: Period) -> Found:
    waits = []
    for row in w.within("deals", p, "lead_ts"):
        begin, at = w.known(row["opportunity_ts"]) or row["lead_ts"], w.known(row["closed_ts"])
        waits.append((seconds((at or w.until) - begin), at is not None and row["won"]))
    return half_done(waits)


@plain
def visitor_to_signup_rate(w: Shop, p: Period) -> Found:
    within = w.choice("signup_within", "30d")
    visits = sorted(w["web_visits"], key=lambda row: (row["time"], row["visitor_id"]))
    first: dict[str, datetime] = {}
    known: dict[str, str] = {}
    claims: dict[str, str] = {}
    for row in visits:
        first.setdefault(row["visitor_id"], row["time"])
        if row["user_id"] is not None and row["time"] <= first[row["visitor_id"]] + within and row["time"] < w.until:
            known.setdefault(row["visitor_id"], row["user_id"])
            claims.setdefault(row["user_id"], row["visitor_id"])
    signed = {user["user_id"]: w.known(user["signup_ts"]) for user in w["users"]}
    found = []
    for visitor, time in first.items():
        user = known.get(visitor)
        signup = signed.get(user) if user is not None else None
        if w.seen(time, p) and (signup is None or signup >= time):
            own = signup is not None and signup <= time + within and user is not None and claims[user] == visitor
            found.append((own, w.over(time, within)))
    return share(found)


def visits(w: Shop, p: Period) -> list[Row]:
    """The first page of each visit that begins in a period."""
    pages: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(w["web_visits"], key=lambda row: row["time"]):
        pages[row["visitor_id"]].append(row)
    return [visit[0] for rows in pages.values() for visit in cut(rows) if w.seen(visit[0]["time"], p)]


@plain
def organic_traffic(w: Shop, p: Period) -> Found:
    return float(sum(row["medium"] == "organic" for row in visits(w, p)))


@plain
def referral_traffic(w: Shop, p: Period) -> Found:
    return float(sum(row["medium"] == "referral" for row in visits(w, p)))


@plain
def traffic_source_mix(w: Shop, p: Period) -> Found:
    counts = Counter(row["source"] or "(direct)" for row in visits(w, p))
    return {(source,): over(count, sum(counts.values())) for source, count in counts.items()}


@plain
def website_visitors(w: Shop, p: Period) -> Found:
    return float(len({row["visitor_id"] for row in w.within("web_visits", p)}))


@plain
def page_views(w: Shop, p: Period) -> Found:
    return float(sum(row["page"] is not None for row in w.within("web_visits", p)))


@plain
def app_downloads(w: Shop, p: Period) -> Found:
    first: dict[str, datetime] = {}
    for row in w["installs"]:
        first[row["device_id"]] = min(first.get(row["device_id"], row["time"]), row["time"])
    return float(sum(w.seen(time, p) for time in first.values()))


def spend(w: Shop, p: Period, column: str) -> int:
    return sum(row[column] or 0 for row in w.booked("marketing_spend", p))


def costs(w: Shop, p: Period, *names: str) -> float:
    rows = w.booked("costs", p)
    return sum(row["amount"] for row in rows if not names or row["category"].lower() in names) / 100


@plain
def acquisition_spend(w: Shop, p: Period) -> Found:
    return spend(w, p, "amount") / 100 + costs(w, p, "salaries")


@plain
def cpa(w: Shop, p: Period) -> Found:
    return over(spend(w, p, "amount") / 100, spend(w, p, "conversions"))


@plain
def cost_of_goods_sold(w: Shop, p: Period) -> Found:
    return costs(w, p, "hosting", "support")


@plain
def total_costs(w: Shop, p: Period) -> Found:
    return costs(w, p)


@plain
def customer_support_costs(w: Shop, p: Period) -> Found:
    return costs(w, p, "support")


@plain
def investment_cost(w: Shop, p: Period) -> Found:
    return costs(w, p, "salaries", "hosting")


@plain
def attributed_revenue(w: Shop, p: Period) -> Found:
    return sum(row["amount"] for row in w.within("transactions", p) if row["product"] in ("p0", "p1")) / 100


def worth(w: Shop, p: Period) -> dict[str, Any]:
    """What derived figures are made of."""
    parts = ("total_revenue", "total_costs", "cost_of_goods_sold", "investment_cost", "attributed_revenue")
    more = ("acquisition_spend", "new_customers", "arpa", "customer_churn_rate")
    return {name: PLAIN[name](w, p) for name in (*parts, *more)}


@plain
def gross_margin(w: Shop, p: Period) -> Found:
    m = worth(w, p)
    return 1 - m["cost_of_goods_sold"] / m["total_revenue"] if m["total_revenue"] > 0 else None


@plain
def profit_margin(w: Shop, p: Period) -> Found:
    m = worth(w, p)
    return 1 - m["total_costs"] / m["total_revenue"] if m["total_revenue"] > 0 else None


@plain
def roi(w: Shop, p: Period) -> Found:
    m = worth(w, p)
    return m["attributed_revenue"] / m["investment_cost"] - 1 if m["investment_cost"] else None


@plain
def cac(w: Shop, p: Period) -> Found:
    m = worth(w, p)
    return over(m["acquisition_spend"], m["new_customers"])


@plain
def cac_payback_period(w: Shop, p: Period) -> Found:
    m = worth(w, p)
    return (
        m["acquisition_spend"] / m["new_customers"] / (m["arpa"] * 0.8) * MONTH
        if m["new_customers"] and m["arpa"]
        else None
    )
