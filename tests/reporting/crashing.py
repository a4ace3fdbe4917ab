"""Lets runs of a report die, fail and race at every step that they take on the disk, each in a child of a small process.

python -m tests.reporting.crashing HOW FOLDER [COUNT] prints JSON: for each try what came of it, after a look at what is
published. HOW is kill (dead at the n-th step), fail (the n-th step is an error), race (two at once) or random (real
kernels, killed after a while).
"""

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import polars as pl

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting import runner
from kpi_lib.reporting.page import Head
from kpi_lib.reporting.publish import sweep
from kpi_lib.reporting.runner import Job, run

FILES = ["manifest.json", "report.html", "report.ipynb", "values.parquet"]
CHANGING = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link", "shutil.move", "ctypes.dlopen"}
KINDS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS)
FINE, TOLD, DEAD = 0, 3, -9


def whole(folder: Path) -> int:
    """Which run is published, after a look that nothing is missing or torn."""
    assert sorted(each.name for each in folder.iterdir()) == FILES, sorted(folder.iterdir())
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    rows: int = manifest["parameters"]["rows"]
    book = nbformat.read(folder / "report.ipynb", as_version=4)
    if book.cells[-1].get("id") == "run":
        assert book.cells[-1].source == f"run {rows}"
        assert f", run {rows}." in (folder / "report.html").read_text("utf-8")
    return rows


def without_kernel() -> None:
    """What a kernel leaves, without its seconds; every file of a run tells which run it is of."""

    def execute(notebook: Any, parameters: Any, *, into: Path, stay: Any) -> None:  # noqa: ANN401
        rows = parameters["rows"]
        notebook.cells.append(nbformat.v4.new_markdown_cell(f"run {rows}", id="run"))
        into.write_text(nbformat.writes(notebook), "utf-8")
        pl.DataFrame({"kpi": ["orders"], "value": [float(rows)]}).write_parquet(stay.folder / "values.parquet")
        (stay.folder / "facts.json").write_text(json.dumps({"fingerprint": str(rows)}), "utf-8")

    runner.execute = execute
    runner.page = lambda book, head, live=True: f"<p>{head.title}, {book.cells[-1].source}.</p>" * 100


def child(act: Callable[[], int]) -> int:
    """Run something in a child with a process group of its own; gives the child."""
    born = os.fork()
    if born:
        return born
    os.setsid()
    try:
        os._exit(act())
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def ended(born: int) -> int:
    """How a child ended: its status, or the signal as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(born, 0)[1])


def steps(at: int, then: Callable[[int], None], under: Path) -> list[int]:
    """Count the steps that this process takes on the disk below a folder; at the n-th something happens."""
    seen = [0]

    def hook(event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[1], str) and set(given[1]) & set("wxa+")
        clearing = then is _die and event == "shutil.rmtree"  # an error there is swallowed by who calls it
        if not (writes or clearing or event in CHANGING):
            return
        if event != "ctypes.dlopen" and not str(given[0]).startswith(str(under)):
            return
        seen[0] += 1
        if seen[0] - 1 == at:
            then(at)

    sys.addaudithook(hook)
    return seen


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(at: int) -> None:
    kind = KINDS[at % len(KINDS)]
    raise OSError(kind, os.strerror(kind))


def attempt(notebook: Path, rows: int, job: Job) -> int:
    """A run as the command would end it: 0 done, 3 told in words."""
    try:
        outcome = run(notebook, {"rows": rows}, job)
    except ReportError:
        return TOLD
    return FINE if outcome.status in ("done", "unchanged") else TOLD


def counted(notebook: Path, job: Job) -> int:
    """How many steps a run takes that replaces a report."""
    reading, writing = os.pipe()

    def act() -> int:
        seen = steps(-1, _die, job.folder.parent)
        attempt(notebook, 2, job)
        os.write(writing, str(seen[0]).encode())
        return FINE

    ended(child(act))
    return int(os.read(reading, 20))


def broken(how: str, notebook: Path, job: Job, _: int) -> list[list[int]]:
    """A run for each step, which dies or fails there: status, what is published then, and what was before."""
    then = {"kill": _die, "fail": _fail}[how]
    found = []
    for at in range(counted(notebook, job)):

        def act(at: int = at) -> int:
            steps(at, then, job.folder.parent)
            return attempt(notebook, 10 + at, job)

        before = whole(job.folder)
        status = ended(child(act))
        sweep(job.folder)
        for left in job.folder.parent.glob(".*"):  # young ones, too; else the next would have more steps
            shutil.rmtree(left)
        found.append([status, whole(job.folder), before, 10 + at])
    return found


def races(notebook: Path, job: Job, count: int) -> list[list[int]]:
    """Two runs at once, again and again: how both ended and what is published."""
    found = []
    for nth in range(count):
        wanted = [100 + 2 * nth, 101 + 2 * nth]
        both = [child(lambda rows=rows: attempt(notebook, rows, job)) for rows in wanted]  # type: ignore[misc]
        found.append([*map(ended, both), whole(job.folder), *wanted])
    return found


def killed(notebook: Path, job: Job, count: int) -> list[list[int]]:
    """Real runs with kernels, killed after random times: how they ended and what is published."""
    pick = random.Random(count)
    found = []
    for nth in range(count):
        born = child(lambda nth=nth: attempt(notebook, 100 + nth, job))  # type: ignore[misc]
        time.sleep(pick.uniform(0, 2.5))
        os.killpg(born, signal.SIGKILL)
        found.append([ended(born), whole(job.folder), 100 + nth])
    return found


def main(how: str, folder: Path, count: int) -> int:
    """Do it in a folder that holds toy.ipynb."""
    notebook = folder / "toy.ipynb"
    head = Head(workspace="Toy", report="toy", title="June 1998")
    place = folder / "reports" / "Toy" / "toy" / "1998-06"
    job = Job(head=head, period="1998-06", folder=place, timeout=120)
    if how != "random":
        without_kernel()
    assert ended(child(lambda: attempt(notebook, 1, job))) == FINE
    acts: dict[str, Callable[[Path, Job, int], list[list[int]]]] = {"race": races, "random": killed}
    act = acts.get(how, lambda *given: broken(how, *given))
    tries = act(notebook, job, count)
    for left in place.parent.glob(".*"):  # such as were made and not yet locked are given a minute
        os.utime(left, (0, 0))
    assert ended(child(lambda: attempt(notebook, 9, job))) == FINE
    print(json.dumps({"tries": tries, "last": whole(place), "left": [each.name for each in place.parent.iterdir()]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
