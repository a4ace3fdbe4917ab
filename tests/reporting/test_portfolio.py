"""Several products side by side: the figures of each are those of its own scorecard, and sharing leaves them out in plain words."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import polars as pl
import pytest

import kpi_lib as kpi
from kpi_lib.answers.sharing import has_rule, share, shares
from kpi_lib.cli.main import run
from kpi_lib.core.errors import DataError, KpiError, UsageError
from kpi_lib.reporting.handover import LEAST
from kpi_lib.reporting.notebooks import definitions_of, frames_of, learned
from kpi_lib.reporting.portfolio import scorecard_of
from kpi_lib.show.blocks import Figure
from kpi_lib.show.faces import FEW, NO_RULE, readable
from kpi_lib.show.phrases import plain
from tests.notebooks.workspaces import ALL

DATA = Path(__file__).parents[2] / "data"
NAMES = ["CDNOW", "Click-stream (synthetic)"]


@pytest.fixture(scope="module")
def beside() -> kpi.Portfolio:
    found: kpi.Portfolio = kpi.portfolio(kpi.open_workspace(DATA / "cdnow"), ["../clickstream"])
    return found


@pytest.fixture
def sharing() -> Iterator[None]:
    share(11)
    yield
    share(0)


def figures(phrase: Any) -> Iterator[Figure]:  # noqa: ANN401 - any part of a cell
    if isinstance(phrase, Figure):
        yield phrase
    elif isinstance(phrase, tuple):
        for each in phrase:
            yield from figures(each)


def test_each_product_stands_as_on_its_own_scorecard(beside: kpi.Portfolio) -> None:
    assert list(beside.cards) == NAMES
    for name, folder in zip(NAMES, ("cdnow", "clickstream"), strict=True):
        own = scorecard_of(kpi.open_workspace(DATA / folder))
        assert beside.cards[name].to_dict() == own.to_dict()
        rows = beside.table.filter(product=name)
        for each in own.standings:
            past = rows.filter(kpi=each.kpi.name)
            assert past["value"].to_list() == each.history.table["value"].to_list()
            assert past["change"].to_list()[-1] == each.change.amount
            assert past["change"].to_list()[:-1] == [None] * (past.height - 1)


def test_a_period_is_that_of_every_product_whose_data_reach_it(tmp_path: Path) -> None:
    copytree(DATA / "cdnow", tmp_path / "twin")
    toml = (tmp_path / "twin" / "kpi.toml").read_text("utf-8").replace('name = "CDNOW"', 'name = "Twin"')
    (tmp_path / "twin" / "kpi.toml").write_text(toml, "utf-8")
    told = kpi.portfolio(
        kpi.open_workspace(DATA / "cdnow"), [str(tmp_path / "twin"), "../clickstream"], period="1998-05"
    )
    periods = {name: card.period for name, card in told.cards.items()}
    assert periods == {"CDNOW": "1998-05", "Twin": "1998-05", NAMES[1]: "2024-05"}
    assert ["May 1998" in plain(row[1]) or "May 2024" in plain(row[1]) for row in kpi.table(told).rows].count(
        False
    ) == 0
    assert all("cannot be told yet" not in plain(each) for each in learned(told).sentences)


def test_a_folder_that_is_no_workspace_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--workspace", str(DATA / "cdnow"), "report", "portfolio", "--param", "products=../nowhere"]
    assert run([*words, "--period", "1998-05", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "inside" not in said
    assert "nowhere" in said


def test_the_table_holds_north_stars_and_what_clearly_moved(beside: kpi.Portfolio) -> None:
    for name, card in beside.cards.items():
        told = [each for product, each in beside.standings() if product == name]
        assert told[0].role == "north_star"
        assert told[1:] == [each for each in card.standings[1:] if each.change.clear]
    shown = kpi.table(beside)
    assert [row[0] for row in shown.rows] == [name for name, _ in beside.standings()]
    assert "CDNOW 30 June 1998, Click-stream (synthetic) 29 June 2024" in plain(shown.note)
    values = beside.table
    for name, *cells in shown.rows:
        value = next(figures(cells[1]))
        assert value.by[0] == ("product", name)
        found = values.filter(pl.col("product") == name, pl.col("start").cast(pl.String) == value.start, kpi=value.kpi)
        assert found["value"].to_list() == [value.value]


def test_a_product_alone_is_told_as_alone() -> None:
    shown = kpi.table(kpi.portfolio(kpi.open_workspace(DATA / "cdnow")))
    assert shown.title == "Products side by side, June 1998"
    assert "CDNOW stands alone: name the folders of other workspaces in products." in plain(shown.note)
    assert not any("June 1998" in plain(row[1]) for row in shown.rows)


def test_old_data_of_any_product_are_refused(tmp_path: Path) -> None:
    place = ALL["minimal_orders"](tmp_path / "old")
    text = (place / "kpi.toml").read_text("utf-8")
    (place / "kpi.toml").write_text(text + '\n[freshness]\nerror_after = "2d"\n', "utf-8")
    with pytest.raises(DataError, match=r"the data of 'Small' are too old: the last row is .+ old"):
        kpi.portfolio(kpi.open_workspace(DATA / "cdnow"), [str(place)])


def test_each_product_has_its_sentence(beside: kpi.Portfolio) -> None:
    said = [plain(each) for each in learned(beside).sentences]
    assert [text.startswith(f"{name}: ") for text, name in zip(said, NAMES, strict=True)] == [True, True]
    (frame,) = frames_of(beside)
    assert frame.equals(beside.table)
    assert {text.split(": ")[0] for text in definitions_of(beside)} == set(NAMES)


def test_two_products_of_one_name_or_no_product_at_all_are_refused(tmp_path: Path) -> None:
    copytree(DATA / "cdnow", tmp_path / "again")
    workspace = kpi.open_workspace(DATA / "cdnow")
    with pytest.raises(UsageError, match=r"two products are named 'CDNOW'"):
        kpi.portfolio(workspace, [str(tmp_path / "again")])
    with pytest.raises(KpiError, match=r"nowhere"):
        kpi.portfolio(workspace, ["../nowhere"])


@pytest.mark.usefixtures("sharing")
def test_what_has_no_rule_is_left_out_and_says_so(beside: kpi.Portfolio, tmp_path: Path) -> None:
    (note,) = readable(beside)
    assert note.phrases == (NO_RULE,)
    assert learned(beside).sentences == ()
    one = kpi.open_workspace(ALL["minimal_orders"](tmp_path / "w"))
    few = kpi.funnel(one.data, kpi.Funnel(("purchase@1", "purchase@2")))
    assert has_rule(few)
    assert not has_rule(beside)
    (note,) = readable(few)
    assert note.phrases == (FEW,)


@pytest.mark.usefixtures("sharing")
def test_opening_a_workspace_does_not_lift_what_outsiders_may_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", importlib.import_module("IPython"))
    kpi.open_workspace(DATA / "cdnow")
    assert shares() == 11
    monkeypatch.setenv(LEAST, "20")
    kpi.open_workspace(DATA / "cdnow")
    assert shares() == 20


def test_the_report_prints_only_figures_that_it_hands_over(tmp_path: Path) -> None:
    given = ["--workspace", str(DATA / "cdnow"), "report", "portfolio", "--param", "products=../clickstream"]
    assert run([*given, "--out", str(tmp_path)]) == 0
    page = next(tmp_path.rglob("report.html")).read_text("utf-8")
    assert "Checked after rendering: all held" in page
    values = pl.read_parquet(next(tmp_path.rglob("values.parquet")))
    assert set(values["product"]) == set(NAMES)
