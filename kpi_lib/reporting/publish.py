"""Puts a finished folder in its place in one move, so that no reader and no crash ever meets half a report."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kpi_lib.core.errors import ReportError, shown

FAILED, WORKING = ".failed", ".tmp"
NEW, OLD, LOCK = "new", "old", "lock"
_PLAIN, _INNER = "_=@+()-", " ,"
_LONGEST = 100  # bytes of one folder name; file systems take 255
_GRACE = 60.0  # seconds in which an unlocked workshop may still be about to be locked


def place(out: Path, *, workspace: str, report: str, period: str, by: tuple[str, str] | None = None) -> Path:
    """The folder of one report; whatever the names are, it lies under `out`.

    >>> place(Path("r"), workspace="../x", report="weekly", period="2026-W46").relative_to(Path("r").resolve()).parts
    ('%2E.%2Fx', 'weekly', '2026-W46')
    """
    names = [workspace, report, period] + ([f"{by[0]}={by[1]}"] if by else [])
    root = out.resolve()
    folder = root.joinpath(*map(folder_name, names))
    if not folder.resolve().is_relative_to(root):
        raise ReportError(f"{shown(folder.name)} leads out of {shown(str(out))}: a folder there is a link. Remove it.")
    return folder


def folder_name(name: str) -> str:
    """A name as one folder: letters and digits stay, everything that could steer a path is written as %XX."""
    ours = name.endswith((FAILED, WORKING))
    inner = range(1, len(name) - 1)
    text = "".join(
        each if each.isalnum() or (at in inner and (each in _INNER or (each == "." and not ours))) or each in _PLAIN
        else "".join(f"%{byte:02X}" for byte in each.encode("utf-8", "surrogatepass"))
        for at, each in enumerate(name)
    )  # fmt: skip
    if len(text.encode()) > _LONGEST:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        text = text.encode()[: _LONGEST - 13].decode("utf-8", "ignore") + "-" + digest
    return text or "%"


@contextlib.contextmanager
def workshop(folder: Path, *, nested: bool = False) -> Iterator[Path]:
    """A hidden folder beside the place of publication, with `new` in it; leftovers of dead runs are swept first.

    A segment's report is nested in the folder of the whole, which another run may exchange: its workshop stands outside.
    """
    room, mark = _room(folder, nested=nested)
    here = room / f"{mark}{os.getpid()}-{time.monotonic_ns():x}{WORKING}"
    with contextlib.ExitStack() as held:
        try:
            room.mkdir(parents=True, exist_ok=True)
            sweep(folder, nested=nested)
            here.mkdir()
            lock = held.enter_context((here / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            (here / NEW).mkdir()
        except OSError as error:
            shutil.rmtree(here, ignore_errors=True)
            raise unwritable(folder, error) from None
        try:
            yield here
        finally:
            _mend(here, folder)
            shutil.rmtree(here, ignore_errors=True)


def unwritable(folder: Path, error: OSError) -> ReportError:
    """The error for a place that cannot be written."""
    reason = error.strerror or str(error)
    where = shown(str(folder), 200)
    return ReportError(f"the report cannot be written to {where}: {reason}. Allow it, or name another by --out.")


def _room(folder: Path, *, nested: bool) -> tuple[Path, str]:
    """Where a report's workshops stand, and how their names begin."""
    if nested:
        return folder.parent.parent, f".{folder.parent.name}+{folder.name}."
    return folder.parent, f".{folder.name}."


def sweep(folder: Path, *, nested: bool = False) -> None:
    """Remove what runs of this report left that did not live to clean up; running ones hold a lock and stay."""
    room, mark = _room(folder, nested=nested)
    for left in sorted(room.glob(f".*{WORKING}")):
        if left.name.startswith(mark) and _dead(left):
            _mend(left, folder)
            shutil.rmtree(left, ignore_errors=True)


def _dead(left: Path) -> bool:
    """Whether nobody works there any more; one that is as yet empty may be about to be locked."""
    try:
        with contextlib.suppress(FileNotFoundError), (left / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if any(each.name != LOCK for each in left.iterdir()):
                return True
        return time.time() - left.stat().st_mtime > _GRACE
    except OSError:
        return False


def _mend(here: Path, folder: Path) -> None:
    """Put the last good report back if a run died between taking it away and putting the new one in."""
    if (here / OLD).exists() and not folder.exists():
        with contextlib.suppress(OSError):
            (here / OLD).rename(folder)
    for source in (here / OLD, here / NEW):
        _carry(source, folder)


def _carry(source: Path, folder: Path) -> None:
    """Bring the segments' reports over from a folder of the whole that was taken away."""
    if not folder.is_dir():
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # another run may clear up the same leftovers
        for inner in sorted(source.iterdir()):
            if inner.is_dir() and not (folder / inner.name).exists():
                with contextlib.suppress(OSError):
                    inner.rename(folder / inner.name)


def publish(here: Path, folder: Path) -> None:
    """Move `new` of a workshop into place; what stood there before ends in the workshop and goes with it."""
    new = here / NEW
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _settle(new)
        for _ in range(100):  # another run may publish in between; then it is our turn to replace its report
            if _moved(new, folder) or exchanged(new, folder) or _stepwise(here, folder):
                break
        else:
            raise OSError(errno.EBUSY, "other runs keep publishing there")
        _carry(new, folder)
        _settle_folder(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from None


def _moved(new: Path, folder: Path) -> bool:
    """Move into an empty place."""
    try:
        new.rename(folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def exchanged(new: Path, folder: Path) -> bool:
    """Let the two folders change places in one step, where the system can."""
    library = ctypes.CDLL(None, use_errno=True)
    ends = os.fsencode(new), os.fsencode(folder)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*ends, 2)
    elif hasattr(library, "renameat2"):
        failed = library.renameat2(-100, ends[0], -100, ends[1], 2)
    else:
        return False
    return not failed


def _stepwise(here: Path, folder: Path) -> bool:
    """Two moves for systems that cannot exchange; `_mend` covers a death between them."""
    try:
        folder.rename(here / OLD)
    except FileNotFoundError:
        return False
    try:
        return _moved(here / NEW, folder)
    finally:
        _mend(here, folder)
        shutil.rmtree(here / OLD, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Bring every file to the disk before the folder gets its name."""
    for file in sorted(folder.iterdir()):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    _settle_folder(folder)


def _settle_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
