"""Themes of low answers: counted by a plain loop, laws for any texts, and the reasons that the demo company was given."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.sharing import cleared
from kpi_lib.answers.themes import FEWEST, Themes, phrases, shared_phrases, themes
from kpi_lib.core.compare import holm, wilson_interval
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import parse_period
from kpi_lib.show.faces import faces
from kpi_lib.show.render import html
from tests.build import frame_of, told

FEBRUARY = parse_period("2026-02", zone="UTC")
WORDS = ("slow", "too", "the", "app", "crashes", "not", "price", "and", "Ärger", "very")
texts = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=12)


def answers(*rows: tuple[float, str | None], kind: str = "nps") -> Dataset:
    first = datetime(2026, 2, 1, 12, tzinfo=UTC)
    told_rows = [(f"u{at}", first + timedelta(hours=at), kind, score, text) for at, (score, text) in enumerate(rows)]
    return told(
        "u0 01-02 v", tables={"surveys": frame_of("surveys", ["user_id", "time", "kind", "score", "answer"], told_rows)}
    )


def page(result: Themes) -> str:
    return re.sub(r"<[^>]+>", "", "".join(html(part).text for part in faces(result))).replace("\u202f", " ")


def test_what_several_low_answers_say_is_a_theme_and_held_against_the_others() -> None:
    low = [
        (2.0, "Too slow!"),
        (0.0, "It is too slow, sorry"),
        (6.0, "far TOO SLOW"),
        (5.0, "price"),
        (1.0, None),
        (4.0, " "),
    ]
    high = [(9.0, "slow start, good end"), (10.0, "lovely"), (8.0, "it's fine")]
    found = themes(answers(*low, *high), FEBRUARY)
    (row,) = found.table.to_dicts()
    ends, ((gap, p),) = wilson_interval(3, 4), holm([((0, 3), (3, 4))])
    assert gap is not None
    assert row == {
        "kind": "nps", "theme": "too slow", "people": 3, "n": 4, "share": 0.75, "low": ends[0], "high": ends[1],
        "other_people": 0, "other_n": 3, "more": 0.75, "more_low": gap.low, "more_high": gap.high, "p": p, "clear": gap.clear,
    }  # fmt: skip
    assert found.silent == {"nps": 2, "csat": 0}
    assert (
        "“too slow” stands in 3 of 4 low NPS answers with words (95 % interval 30.1\N{NO-BREAK SPACE}– 95.4 %)"
        in page(found)
    )
    assert "2 low NPS answers came without words." in page(found)


def test_a_theme_that_others_have_as_well_is_not_clear() -> None:
    found = themes(answers(*[(1.0, "the price")] * 20, *[(9.0, "a price like this")] * 20), FEBRUARY)
    assert found.table["clear"].to_list() == [False]
    assert "not clearly more often than in those of 20 of 20 others with words" in page(found)
    clear = themes(answers(*[(1.0, "the price")] * 20, *[(9.0, "nice")] * 20), FEBRUARY)
    assert clear.table["clear"].to_list() == [True]
    assert "; more often than in those of 0 of 20 others" in page(clear)


def test_without_others_there_is_nothing_to_hold_against() -> None:
    found = themes(answers(*[(1.0, "crash")] * 3), FEBRUARY)
    assert found.table.row(0, named=True)["more"] is None
    assert "none of the others wrote anything" in page(found)


def test_without_themes_it_is_said() -> None:
    assert themes(told("u0 01-02 v"), FEBRUARY).table.is_empty()
    found = themes(answers((1.0, "a"), (2.0, "b"), (3.0, None), (9.0, "a")), FEBRUARY)
    assert "No word or phrase stands in 3 or more low answers of this period. 1 low answer came without words." in page(
        found
    )


@given(texts)
def test_each_phrase_stands_in_as_many_answers_as_a_loop_finds(said: list[str]) -> None:
    found = shared_phrases(said)
    for phrase, where in found.items():
        holding = {at for at, text in enumerate(said) if f" {' '.join(phrase)} " in f" {text.casefold()} "}
        assert where == holding
        assert len(where) >= FEWEST
    windows = {
        tuple(w[a : a + n])
        for t in said
        for w in [t.casefold().split()]
        for n in (1, 2, 3)
        for a in range(len(w) - n + 1)
    }
    for window in windows - set(found):  # left out: too rare, filling at an end, or said as often by a longer one
        holding = {at for at, text in enumerate(said) if f" {' '.join(window)} " in f" {text.casefold()} "}
        longer = any(
            where == holding and f" {' '.join(window)} " in f" {' '.join(each)} " for each, where in found.items()
        )
        assert (
            len(holding) < FEWEST
            or longer
            or {window[0], window[-1]} & {"the", "and", "very"}
            or window[-1] in ("too", "not")
        )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("not working. slow", {"not working", "working", "slow"}),
        ("„Don’t like it“ – (bad)", {"don't like", "like", "bad"}),
        ("Cafe\u0301 404!", {"café", "404", "café 404"}),
        ("हिन्दी 🚀", {"हिन्दी"}),
        ("", set()),
        ("... !!! 🚀", set()),
    ],
)
def test_words_of_any_script(text: str, wanted: set[str]) -> None:
    assert {" ".join(each) for each in phrases(text)} == wanted


def test_outsiders_read_none_of_it() -> None:
    assert cleared(themes(answers(*[(1.0, "crash")] * 30), FEBRUARY), 11) is None
