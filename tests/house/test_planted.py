"""The faults that are planted to try the suite can still be planted, and (in the slow run) each is caught."""

from pathlib import Path

import pytest

from tests.mutants.planted import FAULTS, copied, planted


def test_every_fault_has_its_place_and_its_test(root: Path) -> None:
    assert len(FAULTS) >= 10
    for name, fault in FAULTS.items():
        assert (root / fault.file).read_text("utf-8").count(fault.old) == 1, name
        file, *parts = fault.test.split("::")
        text = (root / file).read_text("utf-8")
        assert all(f"def {part}(" in text or f"class {part}" in text for part in parts), name


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("planted").resolve())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_every_planted_fault_is_caught(name: str, copy: Path) -> None:
    assert planted(name, copy)
