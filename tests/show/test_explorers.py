"""Every explorer shows what its twin and its line of code give, whatever stands in its controls."""

from typing import Any

import pytest

import kpi_lib as kpi
from kpi_lib.show.explorer import Explorer
from kpi_lib.show.faces import faces
from kpi_lib.show.phrases import plain
from tests.show.results import shop, visits

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def same(explorer: Explorer[Any], twin: Any, **names: Any) -> None:  # noqa: ANN401 - a result
    """The result on show is that of the twin and that of the line."""
    assert explorer.error == ""
    assert explorer.result is not None
    wanted = twin.to_dict()
    assert explorer.result.to_dict() == wanted
    assert eval(explorer.code, {"kpi": kpi, **names}).to_dict() == wanted


def put(explorer: Explorer[Any], **values: object) -> None:
    for name, value in values.items():
        explorer.controls[name].value = value


@pytest.mark.parametrize(
    "values",
    [
        {"start_event": "cart"},
        {"return_event": "buy"},
        {"grain": "day"},
        {"mode": "on_or_after"},
        {"mode": "bracket", "brackets": "1-2, 3–5"},
        {"by": "plan"},
        {"clock": "elapsed"},
        {"periods": "3"},
        {"min_events": 2},
        {"gone_after": "2"},
        {"start_event": "look", "recurring": True},
    ],
    ids=str,
)
def test_each_rule_of_cohorts_reaches_the_twin_and_the_line(values: dict[str, Any]) -> None:
    data = visits()
    explorer = kpi.CohortExplorer(data)
    plain = explorer.result
    put(explorer, **values)
    rules = {"brackets": ((1, 2), (3, 5)), "periods": 3, "gone_after": 2}
    by = values.get("by")
    given = {name: rules.get(name, value) for name, value in values.items() if name != "by"}
    same(explorer, kpi.explore_cohorts(data, by=by, **given), data=data)
    same(explorer, kpi.explore_cohorts(data, **explorer.arguments), data=data)
    assert plain is not None
    assert explorer.result is not None
    assert explorer.result.to_dict() != plain.to_dict()


def test_spans_are_asked_for_only_where_they_count() -> None:
    explorer = kpi.CohortExplorer(visits())
    assert explorer.controls["brackets"].layout.display == "none"
    put(explorer, mode="bracket")
    assert explorer.controls["brackets"].layout.display is None
    assert "write them as in 1-3, 4-7" in explorer.error
    put(explorer, brackets="1-2, x")
    assert "write them as in 1-3, 4-7" in explorer.error
    put(explorer, mode="on")
    assert explorer.error == ""


@pytest.mark.parametrize(
    "values",
    [{"from_event": "look"}, {"to_event": "buy"}, {"max_steps": 3}, {"top": 1}, {"by": "plan"}, {"collapse": False}],
    ids=str,
)
def test_each_rule_of_paths_reaches_the_twin_and_the_line(values: dict[str, Any]) -> None:
    data = visits()
    explorer = kpi.PathExplorer(data)
    put(explorer, **values)
    same(explorer, kpi.explore_paths(data, **{"max_steps": 5, "top": 5, **values}), data=data)
    same(explorer, kpi.explore_paths(data, **explorer.arguments), data=data)


@pytest.mark.parametrize(
    "values",
    [{"name": "actions_per_user"}, {"by": ""}, {"only": "plan=free"}, {"every": "month"}, {"periods": 2}],
    ids=str,
)
def test_each_choice_of_segments_reaches_the_twin_and_the_line(values: dict[str, Any]) -> None:
    data = visits()
    explorer = kpi.SegmentExplorer(data, "wau", every="week")
    assert explorer.arguments == {"name": "wau", "by": "plan", "every": "week", "periods": 6}
    put(explorer, **values)
    twin = kpi.explore_segments(data, **{"name": "wau", "by": "plan", "every": "week", "periods": 6, **values})
    same(explorer, twin, data=data)


@pytest.mark.parametrize(("name", "divided"), [("stickiness", True), ("mau", False), ("wau", None)])
def test_segments_tell_what_each_contributed_and_it_adds_up(name: str, divided: bool | None) -> None:
    """Mix and rate of a quotient, parts of a count; of a figure that did not move, that there is nothing to tell."""
    data = visits()
    found = kpi.explore_segments(data, name=name, by="plan", every="week", periods=3)
    shown = faces(found)
    if divided is None:
        assert found.change is None
        assert "cannot be told" in plain(shown[-1].phrase)
        return
    assert found.change is not None
    ends = [kpi.explore_segments(data, name=name, every="week", periods=3).values.table["value"][at] for at in (-2, -1)]
    assert found.change.change == pytest.approx(ends[1] - ends[0], abs=1e-12)
    assert found.change.table["effect"].sum() == pytest.approx(found.change.change, abs=1e-12)
    table = shown[-1]
    assert ("By its own figure" in table.columns) is divided
    printed = [float(row[-1].value) for row in table.rows]
    assert sum(printed[:-1]) == pytest.approx(printed[-1], abs=1e-12)
    only = kpi.explore_segments(data, name=name, by="plan", every="week", periods=1)
    assert only.change is None
    assert len(faces(only)) == len(faces(only.values))


