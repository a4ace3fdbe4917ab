"""The decisions of a workspace: one small file each, written once and whole, read and checked like kpi.toml."""

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from kpi_lib.answers.decisions import TYPES, Decision
from kpi_lib.core.errors import UsageError, WorkspaceError
from kpi_lib.sources.choices import Check, day, one_of, text
from kpi_lib.sources.manifest import read_keys

FOLDER = "decisions"
KEYS: Mapping[str, Check] = {
    "date": day, "decision": text, "type": one_of(TYPES), "signal": text, "owner": text, "kpi": text, "expect": text,
    "due": day, "look": day,
}  # fmt: skip
LONGEST = 40


def read_decisions(workspace: Path) -> tuple[Decision, ...]:
    """All decisions of a workspace, oldest first; a file that is wrong is an error with its place."""
    files = sorted((workspace / FOLDER).glob("*.toml"))
    return tuple(sorted((_read(file) for file in files), key=lambda each: (each.date, each.file)))


def _read(file: Path) -> Decision:
    place, found = read_keys(file, KEYS)
    decision = Decision(**found, file=file.stem)
    for key, message in decision.faults():
        raise place.error("", key, message)
    return decision


def write_decision(workspace: Path, decision: Decision) -> Path:
    """Write a decision as decisions/<date>-<words>.toml; what stands there is never changed.

    The file appears whole or not at all: it is written beside its place and linked there, which fails if it is taken.
    """
    for key, message in decision.faults():
        raise UsageError(message if key == "kpi" else f"{key}: {message}")
    folder = workspace / FOLDER
    target = folder / f"{decision.date}-{slug(decision.decision)}.toml"
    body = "".join(f"{key} = {_value(getattr(decision, key))}\n" for key in KEYS)
    try:
        content = body.encode()
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as draft:
            file = Path(draft) / "decision.toml"
            file.write_bytes(content)
            os.link(file, target)
    except FileExistsError:
        taken = f"{target} is there already, and a decision is never overwritten."
        raise UsageError(f"{taken} Say in other words what is decided, or edit the file.") from None
    except UnicodeEncodeError:
        raise UsageError("the decision holds half a character that no file can keep.") from None
    except OSError as error:
        raise WorkspaceError(f"{target} cannot be written: {error.strerror or error}.") from None
    return target


def slug(words: str) -> str:
    """The words of a file name.

    >>> slug("Onboarding: eine Seite weniger, für alle!"), slug("日本")
    ('onboarding-eine-seite-weniger-fur-alle', 'decision')
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().casefold()
    parts = re.findall(r"[a-z0-9]+", plain)
    kept = ""
    for part in parts:
        longer = f"{kept}-{part}" if kept else part[:LONGEST]
        if len(longer) > LONGEST:
            break
        kept = longer
    return kept or "decision"


def _value(value: object) -> str:
    """A text or a day as TOML: the escapes of JSON, and the one that JSON does not need."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else f"{value}"
