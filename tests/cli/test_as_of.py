"""`--as-of` gives what the same command would have said on that day: what it says of files that end there."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Rows, Said

DAY = "2026-04-13"  # a Monday, in the middle of things
QUESTIONS = [
    ("compute", "wau", "retention_day_7", "new_users", "--by", "Country"),
    ("compute", "mau", "user_churn_rate", "--from", "2026-03-01", "--to", "2026-05-01", "--every", "month"),
    ("active", "--window", "3"),
    ("sessions",),
    ("funnel", "--step", "visit", "--step", "basket", "--step", "order", "--within", "5d"),
    ("funnel", "--step", "visit", "--step", "order", "--within", "5d", "--every", "week"),
    ("cohort", "--grain", "week", "--by", "Country"),
    ("lifecycle", "--every", "week"),
    ("paths", "--top", "3"),
    ("habits",),
    ("signals", "wau"),
]


@pytest.fixture
def then(stranger: Path, log: Rows) -> Path:
    """The same workspace as it would have been on that day: its file ends there."""
    folder = stranger.with_name("that day")
    folder.mkdir()
    with (folder / "log export.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["When", "Customer", "Action", "Country"])
        writer.writerows([(f"{t:%F %T}", u, e, c) for t, u, e, c in log if f"{t:%F}" < DAY])
    (folder / "kpi.toml").write_bytes((stranger / "kpi.toml").read_bytes())
    return folder


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_figure_as_of_a_day_is_the_figure_of_that_day(
    kpi: Callable[..., Said], stranger: Path, then: Path, question: tuple[str, ...]
) -> None:
    told = kpi(*question, "--as-of", DAY, "--json", "--workspace", stranger)
    assert told.status == 0, told.err
    assert told.json == kpi(*question, "--json", "--workspace", then).json
    assert told.json != kpi(*question, "--json", "--workspace", stranger).json


def test_the_files_and_the_store_answer_alike(kpi: Callable[..., Said], stranger: Path) -> None:
    ask = ("--as-of", DAY, "--json", "--workspace", stranger)
    before = [kpi(*question, *ask).json for question in QUESTIONS]
    assert kpi("store", "build", "--workspace", stranger).status == 0
    assert [kpi(*question, *ask).json for question in QUESTIONS] == before


def test_a_day_on_which_nothing_was_known_is_refused(kpi: Callable[..., Said], stranger: Path) -> None:
    for day in ("2026-03-01", "1999-01-01"):
        told = kpi("compute", "wau", "--as-of", day, "--workspace", stranger)
        assert told.status == 2
        assert f"nothing was known when {day} began: the data begin on 2026-03-01" in told.err
    told = kpi("compute", "wau", "--as-of", "last week", "--workspace", stranger)
    assert (told.status, "'last week' is no day" in told.err) == (2, True)


def test_a_day_after_the_data_changes_nothing(kpi: Callable[..., Said], stranger: Path) -> None:
    plain = kpi("cohort", "--json", "--workspace", stranger)
    assert kpi("cohort", "--as-of", "2031-01-01", "--json", "--workspace", stranger).json == plain.json
