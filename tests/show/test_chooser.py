"""The chooser shows what `kpi.stage` gives for the same arguments, in words a browser cannot be tricked by."""

import shlex
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

import kpi_lib as kpi
from kpi_lib.answers.proposal import propose_stage
from kpi_lib.answers.stages import GOALS, STAGES, stage
from kpi_lib.show.advice import gaps
from kpi_lib.show.chooser import KpiChooser
from kpi_lib.show.faces import faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.show.results import visits

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(("chosen", "goal"), list(product(["", *STAGES], ["", *GOALS])))
def test_widget_twin_and_code_agree(chosen: str, goal: str) -> None:
    data = visits()
    chooser = KpiChooser(data, stage=chosen or None, goals=[goal] if goal else [], profile="saas")
    if not chosen and not goal:
        assert chooser.result is None
        assert "name a stage" in chooser.error
        assert 'role="alert"' in chooser.box.children[-1].value
        return
    assert chooser.result == stage(data, **chooser.arguments)
    assert eval(chooser.code, {"kpi": kpi, "data": data}) == chooser.result


def test_controls_change_advice_line_and_command() -> None:
    chooser = KpiChooser(visits(), stage="growth")
    chooser.controls["goal_engagement"].value = True
    chooser.controls["new_features"].value = True
    chooser.controls["limit"].value = 3
    chooser.controls["profile"].value = "app"
    assert chooser.result is not None
    assert [row["kpi"] for row in chooser.result.primary] == ["dau", "mau", "avg_session_duration"]
    assert "release_velocity" in [row["kpi"] for row in chooser.result.secondary]
    assert (
        chooser.command == "kpi stage --stage growth --profile app --goal engagement --new-features --limit 3 --write"
    )
    chooser.controls["stage"].value = ""
    chooser.controls["goal_engagement"].value = False
    assert chooser.result is None
    chooser.controls["stage"].value = "early"
    assert chooser.result is not None
    assert chooser.error == ""


def test_the_command_is_one_that_the_program_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kpi_lib.cli.main import run

    words = shlex.split(KpiChooser(stage="mature", goals=["satisfaction"], limit=2).command)
    assert words[0] == "kpi"
    assert run([*words[1:-1], "--workspace", str(tmp_path)]) == 0
    assert "user_churn_rate" in capsys.readouterr().out


def test_every_control_has_a_label_and_it_shows_in_a_notebook() -> None:
    chooser = KpiChooser(visits(), stage="growth")
    assert all(control.description for row in chooser.box.children[:2] for control in row.children)
    assert "application/vnd.jupyter.widget-view+json" in chooser._repr_mimebundle_()
    assert "Watch with" in chooser.box.children[-1].value


def test_the_table_names_what_to_watch_with_and_what_moves_the_north_star() -> None:
    advice = stage(visits(), stage="early", north_star="total_revenue")
    shown = table(advice)
    assert [row[1] for row in shown.rows] == ["first"] * 3 + ["beside"] * 3 + ["also advised"] * 2
    assert all(row[5] for row in shown.rows[:3])
    assert "Total revenue, moved by Orders (" in plain(shown.note) or "moved by Orders" in plain(shown.note)


def test_what_the_choice_leaves_out_is_told_in_titles() -> None:
    advice = stage(visits(), goals=["revenue"])
    note = gaps(advice)
    assert note is not None
    assert len(note.phrases) == len(advice.warnings)
    said = " ".join(map(plain, note.phrases))
    assert "Campaign impressions looks good and explains nothing: judge by Campaign clicks." in said
    assert "_" not in said
    assert f"{len(advice.warnings)} things to mind" in plain(say(advice).phrase)  # type: ignore[union-attr]
    assert len(faces(advice)) == 3
    silent = stage(stage="mature", goals=["satisfaction"], profile="app")
    assert gaps(replace(silent, warnings=())) is None


def test_the_proposal_is_told_with_its_reasons() -> None:
    found = propose_stage(visits())
    text = plain(say(found).phrase)  # type: ignore[union-attr]
    assert text.startswith("Which stage it is cannot be told yet: ")
    assert len(faces(found)) == 1
