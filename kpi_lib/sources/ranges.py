"""Events written as a store: ranges of users, each sorted once, so that no question has to sort or to hash again."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.core.errors import DataError
from kpi_lib.core.store import THREADS, USER, Parts, ordered, user_days

ROWS = 1_500_000  # in one range: memory while building and while asking
SLICE = 2  # ranges' worth of rows that are cut at a time
GROUPS = 32  # row groups to a range's worth of rows, so that a range is found in a slice
SAMPLE = 97  # every 97th row tells where the users lie
TOLD = 1_000  # a coded column of at most so many values has their rows told in the index
NAMES = 4_096  # a text column of at most so many values is stored as codes
INDEX = "index.json"
RANGE = "range of users"
UNSORTED = "unsorted"
Tell = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody how far the work has come."""


def write_ranges(rows: pl.LazyFrame, folder: Path, *, zone: str, tell: Tell = silent) -> None:
    """Write events into a folder: `000.parquet` … sorted by user and time, `days-000.parquet` … and an index.

    Reads the rows as a stream, twice, and holds one range in memory. What a build of the same rows that was stopped left in
    the folder is taken over: the rows cut into ranges, and each range that was finished. Raises OSError or a Polars error
    when the disk is full.
    """
    count = rows.select(pl.len()).collect().item()
    size = _ranges(count)
    tell("cut", 0, size)
    if size == 1:
        _write_all([lambda: _coded(rows).collect()], folder, zone=zone, tell=tell)
        return
    if not (folder / UNSORTED).exists():
        shutil.rmtree(folder / f"{UNSORTED}.draft", ignore_errors=True)
        _cut(rows, count, folder / f"{UNSORTED}.draft")
        (folder / f"{UNSORTED}.draft").rename(folder / UNSORTED)
    _write_all(_pieces(folder / UNSORTED), folder, zone=zone, tell=tell)
    shutil.rmtree(folder / UNSORTED)


