"""One column of a file becomes one canonical column: its values, and for each value that cannot be used the reason."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from kpi_lib.core.period import local_date
from kpi_lib.sources.findings import NO_FLAG, NO_NUMBER, NO_TIME, NO_WHOLE, TOO_LARGE
from kpi_lib.sources.times import parse_times

# what exports write for nothing; pandas, R, Postgres and MySQL all have their own word
NOTHING = ("", "NULL", "null", "\\N", "NaN", "nan", "NA", "None", "<NA>", "NaT")
SWITCHES = {each: True for each in ("true", "1", "yes", "y", "t")} | {
    each: False for each in ("false", "0", "no", "n", "f")
}
FIGURES = ("money", "number", "whole")  # kinds in which a file may write decimal commas, or commas between thousands
SAMPLE = 10_000
REAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
WHOLE = r"^[+-]?[0-9]{1,18}(?:\.0*)?$"


@dataclass(frozen=True, slots=True)
class Zones:
    """The zone of calendar days, the zone of date-times that carry none, and the form of times if one is declared."""

    workspace: str
    file: str | None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical column: values, reasons (null where the value is fine), where a zone is missing, where clocks repeat."""

    values: pl.Series
    reasons: pl.Series
    naive: pl.Series | None = None
    twice: pl.Series | None = None


def convert(values: pl.Series, kind: str, zones: Zones) -> Parsed:
    """Read a column as one of the canonical kinds; money is read apart because it needs its currency."""
    return READERS[kind](blank_to_null(values), zones)


def blank_to_null(values: pl.Series) -> pl.Series:
    """Text without surrounding blanks; what exports write for nothing is null, and so is a float that is no number."""
    if values.dtype == pl.String:
        if _few(values):
            # mostly nothing is to be done, which a look at each text once shows
            texts = values.unique()
            if blank_to_null(texts).eq_missing(texts).all():
                return values
        stripped = values.str.strip_chars()
        return pl.select(pl.when(~stripped.is_in(list(NOTHING))).then(stripped)).to_series()
    return values.fill_nan(None) if values.dtype.is_float() else values


GROUPED = r"^([^0-9.,]*[0-9]{1,3}(?:MARK[0-9]{3})+(?:POINT[0-9]*)?[^0-9.,]*)$"
DECORATED = r"^[^0-9.,+-]+|[^0-9.,]+$"


def decimal_of(values: pl.Series) -> str | None:
    """The decimal mark without which figures cannot be read: "," for 1.234,50, "." for 1,234.50; none for plain 1234.50.

    A comma before three digits, wherever there is one, divides thousands.

    >>> decimal_of(pl.Series(["1.234,50", "19,9"])), decimal_of(pl.Series(["1,234", "999"])), decimal_of(pl.Series(["5.5"]))
    (',', '.', None)
    """
    if values.dtype != pl.String:
        return None
    bare = blank_to_null(values).str.replace_all(DECORATED, "")
    plain, comma, point = (
        int(each.str.contains(REAL).sum()) for each in (bare, *(plainly(bare, m) for m in (",", ".")))
    )
    if point > plain and point >= comma:
        return "."
    return "," if comma > plain else None


def plainly(values: pl.Series, decimal: str | None) -> pl.Series:
    """Figures with this decimal mark as plain ones: 1.234,50 and 1,234.50 become 1234.50.

    What has another form, such as 19.90 where commas are decimal, cannot be read afterwards.

    >>> plainly(pl.Series(["1.234,50", "-19,9", "5", "19.90"]), ",").to_list()
    ['1234.50', '-19.9', '5', '19,90']
    >>> plainly(pl.Series(["$1,234.50", "19,9"]), ".").to_list()
    ['$1234.50', '19,9']
    """
    if decimal is None or values.dtype != pl.String:
        return values
    mark = "." if decimal == "," else ","
    grouped = GROUPED.replace("MARK", re.escape(mark)).replace("POINT", re.escape(decimal))
    whole = values.str.strip_chars()
    joined = pl.when(whole.str.contains(grouped)).then(whole.str.replace_all(mark, "", literal=True)).otherwise(whole)
    found = pl.select(joined).to_series().alias(values.name)
    return found.str.replace_many({",": ".", ".": ","}) if decimal == "," else found


def _few(values: pl.Series) -> bool:
    """Whether the same texts stand again and again."""
    return len(values) > SAMPLE and values.head(SAMPLE).n_unique() < SAMPLE // 4


