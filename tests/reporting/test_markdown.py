"""Markdown in, HTML out, and nothing in it that runs or loads."""

import pytest

from kpi_lib.reporting.markdown import markdown_html


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("![a<b](https://example.invalid/x.png)", "<p>a&lt;b</p>"),
        ("# Big", "<h3>Big</h3>"),
        ("[a](javascript:go)", "<p>a</p>"),
        ("[a](data:text/html,x)", "<p>a</p>"),
        ("[a](#section-1)", '<p><a href="#section-1" rel="noopener noreferrer">a</a></p>'),
        ("[a](https://example.invalid/?b=1&c=2)", 'href="https://example.invalid/?b=1&amp;c=2"'),
        ('[a](<https://e" onclick=go()>)', 'href="https://e%22%20onclick=go()"'),
    ],
)
def test_only_markdown_has_an_effect(source: str, written: str) -> None:
    assert written in markdown_html(source)


def test_tables_are_tables() -> None:
    assert "<td>&lt;i&gt;</td>" in markdown_html("a | b\n--|--\n1 | <i>")
