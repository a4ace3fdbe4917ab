"""Draws the charts that a run left undrawn, in one process beside it: kernels come and go, the drawing engine stays warm."""

import atexit
import contextlib
import json
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kpi_lib.core.errors import ReportError, shown
from kpi_lib.show import stills
from kpi_lib.show.picture import PICTURE_MIME

if TYPE_CHECKING:
    from nbformat import NotebookNode

LAYOUTS = ("wide", "narrow")
_drawing: list[subprocess.Popen[bytes]] = []  # the process, once something is to be drawn


def begin(env: Mapping[str, str]) -> None:
    """Start the process if none runs; it makes itself ready while the caller goes on."""
    if _drawing and _drawing[0].poll() is None:
        return
    end()
    command = [sys.executable, "-P", str(stills.__file__)]
    pipe = subprocess.PIPE
    # a session of its own: Ctrl-C is not meant for it
    started = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=dict(env), start_new_session=True)
    _drawing[:] = [started]


def end() -> None:
    """End the process, whatever it is at."""
    while _drawing:
        gone = _drawing.pop()
        gone.kill()
        for pipe in (gone.stdin, gone.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        gone.wait()


atexit.register(end)


def undrawn(cell: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The outputs of a cell that hold a chart whose still is yet to be drawn."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if PICTURE_MIME in data and not data[PICTURE_MIME]["wide_svg"]:
            yield data


def draw(notebook: "NotebookNode", env: Mapping[str, str], *, until: float) -> None:
    """Draw what is undrawn in a notebook, in place; `until` is the end of its time on the monotonic clock."""
    for cell in notebook.cells:
        for data in undrawn(cell):
            picture = data[PICTURE_MIME]
            layouts = [name for name in LAYOUTS if picture[name] is not None]
            begin(env)
            drawn = _ask([picture[name] for name in layouts], alt=picture["alt"], until=until)
            picture.update({f"{name}_svg": each for name, each in zip(layouts, drawn, strict=True)})
            data["image/svg+xml"] = picture["wide_svg"]


def _ask(specs: Sequence[Mapping[str, Any]], *, alt: str, until: float) -> list[str]:
    """The drawings of some specs; a dead or slow process is ended and told of."""
    (process,) = _drawing
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(specs).encode() + b"\n")
        process.stdin.flush()
        if not _readable(process.stdout.fileno(), until - time.monotonic()):
            end()
            raise ReportError(f"drawing {shown(alt)} took longer than the run may. Allow more by --timeout.")
        line = process.stdout.readline()
    except BrokenPipeError:
        line = b""
    if not line:
        end()
        raise ReportError(f"the drawing engine died at {shown(alt)}; out of memory is the usual reason.")
    told: dict[str, Any] = json.loads(line)
    if "refused" in told:
        raise ReportError(f"{shown(alt)} cannot be drawn: {shown(told['refused'], 300)}")
    drawn: list[str] = told["drawn"]
    return drawn


def _readable(handle: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        return bool(selector.select(max(seconds, 0.01)))
