"""Text that is safe to show: everything that comes from data is escaped here, once.

`Html` is the only type that passes unescaped, and only `tag` makes it; so no string can become markup by accident.
"""

import html
import re
from dataclasses import dataclass
from functools import cache

_CONTROL_PICTURES = 0x2400
_SPECIAL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:])")
_VOID = frozenset({"br", "hr", "path", "circle", "line", "rect"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is known to be safe, because only this package built it."""

    text: str


Child = Html | str | None


def clean(text: str) -> str:
    """Make a text drawable: control characters become visible, line separators spaces, half characters �.

    >>> clean("a\\x00b\\u2028c")
    'a␀b c'
    """
    return text if text.isprintable() else _SPECIAL.sub(_replacement, text)  # printable ones are nearly all


def _replacement(match: re.Match[str]) -> str:
    """What stands for one character that cannot be drawn."""
    code = ord(match.group())
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return " " if code in (0x2028, 0x2029) else "\N{REPLACEMENT CHARACTER}"


def escape(text: str) -> str:
    """Clean a text and escape it for HTML, attributes included.

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(clean(text), quote=True)


def safe(text: object) -> str:
    """Make any value plain text inside Markdown or HTML: no markup of either kind survives.

    >>> safe("<script> *now*")
    '&lt;script&gt; \\\\*now\\\\*'
    """
    flat = " ".join(clean(str(text)).split())
    return html.escape(_MARKDOWN.sub(r"\\\1", flat), quote=False)


def tag(name: str, *children: Child, **attributes: str | None) -> Html:
    """Build one element; strings are escaped, `class_` and `data_kpi` become `class` and `data-kpi`, None is left out.

    >>> tag("p", "a < b", class_="note").text
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(f' {_attribute(key)}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{given}>" if name in ("br", "hr") else f"<{name}{given}/>")
    return Html(f"<{name}{given}>{join(*children).text}</{name}>")


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def join(*children: Child) -> Html:
    """Put children one after the other.

    >>> join(tag("b", "x"), " & y").text
    '<b>x</b> &amp; y'
    """
    return Html("".join(each.text if isinstance(each, Html) else escape(each) for each in children if each is not None))
