"""What a funnel comes to, added up: small frames that hold no unit, so that parts which share no user simply add up."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from kpi_lib.core.distribution import counted_quantile, seconds_of
from kpi_lib.shapes.funnel_rules import Funnel, required_before

QUARTERS = {"median": 0.5, "p25": 0.25, "p75": 0.75, "p90": 0.9}
TIMES = (*QUARTERS, "mean")


@dataclass(frozen=True, slots=True)
class Counts:
    """Units by where they stand, and counted attempts by step and time; `all_ripe`: whether every entry was.

    `stands` has one row per segment: in_progress, excluded, tie_sensitive, open. `times` has one row per segment, step
    and pair of times in microseconds: took (from the entry), since (from the required step before), units, worth.
    """

    stands: pl.DataFrame
    times: pl.DataFrame
    all_ripe: bool


def counts_of(standing: pl.DataFrame, chosen: pl.DataFrame, *, by: tuple[str, ...], spec: Funnel, ripe: bool) -> Counts:
    """Add up one row per unit (where it stands) and one per counted attempt (with the times of its steps)."""
    usable, counted = pl.col("usable"), pl.col("counted")
    flags = {"in_progress": ~usable, "excluded": usable & ~counted, "tie_sensitive": pl.col("sensitive")}
    flags["open"] = pl.col("open")
    sums = {name: flag.sum().cast(pl.Int64) for name, flag in flags.items()}
    text = [pl.col(column).cast(pl.String) for column in by]
    stands = standing.group_by(text).agg(**sums) if by else standing.select(**sums)
    keys, levels = [*by, "step", "took", "since"], []
    for k in range(1, len(spec.steps) + 1):
        before = required_before(spec.steps, k - 1) + 1
        took, since = (pl.col(f"t{k}") - pl.col(other).to_physical() for other in ("time", f"t{before}"))
        worth = pl.col(f"v{k}") if spec.value else pl.lit(0)
        reached = chosen.filter(pl.col(f"t{k}").is_not_null())
        rows = reached.select(*text, step=pl.lit(k, pl.Int64), took=took, since=since, worth=worth)
        levels.append(rows.group_by(keys).agg(units=pl.len().cast(pl.Int64), worth=pl.col("worth").sum()))
    return Counts(stands, pl.concat(levels, how="vertical_relaxed"), ripe)


def merged(parts: Sequence[Counts], by: tuple[str, ...]) -> Counts:
    """The counts of parts that share no user, together."""
    stands, times = (pl.concat([getattr(each, name) for each in parts]) for name in ("stands", "times"))
    sums = pl.exclude(by).sum()
    whole = stands.group_by(by).agg(sums) if by else stands.sum()
    return Counts(whole, times, all(each.all_ripe for each in parts))


def levels(times: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Units, worth and times by step reached: exact quantiles, from how many units took how long."""
    keys = [*by, "step"]
    found = times.group_by(keys).agg(pl.col("units", "worth").sum())
    for lead, column in (("", "took"), ("previous_", "since")):
        found = found.join(_spread(times, keys, column, lead), on=keys, nulls_equal=True)
    return found


def _spread(times: pl.DataFrame, keys: list[str], column: str, lead: str) -> pl.DataFrame:
    """Quantiles between the two nearest units, and the mean, of a column of times in seconds."""
    rows = times.group_by(*keys, column).agg(pl.col("units").sum()).sort(*keys, column)
    rows = rows.with_columns(pl.col("units").cum_sum().over(keys).alias("upto"), seconds=seconds_of(pl.col(column)))
    size, stats = pl.col("units").sum(), {}
    for name, q in QUARTERS.items():
        stats[f"{lead}{name}_seconds"] = counted_quantile(pl.col("seconds"), pl.col("upto"), size, q)
    # whole microseconds in 128 bits: no overflow, and the same sum in any order
    whole = (pl.col(column).cast(pl.Int128) * pl.col("units").cast(pl.Int128)).sum()
    stats[f"{lead}mean_seconds"] = whole.cast(pl.Float64) / size / 1e6
    return rows.group_by(keys).agg(**stats)
