"""What must never stand in a committed file."""

import json
import re
from pathlib import Path

import pytest

BUILD_FILES = re.compile(r"(Makefile|pyproject\.toml|requirements/.*|setup/.*|\.ci/.*|\.git\w+)$")
ADDRESSES = {
    "an address": re.compile(r"\w://"),
    "a host name": re.compile(r"\b[\w-]+\.(?:com|org|net|io|dev|example)\b"),
    "a registry option": re.compile(
        r"--(?:extra-)?index-url|--find-links|--trusted-host|index-url\s*=|\[\[tool\.uv\.index"
    ),
}
MACHINE_PATH = re.compile(r"(?<![\w.)}~*-])/(?:root|home|Users|work|opt|tmp|mnt|private)/[\w.]")


def breaches(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    """Every line that the pattern is found in, by file and number."""
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("what", ADDRESSES)
def test_no_build_file_names_a_registry(texts: dict[str, str], what: str) -> None:
    build = {path: text for path, text in texts.items() if BUILD_FILES.match(path)}
    assert {"Makefile", "pyproject.toml", "requirements/runtime.lock", ".ci/run"} <= set(build)
    assert breaches(ADDRESSES[what], build) == []


def test_no_file_knows_the_machine_it_was_written_on(texts: dict[str, str]) -> None:
    assert breaches(MACHINE_PATH, texts) == []


def test_the_patterns_find_what_they_are_for() -> None:
    planted = "/".join(["", "home", "ann", "kpi"])
    assert breaches(MACHINE_PATH, {"a.py": f'open("{planted}")'})
    assert not breaches(MACHINE_PATH, {"a.py": "see docs/home/start.md and /usr/bin/chromium"})
    assert breaches(ADDRESSES["an address"], {"Makefile": "https" + "://x"})
    assert breaches(ADDRESSES["a host name"], {"Makefile": "pip install from pypi" + ".org"})


def test_there_is_no_lock_with_addresses(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.name in {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"}] == []


def dirt(notebook: dict[str, object]) -> list[str]:
    """What a run left in a notebook."""
    cells = notebook["cells"]
    assert isinstance(cells, list)
    found = ["metadata.papermill"] if "papermill" in str(notebook.get("metadata")) else []
    for number, cell in enumerate(cells):
        found += [f"cell {number}: {key}" for key in ("outputs", "execution_count") if cell.get(key)]
        found += [f"cell {number}: papermill" for key in cell.get("metadata", {}) if key in ("papermill", "execution")]
    return found


def test_notebooks_are_committed_without_outputs(texts: dict[str, str]) -> None:
    notebooks = {path: json.loads(text) for path, text in texts.items() if path.endswith(".ipynb")}
    clean = {path: book for path, book in notebooks.items() if not Path(path).name.startswith("golden-")}
    assert {path: found for path, book in clean.items() if (found := dirt(book))} == {}


def test_dirt_is_seen() -> None:
    run = {"cell_type": "code", "outputs": [{}], "execution_count": 3, "metadata": {"papermill": {}}}
    assert len(dirt({"metadata": {"papermill": {}}, "cells": [run]})) == 4
    assert dirt({"metadata": {}, "cells": [{"cell_type": "code", "outputs": [], "metadata": {}}]}) == []


def test_the_gate_runs_make_test(root: Path) -> None:
    gate = root / ".ci" / "run"
    lines = gate.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert [line for line in lines if "make" in line and not line.startswith("#")] == ["exec make test </dev/null"]
    assert gate.stat().st_mode & 0o111


def test_locks_are_hashed_and_leave_out_the_slow_grammars(texts: dict[str, str]) -> None:
    for name in ("bootstrap", "runtime", "dev"):
        blocks = re.split(r"\n(?=[a-z0-9])", texts[f"requirements/{name}.lock"].strip())
        assert all("==" in block and "--hash=sha256:" in block for block in blocks)
        names = {block.split("==")[0] for block in blocks}
        assert not names & {"rfc3987-syntax", "rfc3987", "lark", "pandas"}


def test_the_test_lock_holds_the_runtime_lock(texts: dict[str, str]) -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9][\w.-]*==[^ \\]+", texts[f"requirements/{name}.lock"], re.MULTILINE))

    assert len(pins("runtime")) > 50
    assert pins("runtime") <= pins("dev")
