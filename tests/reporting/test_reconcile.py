"""Segments' reports are added up from what was published, and compared with the whole."""

from pathlib import Path

import polars as pl

from kpi_lib.reporting.reconcile import reconciled, told
from kpi_lib.reporting.runner import Outcome


def outcome(tmp_path: Path, plan: str = "", *, status: str = "done", **values: float) -> Outcome:
    folder = tmp_path / (plan or "whole")
    folder.mkdir()
    rows = {"kpi": list(values), "start": ["2026-01-01"] * len(values), "value": list(values.values())}
    past = pl.DataFrame({"kpi": ["orders"], "start": ["2025-12-01"], "value": [999.0]})
    pl.concat([past, pl.DataFrame(rows)], how="diagonal").write_parquet(folder / "values.parquet")
    by = {"plan": plan} if plan else {}
    return Outcome(name="monthly", period="2026-01", by=by, status=status, folder=folder, seconds=1.0)


def test_counts_and_totals_are_added_and_nothing_else(tmp_path: Path) -> None:
    whole = outcome(tmp_path, orders=10.0, total_revenue=99.5, new_users=4.0, average_order_value=9.95)
    parts = [
        outcome(tmp_path, "free", orders=6.0, total_revenue=50.25, new_users=3.0, average_order_value=8.0),
        outcome(tmp_path, "pro", orders=2.0, total_revenue=49.25, new_users=2.0, average_order_value=25.0),
    ]
    rows = {row["kpi"]: (row["whole"], row["sum"], row["rest"]) for row in reconciled([whole, *parts])}
    assert rows == {"orders": (10.0, 8.0, 2.0), "total_revenue": (99.5, 99.5, 0.0), "new_users": (4.0, 5.0, -1.0)}
    said = [told(row) for row in reconciled([whole, *parts])]
    assert said[0] == "orders by plan: 8 in 2 segments of 10 in all; 2 without a plan"
    assert said[1] == "total_revenue by plan: 99.5 in 2 segments of 99.5 in all"
    assert said[2].endswith("1 counted in several segments")


def test_failed_runs_and_reports_without_segments_say_nothing(tmp_path: Path) -> None:
    whole = outcome(tmp_path, orders=10.0)
    assert reconciled([whole]) == []
    assert reconciled([whole, outcome(tmp_path, "pro", status="failed", orders=2.0)]) == []
