"""Actives and sessions against the brute-force oracles, and the rules one by one."""

from datetime import timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.actives import actives
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, local_day, parse_period
from kpi_lib.shapes.activity import distinct, qualifying, returned_on
from kpi_lib.shapes.paths import END, transitions
from kpi_lib.shapes.sessions import SessionRules, session_figures
from tests.brute.actives import actives as oracle_actives
from tests.brute.logs import random_log
from tests.brute.periods import Calendar
from tests.brute.rows import DAY, HOUR, MINUTE
from tests.brute.sessions import Cuts, session_summary
from tests.build import dataset, parted, scanned, told

FIELDS = ("start", "dau", "wau", "mau", "stickiness", "complete")


def seen(log: Any, every: str, week_start: str) -> list[dict[str, Any]]:  # noqa: ANN401
    data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone, week_start=week_start)
    first, stop = (
        local_day(data.observed_from, log.zone),
        local_day(data.observed_until - timedelta(microseconds=1), log.zone),
    )
    grid = Grid.calendar(every, first, stop + timedelta(days=1), zone=log.zone, week_start=week_start)
    rows = actives(data, grid).to_dict()["rows"]
    return [{key: row[key] for key in FIELDS} for row in rows]


@pytest.mark.parametrize("every", ["day", "week", "month"])
@pytest.mark.parametrize("block", range(5))
def test_actives_equal_brute_force(every: str, block: int) -> None:
    for seed in range(block * 25, block * 25 + 25):
        log = random_log(seed)
        week_start = "sunday" if seed % 3 == 0 else "monday"
        edges = {"observed_from": log.observed_from, "observed_until": log.observed_until}
        wanted = oracle_actives(log.rows, every=every, zone=log.zone, week_start=week_start, **edges)
        found = seen(log, every, week_start)
        assert [row["start"] for row in found] == [str(row["start"]) for row in wanted], seed
        for mine, theirs in zip(found, wanted, strict=True):
            for key in FIELDS[1:]:
                same = mine[key] is None if theirs[key] is None else mine[key] == pytest.approx(theirs[key], rel=1e-12)
                assert same, (seed, key, mine, theirs)


def agree_on_sessions(seed: int) -> bool:
    log, choose = random_log(seed), Random(seed).choice
    if not log.rows:
        return False
    gap, there = (30 * MINUTE, HOUR, MINUTE)[seed % 3], sorted({row.event for row in log.rows})
    asked = {
        "midnight": choose((True, False)),
        "longest": choose((None, MINUTE, HOUR, DAY)),
        "end": choose((None, *there)),
        "exclude": choose(((), (), (choose(there),))),
    }
    cuts = Cuts(**asked | {"midnight": Calendar(log.zone) if asked["midnight"] else None})
    longest = asked["longest"] and timedelta(microseconds=asked["longest"])
    rules = SessionRules(**asked | {"longest": longest})
    data = dataset(log.rows, log.observed_until, zone=log.zone)
    for kept in ({}, {"rules": rules}):
        found = session_figures(data, gap=timedelta(microseconds=gap), **kept).to_dict()
        wanted = session_summary(log.rows, gap=gap, cuts=cuts if kept else Cuts())
        for key, value in wanted.items():
            assert found[key] == pytest.approx(value), (seed, key, asked)
    return True


def test_sessions_equal_brute_force() -> None:
    assert sum(agree_on_sessions(seed) for seed in range(250)) > 200


@pytest.mark.slow
def test_sessions_equal_brute_force_on_many_more() -> None:
    assert sum(agree_on_sessions(seed) for seed in range(250, 1600)) > 1000


def test_a_segment_without_sessions_is_a_row_of_none() -> None:
    data = told("ann 01-05 use free\nbob 02-05 use paid").with_by(("plan",))
    groups = session_figures(data, grid=parse_period("2026-01", zone="UTC")).to_dict()["groups"]
    assert (groups["paid"]["sessions"], groups["paid"]["users"], groups["paid"]["mean_seconds"]) == (0, 0, None)
    assert groups["free"]["sessions"] == 1


