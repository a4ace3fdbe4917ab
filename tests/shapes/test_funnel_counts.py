"""Counts of a funnel: parts that share no unit add up to the whole, and quantiles are those of the units themselves."""

from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpi_lib.shapes.funnel_counts import QUARTERS, counts_of, levels, merged
from kpi_lib.shapes.funnel_rules import Funnel

SPEC = Funnel(("a", "b", "c"), within="7d")
NOTHING = {"usable": pl.Boolean, "counted": pl.Boolean, "open": pl.Boolean, "sensitive": pl.Boolean, "plan": pl.String}


def attempts(dice: Random, size: int) -> pl.DataFrame:
    """Attempts of one unit each: times that often repeat, some far apart, segments that may be missing."""
    rows = []
    for _ in range(size):
        start = dice.randrange(10**9)
        first = start + dice.choice([0, 1, 1_000_000, dice.randrange(10**12)])
        second = first + dice.choice([0, 333_333, dice.randrange(10**9)])
        reached = dice.randrange(1, 4)
        rows.append((
            dice.choice(["pro", "free", None]), start,
            *(at if k < reached else None for k, at in enumerate((start, first, second))),
        ))  # fmt: skip
    columns = {"plan": pl.String, "time": pl.Int64, "t1": pl.Int64, "t2": pl.Int64, "t3": pl.Int64}
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))


def test_quantiles_are_those_of_every_unit_to_the_last_bit() -> None:
    for seed in range(200):
        chosen = attempts(Random(seed), 1 + seed % 40)
        counts = counts_of(pl.DataFrame(schema=NOTHING), chosen, by=("plan",), spec=SPEC, ripe=True)
        found = levels(counts.times, ["plan"]).sort("plan", "step")
        for row in found.iter_rows(named=True):
            own = pl.col("plan").eq_missing(pl.lit(row["plan"])) & pl.col(f"t{row['step']}").is_not_null()
            assert row["units"] == len(chosen.filter(own))
            before = pl.col(f"t{max(row['step'] - 1, 1)}")
            for lead, since in (("", pl.col("time").to_physical()), ("previous_", before)):
                long = chosen.filter(own).select(pl.col(f"t{row['step']}") - since).to_series()
                took = pl.Series([each / 1e6 for each in long])
                for name, q in QUARTERS.items():
                    assert row[f"{lead}{name}_seconds"] == took.quantile(q, "linear")
                assert row[f"{lead}median_seconds"] == took.median()
                whole = sum(round(each * 1e6) for each in took)
                assert row[f"{lead}mean_seconds"] == pytest.approx(whole / len(took) / 1e6, rel=1e-15)


def test_parts_that_share_no_unit_add_up_to_the_whole() -> None:
    for seed in range(50):
        dice = Random(seed)
        chosen = attempts(dice, 30)
        flags = {name: [dice.random() < 0.5 for _ in range(30)] for name in ("usable", "counted", "open", "sensitive")}
        standing = chosen.select("plan").with_columns(**{name: pl.Series(each) for name, each in flags.items()})
        cut = dice.randrange(31)
        for by in ((), ("plan",)):
            whole = counts_of(standing, chosen, by=by, spec=SPEC, ripe=False)
            parts = [
                counts_of(rows, tried, by=by, spec=SPEC, ripe=ripe)
                for rows, tried, ripe in ((standing[:cut], chosen[:cut], True), (standing[cut:], chosen[cut:], False))
            ]
            both = merged(parts, by)
            assert_frame_equal(both.stands, whole.stands, check_row_order=False)
            assert_frame_equal(levels(both.times, by), levels(whole.times, by), check_row_order=False, check_exact=True)
            assert both.all_ripe == whole.all_ripe
