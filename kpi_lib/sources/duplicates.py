"""Rows that stand twice: dropped by their key, dropped whole if asked, otherwise kept and pointed out."""

import polars as pl

from kpi_lib.core.schema import TABLES
from kpi_lib.sources.bench import Bench, Verdicts
from kpi_lib.sources.csvfile import FILE, LINE
from kpi_lib.sources.findings import REPEATED


def deduplicate(bench: Bench, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Drop repeated events and transactions, keep the first of each key; the second value counts the dropped rows."""
    before, set_aside = len(rows), 0
    if bench.setting.section.get("dedupe"):
        rows = rows.filter(~_repeats(rows))
    for column in TABLES[bench.setting.table]:
        if column.key and not column.required and column.name in rows.columns:
            rows = _first_of_key(rows, column.name)
        elif column.key and column.name in rows.columns:
            kept = _one_of_key(bench, rows, column.name)
            set_aside += len(rows) - len(kept)
            rows = kept
    return rows, before - len(rows) - set_aside


def _repeats(rows: pl.DataFrame) -> pl.Series:
    """Which rows equal an earlier one in all columns of the file."""
    own = rows.drop(FILE, LINE)
    if own.is_empty() or not own.columns:
        return pl.repeat(False, len(rows), dtype=pl.Boolean, eager=True)
    # hashes only find the suspects; whether they are equal is decided on the values
    suspect = own.hash_rows().is_duplicated()
    numbered = own.with_columns(pl.int_range(pl.len()).alias("\x00row")).filter(suspect)
    first = numbered.select("\x00row", pl.struct(own.columns).is_first_distinct().alias("\x00first"))
    again = first.filter(~pl.col("\x00first"))["\x00row"]
    return pl.int_range(len(rows), eager=True).is_in(again.implode())


def _first_of_key(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    there = rows[key].drop_nulls()
    # numbers are told apart much faster than texts: where no two hashes are the same, no two texts are
    if there.hash().n_unique() == len(there):
        return rows
    again = rows[key].is_duplicated() & rows[key].is_not_null()
    order = ["ingested"] if "ingested" in rows.columns else []
    # only rows whose key stands twice are put in order, not the whole table
    ranked = rows.select(key, *order, pl.int_range(pl.len()).alias("\x00row")).filter(again)
    if order:
        ranked = ranked.sort("ingested", nulls_last=True, maintain_order=True)
    later = ranked.filter(~pl.col(key).is_first_distinct())["\x00row"]
    return rows.filter(~pl.int_range(pl.len()).is_in(later.implode()))


def _one_of_key(bench: Bench, rows: pl.DataFrame, key: str) -> pl.DataFrame:
    verdicts = Verdicts.of(len(rows))
    again = pl.select(pl.when(~rows[key].is_first_distinct()).then(pl.lit(REPEATED))).to_series()
    verdicts.add(key, again, rows[key])
    bench.rejects.append(verdicts.rejects(rows, rows[FILE]))
    return rows.filter(verdicts.fine)


def notice(bench: Bench, rows: pl.DataFrame) -> None:
    """Warn about equal rows that were kept because nothing says whether they are errors."""
    keys = [c.name for c in TABLES[bench.setting.table] if c.key and c.name in rows.columns]
    if bench.setting.section.get("dedupe") or keys:
        return
    repeats = _repeats(rows)
    if count := int(repeats.sum()):
        first = rows.filter(repeats)
        told = ("1 row equals", "it was") if count == 1 else (f"{count:,} rows equal", "they were")
        message = f"{told[0]} an earlier row in every column; {told[1]} kept"
        mend = f"if they are double entries, set dedupe = true in [tables.{bench.setting.table}]"
        bench.note(message, mend, rows=count, line=first[LINE][0], file=first[FILE][0])