def test_rules_cut_the_numbered_sessions_of_the_data_too() -> None:
    data = told("ann 01-05T23:50 a\nann 01-06T00:10 b\nann 01-06T00:15 c")
    table = data.tables["events"].with_columns(session_id=pl.lit("s1"))
    mapped = type(data).of({"events": table}, observed_until=data.observed_until)
    for rules, count in ((SessionRules(), 1), (SessionRules(midnight=True), 2), (SessionRules(end="b"), 2)):
        assert session_figures(mapped, rules=rules).to_dict()["sessions"] == count
    assert session_figures(mapped, rules=SessionRules(exclude=("a",))).to_dict()["mean_seconds"] == 300.0
    assert session_figures(mapped, rules=SessionRules(longest=timedelta(minutes=20))).to_dict()["sessions"] == 2


def test_a_rule_about_an_event_that_never_occurs_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean logout"):
        session_figures(told("ann 01-05 logout"), rules=SessionRules(end="logut"))
    with pytest.raises(UsageError, match="longer than 0"):
        SessionRules(longest=timedelta(0))


def rows(*times: tuple[str, int, str]) -> list[tuple[Any, ...]]:
    return [(user, time, event, 0, {}) for user, time, event in times]


def test_a_pause_of_exactly_the_gap_stays_in_the_session() -> None:
    log = rows(("u", 0, "a"), ("u", 30 * MINUTE, "b"), ("u", 60 * MINUTE + 1, "c"))
    found = session_figures(dataset(log, DAY)).to_dict()
    assert (found["sessions"], found["mean_seconds"], found["single_event_share"]) == (2, 900.0, 0.5)


def test_a_mapped_session_id_is_trusted_unless_a_gap_is_given() -> None:
    data = dataset(rows(("u", 0, "a"), ("u", MINUTE, "b"), ("u", 5 * HOUR, "c")), DAY)
    table = data.tables["events"].with_columns(session_id=pl.Series(["s1", "s2", "s1"]))
    mapped = dataset([], DAY).with_by(())
    mapped = type(data).of({"events": table}, observed_until=data.observed_until)
    assert session_figures(mapped).to_dict()["sessions"] == 2
    assert session_figures(mapped, gap=timedelta(minutes=30)).to_dict()["sessions"] == 2
    assert session_figures(mapped, gap=timedelta(hours=6)).to_dict()["sessions"] == 1


def test_a_session_gap_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="longer than 0"):
        session_figures(dataset(rows(("u", 0, "a")), DAY), gap=timedelta(0))


def test_the_last_stay_of_a_session_ends_it_and_repeats_count_once() -> None:
    log = rows(("u", 0, "a"), ("u", 1, "a"), ("u", 2, "b"), ("u", 3 * HOUR, "a"))
    steps = transitions(dataset(log, DAY)).select("from", "to").collect().rows()
    assert steps == [("a", "b"), ("b", END), ("a", END)]


def test_as_many_steps_leave_an_event_as_stays_were_made_there() -> None:
    for seed in range(60):
        log = random_log(seed)
        steps = transitions(dataset(log.rows, log.observed_until, zone=log.zone)).collect()
        arrived = steps.filter(pl.col("to") != END)["to"].value_counts().sort("to")
        left = steps["from"].value_counts()
        for name, count in arrived.iter_rows():
            assert count <= left.filter(pl.col("from") == name)["count"].sum()
        sessions = session_figures(dataset(log.rows, log.observed_until, zone=log.zone)).to_dict()["sessions"]
        assert steps.filter(pl.col("to") == END).height == sessions


