"""The how-to of CONTRIBUTING.md and the first steps of the README work as they are written."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kpi_lib.cli.main import run
from kpi_lib.kpis import registry

Files = Callable[[str], dict[str, str]]
Blocks = Callable[[str, str], list[str]]


@pytest.fixture
def catalogue() -> Iterator[dict[str, registry.Kpi]]:
    """The catalogue, as it was before when the test is over."""
    before = dict(registry.catalogue())
    yield registry.REGISTRY
    registry.REGISTRY.clear()
    registry.REGISTRY.update(before)


def module(name: str, code: str) -> ModuleType:
    """Execute code as the module that it would be in."""
    made = ModuleType(name)
    exec(compile(code, f"<{name}>", "exec"), made.__dict__)
    return made


def run_tests(made: ModuleType) -> int:
    """Run the test functions of a module; how many there were."""
    tests = [value for name, value in vars(made).items() if name.startswith("test_")]
    for test in tests:
        test()
    return len(tests)


def test_the_kpi_works(files: Files, catalogue: dict[str, registry.Kpi], capsys: pytest.CaptureFixture[str]) -> None:
    shown = files("CONTRIBUTING.md")
    module("kpi_lib.kpis.monetization", shown["kpi_lib/kpis/monetization.py"])
    assert catalogue["orders_per_customer"].category == "monetization"
    assert registry.faults() == []
    assert run_tests(module("tests.kpis.shown", shown["tests/kpis/test_orders_per_customer.py"])) == 2
    assert run(["compute", "orders_per_customer", "--workspace", "data/cdnow", "--period", "1998-06"]) == 0
    # 2,043 orders of 1,506 customers
    assert capsys.readouterr().out.splitlines()[1].split()[2] == "1.36"


def test_the_shape_works(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = files("CONTRIBUTING.md")
    made = module("kpi_lib.shapes.pauses", shown["kpi_lib/shapes/pauses.py"])
    monkeypatch.setitem(sys.modules, "kpi_lib.shapes.pauses", made)
    assert run_tests(module("tests.shapes.shown", shown["tests/shapes/test_pauses.py"])) == 3


@pytest.fixture
def shop(tmp_path: Path, blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the README's orders.csv, and in it."""
    (tmp_path / "orders.csv").write_text(blocks("README.md", "csv")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(script: str) -> list[list[str]]:
    """The commands of a shell block."""
    return [line.split()[1:] for line in script.splitlines() if line.startswith("kpi ")]


def test_the_three_steps_work(shop: Path, blocks: Blocks, capsys: pytest.CaptureFixture[str]) -> None:
    own = next(block for block in blocks("README.md", "sh") if "kpi init" in block)
    for command in steps(own):
        assert run(command) == 0, command
    out = capsys.readouterr().out
    for told in ("country=DE", "country=FR", "$62.40", "$0.00", "purchase@2"):
        assert told in out


def test_the_report_works(shop: Path, files: Files, blocks: Blocks, capfd: pytest.CaptureFixture[str]) -> None:
    shown = files("CONTRIBUTING.md")
    assert run(["init", "orders.csv"]) == 0
    with (shop / "kpi.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + shown["kpi.toml"] + "\n" + blocks("README.md", "toml")[0])
    (shop / "make_report.py").write_text(shown["make_report.py"], encoding="utf-8")
    subprocess.run([sys.executable, "make_report.py"], check=True)
    reports = [step for step in steps("\n".join(blocks("CONTRIBUTING.md", "sh"))) if step[0] == "report"]
    for command in reports:
        assert run(command) == 0, capfd.readouterr().err
    page = next((shop / "reports").glob("*/back/2026-10/report.html")).read_text("utf-8")
    assert "Do customers come back?" in page
    assert run(["report", "--list"]) == 0
    assert "monthly-review" in capfd.readouterr().out
