"""How the product is made, what it is measured against, and who hears of it, in plain Python."""

from collections import defaultdict

from tests.brute.plain import (
    PLAIN,
    Found,
    Number,
    Period,
    Row,
    Shop,
    mean,
    over,
    plain,
    quantile,
    seconds,
    share,
    waited,
)
from tests.brute.plain_people import watched

Components = dict[tuple[str, ...], Number]


def confirmed(w: Shop) -> list[Row]:
    return [row for row in w["defects"] if row["status"] not in ("rejected", "duplicate") and row["opened"] < w.until]


@plain
def active_defects(w: Shop, p: Period) -> Found:
    rows = [(row["opened"], w.known(row["closed"])) for row in confirmed(w)]
    return float(sum(opened < p.end and not (closed is not None and closed < p.end) for opened, closed in rows))


@plain
def rejected_defects(w: Shop, p: Period) -> Found:
    return float(sum(row["status"] in ("rejected", "duplicate") for row in w.within("defects", p, "opened")))


@plain
def severe_defects(w: Shop, p: Period) -> Found:
    grave = ("blocker", "critical", "major")
    return float(sum(w.seen(row["opened"], p) and row["severity"] in grave for row in confirmed(w)))


@plain
def bug_resolution_time(w: Shop, p: Period) -> Found:
    return waited(w, [row for row in confirmed(w) if w.seen(row["opened"], p)], "opened", "closed")


@plain
def bug_resolution_rate(w: Shop, p: Period) -> Found:
    within = w.choice("bug_within", "14d")
    rows = [(w.known(row["closed"]), row["opened"] + within) for row in confirmed(w) if w.seen(row["opened"], p)]
    return share((closed is not None and closed <= due, due <= w.until) for closed, due in rows)


def followed(w: Shop, p: Period) -> list[tuple[Row, Row]]:
    """Releases of a period, each with the defects found up to so long after it."""
    within = w.choice("defect_follow_up", "90d")
    shipped = {row["release_id"]: row for row in w.within("releases", p)}
    met = [(shipped[row["release"]], row) for row in confirmed(w) if row["release"] in shipped]
    return [(release, row) for release, row in met if row["opened"] <= release["time"] + within]


@plain
def defect_detection_effectiveness(w: Shop, p: Period) -> Found:
    within, found = w.choice("defect_follow_up", "90d"), []
    for release, row in followed(w, p):
        before = row["found_by"] == "team" and row["opened"] <= release["time"]
        found.append((before, w.over(release["time"], within)))
    return share(found)


@plain
def defect_density(w: Shop, p: Period) -> Found:
    sizes: dict[str, float] = defaultdict(float)
    for row in w["code_size"]:
        sizes[row["release"]] += row["kloc"]
    size = sum(sizes[row["release_id"]] for row in w.within("releases", p))
    return over(sum(sizes[release["release_id"]] > 0 for release, _ in followed(w, p)), size)


def results(w: Shop, p: Period) -> list[str]:
    """The last result of each test in each run."""
    last = {
        (r["run_id"], r["test_id"]): r["result"] for r in w.within("tests", p) if r["result"] in ("passed", "failed")
    }
    return list(last.values())


@plain
def tests_executed(w: Shop, p: Period) -> Found:
    return float(len(results(w, p)))


@plain
def tests_passed(w: Shop, p: Period) -> Found:
    return float(results(w, p).count("passed"))


@plain
def failed_tests(w: Shop, p: Period) -> Found:
    return mean(result == "failed" for result in results(w, p))


@plain
def automation(w: Shop, p: Period) -> Found:
    last = {row["test_id"]: row["automated"] for row in w.within("tests", p) if row["automated"] is not None}
    return mean(last.values())


PLAIN["test_automation_rate"] = PLAIN.pop("automation")  # under its own name pytest would run it


@plain
def release_velocity(w: Shop, p: Period) -> Found:
    return float(len(w.within("releases", p)))


@plain
def deployment_frequency(w: Shop, p: Period) -> Found:
    return over(len(w.within("releases", p)), watched(w, p))


@plain
def change_lead_time(w: Shop, p: Period) -> Found:
    return quantile((seconds(row["time"] - row["committed"]) for row in w.within("releases", p)), 0.5)


@plain
def deployment_rework_rate(w: Shop, p: Period) -> Found:
    return mean(row["kind"] in ("fix", "hotfix", "rollback") for row in w.within("releases", p))


@plain
def time_to_market(w: Shop, p: Period) -> Found:
    return quantile((seconds(row["launched"] - row["started"]) for row in w.within("features", p, "launched")), 0.5)


@plain
def goal_progress(w: Shop, p: Period) -> Found:
    found: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for row in w["goals"]:
        if row["start"] < p.stop and row["due"] >= p.first:
            part = (row["current_value"] - row["start_value"]) / (row["target_value"] - row["start_value"])
            whole = float(row["current_value"] >= row["target_value"])
            found[(row["goal"],)].append(
                (whole if row["type"] == "boolean" else min(max(part, 0.0), 1.0), row["weight"])
            )
    return {g: over(sum(part * n for part, n in parts), sum(n for _, n in parts)) for g, parts in found.items()}


