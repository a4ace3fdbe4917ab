"""Cohorts: who comes back (or pays again) k periods after the start, and for whom that can be known yet.

A cell counts the members seen in period k so far; it is complete when every member's period k has been watched to its
end, and only complete cells enter rates and the pooled row.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.measure import wilson
from kpi_lib.core.period import Grid, local_date, local_day, micros, midnight, period_number, period_start
from kpi_lib.core.schema import columns
from kpi_lib.core.units import minor_digits
from kpi_lib.shapes.activity import ANY, by_day, first_events, qualifying
from kpi_lib.shapes.curve import curve
from kpi_lib.shapes.day_pass import comebacks
from kpi_lib.shapes.newcomers import older_than_data
from kpi_lib.shapes.sessions import group_name

DAY = 86_400_000_000
LENGTHS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "grain": tuple(LENGTHS),
    "mode": ("on", "on_or_after", "bracket"),
    "clock": ("calendar", "elapsed"),
}


@dataclass(frozen=True, slots=True)
class Cohorts:
    """A retention question: who starts, what counts as coming back, and on which clock.

    `start_event` is first (first activity ever), signup (users.signup_ts) or an event name; `return_event` an event name
    or any activity. The elapsed clock counts exact days of 24 h, weeks of 7 and months of 30 such days from the entry.
    `recurring`: a user enters a cohort in every period with a start event, not only in the first. `gone_after`: whole
    periods away after which somebody counts as gone, for the survival in the curve.

    >>> Cohorts(grain="month").clock
    'calendar'
    """

    start_event: str = "first"
    return_event: str | None = None
    grain: str = "week"
    mode: str = "on"
    brackets: tuple[tuple[int, int], ...] = ()
    clock: str = "calendar"
    periods: int | None = None
    min_events: int = 1
    value: str | None = None
    recurring: bool = False
    gone_after: int | None = None
    events: tuple[str, ...] = ANY

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed, where="the cohorts")
        if self.mode == "bracket" and not self.brackets:
            raise UsageError("bracket retention needs brackets, as in 1-3,4-7.")
        if self.brackets and self.mode != "bracket":
            raise UsageError(f"brackets go with mode bracket, not with mode {self.mode}.")
        ordered = sorted(self.brackets)
        if any(lo < 0 or hi < lo for lo, hi in ordered) or any(b[0] <= a[1] for a, b in pairwise(ordered)):
            written = ",".join(f"{lo}-{hi}" for lo, hi in self.brackets)
            raise UsageError(
                f"the brackets {written} are not possible: each begins at 0 or later, ends after its start and overlaps no other."
            )
        self._check_counts()

    def _check_counts(self) -> None:
        if self.min_events < 1:
            raise UsageError(f"min_events is {self.min_events}; it must be 1 or more.")
        if self.periods is not None and self.periods < 0:
            raise UsageError(f"periods is {self.periods}; it must be 0 or more.")
        if self.recurring and self.start_event == "signup":
            raise UsageError("nobody signs up again: recurring cohorts start from first or an event.")
        if self.gone_after is not None and (self.gone_after < 1 or self.mode != "on"):
            raise UsageError(f"gone_after is {self.gone_after}; it must be 1 or more, and goes with mode on.")

    @property
    def comes_back_otherwise(self) -> bool:
        """Whether coming back is something else than starting, so that it can happen in the period of the start."""
        return self.start_event == "signup" or self.return_event not in (None, self.start_event)


@dataclass(frozen=True, slots=True)
class CohortResult:
    """`table`: one row per segment, cohort and k; `pooled`: one row per segment and k over all cohorts.

    table columns: segments, start, size, k, to, eligible, retained, complete, value, same_period (members with a return
    event in the period of their start, where that is another event). `curve`: one row per segment and k with the simple
    mean over cohorts, the rate of the period before over the same members, and survival. `warnings`: why a first time may
    not be one.
    """

    table: pl.DataFrame
    pooled: pl.DataFrame
    curve: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; with segments one result a group."""
        if not self.by:
            return self._one(self.table, self.pooled, self.curve)
        groups = {}
        for part in self.table.partition_by(list(self.by), maintain_order=True):
            here = part.row(0, named=True)
            own = pl.all_horizontal(
                pl.col(column).eq_missing(pl.lit(here[column], dtype=pl.String)) for column in self.by
            )
            groups[group_name(here, list(self.by))] = self._one(
                part.drop(self.by), self.pooled.filter(own).drop(self.by), self.curve.filter(own).drop(self.by)
            )
        return {"groups": groups}

    def _one(self, table: pl.DataFrame, pooled: pl.DataFrame, curve: pl.DataFrame) -> dict[str, Any]:
        spans = [] if self.definition["mode"] == "bracket" else ["to"]
        cohorts = []
        for part in table.partition_by("start", maintain_order=True):
            head = {"start": part["start"][0].isoformat(), "size": part["size"][0]}
            same = {} if part["same_period"][0] is None else {"same_period": part["same_period"][0]}
            cells = part.drop("start", "size", "same_period", *spans).to_dicts()
            cohorts.append(head | same | {"cells": cells})
        rows = {"pooled": pooled.drop(spans).to_dicts(), "curve": curve.drop(spans).to_dicts()}
        return {"cohorts": cohorts} | rows | {"definition": dict(self.definition), "warnings": list(self.warnings)}


