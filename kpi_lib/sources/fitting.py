"""One file's rows become rows of a canonical table: columns found and converted, amounts in the workspace's money."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from kpi_lib.core.errors import nearest, shown
from kpi_lib.core.period import local_day
from kpi_lib.core.schema import TABLES, Column, moment, since
from kpi_lib.sources.bench import Bench, Verdicts
from kpi_lib.sources.csvfile import FILE, LINE
from kpi_lib.sources.findings import (
    EMPTY,
    FUTURE,
    MENDS,
    NEGATIVE,
    NO_AMOUNT,
    NO_NUMBER,
    NO_TIME,
    UNOBSERVED,
)
from kpi_lib.sources.kinds import FIGURES, Zones, as_text, blank_to_null, convert, decimal_of, plainly
from kpi_lib.sources.money import Rates, currencies, exchange, parse_amounts
from kpi_lib.sources.obeying import in_words, judge
from kpi_lib.sources.reading import Raw
from kpi_lib.sources.times import usual_forms
from kpi_lib.sources.where import keep

UNREADABLE = (NO_TIME, NO_AMOUNT, NO_NUMBER)
ENOUGH = 2  # one bad value alone is a bad row


@dataclass(slots=True)
class Fit:
    """One file on its way: its raw rows, the canonical columns found in it, and the verdicts on its rows."""

    bench: Bench
    raw: Raw
    rows: pl.DataFrame
    sources: dict[str, pl.Series]
    verdicts: Verdicts

    def values(self, name: str) -> pl.Series:
        """The raw values behind a canonical column."""
        return self.sources[name]

    def figures(self, column: Column) -> pl.Series:
        """The raw values of a column, those of figures with a decimal point whatever the file writes."""
        mark = self.bench.setting.section.get("decimal") if column.kind in FIGURES else None
        return plainly(self.sources[column.name], mark)


def fit(bench: Bench, raw: Raw) -> pl.DataFrame:
    """Turn one file into canonical columns and segment columns; rows that cannot be used go to the bench's rejects."""
    rows = raw.rows
    if where := bench.setting.section.get("where"):
        kept = keep(rows, where, f"{raw.name}, table {bench.setting.table}:")
        bench.filtered += int((~kept).sum())
        rows = rows.filter(kept)
    sources = _sources(bench, raw, rows)
    work = Fit(bench, raw, rows, sources, Verdicts.of(len(rows)))
    found = {
        c.name: _converted(work, c) for c in TABLES[bench.setting.table] if c.name in sources and c.kind != "money"
    }
    frame = pl.DataFrame({LINE: rows[LINE], **found})
    frame = _with_amounts(work, frame)
    _not_after_the_end(work, frame)
    judge(bench.setting.table, frame, work.verdicts, sources)
    extra = [rows[name] for name in _extra(bench, raw)]
    frame = frame.with_columns(pl.lit(raw.name).alias(FILE), *extra)
    bench.rejects.append(work.verdicts.rejects(rows, frame[FILE]))
    return frame.filter(work.verdicts.fine)


def _sources(bench: Bench, raw: Raw, rows: pl.DataFrame) -> dict[str, pl.Series]:
    """Find the raw values of every canonical column: mapped, constant, or of the same name."""
    section, found = bench.setting.section, {}
    mapped, fixed = section.get("columns", {}), section.get("constants", {})
    for name, theirs in ((name, theirs) for name, theirs in mapped.items() if theirs not in raw.columns):
        message = f"columns maps {name} = {shown(theirs)}, but the file has no such column"
        raise bench.error(raw.name, f"{message}. {nearest(theirs, raw.columns)}")
    for column in _wanted(bench.setting.table):
        if column.name in mapped:
            found[column.name] = rows[mapped[column.name]].alias(column.name)
        elif column.name in fixed:
            found[column.name] = pl.repeat(fixed[column.name], len(rows), dtype=pl.String, eager=True)
        elif column.name in raw.columns and (column.required or column.name not in mapped.values()):
            found[column.name] = rows[column.name]
        elif column.required:
            raise _missing(bench, raw, column)
    if nested := [values for values in found.values() if values.dtype.is_nested()]:
        message = f"column {nested[0].name} holds lists or records ({nested[0].dtype}), where one value a row is needed"
        raise bench.error(raw.name, f"{message}.\nMap another column, or write its parts as columns of their own.")
    meanings = section.get("values", {})
    return {name: _meant(values, meanings[name]) if name in meanings else values for name, values in found.items()}


def _meant(values: pl.Series, meaning: dict[str, str]) -> pl.Series:
    """What the values of a column stand for, where kpi.toml says so."""
    return as_text(blank_to_null(values)).replace(meaning)


