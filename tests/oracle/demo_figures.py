"""Figures of the two demo data sets in plain Python, independent of the library, for the reports to be held against.

    python tests/oracle/demo_figures.py      writes demo_figures.json beside this file

Only the reading of Parquet is left to a library. Money is counted in cents, days are calendar days in UTC (both demo
workspaces are), ISO weeks begin on Monday, and every period is half-open.
"""

import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import Any

import polars as pl

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "data"
OUT = HERE / "demo_figures.json"
CDNOW_UNTIL = date(1998, 7, 1)
CLICKS_UNTIL = date(2024, 6, 30)
REVIEWED_WEEK = date(2024, 6, 17)
GAP = timedelta(minutes=30)
WEEK = timedelta(days=7)
CHECKOUT = ("product_view", "add_to_cart", "purchase")
CHECKOUT_PAGES = ("product_view", "add_to_cart", "shipping_details", "payment_details", "purchase")
WINDOWS = {"30m": GAP, "24h": timedelta(hours=24), "7d": WEEK, "none": None}
FEATURES = {
    "search": ("search", "filter_results"),
    "wishlist": ("wishlist_add",),
    "reviews": ("review_page",),
    "comparison": ("compare",),
    "promotions": ("promo_page",),
    "account": ("account_page",),
    "support_chat": ("support_chat",),
}

Order = tuple[int, date, int]
Event = tuple[str, datetime, str, str]
Figures = dict[str, Any]


def monday(day: date) -> date:
    """The first day of the ISO week."""
    return day - timedelta(days=day.weekday())


def month(day: date) -> date:
    """The first day of the calendar month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the following calendar month."""
    return month(month(day) + timedelta(days=31))


def share(part: int, whole: int) -> float | None:
    """A ratio, or nothing where nobody counts."""
    return part / whole if whole else None


def orders() -> list[Order]:
    """Customer, day and cents of each CDNOW purchase, in the order of the file."""
    table = pl.read_parquet(DATA / "cdnow" / "raw" / "transactions.parquet")
    return [(row[0], row[1], round(row[3] * 100)) for row in table.iter_rows()]


def clicks() -> list[Event]:
    """User, time, event and session of each click, in the order of the file."""
    table = pl.read_parquet(DATA / "clickstream" / "raw" / "events.parquet")
    return list(table.select("user_id", "timestamp", "event", "session_id").iter_rows())


def cohorts(
    activity: Iterable[tuple[Any, date]], begin: Callable[[date], date], following: Callable[[date], date], until: date
) -> Figures:
    """Calendar retention by period of the first activity: sizes, cells, and rates pooled over complete cells only."""
    seen: dict[Any, set[date]] = defaultdict(set)
    for unit, day in activity:
        seen[unit].add(begin(day))
    members: dict[date, list[Any]] = defaultdict(list)
    for unit, periods in seen.items():
        members[min(periods)].append(unit)
    last = max(max(periods) for periods in seen.values())
    rows: list[Figures] = []
    pooled: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for start in sorted(members):
        cells: list[list[int]] = []
        period = start
        while period <= last:
            retained = sum(period in seen[unit] for unit in members[start])
            complete = following(period) <= until
            cells.append([retained, int(complete)])
            if complete:
                pooled[len(cells) - 1][0] += len(members[start])
                pooled[len(cells) - 1][1] += retained
            period = following(period)
        rows.append({"start": str(start), "size": len(members[start]), "retained_complete": cells})
    total = [{"k": k, "eligible": e, "retained": r, "rate": share(r, e)} for k, (e, r) in sorted(pooled.items())]
    return {"cohorts": rows, "pooled": total}


def at_least(counts: Iterable[int], wanted: int) -> int:
    """How many counts reach a number."""
    return sum(count >= wanted for count in counts)


def buyers_of(rows: Sequence[Order]) -> Figures:
    """What a stretch of orders says: orders, buyers, money, and how many bought more than once."""
    per_buyer = Counter(row[0] for row in rows)
    days = Counter(customer for customer, _ in {row[:2] for row in rows})
    cents = sum(row[2] for row in rows)
    return {
        "orders": len(rows),
        "buyers": len(per_buyer),
        "revenue_cents": cents,
        "average_order_cents": share(cents, len(rows)),
        "revenue_per_buyer_cents": share(cents, len(per_buyer)),
        "buyers_with_2_orders": at_least(per_buyer.values(), 2),
        "repeat_rate": share(at_least(per_buyer.values(), 2), len(per_buyer)),
        "buyers_on_2_days": at_least(days.values(), 2),
        "zero_amount_orders": sum(row[2] == 0 for row in rows),
    }


