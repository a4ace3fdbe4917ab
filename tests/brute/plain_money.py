"""What customers pay, what winning them costs, and which leads, visitors and trials become customers, in plain Python."""

import math
from collections import Counter, defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.brute.plain import PLAIN, Found, Number, Period, Row, Shop, over, plain, share


def pays_from(row: Row) -> datetime | None:
    """When a subscription begins to bring money; nothing for trials and free plans."""
    begin: datetime = row["start"]
    if row["trial_end"] is not None and row["start"] <= (row["trial_start"] or row["start"]):
        begin = max(begin, row["trial_end"])
    none = row["is_trial"] or not row["mrr"] or (row["end"] is not None and row["end"] <= begin)
    return None if none else begin


def paying(w: Shop) -> list[tuple[str, datetime, datetime | None, int]]:
    """User, begin, end as far as it is known, monthly price."""
    rows = [
        (r["user_id"], pays_from({**r, "end": w.known(r["end"])}), w.known(r["end"]), r["mrr"])
        for r in w["subscriptions"]
    ]
    return [(user, begin, end, price) for user, begin, end, price in rows if begin is not None and begin < w.until]


def prices(w: Shop, time: datetime) -> Counter[str]:
    """What each customer pays a month just before an instant."""
    found: Counter[str] = Counter()
    for user, begin, end, price in paying(w):
        if begin < time and (end is None or end >= time):
            found[user] += price
    return found


def edges(w: Shop, p: Period) -> tuple[Counter[str], Counter[str]]:
    return prices(w, p.start), prices(w, p.end)


def moved(w: Shop, p: Period) -> dict[str, int]:
    """MRR that came and went, customer by customer: the ends of the period set against each other."""
    opening, closing = edges(w, p)
    sums: dict[str, int] = dict.fromkeys(("new", "back", "up", "down", "churn"), 0)
    for user in {user for user, *_ in paying(w)}:
        was, now = opening[user], closing[user]
        if was and now:
            sums["up"] += max(now - was, 0)
            sums["down"] += max(was - now, 0)
            continue
        own = [each for each in paying(w) if each[0] == user]
        times = sorted({time for _, begin, end, _ in own for time in (begin, end) if time is not None})
        levels = [sum(n for _, begin, end, n in own if begin <= t and (end is None or end > t)) for t in times]
        come = [(t, n) for t, n, before in zip(times, levels, [0, *levels], strict=False) if n and not before]
        inside = [(t, n) for t, n in come if p.start <= t < p.end]
        if not was and inside:
            time, price = inside[0]
            sums["back" if time > come[0][0] else "new"] += now or price
        if not now:
            sums["churn"] += was or (inside[0][1] if inside else 0)
    assert (
        sum(opening.values()) + sums["new"] + sums["back"] + sums["up"]
        == sum(closing.values()) + sums["down"] + sums["churn"]
    )
    return sums


@plain
def mrr(w: Shop, p: Period) -> Found:
    return sum(prices(w, p.end).values()) / 100


@plain
def arpa(w: Shop, p: Period) -> Found:
    now = prices(w, p.end)
    return over(sum(now.values()), 100 * len(now))


@plain
def nrr(w: Shop, p: Period) -> Found:
    was, now = edges(w, p)
    return over(sum(now[user] for user in was), sum(was.values()))


@plain
def grr(w: Shop, p: Period) -> Found:
    was, now = edges(w, p)
    return over(sum(min(now[user], price) for user, price in was.items()), sum(was.values()))


@plain
def gross_mrr_churn(w: Shop, p: Period) -> Found:
    sums = moved(w, p)
    return over(sums["churn"] + sums["down"], sum(prices(w, p.start).values()))


@plain
def net_mrr_churn(w: Shop, p: Period) -> Found:
    sums = moved(w, p)
    return over(sums["churn"] + sums["down"] - sums["up"] - sums["back"], sum(prices(w, p.start).values()))


@plain
def quick_ratio(w: Shop, p: Period) -> Found:
    sums = moved(w, p)
    return over(sums["new"] + sums["up"] + sums["back"], sums["churn"] + sums["down"])


@plain
def customer_churn_rate(w: Shop, p: Period) -> Found:
    was, now = edges(w, p)
    return over(sum(not now[user] for user in was), len(was))


@plain
def customer_retention_rate(w: Shop, p: Period) -> Found:
    was, now = edges(w, p)
    return over(sum(bool(now[user]) for user in was), len(was))


