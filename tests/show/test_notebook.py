"""What shows itself in a notebook: in a form the report takes, and with a fallback for the Lab."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from kpi_lib.show.blocks import Say, Table, Tile, marked
from kpi_lib.show.markup import clean, safe
from kpi_lib.show.notebook import bundle, register
from kpi_lib.show.picture import HTML_MIME, PICTURE_MIME, VEGALITE_MIME, Picture, drawn_spec
from kpi_lib.show.stills import still

NASTY = "a\x00\x01\x08\x1b\ufffe\uffff\ud800\u2028\u2029b"


def chart(label: str = "x") -> alt.Chart:
    return alt.Chart(pl.DataFrame({"a": [label], "b": [1]})).mark_bar().encode(x="b", y="a")


@dataclass(frozen=True)
class Result:
    """A result that knows nothing of showing."""

    text: str


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell()
    yield shell
    alt.theme.enable("default")
    alt.renderers.enable("default")


def test_a_chart_shows_itself_offline(shell: InteractiveShell) -> None:
    assert register(shell)
    assert shell.display_formatter is not None
    data, _ = shell.display_formatter.format(chart())
    assert set(data) == {VEGALITE_MIME, "image/svg+xml", "text/plain"}
    assert "http" not in json.dumps(data[VEGALITE_MIME]["data"])


def test_a_picture_keeps_both_layouts() -> None:
    table = Table(title="t", columns=("a",), rows=(("<b>",),))
    shown = bundle(Picture(wide=chart(), narrow=chart(), alt="it <rose>", note="n", table=table))
    kept = shown[PICTURE_MIME]
    assert kept["wide_svg"].startswith("<svg")
    assert kept["narrow_svg"].startswith("<svg")
    assert kept["alt"] == "it <rose>"
    assert "&lt;b&gt;" in kept["below"]
    assert shown["text/plain"] == "[chart] it <rose>"


def test_a_north_star_brings_its_tile() -> None:
    shown = bundle(Picture(wide=chart(), alt="a", tile=Tile(label="Buyers", value="3")))
    assert 'class="kpi-tile"' in shown[PICTURE_MIME]["tile"]
    assert shown[PICTURE_MIME]["narrow"] is None


def test_a_block_comes_in_our_own_form_and_for_the_lab() -> None:
    shown = bundle(Say(marked("**a** <b>")))
    assert shown[HTML_MIME] == '<p class="kpi-say"><strong>a</strong> &lt;b&gt;</p>'
    assert shown["text/html"].endswith(f"{shown[HTML_MIME]}</div>")


def test_results_show_themselves_by_their_faces(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    register(shell, {Result: lambda result: (Say(result.text), None, chart())})
    assert shell.display_formatter is not None
    assert shell.display_formatter.format(Result("up")) == ({}, {})
    assert shown[0] == Say("up")
    assert len(shown) == 2


def test_something_unknown_is_refused() -> None:
    with pytest.raises(TypeError, match="no block"):
        bundle(3)


def test_no_character_ends_the_drawing() -> None:
    spec = drawn_spec({"data": {"values": [{NASTY: NASTY}]}, "mark": "text", "encoding": {"text": {"value": NASTY}}})
    assert still(spec).startswith("<svg")
    assert "␀" in still(spec)


def test_what_is_no_number_leaves_a_gap() -> None:
    assert drawn_spec({"values": [float("nan"), float("-inf"), 2.0]}) == {"values": [None, None, 2.0]}


@settings(max_examples=300)
@given(st.text(st.characters(codec=None), max_size=40))
def test_cleaned_text_can_be_written_and_drawn(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert not any(ord(each) < 32 and each not in "\t\n\r" for each in cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(max_size=40))
def test_safe_text_has_no_markup(text: str) -> None:
    written = safe(text)
    assert "<" not in written
    assert "\n" not in written