def order_stages(rows: Sequence[Order], stages: Sequence[int] = (1, 2, 3, 5, 10)) -> list[Figures]:
    """Who ever reached the n-th order, and the median time from the first order to it."""
    days: dict[int, list[date]] = defaultdict(list)
    for customer, day, _ in rows:
        days[customer].append(day)
    steps: list[Figures] = []
    previous = len(days)
    for stage in stages:
        spans = [(sorted(own)[stage - 1] - min(own)).days * 86_400 for own in days.values() if len(own) >= stage]
        steps.append(
            {
                "event": f"purchase@{stage}",
                "units": len(spans),
                "from_start": share(len(spans), len(days)),
                "from_previous": share(len(spans), previous),
                "median_seconds": float(median(spans)) if spans else None,
            }
        )
        previous = len(spans)
    return steps


def cdnow() -> Figures:
    """All figures of the CDNOW workspace."""
    rows = orders()
    first: dict[int, date] = {}
    for customer, day, _ in rows:
        first[customer] = min(day, first.get(customer, day))
    new = Counter(month(day) for day in first.values())
    months: dict[date, list[Order]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row[1]):
        months[month(row[1])].append(row)
    days = [row[1] for row in rows]
    year = [row for row in rows if date(1997, 7, 1) <= row[1] < CDNOW_UNTIL]
    activity = [(row[0], row[1]) for row in rows]
    return {
        "observed_until": str(CDNOW_UNTIL),
        "whole": buyers_of(rows) | {"first_day": str(min(days)), "last_day": str(max(days))},
        "last_first_purchase": str(max(first.values())),
        "months": {str(start): buyers_of(own) | {"new_customers": new[start]} for start, own in months.items()},
        "trailing_12_months": buyers_of(year),
        "order_stages": order_stages(rows),
        "weekly_cohorts": cohorts(activity, monday, lambda day: monday(day) + WEEK, CDNOW_UNTIL),
        "monthly_cohorts": cohorts(activity, month, next_month, CDNOW_UNTIL),
    }


def attempt(times: dict[str, list[datetime]], entry: datetime, steps: Sequence[str], *, strict: bool) -> list[datetime]:
    """Earliest times of the steps after an entry; `strict` forbids two steps at the same instant. Step names differ."""
    reached = [entry]
    find = bisect_right if strict else bisect_left
    for step in steps[1:]:
        own = times.get(step, [])
        place = find(own, reached[-1])
        if place == len(own):
            break
        reached.append(own[place])
    return reached


def best(
    times: dict[str, list[datetime]],
    steps: Sequence[str],
    entries: Sequence[datetime],
    *,
    within: timedelta | None,
    strict: bool = False,
) -> list[datetime]:
    """The deepest attempt; among equals the one that started first."""
    chains = (attempt(times, entry, steps, strict=strict) for entry in entries)
    cut = [[at for at in chain if within is None or at - chain[0] <= within] for chain in chains]
    return min(cut, key=lambda chain: (-len(chain), chain[0]), default=[])


def funnel(
    log: Sequence[Event],
    steps: Sequence[str],
    *,
    within: timedelta | None,
    start: date = date.min,
    stop: date = date.max,
) -> Figures:
    """Users by step, for entries in [start, stop) whose whole window was observed; the rest are in progress."""
    until = datetime.combine(CLICKS_UNTIL, time())
    users: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for user, at, event, _ in sorted(log, key=lambda row: row[1]):
        users[user][event].append(at)
    chains: list[list[datetime]] = []
    in_progress = tie_sensitive = 0
    for times in users.values():
        entries = [at for at in times.get(steps[0], []) if start <= at.date() < stop]
        ripe = [at for at in entries if within is None or at + within <= until]
        in_progress += bool(entries) and not ripe
        chains.append(best(times, steps, ripe, within=within))
        tie_sensitive += len(chains[-1]) != len(best(times, steps, ripe, within=within, strict=True))
    table: list[Figures] = []
    for level, step in enumerate(steps):
        spans = [(chain[level] - chain[0]).total_seconds() for chain in chains if len(chain) > level]
        table.append({"event": step, "units": len(spans), "median_seconds": float(median(spans)) if spans else None})
    return {"steps": table, "in_progress": in_progress, "tie_sensitive": tie_sensitive}


def funnels(log: Sequence[Event]) -> Figures:
    """Both checkout funnels for several windows: over all entries, and over the entries of the reviewed week."""
    out: Figures = {}
    for name, steps in (("checkout", CHECKOUT), ("checkout_pages", CHECKOUT_PAGES)):
        for label, within in WINDOWS.items():
            week = funnel(log, steps, within=within, start=REVIEWED_WEEK, stop=REVIEWED_WEEK + WEEK)
            out[f"{name} within {label}"] = {"whole": funnel(log, steps, within=within), "reviewed_week": week}
    return out