def large(w: Shop) -> dict[str, list[Row]]:
    """Work by team, of teams of five people and more."""
    teams: dict[str, list[Row]] = defaultdict(list)
    for row in w["work_items"]:
        if row["created"] < w.until:
            teams[str(row["team"])].append(row)
    return {team: rows for team, rows in teams.items() if len({row["assignee"] for row in rows}) >= 5}


@plain
def tasks_completed(w: Shop, p: Period) -> Found:
    return {(team,): float(sum(w.seen(row["completed"], p) for row in rows)) for team, rows in large(w).items()}


@plain
def workspace_points(w: Shop, p: Period) -> Found:
    return {
        (team,): float(sum(row["points"] or 0.0 for row in rows if w.seen(row["completed"], p)))
        for team, rows in large(w).items()
    }


@plain
def tasks_worked_on(w: Shop, p: Period) -> Found:
    touched = {row["item_id"] for row in w.booked("work_log", p)}
    return {(team,): float(sum(row["item_id"] in touched for row in rows)) for team, rows in large(w).items()}


@plain
def overdue_tasks(w: Shop, p: Period) -> Found:
    found: Components = {}
    for team, rows in large(w).items():
        late = [row for row in rows if row["due"] < min(p.end, w.until)]
        done = [w.known(row["completed"]) for row in late]
        found[(team,)] = float(sum(not (at is not None and at < p.end) for at in done))
    return found


@plain
def uncleared_notifications(w: Shop, p: Period) -> Found:
    team = {
        row["assignee"]: str(row["team"]) for row in sorted(w["work_items"], key=lambda r: (r["created"], r["item_id"]))
    }
    people: dict[str, set[str]] = defaultdict(set)
    for row in w["notifications"]:
        people[team.get(row["member"], "None")].add(row["member"])
    found: Components = {(name,): 0.0 for name, members in people.items() if len(members) >= 5}
    for row in w["notifications"]:
        cleared, name = w.known(row["cleared_ts"]), (team.get(row["member"], "None"),)
        if name in found and row["time"] < p.end and not (cleared is not None and cleared < p.end):
            found[name] = (found[name] or 0) + 1.0
    return found


def spent(w: Shop, p: Period, column: str) -> float:
    return float(sum(row[column] or 0 for row in w.booked("marketing_spend", p)))


@plain
def marketing_impressions(w: Shop, p: Period) -> Found:
    return spent(w, p, "impressions")


@plain
def marketing_reach(w: Shop, p: Period) -> Found:
    return spent(w, p, "reach")


@plain
def marketing_clicks(w: Shop, p: Period) -> Found:
    return spent(w, p, "clicks")


@plain
def campaign_conversions(w: Shop, p: Period) -> Found:
    return spent(w, p, "conversions")


@plain
def social_likes(w: Shop, p: Period) -> Found:
    return float(sum(row["likes"] for row in w.booked("social", p)))


@plain
def social_followers(w: Shop, p: Period) -> Found:
    rows = sorted((r for r in w["social"] if r["date"] < p.stop and r["date"] <= w.last), key=lambda r: r["date"])
    last = {row["platform"]: row["followers"] for row in rows}
    return float(sum(last.values())) if last else None


@plain
def social_engagement_rate(w: Shop, p: Period) -> Found:
    rows = w.booked("social", p)
    done = sum(row[what] for row in rows for what in ("likes", "comments", "shares", "clicks"))
    return over(done, sum(row["impressions"] for row in rows))


def others(w: Shop, p: Period, metric: str) -> dict[str, float]:
    """What the market table says of a period, by competitor."""
    year, week, _ = p.first.isocalendar()
    name = f"{year}-W{week:02}" if w.every == "week" else f"{p.first:%Y-%m}"
    return {r["competitor"]: r["value"] for r in w["market"] if (r["period"], r["metric"]) == (name, metric)}


@plain
def market_share(w: Shop, p: Period) -> Found:
    rows, whole = w.within("transactions", p), others(w, p, "revenue").get("(market)")
    return over(sum(row["amount"] for row in rows) / 100, whole or 0) if rows else None


@plain
def relative_user_base(w: Shop, p: Period) -> Found:
    users = sum(u["signup_ts"] is not None and u["signup_ts"] < min(p.end, w.until) for u in w["users"])
    return {(name,): over(users, value) for name, value in others(w, p, "users").items() if name != "(market)"}


@plain
def relative_churn_rate(w: Shop, p: Period) -> Found:
    own = PLAIN["customer_churn_rate"](w, p)
    rates = others(w, p, "churn_rate").items()
    return {(name,): own - rate for name, rate in rates if name != "(market)" and isinstance(own, float)}
