"""The place where one table is worked on: its settings, the rows set aside so far, and what was noticed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.core.errors import DataError
from kpi_lib.sources.csvfile import FILE, LINE
from kpi_lib.sources.findings import REJECTS, WARNING, Finding
from kpi_lib.sources.kinds import as_text

LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """What a table is read with: its section of kpi.toml, the calendar, the end of the data and the rates."""

    manifest: Path
    table: str
    section: Mapping[str, Any]
    zone: str
    currency: str
    until: datetime | None
    latest: datetime
    rates: pl.DataFrame | None = None


@dataclass(slots=True)
class Bench:
    """The work in progress on one table."""

    setting: Setting
    rejects: list[pl.DataFrame] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    filtered: int = 0

    def note(self, message: str, mend: str, **place: Any) -> None:  # noqa: ANN401 - fields of a finding
        """Remember a warning."""
        self.notes.append(Finding(WARNING, self.setting.table, message, mend, **place))

    def error(self, file: str, message: str) -> DataError:
        """Build the error that makes the whole table unusable."""
        return DataError(f"{file}, table {self.setting.table}: {message}")


@dataclass(slots=True)
class Verdicts:
    """The first reason against each row of a frame, with the column and the value that it is about."""

    frame: pl.DataFrame

    @classmethod
    def of(cls, rows: int) -> "Verdicts":
        """No row has anything against it yet."""
        nothing = pl.repeat(None, rows, dtype=pl.String, eager=True)
        return cls(pl.DataFrame({"column": nothing, "value": nothing, "reason": nothing}))

    def add(self, column: str, reasons: pl.Series, values: pl.Series) -> None:
        """Add reasons; a row keeps the first that it gets."""
        if reasons.null_count() == len(reasons):
            return
        new = pl.col("reason").is_null() & pl.col("new").is_not_null()
        texts = as_text(values).str.slice(0, LONGEST_VALUE)
        self.frame = self.frame.with_columns(new=reasons, text=texts).select(
            column=pl.when(new).then(pl.lit(column)).otherwise("column"),
            value=pl.when(new).then("text").otherwise("value"),
            reason=pl.when(new).then("new").otherwise("reason"),
        )

    @property
    def fine(self) -> pl.Series:
        """Which rows have nothing against them."""
        return self.frame["reason"].is_null()

    def rejects(self, rows: pl.DataFrame, files: pl.Series) -> pl.DataFrame:
        """The rows with a reason against them, as the quarantine keeps them."""
        bad = ~self.fine
        picked = rows.filter(bad)
        own = [as_text(picked[name]).fill_null("") for name in picked.columns if name not in (LINE, FILE)]
        raw = pl.select(pl.concat_str(own, separator=",")).to_series() if own else pl.Series([""] * len(picked))
        return self.frame.filter(bad).select(
            pl.lit(files.filter(bad)).alias("file"), pl.lit(picked[LINE]).alias("line"),
            "column", "value", "reason", pl.lit(raw).alias("raw"),
        ).cast(pl.Schema(REJECTS))  # fmt: skip
