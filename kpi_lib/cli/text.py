"""Plain tables for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.core.units import NARROW_SPACE, NOTHING, Unit, show


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> str:
    """Align columns: the first `left` as text, the others as figures.

    >>> print(table(["kpi", "n"], [["dau", 12], ["orders", 3]]))
    kpi      n
    dau     12
    orders   3
    """
    cells = [[_cell(each) for each in row] for row in [headers, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    lines = []
    for row in cells:
        parts = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _cell(value: object) -> str:
    return plain(NOTHING if value is None else str(value))


def plain(text: str) -> str:
    """Text that a terminal can show: data may hold escape codes or line breaks, which it must not obey."""
    spaced = text.replace(NARROW_SPACE, " ").replace("\N{NO-BREAK SPACE}", " ")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in spaced)


def interval(row: Mapping[str, Any], unit: Unit, currency: str) -> str:
    """Low and high of a row, or nothing."""
    if row["low"] is None or row["high"] is None:
        return ""
    return f"{show(row['low'], unit, currency)} – {show(row['high'], unit, currency)}"
