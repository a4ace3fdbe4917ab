"""A run publishes a whole report or leaves the last one alone."""

import dataclasses
import html
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import polars as pl
import pytest
from jupyter_client.provisioning.local_provisioner import LocalPortCache

from kpi_lib.core.errors import KpiError, ReportError, UsageError
from kpi_lib.reporting import publish
from kpi_lib.reporting.runner import Job, run, tidy
from tests.reporting.conftest import HANDOVER

Write = Callable[..., Path]
FILES = ["manifest.json", "report.html", "report.ipynb", "values.parquet"]
PORTS = 5  # that a kernel listens on


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def leftovers(job: Job) -> list[str]:
    return [each.name for each in job.folder.parent.iterdir() if each.name.startswith(".")]


@pytest.fixture
def good(job: Job) -> dict[str, bytes]:
    """A report that stands there already."""
    job.folder.mkdir(parents=True)
    for name in FILES:
        (job.folder / name).write_bytes(b"{}")
    return content(job.folder)


class TestADoneRun:
    def test_publishes_four_files_that_tell_what_they_were_made_of(
        self,
        notebook: Write,
        job: Job,
        tmp_path: Path,
    ) -> None:
        told: list[tuple[int, int]] = []
        outcome = run(
            notebook("print(label)"), {"rows": 5}, job, progress=lambda at, total, _: told.append((at, total))
        )
        assert (outcome.status, outcome.error) == ("done", None)
        assert told == [(at, 4) for done in range(4) for at in (done, done + 1)]  # as each begins and ends
        assert sorted(content(job.folder)) == FILES
        assert leftovers(job) == []
        assert pl.read_parquet(job.folder / "values.parquet")["value"].to_list() == [5.0]
        manifest = json.loads((job.folder / "manifest.json").read_text())
        assert manifest["parameters"] == {"rows": 5, "label": "a"}
        assert manifest["facts"]["fingerprint"] == "f00d"
        assert manifest["period"] == "1998-06"
        assert manifest["versions"]["polars"] == pl.__version__
        for name, data in content(job.folder).items():
            assert str(tmp_path).encode() not in data, name
            assert b"papermill" not in data.replace(b'"papermill":', b"", 1), name

    def test_twice_gives_the_same_bytes(self, notebook: Write, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        chart = (
            "import altair as alt, polars as pl\nfrom kpi_lib.show.notebook import register\nregister()\n"
            "frame = pl.DataFrame({'a': ['x', 'y'], 'b': [1, 2]})\nalt.Chart(frame).mark_bar().encode(x='b', y='a')"
        )
        place = notebook(chart)
        first = run(place, {}, job)
        before = content(first.folder)
        monkeypatch.setenv("TZ", "America/New_York")
        monkeypatch.setenv("PYTHONHASHSEED", "1")
        monkeypatch.setenv("POLARS_MAX_THREADS", "1")
        second = run(place, {}, dataclasses.replace(job, folder=job.folder.with_name("again")))
        after = content(second.folder)
        assert b"data-chart" in before["report.html"]
        assert {name for name in FILES if before[name] != after[name]} == {"manifest.json"}

    def test_again_is_unchanged_and_another_parameter_replaces_it(self, notebook: Write, job: Job) -> None:
        place = notebook()
        run(place, {}, job)
        before = content(job.folder)
        assert run(place, {}, job).status == "unchanged"
        assert content(job.folder) == before
        assert run(place, {"rows": 6}, job).status == "done"
        assert pl.read_parquet(job.folder / "values.parquet")["value"].to_list() == [6.0]
        assert leftovers(job) == []

    def test_leaves_out_what_needs_a_person(self, notebook: Write, job: Job) -> None:
        place = notebook("raise SystemError('a widget nobody can press')")
        made = nbformat.read(place, as_version=4)
        made.cells[2].metadata["tags"] = ["interactive"]
        nbformat.write(made, place)
        assert run(place, {}, job).status == "done"


class TestAFailedRun:
    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("from kpi_lib.core.errors import UsageError\nraise UsageError('no such step')", "no such step"),
            ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the kernel died"),
        ],
    )
    def test_keeps_the_last_good_report(
        self,
        *,
        good: dict[str, bytes],
        notebook: Write,
        job: Job,
        capfd: pytest.CaptureFixture[str],
        cell: str,
        words: str,
    ) -> None:
        place = notebook(cell)
        outcome = run(place, {}, job)
        assert outcome.status == "failed"
        assert words in (outcome.error or "")
        assert capfd.readouterr().err == ""  # one message, which is the command's
        assert content(job.folder) == good
        assert outcome.folder == job.folder.with_name("1998-06.failed")
        assert sorted(content(outcome.folder)) == ["error.txt", "report.ipynb"]
        assert leftovers(job) == []
        kept = nbformat.read(outcome.folder / "report.ipynb", as_version=4)
        own = [each.source for each in kept.cells if "injected-parameters" not in each.metadata.get("tags", [])]
        assert own == [each.source for each in nbformat.read(place, as_version=4).cells]  # whole, and each cell once

    def test_names_the_cell_that_took_too_long(self, good: dict[str, bytes], notebook: Write, job: Job) -> None:
        place = notebook("import time\ntime.sleep(600)")
        outcome = run(place, {}, dataclasses.replace(job, cell_timeout=5))
        assert outcome.status == "failed"
        assert "the cell 'import time' took longer than 5 s" in (outcome.error or "")
        assert content(job.folder) == good
        assert "sleep(600)" in (outcome.folder / "report.ipynb").read_text()

    def test_is_forgotten_after_a_good_one(self, notebook: Write, job: Job) -> None:
        failed = run(notebook("1 / 0"), {}, job)
        assert failed.folder.exists()
        run(notebook(), {}, job)
        assert not failed.folder.exists()

    def test_of_a_notebook_that_hands_nothing_over(self, notebook: Write, job: Job) -> None:
        outcome = run(notebook("1", handover=""), {}, job)
        assert "left no values.parquet" in (outcome.error or "")

    @pytest.mark.parametrize("file", ["values.parquet", "facts.json"])
    def test_of_a_notebook_that_spoils_what_it_hands_over(
        self, *, good: dict[str, bytes], notebook: Write, job: Job, file: str
    ) -> None:
        spoil = f"import os, pathlib\npathlib.Path(os.environ['KPI_RUN_FOLDER'], {file!r}).write_text('PAR1 {{')"
        outcome = run(notebook(handover=f"{HANDOVER}\n{spoil}"), {}, job)
        assert outcome.status == "failed"
        assert "what toy.ipynb handed over cannot be read" in (outcome.error or "")
        assert content(job.folder) == good
        assert sorted(content(outcome.folder)) == ["error.txt", "report.ipynb"]

    def test_that_takes_too_long(self, notebook: Write, job: Job) -> None:
        outcome = run(notebook("import time\ntime.sleep(600)"), {}, dataclasses.replace(job, timeout=5))
        assert "longer than 5 s" in (outcome.error or "")


