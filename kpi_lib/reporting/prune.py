"""Takes old reports away: the latest periods of each report stay, and so does whatever is no report of ours."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from kpi_lib.core.errors import KpiError, UsageError
from kpi_lib.core.period import parse_period
from kpi_lib.reporting.publish import FAILED, WORKING, unwritable

MADE = {"report.html", "report.ipynb", "report.pdf", "values.parquet", "manifest.json", "error.txt"}


def outdated(out: Path, keep: int) -> list[Path]:
    """The folders of reports beyond the latest `keep` periods of each, oldest first, and failed runs as old as those.

    Only folders that hold a report of ours and nothing else are named; links are never followed.
    """
    if keep < 1:
        raise UsageError(f"--keep is {keep}; at least the latest report stays.")
    found: list[Path] = []
    for shelf in sorted(each for each in out.glob("*/*") if each.is_dir() and not each.is_symlink()):
        ends = {folder: _end(folder) for folder in sorted(shelf.iterdir()) if _is_report(folder)}
        periods = sorted({(end, folder.name.removesuffix(FAILED)) for folder, end in ends.items()})
        old = {name for _, name in periods[: max(len(periods) - keep, 0)]}
        found += [folder for folder in ends if folder.name.removesuffix(FAILED) in old]
    return found


def _is_report(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink() or folder.name.startswith("."):
        return False
    names = {each.name for each in folder.iterdir() if each.is_file()}
    inner = [each for each in folder.iterdir() if not each.is_file()]
    ours = "manifest.json" in names or ("error.txt" in names and folder.name.endswith(FAILED))
    ours = ours or bool(inner and not names)  # one segment that was made alone
    return ours and names <= MADE and all("=" in each.name and _is_report(each) for each in inner)


def _end(folder: Path) -> date:
    """The last day of a report's period, from its manifest or its name."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        period = str(manifest["period"])
    except (OSError, ValueError, KeyError, TypeError):
        period = folder.name.removesuffix(FAILED)
    try:
        return parse_period(period, zone="UTC").stops[-1]
    except KpiError:
        return date.max  # what cannot be dated stays


def remove(folders: list[Path]) -> None:
    """Remove them, each out of sight in one move first, so that nobody meets half a report."""
    for folder in folders:
        gone = folder.with_name(f".{folder.name}.gone{WORKING}")
        try:
            folder.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise unwritable(folder, error) from None
