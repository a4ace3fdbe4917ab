"""The MRR bridge: how recurring revenue moved from the start of a period to its end, customer by customer.

Movements as ChartMogul defines them: new (first ever paid), expansion, contraction (one of several subscriptions that ends is
one), churn (to nothing), reactivation (back after churn).
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset, join_segments, plain_name
from kpi_lib.core.errors import UsageError, shown
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.period import Grid
from kpi_lib.core.shape import shape
from kpi_lib.core.units import duration, minor_digits
from kpi_lib.shapes.revenue import stretches

MOVEMENTS = ("new", "expansion", "reactivation", "contraction", "churn")
LOST = ("contraction", "churn")
AMOUNTS = ("opening", *MOVEMENTS, "closing")


@shape
def movements(
    data: Dataset,
    grid: Grid,
    *,
    mrr_movements: str = "net",
    joined_and_left: str = "both",
    reactivation_within: str | None = None,
) -> pl.LazyFrame:
    """One row per customer and period with MRR at its start, at its end or in between, all in minor units.

    Columns: customer, user_id, period, opening, closing, new, expansion, reactivation, contraction, churn, segment columns (of
    the opening, of the arrival where there is none). opening + new + expansion + reactivation − contraction − churn = closing.
    `net` compares the ends of a period, `events` adds up every change. Who came and left within one period is counted in and
    out (`both`, at the price at which it came) or not at all (`ignore`). A return after longer than `reactivation_within` is new.
    """
    for name, value, known in (
        ("mrr_movements", mrr_movements, ("net", "events")),
        ("joined_and_left", joined_and_left, ("both", "ignore")),
    ):
        if value not in known:
            raise UsageError(f"{name} = {shown(value)} is not possible: write {' or '.join(known)}.")
    found, carried = stretches(data), data.carried("subscriptions")
    last = pl.lit(len(grid), pl.Int32)
    alive = found.filter(pl.col("mrr") > 0)
    start, stop = pl.col("start"), pl.col("stop")
    opening = _spread(alive, grid.begun(start), grid.begun(stop).fill_null(last))
    closing = _spread(alive, grid.ended(start), grid.ended(stop).fill_null(last))
    changes = _spread(found, grid.ended(start), grid.begun(start))
    keys = ["customer", "period"]
    came = changes.filter(pl.col("before") == 0).sort(*keys, "start")
    back = _is_back(reactivation_within)
    came = came.group_by(keys, maintain_order=True).agg(
        pl.col("user_id", *carried).first(), price=pl.col("mrr").first(), back=back.first()
    )
    names = {c: f"{c} at arrival" for c in ("user_id", *carried)}
    whole = (
        opening.select(*keys, "user_id", *carried, opening="mrr")
        .join(closing.select(*keys, closing="mrr"), on=keys, how="full", coalesce=True)
        .join(came.rename(names), on=keys, how="full", coalesce=True)
    )
    there = pl.col("opening").is_not_null()
    whole = whole.with_columns(pl.when(there).then(pl.col(c)).otherwise(pl.col(n)).alias(c) for c, n in names.items())
    whole = whole.with_columns(pl.col("opening", "closing", "price").fill_null(0), pl.col("back").fill_null(False))
    sums = _net(joined_and_left) if mrr_movements == "net" else None
    moved = whole.with_columns(**sums) if sums else _with_events(whole, changes, back, joined_and_left)
    return moved.select(*keys, "user_id", "opening", "closing", *MOVEMENTS, *carried).sort(keys).lazy()


def _spread(rows: pl.DataFrame, first: pl.Expr, stop: pl.Expr) -> pl.DataFrame:
    runs = rows.with_columns(first=first, last=stop).filter(pl.col("first") < pl.col("last"))
    return (
        runs.with_columns(period=pl.int_ranges("first", "last", dtype=pl.Int32)).explode("period").drop("first", "last")
    )


def _is_back(within: str | None) -> pl.Expr:
    """Whether who comes has paid before (and not too long ago)."""
    back = pl.col("since").is_not_null()
    return back if within is None else back & (pl.col("start") - pl.col("since") <= duration(within))


def _net(joined_and_left: str) -> dict[str, pl.Expr]:
    opening, closing, back = pl.col("opening"), pl.col("closing"), pl.col("back")
    passing = (opening == 0) & (closing == 0)
    inside = pl.col("price") if joined_and_left == "both" else pl.lit(0, pl.Int64)
    came = pl.when(passing).then(inside).when(opening == 0).then(closing).otherwise(0)
    stayed = pl.when((opening > 0) & (closing > 0)).then(closing - opening).otherwise(0)
    return {
        "new": pl.when(back).then(0).otherwise(came),
        "reactivation": pl.when(back).then(came).otherwise(0),
        "expansion": stayed.clip(lower_bound=0),
        "contraction": (-stayed).clip(lower_bound=0),
        "churn": pl.when(passing).then(inside).when(closing == 0).then(opening).otherwise(0),
    }


def _with_events(whole: pl.DataFrame, changes: pl.DataFrame, back: pl.Expr, joined_and_left: str) -> pl.DataFrame:
    """Every change of the period for itself, except those of customers who only passed through, if they are ignored."""
    mrr, before = pl.col("mrr"), pl.col("before")
    stayed = (mrr > 0) & (before > 0)
    sums = {
        "new": mrr.filter((before == 0) & ~back),
        "reactivation": mrr.filter((before == 0) & back),
        "expansion": (mrr - before).filter(stayed & (mrr > before)),
        "contraction": (before - mrr).filter(stayed & (mrr < before)),
        "churn": before.filter(mrr == 0),
    }
    keys = ["customer", "period"]
    added = changes.group_by(keys).agg(expr.sum().alias(name) for name, expr in sums.items())
    met = whole.join(added, on=keys, how="left")
    counted = (pl.col("opening") + pl.col("closing") > 0) | (joined_and_left == "both")
    return met.with_columns(pl.when(counted).then(pl.col(name)).fill_null(0).alias(name) for name in MOVEMENTS)


@dataclass(frozen=True, slots=True)
class MrrBridge:
    """How recurring revenue moved: `table` has one row per segment and period, amounts in minor units.

    Columns: segments, start, end, opening, new, expansion, reactivation, contraction, churn, closing, customers_opening,
    customers_new, customers_back, customers_lost, customers_closing, status (ok, partial, early). What was not observed is null.
    Without subscriptions the table is empty and `reason` says what is missing.
    """

    table: pl.DataFrame
    by: tuple[str, ...] = ()
    currency: str = "USD"
    every: str = ""
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def amounts(self) -> pl.DataFrame:
        """The table with amounts in units of the currency."""
        if self.table.is_empty():
            return self.table
        # a column as divisor: Polars multiplies by the reciprocal of a scalar, which is off in the last bit
        scaled = self.table.with_columns(scale=pl.Series([10.0 ** minor_digits(self.currency)] * len(self.table)))
        return scaled.with_columns(pl.col(n) / pl.col("scale") for n in AMOUNTS).drop("scale")

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The figures by the name under which a notebook hands them over, with what came for each 1 that went."""
        if self.table.is_empty():
            return {"mrr_bridge": self.table}
        gained, lost = pl.sum_horizontal(*(n for n in MOVEMENTS if n not in LOST)), pl.sum_horizontal(*LOST)
        ratio = self.table.select(quick_ratio=pl.when(lost > 0).then(gained / lost))  # of whole minor units, as the KPI
        return {"mrr_bridge": pl.concat([self.amounts, ratio], how="horizontal")}

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values: amounts in units of the currency, dates in ISO form, segments in `by`."""
        rows = []
        for row in self.amounts.iter_rows(named=True):
            cuts = {plain_name(c): row.pop(c) for c in self.by}
            dates = {"start": row["start"].isoformat(), "end": row["end"].isoformat()}
            rows.append({"by": cuts} | row | dates)
        return {"rows": rows, "currency": self.currency}


def mrr_bridge(data: Dataset, grid: Grid, by: tuple[str, ...] = (), **choices: str | None) -> MrrBridge:
    """The MRR of the start of each period led to that of its end, to the cent; choices as in `movements`, else [settings].

    Without subscriptions the table is empty and says why. Raises DataError where one has no usable price.
    """
    if "subscriptions" not in data.tables:
        reason = "needs a table of subscriptions: add [tables.subscriptions] to kpi.toml"
        return MrrBridge(pl.DataFrame(), (), data.currency, grid.every, reason)
    seen = data.with_by(tuple(by)) if by else data
    named = ("mrr_movements", "joined_and_left", "reactivation_within")
    chosen: dict[str, Any] = {n: data.settings[n] for n in named if n in data.settings} | choices
    moved = join_segments(movements(seen, grid, **chosen), seen).collect()
    keys = [*seen.by, "period"]
    opened, closed = pl.col("opening") > 0, pl.col("closing") > 0
    counts = {
        "customers_opening": opened,
        "customers_new": pl.col("new") > 0,
        "customers_back": pl.col("reactivation") > 0,
        "customers_lost": pl.col("churn") > 0,
        "customers_closing": closed,
    }
    sums = moved.group_by(keys).agg(
        pl.col("opening", *MOVEMENTS, "closing").sum(), *(e.sum().cast(pl.Int64).alias(n) for n, e in counts.items())
    )
    spine = grid.frame(data.observed_from, data.observed_until)
    for column in seen.by:
        values = pl.concat([seen.segments(column), moved[column].cast(pl.String)]).unique().sort(nulls_last=True)
        spine = spine.join(pl.DataFrame({column: values}), how="cross", maintain_order="left_right")
    amounts = ["opening", *MOVEMENTS, "closing", *counts]
    full = spine.join(sums, on=keys, how="left", nulls_equal=True, maintain_order="left")
    known = full.with_columns(pl.when(pl.col("seen") > 0).then(pl.col(amounts).fill_null(0)))
    status = pl.when("early").then(pl.lit("early")).when("partial").then(pl.lit("partial")).otherwise(pl.lit("ok"))
    ordered = known.with_columns(status=status).sort(*seen.by, "start", nulls_last=True, maintain_order=True)
    table, origin = ordered.select(*seen.by, "start", "end", *amounts, "status"), origin_of(data, "subscriptions")
    return MrrBridge(table, seen.by, data.currency, grid.every, origin=origin)
