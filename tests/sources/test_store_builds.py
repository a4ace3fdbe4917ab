"""Builds of the store that are stopped, that find the disk full, or that follow a change: nothing is lost, little is done twice."""

import errno
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kpi_lib.core.errors import DataError
from kpi_lib.sources import fitted, ranges, store
from kpi_lib.sources.workspace import Workspace, open_workspace
from tests.sources.conftest import NOW, Maker
from tests.sources.test_store import TOML, add_a_file, again, log_of, move_the_zone


def writes(monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]) -> None:
    """Call `before` with its number before everything that writes to the disk, files and folders alike."""
    number = count(1)
    for owner, name in (
        (pl.DataFrame, "write_parquet"),
        (pl.LazyFrame, "sink_parquet"),
        (Path, "write_text"),
        (Path, "mkdir"),
        (Path, "rename"),
        (Path, "replace"),
    ):
        real = getattr(owner, name)

        def wrapped(*given: object, _real: Callable[..., object] = real, **named: object) -> object:
            before(next(number))
            return _real(*given, **named)

        monkeypatch.setattr(owner, name, wrapped)


def test_a_disk_that_is_full_at_any_write_loses_nothing(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "ROWS", 60)
    shop = make(TOML, log_csv=log_of(10), people_csv="user_id,plan\nu1,pro\n")
    shop.build_store()
    before = again(shop).data.tables["events"]
    add_a_file(shop)
    wanted = again(shop).data.tables["events"]
    refusals = 0
    for fails_at in count(1):
        trial, reached = Workspace(tmp_path / f"trial{fails_at}", "trial", shop.config, NOW), []
        shutil.copytree(shop.folder, trial.folder)

        def full(number: int, last: int = fails_at, reached: list[int] = reached) -> None:
            reached.append(number)
            if number == last:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            writes(broken, full)
            refused = ""
            try:
                again(trial).build_store()
            except DataError as error:
                refused = str(error)
        if fails_at not in reached:
            break
        if refused:  # the old store still stands and says what it said
            refusals += 1
            assert "No space left on device" in refused
            assert "log2.csv" in again(trial).stale
            added = (trial.folder / "log2.csv").rename(tmp_path / "aside.csv")
            assert again(trial).store == ""
            assert_frame_equal(again(trial).data.tables["events"], before)
            added.rename(trial.folder / "log2.csv")
            again(trial).build_store()
        assert again(trial).store == ""
        assert_frame_equal(again(trial).data.tables["events"], wanted)
    assert refusals > 12  # folders, ranges, days, what each tells, the index, the other table, the manifest


def test_a_build_that_is_killed_goes_on_with_the_finished_ranges(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "ROWS", 60)
    monkeypatch.setattr(ranges, "SAMPLE", 3)
    shop = make(TOML, log_csv=log_of(40), people_csv="user_id,plan\nu1,pro\n")
    script = f"""
import os, signal
from datetime import datetime
from kpi_lib.sources import ranges
from kpi_lib.sources.workspace import open_workspace
ranges.ROWS, ranges.SAMPLE = 60, 3
def tell(stage, done, total):
    if (stage, done) == ("sort", 3):
        os.kill(os.getpid(), signal.SIGKILL)
open_workspace({str(shop.folder)!r}, now=datetime.fromisoformat({NOW.isoformat()!r})).build_store(tell)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    folder = shop.folder / store.FOLDER
    assert again(shop).stale == ""
    finished = {path.name: path.stat().st_mtime_ns for path in folder.glob(".events-*.draft/*.json")}
    assert sorted(finished) == ["000.json", "001.json", "002.json"]
    assert again(shop).build_store()["built"] is True
    there = {path.name: path.stat().st_mtime_ns for path in folder.glob("events-*/*.json")}
    assert finished.items() < there.items()
    assert again(shop).store == ""
    assert_frame_equal(again(shop).data.tables["events"], shop.data.tables["events"])
    assert not list(folder.glob(".events*"))


def test_rows_are_cut_a_slice_at_a_time_however_many_ranges_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "ROWS", 60)
    monkeypatch.setattr(ranges, "SAMPLE", 3)
    heights: list[int] = []
    real = pl.DataFrame.write_parquet

    def counted(frame: pl.DataFrame, *given: object, **named: object) -> None:
        heights.append(len(frame))
        real(frame, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pl.DataFrame, "write_parquet", counted)
    rows = pl.read_csv(log_of(100).encode(), try_parse_dates=True)
    rows = rows.with_columns(pl.col("time").dt.cast_time_unit("us"))
    ranges.write_ranges(rows.lazy(), tmp_path, zone="UTC")
    cut = len(heights) - 2 * len(ranges.ranges(tmp_path))  # of each range its events and its days
    slices, rest = heights[:cut], heights[cut:]
    assert len(ranges.ranges(tmp_path)) > 10
    assert sum(slices) == sum(rest[::2]) == len(rows)
    assert max(slices) == ranges.SLICE * 60


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from here on."""
    names: list[str] = []
    real = fitted.read

    def counted(path: Path, name: str) -> object:
        names.append(name)
        return real(path, name)

    monkeypatch.setattr(fitted, "read", counted)
    return names


