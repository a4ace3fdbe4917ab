"""What cohorts say together beside the pooled rate: the mean over cohorts, the step from period to period, and survival.

The pooled rate weighs each member alike, the simple mean each cohort. A period is compared with the one before over the
same members, because younger cohorts would otherwise stand on one side only. Who has stayed away for `gone_after` whole
periods in a row is gone in the last of them, whatever comes later; who has not been watched that long is censored (Kaplan
and Meier 1958; Greenwood's variance on the log-log scale).
"""

import polars as pl

from kpi_lib.core.distribution import kaplan_meier
from kpi_lib.core.measure import t_quantile

LEFT = ("survival", "survival_low", "survival_high")
STEP = ("previous", "change")


def curve(
    cells: pl.DataFrame,
    seen: pl.DataFrame,
    members: pl.DataFrame,
    by: list[str],
    *,
    steps: bool,
    lives: pl.DataFrame | None,
) -> pl.DataFrame:
    """One row per segment and k of the cohort table: cohorts, simple mean with interval, previous, change, survival.

    `seen` has a row per member and period with a return, `members` one per member, both with `watched`, the count of whole
    periods watched so far, and `users`, how many members a row stands for (one where `gone_after` is given). `previous`
    is the rate of period k - 1 among the members watched to the end of k; without `steps`, as with brackets of several
    lengths, there is none.
    """
    keys = [*by, "k"]
    spans = cells.select(*by, "k", "to").unique()
    parts = [_simple(cells, keys), *([_steps(cells, seen, members, by)] if steps else [])]
    if lives is not None:
        parts.append(_survival(lives, by))
    for part in parts:
        spans = spans.join(part, on=keys, how="left", nulls_equal=True)
    absent = [pl.lit(None, dtype=pl.Float64).alias(name) for name in (*STEP, *LEFT) if name not in spans.columns]
    told = ["k", "to", "cohorts", "simple", "simple_low", "simple_high", *STEP, *LEFT]
    full = spans.with_columns(pl.col("cohorts").fill_null(0), *absent)
    return full.select(*by, *told).sort(keys, nulls_last=True)


def _simple(cells: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The mean rate of the complete cohorts, each counted once, with a t interval over cohorts."""
    known = cells.filter(pl.col("complete") & (pl.col("size") > 0)).sort(*keys, "cohort", nulls_last=True)
    rates = known.with_columns(rate=pl.col("retained") / pl.col("size"))
    grouped = rates.group_by(keys, maintain_order=True).agg(
        cohorts=pl.len().cast(pl.Int64), simple=pl.col("rate").mean(), spread=pl.col("rate").std()
    )
    t = t_quantile(grouped["cohorts"].cast(pl.Float64) - 1)
    half = t * pl.col("spread") / pl.col("cohorts").sqrt()
    low, high = (pl.col("simple") - half).clip(0.0, 1.0), (pl.col("simple") + half).clip(0.0, 1.0)
    return grouped.with_columns(simple_low=low, simple_high=high).drop("spread")


def _steps(cells: pl.DataFrame, seen: pl.DataFrame, members: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The rate of the period before, and the change from it, over the members watched to the end of period k."""
    keys, cohort = [*by, "k"], [*by, "cohort"]
    ages = cells.filter(pl.col("k") > 0).select(*cohort, "k")
    sizes = members.group_by(*cohort, "watched").agg(pl.col("users").sum())
    whole = ages.join(sizes, on=cohort, nulls_equal=True).filter(pl.col("watched") > pl.col("k"))
    found = whole.group_by(keys).agg(eligible=pl.col("users").sum())
    begun = members.select(*cohort, "watched", "users", k=pl.lit(0, pl.Int64))
    counts = pl.concat([begun, seen.select(begun.columns)])
    for name, rows in {"now": counts, "before": counts.with_columns(pl.col("k") + 1)}.items():
        inside = rows.join(ages, on=[*cohort, "k"], how="semi", nulls_equal=True)
        came = inside.filter(pl.col("watched") > pl.col("k")).group_by(keys).agg(pl.col("users").sum().alias(name))
        found = found.join(came, on=keys, how="left", nulls_equal=True)
    filled = found.with_columns(pl.col("now", "before").fill_null(0))
    previous = pl.col("before") / pl.col("eligible")
    change = (pl.col("now") - pl.col("before")) / pl.col("eligible")
    return filled.select(*keys, previous=previous, change=change)


def _survival(lives: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The share of members who are not gone yet after period k, as far as anybody has been watched."""
    counts = lives.group_by(*by, "key").agg(pl.col("count", "events").sum())
    steps = kaplan_meier(counts, by).select(*by, "key", "value", "low", "high")
    spans = counts.group_by(by).agg(pl.col("key").max()) if by else counts.select(pl.col("key").max())
    spans = spans.drop_nulls("key").with_columns(key=pl.int_ranges(0, pl.col("key") + 1, dtype=pl.Int64)).explode("key")
    line = spans.join(steps, on=[*by, "key"], how="left", nulls_equal=True).sort(*by, "key", nulls_last=True)
    told = [pl.col(name).forward_fill().alias(new) for name, new in zip(("value", "low", "high"), LEFT, strict=True)]
    held = line.with_columns(each.over(by) if by else each for each in told)
    return held.select(*by, pl.col("key").alias("k"), *(pl.col(name).fill_null(1.0) for name in LEFT))


def lives_of(seen: pl.DataFrame, members: pl.DataFrame, by: list[str], gone_after: int) -> pl.DataFrame:
    """Members by the period in which they are gone, or the last one watched (`key`): count, events (how many are gone)."""
    who = ["user_id", "entry"]
    begun = members.select(*who, *by, "watched", k=pl.lit(0, pl.Int64))
    there = pl.concat([begun, seen.select(begun.columns)]).sort(*who, "k")
    later = pl.col("k").shift(-1).over(who).fill_null(pl.col("watched"))
    away = pl.min_horizontal(later, "watched") - pl.col("k") - 1
    gone = pl.when(away >= gone_after).then(pl.col("k") + gone_after)
    first = there.with_columns(gone=gone).group_by(*who, *by).agg(pl.col("gone").min(), pl.col("watched").first())
    return counts_of_lives(first.with_columns(users=pl.lit(1, pl.Int64)), by)


def counts_of_lives(lives: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Users by the period in which they are gone (`gone`, null: not yet), or the last one watched, added up by that `key`."""
    last = (pl.col("watched") - 1).clip(lower_bound=0)
    gone = pl.col("users").filter(pl.col("gone").is_not_null()).sum()
    keyed = lives.with_columns(key=pl.coalesce("gone", last))
    return keyed.group_by(*by, "key").agg(count=pl.col("users").sum(), events=gone)
