"""Visitors of the website: when they came first, and whether they became users."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.units import duration


def visitors(data: Dataset, within: str) -> pl.LazyFrame:
    """One row per visitor who could still sign up: time of the first visit, `hit` = signed up within that time, `ripe`.

    A visitor is the user whom a visit names within that time; a user counts for the visitor who was named first, so that nobody
    signs up twice. Who had signed up before the first visit is left out. Segment columns at the first visit.
    """
    carried, span = data.carried("web_visits"), duration(within)
    order = ["time", "visitor_id", *carried]
    visits = data.known("web_visits").sort(order, nulls_last=True)
    named = pl.col("user_id") if "user_id" in data.columns("web_visits") else pl.lit(None, pl.String)
    visits = visits.select(*order, user_id=named)
    first = visits.group_by("visitor_id", maintain_order=True).agg(pl.col("time", *carried).first())
    links = visits.drop_nulls("user_id").join(first.select("visitor_id", begin="time"), on="visitor_id")
    links = links.filter(pl.col("time") <= pl.col("begin") + span).sort("time", "visitor_id", "user_id")
    known = links.unique("visitor_id", keep="first", maintain_order=True).select("visitor_id", "user_id", at="time")
    claims = links.unique("user_id", keep="first", maintain_order=True).select("user_id", claimant="visitor_id")
    users = data.known("users").select("user_id", "signup_ts").unique("user_id", keep="first", maintain_order=True)
    met = first.join(known, on="visitor_id", how="left").join(claims, on="user_id", how="left")
    met = met.join(users, on="user_id", how="left")
    begin, signed = pl.col("time"), pl.col("signup_ts")
    new = met.filter((signed >= begin).fill_null(True))
    hit = ((signed <= begin + span) & (pl.col("claimant") == pl.col("visitor_id"))).fill_null(False)
    return new.select(*carried, "time", hit=hit, ripe=begin + span <= data.observed_until)
