"""A row that came twice counts once: exports overlap, and senders send again."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from kpi_lib.core.schema import TABLES
from kpi_lib.sources.bench import Setting
from kpi_lib.sources.loading import load_table

from .test_laws import same
from .worlds import NAMES, Figures, grid_of, remade, world

SEED = 1
KEYS = {name: [c.name for c in known if c.key] for name, known in TABLES.items()}


def as_exported(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table as somebody's file: every row with its key, amounts in units of the currency."""
    for key in set(KEYS[name]) - set(frame.columns):
        frame = frame.with_columns(pl.format("k{}", pl.int_range(pl.len())).alias(key))
    money = [c.name for c in TABLES[name] if c.kind == "money" and c.name in frame.columns]
    return frame.with_columns((pl.col(c).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2)) for c in money)


@cache
def loaded(*, again: bool) -> tuple[Figures, dict[str, int]]:
    """All KPIs of the world as it is read from files, in which every third row of a table with a key may stand again."""
    data, tables, dropped = world(SEED), {}, {}
    with TemporaryDirectory() as folder:
        manifest = Path(folder) / "kpi.toml"
        for name, frame in data.tables.items():
            rows = as_exported(name, frame)
            if again and KEYS[name]:
                rows = pl.concat([rows, rows.gather_every(3)]).sample(fraction=1, shuffle=True, seed=5)
            rows.write_parquet(manifest.parent / f"{name}.parquet")
            section = {"path": [f"{name}.parquet"]}
            until = data.observed_until
            setting = Setting(manifest, name, section, data.zone, "USD", until, datetime(2026, 12, 1, tzinfo=UTC))
            table = load_table(setting)
            tables[name] = table.frame
            dropped[name] = table.counts.deduplicated + table.counts.quarantined
    found = remade(data, tables)
    return Figures(found, grid_of(found)), dropped


def test_every_row_that_came_again_is_dropped_and_counted() -> None:
    (_, once), (_, twice) = loaded(again=False), loaded(again=True)
    for name, frame in world(SEED).tables.items():
        if KEYS[name]:
            assert twice[name] - once[name] >= len(frame) // 3 - once[name], name


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_came_again_change_no_figure(name: str) -> None:
    same(loaded(again=False)[0][name], loaded(again=True)[0][name])
