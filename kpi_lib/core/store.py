"""Tables at rest: their one order, frames read at first use, and the log of events in parts that share no user."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

import polars as pl

from kpi_lib.core.errors import DataError
from kpi_lib.core.period import INSTANT, days_in_order, local_date, local_day, midnight
from kpi_lib.core.progress import counted

Part = TypeVar("Part")
Partial = TypeVar("Partial")
Change = Callable[[str, pl.DataFrame], pl.DataFrame]
USER = "\x00user"  # whole number in the order of user_id, from 0 on in each part
UNITS = "\x00units"  # how many units a row of a unit frame stands for, where nobody asks who they are
THREADS = 2
DAYS = 2**23  # more than there are days in ten thousand years


class Frames(Mapping[str, pl.DataFrame]):
    """Tables by name, each read when it is first asked for; what columns it has is known before."""

    def __init__(
        self,
        readers: Mapping[str, Callable[[], pl.DataFrame]],
        schemas: Mapping[str, pl.Schema],
        scans: Mapping[str, pl.LazyFrame] = MappingProxyType({}),
    ) -> None:
        """Keep how to read each table, its columns, and the scans of those that are better read column by column."""
        self._readers, self.schemas, self.scans = dict(readers), dict(schemas), scans
        self._read: dict[str, pl.DataFrame] = {}

    def __getitem__(self, name: str) -> pl.DataFrame:
        """The table, read once."""
        if name not in self._read:
            self._read[name] = self._readers[name]()
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a table, which need not be read for that."""
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        """The names of the tables."""
        return iter(self._readers)

    def __len__(self) -> int:
        """How many tables there are."""
        return len(self._readers)

    def changed(self, change: Change) -> "Frames":
        """The same tables with a change made to each of them, by its name, when it is read."""
        schemas = {name: change(name, pl.DataFrame(schema=schema)).schema for name, schema in self.schemas.items()}
        return Frames({name: lambda name=name: change(name, self[name]) for name in self}, schemas)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Parts:
    """The events in parts that have no user in common, each a scan with the columns `USER`, time, event and their own.

    `ordered`: every part lies in the order of user and time. `days`: the user-day table, with whole numbers for users that
    are the same nowhere else.
    """

    form: str
    events: tuple[pl.LazyFrame, ...]
    ordered: bool
    days: pl.LazyFrame | None = None
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def schema(self) -> pl.Schema:
        """The columns that the events have."""
        if "schema" not in self.kept:
            self.kept["schema"] = self.events[0].collect_schema()
        found: pl.Schema = self.kept["schema"]
        return found

    def latest(self, column: str) -> datetime | None:
        """The latest instant in a column of the events, such as when the last one happened."""

        def found() -> datetime | None:
            each = [scan.select(pl.col(column).max()).collect().item() for scan in self.events]
            return max((one for one in each if one is not None), default=None)

        return self.once(("latest", column), found)

    def until(self, until: datetime, zone: str) -> "Parts":
        """What had happened, and was known, at an instant: these parts themselves where nothing came later."""
        told = "ingested" in self.schema()
        last, known = self.latest("time"), self.latest("ingested") if told else None
        if (last is None or last < until) and (known is None or known <= until):
            return self
        there = pl.col("time") < until
        if told:
            there &= pl.col("ingested").is_null() | (pl.col("ingested") <= until)
        events = tuple(scan.filter(there) for scan in self.events)
        day = local_day(until, zone)
        # days before a midnight are what they were, unless some of their events came after it or were not known yet
        whole = not told and midnight(day, zone) == until and days_in_order(day, day, zone)
        days = self.days.filter(pl.col("day") < day) if self.days is not None and whole else None
        return Parts(self.form, events, self.ordered, days)

    def once(self, key: Any, make: Callable[[], Partial]) -> Partial:  # noqa: ANN401 - any name of a result
        """A result that several questions share, made at first use."""
        if key not in self.kept:
            self.kept[key] = make()
        found: Partial = self.kept[key]
        return found


def user_days(events: pl.LazyFrame, zone: str) -> pl.DataFrame:
    """The user-day table: one row per user and local day with events, in that order.

    Columns: `USER` (a number for each user, in their order), user_id, day, time of the first event, events.
    """
    user, known = (USER, ["user_id"]) if USER in events.collect_schema() else ("user_id", [])
    rows = events.select(user, *known, "time", day=local_date(pl.col("time"), zone))
    sums = [pl.col(known).first(), pl.col("time").min(), pl.len().cast(pl.Int64).alias("events")]
    found = _by_one_key(rows, user, sums) if rows.collect_schema()[user].is_integer() else None
    if found is None:
        found = rows.group_by(user, "day").agg(sums).collect().sort(user, "day")
    if not known:
        found = found.with_columns(pl.col("user_id").rle_id().alias(USER))
    return found.select(USER, "user_id", "day", "time", "events")


