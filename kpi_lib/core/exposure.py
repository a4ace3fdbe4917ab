"""Measures over watched time: how much of it a service was up, and how much of it passed for each failure."""

import polars as pl

from kpi_lib.core.measure import NONE_SEEN, Measure

MICRO = 1_000_000


def _up(frame: pl.DataFrame) -> pl.DataFrame:
    none = pl.lit(None, dtype=pl.Float64)
    share = 1 - pl.col("down") / (pl.col("seen") * MICRO)
    return frame.with_columns(value=pl.when(pl.col("seen") > 0).then(share), low=none, high=none)


def _between(frame: pl.DataFrame) -> pl.DataFrame:
    return _per_failure(frame.with_columns(exposure=pl.col("seen") * MICRO - pl.col("down")))


def _per_failure(frame: pl.DataFrame) -> pl.DataFrame:
    """Time for each failure with the exact Poisson interval (Garwood 1936); without a failure a lower bound, by the rule of three."""
    from scipy.special import gammaincinv

    failed = frame["failures"].cast(pl.Float64)
    some = failed.clip(lower_bound=1.0)
    bounds = {"few": pl.Series(gammaincinv(some, 0.025)), "many": pl.Series(gammaincinv(some + 1, 0.975))}
    time, some_failed = pl.col("exposure"), pl.col("failures") > 0
    # a column as divisor: by a scalar Polars multiplies with its reciprocal, which is off in the last bit
    return frame.with_columns(**bounds).with_columns(
        value=pl.when(some_failed).then(time / (pl.col("failures") * MICRO)),
        low=pl.when(some_failed).then(time / (pl.col("many") * MICRO)).when(time > 0).then(time / (NONE_SEEN * MICRO)),
        high=pl.when(some_failed).then(time / (pl.col("few") * MICRO)),
    )


_FAILURES = {"failures": pl.col("failures").sum().cast(pl.Int64)}
_counted = pl.col("failures")
UPTIME = Measure("uptime", ("down",), {"down": pl.col("down").sum()}, _up, zero=True)
BETWEEN_FAILURES = Measure(
    "between failures",
    ("down", "failures"),
    {"down": pl.col("down").sum(), **_FAILURES},
    _between,
    floor=10,
    counted=_counted,
)
TO_FAILURE = Measure(
    "to failure",
    ("exposure", "failures"),
    {"exposure": pl.col("exposure").sum(), **_FAILURES},
    _per_failure,
    floor=10,
    counted=_counted,
)
