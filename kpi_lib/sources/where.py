"""The row filter of a table: one SQL expression over the file's own columns."""

from itertools import islice, product

import polars as pl

from kpi_lib.core.errors import DataError, nearest, shown
from kpi_lib.sources.kinds import blank_to_null, inferred

TRIES = 64


def keep(rows: pl.DataFrame, where: str, place: str) -> pl.Series:
    """Which rows the filter keeps; a row for which it is neither true nor false is dropped.

    Columns of a text file compare as numbers, true/false or days where all their values are that, otherwise as text.
    """
    try:
        expression = pl.sql_expr(where)
        names = list(dict.fromkeys(expression.meta.root_names()))
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise _unusable(place, where, error) from None
    there = [name for name in rows.columns if not name.startswith("\x00")]
    for name in names:
        if name not in there:
            raise DataError(
                f"{place} where = {shown(where, 200)}: there is no column {shown(name)}. {nearest(name, there)}"
            )
    first: Exception | None = None
    for columns in islice(product(*(_readings(rows[name]) for name in names)), TRIES):
        try:
            kept = rows.with_columns(columns).with_columns(expression.alias("\x00kept"))["\x00kept"]
        except pl.exceptions.PolarsError as error:
            first = first or error
            continue
        if kept.dtype not in (pl.Boolean, pl.Null):
            raise DataError(
                f'{place} where = {shown(where, 200)}: this is no condition. Compare something, as in "value >= 0".'
            )
        spoilt = [column.is_null() & blank_to_null(rows[column.name]).is_not_null() for column in columns]
        # a cell that cannot be compared is no reason to drop the row: reading it will say what is wrong with it
        return kept.cast(pl.Boolean).fill_null(False) | pl.select(pl.any_horizontal(pl.lit(False), *spoilt)).to_series()
    raise _unusable(place, where, first)


def _readings(values: pl.Series) -> list[pl.Series]:
    """The ways in which a column can be compared, the most telling first."""
    if values.dtype != pl.String:
        return [values]
    typed = inferred(values)
    found = [typed]
    if (
        typed.dtype == pl.String
        and typed.drop_nulls().str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$").all()
        and typed.count()
    ):
        days = typed.str.to_date("%Y-%m-%d", strict=False)
        found = [days, typed] if days.null_count() == typed.null_count() else [typed]
    if typed.dtype != pl.String:
        found.append(values)
    elif (numbers := typed.cast(pl.Float64, strict=False)).count() > typed.count() / 2:
        # a few spoilt cells must not take the filter away from all the others
        found.append(numbers.alias(values.name))
    return found


def _unusable(place: str, where: str, error: Exception | None) -> DataError:
    what = (str(error).splitlines() or [""])[0]
    return DataError(
        f"{place} where = {shown(where, 200)} cannot be used: {shown(what, 160)}.\n"
        "Write one SQL condition over the file's own columns, as in \"value >= 0 AND country = 'CH'\"."
    )
