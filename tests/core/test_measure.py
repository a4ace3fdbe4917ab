"""Values and intervals of the measures against published vectors, other libraries and formulas worked by hand."""

from random import Random
from statistics import fmean

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kpi_lib.core.distribution import QUANTILE, SURVIVAL, TOP_SHARE
from kpi_lib.core.measure import (
    AGAINST,
    BOOKED,
    COUNT,
    COUNTED,
    DERIVED,
    FLOW,
    GAP,
    MEAN,
    NPS,
    PER_DAY,
    PROPORTION,
    QUOTIENT,
    RATE,
    RATIO,
    STOCK,
    TOTAL,
    Measure,
    hidden_below,
    t_quantile,
    wilson,
)
from kpi_lib.core.motions import by_period, tally

from .samples import days, figure, settled, whole

WILSON = [(0, 10, 0.0, 0.27753), (8, 10, 0.49016, 0.94332), (10, 10, 0.72247, 1.0), (1, 2, 0.09453, 0.90547)]


@pytest.mark.parametrize(("hits", "n", "low", "high"), WILSON)
def test_wilson_vectors(hits: int, n: int, low: float, high: float) -> None:
    found = figure(pl.DataFrame({"hit": [True] * hits + [False] * (n - hits)}), PROPORTION)
    assert (found["n"], found["value"]) == (n, hits / n)
    assert (round(found["low"], 5), round(found["high"], 5)) == (low, high)


def test_wilson_equals_scipy_for_every_small_table() -> None:
    cases = [(hits, n) for n in range(1, 41) for hits in range(n + 1)]
    low, high = wilson(pl.col("hits"), pl.col("n"))
    frame = pl.DataFrame(cases, schema=["hits", "n"], orient="row").with_columns(low=low, high=high)
    for hits, n, mine, top in frame.iter_rows():
        theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert (mine, top) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert frame.filter(pl.col("hits") == 0)["low"].max() == 0.0
    assert frame.filter(pl.col("hits") == pl.col("n"))["high"].min() == 1.0


@pytest.mark.parametrize("size", [2, 3, 10, 200])
def test_a_mean_has_students_interval(size: int) -> None:
    draw = Random(size)
    values = [draw.randrange(-10_000, 90_000) for _ in range(size)]
    found = figure(pl.DataFrame({"value": values}), MEAN)
    low, high = stats.t.interval(0.95, size - 1, loc=fmean(values), scale=stats.sem(values))
    assert (found["value"], found["low"], found["high"]) == pytest.approx((fmean(values), low, high), rel=1e-9)


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = figure(pl.DataFrame({"value": [7]}), MEAN)
    assert (found["n"], found["value"], found["low"], found["high"]) == (1, 7.0, None, None)


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = figure(pl.DataFrame({"value": [3, 3, 3, 3]}), MEAN)
    assert (found["low"], found["value"], found["high"]) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_ratio_has_the_delta_interval(seed: int) -> None:
    draw = np.random.default_rng(seed)
    den = draw.integers(1, 9, 60)
    num = den * draw.integers(0, 50, 60)
    found = figure(pl.DataFrame({"num": num, "den": den}), RATIO)
    ratio = num.sum() / den.sum()
    rest = num - ratio * den  # linearised: the residuals have mean 0
    error = rest.std(ddof=1) / np.sqrt(60) / den.mean()
    half = stats.t.ppf(0.975, 59) * error
    assert found["value"] == ratio
    assert (found["low"], found["high"]) == pytest.approx((ratio - half, ratio + half), rel=1e-9)


def test_none_seen_is_bounded_by_the_rule_of_three() -> None:
    """0 of 100: 3 / 100 at most, beyond which more than 95 of 100 samples would have shown one; all of 100: 97 % at least."""
    none, every = ({"num": [hit] * 10, "den": [10] * 10} for hit in (0, 10))
    found = figure(pl.DataFrame(none), RATE())
    assert (found["value"], found["low"], found["high"]) == (0.0, 0.0, pytest.approx(0.0299573))
    assert stats.poisson.cdf(0, 100 * found["high"]) == pytest.approx(0.05)
    assert figure(pl.DataFrame(none), RATE(5))["high"] == pytest.approx(5 * found["high"])  # one event counts 5
    whole = figure(pl.DataFrame(every), RATE(share=True))
    assert (whole["value"], whole["low"], whole["high"]) == (1.0, pytest.approx(0.9700427), 1.0)
    assert figure(pl.DataFrame(every), RATE())["low"] == 1.0  # not a share: one for each is no bound
    some = pl.DataFrame({"num": [0, 1, 4], "den": [10, 20, 30]})
    assert figure(some, RATE(share=True)) == figure(some, RATIO)
    for share in (False, True):
        nothing = figure(pl.DataFrame({"num": [0], "den": [0]}), RATE(share=share))
        assert (nothing["low"], nothing["high"]) == (None, None)
        once = figure(pl.DataFrame({"num": [0], "den": [1]}), RATE(share=share))
        assert (once["low"], once["high"]) == (0.0, pytest.approx(2.99573))
    assert figure(pl.DataFrame({"num": [1], "den": [1]}), RATE(share=True))["high"] == 1.0


