"""Every KPI is declared in full, and a half-declared one cannot be."""

import json
import subprocess
import sys
from typing import Any

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.cli.catalogue import described
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import COUNT, DERIVED
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import UP
from kpi_lib.kpis import registry
from kpi_lib.kpis.registry import CATEGORIES, MORE, NEEDED, REGISTRY, UNSET, base_of, catalogue, faults, find, kpi

from .worlds import grid_of, world

KPIS = catalogue()
UNITS = {"share", "count", "money", "seconds", "score", "ratio", "per_user"}
DIRECTIONS = {"higher_better", "lower_better", "context"}
USES = {"actionable", "semi-vanity", "vanity", "context"}
FULL: dict[str, Any] = {
    "title": "T", "unit": PEOPLE, "direction": UP, "measure": COUNT, "inputs": ("events.time",), "stages": (), "cadence": "day",
    "formula": "f", "ripeness": "r", "counter": (), "references": (), "sources_wrong": "", "use": "context",
}  # fmt: skip


@pytest.mark.parametrize("name", KPIS)
def test_every_record_is_complete(name: str) -> None:
    each = KPIS[name]
    assert each.name == each.function.__name__ == name
    assert each.category in CATEGORIES
    module = each.function.__module__.removeprefix("kpi_lib.kpis.")
    assert each.category == MORE.get(module, module)
    for text in (each.title, each.formula, each.ripeness, each.summary):
        assert text
        assert text == text.strip()
    assert each.unit.name in UNITS
    assert each.direction in DIRECTIONS
    assert each.use in USES
    assert set(each.stages) <= {"early", "growth", "mature"}
    assert each.cadence in {"day", "week", "month", "quarter"}
    assert each.inputs
    assert each.references
    assert set(each.counter) <= set(KPIS) - {name}
    # what can be primary needs a counter-metric; what has no better way cannot be primary
    assert each.counter or not each.stages or each.direction == "context"
    assert each.lookback in {"", "first", "before"}


@pytest.mark.parametrize("name", KPIS)
def test_every_record_is_json_and_its_hash_follows_the_choices(name: str) -> None:
    each = KPIS[name]
    record = each.record()
    assert json.loads(json.dumps(record))["kpi"] == name
    assert record["definition"] == each.definition_hash({})
    for option in each.options:
        assert each.definition_hash({option: "other"}) != each.definition_hash({})
        assert each.record({option: "other"})["settings"][option]["value"] == "other"
    assert each.definition_hash({"nothing_of_its_own": 1}) == each.definition_hash({})


def test_the_catalogue_has_no_faults_and_all_hashes_differ() -> None:
    assert faults() == []
    assert len({each.definition_hash({}) for each in KPIS.values()}) == len(KPIS)


def unchosen() -> Dataset:
    """A world in which nobody has chosen anything."""
    data = world(0)
    return Dataset.of(data.tables, zone=data.zone, observed_from=data.observed_from, observed_until=data.observed_until)


@pytest.mark.parametrize("name", KPIS)
def test_a_kpi_that_waits_for_a_choice_says_which_and_no_other_does(name: str) -> None:
    data, shown = unchosen(), described(KPIS[name].record())
    found = compute(name, data, grid_of(data))
    waits = found.table["status"].unique().to_list() == ["needs_choice"]
    assert waits == any(mark in shown for mark in (f"({NEEDED})", "[features]", "[funnels]"))
    assert waits == any(
        each in " ".join(found.reasons.values()) for each in (*KPIS[name].choices, "[features]", "[funnels")
    )
    assert all(choice in shown for choice in KPIS[name].choices)


def test_choices_that_may_stay_open_say_what_then_holds() -> None:
    open_ones = {n for each in KPIS.values() for n, default in each.choices.items() if default is None}
    assert set(UNSET) < open_ones
    settings = KPIS["ltv_cac_ratio"].record()["settings"]
    assert settings["gross_margin"] == {"default": None, "value": None, "unset": NEEDED}
    assert settings["customers_by"]["unset"] == UNSET["customers_by"]
    assert KPIS["ltv_cac_ratio"].definition_hash({"gross_margin": 0.5}) != KPIS["ltv_cac_ratio"].definition_hash({})


def test_titles_tell_kpis_apart() -> None:
    assert len({each.title for each in KPIS.values()}) == len(KPIS)


def test_an_unknown_id_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown KPI 'stickines'\. Did you mean stickiness"):
        find("stickines")
    assert find("dau") is KPIS["dau"]


@pytest.mark.parametrize("field", FULL)
def test_a_half_declared_kpi_cannot_be(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        kpi(**{name: value for name, value in FULL.items() if name != field})


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A catalogue of our own."""
    mine: dict[str, Any] = {}
    monkeypatch.setattr(registry, "REGISTRY", mine)
    monkeypatch.setattr(registry, "CATEGORIES", ())
    return mine


def declared(name: str, parts: tuple[str, ...] = (), doc: str = "What.", **other: Any) -> None:  # noqa: ANN401
    names = ", ".join(parts) if parts else "data, grid"
    space: dict[str, Any] = {"__name__": f"kpi_lib.kpis.{other.pop('module', 'mine')}"}
    exec(f"def {name}({names}): {doc!r}", space)
    kpi(**{**FULL, "measure": DERIVED if parts else COUNT, **other})(space[name])


def test_faults_of_the_whole_are_found(scratch: dict[str, Any]) -> None:
    declared("a", counter=("nobody",))
    declared("b", ("a", "previous_missing"))
    declared("c", ("year_before_d",))
    declared("d", ("c",))
    declared("e", doc="")
    assert faults() == [
        "a: unknown counter nobody",
        "b: unknown part previous_missing",
        "c: is made of itself",
        "d: is made of itself",
        "e: no summary",
    ]


def test_two_kpis_of_one_name_are_refused(scratch: dict[str, Any]) -> None:
    declared("a")
    declared("a")  # a module read again is no second KPI
    with pytest.raises(ValueError, match="two KPIs are named a"):
        declared("a", module="other")


def test_parts_of_derived_kpis() -> None:
    assert base_of("year_before_dau") == ("year_before_", "dau")
    assert base_of("previous") == ("", "previous")
    assert KPIS["revenue_growth_rate"].components == ("total_revenue", "previous_total_revenue")
    assert KPIS["dau"].components == ()
    assert KPIS["mau"].window_on("month") is None
    assert KPIS["mau"].window_on("week") == "30d"
    assert KPIS["wau"].window_on("month") == "7d"
    assert REGISTRY is KPIS


def test_the_order_does_not_depend_on_who_was_imported_first() -> None:
    code = (
        "import kpi_lib.kpis.monetization; from kpi_lib.kpis.registry import CATEGORIES, catalogue; "
        "seen = [k.category for k in catalogue().values()]; print(seen == sorted(seen, key=CATEGORIES.index))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"
