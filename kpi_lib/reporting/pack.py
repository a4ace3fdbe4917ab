"""The shelf of report notebooks: found by name, with the tables that each needs and how often it is made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import ReportError, UsageError, nearest, shown, unknown
from kpi_lib.show.phrases import listed
from kpi_lib.sources.workspace import Workspace

PACKAGE = Path(__file__).resolve().parent.parent
NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. ")


@dataclass(frozen=True, slots=True)
class Template:
    """A report of kpi.toml or of the pack: its notebook, how often it is made, its segments and parameters."""

    name: str
    notebook: Path
    every: str
    by: tuple[str, ...]
    params: Mapping[str, Any]
    needs: tuple[str, ...]


def pack() -> Path:
    """The folder of the notebooks that come with the package; in a source checkout the one beside it."""
    inside = PACKAGE / "pack" / "notebooks"
    return inside if inside.is_dir() else PACKAGE.parent / "notebooks"


def packed() -> list[str]:
    """The reports that come with the package, by name."""
    return sorted(file.stem for file in (pack() / "reports").glob("*.ipynb"))


def find_notebook(name: str, workspace: Path) -> Path:
    """A notebook by name: the workspace's own first, then the pack. Names are looked up, never taken as paths."""
    if not set(name) <= NAMES or name.startswith("."):
        raise UsageError(f"{shown(name)} is no name of a notebook: notebooks are named, never given by path.")
    shelves = [workspace / "notebooks", pack() / "reports", pack()]
    for shelf in shelves:
        if (file := shelf / f"{name}.ipynb").is_file():
            return file
    there = {file.stem for shelf in shelves for file in shelf.glob("*.ipynb")}
    raise UsageError(f"no notebook is named {shown(name)}. {nearest(name, there)}")


def template(workspace: Workspace, name: str) -> Template:
    """A report by its name in kpi.toml; a report of the pack needs no entry there."""
    section = workspace.reports.get(name)
    if section is None and name not in packed():
        where = "kpi.toml ([reports.NAME]) or the pack (kpi report --list)"
        raise unknown("report", name, [*workspace.reports, *packed()], where=where)
    section = section or {"notebook": name}
    notebook = find_notebook(section["notebook"], workspace.folder)
    said = _said(notebook)
    every = section.get("every") or said.get("every", "month")
    params = section.get("params", {})
    return Template(name, notebook, every, tuple(section.get("by", ())), params, tuple(said.get("needs", ())))


@cache
def _said(notebook: Path) -> dict[str, Any]:
    """What a notebook says about itself in its metadata under `kpi`: needs (tables) and every (cadence)."""
    mend = "Open it in JupyterLab and save it anew, or take back an older copy."
    try:
        read = json.loads(notebook.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{notebook.name} cannot be read as a notebook: {error}. {mend}") from None
    if not isinstance(read, dict) or not isinstance(read.get("metadata", {}), dict):
        raise ReportError(f"{notebook.name} cannot be read as a notebook: it holds no cells. {mend}")
    said = read.get("metadata", {}).get("kpi", {})
    return said if isinstance(said, dict) else {}


def lacking(report: Template, data: Dataset) -> list[str]:
    """The tables that a report needs and the workspace does not have; a bar stands between alternatives."""
    return [need for need in report.needs if not any(table in data.tables for table in need.split("|"))]


def refusal(report: Template, workspace: Workspace) -> str:
    """Why a report cannot be made of this workspace's tables, and which can; empty when it can."""
    missing = lacking(report, workspace.data)
    if not missing:
        return ""
    there = ", ".join(sorted(workspace.data.tables)) or "none"
    others = [each for each in packed() if not lacking(template(workspace, each), workspace.data)]
    tables = listed([each.replace("|", " or ") for each in missing])
    return (
        f"the report {report.name} needs a table of {tables}, and there is none. There are: {there}.\n"
        f"Reports that these tables allow: {', '.join(others) or 'none'}. `kpi report --list` says what each needs."
    )