def test_a_ratio_of_sums_is_no_mean_of_ratios() -> None:
    found = figure(pl.DataFrame({"num": [1, 9], "den": [1, 90]}), RATIO)
    assert found["value"] == 10 / 91


@pytest.mark.parametrize(("num", "den"), [([1], [0]), ([0], [0]), ([5, 5], [0, 0]), ([1, 1], [1, -1])])
def test_a_ratio_over_nothing_is_nothing(num: list[int], den: list[int]) -> None:
    found = figure(pl.DataFrame({"num": num, "den": den}), RATIO)
    # who has no part in the denominator is not one of those that are divided by
    assert (found["value"], found["low"], found["high"], found["n"]) == (None, None, None, sum(d > 0 for d in den))


EMPTY: list[tuple[Measure, dict[str, pl.DataType], float | None]] = [
    (PROPORTION, {"hit": pl.Boolean()}, None),
    (MEAN, {"value": pl.Int64()}, None),
    (RATIO, {"num": pl.Int64(), "den": pl.Int64()}, None),
    (TOTAL, {"value": pl.Int64()}, 0.0),
    (COUNT, {}, 0.0),
    (PER_DAY, {}, 0.0),
    (QUANTILE(0.5), {"key": pl.Int64()}, None),
    (SURVIVAL(30), {"key": pl.Int64(), "ended": pl.Boolean()}, None),
    (TOP_SHARE(0.1), {"key": pl.Int64(), "user_id": pl.String()}, None),
]


@pytest.mark.parametrize(("measure", "columns", "value"), EMPTY, ids=[case[0].name for case in EMPTY])
def test_nothing_is_null_for_rates_and_zero_for_counts(
    measure: Measure, columns: dict[str, pl.DataType], value: float | None
) -> None:
    found = settled(pl.DataFrame(schema={"period": pl.Int32(), **columns}), measure, count=2)
    assert found["n"].to_list() == found["unripe"].to_list() == [0, 0]
    assert found["value"].to_list() == [value, value]
    assert found["low"].to_list() == found["high"].to_list() == [None, None]


def units(seed: int, size: int = 40) -> pl.DataFrame:
    draw = Random(seed)
    return pl.DataFrame(
        {
            "user_id": [f"u{draw.randrange(12)}" for _ in range(size)],
            "part": [draw.choice("ab") for _ in range(size)],
            "period": [draw.randrange(3) for _ in range(size)],
            "hit": [draw.random() < 0.4 for _ in range(size)],
            "value": [draw.randrange(-500, 5_000) for _ in range(size)],
            "num": [draw.randrange(100) for _ in range(size)],
            "den": [draw.randrange(4) for _ in range(size)],
            "key": [draw.randrange(40) for _ in range(size)],
            "ended": [draw.random() < 0.5 for _ in range(size)],
            "ripe": [draw.random() < 0.8 for _ in range(size)],
        },
        schema_overrides={"period": pl.Int32},
    )


ALL = (
    PROPORTION,
    MEAN,
    RATIO,
    RATE(),
    RATE(9),
    TOTAL,
    COUNT,
    PER_DAY,
    QUANTILE(0.5),
    QUANTILE(0.9),
    SURVIVAL(20),
    TOP_SHARE(0.1),
)


@pytest.mark.parametrize("measure", ALL, ids=[measure.name for measure in ALL])
@pytest.mark.parametrize("seed", range(4))
def test_statistics_of_parts_add_to_those_of_the_whole(measure: Measure, seed: int) -> None:
    frame, data, grid = units(seed), whole(3), days(3)

    def sums(part: pl.DataFrame) -> pl.DataFrame:
        return by_period(tally(part.lazy(), measure, data, grid))

    both = pl.concat([sums(part) for part in frame.partition_by("part")])
    keys = ["period", *([measure.key] if measure.key else [])]
    added = both.group_by(keys).agg(pl.col("n", "unripe", *measure.stats).sum()).sort(keys)
    assert added.equals(sums(frame).select(added.columns).sort(keys))


