"""The data that every calculation starts from: canonical tables, what has been observed, and the workspace's choices."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from kpi_lib.core.beginnings import beginnings
from kpi_lib.core.errors import DataError, KpiWarning, UsageError, nearest, unknown
from kpi_lib.core.period import local_day, midnight
from kpi_lib.core.schema import TABLES, empty, moment, since
from kpi_lib.core.store import Frames, Parts
from kpi_lib.core.store import ordered as in_order

PURCHASE = "purchase"
SEGMENT_LIMIT = 200
OTHER = "(other)"
# columns that frames and results have themselves; a segment column of that name gets a mark while it is in use
RESERVED_AS_TEXT = """
number was now before after active new returning resurrected dormant current reactivated at_risk_wau at_risk_mau state pulse
left_censored all_sessions in_progress share name named closes begun begins over one
left_censored all_sessions in_progress share name named closes begun begins over one simple
simple_low simple_high previous change survival survival_low survival_high cohorts same_period counts risk gone zero_length_share
at_least at_least_share mean_days everybody participation paused median_pause most_pause able pause gap rolling
left_censored
entered outcome bin low_seconds high_seconds over before since p90_seconds previous_median_seconds previous_p25_seconds
previous_p75_seconds previous_p90_seconds previous_mean_seconds
kpi start end value low high n unripe unit status step event units from_start from_previous previous_low
previous_high median_seconds p25_seconds p75_seconds in_progress excluded tie_sensitive group user_id time nth
row depth killed killer ripe usable counted sensitive period first stop key count left_out fold days seen
partial early void open hit num den total cohort entry size k to eligible retained complete both start_cell
watched at day worth since events earliest furthest last session seconds users sessions mean_seconds
events_per_session single_event_share dau wau mau stickiness feature from target error place next begun whole
took back done goal amount hits squares rate upto spread active_periods variance members team source version
percentile competitor benchmark promoters detractors down failures exposure of
features eligible adopters uses active_days uses_per_active_day uses_low uses_high corner clear cut_rate cut_uses launched
used adopted by_then by_then_low by_then_high median_low median_high before_launch users_of_none mean_features watched known
signed base
customer mrr opening closing new expansion reactivation contraction churn price before begun
"""
RESERVED = frozenset(RESERVED_AS_TEXT.split()) | {f"{letter}{step}" for letter in "tv" for step in range(1, 100)}
MARK = " (segment)"
# since when a row is there, where that is not its `time` or `date`; users and products are there whatever their times say
ENDS = ("end", "launched")  # may be planned ahead; as of a day, those that lie ahead have not


@dataclass(frozen=True, slots=True)
class Whole:
    """What a part of the data must know of all of them: names of events, and the frequent values of segment columns."""

    events: frozenset[str]
    frequent: Mapping[str, list[str] | None]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Canonical tables as frames, ordered by (user, time), with the observed span [observed_from, observed_until).

    `by` names the segment columns in force, `activity` the table that actives, sessions and funnels read. `parts` are
    the events in a form that the fast shapes read, where there is one. `source` names the tables that a figure reads: a
    segment column of theirs is meant, not one of the same name elsewhere. `counting`: users are only counted, so that
    a unit frame may hold counts of equal units. `kept` holds what several figures share. `whole`: these are some of the
    users, of data of which that much must be known. `begins`: logs that were kept only from then on.
    """

    tables: Mapping[str, pl.DataFrame]
    observed_from: datetime
    observed_until: datetime
    zone: str = "UTC"
    currency: str = "USD"
    week_start: str = "monday"
    activity: str = "events"
    by: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    funnels: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    parts: Parts | None = None
    source: tuple[str, ...] = ()
    counting: bool = False
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    whole: Whole | None = None
    begins: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tables: Mapping[str, pl.DataFrame | pl.LazyFrame],
        *,
        zone: str = "UTC",
        observed_from: datetime | None = None,
        observed_until: datetime | None = None,
        **choices: Any,  # noqa: ANN401 - the remaining fields, named and typed above
    ) -> "Dataset":
        """Order the tables and take the observed span from the data where it is not given.

        The span begins with the first and ends after the last local day that has an event or a transaction; without
        any, that has anything which happened. A table given as a scan is read when a question needs it whole; the fast
        shapes read only those of its columns that they need.
        """
        scans = {name: table for name, table in tables.items() if isinstance(table, pl.LazyFrame)}
        ordered = {name: in_order(table) for name, table in tables.items() if isinstance(table, pl.DataFrame)}
        days: list[date] = []
        if observed_from is None or observed_until is None:
            days = _days(tables, ("events", "transactions"), zone) or _days(tables, tuple(tables), zone)
        given = observed_from
        if observed_from is None:
            known = min(days) if days else local_day(observed_until, zone) if observed_until else date(1970, 1, 1)
            observed_from = midnight(known, zone)
        if observed_until is None:
            until = max(days) if days else local_day(observed_from, zone)
            observed_until = midnight(until + timedelta(days=1), zone)
        if given is None and "begins" not in choices:  # who says from when on they were watched, says it of all tables
            choices["begins"] = beginnings(tables, observed_from, zone)
        activity = choices.pop("activity", None) or ("events" if "events" in tables else "transactions")
        if scans:
            frames = _read_later(ordered, scans)
            if "events" in scans and "parts" not in choices:
                choices["parts"] = Parts("scan", (scans["events"],), ordered=False)
            return cls(frames, observed_from, observed_until, zone=zone, activity=activity, **choices)
        return cls(MappingProxyType(ordered), observed_from, observed_until, zone=zone, activity=activity, **choices)

    def __getitem__(self, name: str) -> pl.LazyFrame:
        """A canonical table; a canonical one that is not there is empty, any other name an error."""
        if isinstance(self.tables, Frames) and name in self.tables.scans:
            return self.tables.scans[name]
        if name in self.tables:
            return self.tables[name].lazy()
        if name not in TABLES:
            raise unknown("table", name, TABLES)
        return empty(name).lazy()

    def known(self, name: str) -> pl.LazyFrame:
        """A canonical table as it was known at `observed_until`: no later rows, and what happened later not known yet."""
        return _known(name, self[name], self.observed_until, self.zone)

    def recorded(self, *tables: str) -> "Dataset":
        """The data from when on all these tables were kept."""
        begun = [self.begins[name] for name in tables if name in self.begins]
        return replace(self, observed_from=min(max(begun), self.observed_until)) if begun else self

    def columns(self, name: str) -> dict[str, pl.DataType]:
        """Names and types of the columns that a table has here."""
        if isinstance(self.tables, Frames):
            return dict(self.tables.schemas.get(name, {}))
        frame = self.tables.get(name)
        return dict(frame.schema) if frame is not None else {}

    def carried(self, table: str) -> list[str]:
        """The segment columns that this table has itself: a shape carries them along."""
        return [column for column in self.by if column in self.columns(table)]

    def events(self) -> pl.LazyFrame:
        """What users did: the events table, or each order as the event `purchase`."""
        if self.activity == "events":
            return self["events"]
        return self.orders().with_columns(pl.lit(PURCHASE).alias("event"))

    def orders(self) -> pl.LazyFrame:
        """One row per order of a user: sales only, at the time of its first row, with the amount in minor units."""
        sales = self["transactions"]
        there = self.columns("transactions")
        if "kind" in there:
            sales = sales.filter(pl.col("kind").fill_null("sale") == "sale")
        if "order_id" not in there:
            return sales
        first = [pl.col(c).first() for c in there if c not in ("user_id", "order_id", "amount", "time")]
        # a missing order id is an order of its own, not one order with all the other missing ones
        key = pl.coalesce("order_id", pl.format("\x00{}", pl.int_range(pl.len()))).alias("order_id")
        grouped = sales.with_columns(key).group_by("user_id", "order_id", maintain_order=True)
        return grouped.agg(pl.col("time").min(), pl.col("amount").sum(), *first).sort("user_id", "time")

    def segments(self, column: str) -> pl.Series:
        """All values of a segment column in the tables that a figure reads, else in users; never those of an answer alone.

        Of more than 200 values the 200 with most rows stay, and the rest is `(other)`; null stays null.
        """
        values = self._sizes(column)[column]
        if (known := self.frequent(column)) is None:
            return values.sort(nulls_last=True)
        there = [*known, OTHER, *([None] if values.null_count() else [])]
        return pl.Series(column, there, dtype=pl.String).sort(nulls_last=True)

    def _sizes(self, column: str) -> pl.DataFrame:
        """Every value of a column with its rows in the tables that tell of it."""
        first = (self.source, ("users",)) if self.source else (("events", "transactions", "users"),)
        known = ([name for name in names if column in self.columns(name)] for names in (*first, tuple(self.tables)))
        places = next(filter(None, known), [])
        if not places:
            there = {c for name in ("events", "transactions", "users") for c in self.columns(name)}
            raise unknown("column", column, there, where="--by")
        return pl.concat([self.sizes(name, column) for name in places]).group_by(column).agg(pl.col("rows").sum())

    def frequent(self, column: str) -> list[str] | None:
        """The values with most rows, where a column has more than can be segments."""
        if self.whole is not None and column in self.whole.frequent:
            return self.whole.frequent[column]
        sizes = self._sizes(column).drop_nulls().filter(pl.col(column) != OTHER)
        if len(sizes) <= SEGMENT_LIMIT:
            return None
        return sizes.sort("rows", column, descending=[True, False])[column].head(SEGMENT_LIMIT).to_list()

    def sizes(self, table: str, column: str) -> pl.DataFrame:
        """The values that a column of a table has, as text, each with its number of `rows`."""

        def counted(rows: pl.LazyFrame) -> pl.DataFrame:
            return rows.group_by(column).len("rows").with_columns(pl.col(column).cast(pl.String)).collect()

        if self.parts is None or table != "events" or column not in self.parts.schema():
            return counted(self.tables[table].lazy())
        scans = self.parts.events
        parts = self.parts.once(("sizes", column), lambda: pl.concat(map(counted, scans)))
        return parts.group_by(column).agg(pl.col("rows").sum())

    def segment_columns(self, most: int = 12, tables: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The columns of some tables (the activity table and users) that cut the data into a few groups, by name."""
        found = []
        for table in dict.fromkeys(tables or (self.activity, "users")):
            known = {column.name for column in TABLES[table] if column.kind not in ("text", "flag")} | {"event"}
            frame = self.tables.get(table, pl.DataFrame())
            found += [c for c in frame.columns if c not in known and 2 <= frame[c].n_unique() <= most]
        return tuple(dict.fromkeys(found))

    def with_by(self, by: tuple[str, ...]) -> "Dataset":
        """The same data seen by other segment columns, which become text; of very many values the rest is `(other)`."""
        columns = tuple(dict.fromkeys(by))
        named = {column: column + MARK if column in RESERVED else column for column in columns}
        found = {c: self.segment(c, tell=True).alias(n) for c, n in named.items() if self._has(c)}

        def cut(_: str, frame: pl.DataFrame) -> pl.DataFrame:
            return frame.with_columns(each for c, each in found.items() if c in frame.columns)

        later = self.tables.changed(cut) if isinstance(self.tables, Frames) else None
        tables = (
            MappingProxyType({name: cut(name, frame) for name, frame in self.tables.items()})
            if later is None
            else later
        )
        return replace(self, by=tuple(named.values()), tables=tables, kept={})

    def _has(self, column: str) -> bool:
        return any(column in self.columns(name) for name in self.tables)

    def segment(self, column: str, *, tell: bool = False) -> pl.Expr:
        """A column as a segment: text, and `(other)` for what is not among the most frequent values."""
        known = self.frequent(column)
        if known is None:
            return pl.col(column).cast(pl.String)
        if tell:
            kept = f"the {SEGMENT_LIMIT} with most rows are segments, the rest is {OTHER}"
            warnings.warn(f"column {column!r} has more than {SEGMENT_LIMIT} values: {kept}.", KpiWarning, stacklevel=3)
        text = pl.col(column).cast(pl.String)
        return pl.when(text.is_null() | text.is_in(known)).then(text).otherwise(pl.lit(OTHER)).alias(column)

    def only(self, segment: str) -> "Dataset":
        """The part of the data in one segment, written column=value; an empty text means everything.

        A table that has the column keeps its own rows; of the others, users' rows follow their users, and a table of
        users' rows that knows the segment in neither way is left out.
        """
        if not segment:
            return self
        column, mark, value = segment.partition("=")
        if not mark:
            raise DataError(f"{segment!r} is no segment: write column=value, as in plan=pro.")
        if value not in set(self.segments(column).drop_nulls()):
            raise unknown(f"value of {column}", value, self.segments(column).drop_nulls())
        inside = self.segment(column) == value
        users = self.tables["users"].filter(inside)["user_id"] if column in self.columns("users") else None
        kept = {}
        for name, frame in self.tables.items():
            if column in frame.columns:
                frame = frame.filter(inside)
            elif users is not None and "user_id" in frame.columns:
                frame = frame.filter(pl.col("user_id").is_in(users.implode()))
            elif "user_id" in frame.columns and name != "users":
                continue  # whose rows belong to the segment cannot be known: better missing than everybody's
            kept[name] = frame
        return replace(self, tables=MappingProxyType(kept), parts=None, kept={})

    def reading(self, table: str) -> "Dataset":
        """The same data with another table as the record of what users did."""
        if table not in ("events", "transactions"):
            raise unknown("table", table, ("events", "transactions"), where="--table")
        if table not in self.tables:
            there = ", ".join(sorted(self.tables)) or "none"
            raise UsageError(
                f"this needs a table of {table}, and there is none. There are: {there}. Add [tables.{table}] to kpi.toml."
            )
        return replace(self, activity=table, parts=self.parts if table == self.activity else None)

    def as_of(self, until: datetime) -> "Dataset":
        """The data as they stood at an instant: the observed span ends there, and what came later is not known yet.

        Rows that happened later, or were `ingested` later, are left out; in the others later times are null. Other
        columns that change in time, such as the status of a defect, keep their last value.
        """

        def known(name: str, frame: pl.DataFrame) -> pl.DataFrame:
            return _known(name, frame.lazy(), until, self.zone).collect(engine="in-memory")

        later = self.tables.changed(known) if isinstance(self.tables, Frames) else None
        tables = MappingProxyType({n: known(n, frame) for n, frame in self.tables.items()}) if later is None else later
        parts = None if self.parts is None else self.parts.until(until, self.zone)
        return replace(self, tables=tables, observed_until=min(until, self.observed_until), parts=parts, kept={})


class SegmentMissing(UsageError):
    """Neither the table that a figure reads nor the users have this segment column; it is named in `column`."""

    def __init__(self, column: str, known: Iterable[str] = ()) -> None:
        """Say which column, and what is there."""
        self.column = plain_name(column)
        there = sorted({each for each in known if not each.endswith(MARK)})
        super().__init__(
            f"no column {self.column!r} in the table that this reads, nor in users. {nearest(self.column, there)}"
        )


def join_segments(units: pl.LazyFrame, data: Dataset) -> pl.LazyFrame:
    """Give units the segment columns that their own table did not carry, from their users."""
    there = units.collect_schema().names()
    wanted = [column for column in data.by if column not in there]
    if not wanted:
        return units
    for column in wanted:
        if column not in data.columns("users") or "user_id" not in there:
            raise SegmentMissing(column, {*data.columns(data.activity), *data.columns("users")})
    users = data["users"].select("user_id", *wanted).unique("user_id", keep="first", maintain_order=True)
    return units.join(users, on="user_id", how="left", maintain_order="left")


def segment_spine(rows: pl.DataFrame, data: Dataset, found: pl.DataFrame) -> pl.DataFrame:
    """Rows once for each combination of segment values: those of the whole data set and those that were found."""
    for column in data.by:
        values = pl.concat([data.segments(column), found[column].cast(pl.String)]).unique().sort(nulls_last=True)
        rows = rows.join(pl.DataFrame({column: values}), how="cross", maintain_order="left_right")
    return rows


def plain_name(column: str) -> str:
    """The name of a segment column as the user knows it.

    >>> plain_name("status (segment)")
    'status'
    """
    return column.removesuffix(MARK)


def _days(tables: Mapping[str, pl.DataFrame | pl.LazyFrame], names: tuple[str, ...], zone: str) -> list[date]:
    """The first and the last local day on which something happened, by table; plans do not count."""
    found: list[date] = []
    for name in names:
        frame = tables.get(name, pl.DataFrame()).lazy()
        there = frame.collect_schema()
        times = [c.name for c in TABLES.get(name, ()) if c.kind in ("time", "day") and not c.planned]
        begun = since(name, there.names())
        for column in (each for each in times if each in there):
            # a trial may lead to a start that is yet to come
            day = begun if begun is not None and column == moment(name) else pl.col(column)
            edges = frame.select(first=day.min(), last=day.max()).collect().row(0)
            found += [local_day(e, zone) if isinstance(e, datetime) else e for e in edges if e is not None]
    return found


def _known(name: str, frame: pl.LazyFrame, until: datetime, zone: str) -> pl.LazyFrame:
    """What was known of a table at an instant; users stay, because only some have a sign-up time."""
    schema = frame.collect_schema()
    if "ingested" in schema:
        frame = frame.filter(pl.col("ingested").is_null() | (pl.col("ingested") <= until))
    own, begun = moment(name) if name in TABLES else None, since(name, schema)
    if begun is not None and name != "users":
        last = local_day(until - timedelta(microseconds=1), zone)
        later = begun > last if schema[own or ""] == pl.Date else begun >= until
        frame = frame.filter(~later.fill_null(False))
    times = [c for c in TABLES.get(name, ()) if c.kind == "time" and c.name in schema and c.name != "ingested"]
    yet = [c.name for c in times if (not c.planned or c.name in ENDS) and (c.name != own or name == "users")]
    return frame.with_columns(pl.when(pl.col(c) < until).then(c).alias(c) for c in yet)


def _read_later(ordered: Mapping[str, pl.DataFrame], scans: Mapping[str, pl.LazyFrame]) -> Frames:
    readers = {name: lambda name=name: ordered[name] for name in ordered}
    readers |= {name: lambda name=name: in_order(scans[name].collect()) for name in scans}
    schemas = {name: frame.schema for name, frame in ordered.items()}
    return Frames(readers, schemas | {name: scan.collect_schema() for name, scan in scans.items()})
