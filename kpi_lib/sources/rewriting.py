"""Changing kpi.toml: somebody's comments, order and line ends stay; the file is replaced whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from kpi_lib.core.errors import WorkspaceError
from kpi_lib.sources.manifest import FILE, read_manifest

Change = Callable[[tomlkit.TOMLDocument], None]
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # some editors put one in front


def rewrite(folder: Path, change: Change) -> bool:
    """Change a workspace's file in place and check that it can still be read; says whether anything changed."""
    path = folder / FILE
    read_manifest(path)
    text = path.read_bytes().decode("utf-8")
    try:
        document = tomlkit.parse(text.removeprefix(MARK))
        change(document)
        changed = (MARK if text.startswith(MARK) else "") + tomlkit.dumps(document)
    except TOMLKitError as error:
        raise WorkspaceError(f"{path} cannot be changed: {error}. Write the lines by hand.") from None
    if changed == text:
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kpi-", suffix=".toml")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(changed.encode("utf-8"))
        read_manifest(draft)
        draft.chmod(path.stat().st_mode)
        draft.replace(path.resolve())
    finally:
        draft.unlink(missing_ok=True)
    return True


def pin(folder: Path, definitions: list[str]) -> bool:
    """Write beside each target, in order, the definition of its KPI for which it is set; "" leaves one as it is."""

    def change(document: tomlkit.TOMLDocument) -> None:
        for target, definition in zip(document.get("targets", []), definitions, strict=True):
            if definition:
                target["definition"] = definition

    return rewrite(folder, change)


def choose(folder: Path, product: Mapping[str, Any], kpi_set: Mapping[str, Any] | None) -> bool:
    """Write what was chosen under [product], and the next version of the KPI set below what is there."""

    def change(document: tomlkit.TOMLDocument) -> None:
        section = document.setdefault("product", tomlkit.table())
        for name, value in product.items():
            if section.get(name) != value:
                section[name] = value
        if kpi_set:
            sets = document.get("kpi_sets")
            if sets is None:
                sets = document["kpi_sets"] = tomlkit.aot()
            entry = tomlkit.item(dict(kpi_set))
            entry.trivia.indent = "\n"  # a line between it and what stands before
            sets.append(entry)

    return rewrite(folder, change)
