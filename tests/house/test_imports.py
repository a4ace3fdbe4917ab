"""What starting costs: importing the library brings Polars alone, asking for help not even that."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

LIST_NEW = """
import sys, sysconfig
before = set(sys.modules)
{act}
homes = tuple({{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}})
new = {{name.partition(".")[0] for name in set(sys.modules) - before
       if str(getattr(sys.modules[name], "__file__", None) or "").startswith(homes)}}
print("\\nNEW", *sorted(new))
"""
HELP = """
from kpi_lib.cli.main import main
sys.argv = ["kpi", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
"""


def loaded_by(root: Path, act: str) -> set[str]:
    """The packages from outside the standard library that an act loads in a fresh process."""
    command = [sys.executable, "-c", LIST_NEW.format(act=act)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("NEW")[2].split())


def test_the_library_loads_polars_and_nothing_else(root: Path) -> None:
    others = loaded_by(root, "import kpi_lib") - {"kpi_lib"}
    assert {name for name in others if not name.lstrip("_").startswith("polars")} == set()


def test_help_loads_neither_polars_nor_altair(root: Path) -> None:
    if importlib.util.find_spec("kpi_lib.cli.main") is None:
        pytest.skip("the kpi command does not stand yet")
    heavy = {
        "polars",
        "_polars_runtime_32",
        "altair",
        "papermill",
        "numpy",
        "scipy",
        "IPython",
        "ipywidgets",
        "nbconvert",
    }
    assert loaded_by(root, HELP) & heavy == set()


def test_the_check_can_fail(root: Path) -> None:
    assert "altair" in loaded_by(root, "import altair")
