"""The bar over the cells of all runs: which report and question it works on, how far it is, and how much time is left."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from kpi_lib.cli.reports import Bar


@pytest.fixture
def bar(tmp_path: Path) -> Bar:
    """Two runs of a notebook with three cells of code, and so of four with its parameters."""
    cells = [nbformat.v4.new_code_cell(str(at)) for at in range(3)]
    place = tmp_path / "toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), place)
    jobs = [SimpleNamespace(head=SimpleNamespace(report="monthly"), period=period) for period in ("2026-09", "2026-10")]
    return Bar([SimpleNamespace(notebook=place, job=job) for job in jobs])


def line(bar: Bar) -> str:
    told: Any = bar.bar
    return str(told.format_progress_line())


def test_the_bar_names_the_report_and_the_question_that_is_worked_on(bar: Bar) -> None:
    bar.step(0, None, 0, "Who came?")
    assert "monthly 2026-09 · Who came?" in line(bar)
    bar.step(1, None, 2, "")
    assert line(bar).rstrip().endswith("monthly 2026-10")


def test_the_bar_counts_the_cells_of_all_runs_and_tells_how_much_time_is_left(bar: Bar) -> None:
    bar.step(0, None, 2, "")
    assert " 25%" in line(bar)
    bar.bar.avg, bar.bar.eta_known = [3.0], True  # seconds that each step took so far; known after the first second
    assert "00:00:18" in line(bar)  # six are left
    bar.step(0, object(), 0, "")  # a run is over, whatever it did: what it left out is done
    bar.step(1, None, 99, "")
    assert "100%" in line(bar)
