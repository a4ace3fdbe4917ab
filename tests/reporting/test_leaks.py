"""A shared report is read again before it is published: small counts, addresses, numbers and people stop it."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest

from kpi_lib.cli.main import run as command
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import ReportError, UsageError
from kpi_lib.reporting.leaks import personal, refuse_leaks
from kpi_lib.reporting.plan import Request, plan
from kpi_lib.show.blocks import Figure, Say
from kpi_lib.show.render import html
from kpi_lib.sources.workspace import open_workspace
from tests.notebooks.workspaces import ALL

GOOD = {"kpi": ["mau", "arpu"], "value": [20.0, 3.5], "n": [20, 40]}


def folder(tmp_path: Path, page: str = "<p>fine</p>", values: dict[str, Any] = GOOD, printed: str = "") -> Path:
    (tmp_path / "report.html").write_text(page, "utf-8")
    pl.DataFrame(values).write_parquet(tmp_path / "values.parquet")
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", name="stdout", text=printed)])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "report.ipynb")
    return tmp_path


def said(kpi: str, value: float, field: str = "value") -> str:
    return html(Say(Figure(text="x", kpi=kpi, value=value, field=field))).text


def test_a_clean_report_passes(tmp_path: Path) -> None:
    page = said("mau", 11) + said("arpu", 3.5) + said("mau", 0, "n") + "<style>.anna7 {}</style>"
    refuse_leaks(folder(tmp_path, page), least=11, people=frozenset({"anna7"}))


def test_a_change_of_a_score_is_no_telephone_number(tmp_path: Path) -> None:
    """Plus so many points, a bracket and the next line's 95 % look like one; figures have their own rule."""
    high = html(Say(Figure(text="+74", kpi="nps", value=74, field="change_high"))).text
    page = f"<p>within chance ( {high} )</p><p><b>95 %</b></p>"
    refuse_leaks(folder(tmp_path, page), least=11, people=frozenset())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"page": said("mau", 10)}, "a figure of mau (value) is about fewer than 11"),
        ({"page": said("arpu", 3, "n")}, "a figure of arpu (n)"),
        ({"page": said("funnel", 2, "lost")}, "a figure of funnel (lost)"),
        ({"values": {**GOOD, "value": [4.0, 3.5]}}, "a row of values.parquet (mau)"),
        ({"values": {**GOOD, "n": [20, 1]}}, "a row of values.parquet (n)"),
        ({"values": {**GOOD, "plan": ["ann@example.org", None]}}, "values.parquet holds an e-mail address"),
        ({"page": "<p>ann@example.org</p>"}, "report.html holds an e-mail address"),
        ({"page": "<p>ann&#64;example.org</p>"}, "report.html holds an e-mail address"),
        ({"page": "<p>+49 30 1234567</p>"}, "a telephone number"),
        ({"page": "<p>call <b>+49</b> (30) 123-45-67</p>"}, "a telephone number"),
        ({"values": {**GOOD, "plan": ["+4930123456", None]}}, "values.parquet holds a telephone number"),
        ({"page": "<p>anna7 paid most</p>"}, "report.html names a person"),
        ({"page": "<td>Anna Smith</td>"}, "report.html names a person"),
        ({"printed": "top: anna7"}, "report.ipynb names a person"),
        ({"values": {**GOOD, "plan": ["anna7", None]}}, "values.parquet names a person"),
    ],
)
def test_each_kind_of_leak_is_caught(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportError) as caught:
        refuse_leaks(folder(tmp_path, **change), least=11, people=frozenset({"anna7", "Anna Smith"}))
    assert words in str(caught.value)
    assert "anna7" not in str(caught.value)


def test_people_are_known_by_ids_and_marked_columns() -> None:
    users = pl.DataFrame({"user_id": ["u1", "user-77", "12345"], "mail": ["a@b.example", None, "c@d.example"]})
    data = Dataset.of({"users": users})
    assert personal(data, {}) == {"user-77"}
    assert personal(data, {"users": ("mail", "gone")}) == {"user-77", "a@b.example", "c@d.example"}


def test_the_workspace_marks_columns_that_name_people(tmp_path: Path) -> None:
    place = ALL["minimal"](tmp_path / "w")
    text = (place / "kpi.toml").read_text()
    (place / "kpi.toml").write_text(text.replace('path = "events.csv"\n', 'path = "events.csv"\npii = ["plan"]\n'))
    (job,) = plan(open_workspace(place), Request(names=("one-page",), out=tmp_path, least=11))
    assert job.job.people == {"free"}


@pytest.mark.parametrize(
    ("options", "words"),
    [({"least": 4}, "at least 5 people"), ({"least": 11, "by": "plan"}, "by subtraction")],
)
def test_what_cannot_be_shared_safely_is_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    workspace = open_workspace(ALL["minimal"](tmp_path / "w"))
    with pytest.raises(UsageError, match=words):
        plan(workspace, Request(names=("weekly",), out=tmp_path, **options))


def test_a_notebook_of_ones_own_can_print_anything_and_is_not_shared(tmp_path: Path) -> None:
    place = ALL["minimal"](tmp_path / "w")
    (place / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), place / "notebooks" / "weekly-review.ipynb")
    with pytest.raises(UsageError, match="a notebook of yours, which can print anything"):
        plan(open_workspace(place), Request(names=("weekly",), out=tmp_path, least=11))


def test_a_shared_report_of_a_few_tells_nothing_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, out = ALL["minimal"](tmp_path / "w"), tmp_path / "out"
    given = ["--workspace", str(place), "--json", "report", "one-page", "--period", "2026-03", "--share"]
    assert command([*given, "--out", str(out)]) == 0, capsys.readouterr().err
    (told,) = json.loads(capsys.readouterr().out)["reports"]
    page = next(out.rglob("report.html")).read_text("utf-8")
    assert told["status"] == "done"
    assert "nothing on this page is about fewer than 11 people" in page
    values = pl.read_parquet(next(out.rglob("values.parquet")))
    assert values.filter(pl.col("value") > 0).is_empty()
    assert json.loads(next(out.rglob("manifest.json")).read_text())["least"] == 11


# what shows or makes results that `answers/sharing.py` has looked at, and what shows nothing of people by itself
LOOKED_AT = {
    *(
        "open_workspace",
        "check",
        "pills",
        "scorecard",
        "handful",
        "months_to",
        "intake",
        "headline",
        "north_star",
        "tiles",
    ),
    *("compute", "funnel", "funnel_trend", "ripe_period", "compare_funnels", "definition_strip", "declared_funnel"),
    *("cohorts", "Cohorts", "cohort_revenue", "mrr_bridge", "lifetime", "unit_economics", "lifecycle", "actives"),
    *(
        "session_figures",
        "adoption",
        "goals",
        "follow_up",
        "learned",
        "conclude",
        "portfolio",
        "by_segment",
        "usual_grain",
    ),
}


def test_reports_show_nothing_that_sharing_does_not_know() -> None:
    from kpi_lib.reporting.pack import pack, packed

    for name in packed():
        book = nbformat.read(pack() / "reports" / f"{name}.ipynb", as_version=4)
        used = {
            word for cell in book.cells if cell.cell_type == "code" for word in re.findall(r"kpi\.(\w+)\(", cell.source)
        }
        assert used <= LOOKED_AT, f"{name}: look at {used - LOOKED_AT} in answers/sharing.py first"
