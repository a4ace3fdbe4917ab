"""What people say, how they are helped, and whether the product holds, in plain Python."""

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from statistics import fmean

from tests.brute.plain import (
    Found,
    Number,
    Period,
    Row,
    Shop,
    latest,
    mean,
    over,
    plain,
    quantile,
    seconds,
    share,
    waited,
)

PLANNED = ("planned", "maintenance")


def answers(w: Shop, p: Period, kind: str, table: str = "surveys") -> list[float]:
    """The last answer of each person in a period."""
    who = "user_id" if table == "surveys" else "employee_id"
    rows = [r for r in w.within(table, p) if r["kind"] == kind and r.get("item") is None and r["score"] is not None]
    return [row["score"] for row in latest(rows, who)]


def promoters(scores: list[float]) -> Number:
    return over(100 * (sum(s >= 9 for s in scores) - sum(s <= 6 for s in scores)), len(scores))


@plain
def nps(w: Shop, p: Period) -> Found:
    return promoters(answers(w, p, "nps"))


@plain
def nps_promoter_share(w: Shop, p: Period) -> Found:
    return mean(score >= 9 for score in answers(w, p, "nps"))


@plain
def nps_detractor_share(w: Shop, p: Period) -> Found:
    return mean(score <= 6 for score in answers(w, p, "nps"))


@plain
def csat(w: Shop, p: Period) -> Found:
    return mean(score >= 4 for score in answers(w, p, "csat"))


@plain
def csat_mean(w: Shop, p: Period) -> Found:
    return mean(answers(w, p, "csat"))


@plain
def ces(w: Shop, p: Period) -> Found:
    return mean(score >= 5 for score in answers(w, p, "ces"))


@plain
def kpi_rating_score(w: Shop, p: Period) -> Found:
    return mean(row["score"] for row in w.within("surveys", p) if row["kind"] == "rating")


@plain
def sus(w: Shop, p: Period) -> Found:
    scores: list[Row] = []
    sheets: dict[tuple[datetime, str | None], dict[int, float]] = defaultdict(dict)
    for row in w.within("surveys", p):
        if row["kind"] == "sus" and row["item"] is None:
            scores.append({"time": row["time"], "user_id": row["user_id"], "score": row["score"]})
        elif row["kind"] == "sus":
            sheets[row["time"], row["user_id"]][row["item"]] = row["score"]
    for (time, user), given in sheets.items():
        odd = sum(given.get(item, 3) - 1 for item in (1, 3, 5, 7, 9))
        even = sum(5 - given.get(item, 3) for item in (2, 4, 6, 8, 10))
        scores.append({"time": time, "user_id": user, "score": 2.5 * (odd + even)})
    return mean(row["score"] for row in latest(sorted(scores, key=lambda row: row["time"]), "user_id"))


def hidden(value: Number, scores: list[float]) -> Number:
    return value if len(scores) >= 5 else None


@plain
def employee_satisfaction_score(w: Shop, p: Period) -> Found:
    scores = answers(w, p, "satisfaction", "employee_surveys")
    return hidden(mean(scores), scores)


@plain
def employee_engagement(w: Shop, p: Period) -> Found:
    scores = answers(w, p, "engagement", "employee_surveys")
    return hidden(mean(scores), scores)


@plain
def dev_team_nps(w: Shop, p: Period) -> Found:
    scores = answers(w, p, "enps", "employee_surveys")
    return hidden(promoters(scores), scores)


@plain
def avg_review_rating(w: Shop, p: Period) -> Found:
    return mean(row["rating"] for row in w.within("reviews", p) if row["rating"] is not None)


@plain
def feedback_volume(w: Shop, p: Period) -> Found:
    return float(len(w.within("reviews", p)))


@plain
def feature_request_votes(w: Shop, p: Period) -> Found:
    found: dict[tuple[str, ...], Number] = {}
    for row in latest(w.within("feature_requests", p), "user_id", "feature"):
        found[(row["feature"],)] = (found.get((row["feature"],)) or 0) + 1.0
    return found


@plain
def task_completion_rate(w: Shop, p: Period) -> Found:
    return mean(row["completed"] for row in w.within("usability_tasks", p) if row["completed"] is not None)


@plain
def usability_error_rate(w: Shop, p: Period) -> Found:
    rows = [row for row in w.within("usability_tasks", p) if row["opportunities"]]
    return over(sum(row["errors"] for row in rows), sum(row["opportunities"] for row in rows))


@plain
def ticket_volume(w: Shop, p: Period) -> Found:
    return float(len(w.within("tickets", p, "opened")))


@plain
def escalated_tickets(w: Shop, p: Period) -> Found:
    return float(sum(bool(row["escalated"]) for row in w.within("tickets", p, "opened")))


@plain
def support_escalation_rate(w: Shop, p: Period) -> Found:
    within = w.choice("escalation_within", "7d")
    return share((row["escalated"], w.over(row["opened"], within)) for row in w.within("tickets", p, "opened"))


@plain
def first_response_time(w: Shop, p: Period) -> Found:
    return waited(w, w.within("tickets", p, "opened"), "opened", "first_response")


@plain
def inquiry_response_time(w: Shop, p: Period) -> Found:
    return waited(w, w.within("inquiries", p, "received"), "received", "responded")


