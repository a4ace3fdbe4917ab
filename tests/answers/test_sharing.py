"""Nothing about a few people leaves the house, neither as it stands nor by subtraction from totals."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog

from kpi_lib.answers.actives import actives
from kpi_lib.answers.cohort_revenue import cohort_revenue
from kpi_lib.answers.compute import compute
from kpi_lib.answers.intake import intake
from kpi_lib.answers.scorecard import scorecard
from kpi_lib.answers.sharing import cleared, share, shared, withheld
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.lifecycle import lifecycle
from kpi_lib.shapes.paths import paths
from kpi_lib.show.blocks import Note, Tiles
from kpi_lib.show.faces import FACES
from kpi_lib.show.tiles import headline, tiles
from tests.build import told

LEAST = 11
PLANS = ("free", "pro", "team", "old")


@pytest.fixture(autouse=True)
def _everything_is_shown_again() -> Iterator[None]:
    yield
    share(0)


def table(draw: random.Random, rows: int, columns: int) -> tuple[list[list[int]], list[list[int]]]:
    """Counts of a table with its totals known, and the cells of each line."""
    sizes = [0, 1, 2, 5, 10, 11, 12, 40, 300]
    cells = [[draw.choice(sizes)] for _ in range(rows * columns)]
    across = [[row * columns + column for column in range(columns)] for row in range(rows)]
    down = [[row * columns + column for row in range(rows)] for column in range(columns)]
    return cells, across + (down if rows > 1 else [])


def widths(cells: list[list[int]], lines: list[list[int]], hidden: set[int]) -> Iterator[tuple[int, float]]:
    """How closely each withheld cell can be told by whoever knows all totals and all shown cells."""
    order = sorted(hidden)
    known = [[sum(cells[at][0] for at in line if at in hidden)] for line in lines]
    sums = [[1.0 if at in line else 0.0 for at in order] for line in lines]
    for at in range(len(order)):
        aim = np.zeros(len(order))
        aim[at] = 1.0
        ends = [sign * linprog(sign * aim, A_eq=sums, b_eq=np.ravel(known), bounds=(0, None)).fun for sign in (1, -1)]
        yield order[at], ends[1] - ends[0]


def attacked(seed: int, rows: int, columns: int) -> None:
    cells, lines = table(random.Random(seed), rows, columns)
    hidden = withheld(lines, cells, LEAST)
    shown = [cell for at, (cell,) in enumerate(cells) if at not in hidden]
    assert not any(0 < count < LEAST for count in shown)
    for at, width in widths(cells, lines, hidden):
        total = min(sum(cells[other][0] for other in line) for line in lines if at in line)
        assert width >= LEAST or total < 2 * LEAST, (seed, at, cells, hidden)


@pytest.mark.parametrize("shape", [(1, 2), (1, 4), (1, 9), (1, 20)])
def test_the_subtraction_attack_learns_nothing(shape: tuple[int, int]) -> None:
    for seed in range(60):
        attacked(seed, *shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 2), (1, 4), (1, 9), (1, 20)])
def test_the_subtraction_attack_learns_nothing_from_a_thousand_tables(shape: tuple[int, int]) -> None:
    for seed in range(250):
        attacked(1_000 + seed, *shape)


def test_the_attack_can_win() -> None:
    cells, lines = [[3], [40], [900]], [[0, 1, 2]]
    assert dict(widths(cells, lines, {0})) == {0: pytest.approx(0)}


def test_nothing_small_means_nothing_withheld() -> None:
    assert withheld([range(3)], [[0], [11], [40]], LEAST) == set()


def test_people_who_did_not_count_as_well() -> None:
    assert withheld([range(3)], [[40, 38, 2], [60, 20, 40], [900, 20, 880]], LEAST) == {0, 1}


def data(sizes: dict[str, int], *, months: int = 2) -> Dataset:
    """Users of each plan; each comes on the 5th of every month, views, and every second one buys."""
    lines = [
        f"{plan}{user} 0{month}-05T10:{step:02d} {event} {plan}"
        for plan, count in sizes.items()
        for user in range(count)
        for month in range(1, months + 1)
        for step, event in enumerate(("view", "buy")[: 1 + user % 2])
    ]
    return told(events="\n".join(lines))


def grid(period: str = "2026-02") -> Grid:
    return parse_period(period, zone="UTC")


def test_of_segments_the_small_one_goes_and_the_next_with_it() -> None:
    values = compute("mau", data({"free": 60, "pro": 30, "team": 4}), grid(), by=["plan"])
    kept = {row["plan"]: row["value"] for row in cleared(values, LEAST).table.to_dicts()}
    assert kept == {"free": 60, "pro": None, "team": None}
    row = cleared(values, LEAST).table.filter(plan="team").row(0, named=True)
    assert (row["n"], row["low"], row["status"]) == (None, None, "small_n")
    assert cleared(values, 4).table.equals(values.table)


def test_a_segment_a_person_is_left_out() -> None:
    assert cleared(compute("mau", data({"free": 30}), grid(), by=["user_id"]), LEAST) is None


def test_a_card_hides_small_figures_and_changes_from_small_ones() -> None:
    names = ["mau", "new_users"]
    few = scorecard(data({"free": 7}), names, grid())
    hidden = cleared(few, LEAST)
    open_values, kept = ({each.kpi.name: each.row["value"] for each in card.standings} for card in (few, hidden))
    assert (open_values["mau"], open_values["new_users"]) == (7, 0)
    assert (kept["mau"], kept["new_users"]) == (None, 0)
    assert {each.change.previous for each in hidden.standings} == {None}  # seven were new the month before
    assert 7 not in [value for each in hidden.standings for value in each.history.table["value"].to_list()]


def test_a_funnel_ends_before_a_step_of_a_few() -> None:
    rows = [f"u{at} 01-05T10:{step:02d} {event}" for step, (event, count) in
            enumerate((("a", 60), ("b", 40), ("c", 37), ("d", 20))) for at in range(count)]  # fmt: skip
    result = funnel(told(events="\n".join(rows)), Funnel(("a", "b", "c", "d"), within="1d"))
    kept = cleared(result, LEAST)
    assert kept.table["units"].to_list() == [60, 40]  # three were lost at c, which tells of three
    assert kept.definition["steps"] == ("a", "b") or kept.definition["steps"] == ["a", "b"]
    assert kept.histogram().is_empty()
    assert cleared(funnel(told(events="\n".join(rows)), Funnel(("c", "d", "e"), within="1d")), 21) is None


def test_funnels_of_small_segments_go_and_never_alone() -> None:
    here = data({"free": 60, "pro": 40, "team": 5}).with_by(("plan",))
    kept = cleared(funnel(here, Funnel(("view", "buy"), within="1d")), LEAST)
    assert kept.table["plan"].unique().to_list() == ["free"]


def test_cohort_cells_of_a_few_are_open_and_so_are_their_totals() -> None:
    rows = [f"u{at} 01-05 a" for at in range(40)] + [f"u{at} 02-05 a" for at in range(4)]
    rows += [f"v{at} 02-05 a" for at in range(30)]
    result = cohorts(told(events="\n".join(rows), until="04-01"), Cohorts(grain="month"))
    kept = cleared(result, LEAST)
    cells = {(str(row["start"]), row["k"]): (row["retained"], row["complete"]) for row in kept.table.to_dicts()}
    assert cells["2026-01-01", 0] == (40, True)
    assert cells["2026-01-01", 1] == (None, False)
    assert kept.pooled.filter(k=1).is_empty()
    assert kept.pooled.filter(k=0)["eligible"].to_list() == [70]


def test_a_small_cohort_takes_another_with_it_and_the_pooled_rates() -> None:
    rows = [f"u{at} 01-05 a" for at in range(90)] + [f"v{at} 02-05 a" for at in range(30)] + ["w1 03-05 a"]
    kept = cleared(cohorts(told(events="\n".join(rows), until="05-01"), Cohorts(grain="month")), LEAST)
    assert kept.table["start"].cast(pl.String).unique().to_list() == ["2026-01-01"]
    assert kept.pooled.is_empty()


def test_rows_of_a_few_in_other_tables() -> None:
    here = data({"free": 7})
    months = grid().back(2)
    assert set(cleared(actives(here, months), LEAST).table["mau"].to_list()) == {None}
    flow = cleared(lifecycle(here, every="month"), LEAST).table
    assert flow["active"].drop_nulls().is_empty()
    assert cleared(intake(here, grid()), LEAST) is None
    assert cleared(intake(data({"free": 30}), grid()), LEAST) is not None


def test_what_customers_brought_ends_where_few_were_watched_so_long() -> None:
    """Four customers of the first month alone were watched longest; and the month after them is no difference of a few."""

    def orders(*months: tuple[int, int]) -> str:
        return "\n".join(f"c{month}x{at} {month:02}-03 {1000 + at}" for month, people in months for at in range(people))

    def ages(text: str) -> list[int] | None:
        found = cleared(cohort_revenue(told(orders=text, until="07-01")), LEAST)
        if found is None:
            return None
        counts = found.pooled["customers"].to_list()
        totals = [*accumulate(size for _, size in sorted(set(found.table.select("start", "size").rows()))), *counts]
        assert min(totals) >= LEAST
        assert not [(a, b) for a in totals for b in totals if 0 < abs(a - b) < LEAST]
        return found.pooled["k"].to_list()

    assert ages(orders((1, 4), (2, 30), (4, 30), (6, 20))) == [0, 1, 2, 3, 4]
    assert ages(orders((1, 30), (2, 4), (4, 30), (6, 20))) == [0, 1, 2, 3, 4]  # 34 and then 30: four of February
    assert ages(orders((1, 30), (2, 30), (4, 30), (6, 20))) == [0, 1, 2, 3, 4, 5]
    assert ages(orders((1, 30), (4, 4), (6, 3))) is None  # a quarter of a few


def test_a_result_without_a_rule_is_left_out() -> None:
    assert cleared(paths(data({"free": 60})), LEAST) is None
    assert cleared(object(), LEAST) is None


def test_what_shows_itself_obeys() -> None:
    here = data({"free": 7, "pro": 60})
    result: Any = paths(here)
    assert shared(result) is result
    open_face = FACES[type(result)](result)
    share(LEAST)
    (said,) = FACES[type(result)](result)  # type: ignore[misc]
    assert isinstance(said, Note)
    assert said != open_face
    card = scorecard(data({"free": 7}), ["mau"], grid())
    shown = tiles(card)
    assert isinstance(shown, Tiles)
    assert "7" not in str(shown.tiles[0].value)
    assert "7" not in str(headline(card, intake(here, grid())))


def test_a_crossed_table_with_a_small_cell_goes_as_a_whole() -> None:
    lines = [f"u{at} 02-05 a {plan}" for plan, count in (("free", 40), ("pro", 40)) for at in range(count)]
    here = told(events="\n".join(lines))
    city = [("x", "y")[at % 20 == 3] for at in range(here.tables["events"].height)]
    frame = here.tables["events"].with_columns(city=pl.Series(city))
    crossed = compute("mau", replace(here, tables={"events": frame}), grid(), by=["plan", "city"])
    assert sorted(crossed.table["value"].to_list())[0] < LEAST
    assert cleared(crossed, LEAST).table["value"].drop_nulls().is_empty()
