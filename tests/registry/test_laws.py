"""Laws that every KPI of the catalogue obeys, on random shops in odd zones."""

from datetime import timedelta
from functools import cache
from random import Random

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.exposure import BETWEEN_FAILURES, TO_FAILURE, UPTIME
from kpi_lib.core.measure import COUNT, DERIVED, PER_DAY, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.kpis.registry import catalogue
from tests.build import instant

from .worlds import NAMES, SEEDS, USERS, ZONES, Figures, grid_of, made, of_users, remade, twofold, usual, world

KPIS = catalogue()
GROWING = (COUNT.name, TOTAL.name, PER_DAY.name)
BESIDE = ("market_share", "relative_user_base")  # ours grows and theirs does not
SINGLE = ("features", "social")  # known by their names, so that twice the people have the same ones
HIDDEN = ("employee_engagement", "employee_satisfaction_score", "dev_team_nps")  # where few answered
SETTLED = ("ok", "small_n", "no_denominator")
each_kpi = pytest.mark.parametrize("name", NAMES)
each_seed = pytest.mark.parametrize("seed", SEEDS)


def keys(name: str, by: tuple[str, ...] = ()) -> list[str]:
    return [*by, *KPIS[name].parts, "start", "end"]


def same(one: pl.DataFrame, other: pl.DataFrame, *, intervals: bool = True) -> None:
    """Equal figures; intervals to the last digits, because their sums of squares are floats."""
    exact = [c for c in one.columns if c not in ("low", "high")]
    assert one.select(exact).equals(other.select(exact)), (one, other)
    if not intervals:
        return
    for column in ("low", "high"):
        for mine, theirs in zip(one[column], other[column], strict=True):
            assert mine == (None if theirs is None else pytest.approx(theirs, rel=1e-9, abs=1e-12))


@each_kpi
@each_seed
def test_the_worlds_have_figures(name: str, seed: int) -> None:
    """Laws that hold for nothing prove nothing."""
    found = usual(seed)[name]
    assert found.filter(pl.col("n") > 0).height > 3
    assert found["value"].drop_nulls().n_unique() > 1


@each_kpi
@pytest.mark.parametrize("by", [(), ("country",), ("plan",)])
def test_a_unit_frame_keeps_the_contract_whatever_the_data(name: str, by: tuple[str, ...]) -> None:
    kpi = KPIS[name]
    chosen = {name: value for name, value in world(0).settings.items() if name in kpi.options}
    if kpi.measure is DERIVED:
        assert kpi.components
        assert isinstance(kpi.function(*(pl.col(part) for part in kpi.components), **chosen), pl.Expr)
        return
    full = world(0)
    schemas = []
    for rows in (
        full,
        remade(
            full,
            {
                n: f if n == "users" else f.filter(pl.col("event") == "login") if n == "events" else f.clear()
                for n, f in full.tables.items()
            },
        ),
    ):
        data = rows.with_by(by)
        window = grid_of(data).trailing(kpi.window_on("week"))
        units = kpi.function(
            data,
            window,
            **{k: v for k, v in data.settings.items() if k in kpi.options and k not in ("goal_event", "action_events")}
            | ({"goal_event": "login"} if "goal_event" in kpi.options else {}),
        )
        assert isinstance(units, pl.LazyFrame)
        schemas.append(units.collect_schema())
    there = schemas[0]
    assert {"time", "period"} & set(there) or {"first", "stop"} <= set(there)
    assert {*kpi.measure.needs, *kpi.parts} <= set(there)
    assert not of_users(name) or "user_id" in there
    carried = [c for c in by if c == "plan" and any(i.startswith("events.") for i in kpi.inputs)]
    assert set(carried) <= set(there) or kpi.inputs[0].startswith("transactions") or "transactions.amount" in kpi.inputs
    assert dict(schemas[1]) == dict(there)


@each_kpi
def test_no_data_are_null_for_rates_and_zero_for_counts(name: str) -> None:
    empty = world(0)
    data = made({n: f.clear() for n, f in empty.tables.items()}, zone="UTC", since=0, until=60 * 86_400_000_000)
    grid = Grid.calendar(
        "week", instant(0).date() + timedelta(days=7), instant(0).date() + timedelta(days=30), zone="UTC"
    )
    # names of events cannot be checked against nothing, so nothing is chosen
    found = compute(
        name,
        Dataset.of(
            data.tables,
            observed_from=data.observed_from,
            observed_until=data.observed_until,
            features=data.features,
            funnels=data.funnels,
        ),
        grid,
    ).table
    assert found["n"].to_list() == [0] * len(found)
    least = 1.0 if KPIS[name].measure is UPTIME else 0.0  # nothing has failed
    nothing = [
        least if KPIS[name].measure.zero and status not in ("early", "needs_choice") else None
        for status in found["status"]
    ]
    assert found["value"].to_list() == nothing
    assert set(found["status"]) <= {"ok", "no_denominator", "needs_choice", "early"}
    # nothing has failed while somebody looked: that bounds the time between failures
    assert found["low"].is_null().all() or KPIS[name].measure is BETWEEN_FAILURES
    assert found["high"].is_null().all()


