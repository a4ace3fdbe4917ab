"""The bridge and the ladder, told."""

from datetime import date

import pytest

from kpi_lib.core.period import Grid
from kpi_lib.shapes.bridge import mrr_bridge
from kpi_lib.shapes.lifetime import lifetime
from kpi_lib.show.blocks import Say, Table
from kpi_lib.show.faces import FACES, faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.kpis.test_recurring import PUBLISHED, subscribed

GRID = Grid.calendar("month", date(2026, 1, 1), date(2026, 3, 1), zone="UTC")


def said(result: object) -> str:
    found = say(result)
    assert isinstance(found, Say)
    return plain(found.phrase)


def test_a_bridge_is_told_from_its_start_to_its_end() -> None:
    bridge = mrr_bridge(subscribed(PUBLISHED), GRID)
    assert said(bridge) == (
        "In February 2026 monthly recurring revenue went from $100.00 to $140.00, $50.00 new, $10.00 expansion, "
        "−$10.00 contraction, −$10.00 churn."
    )
    row = [plain(cell) for cell in table(bridge).rows[-1] if not hasattr(cell, "phrase")]
    assert row[1:] == ["$100.00", "$50.00", "$10.00", "$0.00", "−$10.00", "−$10.00", "$140.00", ""]
    assert said(mrr_bridge(subscribed(PUBLISHED, until="01-20"), GRID)) == "No whole period was observed yet."
    assert [type(part) for part in faces(bridge)] == [Say, Table]
    assert type(bridge) in FACES


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