def odd_log(seed: int) -> str:
    """A log with rows that are set aside and rows that stand twice."""
    return log_of(12, seed=seed) + "u1,no time,a,de,1.0\nu2,2026-03-01T10:00:00Z,a,de,1.0,more\n"


def test_after_new_days_only_the_new_file_is_read_and_all_is_as_if_built_at_once(make: Maker, read: list[str]) -> None:
    files = {"log1_csv": odd_log(1), "log2_csv": odd_log(2), "people_csv": "user_id,plan\nu1,pro\n"}
    shop = make(TOML, **files)
    shop.build_store()
    assert sorted(read) == ["log1.csv", "log2.csv", "people.csv"]
    read.clear()
    (shop.folder / "log3.csv").write_text(odd_log(3), encoding="utf-8")
    assert again(shop).build_store()["built"] is True
    assert read == ["log3.csv"]
    grown, fresh = again(shop), make(TOML, "fresh", **files, log3_csv=odd_log(3))
    assert grown.store == ""
    assert grown.data.fingerprint == fresh.data.fingerprint
    assert grown.log == fresh.log
    assert any("no time" in finding.message for finding in fresh.log.findings)
    assert any("equal an earlier row" in finding.message for finding in fresh.log.findings)
    for name in fresh.data.tables:
        assert_frame_equal(grown.data.tables[name], fresh.data.tables[name])


def test_a_file_that_was_kept_serves_nothing_but_itself(make: Maker, read: list[str]) -> None:
    shop = make(TOML, log1_csv=log_of(5, 1), log2_csv=log_of(5, 2), people_csv="user_id,plan\nu1,pro\n")
    shop.build_store()
    kept = shop.folder / store.FOLDER / store.FILES
    changes: dict[str, Callable[[], object]] = {
        "log2.csv": lambda: (shop.folder / "log2.csv").write_text(log_of(5, 3), encoding="utf-8"),
        "log1.csv log2.csv people.csv": lambda: move_the_zone(shop),
        "log1.csv": lambda: (shop.folder / "log2.csv").rename(shop.folder / "log1.csv"),
    }
    for names, change in changes.items():
        read.clear()
        change()
        again(shop).build_store()
        assert " ".join(sorted(read)) == names
        told = again(shop).data.tables["events"]
        shutil.copytree(shop.folder, shop.folder.parent / names, ignore=shutil.ignore_patterns(".kpi"))
        assert_frame_equal(told, open_workspace(shop.folder.parent / names, now=NOW).data.tables["events"])
    assert len(list(kept.iterdir())) == 2  # what no file gives any more is gone
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    add_a_file(shop)
    read.clear()
    again(shop).build_store()
    assert sorted(read) == ["log1.csv", "log2.csv", "people.csv"]


def test_a_file_with_rows_from_the_future_is_read_again(make: Maker, read: list[str]) -> None:
    log = "user_id,time,event\na,2026-05-01T10:00:00Z,x\nb,2026-06-02T10:00:00Z,x\n"
    shop = make('[tables.events]\npath = "log*.csv"\n', log1_csv=log, log2_csv=log.replace("06-02", "04-02"))
    shop.build_store()
    read.clear()
    open_workspace(shop.folder, now=NOW + timedelta(days=1)).build_store()
    assert read == ["log1.csv"]
