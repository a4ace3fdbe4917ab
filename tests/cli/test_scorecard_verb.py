"""What kpi scorecard says: the figures of kpi compute in 80 columns, by owner, and for several products."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kpi_lib.cli.scorecards import spark
from tests.cli.conftest import Said

Kpi = Callable[..., Said]
ROOT = Path(__file__).parents[2]
CDNOW = ("--workspace", ROOT / "data" / "cdnow", "--period", "1998-06")


def test_the_figures_are_those_of_compute_and_fit_the_terminal(kpi: Kpi) -> None:
    said = kpi("scorecard", *CDNOW)
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80
    rows = {row["kpi"]: row for row in kpi("scorecard", *CDNOW, "--json").json["rows"]}
    assert next(iter(rows)) == "active_customers"
    assert rows["active_customers"]["role"] == "north_star"
    for row in kpi("compute", *rows, *CDNOW, "--json").json["rows"]:
        assert {name: rows[row["kpi"]][name] for name in row} == row
    before = kpi("compute", *rows, "--period", "1998-05", *CDNOW[:2], "--json").json["rows"]
    year = kpi("compute", *rows, "--period", "1997-06", *CDNOW[:2], "--json").json["rows"]
    assert {row["kpi"]: row["value"] for row in before} == pytest.approx({k: r["previous"] for k, r in rows.items()})
    assert {row["kpi"]: row["value"] for row in year} == pytest.approx({k: r["year_ago"] for k, r in rows.items()})
    assert "★ Active customers" in said.out
    assert "1,506" in said.out
    assert "target 1,500 by 30 June 1998 ✓ met · retention" in said.out


def test_kpis_group_by_owner_with_a_table_of_teams(kpi: Kpi, stranger: Path) -> None:
    file = stranger / "kpi.toml"
    file.write_text(
        file.read_text("utf-8") + '\n[owners]\nactive_users = ["growth", "core"]\nnew_users = ["core"]\n', "utf-8"
    )
    said = kpi("scorecard", "active_users", "new_users", "stickiness", "--by-owner", "--workspace", stranger)
    lines = said.out.splitlines()
    assert [line for line in lines if line in ("core", "growth", "nobody named")] == ["core", "growth", "nobody named"]
    matrix = next(at for at, line in enumerate(lines) if line.startswith("● answers for it"))
    assert lines[matrix].split()[-2:] == ["core", "growth"]
    assert [line.split()[-2:] for line in lines[matrix + 1 : matrix + 3]] == [["○", "●"], ["users", "●"]]
    assert max(map(len, lines)) <= 80


def test_a_wrong_section_of_owners_is_refused(kpi: Kpi, stranger: Path) -> None:
    file = stranger / "kpi.toml"
    file.write_text(file.read_text("utf-8") + '\n[owners]\nactive_users = "growth"\n', "utf-8")
    said = kpi("scorecard", "--workspace", stranger)
    assert (said.status, "[owners] active_users must be a list of text" in said.err) == (2, True)


def test_a_stranger_sees_what_is_missing(kpi: Kpi, stranger: Path) -> None:
    said = kpi("scorecard", "active_users", "total_revenue", "--workspace", stranger)
    assert said.status == 0
    assert "total_revenue: needs the columns user_id" in said.out
    assert "+ Actions per user" in said.out  # the depth figure behind the activity figure
    plain = kpi("scorecard", "--workspace", stranger)
    assert "Active users" in plain.out
    assert max(map(len, plain.out.splitlines())) <= 80


def test_several_products_stand_below_each_other(kpi: Kpi) -> None:
    folders = [ROOT / "data" / "cdnow", ROOT / "data" / "clickstream"]
    said = kpi("scorecard", "--portfolio", *folders)
    assert [line for line in said.out.splitlines() if ", " in line and not line.startswith(" ")][:2] == [
        "CDNOW, June 1998",
        "Click-stream (synthetic), May 2024",
    ]
    found = kpi("scorecard", "--portfolio", *folders, "--json").json["portfolio"]
    assert [(each["workspace"], each["north_star"]) for each in found] == [
        ("CDNOW", "active_customers"), ("Click-stream (synthetic)", "wau"),
    ]  # fmt: skip
    assert kpi("scorecard", "--portfolio").status == 2


def test_an_unknown_kpi_names_the_nearest(kpi: Kpi, stranger: Path) -> None:
    said = kpi("scorecard", "activ_users", "--workspace", stranger)
    assert (said.status, "Did you mean active_users" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([], ""), ([None, None], "··"), ([5.0, 5.0], "▁▁"), ([0.0, 7.0, 3.5], "▁█▅"), ([2.0, None, 1.0], "█·▁")],
)
def test_the_history_is_drawn_with_bars(values: list[float | None], drawn: str) -> None:
    assert spark(values) == drawn
