"""The table of docs/differences.md holds: theirs is the recorded answer of the engine, ours is what we compute."""

import json
from pathlib import Path

import pytest

from kpi_lib.shapes.funnel import Funnel, funnel
from tests.build import dataset
from tests.oracle.differing import Case, cases

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
CASES = cases(PAGE.read_text("utf-8"))
RECORDED = json.loads(Path(__file__).with_name("window_funnel.json").read_text("utf-8"))


def test_no_row_of_the_table_is_left_out() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `A")]
    assert len(rows) == len(CASES) > 10
    assert {case.name for case in CASES} == set(RECORDED["answers"])
    assert sum(case.theirs != case.ours for case in CASES) >= 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.rules}")
def test_both_answers_are_those_on_the_page(case: Case) -> None:
    assert RECORDED["answers"][case.name] == case.theirs
    rows = [("u", second * 1_000_000, event, at, {}) for at, (event, second) in enumerate(case.log)]
    found = funnel(dataset(rows, 10**12), Funnel(case.steps, within=f"{case.window}s", **case.rules))
    assert int(found.table["units"].sum()) == case.ours
