"""Segments' reports are added up from what was published, and compared with the whole."""

from pathlib import Path

import polars as pl

from kpi_lib.reporting.outcome import Outcome
from kpi_lib.reporting.reconcile import addends, reconciled, summary, summary_html, told


def outcome(tmp_path: Path, plan: str = "", *, status: str = "done", **values: float) -> Outcome:
    folder = tmp_path / (plan or "whole")
    rows = {"kpi": list(values), "start": ["2026-01-01"] * len(values), "value": list(values.values())}
    past = pl.DataFrame({"kpi": ["orders"], "start": ["2025-12-01"], "value": [999.0]})
    return made(folder, pl.concat([past, pl.DataFrame(rows)], how="diagonal"), plan, status=status)


def made(folder: Path, values: pl.DataFrame, plan: str, *, status: str = "done") -> Outcome:
    by = {"plan": plan} if plan else {}
    told = {"name": "monthly", "period": "2026-01", "by": by, "seconds": 1.0, "addends": addends(values)}
    return Outcome(**told, status=status, folder=folder)


def test_counts_and_totals_are_added_and_nothing_else(tmp_path: Path) -> None:
    whole = outcome(tmp_path, orders=10.0, total_revenue=99.5, new_users=4.0, average_order_value=9.95)
    parts = [
        outcome(tmp_path, "free", orders=6.0, total_revenue=50.25, new_users=3.0, average_order_value=8.0),
        outcome(tmp_path, "pro", orders=2.0, total_revenue=49.25, new_users=2.0, average_order_value=25.0),
    ]
    rows = reconciled([whole, *parts])
    last = {row["kpi"]: (row["whole"], row["sum"], row["rest"]) for row in rows if row["at"]["start"] == "2026-01-01"}
    assert last == {"orders": (10.0, 8.0, 2.0), "total_revenue": (99.5, 99.5, 0.0), "new_users": (4.0, 5.0, -1.0)}
    before = [row for row in rows if row["at"]["start"] == "2025-12-01"]
    assert [(row["kpi"], row["whole"], row["sum"]) for row in before] == [("orders", 999.0, 1998.0)]
    said = told([whole, *parts])
    assert said[0] == "orders by plan: 8 in 2 segments of 10 in all; 2 without a plan"
    assert said[1] == "total_revenue by plan: 99.5 in 2 segments of 99.5 in all"
    assert said[2].endswith("1 counted in several segments")
    assert said[3] == "1 more by plan (earlier periods): 0 add up, 1 count somebody in several segments"
    assert said[4].endswith("made of others: average_order_value")


def published(tmp_path: Path, name: str, *rows: dict[str, object]) -> Outcome:
    return made(tmp_path / (name or "whole"), pl.DataFrame(rows, infer_schema_length=None), name)


def test_steps_cohorts_and_the_people_behind_shares_are_added_too(tmp_path: Path) -> None:
    def rows(n: int, hits: int, units: int, **more: object) -> list[dict[str, object]]:
        share = {"kpi": "repeat_purchase_rate", "start": "2026-01-01", "value": hits / n, "n": n, "hits": hits}
        steps = [
            {"kpi": "funnel", "step": at, "event": "look", "units": units - at, "from_start": 0.5} for at in (0, 1)
        ]
        cell = {"kpi": "cohort", "start": "2025-12-01", "k": 1, "retained": n}
        return [share, *steps, cell]

    by_segment = {"kpi": "funnel", "step": 0, "event": "look", "units": 9, "platform": "web"}
    twice = [{"kpi": "sessions", "sessions": 5, "users": 4}, {"kpi": "sessions", "sessions": 6, "users": 4}]
    whole = published(tmp_path, "", *rows(30, 12, 21), by_segment, *twice)
    parts = [published(tmp_path, "free", *rows(20, 9, 15)), published(tmp_path, "pro", *rows(10, 3, 6))]
    found = {
        (row["kpi"], row["field"], *row["at"].values()): (row["whole"], row["sum"])
        for row in reconciled([whole, *parts])
    }
    assert found == {
        ("repeat_purchase_rate", "n", "2026-01-01"): (30.0, 30.0),
        ("repeat_purchase_rate", "hits", "2026-01-01"): (12.0, 12.0),
        ("funnel", "units", "0"): (21.0, 21.0),
        ("funnel", "units", "1"): (20.0, 19.0),
        ("cohort", "retained", "2025-12-01", "1"): (30.0, 30.0),
        ("sessions", "users"): (4.0, 0.0),
    }
    assert told([whole, *parts]) == [
        "6 more by plan (repeat_purchase_rate, funnel, cohort, sessions): 4 add up, 2 leave some without a plan"
    ]


def test_failed_runs_and_reports_without_segments_say_nothing(tmp_path: Path) -> None:
    whole = outcome(tmp_path, orders=10.0)
    assert reconciled([whole]) == []
    assert reconciled([whole, outcome(tmp_path, "pro", status="failed", orders=2.0)]) == []


def test_the_page_says_it_in_its_words(tmp_path: Path) -> None:
    whole = outcome(tmp_path, orders=10.0, total_revenue=99.5, nps=0.5)
    part = outcome(tmp_path, "pro", orders=10.0, total_revenue=99.5, nps=0.5)
    assert summary([whole], "EUR") == []
    assert summary_html([]) is None
    lines = summary([whole, part], "EUR")
    assert lines[:2] == [
        "✓ Orders by plan: 10 in 1 segment of 10 in all",
        "✓ Revenue by plan: €99.50 in 1 segment of €99.50 in all",
    ]
    assert lines[-1].endswith("made of others: Net promoter score")
    assert summary([whole, part, outcome(tmp_path, "free", status="failed")], "EUR")[-1].startswith(
        "✕ Could not be made: plan free"
    )
    assert "all give the whole" in str(summary_html(lines[:2]))
    assert "what is left over" in str(
        summary_html([*lines[:2], "○ Orders by plan: 3 in 1 segment of 4 in all; 1 without a plan"])
    )
