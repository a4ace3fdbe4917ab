"""Goals add up by hand, the SMART verdicts say yes and no, and what statements say is calculated."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.balance import neighbour
from kpi_lib.answers.goals import Goal, goals
from kpi_lib.answers.smart import role_of, smart, statement
from kpi_lib.answers.targets import STATUSES, TargetStatus, targets
from kpi_lib.core.dataset import Dataset
from kpi_lib.kpis.registry import VANITY, catalogue, find
from tests.answers.test_targets import GROWING
from tests.build import dataset, frame_of, row_of, told

COLUMNS = ["goal", "target", "type", "start_value", "target_value", "current_value", "start", "due", "weight"]
FIRST, DUE = date(2026, 1, 1), date(2026, 1, 10)


def aims(*rows: tuple[Any, ...], until: str = "01-06") -> Dataset:
    """A table of goals, seen when five of ten days have gone."""
    return told("ann 01-01 v", until=until, tables={"goals": frame_of("goals", COLUMNS, rows)})


def test_progress_and_pace_roll_up_by_weight() -> None:
    data = aims(
        ("grow", "users", "number", 100.0, 200.0, 150.0, FIRST, DUE, 3.0),  # 0.5
        ("grow", "churn", "percent", 0.08, 0.04, 0.07, FIRST, DUE, 1.0),  # 0.25
        ("grow", "launch", "boolean", 0.0, 1.0, 1.0, FIRST, DUE, 1.0),  # 1
        ("grow", "talks", "tasks", 0.0, 10.0, None, FIRST, DUE, 1.0),  # not known
        ("earn", "income", "currency", 0.0, 1000.0, 250.0, FIRST, DUE, None),
    )
    grow, earn = goals(data).goals
    assert grow.progress == pytest.approx((3 * 0.5 + 0.25 + 1.0) / 5)
    assert (len(grow.known), len(grow.targets)) == (3, 4)
    assert grow.pace == pytest.approx((3 * 0.5 + 0.25 + 1.0) / (5 * 0.5))
    assert (earn.progress, earn.pace) == (0.25, 0.5)
    assert [each.status for each in grow.targets] == ["on_track", "at_risk", "met", "cannot_tell"]
    assert (grow.status, earn.status) == ("at_risk", "at_risk")


def test_the_roll_up_is_that_of_the_kpi() -> None:
    rows = [
        ("grow", "users", "number", 100.0, 200.0, 150.0, FIRST, DUE, 3.0),
        ("grow", "churn", "percent", 0.08, 0.04, 0.07, FIRST, DUE, 1.0),
        ("grow", "launch", "boolean", 0.0, 1.0, 0.0, FIRST, DUE, 2.0),
        ("grow", "steady", "number", 5.0, 5.0, 4.0, FIRST, DUE, 1.0),
    ]
    data = aims(*rows)
    assert goals(data).goals[0].progress == pytest.approx(row_of("goal_progress", data, "2026-01-05")["value"])


STATES = [
    (("number", 0.0, 10.0, 10.0, FIRST, DUE), "met"),
    (("number", 0.0, 10.0, 5.0, FIRST, DUE), "on_track"),
    (("number", 0.0, 10.0, 4.9, FIRST, DUE), "at_risk"),
    (("number", 0.0, 10.0, 2.4, FIRST, DUE), "off"),
    (("number", 0.0, 10.0, 9.9, FIRST, date(2026, 1, 5)), "missed"),
    (("number", 10.0, 0.0, 4.0, FIRST, DUE), "on_track"),
    (("boolean", 0.0, 1.0, 0.0, FIRST, DUE), "cannot_tell"),
    (("boolean", 0.0, 1.0, 0.0, FIRST, date(2026, 1, 4)), "missed"),
    (("tasks", None, 4.0, 2.0, None, DUE), "cannot_tell"),
    (("tasks", None, 4.0, None, FIRST, DUE), "cannot_tell"),
]


@pytest.mark.parametrize(("row", "status"), STATES)
def test_without_a_history_the_pace_decides(row: tuple[Any, ...], status: str) -> None:
    kind, begin, wanted, now, first, due = row
    (goal,) = goals(aims(("g", "t", kind, begin, wanted, now, first, due, None))).goals
    assert goal.status == status, goal.targets[0].reasons
    assert goal.targets[0].reasons


@given(st.lists(st.tuples(st.sampled_from(STATUSES), st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=6))
def test_a_goal_is_met_only_when_all_its_targets_are(rows: list[tuple[str, float, float]]) -> None:
    parts = tuple(
        TargetStatus(kpi="k", value=1.0, due=None, status=word, progress=done, weight=weight)
        for word, done, weight in rows
    )
    goal = Goal("g", parts)
    assert (goal.status == "met") == all(word == "met" for word, *_ in rows)
    assert goal.progress is not None
    assert min(done for _, done, _ in rows) - 1e-9 <= goal.progress <= max(done for _, done, _ in rows) + 1e-9
    assert Goal("g", parts[::-1]).status == goal.status


def test_targets_of_kpis_and_of_the_table_stand_together() -> None:
    wanted = [
        {"kpi": "orders", "value": 22, "every": "week", "due": date(2026, 4, 26), "goal": "grow"},
        {"kpi": "order", "value": 22},
    ]
    found = goals(GROWING, wanted)
    assert [(goal.name, goal.status) for goal in found.goals] == [("grow", "on_track"), ("", "faulty")]
    assert found.table.select("goal", "target", "status").rows() == [
        ("grow", "orders", "on_track"),
        ("", "order", "faulty"),
    ]
    document = found.to_dict()
    assert [goal["goal"] for goal in document["goals"]] == ["grow", ""]
    assert document["smart"][0]["role"] == "kpi"
    assert goals(told("ann 01-01 v")).goals == ()


def published(*rows: tuple[str, str | None, str | None, float, str]) -> Dataset:
    table = frame_of("benchmarks", ["kpi", "segment", "period", "value", "source"], rows)
    orders = "\n".join(f"u{i} 02-{1 + i % 28:02} 100" + (f"\nu{i} 02-27 100" if i % 2 else "") for i in range(60))
    return told(orders=orders, tables={"benchmarks": table})  # half of sixty came twice: 37.7 % to 62.3 %


def test_a_benchmark_is_compared_by_the_interval_and_names_its_source() -> None:
    data = published(
        ("repeat_purchase_rate", "shops", "2024", 0.9, "an old one"),
        ("repeat_purchase_rate", "shops", "2025", 0.3, "a survey"),
        ("orders", None, None, 80.0, "somebody"),
        ("nps", "shops", "2025", 20.0, "a survey"),
    )
    wanted = [{"kpi": "repeat_purchase_rate", "value": 0.4}, {"kpi": "orders", "value": 3}]
    found = goals(data, wanted).benchmarks
    assert found["repeat_purchase_rate"] == {
        "value": 0.3, "source": "a survey", "period": "2025", "population": "shops", "standing": "met", "lacks": [],
    }  # fmt: skip
    assert found["orders"]["lacks"] == ["a year", "a population"]
    assert "nps" not in found  # no target asks for it
    middle = goals(published(("repeat_purchase_rate", "s", "2025", 0.55, "x")), wanted[:1]).benchmarks
    assert middle["repeat_purchase_rate"]["standing"] == "cannot_tell"


def checked(data: Dataset = GROWING, product: dict[str, Any] | None = None, **target: Any) -> dict[str, bool | None]:  # noqa: ANN401
    wanted = {"kpi": "orders", "value": 22, "every": "week", **target}
    (status,) = targets(data, [wanted])
    found = smart(status, wanted, data, product or {})
    assert all(verdict.reason for verdict in found.verdicts.values())
    return {"role": found.role, **{name: each.good for name, each in found.verdicts.items()}}  # type: ignore[dict-item]


GOOD = {"due": date(2026, 4, 26), "goal": "grow"}


def test_a_target_that_is_all_of_it() -> None:
    yes = dict.fromkeys(("specific", "measurable", "achievable", "relevant", "time_bound"), True)
    assert checked(**GOOD) == {"role": "kpi", **yes}


WRONG: dict[str, tuple[dict[str, Any], str, bool | None]] = {
    "an unknown figure": ({"kpi": "engagement"}, "specific", False),
    "a statement that does not add up": ({"statement": "+50 % from 18 to 22 by May"}, "specific", False),
    "a statement of another target": ({"statement": "+50 % from 20 to 30 by May"}, "specific", False),
    "several values": ({"kpi": "traffic_source_mix"}, "specific", False),
    "no data": ({"kpi": "mrr"}, "measurable", False),
    "no data, so nobody knows": ({"kpi": "mrr"}, "achievable", None),
    "out of reach": ({"value": 200}, "achievable", False),
    "no goal": ({"goal": ""}, "relevant", False),
    "no day": ({"due": None}, "time_bound", False),
    "a day gone by": ({"due": date(2026, 1, 20)}, "time_bound", False),
    "due before it was set": ({"set": date(2026, 5, 1)}, "time_bound", False),
}


@pytest.mark.parametrize(("change", "name", "verdict"), WRONG.values(), ids=WRONG)
def test_each_verdict_can_be_no(change: dict[str, Any], name: str, verdict: bool | None) -> None:
    assert checked(**{**GOOD, **change})[name] is verdict


def test_what_is_linked_to_the_product_is_relevant() -> None:
    for product, wanted in (
        ({"north_star": "orders"}, True),
        ({"north_star": "nps"}, False),
        ({"stage": "growth", "goals": ["revenue"]}, False),
    ):
        assert checked(product=product, due=GOOD["due"])["relevant"] is wanted
    use = dataset([(f"u{day % 9}", day * 86_400_000_000, "v", 0, {}) for day in range(100)])
    assert checked(use, {"goals": ["engagement"]}, kpi="mau", due=date(1970, 9, 1), every="month")["relevant"]


def test_already_reached_needs_no_reach() -> None:
    assert checked(value=20, due=date(2026, 3, 31))["achievable"] is True


def test_kpi_metric_or_vanity() -> None:
    assert role_of(find("csat"), linked=True, aimed=True) == "kpi"
    assert role_of(find("csat"), linked=True, aimed=False) == "metric"
    assert role_of(find("csat"), linked=False, aimed=True) == "metric"
    assert role_of(None, linked=True, aimed=True) == "metric"
    vain = [kpi for kpi in catalogue().values() if kpi.use == VANITY]
    assert len(vain) > 10
    assert {role_of(kpi, linked=True, aimed=True) for kpi in vain} == {"vanity"}
    assert all(neighbour(kpi) == "" or catalogue()[neighbour(kpi)].use != VANITY for kpi in vain)
    assert sum(neighbour(kpi) != "" for kpi in vain) > len(vain) // 2


STATEMENTS = [
    ("trials +23 %, from 18 to 21 a week, in 2021", ["+16.7 %, not +23 %"]),
    ("trials +16.7 %, from 18 to 21 a week, in 2021", []),
    ("trials +17 %, from 18 to 21 a week, by June", []),
    ("trials +16.6 %, from 18 to 21 a week, by June", ["+16.7 %"]),
    ("churn −50 %, from 8 % to 4 %, by December", []),
    ("churn +50 %, from 8 % to 4 %, by December", ["-50 %, not +50 %"]),
    ("churn down 4 points from 8 % to 4 % this year", []),
    ("churn down 3 points from 8 % to 4 % this year", ["points"]),
    ("revenue +20 %, from 1,000,000 to 1,200,000, in 2027", []),
    ("trials +10 %, from 0 to 21, in 2021", ["from 0 nothing"]),
    ("from 18 to 21 in 2021", ["names no change"]),
    ("+23 % in 2021", ["no base and target"]),
    ("+16.7 %, from 18 to 21", ["no day"]),
]


@pytest.mark.parametrize(("text", "faults"), STATEMENTS)
def test_the_arithmetic_of_a_statement(text: str, faults: list[str]) -> None:
    found = statement(text).faults
    assert len(found) == len(faults), found
    assert all(part in fault for part, fault in zip(faults, found, strict=True)), found


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(-300, 300))
def test_a_statement_adds_up_exactly_when_its_percentage_is_the_rounded_one(base: int, target: int, off: int) -> None:
    true = (target - base) / base * 100
    said = round(true) + off
    found = statement(f"x {said:+d} % from {base} to {target} in 2030").faults
    assert bool(found) == (abs(said - true) > 0.5 + 1e-9)


def test_goals_of_a_frame_keep_their_order() -> None:
    rows = [(name, "t", "number", 0.0, 1.0, 0.5, FIRST, DUE, 1.0) for name in ("b", "a", "c", "a")]
    assert [goal.name for goal in goals(aims(*rows)).goals] == ["b", "a", "c"]
    assert isinstance(goals(aims(*rows)).table, pl.DataFrame)
