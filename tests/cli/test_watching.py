"""The verb signals as people and scripts run it."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty weeks of a log in which the phone app fails from Monday, 11 May 2026 on; one name tries to break out."""
    folder, draw = tmp_path_factory.mktemp("watch"), Random(3)
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("user_id", "time", "event", "platform"))
        for day in range(140):
            start = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=day)
            for user in range(80):
                phone = user % 2 == 0
                if draw.random() < (0.08 if phone and day >= 126 else 0.6):
                    time = start + timedelta(minutes=draw.randrange(1_440))
                    rows.writerow((f"u{user}", time.isoformat(), "open", "\x1b[31mphone" if phone else "web"))
    (folder / "kpi.toml").write_text('[workspace]\nname = "Shop"\n\n[tables.events]\npath = "events.csv"\n', "utf-8")
    return folder


def test_a_failing_platform_is_told_with_its_segment(kpi: Kpi, shop: Path) -> None:
    said = kpi("signals", "dau", "--period", "2026-W20", "--workspace", shop)
    assert said.status == 0
    assert "▼ drop  Daily active users, the week of 11 May 2026" in said.out
    assert "mostly platform" in said.out
    assert "\x1b" not in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_document_holds_all_of_it(kpi: Kpi, shop: Path) -> None:
    asked = ("signals", "dau", "wau", "mau", "--from", "2026-04-06", "--to", "2026-05-25", "--every", "week", "--json")
    found = kpi(*asked, "--workspace", shop).json
    first = next(each for each in found["signals"] if each["kpi"] == "dau")
    assert (first["kind"], first["since"]) in [("drop", "2026-05-11"), ("shift", "2026-05-11")]
    assert first["observed"] < first["low"] < first["expected"] < first["high"]
    assert first["by"] == {}
    assert sum(row["effect"] for row in first["contributions"]["rows"]) == pytest.approx(
        first["contributions"]["change"]
    )
    assert set(found) == {"signals", "looked", "unknown", "outages"}


def test_quiet_weeks_are_told_as_such(kpi: Kpi, shop: Path) -> None:
    said = kpi("signals", "dau", "wau", "--period", "2026-W18", "--workspace", shop)
    assert said.out.startswith("nothing stands out among 2 series")


def test_too_short_a_history_is_no_failure(kpi: Kpi, shop: Path) -> None:
    said = kpi("signals", "mau", "--workspace", shop)
    assert said.status == 0
    assert "cannot tell yet: 9 whole months" in said.out


@pytest.fixture
def advertised(tmp_path: Path) -> Path:
    """A quarter of a shop that advertises in two channels, with what became of the people who came."""
    draw, people, terms, spend = Random(7), [], [], []
    for day in range(182):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        spend += [(start.date(), "ads", 40), (start.date(), "a very long name of a channel", 20)]
        for at in range(4):
            name = f"u{day}-{at}"
            people.append((name, start.isoformat(), ("ads", "a very long name of a channel")[at % 2]))
            if draw.random() < 0.5:
                over = start + timedelta(days=draw.randrange(20, 120))
                end = over.isoformat() if over < datetime(2026, 7, 1, tzinfo=UTC) else ""
                terms.append((name, name, start.isoformat(), end, 30 + at))
    tables = {
        "users": (("user_id", "signup_ts", "channel"), people),
        "subscriptions": (("subscription_id", "user_id", "start", "end", "mrr"), terms),
        "marketing_spend": (("date", "channel", "amount"), spend),
    }
    text = '[workspace]\nname = "Shop"\nobserved_until = 2026-07-01\n\n[settings]\ngross_margin = 0.5\n'
    for name, (heads, rows) in tables.items():
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([heads, *rows])
        text += f'\n[tables.{name}]\npath = "{name}.csv"\n'
    (tmp_path / "kpi.toml").write_text(text, "utf-8")
    return tmp_path


def test_a_budget_table_fits_the_terminal(kpi: Kpi, advertised: Path) -> None:
    said = kpi("forecast", "--budget", "ads=+50 %", "--workspace", advertised)
    assert said.status == 0, said.err
    assert "ads: $3,640 now, $5,460 planned" in said.out
    assert "new customers, who bring" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_named_rules_tell_their_figures_also_where_they_do_not_hold(kpi: Kpi, shop: Path) -> None:
    said = kpi("signals", "dau", "--rules", "--workspace", shop)
    assert said.status == 0, said.err
    assert "Recommendation moved after a release: cannot tell (needs the columns kind" in said.out
    quiet = said.out[said.out.index("Active users hold, but visits are shallow: ") :].splitlines()
    assert quiet[1].startswith("    Average session duration"), quiet[:3]
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_strangers_workspace(kpi: Kpi, stranger: Path) -> None:
    said = kpi("signals", "--workspace", stranger)
    assert said.status == 0
    assert "cannot tell yet" in said.out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("signals", "dua"), "Did you mean dau"),
        (("signals", "dau", "--period", "2026-04-01..2026-04-09"), "by day, week, month, quarter"),
        (("forecast", "--target", "mrr"), "write it as mrr=25000"),
        (("forecast", "--target", "nps=3"), "unknown target with drivers"),
        (("forecast", "--months", "99"), "1 to 24"),
        (("signals", "dau", "--by", "planet"), "no column 'planet'|unknown column 'planet'"),
    ],
)
def test_what_cannot_be_asked_is_refused(kpi: Kpi, shop: Path, asked: tuple[str, ...], told: str) -> None:
    import re

    said = kpi(*asked, "--workspace", shop)
    assert (said.status, said.out) == (2, "")
    assert re.search(told, said.err)


def test_a_forecast_without_its_tables_says_what_is_missing(kpi: Kpi, shop: Path) -> None:
    said = kpi("forecast", "--workspace", shop)
    assert said.status == 0
    assert "Nothing can be expected yet" in said.out
    assert "column trial_start of subscriptions" in " ".join(said.out.split())
    assert max(map(len, said.out.splitlines())) <= 80
    found = kpi("forecast", "--target", "dau=100", "--json", "--workspace", shop).json
    assert [row["driver"] for row in found["drivers"]] == ["mau", "stickiness"]
    assert found["target"] == {"kpi": "dau", "value": 100.0}