def _by_one_key(rows: pl.LazyFrame, user: str, sums: list[pl.Expr]) -> pl.DataFrame | None:
    """Rows by user and day in one whole number, which is faster than two columns; None where they do not fit into one."""
    day = pl.col("day").to_physical().cast(pl.Int64) + DAYS // 2
    key = pl.col(user).cast(pl.UInt64, strict=False) * DAYS + day.cast(pl.UInt64)
    fits = pl.col(user).is_between(0, 2**63 // DAYS, closed="left")
    found = rows.group_by(pl.when(fits).then(key).alias("key")).agg(sums).collect().sort("key")
    if found["key"].null_count():
        return None
    kind, since = rows.collect_schema()[user], (pl.col("key") % DAYS).cast(pl.Int64) - DAYS // 2
    return found.with_columns((pl.col("key") // DAYS).cast(kind).alias(user), day=since.cast(pl.Int32).cast(pl.Date))


def mapped(work: Callable[[Part], Partial], parts: tuple[Part, ...]) -> list[Partial]:
    """What `work` makes of each part, in their order; two parts are in memory at a time."""
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            return list(counted(pool.map(work, parts), "part", len(parts)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # whoever gives up does not wait for parts not yet begun
            raise


_TRACE: ContextVar[list[dict[str, str]] | None] = ContextVar("trace", default=None)


@contextmanager
def traced() -> Iterator[list[dict[str, str]]]:
    """Collect which form of the data each shape uses, and why."""
    found: list[dict[str, str]] = []
    token = _TRACE.set(found)
    try:
        yield found
    finally:
        _TRACE.reset(token)


def tracing() -> bool:
    """Whether somebody traces."""
    return _TRACE.get() is not None


def used(shape: str, form: str, why: str) -> None:
    """Say which form of the data a shape uses, to whoever traces it."""
    trace = _TRACE.get()
    if trace is not None and (told := {"shape": shape, "form": form, "why": why}) not in trace:
        trace.append(told)


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by user and time; rows at one instant by event, then by all the rest, so that a file's order never decides."""
    if "time" in frame.columns and frame.schema["time"] != INSTANT:
        raise DataError(
            f"column time has type {frame.schema['time']}; it must be {INSTANT} (UTC instants in microseconds)."
        )
    keys = [column for column in ("user_id", "time") if column in frame.columns]
    if not keys:
        return frame
    rest = [c for c in ("event", *sorted(frame.columns)) if c in frame.columns and c not in keys]
    plain = [c for c in dict.fromkeys(rest) if not frame.schema[c].is_nested()]
    key = _packed(frame) if len(keys) == 2 else None
    if key is None:
        return frame.sort(*keys, *plain, nulls_last=True, maintain_order=True)
    # one whole number sorts several times as fast as two columns; the few ties are then sorted by everything
    place = key.arg_sort()
    rows, key = frame[place], key[place]
    same = (key == key.shift(1)).fill_null(False)
    tied = (same | same.shift(-1, fill_value=False)).arg_true()
    if tied.is_empty():
        return rows
    marked = rows[tied].with_columns(key[tied].alias("\x00key"), tied.alias("\x00row"), place[tied].alias("\x00file"))
    among = marked.sort("\x00key", *plain, "\x00file", nulls_last=True)["\x00row"]
    spots = pl.DataFrame({"row": pl.int_range(len(rows), dtype=pl.UInt32, eager=True)})
    moves = pl.DataFrame({"row": tied.cast(pl.UInt32), "from": among.cast(pl.UInt32)})
    source = spots.join(moves, on="row", how="left", maintain_order="left").select(pl.coalesce("from", "row"))
    return rows[source.to_series()]


def codes(users: pl.Series) -> pl.Series:
    """A whole number for each user from 0 on, in the order of their ids."""
    if users.dtype.is_integer():
        return users.rank("dense").cast(pl.UInt32) - 1
    return users.cast(pl.Enum(users.unique().sort())).to_physical().cast(pl.UInt32)


def _packed(frame: pl.DataFrame) -> pl.Series | None:
    """User and time as one number of 64 bits, if that is possible."""
    users, time = frame["user_id"], frame["time"].to_physical()
    if frame.is_empty() or users.null_count() or time.null_count() or users.dtype != pl.String:
        return None
    low, high = int(time.min()), int(time.max())  # type: ignore[arg-type]
    code = codes(users)
    span = high - low + 1
    if (int(code.max()) + 1) * span >= 2**63:  # type: ignore[arg-type]
        return None
    return code.cast(pl.Int64) * span + (time - low)
