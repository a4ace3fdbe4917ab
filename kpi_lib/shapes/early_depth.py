"""Whether those whose first days hold more time come back more often later: side by side, never one because of the other."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.compare import Difference, share_difference
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import wilson
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.units import duration
from kpi_lib.shapes.sessions import labelled

GROUPS = 4
FEWEST = 10  # people in a group, so that a share of them says something
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EarlyDepth:
    """New people in groups by the time that they spent in their first days, and who of each group came back later.

    `table`, one row per group from least to most time: group, users, shortest and longest (seconds spent), returned, rate,
    low, high. Equal times stay together, so groups may differ in size. `difference`: the rate of the last group less that
    of the first. `unripe`: people whose later days are not over; `reason`: why nothing can be told.
    """

    table: pl.DataFrame
    difference: Difference | None
    unripe: int
    first: str
    later: tuple[int, int]
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The groups, and what lies between the outer two: what a report hands over."""
        gap = self.difference
        ends = {"gap": [gap.value], "gap_low": [gap.low], "gap_high": [gap.high]} if gap else {}
        return {"early_depth": self.table, "early_depth_gap": pl.DataFrame(ends)}

    def to_dict(self) -> dict[str, Any]:
        """The groups as JSON values."""
        gap = self.difference
        told = {"value": gap.value, "low": gap.low, "high": gap.high} if gap else None
        rules = {"first": self.first, "later_days": list(self.later), "unripe": self.unripe, "reason": self.reason}
        return {"groups": self.table.to_dicts(), "difference": told} | rules


def early_depth(data: Dataset, *, first: str = "7d", later: tuple[int, int] = (28, 35)) -> EarlyDepth:
    """Compare who came back in days `later` (from, to: excluded) after the first event by the time spent in the days `first`.

    Time is that of sessions up to the end of the first days. Only people whose later days are over count.
    """
    early, since, until = duration(first), later[0] * DAY, later[1] * DAY
    if not timedelta(0) < early <= since < until:
        raise UsageError(f"first {first} and later {later} do not fit: first days end before the later ones begin.")
    begun = pl.col("time").min().over("user_id")
    rows = labelled(data).select("user_id", "session", "time", age=pl.col("time") - begun, begun=begun)
    spent = (
        rows.filter(pl.col("age") < early).group_by("user_id", "session")
        .agg(seconds=(pl.col("time").max() - pl.col("time").min()).dt.total_microseconds(), begun=pl.col("begun").first())
        .group_by("user_id").agg(pl.col("seconds").sum(), pl.col("begun").first())
    )  # fmt: skip
    back = rows.filter(pl.col("age").is_between(since, until, closed="left")).select("user_id", hit=True).unique()
    people = spent.join(back, on="user_id", how="left").with_columns(pl.col("hit").fill_null(False))
    known = people.with_columns(ripe=pl.col("begun") + until <= data.observed_until).collect(engine="in-memory")
    ripe = known.filter("ripe")
    table = _grouped(ripe)
    enough = table.height > 1 and min(table["users"]) >= FEWEST
    ends = [(row["returned"], row["users"]) for row in table.to_dicts()] if enough else []
    reason = (
        "" if enough else f"{len(ripe):,} people have been watched for {later[1]} days, too few for groups of {FEWEST}"
    )
    gap = share_difference(ends[0], ends[-1]) if ends else None
    return EarlyDepth(
        table if enough else table.clear(), gap, len(known) - len(ripe), first, later, reason, origin_of(data)
    )


def _grouped(people: pl.DataFrame) -> pl.DataFrame:
    """Quarters by time spent; people of equal time stand in the quarter of the first of them."""
    place = (pl.col("seconds").rank("min") - 1) * GROUPS // max(len(people), 1)
    groups = people.group_by(place.cast(pl.Int64).alias("quarter")).agg(
        users=pl.len().cast(pl.Int64), shortest=pl.col("seconds").min() / 1e6, longest=pl.col("seconds").max() / 1e6,
        returned=pl.col("hit").sum().cast(pl.Int64),
    ).sort("quarter")  # fmt: skip
    low, high = wilson(pl.col("returned"), pl.col("users"))
    numbered = groups.with_columns(group=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)).drop("quarter")
    rate = pl.col("returned") / pl.col("users")
    columns = ("group", "users", "shortest", "longest", "returned", "rate", "low", "high")
    return numbered.with_columns(rate=rate, low=low, high=high).select(columns)
