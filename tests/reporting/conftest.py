"""Toy notebooks, written by the tests themselves, and the place their reports go to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kpi_lib.reporting.page import Head
from kpi_lib.reporting.runner import Job

HANDOVER = """
import polars as pl
from kpi_lib.reporting.handover import hand_over
values = pl.DataFrame({"kpi": ["orders"], "value": [float(rows)]})
hand_over(values, {"fingerprint": "f00d", "sentences": ["3 orders."]})
"""
PARAMETERS = "rows: int = 3  # how many\nlabel: str = 'a'"

Write = Callable[..., Path]


@pytest.fixture
def notebook(tmp_path: Path) -> Write:
    """Write a notebook: its parameters, then these cells, then the hand-over."""

    def write(*sources: str, name: str = "toy", handover: str = HANDOVER) -> Path:
        cells: list[Any] = [nbformat.v4.new_markdown_cell("# Toy question\nWho decides what.")]
        cells.append(nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}))
        cells += [nbformat.v4.new_code_cell(source) for source in (*sources, handover) if source]
        for at, cell in enumerate(cells):
            cell["id"] = f"cell-{at}"
        place = tmp_path / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), place)
        return place

    return write


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def job(out: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A run of the toy report for one month; kernels find this checkout."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    head = Head(workspace="Toy", report="toy", title="June 1998")
    return Job(head=head, period="1998-06", folder=out / "Toy" / "toy" / "1998-06", timeout=120)
