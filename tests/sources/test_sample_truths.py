"""What truths.toml says was planted is in the data: by plain counting, and as the workbench finds it."""

import math
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, local_date, midnight, parse_period
from kpi_lib.sources.sample.company import Company
from kpi_lib.sources.sample.people import STAY, expected_retention, expected_week, survival
from kpi_lib.sources.sample.story import Story
from kpi_lib.sources.sample.truths import truths

ZONE = "Europe/Berlin"
STORY = Story(users=6_000, days=731, seed=3)
TRUTHS = truths(STORY)


@dataclass(frozen=True)
class World:
    """The tables of a demo company, and its events with their local days."""

    tables: dict[str, pl.DataFrame]
    days: pl.DataFrame

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table, row by row."""
        return self.tables[table].select(columns).rows()


@pytest.fixture(scope="module")
def world() -> World:
    """A company of 6,000 people in two years."""
    parts: dict[str, list[pl.DataFrame]] = {}
    for part, frame in Company(STORY).tables():
        parts.setdefault(part.split("-")[0], []).append(frame)
    tables = {name: pl.concat(frames) for name, frames in parts.items()}
    seen = tables["events"].select("user_id", "platform", day=local_date(pl.col("time"), ZONE)).unique()
    return World(tables, seen.sort("day", "user_id"))


@pytest.fixture(scope="module")
def data(world: World) -> Dataset:
    """The same as the workbench sees it, with paid and organic channels told apart."""
    paid = pl.col("channel").is_in(TRUTHS["retention"]["paid_channels"])
    users = world.tables["users"].with_columns(came=pl.when(paid).then(pl.lit("paid")).otherwise(pl.lit("organic")))
    events = world.tables["events"].unique("event_id", keep="first", maintain_order=True)
    return Dataset.of(
        {"events": events, "users": users}, zone=ZONE, observed_until=midnight(date(2026, 11, 1), ZONE),
        features={"automation": ("run_automation",)}, settings={"activation_event": "create_project"},
    )  # fmt: skip


def local(time: datetime) -> date:
    """The calendar day of an instant at the company's place."""
    return time.astimezone(ZoneInfo(ZONE)).date()


def near(value: float, truth: float, n: float) -> bool:
    """Whether a share of n is within five standard errors of the truth."""
    return abs(value - truth) < 5 * math.sqrt(truth * (1 - truth) / n)


def values(names: str | Sequence[str], data: Dataset, period: str, by: str = "") -> dict[str, dict[str, Any]]:
    """The rows of a KPI in one period, by segment."""
    return {row["by"].get(by, ""): row for row in computed(names, data, parse_period(period, zone=ZONE), by)}


def computed(names: str | Sequence[str], data: Dataset, grid: Grid, by: str = "") -> list[dict[str, Any]]:
    """The rows of a KPI on a grid."""
    rows: list[dict[str, Any]] = compute(names, data, grid, by=(by,) if by else ()).to_dict()["rows"]
    return rows


@pytest.mark.parametrize("came", ["organic", "paid"])
@pytest.mark.parametrize("day", [1, 7, 30])
def test_the_workbench_finds_the_true_retention(data: Dataset, came: str, day: int) -> None:
    row = values(f"retention_day_{day}", data, "2024-10-31..2026-09-15", "came")[came]
    truth = TRUTHS["retention"][came][f"day_{day}"]
    assert row["n"] > 2_000
    # some days are lost to the planted outage and incident, some gained by people who come to pay: less than half a point
    assert abs(row["value"] - truth) < 0.005 + 5 * math.sqrt(truth * (1 - truth) / row["n"])


def test_activated_people_stay_longer_as_planted(world: World) -> None:
    activated = set(world.tables["events"].filter(event="create_project")["user_id"])
    seen = set(world.days.select("user_id", "day").rows())
    paid = TRUTHS["retention"]["paid_channels"]
    signed_up = [
        (user, local(time), channel) for user, time, channel in world.rows("users", "user_id", "signup_ts", "channel")
    ]
    for came in ("organic", "paid"):
        for yes in (True, False):
            days = [
                (user, day) for user, day, channel in signed_up
                if (user in activated) == yes and (channel in paid) == (came == "paid") and day < date(2026, 10, 24)
            ]  # fmt: skip
            back = sum((user, day + timedelta(days=7)) in seen for user, day in days) / len(days)
            truth = TRUTHS["retention"][came][f"day_7_{'' if yes else 'not_'}activated"]
            assert abs(back - truth) < 0.005 + 5 * math.sqrt(truth * (1 - truth) / len(days))


