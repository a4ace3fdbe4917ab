"""The members of cohorts and their returns, user by user, added up into counts that hold no user."""

from dataclasses import dataclass
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.core.period import Grid, local_date, local_day, micros, midnight, period_number, period_start
from kpi_lib.shapes.activity import by_day, first_events, qualifying
from kpi_lib.shapes.cohort_rules import LENGTHS, Cohorts
from kpi_lib.shapes.comeback_pass import comebacks, departures, in_bracket, spans
from kpi_lib.shapes.curve import counts_of_lives, lives_of
from kpi_lib.shapes.range_data import in_ranges


@dataclass(frozen=True, slots=True)
class Followed:
    """Members and their returns added up, so that parts which share no user add up.

    members: by cohort, start and watched, users and the earliest entry; seen: by cohort, watched and k after the start,
    users who came; same: users who came in the period of their start; worth: the value by cohort and k; lives: users by
    the period in which they are gone, or that was watched last (where that is asked for); last: the last period.
    """

    members: pl.DataFrame
    seen: pl.DataFrame
    same: pl.DataFrame
    worth: pl.DataFrame
    lives: pl.DataFrame
    last: int | None


def followed(data: Dataset, *, spec: Cohorts, grid: Grid | None) -> Followed:
    """The members among these users, and what became of them."""
    counted = _counted(data, spec, grid)
    if counted is not None:
        return counted
    plain = _calendar_only(spec) and spec.min_events == 1
    daily = by_day(data, "cohorts", rest=True, ids=_told_by_users(data)) if plain else data
    if daily is not data or spec.start_event == "signup":  # whoever signs up need not have an event in any range
        return _one_by_one(daily, _last(data, spec), spec=spec, grid=grid)
    refuse_value(data, spec)  # here, where all columns are known
    work = partial(_one_by_one, last=_last(data, spec), spec=spec, grid=grid)
    why = "named events, exact times or amounts are asked for"
    parts = in_ranges(
        data, "cohorts", work, why=why, events=_named(spec), columns=filter(None, [spec.value]), codes=True
    )
    return added(parts, list(data.by))


def _one_by_one(data: Dataset, last: int | None, *, spec: Cohorts, grid: Grid | None) -> Followed:
    """The members among these users and their returns, one row for each, added up."""
    members, by = _members(data, spec, grid), list(data.by)
    returns = _returns(data, spec, members)
    lives = lives_of(_seen(spec, returns), members, by, spec.gone_after) if spec.gone_after else pl.DataFrame()
    return _added_up(spec, by, (members, returns, lives), last)


def _added_up(
    spec: Cohorts, by: list[str], found: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], last: int | None
) -> Followed:
    """Members, their returns and lives, one row or a count of users each, as counts alone."""
    members, returns, lives = found
    cohort, users = [*by, "cohort"], pl.col("users").sum()
    return Followed(
        members.group_by(*cohort, "start", "watched").agg(users, pl.col("entry").min()),
        _seen(spec, returns).group_by(*cohort, "watched", "k").agg(users),
        _same_period(spec, returns, by),
        (returns if spec.value else returns.clear()).group_by(*cohort, "k").agg(pl.col("worth").sum()),
        lives,
        last,
    )


def added(parts: list[Followed], by: list[str]) -> Followed:
    """Parts that share no user, together; what is summed anyway stays in rows of its own."""
    members, seen, same, worth, lives = (
        pl.concat([getattr(part, name) for part in parts], how="vertical_relaxed")
        for name in ("members", "seen", "same", "worth", "lives")
    )
    same = same.group_by(*by, "cohort").agg(pl.col("same_period").sum())
    return Followed(members, seen, same, worth, lives, max((p.last for p in parts if p.last is not None), default=None))


def _calendar_only(spec: Cohorts) -> bool:
    """Whether nothing but the local days of any activity matters, and how many events they hold."""
    kept = ("grain", "mode", "brackets", "periods", "events", "gone_after", "min_events")
    return spec == Cohorts(**{name: getattr(spec, name) for name in kept}) and "*" in spec.events


def _told_by_users(data: Dataset) -> bool:
    """Whether a segment stands in the table of users alone, so that their ids matter."""
    return set(data.by) != set(data.carried(data.activity))


def _named(spec: Cohorts) -> list[str] | None:
    """The only events that matter; None where any do."""
    starts = spec.events if spec.start_event == "first" else (spec.start_event,)
    names = [*starts, *(spec.events if spec.return_event is None else (spec.return_event,))]
    return None if "*" in names else names