def _ranges(count: int) -> int:
    """In how many ranges so many rows are cut: several are as many for each thread, so that none waits for the last.

    >>> [_ranges(rows * 1_500_000) for rows in (0, 1, 2, 3, 7)]
    [1, 1, 2, 4, 8]
    """
    needed = -(-count // ROWS)
    return max(needed, 1) if needed < THREADS else -(-needed // THREADS) * THREADS


def _cut(rows: pl.LazyFrame, count: int, raw: Path) -> None:
    """Cut rows into ranges of users: slices of the rows, each a file in the order of the ranges, in no order within one.

    One slice is in memory at a time; a file for each range, all of them open at once, takes many times as much.
    """
    size, step = _ranges(count), SLICE * ROWS
    sample = rows.select("user_id").gather_every(SAMPLE).collect()["user_id"].sort()
    cuts = sample.gather([len(sample) * i // size for i in range(1, size)]).unique().sort()
    coded = _coded(rows)
    raw.mkdir()
    for number, start in enumerate(range(0, count, step)):
        part = coded.slice(start, step).collect()
        place = cuts.search_sorted(part["user_id"], side="right").cast(pl.Int32)
        part.with_columns(place.alias(RANGE)).sort(RANGE).write_parquet(
            raw / f"{number:04}.parquet", compression="zstd", compression_level=1, row_group_size=ROWS // GROUPS + 1
        )


def _pieces(raw: Path) -> list[Callable[[], pl.DataFrame]]:
    """How to read each unsorted range, in the order of their users: of each slice the few row groups that hold it."""
    rows = pl.scan_parquet(raw / "*.parquet")
    numbers = rows.select(pl.col(RANGE).unique()).collect()[RANGE].sort()
    return [partial(_piece, rows, number) for number in numbers]


def _piece(rows: pl.LazyFrame, number: int) -> pl.DataFrame:
    return rows.filter(pl.col(RANGE) == number).drop(RANGE).collect()


def _coded(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Text columns of few values as codes: the event always."""
    texts = [name for name, kind in rows.collect_schema().items() if kind == pl.String and name != "user_id"]
    counts = rows.select(pl.col(texts).approx_n_unique()).collect().row(0, named=True) if texts else {}
    kinds = {}
    for name in texts:
        if name == "event" or counts[name] < NAMES / 2:
            values = rows.select(pl.col(name).unique()).collect()[name].drop_nulls().sort()
            if len(values) <= 2**16:
                kinds[name] = pl.Enum(values)
    return rows.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())


def _write_all(pieces: Sequence[Callable[[], pl.DataFrame]], folder: Path, *, zone: str, tell: Tell) -> None:
    """Write each range that is not finished yet, then the index over all of them."""
    for number, piece in enumerate(pieces):
        finished = folder / f"{number:03}.json"
        if not finished.exists():
            _replace(finished, json.dumps(_write_range(piece(), folder, f"{number:03}.parquet", zone)))
        tell("sort", number + 1, len(pieces))
    ranges = [json.loads((folder / f"{number:03}.json").read_text("utf-8")) for number in range(len(pieces))]
    _replace(folder / INDEX, json.dumps(ranges))


def _write_range(part: pl.DataFrame, folder: Path, name: str, zone: str) -> dict[str, Any]:
    """Write one range with its days; what the index tells of it."""
    rows = ordered(part)
    rows = rows.insert_column(0, rows["user_id"].rle_id().alias(USER))
    rows.write_parquet(folder / name, compression="zstd", compression_level=1)
    user_days(rows.lazy(), zone).write_parquet(folder / f"days-{name}", compression="zstd", compression_level=1)
    first, last = (rows["user_id"][0], rows["user_id"][-1]) if len(rows) else (None, None)
    users = int(rows[USER].max()) + 1 if len(rows) else 0  # type: ignore[arg-type]
    sizes = [(folder / f"{kind}{name}").stat().st_size for kind in ("", "days-")]
    told = {"file": name, "rows": len(rows), "users": users, "first": first, "last": last, "bytes": sizes}
    return told | {"values": {column: values for column in rows.columns if (values := _values(rows[column]))}}


def _values(column: pl.Series) -> list[list[Any]]:
    """The values of a coded column, each with its rows, so that no question counts them again; none where there are many."""
    if not isinstance(column.dtype, pl.Enum) or column.n_unique() > TOLD:
        return []
    return [list(row) for row in column.cast(pl.String).value_counts().sort(column.name, nulls_last=True).iter_rows()]


def _replace(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@dataclass(frozen=True, slots=True)
class Range:
    """Users from `low` on and before `high`, at the edges everybody; rows of nobody belong to the first range."""

    number: int
    low: Any
    high: Any

    def holds(self, user: pl.Expr) -> pl.Expr:
        """Whether a user belongs to the range."""
        inside = user.is_not_null() if self.low is None else user >= self.low
        if self.high is not None:
            inside &= user < self.high
        return inside.fill_null(False) if self.number else inside | user.is_null()


def ranges(folder: Path) -> list[Range]:
    """The ranges of users in a written store; together they hold every user there can be, whether with events or not."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    edges = [None, *(each["first"] for each in index[1:]), None]
    return [Range(number, edges[number], edges[number + 1]) for number in range(len(index))]


def read_ranges(folder: Path, only: Range | None = None) -> Parts:
    """The parts of a written store, or one of them; refuses files that are missing, cut short, or share a user."""
    ranges = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    before: Any = None
    for each in ranges:
        sizes = [_size(folder / f"{kind}{each['file']}") for kind in ("", "days-")]
        if sizes != each["bytes"]:
            raise DataError(f"{folder / each['file']} is damaged: it has {sizes[0]} bytes, not {each['bytes'][0]}.")
        if before is not None and each["first"] is not None and each["first"] <= before:
            raise DataError(f"{folder}: the user {each['first']!r} stands in two ranges, so nothing can be added up.")
        before = each["last"] if each["last"] is not None else before
    events, days, users = [], [], 0
    for each in ranges:
        events.append(pl.scan_parquet(folder / each["file"]))
        days.append(pl.scan_parquet(folder / f"days-{each['file']}").with_columns(pl.col(USER) + users))
        users += each["users"]
    if only is not None:
        ranges, events, days = ([each[only.number]] for each in (ranges, events, days))
    return Parts("store", tuple(events), True, pl.concat(days), _sizes(ranges))


def _sizes(ranges: list[dict[str, Any]]) -> dict[Any, pl.DataFrame]:
    """The rows of each value of a column, where every range tells them."""
    known = set.intersection(*(set(each["values"]) for each in ranges))
    found: dict[Any, pl.DataFrame] = {}
    for column in known:
        rows = [row for each in ranges for row in each["values"][column]]
        found["sizes", column] = pl.DataFrame(rows, schema={column: pl.String, "rows": pl.UInt32}, orient="row")
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def whole(parts: Parts) -> pl.DataFrame:
    """All events of a store as they were before it was built: in order, with text as text."""
    texts = [name for name, kind in parts.schema().items() if isinstance(kind, pl.Enum)]
    rows = pl.concat(parts.events).drop(USER).with_columns(pl.col(texts).cast(pl.String))
    return rows.collect(engine="in-memory")
