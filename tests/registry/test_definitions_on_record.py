"""A figure changes only with its definition: what each gave on the demo company is on record under the definition's hash."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_lib.kpis.registry import find
from tests.registry.definitions_on_record import Record, changed, computed, recorded

AGAIN = "run: python -m tests.registry.definitions_on_record"


@pytest.fixture(scope="module")
def now(demo: Path) -> Record:
    return computed(demo)


def test_no_figure_changes_under_the_same_definition(now: Record) -> None:
    before = recorded()
    assert before["data"] == now["data"], f"the demo company has changed; {AGAIN}"
    assert changed(before, now) == [], "other figures under the same hash: raise `revision` in the declaration"


def test_every_definition_is_on_record(now: Record) -> None:
    assert {name: own for name, (own, _) in recorded()["kpis"].items()} == {
        name: own for name, (own, _) in now["kpis"].items()
    }, AGAIN


def test_a_change_of_figures_is_seen_and_a_revision_settles_it(now: Record) -> None:
    planted = deepcopy(now)
    planted["kpis"]["dau"][1] = "other"
    assert changed(now, planted) == ["dau"]
    kpi = find("dau")
    planted["kpis"]["dau"][0] = replace(kpi, revision=2).definition_hash({})
    assert changed(now, planted) == []
    assert kpi.definition_hash({}) != replace(kpi, revision=2).definition_hash({})


def test_most_kpis_have_a_figure_there(now: Record) -> None:
    digests = [told for _, told in now["kpis"].values()]
    assert len(set(digests)) > 0.9 * len(digests)
