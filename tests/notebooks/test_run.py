"""Every notebook runs from top to bottom on large, small, empty, hostile and oddly timed data."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.cli.main import run
from tests.notebooks.workspaces import ALL, HOSTILE

ROOT = Path(__file__).parents[2]
BOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
DEMOS = {name: ROOT / "data" / name for name in ("cdnow", "clickstream")}
UNFIT = {("monthly-review", "events")}  # a review of orders cannot be written without orders

Played = dict[str, list[dict[str, Any]]]


def played(workspace: Path, *books: Path) -> Played:
    """What the notebooks show on a workspace, in a process of their own."""
    command = [sys.executable, "-m", "tests.notebooks.shell", str(workspace), *map(str, books)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    assert told.returncode == 0, told.stderr[-2_000:]
    found: Played = json.loads(told.stdout)
    return found


def words(cells: list[dict[str, Any]]) -> str:
    """All that stands in the markup of some cells, as text."""
    return " ".join(
        html.unescape(re.sub(r"<[^>]+>", " ", " ".join(text for cell in cells for text in cell["html"]))).split()
    )


def check(found: Played, *, events: bool) -> None:
    """No error, nothing printed aside, nothing that is no figure; what cannot be told says why."""
    for name, cells in found.items():
        wrong = [cell for cell in cells if cell["error"]]
        if (name, "events" if events else "orders") in UNFIT:
            assert len(wrong) == 1, name
            assert "kpi_lib.core.errors.UsageError" in wrong[0]["error"]
            assert "needs a table of transactions" in wrong[0]["error"]
            continue
        assert wrong == [], name
        assert [cell["printed"] for cell in cells if cell["printed"]] == [], name
        shown = words(cells)
        assert not re.search(r"\b(nan|None|inf|Traceback)\b|\.\.(?!\.)", re.sub(r"\.{3}|…", "", shown)), name
        assert re.search(r"rows? of (events|transactions) read", shown), name


def test_empty_data_are_told_as_no_data(tmp_path: Path) -> None:
    found = played(ALL["empty"](tmp_path / "w"), *(path for path in BOOKS if path.stem != "40-stages"))
    check(found, events=True)
    assert "no data" in words(found["00-start"])
    assert "nobody is in these data" in words(found["weekly-review"])
    assert "Nobody has come yet" in words(found["30-cohorts"])
    assert [cell["charts"] for cell in found["weekly-review"] if cell["charts"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_every_notebook_runs_on_every_odd_workspace(tmp_path: Path, name: str) -> None:
    check(played(ALL[name](tmp_path / "w"), *BOOKS), events="orders" not in name)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEMOS)
def test_every_notebook_runs_on_both_demos(name: str) -> None:
    found = played(DEMOS[name], *BOOKS)
    check(found, events=name == "clickstream")
    if name == "cdnow":  # it has no features; the section says so in words
        assert "no features are declared" in words(found["weekly-review"])


def rendered(
    workspace: Path, name: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], str]:
    """A report by the command: its status, what it answers, what it says on the side."""
    status = run(["--workspace", str(workspace), "--json", "report", name, "--out", str(out)])
    captured = capsys.readouterr()
    (told,) = json.loads(captured.out)["reports"]
    return status, told, captured.err


PAGES = [("hostile", "weekly")]
MORE = [
    ("empty_orders", "monthly"),
    ("minimal", "weekly"),
    ("one_event", "weekly"),
    ("nothing_declared", "weekly"),
    ("minimal_orders", "monthly"),
    ("hostile_orders", "monthly"),
]
LAST = [("skipped", "weekly"), ("minimal_orders", "weekly"), ("empty_orders", "weekly"), ("hostile_orders", "weekly")]


@pytest.mark.parametrize(
    ("name", "report"), [*PAGES, *(pytest.param(*each, marks=pytest.mark.slow) for each in (*MORE, *LAST))]
)
def test_odd_data_give_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, report: str) -> None:
    status, told, said = rendered(ALL[name](tmp_path / "w"), report, tmp_path / "out", capsys)
    assert (status, told["status"]) == (0, "done"), told["error"]
    assert "Traceback" not in said
    page = next((tmp_path / "out").rglob("report.html")).read_text("utf-8")
    if name.startswith(("empty", "nothing")):
        assert "<strong>No data</strong>" in page
    if name.startswith("hostile"):
        harmless(page)
    if name == "hostile":  # the reviews of orders name neither people nor plans
        assert "alert(1)" in page
        assert "DROP TABLE users" in page


def harmless(page: str) -> None:
    """No name of the data became markup."""
    assert "<script>alert" not in page
    assert not re.search(r"<img[^>]+onerror", page)
    assert 'href="javascript:' not in page
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", page)
    scripts = re.findall(r"<script(.*?)>", page)
    assert all("nonce=" in each for each in scripts)
    assert len(HOSTILE[5]) == 300


NBVAL = [
    "-m",
    "pytest",
    "-q",
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=120",
    "-p",
    "no:cacheprovider",
]


def nbval(workspace: Path, *books: Path) -> "subprocess.CompletedProcess[str]":
    """The notebooks in real kernels, as nbval runs them."""
    env = {**os.environ, "KPI_WORKSPACE": str(workspace)}
    command = [sys.executable, *NBVAL, "--override-ini=addopts=", *map(str, books)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800, check=False)


CASES: list[Any] = [
    ("clickstream", "00-start"),
    pytest.param("cdnow", "", marks=pytest.mark.slow),
    pytest.param("clickstream", "", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("workspace", "book"), CASES)
def test_notebooks_run_in_kernels(workspace: str, book: str) -> None:
    chosen = [path for path in BOOKS if not book or path.stem == book]
    if workspace == "clickstream":
        chosen = [path for path in chosen if path.stem != "monthly-review"]
    told = nbval(DEMOS[workspace], *chosen)
    assert told.returncode == 0, told.stdout[-3_000:]
    assert re.search(r"\d+ passed", told.stdout)


def test_such_a_run_can_fail(tmp_path: Path) -> None:
    book = json.loads((ROOT / "notebooks" / "40-stages.ipynb").read_text("utf-8"))
    book["cells"] = [{**book["cells"][2], "source": "import kpi_lib as kpi\nkpi.open_workspace('nowhere')"}]
    planted = tmp_path / "planted.ipynb"
    planted.write_text(json.dumps(book), "utf-8")
    told = nbval(DEMOS["cdnow"], planted)
    assert told.returncode == 1
    assert "WorkspaceError" in told.stdout


GOLDEN = Path(__file__).parent / "golden-figures.ipynb"


def strictly(book: Path) -> "subprocess.CompletedProcess[str]":
    """A notebook whose outputs must come out again to the letter."""
    strict = [each.replace("--nbval-lax", "--nbval") for each in NBVAL]
    command = [sys.executable, *strict, "--override-ini=addopts=", str(book)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_golden_notebook_comes_out_to_the_letter() -> None:
    assert GOLDEN.stat().st_size < 60_000
    told = strictly(GOLDEN)
    assert told.returncode == 0, told.stdout[-3_000:]


@pytest.mark.slow
def test_the_golden_notebook_can_fail() -> None:
    planted = GOLDEN.with_name("planted-golden.ipynb")
    planted.write_text(GOLDEN.read_text("utf-8").replace("11662", "11663"), "utf-8")
    try:
        told = strictly(planted)
    finally:
        planted.unlink()
    assert told.returncode == 1
    assert "11663" in told.stdout
