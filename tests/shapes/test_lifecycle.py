"""The lifecycle against the brute-force oracle, its identities, and the seven daily states."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings

from kpi_lib.answers.actives import actives
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, local_day, parse_period
from kpi_lib.shapes.lifecycle import FLOWS, STATES, daily_states, lifecycle
from tests.brute.lifecycle import daily_states as oracle_states
from tests.brute.lifecycle import lifecycle as oracle
from tests.brute.logs import Log, logs, random_log
from tests.brute.periods import Calendar
from tests.brute.rows import Row
from tests.build import dataset, told

EDGES = ("start", "end", "active", *FLOWS, "left_censored")


def of(log: Log, week_start: str = "monday") -> Any:  # noqa: ANN401 - a dataset
    return dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone, week_start=week_start)


def rows(result: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:  # noqa: ANN401
    return [{name: row[name] for name in names} for row in result.to_dict()["rows"]]


def agree(seed: int, every: str) -> None:
    log = random_log(seed)
    week_start = "sunday" if seed % 3 == 0 else "monday"
    wanted = oracle(log.rows, every=every, zone=log.zone, observed_until=log.observed_until, week_start=week_start)
    found, calendar = rows(lifecycle(of(log, week_start), every=every), EDGES), Calendar(log.zone)
    for row in (*found, *wanted):  # the date after a day that the zone left out and the one after it begin together
        row["end"] = calendar.start(date.fromisoformat(row["end"]))
    assert found == wanted, (seed, every)


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_the_lifecycle_equals_brute_force(every: str) -> None:
    for seed in range(200):
        agree(seed, every)


@pytest.mark.slow
@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_the_lifecycle_equals_brute_force_on_many_more(every: str) -> None:
    for seed in range(200, 1400):
        agree(seed, every)


def agree_on_states(seed: int) -> None:
    log = random_log(seed)
    wanted = oracle_states(log.rows, zone=log.zone, observed_until=log.observed_until)
    found = {row["start"]: {name: row[name] for name in STATES} for row in daily_states(of(log)).to_dict()["rows"]}
    assert found == wanted, seed


def test_the_daily_states_equal_brute_force() -> None:
    for seed in range(200):
        agree_on_states(seed)


@pytest.mark.slow
def test_the_daily_states_equal_brute_force_on_many_more() -> None:
    for seed in range(200, 1400):
        agree_on_states(seed)


@settings(max_examples=40)
@given(logs())
def test_what_is_active_is_what_came_and_what_was_is_what_stayed_or_left(log: Log) -> None:
    for every in ("day", "week", "month"):
        told_rows = lifecycle(of(log), every=every).table.to_dicts()
        for row in told_rows:
            assert row["active"] == row["new"] + row["returning"] + row["resurrected"]
            wanted = (row["new"] + row["resurrected"]) / row["dormant"] if row["dormant"] else None
            assert row["pulse"] == wanted
        for before, now in pairwise(told_rows):
            assert before["active"] == now["returning"] + now["dormant"]
            assert now["active"] - before["active"] == now["new"] + now["resurrected"] - now["dormant"]
        assert sum(row["new"] for row in told_rows) == len({row.unit for row in log.rows})


def test_segments_are_those_of_the_first_event_and_add_up() -> None:
    for seed in range(60):
        log = random_log(seed)
        data = of(log)
        whole, parts = lifecycle(data).table, lifecycle(data.with_by(("plan",))).table
        first: dict[str, Row] = {}
        for row in sorted(log.rows, key=lambda r: (r.time, r.event, r.props["plan"] is None, r.props["plan"] or "")):
            first.setdefault(row.unit, row)
        for plan in ("free", "paid", None):
            own = [row for row in log.rows if first[row.unit].props["plan"] == plan]
            wanted = oracle(own, every="week", zone=log.zone, observed_until=log.observed_until)
            here = {str(r["start"]): r for r in parts.filter(parts["plan"].eq_missing(plan)).to_dicts()}
            for row in wanted:
                assert [here[row["start"]][name] for name in ("active", *FLOWS)] == [row[n] for n in ("active", *FLOWS)]
        if parts.height:
            sums = parts.drop("plan").group_by("start").sum().sort("start").select("active", *FLOWS)
            assert sums.rows() == whole.select("active", *FLOWS).rows()


def test_the_states_are_the_daily_weekly_and_monthly_actives() -> None:
    seen = 0
    for seed in range(80):
        log = random_log(seed)
        data = of(log)
        table = daily_states(data).table
        if table.is_empty():
            continue
        last = local_day(data.observed_until - timedelta(microseconds=1), log.zone)
        grid = Grid.calendar("day", table["start"][0], last + timedelta(days=1), zone=log.zone)
        for row, other in zip(table.to_dicts(), actives(data, grid).table.to_dicts(), strict=True):
            assert row["active"] == sum(row[name] for name in STATES[:4]) == other["dau"]
            for window, states in (("wau", STATES[:5]), ("mau", STATES[:6])):
                if other[window] is not None:
                    assert sum(row[name] for name in states) == other[window]
                    seen += 1
    assert seen > 100


def test_by_hand() -> None:
    data = told("ann 01-05 use\nbob 01-06 use\nann 01-12 use\ncat 01-20 use\nbob 01-21 use", until="01-27")
    found = lifecycle(data, every="week").table.select("active", *FLOWS, "pulse", "left_censored", "complete").rows()
    assert found == [
        (2, 2, 0, 0, 0, None, True, True),
        (1, 0, 1, 0, 1, 0.0, False, True),
        (2, 1, 0, 1, 1, 2.0, False, True),
        (0, 0, 0, 0, 2, 0.0, False, False),
    ]


def test_a_grid_shows_its_periods_and_still_knows_all_history() -> None:
    data = told("ann 01-05 use\nann 01-12 use\nann 01-26 use")
    found = lifecycle(data, grid=parse_period("2026-W05", zone="UTC")).to_dict()["rows"]
    assert [(row["start"], row["resurrected"], row["left_censored"]) for row in found] == [("2026-01-26", 1, False)]


def test_a_period_that_nobody_watched_has_no_figures() -> None:
    data = told("ann 01-05 use")
    row = lifecycle(data, grid=parse_period("2026-W20", zone="UTC")).to_dict()["rows"][0]
    assert [row[name] for name in ("active", *FLOWS, "pulse")] == [None] * 6
    day = daily_states(data, grid=parse_period("2026-05-20", zone="UTC")).to_dict()["rows"][0]
    assert [day[name] for name in ("active", *STATES)] == [None] * 8


def test_nothing_is_no_rows_and_a_wrong_grid_is_refused() -> None:
    nobody = told("-")
    assert lifecycle(nobody).to_dict() == daily_states(nobody).to_dict() == {"rows": []}
    with pytest.raises(UsageError, match=r"unknown grid 'moth' .*Did you mean month"):
        lifecycle(nobody, every="moth")
    with pytest.raises(UsageError, match="There are: day, month, week"):
        lifecycle(nobody, grid=parse_period("2026-Q1", zone="UTC"))
    with pytest.raises(UsageError, match="day by day"):
        daily_states(nobody, grid=parse_period("2026-01", zone="UTC"))


def test_a_segment_column_may_bear_the_name_of_a_state() -> None:
    data = told("ann 01-05 use free\nbob 01-06 use paid")
    table = data.tables["events"].rename({"plan": "dormant"})
    renamed = type(data).of({"events": table}, observed_until=data.observed_until).with_by(("dormant",))
    assert {row["by"]["dormant"] for row in lifecycle(renamed).to_dict()["rows"]} == {"free", "paid"}
