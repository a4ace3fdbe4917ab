"""Blocks are escaped by construction, and every figure in them can be checked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.show.blocks import (
    Cell,
    Change,
    Figure,
    Headline,
    Note,
    Phrase,
    Pill,
    Pills,
    Say,
    Strong,
    Table,
    Target,
    Term,
    Tile,
    Tiles,
    lineage,
    marked,
)
from kpi_lib.show.render import html, inline
from kpi_lib.show.spark import Spark

HOSTILE = "</script><img src=x onerror='go()'>\"&"


def everything(text: str) -> list[str]:
    figure = Figure(text=text, kpi=text, value=0.1, field=text, start=text, by=((text, text),))
    phrase: Phrase = (text, figure, Strong(text), Term(text, text))
    spark = Spark(values=(1, None, 2, 3), text=text, low=1, high=2)
    tile = Tile(
        label=text,
        value=figure,
        change=Change(phrase=phrase, against=text, points="up", tone="bad"),
        spark=spark,
        note=phrase,
        target=Target(phrase=phrase, state="met", share=2.0),
        meaning=phrase,
        quiet=text,
    )
    table = Table(
        title=text,
        columns=(phrase, text),
        rows=((phrase, Cell(phrase=phrase, shade=0.9)),),
        note=phrase,
        facts=((text, phrase),),
    )
    blocks = [Headline((phrase,)), Say(phrase), Pills((Pill(phrase, "bad", phrase),)), tile, Tiles((tile,)), table]
    blocks += [Say(phrase, ((text, phrase),)), Note(title=text, phrases=(phrase,), facts=((text, phrase),))]
    blocks += [Note(title=text, phrases=(phrase,)), Note(title=text, phrases=(phrase,), folded=False)]  # type: ignore[list-item]
    return [html(block).text for block in [*blocks, lineage({text: text})]]


def test_hostile_text_stays_text_in_every_block() -> None:
    for written in everything(HOSTILE):
        assert "<img" not in written
        assert "</script>" not in written
        assert "onerror='" not in written


@given(st.text(max_size=30))
def test_any_text_leaves_the_elements_as_they_are(text: str) -> None:
    for written, plain in zip(everything(text + "x" * 30), everything("x" * 30), strict=True):
        assert re.findall(r"</?[a-z0-9]+", written) == re.findall(r"</?[a-z0-9]+", plain)


def test_a_figure_carries_its_raw_value() -> None:
    written = inline(Figure(text="49.5 %", kpi="rate", value=0.4947, start="1998-06-01", by=(("country", "DE"),))).text
    assert 'data-kpi="rate" data-field="value" value="0.4947" data-start="1998-06-01" data-by="country=DE"' in written


def test_no_value_is_no_zero() -> None:
    assert ' value=""' in inline(Figure(text="—", kpi="rate", value=None)).text


@pytest.mark.parametrize(
    ("points", "tone", "words"),
    [
        ("up", "bad", '<span class="kpi-word"> worse</span>'),
        ("down", "good", '<span class="kpi-word"> better</span>'),
        ("up", "good", '<span class="kpi-hidden"> better</span>'),
    ],
)
def test_a_change_says_which_way_is_better(points: str, tone: str, words: str) -> None:
    assert words in html(Tile(label="a", value="1", change=Change(phrase="2 %", points=points, tone=tone))).text


def test_an_unseen_cell_is_a_dot_and_a_deep_one_turns_its_text() -> None:
    row = ("a", Cell(unseen=True), Cell(phrase="1", shade=0.9), Cell(phrase="2", shade=0.2))
    written = html(Table(title="t", columns=("a", "1", "2", "3"), rows=(row,))).text
    assert 'title="not yet observed">·</td>' in written
    assert written.count("kpi-deep") == 1
    assert '<th scope="row" class="kpi-text kpi-short">a</th>' in written


def test_a_bracket_may_go_to_a_line_of_its_own_and_is_not_torn() -> None:
    row = ("a", "short", ("5", " (", "1", " – ", "9", ")"), ("1", " – ", "2"))
    written = html(Table(title="t", columns=("a", "b", "c", "d"), rows=(row,), text_columns=2)).text
    assert '<td class="kpi-text kpi-short">short</td>' in written
    assert '<td class="kpi-number kpi-both">5 <span class="kpi-short">(1\N{NO-BREAK SPACE}– 9)</span></td>' in written
    assert '<td class="kpi-number">1\N{NO-BREAK SPACE}– 2</td>' in written


def test_no_line_begins_with_a_dash() -> None:
    assert html(Say(("95 % ", "1.6", " – ", "2.4 %", " – so far"))).text.count("\N{NO-BREAK SPACE}– ") == 2


def test_a_gap_cuts_the_line_and_a_partial_end_is_hollow() -> None:
    spark = Spark(values=(1, 2, None, 3, 4), text="t", partial=True)
    written = html(Tile(label="a", value="1", spark=spark)).text
    assert written.count("kpi-spark-line") == 2
    assert 'data-hollow="yes"' in written


@pytest.mark.parametrize("values", [(), (1.0,), (None, None, 2.0), (float("nan"), 1.0)])
def test_too_few_values_draw_nothing(values: tuple[float | None, ...]) -> None:
    assert "svg" not in html(Tile(label="a", value="1", spark=Spark(values=values, text="t"))).text


def test_marks_of_strong_words() -> None:
    assert marked("a **b** c") == ("a ", Strong("b"), " c")
    assert marked("2 ** 3") == ("2 ** 3",)


def test_a_head_of_a_table_does_not_show_how_a_cut_column_is_marked() -> None:
    told = html(Table(title="t", columns=("version (segment)", "n"), rows=(("1", "2"),))).text
    assert ">version</th>" in told
    assert "(segment)" not in told


def test_facts_unfold_below_a_sentence_and_inside_a_note() -> None:
    facts = (("Definition", "all that is counted"),)
    said = html(Say("3 people.", facts)).text
    assert said.startswith('<div class="kpi-told"><p class="kpi-say">3 people.</p><details class="kpi-fold"')
    assert html(Say("3 people.")).text == '<p class="kpi-say">3 people.</p>'
    noted = html(Note(title="a", phrases=("b",), folded=False, facts=facts)).text
    assert noted.startswith("<aside")
    assert "What these figures are" in noted.partition("</aside>")[0]
