"""The ladder, told."""

from dataclasses import replace

import polars as pl
import pytest

from kpi_lib.answers.unit_economics import UnitEconomics, unit_economics
from kpi_lib.shapes.lifetime import lifetime
from kpi_lib.show.blocks import Say
from kpi_lib.show.faces import faces
from kpi_lib.show.lifetimes import NAMES, ON_LINES, payback
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_unit_economics import JANUARY, company
from tests.build import told
from tests.kpis.test_recurring import subscribed
from tests.show.results import figures


def said(result: object) -> str:
    found = say(result)
    assert isinstance(found, Say)
    return plain(found.phrase)


def test_a_ladder_says_its_terms_and_what_to_mind() -> None:
    rows = "\n".join(f"u{i} 01-05 {'02-10' if i < 10 else '-'} 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=2)
    text = said(ladder)
    assert text.startswith("A new customer is worth $")
    assert text.endswith("Gross profit at a margin of 50.0\u202f% over 2 months, discounted by 10.0\u202f% a year.")
    shown = table(ladder)
    assert [plain(row[0]) for row in shown.rows if not hasattr(row[0], "phrase")] == [
        "Simple formula",
        "Same churn for all",
        "Observed so far",
        "sBG",
    ]
    assert all(len(row) == len(shown.columns) for row in shown.rows)


def test_what_was_seen_is_a_part_only_where_it_is_less() -> None:
    rows = "\n".join(f"u{i} 01-05 {'02-10' if i < 10 else '-'} 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=2)
    for seen, words in ((0.5, ", of which $"), (2.0, "; more, $")):
        share = pl.when(pl.col("method") == "observed").then(pl.col("value") * seen).otherwise("value")
        assert words in said(replace(ladder, table=ladder.table.with_columns(share)))


def test_a_bound_is_told_as_one() -> None:
    rows = "\n".join(f"u{i} 01-05 - 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=2)
    first = table(ladder).rows[0]
    assert plain(first[2]).startswith("above $")  # type: ignore[arg-type]
    assert plain(first[1]) == "—"  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no result that has a table"):
        table(3)


def test_the_ladder_draws_its_curves_and_every_figure_is_one_of_its_cells() -> None:
    rows = "\n".join(f"u{i} 01-05 {'02-10' if i < 10 else '-'} 1000" for i in range(40))
    ladder = lifetime(subscribed(rows), gross_margin=0.5, horizon=4)
    assert [type(part).__name__ for part in faces(ladder)] == ["Say", "Table", "Picture"]
    known = {value for name in ("value", "low", "high", "n") for value in ladder.frames["lifetime"][name]}
    shown = [*figures(say(ladder)), *figures(table(ladder))]
    assert len(shown) > 12
    assert all(each.value in known for each in shown)


def test_what_is_missing_is_one_sentence() -> None:
    empty = lifetime(told(events="ann 01-05 look"))
    assert said(empty) == (
        "What a new customer is worth cannot be told: it needs a table of transactions with amounts: add "
        "[tables.transactions] to kpi.toml."
    )
    assert len(faces(empty)) == 1


def test_payback_is_told_with_what_was_seen_and_not_yet_is_an_answer() -> None:
    """10 a month at 50 % margin, half are gone by their third month: 5 + 5 + 2.5 does not cover 12.625, but the first 5 cover 5."""
    data = company()
    economics = unit_economics(data, JANUARY)
    early = plain(payback(lifetime(data), economics).phrase)
    assert early.startswith("A customer who costs $12.62 ")
    assert "has not paid off yet within the 3 months observed" in early
    assert early.endswith("the formula says 2.5 months.")
    cheap = UnitEconomics(
        economics.table.with_columns(cac=pl.lit(5.0)), economics.figures, economics.together, economics.by
    )
    assert "has paid off in month 1 by what" in plain(payback(lifetime(data), cheap).phrase)
    nothing = told(events="ann 01-05 look")
    none = plain(payback(lifetime(nothing), unit_economics(nothing, JANUARY)).phrase)
    assert none.startswith("When a customer has paid off cannot be told: it needs a table")


def test_names_at_the_ends_of_lines_are_short_enough_for_a_phone() -> None:
    assert set(ON_LINES) == set(NAMES)
    assert max(map(len, ON_LINES.values())) <= 15
    assert len(set(ON_LINES.values())) == len(ON_LINES)
