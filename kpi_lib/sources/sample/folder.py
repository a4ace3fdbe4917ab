"""The demo company as a workspace on disk: tables, kpi.toml, README and the planted truths, or nothing at all."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import tomlkit

from kpi_lib.core.errors import UsageError
from kpi_lib.sources.manifest import FILE
from kpi_lib.sources.sample.company import Company
from kpi_lib.sources.sample.manual import manifest, readme
from kpi_lib.sources.sample.story import Story
from kpi_lib.sources.sample.truths import truths

TRUTHS = "truths.toml"
# tables that grow with the people are Parquet; the others are CSV, to be looked at in any editor
LARGE = (
    "users", "events", "web_visits", "installs", "emails", "subscriptions", "transactions", "tickets", "ticket_messages",
    "surveys", "requests", "tests",
)  # fmt: skip
CSV_TIME = "%Y-%m-%dT%H:%M:%S%.3fZ"


def write_sample(folder: Path, story: Story, told: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Write the demo company as a workspace and say how many rows each table has; `told` hears of the progress.

    The folder must not be there yet, or be empty. It appears only when it is complete.
    """
    _free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            whole = Path(scratch) / "whole"
            rows = _fill(whole, story, told)
            if folder.exists():
                folder.rmdir()  # empty, or it would have been refused
            os.replace(whole, folder)  # noqa: PTH105 - Path.replace keeps no promise about folders
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from None
    return rows


def _free(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is there already and is no folder. Name a new one, as in kpi sample demo.")
    if folder.is_dir() and (found := sorted(path.name for path in folder.iterdir())):
        there = ", ".join(found[:3]) + (" …" if len(found) > 3 else "")
        raise UsageError(f"{folder} is not empty (it holds {there}) and is not overwritten. Name a new folder.")


def _fill(folder: Path, story: Story, told: Callable[[str], None]) -> dict[str, int]:
    raw = folder / "raw"
    raw.mkdir(parents=True)
    paths: dict[str, str] = {}
    rows: Counter[str] = Counter()
    for part, table in Company(story).tables():
        name, _, quarter = part.partition("-")
        kind = "parquet" if name in LARGE else "csv"
        _write(table, raw / f"{part}.{kind}")
        paths[name] = f"raw/{name}{'-*' if quarter else ''}.{kind}"
        rows[name] += len(table)
        told(f"{part}: {len(table):,} rows")
    (folder / FILE).write_text(manifest(story, paths), encoding="utf-8", newline="\n")
    (folder / TRUTHS).write_text(tomlkit.dumps(truths(story)), encoding="utf-8", newline="\n")
    (folder / "README.md").write_text(readme(story, rows), encoding="utf-8", newline="\n")
    return dict(rows)


def _write(table: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        table.write_parquet(path, compression="zstd", compression_level=3)
    else:
        table.write_csv(path, datetime_format=CSV_TIME)
