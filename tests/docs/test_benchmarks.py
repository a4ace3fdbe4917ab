"""The measuring script measures what it says; how long anything takes is nobody's test."""

import importlib.util
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest


@pytest.fixture(scope="module")
def bench(root: Path) -> ModuleType:
    """The script."""
    spec = importlib.util.spec_from_file_location("bench_run", root / "benchmarks" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def log(bench: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log."""
    path = tmp_path_factory.mktemp("bench") / "events.parquet"
    bench.generate(4_000, path)
    return path


def test_the_log_has_what_makes_logs_hard(log: Path) -> None:
    frame = pl.read_parquet(log)
    assert frame.height == 4_000
    assert frame["time"].is_sorted()
    assert frame.select("user_id", "time").is_duplicated().any()
    assert frame["event"].n_unique() == 8


def test_the_same_seed_draws_the_same_log(bench: ModuleType, log: Path, tmp_path: Path) -> None:
    bench.generate(4_000, tmp_path / "again.parquet")
    assert pl.read_parquet(tmp_path / "again.parquet").equals(pl.read_parquet(log))


def test_every_question_has_a_real_answer(bench: ModuleType, log: Path) -> None:
    assert bench.funnel(log)["steps"][2]["units"] > 0
    assert len(bench.cohort(log)["cohorts"]) > 10
    assert bench.active(log)["rows"][12]["wau"] > 0
    assert bench.sessions(log)["sessions"] > 100
    assert {row["status"] for row in bench.kpis(log)["rows"]} & {"ok", "small_n"}


def test_a_run_in_a_process_of_its_own_says_the_same(bench: ModuleType, log: Path) -> None:
    assert bench.afresh("sessions", log)["digest"] == bench.measure("sessions", log)["digest"]


def test_the_table_has_every_question_and_refuses_changing_answers(bench: ModuleType) -> None:
    run = {"wall": 1.0, "cpu": 0.5, "peak": 100.0, "digest": "abc"}
    text = bench.report({name: [run, run] for name in bench.WORK})
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == [f"| {name}" for name in bench.WORK]
    assert "| funnel | 1.00 | 0.50 | 100 | 1.0 | abc |" in text
    with pytest.raises(SystemExit, match="different answers"):
        bench.report({"scan": [run, run | {"digest": "xyz"}]})
