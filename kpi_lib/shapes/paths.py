"""Paths: which event follows which within a session."""

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.sessions import labelled, over

END = "(end)"


def transitions(data: Dataset) -> pl.LazyFrame:
    """One row per step of a session: user_id, time, from, to, ripe, segment columns at the step.

    The same event several times in a row is one stay; the last stay of a session goes to "(end)", so that as many
    steps leave an event as stays were made there. A last stay is ripe once the session is over.
    """
    same = (pl.col("session") == pl.col("session").shift(1)) & (pl.col("event") == pl.col("event").shift(1))
    events = labelled(data).with_columns(ripe=over(pl.col("time").max().over("session"), data))
    stays = events.filter(~same.fill_null(False))
    onward = (
        pl.when(pl.col("session") == pl.col("session").shift(-1)).then(pl.col("event").shift(-1)).otherwise(pl.lit(END))
    )
    return stays.select(
        "user_id",
        "time",
        *data.carried(data.activity),
        pl.col("event").alias("from"),
        onward.alias("to"),
        ripe=pl.col("ripe") | (onward != END),
    )
