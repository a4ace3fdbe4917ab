"""The measuring script measures what it says; how long anything takes is nobody's test."""

import importlib.util
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from benchmarks import catalogue, data, ours, reports
from kpi_lib.kpis import registry
from kpi_lib.reporting.plan import Request, plan
from kpi_lib.reporting.runner import run
from kpi_lib.sources.workspace import open_workspace


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
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log and its store."""
    path = tmp_path_factory.mktemp("bench") / "events.parquet"
    data.generate(4_000, path)
    ours.build(path)
    return path


def test_the_log_has_what_makes_logs_hard(log: Path) -> None:
    frame = pl.read_parquet(log)
    assert frame.height == 4_000
    assert frame["time"].is_sorted()
    assert frame.select("user_id", "time").is_duplicated().any()
    assert frame["event"].n_unique() == 30
    assert frame.group_by("user_id").agg(pl.col("country").n_unique())["country"].max() == 1


def test_the_same_seed_draws_the_same_log(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.generate(4_000, tmp_path / "again.parquet")
    assert pl.read_parquet(tmp_path / "again.parquet").equals(pl.read_parquet(log))
    monkeypatch.setattr(data, "CHUNK", 900)
    data.generate(4_000, tmp_path / "chunks.parquet")
    assert pl.read_parquet(tmp_path / "chunks.parquet")["time"].is_sorted()


def test_every_form_gives_the_same_real_answers(bench: ModuleType, log: Path) -> None:
    found = {work: [bench.measure(work, log)] for work in bench.works(())}
    bench.check(found)
    answers = {work: runs[0]["answer"] for work, runs in found.items()}
    assert answers["floor:store"] == 4_000
    assert sum(units[1] for units in answers["funnel:store"]["units"].values()) > 10
    assert len(answers["together:scan"]["retention"]) > 10
    assert len(answers["together:scan"]["actives"]) == data.DAYS - 29
    assert answers["sessions:store"][0] > 100


def test_a_run_in_a_process_of_its_own_says_the_same(bench: ModuleType, log: Path) -> None:
    assert bench.afresh("sessions:scan", log)["answer"] == bench.measure("sessions:scan", log)["answer"]


def test_different_answers_stop_the_script(bench: ModuleType) -> None:
    same = {"sessions:scan": [{"answer": [1, 2]}], "sessions:duckdb": [{"answer": [1, 2]}]}
    bench.check(same)
    with pytest.raises(SystemExit, match="sessions has different answers"):
        bench.check(same | {"sessions:chdb": [{"answer": [1, 3]}]})
    # an engine that tells no times is compared in what it tells
    bench.check({"funnel:scan": [{"answer": {"units": 1, "median": 2}}], "funnel:chdb": [{"answer": {"units": 1}}]})


def test_the_table_compares_within_a_round_with_the_best_other_engine(bench: ModuleType) -> None:
    def runs(*walls: float) -> list[dict[str, float]]:
        return [{"wall": wall, "cpu": wall / 2, "peak": 100.0} for wall in walls]

    text = bench.report(
        {
            "floor:scan": runs(1, 1, 1),
            "funnel:scan": runs(2, 4, 8),
            "funnel:duckdb": runs(8, 8, 80),
            "funnel:chdb": runs(4, 4, 4),
        }
    )
    rows = text.splitlines()
    assert rows[0].startswith("| question | engine | wall s")
    assert "| funnel | scan | 4.00 | 2.00 | 100 | 1.00 | 1.00 | 4.00 |" in rows
    assert "| funnel | duckdb | 8.00 | 4.00 | 100 |  |  | 8.00 |" in rows


def test_the_cost_of_every_kpi_is_measured_on_the_demo_company(demo: Path) -> None:
    every = catalogue.measured("all", demo)
    assert every["answer"].startswith(f"{len(registry.catalogue())} KPIs, ")
    assert set(catalogue.one_by_one(demo)) == set(registry.catalogue())
    assert catalogue.command("list", "--json").keys() == {"wall", "cpu", "answer"}


def test_a_table_leaves_empty_what_was_not_measured() -> None:
    assert catalogue.table([["a", 1.234, None]], ["x", "y", "z"]).splitlines()[-1] == "| a | 1.23 |  |"


def test_the_benchmark_of_reports_tells_ratios_within_a_round_and_the_share_of_computing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Two rounds, the second on a busy machine: ratios are taken within each, so that it does not matter."""
    taken = {
        "reports": [(40.0, 60.0), (80.0, 60.0)],
        "empty": [(20.0, 30.0), (40.0, 30.0)],
        "papermill": [(10.0, 15.0), (20.0, 15.0)],
        "figures": [(9.0, 12.0), (18.0, 12.0)],
        "unchanged": [(0.5, 0.4), (1.0, 0.4)],
    }
    reports.show(taken, Namespace(reports=10, jobs=2, rounds=2))
    told = capsys.readouterr().out
    assert "10 monthly reports of data/cdnow, 2 jobs, medians of 2 rounds" in told
    assert "| reports | 60.0 | 60.0 | 2.00 | 2.00 | 4.00 | 4.00 |" in told
    assert "Computing the figures is 20% of the processor time" in told


def test_the_empty_notebook_of_that_benchmark_is_a_report_that_does_nothing(tmp_path: Path) -> None:
    workspace = open_workspace(reports.bare(tmp_path / "empty"))
    (planned,) = plan(workspace, Request(names=("empty",), out=tmp_path / "out", period="1998-06"))
    assert run(planned.notebook, planned.parameters, planned.job).status == "done"
