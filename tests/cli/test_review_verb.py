"""A review session: one document, code hidden, notes kept, minutes as one page."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kpi_lib.cli.reviewing import review_command, session
from kpi_lib.sources.workspace import open_workspace
from tests.cli.conftest import Said

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "data" / "cdnow", tmp_path / "shop"))


def test_a_session_hides_its_code_and_knows_its_period(shop: Path) -> None:
    workspace = open_workspace(shop)
    book = session(workspace, workspace.grid("1998-06"))
    assert book == shop / ".kpi" / "review" / "review-1998-06.ipynb"
    cells = json.loads(book.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["metadata"]["jupyter"] == {"source_hidden": True} for cell in code)
    assert 'period: str = "1998-06"' in code[0]["source"]


def test_notes_of_a_session_are_kept(shop: Path) -> None:
    workspace = open_workspace(shop)
    book = session(workspace, workspace.grid("1998-06"))
    content = json.loads(book.read_text("utf-8"))
    content["cells"].insert(5, {"cell_type": "markdown", "id": "note", "metadata": {}, "source": "We talked."})
    book.write_text(json.dumps(content), "utf-8")
    assert session(workspace, workspace.grid("1998-06")) == book
    assert "We talked." in book.read_text("utf-8")
    assert "We talked." not in session(workspace, workspace.grid("1998-05")).read_text("utf-8")


def test_the_lab_serves_one_document_on_this_machine_with_a_token() -> None:
    command = review_command(Path("/w/review-1998-06.ipynb"), port=9000, browser=False, root_user=False)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--LabApp.default_url=/doc/tree/review-1998-06.ipynb" in command
    assert "--ServerApp.root_dir=/w" in command
    assert not any("token" in part or "password" in part for part in command)


def test_minutes_are_one_page_with_the_notes(kpi: Callable[..., Said], shop: Path, tmp_path: Path) -> None:
    workspace = open_workspace(shop)
    book = session(workspace, workspace.grid("1998-06"))
    content = json.loads(book.read_text("utf-8"))
    note = {"cell_type": "markdown", "id": "note", "metadata": {}, "source": "We talked <script>alert(1)</script>."}
    content["cells"].insert(7, note)
    book.write_text(json.dumps(content), "utf-8")
    said = kpi("review", "--minutes", "--period", "1998-06", "--workspace", shop, "--out", tmp_path / "out", "--json")
    assert (said.status, said.json["status"]) == (0, "done"), said.err
    page = Path(said.json["page"]).read_text("utf-8")
    assert "We talked" in page
    assert "<script>alert(1)" not in page
    assert "Needs attention" in page


@pytest.mark.parametrize("verb", ["review", "lab"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_the_lab_runs_as_root_only_for_root_and_says_so(
    kpi: Callable[..., Said], shop: Path, monkeypatch: pytest.MonkeyPatch, *, verb: str, uid: int
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr("os.execve", lambda _, command, env: started.append(command))
    said = kpi(verb, "--no-browser", "--workspace", shop)
    (command,) = started
    assert ("--allow-root" in command) == (uid == 0)
    assert ("running as root" in said.err) == (uid == 0)
    assert "--ServerApp.ip=127.0.0.1" in command
    assert not [part for part in command if "trust" in part or "token" in part or "password" in part]
