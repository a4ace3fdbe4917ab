"""What one file of a table gave: read and converted, or as an earlier build of the store kept it.

A file that is kept is named by everything that it depends on: its content and name, its section of kpi.toml, the calendar
and the money of the workspace. So a file that was added is the only one that is read, and nothing else can be taken for it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import polars as pl

from kpi_lib import __version__
from kpi_lib.sources.bench import Bench, Setting
from kpi_lib.sources.findings import FUTURE, REJECTS, Finding
from kpi_lib.sources.fitting import fit
from kpi_lib.sources.reading import read

FORMAT = 1
TOLD = "kpi"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The rows of one file in canonical columns, those set aside, what was noticed, and the digest of its content."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    notes: tuple[Finding, ...]
    filtered: int
    read: int
    digest: str


@dataclass(slots=True)
class Keep:
    """The folder in which a build of the store keeps what files gave, and the names in it that are of use now."""

    folder: Path
    used: set[str] = field(default_factory=set)

    def clean(self) -> None:
        """Remove what no file of today gives."""
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            if path.name not in self.used:
                path.unlink(missing_ok=True)


def fitted(setting: Setting, path: Path, name: str, keep: Keep | None) -> Fitted:
    """What a file gives to its table."""
    if keep is None:
        return _fitted(setting, path, name)
    place = keep.folder / f"{_key(setting, path, name)}.parquet"
    keep.used.add(place.name)
    try:
        told = json.loads(pl.read_parquet_metadata(place)[TOLD])
        notes = tuple(Finding(**each) for each in told["notes"])
        rejects = pl.DataFrame(told["rejects"], schema=REJECTS, orient="row")
        return Fitted(pl.read_parquet(place), rejects, notes, told["filtered"], told["read"], told["digest"])
    except (OSError, pl.exceptions.PolarsError, ValueError, KeyError, TypeError):  # not kept, or damaged: read it
        found = _fitted(setting, path, name)
    if not found.rejects["reason"].str.starts_with(FUTURE).any():  # what lies in the future will not always
        _write(found, place)
    return found


def _fitted(setting: Setting, path: Path, name: str) -> Fitted:
    raw, bench = read(path, name), Bench(setting)
    rows = fit(bench, raw)
    count = len(raw.rows) + len(raw.rejects)
    return Fitted(rows, pl.concat([raw.rejects, *bench.rejects]), tuple(bench.notes), bench.filtered, count, raw.digest)


def _write(found: Fitted, place: Path) -> None:
    """Keep it whole or not at all; a disk that is full is told when the tables are written."""
    draft = place.with_suffix(".draft")
    told = {name: getattr(found, name) for name in ("filtered", "read", "digest")}
    told |= {"notes": [asdict(each) for each in found.notes], "rejects": found.rejects.rows()}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        found.rows.write_parquet(draft, compression="zstd", compression_level=1, metadata={TOLD: json.dumps(told)})
        draft.replace(place)
    except (OSError, pl.exceptions.PolarsError):
        draft.unlink(missing_ok=True)


def _key(setting: Setting, path: Path, name: str) -> str:
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    section = {key: value for key, value in setting.section.items() if key != "path"}
    rates = setting.rates.write_csv() if setting.rates is not None else None
    calendar = (setting.table, setting.zone, setting.currency, setting.until)
    about = [content, name, section, rates, calendar, FORMAT, __version__]
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:24]
