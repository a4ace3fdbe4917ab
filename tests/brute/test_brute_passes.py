"""Every physical form gives the answer that the general way gives, on nasty logs, to the last bit."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, local_day, midnight
from kpi_lib.core.store import traced
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.lifecycle import daily_states, lifecycle
from kpi_lib.shapes.sessions import session_figures
from tests.brute.logs import Log, random_log
from tests.build import dataset, instant, parted, scanned

SEEDS = [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 1_000))]
FORMS = {"store": parted, "scan": scanned}


def data_of(log: Log) -> Dataset:
    """The log as a data set in memory, with a table of users beside it."""
    users = pl.DataFrame(
        {"user_id": [f"u{i}" for i in range(0, 6, 2)], "level": ["gold", None, "silver"]},
        schema={"user_id": pl.String, "level": pl.String},
    )
    rows = [(row.unit, row.time, row.event, row.seq, row.props) for row in log.rows]
    return dataset(rows, log.observed_until, since=log.observed_from, zone=log.zone, tables={"users": users})


def question(seed: int, log: Log) -> tuple[Funnel, Grid | None, tuple[str, ...]]:
    """A funnel that the pass covers; windows and edges fall on events where they can."""
    dice = Random(seed + 10_000)
    early, late = sorted(dice.choice(log.instants) for _ in range(2))
    window = dice.choice((late - early, late - early + 1, max(1, late - early - 1), None))
    whole = None if not window or window % 1_000_000 else f"{window // 1_000_000}s"
    order = dice.choice(("ordered", "ordered", "strict", "unordered"))
    steps = tuple(dice.sample(("a", "b", "c", "x"), dice.choice((2, 3, 4))))
    ending = [name for name in ("a", "b", "c", "x", "y", "nothing") if name not in steps]
    spec = Funnel(
        steps,
        exclude=tuple(dice.sample(ending, dice.choice((0, 1, 2)))),
        exclusion=dice.choice(("attempt", "attempt", "unit")),
        ties=dice.choice(("any", "any", "strict")),
        within=whole,
        order=order,
        repeats=order == "strict" and dice.random() < 0.5,
        attempt=dice.choice(("best", "best", "first", "first_ever", "all", "all")),
        time_to_convert=dice.choice(("earliest", "fastest")),
        unripe=dice.choice(("exclude", "include")),
    )
    first, last = (local_day(instant(edge), log.zone) for edge in (log.instants[0], log.instants[-1]))
    grid = None if seed % 3 else Grid.calendar("day", first, max(first, last) + timedelta(days=366), zone=log.zone)
    return (
        spec,
        grid and grid.only(seed % min(len(grid), 3)),
        dice.choice(((), (), ("plan",), ("level",), ("plan", "level"))),
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_funnel_is_the_same_in_every_form(seed: int, form: str) -> None:
    log = random_log(seed)
    plain = data_of(log)
    spec, grid, by = question(seed, log)
    with traced() as trace:
        quick = funnel(FORMS[form](plain).with_by(by), spec, grid=grid)
    slow = funnel(plain.with_by(by), spec, grid=grid)
    assert_frame_equal(quick.table, slow.table)
    assert quick.to_dict() == slow.to_dict()
    covered = {row.event for row in log.rows}.issuperset(spec.steps)
    if form == "store" or not covered or "plan" not in by:
        told = [(each["form"], "general" in each["why"]) for each in trace if each["shape"] == "funnel"]
        assert told == [("store", not covered) if form == "store" else (form if covered else "tables", False)]


def rarer(seed: int) -> Funnel:
    """A funnel that no pass covers, by a rule that few ask for."""
    dice = Random(seed + 40_000)
    steps = dice.choice((("a", "b", "c"), ("b", "a", "b"), ("a", "b@2"), ("c", "x", "a")))
    rules: dict[str, object] = {"attempt": dice.choice(("best", "first", "first_ever", "all"))}
    rules |= {"within": dice.choice((None, "1h", "1d")), "unripe": dice.choice(("exclude", "include"))}
    rules |= dice.choice(
        (
            {"exclude": ("y",), "exclusion": dice.choice(("attempt", "unit"))},
            {"hold": "plan"},
            {"unit": "session", "attempt": "best"},
            {"ties": dice.choice(("seq", "strict"))},
            {"within_step": (*("1h", None)[: len(steps) - 1],)},
            {"order": "strict", "attempt": "all"},
            {"value": "seq", "attempt": "all"},
            {"attribution": "last"},
        )
    )
    return Funnel(steps, **rules)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_funnel_is_the_same_range_by_range(seed: int) -> None:
    plain, spec = data_of(random_log(seed)), rarer(seed)
    by = Random(seed).choice(((), ("plan",), ("level",), ("plan", "level")))
    with traced() as trace:
        quick = funnel(parted(plain).with_by(by), spec)
    slow = funnel(plain.with_by(by), spec)
    assert_frame_equal(quick.table, slow.table)
    assert quick.to_dict() == slow.to_dict()
    assert {each["form"] for each in trace} == {"store"}
    assert_frame_equal(quick.users(), slow.users())


def test_a_column_that_is_not_there_is_refused_with_all_that_are() -> None:
    plain = data_of(random_log(1))
    for rules in ({"hold": "plam"}, {"value": "plan"}):
        spec = Funnel(("a", "b"), **rules)  # type: ignore[arg-type]
        said = []
        for data in (parted(plain), plain):
            with pytest.raises(UsageError) as refused:
                funnel(data, spec)
            said.append(str(refused.value))
        assert said[0] == said[1]


def test_a_scan_with_entries_of_two_segments_at_one_instant_goes_the_general_way() -> None:
    rows = [("u", 0, "a", 0, {"plan": plan}) for plan in ("free", "paid")] + [("u", 5_000_000, "b", 0, {})]
    for plans, form in ((2, "tables"), (1, "scan")):
        data = dataset(rows[2 - plans :])
        with traced() as trace:
            found = funnel(scanned(data).with_by(("plan",)), Funnel(("a", "b")))
        assert found.to_dict() == funnel(data.with_by(("plan",)), Funnel(("a", "b"))).to_dict()
        assert [each["form"] for each in trace] == [form]


def retention(dice: Random, log: Log) -> Cohorts:
    """A retention question, mostly one that days alone answer."""
    names = [row.event for row in log.rows] or ["a"]
    modes = {"on": (), "on_or_after": (), "bracket": ((1, 2), (4, 9))}
    mode = dice.choice(tuple(modes))
    return Cohorts(
        grain=dice.choice(("day", "week", "month")),
        mode=mode,
        brackets=modes[mode],
        periods=dice.choice((None, 3)),
        min_events=dice.choice((1, 1, 2)),
        clock=dice.choice(("calendar", "calendar", "elapsed")),
        gone_after=dice.choice((None, 1, 3)) if mode == "on" else None,
        start_event=dice.choice(("first", "first", "first", names[0])),
        return_event=dice.choice((None, None, None, names[-1])),
        recurring=dice.random() < 0.1,
        value=dice.choice((None, None, None, "seq")),
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_days_of_activity_are_the_same_in_every_form(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed + 20_000)
    plain = data_of(log)
    other = FORMS[form](plain)
    spec = retention(dice, log)
    by: tuple[str, ...] = dice.choice(((), (), ("plan",), ("level",), ("plan", "level")))
    with traced() as trace:
        quick = cohorts(other.with_by(by), spec)
    slow = cohorts(plain.with_by(by), spec)
    assert quick.to_dict() == slow.to_dict()
    assert quick.table.equals(slow.table)
    assert quick.pooled.equals(slow.pooled)
    rest = {name: getattr(spec, name) for name in ("grain", "mode", "brackets", "periods", "gone_after")}
    covered = spec == Cohorts(**rest)
    # days tell how many events they hold as well, but only of whole days, and of a scan not in which segment
    counted = spec == Cohorts(**rest, min_events=spec.min_events)
    counted &= midnight(local_day(plain.observed_until, log.zone), log.zone) == plain.observed_until
    wanted = {
        "store": "user days" if covered or counted else "store",
        "scan": "scan" if (covered and "plan" not in by) or (counted and not by) else "tables",
    }
    assert trace[0]["form"] == wanted[form]
    first, last = (local_day(instant(edge), log.zone) for edge in (log.instants[0], log.instants[-1]))
    grid = Grid.calendar(dice.choice(("day", "week", "month")), first, last + timedelta(days=40), zone=log.zone)
    assert actives(other, grid, by).to_dict() == actives(plain, grid, by).to_dict()
    every = dice.choice(("day", "week", "month"))
    assert lifecycle(other.with_by(by), every=every).table.equals(lifecycle(plain.with_by(by), every=every).table)
    assert daily_states(other.with_by(by)).table.equals(daily_states(plain.with_by(by)).table)
    names = ["active_users", "new_users", "retention_day_1", "stickiness"]
    assert compute(names, other, grid, by).to_dict() == compute(names, plain, grid, by).to_dict()


def late(data: Dataset, dice: Random) -> Dataset:
    """The data with the instant at which each event became known, some at once, some days later, some untold."""
    rows = data.tables["events"]
    delays = [dice.choice((None, 0, 0, 3_600, 200_000)) for _ in range(len(rows))]
    ingested = rows["time"] + pl.Series(
        [None if d is None else timedelta(seconds=d) for d in delays], dtype=pl.Duration("us")
    )
    return replace(data, tables={**data.tables, "events": rows.with_columns(ingested.alias("ingested"))})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_known_at_an_instant_is_the_same_in_every_form(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed + 50_000)
    plain = data_of(log)
    if dice.random() < 0.3:
        plain = late(plain, dice)
    then = instant(dice.choice(log.instants) + dice.choice((0, 0, 1)))
    if dice.random() < 0.5:
        then = midnight(local_day(then, log.zone), log.zone)
    until = max(then, plain.observed_from + timedelta(days=1))
    other = FORMS[form](plain)
    quick, slow = other.as_of(until), plain.as_of(until)
    by = dice.choice(((), ("plan",)))
    with traced() as trace:
        counted = cohorts(quick, Cohorts(grain="week"))
    assert {each["form"] for each in trace} <= {"user days", "scan"} or not quick.tables["events"].height
    assert counted.to_dict() == cohorts(slow, Cohorts(grain="week")).to_dict()
    steps = Funnel(("a", "b"), within="1h")
    assert funnel(quick.with_by(by), steps).to_dict() == funnel(slow.with_by(by), steps).to_dict()
    assert session_figures(quick).to_dict() == session_figures(slow).to_dict()
    assert quick.segments("plan").equals(slow.segments("plan"))
    far = plain.observed_until + timedelta(days=30)
    kept = plain.as_of(far).tables["events"].height == plain.tables["events"].height
    assert (other.as_of(far).parts is other.parts) is kept


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_sessions_are_the_same_in_every_form(seed: int, form: str) -> None:
    log, dice = random_log(seed), Random(seed + 30_000)
    plain = data_of(log)
    early, late = sorted(dice.choice(log.instants) for _ in range(2))
    gap = (
        dice.choice((None, timedelta(microseconds=late - early), timedelta(microseconds=max(late - early - 1, 1))))
        or None
    )
    first = local_day(instant(log.instants[0]), log.zone)
    days = Grid.calendar("day", first, first + timedelta(days=3), zone=log.zone)
    grid = dice.choice((None, days.only(0), days.only(len(days) - 1)))
    with traced() as trace:
        quick = session_figures(FORMS[form](plain), gap=gap, grid=grid)
    assert quick.to_dict() == session_figures(plain, gap=gap, grid=grid).to_dict()
    assert [each["form"] for each in trace] == [form]
