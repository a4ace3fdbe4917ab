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


class _Renderer(mistune.HTMLRenderer):
    """What differs from plain Markdown; the library takes such changes by inheritance alone."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """An image becomes its words: a report loads nothing."""
        return text

    def heading(self, text: str, level: int, **attrs: object) -> str:
        """The page owns the first two levels of headings."""
        return f"<h{max(level, 3)}>{text}</h{max(level, 3)}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Only links that lead to the web or within the page stay links."""
        if url.startswith(("https://", "http://", "#")):
            return f'<a href="{escape(url)}" rel="noopener noreferrer">{text}</a>'
        return text


@cache
def _writer() -> mistune.Markdown:
    """The configured writer."""
    return mistune.create_markdown(renderer=_Renderer(escape=True), plugins=["table", "strikethrough"])
