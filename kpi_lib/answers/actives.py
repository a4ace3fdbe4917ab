"""Daily, weekly and monthly actives side by side, with the stickiness that belongs to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import COUNT
from kpi_lib.core.motions import settle, tally
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.shapes.activity import distinct

COLUMNS = ("dau", "wau", "mau", "stickiness")


@dataclass(frozen=True, slots=True)
class Actives:
    """One row per segment and period: segments, start, end, dau, wau, mau, stickiness, complete."""

    table: pl.DataFrame
    by: tuple[str, ...] = ()
    every: str = "day"
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values; counts that are whole stay whole."""
        rows = []
        for row in self.table.iter_rows(named=True):
            dates = {"start": row["start"].isoformat(), "end": row["end"].isoformat()}
            counts = {k: None if row[k] is None else _whole(row[k]) for k in ("dau", "wau", "mau")}
            rows.append(
                ({"by": {plain_name(c): row[c] for c in self.by}} if self.by else {})
                | {k: row[k] for k in row if k not in self.by}
                | dates
                | counts
            )
        return {"rows": rows}


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def actives(
    data: Dataset, grid: Grid, by: Sequence[str] = (), *, events: Sequence[str] = ("*",), window: int | None = None
) -> Actives:
    """How many people were active, by day, week and month, on any grid.

    dau is the mean of the period's days, wau the 7 days to its end, mau the calendar month on a month grid and else the
    30 days to its end. A window that begins before the data is null: half a month is not a small month. With a `window`
    there is one column more, `rolling`: the distinct users of so many days to the end of each period.
    """
    values = compute(COLUMNS, data, grid, by, options={"active_events": list(events)})
    keys = [*values.by, "start", "end"]
    wide: pl.DataFrame | None = None
    for name in COLUMNS:
        one = values.table.filter(pl.col("kpi") == name).select(*keys, pl.col("value").alias(name))
        wide = one if wide is None else wide.join(one, on=keys, how="left", nulls_equal=True, maintain_order="left")
    if wide is None:
        raise TypeError("no columns")
    if window is not None:
        one = rolling(data.with_by(tuple(by)), grid, window, events=events)
        wide = wide.join(one, on=keys, how="left", nulls_equal=True, maintain_order="left")
    since = data.recorded(data.activity).observed_from
    whole = [a >= since and b <= data.observed_until for a, b in zip(grid.starts, grid.ends, strict=True)]
    ends = pl.DataFrame({"end": grid.stops, "complete": whole})
    rows = wide.join(ends, on="end", how="left", maintain_order="left")
    return Actives(rows, values.by, grid.every, origin_of(data))


def rolling(data: Dataset, grid: Grid, window: int, *, events: Sequence[str]) -> pl.DataFrame:
    """Distinct users of the `window` days to the end of each period: segments, start, end, rolling."""
    if window < 1:
        raise UsageError(f"a window of {window} days is not possible: it must be 1 or more.")
    data = data.recorded(data.activity)
    own = grid.trailing(f"{window}d")
    frame = own.frame(data.observed_from, data.observed_until)
    counted = settle(tally(distinct(data, own, events=events), COUNT, data, own), data, frame)
    known = pl.when(~pl.col("early") & (pl.col("seen") > 0)).then(pl.col("n"))
    return counted.select(*data.by, "start", "end", rolling=known)