@pytest.mark.parametrize("measure", ALL, ids=[measure.name for measure in ALL])
@pytest.mark.parametrize("size", [1, 2, 5, 40, 400])
def test_no_figure_is_infinite_and_every_interval_holds_its_value(measure: Measure, size: int) -> None:
    for seed in range(6):
        found = settled(units(seed, size), measure, count=4)
        for name in ("value", "low", "high"):
            assert found[name].drop_nulls().is_finite().all(), (seed, name)
        held = found.drop_nulls(["low", "high"])
        assert (held["low"] <= held["value"]).all()
        assert (held["value"] <= held["high"]).all()


def test_unripe_units_stand_beside_the_value_and_not_in_it() -> None:
    frame = pl.DataFrame({"hit": [True, False, True], "ripe": [True, True, False]})
    found = figure(frame, PROPORTION)
    assert (found["n"], found["unripe"], found["value"]) == (2, 1, 0.5)
    only = figure(pl.DataFrame({"hit": [True], "ripe": [False]}), PROPORTION)
    assert (only["n"], only["unripe"], only["value"]) == (0, 1, None)


def test_daily_means_divide_by_the_days_that_were_watched() -> None:
    frame = pl.DataFrame({"period": [0, 0, 1]}, schema={"period": pl.Int32})
    assert settled(frame, PER_DAY, count=2)["value"].to_list() == [2.0, 1.0]
    assert settled(frame, PER_DAY, data=whole(1), count=2)["value"].to_list() == [2.0, None]
    week = pl.DataFrame({"n": [21, 0], "days": [7, 7]})
    assert PER_DAY.finish(week)["value"].to_list() == [3.0, 0.0]


def test_full_counts_and_totals_have_no_interval() -> None:
    frame = pl.DataFrame({"value": [5, -2, 4]})
    assert [figure(frame, TOTAL)[name] for name in ("n", "value", "low", "high")] == [3, 7.0, None, None]
    assert [figure(frame, COUNT)[name] for name in ("n", "value", "low", "high")] == [3, 3.0, None, None]


def test_sums_of_money_are_exact_beyond_what_floats_hold() -> None:
    frame = pl.DataFrame({"value": [2**53, 1, 1, -(2**53)]})
    assert figure(frame, TOTAL)["value"] == 2.0


def test_students_points() -> None:
    found = t_quantile(pl.Series([None, -1.0, 0.0, 1.0, 19.0, 1e9]))
    assert found.to_list()[:3] == [None, None, None]
    assert found.to_list()[3:] == pytest.approx([12.706204736, 2.093024054, 1.959963987], rel=1e-8)


def scored(*, promoters: int, passives: int, detractors: int) -> pl.DataFrame:
    return pl.DataFrame({"score": [9, 10] * promoters + [7, 8] * passives + [0, 6] * detractors})


@pytest.mark.parametrize(("plus", "middle", "minus"), [(1, 1, 1), (7, 2, 0), (0, 3, 5), (40, 25, 11), (0, 4, 0)])
def test_the_promoter_score_has_the_interval_of_three_answers_more(plus: int, middle: int, minus: int) -> None:
    """Adjusted Wald: three quarters of a promoter and of a detractor and one and a half passives stand beside the answers."""
    found = figure(scored(promoters=plus, passives=middle, detractors=minus), NPS)
    value = (plus - minus) / (plus + middle + minus)
    weights = np.array([2 * plus + 0.75, 2 * middle + 1.5, 2 * minus + 0.75])
    centre = np.average([1, 0, -1], weights=weights)
    spread = np.average((np.array([1, 0, -1]) - centre) ** 2, weights=weights)
    half = stats.norm.ppf(0.975) * np.sqrt(spread / weights.sum())
    assert (found["n"], found["value"]) == (2 * (plus + middle + minus), pytest.approx(100 * value))
    assert found["low"] == pytest.approx(100 * max(min(value, centre - half), -1))
    assert found["high"] == pytest.approx(100 * min(max(value, centre + half), 1))


@pytest.mark.parametrize(("size", "sign"), [(1, 1), (1, -1), (50, 1), (50, -1)])
def test_a_score_of_one_kind_of_answer_ends_at_a_hundred(size: int, sign: int) -> None:
    found = figure(pl.DataFrame({"score": [10 if sign > 0 else 0] * size}), NPS)
    assert found["value"] == (found["high"] if sign > 0 else found["low"]) == 100 * sign
    assert -100 <= found["low"] <= found["value"] <= found["high"] <= 100
    nobody = figure(pl.DataFrame({"score": []}, schema={"score": pl.Int64}), NPS)
    assert (nobody["n"], nobody["value"], nobody["low"], nobody["high"]) == (0, None, None, None)


