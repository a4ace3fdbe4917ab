"""Names, labels and parameters that mean harm: five hundred parameters, a hundred names, five thousand characters."""

import json
import os
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpi_lib.core.errors import KpiError, UsageError
from kpi_lib.reporting import runner
from kpi_lib.reporting.parameters import checked, declared, from_text
from kpi_lib.reporting.publish import place, publish, workshop
from kpi_lib.reporting.runner import Job, run
from tests.reporting.conftest import Write

ROOT = Path(__file__).parents[2]
VALUES = (True, 1, 1.5, "3", None, [1], {"a": 1}, b"x", {1}, object(), ["a"], "1; import os", float("nan"), ())
CODE = "{0}=1;__import__('pathlib').Path({1!r}).touch()"


def fuzzed(seed: int, canary: Path) -> tuple[dict[str, object], bool]:
    """Parameters of the toy report, and whether they may be taken: the right name with a whole number for rows."""
    pick = random.Random(seed)
    name = pick.choice(
        [
            *["rows", "label"] * 4,
            "row",
            "Rows",
            "rows ",
            "__class__",
            "",
            "a b",
            "rows\n",
            "import os",
            CODE.format("rows", str(canary)),
            "".join(pick.choices(string.printable, k=pick.randrange(1, 12))),
        ]
    )
    value = pick.choice([*VALUES, CODE.format("x", str(canary)), f"__import__('os').system('touch {canary}')"])
    fits = (name == "rows" and type(value) is int) or (name == "label" and type(value) is str)
    return {name: value}, fits