def _counted(data: Dataset, spec: Cohorts, grid: Grid | None) -> Followed | None:
    """Members and their returns from counts of users by days, without a row for each; None where more matters."""
    until = local_day(data.observed_until, data.zone)
    if not _calendar_only(spec) or midnight(until, data.zone) != data.observed_until:
        return None
    found = comebacks(data, spec.grain, brackets=spec.brackets, at_least=spec.min_events)
    if found is None or found.is_empty():
        return None
    begun = pl.col("first") < until
    if grid is not None:
        begun &= grid.day_period(pl.col("first")).is_not_null()
    start = period_start(pl.col("first"), spec.grain, week_start=data.week_start)
    nothing = {"entry": pl.lit(None, pl.Int64), "worth": pl.lit(None, pl.Float64)}
    nothing["events"] = pl.lit(spec.min_events, pl.Int64)

    def placed(counts: pl.DataFrame, number: str) -> pl.DataFrame:
        cohort = number_of(pl.col("first"), data, spec)
        rows = counts.filter(begun).with_columns(cohort=cohort, start=start, **nothing)
        rows = rows.with_columns(watched=_watched(data, spec), k=pl.col(number) - pl.col("cohort"))
        return rows.group_by(pl.exclude("first", number, "users")).agg(pl.col("users").sum())

    came, lives = placed(found, "number"), pl.DataFrame()
    returns = came
    if spec.mode == "on_or_after" and (stayed := spans(data, spec.grain, at_least=spec.min_events)) is not None:
        returns = placed(stayed, "number")
    if spec.gone_after:
        edge = pl.select(number_of(pl.lit(until), data, spec)).item()
        left = departures(data, spec.grain, away=spec.gone_after, until=edge, at_least=spec.min_events)
        lives = counts_of_lives(placed(left, "gone").rename({"k": "gone"}), list(data.by))  # type: ignore[arg-type]
    return _added_up(spec, list(data.by), (came.filter(pl.col("k") == 0), returns, lives), _last(data, spec))


def number_of(day: pl.Expr, data: Dataset, spec: Cohorts) -> pl.Expr:
    """The calendar period of a local day, by number."""
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
    entries = entries.with_columns(entry=pl.col("time").to_physical(), cohort=number_of(day, data, spec), start=start)
    entries = entries.with_columns(watched=_watched(data, spec))
    if gone := [c for c in data.by if c not in entries.collect_schema().names()]:
        raise UsageError(
            f"the column {gone[0]!r} is not known at the start event of these cohorts; choose a column of the table users."
        )
    told = [pl.col(data.by).cast(pl.String), pl.lit(1, pl.Int64).alias("users")]
    return entries.drop("time").with_columns(told).collect(engine="in-memory")


def _entries(data: Dataset, spec: Cohorts, names: tuple[str, ...]) -> pl.LazyFrame:
    """One row per user and calendar period with a start event: the first such event of the period."""
    rows = qualifying(data, names).select("user_id", "time", *data.carried(data.activity))
    number = number_of(local_date(pl.col("time"), data.zone), data, spec)
    fresh = (pl.col("user_id") != pl.col("user_id").shift(1)) | (number != number.shift(1))
    return rows.filter(fresh.fill_null(True))


def _watched(data: Dataset, spec: Cohorts) -> pl.Expr:
    """How many of a member's periods have been watched from start to end."""
    if spec.clock == "calendar":
        until = pl.select(number_of(pl.lit(local_day(data.observed_until, data.zone)), data, spec)).item()
        return pl.lit(until, pl.Int64) - pl.col("cohort")
    return (pl.lit(micros(data.observed_until)) - pl.col("entry")).floordiv(LENGTHS[spec.grain])


def refuse_value(data: Dataset, spec: Cohorts) -> None:
    """Raise UsageError where there is no column to add up, or one that holds no numbers."""
    there = data.columns(data.activity)
    if spec.value is None:
        return
    if spec.value not in there:
        raise unknown("column", spec.value, there, where=f"table {data.activity} (--value)")
    if not there[spec.value].is_numeric():
        numbers = ", ".join(name for name, kind in there.items() if kind.is_numeric())
        raise UsageError(f"column {spec.value!r} holds no numbers to add up. There are: {numbers or 'none'}.")


def _activity(data: Dataset, spec: Cohorts) -> pl.LazyFrame:
    """What users did after all: user_id, time, counts (is a return event), worth (what it adds to the value).

    The value of transactions is that of all rows, refunds included, each at its own time, while only orders are returns.
    """
    rows = qualifying(data, spec.events if spec.return_event is None else (spec.return_event,))
    nothing, whole = pl.lit(None, dtype=pl.Float64), ("user_id", "time")
    if spec.value is None:
        return rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=nothing)
    refuse_value(data, spec)
    there = data.columns(data.activity)
    if data.activity == "events":
        return rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=spec.value)
    paid = data[data.activity].select(*whole, counts=pl.lit(0, pl.Int64), worth=spec.value)
    came = rows.select(*whole, counts=pl.lit(1, pl.Int64), worth=pl.lit(None, there[spec.value]))
    return pl.concat([came, paid])