def as_text(values: pl.Series) -> pl.Series:
    """Any column as text; floats that are whole lose their point (ids next to nulls become floats in many exports)."""
    if values.dtype == pl.String:
        return values
    if values.dtype.is_float() and (values.is_null() | ((values == values.floor()) & (values.abs() < 2**53))).all():
        return values.cast(pl.Int64, strict=False).cast(pl.String)
    return values.cast(pl.String, strict=False)


def _fine(values: pl.Series) -> Parsed:
    return Parsed(values, pl.repeat(None, len(values), dtype=pl.String, eager=True))


def _judged(before: pl.Series, after: pl.Series, reason: str) -> Parsed:
    """A value that was there before and is null after has the reason."""
    lost = before.is_not_null() & after.is_null()
    return Parsed(after, pl.select(pl.when(lost).then(pl.lit(reason))).to_series())


def _texts(values: pl.Series, _: Zones) -> Parsed:
    return _fine(as_text(values))


def _ids(values: pl.Series, _: Zones) -> Parsed:
    text = as_text(values)
    if text.str.ends_with(".0").any() and text.drop_nulls().str.contains(r"^[0-9]{1,15}\.0$").all():
        # an export that held the ids as floats, mostly because one was missing
        text = text.str.strip_suffix(".0")
    return _fine(text)


def _times(values: pl.Series, zones: Zones) -> Parsed:
    if values.dtype == pl.Boolean:
        return _judged(values, pl.Series([None] * len(values), dtype=pl.Datetime("us", "UTC")), NO_TIME)
    found = parse_times(values, workspace_zone=zones.workspace, file_zone=zones.file, form=zones.form)
    return Parsed(found["time"], found["reason"], found["naive"], found["twice"])


def _days(values: pl.Series, zones: Zones) -> Parsed:
    # a date-time without a zone still has its date, so no zone has to be named for it
    file_zone = zones.file or zones.workspace
    found = parse_times(values, workspace_zone=zones.workspace, file_zone=file_zone, form=zones.form)
    day = pl.coalesce("day", local_date(pl.col("time"), zones.workspace))
    return Parsed(found.select(pl.when(pl.col("reason").is_null()).then(day)).to_series(), found["reason"])


def _numbers(values: pl.Series, _: Zones) -> Parsed:
    if values.dtype == pl.String:
        shaped = pl.select(pl.when(values.str.contains(REAL)).then(values)).to_series()
        read = shaped.cast(pl.Float64, strict=False)
    else:
        read = values.cast(pl.Float64, strict=False)
    return _judged(values, pl.select(pl.when(read.is_finite()).then(read)).to_series(), NO_NUMBER)


def _wholes(values: pl.Series, _: Zones) -> Parsed:
    text = as_text(values)
    shaped = pl.select(
        pl.when(text.str.contains(WHOLE)).then(text.str.replace(r"\.0*$", "").str.strip_prefix("+"))
    ).to_series()
    read = shaped.cast(pl.Int64, strict=False)
    long = text.str.contains(r"^[+-]?[0-9]{19,}(?:\.0*)?$").fill_null(False)
    parsed = _judged(text, read, NO_WHOLE)
    return Parsed(read, pl.select(pl.when(long).then(pl.lit(TOO_LARGE)).otherwise(parsed.reasons)).to_series())


def _flags(values: pl.Series, _: Zones) -> Parsed:
    text = as_text(values).str.to_lowercase()
    read = text.replace_strict(SWITCHES, default=None, return_dtype=pl.Boolean)
    return _judged(text, read, NO_FLAG)


READERS: Mapping[str, Callable[[pl.Series, Zones], Parsed]] = {
    "id": _ids,
    "text": _texts,
    "time": _times,
    "day": _days,
    "number": _numbers,
    "whole": _wholes,
    "flag": _flags,
}


def inferred(values: pl.Series) -> pl.Series:
    """A segment column as numbers or true/false where every value is that without loss, otherwise as text."""
    if values.dtype != pl.String:
        return values
    there = blank_to_null(values)
    known = there.drop_nulls()
    if known.is_empty():
        return there
    if known.str.contains(r"^(?:0|-?[1-9][0-9]{0,17})$").all():
        return there.cast(pl.Int64)
    if known.str.contains(r"^-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,12}$|^(?:0|-?[1-9][0-9]{0,14})$").all():
        # 1.9 and 1.10 are versions: as numbers the second would be 1.1
        decimals = known.str.extract(r"\.([0-9]+)$")
        versions = decimals.str.contains("[0-9]0$").any() and decimals.str.len_bytes().n_unique() > 1
        return there if versions else there.cast(pl.Float64)
    if known.str.to_lowercase().is_in(["true", "false"]).all():
        return there.str.to_lowercase() == "true"
    return there
