"""Runs over periods, segments whose axis is the whole data, and the jackknife against plain Python."""

from datetime import UTC, datetime, timedelta
from random import Random
from statistics import fmean

import polars as pl
import pytest
from scipy import stats

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, MEAN, PROPORTION, QUOTIENT, TOTAL
from kpi_lib.core.motions import (
    FOLDS,
    T_FOLDS,
    WHOLE,
    Tally,
    figures,
    interval_of_replicates,
    replicates,
    settle,
    spine_of,
    tally,
)
from kpi_lib.core.period import INSTANT

from .samples import NOON, days, settled, whole


def test_a_run_counts_in_each_of_its_periods() -> None:
    runs = pl.DataFrame({"first": [0, 1, 3], "stop": [3, 2, 3], "value": [5, 7, 100]})
    assert settled(runs, TOTAL, count=4)["value"].to_list() == [5.0, 12.0, 5.0, 0.0]
    assert settled(runs, COUNT, count=4)["n"].to_list() == [1, 2, 1, 0]


def test_a_time_counts_in_every_window_that_holds_it_and_nowhere_else() -> None:
    data, grid = whole(10), days(10).trailing("7d")
    times = [NOON + timedelta(days=day) for day in (-8, -1, 2, 30)] + [None]
    units = pl.DataFrame({"time": times}, schema={"time": INSTANT})
    stats_ = tally(units.lazy(), COUNT, data, grid)
    found = settle(stats_, data, grid.frame(data.observed_from, data.observed_until))
    wanted = [sum(a <= time < b for time in times if time) for a, b in zip(grid.starts, grid.ends, strict=True)]
    assert found["n"].to_list() == wanted == [1, 1, 2, 2, 2, 2, 1, 1, 1, 0]


def test_figures_are_divided_like_numbers_even_where_a_column_is_one_value() -> None:
    """By one value Polars multiplies with its reciprocal, which is off in the last bit."""
    draw = Random(3)
    spine = pl.DataFrame({"period": [0, 1, 2]}, schema={"period": pl.Int32})
    for _ in range(100):
        numbers, divisor = [draw.randrange(1, 10**6) for _ in range(3)], draw.randrange(1, 1_000)
        sums = spine.with_columns(num=pl.Series(numbers), den=pl.lit(divisor), n=pl.lit(3), unripe=pl.lit(0))
        found = figures(sums, Tally(sums, (), (), QUOTIENT), spine)
        assert found["value"].to_list() == [number / divisor for number in numbers]


def segmented(rows: list[tuple[str, int]], plans: dict[str, str | None]) -> Dataset:
    users = pl.DataFrame(
        {"user_id": list(plans), "plan": list(plans.values())}, schema={"user_id": pl.String, "plan": pl.String}
    )
    return whole(3, users=users).with_by(("plan",))


def test_the_segment_axis_is_that_of_the_whole_data_and_not_of_the_answer() -> None:
    data = segmented([], {"u": "pro", "v": "free", "w": "team"})
    units = pl.DataFrame({"user_id": ["u", "stranger"], "hit": [True, False]})
    found = settled(units, PROPORTION, data=data)
    assert found.select("plan", "n", "value").rows() == [
        ("free", 0, None),
        ("pro", 1, 1.0),
        ("team", 0, None),
        (None, 1, 0.0),
    ]


def test_no_unit_falls_off_the_axis() -> None:
    data = segmented([], {"u": "pro", "v": "free"})
    carried = pl.DataFrame(
        {"user_id": ["u", "u", "v", "x"], "plan": ["gone", "pro", "free", None], "value": [1, 2, 4, 8]}
    )
    found = settled(carried, TOTAL, data=data)
    assert found["value"].sum() == 15
    assert found["plan"].to_list() == ["free", "gone", "pro", None]


def test_a_user_listed_twice_does_not_count_twice() -> None:
    users = pl.DataFrame({"user_id": ["u", "u"], "plan": ["pro", "free"]})
    data = whole(1, users=users).with_by(("plan",))
    found = settled(pl.DataFrame({"user_id": ["u"], "value": [5]}), TOTAL, data=data)
    assert found["value"].sum() == 5


def test_components_have_a_row_in_every_period_once_they_occur() -> None:
    units = pl.DataFrame(
        {"feature": ["a", "b"], "period": [0, 2], "hit": [True, True]}, schema_overrides={"period": pl.Int32}
    )
    data, grid = whole(3), days(3)
    found = settle(
        tally(units.lazy(), PROPORTION, data, grid, parts=("feature",)),
        data,
        grid.frame(data.observed_from, data.observed_until),
    )
    assert found.select("start", "feature", "n").rows() == [
        (day, feature, int((index, feature) in {(0, "a"), (2, "b")}))
        for index, day in enumerate(grid.shown)
        for feature in "ab"
    ]
    nothing = settle(
        tally(units.clear().lazy(), PROPORTION, data, grid, parts=("feature",)),
        data,
        grid.frame(data.observed_from, data.observed_until),
    )
    assert nothing.select("feature", "n", "value").rows() == [(None, 0, None)] * 3


