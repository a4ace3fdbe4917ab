"""A run that is killed, that fails at a step, or that meets another one leaves a whole report and nothing else behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.conftest import Write
from tests.reporting.crashing import DEAD, FINE, TOLD

ROOT = Path(__file__).parents[2]
SLOW = pytest.mark.slow


@pytest.fixture
def tried(notebook: Write, tmp_path: Path) -> Callable[..., Any]:
    """What came of runs that were treated so."""

    def ask(how: str, count: int = 0) -> Any:  # noqa: ANN401
        notebook()
        command = [sys.executable, "-m", "tests.reporting.crashing", how, str(tmp_path), str(count)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        told = json.loads(done.stdout)
        assert told["last"] == 9  # the next run succeeds, and clears up
        assert told["left"] == ["1998-06"]
        return told["tries"]

    return ask


def test_a_run_killed_at_any_step_leaves_the_old_or_the_new_report(tried: Callable[..., Any]) -> None:
    tries = tried("kill")
    assert len(tries) > 15
    assert {status for status, *_ in tries} == {DEAD}
    assert all(there in (before, wanted) for _, there, before, wanted in tries)
    published = [there == wanted for _, there, _, wanted in tries]
    assert published[0] is False
    assert any(published), tries  # killed while clearing up: the new report stands


def test_a_run_that_fails_at_any_step_leaves_the_old_or_the_new_report(tried: Callable[..., Any]) -> None:
    tries = tried("fail")
    assert len(tries) > 15
    assert {status for status, *_ in tries} <= {FINE, TOLD}  # in words, never by a traceback
    for status, there, before, wanted in tries:
        assert there == wanted if status == FINE else there in (before, wanted)
    assert sum(status == TOLD for status, *_ in tries) > 8


@pytest.mark.parametrize("count", [12, pytest.param(50, marks=SLOW)])
def test_races_leave_one_whole_report_each(tried: Callable[..., Any], count: int) -> None:
    tries = tried("race", count)
    assert len(tries) == count
    assert {(one, other) for one, other, *_ in tries} == {(FINE, FINE)}
    assert all(there in (first, second) for _, _, there, first, second in tries)


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=SLOW)])
def test_runs_killed_at_random_instants_leave_no_half_report(tried: Callable[..., Any], count: int) -> None:
    tries = tried("random", count)
    assert {status for status, *_ in tries} <= {DEAD, FINE}
    assert sum(status == DEAD for status, *_ in tries) > count // 5
    before = 1
    for _, there, wanted in tries:
        assert there in (before, wanted)
        before = there
