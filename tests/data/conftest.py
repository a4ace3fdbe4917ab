"""Load the two scripts that stand outside any package, once a session."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _script(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def make_data() -> ModuleType:
    """The script that makes the demo data."""
    return _script("make_data_script", ROOT / "data" / "make_data.py")


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The script that computes the demo figures in plain Python."""
    return _script("demo_figures_script", ROOT / "tests" / "oracle" / "demo_figures.py")
