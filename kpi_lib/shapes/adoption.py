"""Feature adoption: of those who could see a feature, how many use it, how much, how many features each, and how soon.

Somebody could see a feature who was active at or after its launch (`features.launched`; a feature that this table does not
name was always there, one that it names without a launch is not out yet). What testers did before the launch is no use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name, segment_spine
from kpi_lib.core.distribution import MEDIAN_TIME, SURVIVAL
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import RATIO, wilson
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import INSTANT, Grid
from kpi_lib.core.shape import shape
from kpi_lib.core.units import duration
from kpi_lib.shapes.activity import ANY, placed, qualifying
from kpi_lib.shapes.day_pass import day_runs
from kpi_lib.shapes.sessions import by_group

FEWEST = 3  # features in use that it takes to call one of them much or little used
MOST_PEOPLE = 0.5  # what more people use is not used by few, whatever the others are
SMALL = 30
CORNERS = ("keep", "promote", "watch", "drop", "unused")
NO_FEATURES = 'no features are declared: name them under [features] in kpi.toml, as in search = ["search"].'
MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Adoption:
    """How the features under [features] are taken up.

    `table`, one row per segment, period and feature: eligible (active users who could see it), adopters, rate, low, high,
    uses and active_days (of the adopters), uses_per_active_day with uses_low and uses_high, corner, clear, status.
    `breadth`, per segment, period and number of features: users, share, at_least, at_least_share; `summary`, per segment
    and period: users (active), mean_features, users_of_none. `waits`, per segment and feature over all the data: users
    (who could see it from some moment on), adopted, median_seconds with median_low and median_high, by_then (the share
    that has used it within `within`) with by_then_low and by_then_high, before_launch (people who used it earlier).

    The corners compare a feature with the median feature in use: keep (many use it, and often), promote (few, but often),
    watch (many, but rarely), drop (few, and rarely), unused; half of the people are always many. `clear`: both intervals
    leave the dividing value (cut_rate, cut_uses) out.
    """

    table: pl.DataFrame
    breadth: pl.DataFrame
    summary: pl.DataFrame
    waits: pl.DataFrame
    definition: Mapping[str, Any]
    by: tuple[str, ...] = ()
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """All figures, by the name under which a report keeps them; none where no features are declared."""
        if self.reason:
            return {}
        parts = {"adoption": self.table, "adoption_breadth": self.breadth, "adoption_summary": self.summary}
        return parts | {"adoption_waits": self.waits}

    def to_dict(self) -> dict[str, Any]:
        """The tables as JSON values; with segments one result a group."""
        launched = pl.col("launched").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        names = {
            "features": self.table.with_columns(launched),
            "breadth": self.breadth,
            "summary": self.summary,
            "time_to_adopt": self.waits,
        }
        parts = {name: by_group(table, self.by) for name, table in names.items()}
        groups = list(dict.fromkeys(key for part in parts.values() for key in part))
        found = {
            key: {name: part.get(key, []) for name, part in parts.items()} | {"definition": dict(self.definition)}
            for key in groups
        }
        return {"groups": found} if self.by else found[""]


def adoption(
    data: Dataset, grid: Grid, *, min_uses: int = 1, within: str = "30d", events: Sequence[str] = ANY
) -> Adoption:
    """How each feature is taken up in the periods of a grid; `events` say who is active.

    Users are counted once in every segment in which they were active, so segments of events do not add up. Without features
    the result is empty and says why (`reason`).
    """
    if min_uses < 1:
        raise UsageError(f"min_uses is {min_uses}; it must be 1 or more.")
    by = list(data.by)
    frames = (feature_users(data, grid, events=events), active_users(data, grid, events=events))
    units, people = pl.collect_all([join_segments(frame, data) for frame in frames])
    periods = _periods(data, grid)
    shown = launches(data)
    table = _rates(segment_spine(periods.join(shown, how="cross"), data, people), units, by, min_uses)
    used = units.filter(pl.col("num") >= min_uses)
    broad, summary = _breadth(segment_spine(periods, data, people), used, people, by)
    lives = _waits(data, shown)
    waits = _told(segment_spine(shown.select("feature"), data, lives), lives, data, within)
    rules = {"min_uses": min_uses, "within": within, "active_events": list(events)}
    told = rules | {"by": [plain_name(each) for each in by], "zone": data.zone, "every": grid.every}
    missing = "" if data.features else NO_FEATURES
    return Adoption(table, broad, summary, waits, told, data.by, missing, origin_of(data))


def feature_events(data: Dataset) -> pl.LazyFrame:
    """One row per feature and event that shows its use."""
    named = [(name, event) for name, events in data.features.items() for event in dict.fromkeys(events)]
    return pl.LazyFrame(named, schema={"feature": pl.String, "event": pl.String}, orient="row")


def launches(data: Dataset) -> pl.DataFrame:
    """One row per declared feature: launched, and since (null: not out yet; the beginning of time: nobody said when)."""
    names = pl.DataFrame({"feature": list(data.features)}, schema={"feature": pl.String})
    always = pl.lit(0, INSTANT)
    if "launched" not in data.columns("features"):
        return names.with_columns(launched=pl.lit(None, INSTANT), since=always)
    out = data["features"].group_by("feature").agg(pl.col("launched").min(), known=pl.lit(True)).collect()
    met = names.join(out, on="feature", how="left", maintain_order="left")
    return met.with_columns(since=pl.when("known").then("launched").otherwise(always)).drop("known")


def active_users(data: Dataset, grid: Grid, *, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """One row per active user, period and local day: segment columns, time of the last event of the day."""
    keys = ["user_id", *data.carried(data.activity)]
    days = day_runs(qualifying(data, events), keys, data.zone).group_by(*keys, "day").agg(pl.col("last").max())
    return placed(days.rename({"last": "time"}), grid)


@shape
def feature_users(data: Dataset, grid: Grid, *, events: Sequence[str] = ANY) -> pl.LazyFrame:
    """One row per user who could see a feature, period and feature: num = uses, days = active days since it was there."""
    keys = ["user_id", *data.carried(data.activity), "period"]
    # features that were there all the time share a base, so that days are counted once for all of them
    begun = pl.max_horizontal("since", pl.lit(grid.starts[0], INSTANT))
    shown = launches(data).lazy().drop_nulls("since").select("feature", "since", base=begun)
    days = active_users(data, grid, events=events).join(shown.select("base").unique(), how="cross")
    able = days.filter(pl.col("time") >= pl.col("base")).group_by(*keys, "base").agg(days=pl.len().cast(pl.Int64))
    rows = qualifying(data).select("time", "event", *keys[:-1]).join(feature_events(data), on="event")
    uses = placed(rows.join(shown, on="feature").filter(pl.col("time") >= pl.col("since")), grid)
    counted = uses.group_by(*keys, "feature").agg(num=pl.len().cast(pl.Int64))
    units = able.join(shown.select("feature", "base"), on="base").drop("base")
    met = units.join(counted, on=[*keys, "feature"], how="left", nulls_equal=True)
    return met.with_columns(pl.col("num").fill_null(0))


def _periods(data: Dataset, grid: Grid) -> pl.DataFrame:
    """One row per period: period, start, end, watched (at all), and the status that it has from its edges."""
    frame = grid.frame(data.observed_from, data.observed_until)
    edge = pl.when("early").then(pl.lit("early")).when("partial").then(pl.lit("partial")).otherwise(pl.lit("ok"))
    return frame.select("period", "start", "end", watched=pl.col("seen") > 0, status=edge)


def _rates(spine: pl.DataFrame, units: pl.DataFrame, by: list[str], min_uses: int) -> pl.DataFrame:
    """One row per segment, period and feature: who could see it, who uses it, how much; its corner."""
    keys, uses, days = [*by, "period", "feature"], pl.col("num").cast(pl.Float64), pl.col("days").cast(pl.Float64)
    own = pl.col("num") >= min_uses
    sums = {"adopters": pl.lit(1, pl.Int64), "uses": pl.col("num"), "active_days": pl.col("days")}
    sums |= {"num_num": uses * uses, "num_den": uses * days, "den_den": days * days}
    counts = units.group_by(keys).agg(
        eligible=pl.len().cast(pl.Int64), **{name: each.filter(own).sum() for name, each in sums.items()}
    )
    rows = spine.join(counts, on=keys, how="left", nulls_equal=True, maintain_order="left")
    found = ["eligible", "adopters", "uses", "active_days"]
    rows = rows.with_columns(pl.when("watched").then(pl.col(name).fill_null(0)).alias(name) for name in found)
    low, high = wilson(pl.col("adopters"), pl.col("eligible"))
    some = pl.col("eligible") > 0
    rate = pl.when(some).then(pl.col("adopters") / pl.col("eligible"))
    ratios = RATIO.finish(rows.with_columns(n="adopters", num="uses", den="active_days"))
    told = {"uses_per_active_day": "value", "uses_low": "low", "uses_high": "high"}
    # a mean number of uses is not below 0, whatever a symmetric interval says
    rows = ratios.with_columns(pl.col("low").clip(lower_bound=0.0)).rename({old: new for new, old in told.items()})
    status = pl.when(pl.col("status") != "ok").then("status").when(~some).then(pl.lit("no_denominator"))
    small = pl.when(pl.col("eligible") < SMALL).then(pl.lit("small_n")).otherwise(pl.lit("ok"))
    rows = rows.with_columns(rate=rate, low=low, high=high, status=status.otherwise(small))
    order = [*by, "start", "end", "feature", "launched", *found[:2], "rate", "low", "high", *found[2:], *told]
    return (
        _cornered(rows, [*by, "period"])
        .select(*order, "corner", "clear", "cut_rate", "cut_uses", "status")
        .sort(*by, "start", "feature", nulls_last=True)
    )


def _cornered(rows: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """Each feature against the median of those in use, where there are enough of them."""
    used = pl.col("adopters") > 0
    middle = {name: pl.col(name).filter(used).median().over(group) for name in ("rate", "uses_per_active_day")}
    enough = used.sum().over(group) >= FEWEST
    cuts = {"cut_rate": pl.min_horizontal(middle["rate"], MOST_PEOPLE), "cut_uses": middle["uses_per_active_day"]}
    rows = rows.with_columns(enough=enough, **cuts)
    many, often = pl.col("rate") >= pl.col("cut_rate"), pl.col("uses_per_active_day") >= pl.col("cut_uses")
    placed_ = (
        pl.when(many & often).then(pl.lit("keep")).when(often).then(pl.lit("promote"))
        .when(many).then(pl.lit("watch")).otherwise(pl.lit("drop"))
    )  # fmt: skip
    unused = (pl.col("eligible") > 0) & ~used
    corner = pl.when(unused).then(pl.lit("unused")).when(used & pl.col("enough")).then(placed_)
    apart = [
        (pl.col(low) > pl.col(cut)) | (pl.col(high) < pl.col(cut))
        for low, high, cut in (("low", "high", "cut_rate"), ("uses_low", "uses_high", "cut_uses"))
    ]
    clear = pl.when(used & pl.col("enough")).then(pl.all_horizontal(apart).fill_null(False))
    return rows.with_columns(corner=corner, clear=clear)


def _breadth(
    spine: pl.DataFrame, used: pl.DataFrame, people: pl.DataFrame, by: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How many features the active users of each period use, and the mean."""
    keys = ["user_id", *by, "period"]
    counted = used.group_by(keys).agg(features=pl.len().cast(pl.Int64))
    each = people.select(keys).unique().join(counted, on=keys, how="left", nulls_equal=True)
    each = each.with_columns(pl.col("features").fill_null(0))
    group = [*by, "period"]
    counts = each.group_by(*group, "features").agg(users=pl.len().cast(pl.Int64))
    counts = counts.join(spine, on=group, how="left", nulls_equal=True).sort(*by, "start", "features", nulls_last=True)
    size, least = pl.col("users").sum().over(group), pl.col("users").cum_sum(reverse=True).over(group)
    told = counts.with_columns(share=pl.col("users") / size, at_least=least, at_least_share=least / size)
    none = pl.col("features") == 0
    sums = each.group_by(group).agg(
        users=pl.len().cast(pl.Int64), total=pl.col("features").sum(), users_of_none=none.sum().cast(pl.Int64)
    )
    rows = spine.join(sums, on=group, how="left", nulls_equal=True)
    rows = rows.with_columns(
        pl.when("watched").then(pl.col(c).fill_null(0)).alias(c) for c in ("users", "users_of_none")
    )
    rows = rows.with_columns(mean_features=pl.col("total") / pl.col("users")).sort(*by, "start", nulls_last=True)
    edges, shares = [*by, "start", "end"], ["share", "at_least", "at_least_share"]
    return (
        told.select(*edges, "features", "users", *shares),
        rows.select(*edges, "users", "mean_features", "users_of_none"),
    )