def test_truths_of_retention_follow_from_the_curves() -> None:
    """Day n without the season is survival times how often; a week is one minus the chance to miss all its days."""
    for (came, yes), (_, _, often) in STAY.items():
        weekly = [expected_retention(came, day, yes) / survival(came, yes, 40)[day] for day in range(7, 14)]
        assert sum(weekly) / 7 == pytest.approx(often)
    for came in ("organic", "paid"):
        days = [expected_retention(came, day) for day in range(56, 63)]
        assert max(days) < expected_week(came, 8) < sum(days)


def test_activation_is_as_planted(data: Dataset) -> None:
    found = values("activation_rate", data, "2024-10-31..2026-10-20", "came")
    for came in ("organic", "paid"):
        assert near(found[came]["value"], TRUTHS["activation"][came], found[came]["n"])
    assert TRUTHS["activation"]["organic"] > TRUTHS["activation"]["paid"]


def test_trials_of_each_onboarding_become_customers_at_its_rate(world: World) -> None:
    onboarding = dict(world.rows("users", "user_id", "onboarding"))
    subscriptions = world.rows("subscriptions", "user_id", "is_trial", "trial_end")
    paying = {user for user, trial, _ in subscriptions if not trial}
    end = datetime(2026, 11, 1, tzinfo=ZoneInfo(ZONE))
    over = [user for user, trial, until in subscriptions if trial and until < end]
    for kind in ("old", "new"):
        mine = [user in paying for user in over if onboarding[user] == kind]
        assert len(mine) > 200
        assert near(sum(mine) / len(mine), TRUTHS["trial_conversion"][kind], len(mine))


def test_onboarding_changes_by_halves(world: World) -> None:
    first, last = TRUTHS["trial_conversion"]["half_from"], TRUTHS["trial_conversion"]["all_from"]
    days = [(local(time), kind) for time, kind in world.rows("users", "signup_ts", "onboarding")]
    assert {kind for day, kind in days if day < first} == {"old"}
    assert {kind for day, kind in days if day >= last} == {"new"}
    between = [kind == "new" for day, kind in days if first <= day < last]
    assert near(sum(between) / len(between), 0.5, len(between))


def test_visitors_sign_up_at_the_planted_rate(world: World) -> None:
    visitors = world.tables["web_visits"].group_by("visitor_id").agg(pl.col("user_id").is_not_null().any())
    assert float(visitors["user_id"].mean()) == pytest.approx(TRUTHS["visitors"]["rate"], rel=0.01)  # type: ignore[arg-type]


def test_sign_ups_of_one_channel_get_dearer_and_of_others_not(world: World) -> None:
    spent: Counter[tuple[str, int]] = Counter()
    won: Counter[tuple[str, int]] = Counter()
    for day, channel, amount, conversions in world.rows("marketing_spend", "date", "channel", "amount", "conversions"):
        half = day.year * 2 + (day.month > 6)
        spent[channel, half] += int(amount * 100)
        won[channel, half] += conversions
    truth = TRUTHS["cost_creep"]
    for channel, first in truth["first_cost"].items():
        early, late = (spent[channel, half] / won[channel, half] / 100 for half in (2025 * 2, 2026 * 2 + 1))
        months = 18.5 - 1.5  # from the middle of January to June 2025 to the middle of July to October 2026
        noise = 5 * math.sqrt(1 / won[channel, 2025 * 2] + 1 / won[channel, 2026 * 2 + 1])  # of counting sign-ups
        creep = months * math.log1p(truth["growth_per_month"]) if channel == truth["channel"] else 0
        assert abs(math.log(late / early) - creep) < noise + 0.02
        assert channel == truth["channel"] or abs(math.log(late / first)) < noise


def test_the_incident_keeps_people_off_android_only(world: World) -> None:
    truth = TRUTHS["incident"]
    there = Counter(world.days.select("platform", "day").rows())

    def people(platform: str, shift: int) -> int:
        days = [
            truth["start"] + timedelta(days=number + shift) for number in range((truth["end"] - truth["start"]).days)
        ]
        return sum(there[platform, day] for day in days)

    around = {platform: (people(platform, -7) + people(platform, 7)) / 2 for platform in ("android", "web")}
    for platform, left in (("android", 1 - truth["drop"]), ("web", 1)):
        assert abs(people(platform, 0) / around[platform] - left) < 5 * math.sqrt(1.5 / around[platform])


