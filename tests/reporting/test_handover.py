"""A notebook hands its figures over in a run, and leaves nothing behind when a person opens it."""

import json
from pathlib import Path

import polars as pl
import pytest

from kpi_lib.answers.demands import in_words
from kpi_lib.reporting.handover import RUN_FOLDER, hand_over
from kpi_lib.reporting.notebooks import _by_reason

VALUES = pl.DataFrame({"kpi": ["orders"], "value": [3.0]})


def test_in_a_run_both_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    assert hand_over(VALUES, {"fingerprint": "é"})
    assert pl.read_parquet(tmp_path / "values.parquet").equals(VALUES)
    assert json.loads((tmp_path / "facts.json").read_text("utf-8")) == {"fingerprint": "é"}


def test_outside_a_run_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    assert not hand_over(VALUES, {})
    assert list(tmp_path.iterdir()) == []


def test_facts_that_json_cannot_hold_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    with pytest.raises(TypeError):
        hand_over(VALUES, {"x": object()})
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_for_one_reason_is_told_once() -> None:
    why = "needs " + in_words(["subscriptions.mrr|subscriptions.amount+interval"])
    told = _by_reason({"nrr": why, "arpa": why, "cac": "no spend"})
    assert told == {
        "needs the column mrr (or amount with interval) of subscriptions": ["nrr", "arpa"],
        "no spend": ["cac"],
    }
