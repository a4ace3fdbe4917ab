"""Style, types and floors are part of the suite: one red line for all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = {
    "style": ["-m", "ruff", "check", "--no-cache", "--output-format=concise", "."],
    "format": ["-m", "ruff", "format", "--no-cache", "--check", "--output-format=concise", "."],
    "types": ["-m", "mypy"],
    "floors": ["-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_passes(root: Path, check: str) -> None:
    done = subprocess.run([sys.executable, *CHECKS[check]], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


BREACHES = {
    "kpi_lib/core/errors.py": "import kpi_lib.answers",
    "kpi_lib/show/__init__.py": "import kpi_lib.sources",
    "kpi_lib/reporting/__init__.py": "import altair",
    "kpi_lib/sources/__init__.py": "import papermill",
    "kpi_lib/core/units.py": "import click",
    "kpi_lib/core/__init__.py": "import ipywidgets",
    "kpi_lib/cli/__init__.py": "import nbconvert",
}


@pytest.fixture
def small_house(root: Path, tmp_path: Path) -> Path:
    """A house with the same floors and contracts but empty rooms."""
    (tmp_path / "pyproject.toml").write_text((root / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for floor in ("", "core", "shapes", "kpis", "answers", "sources", "show", "reporting", "cli"):
        folder = tmp_path / "kpi_lib" / floor
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "__init__.py").touch()
    for room in ("errors", "units"):
        (tmp_path / "kpi_lib" / "core" / f"{room}.py").touch()
    for room in ("registry", "one", "two"):
        (tmp_path / "kpi_lib" / "kpis" / f"{room}.py").touch()
    return tmp_path


def lint_floors(house: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *CHECKS["floors"]]
    return subprocess.run(
        command,
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(house), "LANG": "C.UTF-8"},
    )


def test_the_small_house_itself_is_in_order(small_house: Path) -> None:
    done = lint_floors(small_house)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", BREACHES)
def test_an_import_up_or_out_of_its_room_is_caught(small_house: Path, file: str) -> None:
    (small_house / file).write_text(BREACHES[file] + "\n", encoding="utf-8")
    done = lint_floors(small_house)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout


def test_categories_that_know_each_other_are_caught(small_house: Path) -> None:
    kpis = small_house / "kpi_lib" / "kpis"
    (kpis / "one.py").write_text("import kpi_lib.kpis.registry\n", encoding="utf-8")
    assert lint_floors(small_house).returncode == 0
    (kpis / "two.py").write_text("import kpi_lib.kpis.one\n", encoding="utf-8")
    assert lint_floors(small_house).returncode == 1


def test_a_circle_is_caught(small_house: Path) -> None:
    core = small_house / "kpi_lib" / "core"
    (core / "errors.py").write_text("import kpi_lib.core.units\n", encoding="utf-8")
    (core / "units.py").write_text("import kpi_lib.core.errors\n", encoding="utf-8")
    assert lint_floors(small_house).returncode == 1
