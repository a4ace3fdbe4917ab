"""Sessions with numbers of their own, of segments and of periods, against walks through each user's events."""

from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from statistics import mean, median
from typing import Any

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.shapes.sessions import (
    GAP,
    SessionRules,
    by_group,
    group_name,
    labelled,
    session_figures,
    sessions,
    usual_gap,
    with_gap,
)
from tests.brute.logs import random_log
from tests.brute.periods import Calendar
from tests.brute.rows import MINUTE
from tests.brute.sessions import Session, session_summary
from tests.brute.sessions import sessions as walked
from tests.build import dataset, events, instant, parted, scanned, told

Numbered = tuple[str, int, str | None]  # user, time in microseconds, number of the session


def draw(seed: int) -> list[Numbered]:
    """Events of three users, some numbered; numbers may be taken up again, and two users may have the same one."""
    dice = Random(seed)
    numbers = ["s1", "s2", "s3", *([None] if seed % 3 else [])]
    found = [
        (dice.choice("abc"), dice.randrange(200) * MINUTE, dice.choice(numbers)) for _ in range(dice.randrange(1, 20))
    ]
    # every other log is as a well-kept system writes it: one number after the other
    return (
        sorted(found, key=lambda row: row[:2])
        if seed % 2
        else sorted(found, key=lambda row: (row[0], str(row[2]), row[1]))
    )


def tidy(rows: list[Numbered]) -> list[Numbered]:
    """The same events with times that rise from session to session of a user."""
    return [(user, (at + 1) * MINUTE, number) for at, (user, _, number) in enumerate(rows)]


def numbered(rows: list[Numbered]) -> Dataset:
    numbers = pl.Series([row[2] for row in rows], dtype=pl.String)
    table = events((user, time, "use", 0, {}) for user, time, _ in rows).with_columns(session_id=numbers)
    return Dataset.of({"events": table}, observed_until=instant(1_000 * MINUTE))


def by_hand(rows: list[Numbered], gap: int) -> list[Session]:
    """One session for each number of a user; events without one by their pauses."""
    known: dict[tuple[str, str], list[int]] = {}
    for user, time, number in rows:
        if number is not None:
            known.setdefault((user, number), []).append(time)
    found = [Session(user, min(times), max(times), len(times)) for (user, _), times in known.items()]
    return found + walked([(user, time, "use", 0, {}) for user, time, number in rows if number is None], gap=gap)


@pytest.mark.parametrize("shape", [list, tidy])
def test_numbered_sessions_are_one_for_each_number_and_the_rest_is_cut_at_pauses(shape: Any) -> None:  # noqa: ANN401
    for seed in range(120):
        rows = shape(draw(seed))
        data = with_gap(numbered(rows), "15m")
        found = sessions(data).select("user_id", "time", "end", "events").collect().rows()
        wanted = [(s.user, instant(s.start), instant(s.end), s.events) for s in by_hand(rows, 15 * MINUTE)]
        assert sorted(found) == sorted(wanted), seed
        numbers = labelled(data).collect()["session"]
        assert numbers.to_list() == sorted(numbers), seed
        asked = (
            sessions(data, timedelta(minutes=15)).collect().height
        )  # a pause that is asked for overrules the numbers
        assert asked == len(walked([(user, time, "use", 0, {}) for user, time, _ in rows], gap=15 * MINUTE)), seed


def told_of(listed: list[Session]) -> dict[str, Any]:
    lengths = [(one.end - one.start) / 1e6 for one in listed]
    return {
        "sessions": len(listed),
        "users": len({one.user for one in listed}),
        "median_seconds": median(lengths) if listed else None,
        "mean_seconds": mean(lengths) if listed else None,
        "events_per_session": mean(one.events for one in listed) if listed else None,
        "single_event_share": mean(one.events == 1 for one in listed) if listed else None,
        "zero_length_share": mean(length == 0 for length in lengths) if listed else None,
    }


