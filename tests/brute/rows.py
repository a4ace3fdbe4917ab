"""The event row that every brute-force answer reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """One event: who, when (UTC microseconds), what, its place in the source if known, and other columns."""

    unit: str
    time: int
    event: str
    seq: int | None = None
    props: Mapping[str, Any] = NOTHING


def as_rows(rows: Iterable[tuple[Any, ...]]) -> list[Row]:
    """Accept plain tuples, short ones too."""
    return [Row(*row) for row in rows]


def by_unit(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each unit in input order; units sorted, so that answers print the same every time."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.unit, []).append(row)
    return dict(sorted(found.items()))