def _waits(data: Dataset, shown: pl.DataFrame) -> pl.DataFrame:
    """One row per feature and user who could see it: segments, key (microseconds until the first use, or watched), ended.

    The clock starts when they signed up or did something for the first time since the launch. Who was there before the data
    begin may have used an old feature unseen and is left out.
    """
    carried, began = data.carried(data.activity), pl.lit(data.observed_from, INSTANT)
    rows = qualifying(data).select("user_id", "time", "event", *carried)
    uses = rows.join(feature_events(data), on="event").join(shown.lazy().drop_nulls("since"), on="feature")
    real = pl.col("time").is_between("since", data.observed_until, closed="left")
    first = uses.filter(real).group_by("user_id", "feature").agg(used=pl.col("time").min())
    # whoever came before the data is known by an early first moment, unless the launch itself lies in the data
    bases = shown.drop_nulls("since").with_columns(base=pl.when(pl.col("since") > began).then("since"))
    parts = []
    for base in bases["base"].unique().sort():
        since = pl.lit(True) if base is None else pl.col("time") >= base
        met = rows.filter(since).group_by("user_id", maintain_order=True).agg(pl.col("time", *carried).first())
        if "signup_ts" in data.columns("users"):
            signed = data.known("users").select("user_id", time="signup_ts").drop_nulls().filter(since)
            met = met.join(signed.rename({"time": "signed"}), on="user_id", how="full", coalesce=True)
            met = met.with_columns(time=pl.min_horizontal("time", "signed")).drop("signed")
        own = bases.filter(pl.col("base").eq_missing(pl.lit(base, INSTANT))).select("feature").lazy()
        parts.append(met.filter(pl.col("time") >= began).join(own, how="cross"))
    if not parts:
        return pl.DataFrame(
            schema={c: pl.String for c in ("feature", *data.by)} | {"key": pl.Int64, "ended": pl.Boolean}
        )
    waits = pl.concat(parts).filter(pl.col("time") < data.observed_until)
    met = join_segments(waits, data).join(first, on=["user_id", "feature"], how="left")
    end = pl.coalesce("used", pl.lit(data.observed_until, INSTANT))
    key = (end - pl.col("time")).dt.total_microseconds()
    return met.select("feature", *data.by, key=key, ended=pl.col("used").is_not_null()).collect(engine="in-memory")


