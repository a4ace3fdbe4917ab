"""Every notebook of the pack has the same anatomy, and each of its rules can fail."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.anatomy import faults, source, tags

PACK = Path(__file__).parents[2] / "notebooks"
BOOKS = sorted(path for path in PACK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
Book = dict[str, Any]


def read(path: Path) -> Book:
    book: Book = json.loads(path.read_text("utf-8"))
    return book


def test_the_pack_is_complete() -> None:
    names = {str(path.relative_to(PACK).with_suffix("")) for path in BOOKS}
    assert {
        "00-start",
        "10-scorecard",
        "20-funnel",
        "25-engagement",
        "28-paths",
        "30-cohorts",
        "40-stages",
        "50-quality-and-support",
        "55-delivery",
        "60-marketing",
        "90-review",
        "70-signals",
        "75-feature-decisions",
        "reports/cohort-report",
        "reports/funnel-report",
        "reports/launch-review",
        "reports/monthly-review",
        "reports/one-page",
        "reports/portfolio",
        "reports/quarterly-review",
        "reports/revenue-report",
        "reports/weekly-review",
    } <= names


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_anatomy(path: Path) -> None:
    assert faults(read(path), report=path.parent.name == "reports") == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_plainly(path: Path) -> None:
    book = read(path)
    names = [cell["id"] for cell in book["cells"]]
    assert names == [f"cell-{at:02d}" for at in range(len(names))]
    report = path.parent.name == "reports"
    assert set(book["metadata"]) == {"kernelspec", "language_info", *(["kpi"] if report else [])}
    assert not report or set(book["metadata"]["kpi"]) == {"every", "needs"}
    known = {"parameters", "interactive"}
    assert all(set(tags(cell)) <= known and set(cell["metadata"]) <= {"tags"} for cell in book["cells"])


def test_nothing_catches_what_a_cell_shows() -> None:
    """Widgets that catch outputs leave them out of a notebook that papermill runs; neither notebooks nor explorers use them."""
    rule = re.compile(
        r"\b(?:widgets|ipywidgets)\.(?:Output|interact\w*)\b|\b(?:Output|interact(?:ive|_manual)?)\(|import .*\b(?:Output|interact)\b"
    )
    texts = {path.name: path.read_text("utf-8") for path in (PACK.parent / "kpi_lib").rglob("*.py")}
    texts |= {path.name: "\n".join(source(cell) for cell in read(path)["cells"]) for path in BOOKS}
    assert len(texts) > 100
    assert [name for name, text in texts.items() if rule.search(text)] == []
    for wrong in ("out = widgets.Output()", "from ipywidgets import HBox, Output", "interact(f, x=3)"):
        assert rule.search(wrong)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_what_is_handed_over_is_what_was_shown(path: Path) -> None:
    cells = [source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    given = re.fullmatch(r"kpi\.conclude\(ws, grid, (.+)\)", cells[-1].strip())
    assert given is not None
    shown = "\n".join(cells[:-1])
    handed = given[1].split(", ")
    assert all(re.search(rf"^{name} = kpi\.", shown, re.MULTILINE) for name in handed)
    told = re.findall(r"^kpi\.(?:headline|learned)\((.+)\)$", shown, re.MULTILINE)  # its figures are printed too
    if path.parent.name == "reports":
        assert all(name in handed for each in told for name in each.split(", "))


@pytest.mark.parametrize("name", ["20-funnel", "25-engagement", "28-paths", "30-cohorts"])
def test_a_story_of_behaviour_says_for_whom_since_when_and_what_next(name: str) -> None:
    told = [source(cell) for cell in read(PACK / f"{name}.ipynb")["cells"]]
    heads = {text.splitlines()[0] for text in told}
    assert {"## For whom is it different?", "## What have we learned?", "## What next?"} <= heads
    (parts,) = [text for text in told if "segment_columns()" in text]
    assert parts.splitlines()[-1] == "kpi.by_segment(parts)"
    assert any("grid.back(" in text or "kpi.intake(" in text for text in told)


def plant(at: int, text: str) -> Callable[[Book], None]:
    """Replace the text of a cell."""

    def change(book: Book) -> None:
        book["cells"][at]["source"] = text

    return change


def insert(at: int, cell: Book) -> Callable[[Book], None]:
    """Put a cell in."""
    return lambda book: book["cells"].insert(at, {"id": "x", "metadata": {}, **cell})


def code(text: str, **more: Any) -> Book:  # noqa: ANN401
    return {"cell_type": "code", "source": text, "outputs": [], "execution_count": None, **more}


def words(text: str) -> Book:
    return {"cell_type": "markdown", "source": text}


def drop(start: str) -> Callable[[Book], None]:
    """Take out the cells that begin so."""

    def change(book: Book) -> None:
        kept = [cell for cell in book["cells"] if not source(cell).startswith(start)]
        assert len(kept) < len(book["cells"])
        book["cells"] = kept

    return change


def tag_as(at: int, *names: str) -> Callable[[Book], None]:
    return lambda book: book["cells"][at]["metadata"].update(tags=list(names))


def kept(**what: Any) -> Callable[[Book], None]:  # noqa: ANN401
    return lambda book: book["cells"][3].update(what)


LONG = "\n".join(f"a{at} = 1" for at in range(9)) + "\na0"
OPEN = "import kpi_lib as kpi\n\nws = kpi.open_workspace(workspace)\ndata, grid = ws.data, ws.grid(cadence=cadence)"
LITERAL = 'workspace: str = "."  # folder'

PLANTED: dict[str, tuple[Callable[[Book], None], str]] = {
    "no question": (plant(0, "# Funnel\nWho decides what."), "first cell is not"),
    "two sentences": (plant(0, "# Why?\nOne. Two."), "one sentence"),
    "two bullets": (plant(1, "- a\n- b"), "three bullets"),
    "no parameters tag": (tag_as(2), "parameters cell"),
    "two parameters cells": (tag_as(3, "parameters"), "parameters cell"),
    "a parameter without help": (plant(2, 'workspace: str = "."'), "a line of the parameters"),
    "a parameter without type": (plant(2, 'workspace = "."  # folder'), "cannot be read"),
    "a computed parameter": (plant(2, LITERAL + "\nrows: int = len(workspace)  # rows"), "cannot be read"),
    "a mistyped parameter": (plant(2, LITERAL + '\nrows: int = "3"  # rows'), "cannot be read"),
    "too many parameters": (plant(2, "\n".join(f"p{at}: int = 1  # p" for at in range(21))), "more than 20"),
    "a long opening": (plant(3, OPEN + "\na = 1\nb = 2\nc = 3\nd = 4"), "does not open"),
    "no opening": (plant(3, "import kpi_lib as kpi"), "does not open"),
    "no pills": (plant(4, "ws"), "data-quality line"),
    "an early figure": (insert(5, code("data")), "between"),
    "a heading that is no question": (plant(5, "## Conversion"), "no question"),
    "a section of two cells": (insert(7, code("data")), "one code cell"),
    "a section without code": (insert(5, words("## Why?")), "one code cell"),
    "a long section": (plant(6, "a = 1\n" * 7 + "a"), "more than 6"),
    "a section that shows nothing": (plant(6, "way = kpi.funnel(data, question)"), "shows nothing"),
    "code under what next": (insert(-2, code("data")), "holds code"),
    "nothing learned": (drop("## What have we learned"), "learned.*missing"),
    "no limits": (drop("## Limits"), "Limits.*missing"),
    "no conclusion": (drop("kpi.conclude"), "kpi.conclude"),
    "words at the end": (insert(99, words("Thanks.")), "kpi.conclude"),
    "a function": (plant(6, "def f():\n    return 1\nf()"), "FunctionDef"),
    "a class": (plant(6, "class A:\n    pass\nA"), "ClassDef"),
    "a loop": (plant(6, "for x in (1, 2):\n    print(x)\nx"), "For"),
    "a hidden loop": (plant(6, "[x for x in (1, 2)]"), "ListComp"),
    "a branch": (plant(6, "if data:\n    data\ndata"), "If"),
    "a hidden branch": (plant(6, "1 if data else 2"), "IfExp"),
    "a small function": (plant(6, "(lambda: 1)()"), "Lambda"),
    "a long cell": (plant(6, LONG + "\na0"), "more than 10"),
    "an empty cell": (plant(6, ""), "has no line"),
    "another import": (plant(6, "import polars as pl\ndata"), "imports polars"),
    "an import from inside": (plant(6, "from kpi_lib.core import dataset\ndata"), "imports from"),
    "an inner name": (plant(6, "kpi.shapes.funnel(data)"), "not public"),
    "a private name": (plant(6, "data._tables"), "not public"),
    "an output": (kept(outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}]), "keeps outputs"),
    "an execution count": (kept(execution_count=3), "keeps outputs"),
    "no Python": (plant(6, "data ="), "no Python"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "told"), PLANTED.values(), ids=PLANTED)
def test_each_rule_can_fail(change: Callable[[Book], None], told: str) -> None:
    book = copy.deepcopy(read(PACK / "20-funnel.ipynb"))
    change(book)
    found = faults(book, report=False)
    assert any(re.search(told, fault) for fault in found), found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop("card = kpi.scorecard"), "no headline"),
        (drop("## How was this computed"), "does not end with"),
        (insert(-3, words("## Conversion")), "no question"),
    ],
)
def test_each_rule_of_reports_can_fail(change: Callable[[Book], None], told: str) -> None:
    book = copy.deepcopy(read(PACK / "reports" / "monthly-review.ipynb"))
    change(book)
    found = faults(book, report=True)
    assert any(re.search(told, fault) for fault in found), found
