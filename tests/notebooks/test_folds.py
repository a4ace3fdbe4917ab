"""Every figure of every notebook unfolds: definition, numerator and denominator, n, unripe, interval, source, lineage."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.test_run import BOOKS, DEMOS, played
from tests.report.page import foldless

EVERYDAY = ("40-stages", "70-signals", "90-review")
DECISION = """date = 2026-08-03
decision = "A shorter form"
type = "experience"
signal = "people leave at the form"
owner = "growth"
kpi = "mau"
expect = "+5 %"
due = 2026-12-01
look = 2026-09-15
"""


@pytest.fixture
def decided(demo: Path, tmp_path: Path) -> Path:
    """The small demo company with a decision on record, long before the period that is looked at."""
    folder = tmp_path / "company"
    shutil.copytree(demo, folder)
    (folder / "decisions").mkdir(exist_ok=True)
    (folder / "decisions" / "2026-08-03-a-shorter-form.toml").write_text(DECISION, "utf-8")
    return folder


def markup(cells: list[dict[str, Any]]) -> str:
    """All that the cells of a notebook show."""
    told = []
    for cell in cells:
        told += cell["html"]
        pairs = zip(cell["stars"], cell["below"], strict=True)
        told += [
            f'<div class="star">{tile}{text}</div>' if tile else f"<figure>{text}</figure>" for tile, text in pairs
        ]
    return "".join(told)


def test_every_figure_of_the_review_and_the_chooser_unfolds(decided: Path) -> None:
    found = played(decided, *(path for path in BOOKS if path.stem in EVERYDAY))
    assert {name: wrong for name, cells in found.items() if (wrong := foldless(markup(cells)))} == {}
    review = markup(found["90-review"])
    for kind in ("followup", "drilldown", "unhappy", "themes"):
        assert f'data-kpi="{kind}"' in review, kind
    assert 'data-kpi="rules"' in markup(found["70-signals"])


@pytest.mark.slow
@pytest.mark.parametrize("place", ["decided", *DEMOS])
def test_every_figure_of_every_notebook_unfolds(request: pytest.FixtureRequest, place: str) -> None:
    workspace = request.getfixturevalue(place) if place == "decided" else DEMOS[place]
    found = played(workspace, *BOOKS)
    assert {name: wrong for name, cells in found.items() if (wrong := foldless(markup(cells)))} == {}
