"""`kpi goals` on the demo data and on a stranger's: every status with its reason, in a narrow terminal and as JSON."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]
DATA = Path(__file__).parents[2] / "data"
TARGETS = """
[[targets]]
kpi = "wau"
value = 40
due = 2026-06-30
goal = "come back"
owner = "us"

[[targets]]
kpi = "wau\\u001b[31m"
value = 40

[[targets]]
kpi = "total_revenue"
value = 40
due = 2026-06-30
"""


@pytest.fixture
def aimed(stranger: Path) -> Path:
    """The stranger's workspace with three targets, of which one can be judged."""
    with (stranger / "kpi.toml").open("a", encoding="utf-8") as file:
        file.write(TARGETS)
    return stranger


def test_it_fits_a_narrow_terminal_and_gives_a_reason_for_each(kpi: Kpi, aimed: Path) -> None:
    said = kpi("goals", "--smart", "--workspace", aimed)
    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert "\x1b" not in said.out
    assert "come back: " in said.out
    assert "to mend" in said.out
    assert "cannot be computed here: add transactions.user_id" in " ".join(said.out.split())
    assert "time-bound  no" in said.out


def test_json_has_every_field(kpi: Kpi, aimed: Path) -> None:
    found = kpi("goals", "--workspace", aimed, "--json").json
    assert set(found) == {"goals", "smart", "benchmarks"}
    assert [goal["goal"] for goal in found["goals"]] == ["come back", ""]
    (first,) = found["goals"][0]["targets"]
    assert first["status"] in ("on_track", "at_risk", "off")
    assert 0 <= first["probability"] <= 1
    assert [each["status"] for each in found["goals"][1]["targets"]] == ["faulty", "faulty"]
    assert kpi("goals", "--goal", "come back", "--workspace", aimed, "--json").json["goals"] == found["goals"][:1]
    assert [len(found["smart"]), found["smart"][0]["role"]] == [3, "kpi"]


def test_an_unknown_goal_names_the_nearest(kpi: Kpi, aimed: Path) -> None:
    said = kpi("goals", "--goal", "come bak", "--workspace", aimed)
    assert said.status == 2
    assert "Did you mean come back?" in said.err


def test_without_targets_it_says_how_to_set_one(kpi: Kpi, stranger: Path) -> None:
    assert "write [[targets]]" in kpi("goals", "--workspace", stranger).out


def test_statements_need_no_workspace(kpi: Kpi, tmp_path: Path) -> None:
    wrong = kpi("goals", "--statement", "trials +23 %, from 18 to 21 a week, in 2021", "--workspace", tmp_path)
    assert (wrong.status, "+16.7 %, not +23 %" in wrong.out) == (0, True)
    right = kpi("goals", "--statement", "trials +16.7 %, from 18 to 21 a week, in 2021", "--workspace", tmp_path)
    assert "adds up" in right.out


def test_a_pinned_definition_tells_when_it_changes(kpi: Kpi, aimed: Path) -> None:
    assert "unknown KPI, left alone" in kpi("goals", "--pin", "--workspace", aimed).out
    before = kpi("goals", "--workspace", aimed, "--json").json["goals"][0]["targets"][0]
    text = (aimed / "kpi.toml").read_text(encoding="utf-8")
    assert text.count("definition = ") == 2
    changed = text.replace("[[targets]]", '[settings]\nactive_events = ["order"]\n\n[[targets]]', 1)
    (aimed / "kpi.toml").write_text(changed, encoding="utf-8")
    after = kpi("goals", "--workspace", aimed, "--json").json["goals"][0]["targets"][0]
    assert before["status"] != "faulty"
    assert after["status"] == "faulty"
    assert "the definition of wau has changed" in after["reasons"][0]
    assert kpi("goals", "--pin", "--workspace", aimed).status == 0
    assert kpi("goals", "--workspace", aimed, "--json").json["goals"][0]["targets"][0]["status"] != "faulty"


def test_a_band_is_for_ratings_only(kpi: Kpi, aimed: Path) -> None:
    path = aimed / "kpi.toml"
    text = path.read_text(encoding="utf-8").replace("value = 40", 'value = "good"', 1)
    path.write_text(text, encoding="utf-8")
    said = kpi("goals", "--workspace", aimed)
    assert said.status == 2
    assert "line" in said.err
    assert "is a band for ratings from 1 to 5 only" in said.err
    path.write_text(text.replace('"wau"', '"avg_review_rating"'), encoding="utf-8")
    rated = kpi("goals", "--workspace", aimed, "--json").json["goals"][0]["targets"][0]
    assert (rated["value"], rated["status"]) == (4.0, "faulty")  # there are no reviews


@pytest.mark.parametrize(("name", "statuses"), [("cdnow", ["met", "missed"]), ("clickstream", ["at_risk"])])
def test_the_demo_targets(kpi: Kpi, tmp_path: Path, name: str, statuses: list[str]) -> None:
    shutil.copytree(DATA / name, tmp_path / name)
    (goal,) = kpi("goals", "--workspace", tmp_path / name, "--json").json["goals"]
    assert [each["status"] for each in goal["targets"]] == statuses
