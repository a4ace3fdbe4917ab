"""The notebooks on money tell what was planted in a demo company, with the figures that kpi compute gives."""

import html
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

import kpi_lib as kpi
from kpi_lib.cli.main import run
from kpi_lib.kpis.registry import catalogue
from kpi_lib.sources.sample.folder import write_sample
from kpi_lib.sources.sample.story import Story
from kpi_lib.sources.sample.truths import truths

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STORY = Story(users=5_000, days=731, seed=3)
TRUTHS = truths(STORY)
FIGURE = re.compile(r'<data class="kpi-figure"([^>]*)>')
Figure = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo company of 5,000 people in two years."""
    folder = tmp_path_factory.mktemp("money") / "demo"
    write_sample(folder, STORY)
    return folder


@pytest.fixture(scope="module")
def shown(demo: Path) -> list[Figure]:
    """Every figure that the notebook on revenue prints."""
    return printed(demo, "35-revenue")


def printed(demo: Path, name: str) -> list[Figure]:
    """Every figure that a notebook prints: kpi, field, start, value, segment."""
    book = str(ROOT / "notebooks" / f"{name}.ipynb")
    command = [sys.executable, "-m", "tests.notebooks.shell", str(demo), book]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    cells = json.loads(played.stdout)[name]
    assert [cell["error"] for cell in cells if cell["error"]] == []
    found = []
    for attributes in FIGURE.findall(" ".join(text for cell in cells for text in [*cell["html"], *cell["below"]])):
        each = {name: html.unescape(text) for name, text in re.findall(r' (?:data-)?([a-z]+)="([^"]*)"', attributes)}
        value = float(each["value"]) if each["value"] else None
        by = dict(pair.split("=", 1) for pair in each.get("by", "").split(";") if pair)
        found.append({**each, "value": value, "by": by})
    return found


def of(shown: list[Figure], kpi: str, **by: str) -> dict[date, float]:
    """The values of one KPI over time."""
    rows = [each for each in shown if (each["kpi"], each["field"], each["by"]) == (kpi, "value", by)]
    return {date.fromisoformat(row["start"]): row["value"] for row in rows if row["value"] is not None}


def test_ads_get_dearer_month_by_month(shown: list[Figure]) -> None:
    truth = TRUTHS["cost_creep"]
    cost = of(shown, "cpa", channel=truth["channel"])
    first, *_, last = sorted(start for start in cost if start > truth["first_month"])
    months = (last.year - first.year) * 12 + last.month - first.month
    assert months >= 15
    planted = (1 + truth["growth_per_month"]) ** months
    assert cost[last] / cost[first] == pytest.approx(planted, rel=0.25)
    still = of(shown, "cpa", channel="social")
    assert still[last] / still[first] == pytest.approx(1, abs=0.3)


def test_the_price_of_the_plan_goes_up(shown: list[Figure]) -> None:
    truth = TRUTHS["price_change"]
    price = of(shown, "arpa", plan=truth["plan"])
    before = [value for start, value in price.items() if start < truth["day"]]
    after = [value for start, value in price.items() if start >= truth["day"]]
    assert before
    assert min(after) > max(before)
    assert max(after) * 100 <= truth["after_cents"]
    other = of(shown, "arpa", plan="team")
    assert len(other) == len(price)


def test_payers_concentrate(shown: list[Figure]) -> None:
    share = of(shown, "revenue_concentration")
    before = [value for start, value in share.items() if start < TRUTHS["concentration"]["from"]]
    assert share[max(share)] > max(before)
    assert share[max(share)] > mean(before) + 0.05


CALLS = (
    (("nrr", "grr", "quick_ratio", "total_revenue", "revenue_concentration"), "month", ""),
    (("arpa",), "month", "plan"),
    (("cpa", "cac", "ltv", "ltv_cac_ratio", "cac_payback_period"), "quarter", "channel"),
    (("cac", "ltv", "ltv_cac_ratio", "cac_payback_period"), "quarter", ""),
)


def computed(demo: Path, capsys: pytest.CaptureFixture[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What kpi compute says, by KPI, start and segment."""
    rows = {}
    for names, every, by in CALLS:
        span = ["--from", "2024-10-01", "--to", "2026-11-01" if every == "month" else "2026-10-01", "--every", every]
        command = ["--workspace", str(demo), "--json", "compute", *names, *span, *(["--by", by] if by else [])]
        assert run(command) == 0
        for row in json.loads(capsys.readouterr().out)["rows"]:
            rows[row["kpi"], row["start"], tuple(row["by"].items())] = row
    return rows


def test_every_figure_of_a_kpi_is_the_one_that_the_command_gives(
    demo: Path, shown: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    agree(shown, computed(demo, capsys), {name for names, _, _ in CALLS for name in names})


def agree(shown: list[Figure], rows: dict[tuple[Any, ...], dict[str, Any]], names: set[str]) -> None:
    """All figures of KPIs are those of the command, and these KPIs are among them."""
    checked = set()
    for each in shown:
        if each["field"] == "quick_ratio":  # a figure of the bridge, which is the value of that KPI
            each = {**each, "kpi": "quick_ratio", "field": "value"}
        if each["kpi"] in catalogue():
            by = tuple((name, None if text == "(none)" else text) for name, text in each["by"].items())
            row = rows[each["kpi"], each["start"], by]
            exact = each["field"] in (
                "value",
                "n",
            )  # the last bit of an interval depends on the order of a sum of floats
            told = row[each["field"]]
            assert each["value"] == (told if exact or told is None else pytest.approx(told, rel=1e-12)), each
            checked.add(each["kpi"])
    assert checked == names


def test_the_ladder_prints_what_the_library_and_the_command_give(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = printed(demo, "36-lifetime")
    agree(figures, computed(demo, capsys), {"cac", "ltv", "ltv_cac_ratio", "cac_payback_period"})
    ws, terms = kpi.open_workspace(demo), {"horizon": 36, "discount": 0.1}
    known: set[tuple[Any, ...]] = set()
    for basis in ("subscriptions", "orders"):
        for row in kpi.lifetime(ws.data, basis=basis, **terms).frames["lifetime"].to_dicts():
            known |= {(row["method"], field, row[field]) for field in ("value", "low", "high", "n")}
    rungs = [each for each in figures if each["kpi"] == "lifetime"]
    assert {each["by"]["method"] for each in rungs} == {"simple", "geometric", "observed", "sbg", "bgnbd"}
    assert [each for each in rungs if (each["by"]["method"], each["field"], each["value"]) not in known] == []
    paid = [each["value"] for each in figures if (each["kpi"], each["field"]) == ("cac", "value") and not each["by"]]
    assert paid


def test_the_bridge_ends_at_the_recurring_revenue_that_the_command_gives(
    demo: Path, shown: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    ends = {each["start"]: each["value"] for each in shown if (each["kpi"], each["field"]) == ("mrr_bridge", "closing")}
    assert len(ends) == 13
    span = ["--from", min(ends), "--to", "2026-11-01", "--every", "month"]
    assert run(["--workspace", str(demo), "--json", "compute", "mrr", *span]) == 0
    told = {row["start"]: row["value"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert ends == told
