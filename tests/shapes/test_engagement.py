"""How often people come, against the brute-force oracle and the KPI of the same name."""

from datetime import date, timedelta
from random import Random

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, local_day, parse_period
from kpi_lib.shapes.engagement import habits
from tests.brute.habits import habits as oracle
from tests.brute.logs import random_log
from tests.build import dataset, told


def agree(seed: int) -> bool:
    log, window = random_log(seed), Random(seed).choice((1, 2, 3, 7, 30))
    edges = {"observed_from": log.observed_from, "observed_until": log.observed_until}
    wanted = oracle(log.rows, window=window, zone=log.zone, **edges)
    data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone)
    found = habits(data, window=window).to_dict()
    assert {row["days"]: row["at_least"] for row in found["days"]} == wanted["curve"], seed
    for name in wanted.keys() - {"curve"}:
        mine, theirs = found["summary"][name], wanted[name]
        assert mine is None if theirs is None else mine == pytest.approx(theirs, rel=1e-12), (seed, name)
    return wanted["users"] > 0


def test_habits_equal_brute_force() -> None:
    assert sum(agree(seed) for seed in range(200)) > 40


@pytest.mark.slow
def test_habits_equal_brute_force_on_many_more() -> None:
    assert sum(agree(seed) for seed in range(200, 1400)) > 250


def test_each_segment_has_the_habits_of_its_own_events() -> None:
    """A day counts for every plan that its events had; the window and the edges are the same for all."""
    seen = 0
    for seed in range(120):
        log, window = random_log(seed), Random(seed).choice((1, 2, 3, 7))
        edges = {"observed_from": log.observed_from, "observed_until": log.observed_until}
        data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone).with_by(("plan",))
        found = habits(data, window=window)
        for plan, one in found.to_dict()["groups"].items():
            own = [row for row in log.rows if str(row[4]["plan"]).replace("None", "null") == plan]
            wanted = oracle(own, window=window, zone=log.zone, **edges)
            assert {row["days"]: row["at_least"] for row in one["days"]} == wanted["curve"], (seed, plan)
            for name, theirs in wanted.items():
                if name != "curve":
                    mine = one["summary"][name]
                    assert mine is None if theirs is None else mine == pytest.approx(theirs, rel=1e-12), (seed, name)
            for rows in (one["days"], one["pauses"]):
                assert sum(row["share"] for row in rows) == pytest.approx(1 if rows else 0), (seed, plan)
            for row in one["days"]:
                assert row["at_least_share"] == pytest.approx(row["at_least"] / wanted["users"]), (seed, plan)
            seen += wanted["users"] > 0 and wanted["paused"] > 0
        assert found.summary["plan"].to_list() == sorted(found.summary["plan"].unique(), key=lambda p: (p is None, p))
    assert seen > 40


def test_stickiness_is_mean_active_days_over_the_days_of_the_window() -> None:
    seen = 0
    for seed in range(120):
        log = random_log(seed)
        data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone)
        stop = local_day(data.observed_until, log.zone)
        grid = Grid.calendar("day", stop - timedelta(days=2), stop, zone=log.zone).only(-1)
        theirs = compute("stickiness", data, grid).table["value"].item()
        mine = habits(data).to_dict()["summary"]["stickiness"]
        if theirs is not None and mine is not None:
            assert mine == pytest.approx(theirs, rel=1e-12), seed
            seen += 1
    assert seen > 10


TENTH, ELEVENTH = date(2026, 1, 10), date(2026, 1, 11)
LOG = "ann 01-01 use\nann 01-02 use\nann 01-04 use\nbob 01-04 use\nbob 01-08 use\ncat 01-02 use\ndan 01-09 use"


def test_by_hand() -> None:
    found = habits(told(LOG, until="01-11"), window=7).to_dict()  # 4 to 10 January
    assert [(row["days"], row["users"], row["at_least"]) for row in found["days"]] == [(1, 2, 3), (2, 1, 1)]
    summary = found["summary"]
    assert (summary["users"], summary["mean_days"], summary["everybody"]) == (3, 4 / 3, 4)
    assert summary["participation"] == pytest.approx((1 / 7 + 2 / 7 + 0 + 1 / 2) / 4)
    assert (summary["paused"], summary["median_pause"], summary["most_pause"]) == (2, 2.75, 4.0)  # ann 1.5, bob 4
    assert [(row["days"], row["upto"]) for row in found["pauses"]] == [(1.5, 0.5), (4.0, 1.0)]


def test_a_window_that_was_not_watched_whole_has_no_figures() -> None:
    data = told(LOG, until="01-11")
    for found in (habits(data, window=30), habits(data, window=7, grid=parse_period("2026-W04", zone="UTC"))):
        assert (found.to_dict()["days"], found.to_dict()["summary"]["mean_days"]) == ([], None)
        assert found.definition["watched"] is False
    with pytest.raises(UsageError, match="1 or more"):
        habits(data, window=0)
    # from 4 January, the first whole day, to the end of the 10th: seven days are the longest window that was watched
    late = told(LOG, since="01-03T12:00", until="01-11T12:00")
    assert [habits(late, window=days).definition["watched"] for days in (7, 8)] == [True, False]
    first, next_day = (Grid.calendar("day", day, day + timedelta(days=1), zone="UTC") for day in (TENTH, ELEVENTH))
    assert [habits(late, window=7, grid=each).definition["watched"] for each in (first, next_day)] == [True, False]
    assert habits(late, window=7, grid=first).definition["start"] == "2026-01-04"


def test_segments_have_their_own_curve_and_quiet_ones_are_there() -> None:
    data = told("ann 01-05 use free\nann 01-06 use free\nbob 02-20 use paid", until="03-01").with_by(("plan",))
    groups = habits(data, window=5, grid=parse_period("2026-W02", zone="UTC")).to_dict()["groups"]
    assert groups["free"]["summary"]["users"] == 0  # 7 to 11 January
    whole = habits(data, window=7, grid=parse_period("2026-W02", zone="UTC")).to_dict()["groups"]
    assert whole["free"]["days"] == [{"days": 2, "users": 1, "share": 1.0, "at_least": 1, "at_least_share": 1.0}]
    assert (whole["paid"]["days"], whole["paid"]["summary"]["users"]) == ([], 0)


def test_nothing_is_nothing() -> None:
    found = habits(told("-")).to_dict()
    assert (found["days"], found["pauses"], found["summary"]["users"], found["summary"]["participation"]) == (
        [],
        [],
        0,
        None,
    )
