"""Whether who looks new may only be new to the data, because the data begin in the middle of a product's life."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import local_date, local_day, period_start
from kpi_lib.shapes.activity import first_events
from kpi_lib.shapes.range_data import in_ranges

SEVERAL = 3  # later periods that it takes to know what is usual
TIMES = 2  # so many times as large as usual is a first period in which old people look new


def older_than_data(data: Dataset, sizes: pl.DataFrame, grain: str) -> tuple[str, ...]:
    """What speaks against a first time that is one: sign-ups before the data, or a first period far larger than usual.

    `sizes`: start and size of each period's newcomers, in which segments may stand apart.
    """
    data = data.recorded(data.activity)
    since = local_day(data.observed_from, data.zone)
    if "signup_ts" in data.columns("users"):
        who, known = _signed_up_before(data)
        if who:
            return (f"{who}: those of them who came again look new here.",)
        if known:
            return ()
    whole = sizes.group_by("start").agg(pl.col("size").sum()).sort("start")
    begin = pl.select(period_start(pl.lit(since), grain, week_start=data.week_start)).item()
    if len(whole) <= SEVERAL or whole["start"][0] != begin:
        return ()
    first, usual = whole["size"][0], whole["size"][1:13].median()
    assert isinstance(usual, float)
    if first <= TIMES * usual or first - usual <= 3 * (usual + 1) ** 0.5:
        return ()
    sizes_told = f"the first {grain} ({begin}) has {first:,} newcomers, a usual one {usual:,.0f}"
    return (
        f"{sizes_told}: many of them may have come before the data begin, so that their first time here is not their first.",
    )


def unwatched_at_first(data: Dataset) -> tuple[str, ...]:
    """What speaks against the first periods of people who signed up before anybody looked."""
    who, _ = _signed_up_before(data.recorded(data.activity))
    return (f"{who}: what they did until then is not known, and counts as if they had not come.",) if who else ()


def _signed_up_before(data: Dataset) -> tuple[str, int]:
    """How many users signed up before the data begin, in words, and of how many that day is known."""
    early = pl.col("signup_ts") < data.observed_from
    count, known = data["users"].select(early=early.sum(), known=pl.col("signup_ts").count()).collect().row(0)
    since = local_day(data.observed_from, data.zone)
    return (f"{count:,} of {known:,} users signed up before the data begin ({since})" if count else "", known)


def weekly_firsts(data: Dataset, event: str) -> pl.DataFrame:
    """How many users have their first such event in each week: start, size."""
    day = local_date(pl.col("time"), data.zone)
    start = period_start(day, "week", week_start=data.week_start)

    def counted(part: Dataset) -> pl.DataFrame:
        found = first_events(part, events=(event,)).group_by(start=start).agg(size=pl.len().cast(pl.Int64))
        return found.collect(engine="in-memory")

    why = "the first event of one name is asked"
    found = pl.concat(in_ranges(data, "first events", counted, why=why, events=[event]))
    return found.group_by("start").agg(pl.col("size").sum())