@plain
def first_contact_resolution(w: Shop, p: Period) -> Found:
    within, rows = w.choice("fcr_within", "7d"), w.within("tickets", p, "resolved")
    once = [
        (r["contacts"] == 1 and not r["escalated"] and not r["reopened"], w.over(r["resolved"], within)) for r in rows
    ]
    return share(once)


@plain
def support_csat(w: Shop, p: Period) -> Found:
    return mean(row["csat"] >= 4 for row in w.within("tickets", p, "resolved") if row["csat"] is not None)


@plain
def avg_support_response_time(w: Shop, p: Period) -> Found:
    since: dict[str, datetime] = {}
    waits = []
    for row in sorted(w["ticket_messages"], key=lambda row: row["time"]):
        if row["author"] == "customer":
            since.setdefault(row["ticket_id"], row["time"])
        elif row["author"] == "agent" and row["ticket_id"] in since:
            begin = since.pop(row["ticket_id"])
            if w.seen(row["time"], p):
                waits.append(seconds(row["time"] - begin))
    return mean(waits)


@plain
def app_error_rate(w: Shop, p: Period) -> Found:
    return mean(row["status"] >= 500 for row in w.within("requests", p) if row["status"] is not None)


def latency(w: Shop, p: Period, kind: str) -> Found:
    took = [row["latency_ms"] / 1_000 for row in w.within("requests", p) if row["kind"] == kind]
    return {(f"p{q}",): quantile(took, q / 100) for q in (50, 95, 99)} if took else {}


@plain
def site_response_time(w: Shop, p: Period) -> Found:
    return latency(w, p, "page")


@plain
def api_latency(w: Shop, p: Period) -> Found:
    return latency(w, p, "api")


@plain
def apdex(w: Shop, p: Period) -> Found:
    points = []
    for row in w.within("requests", p):
        failed = row["status"] is not None and row["status"] >= 500
        points.append(0.0 if failed or row["latency_ms"] > 2_000 else 1.0 if row["latency_ms"] <= 500 else 0.5)
    return mean(points)


def failures(w: Shop) -> list[Row]:
    return [row for row in w["incidents"] if row["kind"] not in PLANNED and row["start"] < w.until]


def up_and_down(w: Shop, p: Period) -> tuple[float, float]:
    """Seconds of a period that were watched, and those in which something was down, walked from edge to edge."""
    begin, end = max(p.start, w.since), min(p.end, w.until)
    if end <= begin:
        return 0.0, 0.0
    spans = [(row["start"], w.known(row["end"]) or w.until) for row in failures(w)]
    cuts = sorted({begin, end, *(time for span in spans for time in span if begin < time < end)})
    down = sum(seconds(b - a) for a, b in pairwise(cuts) if any(s <= a and b <= e for s, e in spans))
    return seconds(end - begin), down


@plain
def uptime(w: Shop, p: Period) -> Found:
    watched, down = up_and_down(w, p)
    return 1 - down / watched if watched else None


@plain
def mtbf(w: Shop, p: Period) -> Found:
    watched, down = up_and_down(w, p)
    begun = sum(w.seen(row["start"], p) for row in failures(w))
    return over(watched - down, begun)


@plain
def mttf(w: Shop, p: Period) -> Found:
    begin, end = max(p.start, w.since), min(p.end, w.until)
    failed = [(row["start"], w.known(row["failed"])) for row in w["units"]]
    spans = [min(at or w.until, end) - max(start, begin) for start, at in failed]
    lived = sum(max(seconds(span), 0.0) for span in spans)
    return over(lived, sum(at is not None and begin <= at < end for _, at in failed))


def ended(w: Shop, p: Period, clock: str) -> Number:
    rows = [row for row in failures(w) if w.seen(row["end"], p) and row[clock] is not None]
    return fmean(seconds(row["end"] - row[clock]) for row in rows) if rows else None


@plain
def mttr_repair(w: Shop, p: Period) -> Found:
    return ended(w, p, "repair_start")


@plain
def mttr_resolution(w: Shop, p: Period) -> Found:
    return ended(w, p, "start")


@plain
def failed_deployment_recovery_time(w: Shop, p: Period) -> Found:
    led = [row for row in failures(w) if row["release"] is not None and w.seen(row["start"], p)]
    return waited(w, led, "start", "end")


@plain
def change_failure_rate(w: Shop, p: Period) -> Found:
    within, found = w.choice("failure_within", "7d"), []
    for release in w.within("releases", p):
        time = release["time"]
        own = [row["start"] for row in failures(w) if row["release"] == release["release_id"]]
        found.append((any(time <= start <= time + within for start in own), w.over(time, within)))
    return share(found)


@plain
def email_open_rate(w: Shop, p: Period) -> Found:
    return mailed(w, p, "opened")


@plain
def email_click_rate(w: Shop, p: Period) -> Found:
    return mailed(w, p, "clicked")


def mailed(w: Shop, p: Period, what: str) -> Number:
    within = w.choice("email_within", "7d")
    rows = [(w.known(row[what]), row["delivered"] + within) for row in w.within("emails", p, "delivered")]
    return share((at is not None and at <= last, last <= w.until) for at, last in rows)


@plain
def brand_mentions(w: Shop, p: Period) -> Found:
    return float(len(w.within("mentions", p)))


@plain
def brand_sentiment(w: Shop, p: Period) -> Found:
    tones = {"positive": 1, "neutral": 0, "negative": -1}
    return mean(tones[row["sentiment"]] for row in w.within("mentions", p) if row["sentiment"] is not None)
