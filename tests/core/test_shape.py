"""What several figures share is computed once, and never stands for anything else than what was asked."""

from dataclasses import replace
from types import MappingProxyType

import polars as pl
import pytest

from kpi_lib.core import shape as module
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.shape import once, shape
from tests.build import moment, told

MADE: list[tuple[object, ...]] = []


@shape
def taken(data: Dataset, event: str = "view", *, names: list[str] | None = None) -> pl.LazyFrame:
    """The events of a name."""
    MADE.append((event, names, data.by))
    return data["events"].filter(pl.col("event") == event)


@pytest.fixture
def data() -> Dataset:
    """A new data set, and nothing made yet."""
    MADE.clear()
    return told("ann 01-05 view\nann 01-06 buy\nbob 01-07 view")


def users(found: pl.LazyFrame) -> list[str]:
    return found.collect()["user_id"].to_list()


def test_the_same_question_is_answered_once(data: Dataset) -> None:
    assert [users(taken(data)) for _ in range(3)] == [["ann", "bob"]] * 3
    assert users(taken(replace(data, source=("events",)))) == ["ann", "bob"]
    assert len(MADE) == 1


def test_another_question_is_another_answer(data: Dataset) -> None:
    assert users(taken(data, "buy")) == ["ann"]
    assert users(taken(data, names=["view"])) == users(taken(data, names=["buy"])) == ["ann", "bob"]
    assert users(taken(data, names=["view"])) == ["ann", "bob"]
    assert MADE == [("buy", None, ()), ("view", ["view"], ()), ("view", ["buy"], ())]


def test_other_data_are_never_answered_with_these(data: Dataset) -> None:
    assert users(taken(data)) == ["ann", "bob"]
    less = {"events": data.tables["events"].filter(pl.col("user_id") == "bob")}
    assert users(taken(replace(data, tables=MappingProxyType(less)))) == ["bob"]
    assert users(taken(data.as_of(moment("01-07")))) == ["ann"]
    assert users(taken(data.only("event=view"))) == ["ann", "bob"]
    taken(data.with_by(("event",)))
    assert MADE[-1] == ("view", None, ("event (segment)",))
    for other in ({"zone": "Asia/Kolkata"}, {"week_start": "sunday"}, {"features": {"a": ("view",)}}):
        before = len(MADE)
        taken(replace(data, **other))
        assert len(MADE) == before + 1, other


def test_what_is_kept_has_an_end(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(5):
        assert once(data, number, lambda number=number: number * 2) == number * 2  # type: ignore[misc]
    assert len(data.kept) == 3
    assert once(data, 4, lambda: 0) == 8
    assert once(data, 0, lambda: -1) == -1
