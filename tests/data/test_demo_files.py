"""The committed demo data are what their READMEs say, and each kpi.toml fits its file."""

import tomllib
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

WORKSPACES = ("cdnow", "clickstream")


@pytest.fixture(scope="module")
def cdnow(root: Path) -> pl.DataFrame:
    return pl.read_parquet(root / "data" / "cdnow" / "raw" / "transactions.parquet")


@pytest.fixture(scope="module")
def clicks(root: Path) -> pl.DataFrame:
    return pl.read_parquet(root / "data" / "clickstream" / "raw" / "events.parquet")


def _settings(root: Path, workspace: str) -> dict[str, Any]:
    return tomllib.loads((root / "data" / workspace / "kpi.toml").read_text(encoding="utf-8"))


def test_cdnow_is_the_full_log(cdnow: pl.DataFrame) -> None:
    assert dict(cdnow.schema) == {"customer": pl.Int32, "date": pl.Date, "cds": pl.Int16, "value": pl.Float64}
    assert cdnow.height == 69_659
    assert cdnow["customer"].unique().sort().to_list() == list(range(1, 23_571))
    assert (cdnow["date"].min(), cdnow["date"].max()) == (date(1997, 1, 1), date(1998, 6, 30))
    assert sum(cdnow.null_count().row(0)) == 0


def test_cdnow_quirks_are_as_told(cdnow: pl.DataFrame) -> None:
    cents = (cdnow["value"] * 100).round().cast(pl.Int64)
    assert [each / 100 for each in cents.to_list()] == cdnow["value"].to_list()  # the numbers nearest to whole cents
    assert cents.sum() == 250_031_563
    assert cents.min() == 0
    assert (cents == 0).sum() == 80
    assert cdnow.height - cdnow.unique().height == 255
    days = cdnow.group_by("customer", "date").len()
    assert days.height == 67_591
    tied = days.filter(pl.col("len") > 1)
    assert (tied.height, tied["len"].sum(), tied["customer"].n_unique()) == (1_774, 3_842, 1_157)
    assert cdnow.group_by("customer").agg(pl.col("date").min())["date"].max() == date(1997, 3, 25)
    assert cdnow["date"].n_unique() == 546


def test_clickstream_is_the_full_log(clicks: pl.DataFrame) -> None:
    text = ("user_id", "session_id", "event", "platform", "acquisition_channel", "user_cohort", "user_lifecycle")
    assert dict(clicks.schema) == {name: pl.String for name in text} | {"timestamp": pl.Datetime("us")}
    assert clicks.height == 31_106
    assert clicks.select(pl.n_unique("user_id", "session_id", "event")).row(0) == (600, 3_605, 19)
    assert clicks["timestamp"].min() == datetime(2024, 1, 4, 11, 45, 38)
    assert clicks["timestamp"].max() == datetime(2024, 6, 29, 22, 2, 40)
    assert sum(clicks.null_count().row(0)) == 0


def test_clickstream_quirks_are_as_told(clicks: pl.DataFrame) -> None:
    assert clicks.height - clicks.unique().height == 30
    ties = clicks.group_by("user_id", "timestamp").len().filter(pl.col("len") > 1)
    assert (ties.height, ties["len"].sum(), ties["len"].max()) == (162, 325, 3)
    bought = clicks.filter(pl.col("event") == "purchase").select("session_id", bought="timestamp")
    paid = clicks.filter(pl.col("event") == "payment_details").group_by("session_id").agg(pl.col("timestamp").min())
    both = bought.join(paid, on="session_id")
    assert both.height == bought.height == 470
    assert both.filter(pl.col("timestamp") <= pl.col("bought")).height == 265  # 56 %: the order is scrambled


def test_the_demo_data_stay_small(root: Path) -> None:
    drawn = root / "data" / "demo"  # by make, and no part of the repository
    files = [path for path in (root / "data").rglob("*") if path.is_file() and ".kpi" not in path.parts]
    files = [path for path in files if not path.is_relative_to(drawn)]
    assert sum(path.stat().st_size for path in files) < 5_000_000


@pytest.mark.parametrize("place", [0, 1])
def test_the_file_is_what_the_script_promises(make_data: ModuleType, root: Path, place: int) -> None:
    source = make_data.SOURCES[place]
    assert pl.read_parquet(root / "data" / source.workspace / "raw" / source.target).height == source.rows
    for name in source.licences:
        assert (root / "data" / source.workspace / "licences" / Path(name).name).stat().st_size > 100


@pytest.mark.parametrize("workspace", WORKSPACES)
def test_kpi_toml_maps_columns_that_are_there(root: Path, workspace: str) -> None:
    for table in _settings(root, workspace)["tables"].values():
        there = pl.read_parquet_schema(root / "data" / workspace / table["path"])
        assert set(table["columns"].values()) <= set(there)


def test_kpi_toml_names_events_that_occur(root: Path, clicks: pl.DataFrame) -> None:
    settings = _settings(root, "clickstream")
    named = {event for events in settings["features"].values() for event in events}
    named |= {step for funnel in settings["funnels"].values() for step in funnel["steps"]}
    named.add(settings["settings"]["activation_event"])
    assert named <= set(clicks["event"])


@pytest.mark.parametrize(("workspace", "last"), [("cdnow", date(1998, 6, 30)), ("clickstream", date(2024, 6, 29))])
def test_the_observed_span_ends_with_the_last_day_of_data(root: Path, workspace: str, last: date) -> None:
    until = _settings(root, workspace)["workspace"]["observed_until"]
    assert (until - last).days == 1


def test_the_synthetic_log_says_so_everywhere(root: Path) -> None:
    folder = root / "data" / "clickstream"
    assert "synthetic" in _settings(root, "clickstream")["workspace"]["name"]
    assert "**Synthetic.**" in (folder / "README.md").read_text(encoding="utf-8")
    assert "**synthetic**" in (root / "data" / "README.md").read_text(encoding="utf-8")
