"""The making of the demo data, on tiny made-up packages: nothing is lost, nothing is tidied, nothing wrong gets in."""

import gzip
import hashlib
import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

LOG = (
    b" customer_id  date number_of_cds  dollar_value\r\n"
    b" 00002 19970112  5   77.00\r\n"
    b" 00001 19970101  1   11.77\r\n"
    b" 00002 19970112  5   77.00\r\n"
    b" 00003 19980630  1    0.00\r\n"
)
CLICKS = (
    b"user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle\n"
    b"0007,s2,purchase,2024-03-31 02:30:00,mobile,email,2024-01,loyal\n"
    b"0007,s1,home,2024-03-13 10:21:14,desktop,email,2024-01,returning\n"
    b"0007,s1,home,2024-03-13 10:21:14,desktop,email,2024-01,returning\n"
)


def test_cdnow_keeps_every_row_in_the_order_of_the_source(make_data: ModuleType) -> None:
    assert make_data.cdnow(LOG).rows() == [
        (2, date(1997, 1, 12), 5, 77.0),
        (1, date(1997, 1, 1), 1, 11.77),
        (2, date(1997, 1, 12), 5, 77.0),
        (3, date(1998, 6, 30), 1, 0.0),
    ]


def test_cdnow_refuses_a_short_row_and_says_where(make_data: ModuleType) -> None:
    with pytest.raises(SystemExit, match="line 3: expected 4 fields, found 3"):
        make_data.cdnow(b"header\r\n 00001 19970101  1   11.77\r\n 00001 19970101  1\r\n")


@pytest.mark.parametrize("line", [b" 00001 19971301  1   11.77", b" 00001 19970101  one   11.77"])
def test_cdnow_refuses_what_is_no_day_or_number(make_data: ModuleType, line: bytes) -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError):
        make_data.cdnow(b"header\r\n" + line)


def test_clickstream_keeps_rows_order_and_text_and_gives_times_no_zone(make_data: ModuleType) -> None:
    table = make_data.clickstream(gzip.compress(CLICKS))
    assert table["user_id"].to_list() == ["0007"] * 3  # not the number 7
    assert table["user_cohort"].dtype == pl.String
    assert table.schema["timestamp"] == pl.Datetime("us")
    assert table["timestamp"].to_list() == [
        datetime(2024, 3, 31, 2, 30),  # does not exist in many zones, so a silent zone would break here
        datetime(2024, 3, 13, 10, 21, 14),
        datetime(2024, 3, 13, 10, 21, 14),
    ]


def _wheel(folder: Path, source: Any, raw: bytes) -> Path:  # noqa: ANN401 - the script is no package to import from
    path = folder / f"{source.package.title()}-{source.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(source.member, raw)
        for name in source.licences:
            package.writestr(f"{source.package}-{source.version}.dist-info/{name}", f"terms of {name}\n")
    return path


@pytest.mark.parametrize(("place", "raw"), [(0, LOG), (1, gzip.compress(CLICKS, mtime=0))])
def test_a_package_becomes_a_table_and_its_licences(
    make_data: ModuleType, tmp_path: Path, place: int, raw: bytes
) -> None:
    known = make_data.SOURCES[place]
    parsed = known.parse(raw)
    source = replace(known, sha256=hashlib.sha256(raw).hexdigest(), rows=parsed.height)
    _wheel(tmp_path, source, raw)
    target = make_data.make(source, tmp_path, tmp_path / "out")
    assert target == tmp_path / "out" / known.workspace / "raw" / known.target
    assert pl.read_parquet(target).equals(parsed)
    licences = tmp_path / "out" / known.workspace / "licences"
    assert sorted(path.name for path in licences.iterdir()) == sorted(Path(name).name for name in known.licences)


def test_a_changed_source_file_is_refused_and_nothing_is_written(make_data: ModuleType, tmp_path: Path) -> None:
    _wheel(tmp_path, make_data.SOURCES[0], LOG)
    with pytest.raises(SystemExit, match="has changed"):
        make_data.make(make_data.SOURCES[0], tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_row_is_noticed(make_data: ModuleType, tmp_path: Path) -> None:
    source = replace(make_data.SOURCES[0], sha256=hashlib.sha256(LOG).hexdigest(), rows=5)
    _wheel(tmp_path, source, LOG)
    with pytest.raises(SystemExit, match="4 rows, 5 are expected"):
        make_data.make(source, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_wheel_is_told_with_the_way_out(make_data: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"No wheel of lifetimes 0\.11\.3"):
        make_data.main(["--wheels", str(tmp_path), "--out", str(tmp_path / "out")])
