"""Trials, and what became of them."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.units import duration
from kpi_lib.shapes.revenue import contracts, with_customer


def trials(data: Dataset, within: str) -> pl.LazyFrame:
    """One row per trial: user_id, time of its start, `paid` = when its customer began to pay after it (null: not yet).

    Further `hit` = paid within that time, `ripe` = that time is over, segment columns of the subscription.
    """
    span, carried = duration(within), data.carried("subscriptions")
    started = data.known("subscriptions").filter(pl.col("trial_start") < data.observed_until).collect()
    begun = with_customer(started, data).select("subscription_id", "customer", "user_id", *carried, time="trial_start")
    paying = contracts(data).select("customer", paid="start")
    later = begun.select("subscription_id", "customer", "time").join(paying, on="customer")
    first = later.filter(pl.col("paid") >= pl.col("time")).group_by("subscription_id").agg(pl.col("paid").min())
    met = begun.join(first, on="subscription_id", how="left").drop("subscription_id", "customer")
    until = pl.col("time") + span
    hit = (pl.col("paid") <= until).fill_null(False)
    return met.with_columns(hit=hit, ripe=until <= data.observed_until).lazy()
