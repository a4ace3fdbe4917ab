"""`kpi sample` as people run it: a workspace that answers, one JSON document, and refusals in one message."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]


@pytest.fixture
def made(kpi: Kpi, tmp_path: Path) -> Said:
    """A company made by the command."""
    return kpi("sample", tmp_path / "demo", "--users", 150, "--days", 100, "--seed", 4, "--json")


def test_it_says_what_it_wrote_and_that_it_is_synthetic(made: Said, tmp_path: Path) -> None:
    assert made.status == 0, made.err
    assert made.json["tables"]["users"] == 150
    assert (made.json["users"], made.json["days"], made.json["seed"]) == (150, 100, 4)
    assert made.json["synthetic"] is True
    assert made.json["written"] == str(tmp_path / "demo")
    assert f"web_visits: {made.json['tables']['web_visits']:,} rows" in made.err.splitlines()
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {"kpi.toml", "README.md", "truths.toml", "raw"}


def test_the_workspace_answers_at_once(made: Said, kpi: Kpi, tmp_path: Path) -> None:
    demo = ("--workspace", tmp_path / "demo", "--json")
    read = kpi("check", *demo).json["tables"]
    assert {name: each["read"] for name, each in read.items()} == made.json["tables"]
    steps = kpi("funnel", "onboarding", *demo).json["steps"]
    assert [step["event"] for step in steps] == ["sign_up", "create_project", "start_trial", "subscribe"]
    assert steps[0]["units"] > steps[1]["units"] > steps[2]["units"] > 0
    rows = kpi("compute", "dau", "total_revenue", "--period", "2026-10", *demo).json["rows"]
    assert all(row["value"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--users", "12"], "--users takes 100"),
        (["--days", "x"], "'x' is not a valid integer"),
        (["--day", "9"], "--days"),
    ],
)
def test_what_it_cannot_do_is_one_message(kpi: Kpi, tmp_path: Path, options: list[str], said: str) -> None:
    refused = kpi("sample", tmp_path / "demo", *options)
    assert (refused.status, refused.out) == (2, "")
    assert said in refused.err
    assert not (tmp_path / "demo").exists()


def test_a_folder_in_use_is_left_alone(kpi: Kpi, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = kpi("sample", tmp_path)
    assert refused.status == 2
    assert "not empty" in refused.err
    assert "notes.txt" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