@plain
def subscription_renewal_rate(w: Shop, p: Period) -> Found:
    grace = w.choice("renewal_grace", "7d")
    due = [row for row in w["subscriptions"] if not row["is_trial"] and w.seen(row["term_end"], p)]
    done = [(w.known(row["renewed_ts"]), row["term_end"] + grace) for row in due]
    return share((renewed is not None and renewed <= last, last <= w.until) for renewed, last in done)


def orders(w: Shop) -> list[tuple[str, datetime, int]]:
    """User, time of the first row and amount of each order; refunds are none."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in w["transactions"]:
        if row["kind"] == "sale" and row["time"] < w.until:
            found[row["user_id"], row["order_id"]].append(row)
    return [(user, min(r["time"] for r in rows), sum(r["amount"] for r in rows)) for (user, _), rows in found.items()]


def bought(w: Shop, p: Period) -> list[tuple[str, datetime, int]]:
    return [order for order in orders(w) if w.seen(order[1], p)]


def takings(w: Shop, p: Period) -> Counter[str]:
    """What each user paid in a period, refunds taken off."""
    found: Counter[str] = Counter()
    for row in w.within("transactions", p):
        found[row["user_id"]] += row["amount"]
    return found


@plain
def total_revenue(w: Shop, p: Period) -> Found:
    return sum(takings(w, p).values()) / 100


PLAIN["orders"] = lambda w, p: float(len(bought(w, p)))


@plain
def average_order_value(w: Shop, p: Period) -> Found:
    found = bought(w, p)
    return over(sum(amount for *_, amount in found), 100 * len(found))


@plain
def active_customers(w: Shop, p: Period) -> Found:
    return float(len({user for user, *_ in bought(w, p)}))


@plain
def new_customers(w: Shop, p: Period) -> Found:
    first: dict[str, datetime] = {}
    for user, time, _ in orders(w):
        first[user] = min(first.get(user, time), time)
    return float(sum(w.seen(time, p) for time in first.values()))


@plain
def arppu(w: Shop, p: Period) -> Found:
    return over(sum(takings(w, p).values()), 100 * len({user for user, *_ in bought(w, p)}))


@plain
def arpu(w: Shop, p: Period) -> Found:
    return over(sum(takings(w, p).values()), 100 * len(w.active(p)))


@plain
def repeat_purchase_rate(w: Shop, p: Period) -> Found:
    counts = Counter(user for user, *_ in bought(w, p))
    return over(sum(count > 1 for count in counts.values()), len(counts))


@plain
def revenue_concentration(w: Shop, p: Period) -> Found:
    paid = sorted((amount for amount in takings(w, p).values() if amount > 0), reverse=True)
    return over(sum(paid[: math.ceil(len(paid) / 10)]), sum(paid))


@plain
def revenue_gini(w: Shop, p: Period) -> Found:
    paid = [amount for amount in takings(w, p).values() if amount > 0]
    apart = sum(abs(one - other) for one in paid for other in paid)
    return over(apart, 2 * len(paid) * sum(paid))


@plain
def new_product_revenue_share(w: Shop, p: Period) -> Found:
    launches = {row["product"]: row["launch_ts"] for row in w["products"]}
    sold, fresh = 0, 0
    for row in w.within("transactions", p):
        if row["kind"] == "sale":
            launch = launches.get(row["product"])
            sold += row["amount"]
            fresh += row["amount"] * (launch is not None and launch <= row["time"] < year_after(w, launch))
    return over(fresh, sold)


def year_after(w: Shop, time: datetime) -> datetime:
    local = time.astimezone(ZoneInfo(w.zone))
    return local.replace(year=local.year + 1)


@plain
def feature_attributed_revenue(w: Shop, p: Period) -> Found:
    paid, there = takings(w, p), w.active(p)
    found: dict[tuple[str, ...], Number] = {}
    for feature, events in w.features.items():
        users = {user for user, rows in there.items() if any(row["event"] in events for row in rows)}
        for group, people in (("users", users), ("others", there.keys() - users)):
            if people:
                found[feature, group] = over(sum(paid[user] for user in people), 100 * len(people))
    return found


@plain
def paid_feature_conversion_rate(w: Shop, p: Period) -> Found:
    there = w.active(p).keys()
    until = min(p.end, w.until)
    payers = {user for user, begin, end, _ in paying(w) if begin < until and (end is None or end > p.start)}
    return over(len(there & (payers | {user for user, *_ in bought(w, p)})), len(there))