def cohorts(data: Dataset, spec: Cohorts, *, grid: Grid | None = None) -> CohortResult:
    """Build the cohort table; with a grid, of those who started in its periods (their returns are read to the end)."""
    counted = _counted(data, spec, grid)
    if counted is None:
        data = by_day(data, "cohorts", rest=_calendar_only(spec))
        members = _members(data, spec, grid)
        returns, last = _returns(data, spec, members), _last(data, spec)
    else:
        members, returns, last = counted
    sizes = members.group_by(*data.by, "cohort", "start").agg(
        pl.col("users").sum().alias("size"), pl.col("entry").min().alias("earliest")
    )
    cells = _cells(spec, sizes, last)
    seen = _seen(spec, returns)
    parts = (_eligible(data, spec, members, cells), _retained(data, spec, seen), _values(data, spec, returns))
    for part in (*parts, _same_period(spec, returns, list(data.by))):
        keys = [*data.by, "cohort"] if "k" not in part.columns else [*data.by, "cohort", "k"]
        cells = cells.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    start = (pl.col("k") == 0).alias("start_cell")
    filled = cells.with_columns(pl.col("eligible", "retained", "both").fill_null(0), start).with_columns(
        retained=pl.when("start_cell").then("size").otherwise("retained"),
        both=pl.when("start_cell").then("eligible").otherwise("both"),
        value=pl.col("value").fill_null(0.0) if spec.value else pl.col("value"),
        same_period=pl.col("same_period").fill_null(0) if spec.comes_back_otherwise else pl.col("same_period"),
    )
    filled = filled.with_columns(complete=(pl.col("eligible") == pl.col("size")))
    table = filled.sort(*data.by, "cohort", "k", nulls_last=True)
    order = [*data.by, "start", "size", "k", "to", "eligible", "retained", "complete", "value", "same_period"]
    rules = {"events": list(spec.events), "brackets": [list(pair) for pair in spec.brackets], "zone": data.zone}
    rules |= {"by": [plain_name(column) for column in data.by], "observed_until": data.observed_until.isoformat()}
    told = table.select(order)
    line = curve(table, seen, members, list(data.by), steps=spec.mode != "bracket", gone_after=spec.gone_after)
    said = () if spec.recurring or spec.start_event == "signup" else older_than_data(data, sizes, spec.grain)
    return CohortResult(told, _pooled(table, spec, list(data.by)), line, asdict(spec) | rules, data.by, said)


def _calendar_only(spec: Cohorts) -> bool:
    """Whether nothing but the local days of any activity matters."""
    plain = Cohorts(grain=spec.grain, mode=spec.mode, brackets=spec.brackets, periods=spec.periods, events=spec.events)
    return spec == plain and "*" in spec.events


