"""The two demo reports, rendered once for all tests."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kpi_lib.cli.main import run
from tests.report.page import Page

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from kpi_lib.cli.main import main; main()"]


@dataclass
class Report:
    """A rendered report on disk."""

    folder: Path

    @cached_property
    def html(self) -> str:
        return (self.folder / "report.html").read_text("utf-8")

    @cached_property
    def page(self) -> Page:
        return Page(self.html)

    @cached_property
    def values(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "values.parquet")

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return self.values.to_dicts()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        return read

    @cached_property
    def sentences(self) -> list[str]:
        """What stands on top."""
        return [text.read for text in self.page.texts if "kpi-headline" in text.classes and text.tag == "li"]

    def says(self, words: str) -> bool:
        """Whether a text of the page holds these words."""
        return any(words in text.read for text in self.page.texts)


def started(workspace: str, name: str, period: str, out: Path, **env: str) -> "subprocess.Popen[str]":
    """A run of `kpi report` of its own, as people start it, with this on top of the environment."""
    given = ["--workspace", str(ROOT / "data" / workspace), "report", name, "--period", period, "--out", str(out)]
    told = {"env": {**os.environ, "PYTHONPATH": str(ROOT), **env}, "cwd": ROOT}
    return subprocess.Popen(
        [*COMMAND, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **told
    )


def finished(running: "subprocess.Popen[str]", out: Path) -> Report:
    """The report that the run published."""
    _, told = running.communicate(timeout=240)
    assert running.returncode == 0, told
    (page,) = out.glob("*/*/*/report.html")
    return Report(page.parent)


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report]:
    """The monthly and the weekly review, rendered side by side."""
    outs = [tmp_path_factory.mktemp(name) for name in ("monthly", "weekly")]
    runs = [started("cdnow", "monthly", "1998-06", outs[0]), started("clickstream", "weekly", "2024-W25", outs[1])]
    month, week = (finished(each, out) for each, out in zip(runs, outs, strict=True))
    return month, week


@pytest.fixture(scope="session")
def monthly(both: tuple[Report, Report]) -> Report:
    return both[0]


@pytest.fixture(scope="session")
def weekly(both: tuple[Report, Report]) -> Report:
    return both[1]


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """What `kpi … --json` answers on a demo workspace."""

    def ask(workspace: str, *arguments: str) -> Any:  # noqa: ANN401
        status = run(["--workspace", str(ROOT / "data" / workspace), "--json", *arguments])
        captured = capsys.readouterr()
        assert status == 0, captured.err
        return json.loads(captured.out)

    return ask


@pytest.fixture(scope="session")
def oracle() -> dict[str, Any]:
    """What plain Python found in the demo data."""
    read: dict[str, Any] = json.loads((ROOT / "tests" / "oracle" / "demo_figures.json").read_text("utf-8"))
    return read
