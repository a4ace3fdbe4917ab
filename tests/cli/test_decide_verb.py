"""What kpi decide keeps and lists: exclusively, in 80 columns, and with nothing that a terminal or a page obeys."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kpi_lib.show.decisions import NONE
from kpi_lib.show.render import html
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from kpi_lib.sources.workspace import open_workspace
from tests.cli.conftest import Said

Kpi = Callable[..., Said]
ROOT = Path(__file__).parents[2]
EVIL = '<img src=x onerror=alert(1)> [a](javascript:1) \x1b[2J "quoted" \\ end'
FULL = {
    "--signal": "a third fewer than a year ago", "--type": "marketing", "--owner": "store", "--kpi": "active_customers",
    "--expect": "+10 %", "--due": "1998-09-30", "--look": "1998-06-15", "--date": "1998-05-20",
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "data" / "cdnow", tmp_path / "shop"))


def words(**changed: str) -> list[str]:
    given = {**FULL, **{f"--{name}": value for name, value in changed.items()}}
    return [part for pair in given.items() for part in pair]


def test_a_decision_is_kept_and_followed(kpi: Kpi, shop: Path) -> None:
    made = kpi("decide", "Weekly letter", *words(), "--workspace", shop, "--json")
    assert made.json["file"] == "decisions/1998-05-20-weekly-letter.toml"
    listed = kpi("decide", "--list", "--period", "1998-06", "--workspace", shop, "--json").json["decisions"]
    before, now = (kpi("compute", "active_customers", "--period", p, "--workspace", shop, "--json").json["rows"][0]["value"]
                   for p in ("1998-04", "1998-06"))  # fmt: skip
    (row,) = listed
    assert (row["decision"], row["kpi"], row["since"], row["start"]) == (
        "Weekly letter",
        "active_customers",
        "1998-04-01",
        "1998-06-01",
    )
    assert (row["previous"], row["value"], row["change"]) == (before, now, pytest.approx(now / before - 1))
    text = kpi("decide", "--list", "--period", "1998-06", "--workspace", shop).out
    assert "1998-06-15, has come" in text
    assert max(map(len, text.splitlines())) <= 80
    again = kpi("decide", "Weekly letter", *words(), "--workspace", shop)
    assert (again.status, "never overwritten" in again.err) == (2, True)


def test_a_decision_that_came_after_the_period_is_named(kpi: Kpi, shop: Path) -> None:
    kpi("decide", "Weekly letter", *words(), "--workspace", shop)
    text = kpi("decide", "--list", "--period", "1998-03", "--workspace", shop).out
    assert NONE in " ".join(text.split())
    assert "1 taken since 1998-04-01" in text


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kpi": "active_customer"}, "Did you mean active_customers"),
        ({"type": "advert"}, "unknown type 'advert'"),
        ({"expect": "+10 points"}, "told in %"),
        ({"due": "1998-05-20"}, "not after the decision"),
        ({"due": "soon"}, "is no day"),
        ({"owner": " "}, "needs --owner"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(kpi: Kpi, shop: Path, changed: dict[str, str], why: str) -> None:
    said = kpi("decide", "Weekly letter", *words(**changed), "--workspace", shop)
    assert (said.status, why in said.err) == (2, True), said.err
    assert not (shop / "decisions").exists()


def test_a_kpi_that_cannot_be_computed_is_told_at_once(kpi: Kpi, shop: Path) -> None:
    said = kpi("decide", "Ask them", *words(kpi="nps", expect="+5 points"), "--workspace", shop)
    assert (said.status, "nps cannot be computed here: it needs the columns" in said.err) == (0, True)
    assert "? cannot be told: needs the columns" in " ".join(
        kpi("decide", "--list", "--workspace", shop, "--period", "1998-06").out.split()
    )


def test_hostile_words_are_neither_obeyed_nor_lost(kpi: Kpi, shop: Path) -> None:
    made = kpi("decide", EVIL, *words(signal=EVIL, owner=EVIL), "--workspace", shop, "--json")
    assert made.json["decision"]["signal"] == EVIL
    text = kpi("decide", "--list", "--period", "1998-06", "--workspace", shop).out
    assert "\x1b" not in text
    import kpi_lib as kpi_library

    workspace = open_workspace(shop)
    found = kpi_library.follow_up(workspace.decisions, workspace.data, workspace.grid("1998-06"))
    page = html(table(found)).text + html(say(found)).text
    assert "<img" not in page
    assert page.count("&lt;img") == 3
    assert "\x1b" not in page
