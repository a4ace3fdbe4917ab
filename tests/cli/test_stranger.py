"""What the command answers on a stranger's CSV, against brute force, in the forms that outsiders rely on."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.brute.actives import actives as oracle_actives
from tests.brute.cohort import cohort as oracle_cohort
from tests.brute.funnel import funnel as oracle_funnel
from tests.brute.rows import DAY
from tests.brute.sessions import session_summary
from tests.build import EPOCH
from tests.cli.conftest import Rows, Said

Kpi = Callable[..., Said]


def brute(log: Rows) -> list[tuple[Any, ...]]:
    return [(u, (t - EPOCH) // timedelta(microseconds=1), e, 0, {"country": c or None}) for t, u, e, c in log]


def until(log: Rows) -> int:
    last = max(t for t, *_ in log).date() + timedelta(days=1)
    return (last - date(1970, 1, 1)).days * DAY


def since(log: Rows) -> int:
    return (min(t for t, *_ in log).date() - date(1970, 1, 1)).days * DAY


def test_check_counts_every_row(kpi: Kpi, stranger: Path, log: Rows) -> None:
    said = kpi("check", "--workspace", stranger, "--json")
    assert said.status == 0
    assert said.json["tables"] == {
        "events": {"read": len(log), "kept": len(log), "filtered": 0, "deduplicated": 0, "quarantined": 0}
    }
    assert {f["severity"] for f in said.json["findings"]} <= {"warning"}


@pytest.mark.parametrize("within", ["30m", "24h", "7d"])
def test_funnel_equals_brute_force(kpi: Kpi, stranger: Path, log: Rows, within: str) -> None:
    steps = ["visit", 'look, "close"', "order"]
    named = [part for step in steps for part in ("--step", step)]
    found = kpi("--workspace", stranger, "--json", "funnel", *named, "--within", within).json
    window = {"30m": DAY // 48, "24h": DAY, "7d": 7 * DAY}[within]
    wanted = oracle_funnel(brute(log), steps, within=window, observed_until=until(log))
    assert [s["units"] for s in found["steps"]] == [s["units"] for s in wanted["steps"]]
    for key in ("from_start", "from_previous", "median_seconds"):
        assert [s[key] for s in found["steps"]] == pytest.approx([s[key] for s in wanted["steps"]])
    assert [found[k] for k in ("in_progress", "excluded", "tie_sensitive")] == [
        wanted[k] for k in ("in_progress", "excluded", "tie_sensitive")
    ]
    assert found["definition"]["within"] == within
    assert all(s["low"] <= s["from_start"] <= s["high"] for s in found["steps"])


def test_segments_of_a_funnel_add_up_to_the_whole(kpi: Kpi, stranger: Path) -> None:
    steps = ("funnel", "--steps", "visit,basket,order", "--within", "7d", "--workspace", stranger, "--json")
    whole, parts = kpi(*steps).json, kpi(*steps, "--by", "Country").json["groups"]
    assert set(parts) == {"DE", "FR", "US", "null"}
    for at, step in enumerate(whole["steps"]):
        assert sum(part["steps"][at]["units"] for part in parts.values()) == step["units"]


@pytest.mark.parametrize("clock", ["calendar", "elapsed"])
@pytest.mark.parametrize("mode", ["on", "on_or_after"])
def test_cohort_equals_brute_force(kpi: Kpi, stranger: Path, log: Rows, *, clock: str, mode: str) -> None:
    found = kpi("cohort", "--clock", clock, "--mode", mode, "--workspace", stranger, "--json").json
    rules = {"grain": "week", "zone": "UTC", "observed_until": until(log), "clock": clock, "mode": mode}
    wanted = oracle_cohort(brute(log), **rules)
    assert [(c["start"], c["size"], c["cells"]) for c in found["cohorts"]] == [
        (str(c["start"]), c["size"], c["cells"]) for c in wanted["cohorts"]
    ]
    for mine, theirs in zip(found["pooled"], wanted["pooled"], strict=True):
        assert {k: mine[k] for k in theirs} == theirs


def test_sessions_and_actives_equal_brute_force(kpi: Kpi, stranger: Path, log: Rows) -> None:
    found = kpi("sessions", "--workspace", stranger, "--json").json
    for key, value in session_summary(brute(log), gap=DAY // 48).items():
        assert found[key] == pytest.approx(value), key
    rows = kpi("active", "--workspace", stranger, "--json").json["rows"]
    edges = {"observed_from": since(log), "observed_until": until(log)}
    for mine, theirs in zip(rows, oracle_actives(brute(log), every="day", zone="UTC", **edges), strict=True):
        assert mine["start"] == str(theirs["start"])
        for key in ("dau", "wau", "mau", "stickiness"):
            assert mine[key] == (None if theirs[key] is None else pytest.approx(theirs[key])), (mine, theirs)


def test_compute_gives_tidy_rows(kpi: Kpi, stranger: Path, log: Rows) -> None:
    said = kpi(
        "compute", "mau", "retention_day_7", "--period", "2026-03", "--by", "Country", "--workspace", stranger, "--json"
    )
    rows = said.json["rows"]
    keys = ["kpi", "by", "start", "end", "value", "low", "high", "n", "unripe", "unit", "status"]
    assert all(list(row) == keys for row in rows)
    assert [row["by"] for row in rows[:4]] == [{"Country": c} for c in ("DE", "FR", "US", None)]
    march = {u for t, u, *_ in log if t.month == 3}
    assert sum(row["value"] for row in rows[:4]) == len(march)
    assert (rows[0]["start"], rows[0]["end"], rows[0]["unit"]) == ("2026-03-01", "2026-04-01", "count")


def test_a_grid_gives_one_row_a_period(kpi: Kpi, stranger: Path) -> None:
    span = ("--from", "2026-03-02", "--to", "2026-03-16", "--every", "week")
    rows = kpi("compute", "dau", *span, "--workspace", stranger, "--json").json["rows"]
    assert [(row["start"], row["end"]) for row in rows] == [("2026-03-02", "2026-03-09"), ("2026-03-09", "2026-03-16")]


def test_what_the_workspace_lacks_is_said(kpi: Kpi, stranger: Path) -> None:
    listed = {r["kpi"]: r for r in kpi("list", "--available", "--workspace", stranger, "--json").json["kpis"]}
    assert listed["dau"]["available"]
    assert not listed["feature_adoption_rate"]["available"]
    assert "[features]" in listed["feature_adoption_rate"]["needs_choice"]
    assert listed["total_revenue"]["missing_inputs"] == [
        "transactions.user_id",
        "transactions.time",
        "transactions.amount",
    ]
    said = kpi("compute", "total_revenue", "--workspace", stranger, "--json", "--period", "2026-03")
    assert (said.status, said.json["rows"][0]["status"], said.json["rows"][0]["value"]) == (0, "missing_input", None)
    advice = kpi("stage", "--goal", "revenue", "--workspace", stranger, "--json").json
    assert [row["kpi"] for row in advice["primary"]] == ["arpu", "user_churn_rate", "paid_feature_conversion_rate"]
    assert not advice["primary"][0]["available"]


def test_people_can_read_it_too(kpi: Kpi, stranger: Path) -> None:
    for words in (
        ("check",),
        ("list",),
        ("show", "dau"),
        ("compute", "dau", "--by", "Country"),
        ("active",),
        ("sessions", "--by", "Country"),
        ("funnel", "--steps", "visit,order"),
        ("funnel", "--steps", "visit,order", "--by", "Country"),
        ("cohort", "--brackets", "1-3,4-7", "--by", "Country"),
        ("stage", "--stage", "growth"),
        ("report", "--list"),
    ):
        said = kpi(*words, "--workspace", stranger)
        assert said.status == 0, said.err
        assert said.out.strip()
        assert "Traceback" not in said.err


def test_too_many_segments_are_put_together_and_said(kpi: Kpi, tmp_path: Path) -> None:
    rows = "".join(f"u{i},2026-03-01T10:00:00Z,a\n" for i in range(201))
    (tmp_path / "log.csv").write_text("user_id,time,event\n" + rows)
    (tmp_path / "kpi.toml").write_text('[tables.events]\npath = "log.csv"\n')
    said = kpi("sessions", "--by", "user_id", "--workspace", tmp_path, "--json")
    assert said.status == 0
    assert said.json["groups"]["(other)"]["sessions"] == 1
    assert "warning: column 'user_id' has more than 200 values" in said.err


def test_what_there_is_none_of_has_no_interval(kpi: Kpi, stranger: Path) -> None:
    late = kpi("funnel", "--steps", "order,basket", "--period", "2025-01", "--every", "week", "--workspace", stranger)
    assert "no_denominator" in late.out
    assert "— – —" not in late.out


def test_a_bracket_is_named_by_both_ends(kpi: Kpi, stranger: Path) -> None:
    brackets = ("--grain", "week", "--mode", "bracket", "--brackets", "1-2,3-5")
    lines = kpi("cohort", *brackets, "--workspace", stranger).out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["0", "1–2", "3–5"]


def test_habits_say_which_days_they_are_of(kpi: Kpi, stranger: Path) -> None:
    said = kpi("habits", "--window", "14", "--workspace", stranger)
    end = kpi("habits", "--window", "14", "--json", "--workspace", stranger).json["definition"]["end"]
    assert said.out.startswith(f"In the 14 days before {end}; pauses in days:")


def test_an_empty_value_is_seen_in_a_check(kpi: Kpi, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,event,time\n,a,2026-03-01T10:00Z\nu,a,2026-03-01T11:00Z\n")
    assert kpi("init", tmp_path / "log.csv", "--workspace", tmp_path).status == 0
    said = kpi("check", "--workspace", tmp_path)
    assert "line 2, column user_id, value (empty)" in said.out
    found = kpi("check", "--json", "--workspace", tmp_path).json["findings"]
    assert found[0]["value"] == ""


def test_the_pause_of_the_workspace_holds_for_sessions_and_paths(kpi: Kpi, stranger: Path) -> None:
    place = stranger / "kpi.toml"
    before = {verb: kpi(verb, "--json", "--workspace", stranger).json["sessions"] for verb in ("sessions", "paths")}
    place.write_text(place.read_text("utf-8") + '\n[settings]\nsession_gap = "5m"\n', "utf-8")
    for verb, count in before.items():
        now = kpi(verb, "--json", "--workspace", stranger).json["sessions"]
        assert now > count
        assert now == kpi(verb, "--gap", "5m", "--json", "--workspace", stranger).json["sessions"]
        assert kpi(verb, "--gap", "30m", "--json", "--workspace", stranger).json["sessions"] == count
