"""The same question gives the same bits, however many threads add up."""

from dataclasses import replace
from random import Random

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, Grid
from tests.build import moment

MINUTE = 60_000_000


def busy(users: int = 2_000, rows: int = 60_000) -> Dataset:
    """Many users of four countries with many short sessions in four weeks."""
    draw = Random(5)
    begin = int(moment("01-05").timestamp() * 1_000_000)
    times = [begin + draw.randrange(28 * 24 * 60) * MINUTE + draw.randrange(MINUTE) for _ in range(rows)]
    events = pl.DataFrame({
        "user_id": [f"u{draw.randrange(users)}" for _ in range(rows)],
        "time": pl.Series(times).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(INSTANT),
        "event": "use",
    })  # fmt: skip
    people = pl.DataFrame(
        {"user_id": [f"u{at}" for at in range(users)], "country": [draw.choice("ABCD") for _ in range(users)]}
    )
    return Dataset.of({"events": events, "users": people})


@pytest.mark.parametrize("name", ["avg_session_duration", "avg_time_per_user"])
def test_intervals_of_segments_are_the_same_in_every_run(name: str) -> None:
    data = busy()
    weeks = Grid.calendar("week", moment("01-05").date(), moment("02-02").date(), zone="UTC")
    tables = {repr(compute(name, replace(data, kept={}), weeks, by=("country",)).table.rows()) for _ in range(8)}
    assert len(tables) == 1