def _counted(data: Dataset, spec: Cohorts, grid: Grid | None) -> tuple[pl.DataFrame, pl.DataFrame, int | None] | None:
    """Members, their returns and the last period as counts of users, without user and entry; None where those matter."""
    until = local_day(data.observed_until, data.zone)
    if spec.mode != "on" or not _calendar_only(spec) or midnight(until, data.zone) != data.observed_until:
        return None
    found = comebacks(data, spec.grain, "cohorts", rest=True)
    if found is None or found.is_empty():
        return None
    begun = pl.col("first") < until
    if grid is not None:
        begun &= grid.day_period(pl.col("first")).is_not_null()
    start = period_start(pl.col("first"), spec.grain, week_start=data.week_start)
    nothing = {"entry": pl.lit(None, pl.Int64), "worth": pl.lit(None, pl.Float64), "events": pl.lit(1, pl.Int64)}
    rows = found.filter(begun).with_columns(cohort=_number(pl.col("first"), data, spec), start=start, **nothing)
    rows = rows.with_columns(watched=_watched(data, spec), k=pl.col("number") - pl.col("cohort"))
    returns = rows.group_by(pl.exclude("first", "number", "users")).agg(pl.col("users").sum())
    return returns.filter(pl.col("k") == 0), returns, found["number"].max()  # type: ignore[return-value]


def _number(day: pl.Expr, data: Dataset, spec: Cohorts) -> pl.Expr:
    return period_number(day, spec.grain, zone=data.zone, week_start=data.week_start)


def _members(data: Dataset, spec: Cohorts, grid: Grid | None) -> pl.DataFrame:
    """One row per user: entry (microseconds), cohort (period number), segments at the entry."""
    if spec.start_event == "signup":
        if "signup_ts" not in data.columns("users"):
            raise UsageError(
                "cohorts by sign-up need the column signup_ts of the table users; add it to kpi.toml or start from first."
            )
        entries = data["users"].filter(pl.col("signup_ts").is_not_null()).rename({"signup_ts": "time"})
        entries = entries.select("user_id", "time", *[c for c in data.by if c in data.columns("users")])
    else:
        names = spec.events if spec.start_event == "first" else (spec.start_event,)
        entries = _entries(data, spec, names) if spec.recurring else first_events(data, events=names)
    there = entries.collect_schema().names()
    missing = [column for column in data.by if column not in there]
    if missing and data.columns("users"):
        entries = entries.join(
            data["users"].select("user_id", *[c for c in missing if c in data.columns("users")]),
            on="user_id",
            how="left",
        )
    entries = entries.filter(pl.col("time") < data.observed_until)
    if grid is not None:
        entries = entries.filter(grid.period(pl.col("time")).is_not_null())
    day = local_date(pl.col("time"), data.zone)
    start = period_start(day, spec.grain, week_start=data.week_start)
    entries = entries.with_columns(entry=pl.col("time").to_physical(), cohort=_number(day, data, spec), start=start)
    entries = entries.with_columns(watched=_watched(data, spec))
    if gone := [c for c in data.by if c not in entries.collect_schema().names()]:
        raise UsageError(
            f"the column {gone[0]!r} is not known at the start event of these cohorts; choose a column of the table users."
        )
    return entries.drop("time").with_columns(users=pl.lit(1, pl.Int64)).collect(engine="in-memory")


def _entries(data: Dataset, spec: Cohorts, names: tuple[str, ...]) -> pl.LazyFrame:
    """One row per user and calendar period with a start event: the first such event of the period."""
    rows = qualifying(data, names).select("user_id", "time", *data.carried(data.activity))
    number = _number(local_date(pl.col("time"), data.zone), data, spec)
    fresh = (pl.col("user_id") != pl.col("user_id").shift(1)) | (number != number.shift(1))
    return rows.filter(fresh.fill_null(True))


def _watched(data: Dataset, spec: Cohorts) -> pl.Expr:
    """How many of a member's periods have been watched from start to end."""
    if spec.clock == "calendar":
        until = pl.select(_number(pl.lit(local_day(data.observed_until, data.zone)), data, spec)).item()
        return pl.lit(until, pl.Int64) - pl.col("cohort")
    return (pl.lit(micros(data.observed_until)) - pl.col("entry")).floordiv(LENGTHS[spec.grain])