def purchases(seed: int, users: int) -> pl.DataFrame:
    draw = Random(seed)
    rows = [(f"u{i}", draw.randrange(100, 9_000)) for i in range(users) for _ in range(draw.choice((1, 1, 2, 5)))]
    return pl.DataFrame(rows, schema=["user_id", "value"], orient="row").with_columns(time=pl.lit(NOON, dtype=INSTANT))


@pytest.mark.parametrize("seed", range(3))
def test_the_jackknife_equals_plain_python(seed: int) -> None:
    frame, data, grid = purchases(seed, 150), whole(1), days(1)
    periods = grid.frame(data.observed_from, data.observed_until)
    sums = tally(frame.lazy(), MEAN, data, grid, folds=True)
    copies = replicates(sums, spine_of(sums, data, periods))
    found = interval_of_replicates(copies, ["period"]).row(0, named=True)
    folds = frame.select(pl.col("user_id").hash(seed=0) % FOLDS).to_series().to_list()
    values = frame["value"].to_list()
    parts = [fmean(v for v, fold in zip(values, folds, strict=True) if fold != out) for out in range(FOLDS)]
    error = ((FOLDS - 1) / FOLDS * sum((part - fmean(parts)) ** 2 for part in parts)) ** 0.5
    half = stats.t.ppf(0.975, FOLDS - 1) * error
    assert stats.t.ppf(0.975, FOLDS - 1) == pytest.approx(T_FOLDS, rel=1e-12)
    assert found["value"] == pytest.approx(fmean(values), rel=1e-12)
    assert (found["low"], found["high"]) == pytest.approx((fmean(values) - half, fmean(values) + half), rel=1e-9)
    assert copies.filter(pl.col("left_out") != WHOLE).height == FOLDS
    # and it comes near the usual interval, which knows the users only one by one
    assert 0.3 < half / (1.96 * stats.sem(values)) < 3


def test_all_rows_of_a_user_are_left_out_together() -> None:
    frame = pl.DataFrame({"user_id": ["u"] * 50, "value": [1] * 50}).with_columns(time=pl.lit(NOON, dtype=INSTANT))
    sums = tally(frame.lazy(), TOTAL, whole(1), days(1), folds=True)
    assert sums.frame.height == 1
    copies = replicates(sums, spine_of(sums, whole(1), days(1).frame(whole(1).observed_from, whole(1).observed_until)))
    assert sorted(copies["n"].to_list()) == [0] + [50] * 20


def test_the_noise_of_rounding_is_no_interval_and_the_order_of_rows_no_matter() -> None:
    noise = [0.1 + 0.2 if at % 2 else 0.3 for at in range(21)]
    copies = pl.DataFrame({"period": [0] * 21, "left_out": range(-1, 20), "value": noise})
    assert interval_of_replicates(copies, ["period"]).select("low", "high").row(0) == (None, None)
    draw = Random(5)
    copies = copies.with_columns(value=pl.Series([draw.random() for _ in range(21)]))
    found = {
        interval_of_replicates(copies.sample(fraction=1, shuffle=True, seed=at), ["period"]).row(0) for at in range(20)
    }
    assert len(found) == 1


def test_an_interval_needs_every_replicate() -> None:
    copies = pl.DataFrame({"period": [0] * 21, "left_out": range(-1, 20), "value": [1.0] * 20 + [None]})
    assert interval_of_replicates(copies, ["period"]).select("value", "low", "high").row(0) == (1.0, None, None)


def test_amounts_of_tables_without_users_are_known_amounts() -> None:
    frame = pl.DataFrame({"value": [5, 7]}).with_columns(time=pl.lit(NOON, dtype=INSTANT))
    sums = tally(frame.lazy(), TOTAL, whole(1), days(1), folds=True)
    assert sums.frame["fold"].to_list() == [None]
    copies = replicates(sums, spine_of(sums, whole(1), days(1).frame(whole(1).observed_from, whole(1).observed_until)))
    assert copies["value"].unique().to_list() == [12.0]
    assert interval_of_replicates(copies, ["period"]).select("low", "high").row(0) == (None, None)


def test_the_order_of_units_changes_no_statistic() -> None:
    frame, data = purchases(1, 60), whole(1)
    grid = days(1)
    first = tally(frame.lazy(), MEAN, data, grid, folds=True).frame.sort("fold")
    again = tally(frame.reverse().lazy(), MEAN, data, grid, folds=True).frame.sort("fold")
    assert first.equals(again)


def test_a_period_without_units_still_has_its_row() -> None:
    data, grid = whole(2), days(2)
    late = pl.DataFrame({"time": [datetime(2030, 1, 1, tzinfo=UTC)]}, schema={"time": INSTANT})
    found = settle(tally(late.lazy(), COUNT, data, grid), data, grid.frame(data.observed_from, data.observed_until))
    assert found.select("start", "end", "n").rows() == [(a, b, 0) for a, b in zip(grid.shown, grid.stops, strict=True)]