def test_full_counts_over_full_counts_have_no_interval() -> None:
    found = figure(pl.DataFrame({"num": [3, 4], "den": [2, 0]}), QUOTIENT)
    assert [found[name] for name in ("n", "value", "low", "high")] == [2, 3.5, None, None]
    assert figure(pl.DataFrame({"num": [3, 4], "den": [2, -2]}), QUOTIENT)["value"] is None
    assert figure(pl.DataFrame({"num": [1], "den": [-2]}), QUOTIENT)["value"] == -0.5


@pytest.mark.parametrize("measure", [STOCK, BOOKED])
def test_what_nobody_wrote_down_is_not_known_to_be_nothing(measure: Measure) -> None:
    frame = pl.DataFrame({"value": [40, -40, 7], "period": [0, 0, 0]}, schema_overrides={"period": pl.Int32})
    found = settled(frame, measure, count=2)
    assert found.select("n", "value", "low", "high").rows() == [(3, 7.0, None, None), (0, None, None, None)]
    assert figure(pl.DataFrame({"value": [5]}), measure)["value"] == 5.0


def test_a_published_figure_stands_beside_ours() -> None:
    frame = pl.DataFrame({"own": [6, 6], "base": [10, 6], "other": [0.5, 0.5], "size": [True, False]})
    ratio, gap = (figure(frame, AGAINST(kind)) for kind in ("ratio", "gap"))
    assert [ratio[name] for name in ("n", "value", "low", "high")] == [1, 0.75, None, None]
    assert [gap[name] for name in ("n", "value", "low", "high")] == [1, -0.25, None, None]
    for nothing in ({"base": [0, 0]}, {"size": [False, False]}):
        assert (
            figure(frame.with_columns(**{k: pl.Series(v) for k, v in nothing.items()}), AGAINST("gap"))["value"] is None
        )
    assert figure(frame.with_columns(other=pl.lit(0.0)), AGAINST("ratio"))["value"] is None


def test_where_too_few_answered_nothing_is_told_but_how_many() -> None:
    hidden = hidden_below(3, MEAN)
    two, three = (figure(pl.DataFrame({"value": [1, 2, 6][:size]}), hidden) for size in (2, 3))
    assert [two[name] for name in ("n", "value", "low", "high")] == [2, None, None, None]
    assert three == figure(pl.DataFrame({"value": [1, 2, 6]}), MEAN)
    assert (hidden.floor, hidden.needs) == (MEAN.floor, MEAN.needs)


def test_the_whole_of_a_flow_is_the_same_for_every_destination() -> None:
    """Ann left home for here twice and for there once, Bob for there once: 4 departures, 2 people."""
    frame = pl.DataFrame(
        {
            "user_id": ["ann", "bob", "ann", "ann", "bob"],
            "from": ["home"] * 5,
            "to": [None, None, "here", "there", "there"],
            "n": [1] * 5,
            "num": [0, 0, 2, 1, 1],
            "den": [3, 1, 0, 0, 0],
        }
    )
    squares = {"num_num": pl.col("num") ** 2, "num_den": pl.col("num") * pl.col("den"), "den_den": pl.col("den") ** 2}
    sums = frame.with_columns(**squares, unripe=0).group_by("from", "to").agg(pl.exclude("user_id").sum())
    found = FLOW.finish(sums).sort("to")
    assert found.select("to", "n", "value").rows() == [("here", 2, 0.5), ("there", 2, 0.5)]
    unknown = sums.clear().vstack(
        sums.filter(pl.col("to").is_null()).with_columns(pl.lit(None, pl.String).alias("from"))
    )
    assert FLOW.finish(unknown)["n"].to_list() == [2]  # where nothing happened at all, one row says so


def test_figures_of_few_are_marked_small_where_chance_matters() -> None:
    """Thirty is where shares, means and ratios are told apart from small ones; full counts know no small."""
    assert {each.floor for each in (PROPORTION, MEAN, RATIO, RATE(), FLOW, COUNTED, NPS)} == {30}
    assert {each.floor for each in (TOTAL, COUNT, PER_DAY, DERIVED, QUOTIENT, STOCK, BOOKED, GAP)} == {0}
    assert [each.zero for each in (TOTAL, COUNT, PER_DAY)] == [True] * 3
    assert not any(
        each.zero for each in (PROPORTION, MEAN, RATIO, FLOW, COUNTED, NPS, DERIVED, QUOTIENT, STOCK, BOOKED)
    )
    assert [each.jackknife for each in (DERIVED, RATIO)] == [True, False]
