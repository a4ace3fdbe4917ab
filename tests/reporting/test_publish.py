"""Whatever a report is called, it lies under the folder that was asked for; and it appears in one piece."""

import fcntl
import os
import shutil
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting.publish import LOCK, NEW, OLD, WORKING, folder_name, place, publish, sweep, workshop

HOSTILE = [
    "..",
    ".",
    "",
    "../../etc",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "%2e%2e",
    "a\0b",
    "x" * 400,
    " a ",
    "a.failed",
    "~",
    "é" * 200,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_inside(tmp_path: Path, name: str) -> None:
    folder = place(tmp_path, workspace=name, report=name, period=name, by=("country", name))
    assert folder.resolve().is_relative_to(tmp_path.resolve())
    assert len(folder.relative_to(tmp_path.resolve()).parts) == 4
    folder.mkdir(parents=True)


@given(st.text(max_size=60))
def test_any_name_is_one_plain_folder(name: str) -> None:
    text = folder_name(name)
    assert text not in ("", ".", "..")
    assert not set(text) & set("/\\\0\n")
    assert not text.startswith(".")
    assert not text.endswith((".failed", ".tmp"))


@given(st.text(string.printable, max_size=20), st.text(string.printable, max_size=20))
def test_two_names_are_two_folders(one: str, other: str) -> None:
    assert (folder_name(one) == folder_name(other)) == (one == other)


def test_ordinary_names_stay_readable() -> None:
    assert [folder_name(name) for name in ("Demo shop", "2026-W46", "country=DE", "2026.1")] == [
        "Demo shop",
        "2026-W46",
        "country=DE",
        "2026.1",
    ]


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "w").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReportError, match="leads out"):
        place(tmp_path / "out", workspace="w", report="r", period="p")


def _write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(text)


@pytest.mark.parametrize("exchange", [True, False])
def test_a_new_report_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    if not exchange:
        monkeypatch.setattr("kpi_lib.reporting.publish.exchanged", lambda new, folder: False)
    folder = tmp_path / "p"
    for text in ("one", "two"):
        with workshop(folder) as here:
            _write(here / NEW, text)
            publish(here, folder)
        assert (folder / "report.html").read_text() == text
        assert [each.name for each in tmp_path.iterdir()] == ["p"]


def test_leftovers_of_dead_runs_go_and_those_of_running_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    dead = tmp_path / ".p.1-1.tmp"
    _write(dead / NEW, "half")
    (dead / LOCK).touch()
    with workshop(folder) as running:
        sweep(folder)
        assert running.exists()
        assert not dead.exists()
    assert not running.exists()


def test_a_report_taken_away_by_a_dead_run_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    dead = tmp_path / ".p.1-1.tmp"
    _write(dead / OLD, "good")
    (dead / LOCK).touch()
    sweep(folder)
    assert (folder / "report.html").read_text() == "good"
    assert not dead.exists()


def test_two_moves_give_way_to_a_report_that_came_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "p"
    _write(folder, "old")
    monkeypatch.setattr("kpi_lib.reporting.publish.exchanged", lambda new, folder: False)
    moved = Path.rename

    def interfering(self: Path, target: Path) -> Path:
        done = moved(self, target)
        if Path(target).name == OLD:
            monkeypatch.setattr(Path, "rename", moved)
            _write(folder, "between")
        return done

    with workshop(folder) as here:
        _write(here / NEW, "new")
        monkeypatch.setattr(Path, "rename", interfering)
        publish(here, folder)
    assert (folder / "report.html").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["p"]


def test_a_workshop_about_to_be_locked_stays(tmp_path: Path) -> None:
    young = tmp_path / ".p.1-1.tmp"
    young.mkdir()
    sweep(tmp_path / "p")
    assert young.exists()
    os.utime(young, (0, 0))
    sweep(tmp_path / "p")
    assert not young.exists()


def test_a_workshop_about_to_be_locked_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lock = tmp_path / "w" / "1998-06", fcntl.flock

    def meanwhile(file: Any, operation: int) -> None:  # noqa: ANN401
        monkeypatch.setattr(fcntl, "flock", lock)
        sweep(folder)  # another run of the same report begins between the two steps
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with workshop(folder) as here:
        assert (here / NEW).is_dir()


def test_a_workshop_that_died_before_it_was_locked_is_swept_in_the_end(tmp_path: Path) -> None:
    folder, left = tmp_path / "1998-06", tmp_path / f".1998-06.1-1{WORKING}"
    left.mkdir()
    (left / LOCK).touch()
    sweep(folder)
    assert left.is_dir()
    for each in (left / LOCK, left):
        os.utime(each, (0, 0))
    sweep(folder)
    assert not left.exists()


def test_a_workshop_that_clears_up_while_it_is_looked_at_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = tmp_path / "1998-06", tmp_path / f".1998-06.1-1{WORKING}"
    (left / NEW / "country=DE").mkdir(parents=True)
    folder.mkdir()
    seen = Path.stat

    def vanishing(self: Path, **given: Any) -> Any:  # noqa: ANN401
        found = seen(self, **given)
        if self == left:
            shutil.rmtree(left, ignore_errors=True)
        return found

    monkeypatch.setattr(Path, "stat", vanishing)
    sweep(folder)
    listed = Path.iterdir

    def gone(self: Path) -> Any:  # noqa: ANN401
        shutil.rmtree(left, ignore_errors=True)
        return listed(self)

    monkeypatch.setattr(Path, "stat", seen)
    (left / NEW / "country=DE").mkdir(parents=True)
    (left / LOCK).touch()
    monkeypatch.setattr(Path, "iterdir", gone)
    sweep(folder)
    assert not left.exists()
