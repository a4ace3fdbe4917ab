"""The store of a workspace: its tables as they were loaded, ready to be asked, and how to know that they still are.

`.kpi/store/manifest.json` names the folders in use and everything they were made from; it is replaced as the last step of
a build, so that a build that fails or is stopped leaves the old store as it was, and the next build goes on from there.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib import __version__
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError
from kpi_lib.core.store import USER, Frames, Parts
from kpi_lib.sources.findings import FUTURE, Counts, Finding, Loaded
from kpi_lib.sources.fitted import Keep
from kpi_lib.sources.loading import load
from kpi_lib.sources.manifest import FILE, as_funnel
from kpi_lib.sources.ranges import INDEX, Range, Tell, ranges, read_ranges, silent, whole, write_ranges
from kpi_lib.sources.reading import find

FORMAT = 3
FOLDER = Path(".kpi") / "store"
MANIFEST = "manifest.json"
ROWS = "rows.parquet"
FILES = "files"
ABSENT = "there is no store"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a workspace's store stands: `fresh`, or else the reason why it is not used."""

    fresh: bool
    reason: str
    content: Mapping[str, Any]


def standing(folder: Path, config: Mapping[str, Any], now: datetime) -> Standing:
    """Compare the store with the files and choices as they are now; contents are read again only if a file was touched."""
    try:
        content: dict[str, Any] = json.loads((folder / FOLDER / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Standing(False, ABSENT, {})
    except (OSError, ValueError) as error:
        return Standing(False, f"its manifest cannot be read ({error})", {})
    reason = _differs(folder, config, now, content)
    return Standing(not reason, reason, content)


def _differs(folder: Path, config: Mapping[str, Any], now: datetime, content: Mapping[str, Any]) -> str:
    made = (content.get("format"), content.get("library"))
    if made != (FORMAT, __version__):
        return f"it was made by version {made[1]} (format {made[0]}), and this is {__version__} (format {FORMAT})"
    if content["choices"] != _choices(config):
        return f"[workspace] or [tables] of {FILE} has changed"
    if content["expires"] is not None and now >= datetime.fromisoformat(content["expires"]):
        return "rows that lay in the future when it was made no longer do"
    before = {(each["table"], each["file"]): each for each in content["inputs"]}
    there = {(table, name): path for table, name, path in _files(folder, config)}
    if changed := sorted({file for _, file in before.keys() ^ there.keys()}):
        return f"files were added or removed: {', '.join(changed[:3])}{' …' if changed[3:] else ''}"
    for key, path in there.items():
        known = before[key]
        if _stamp(path) != known["stamp"] and _digest(path) != known["digest"]:
            return f"{key[1]} has changed"
    return ""


def build(folder: Path, config: Mapping[str, Any], moment: datetime, tell: Tell = silent) -> dict[str, Any]:
    """Write the store of a workspace, or find it fresh; tells the tables, their rows and the size on disk.

    Raises DataError when the store cannot be written, or when a file changes meanwhile; the old store then still stands.
    """
    state = standing(folder, config, moment)
    if state.fresh:
        return _told(folder, state.content, built=False)
    tell("read", 0, 1)
    stamps = {path: _stamp(path) for _, _, path in _files(folder, config)}
    inputs = [
        {"table": table, "file": name, "stamp": stamps[path], "digest": _digest(path)}
        for table, name, path in _files(folder, config)
    ]
    keep = Keep(folder / FOLDER / FILES)
    data, log = load(folder / FILE, config, moment, keep)
    tell("read", 1, 1)
    if changed := [path for path, stamp in stamps.items() if _stamp(path) != stamp]:
        raise DataError(f"{changed[0]} changed while the store was being built. Build it again: kpi store build.")
    content = _content(data, log, config, moment)
    key = _hash([inputs_digest(inputs), content["choices"], content["expires"], FORMAT, __version__])
    try:
        tables = {name: _written(folder / FOLDER, f"{name}-{key}", data, tell) for name in data.tables}
        content |= {"inputs": inputs, "tables": tables}
        _publish(folder / FOLDER, content)
        keep.clean()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"the store in {folder / FOLDER} could not be written: {getattr(error, 'strerror', None) or error}.\n"
            "The files and an older store are untouched; what was finished is kept for the next attempt."
        ) from None
    return _told(folder, content, built=True)


def inputs_digest(inputs: list[dict[str, Any]]) -> str:
    """A digest of the contents of all input files, whenever they were written."""
    return _hash([[each["table"], each["file"], each["digest"]] for each in inputs])


def _written(store: Path, name: str, data: Dataset, tell: Tell) -> str:
    """Write one table into a folder of its own, which gets its name when it is complete."""
    target, draft = store / name, store / f".{name}.draft"
    if target.exists():  # finished by an earlier build
        return name
    draft.mkdir(parents=True, exist_ok=True)  # the name tells the content: what an earlier build left there fits
    table = name.rsplit("-", 1)[0]
    if table == "events" and len(data.tables[table]):
        write_ranges(data.tables[table].lazy(), draft, zone=data.zone, tell=tell)
    else:
        data.tables[table].write_parquet(draft / ROWS)
    draft.rename(target)
    return name


def _content(data: Dataset, log: Loaded, config: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    waits = any(FUTURE in finding.message for finding in log.findings)
    return {
        "format": FORMAT,
        "library": __version__,
        "choices": _choices(config),
        # a row dated in the future is set aside; from the next day on it is looked at again
        "expires": (now.astimezone(UTC) + timedelta(days=1)).date().isoformat() + "T00:00:00Z" if waits else None,
        "fingerprint": data.fingerprint,
        "activity": data.activity,
        "observed": [data.observed_from.isoformat(), data.observed_until.isoformat()],
        "begins": {name: begun.isoformat() for name, begun in data.begins.items()},
        "counts": {name: counts.to_dict() for name, counts in log.counts.items()},
        "findings": [asdict(finding) for finding in log.findings],
    }


def _publish(store: Path, content: Mapping[str, Any]) -> None:
    """Make the new store the one in use, then remove the folders of older ones."""
    ignore = store.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    draft = store / f".{MANIFEST}.draft"
    draft.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(store / MANIFEST)
    for each in store.iterdir():
        if each.is_dir() and each.name not in (FILES, *content["tables"].values()):
            shutil.rmtree(each, ignore_errors=True)


def ranges_of(folder: Path, content: Mapping[str, Any]) -> list[Range]:
    """The ranges of users that the store's events lie in; without events one range holds everybody."""
    place = folder / FOLDER / content["tables"].get("events", "")
    return ranges(place) if (place / INDEX).is_file() else [Range(0, None, None)]


def opened(
    folder: Path, config: Mapping[str, Any], content: Mapping[str, Any], only: Range | None = None
) -> tuple[Dataset, Loaded]:
    """The data set of a fresh store: the same as loading the files gives, its tables read when they are needed.

    `only`: of tables that know users, the rows of the users in one range; tables without users whole.
    """
    store = folder / FOLDER
    readers: dict[str, Callable[[], pl.DataFrame]] = {}
    schemas, parts = {}, None
    for name, place in content["tables"].items():
        if (store / place / ROWS).is_file():
            schemas[name] = pl.read_parquet_schema(store / place / ROWS)
            rows = pl.scan_parquet(store / place / ROWS)
            if only is not None and "user_id" in schemas[name]:
                rows = rows.filter(only.holds(pl.col("user_id")))
            readers[name] = partial(_collected, rows)
        else:
            parts = read_ranges(store / place, only)
            readers[name] = partial(whole, parts)
            schemas[name] = plain_schema(parts)
    start, stop = (datetime.fromisoformat(each).astimezone(UTC) for each in content["observed"])
    choices = config["workspace"]
    data = Dataset(
        Frames(readers, {name: pl.Schema(schema) for name, schema in schemas.items()}),
        start,
        stop,
        zone=choices.get("timezone", "UTC"),
        currency=choices.get("currency", "USD"),
        week_start=choices.get("week_start", "monday"),
        activity=content["activity"],
        begins={name: datetime.fromisoformat(each).astimezone(UTC) for name, each in content["begins"].items()},
        settings=config["settings"],
        features={name: tuple(events) for name, events in config["features"].items()},
        funnels={name: as_funnel(options) for name, options in config["funnels"].items()},
        fingerprint=content["fingerprint"],
        parts=parts if content["activity"] == "events" else None,
    )
    counts = {name: Counts(**each) for name, each in content["counts"].items()}
    return data, Loaded(counts, tuple(Finding(**each) for each in content["findings"]))


def _collected(rows: pl.LazyFrame) -> pl.DataFrame:
    return rows.collect(engine="in-memory")


def plain_schema(parts: Parts) -> pl.Schema:
    """The columns of the events as the shapes know them: codes are text again."""
    text = {name: pl.String() if isinstance(kind, pl.Enum) else kind for name, kind in parts.schema().items()}
    text.pop(USER)
    return pl.Schema(text)


def _told(folder: Path, content: Mapping[str, Any], *, built: bool) -> dict[str, Any]:
    store = folder / FOLDER
    files = [each for name in content["tables"].values() for each in (store / name).rglob("*") if each.is_file()]
    rows = {name: counts["kept"] for name, counts in content["counts"].items()}
    size = sum(each.stat().st_size for each in files)
    return {"built": built, "tables": rows, "bytes": size, "fingerprint": content["fingerprint"]}


def _files(folder: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    for table, section in sorted(config["tables"].items()):
        for path in find(folder, section["path"], f"{folder / FILE}, [tables.{table}] path"):
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
            yield table, name, path


def _choices(config: Mapping[str, Any]) -> str:
    """What shapes the tables; settings, funnels and targets do not."""
    workspace = {key: value for key, value in config["workspace"].items() if key != "name"}
    return _hash([workspace, config["tables"]])


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(content: Any) -> str:  # noqa: ANN401 - anything that JSON can write
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
