"""Paths against the brute-force oracle, flows that conserve, and the rules one by one."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import parse_period
from kpi_lib.core.store import traced
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.paths import END, MORE, OTHER, START, paths
from kpi_lib.shapes.sessions import session_figures
from tests.brute.logs import Log, logs, random_log
from tests.brute.paths import paths as oracle
from tests.brute.rows import HOUR, MINUTE
from tests.build import dataset, moment, parted, row_of, told

ENDS = (START, END, MORE)


def question(seed: int, log: Log) -> dict[str, Any]:
    choose, there = Random(seed).choice, sorted({row.event for row in log.rows})
    return {
        "from_event": choose([None, None, *there]),
        "to_event": choose([None, None, *there]),
        "max_steps": choose((2, 3, 5, 9)),
        "top": choose((1, 2, 5)),
        "collapse": choose((True, True, False)),
    }


def moves(found: Any) -> dict[tuple[int, str, str], tuple[int, int]]:  # noqa: ANN401
    return {(e["step"], e["from"], e["to"]): (e["sessions"], e["users"]) for e in found.to_dict()["edges"]}


def agree(seed: int) -> bool:
    log = random_log(seed)
    if not log.rows:
        return False
    asked, gap = question(seed, log), (30 * MINUTE, HOUR, MINUTE)[seed % 3]
    data = dataset(log.rows, log.observed_until, zone=log.zone)
    found = paths(data, gap=timedelta(microseconds=gap), **asked)
    assert moves(found) == oracle(log.rows, gap=gap, **asked), (seed, asked)
    return True


def test_paths_equal_brute_force() -> None:
    assert sum(agree(seed) for seed in range(200)) > 150


@pytest.mark.parametrize("seed", range(40))
def test_paths_range_by_range_are_those_of_the_tables(seed: int) -> None:
    log = random_log(seed)
    asked = question(seed, log) if log.rows else {}
    users = pl.DataFrame({"user_id": ["u0", "u2"], "level": ["gold", None]}, schema_overrides={"level": pl.String})
    data = dataset(log.rows, log.observed_until, since=log.observed_from, zone=log.zone, tables={"users": users})
    by: tuple[str, ...] = Random(seed).choice(((), ("plan",), ("level",), ("plan", "level")))
    with traced() as trace:
        found = paths(parted(data).with_by(by), **asked)
    assert found.to_dict() == paths(data.with_by(by), **asked).to_dict()
    assert {each["form"] for each in trace} == {"store"}


@pytest.mark.slow
def test_paths_equal_brute_force_on_many_more() -> None:
    assert sum(agree(seed) for seed in range(200, 1700)) > 1000


@settings(max_examples=40)
@given(logs())
def test_what_flows_in_flows_out(log: Log) -> None:
    data = dataset(log.rows, log.observed_until, zone=log.zone)
    found = paths(data, max_steps=4, top=2).to_dict()
    came, left = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for edge in found["edges"]:
        left[edge["step"], edge["from"]] += edge["sessions"]
        came[edge["step"] + 1, edge["to"]] += edge["sessions"]
    for node in found["nodes"]:
        place = (node["step"], node["event"])
        assert node["event"] in ENDS or came[place] == left[place] == node["sessions"]
    ends = [sum(n["sessions"] for n in found["nodes"] if n["event"] in names) for names in ((START,), (END, MORE))]
    assert ends == [found["sessions"]] * 2
    assert found["sessions"] == found["all_sessions"] == session_figures(data).to_dict()["sessions"]


def test_segments_add_up_in_sessions() -> None:
    for seed in range(40):
        log = random_log(seed)
        data = dataset(log.rows, log.observed_until, zone=log.zone)
        whole, parts = paths(data), paths(data.with_by(("plan",)))
        keys = ["step", "from", "to"]
        summed = parts.table.group_by(keys).agg(pl.col("sessions").sum()).sort(keys)
        assert summed.rows() == whole.table.sort(keys).select(*keys, "sessions").rows()
        assert parts.totals["sessions"].sum() == whole.totals["sessions"].sum()


SHOP = """
ann 01-05T10:00 home
ann 01-05T10:01 home
ann 01-05T10:02 look
ann 01-05T10:03 buy
bob 01-06T10:00 home
bob 01-06T10:01 look
cat 01-20T10:00 help
cat 01-20T10:02 look
cat 01-20T10:03 buy
cat 01-20T10:04 look
"""


def test_by_hand() -> None:
    found = moves(paths(told(SHOP)))
    assert found == {
        (0, START, "home"): (2, 2),
        (0, START, "help"): (1, 1),
        (1, "home", "look"): (2, 2),
        (1, "help", "look"): (1, 1),
        (2, "look", "buy"): (2, 2),
        (2, "look", END): (1, 1),
        (3, "buy", END): (1, 1),
        (3, "buy", "look"): (1, 1),
        (4, "look", END): (1, 1),
    }


def test_to_an_event_steps_are_counted_back_from_it() -> None:
    found = moves(paths(told(SHOP), to_event="buy", max_steps=2))
    assert found == {(0, MORE, "look"): (2, 2), (1, "look", "buy"): (2, 2), (2, "buy", END): (2, 2)}


def test_from_an_event_to_another_leaves_out_who_does_not_get_there() -> None:
    found = paths(told(SHOP), from_event="home", to_event="buy")
    assert moves(found) == {
        (0, START, "home"): (1, 1),
        (1, "home", "look"): (1, 1),
        (2, "look", "buy"): (1, 1),
        (3, "buy", END): (1, 1),
    }
    assert (found.to_dict()["sessions"], found.to_dict()["all_sessions"]) == (1, 3)


def test_what_is_rare_is_other_and_repeats_can_be_kept() -> None:
    found = moves(paths(told(SHOP), top=1, collapse=False, max_steps=2))
    assert found == {
        (0, START, "home"): (2, 2),
        (0, START, OTHER): (1, 1),
        (1, "home", OTHER): (1, 1),
        (1, "home", "look"): (1, 1),
        (1, OTHER, "look"): (1, 1),
        (2, OTHER, MORE): (1, 1),
        (2, "look", END): (1, 1),
        (2, "look", MORE): (1, 1),
    }


def test_a_session_belongs_to_the_period_of_its_start_and_may_go_on() -> None:
    data = told("ann 01-31T23:50 a\nann 02-01T00:10 b\nbob 02-01T10:00 a", until="02-01T10:20")
    january, february = (paths(data, grid=parse_period(f"2026-0{n}", zone="UTC")) for n in (1, 2))
    assert [move[1:] for move in moves(january)] == [(START, "a"), ("a", "b"), ("b", END)]
    assert [move[1:] for move in moves(february)] == [(START, "a"), ("a", END)]
    assert [each.to_dict()["in_progress"] for each in (january, february)] == [0, 1]


def test_session_numbers_of_the_data_are_trusted() -> None:
    data = told("ann 01-05T10:00 a\nann 01-05T10:01 b")
    table = data.tables["events"].with_columns(session_id=pl.Series(["s1", "s2"]))
    mapped = type(data).of({"events": table}, observed_until=data.observed_until)
    assert (0, START, "b") in moves(paths(mapped))
    assert (0, START, "b") not in moves(paths(mapped, gap=timedelta(minutes=30)))


def test_an_event_that_is_called_like_a_node_stays_apart() -> None:
    found = moves(paths(told("ann 01-05T10:00 (end)\nann 01-05T10:01 (other)")))
    assert found == {(0, START, '"(end)"'): (1, 1), (1, '"(end)"', '"(other)"'): (1, 1), (2, '"(other)"', END): (1, 1)}


def test_nothing_is_nothing_and_nonsense_is_refused() -> None:
    empty = paths(told("-"), from_event="home").to_dict()
    assert (empty["nodes"], empty["edges"], empty["sessions"]) == ([], [], 0)
    with pytest.raises(UsageError, match=r"unknown event 'hom'.*Did you mean home"):
        paths(told(SHOP), from_event="hom")
    with pytest.raises(UsageError, match="at least 2 steps and 1 event"):
        paths(told(SHOP), max_steps=1)


def test_a_step_that_a_funnel_declares_may_be_yet_to_happen() -> None:
    """A week without a purchase leaves its paths empty; a name that nobody declares is still refused."""
    data = replace(told(SHOP), funnels={"way": Funnel(("home", "refund"))})
    assert paths(data, to_event="refund").to_dict()["sessions"] == 0
    with pytest.raises(UsageError, match="unknown event 'refnd'"):
        paths(data, to_event="refnd")


def test_every_segment_has_its_totals() -> None:
    data = told("ann 01-05T10:00 a free\nbob 02-05T10:00 a paid").with_by(("plan",))
    groups = paths(data, grid=parse_period("2026-01", zone="UTC")).to_dict()["groups"]
    assert {name: group["all_sessions"] for name, group in groups.items()} == {"free": 1, "paid": 0}


def test_the_pause_of_the_workspace_cuts_sessions_paths_and_funnels_of_sessions() -> None:
    """Twenty minutes apart: one session by the usual half hour, two where [settings] session_gap says ten minutes."""
    for setting, count in ((None, 1), ("10m", 2), ("20m", 1)):
        settings = {"session_gap": setting} if setting else {}
        data = told("ann 01-05T10:00 look\nann 01-05T10:20 buy", settings=settings)
        assert session_figures(data).to_dict()["sessions"] == count
        assert session_figures(parted(data)).to_dict()["sessions"] == count
        found = paths(data)
        assert found.to_dict()["sessions"] == count
        assert found.definition["gap_seconds"] == {None: 1_800, "10m": 600, "20m": 1_200}[setting]
        reached = funnel(data, Funnel(("look", "buy"), unit="session")).table["units"].to_list()
        assert reached == [1, 2 - count]
        assert paths(data, gap=timedelta(hours=1)).to_dict()["sessions"] == 1  # what is asked for wins
        row = row_of("avg_session_duration", data, "2026-W02")
        assert row["value"] == session_figures(data).to_dict()["mean_seconds"]


def test_numbers_of_sessions_are_trusted_whatever_the_pause_of_the_workspace_is() -> None:
    rows = pl.DataFrame(
        {
            "user_id": ["a", "a"],
            "time": [moment("01-05"), moment("01-06")],
            "event": ["x", "y"],
            "session_id": ["1", "1"],
        }
    )
    data = Dataset.of({"events": rows}, observed_until=moment("02-01"), settings={"session_gap": "10m"})
    assert session_figures(data).to_dict()["sessions"] == paths(data).to_dict()["sessions"] == 1
    assert row_of("avg_session_duration", data, "2026-W02")["value"] == 86_400.0
    assert session_figures(data, gap=timedelta(minutes=10)).to_dict()["sessions"] == 2


def test_a_pause_that_is_none_is_refused_with_its_place() -> None:
    data = told("ann 01-05T10:00 look", settings={"session_gap": "soon"})
    for ask in (paths, session_figures):
        with pytest.raises(UsageError, match=r"\[settings\] session_gap: 'soon' is no duration"):
            ask(data)
