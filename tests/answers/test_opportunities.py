"""Opportunities: gap times reach, against a loop over the units."""

import random
from dataclasses import replace

import polars as pl
import pytest

from kpi_lib.answers.opportunities import opportunities
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_rules import FEBRUARY, features
from tests.build import told

JANUARY_USERS = 90


def buyers(seed: int) -> tuple[Dataset, dict[str, list[bool]]]:
    """People on three plans who order once or twice in February; who orders twice."""
    dice = random.Random(seed)
    plans: dict[str, list[bool]] = {"free": [], "pro": [], "team": []}
    orders, users = [], []
    for at in range(JANUARY_USERS):
        plan = dice.choice(sorted(plans))
        twice = dice.random() < {"free": 0.2, "pro": 0.5, "team": 0.7}[plan]
        plans[plan].append(twice)
        users.append(f"u{at:02} {plan}")
        orders += [f"u{at:02} 02-0{day} 100" for day in range(1, 3 if twice else 2)]
    return told(orders="\n".join(orders), users="\n".join(users)), plans


@pytest.mark.parametrize("seed", range(12))
def test_gap_times_reach(seed: int) -> None:
    data, plans = buyers(seed)
    found = opportunities("repeat_purchase_rate", data, FEBRUARY, by=("plan",)).table.to_dicts()
    expected = {}
    for plan, own in plans.items():
        others = [each for name, rest in plans.items() if name != plan for each in rest]
        gap = sum(others) / len(others) - sum(own) / len(own)
        if gap > 0:
            expected[plan] = (gap, len(own), gap * len(own), gap * len(own) / JANUARY_USERS)
    assert {row["part"] for row in found} == set(expected)
    for row in found:
        assert (row["gap"], row["n"], row["won"], row["effect"]) == pytest.approx(expected[row["part"]])
        assert row["clear"] == (row["high"] < row["others"])
        assert row["others"] - row["gap"] == pytest.approx(row["value"])
    assert [row["won"] for row in found] == sorted((row["won"] for row in found), reverse=True)


def test_parts_of_one_column_stand_under_its_name_and_of_several_beside_theirs() -> None:
    data, _ = buyers(1)
    one = table(opportunities("repeat_purchase_rate", data, FEBRUARY, by=("plan",)))
    assert (one.columns[0], {plain(row[0]) for row in one.rows} <= {"free", "pro", "team"}) == ("plan", True)
    twice = opportunities("repeat_purchase_rate", data, FEBRUARY, by=("plan",))
    mixed = twice.table.with_columns(
        column=pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("zone")).otherwise("column")
    )
    several = table(replace(twice, table=pl.concat([mixed, twice.table])))
    assert several.columns[0] == "Part"
    assert all(plain(row[0]).split()[0] in ("zone", "plan") for row in several.rows)


def test_closing_the_gap_moves_the_whole_by_the_effect() -> None:
    """At the level of the others the part's own share rises by the gap, so the whole rises by gap times its weight."""
    data, plans = buyers(1)
    row = opportunities("repeat_purchase_rate", data, FEBRUARY, by=("plan",)).table.row(0, named=True)
    whole = sum(map(sum, plans.values())) / JANUARY_USERS
    raised = (
        sum(sum(own) for plan, own in plans.items() if plan != row["part"]) + row["others"] * row["n"]
    ) / JANUARY_USERS
    assert raised - whole == pytest.approx(row["effect"])


def test_features_are_parts_without_a_column() -> None:
    found = opportunities("feature_adoption_rate", features(True, often=True), FEBRUARY)
    row = found.table.row(0, named=True)
    assert (row["part"], row["n"]) == ("macro", 60)
    assert row["value"] == pytest.approx(6 / 60)
    assert row["others"] == pytest.approx((60 + 50) / 120)
    assert row["won"] == pytest.approx(110 / 2 - 6)
    assert plain(say(found).phrase).startswith("Most is to be won in Feature adoption rate at feature macro: 10.0")
    assert len(table(found).rows) == found.table.height


def test_what_cannot_be_weighed_is_refused() -> None:
    data, _ = buyers(1)
    with pytest.raises(UsageError, match=r"total_revenue is no share or mean"):
        opportunities("total_revenue", data, FEBRUARY, by=("plan",))
    with pytest.raises(UsageError, match=r"has no better direction"):
        opportunities("traffic_source_mix", data, FEBRUARY, by=("plan",))


def test_nothing_behind_and_nothing_to_cut_by_are_said() -> None:
    data, _ = buyers(1)
    assert opportunities("repeat_purchase_rate", data, FEBRUARY, by=("country",)).reason == "needs country"
    alike = told(orders="a 02-01 1\nb 02-01 1", users="a free\nb pro")
    found = opportunities("repeat_purchase_rate", alike, FEBRUARY, by=("plan",))
    assert found.reason == "no part lies behind the others"
    assert plain(say(found).phrase).endswith("cannot be told: no part lies behind the others.")
