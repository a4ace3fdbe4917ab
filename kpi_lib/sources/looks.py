"""What a column of somebody's file looks like: its name without decoration, and what its values read as."""

import re
from collections.abc import Callable
from unicodedata import normalize

import polars as pl

from kpi_lib.core.schema import Column
from kpi_lib.sources.kinds import FIGURES, Zones, as_text, blank_to_null, convert, decimal_of, plainly
from kpi_lib.sources.money import currencies, parse_amounts, sign_of
from kpi_lib.sources.reading import Raw
from kpi_lib.sources.times import parse_times, usual_forms

ENOUGH = 0.8
SAMPLE = 100_000


def plain(name: str) -> str:
    """A name without separators and accents, in small letters.

    >>> plain("Kunden-Nr."), plain("Währung")
    ('kundennr', 'wahrung')
    """
    return re.sub(r"[^a-z0-9]", "", normalize("NFKD", name.casefold()))


def same(raw: Raw, name: str) -> str | None:
    """The name, if the file has a column of that very name."""
    return name if name in raw.columns else None


def named(raw: Raw, usual: list[str], test: Callable[[Raw, str], bool]) -> str | None:
    """The first column with a usual name (the surest name first) whose values also look like it."""
    bare = {name: plain(name) for name in raw.columns}
    return next((c for each in usual for c in raw.columns if bare[c] == each and test(raw, c)), None)


def containing(raw: Raw, parts: tuple[str, ...], test: Callable[[Raw, str], bool] | None = None) -> str | None:
    """The first column whose name contains one of the parts (the surest part first)."""
    return next((c for part in parts for c in raw.columns if part in c.lower() and (test or anything)(raw, c)), None)


def anything(raw: Raw, column: str) -> bool:
    """Whether a column holds single values, and any at all."""
    return not raw.rows.schema[column].is_nested() and (raw.rows.is_empty() or raw.rows[column].count() > 0)


def as_times(raw: Raw, column: str) -> pl.DataFrame:
    """How the first values of a column read as times."""
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    return parse_times(values, workspace_zone="UTC", file_zone=None)


def share(good: int, values: pl.Series) -> bool:
    """Whether enough of the values are good."""
    return values.is_empty() or good >= ENOUGH * max(values.count(), 1)


def form_of(raw: Raw, column: str) -> list[str]:
    """The forms in which dates such as 31.12.2026 may be meant; none for times in the usual forms."""
    values = raw.rows[column].head(SAMPLE)
    return usual_forms(blank_to_null(values)) if values.dtype == pl.String else []


def reads_as(raw: Raw, name: str, column: Column) -> bool:
    """Whether a column of the file reads as a canonical one."""
    if not anything(raw, name):
        return False
    if column.kind in ("time", "day"):
        return is_time(raw, name)
    if column.kind == "money":
        return is_amount(raw, name)
    values = figures(raw, name) if column.kind in FIGURES else blank_to_null(raw.rows[name].head(SAMPLE))
    return share(convert(values, column.kind, Zones("UTC", "UTC")).values.count(), values)


def figures(raw: Raw, column: str) -> pl.Series:
    """The first values of a column as plain figures, whatever their decimal mark."""
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    return plainly(values, decimal_of(values))


def is_time(raw: Raw, column: str) -> bool:
    """Whether a column reads as times, in the usual forms or in one that can be declared."""
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    if values.dtype.is_nested() or values.dtype == pl.Boolean:
        return False
    if form_of(raw, column):
        return True
    found = as_times(raw, column)
    return share(int((found["time"].is_not_null() | found["naive"]).sum()), values)


def is_data(name: str) -> bool:
    """Whether what stands in place of a column's name is a time or an amount."""
    time = parse_times(pl.Series([name]), workspace_zone="UTC", file_zone="UTC")["time"][0]
    return time is not None or re.fullmatch(r"[+-]?[0-9]+[.,][0-9]{2}", name) is not None


def is_amount(raw: Raw, column: str) -> bool:
    """Whether a column reads as amounts."""
    values = figures(raw, column)
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        return False
    code, _ = currencies(None, sign_of(values) or "USD", len(values))
    return share(parse_amounts(values, code).values.count(), values)


def is_name(raw: Raw, column: str) -> bool:
    """Names of events: text, and far fewer of them than rows."""
    values = raw.rows[column].head(SAMPLE).drop_nulls()
    if values.dtype != pl.String:
        return False
    if values.is_empty():
        return True
    figures = int(values.str.contains(r"^[0-9.,:-]+$").sum())
    return values.n_unique() <= max(20, len(values) // 5) and not share(figures, values)


# what files call the kinds of transactions, written without separators
KINDS = {
    "sale": "sale sold charge charged paid payment purchase order captured settled invoice renewal zahlung verkauf",
    "refund": "refund refunded chargeback moneyback reversal reversed returned storno erstattung rckerstattung",
    "credit": "credit credited creditnote gutschrift",
}


def kinds_in(raw: Raw, column: str) -> dict[str, str]:
    """Which kind of transaction each of a column's words means; nothing unless all of them tell.

    Another column than `kind` and `type` counts only where money is given back: `status = paid` tells no kinds. A
    status such as refunded may stand on the sale itself, so it is never taken.
    """
    if raw.rows.schema[column].is_nested() or plain(column).endswith(("status", "state")):
        return {}
    values = as_text(blank_to_null(raw.rows[column])).drop_nulls().unique().sort()
    meant = {word: kind for kind, words in KINDS.items() for word in words.split()}
    found = {str(value): meant.get(plain(str(value)), "") for value in values.head(20)}
    told = 0 < len(values) == len(found) and all(found.values())
    own = plain(column) in ("kind", "type")
    return found if told and (own or "refund" in found.values()) else {}


def is_currency(raw: Raw, column: str) -> bool:
    """Whether a column holds currency codes."""
    if raw.rows.schema[column].is_nested():
        return False
    values = as_text(blank_to_null(raw.rows[column])).drop_nulls().str.to_uppercase()
    return share(int(values.str.contains("^[A-Z]{3}$").sum()), values)