def _told(spine: pl.DataFrame, waits: pl.DataFrame, data: Dataset, within: str) -> pl.DataFrame:
    """One row per segment and feature: how long until the first use, whoever has not used it yet still waiting."""
    groups = [*data.by, "feature"]
    counts = waits.group_by(*groups, "key").agg(
        count=pl.len().cast(pl.Int64), events=pl.col("ended").sum().cast(pl.Int64)
    )
    taken = counts.group_by(groups).agg(users=pl.col("count").sum(), adopted=pl.col("events").sum())
    half, gone = MEDIAN_TIME.fold, SURVIVAL(duration(within) // MICRO).fold
    assert half is not None
    assert gone is not None
    median = half(counts, groups).select(
        *groups, *((pl.col(c) / 1e6).alias(n) for c, n in zip(("value", "low", "high"), MEDIANS, strict=True))
    )
    left = gone(counts, groups).select(
        *groups, *((1 - pl.col(c)).alias(n) for c, n in zip(("value", "high", "low"), SHARES, strict=True))
    )
    early = _before_launch(data)
    rows = spine
    for part in (taken, median, left):
        rows = rows.join(part, on=groups, how="left", nulls_equal=True)
    rows = rows.join(early, on="feature", how="left")
    rows = rows.with_columns(pl.col("users", "adopted", "before_launch").fill_null(0)).sort(groups, nulls_last=True)
    return rows.select(*groups, "users", "adopted", *MEDIANS, *SHARES, "before_launch")


MEDIANS = ("median_seconds", "median_low", "median_high")
SHARES = ("by_then", "by_then_low", "by_then_high")


def _before_launch(data: Dataset) -> pl.DataFrame:
    """One row per feature: people who used it before its launch."""
    out = launches(data).lazy().select("feature", "since")
    uses = qualifying(data).select("user_id", "time", "event").join(feature_events(data), on="event")
    early = uses.join(out, on="feature").filter((pl.col("time") < pl.col("since")) | pl.col("since").is_null())
    counted = early.group_by("feature").agg(before_launch=pl.col("user_id").n_unique().cast(pl.Int64))
    return counted.collect(engine="in-memory")
