"""How often people come back by themselves: whether cohorts are looked at by week or by month."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.activity import active_days

MONTH = 365.25 / 12
NEAR = 2.5  # days around a whole number of months: long and short ones, and a payment that waits for a working day
FEWEST = 30  # returns


def usual_grain(data: Dataset) -> str:
    """Whether cohorts of these people are best drawn by `month` or by `week`.

    By month where most returns come a whole number of months after the day before, as payments of subscriptions do: by week
    such cohorts are empty three weeks of four. Of fewer than thirty returns nothing can be told, and it stays the week.

    >>> from datetime import UTC, date, datetime
    >>> rows = [{"user_id": f"u{n}", "time": datetime(2026, m, 5, tzinfo=UTC), "event": "pay"} for n in range(20) for m in (1, 2, 3)]
    >>> usual_grain(Dataset.of({"events": pl.DataFrame(rows)}, observed_until=datetime(2026, 4, 1, tzinfo=UTC)))
    'month'
    """
    days = active_days(data).select("user_id", "day").unique().sort("user_id", "day")
    away = (pl.col("day") - pl.col("day").shift(1)).over("user_id").dt.total_days()
    months = (pl.col("away") / MONTH).round()
    whole = (months >= 1) & ((pl.col("away") - months * MONTH).abs() <= NEAR)
    found = days.select(away=away).drop_nulls().select(n=pl.len(), whole=whole.sum()).collect().row(0, named=True)
    return "month" if found["n"] >= FEWEST and 2 * found["whole"] > found["n"] else "week"
