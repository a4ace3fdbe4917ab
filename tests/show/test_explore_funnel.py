"""The explorer of funnels shows what its twin computes, for the same arguments, and says in words what is impossible."""

import pytest

import kpi_lib as kpi
from kpi_lib.core.errors import UsageError
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.show.controls import segment_columns
from kpi_lib.show.explore_funnel import RARER as FOLDED
from kpi_lib.show.explore_funnel import FunnelExplorer, explore_funnel, step_choices
from tests.show.results import HOSTILE, log, shop, visits

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_widget_twin_and_code_agree() -> None:
    data = visits()
    explorer = FunnelExplorer(data, ("look", "buy"), within="24h", by="plan")
    assert explorer.result is not None
    twin = explore_funnel(data, **explorer.arguments)
    assert explorer.result.table.equals(twin.table)
    written = eval(explorer.code, {"kpi": kpi, "data": data})
    assert written.table.equals(twin.table)


def test_controls_change_the_result_and_the_line() -> None:
    explorer = FunnelExplorer(visits(), ("look", "buy"), within="24h")
    explorer.steps[1].value = "cart"
    explorer.steps[2].value = "buy"
    explorer.controls["order"].value = "unordered"
    explorer.controls["by"].value = "plan"
    assert explorer.arguments == {"steps": ("look", "cart", "buy"), "within": "24h", "by": "plan", "order": "unordered"}
    assert isinstance(explorer.result, FunnelResult)
    assert explorer.result.table.height == 6
    assert "with_by(('plan',))" in explorer.code


def test_what_is_impossible_is_said_and_can_be_mended() -> None:
    explorer = FunnelExplorer(visits(), ("look", "buy"))
    explorer.controls["within"].value = "soon"
    assert explorer.result is None
    assert "is no duration" in explorer.error
    assert 'role="alert"' in explorer.box.children[-1].value
    explorer.controls["within"].value = ""
    assert explorer.result is not None
    assert explorer.error == ""
    explorer.steps[1].value = ""
    assert "two steps or more" in explorer.error


def test_one_more_step_than_chosen_is_offered() -> None:
    explorer = FunnelExplorer(visits(), ("look", "buy"))
    assert [control.layout.display for control in explorer.steps[:4]] == [None, None, None, "none"]


RARER = {
    "preset": "mixpanel",
    "attempt": "first_ever",
    "within_step": "2h, -",
    "exclude": "cart",
    "exclusion": "unit",
    "hold": "plan",
}


@pytest.mark.parametrize("name", [*RARER, "all"])
def test_rarer_rules_reach_the_twin_and_the_line(name: str) -> None:
    data = visits()
    explorer = FunnelExplorer(data, ("look", "buy"), within="24h")
    explorer.steps[2].value = "look"
    for rule, value in RARER.items():
        if name in (rule, "all") or (rule, name) == ("exclude", "exclusion"):
            explorer.controls[rule].value = value
    assert explorer.error == ""
    assert isinstance(explorer.result, FunnelResult)
    twin = explore_funnel(data, **explorer.arguments)
    assert isinstance(twin, FunnelResult)
    assert explorer.result.table.equals(twin.table)
    written = eval(explorer.code, {"kpi": kpi, "data": data})
    assert (written.table.to_dicts(), written.definition) == (twin.table.to_dicts(), twin.definition)
    told = twin.definition["within_step"] if name == "within_step" else twin.definition.get(name)
    wanted = {"within_step": ["2h", None], "exclude": ["cart"]}.get(name, RARER.get(name))
    assert told == wanted


def test_segments_can_be_compared_where_there_are_any() -> None:
    data = visits()
    explorer = FunnelExplorer(data, ("look", "buy"), within="24h")
    explorer.controls["compare"].value = True
    assert "choose a column under Split by" in explorer.error
    explorer.controls["by"].value = "plan"
    assert isinstance(explorer.result, FunnelComparison)
    twin = explore_funnel(data, **explorer.arguments)
    written = eval(explorer.code, {"kpi": kpi, "data": data})
    assert explorer.result.table.equals(twin.table)
    assert written.table.equals(twin.table)
    assert explorer.code.startswith("kpi.compare_funnels(kpi.funnel(data.with_by(('plan',)), ")
    explorer.steps[0].value = "buy"
    explorer.steps[1].value = "look"
    explorer.controls["within"].value = "1s"
    assert "<figure" in explorer.box.children[-1].value


def test_a_comparison_of_nobody_has_no_picture() -> None:
    explorer = FunnelExplorer(log([("u", 0.0, "look", "free"), ("u", 1.0, "buy", "free")]), ("look", "buy"), by="plan")
    explorer.controls["compare"].value = True
    assert "There are no two groups" in explorer.box.children[-1].value
    assert "<figure" not in explorer.box.children[-1].value


def test_rules_that_contradict_each_other_are_said_in_words() -> None:
    explorer = FunnelExplorer(visits(), ("look", "buy"))
    for name, value, words in (
        ("within_step", "soon", "is no duration"),
        ("within_step", "1h, 2h", "2 windows for 1 steps"),
        ("exclude", "look", "a step and an excluded event at once"),
    ):
        explorer.controls[name].value = value
        assert words in explorer.error, name
        assert 'role="alert"' in explorer.box.children[-1].value
        explorer.controls[name].value = ""
        assert explorer.error == ""


def test_what_few_ask_for_is_folded_away() -> None:
    more = FunnelExplorer(visits(), ("look", "buy")).box.children[2]
    assert (more.titles, more.selected_index) == (("More rules",), None)
    assert len(more.children[0].children) == len(RARER) == len(FOLDED)


def test_hostile_names_stay_text() -> None:
    data = log([("u", at * 1.0, name, name) for at, name in enumerate((*HOSTILE, "look", "buy"))])
    explorer = FunnelExplorer(data, (HOSTILE[0], "buy"), within=None, by="plan")
    assert "<script>" not in explorer.box.children[-1].value
    explorer.controls["within"].value = HOSTILE[0]
    assert "<script>" not in explorer.box.children[-1].value


def test_choices_come_from_the_data() -> None:
    assert segment_columns(visits()) == ["plan"]
    assert step_choices(visits(), ("new",)) == ["buy", "cart", "look", "new"]
    assert "purchase@2" in step_choices(shop(), ())


def test_the_twin_refuses_like_the_library() -> None:
    with pytest.raises(UsageError):
        explore_funnel(visits(), steps=("look",))
