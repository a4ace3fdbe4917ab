"""Other engines were asked the same questions about more than ten thousand users; their recorded answers are ours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import data, ours

RECORDED = json.loads(Path(__file__).with_name("engines.json").read_text("utf-8"))
ASKED: dict[str, Callable[[Any], Any]] = {
    "funnel": ours.funnel,
    "retention": ours.retention,
    "actives": ours.actives,
    "lifecycles": ours.lifecycles,
    "sessions": ours.sessions,
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log that the engines were asked about, drawn again."""
    path = tmp_path_factory.mktemp("engines") / "log.parquet"
    data.generate(RECORDED["events"], path, RECORDED["seed"])
    ours.build(path)
    return path


def test_the_log_has_many_users_and_ties(log: Path) -> None:
    rows = pl.read_parquet(log)
    assert rows["user_id"].n_unique() >= 10_000
    assert rows.select("user_id", "time").is_duplicated().sum() > 1_000


@pytest.mark.parametrize("form", ["scan", "store", "memory"])
@pytest.mark.parametrize("question", ASKED)
def test_the_engines_agree_with_every_form(log: Path, question: str, form: str) -> None:
    found = ASKED[question](ours.memory(log) if form == "memory" else ours.FORMS[form](log))
    for name, wanted in RECORDED["answers"][question].items():
        compared = {part: found[part] for part in wanted} if question == "funnel" else found
        assert json.loads(json.dumps(compared)) == wanted, name
