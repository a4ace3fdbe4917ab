"""Logs that were kept only from some day on: found by a plain loop, and never a zero before that day."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.core.beginnings import TIMES, WEEK, beginnings
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import WorkspaceError
from kpi_lib.core.period import Grid, midnight
from kpi_lib.shapes.lifecycle import lifecycle
from kpi_lib.sources.quality import check
from kpi_lib.sources.workspace import open_workspace

FIRST = date(2025, 1, 1)
ZONE = "Europe/Berlin"
MONTHS = Grid.calendar("month", date(2025, 1, 1), date(2025, 7, 1), zone=ZONE)


@given(st.lists(st.integers(0, 120), min_size=1, max_size=12))
def test_a_silence_counts_when_it_is_longer_than_a_week_and_five_later_ones(days: list[int]) -> None:
    log = pl.DataFrame({"time": [midnight(FIRST + timedelta(days=day), ZONE) + timedelta(hours=9) for day in days]})
    told = beginnings({"events": log, "transactions": log}, midnight(FIRST, ZONE), ZONE)
    there = sorted(set(days))
    longest = max((b - a for a, b in pairwise(there)), default=1)
    late = there[0] > WEEK and there[0] > TIMES * longest
    assert told == ({"events": midnight(FIRST + timedelta(days=there[0]), ZONE)} if late else {})


def shop(late: int = 90, **choices: object) -> Dataset:
    """An order a day from January on, events on every day after so many days."""
    day = [datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=at) for at in range(181)]
    orders = pl.DataFrame({"transaction_id": [f"o{at}" for at in range(181)], "user_id": [f"u{at % 9}" for at in range(181)],
                           "time": day, "amount": [1000] * 181})  # fmt: skip
    events = pl.DataFrame({"user_id": [f"u{at % 9}" for at in range(late, 181)], "time": day[late:], "event": "open"})
    return Dataset.of({"transactions": orders, "events": events}, zone=ZONE, **choices)  # type: ignore[arg-type]


def figures(name: str, data: Dataset) -> list[tuple[float | None, str]]:
    return [(row["value"], row["status"]) for row in compute(name, data, MONTHS).table.to_dicts()]


def test_before_a_log_was_kept_there_is_no_zero() -> None:
    data = shop()
    assert data.begins == {"events": midnight(date(2025, 4, 1), ZONE)}
    assert figures("dau", data)[:4] == [(None, "early")] * 3 + [(1.0, "ok")]
    assert [value for value, _ in figures("orders", data)] == [31, 28, 31, 30, 31, 30]
    assert {status for _, status in figures("orders", data)} == {"ok"}
    assert [status for _, status in figures("arpu", data)][:3] == ["early"] * 3  # made of both
    rows = actives(data, MONTHS, window=7).table.to_dicts()
    assert [row["complete"] for row in rows] == [False] * 3 + [True] * 3
    assert [row["rolling"] for row in rows][:4] == [None] * 3 + [7]
    assert lifecycle(data, every="month").table["start"].min() == date(2025, 4, 1)


def test_a_month_in_which_a_log_begins_is_early_and_keeps_its_value() -> None:
    assert figures("dau", shop(100))[3] == (1.0, "early")


def test_use_before_the_first_sale_is_no_gap() -> None:
    frames = dict(shop(0).tables)
    frames["transactions"] = frames["transactions"].filter(pl.col("time") > datetime(2025, 5, 1, tzinfo=UTC))
    data = Dataset.of(frames, zone=ZONE)
    assert not data.begins
    assert figures("orders", data)[0] == (0.0, "ok")


@pytest.mark.parametrize("data", [shop(6), shop(observed_from=datetime(2024, 12, 31, 23, tzinfo=UTC))])
def test_a_short_silence_or_a_word_for_it_is_taken_as_it_stands(data: Dataset) -> None:
    assert not data.begins
    assert figures("dau", data)[0][0] is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = shop()
    for name, frame in data.tables.items():
        written = frame.with_columns(pl.col("amount") / 100) if name == "transactions" else frame
        written.write_parquet(tmp_path / f"{name}.parquet")
    tables = "".join(f'[tables.{name}]\npath = "{name}.parquet"\n' for name in data.tables)
    (tmp_path / "kpi.toml").write_text(f'[workspace]\nname = "Shop"\ntimezone = "{ZONE}"\n{tables}')
    return tmp_path


def test_a_check_tells_it_and_a_store_keeps_it(folder: Path) -> None:
    opened = open_workspace(folder)
    (told,) = [each for each in check(opened).findings if "begins on" in each.message]
    assert "the log begins on 2025-04-01, 90 days after the data (2025-01-01)" in told.message
    assert "[workspace] observed_from = 2025-01-01" in told.mend
    opened.build_store()
    again = open_workspace(folder)
    assert not again.store
    stored = again.data
    assert stored.begins == opened.data.begins == shop().begins
    assert figures("dau", stored) == figures("dau", opened.data)


def test_whoever_says_that_nothing_happened_gets_zeros(folder: Path) -> None:
    manifest = folder / "kpi.toml"
    text = manifest.read_text().replace('name = "Shop"', 'name = "Shop"\nobserved_from = 2025-01-01')
    manifest.write_text(text)
    opened = open_workspace(folder)
    assert not [each for each in check(opened).findings if "begins on" in each.message]
    assert figures("dau", opened.data)[:3] == [(0.0, "ok")] * 3


@pytest.mark.parametrize("day", ["2025-07-01", "2030-01-01"])
def test_a_beginning_after_the_end_is_refused(folder: Path, day: str) -> None:
    manifest = folder / "kpi.toml"
    manifest.write_text(manifest.read_text().replace('name = "Shop"', f'name = "Shop"\nobserved_from = {day}'))
    words = rf"kpi.toml, \[workspace\] observed_from = {day}: the data end on 2025-06-30, so nothing would be observed"
    with pytest.raises(WorkspaceError, match=words):
        _ = open_workspace(folder).data
