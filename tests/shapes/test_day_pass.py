"""The tables of counts behind days of activity, against loops over each user's days."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, PER_DAY
from kpi_lib.core.period import Grid, days_in_order, local_day, period_number
from kpi_lib.core.store import Frames, traced, user_days
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.comeback_pass import comebacks, departures
from kpi_lib.shapes.day_pass import day_runs, moves, segment_days
from kpi_lib.shapes.lifecycle import lifecycle
from tests.brute.logs import Log, random_log
from tests.build import dataset, instant, parted, scanned

FORMS = {"store": parted, "scan": scanned}
COUNTED = [name for name, kpi in sorted(catalogue().items()) if kpi.measure in (COUNT, PER_DAY)]


def days_of(log: Log) -> dict[str, list[date]]:
    """Each user's local days in order."""
    found: dict[str, set[date]] = {}
    for row in log.rows:
        found.setdefault(row.unit, set()).add(instant(row.time).astimezone(ZoneInfo(log.zone)).date())
    return {user: sorted(days) for user, days in found.items()}


def plain(log: Log) -> Dataset:
    """The log as a data set in memory."""
    rows = [(row.unit, row.time, row.event, row.seq, row.props) for row in log.rows]
    return dataset(rows, log.observed_until, since=log.observed_from, zone=log.zone)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(40))
def test_moves_and_comebacks_are_what_a_loop_over_users_counts(seed: int, form: str) -> None:
    log = random_log(seed)
    data = FORMS[form](plain(log))
    went: Counter[tuple[date | None, date | None]] = Counter()
    came: dict[str, Counter[tuple[date, int]]] = {grain: Counter() for grain in ("day", "week", "month")}
    for days in days_of(log).values():
        went.update(zip([None, *days], [*days, None], strict=True))
        for grain, counts in came.items():
            numbers = pl.DataFrame({"day": days}).select(period_number(pl.col("day"), grain, zone=log.zone))
            counts.update((days[0], number) for number in set(numbers["day"]))
    found = moves(data, "a test", rest=True)
    assert found is not None
    assert dict(((was, now), users) for was, now, users in found.iter_rows()) == went
    for grain, counts in came.items():
        table = comebacks(data, grain)
        assert table is not None
        assert dict(((first, number), users) for first, number, users in table.iter_rows()) == counts


@pytest.mark.parametrize("seed", range(40))
def test_comebacks_by_segment_with_so_many_events_are_what_a_loop_counts(seed: int) -> None:
    log, dice = random_log(seed), Random(seed)
    grain, least = dice.choice(("day", "week", "month")), dice.choice((1, 2, 3))
    events: Counter[tuple[str, date]] = Counter()
    for row in log.rows:
        events[row.unit, instant(row.time).astimezone(ZoneInfo(log.zone)).date()] += 1
    days = pl.DataFrame([(*key, size) for key, size in events.items()], schema=["user", "day", "size"], orient="row")
    number = period_number(pl.col("day"), grain, zone=log.zone)
    sums = days.group_by("user", number=number).agg(pl.col("size").sum())
    begun = days.group_by("user").agg(pl.col("day").min(), begun=number.min())
    plans = plain(log)["events"].group_by("user_id", maintain_order=True).first().select(user="user_id", plan="plan")
    whole = sums.join(begun, on="user").join(plans.collect(), on="user")
    kept = whole.filter((pl.col("size") >= least) | (pl.col("number") == pl.col("begun")))
    found = comebacks(parted(plain(log)).with_by(("plan",)), grain, at_least=least)
    assert found is not None
    assert Counter(kept.select("plan", "day", "number").iter_rows()) == {row[:3]: row[3] for row in found.iter_rows()}


@pytest.mark.parametrize("by", [(), ("plan",)])
@pytest.mark.parametrize("spec", [Cohorts(), Cohorts(min_events=2), Cohorts(clock="elapsed")])
def test_cohorts_of_a_store_do_not_read_the_table_of_all_events(spec: Cohorts, by: tuple[str, ...]) -> None:
    def refused() -> pl.DataFrame:
        raise AssertionError("all events are read")

    data = plain(random_log(3))
    tables = Frames({"events": refused}, {"events": data.tables["events"].schema})
    assert "events" in tables
    found = cohorts(replace(parted(data), tables=tables).with_by(by), spec)
    assert found.to_dict() == cohorts(data.with_by(by), spec).to_dict()


