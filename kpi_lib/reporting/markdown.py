"""Markdown of a notebook as HTML in which nothing but Markdown has an effect."""

from functools import cache

import mistune

from kpi_lib.show.markup import clean, escape


def markdown_html(text: str) -> str:
    """Write Markdown as HTML: raw HTML shows literally, images become their words, links keep to the web.

    >>> markdown_html("**a** <script>x</script>")
    '<p><strong>a</strong> &lt;script&gt;x&lt;/script&gt;</p>\\n'
    """
    return str(_writer()(clean(text)))


@cache
def _writer() -> mistune.Markdown:
    """The configured writer."""
    renderer = mistune.HTMLRenderer(escape=True)
    renderer.register("image", lambda _renderer, text, **_: escape(str(text)))
    renderer.register("heading", _heading)
    renderer.register("link", _link)
    return mistune.create_markdown(renderer=renderer, plugins=["table", "strikethrough"])


def _heading(_renderer: object, text: str, level: int, **_: object) -> str:
    """The page owns the first two levels of headings."""
    return f"<h{max(level, 3)}>{text}</h{max(level, 3)}>\n"


def _link(_renderer: object, text: str, url: str, **_: object) -> str:
    """Only links that lead to the web or within the page stay links."""
    if url.startswith(("https://", "http://", "#")):
        return f'<a href="{escape(url)}" rel="noopener noreferrer">{text}</a>'
    return text
