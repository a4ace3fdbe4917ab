"""The rows of one range of users as arrays in the order of user and time, for passes that read each row once."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import micros
from kpi_lib.core.store import THREADS, USER, codes, mapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

Partial = TypeVar("Partial")
KEY = "\x00key"
SIZE = 2**20  # rows of a range: few enough that memory is used again while it is warm
TICKS = (1_000_000, 1_000, 1)  # times are often whole seconds or milliseconds, and then need fewer bits


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of events by user and time: the time in microseconds, where a user and where an instant begins, and the frame."""

    frame: pl.DataFrame
    time: "Ints"
    new_user: "Flags"
    new_time: "Flags"

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.time)


def over(
    data: Dataset,
    look: Callable[[pl.LazyFrame], tuple[pl.LazyFrame, list[pl.Expr]]],
    work: Callable[[Rows], Partial],
) -> list[Partial]:
    """What `work` makes of the rows of each range of users, two ranges at a time.

    `look` gives the rows of a scan that are wanted, and the columns besides user and time. A store is in order; a scan is
    put in order here and cut between two users, so that both processors have work.
    """
    parts = data.parts
    if parts is None:
        raise TypeError("no parts")

    def wanted(scan: pl.LazyFrame) -> pl.LazyFrame:
        rows, columns = look(scan)
        user = pl.col(USER) if parts.ordered else pl.col("user_id").alias(USER)
        return rows.select(user, pl.col("time").to_physical(), *columns)

    if parts.ordered:
        return mapped(lambda scan: work(_rows(wanted(scan).collect())), parts.events)
    ranges = [each for scan in parts.events for each in _ranges(wanted(scan), data, _tick(scan, data))]
    return mapped(lambda rows: work(rows()), tuple(ranges))


def _rows(frame: pl.DataFrame) -> Rows:
    """Rows that are in order, with the places where something begins."""
    import numpy as np

    user, time = frame[USER].to_numpy(), frame["time"].to_numpy()
    new_user = np.ones(len(frame), dtype=bool)
    np.not_equal(user[1:], user[:-1], out=new_user[1:])
    new_time = new_user.copy()
    new_time[1:] |= time[1:] != time[:-1]
    return Rows(frame, time, new_user, new_time)


def _tick(scan: pl.LazyFrame, data: Dataset) -> int:
    """The microseconds that times seem to be multiples of, by the first of them."""
    since = scan.select(pl.col("time").to_physical()).head(1000).collect()["time"] - micros(data.observed_from)
    return next(tick for tick in TICKS if not (since % tick != 0).any())


def _ranges(scan: pl.LazyFrame, data: Dataset, tick: int) -> list[Callable[[], Rows]]:
    """The rows of a scan by user and time, in ranges of users; each range is made when it is asked for."""
    layout = _layout(scan.collect_schema(), data, tick)
    if layout is not None:
        key = scan.select(_packed(layout).alias(KEY)).collect()[KEY]
        if not key.null_count():
            key = key.sort(in_place=True)
            return [partial(_unpacked, key[begin:end], layout) for begin, end in _cuts(key, layout.bits)]
    frame = _sorted(scan.collect())
    return [partial(_rows, frame[begin:end]) for begin, end in _cuts(frame[USER], 0)]


def _cuts(keys: pl.Series, bits: int) -> list[tuple[int, int]]:
    """Where to cut ordered rows into ranges that share no user; `bits` of a key lie below the user."""
    size = len(keys)
    ranges = max(THREADS, size // SIZE)
    middle = [int(keys[size * nth // ranges]) >> bits << bits for nth in range(1, ranges)] if size else []
    edges = sorted({0, size, *(int(keys.search_sorted(each, "left")) for each in middle)})
    return list(itertools.pairwise(edges)) or [(0, 0)]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a row lies in 64 bits: user, then time in ticks since `low`, then columns of few values with their bits."""

    low: int
    tick: int
    ticks: int
    few: Mapping[str, tuple[pl.Enum, int]]

    @property
    def below(self) -> int:
        """The bits below the time."""
        return sum(bits for _, bits in self.few.values())

    @property
    def bits(self) -> int:
        """The bits below the user."""
        return self.below + self.ticks.bit_length()


def _layout(schema: pl.Schema, data: Dataset, tick: int) -> _Layout | None:
    """The layout that the rows ought to fit into; None where a column has no few values that are known beforehand."""
    kinds = dict(schema)
    user, _ = kinds.pop(USER), kinds.pop("time")
    few = {name: (kind, len(kind.categories).bit_length()) for name, kind in kinds.items() if isinstance(kind, pl.Enum)}
    if not user.is_integer() or len(few) < len(kinds):
        return None
    low, high = micros(data.observed_from), micros(data.observed_until)
    layout = _Layout(low, tick, (high - low) // tick + 1, few)
    return layout if layout.bits < 64 else None


def _packed(layout: _Layout) -> pl.Expr:
    """A row as one whole number, which sorts many times as fast as columns do; null where the row does not fit."""
    since = (pl.col("time") - layout.low).cast(pl.UInt64, strict=False)
    ticks = since // layout.tick
    fits = pl.col(USER).is_between(0, 2 ** (64 - layout.bits), closed="left") & (ticks < layout.ticks)
    fits &= ticks * layout.tick == since
    key = pl.col(USER).cast(pl.UInt64, strict=False) * 2**layout.bits + ticks * 2**layout.below
    above = layout.below
    for name, (kind, bits) in layout.few.items():
        above -= bits
        code = pl.col(name).to_physical().cast(pl.UInt64)
        key += code.fill_null(len(kind.categories)) * 2**above
    return pl.when(fits).then(key)


def _unpacked(key: pl.Series, layout: _Layout) -> Rows:
    """The rows that sorted keys stand for."""
    import numpy as np

    keys, above = key.to_numpy(), layout.below
    columns = [pl.Series(USER, keys >> np.uint64(layout.bits))]
    ticks = (keys >> np.uint64(above)) & np.uint64(2 ** (layout.bits - above) - 1)
    columns.append(pl.Series("time", ticks.view(np.int64) * layout.tick + layout.low))
    for name, (kind, bits) in layout.few.items():
        above -= bits
        codes_of = ((keys >> np.uint64(above)) & np.uint64(2**bits - 1)).astype(np.uint32)
        columns.append(pl.Series(name, [*kind.categories, None], dtype=kind).gather(codes_of))
    return _rows(pl.DataFrame(columns))


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """By user and time. User and place in one whole number sort several times as fast as two columns do."""
    frame = frame.rechunk()  # rows are gathered in no order below: from one piece in a quarter of the time
    if not frame["time"].is_sorted():
        frame = frame.sort("time")
    user = frame[USER]
    size = max(len(frame), 1)
    if not user.dtype.is_integer() or (user.is_empty() or int(user.max()) * size >= 2**63):  # type: ignore[arg-type]
        user = codes(user)
    keys = (user.cast(pl.UInt64) * size + pl.int_range(len(frame), dtype=pl.UInt64, eager=True)).sort()
    place = (keys % size).cast(pl.UInt32)
    return frame.select(
        pl.col("time", *(c for c in frame.columns if c not in (USER, "time"))).gather(place)
    ).insert_column(0, (keys // size).alias(USER))
