"""`kpi stage`: what to watch and why in a narrow terminal, the stage that the data look like, and the choice written down."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "cdnow", tmp_path / "cdnow")
    return tmp_path / "cdnow"


def test_it_fits_a_narrow_terminal_and_says_what_is_missing(kpi: Kpi, shop: Path) -> None:
    said = kpi("stage", "--workspace", shop)
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80
    flat = " ".join(said.out.split())
    for part in (
        "watch with ", "needs subscriptions (", "satisfaction: none", "north star: active_customers, moved by",
        "by its data the product looks mature: active users do not clearly grow", "also advised", "looks good and explains",
    ):  # fmt: skip
        assert part in flat


def test_json_tells_the_proposal_only_when_nothing_was_asked_for(kpi: Kpi, shop: Path) -> None:
    found = kpi("stage", "--workspace", shop, "--json").json
    assert (found["proposed"]["stage"], found["proposed"]["staying"]) == ("mature", True)
    assert "proposed" not in kpi("stage", "--stage", "early", "--workspace", shop, "--json").json
    assert found["north_star"]["kpi"] == "active_customers"
    assert len(found["primary"]) == 5


def test_the_choice_is_written_and_versioned_and_the_file_kept(kpi: Kpi, shop: Path) -> None:
    before = (shop / "kpi.toml").read_text(encoding="utf-8").splitlines()
    first = kpi("stage", "--write", "--workspace", shop, "--json").json
    assert first["kpi_set"].startswith("version 1 since ")
    now = (shop / "kpi.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in now if line and line in before] == [line for line in before if line]
    assert "kpi.toml says so already" in kpi("stage", "--write", "--workspace", shop).out
    second = kpi("stage", "--goal", "satisfaction", "--write", "--why", "too loud", "--workspace", shop).out
    flat = " ".join(second.split())
    assert "version 2 since" in flat
    assert "added nps, csat; dropped " in flat
    assert "(too loud)" in flat
    assert 'goals = ["satisfaction"]' in (shop / "kpi.toml").read_text(encoding="utf-8")
    card = kpi("scorecard", "--workspace", shop, "--json")
    assert card.status == 0


def test_a_choice_is_looked_at_again_on_its_day(kpi: Kpi, shop: Path) -> None:
    asked = ("stage", "--goal", "satisfaction", "--write", "--look", "2099-01-31", "--workspace", shop)
    assert "a new look at it is due on 2099-01-31" in " ".join(kpi(*asked).out.split())
    assert "look = 2099-01-31" in (shop / "kpi.toml").read_text(encoding="utf-8")
    assert "are not written; change them in kpi.toml" in " ".join(kpi(*asked).out.split())


def test_a_stage_can_be_proposed_where_none_is_chosen(kpi: Kpi, stranger: Path) -> None:
    said = kpi("stage", "--workspace", stranger)
    assert said.status == 2  # two months tell no stage, and no goal is named
    assert "name a stage" in said.err
    asked = kpi("stage", "--goal", "engagement", "--workspace", stranger, "--json").json
    assert [row["kpi"] for row in asked["primary"]] == ["dau", "mau", "feature_adoption_rate", "actions_per_user"]


def test_nothing_is_written_without_a_workspace(kpi: Kpi, tmp_path: Path) -> None:
    assert kpi("stage", "--stage", "early", "--workspace", tmp_path).status == 0
    assert kpi("stage", "--stage", "early", "--write", "--workspace", tmp_path).status == 2
    assert list(tmp_path.iterdir()) == []
