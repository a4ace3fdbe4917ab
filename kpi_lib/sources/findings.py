"""What was read, what was kept, what is wrong with the rest: the small values that ingest and checks hand on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from kpi_lib.core.contracts import mend

ERROR = "error"
WARNING = "warning"

REJECTS = {
    "file": pl.String,
    "line": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}

# reason -> what mends it; reasons with figures in them fall back to the general advice
NO_TIME = "is no time"
NO_DAY = "names a day or clock time that does not exist"
GAP = "falls into an hour that clocks skipped"
TOO_EARLY = "lies before 1971"
FUTURE = "lies in the future"
UNOBSERVED = "lies at or after observed_until"
EMPTY = "is empty but required"
NO_NUMBER = "is no number"
NO_WHOLE = "is no whole number"
NO_FLAG = "is neither true nor false"
NO_AMOUNT = "is no amount"
TOO_LARGE = "is too large"
NEGATIVE = "is negative, but the row is a sale"
NO_CURRENCY = "is no currency code"
NO_RATE = "has no rate on or before that day"
NO_WORD = "is none of"
OVERLAP = "begins before an earlier row of this subscription_id has ended"
REPEATED = "repeats a key"
NOT_UTF8 = "the line is not UTF-8 text"
NUL = "the line holds a NUL byte"
BROKEN_QUOTE = "a quote is opened and not closed, or closed too early"
NO_JSON = "the line is no JSON object"

MENDS: Mapping[str, str] = {
    NO_TIME: "write times as 2026-01-05T10:00:00Z, days as 2026-01-05, or seconds since 1970 (10 digits)",
    NO_DAY: "correct the date in the file",
    GAP: "that local time never happened; write it with its offset, or name the right timezone for the file",
    TOO_EARLY: "correct the date; 1970 usually stands for a missing time",
    FUTURE: "correct the date, or the timezone of the file",
    UNOBSERVED: "move [workspace] observed_until if these rows belong to the data",
    EMPTY: "fill it in the source, or leave such rows out with where",
    NO_NUMBER: "write numbers as 1234.5, without thousands separators",
    NO_WHOLE: "write whole numbers as 1234",
    NO_FLAG: "write true or false (1, 0, yes and no also do)",
    NO_AMOUNT: "write amounts as 1234.50; decimal in kpi.toml reads 1.234,50 or 1,234.50, and a sign must be that of the row's currency",
    TOO_LARGE: "correct the amount; up to 15 digits are read",
    NEGATIVE: "map a kind column that says refund or credit, or leave such rows out with where",
    NO_CURRENCY: "write three-letter codes such as EUR",
    NO_RATE: "add a row to the rates table that covers the day",
    OVERLAP: "end the earlier row when the next begins; the earlier one was kept",
    REPEATED: "keep one row for each key; the first one was kept",
    NOT_UTF8: "save the file as UTF-8",
    NUL: "remove the NUL bytes; the file may have been cut off while it was written",
    BROKEN_QUOTE: "close the quote, and double quotes that stand inside a field",
    NO_JSON: 'write one object a line, as in {"user_id": "u1"}',
}
GENERAL_MEND = "correct the rows in the file, or leave them out with where"
WIDTH = "the line has"
WIDTH_MEND = "write every field of the row, and put fields that hold the separator in quotes"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a person should know about the data: how bad, where, what, and how to mend it."""

    severity: str
    table: str
    message: str
    mend: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    rows: int | None = None
    file: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        order = ("severity", "table", "line", "column", "value", "message", "mend", "rows", "file")
        return {name: asdict(self)[name] for name in order}


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a table's rows: read = kept + filtered + deduplicated + quarantined, always."""

    read: int = 0
    kept: int = 0
    filtered: int = 0
    deduplicated: int = 0
    quarantined: int = 0

    def to_dict(self) -> dict[str, int]:
        """The counts as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The story of one load: counts by table, and what was found on the way."""

    counts: Mapping[str, Counts]
    findings: tuple[Finding, ...] = ()


def no_rejects() -> pl.DataFrame:
    """An empty list of rejected rows."""
    return pl.DataFrame(schema=REJECTS)


def rejected(table: str, rejects: pl.DataFrame) -> list[Finding]:
    """One finding for each reason and column, with the first place it occurs."""
    if rejects.is_empty():
        return []
    first = [pl.col(name).first() for name in ("file", "line", "value")]
    groups = rejects.group_by("column", "reason", maintain_order=True).agg(pl.len().alias("rows"), *first)
    return [_finding(table, row) for row in groups.sort("rows", descending=True, maintain_order=True).to_dicts()]


def _finding(table: str, row: dict[str, Any]) -> Finding:
    about = f"{row['column']} " if row["column"] else ""
    what = "row was" if row["rows"] == 1 else "rows were"
    message = f"{about}{row['reason']}; {row['rows']:,} {what} quarantined"
    place = {name: row[name] for name in ("line", "column", "value", "rows", "file")}
    return Finding(ERROR, table, message, _mend(table, row), **place)


def _mend(table: str, row: Mapping[str, Any]) -> str:
    column, reason = row["column"], row["reason"]
    if reason.startswith(NO_WORD):
        return word_mend(table, column, row["value"])
    return WIDTH_MEND if reason.startswith(WIDTH) else MENDS.get(reason) or mend(table, column, reason) or GENERAL_MEND


def word_mend(table: str, column: str, value: str) -> str:
    """How to say in kpi.toml what a word of the file means."""
    return (
        f'say what it means in [tables.{table}]: values.{column} = {{ {json.dumps(value, ensure_ascii=False)} = "…" }}'
    )
