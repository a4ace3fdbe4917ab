"""The page of a whole tells whether its segments add up to it and leads to them; their pages lead back."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import polars as pl
import pytest

from kpi_lib.cli.main import run
from kpi_lib.reporting.outcome import Outcome
from kpi_lib.reporting.plan import Request, plan, render
from kpi_lib.sources.workspace import open_workspace

ODD = '<b>"50 %" & a=b/c?#'
CODE = """
import polars as pl
from kpi_lib.reporting.handover import hand_over
of = {"": 9, "plan=pro": 4, "country=DE": 9}
orders = float(of.get(only, 3) * scale)
if only == broken:
    raise ValueError("this one is broken")
rows = {"kpi": ["orders", "total_revenue", "nps"], "start": ["2026-02-01"] * 3, "value": [orders, 10 * orders, 0.5]}
hand_over(pl.DataFrame(rows), {"sentences": ["so many"], "currency": "EUR"})
"""
PARAMETERS = 'workspace: str = "."\nperiod: str = ""\nonly: str = ""\nscale: int = 1\nbroken: str = "none"'

Rendered = Callable[..., list[Outcome]]


class Links(HTMLParser):
    """The ways of a page to other pages, by their words."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, Path] = {}
        self.way = ""
        self.page = page
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        way = dict(attrs).get("href") or ""
        self.way = way if tag == "a" and not way.startswith("#") else ""

    def handle_data(self, data: str) -> None:
        if self.way:
            self.found[data] = self.page.parent / unquote(self.way)
            self.way = ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "notebooks").mkdir(parents=True)
    toml = '[workspace]\nname = "Shop"\n[tables.events]\npath = "log.csv"\n'
    (folder / "kpi.toml").write_text(toml + '[reports.toy]\nnotebook = "toy"\nevery = "month"\n')
    odd = ODD.replace('"', '""')
    rows = [
        "u1,2026-02-02T10:00:00Z,a,pro,DE",
        f'u2,2026-02-10T10:00:00Z,a,"{odd}",DE',
        "u3,2026-03-02T10:00:00Z,a,pro,DE",
    ]
    (folder / "log.csv").write_text("\n".join(["user_id,time,event,plan,country", *rows, ""]))
    tagged = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    cells = [nbformat.v4.new_markdown_cell("# Toy"), tagged, nbformat.v4.new_code_cell(CODE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "toy.ipynb")
    return folder


@pytest.fixture
def rendered(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def made(*, out: str = "out", jobs: int = 1, by: str = "plan", **parameters: str) -> list[Outcome]:
        request = Request(names=("toy",), out=tmp_path / out, period="2026-02", by=by, parameters=parameters)
        return render(plan(open_workspace(folder), request), jobs=jobs)

    return made


def test_the_page_of_the_whole_adds_its_segments_up_and_leads_to_them(rendered: Rendered) -> None:
    whole, *parts = rendered(by="plan,country")
    assert [each.status for each in (whole, *parts)] == ["done"] * 4
    page = whole.folder / "report.html"
    text = page.read_text("utf-8")
    assert "Segments added up, and what is left over" in text
    assert "Orders by plan: 7 in 2 segments of 9 in all; 2 without a plan" in text
    assert "Revenue by plan: €70.00 in 2 segments of €90.00 in all; €20.00 without a plan" in text
    assert "Orders by country: 9 in 1 segment of 9 in all" in text
    assert (
        "Not added up by plan, as they are means, shares, people of a window or made of others: Net promoter score"
        in text
    )
    found = Links(page).found
    assert found == {part.by[name]: part.folder / "report.html" for part in parts for name in part.by}
    for there in found.values():
        assert there.is_file()
        assert Links(there).found == {"February 2026": there.parent / ".." / "report.html"}
        assert (there.parent / ".." / "report.html").resolve() == page.resolve()
    assert "<b>" not in text.partition("</header>")[0]


def test_the_same_again_is_unchanged_and_elsewhere_the_same_to_the_byte(rendered: Rendered) -> None:
    first = rendered()
    assert [each.status for each in rendered(jobs=2)] == ["unchanged"] * 3
    other = rendered(out="other", jobs=2)
    for here, there in zip(first, other, strict=True):
        assert here.by == there.by
        for file in ("report.html", "values.parquet"):
            assert (here.folder / file).read_bytes() == (there.folder / file).read_bytes(), (here.by, file)


def test_a_segment_that_changed_changes_the_whole(rendered: Rendered, folder: Path) -> None:
    rendered()
    book = folder / "notebooks" / "toy.ipynb"
    book.write_text(book.read_text("utf-8").replace('\\"plan=pro\\": 4', '\\"plan=pro\\": 5'), "utf-8")
    whole, *parts = rendered()
    assert [each.status for each in (whole, *parts)] == ["done"] * 3  # each page tells its code
    assert "Orders by plan: 8 in 2 segments of 9 in all; 1 without a plan" in (whole.folder / "report.html").read_text()
    assert pl.read_parquet(whole.folder / "values.parquet")["value"][0] == 9.0


def test_a_segment_that_failed_is_named_and_not_linked(rendered: Rendered) -> None:
    whole, *parts = rendered(broken="plan=pro")
    assert [each.status for each in (whole, *parts)] == ["done", "done", "failed"]
    page = whole.folder / "report.html"
    assert "Could not be made: plan pro; not in these sums" in page.read_text("utf-8")
    assert list(Links(page).found) == [ODD]


def test_one_segment_alone_leads_to_no_whole_that_need_not_be_there(rendered: Rendered) -> None:
    (alone,) = rendered(by="", only="plan=pro")
    assert alone.by == {"plan": "pro"}
    assert Links(alone.folder / "report.html").found == {}


def test_without_segments_nothing_is_said(rendered: Rendered) -> None:
    (whole,) = rendered(by="")
    text = (whole.folder / "report.html").read_text("utf-8")
    assert "Segments" not in text
    assert "The whole and its segments" not in text


def test_the_command_tells_the_same_and_remembers_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    words = ["--workspace", str(folder), "--json", "report", "toy", "--period", "2026-02", "--by", "plan"]
    assert run([*words, "--out", str(tmp_path / "out")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["reports"][0]) == {"name", "period", "by", "status", "folder", "seconds", "error"}
    assert [each["by"] for each in told["reports"]] == [{}, {"plan": ODD}, {"plan": "pro"}]
    sums = {row["kpi"]: (row["whole"], row["sum"], row["rest"]) for row in told["reconciled"]}
    assert sums == {"orders": (9.0, 7.0, 2.0), "total_revenue": (90.0, 70.0, 20.0)}