def test_segments_have_the_sessions_that_begin_in_them() -> None:
    seen = 0
    for seed in range(80):
        dice = Random(seed)
        rows = [
            (dice.choice("abc"), n * dice.randrange(1, 25) * MINUTE, dice.choice(("free", "paid", None)))
            for n in range(12)
        ]
        rows = list({row[:2]: row for row in rows}.values())  # no ties, so that the first event is one
        plans = {row[:2]: row[2] for row in rows}
        log = [(user, time, "use", 0, {"plan": plan}) for user, time, plan in rows]
        data = dataset(log, 1_000 * MINUTE).with_by(("plan",))
        grid = Grid.calendar("day", date(1970, 1, 1), date(1970, 1, 2), zone="UTC")
        for own in (None, grid):
            groups = session_figures(data, grid=own).to_dict()["groups"]
            assert list(groups) == sorted(groups, key=lambda key: (key == "null", key)), seed
            for plan in set(plans.values()):
                listed = [one for one in walked(log) if plans[one.user, one.start] == plan]
                for name, value in told_of(listed).items():
                    assert groups[plan or "null"][name] == pytest.approx(value), (seed, plan, name)
                seen += len(listed)
    assert seen > 200


def test_a_period_has_the_sessions_that_start_in_it() -> None:
    seen = 0
    for seed in range(80):
        log = random_log(seed)
        calendar = Calendar(log.zone)
        data = dataset(log.rows, log.observed_until, zone=log.zone)
        day = calendar.day_of(log.instants[len(log.instants) // 2])
        grid = Grid.calendar("day", day, day + timedelta(days=1), zone=log.zone)
        wanted = session_summary(log.rows, period=(calendar.start(day), calendar.end(day, "day")))
        found = session_figures(data, grid=grid).to_dict()
        assert found == {name: value if value is None else pytest.approx(value) for name, value in wanted.items()}, seed
        seen += wanted["sessions"]
    assert seen > 100


def test_a_session_is_over_once_more_than_its_pause_was_watched() -> None:
    last = "ann 01-05T10:00 use\nann 01-05T10:20 use"
    for until, ripe in (("01-05T10:50", False), ("01-05T10:51", True)):
        found = sessions(told(last, until=until)).select("seconds", "ripe").collect().row(0)
        assert found == (1200.0, ripe)
    longer = sessions(told(last, until="01-05T10:51"), timedelta(hours=1)).collect()
    assert longer["ripe"].to_list() == [False]
    usual = with_gap(told(last, until="01-05T10:51"), "1h")
    assert sessions(usual).collect()["ripe"].to_list() == [False]


def test_the_usual_pause_is_the_one_of_the_settings() -> None:
    data = told("ann 01-05T10:00 use\nann 01-05T10:20 use")
    assert (usual_gap(data), GAP) == (timedelta(minutes=30), timedelta(minutes=30))
    short = with_gap(data, "10m")
    assert usual_gap(short) == timedelta(minutes=10)
    assert [session_figures(each).to_dict()["sessions"] for each in (data, short)] == [1, 2]
    assert with_gap(data, None) is data
    assert with_gap(short, "10m") is short
    assert usual_gap(with_gap(short, "40m")) == timedelta(minutes=40)
    with pytest.raises(UsageError, match="session_gap"):
        usual_gap(with_gap(data, "soon"))


def test_an_event_can_end_a_session_and_begin_the_next() -> None:
    data = told("ann 01-05T10:00 a\nann 01-05T10:05 out\nann 01-05T10:06 out\nann 01-05T10:07 a\nbob 01-05T10:08 a")
    found = sessions(data, rules=SessionRules(end="out")).select("user_id", "events").collect().rows()
    assert found == [("ann", 2), ("ann", 1), ("ann", 1), ("bob", 1)]


def test_midnight_is_the_one_of_the_zone() -> None:
    log = "ann 01-05T23:55 a\nann 01-06T00:05 a\nann 01-06T00:15 a"
    for zone in ("Asia/Kolkata", "UTC"):
        found = sessions(told(log, zone=zone), rules=SessionRules(midnight=True)).collect()
        assert found["events"].to_list() == [1, 2], zone
    rows = [(user, time, event, 0, {}) for user, time, event in (("a", 5, "x"), ("b", 6, "x"))]
    assert sessions(dataset(rows, 100 * MINUTE), rules=SessionRules(midnight=True)).collect().height == 2


def test_the_longest_session_is_cut_again_and_again() -> None:
    """Every ten minutes for an hour, at most 25 minutes: what is exactly as long stays."""
    log = "\n".join(f"ann 01-05T10:{minute:02} a" for minute in range(0, 60, 10))
    for longest, sizes in ((25, [3, 3]), (20, [3, 3]), (19, [2, 2, 2]), (9, [1] * 6), (50, [6])):
        found = sessions(told(log), rules=SessionRules(longest=timedelta(minutes=longest))).collect()
        assert found["events"].to_list() == sizes, longest
    assert SessionRules(longest=timedelta(microseconds=1)).longest == timedelta(microseconds=1)


def test_a_pause_of_a_microsecond_is_one() -> None:
    data = told("ann 01-05T10:00 a\nann 01-05T10:00 a\nann 01-05T10:01 a")
    assert sessions(data, timedelta(microseconds=1)).collect()["events"].to_list() == [2, 1]
    for refused in (timedelta(0), -timedelta(minutes=1)):
        with pytest.raises(UsageError, match="longer than 0"):
            labelled(data, refused)


def test_no_two_groups_have_the_same_name() -> None:
    values = (
        None,
        "null",
        '"null"',
        '""null""',
        "a",
        "a /",
        "/ a",
        "a / b",
        " / ",
        "/",
        "//",
        "",
        " ",
        "a // b",
        "a /// b",
    )
    for columns in (["x"], ["x", "y"], ["x", "y", "z"]):
        rows = [dict(zip(columns, each, strict=True)) for each in product(values, repeat=len(columns))]
        assert len({group_name(row, columns) for row in rows}) == len(rows)
    told_as = {None: "null", "null": '"null"', "a / b": "a / b", "a": "a"}
    assert {value: group_name({"x": value}, ["x"]) for value in told_as} == told_as
    assert group_name({"x": "a / b", "y": None}, ["x", "y"]) == "a // b / null"


def test_rows_stand_under_their_segment_without_its_columns() -> None:
    table = pl.DataFrame({"plan": ["a", "b", "a", None], "n": [1, 2, 3, 4]})
    assert by_group(table, ("plan",)) == {"a": [{"n": 1}, {"n": 3}], "b": [{"n": 2}], "null": [{"n": 4}]}
    assert by_group(table.select("n"), ()) == {"": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]}


def test_sessions_of_nobody() -> None:
    empty = told("-")
    assert sessions(empty).collect().is_empty()
    for grid in (None, parse_period("2026-01", zone="UTC")):
        assert session_figures(empty, grid=grid).to_dict() == told_of([])
    quiet = dataset([("ann", 0, "use", 0, {})], 60 * MINUTE)
    for form in (parted, scanned):
        assert session_figures(form(quiet), grid=parse_period("2026-01", zone="UTC")).to_dict() == told_of([])
    assert isinstance(sessions(told("ann 01-05 a")).collect()["time"][0], datetime)


@pytest.mark.parametrize("form", [parted, scanned])
def test_no_form_of_the_data_changes_the_sessions(form: Any) -> None:  # noqa: ANN401
    """Numbers and segments go another way than the pass over ordered rows, and a pause of exactly the gap cuts in neither."""
    dice = Random(3)
    log = [
        (dice.choice("abc"), at * 15 * MINUTE, "use", 0, {"plan": dice.choice(("free", "paid"))}) for at in range(40)
    ]
    plain = dataset(log, 1_000 * MINUTE)
    with_numbers = numbered([(user, time, dice.choice(("s1", "s2"))) for user, time, *_ in log])
    for data in (plain, plain.with_by(("plan",)), with_numbers):
        for gap in (None, timedelta(minutes=15), timedelta(minutes=45)):
            assert session_figures(form(data), gap=gap).to_dict() == session_figures(data, gap=gap).to_dict()
    with pytest.raises(UsageError, match="longer than 0"):
        session_figures(form(plain), gap=timedelta(0))
