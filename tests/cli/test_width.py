"""Everything that the command prints fits 80 columns, and no cell is cut on the way."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.cli.text import WIDTH, paragraph, table

from .conftest import Said

WORDS = st.text("ab_= ,0", max_size=24).map(str.strip)
ROWS = st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(WORDS, min_size=n, max_size=n), min_size=1, max_size=5))


@given(ROWS, st.integers(1, 5))
def test_no_cell_loses_anything_and_columns_stay_columns(rows: list[list[str]], left: int) -> None:
    """All that stands in the cells stands in the table, whatever was folded; short tables are not touched."""
    text = table(rows[0], rows[1:], left=min(left, len(rows[0])))
    assert sorted("".join(text.split())) == sorted("".join("".join(row) for row in rows).replace(" ", ""))
    whole = sum(max(len(row[i]) for row in rows) for i in range(len(rows[0]))) + 2 * (len(rows[0]) - 1)
    assert whole > WIDTH or len(text.split("\n")) == len(rows)


def test_heads_are_folded_first_then_texts_then_names() -> None:
    figures = ["12,345", "45.6 % – 47.8 %"]
    heads = table(["kpi", "users of step one", "interval of 95 percent"], [["a" * 30, *figures]])
    assert max(map(len, heads.split("\n"))) <= WIDTH
    assert "45.6 % – 47.8 %" in heads
    long = table(["kpi", "why", "n", "i"], [["failed_deployment_recovery_time", "because " * 8, *figures]], left=2)
    assert "failed_deployment_recovery_time" in long  # a reason gives way before a name does
    names = table(
        ["kpi", "segment", "n", "i", "i"], [["a_b" * 9, "feature=automation_of_it", *figures, figures[1]]], left=2
    )
    assert max(map(len, names.split("\n"))) <= WIDTH


def test_a_paragraph_keeps_what_data_hold_harmless() -> None:
    told = paragraph("value \x1b[31m " + "word " * 30, "   ")
    assert "\x1b" not in told
    assert max(map(len, told.split("\n"))) <= WIDTH


@pytest.mark.parametrize(
    "asked",
    [
        ("check",),
        ("stage", "--stage", "growth", "--goal", "revenue"),
        ("funnel", "--steps", "visit,order", "--within", "7d"),
        ("funnel", "--steps", "visit,order", "--within", "7d", "--by", "Country"),
        ("compute", "goal_conversion_rate", "user_path_analysis", "user_retention_rate", "--period", "2026-03", "--by", "Country"),
        ("lifecycle", "--every", "month", "--by", "Country"),
        ("sessions", "--by", "Country"),
        ("active", "--every", "month", "--by", "Country"),
        ("habits", "--by", "Country"),
        ("list",),
        ("list", "--available"),
        ("show", "ltv_cac_ratio"),
    ],
)  # fmt: skip
def test_a_terminal_of_eighty_columns_is_enough(
    asked: tuple[str, ...], stranger: Path, kpi: Callable[..., Said]
) -> None:
    said = kpi(*asked, "--workspace", stranger)
    assert said.status == 0, said.err
    assert [line for line in said.out.splitlines() if len(line) > WIDTH] == []


def test_findings_with_long_places_are_folded(tmp_path: Path, kpi: Callable[..., Said]) -> None:
    name = "an export with a rather long name of the month of january.csv"
    (tmp_path / name).write_text(
        "user_id,time,event\nann,2026-01-05T10:00:00Z,v\nann,never before in all these years,v\n"
    )
    (tmp_path / "kpi.toml").write_text(f'[tables.events]\npath = "{name}"\n')
    said = kpi("check", "--workspace", tmp_path)
    assert said.status == 1
    assert [line for line in said.out.splitlines() if len(line) > WIDTH] == []
    assert name in " ".join(said.out.split())
