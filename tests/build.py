"""Datasets for tests: from the oracles' rows, and from short texts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, parse_period
from kpi_lib.core.schema import TABLES
from kpi_lib.core.store import USER, Parts, codes, user_days

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


def lines(text: str) -> list[list[str]]:
    """The words of each line of a short table."""
    return [line.split() for line in text.strip().splitlines() if line.strip()]


def moment(text: str, zone: str = "UTC") -> datetime:
    """An instant of 2026 in a zone's clock time: 01-05 (midnight) or 01-05T10:30."""
    return datetime.fromisoformat("2026-" + text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def told(
    events: str = "",
    orders: str = "",
    users: str = "",
    *,
    since: str = "01-01",
    until: str = "03-01",
    **choices: Any,  # noqa: ANN401
) -> Dataset:
    """A dataset of 2026 from short tables, times on the clock of the zone.

    events: user time event [plan] · orders: user time cents [order number, - for none] [kind] · users: user plan.
    A table that is not told is not there; a line of one dash is an empty table.
    """
    zone = choices.get("zone", "UTC")
    tables: dict[str, pl.DataFrame] = dict(choices.pop("tables", {}))
    if events:
        rows = [(w[0], moment(w[1], zone), w[2], (*w, None)[3]) for w in lines(events) if w != ["-"]]
        columns = {"user_id": pl.String, "time": INSTANT, "event": pl.String, "plan": pl.String}
        tables["events"] = pl.DataFrame(rows, schema=columns, orient="row")
    if orders:
        found = [[*w, *["-", "sale"][len(w) - 3 :]] for w in lines(orders) if w != ["-"]]
        sold = [(w[0], moment(w[1], zone), int(w[2]), None if w[3] == "-" else w[3], w[4]) for w in found]
        tables["transactions"] = transactions(sold)
    if users:
        tables["users"] = pl.DataFrame(lines(users), schema=["user_id", "plan"], orient="row")
    return Dataset.of(tables, observed_from=moment(since, zone), observed_until=moment(until, zone), **choices)


def row_of(name: str, data: Dataset, period: str = "2026-01", **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The one row of a KPI in one period."""
    table = rows_of(name, data, period, **options)
    assert table.height == 1, table
    return table.row(0, named=True)


def rows_of(name: str, data: Dataset, period: str = "2026-01", **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """The rows of a KPI in one period."""
    grid = parse_period(period, zone=data.zone, week_start=data.week_start)
    return compute(name, data, grid, options=options).table


def frame_of(table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
    """A canonical table with these columns."""
    known = {column.name: column.dtype for column in TABLES[table]}
    return pl.DataFrame(list(rows), schema={name: known[name] for name in columns}, orient="row")


def parted(data: Dataset, count: int = 3) -> Dataset:
    """The same data with its events in parts of some users each, as a store keeps them."""
    rows = data.tables["events"]
    rows = rows.with_columns(rows["event"].cast(pl.Enum(rows["event"].unique().drop_nulls().sort())))
    users = rows["user_id"].unique().sort()
    size = max(-(-len(users) // count), 1)
    chunks = [users[at : at + size] for at in range(0, max(len(users), 1), size)]
    events = [rows.filter(pl.col("user_id").is_in(chunk.implode())) for chunk in chunks]
    coded = [part.select(codes(part["user_id"]).alias(USER), *part.columns) for part in events]
    numbered = pl.concat(part.with_columns(pl.col(USER) + 1_000 * at) for at, part in enumerate(coded))
    days = user_days(numbered.lazy(), data.zone).lazy()
    parts = Parts("store", tuple(part.lazy() for part in coded), True, days)
    return replace(data, parts=parts)


def scanned(data: Dataset, seed: int = 1) -> Dataset:
    """The same data as a scan of events in no order."""
    rows = data.tables["events"].sample(fraction=1, shuffle=True, seed=seed)
    return replace(data, parts=Parts("scan", (rows.lazy(),), False))
