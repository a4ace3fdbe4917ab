"""Rows in ranges of users: whatever the columns hold, they are those of the table, in order, and no user is cut in two."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.store import USER
from kpi_lib.shapes import rows as rooms
from kpi_lib.shapes.rows import Rows, over

SINCE, UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
STEPS, PLANS = pl.Enum(["a", "b", "c"]), pl.Enum(["free", "pro"])
YEAR = int((UNTIL - SINCE).total_seconds())
USERS = {"few": 5, "many": 2**37, "all": 2**64 - 1}

some_rows = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(0, 99), st.sampled_from(["a", "b", "c"]), st.sampled_from(["free", "pro", None])
    ),
    max_size=60,
)


def scanned(found: list[tuple[Any, ...]], users: int, tick: timedelta) -> Dataset:
    """A scan of rows whose times are so many ticks apart."""
    frame = pl.DataFrame(
        {
            "user_id": pl.Series([user * (users // 30) for user, *_ in found], dtype=pl.UInt64),
            "time": pl.Series([SINCE + at * tick for _, at, *_ in found], dtype=pl.Datetime("us", "UTC")),
            "event": pl.Series([row[2] for row in found], dtype=STEPS),
            "plan": pl.Series([row[3] for row in found], dtype=PLANS),
        }
    )
    return Dataset.of({"events": frame.lazy()}, observed_from=SINCE, observed_until=UNTIL)


def told(rows: Rows) -> list[tuple[Any, ...]]:
    frame = rows.frame.select(USER, "time", "event", "plan")
    assert rows.time.tolist() == frame["time"].to_list()
    assert rows.new_user.tolist() == (frame[USER] != frame[USER].shift(1)).fill_null(True).to_list()
    same = (frame[USER] == frame[USER].shift(1)) & (frame["time"] == frame["time"].shift(1))
    assert rows.new_time.tolist() == (~same).fill_null(True).to_list()
    return frame.rows()


def ranges_of(data: Dataset) -> list[list[tuple[Any, ...]]]:
    return over(data, lambda scan: (scan, [pl.col("event"), pl.col("plan")]), told)


def plainly(data: Dataset) -> list[tuple[Any, ...]]:
    frame = data["events"].collect()
    rows = frame.select("user_id", pl.col("time").to_physical(), pl.col("event", "plan").cast(pl.String)).rows()
    return sorted(rows, key=lambda row: (row[0], row[1], row[2], row[3] or "~"))


@settings(max_examples=150)
@given(
    users=st.sampled_from(sorted(USERS)),
    tick=st.sampled_from([timedelta(seconds=1), timedelta(milliseconds=7), timedelta(microseconds=3)]),
    size=st.sampled_from([1, 7, 2**20]),
    found=some_rows,
)
def test_the_ranges_hold_the_rows_of_the_table(users: str, tick: timedelta, size: int, found: list[Any]) -> None:
    data = scanned(found, USERS[users], tick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rooms, "SIZE", size)
        ranges = ranges_of(data)
    flat = [row for each in ranges for row in each]
    keys = [(user, time) for user, time, *_ in flat]
    assert keys == sorted(keys) or users == "all"
    ids = {row[0] for row in plainly(data)}
    number = dict(zip(sorted(ids), range(len(ids)), strict=True)) if {r[0] for r in flat} - ids else {u: u for u in ids}
    assert sorted(flat, key=str) == sorted([(number[user], *rest) for user, *rest in plainly(data)], key=str)
    owners = [{row[0] for row in each} for each in ranges]
    assert sum(map(len, owners)) == len(set().union(*owners))


@pytest.mark.parametrize(
    ("at", "user"),
    [
        (SINCE - timedelta(days=1), 3),  # before what was observed
        (UNTIL + timedelta(days=900), 3),  # after it
        (SINCE + timedelta(microseconds=1), 3),  # no whole second, after a thousand that were
        (SINCE, 2**63),  # a user that leaves no bits for the time
    ],
)
def test_a_row_that_does_not_fit_is_not_lost(at: datetime, user: int) -> None:
    frame = pl.DataFrame(
        {
            "user_id": pl.Series([*range(1500), user], dtype=pl.UInt64),
            "time": pl.Series(
                [*(SINCE + timedelta(seconds=n) for n in range(1500)), at], dtype=pl.Datetime("us", "UTC")
            ),
            "event": pl.Series(["a"] * 1501, dtype=STEPS),
            "plan": pl.Series([None] * 1501, dtype=PLANS),
        }
    )
    data = Dataset.of({"events": frame.lazy()}, observed_from=SINCE, observed_until=UNTIL)
    flat = [row for each in ranges_of(data) for row in each]
    assert sorted(row[1] for row in flat) == sorted(frame["time"].to_physical())


def test_text_among_the_columns_goes_the_other_way() -> None:
    data = scanned([(1, 2, "a", "pro"), (0, 5, "b", None), (1, 1, "c", "free")], 30, timedelta(seconds=1))
    texts = over(
        data,
        lambda scan: (scan, [pl.col("event"), pl.col("plan").cast(pl.String)]),
        lambda rows: rows.frame["plan"].to_list(),
    )
    assert [text for each in texts for text in each] == [None, "free", "pro"]


def test_no_rows_are_one_empty_range() -> None:
    assert ranges_of(scanned([], 30, timedelta(seconds=1))) == [[]]