def test_a_kpi_is_offered_the_columns_that_it_can_be_cut_by() -> None:
    explorer = kpi.SegmentExplorer(shop(), "orders", every="month")
    assert [value for _, value in explorer.controls["by"].options] == [""]
    assert explorer.arguments == {"name": "orders", "every": "month", "periods": 6}


def test_what_the_data_do_not_allow_gives_way_to_what_they_do() -> None:
    explorer = kpi.SegmentExplorer(visits(), "total_revenue")
    assert explorer.controls["name"].value != "total_revenue"
    assert explorer.error == ""


TARGETS = (
    {"kpi": "wau", "value": 30, "owner": "growth", "every": "week"},
    {"kpi": "activation_rate", "value": 0.5, "every": "week"},
)
OWNERS = {"actions_per_user": ("web", "app")}
NAMES = ("activation_rate", "actions_per_user")


@pytest.mark.parametrize(
    ("values", "what_if", "due"),
    [
        ({}, {}, ""),
        ({"target_wau": "20"}, {"wau": 20.0}, ""),
        ({"target_wau": ""}, {"wau": None}, ""),
        ({"target_activation_rate": "62.5 %"}, {"activation_rate": 0.625}, ""),
        ({"target_activation_rate": "62.5"}, {"activation_rate": 62.5}, ""),  # no share: said on the tile, never green
        ({"target_actions_per_user": "1,000"}, {"actions_per_user": 1000.0}, ""),
        ({"due": "2026-12-31"}, {}, "2026-12-31"),
        ({"target_wau": "25", "due": "2026-04-30"}, {"wau": 25.0}, "2026-04-30"),
    ],
    ids=str,
)
def test_targets_are_tried_out(values: dict[str, Any], what_if: dict[str, Any], due: str) -> None:
    data = visits()
    grid = kpi.last_complete("week", data.observed_until, zone="UTC")
    ws = type("Workspace", (), {"targets": TARGETS, "owners": OWNERS})
    more = {"north_star": "wau", "targets": TARGETS, "owners": OWNERS}
    explorer = kpi.ScorecardExplorer(data, NAMES, grid, history=4, **more)
    put(explorer, **values)
    period = explorer.controls["period"].value
    twin = kpi.explore_scorecard(data, NAMES, period=period, what_if=what_if, due=due, history=4, **more)
    same(explorer, twin, data=data, ws=ws)
    assert [each.owner for each in twin.standings if each.kpi.name == "actions_per_user"] == ["web"]


def test_another_period_and_history_of_the_scorecard() -> None:
    data = visits()
    grid = kpi.last_complete("week", data.observed_until, zone="UTC")
    explorer = kpi.ScorecardExplorer(data, ["wau"], grid, targets=TARGETS[:1], history=4)
    offered = [value for _, value in explorer.controls["period"].options]
    assert offered[:2] == ["2026-W09", "2026-W08"]
    put(explorer, period="2026-W08", history=3, target_wau="28")
    twin = kpi.explore_scorecard(
        data, ["wau"], period="2026-W08", history=3, what_if={"wau": 28.0}, targets=TARGETS[:1]
    )
    ws = type("Workspace", (), {"targets": TARGETS[:1]})
    same(explorer, twin, data=data, ws=ws)
    assert twin.standings[0].aim is not None
    assert (twin.standings[0].aim.value, twin.standings[0].aim.owner) == (28.0, "growth")


def test_the_twin_of_the_scorecard_is_the_scorecard_with_these_targets() -> None:
    data = visits()
    grid = kpi.last_complete("week", data.observed_until, zone="UTC")
    tried = [{**TARGETS[0], "value": 28.0}, TARGETS[1]]
    plain = kpi.scorecard(data, NAMES, grid, north_star="wau", targets=tried, history=4)
    what_if = {"wau": 28.0}
    twin = kpi.explore_scorecard(
        data, NAMES, period="2026-W09", what_if=what_if, north_star="wau", targets=TARGETS, history=4
    )
    assert twin.to_dict() == plain.to_dict()
