"""Long work tells how far it has come, and ends where whoever listens gives it up."""

import threading

import polars as pl
import pytest

import kpi_lib as kpi
from kpi_lib.core.progress import GivenUp, counted, listening, told
from kpi_lib.core.store import mapped
from tests.show.results import visits


def test_nobody_need_listen() -> None:
    told("part", 1, 2)
    assert list(counted("ab", "letter", 2)) == ["a", "b"]


def test_parts_of_a_store_are_counted_as_they_are_done() -> None:
    heard: list[tuple[str, int, int]] = []
    parts = tuple(pl.LazyFrame({"x": [at]}) for at in range(5))
    with listening(lambda *each: heard.append(each)):
        assert mapped(lambda part: part.collect()["x"][0], parts) == [0, 1, 2, 3, 4]
    assert heard == [("part", done, 5) for done in range(6)]


def test_parts_not_yet_begun_are_never_begun_once_the_work_is_given_up() -> None:
    begun: list[int] = []
    hold = threading.Event()

    def work(part: pl.LazyFrame) -> int:
        at: int = part.collect()["x"][0]
        begun.append(at)
        if at:
            hold.wait(30)  # both threads are busy until the work is given up
        return at

    def listener(what: str, done: int, total: int) -> None:
        threading.Timer(0.2, hold.set).start()
        raise GivenUp

    parts = tuple(pl.LazyFrame({"x": [at]}) for at in range(50))
    with pytest.raises(GivenUp), listening(listener):
        mapped(work, parts)
    assert len(begun) <= 4


def test_a_scorecard_counts_its_kpis() -> None:
    heard: list[tuple[str, int, int]] = []
    data = visits()
    grid = kpi.last_complete("week", data.observed_until, zone="UTC")
    with listening(lambda *each: heard.append(each)):
        kpi.scorecard(data, ["wau", "actions_per_user", "stickiness"], grid, history=2)
    assert [each for each in heard if each[0] == "KPI"] == [("KPI", done, 3) for done in range(4)]


def test_a_question_can_be_given_up_between_two_shapes() -> None:
    def listener(what: str, done: int, total: int) -> None:
        raise GivenUp

    data = visits()
    with pytest.raises(GivenUp), listening(listener):
        kpi.compute("wau", data, kpi.last_complete("week", data.observed_until, zone="UTC"))
    assert kpi.compute("wau", data, kpi.last_complete("week", data.observed_until, zone="UTC")).table.height == 1
