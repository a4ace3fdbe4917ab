"""What a spreadsheet makes of our files: text stays text, numbers stay numbers, and no half file is left."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kpi_lib.core.errors import UsageError
from kpi_lib.sources.csvfile import read_csv
from kpi_lib.sources.exporting import neutral, write_csv

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\0x", '=HYPERLINK("http://x")')


def test_texts_that_a_spreadsheet_would_run_are_disarmed(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [*FORMULAS, "ann", "a=b", "", None], "=seconds": [-1.5] * 12})
    place = tmp_path / "out.csv"
    assert write_csv(frame, str(place)) == 12
    with place.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["user_id", "'=seconds"]
    assert [row[0] for row in rows] == [*(f"'{text}" for text in FORMULAS), "ann", "a=b", "", ""]
    assert {row[1] for row in rows} == {"-1.5"}


def test_our_reader_gives_back_what_was_written(tmp_path: Path) -> None:
    marks = ["", "'", "''", "=", "+", "-", "@", "\t", "\r", '"', ","]
    texts = [first + second + third + "x" for first in marks for second in marks for third in marks]
    wanted = [*texts, "=a\nb", "'=a\n-b"]
    place = tmp_path / "out.csv"
    write_csv(pl.DataFrame({"user_id": wanted, "=note": "'=1", "n": range(len(wanted))}), str(place))
    rows, rejected = read_csv("out.csv", place.read_bytes())
    assert rejected.is_empty()
    assert rows.columns[1:] == ["user_id", "=note", "n"]
    assert rows["user_id"].to_list() == wanted
    assert rows["=note"].unique().to_list() == ["'=1"]
    with place.open(newline="", encoding="utf-8") as file:
        assert not [row[0] for row in csv.reader(file) if row[0].startswith(tuple("=+-@\t\r"))]


def test_enums_are_disarmed_too_and_times_are_utc() -> None:
    kinds = pl.Series("kind", ["=x", "y"], dtype=pl.Enum(["=x", "y"]))
    assert neutral(kinds.to_frame())["kind"].to_list() == ["'=x", "y"]


def test_times_are_written_in_utc(tmp_path: Path) -> None:
    place = tmp_path / "out.csv"
    write_csv(pl.DataFrame({"at": [datetime(2026, 1, 5, 10, tzinfo=UTC)]}), str(place))
    assert place.read_text("utf-8") == "at\n2026-01-05T10:00:00.000000Z\n"


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    place = tmp_path / "out.csv"
    place.write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="not overwritten"):
        write_csv(pl.DataFrame({"a": [1]}), str(place))
    assert place.read_text("utf-8") == "mine"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UsageError, match="No space left"):
        write_csv(pl.DataFrame({"a": [1]}), str(tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []
