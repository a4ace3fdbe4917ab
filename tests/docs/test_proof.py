"""The page that names the tests which hold what is promised: each is there, and no rule is left out."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

PAGE = "docs/proof.md"
NAMED = re.compile(r"`([\w/]+\.py)::([\w:]+)`")


def missing(text: str, root: Path) -> list[str]:
    """The tests that a page names and that are not there."""
    return [f"{file}::{name}" for file, name in NAMED.findall(text) if not _there(root / "tests" / file, name)]


def _there(file: Path, name: str) -> bool:
    inside: list[ast.stmt] = ast.parse(file.read_text("utf-8")).body if file.is_file() else []
    for part in name.split("::"):
        found = next((each for each in inside if getattr(each, "name", None) == part), None)
        if not isinstance(found, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return False
        inside = found.body
    return True


def test_every_test_that_is_named_is_there(text: Callable[[str], str], root: Path) -> None:
    assert len(NAMED.findall(text(PAGE))) > 100
    assert missing(text(PAGE), root) == []


def test_every_promise_names_a_test_and_no_rule_is_left_out(text: Callable[[str], str]) -> None:
    rows = [line for line in text(PAGE).splitlines() if line.startswith("| ") and " held by |" not in line]
    assert [row for row in rows if not NAMED.search(row)] == []
    ids = [found[1] for row in rows if (found := re.match(r"\| ([RS]\d+) ", row))]
    assert ids == [*(f"R{at}" for at in range(1, 15)), *(f"S{at}" for at in range(1, 12))]


def test_a_test_that_is_not_there_is_seen(root: Path) -> None:
    told = "`docs/test_proof.py::test_no`, `docs/none.py::test_no`, `docs/test_proof.py::missing`"
    assert missing(told, root) == ["docs/test_proof.py::test_no", "docs/none.py::test_no"]
    assert missing("`reporting/test_runner.py::TestAFailedRun::test_that_takes_too_long`", root) == []
    assert missing("`reporting/test_runner.py::test_that_takes_too_long`", root) != []  # it belongs to a class
