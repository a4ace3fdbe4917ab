"""Runs the cells of a notebook by papermill, in a kernel without secrets and with one deadline for the whole run."""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_lib.core.errors import ReportError, shown
from kpi_lib.reporting import drawing
from kpi_lib.reporting.handover import LEAST, RUN_FOLDER
from kpi_lib.reporting.outputs import plain
from kpi_lib.show.picture import LATER, STILLS

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from traitlets.config import Config

Progress = Callable[[int, int, str], None]  # cells done, of how many, what the running one answers

_SECRET = re.compile(
    r"secret|token|passw|.+_pwd$|credential|private|(api|access)_?key|auth(?!or)|cookie|dsn|database_url", re.IGNORECASE
)
_HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
_PLACES = {"PWD", "OLDPWD"}  # where a shell stands is no secret
_SHORTEST_SECRET = 8  # shorter values would blot out ordinary words


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Where a kernel lives while it runs: what it is left, where it works, and how long."""

    folder: Path
    cwd: Path
    timeout: float
    cell_timeout: float = 300.0
    least: int = 0
    progress: Progress | None = None


def execute(notebook: "NotebookNode", parameters: Mapping[str, object], *, into: Path, stay: Stay) -> None:
    """Run all cells and write the notebook with its outputs; a stop of any kind is a `ReportError`."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    # parameters are read and checked by `parameters`; papermill's own reader would complain of lines it cannot parse
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # nor shall it tell in its words what is told in ours
    deadline = time.monotonic() + stay.timeout
    env = environment(stay.folder, stay.least)
    running = Running(notebook, stay.progress, env)

    def play() -> None:
        papermill.execute_notebook(
            notebook,
            str(into).replace("{", "{{").replace("}", "}}"),
            dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,  # else it is written twice for each cell, which takes longer than the kernel
            kernel_manager_class=_kernel_class(env, stay.cwd),
            config=_encrypted(),
            timeout_func=lambda _cell: max(min(deadline - time.monotonic(), stay.cell_timeout), 0.01),
            shutdown_kernel="immediate",
            store_widget_state=False,
            on_cell_start=running.begin,
            on_cell_executed=running.end,
        )

    try:
        _with_a_second_start(play)
    except papermill.PapermillExecutionError as error:
        raise ReportError(_stopped(error)) from None
    except CellTimeoutError:
        running.keep(into)
        raise ReportError(_too_slow(running.source, stay, late=time.monotonic() >= deadline)) from None
    except DeadKernelError:
        running.keep(into)
        raise ReportError(_dead(running.source)) from None
    except RuntimeError as error:  # a kernel that does not come up
        raise ReportError(f"the kernel did not start: {plain(str(error))}") from None


def _encrypted() -> "Config":
    """What passes between us and a kernel is not for other users of the machine, where the kernel can."""
    from traitlets.config import Config

    return Config({"KernelManager": {"transport_encryption": "auto"}})


def _with_a_second_start(play: Callable[[], None]) -> None:
    """Another process may take a port between its choice and the kernel's hold on it; new ports are chosen then, once."""
    from nbclient.exceptions import DeadKernelError

    try:
        play()
    except DeadKernelError:  # it was up and ran cells
        raise
    except RuntimeError:
        play()


def _kernel_class(env: dict[str, str], cwd: Path) -> type:
    """A kernel with its own environment and folder: papermill passes on neither without changing ours."""
    from jupyter_client.manager import AsyncKernelManager

    class Kernel(AsyncKernelManager):
        """A kernel in its own environment."""

        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override] # noqa: ANN401
            """Start it there; the class above is asynchronous as well, its annotations do not say so."""
            await self._async_start_kernel(**{**options, "env": env, "cwd": str(cwd)})

    return Kernel


def environment(folder: Path, least: int = 0) -> dict[str, str]:
    """Our environment without its secrets, and without the user's own start-up scripts for IPython."""
    kept = {name: value for name, value in os.environ.items() if not _is_secret(name)}
    kept.pop("KPI_WORKSPACE", None)  # a report belongs to the workspace it was asked for
    ours = {
        RUN_FOLDER: str(folder),
        LEAST: str(least),
        STILLS: LATER,
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return {**kept, "JUPYTER_PLATFORM_DIRS": "1", **ours}


def _is_secret(name: str) -> bool:
    return name not in _PLACES and _SECRET.search(name) is not None


def secrets() -> list[str]:
    """Values of the environment that must not stand in any report, longest first."""
    found = {value for name, value in os.environ.items() if _is_secret(name) and len(value) >= _SHORTEST_SECRET}
    return sorted(found, key=lambda value: (-len(value), value))


class Running:
    """Which cell runs, and how many are done; tells the progress when a cell begins and when it ends.

    The first chart starts the drawing engine, which makes itself ready while the other cells run.
    """

    def __init__(self, notebook: "NotebookNode", progress: Progress | None, env: Mapping[str, str]) -> None:
        """Count the cells."""
        self.env = env
        self.notebook, self.reached = notebook, list[Any]()
        self.total = (
            sum(1 for cell in notebook.cells if cell.cell_type == "code") + 1
        )  # and the one with the parameters
        self.tell = progress or (lambda *_: None)
        self.done, self.source, self.question = 0, "", ""

    def begin(self, cell: Any, cell_index: int, **_: object) -> None:  # noqa: ANN401 - a notebook cell
        """A cell begins; Markdown cells are passed as well and say which question the next ones answer."""
        self.reached.append(cell)
        if cell.cell_type == "markdown":
            heading = _HEADING.search(cell.source)
            self.question = heading.group(1) if heading else self.question
            return
        self.source = cell.source
        self.tell(self.done, self.total, self.question)

    def end(self, cell: Any, **_: object) -> None:  # noqa: ANN401 - a notebook cell
        """A cell is done."""
        if any(drawing.undrawn(cell)):
            drawing.begin(self.env)
        self.done += 1
        self.tell(self.done, self.total, self.question)

    def keep(self, into: Path) -> None:
        """Write the notebook as far as it got: papermill does so itself only where a cell ends with an error."""
        import nbformat

        known = {cell["id"] for cell in self.reached}
        left = [cell for cell in self.notebook.cells if cell["id"] not in known]
        nbformat.write(nbformat.v4.new_notebook(cells=self.reached + left, metadata=self.notebook.metadata), into)


def _dead(source: str) -> str:
    """Where the kernel died."""
    return f"the kernel died while the notebook ran {_first(source)}; out of memory is the usual reason."


def _too_slow(source: str, stay: Stay, *, late: bool) -> str:
    """Which limit was passed, and where."""
    if late:
        return (
            f"the run took longer than {stay.timeout:g} s and was ended at {_first(source)}. Allow more by --timeout."
        )
    return f"the cell {_first(source)} took longer than {stay.cell_timeout:g} s and was ended. Allow more by --cell-timeout."


def _first(source: str) -> str:
    """The first line of a cell."""
    return shown(next((line for line in source.splitlines() if line.strip()), ""))


def _stopped(error: Any) -> str:  # noqa: ANN401 - papermill is untyped
    """Where and why a cell stopped, in two lines; a message of ours is complete and stands alone."""
    why = plain(str(error.evalue)).strip()
    ours = error.ename.endswith("Error") and error.ename in ("UsageError", "WorkspaceError", "DataError", "ReportError")
    return f"the notebook stopped at {_first(error.source)}\n{why if ours else f'{error.ename}: {why}'}"