def _activity(data: Dataset, spec: Cohorts) -> pl.LazyFrame:
    """What users did after all: user_id, time, counts (is a return event), worth (what it adds to the value).

    The value of transactions is that of all rows, refunds included, each at its own time, while only orders are returns.
    """
    rows = qualifying(data, spec.events if spec.return_event is None else (spec.return_event,))
    nothing, whole = pl.lit(None, dtype=pl.Float64), ("user_id", "time")
    if spec.value is None:
        return rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=nothing)
    there = data.columns(data.activity)
    if spec.value not in there:
        raise unknown("column", spec.value, there, where=f"table {data.activity} (--value)")
    if not there[spec.value].is_numeric():
        numbers = ", ".join(name for name, kind in there.items() if kind.is_numeric())
        raise UsageError(f"column {spec.value!r} holds no numbers to add up. There are: {numbers or 'none'}.")
    if data.activity == "events":
        return rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=spec.value)
    paid = data[data.activity].select(*whole, counts=pl.lit(0, pl.Int64), worth=spec.value)
    came = rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=pl.lit(None, there[spec.value]))
    return pl.concat([came, paid])


def _returns(data: Dataset, spec: Cohorts, members: pl.DataFrame) -> pl.DataFrame:
    """One row per member and period k with activity: events, value."""
    day, at = local_date(pl.col("time"), data.zone), pl.col("time").to_physical()
    came = _activity(data, spec).select("user_id", "counts", "worth", at=at, day=day)
    met = came.join(members.lazy(), on="user_id").filter(pl.col("at") >= pl.col("entry"))
    since = pl.col("at") - pl.col("entry")
    k = (
        _number(pl.col("day"), data, spec) - pl.col("cohort")
        if spec.clock == "calendar"
        else since.floordiv(LENGTHS[spec.grain])
    )
    keyed = met.with_columns(k=k.cast(pl.Int64))
    if spec.mode == "bracket":
        inside = pl.lit(None, dtype=pl.Int64)
        for lo, hi in spec.brackets:
            inside = pl.when(pl.col("k").is_between(lo, hi)).then(lo).otherwise(inside)
        keyed = keyed.with_columns(k=pl.when(pl.col("k") == 0).then(0).otherwise(inside)).drop_nulls("k")
    grouped = keyed.group_by("user_id", "entry", "cohort", "watched", *data.by, "k")
    sums = grouped.agg(pl.col("counts").sum().alias("events"), pl.col("worth").sum())
    return sums.with_columns(users=pl.lit(1, pl.Int64)).collect(engine="in-memory")


def _seen(spec: Cohorts, returns: pl.DataFrame) -> pl.DataFrame:
    """The member's periods after the start that count as a return; on_or_after, all up to the last of them."""
    seen = returns.filter((pl.col("events") >= spec.min_events) & (pl.col("k") > 0))
    if spec.mode != "on_or_after":
        return seen
    last = seen.group_by(pl.exclude("k", "events", "worth")).agg(pl.col("k").max().alias("last"))
    return last.with_columns(k=pl.int_ranges(1, pl.col("last") + 1, dtype=pl.Int64)).explode("k")