def _wanted(table: str) -> list[Column]:
    """The canonical columns, and the currency of every table that holds amounts."""
    known = list(TABLES[table])
    if any(c.kind == "money" for c in known) and all(c.name != "currency" for c in known):
        known.append(Column("currency", "text", required=False, key=False))
    return known


def _missing(bench: Bench, raw: Raw, column: Column) -> Exception:
    near = nearest(column.name, raw.columns)
    mend = f'columns = {{ {column.name} = "THEIR NAME" }}'
    return bench.error(
        raw.name,
        f"the column {column.name} ({column.kind}) is required and neither mapped nor in the file. {near}\n"
        f"Name it in [tables.{bench.setting.table}]: {mend}",
    )


def _extra(bench: Bench, raw: Raw) -> list[str]:
    """The file's other columns, which stay usable as segments; one that hides behind a mapped name is left out."""
    section, table = bench.setting.section, bench.setting.table
    mapped, fixed = section.get("columns", {}), section.get("constants", {})
    canonical = {column.name for column in _wanted(table)}
    found = [name for name in raw.columns if name not in mapped.values() and name not in canonical]
    for name in raw.columns:
        if name in canonical and name not in mapped.values() and (name in fixed or name in mapped):
            instead = f"column {shown(mapped[name])}" if name in mapped else "the constant"
            message = f"the file's own column {name} is left out, because {name} is taken from {instead}"
            bench.note(message, "rename it in the file to use it as a segment", column=name, file=raw.name)
    left_out = [name for name in found if name == "time" or raw.rows.schema[name].is_nested()]
    for name in left_out:
        # every table is cut at the end of its `time`, so the name is not free for anything else
        why = "has a name that this table does not know" if name == "time" else "holds lists or records"
        mend = "map it to a column of the table" if name == "time" else "write its parts as columns of their own"
        bench.note(f"the column {name} {why} and is left out", f"{mend} to use it", column=name, file=raw.name)
    return [name for name in found if name not in left_out]


def _converted(work: Fit, column: Column) -> pl.Series:
    values = work.values(column.name)
    section = work.bench.setting.section
    form = section.get("time_format")
    form = form.get(column.name) if isinstance(form, dict) else form
    parsed = convert(work.figures(column), column.kind, Zones(work.bench.setting.zone, section.get("timezone"), form))
    if parsed.naive is not None and parsed.naive.any():
        raise _without_zone(work, column, parsed.naive)
    if parsed.twice is not None and parsed.twice.any():
        _repeated_hour(work, column.name, parsed.twice)
    _not_all_wrong(work, column, parsed.reasons)
    work.verdicts.add(column.name, parsed.reasons, values)
    if column.required:
        _required(work, column.name, parsed.values, parsed.reasons)
    if column.kind != "text":
        return parsed.values.alias(column.name)
    worded, unknown = in_words(work.bench.setting.table, column.name, parsed.values)
    work.verdicts.add(column.name, unknown, values)
    return worded.alias(column.name)


def _required(work: Fit, name: str, found: pl.Series, reasons: pl.Series) -> None:
    empty = found.is_null() & reasons.is_null()
    work.verdicts.add(name, pl.select(pl.when(empty).then(pl.lit(EMPTY))).to_series(), work.values(name))


def _first(work: Fit, rows: pl.Series, name: str) -> tuple[str, str]:
    at = int(rows.fill_null(False).arg_max() or 0)
    return f"{work.raw.name}, line {work.rows[LINE][at]}", shown(str(work.values(name)[at]))


def _without_zone(work: Fit, column: Column, naive: pl.Series) -> Exception:
    place, value = _first(work, naive, column.name)
    theirs = work.values(column.name).name or column.name
    return work.bench.error(
        place,
        f"column {column.name} ({theirs}) holds {value}, a time without a zone ({int(naive.sum()):,} rows), "
        "and nothing says where that clock stood.\n"
        f'Add to [tables.{work.bench.setting.table}]: timezone = "UTC" (or the right zone).',
    )


def _repeated_hour(work: Fit, name: str, twice: pl.Series) -> None:
    """In autumn clocks show an hour twice; without an offset nobody can say which one is meant."""
    place, value = _first(work, twice, name)
    count = int(twice.sum())
    message = f"{name} falls into the hour that clocks showed twice; the first pass was taken"
    line = int(place.rsplit(" ", 1)[1])
    mend = "give UTC times, or times with their offset, as in 2026-10-25T02:30:00+01:00"
    work.bench.note(message, mend, column=name, rows=count, line=line, value=value, file=work.raw.name)