def test_an_event_that_never_occurs_is_an_error_not_silence() -> None:
    data = dataset(rows(("u", 0, "purchase")), DAY)
    with pytest.raises(UsageError, match="Did you mean purchase"):
        qualifying(data, ["purchse"])
    with pytest.raises(UsageError, match="no events are named"):
        qualifying(data, [])


def test_distinct_users_count_once_in_every_window_that_holds_them() -> None:
    log = rows(("u", 0, "a"), ("u", DAY, "a"), ("v", 2 * DAY, "a"))
    data = dataset(log, 4 * DAY)
    grid = Grid.calendar("day", local_day(data.observed_from, "UTC"), local_day(data.observed_until, "UTC"), zone="UTC")
    spread = distinct(data, grid.trailing("7d")).collect()
    per_day = [sum(row["first"] <= day < row["stop"] for row in spread.iter_rows(named=True)) for day in range(4)]
    assert per_day == [1, 1, 2, 2]


def test_a_bar_of_two_events_leaves_out_who_came_once() -> None:
    log = rows(("u", 0, "a"), ("u", HOUR, "a"), ("v", 0, "a"))
    data = dataset(log, DAY)
    grid = Grid.calendar("day", local_day(data.observed_from, "UTC"), local_day(data.observed_until, "UTC"), zone="UTC")
    assert distinct(data, grid, at_least=2).collect()["user_id"].to_list() == ["u"]


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/New_York", "UTC"])
def test_a_day_counts_for_retention_once_it_is_watched_to_its_end(zone: str) -> None:
    calendar = Calendar(zone)
    from datetime import date

    first = calendar.start(date(2011, 12, 29))
    after = calendar.start(date(2011, 12, 31)) if zone == "Pacific/Apia" else calendar.start(date(2011, 12, 30))
    log = rows(("back", first, "a"), ("back", after, "a"), ("gone", first, "a"))
    end = calendar.end(date(2011, 12, 31) if zone == "Pacific/Apia" else date(2011, 12, 30), "day")
    ripe = returned_on(dataset(log, end, zone=zone), day=1).sort("user_id").collect()
    assert ripe.select("user_id", "hit", "ripe").rows() == [("back", True, True), ("gone", False, True)]
    young = returned_on(dataset(log, end - 1, zone=zone), day=1).collect()
    assert not young["ripe"].any()


def test_the_people_of_any_number_of_days() -> None:
    for seed in range(40):
        log = random_log(seed)
        data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone)
        last = local_day(data.observed_until - timedelta(microseconds=1), log.zone) + timedelta(days=1)
        grid = Grid.calendar("day", local_day(data.observed_from, log.zone), last, zone=log.zone)
        for window, other in ((7, "wau"), (30, "mau"), (1, "dau")):
            table = actives(data, grid, window=window).table
            whole = table.filter(pl.col("complete")) if window == 1 else table
            assert whole["rolling"].cast(pl.Float64).to_list() == whole[other].to_list(), (seed, window)


def test_a_window_of_no_days_is_refused() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        actives(told("ann 01-05 use"), parse_period("2026-01", zone="UTC"), window=0)


def test_session_figures_are_the_same_to_the_last_bit_in_every_form() -> None:
    seen = 0
    for seed in range(60):
        dice, day = Random(seed), 86_400_000_000
        rows = [(dice.choice("abcd"), dice.randrange(2 * day), "use", n, {}) for n in range(1 + seed * 2 % 90)]
        data = dataset(rows, 3 * day)
        grid = Grid.calendar(
            "day", data.observed_from.date(), data.observed_from.date() + timedelta(days=1), zone="UTC"
        )
        for gap, period in ((timedelta(minutes=30), None), (timedelta(hours=3), grid), (timedelta(hours=40), None)):
            whole = session_figures(data, gap=gap, grid=period).to_dict()
            seen += whole["sessions"] > 1
            for form in (scanned, parted):
                assert session_figures(form(data), gap=gap, grid=period).to_dict() == whole, (seed, gap)
    assert seen > 100
