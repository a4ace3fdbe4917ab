"""Rows that could not be used, kept beside the workspace with their reasons; git never sees them."""

import csv
import io
import os
import tempfile
from pathlib import Path

import polars as pl

from kpi_lib.sources.findings import REJECTS, WARNING, Finding

FOLDER = Path(".kpi") / "quarantine"
RISKY = ("=", "+", "-", "@", "\t", "\r")


def write(workspace: Path, rejects: dict[str, pl.DataFrame]) -> list[Finding]:
    """Write one file a table, whole or not at all, and remove those of tables that are clean now."""
    try:
        for table, rows in rejects.items():
            _one(workspace, table, rows)
    except OSError as error:
        table = next(iter(rejects), "")
        message = f"the quarantine in {FOLDER} could not be written: {error.strerror or error}"
        return [
            Finding(WARNING, table, message, "make the workspace folder writable to keep the rows that were set aside")
        ]
    return []


def _one(workspace: Path, table: str, rows: pl.DataFrame) -> None:
    folder = workspace / FOLDER
    target = folder / f"{table}.csv"
    if rows.is_empty():
        target.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    ignore = workspace / ".kpi" / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    _replace(target, _csv(rows))


def _csv(rows: pl.DataFrame) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(REJECTS)
    for row in rows.select(list(REJECTS)).iter_rows():
        writer.writerow([safe(each) if isinstance(each, str) else each for each in row])
    return out.getvalue()


def safe(text: str) -> str:
    """Text that a spreadsheet shows and does not run as a formula.

    >>> safe("=1+1")
    "'=1+1"
    """
    return "'" + text if text.startswith(RISKY) else text


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