@each_kpi
def test_where_nobody_looked_nothing_is_counted(name: str) -> None:
    """Subscriptions run on after the last row, what is known of them does not."""
    data = world(0)
    after = (data.observed_until + timedelta(days=40)).date()
    grid = Grid.calendar("week", after, after + timedelta(days=21), zone=data.zone)
    found = compute(name, data, grid).table
    assert found.select("n", "unripe").sum().row(0) == (0, 0)
    assert found.select("value", "low", "high").null_count().row(0) == (len(found),) * 3


def occurring(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Without the rows of components that do not occur: which of them stand there as 0 depends on what else is asked."""
    if "to" in KPIS[name].parts:
        return table.filter(pl.col("value") > 0)
    return table.filter(pl.col("n") + pl.col("unripe") > 0) if KPIS[name].parts else table


def shuffled(data: Dataset, seed: int) -> Dataset:
    return remade(data, {n: f.sample(fraction=1, shuffle=True, seed=seed) for n, f in data.tables.items()})


def renamed(data: Dataset) -> Dataset:
    names = {user: f"{(i * 37) % 101:03}-é-{i}" for i, user in enumerate(USERS)}
    known = {n: f for n, f in data.tables.items() if "user_id" in f.columns}
    return remade(
        data, {**data.tables, **{n: f.with_columns(pl.col("user_id").replace(names)) for n, f in known.items()}}
    )


@cache
def after(change: str, seed: int) -> Figures:
    data = world(seed)
    other = shuffled(data, seed) if change == "shuffled" else renamed(data)
    return Figures(other, grid_of(data))


@each_kpi
@each_seed
def test_the_order_of_rows_changes_nothing(name: str, seed: int) -> None:
    same(usual(seed)[name], after("shuffled", seed)[name])


@each_kpi
@each_seed
def test_the_names_of_users_change_nothing(name: str, seed: int) -> None:
    """Which twentieth of users is left out does depend on names, and with it the width of those intervals."""
    same(usual(seed)[name], after("renamed", seed)[name], intervals=not KPIS[name].measure.jackknife)


@cache
def doubled(seed: int) -> Figures:
    data = world(seed)
    return Figures(remade(data, twofold(data.tables)), grid_of(data))


@each_kpi
@each_seed
def test_twice_the_people_keep_shares_and_double_counts(name: str, seed: int) -> None:
    one, two = usual(seed)[name], doubled(seed)[name]
    if all(each.split(".")[0] in SINGLE for each in KPIS[name].inputs):
        same(one, two)  # there are no two of its kind
        return
    assert two["n"].to_list() == [2 * n for n in one["n"]]
    measure = KPIS[name].measure
    times = 2 if measure.name in GROWING or name in BESIDE else 1 / 2 if measure is BETWEEN_FAILURES else 1
    for once, twice in zip(one["value"], two["value"], strict=True):
        if measure.name.startswith(("quantile", "percentiles")):  # between two values, which are closer now
            assert (once is None) == (twice is None)
        elif once is None and name in HIDDEN:
            continue  # twice as many may be enough
        elif measure.name.startswith("top"):  # whole customers are taken, rounded up
            assert (once is None) == (twice is None)
            assert once is None or twice <= once + 1e-12
        else:
            assert twice == (None if once is None else pytest.approx(times * once, rel=1e-12))


def refused(table: pl.DataFrame) -> bool:
    """What belongs to nobody has no countries: that is said, and no figure is made up."""
    return table["status"].unique().to_list() == ["no_segment"] and table["value"].is_null().all() and table.height > 3


@each_kpi
@each_seed
def test_segments_of_users_add_to_the_whole(name: str, seed: int) -> None:
    whole, parts = usual(seed)[name], usual(seed, "week", ("country",))[name]
    if not of_users(name):
        assert refused(parts)
        return
    sums = parts.group_by(keys(name)).agg(pl.col("n", "unripe").sum(), pl.col("value").sum())
    met = whole.join(sums, on=keys(name), how="left", nulls_equal=True, suffix="_sum")
    assert met["n"].to_list() == met["n_sum"].to_list()
    assert met["unripe"].to_list() == met["unripe_sum"].to_list()
    if KPIS[name].measure.name in GROWING:
        assert met["value_sum"].to_list() == pytest.approx(met["value"].fill_null(0).to_list())


@each_kpi
@each_seed
def test_a_segment_is_what_its_users_do_alone(name: str, seed: int) -> None:
    """Filtering the data to the users of a country gives that country's rows."""
    data, parts = world(seed), usual(seed, "week", ("country",))[name]
    if not of_users(name):
        assert refused(parts)
        return
    alone = compute(name, data.only("country=DE"), grid_of(data)).table
    inside = parts.filter(pl.col("country") == "DE").drop("country")
    same(occurring(name, inside), occurring(name, alone))


@each_kpi
@each_seed
def test_a_period_alone_is_that_period_in_a_grid(name: str, seed: int) -> None:
    data, grid = world(seed), grid_of(world(seed))
    for index in Random(seed).sample(range(len(grid)), 2):
        alone = compute(name, data, grid.only(index)).table
        inside = usual(seed)[name].filter(pl.col("start") == grid.shown[index])
        same(occurring(name, inside), occurring(name, alone))


@cache
def as_of(seed: int, every: str, back: int) -> Figures:
    grid = grid_of(world(seed), every)
    return Figures(world(seed).as_of(grid.ends[-back]), grid)


@each_kpi
@pytest.mark.parametrize(("every", "back"), [("week", 4), ("week", 7), ("month", 2)])
def test_a_settled_figure_does_not_change_when_later_data_arrive(name: str, every: str, back: int) -> None:
    for seed in SEEDS:
        then, now = as_of(seed, every, back)[name], usual(seed, every)[name]
        settled = then.filter(pl.col("status").is_in(SETTLED))
        assert settled.height or KPIS[name].parts or every == "month" or name == "retention_day_30"
        later = settled.select(keys(name)).join(now, on=keys(name), how="left", nulls_equal=True, maintain_order="left")
        with_rows = settled["n"].to_list()
        for mine, theirs, n in zip(settled["value"], later["value"], with_rows, strict=True):
            assert n == 0 or mine == theirs, (seed, settled, later)
        assert later["n"].fill_null(0).to_list() == with_rows, seed


@each_kpi
@each_seed
def test_rows_of_other_times_change_no_settled_figure(name: str, seed: int) -> None:
    """Rows after the end of the data may be there (a late export); what was settled stays."""
    data, grid = world(seed), grid_of(world(seed))
    edge = grid.ends[-4]
    noisy = Dataset.of(
        data.tables,
        zone=data.zone,
        observed_from=data.observed_from,
        observed_until=edge,
        settings=data.settings,
        features=data.features,
        funnels=data.funnels,
    )
    then = as_of(seed, "week", 4)[name].filter(pl.col("status").is_in(SETTLED) & (pl.col("n") > 0))
    now = compute(name, noisy, grid).table
    later = then.select(keys(name)).join(now, on=keys(name), how="left", nulls_equal=True, maintain_order="left")
    assert then["n"].to_list() == later["n"].to_list()
    assert then["value"].to_list() == later["value"].to_list()


@each_kpi
def test_the_input_stays_as_it_was(name: str) -> None:
    data = world(1)
    before = {table: (frame.schema, frame.hash_rows().to_list()) for table, frame in data.tables.items()}
    compute(name, data, grid_of(data), by=())
    compute(name, data, grid_of(data), by=("country",))
    assert {table: (frame.schema, frame.hash_rows().to_list()) for table, frame in data.tables.items()} == before


@each_kpi
@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_intervals_hold_their_value_and_nothing_is_infinite(name: str, every: str) -> None:
    for seed in SEEDS[: 1 if every == "day" else 3]:
        found = usual(seed, every)[name]
        for column in ("value", "low", "high"):
            assert found[column].drop_nulls().is_finite().all()
        held = found.drop_nulls(["low", "high"])
        assert (held["low"] <= held["value"]).all()
        assert (held["value"] <= held["high"]).all()
        bound = found["low"].is_not_null() & found["high"].is_null()  # without a failure
        assert bound.equals(found["low"].is_null() != found["high"].is_null())
        assert not bound.any() or KPIS[name].measure in (BETWEEN_FAILURES, TO_FAILURE)
        assert (found.filter(bound)["n"] == 0).all()
        if not KPIS[name].signed:
            most = 1 if KPIS[name].unit.name == "share" else float("inf")
            assert found["value"].drop_nulls().is_between(0, most).all()
            assert held["low"].ge(0).all()
            assert held["high"].le(most).all()


@each_kpi
def test_rows_are_in_order_and_complete(name: str) -> None:
    found = usual(2)[name]
    assert found.sort([*KPIS[name].parts, "start"], nulls_last=True).equals(found)
    assert found.select(keys(name)).is_unique().all()
    assert set(found["start"]) == set(grid_of(world(2)).shown)
    if any(each.startswith("events.") for each in KPIS[name].inputs):
        assert usual(2, "week", ("plan",))[name].select(keys(name, ("plan",))).is_unique().all()


def test_the_zone_moves_figures() -> None:
    """The same instants in three zones are three series, each right in its own."""
    series = []
    for zone in ZONES:
        data = world(1)
        other = Dataset.of(data.tables, zone=zone)
        grid = Grid.calendar(
            "day",
            instant(0).date().replace(year=2026, month=3),
            instant(0).date().replace(year=2026, month=4),
            zone=zone,
        )
        series.append(compute("dau", other, grid).table["value"].to_list())
    assert series[0] != series[1] != series[2] != series[0]
