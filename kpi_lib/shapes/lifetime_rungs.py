"""The rungs of the ladder of lifetime values: revenue of a new customer month by month, by each method.

A month is 30.4375 days of the customer's own age. Statistics are sums by age and by twentieth of the customers, so that
everything can be computed again without one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.motions import FOLDS
from kpi_lib.core.period import local_date, local_day, micros
from kpi_lib.shapes.lifetime_models import (
    Floats,
    bgnbd_expected,
    bgnbd_rows,
    fit,
    gamma_mean,
    gamma_rows,
    sbg_rows,
    sbg_survival,
)
from kpi_lib.shapes.revenue import stretches

MONTH = round(365.25 / 12 * 86_400_000_000)
WEEKS = 365.25 / 12 / 7


@dataclass(frozen=True, slots=True)
class Rung:
    """One estimate: revenue of a new customer (no margin yet), that of each replicate, and the increments month by month.

    `paid_at` says when in a month its revenue comes (0 at the start, ½ all along), `bounds` hold an interval that is known
    otherwise, `status` what a reader must know before using the value.
    """

    value: float | None
    replicates: tuple[float, ...]
    increments: tuple[float, ...]
    n: int
    months: int | None
    status: str = ""
    paid_at: float = 0.0
    bounds: tuple[float | None, float | None] | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ages:
    """Sums by age in months (rows) and twentieth of the customers (columns)."""

    seen: Floats  # customers whose age that month is observed
    paid: Floats  # what they paid in it, in minor units
    alive: Floats  # of them, in their first subscription without a break
    lost: Floats  # of those alive the month before and seen now, no longer
    stayed: Floats  # last seen in this month, alive

    def without(self, group: int) -> "Ages":
        """The sums without one twentieth of the customers."""
        keep = np.arange(FOLDS) != group
        return Ages(*(each[:, keep] for each in (self.seen, self.paid, self.alive, self.lost, self.stayed)))


def ages(data: Dataset, horizon: int) -> Ages:
    """Subscribing customers by age: each is looked at when a month of its age begins."""
    found = stretches(data).with_columns(group=_group("customer"))
    born = found.group_by("customer").agg(pl.col("start").min().alias("born"), pl.col("group").first()).sort("customer")
    until = micros(data.observed_until)
    watched = (pl.lit(until) - pl.col("born").to_physical() - 1).floordiv(MONTH) + 1
    cells = born.with_columns(age=pl.int_ranges(0, watched.clip(0, horizon + 1))).explode("age").drop_nulls("age")
    at = (pl.col("born").to_physical() + pl.col("age") * MONTH).alias("at")
    levels = found.select("customer", "mrr", at=pl.col("start").to_physical()).sort("at")
    cells = cells.with_columns(at).sort("at").join_asof(levels, on="at", by="customer", check_sortedness=False)
    there = (pl.col("mrr") > 0).cast(pl.Int8)
    cells = cells.sort("customer", "age").with_columns(there.cum_min().over("customer").cast(pl.Boolean).alias("alive"))
    last = pl.col("age") == pl.col("age").max().over("customer")
    before = pl.col("alive").shift(1).over("customer").fill_null(False)
    marked = cells.with_columns(lost=before & ~pl.col("alive"), stayed=last & pl.col("alive"), paid="mrr")
    sums = marked.group_by("age", "group").agg(pl.len().alias("seen"), pl.col("paid", "alive", "lost", "stayed").sum())
    return Ages(*(_grid(sums, name, horizon + 1) for name in ("seen", "paid", "alive", "lost", "stayed")))


def _grid(sums: pl.DataFrame, name: str, rows: int) -> Floats:
    found = np.zeros((rows, FOLDS))
    found[sums["age"].to_numpy(), sums["group"].to_numpy()] = sums[name].to_numpy()
    return found


def by_subscriptions(data: Dataset, horizon: int, monthly: float) -> dict[str, Rung]:
    """The rungs that subscriptions allow."""
    sums = ages(data, horizon)
    n = int(sums.seen[0].sum())
    copies = [sums.without(group) for group in range(FOLDS)]
    reach = min(int((sums.seen.sum(axis=1) > 0).sum()), horizon)
    weights: Floats = np.asarray(monthly ** np.arange(horizon), dtype=np.float64)
    even, seen = (
        Rung(float((each(sums, horizon) * weights).sum()) if n else None,
             tuple(float((each(copy, horizon) * weights).sum()) for copy in copies),
             tuple(float(v) for v in each(sums, horizon)[:months]) if n else (), n, months,
             "no_denominator" if n == 0 else "partial" if months < horizon else "")
        for each, months in ((_geometric, horizon), (_observed, reach))
    )  # fmt: skip
    return {"simple": _simple(sums, copies), "geometric": even, "observed": seen, "sbg": _sbg(sums, copies, weights)}


def _price(sums: Ages) -> float:
    """Mean price of a month that is paid."""
    return float(sums.paid.sum() / max(sums.alive.sum(), 1.0))


def churn(sums: Ages) -> tuple[float, float]:
    """Customers lost and customers who could be lost, over all months of age."""
    return float(sums.lost.sum()), float(sums.alive[:-1].sum() - sums.stayed[:-1].sum())


def _simple(sums: Ages, copies: list[Ages]) -> Rung:
    n = int(sums.seen[0].sum())
    lost, risk = churn(sums)
    if risk == 0:
        return Rung(None, (), (), n, None, "no_denominator")
    if lost == 0:  # 95 % sure that churn is below this, so that a lifetime is longer (Clopper and Pearson)
        return Rung(None, (), (), n, None, "no_churn", bounds=(_price(sums) / (1 - 0.05 ** (1 / risk)), None))
    values = []
    for each in copies:
        gone, base = churn(each)
        values.append(_price(each) * base / gone if gone else float("nan"))
    return Rung(_price(sums) * risk / lost, tuple(values), (), n, None)


def _geometric(sums: Ages, horizon: int) -> Floats:
    lost, risk = churn(sums)
    rate = lost / risk if risk else 0.0
    return np.asarray(_price(sums) * (1 - rate) ** np.arange(horizon), dtype=np.float64)


def _observed(sums: Ages, horizon: int) -> Floats:
    """Mean revenue of each month of age among the customers who have reached it; chained, it never falls."""
    seen = sums.seen[:horizon].sum(axis=1)
    return np.where(seen > 0, sums.paid[:horizon].sum(axis=1) / np.maximum(seen, 1), 0.0)


def _sbg(sums: Ages, copies: list[Ages], weights: Floats) -> Rung:
    """Price times the share who stay by the model, where each customer has a chance of leaving of their own."""
    n, horizon = int(sums.seen[0].sum()), len(weights)
    age, group = (each.ravel() for each in np.indices(sums.lost.shape))
    if sums.lost.sum() == 0:
        return Rung(None, (), (), n, horizon, "no_fit")
    model = fit(sbg_rows(age.astype(np.float64), sums.lost.ravel(), sums.stayed.ravel()), (1.0, 5.0), group, FOLDS)
    if not model.settled:
        return Rung(None, (), (), n, horizon, "no_fit")
    months = np.arange(horizon, dtype=np.float64)
    steps = _price(sums) * sbg_survival(model.values, months)
    values = tuple(
        float((_price(copy) * sbg_survival(theirs, months) * weights).sum())
        for copy, theirs in zip(copies, model.replicates, strict=False)
    )
    known = {"alpha": model.values[0], "beta": model.values[1], "loglik": model.loglik}
    return Rung(float((steps * weights).sum()), values, tuple(float(v) for v in steps), n, horizon, parameters=known)


def buyers(data: Dataset) -> pl.DataFrame:
    """Customers by orders, in local days: one row each, as models of buying want them.

    Columns: user_id, repeats (days with an order after the first one), last and watched (weeks since the first day, up to the
    last repeat and to the last day observed), first (value of the first day), mean (of the repeat days; null without one), group.
    """
    end = pl.lit(local_day(data.observed_until - timedelta(microseconds=1), data.zone)).to_physical()
    orders = data.orders().filter(pl.col("time") < data.observed_until)
    day = local_date(pl.col("time"), data.zone).to_physical().alias("on")
    days = orders.group_by("user_id", day).agg(pl.col("amount").sum()).sort("user_id", "on")
    on, amount = pl.col("on"), pl.col("amount")
    found = days.group_by("user_id", maintain_order=True).agg(
        repeats=(pl.len() - 1).cast(pl.Float64),
        last=(on.last() - on.first()) / 7,
        watched=(end - on.first()) / 7,
        first=amount.first(),
        mean=amount.slice(1).mean(),
    )
    return found.with_columns(group=_group("user_id")).collect()


def _group(column: str) -> pl.Expr:
    return (pl.col(column).hash(seed=0) % FOLDS).cast(pl.Int64)


def by_orders(data: Dataset, horizon: int, monthly: float) -> dict[str, Rung]:
    """The rungs that orders allow."""
    customers = buyers(data)
    return {
        "observed": _takings(data, horizon, monthly),
        "bgnbd": _bgnbd(customers, horizon, monthly),
    }


def _takings(data: Dataset, horizon: int, monthly: float) -> Rung:
    """Mean net takings of each month of age among the customers who have completed it."""
    paid = data["transactions"].filter(pl.col("time") < data.observed_until).select("user_id", "time", "amount")
    born = data.orders().group_by("user_id").agg(born=pl.col("time").min().to_physical())
    born = born.filter(pl.col("born") < micros(data.observed_until)).with_columns(group=_group("user_id"))
    whole = ((pl.lit(micros(data.observed_until)) - pl.col("born")).floordiv(MONTH)).clip(0, horizon)
    seen = born.with_columns(age=pl.int_ranges(0, whole)).explode("age").drop_nulls("age")
    age = (pl.col("time").to_physical() - pl.col("born")).floordiv(MONTH).alias("age")
    sums = paid.join(born, on="user_id").with_columns(age).filter(pl.col("age").is_between(0, whole, closed="left"))
    taken = _grid(sums.group_by("age", "group").agg(v=pl.col("amount").sum()).collect(), "v", horizon)
    there = _grid(seen.group_by("age", "group").agg(v=pl.len()).collect(), "v", horizon)
    weights = monthly ** (np.arange(horizon) + 0.5)
    values = []
    for group in (-1, *range(FOLDS)):
        keep = np.arange(FOLDS) != group
        size = there[:, keep].sum(axis=1)
        steps = np.where(size > 0, taken[:, keep].sum(axis=1) / np.maximum(size, 1), 0.0)
        values.append(float((steps * weights).sum()))
    reach, n = int((there.sum(axis=1) > 0).sum()), int(there[0].sum())
    steps = taken.sum(axis=1)[:reach] / there.sum(axis=1)[:reach]
    status = "no_denominator" if n == 0 else "partial" if reach < horizon else ""
    known = values[0] if n else None
    return Rung(known, tuple(values[1:]), tuple(float(v) for v in steps), n, reach, status, paid_at=0.5)


def _bgnbd(customers: pl.DataFrame, horizon: int, monthly: float) -> Rung:
    """Orders that a new customer will place, times what they are worth; the first order counts at once."""
    again = customers.filter((pl.col("repeats") > 0) & (pl.col("mean") > 0))
    n = customers.height
    if again.height < 10:
        return Rung(None, (), (), n, horizon, "no_fit", paid_at=0.5)
    repeats, last, watched = (customers[c].to_numpy() for c in ("repeats", "last", "watched"))
    groups = customers["group"].to_numpy()
    buying = fit(bgnbd_rows(repeats, last, watched), (1.0, float(watched.mean()) / 4 + 1, 1.0, 1.0), groups, FOLDS)
    mean = again["mean"].to_numpy()
    worth = fit(
        gamma_rows(again["repeats"].to_numpy(), mean), (1.0, 3.0, float(mean.mean())), again["group"].to_numpy(), FOLDS
    )
    if not (buying.settled and worth.settled and worth.values[1] > 1):
        return Rung(None, (), (), n, horizon, "no_fit", paid_at=0.5)
    weights = monthly ** (np.arange(horizon) + 0.5)

    def steps(orders: tuple[float, ...], value: tuple[float, ...], first: float) -> Floats:
        found = np.diff(bgnbd_expected(orders, np.arange(horizon + 1, dtype=np.float64) * WEEKS)) * gamma_mean(value)
        found[0] += first / weights[0]  # the first order is not discounted
        return np.asarray(found, dtype=np.float64)

    first = customers["first"].to_numpy().astype(np.float64)
    whole = steps(buying.values, worth.values, float(first.mean()))
    values = [
        float((steps(orders, value, float(first[groups != group].mean())) * weights).sum())
        for group, (orders, value) in enumerate(zip(buying.replicates, worth.replicates, strict=True))
    ]
    names = ("r", "alpha", "a", "b", "loglik", "p", "q", "gamma", "loglik of values")
    known = dict(zip(names, (*buying.values, buying.loglik, *worth.values, worth.loglik), strict=True))
    increments = tuple(float(v) for v in whole)
    value = float((whole * weights).sum())
    return Rung(value, tuple(values), increments, n, horizon, paid_at=0.5, parameters=known)
