"""Recurring revenue: what each customer pays a month at any instant.

A customer is an account (`users.account_id`), or a user where there are no accounts, with a recurring amount above 0: trials
and free plans bring nothing. State at an instant is the state just before it: what starts at the first instant of a period is
new in that period, what ends there is lost in it, so that one period closes with what the next opens with, to the cent.
Refunds do not change it.
"""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError, nearest, shown
from kpi_lib.core.period import Grid

# an amount of an interval is so much a month: times the first number, divided by the second
MONTHLY_AS_TEXT = """
month: 1 1 · monthly: 1 1 · quarter: 1 3 · quarterly: 1 3 · half-year: 1 6 · year: 1 12 · yearly: 1 12 · annual: 1 12
annually: 1 12 · week: 52 12 · weekly: 52 12 · day: 365 12 · daily: 365 12
"""
MONTHLY = {
    name: (int(times), int(parts))
    for name, times, parts in (
        each.replace(":", "").split() for each in MONTHLY_AS_TEXT.replace("\n", " · ").split(" · ") if each.strip()
    )
}


def monthly(amount: pl.Expr, times: pl.Expr, parts: pl.Expr) -> pl.Expr:
    """An amount in minor units as so much a month, halves rounded up, once a subscription.

    >>> pl.select(monthly(pl.lit(200_000), pl.lit(1), pl.lit(12))).item()
    16667
    """
    return (2 * amount * times + parts).floordiv(2 * parts)


def contracts(data: Dataset) -> pl.DataFrame:
    """Paying subscriptions: one row each: customer, user_id, start (of paying), end (null while it runs), mrr, segment columns.

    A row that begins with its trial pays from the trial's end on. Raises DataError for a price that is missing or negative and
    for an unknown interval.
    """
    rows, carried = data.known("subscriptions").collect(), data.carried("subscriptions")
    if "is_trial" in rows.columns:
        rows = rows.filter(~pl.col("is_trial").fill_null(False))
    ends = pl.col("end") if "end" in rows.columns else pl.lit(None, rows.schema["start"])
    rows = rows.with_columns(start=_pays_from(rows.columns), end=ends, mrr=_price(rows))
    rows = rows.filter(pl.col("start") < data.observed_until)
    _check_prices(rows)
    running = rows.filter(pl.col("mrr") > 0, pl.col("end").is_null() | (pl.col("end") > pl.col("start")))
    return with_customer(running, data).select("user_id", "start", "end", "mrr", *carried, "customer")


def with_customer(rows: pl.DataFrame, data: Dataset) -> pl.DataFrame:
    """Users' rows with the column customer: their account, or the user where there is none."""
    if "account_id" not in data.columns("users"):
        return rows.with_columns(customer="user_id")
    accounts = data["users"].select("user_id", "account_id").collect()
    accounts = accounts.unique("user_id", keep="first", maintain_order=True)
    known = rows.drop("account_id", strict=False).join(accounts, on="user_id", how="left", maintain_order="left")
    # an account is no user of the same name
    return known.with_columns(customer=pl.coalesce("\x00" + pl.col("account_id"), "user_id")).drop("account_id")


def _pays_from(there: list[str]) -> pl.Expr:
    start = pl.col("start")
    if "trial_end" not in there:
        return start
    begins_with_trial = start <= pl.col("trial_start").fill_null(start) if "trial_start" in there else pl.lit(True)
    return pl.when(begins_with_trial).then(pl.max_horizontal("start", "trial_end")).otherwise(start)


def _price(rows: pl.DataFrame) -> pl.Expr:
    """The monthly amount: the column mrr, or amount and interval."""
    known = pl.col("mrr") if "mrr" in rows.columns else pl.lit(None, pl.Int64)
    if not {"amount", "interval"} <= set(rows.columns):
        return known
    word = rows["interval"].str.to_lowercase().str.strip_chars()
    if strange := sorted(set(word.drop_nulls()) - set(MONTHLY)):
        line = f"table subscriptions, column interval: {shown(strange[0])} is no interval"
        raise DataError(f"{line}. {nearest(strange[0], MONTHLY)}")
    times, parts = (word.replace_strict({n: v[i] for n, v in MONTHLY.items()}, return_dtype=pl.Int64) for i in (0, 1))
    return pl.coalesce(known, monthly(pl.col("amount"), pl.lit(times), pl.lit(parts)))


def _check_prices(rows: pl.DataFrame) -> None:
    wrong = rows.filter(pl.col("mrr").is_null() | (pl.col("mrr") < 0)).sort("subscription_id")
    if wrong.is_empty():
        return
    name, price = wrong.select("subscription_id", "mrr").row(0)
    place = f"table subscriptions, subscription_id {shown(name)}"
    if price is None:
        raise DataError(
            f"{place}: no price ({len(wrong)} such rows). Give mrr, or amount and interval; a free plan has mrr 0."
        )
    raise DataError(
        f"{place}: the price {price} is negative ({len(wrong)} such rows). A discount lowers the price; a refund is no price."
    )


def stretches(data: Dataset, *, apart: bool = False) -> pl.DataFrame:
    """One row per customer and stretch between two changes of its MRR.

    Columns: customer, user_id (who subscribed first), start, stop (null while it lasts), mrr (0 in a pause), before (the MRR
    until then), since (start of the stretch before), segment columns of the dearest subscription. `apart`: subscriptions of
    other segments are taken as other customers.
    """
    paying, carried = contracts(data), data.carried("subscriptions")
    who = ["customer", *carried] if apart else ["customer"]
    up = paying.select(*who, time="start", delta="mrr")
    down = paying.filter(pl.col("end").is_not_null()).select(*who, time="end", delta=-pl.col("mrr"))
    moves = pl.concat([up, down]).group_by(*who, "time").agg(pl.col("delta").sum()).filter(pl.col("delta") != 0)
    moves = moves.sort(*who, "time").with_columns(mrr=pl.col("delta").cum_sum().over(who))
    first = paying.sort("start", "user_id").group_by("customer").agg(pl.col("user_id").first())
    time = pl.col("time")
    found = moves.join(first, on="customer", how="left", maintain_order="left").select(
        *who,
        "user_id",
        "mrr",
        start=time,
        stop=time.shift(-1).over(who),
        before=pl.col("mrr") - pl.col("delta"),
        since=time.shift(1).over(who),
    )
    if not carried or apart:
        return found
    theirs = paying.select("customer", "end", *carried, begun="start", price="mrr")
    alive = found.select("customer", "start").join(theirs, on="customer")
    alive = alive.filter(
        pl.col("begun") <= pl.col("start"), pl.col("end").is_null() | (pl.col("end") > pl.col("start"))
    )
    ordered = alive.sort("price", "begun", *carried, descending=[True] + [False] * (1 + len(carried)), nulls_last=True)
    dearest = ordered.group_by("customer", "start", maintain_order=True).agg(pl.col(carried).first())
    return found.join(dearest, on=["customer", "start"], how="left", maintain_order="left")


def standing(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Who pays at the end of each period: one row per customer (and segment), price and run of periods: user_id, first, stop, mrr."""
    last = pl.lit(len(grid), pl.Int32)
    alive = stretches(data, apart=True).filter(pl.col("mrr") > 0).lazy()
    stop = grid.ended(pl.col("stop")).fill_null(last)
    return alive.select(
        "customer", "user_id", "mrr", *data.carried("subscriptions"), first=grid.ended(pl.col("start")), stop=stop
    )
