"""Plain tables for the terminal, at most 80 columns wide where that can be done."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.core.units import NARROW_SPACE, NOTHING, Unit, show

WIDTH = 80
GAP = "  "


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> str:
    """Align columns: the first `left` as text, the others as figures. What is too wide gets heads, then texts, of several lines.

    >>> print(table(["kpi", "n"], [["dau", 12], ["orders", 3]]))
    kpi      n
    dau     12
    orders   3
    >>> print(table(["kpi", "why"], [["dau", "one of the KPIs for products at this stage of their growth, says the table"]], left=2))
    kpi  why
    dau  one of the KPIs for products at this stage of their growth, says the table
    """
    cells = [[_cell(each) for each in row] for row in [headers, *rows]]
    widths = _fitting(cells, left)
    gap = GAP if _total(widths) <= WIDTH else " "
    lines = []
    for number, row in enumerate(cells):
        folded = [_folded(text, width) for text, width in zip(row, widths, strict=True)]
        height = max(map(len, folded))
        for at in range(height):
            skipped = [height - len(part) if number == 0 else 0 for part in folded]  # heads stand on their columns
            own = [part[at - up] if 0 <= at - up < len(part) else "" for part, up in zip(folded, skipped, strict=True)]
            parts = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(own, widths, strict=True))]
            lines.append(gap.join(parts).rstrip())
    return "\n".join(lines)


def _fitting(cells: Sequence[Sequence[str]], left: int) -> list[int]:
    """How wide each column is: as it comes; else heads are folded, then the texts with most to spare, at last names at _ and =."""
    columns = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if _total(widths) > WIDTH:
        widths = [max(_halved(column[0]), *map(len, column[1:]), 1) for column in columns]
    words = [i for i, column in enumerate(columns) if i < left or not any(map(str.isdigit, "".join(column[1:])))]
    for loose, most in ((False, WIDTH), (True, WIDTH + len(columns) - 1)):  # the second time gaps are half as wide
        least = {i: _longest(columns[i], loose=loose) for i in words}
        for place in sorted(words, key=lambda i: least[i] - widths[i]):
            widths[place] -= max(min(widths[place] - least[place], _total(widths) - most), 0)
    return widths


def _halved(head: str) -> int:
    """How wide a head is on two lines."""
    return next((width for width in range(_longest([head]), len(head)) if len(_folded(head, width)) <= 2), len(head))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _longest(texts: Sequence[str], *, loose: bool = False) -> int:
    return max(len(word) for text in texts for word in (_loose(text) if loose else text).split(" "))


def _folded(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    tight = _longest([text]) > width
    lines = textwrap.wrap(_loose(text) if tight else text, width, break_long_words=False, break_on_hyphens=False)
    return [re.sub("([_=]) ", r"\1", line) for line in lines] if tight else lines


def _loose(text: str) -> str:
    """A text that may also be folded within its names."""
    return re.sub("([_=])", r"\1 ", text)


def _cell(value: object) -> str:
    return plain(NOTHING if value is None else str(value))


def plain(text: str) -> str:
    """Text that a terminal can show: data may hold escape codes or line breaks, which it must not obey."""
    spaced = text.replace(NARROW_SPACE, " ").replace("\N{NO-BREAK SPACE}", " ")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in spaced)


def interval(row: Mapping[str, Any], unit: Unit, currency: str) -> str:
    """Low and high of a row, one of them alone as a bound, or nothing."""
    low, high = (None if row[end] is None else show(row[end], unit, currency) for end in ("low", "high"))
    if low is None or high is None:
        return f"≥ {low}" if low else f"≤ {high}" if high else ""
    return f"{low} – {high}"


def paragraph(text: str, indent: str = "") -> str:
    """Text in lines of at most 80 columns; further lines are set in.

    >>> print(paragraph("→ look at " + "the question " * 7, "   "))
       → look at the question the question the question the question the question
         the question the question
    """
    return textwrap.fill(
        plain(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