def test_five_hundred_parameters_are_refused_before_a_kernel_starts_or_are_plain_values(
    notebook: Write, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []

    def execute(*given: object, **_: object) -> None:
        started.append(given[1])
        raise UsageError("no kernel here")

    monkeypatch.setattr(runner, "execute", execute)
    book, canary = notebook(), tmp_path / "canary"
    known = declared(book)
    for seed in range(500):
        given, fits = fuzzed(seed, canary)
        before = len(started)
        if not fits:
            with pytest.raises(UsageError, match="parameter"):
                run(book, given, job)
            assert len(started) == before, given
            continue
        assert checked(known, given)
        assert run(book, given, job).status == "failed"
        assert len(started) == before + 1
    assert 20 < len(started) < 250
    assert not canary.exists()


def test_five_hundred_typed_parameters_are_values_or_refused(notebook: Write, tmp_path: Path) -> None:
    known, canary = declared(notebook()), tmp_path / "canary"
    read = 0
    for seed in range(500):
        given, _ = fuzzed(seed, canary)
        for name, value in given.items():
            try:
                found = from_text(known, {name: str(value)})
            except UsageError:
                continue
            read += 1
            assert type(found[name]) is {"rows": int, "label": str}[name]
    assert 0 < read < 500
    assert not canary.exists()


def test_a_value_that_holds_code_is_a_text_in_a_real_kernel(notebook: Write, job: Job, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    nasty = f'\'"""\n__import__(\'pathlib\').Path({str(canary)!r}).touch()\n"""\' {{label}} \\'
    assert run(notebook("print(label)"), {"label": nasty}, job).status == "done"
    assert not canary.exists()
    kept = json.loads((job.folder / "manifest.json").read_text("utf-8"))["parameters"]["label"]
    assert kept.splitlines()[0] == nasty.splitlines()[0]


STEPS = (
    "..",
    ".",
    "%2e%2e",
    "..%2f",
    "a",
    "CON",
    "NUL",
    "",
    " ",
    "\0",
    "\n",
    "~",
    "C:",
    "\\\\host",
    "a" * 300,
    "é" * 150,
)
PARTS = ("/", "\\", "//", "%2f", "\u2215", "/./", "/../")


def names() -> Iterator[str]:
    """A hundred names that try to lead out of a folder, or that a file system takes amiss."""
    yield from STEPS
    yield from (f"{first}{part}{second}" for part in PARTS for first, second in zip(STEPS, STEPS[3:], strict=False))
    yield from (f"/etc/{word}" for word in ("passwd", "cron.d/x", "..", ""))
    yield from ("../" * deep + "outside" for deep in range(1, 12))
    yield from (
        "report.html",
        "index.html",
        "a.failed",
        "a.tmp",
        ".hidden",
        "aux.txt",
        "-rf",
        "$HOME",
        "`id`",
        "a;b",
        "*",
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, links not followed."""
    found = {}
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here) / name
            found[str(path.relative_to(folder))] = path.read_bytes() if path.is_file() else b""
    return found


def test_a_hundred_hostile_names_write_nothing_outside_the_reports(tmp_path: Path) -> None:
    given = list(dict.fromkeys(names()))
    assert len(given) >= 100
    house = tmp_path / "house"
    out = house / "deep" / "reports"
    (house / "deep").mkdir(parents=True)
    (house / "deep" / "kept.txt").write_text("kept", "utf-8")
    (house / "outside").mkdir()
    before = tree(house)
    here = set(ROOT.iterdir())
    for at, name in enumerate(given):
        folder = place(out, workspace=name, report=name[::-1] or name, period=name, by=("by", name))
        with workshop(folder, nested=at % 2 == 0) as room:
            (room / "new").mkdir(exist_ok=True)
            (room / "new" / "report.html").write_text(name, "utf-8", errors="replace")
            publish(room, folder)
    after = tree(house)
    inside = {path for path in after if path.startswith("deep/reports")}
    assert {path: after[path] for path in after if path not in inside} == before
    assert sum(path.is_file() for path in out.rglob("report.html")) == len(given)
    assert set(ROOT.iterdir()) == here


def test_a_link_among_the_reports_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "out" / "w").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "w" / "r").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KpiError, match="leads out"):
        place(tmp_path / "out", workspace="w", report="r", period="p")
    assert list((tmp_path / "elsewhere").iterdir()) == []


DRAW = """
import json, random, sys
import altair as alt, polars as pl
from kpi_lib.reporting.svg import inline_svg
from kpi_lib.show.markup import clean
from kpi_lib.show.picture import Picture, picture_bundle
from kpi_lib.reporting.page import Head, page
from kpi_lib.show.notebook import bundle
import nbformat
odd = [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000, 64), 0xDBFF, 0xDC00, 0xDFFF, *range(0xFDD0, 0xFDF0)]
odd += [plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF)]
odd += [0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD)]
codes = odd + random.Random(7).sample(range(0x110000), 5_000)
size = 60
labels = ["a" + "".join(map(chr, codes[at : at + size])) + "z" for at in range(0, len(codes), size)]
drawn = 0
for at in range(0, len(labels), 12):
    some = labels[at : at + 12]
    safe = [each.encode("utf-8", "replace").decode() for each in some]  # a frame holds no half characters; a spec may
    spec = {"mark": "bar", "data": {"values": [{"l": each, "v": 1} for each in some]}, "title": some[0],
            "encoding": {"y": {"field": "l", "sort": some, "title": some[-1]}, "x": {"field": "v", "type": "quantitative"}}}
    class Chart:
        def to_dict(self, **_):
            return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **spec}
    picture = Picture(wide=Chart(), alt=some[0], note=safe[0])
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", bundle(picture))])
    book = nbformat.v4.new_notebook(cells=[cell])
    text = page(book, Head(workspace="w", report=safe[0], title=safe[-1]), live=False)
    drawn += text.count("<svg")
    text.encode("utf-8")
    assert not set(text) & set(map(chr, [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF]))
print(json.dumps({"codes": len(codes), "labels": len(labels), "drawn": drawn}))
"""
CRASH = "import vl_convert\nvl_convert.vegalite_to_svg({'mark': 'bar', 'title': 'a\\x00b', 'data': {'values': []}})"


def test_five_thousand_characters_are_drawn_and_written_and_the_process_lives() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    assert told["codes"] > 5_000
    assert told["drawn"] == -(-told["labels"] // 12)


def test_what_kills_the_drawing_engine_does_not_kill_a_run(notebook: Write, job: Job) -> None:
    outcome = run(notebook(CRASH), {}, job)
    assert outcome.status == "failed"
    assert "the kernel died" in (outcome.error or "")
    assert not job.folder.exists()
