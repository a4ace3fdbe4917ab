"""Remembers what a command made of which inputs: the same command on the same inputs ends at once, nothing read or drawn anew.

What is compared are sizes and times of files, never their contents, so it takes a moment whatever the size of the data. It
needs nothing but the standard library; a wrong or missing memory costs the time of a run, never a report.
"""

import contextlib
import glob
import hashlib
import json
import os
import platform
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from kpi_lib.reporting.publish import WORKING

SHELF = ".remembered"
PACKAGE = Path(__file__).resolve().parent.parent
PACKAGES = ("kpi-workbench", "polars", "altair", "papermill", "vl-convert-python")
_GRACE = 60.0  # seconds in which a memory may still be being written
MADE = ("report.html", "report.ipynb", "values.parquet", "manifest.json")


@cache
def versions() -> dict[str, str]:
    """What computed the figures and drew the page; looked up once, as a process keeps what it has loaded."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def memory(out: Path, folder: Path, asked: Mapping[str, Any]) -> Path:
    """Where the memory of a command is kept: hidden among the reports it made."""
    key = _digest(json.dumps([str(folder.resolve()), str(out.resolve()), asked], sort_keys=True, default=str))
    return out / SHELF / f"{key[:24]}.json"


def recall(place: Path, now: datetime | None = None) -> dict[str, Any] | None:
    """What the command told, if nothing it was made of and nothing it made has changed since, and time changes nothing."""
    try:
        kept: dict[str, Any] = json.loads(place.read_text("utf-8"))
        if kept["until"] is not None and (now or datetime.now(UTC)) >= datetime.fromisoformat(kept["until"]):
            return None
        if kept["inputs"] != state([Path(each) for each in kept["workspaces"]]):
            return None
        if kept["outputs"] != _made([Path(each) for each in kept["folders"]]):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    told: dict[str, Any] = kept["told"]
    return told


def remember(
    place: Path,
    told: Mapping[str, Any],
    *,
    inputs: str,
    workspaces: Sequence[Path],
    folders: Sequence[Path],
    until: datetime | None,
    now: datetime | None = None,
) -> None:
    """Keep what was told, whole or not at all; a memory that cannot be written is none."""
    kept = {
        "told": told,
        "inputs": inputs,
        "workspaces": [str(each.resolve()) for each in workspaces],
        "folders": [str(each) for each in folders],
        "outputs": _made(folders),
        "until": until.isoformat() if until else None,
    }
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, suffix=WORKING, delete=False) as file:
            file.write(json.dumps(kept, default=str))
        Path(file.name).replace(place)
    forget(place.parent, now)


def forget(shelf: Path, now: datetime | None = None) -> None:
    """Remove memories of reports that are gone, those whose time is over, and what no run can read."""
    for file in shelf.glob("*"):
        try:
            if file.suffix == WORKING:
                useless = time.time() - file.stat().st_mtime > _GRACE
            else:
                kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
                over = kept["until"] and (now or datetime.now(UTC)) >= datetime.fromisoformat(kept["until"])
                useless = bool(over) or not all(Path(each).is_dir() for each in kept["folders"])
        except (ValueError, KeyError, TypeError):
            useless = True
        except OSError:  # another run was here, or it may not be read
            continue
        if useless:
            with contextlib.suppress(OSError):
                file.unlink()


def state(workspaces: Iterable[Path]) -> str:
    """A digest of the code, its versions, and each file that reports of these workspaces are made of."""
    code = (each for each in PACKAGE.rglob("*") if "__pycache__" not in each.parts)
    ours = [*code, *(PACKAGE.parent / "notebooks" / "reports").glob("*.ipynb")]
    files = [*ours, *(each for folder in workspaces for each in inputs_of(folder.resolve()))]
    return _digest(json.dumps([versions(), sorted({str(each): _stamp(each) for each in files}.items())]))


def inputs_of(folder: Path) -> Iterator[Path]:
    """The files of a workspace: its choices, decisions, own notebooks, and what its tables name."""
    yield folder / "kpi.toml"
    yield from (each for name in ("decisions", "notebooks") for each in (folder / name).rglob("*"))
    try:
        tables = tomllib.loads((folder / "kpi.toml").read_text("utf-8-sig")).get("tables", {})
    except (OSError, ValueError):  # whoever opens the workspace says what is wrong with it
        return
    for table in tables.values():
        named = table.get("path", [])
        for pattern in [named] if isinstance(named, str) else named:
            yield folder / pattern
            found = glob.glob(os.path.join(glob.escape(str(folder)), pattern), recursive=True, include_hidden=True)  # noqa: PTH118, PTH207 - patterns of a kpi.toml may be absolute and the folder's name may hold brackets
            yield from map(Path, found)


def _made(folders: Iterable[Path]) -> str:
    """A digest of the reports as they stand."""
    return _digest(json.dumps([[str(each), [_stamp(each / name) for name in MADE]] for each in folders]))


def _stamp(file: Path) -> list[int]:
    """Size and times; empty where nothing is."""
    try:
        found = file.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns] if file.is_file() else []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
