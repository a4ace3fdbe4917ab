"""Conversations with support: which reply answers which message."""

from collections.abc import Sequence

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.records import MICRO


def replies(data: Dataset, *, agents: Sequence[str], customers: Sequence[str]) -> pl.LazyFrame:
    """One row per agent's reply to a waiting customer: time, num (microseconds waited), den, the ticket's user and segments.

    A customer waits from the first message since the last reply; a reply that nobody waits for answers nothing.
    """
    kept = ["user_id"] if "user_id" in data.columns("tickets") else []
    tickets = data.known("tickets").select("ticket_id", *kept, *data.carried("tickets"))
    spoken = data.known("ticket_messages").filter(pl.col("author").is_in([*agents, *customers]))
    said = spoken.select("ticket_id", "time", agent=pl.col("author").is_in(list(agents)))
    # at the same instant the question comes before the answer
    turns = said.sort("ticket_id", "time", "agent")
    before = pl.col("agent").cast(pl.Int64).cum_sum() - pl.col("agent").cast(pl.Int64)
    since = pl.col("time").filter(~pl.col("agent")).first()
    answered = turns.with_columns(turn=before.over("ticket_id")).with_columns(since=since.over("ticket_id", "turn"))
    found = answered.filter(pl.col("agent") & pl.col("since").is_not_null()).join(tickets, on="ticket_id")
    waited = (pl.col("time") - pl.col("since")).dt.total_microseconds()
    return found.select(*kept, *data.carried("tickets"), "time", num=waited, den=pl.lit(MICRO, pl.Int64))
