"""The ladder, told."""

import pytest

from kpi_lib.shapes.lifetime import lifetime
from kpi_lib.show.blocks import Say
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.kpis.test_recurring import subscribed


def said(result: object) -> str:
    found = say(result)
    assert isinstance(found, Say)
    return plain(found.phrase)


def test_a_ladder_says_its_terms_and_what_to_mind() -> None:
    rows = "\n".join(f"u{i} 01-05 {'02-10' if i < 10 else '-'} 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=2)
    text = said(ladder)
    assert text.startswith("A new customer is worth $")
    assert text.endswith("Gross profit at a margin of 50% over 2 months, discounted by 10% a year.")
    shown = table(ladder)
    assert [plain(row[0]) for row in shown.rows if not hasattr(row[0], "phrase")] == [
        "simple",
        "geometric",
        "observed",
        "sbg",
    ]
    assert all(len(row) == len(shown.columns) for row in shown.rows)


def test_a_bound_is_told_as_one() -> None:
    rows = "\n".join(f"u{i} 01-05 - 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=2)
    first = table(ladder).rows[0]
    assert plain(first[2]).startswith("above $")  # type: ignore[arg-type]
    assert plain(first[1]) == "—"  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no result that has a table"):
        table(3)
