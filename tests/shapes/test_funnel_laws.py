"""Laws that hold for every funnel, whatever the log: times, windows, levels, segments, the order of rows."""

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.funnel import EDGES, Funnel, funnel
from tests.brute.logs import Log, logs
from tests.build import dataset

STEPS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=4).map(tuple)
ORDERS = st.sampled_from(["ordered", "strict", "unordered"])
RULES = st.fixed_dictionaries({
    "steps": STEPS,
    "order": ORDERS,
    "attempt": st.sampled_from(["best", "first", "first_ever", "all"]),
    "time_to_convert": st.sampled_from(["earliest", "fastest"]),
    "exclude": st.sampled_from([(), ("x",)]),
})  # fmt: skip
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def data_of(log: Log) -> Dataset:
    return dataset(log.rows, log.observed_until, zone=log.zone)


def counts(log: Log, rules: dict[str, Any], **more: Any) -> pl.DataFrame:  # noqa: ANN401
    return funnel(data_of(log), Funnel(**rules | more)).table


@QUICK
@given(logs(), RULES)
def test_levels_fall_times_fit_the_window_and_people_are_the_counts(log: Log, rules: dict[str, Any]) -> None:
    found = funnel(data_of(log), Funnel(**rules, within="3h"))
    units = found.table["units"].to_list()
    assert units == sorted(units, reverse=True)
    people = found.users()
    assert people["seconds"].drop_nulls().is_between(0, 3 * 3600).all()
    for step, count in enumerate(units, start=1):
        assert people.filter(pl.col("step") >= step).height == count
    states = dict(people.group_by("outcome").len().iter_rows())
    assert states.get("converted", 0) == units[-1]
    first = found.table.row(0, named=True)
    assert (states.get("in_progress", 0), states.get("excluded", 0)) == (first["in_progress"], first["excluded"])
    assert found.histogram()["units"].sum() == units[-1]


@QUICK
@given(logs(), RULES)
def test_times_of_the_steps_add_up_to_the_whole(log: Log, rules: dict[str, Any]) -> None:
    found = funnel(data_of(log), Funnel(**rules))
    done = found.people.filter(pl.col("outcome") == "converted")
    width = len(rules["steps"])
    parts = sum((done[f"t{k}"] - done[f"t{k - 1}"] for k in range(2, width + 1)), start=done["t1"] * 0)
    assert (parts == done[f"t{width}"] - done["t1"]).all()
    assert [each / 1e6 for each in parts] == done["seconds"].to_list()
    if len(done):
        last = found.table.row(-1, named=True)
        assert last["mean_seconds"] == pytest.approx(sum(done["seconds"]) / len(done))


@QUICK
@given(logs(), STEPS, st.sampled_from(["ordered", "unordered", "strict"]))
def test_a_wider_window_never_lowers_a_level(log: Log, steps: tuple[str, ...], order: str) -> None:
    wider = [counts(log, {"steps": steps, "order": order, "within": w, "unripe": "include"})["units"] for w in WIDTHS]
    for narrow, wide in pairwise(wider):
        assert (narrow <= wide).all()


WIDTHS = ("1s", "30m", "2h", "2d")


@QUICK
@given(logs(), RULES)
def test_segments_read_at_one_step_add_up_to_the_whole(log: Log, rules: dict[str, Any]) -> None:
    assume(log.rows)  # without rows there are no segments
    rules = rules | {"within": "1d"}
    whole = counts(log, rules)
    for where in ("first", "last", "step:2"):
        seen = data_of(log).with_by(("plan",))
        parts = funnel(seen, Funnel(**rules, attribution=where)).table
        summed = parts.group_by("step").agg(pl.col("units", "in_progress", "excluded").sum()).sort("step")
        for name in ("units", "in_progress", "excluded"):
            assert summed[name].to_list() == whole[name].to_list(), (where, name)


@QUICK
@given(logs(), RULES, st.randoms(use_true_random=False))
def test_the_order_of_rows_decides_nothing(log: Log, rules: dict[str, Any], dice: Any) -> None:  # noqa: ANN401
    mixed = list(log.rows)
    dice.shuffle(mixed)
    one, other = (funnel(dataset(rows, log.observed_until), Funnel(**rules)) for rows in (log.rows, mixed))
    assert one.table.equals(other.table)
    assert one.users().equals(other.users())


@QUICK
@given(logs(), STEPS)
def test_an_optional_step_changes_nothing_for_the_others(log: Log, steps: tuple[str, ...]) -> None:
    plain = counts(log, {"steps": steps, "within": "1d"})
    more = counts(log, {"steps": (steps[0], "x?", *steps[1:]), "within": "1d"})
    assert more.filter(pl.col("step") != 2)["units"].to_list() == plain["units"].to_list()
    assert more["units"][1] <= more["units"][0]


def test_bins_of_time_grow_by_two_to_four() -> None:
    assert EDGES[:2] == (0.0, 1.0)
    assert all(2 <= high / low <= 3.4 for low, high in pairwise(EDGES[1:]))


def test_bins_hold_their_lower_end_and_stand_empty_between() -> None:
    rows = [(f"u{wait}", 0, "a", 0, {}) for wait in (0, 1, 3, 59, 60, 3600)]
    rows += [(f"u{wait}", wait * 1_000_000, "b", 0, {}) for wait in (0, 1, 3, 59, 60, 3600)]
    found = funnel(dataset(rows, 10**12), Funnel(("a", "b"))).histogram()
    wanted = [(0, 1, 1), (1, 3, 1), (3, 10, 1), (10, 30, 0), (30, 60, 1), (60, 180, 1)]
    wanted += [(180, 600, 0), (600, 1800, 0), (1800, 3600, 0), (3600, 10800, 1)]
    assert found.rows() == wanted
    nobody = funnel(dataset(rows, 10**12), Funnel(("b", "nothing")))
    assert nobody.histogram().is_empty()
