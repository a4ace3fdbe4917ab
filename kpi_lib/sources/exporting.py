"""Results as CSV files that a spreadsheet reads as what they are: text stays text and is never run as a formula."""

import re
from pathlib import Path

import polars as pl

from kpi_lib.core.errors import UsageError

ACTIVE = r"^'*[=+\-@\t\r\x00]"  # after apostrophes as well, so that reading can take one off without a doubt


def neutral(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before every text that a spreadsheet would take for a formula; numbers stay numbers.

    >>> neutral(pl.DataFrame({"user_id": ["=1+1", "ann"], "seconds": [-1.0, 2.0]})).rows()
    [("'=1+1", -1.0), ('ann', 2.0)]
    """
    texts = [name for name, kind in frame.schema.items() if kind in (pl.String, pl.Categorical, pl.Enum)]
    safe = [
        pl.when(pl.col(name).cast(pl.String).str.contains(ACTIVE))
        .then("'" + pl.col(name).cast(pl.String))
        .otherwise(pl.col(name).cast(pl.String))
        .alias(name)
        for name in texts
    ]
    heads = {name: f"'{name}" for name in frame.columns if re.match(ACTIVE, name)}
    return frame.with_columns(safe).rename(heads)


def write_csv(frame: pl.DataFrame, place: str) -> int:
    """Write a new CSV file, times in UTC as ISO 8601; gives the number of rows. A file that is there stays."""
    path = Path(place)
    if path.exists():
        raise UsageError(f"{place} is there already and is not overwritten: give another name, or remove it.")
    part = path.with_name(f".{path.name}.part")
    try:
        neutral(frame).write_csv(part, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
        Path(part).replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{place} cannot be written: {error.strerror or error}.") from None
    return frame.height
