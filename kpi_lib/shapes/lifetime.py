"""What a new customer is worth: a ladder of estimates, from the simple formula to models that know that customers differ.

All are gross profit of a new customer over `horizon` months, discounted (but `simple`, which knows neither). With subscriptions:
`simple`, `geometric` (churn the same for all), `observed` (what cohorts have paid so far) and `sbg`; with orders: `observed` and
`bgnbd` (BG/NBD with Gamma-Gamma). Intervals leave out one twentieth of the customers at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, shown
from kpi_lib.core.motions import FOLDS, T_FOLDS
from kpi_lib.core.origin import Origin, origin_of
from kpi_lib.core.units import minor_digits
from kpi_lib.shapes.lifetime_models import Floats
from kpi_lib.shapes.lifetime_rungs import Rung, by_orders, by_subscriptions

WARNINGS: Mapping[str, str] = {
    "simple": "Takes one churn for everybody and all months (the KPI ltv: that of the last month) and counts all future without discount; "
    "not told when nobody has left yet.",
    "geometric": "Takes churn as the same for everybody: too low where some customers stay much longer than others.",
    "observed": "Counts only what has been seen: beyond the oldest customers' age nothing is added.",
    "sbg": "Follows first subscriptions to their end; who comes back counts in the price only.",
    "bgnbd": "Takes each customer's pace and order value as steady until a leaving that nobody sees.",
}


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The ladder: `table` has one row per method: method, value, low, high, n, months, status, warning.

    Amounts are in minor units; `months` is how far it reaches (null: without end). `curves` has one row per method and month:
    gross profit of a new customer up to then, `discounted` and `plain`. `parameters` holds those of the models.
    """

    table: pl.DataFrame
    curves: pl.DataFrame
    gross_margin: float
    horizon: int
    discount: float
    parameters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    currency: str = "USD"
    reason: str = ""
    origin: Origin = field(default=Origin(), repr=False, compare=False)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The figures by the name under which a notebook hands them over, amounts in units of the currency."""
        return {"lifetime": self._scaled(self.table), "lifetime_curves": self._scaled(self.curves)}

    def _scaled(self, table: pl.DataFrame) -> pl.DataFrame:
        scale = 10 ** minor_digits(self.currency)
        there = [c for c in ("value", "low", "high", "discounted", "plain") if c in table.columns]
        return table.with_columns(pl.col(there) / scale)

    def payback(self, cost: float) -> int | None:
        """The first month in which the observed gross profit of a new customer covers this cost (in units of the currency).

        None says: not yet, in the months observed.
        """
        if self.curves.is_empty():
            return None
        needed = cost * 10 ** minor_digits(self.currency)
        seen = self.curves.filter((pl.col("method") == "observed") & (pl.col("plain") >= needed))
        return None if seen.is_empty() else int(seen["month"].to_list()[0])

    def to_dict(self) -> dict[str, Any]:
        """The ladder as JSON values, amounts in units of the currency."""
        choices = {"gross_margin": self.gross_margin, "horizon": self.horizon, "discount": self.discount}
        models = {name: dict(values) for name, values in self.parameters.items()}
        rows, curves = (frame.to_dicts() for frame in self.frames.values())
        return {"rows": rows, "curves": curves, "parameters": models, "currency": self.currency, **choices}


def lifetime(
    data: Dataset,
    *,
    gross_margin: float | None = None,
    horizon: int = 36,
    discount: float = 0.1,
    basis: str | None = None,
) -> Lifetime:
    """What a new customer is worth by every method that the data allow; basis: subscriptions (where there are any) or orders.

    `gross_margin` comes from [settings] where it is not given and is never taken as 100 %; `discount` is a year's. Where the
    margin or the table is missing, the ladder is empty and `reason` says so. Raises UsageError where a choice is out of range.
    """
    margin = data.settings.get("gross_margin") if gross_margin is None else gross_margin
    if margin is not None and (not isinstance(margin, int | float) or not 0 < margin <= 1):
        raise UsageError(
            f"gross_margin is {shown(margin)}: write gross_margin = 0.8 (a share, yours) under [settings] in kpi.toml."
        )
    if horizon < 1 or not 0 <= discount < 1:
        raise UsageError(
            f"horizon is {horizon} and discount {discount}: months, 1 or more, and a year's share from 0 to 1."
        )
    table = basis or ("subscriptions" if "subscriptions" in data.tables else "orders")
    if table not in ("subscriptions", "orders"):
        raise UsageError(f"a lifetime value by {shown(table)} is not possible (basis): write subscriptions or orders.")
    missing = _missing(data, table, margin)
    if missing or margin is None:
        nothing = pl.DataFrame(schema={"method": pl.String}), pl.DataFrame(schema={"method": pl.String})
        return Lifetime(*nothing, margin or 0.0, horizon, discount, currency=data.currency, reason=missing)
    monthly = (1 + discount) ** (-1 / 12)
    rungs = (by_subscriptions if table == "subscriptions" else by_orders)(data, horizon, monthly)
    rows = [_row(name, rung, float(margin)) for name, rung in rungs.items()]
    schema = {"method": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
    ladder = pl.DataFrame(
        rows, schema=schema | {"months": pl.Int64, "status": pl.String, "warning": pl.String}, orient="row"
    )
    curves = [_curve(name, rung, float(margin), monthly) for name, rung in rungs.items()]
    origin = origin_of(data, "transactions" if table == "orders" else table)
    models = {name: rung.parameters for name, rung in rungs.items() if rung.parameters}
    return Lifetime(ladder, pl.concat(curves), float(margin), horizon, discount, models, data.currency, origin=origin)


def _missing(data: Dataset, basis: str, margin: float | None) -> str:
    """What the data lack for a ladder, as the end of a sentence."""
    table = "transactions" if basis == "orders" else basis
    if table not in data.tables or (basis == "orders" and "amount" not in data.columns(table)):
        return f"needs a table of {table} with amounts: add [tables.{table}] to kpi.toml"
    return "" if margin else "needs a margin: write gross_margin = 0.8 (a share, yours) under [settings] in kpi.toml"


def _row(name: str, rung: Rung, margin: float) -> tuple[Any, ...]:
    low, high = interval(rung)
    found = [None if v is None or not np.isfinite(v) else v * margin for v in (rung.value, low, high)]
    status = rung.status or ("small_n" if rung.n < 30 else "ok")
    return (name, *found, rung.n, rung.months, status, WARNINGS[name])


def interval(rung: Rung) -> tuple[float | None, float | None]:
    """Delete-a-group jackknife over twentieths of the customers, or the bounds that the rung brings."""
    if rung.bounds is not None:
        return rung.bounds
    copies = np.array(rung.replicates, dtype=np.float64)
    if rung.value is None or len(copies) < FOLDS or not np.isfinite(copies).all():
        return None, None
    error = float(np.sqrt(((copies - copies.mean()) ** 2).sum() * (FOLDS - 1) / FOLDS))
    if error == 0:
        return None, None
    return max(rung.value - error * T_FOLDS, 0.0), rung.value + error * T_FOLDS


def _curve(name: str, rung: Rung, margin: float, monthly: float) -> pl.DataFrame:
    steps: Floats = np.asarray(rung.increments, dtype=np.float64) * margin
    weights = monthly ** (np.arange(len(steps)) + rung.paid_at)
    plain, discounted = np.cumsum(steps), np.cumsum(steps * weights)
    month = np.arange(1, len(steps) + 1, dtype=np.int64)
    columns = {"method": [name] * len(steps), "month": month, "discounted": discounted, "plain": plain}
    return pl.DataFrame(columns, schema_overrides={"method": pl.String})
