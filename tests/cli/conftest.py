"""A stranger's CSV, a workspace made of it by `kpi init`, and the command as people run it."""

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kpi_lib.cli.main import run

Rows = list[tuple[datetime, str, str, str]]
START = datetime(2026, 3, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """What a run of the command gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """The one document on standard output."""
        return json.loads(self.out)


@pytest.fixture
def kpi(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run `kpi` with these arguments."""

    def call(*arguments: object) -> Said:
        status = run([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return call


def visits(seed: int = 11, users: int = 150) -> Rows:
    """A made-up shop's log: people come, look, fill baskets and buy; some names hold commas and quotes."""
    pick = random.Random(seed)
    rows: Rows = []
    for user in range(users):
        country = pick.choice(["DE", "FR", "US", ""])
        time = START + timedelta(minutes=pick.randrange(60 * 24 * 60))
        for _ in range(pick.randrange(1, 6)):
            for event, chance in (("visit", 1.0), ('look, "close"', 0.7), ("basket", 0.5), ("order", 0.4)):
                if pick.random() > chance:
                    break
                rows.append((time, f"c{user:03d}", event, country))
                time += timedelta(seconds=pick.randrange(0, 2400))
            time += timedelta(hours=pick.randrange(5, 400))
    rows.append((START, "c000", "visit", "DE"))
    return sorted(rows)


@pytest.fixture
def log() -> Rows:
    """The rows of the stranger's log."""
    return visits()


@pytest.fixture
def stranger(tmp_path: Path, log: Rows, kpi: Callable[..., Said]) -> Path:
    """A workspace made of the stranger's CSV by `kpi init` and nothing else."""
    folder = tmp_path / "their stuff"
    folder.mkdir()
    with (folder / "log export.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["When", "Customer", "Action", "Country"])
        writer.writerows([(t.strftime("%Y-%m-%d %H:%M:%S"), u, e, c) for t, u, e, c in log])
    made = kpi("init", folder / "log export.csv", "--workspace", folder)
    assert made.status == 0, made.err
    return folder