def test_requests_of_the_app_fail_during_the_incident(world: World) -> None:
    truth = TRUTHS["incident"]
    for inside in (True, False):
        failed = [
            status >= 500 for time, status, platform in world.rows("requests", "time", "status", "platform")
            if platform == "android" and (truth["start"] <= local(time) < truth["end"]) == inside
        ]  # fmt: skip
        assert near(sum(failed) / len(failed), truth["error_rate" if inside else "usual_error_rate"], len(failed))
    kept = [row for row in world.rows("incidents", "kind", "start", "end") if row[0] == "degraded"]
    assert [(local(a), local(b)) for _, a, b in kept] == [(truth["start"], truth["end"])]


def test_the_release_lifts_the_adoption_of_the_feature(data: Dataset, world: World) -> None:
    truth = TRUTHS["release_lift"]
    month = truth["day"].replace(day=1)
    for period, share in ((month - timedelta(days=1), truth["before"]), (month + timedelta(days=40), truth["after"])):
        rows = computed("feature_adoption_rate", data, parse_period(f"{period:%Y-%m}", zone=ZONE))
        assert near(rows[0]["value"], share, rows[0]["n"])
    out = {local(time): kind for time, kind in world.rows("releases", "time", "kind")}
    assert out[truth["day"]] == "feature"


def test_weekdays_have_their_season(world: World) -> None:
    people = Counter(world.days.select("day", "user_id").unique()["day"].to_list())
    by_day: dict[int, list[int]] = {}
    for day in (date(2025, 11, 3) + timedelta(days=number) for number in range(16 * 7)):
        by_day.setdefault(day.weekday(), []).append(people[day])
    means = [sum(by_day[day]) / len(by_day[day]) for day in range(7)]
    use = TRUTHS["weekdays"]["use"]
    # whoever signs up is there on that day, whatever the weekday: the season of use is a little softened
    for day in range(7):
        assert means[day] / (sum(means) / 7) == pytest.approx(use[day] / (sum(use) / 7), rel=0.06)


def test_payers_concentrate_while_the_number_of_active_users_hardly_grows(world: World) -> None:
    share, actives = [], []
    for first, last in (
        (date(2026, 1, 1), date(2026, 4, 1)),
        (date(2026, 4, 1), date(2026, 7, 1)),
        (date(2026, 7, 1), date(2026, 10, 1)),
    ):
        start, end = midnight(first, ZONE), midnight(last, ZONE)
        paid: Counter[str] = Counter()
        for user, time, amount in world.rows("transactions", "user_id", "time", "amount"):
            paid[user] += int(amount * 100) if start <= time < end else 0
        most = sorted((amount for amount in paid.values() if amount > 0), reverse=True)
        share.append(sum(most[: math.ceil(len(most) / 10)]) / sum(most))
        inside = world.days.filter(pl.col("day").is_between(first, last, closed="left"))
        actives.append(inside.select("day", "user_id").unique().height / (last - first).days)
    assert share[0] < share[1] < share[2]
    assert share[2] > share[0] + 0.05
    assert abs(actives[2] / actives[1] - 1) < 0.06


def test_the_price_changes_for_new_contracts_at_once(world: World) -> None:
    truth = TRUTHS["price_change"]
    pro = world.tables["subscriptions"].filter(plan="pro", interval="month", currency="EUR", is_trial=False)
    starts = [(local(start), int(amount * 100)) for start, amount in pro.select("start", "amount").rows()]
    assert {cents for day, cents in starts if day < truth["day"]} == {truth["before_cents"]}
    assert {cents for day, cents in starts if day >= truth["day"]} == {truth["after_cents"]}


def test_answers_take_twice_as_long_in_the_backlog_month(world: World) -> None:
    truth = TRUTHS["backlog"]
    hours: dict[bool, list[float]] = {True: [], False: []}
    for opened, first in world.rows("tickets", "opened", "first_response"):
        if first is not None:
            month = local(opened).replace(day=1)
            hours[month == truth["month"]].append((first - opened).total_seconds() / 3600)
    for slow, found in hours.items():
        spread = 5 * 1.25 * 0.9 / math.sqrt(len(found))  # of the median of a log-normal wait
        assert abs(math.log(median(found) / truth["median_hours"] / (truth["factor"] if slow else 1))) < spread


