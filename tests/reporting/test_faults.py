"""A disk that fails at any step of a run: the last good report stays, or the new one is whole, and the trouble is told."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting import runner
from kpi_lib.reporting.index import write_index
from kpi_lib.reporting.kernel import Stay
from kpi_lib.reporting.runner import Job, run
from tests.reporting.conftest import Write

STEPS = [
    (Path, "mkdir"),
    (Path, "write_text"),
    (Path, "rename"),
    (Path, "open"),
    (os, "fsync"),
    (os, "open"),
    (shutil, "move"),
    (nbformat, "read"),
    (pl, "read_parquet"),
]
KINDS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS)


@pytest.fixture(autouse=True)
def _without_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel leaves, without its seconds."""

    def execute(notebook: Any, parameters: Mapping[str, object], *, into: Path, stay: Stay) -> None:  # noqa: ANN401
        into.write_text(nbformat.writes(notebook), "utf-8")
        pl.DataFrame({"kpi": ["orders"], "value": [parameters["rows"]]}).write_parquet(stay.folder / "values.parquet")
        (stay.folder / "facts.json").write_text(json.dumps({"fingerprint": str(parameters["rows"])}), "utf-8")

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(runner, "page", lambda book, head, live=True: f"<p>{head.title}</p>")


def failing(step: Callable[..., Any], at: int, calls: list[int], kind: int) -> Callable[..., Any]:
    """The step, which fails when it is called for the time `at`."""

    def tried(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        calls.append(len(calls))
        if calls[-1] == at:
            raise OSError(kind, os.strerror(kind))
        return step(*given, **named)

    return tried


def whole(folder: Path) -> int:
    """Which run stands there, after a look that nothing is missing or torn."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    nbformat.read(folder / "report.ipynb", as_version=4)
    assert sorted(each.name for each in folder.iterdir()) == [
        "manifest.json",
        "report.html",
        "report.ipynb",
        "values.parquet",
    ]
    rows: int = manifest["parameters"]["rows"]
    return rows


def attempts(
    monkeypatch: pytest.MonkeyPatch,
    place: Any,  # noqa: ANN401
    name: str,
    act: Callable[[], Any],
) -> Iterator[tuple[Any, int]]:
    """The act once for each of its calls of a step, with that call failing; gives what came of it and how it failed."""
    step, calls = getattr(place, name), list[int]()
    with monkeypatch.context() as patched:
        patched.setattr(place, name, failing(step, -1, calls, 0))
        act()
    assert calls
    for at in range(len(calls)):
        kind = KINDS[at % len(KINDS)]
        with monkeypatch.context() as patched:
            patched.setattr(place, name, failing(step, at, [], kind))
            try:
                yield act(), kind
            except ReportError as error:
                yield error, kind


@pytest.mark.parametrize(("place", "name"), STEPS, ids=[f"{place.__name__}.{name}" for place, name in STEPS])
def test_no_failing_step_leaves_half_a_report(
    *,
    notebook: Write,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,  # noqa: ANN401
    name: str,
) -> None:
    book = notebook()
    state = {"rows": 1}

    def again() -> Any:  # noqa: ANN401
        state["rows"] += 1  # each try has something new to publish
        return run(book, {"rows": state["rows"]}, job)

    run(book, {"rows": 1}, job)
    for came, kind in attempts(monkeypatch, place, name, again):
        there = whole(job.folder)
        assert there in (state["rows"], state["rows"] - 1) or there < state["rows"]
        if isinstance(came, ReportError):
            assert os.strerror(kind) in str(came)
        elif came.status == "failed":
            assert came.error
        else:
            assert there == state["rows"]
    for left in job.folder.parent.glob(".*"):  # where even the clearing up failed; such a one is given a minute
        os.utime(left, (0, 0))
    assert run(book, {"rows": 999}, job).status == "done"
    assert whole(job.folder) == 999
    assert [each.name for each in job.folder.parent.iterdir()] == [job.folder.name]


@pytest.mark.parametrize(("place", "name"), [(Path, "replace"), (Path, "chmod")])
def test_no_failing_step_leaves_half_a_catalogue(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,  # noqa: ANN401
    name: str,
) -> None:
    before = write_index(tmp_path / "out").read_text("utf-8")
    shelf = tmp_path / "out" / "shop" / "weekly"

    def again() -> Path:
        folder = shelf / f"w{len(list(shelf.glob('*'))) if shelf.is_dir() else 0}"
        Path(folder).mkdir(parents=True)
        content = {"workspace": "shop", "name": "weekly", "title": "t", "period": folder.name, "by": {}, "facts": {}}
        (folder / "manifest.json").write_text(json.dumps(content))
        return write_index(tmp_path / "out")

    for came, kind in attempts(monkeypatch, place, name, again):
        text = (tmp_path / "out" / "index.html").read_text("utf-8")
        assert text.endswith("</html>\n")
        assert before != text
        assert os.strerror(kind) in str(came) if isinstance(came, ReportError) else came.is_file()
    write_index(tmp_path / "out")
    assert [each.name for each in (tmp_path / "out").iterdir() if each.name.startswith(".")] == []
