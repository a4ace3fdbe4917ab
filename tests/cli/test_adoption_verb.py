"""`kpi adoption`: who uses which feature, as text of a terminal and as JSON; without features it says what to write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]


@pytest.fixture
def featured(stranger: Path) -> Path:
    """The stranger's workspace with two features and one that nobody uses."""
    place = stranger / "kpi.toml"
    said = '\n[features]\nbaskets = ["basket", "order"]\nlooking = ["look, \\"close\\""]\nvisits = ["visit"]\nghost = ["ghost"]\n'
    place.write_text(place.read_text("utf-8") + said, "utf-8")
    return stranger


def test_the_text_fits_a_terminal_and_the_json_has_all(kpi: Kpi, featured: Path) -> None:
    asked = ("adoption", "--period", "2026-03", "--workspace", featured)
    said, found = kpi(*asked), kpi(*asked, "--json").json
    assert max(map(len, said.out.splitlines())) <= 80
    assert list(found) == ["features", "breadth", "summary", "time_to_adopt", "definition"]
    rows = {row["feature"]: row for row in found["features"]}
    assert rows["visits"]["rate"] == 1.0
    assert (rows["ghost"]["adopters"], rows["ghost"]["corner"]) == (0, "unused")
    users = sum(row["users"] for row in found["breadth"])
    assert users == found["summary"][0]["users"] == rows["visits"]["eligible"]
    assert all(f"{row['eligible']:,}" in said.out for row in rows.values())


def test_by_month_and_segment(kpi: Kpi, featured: Path) -> None:
    grid = ("--from", "2026-03-01", "--to", "2026-05-01", "--every", "month")
    found = kpi("adoption", *grid, "--by", "Country", "--workspace", featured, "--json").json["groups"]
    assert {row["start"] for row in found["DE"]["features"]} == {"2026-03-01", "2026-04-01"}
    assert "Country  from" in kpi("adoption", *grid, "--by", "Country", "--workspace", featured).out


def test_without_features_it_says_what_to_write(kpi: Kpi, stranger: Path) -> None:
    said = kpi("adoption", "--workspace", stranger)
    assert (said.status, said.out) == (2, "")
    assert "name them under [features] in kpi.toml" in said.err