def _returns(data: Dataset, spec: Cohorts, members: pl.DataFrame) -> pl.DataFrame:
    """One row per member and period k with activity: events, value."""
    day, at = local_date(pl.col("time"), data.zone), pl.col("time").to_physical()
    came = _activity(data, spec).select("user_id", "counts", "worth", at=at, day=day)
    alone = None if spec.recurring or spec.value is not None else _with_entry(came, members)
    met = came.join(members.lazy(), on="user_id", maintain_order="left") if alone is None else alone
    k = (
        number_of(pl.col("day"), data, spec) - pl.col("cohort")
        if spec.clock == "calendar"
        else (pl.col("at") - pl.col("entry")).floordiv(LENGTHS[spec.grain])
    )
    keyed = met.filter(pl.col("at") >= pl.col("entry")).with_columns(k=k.cast(pl.Int64))
    if spec.mode == "bracket":
        keyed = keyed.with_columns(k=in_bracket(pl.col("k"), spec.brackets)).drop_nulls("k")
    whole = ["user_id", "entry", "cohort", "watched", *data.by, "k"]
    if alone is None:
        sums = keyed.group_by(whole).agg(pl.col("counts").sum().alias("events"), pl.col("worth").sum())
    else:
        # a user's returns lie in order, so that those of a period follow each other
        row = pl.int_range(pl.len(), dtype=pl.Int64)
        fresh = _changes("user_id") | _changes("k") | (row == 0)
        runs = keyed.select("user_id", "k", "worth", row=row, size=pl.len().cast(pl.Int64), fresh=fresh).filter("fresh")
        events = pl.col("row").shift(-1).fill_null(pl.col("size")) - pl.col("row")
        sums = runs.with_columns(events=events).join(members.lazy(), on="user_id", maintain_order="left")
    kept = sums.select(*whole, "events", "worth", users=pl.lit(1, pl.Int64))
    return kept.collect(engine="in-memory")


def _with_entry(came: pl.LazyFrame, members: pl.DataFrame) -> pl.LazyFrame | None:
    """Rows in order with the entry and cohort of their user, looked up by place, which is less work than to join all of them.

    None where somebody entered twice.
    """
    users = came.select("user_id").filter(_changes("user_id") | (pl.int_range(pl.len()) == 0)).collect()
    known = users.join(members.select("user_id", "entry", "cohort"), on="user_id", how="left", maintain_order="left")
    if len(known) > len(users):
        return None
    place = pl.col("user_id").rle_id()
    return came.with_columns(pl.lit(known[name]).gather(place).alias(name) for name in ("entry", "cohort"))


def _changes(column: str) -> pl.Expr:
    """Whether a row has another value than the row before."""
    return pl.col(column).ne_missing(pl.col(column).shift(1))


def _seen(spec: Cohorts, returns: pl.DataFrame) -> pl.DataFrame:
    """The member's periods after the start that count as a return; on_or_after, all up to the last of them."""
    seen = returns.filter((pl.col("events") >= spec.min_events) & (pl.col("k") > 0))
    if spec.mode != "on_or_after":
        return seen
    if "user_id" in seen.columns:
        last = seen.group_by(pl.exclude("k", "events", "worth")).agg(pl.col("k").max().alias("last"))
    else:
        last = seen.rename({"k": "last"})  # counts of users by the last period in which they came
    return last.with_columns(k=pl.int_ranges(1, pl.col("last") + 1, dtype=pl.Int64)).explode("k")


def _same_period(spec: Cohorts, returns: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Members of each cohort with a return event in the period of their start; unknown where every start is a return."""
    came = returns.filter((pl.col("k") == 0) & (pl.col("events") >= spec.min_events))
    size = pl.col("users").sum() if spec.comes_back_otherwise and spec.mode != "bracket" else pl.lit(None, pl.Int64)
    return came.group_by(*by, "cohort").agg(same_period=size)


def _last(data: Dataset, spec: Cohorts) -> int | None:
    """The period that holds the last event, or on the elapsed clock its instant."""
    parts = data.parts if data.activity == "events" else None
    if parts is None:
        rows = data[data.activity] if spec.value else data.events()
        last = rows.select(pl.col("time").max()).collect().item()
    else:
        last = parts.latest("time")
    if last is None or spec.clock == "elapsed":
        return None if last is None else micros(last)
    number: int = pl.select(number_of(pl.lit(local_day(last, data.zone)), data, spec)).item()
    return number
