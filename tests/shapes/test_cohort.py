"""Cohorts against the brute-force oracle, by the hundred, and the rules one by one."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT
from kpi_lib.shapes.cohort import Cohorts, cohorts
from tests.brute.cohort import cohort as oracle
from tests.brute.logs import random_cohort
from tests.build import dataset, instant, told

OPTIONS = ("grain", "mode", "brackets", "clock", "periods", "min_events", "recurring", "gone_after")
CURVE = ("k", "cohorts", "simple", "previous", "survival")


def answer(log: Any, question: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    start = question["start"]
    signups = start if isinstance(start, dict) else {}
    users = pl.DataFrame(
        {"user_id": list(signups), "signup_ts": [instant(t) for t in signups.values()]},
        schema={"user_id": pl.String, "signup_ts": INSTANT},
    )
    tables = {"users": users} if signups else {}
    options = {"zone": question["zone"], "week_start": question["week_start"]}
    data = dataset(log.rows, question["observed_until"], tables=tables, **options)
    spec = Cohorts(
        start_event="signup" if signups else start,
        return_event=question["ret"],
        **{k: question[k] for k in OPTIONS},
    )
    return cohorts(data, spec).to_dict()


def known(log: Any, question: dict[str, Any]) -> bool:  # noqa: ANN401
    """The engine refuses events that never occur; the oracle answers with nobody."""
    there = {row.event for row in log.rows}
    return all(
        name in there for name in (question["start"], question["ret"]) if isinstance(name, str) and name != "first"
    )


def agree(seed: int) -> bool:
    log, question = random_cohort(seed)
    if not known(log, question):
        return False
    wanted, found = oracle(log.rows, **question), answer(log, question)
    mine = [(c["start"], c["size"], c["cells"]) for c in found["cohorts"]]
    theirs = [(str(c["start"]), c["size"], c["cells"]) for c in wanted["cohorts"]]
    assert mine == theirs, (seed, question)
    pooled = [{k: v for k, v in row.items() if k not in ("low", "high", "to")} for row in found["pooled"]]
    assert pooled == [{k: v for k, v in row.items() if k != "to"} for row in wanted["pooled"]], (seed, question)
    for mine_k, theirs_k in zip(found["curve"], wanted["curve"], strict=True):
        for name in CURVE:
            told = theirs_k[name]
            assert mine_k[name] is None if told is None else mine_k[name] == pytest.approx(told, abs=1e-12), (
                seed,
                name,
            )
    return True


@pytest.mark.parametrize("block", range(10))
def test_equals_brute_force(block: int) -> None:
    assert sum(agree(seed) for seed in range(block * 40, block * 40 + 40)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_equals_brute_force_on_many_more(block: int) -> None:
    assert sum(agree(seed) for seed in range(400 + block * 150, 550 + block * 150)) > 80


def test_the_simple_mean_weighs_cohorts_alike_and_its_interval_is_students() -> None:
    """Week 1: 1 of 1 and 1 of 2, mean .75, standard error .25, t(1 degree of freedom) = 12.706: cut at 0 and 1."""
    log = "ann 01-05 use\nann 01-12 use\nbob 01-12 use\ncat 01-12 use\ncat 01-19 use\ndan 01-19 use\ndan 01-26 use"
    found = cohorts(told(log, until="02-02"), Cohorts())
    week = found.to_dict()["curve"][1]
    assert (week["cohorts"], week["simple"]) == (3, pytest.approx((1 + 0.5 + 1) / 3))
    half = 4.302653 * (1 / 12) ** 0.5 / 3**0.5  # t(2); the variance of 1, 1/2, 1 is 1/12
    assert week["simple_low"] == pytest.approx((1 + 0.5 + 1) / 3 - half, abs=1e-6)
    assert week["simple_high"] == 1.0
    assert found.to_dict()["pooled"][1]["rate"] == 0.75


def test_a_period_is_compared_with_the_one_before_over_the_same_people() -> None:
    log = "ann 01-05 use\nann 01-19 use\nbob 01-12 use\nbob 01-19 use"
    second = cohorts(told(log, until="01-26"), Cohorts()).to_dict()["curve"][2]
    assert (second["previous"], second["change"]) == (0.0, 1.0)  # bob, who came in week 1, has no week 2 yet


def test_who_stays_away_for_two_weeks_is_gone_and_who_is_young_is_censored() -> None:
    log = "ann 01-05 use\nbob 01-05 use\nbob 01-12 use\nbob 01-19 use\nbob 01-26 use\ncat 01-26 use\ndan 01-19 use"
    line = cohorts(told(log, until="02-02"), Cohorts(gone_after=2)).to_dict()["curve"]
    # ann is gone in week 2; dan and cat were watched to weeks 1 and 0
    assert [row["survival"] for row in line] == [1.0, 1.0, 0.5, 0.5]
    assert cohorts(told(log), Cohorts()).to_dict()["curve"][0]["survival"] is None


def test_recurring_cohorts_take_people_in_again() -> None:
    data = told("ann 01-05 use\nann 01-06 use\nann 01-12 use\nbob 01-12 use\ncat 01-19 use", until="01-26")
    once, again = (cohorts(data, Cohorts(recurring=each)).to_dict() for each in (False, True))
    assert [(c["start"], c["size"]) for c in once["cohorts"]] == [
        ("2026-01-05", 1),
        ("2026-01-12", 1),
        ("2026-01-19", 1),
    ]
    assert [(c["start"], c["size"]) for c in again["cohorts"]] == [
        ("2026-01-05", 1),
        ("2026-01-12", 2),
        ("2026-01-19", 1),
    ]
    assert again["pooled"][1]["rate"] == pytest.approx(1 / 3)


def test_coming_back_in_the_period_of_the_start_is_told_where_it_is_another_event() -> None:
    data = told("ann 01-05T10:00 look\nann 01-05T11:00 buy\nbob 01-05T10:00 look\nbob 01-12T10:00 buy", until="01-19")
    found = cohorts(data, Cohorts(start_event="look", return_event="buy")).to_dict()["cohorts"][0]
    assert (found["size"], found["same_period"], found["cells"][0]["retained"]) == (2, 1, 2)
    assert "same_period" not in cohorts(data, Cohorts()).to_dict()["cohorts"][0]


def test_the_value_of_a_cohort_takes_refunds_off_when_they_happen() -> None:
    shop = told(
        orders="ann 01-05 1000 o1\nann 02-10 -400 o1 refund\nann 02-20 3000 o2\nbob 01-07 500 o3", until="03-01"
    )
    cells = cohorts(shop, Cohorts(grain="month", value="amount")).to_dict()["cohorts"][0]["cells"]
    assert [(cell["value"], cell["retained"]) for cell in cells] == [(15.0, 2), (26.0, 1)]
    late = told(orders="ann 01-05 1000 o1\nann 02-10 -400 o1 refund", until="03-01")
    cells = cohorts(late, Cohorts(grain="month", value="amount")).to_dict()["cohorts"][0]["cells"]
    assert [(cell["value"], cell["retained"]) for cell in cells] == [(10.0, 1), (-4.0, 0)]  # a refund is no return


def test_only_money_is_in_hundredths() -> None:
    """A column of events that happens to be called amount holds whatever it holds; minor units are those of orders."""
    data = told("ann 01-05 look\nann 01-06 look")
    events = data.tables["events"].with_columns(amount=pl.Series([100, 250]))
    cells = cohorts(told(tables={"events": events}), Cohorts(grain="month", value="amount")).to_dict()["cohorts"][0][
        "cells"
    ]
    assert [cell["value"] for cell in cells][:1] == [350.0]
    shop = told(orders="ann 01-05 100\nann 01-06 250")
    assert cohorts(shop, Cohorts(grain="month", value="amount")).to_dict()["cohorts"][0]["cells"][0]["value"] == 3.5


@pytest.mark.parametrize(
    ("options", "told_so"),
    [
        ({"recurring": True, "start_event": "signup"}, "nobody signs up again"),
        ({"gone_after": 0}, "1 or more"),
        ({"gone_after": 2, "mode": "on_or_after"}, "goes with mode on"),
        ({"mode": "bracket", "brackets": ((1, 3), (3, 5))}, "overlaps no other"),
    ],
)
def test_what_has_no_meaning_is_refused(options: dict[str, Any], told_so: str) -> None:
    with pytest.raises(UsageError, match=told_so):
        Cohorts(**options)


def test_each_group_of_two_columns_has_its_own_pooled_rates() -> None:
    """A group is told by both of its columns, not by one of them."""
    data = told("a 01-05 x free\nb 01-05 x free\nb 02-05 x free\nc 01-05 x pro", until="03-01")
    events = data.tables["events"].with_columns(city=pl.Series(["p", "q", "q", "p"]))
    split = replace(data, tables={"events": events}).with_by(("plan", "city"))
    groups = cohorts(split, Cohorts(grain="month")).to_dict()["groups"]
    assert len(groups) == 3
    for group in groups.values():
        assert sum(one["size"] for one in group["cohorts"]) == group["pooled"][0]["eligible"] == 1
    assert sorted(group["pooled"][1]["retained"] for group in groups.values()) == [0, 0, 1]


def test_a_cell_in_which_nobody_paid_is_worth_nothing() -> None:
    orders = "a 01-05 1000\na 03-05 500\nb 02-05 700"
    found = cohorts(told(orders=orders, until="04-01"), Cohorts(grain="month", value="amount")).table
    assert found.filter(pl.col("size") > 0).select("k", "value").rows() == [
        (0, 10.0),
        (1, 0.0),
        (2, 5.0),
        (0, 7.0),
        (1, 0.0),
    ]


def test_who_came_back_in_no_period_is_counted_as_nobody_in_the_first_too() -> None:
    data = told("a 01-05 in\na 01-06 out\nb 02-05 in\nb 03-05 out", until="04-01")
    found = cohorts(data, Cohorts(grain="month", start_event="in", return_event="out")).to_dict()["cohorts"]
    assert [one["same_period"] for one in found if one["size"]] == [1, 0]


def test_a_first_period_that_is_older_than_the_data_is_told_where_it_can_be() -> None:
    lines = [f"old{at} 01-02 x" for at in range(60)] + [
        f"m{month}-{at} 0{month}-02 x" for month in range(2, 9) for at in range(6)
    ]
    data = told("\n".join(lines), since="01-01", until="09-01")
    assert cohorts(data, Cohorts(grain="month")).warnings
    assert cohorts(data, Cohorts(grain="month", recurring=True)).warnings == ()


def test_nobody_has_cohorts_of_nobody() -> None:
    empty = cohorts(told("-"), Cohorts(grain="month"))
    assert empty.table.is_empty()
    assert empty.to_dict()["cohorts"] == []


@pytest.mark.parametrize(
    "rules", [{}, {"clock": "elapsed"}, {"grain": "day", "mode": "on_or_after"}, {"recurring": True}]
)
def test_a_segment_of_users_is_the_cohorts_of_these_users_alone(rules: dict[str, Any]) -> None:
    """Those of whom nobody knows the plan are a segment, too."""
    seen = 0
    for seed in range(10):
        log, _ = random_cohort(seed)
        plans = {row[0]: ("free", "paid", None)[int(row[0][1:]) % 3] for row in log.rows}
        users = pl.DataFrame(
            {"user_id": list(plans), "tier": list(plans.values())}, schema_overrides={"tier": pl.String}
        )
        spec = Cohorts(**rules)
        data = dataset(log.rows, log.observed_until, zone=log.zone, tables={"users": users})
        if not plans:
            continue
        whole = cohorts(data.with_by(("tier",)), spec)
        for rows in (whole.table, whole.pooled, whole.curve):
            assert rows["tier"].to_list() == sorted(rows["tier"], key=lambda each: (each is None, each)), seed
        for key, group in whole.to_dict()["groups"].items():
            own = [row for row in log.rows if (plans[row[0]] or "null") == key]
            alone = cohorts(dataset(own, log.observed_until, zone=log.zone), spec).to_dict()
            assert [(one["start"], one["size"]) for one in group["cohorts"]] == [
                (one["start"], one["size"]) for one in alone["cohorts"]
            ], (seed, key)
            for mine, theirs in zip(group["cohorts"], alone["cohorts"], strict=True):
                size = len(theirs["cells"])
                assert mine["cells"][:size] == theirs["cells"], (seed, key)
                assert not any(cell["retained"] for cell in mine["cells"][size:])
            assert [row["retained"] for row in group["pooled"]][: len(alone["pooled"])] == [
                row["retained"] for row in alone["pooled"]
            ]
            seen += sum(cell["retained"] for one in alone["cohorts"] for cell in one["cells"][1:])
    assert seen > 5


def test_a_segment_of_one_cell() -> None:
    data = told("ann 01-05 use free\nbob 01-05 use", until="01-20").with_by(("plan",))
    groups = cohorts(data, Cohorts(grain="month")).to_dict()["groups"]
    assert {key: [len(one["cells"]) for one in group["cohorts"]] for key, group in groups.items()} == {
        "free": [1],
        "null": [1],
    }
