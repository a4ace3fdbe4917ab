"""Bad requests: one clear message, exit status 2, nothing on standard output, no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said

Kpi = Callable[..., Said]

REFUSED = {
    "unknown command": (["funel"], "Did you mean funnel"),
    "unknown KPI": (["compute", "retention_day7"], "Did you mean retention_day_7"),
    "unknown KPI to show": (["show", "dua"], "Did you mean dau"),
    "unknown option": (["compute", "dau", "--perod", "2026-03"], "--period"),
    "no KPI": (["compute"], "KPI"),
    "bad period": (["compute", "dau", "--period", "2026-13"], "2026-10 (month)"),
    "empty period": (["compute", "dau", "--period", "2026-03-05..2026-03-05"], "empty"),
    "bad day": (["compute", "dau", "--from", "05/03/2026", "--to", "2026-04-01"], "2026-10-05"),
    "unknown column": (["compute", "dau", "--by", "Contry"], "Did you mean Country"),
    "one step": (["funnel", "--steps", "visit"], "two steps or more"),
    "no funnel": (["funnel"], "none is declared"),
    "unknown funnel": (["funnel", "checkout"], "checkout"),
    "bad window": (["funnel", "--steps", "visit,order", "--within", "0d"], "no duration"),
    "negative window": (["funnel", "--steps", "visit,order", "--within", "-7d"], "no duration"),
    "bad order": (["funnel", "--steps", "visit,order", "--order", "stricter"], "Did you mean strict"),
    "bad preset": (["funnel", "--steps", "visit,order", "--preset", "posthod"], "Did you mean posthog"),
    "unknown ties column": (["funnel", "--steps", "visit,order", "--ties", "sq"], "unknown column"),
    "step and exclusion": (["funnel", "--steps", "visit,order", "--exclude", "order"], "at once"),
    "bad occurrence": (["funnel", "--steps", "visit,order@x"], "purchase@3"),
    "overlapping brackets": (["cohort", "--brackets", "1-3,3-5"], "overlaps"),
    "no bracket": (["cohort", "--brackets", "a-b"], "1-3,4-7"),
    "bad grain": (["cohort", "--grain", "moth"], "month"),
    "unknown return event": (["cohort", "--return-event", "ordr"], "Did you mean order"),
    "unknown value column": (["cohort", "--value", "amount"], "unknown column"),
    "no sign-ups": (["cohort", "--start-event", "signup"], "signup_ts"),
    "bad gap": (["sessions", "--gap", "soon"], "no duration"),
    "unknown stage": (["stage", "--stage", "grwth"], "Did you mean growth"),
    "unknown goal": (["stage", "--goal", "revenu"], "Did you mean revenue"),
    "unknown category": (["list", "--category", "retenton"], "Did you mean retention"),
    "unknown report": (["report", "monthly"], "unknown report"),
    "no report named": (["report"], "name reports or give --all"),
    "a second init": (["init", "log export.csv"], "kpi.toml"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message(kpi: Kpi, stranger: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, expected = REFUSED[case]
    monkeypatch.chdir(stranger)
    said = kpi(*arguments, "--json")
    assert said.status == 2
    assert said.out == ""
    message = said.err[said.err.index("kpi: ") :]
    assert expected in message
    assert 1 <= len(message.strip().splitlines()) <= 5
    assert "Traceback" not in message


def test_an_option_without_its_value_names_the_help_of_its_command(kpi: Kpi) -> None:
    assert "`kpi compute --help`" in kpi("compute", "dau", "--period").err


def test_no_workspace_names_the_way_out(kpi: Kpi, tmp_path: Path) -> None:
    said = kpi("check", "--workspace", tmp_path)
    assert (said.status, said.out) == (2, "")
    assert "kpi init" in said.err


def test_an_error_in_the_data_gives_status_1_and_the_good_rows(kpi: Kpi, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(
        "user_id,time,event\nu1,2026-03-01T10:00:00Z,a\n,2026-03-01T10:00:00Z,a\nu2,2026-02-30,a\n"
    )
    (tmp_path / "kpi.toml").write_text('[workspace]\nname = "x"\n[tables.events]\npath = "log.csv"\n')
    said = kpi("check", "--workspace", tmp_path, "--json")
    assert said.status == 1
    assert said.json["tables"]["events"] == {"read": 3, "kept": 1, "filtered": 0, "deduplicated": 0, "quarantined": 2}
    lines = {(f["line"], f["column"]) for f in said.json["findings"] if f["severity"] == "error"}
    assert lines == {(3, "user_id"), (4, "time")}
    assert kpi("compute", "dau", "--workspace", tmp_path, "--period", "2026-03-01").status == 0


def test_a_short_row_is_told_to_people_with_its_line(kpi: Kpi, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,time,event\nu1,2026-03-01T10:00:00Z,a\nu2,2026-03-01T10:00:00Z\n")
    (tmp_path / "kpi.toml").write_text('[workspace]\nname = "x"\n[tables.events]\npath = "log.csv"\n')
    said = kpi("check", "--workspace", tmp_path)
    assert said.status == 1
    assert "line 3" in said.out
    assert "2 fields" in said.out


def test_a_step_that_never_occurs_is_zero_and_said(kpi: Kpi, stranger: Path) -> None:
    said = kpi("funnel", "--steps", "visit,ordr", "--workspace", stranger, "--json")
    assert said.status == 0
    assert said.json["steps"][1]["units"] == 0
    assert "Did you mean order" in said.err
    assert "Did you mean order" in said.json["warnings"][0]


UNWATCHED = {
    "funnel": ["--steps", "visit,order"],
    "cohort": [],
    "active": [],
    "sessions": [],
    "lifecycle": [],
    "paths": [],
    "habits": [],
    "compute": ["dau"],
}


@pytest.mark.parametrize("verb", UNWATCHED)
def test_a_period_that_nobody_watched_is_said(kpi: Kpi, stranger: Path, verb: str) -> None:
    asked = [verb, *UNWATCHED[verb], "--workspace", stranger, "--json", "--period"]
    for period in ("2020-01", "2031-01"):
        said = kpi(*asked, period)
        assert said.status == 0
        assert f"nothing was observed from {period}-01 to {period[:4]}-02-01: the data run from 2026-" in said.err
    assert "nothing was observed" not in kpi(*asked, "2026-03-03").err


@pytest.mark.parametrize("verb", ["active", "lifecycle", "cohort", "habits"])
def test_a_misspelt_event_of_the_settings_is_told_with_its_place(kpi: Kpi, stranger: Path, verb: str) -> None:
    toml = stranger / "kpi.toml"
    toml.write_text(toml.read_text("utf-8") + '\n[settings]\nactive_events = ["visti"]\n', encoding="utf-8")
    said = kpi(verb, "--workspace", stranger)
    assert (said.status, said.out) == (2, "")
    assert "unknown event 'visti' in [settings] active_events. Did you mean visit?" in said.err


def test_a_lifecycle_of_what_nobody_watched_is_not_first_seen(kpi: Kpi, stranger: Path) -> None:
    said = kpi("lifecycle", "--every", "month", "--workspace", stranger, "--period", "2020-01")
    assert said.out.splitlines()[1].endswith("not watched")
    assert "first seen here" not in said.out


def test_debug_shows_where(kpi: Kpi, stranger: Path) -> None:
    from kpi_lib.core.errors import UsageError

    with pytest.raises(UsageError):
        kpi("--debug", "compute", "nosuch", "--workspace", stranger)


def test_a_fault_of_ours_is_told_without_a_traceback(kpi: Kpi, stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kpi_lib.shapes.sessions as room

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(room, "session_figures", broken)
    said = kpi("sessions", "--workspace", stranger)
    assert said.status == 2
    assert "ZeroDivisionError" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("before", [True, False])
def test_shared_options_stand_before_or_after_the_verb(kpi: Kpi, stranger: Path, before: bool) -> None:
    shared = ["--workspace", stranger, "--json"]
    words = ["sessions"]
    said = kpi(*shared, *words) if before else kpi(*words, *shared)
    assert said.json["sessions"] > 0


def test_every_verb_has_help_with_an_example(kpi: Kpi) -> None:
    from kpi_lib.cli.main import VERBS

    overview = kpi("--help").out
    for verb in VERBS:
        assert verb in overview
        assert "Example:" in kpi(verb, "--help").out
    assert "kpi, version" in kpi("--version").out


def test_init_writes_the_good_files_and_tells_of_the_other(kpi: Kpi, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,event,time\nu,a,2026-01-05\n")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    files = [str(tmp_path / name) for name in ("bad.csv", "log.csv")]
    said = kpi("init", *files, "--profile", "app", "--workspace", tmp_path, "--json")
    assert said.status == 0
    assert "left out:" in said.err
    assert "bad.csv" in said.json["left_out"][0]
    assert kpi("check", "--workspace", tmp_path).status == 0


def test_an_unknown_question_to_explain(kpi: Kpi, stranger: Path) -> None:
    said = kpi("explain", "funel", "--workspace", stranger)
    assert (said.status, said.out) == (2, "")
    assert "kpi: unknown question 'funel' in kpi explain. Did you mean funnel?" in said.err