def gone(numbers: list[int], away: int, until: int) -> int | None:
    """The last of the first so many whole periods in a row without a visit."""
    visits = set(numbers)
    return next(
        (
            at
            for at in range(numbers[0], until)
            if all(at - back not in visits for back in range(away)) and at - away >= numbers[0]
        ),
        None,
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(40))
def test_departures_are_what_a_walk_through_the_periods_finds(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed)
    data, grain, away = FORMS[form](plain(log)), dice.choice(("day", "week", "month")), dice.choice((1, 2, 5))
    every = {user: pl.DataFrame({"day": days}) for user, days in days_of(log).items()}
    number = period_number(pl.col("day"), grain, zone=log.zone)
    numbers = {user: frame.select(number)["day"].to_list() for user, frame in every.items()}
    until = max(map(max, numbers.values())) + dice.choice((-1, 0, 1, 3))
    left = Counter((every[user]["day"][0], gone(own, away, until)) for user, own in numbers.items())
    found = departures(data, grain, away=away, until=until)
    assert found is not None
    assert dict(((first, last), users) for first, last, users in found.iter_rows()) == left


@pytest.mark.parametrize("seed", range(20))
def test_days_by_segments_are_the_runs_of_a_day_in_one_of_them(seed: int) -> None:
    log = random_log(seed)
    data = plain(log).with_by(("plan",))
    found = segment_days(parted(plain(log)).with_by(("plan",)), ["plan"], "a test", rest=True)
    assert found is not None
    runs = day_runs(data["events"], ["user_id", "plan"], log.zone).collect()
    assert (
        found.select("user_id", "plan", "day", "time", "events")
        .collect()
        .equals(runs.select("user_id", "plan", "day", "time", "events"))
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(12))
def test_every_count_of_users_is_the_same_in_every_form(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed)
    data = plain(log)
    first, last = (local_day(instant(edge), log.zone) for edge in (log.instants[0], log.instants[-1]))
    grid = Grid.calendar(dice.choice(("day", "week", "month")), first, last + timedelta(days=9), zone=log.zone)
    assert {"dau", "wau", "mau", "active_users", "new_users"} <= set(COUNTED)
    quick, slow = (compute(COUNTED, each, grid) for each in (FORMS[form](data), data))
    assert quick.to_dict() == slow.to_dict()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(20))
def test_cohorts_of_some_periods_are_the_same_in_every_form(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed)
    data = plain(log)
    first, last = (local_day(instant(edge), log.zone) for edge in (log.instants[0], log.instants[-1]))
    grid = Grid.calendar("day", first, last + timedelta(days=2), zone=log.zone).only(seed % 2)
    spec = Cohorts(grain=dice.choice(("day", "week", "month")))
    with traced() as trace:
        quick = cohorts(FORMS[form](data), spec, grid=grid)
    assert trace[0]["form"] == {"store": "user days", "scan": "scan"}[form]
    assert quick.to_dict() == cohorts(data, spec, grid=grid).to_dict()


@pytest.mark.parametrize("form", FORMS)
def test_where_clocks_went_back_over_midnight_the_events_decide(form: str) -> None:
    # St John's, 7 November 2010: a minute into the 7th clocks showed 23:01 of the 6th again
    night, minute = 1_289_097_000_000_000, 60_000_000
    rows = [("u", night + at * minute, "a", 0, {}) for at in (-5, 30, 120)]
    data = dataset(rows, zone="America/St_Johns")
    grid = Grid.calendar("day", date(2010, 11, 5), date(2010, 11, 9), zone=data.zone)
    with traced() as trace:
        quick = compute(["dau", "wau"], FORMS[form](data), grid)
    assert quick.to_dict() == compute(["dau", "wau"], data, grid).to_dict()
    assert {each["form"] for each in trace} == {"tables"}
    assert not days_in_order(date(2010, 11, 6), date(2010, 11, 8), data.zone)
    assert days_in_order(date(2010, 11, 9), date(2011, 3, 1), data.zone)
    assert days_in_order(date(2011, 12, 1), date(2012, 1, 31), "Pacific/Apia")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("ids", ["text", "small", "large", "negative"])
def test_the_user_day_table_is_the_same_for_any_kind_of_id(ids: str, zone: str) -> None:
    dice = Random(5)
    make = {"text": "u{}".format, "small": int, "large": lambda i: 2**62 + i, "negative": lambda i: i - 3}[ids]
    rows = [(make(dice.randrange(7)), instant(dice.randrange(10**12))) for _ in range(300)]
    log = pl.DataFrame(rows, schema=["user_id", "time"], orient="row").with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC"))
    )
    wanted: dict[tuple[object, date], list[object]] = {}
    for user, time in sorted(rows):
        wanted.setdefault((user, time.astimezone(ZoneInfo(zone)).date()), []).append(time)
    found = user_days(log.lazy(), zone)
    told = [(user, day, times[0], len(times)) for (user, day), times in sorted(wanted.items())]
    assert found.select("user_id", "day", "time", "events").rows() == told
    assert found[found.columns[0]].n_unique() == len({row[0] for row in rows})


@pytest.mark.parametrize("form", FORMS)
def test_nobody_and_nobody_in_time_look_the_same_in_every_form(form: str) -> None:
    late = dataset([("u", 9_000_000, "a", 0, {})], 5_000_000, since=0)
    for data in (late, dataset([], 86_400_000_000, since=0)):
        assert lifecycle(FORMS[form](data)).table.equals(lifecycle(data).table)
