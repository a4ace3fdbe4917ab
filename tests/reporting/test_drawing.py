"""Charts are drawn beside the kernels by one warm process, whose death or delay is told and costs one report."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kpi_lib.core.errors import ReportError
from kpi_lib.reporting import drawing
from kpi_lib.reporting.drawing import begin, draw, end, undrawn
from kpi_lib.show.picture import PICTURE_MIME
from kpi_lib.show.stills import answer, still

SPEC = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}}
ENV = dict(os.environ)


@pytest.fixture(autouse=True)
def _cleared() -> Iterator[None]:
    end()
    yield
    end()


def book(*specs: dict[str, Any]) -> Any:  # noqa: ANN401 - a notebook
    """A notebook with these charts undrawn."""
    outputs = [
        nbformat.v4.new_output(
            "display_data",
            {
                PICTURE_MIME: {"wide": spec, "wide_svg": "", "narrow": None, "narrow_svg": None, "alt": "one bar"},
                "image/svg+xml": "",
            },
        )
        for spec in specs
    ]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("chart", outputs=outputs)])


def soon() -> float:
    return time.monotonic() + 60


def test_what_is_undrawn_is_drawn_as_in_a_kernel() -> None:
    other = {**SPEC, "mark": "point"}
    notebook = book(SPEC, other)
    draw(notebook, ENV, until=soon())
    data = [output.data for output in notebook.cells[0].outputs]
    assert [each["image/svg+xml"] for each in data] == [still(SPEC), still(other)]
    assert [each[PICTURE_MIME]["wide_svg"] for each in data] == [still(SPEC), still(other)]
    assert not list(undrawn(notebook.cells[0]))


def test_the_process_is_started_once_and_only_for_charts() -> None:
    draw(book(), ENV, until=soon())
    assert not drawing._drawing
    draw(book(SPEC), ENV, until=soon())
    (first,) = drawing._drawing
    begin(ENV)
    draw(book(SPEC), ENV, until=soon())
    assert drawing._drawing == [first]


def test_a_chart_that_cannot_be_drawn_is_told_and_the_next_one_drawn() -> None:
    with pytest.raises(ReportError, match=r"'one bar' cannot be drawn: .*failed"):
        draw(book({"mark": "no mark"}), ENV, until=soon())
    draw(book(SPEC), ENV, until=soon())


def test_a_dead_process_is_told_and_the_next_chart_drawn() -> None:
    draw(book(SPEC), ENV, until=soon())
    (process,) = drawing._drawing
    os.kill(process.pid, signal.SIGSTOP)  # it takes the request and dies over it
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ReportError, match="the drawing engine died at 'one bar'"):
        drawing._ask([SPEC], alt="one bar", until=soon())
    assert not drawing._drawing
    draw(book(SPEC), ENV, until=soon())


def test_a_drawing_that_takes_too_long_is_ended() -> None:
    draw(book(SPEC), ENV, until=soon())
    (process,) = drawing._drawing
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(ReportError, match=r"longer than the run may\. Allow more by --timeout"):
        draw(book(SPEC), ENV, until=time.monotonic() + 0.2)
    assert process.poll() is not None
    draw(book(SPEC), ENV, until=soon())


def test_the_process_ends_with_whoever_started_it() -> None:
    code = (
        "import os; from kpi_lib.reporting import drawing\n"
        "drawing.begin(dict(os.environ)); print(drawing._drawing[0].pid, flush=True); os.kill(os.getpid(), 9)"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**ENV, "PYTHONPATH": root}
    )
    pid = int(done.stdout)
    for _ in range(600):
        if not _runs(pid):
            return
        time.sleep(0.1)
    raise AssertionError("it still runs")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_requests_and_answers_are_lines() -> None:
    assert json.loads(answer(json.dumps([SPEC, SPEC])))["drawn"] == [still(SPEC)] * 2
    assert "\n" not in answer(json.dumps([SPEC]))
    assert "refused" in json.loads(answer("no JSON"))


def test_stills_import_nothing_of_this_library() -> None:
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.startswith(('kpi_lib', 'polars'))])"
    place = str(Path(drawing.stills.__file__))
    done = subprocess.run([sys.executable, "-P", "-c", code, place], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