def test_tickets_on_the_new_feature_escalate_more_often(world: World) -> None:
    truth = TRUTHS["escalating_topic"]
    about: dict[bool, list[bool]] = {True: [], False: []}
    for opened, escalated, topic in world.rows("tickets", "opened", "escalated", "topic"):
        about[escalated and local(opened) >= truth["from"]].append(topic == truth["topic"])
    for often, found in about.items():
        assert near(sum(found) / len(found), truth["share_of_escalated" if often else "share_of_others"], len(found))


def test_one_wave_was_asked_without_a_zero(world: World) -> None:
    lowest: dict[str, float] = {}
    for wave, kind, score in world.rows("surveys", "wave", "kind", "score"):
        if kind == "nps":
            lowest[wave] = min(score, lowest.get(wave, 99))
    odd = TRUTHS["odd_wave"]["wave"]
    assert lowest[odd] == 1
    young = "2025-06"  # before, too few were asked for a zero to be certain
    assert {str(score) for wave, score in lowest.items() if wave != odd and wave > young} == {"0.0"}


def test_one_route_gets_slower_and_the_others_do_not(world: World) -> None:
    truth = TRUTHS["slow_route"]
    weeks = 40
    last = truth["from"] + timedelta(weeks=weeks)
    for route in ("/board", truth["route"]):
        took = {
            day: [ms for time, name, ms in world.rows("requests", "time", "route", "latency_ms")
                  if name == route and day <= local(time) < day + timedelta(weeks=4)]
            for day in (truth["from"], last)
        }  # fmt: skip
        growth = math.log(median(took[last]) / median(took[truth["from"]])) / weeks
        expected = math.log1p(truth["growth_per_week"]) if route == truth["route"] else 0
        assert abs(growth - expected) < 5 * 1.25 * 0.5 * math.sqrt(2 / min(map(len, took.values()))) / weeks


def test_the_record_has_the_planted_faults(world: World) -> None:
    events = world.tables["events"].with_columns(day=local_date(pl.col("time"), ZONE))
    assert set(STORY.calendar_day(day) for day in range(STORY.days)) - set(events["day"]) == {TRUTHS["outage"]["day"]}
    twice = events.filter(pl.col("event_id").is_duplicated())
    assert set(twice["day"]) == {TRUTHS["duplicates"]["day"]}
    once = events.filter(day=TRUTHS["duplicates"]["day"]).unique("event_id").height
    assert near(twice.height / 2 / once, TRUTHS["duplicates"]["share"], once)
    late = events.filter(pl.col("ingested") - pl.col("time") >= timedelta(days=1))
    truth = TRUTHS["late_rows"]
    assert late["day"].min() == truth["start"]
    assert late["day"].max() == truth["end"] - timedelta(days=1)
    inside = events.filter(pl.col("day").is_between(truth["start"], truth["end"], closed="left")).height
    assert near(late.height / inside, truth["share"], inside)
    assert (events["ingested"] >= events["time"]).all()


def test_refunds_have_their_share(world: World) -> None:
    kinds = Counter(kind for (kind,) in world.rows("transactions", "kind"))
    assert near(kinds["refund"] / kinds["sale"], TRUTHS["refunds"]["share"], kinds["sale"])


def test_the_truths_are_written_beside_the_data(demo: Path) -> None:
    written = tomllib.loads((demo / "truths.toml").read_text(encoding="utf-8"))
    assert written == truths(Story(users=300, days=120))
    assert written["story"]["synthetic"] is True
    assert "ynthetic" in (demo / "README.md").read_text(encoding="utf-8")
    assert "SYNTHETIC" in (demo / "kpi.toml").read_text(encoding="utf-8")
    assert all(body["what"] and body["where"] for name, body in written.items() if name != "story")


@pytest.mark.parametrize("days", [90, 200, 731, 1200])
def test_every_truth_lies_inside_the_span(days: int) -> None:
    story = Story(users=100, days=days)
    first, end = story.calendar_day(0), date(2026, 11, 1)
    for name, body in truths(story).items():
        for key, value in body.items():
            if isinstance(value, date):
                assert first.replace(day=1) <= value <= end, (name, key)