def _same_period(spec: Cohorts, returns: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Members of each cohort with a return event in the period of their start; unknown where every start is a return."""
    came = returns.filter((pl.col("k") == 0) & (pl.col("events") >= spec.min_events))
    size = pl.len().cast(pl.Int64) if spec.comes_back_otherwise and spec.mode != "bracket" else pl.lit(None, pl.Int64)
    return came.group_by(*by, "cohort").agg(same_period=size)


def _last(data: Dataset, spec: Cohorts) -> int | None:
    """The period that holds the last event, or on the elapsed clock its instant."""
    rows = data[data.activity] if spec.value else data.events()
    last = rows.select(pl.col("time").max()).collect().item()
    if last is None or spec.clock == "elapsed":
        return None if last is None else micros(last)
    number: int = pl.select(_number(pl.lit(local_day(last, data.zone)), data, spec)).item()
    return number


def _cells(spec: Cohorts, sizes: pl.DataFrame, last: int | None) -> pl.DataFrame:
    """The empty table: one row per cohort and k, to the period that holds the last event."""
    if last is None or sizes.is_empty():
        return sizes.drop("earliest").with_columns(k=pl.lit(0, pl.Int64), to=pl.lit(0, pl.Int64))
    furthest = pl.lit(last) - pl.col("cohort")
    if spec.clock == "elapsed":
        furthest = (pl.lit(last) - pl.col("earliest")).floordiv(LENGTHS[spec.grain])
    furthest = furthest.clip(lower_bound=0, upper_bound=spec.periods)
    if spec.mode == "bracket":
        own = any(lo == 0 for lo, _ in spec.brackets)
        spans = spec.brackets if own else ((0, 0), *spec.brackets)
        spread = pl.DataFrame(
            {"k": [lo for lo, _ in spans], "to": [hi for _, hi in spans]}, schema={"k": pl.Int64, "to": pl.Int64}
        )
        return (
            sizes.with_columns(furthest=furthest)
            .join(spread.sort("k"), how="cross")
            .filter(pl.col("k") <= pl.col("furthest"))
            .drop("furthest", "earliest")
        )
    spread = sizes.with_columns(k=pl.int_ranges(0, furthest + 1, dtype=pl.Int64)).explode("k")
    return spread.with_columns(to=pl.col("k")).drop("earliest")


def _eligible(data: Dataset, spec: Cohorts, members: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Members whose period k has been watched to its end."""
    keys = [*data.by, "cohort", "k"]
    if spec.clock == "calendar":
        until = pl.select(_number(pl.lit(local_day(data.observed_until, data.zone)), data, spec)).item()
        whole = pl.when(pl.col("cohort") + pl.col("to") < until).then("size").otherwise(0)
        return cells.select(*keys, eligible=whole)
    spans = cells.select(*keys, "to").join(members, on=[*data.by, "cohort"], nulls_equal=True)
    return spans.filter(pl.col("to") < pl.col("watched")).group_by(keys).agg(pl.len().cast(pl.Int64).alias("eligible"))


def _retained(data: Dataset, spec: Cohorts, seen: pl.DataFrame) -> pl.DataFrame:
    """Members seen in period k so far, and those of them that are eligible."""
    keys = [*data.by, "cohort", "k"]
    to = pl.col("k")
    for lo, hi in spec.brackets:
        to = pl.when(pl.col("k") == lo).then(hi).otherwise(to)
    watched = pl.lit(True)
    if spec.clock == "elapsed":
        watched = pl.col("entry") + (to + 1) * LENGTHS[spec.grain] <= micros(data.observed_until)
    counts = {"retained": pl.col("users").sum(), "both": pl.col("users").filter(pl.col("both")).sum()}
    return seen.with_columns(both=watched).group_by(keys).agg(**counts)


def _values(data: Dataset, spec: Cohorts, returns: pl.DataFrame) -> pl.DataFrame:
    """The sum of the value column per cell; money in units of the currency, other numbers as they are."""
    keys = [*data.by, "cohort", "k"]
    if spec.value is None:
        return returns.group_by(keys).agg(value=pl.lit(None, dtype=pl.Float64).first())
    # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
    known = columns(data.activity).get(spec.value)
    digits = minor_digits(data.currency) if known is not None and known.kind == "money" else 0
    sums = returns.group_by(keys).agg(pl.col("worth").sum().cast(pl.Float64))
    scaled = sums.with_columns(scale=pl.Series([10.0**digits] * len(sums), dtype=pl.Float64))
    return scaled.select(*keys, value=pl.col("worth") / pl.col("scale"))


def _pooled(table: pl.DataFrame, spec: Cohorts, by: list[str]) -> pl.DataFrame:
    """Retained over eligible for each k, summed over complete cells; on the elapsed clock over eligible members."""
    usable = pl.col("complete") if spec.clock == "calendar" else pl.lit(True)
    counts = {"eligible": "eligible", "retained": "both" if spec.clock == "elapsed" else "retained"}
    sums = table.group_by(*by, "k", "to").agg(
        **{name: pl.col(column).filter(usable).sum() for name, column in counts.items()}
    )
    low, high = wilson(pl.col("retained"), pl.col("eligible"))
    rate = pl.when(pl.col("eligible") > 0).then(pl.col("retained") / pl.col("eligible"))
    return sums.sort(*by, "k", nulls_last=True).with_columns(rate=rate, low=low, high=high)
