"""Datasets for tests: from the oracles' rows, and from short texts."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(micros: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=micros)


def events(rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """An events table from the oracles' rows (unit, time, event, seq, props); keeps their order."""
    listed = list(rows)
    columns: dict[str, list[Any]] = {
        "user_id": [row[0] for row in listed],
        "time": [instant(row[1]) for row in listed],
        "event": [row[2] for row in listed],
        "seq": [row[3] for row in listed],
        "plan": [row[4].get("plan") for row in listed],
    }
    schema = {"user_id": pl.String, "time": INSTANT, "event": pl.String, "seq": pl.Int64, "plan": pl.String}
    return pl.DataFrame(columns, schema=schema)


def dataset(
    rows: Iterable[tuple[Any, ...]],
    until: int | None = None,
    *,
    since: int | None = None,
    **choices: Any,  # noqa: ANN401
) -> Dataset:
    """A dataset of events from the oracles' rows."""
    start, stop = (None if edge is None else instant(edge) for edge in (since, until))
    tables: Mapping[str, pl.DataFrame] = {"events": events(rows), **choices.pop("tables", {})}
    return Dataset.of(tables, observed_from=start, observed_until=stop, **choices)


def transactions(rows: Iterable[tuple[str, datetime, int, str | None, str | None]]) -> pl.DataFrame:
    """A transactions table from rows of user, time, minor units, order number, kind."""
    columns = {"user_id": pl.String, "time": INSTANT, "amount": pl.Int64, "order_id": pl.String, "kind": pl.String}
    return pl.DataFrame(list(rows), schema=columns, orient="row")