def _not_all_wrong(work: Fit, column: Column, reasons: pl.Series) -> None:
    """A column in which no value at all can be read is the wrong column or another format, not a run of bad rows."""
    values = blank_to_null(work.values(column.name))
    there = values.is_not_null()
    found = reasons.filter(there)
    many = column.required or len(found) > len(there) / 2
    if not many or len(found) < ENOUGH or found[0] not in UNREADABLE or not found.eq_missing(found[0]).all():
        return
    place, value = _first(work, there, column.name)
    mend = MENDS[str(found[0])]
    if found[0] == NO_TIME and (forms := usual_forms(values)):
        lines = " or ".join(f'time_format = "{form}"' for form in forms)
        mend = f"add to [tables.{work.bench.setting.table}]: {lines}"
    if column.kind in FIGURES and (mark := decimal_of(values)):
        mend = f'add to [tables.{work.bench.setting.table}]: decimal = "{mark}"'
    message = f"column {column.name}: {value} {found[0]}, nor is any other value of this column"
    raise work.bench.error(place, f"{message}.\nMap the right column, or {mend}.")


def _with_amounts(work: Fit, frame: pl.DataFrame) -> pl.DataFrame:
    setting = work.bench.setting
    amounts = [c for c in TABLES[setting.table] if c.kind == "money" and c.name in work.sources]
    if not amounts:
        return frame
    currency, wrong = currencies(work.sources.get("currency"), setting.currency, len(frame))
    if "currency" in work.sources:
        work.verdicts.add("currency", wrong, work.values("currency"))
    frame = frame.with_columns(currency.alias("currency"))
    for column in amounts:
        read = parse_amounts(work.figures(column), currency)
        _not_all_wrong(work, column, read.reasons)
        work.verdicts.add(column.name, read.reasons, work.values(column.name))
        if column.required:
            _required(work, column.name, read.values, read.reasons)
        _rounded(work, column.name, read.rounded)
        frame = frame.with_columns(read.values.alias(column.name))
    if setting.table == "transactions":
        frame = _signed(work, frame)
    time = next(c.name for c in TABLES[setting.table] if c.kind in ("time", "day") and c.required)
    rates = Rates(setting.rates, setting.currency, setting.zone, f"{work.raw.name}, table {setting.table}")
    # rows that are set aside already must not make a currency look as if it occurred
    usable = frame.with_columns(
        pl.when(work.verdicts.fine).then("currency").otherwise(pl.lit(setting.currency)).alias("currency")
    )
    changed, missing = exchange(usable, [c.name for c in amounts], time, rates)
    work.verdicts.add("currency", missing, currency)
    _exchanged(work, usable["currency"])
    return changed if "currency" in work.sources else changed.drop("currency")


def _exchanged(work: Fit, currency: pl.Series) -> None:
    """Say how many amounts came in by the rate of their day."""
    home = work.bench.setting.currency
    other = (currency != home) & work.verdicts.fine
    if count := int(other.sum()):
        codes = ", ".join(currency.filter(other).unique().sort())
        message = f"{count:,} rows in {codes} were changed into {home} by the rate of their day"
        place = {"line": work.rows[LINE][int(other.arg_max() or 0)], "file": work.raw.name, "rows": count}
        work.bench.note(message, "nothing to do if the rates table is right", column="currency", **place)


def _rounded(work: Fit, name: str, rounded: pl.Series) -> None:
    if count := int(rounded.sum()):
        place, value = _first(work, rounded, name)
        message = f"{name} has more decimals than the currency; {count:,} rows were rounded"
        line = int(place.rsplit(" ", 1)[1])
        mend = "nothing to do if these are unit prices; otherwise check the column"
        work.bench.note(message, mend, column=name, rows=count, line=line, value=value, file=work.raw.name)


def _signed(work: Fit, frame: pl.DataFrame) -> pl.DataFrame:
    """Refunds and credits are stored as negative amounts, however the file writes them; a sale must not be negative."""
    kind = frame["kind"] if "kind" in frame.columns else pl.repeat(None, len(frame), dtype=pl.String, eager=True)
    back = kind.is_in(["refund", "credit"]).fill_null(False)
    negative = ~back & (frame["amount"] < 0)
    work.verdicts.add("amount", pl.select(pl.when(negative).then(pl.lit(NEGATIVE))).to_series(), work.values("amount"))
    return frame.with_columns(pl.when(back).then(-pl.col("amount").abs()).otherwise("amount").alias("amount"))


def _not_after_the_end(work: Fit, frame: pl.DataFrame) -> None:
    setting = work.bench.setting
    name, begun = moment(setting.table), since(setting.table, frame.columns)
    if name is None or begun is None:
        return
    limit = setting.until or setting.latest
    last: Any = local_day(limit - timedelta(microseconds=1), setting.zone)
    late = begun > last if frame.schema[name] == pl.Date else begun >= limit
    reason = pl.lit(UNOBSERVED if setting.until else FUTURE)
    work.verdicts.add(name, frame.select(pl.when(late).then(reason)).to_series(), work.values(name))