class TestAKernelThatDoesNotComeUp:
    @pytest.fixture
    def starts(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[int]]]:
        """Let the first starts choose a port that somebody else took; gives the list of all choices."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken, choices = int(other.getsockname()[1]), list[int]()

            def spoil(starts: int) -> list[int]:
                honest = LocalPortCache.find_available_port

                def find(self: LocalPortCache, ip: str) -> int:
                    choices.append(honest(self, ip))
                    return taken if len(choices) <= starts * PORTS else choices[-1]

                monkeypatch.setattr(LocalPortCache, "find_available_port", find)
                return choices

            yield spoil

    def test_is_started_once_more(self, notebook: Write, job: Job, starts: Callable[[int], list[int]]) -> None:
        choices = starts(1)
        assert run(notebook(), {}, job).status == "done"
        assert len(choices) == 2 * PORTS

    def test_is_told_when_that_fails_too(self, notebook: Write, job: Job, starts: Callable[[int], list[int]]) -> None:
        choices = starts(2)
        outcome = run(notebook(), {}, job)
        assert (outcome.status, len(choices)) == ("failed", 2 * PORTS)
        assert "the kernel did not start" in (outcome.error or "")


class TestBeforeAnyKernel:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"row": 1}, "unknown parameter 'row' in toy.ipynb. Did you mean rows?"),
            ({"rows": "many"}, "parameter rows of toy.ipynb is int, not 'many'"),
            ({"a=1;__import__('os').system('touch canary')": 1}, "unknown parameter"),
        ],
    )
    def test_wrong_parameters_are_refused(
        self,
        notebook: Write,
        job: Job,
        given: dict[str, object],
        words: str,
    ) -> None:
        with pytest.raises(UsageError) as caught:
            run(notebook(), given, job)
        assert words in str(caught.value)
        assert not job.folder.parent.exists()

    def test_a_secret_for_a_parameter_is_refused(
        self,
        notebook: Write,
        job: Job,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("STORE_PASSWORD", "canary-4711")
        with pytest.raises(UsageError, match="secret"):
            run(notebook(), {"label": "canary-4711"}, job)

    def test_a_place_that_cannot_be_written_is_told(self, notebook: Write, job: Job, out: Path) -> None:
        out.mkdir()
        (out / "Toy").write_text("a file where a folder should be")
        with pytest.raises(ReportError, match="cannot be written"):
            run(notebook(), {}, job)

    @pytest.mark.parametrize("text", ["", "{", '{"cells": 3}'])
    def test_something_that_is_no_notebook_is_told(self, job: Job, tmp_path: Path, text: str) -> None:
        place = tmp_path / "broken.ipynb"
        place.write_text(text)
        with pytest.raises(KpiError, match=r"broken\.ipynb cannot be read"):
            run(place, {}, job)


@pytest.mark.parametrize("canary", ["canary-4711", "can\"a'ry<&>\\4711"])
def test_secrets_reach_neither_kernel_nor_files(
    *,
    notebook: Write,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    canary: str,
) -> None:
    monkeypatch.setenv("STORE_API_KEY", canary)
    kept = tmp_path / "note.txt"
    kept.write_text(canary)
    leaky = f"import os\nfound = open({str(kept)!r}).read()\nprint(os.environ.get('STORE_API_KEY'), found)"
    shown = "from kpi_lib.show.notebook import register\nfrom kpi_lib.show.blocks import Say\nregister()\nSay(found)"
    outcome = run(notebook(leaky, shown), {}, job)
    assert outcome.status == "done"
    assert (job.folder / "report.html").read_bytes().count("•••".encode()) >= 2
    assert b"None \xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2" in (job.folder / "report.html").read_bytes()
    failed = run(notebook(leaky, "raise ValueError(found)"), {}, job)
    assert failed.status == "failed"
    said = capfd.readouterr()
    forms = {canary, html.escape(canary), json.dumps(canary)[1:-1], json.dumps(html.escape(canary))[1:-1], repr(canary)}
    for form in forms:
        assert form not in said.out + said.err + (failed.error or "")
        for file in (*job.folder.iterdir(), *failed.folder.iterdir()):
            assert form.encode() not in file.read_bytes(), (file.name, form)


RUN = """
import sys
from pathlib import Path
from kpi_lib.reporting.page import Head
from kpi_lib.reporting.runner import Job, run
head = Head(workspace="Toy", report="toy", title="June 1998")
job = Job(head=head, period="1998-06", folder=Path(sys.argv[2]), timeout=120)
print("ready", flush=True)
run(Path(sys.argv[1]), {"rows": int(sys.argv[3])}, job)
"""


def test_two_runs_at_once_leave_one_whole_report(notebook: Write, job: Job) -> None:
    place = notebook()
    commands = [[sys.executable, "-c", RUN, str(place), str(job.folder), rows] for rows in ("1", "2")]
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [child.wait() for child in children] == [0, 0]
    assert sorted(content(job.folder)) == FILES
    assert leftovers(job) == []


@pytest.mark.parametrize("step", ["fsync", "rename", "mkdir"])
def test_a_full_disk_keeps_the_last_good_report(
    *,
    good: dict[str, bytes],
    notebook: Write,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr("kpi_lib.reporting.publish.os.fsync", full)
    else:
        monkeypatch.setattr(Path, step, full)
    with pytest.raises(ReportError, match="No space left"):
        run(notebook("print(label)"), {"rows": 9}, job)
    monkeypatch.undo()
    assert content(job.folder) == good
    assert leftovers(job) == []


def test_a_system_without_exchange_still_publishes(
    good: dict[str, bytes],
    notebook: Write,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publish, "exchanged", lambda new, folder: False)
    assert run(notebook(), {"rows": 9}, job).status == "done"
    assert pl.read_parquet(job.folder / "values.parquet")["value"].to_list() == [9.0]


def test_tidy_leaves_nothing_that_differs_from_run_to_run(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("1", metadata={"papermill": {"duration": 1}, "execution": {"t": "1"}, "tags": []})
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {"start_time": "now"}, "widgets": {}})
    place = tmp_path / "a.ipynb"
    nbformat.write(made, place)
    tidy(place, {"now": "never"})
    left = nbformat.read(place, as_version=4)
    assert left.metadata == {}
    assert left.cells[0].metadata == {"tags": []}
