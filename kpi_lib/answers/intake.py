"""Whether anybody new still comes, and if not, whether fewer actives mean ageing or decline."""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from kpi_lib.core.compare import Difference, mean_difference
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid, local_date, local_day, period_number
from kpi_lib.shapes.activity import active_days, first_events

QUIET = 3
ALIKE = 0.2


@dataclass(frozen=True, slots=True)
class Intake:
    """What the first visits tell about the group that a report looks at.

    `table` compares the oldest with the newest intake at the same age: cohort, members, ages, active_periods (mean per
    member), with the difference and its 95 % interval in `gap`, `gap_low`, `gap_high`.
    """

    closed: bool
    last_new: date | None
    members: int
    quiet_periods: int
    every: str
    table: pl.DataFrame
    ages: int
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def alike(self) -> bool:
        """Whether the newest and the oldest are known to be about as active: the whole interval lies within a fifth."""
        if self.gap_low is None or self.gap_high is None:
            return False
        bar = ALIKE * float(self.table.sort("cohort")["active_periods"][0])
        return -bar <= self.gap_low and self.gap_high <= bar

    @property
    def declining(self) -> bool | None:
        """Whether later members are clearly less active at the same age; None if it cannot be told."""
        return None if self.gap_high is None else self.gap_high < 0


def intake(data: Dataset, grid: Grid) -> Intake:
    """Look for the last newcomer before the end of the grid; closed = nobody new in its last three periods or more."""
    every = grid.every if grid.every in ("day", "week", "month") else "month"
    firsts = first_events(data).filter(pl.col("time") < grid.ends[-1]).collect()
    if firsts.is_empty():
        return Intake(False, None, 0, 0, every, pl.DataFrame(), 0, None, None, None, origin_of(data))
    last_new = local_day(firsts["time"].max(), data.zone)  # type: ignore[arg-type]
    place = {"zone": data.zone, "week_start": data.week_start}
    index = [pl.select(period_number(pl.lit(day), every, **place)).item() for day in (last_new, grid.firsts[-1])]
    quiet = index[1] - index[0]
    table, ages = _same_age(data, firsts, every, grid)
    gap = mean_difference(*(_stats(table, at) for at in (0, 1))) if table.height == 2 else Difference(0.0, None, None)
    value = gap.value if table.height == 2 else None
    return Intake(
        quiet >= QUIET, last_new, len(firsts), quiet, every, table, ages, value, gap.low, gap.high, origin_of(data)
    )


def _stats(table: pl.DataFrame, at: int) -> tuple[float, float | None, int]:
    row = table.row(at, named=True)
    return row["active_periods"], row["variance"], row["members"]


def _same_age(data: Dataset, firsts: pl.DataFrame, every: str, grid: Grid) -> tuple[pl.DataFrame, int]:
    """Active periods per member over the ages that both the first and the last intake have been watched for."""
    place = {"zone": data.zone, "week_start": data.week_start}
    index = period_number(local_date(pl.col("time"), data.zone), every, **place)
    members = firsts.select("user_id", cohort=index)
    watched = min(grid.stops[-1], local_day(data.observed_until, data.zone))  # a period that is not over is no age
    until = pl.select(period_number(pl.lit(watched), every, **place)).item()
    oldest, newest = members["cohort"].min(), members["cohort"].max()
    ages = until - 1 - int(newest)  # type: ignore[arg-type]
    if oldest == newest or ages < 1:
        return pl.DataFrame(), max(ages, 0)
    days = active_days(data).select("user_id", at=index).unique().collect()
    both = members.filter(pl.col("cohort").is_in([oldest, newest]))
    aged = days.join(both, on="user_id").filter((pl.col("at") - pl.col("cohort")).is_between(1, ages))
    counts = both.join(aged.group_by("user_id").agg(active=pl.len()), on="user_id", how="left").with_columns(
        pl.col("active").fill_null(0)
    )
    stats = counts.group_by("cohort").agg(
        members=pl.len(), active_periods=pl.col("active").mean(), variance=pl.col("active").cast(pl.Float64).var()
    )
    return stats.sort("cohort"), ages
