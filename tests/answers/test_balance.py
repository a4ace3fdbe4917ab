"""What stands beside a handful of KPIs: families, counter-metrics, drivers of the north star, vanity with its neighbour."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers import balance
from kpi_lib.answers.kpi_sets import changed, next_set, story
from kpi_lib.answers.stages import ALSO, GOALS, STAGES, stage
from kpi_lib.core.errors import UsageError
from kpi_lib.kpis.registry import VANITY, catalogue, find
from tests.build import told

NAMES = sorted(catalogue())
PRIMARY = sorted({name for s in (*STAGES.values(), *GOALS.values()) for name in s.primary})
PUBLISHED = {  # document 003: usage (actives, session length, adoption), financial (growth, CAC, CLV), satisfaction (NPS, CSAT)
    "dau": "usage", "mau": "usage", "avg_session_duration": "usage", "feature_adoption_rate": "usage",
    "revenue_growth_rate": "money", "cac": "money", "ltv": "money", "nps": "satisfaction", "csat": "satisfaction",
}  # fmt: skip


def test_the_families_are_those_of_the_document() -> None:
    assert {name: balance.family(find(name)) for name in PUBLISHED} == PUBLISHED
    listed = balance.families(NAMES)
    assert sum(map(len, listed.values())) <= len(NAMES)
    assert all(balance.family(find(name)) == each for each, names in listed.items() for name in names)
    assert {name for names in balance.FAMILIES.values() for name in names} <= set(NAMES)


@pytest.mark.parametrize("name", PRIMARY)
def test_every_primary_kpi_has_a_counter_metric(name: str) -> None:
    advice = stage(stage="early") if name in STAGES["early"].primary else None
    counter = (advice.counters if advice else balance.counters([name], {}))[name]
    assert counter in catalogue()
    assert counter != name


def test_a_counter_that_the_data_allow_is_preferred() -> None:
    first, *others = find("dau").counter
    assert balance.counters(["dau"], {})["dau"] == first
    if others:
        assert balance.counters(["dau"], {first: ["x.y"]})["dau"] == others[0]
    assert balance.counters(["dau"], {name: ["x.y"] for name in NAMES})["dau"] == first


@pytest.mark.parametrize("name", [*balance.DRIVERS, "ltv", "ltv_cac_ratio"])
def test_a_tree_of_drivers_names_known_kpis_once_and_ends(name: str) -> None:
    def walk(rows: list[dict[str, object]]) -> list[str]:
        return [each for row in rows for each in (str(row["kpi"]), *walk(row["inputs"]))]  # type: ignore[arg-type]

    found = walk(balance.drivers(name, depth=5))
    assert found
    assert set(found) <= set(catalogue())
    assert len(found) == len(set(found))
    assert name not in found


def test_a_derived_north_star_is_moved_by_its_parts() -> None:
    assert [each["kpi"] for each in balance.drivers("ltv_cac_ratio")] == ["ltv", "cac"]


def test_the_advice_is_balanced_or_says_what_to_add() -> None:
    advice = stage(told("ann 01-05 v"), stage="growth")
    assert advice.families["satisfaction"] == []
    assert any("no satisfaction KPI" in said and "nps" in said for said in advice.warnings)
    content = stage(goals=["satisfaction"]).warnings
    assert any("no usage KPI" in said and "wau" in said for said in content)
    assert any("no money KPI" in said and "arpu" in said for said in content)
    whole = stage(stage="growth", goals=["satisfaction"])
    assert not any("no usage KPI" in said or "no money KPI" in said for said in whole.warnings)


def test_vanity_is_told_with_its_neighbour() -> None:
    advice = stage(goals=["revenue"])
    assert set(advice.vanity) == {
        row["kpi"] for row in (*advice.primary, *advice.secondary) if find(row["kpi"]).use == VANITY
    }
    assert advice.vanity["marketing_impressions"] == "marketing_clicks"
    assert any("marketing_impressions looks good" in said for said in advice.warnings)


def test_the_other_document_is_heard_as_well() -> None:
    early = stage(stage="early")
    assert [row["kpi"] for row in early.also] == list(ALSO["early"])
    both = stage(stage="growth", goals=["engagement"])
    assert [row["kpi"] for row in both.also] == ["active_users", "user_retention_rate"]  # session length stands there
    assert {name for names in ALSO.values() for name in names} <= set(catalogue())


def test_a_north_star_is_proposed_from_what_is_there() -> None:
    assert stage(stage="early", profile="commerce").north_star == "active_customers"
    assert stage(told("ann 01-05 v"), stage="early", profile="commerce").north_star == "wau"
    chosen = stage(stage="early", north_star="mrr")
    assert (chosen.north_star, [each["kpi"] for each in chosen.inputs][:2]) == ("mrr", ["new_customers", "arpa"])
    with pytest.raises(UsageError, match="Did you mean mrr"):
        stage(stage="early", north_star="mmr")


@pytest.mark.parametrize("limit", [1, 3, 5, 8])
def test_the_limit_moves_the_rest_beside(limit: int) -> None:
    advice = stage(stage="growth", goals=["engagement", "revenue"], limit=limit)
    assert len(advice.primary) == min(limit, 8)
    assert any("primary KPIs: a handful" in said for said in advice.warnings)
    with pytest.raises(UsageError, match="leaves no KPI"):
        stage(stage="growth", limit=0)


sets = st.lists(st.sampled_from(NAMES[:8]), unique=True, max_size=5)


@given(st.tuples(sets, sets, sets, sets))
def test_changes_of_a_set_rebuild_it(lists: tuple[list[str], ...]) -> None:
    first, second, third, fourth = lists
    old = {"primary": first, "secondary": [name for name in second if name not in first]}
    new = {"primary": third, "secondary": [name for name in fourth if name not in third]}
    said = {
        line.split(" ", 1)[0] if line[0] in "ad" else " ".join(line.split()[:2]): line for line in changed(old, new)
    }
    moved = {word: {name for name in NAMES[:8] if name in line.replace(",", "").split()} for word, line in said.items()}
    ranks = [{name: rank for rank in each for name in each[rank]} for each in (old, new)]
    names = {name: (ranks[0].get(name), ranks[1].get(name)) for name in {*ranks[0], *ranks[1]}}
    assert moved.get("added", set()) == {name for name, (was, now) in names.items() if was is None and now}
    assert moved.get("dropped", set()) == {name for name, (was, now) in names.items() if was and now is None}
    assert moved.get("now primary", set()) == {n for n, pair in names.items() if pair == ("secondary", "primary")}
    assert moved.get("now secondary", set()) == {n for n, pair in names.items() if pair == ("primary", "secondary")}


def test_without_a_set_there_is_no_story() -> None:
    assert story([]) == ""
    assert next_set([], ["dau"], [], date(2026, 1, 1))["version"] == 1  # type: ignore[index]
