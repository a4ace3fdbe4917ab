"""All tables of a workspace become one data set; rows read = kept + filtered + deduplicated + quarantined, always."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import WorkspaceError
from kpi_lib.core.period import local_day, midnight
from kpi_lib.core.schema import columns
from kpi_lib.sources import quarantine
from kpi_lib.sources.bench import Bench, Setting
from kpi_lib.sources.csvfile import FILE, LINE
from kpi_lib.sources.duplicates import deduplicate, notice
from kpi_lib.sources.findings import Counts, Finding, Loaded, no_rejects, rejected
from kpi_lib.sources.fitted import Keep, fitted
from kpi_lib.sources.kinds import as_text, inferred
from kpi_lib.sources.manifest import as_funnel
from kpi_lib.sources.obeying import as_a_whole
from kpi_lib.sources.reading import find


@dataclass(frozen=True, slots=True)
class Table:
    """A loaded table with its counts, the rows set aside and what was noticed."""

    frame: pl.DataFrame
    counts: Counts
    rejects: pl.DataFrame
    findings: tuple[Finding, ...]
    digests: tuple[tuple[str, str], ...]


def load(manifest: Path, config: Mapping[str, Any], now: datetime, keep: Keep | None = None) -> tuple[Dataset, Loaded]:
    """Read every table of a workspace and write down what had to be set aside; `keep` spares files that were read before."""
    choices = config["workspace"]
    zone, currency = choices.get("timezone", "UTC"), choices.get("currency", "USD")
    since, until = (instant(choices.get(each), zone) for each in ("observed_from", "observed_until"))
    tables: dict[str, Table] = {}
    # amounts may need the rates, so these come first
    for name in sorted(config["tables"], key=lambda each: (each != "rates", each)):
        rates = tables["rates"].frame if "rates" in tables else None
        section = config["tables"][name]
        setting = Setting(manifest, name, section, zone, currency, until, now + timedelta(days=1), rates)
        tables[name] = load_table(setting, keep)
    tables = {name: tables[name] for name in config["tables"]}
    data = Dataset.of(
        {name: table.frame for name, table in tables.items()},
        zone=zone,
        observed_from=since,
        observed_until=until,
        currency=currency,
        week_start=choices.get("week_start", "monday"),
        settings=config["settings"],
        features={name: tuple(events) for name, events in config["features"].items()},
        funnels={name: as_funnel(options) for name, options in config["funnels"].items()},
        fingerprint=_fingerprint(config, tables),
        activity=None,
    )
    if since is not None and since >= data.observed_until:
        first, last = local_day(since, zone), local_day(data.observed_until - timedelta(microseconds=1), zone)
        raise WorkspaceError(
            f"{manifest.name}, [workspace] observed_from = {first}: the data end on {last}, so nothing would be observed. "
            "Name the first day that all tables were kept."
        )
    unwritten = quarantine.write(manifest.parent, {name: table.rejects for name, table in tables.items()})
    findings = [finding for table in tables.values() for finding in table.findings]
    return data, Loaded({name: table.counts for name, table in tables.items()}, (*findings, *unwritten))


def instant(moment: date | datetime | None, zone: str) -> datetime | None:
    """The instant that a day or time of kpi.toml stands for: days begin at local midnight, clock times are local."""
    if isinstance(moment, datetime):
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        start = midnight(moment.date(), zone)
        local = pl.Series([moment]).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        placed = local.dt.convert_time_zone("UTC")[0]
        return placed if isinstance(placed, datetime) else start
    return midnight(moment, zone) if moment is not None else None


def load_table(setting: Setting, keep: Keep | None = None) -> Table:
    """Read one table from its files."""
    folder = setting.manifest.parent
    paths = find(folder, setting.section["path"], f"{setting.manifest}, [tables.{setting.table}] path")
    files = [fitted(setting, path, _name(path, folder), keep) for path in paths]
    bench = Bench(setting, notes=[note for file in files for note in file.notes])
    rows = _together([file.rows for file in files])
    rows, dropped = deduplicate(bench, rows)
    rows = as_a_whole(bench, rows)
    notice(bench, rows)
    rejects = pl.concat([no_rejects(), *(file.rejects for file in files), *bench.rejects]).sort(
        "file", "line", maintain_order=True
    )
    read, filtered = sum(file.read for file in files), sum(file.filtered for file in files)
    counts = Counts(read, len(rows), filtered, dropped, len(rejects))
    digests = tuple(sorted((path.name, file.digest) for path, file in zip(paths, files, strict=True)))
    findings = (*rejected(setting.table, rejects), *bench.notes)
    return Table(_finished(setting.table, rows), counts, rejects, findings, digests)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Put the files of a table together; a column that they hold in different types becomes text."""
    types: dict[str, set[pl.DataType]] = {}
    for part in parts:
        for name, dtype in part.schema.items():
            types.setdefault(name, set()).add(dtype)
    mixed = [name for name, found in types.items() if len(found) > 1]
    same = [part.with_columns(as_text(part[name]) for name in mixed if name in part.columns) for part in parts]
    return pl.concat(same, how="diagonal") if len(same) > 1 else same[0]


def _finished(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    canonical = columns(table)
    extra = [name for name in rows.columns if name not in canonical]
    return rows.with_columns(inferred(rows[name]) for name in extra).drop(FILE, LINE)


def _fingerprint(config: Mapping[str, Any], tables: Mapping[str, Table]) -> str:
    """A digest of the data and of the choices that shape them: the same wherever the folder lies."""
    sections = {
        name: {key: value for key, value in section.items() if key != "path"} | {"files": tables[name].digests}
        for name, section in config["tables"].items()
    }
    choices = {key: value for key, value in config["workspace"].items() if key != "name"}
    meaning = json.dumps({"workspace": choices, "tables": sections}, sort_keys=True, default=str)
    return hashlib.sha256(meaning.encode()).hexdigest()[:16]
