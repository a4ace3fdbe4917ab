"""Of what a cell leaves behind only our own markup is taken as markup."""

import base64
import json
from typing import Any

import pytest

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting.outputs import Specs, embedded, parts, shown
from kpi_lib.reporting.svg import inline_svg
from kpi_lib.show.theme import LIGHT

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="5">'


def test_foreign_html_is_dropped_for_its_text() -> None:
    assert shown({"text/html": "<b>x</b>", "text/plain": "<x>"}, Specs()) == (
        '<pre class="printed" tabindex="0">&lt;x&gt;</pre>'
    )
    assert shown({"text/html": "<b>x</b>"}, Specs()) == ""
    assert shown({"application/javascript": "go()"}, Specs()) == ""


def test_printed_text_is_cut_and_says_so() -> None:
    written = shown({"text/plain": "\n".join(map(str, range(100)))}, Specs())
    assert "… 40 more lines" in written


def test_warnings_on_standard_error_stay_out() -> None:
    stream = {"output_type": "stream", "name": "stderr", "text": "careful"}
    assert list(parts({"outputs": [stream]}, Specs())) == []


@pytest.mark.parametrize(("content", "taken"), [(b"\x89PNG\r\n\x1a\nrest", True), (b"GIF89a", False)])
def test_a_png_is_looked_at(content: bytes, taken: bool) -> None:
    written = shown({"image/png": base64.b64encode(content).decode()}, Specs())
    assert ("<img" in written) == taken
    assert shown({"image/png": "x' onerror='"}, Specs()) == ""


def test_a_drawing_keeps_shapes_and_loses_the_rest() -> None:
    inside = (
        '<script>go()</script><style>*{}</style><foreignObject/><a xlink:href="javascript:go()"><rect id="r"/></a>'
        '<rect onclick="go()" fill="url(#r)" style="background:url(//x)" href="//x"/><image xlink:href="//x"/>'
    )
    written, width = inline_svg(f"{SVG}<!-- go() -->{inside}</svg>", prefix="c1", label='"<a>')
    assert width == 9
    for gone in ("go()", "script", "style", "foreignObject", "href", "image", "//x", "onclick"):
        assert gone not in written
    assert 'id="c1-r"' in written
    assert 'fill="url(#c1-r)"' in written
    assert 'viewBox="0 0 9 5"' in written
    assert 'aria-label="&quot;&lt;a&gt;"' in written


def test_colours_of_the_theme_follow_the_page() -> None:
    written, _ = inline_svg(f'{SVG}<rect fill="{LIGHT.accent}" stroke="#123456"/></svg>', prefix="c")
    assert 'fill="var(--kpi-cat-1)"' in written or 'fill="var(--kpi-accent)"' in written
    assert 'stroke="#123456"' in written


@pytest.mark.parametrize("source", ["<svg", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', ""])
def test_what_is_no_plain_svg_is_refused(source: str) -> None:
    with pytest.raises(ReportError):
        inline_svg(source, prefix="c")


@pytest.mark.parametrize("value", ["</script>", "<!--", "\u2028", "&amp;", {"<": [">"]}])
def test_embedded_json_reads_back_and_holds_no_markup(value: Any) -> None:  # noqa: ANN401
    written = embedded(value)
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == value


def test_what_is_no_number_becomes_nothing() -> None:
    assert embedded([float("nan"), float("inf"), 1.5]) == "[null,null,1.5]"


def test_an_error_is_told_without_its_colours() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "\x1b[31m<x>\x1b[0m", "traceback": []}
    assert list(parts({"outputs": [error]}, Specs())) == ['<pre class="stopped">E: &lt;x&gt;</pre>']


def test_a_drawing_without_a_spec_and_markdown_stand_in_the_page() -> None:
    assert "<rect" in shown({"image/svg+xml": f"{SVG}<rect/></svg>"}, Specs())
    assert shown({"text/markdown": ["**a**"]}, Specs()) == '<div class="prose"><p><strong>a</strong></p>\n</div>'