def sessions(log: Sequence[Event], gap: timedelta | None) -> list[tuple[str, datetime, float, int]]:
    """User, start, seconds and number of events of each session; without a gap the log's own session ids decide."""
    ordered = sorted(log, key=lambda row: (row[0], row[1]))
    runs: list[list[Event]] = []
    if gap is None:
        by_id: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for row in ordered:
            by_id[row[0], row[3]].append(row)
        runs = list(by_id.values())
    else:
        for row in ordered:
            goes_on = bool(runs) and runs[-1][-1][0] == row[0] and row[1] - runs[-1][-1][1] <= gap
            if goes_on:
                runs[-1].append(row)
            else:
                runs.append([row])
    return [(run[0][0], run[0][1], (run[-1][1] - run[0][1]).total_seconds(), len(run)) for run in runs]


def of_sessions(found: Sequence[tuple[str, datetime, float, int]]) -> Figures:
    """The summary that is printed for sessions."""
    return {
        "sessions": len(found),
        "users": len({row[0] for row in found}),
        "median_seconds": float(median(row[2] for row in found)),
        "mean_seconds": fmean(row[2] for row in found),
        "events_per_session": fmean(row[3] for row in found),
        "single_event_share": fmean(row[3] == 1 for row in found),
        "zero_length_share": fmean(row[2] == 0 for row in found),
    }


def week_figures(start: date, log: Sequence[Event], found: Sequence[tuple[str, datetime, float, int]]) -> Figures:
    """One ISO week: actives, sessions begun, purchases and feature use."""
    own = [row for row in log if start <= row[1].date() < start + WEEK]
    first, end = start + WEEK - timedelta(days=30), start + WEEK
    trailing = {row[0] for row in log if first <= row[1].date() < end}
    days = [len({row[0] for row in own if row[1].date() == start + timedelta(days=n)}) for n in range(7)]
    actives = {row[0] for row in own}
    begun = [row for row in found if start <= row[1].date() < start + WEEK]
    used = {name: len({row[0] for row in own if row[2] in events}) for name, events in FEATURES.items()}
    return {
        "complete": start + WEEK <= CLICKS_UNTIL,
        "events": len(own),
        "daily_actives": days,
        "mean_dau": fmean(days),
        "wau": len(actives),
        "mau_30": len(trailing),
        "mean_dau_over_wau": fmean(days) / len(actives),
        "sessions": of_sessions(begun),
        "purchases": sum(row[2] == "purchase" for row in own),
        "buyers": len({row[0] for row in own if row[2] == "purchase"}),
        "feature_users": used,
    }


def clickstream() -> Figures:
    """All figures of the click-stream workspace."""
    log = clicks()
    by_gap = sessions(log, GAP)
    names = Counter(row[2] for row in log)
    people = Counter(event for _, event in {(row[0], row[2]) for row in log})
    first: dict[str, date] = {}
    for user, at, _, _ in log:
        first[user] = min(at.date(), first.get(user, at.date()))
    new = Counter(monday(day) for day in first.values())
    weeks = sorted({monday(row[1].date()) for row in log})
    return {
        "observed_until": str(CLICKS_UNTIL),
        "events": len(log),
        "users": len(first),
        "first_time": str(min(row[1] for row in log)),
        "last_time": str(max(row[1] for row in log)),
        "event_counts": {name: {"events": count, "users": people[name]} for name, count in names.most_common()},
        "sessions_by_gap": of_sessions(by_gap),
        "sessions_by_id": of_sessions(sessions(log, None)),
        "reviewed_week": str(REVIEWED_WEEK),
        "weeks": {str(start): week_figures(start, log, by_gap) | {"new_users": new[start]} for start in weeks},
        "funnels": funnels(log),
        "weekly_cohorts": cohorts(
            [(row[0], row[1].date()) for row in log], monday, lambda day: monday(day) + WEEK, CLICKS_UNTIL
        ),
    }


def figures() -> Figures:
    """Everything, by workspace."""
    return {"cdnow": cdnow(), "clickstream": clickstream()}


def as_text(content: Figures) -> str:
    """The file's text: one line a leaf record, so that a changed figure shows as a small difference."""
    lines = [f'  "{space}": {{\n' + ",\n".join(_entries(parts)) + "\n  }" for space, parts in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entries(parts: Figures) -> list[str]:
    """One line a figure; groups of records get one line a record."""
    out: list[str] = []
    for name, value in parts.items():
        if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
            inner = ",\n".join(f"      {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items())
            out.append(f"    {json.dumps(name)}: {{\n{inner}\n    }}")
        else:
            out.append(f"    {json.dumps(name)}: {json.dumps(value)}")
    return out


if __name__ == "__main__":
    OUT.write_text(as_text(figures()), encoding="utf-8")
