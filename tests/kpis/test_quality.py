"""Defects and tests by hand: what a release was, what counts as found, what a failed test is."""

from datetime import timedelta
from typing import Any

import pytest

from kpi_lib.core.dataset import Dataset
from tests.build import frame_of, moment, row_of, told

DEFECTS = ["defect_id", "release", "opened", "closed", "status", "severity", "found_by"]
DAY = 86_400.0


def defect(opened: str, closed: str | None = None, **other: Any) -> dict[str, Any]:  # noqa: ANN401
    ended = moment(closed) if closed else None
    return {"opened": moment(opened), "closed": ended, "status": "closed" if closed else "open"} | other


def house(*defects: dict[str, Any], until: str = "06-01", sizes: Any = ()) -> Dataset:  # noqa: ANN401
    rows = [tuple({"defect_id": f"d{i}", **each}.get(column) for column in DEFECTS) for i, each in enumerate(defects)]
    shipped = [("r1", moment("01-10")), ("r2", moment("01-20"))]
    tables = {
        "defects": frame_of("defects", DEFECTS, rows),
        "releases": frame_of("releases", ["release_id", "time"], shipped),
        "code_size": frame_of("code_size", ["release", "kloc", "story_points"], sizes),
    }
    return told(tables=tables, until=until)


def test_ninety_found_before_and_ten_after_are_ninety_percent() -> None:
    team = [defect("01-05", release="r1", found_by="team")] * 90
    users = [defect("02-05", release="r1", found_by="user")] * 10
    found = row_of("defect_detection_effectiveness", house(*team, *users))
    assert (found["value"], found["n"], found["status"]) == (pytest.approx(0.9), 100, "ok")


def test_wrong_detection_a_fresh_release_is_not_perfect() -> None:
    """Before users have had their time a release looks like 100 %: it is not counted yet."""
    found = row_of(
        "defect_detection_effectiveness", house(defect("01-05", release="r1", found_by="team"), until="02-01")
    )
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (None, 0, 1, "ripening")


def test_found_late_by_the_team_rejected_or_long_after_is_not_found_in_time() -> None:
    data = house(
        defect("01-05", release="r1", found_by="team"), defect("01-15", release="r1", found_by="team"),
        defect("01-05", release="r1", found_by="team", status="rejected"), defect("05-20", release="r1", found_by="user"),
        defect("01-05", found_by="team"),
    )  # fmt: skip
    found = row_of("defect_detection_effectiveness", data)
    assert (found["value"], found["n"]) == (0.5, 2)


def test_density_is_of_releases_and_names_its_unit() -> None:
    sizes = [("r1", 2.5, 40.0), ("r2", 1.5, 10.0)]
    defects = [defect("01-12", release="r1")] * 6 + [defect("01-25", release="r2", status="duplicate")]
    data = house(*defects, sizes=sizes)
    assert row_of("defect_density", data)["value"] == pytest.approx(6 / 4)  # a release without defects has a size too
    assert row_of("defect_density", data, density_size="story_points")["value"] == pytest.approx(6 / 50)
    assert row_of("defect_density", data, density_size="pages")["status"] == "needs_choice"
    assert row_of("defect_density", house(*defects, sizes=sizes, until="03-01"))["unripe"] == 2
    none = row_of("defect_density", house(sizes=sizes))
    assert (none["value"], none["low"], none["high"]) == (0, 0, pytest.approx(3 / 4, rel=2e-3))  # 3 of 4,000 lines


def test_open_defects_are_those_that_stand_at_the_end() -> None:
    data = house(
        defect("01-05", "01-20"),
        defect("01-05", "02-01"),
        defect("01-05"),
        defect("02-01"),
        defect("01-06", status="rejected"),
    )
    assert row_of("active_defects", data)["value"] == 2  # one that is closed on the first of February stood until then
    assert row_of("active_defects", data, "2026-02")["value"] == 2
    assert row_of("rejected_defects", data)["value"] == 1


def test_severe_defects_are_named() -> None:
    grades = ("critical", "minor", "major", "blocker", None)
    data = house(
        *(defect("01-05", severity=grade) for grade in grades), defect("01-05", severity="critical", status="duplicate")
    )
    assert row_of("severe_defects", data)["value"] == 3
    assert row_of("severe_defects", data, severe=["minor"])["value"] == 1


def test_wrong_resolution_time_open_defects_are_the_slow_ones() -> None:
    """Closed after 1 and 3 days, and two still open: half are closed after 3 days; closed ones alone say 2."""
    data = house(defect("01-05", "01-06"), defect("01-05", "01-08"), defect("01-05"), defect("01-05"))
    found = row_of("bug_resolution_time", data)
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (3 * DAY, 4, 2, "ripening")
    closed = house(defect("01-05", "01-06"), defect("01-05", "01-08"))
    assert row_of("bug_resolution_time", closed)["value"] == 2 * DAY


def test_resolution_rate_is_a_share_within_a_time() -> None:
    data = house(defect("01-05", "01-19"), defect("01-05", "01-20"), defect("01-05"), until="02-01")
    assert row_of("bug_resolution_rate", data)["value"] == 1 / 3
    assert row_of("bug_resolution_rate", data, bug_within="20d")["value"] == 2 / 3
    assert row_of("bug_resolution_rate", data, bug_within="60d")["unripe"] == 3


def test_wrong_resolution_rate_is_a_share_and_no_time() -> None:
    """Closed after 1, 3 and 20 days, two open: 2 of 5 in time are 40 %; the time until half are closed is 20 days.
    The source calls the time a rate; the mean of what is closed says 8 days."""
    data = house(defect("01-05", "01-06"), defect("01-05", "01-08"), defect("01-05", "01-25"), *[defect("01-05")] * 2)
    rate, time = row_of("bug_resolution_rate", data), row_of("bug_resolution_time", data)
    assert (rate["value"], rate["unit"], rate["n"]) == (0.4, "share", 5)
    assert (time["value"], time["unit"], time["n"]) == (20 * DAY, "seconds", 5)


def runs(*results: tuple[str, str, str, bool]) -> Dataset:
    rows = [
        (run, case, moment("01-05") + timedelta(minutes=i), auto, result)
        for i, (run, case, result, auto) in enumerate(results)
    ]
    return told(tables={"tests": frame_of("tests", ["run_id", "test_id", "time", "automated", "result"], rows)})


def test_wrong_defect_rate_a_count_of_failed_tests_is_no_rate() -> None:
    """12 of 400 failed are 3 %."""
    data = runs(*((f"r{i}", "c", "failed" if i < 12 else "passed", True) for i in range(400)))
    assert row_of("failed_tests", data)["value"] == pytest.approx(0.03)
    assert row_of("tests_executed", data)["value"] == 400
    assert row_of("tests_passed", data)["value"] == 388


def test_wrong_velocity_tests_executed_are_a_count_of_tests() -> None:
    """300 automated and 100 manual: the source's velocity is 400. They are 400 tests, and two releases went out."""
    data = runs(*((f"r{i}", "c", "passed", i < 300) for i in range(400)))
    both = told(tables={**data.tables, **house().tables})
    assert (row_of("tests_executed", both)["value"], row_of("tests_executed", both)["unit"]) == (400, "count")
    assert row_of("release_velocity", both)["value"] == 2


def test_wrong_error_rate_how_often_is_not_how_bad() -> None:
    """One source has one figure for both: 2 of 100 requests fail, and one defect of five is grave."""
    failing = [(moment("01-05"), 500 if i < 2 else 200) for i in range(100)]
    data = house(*[defect("01-05", severity="minor")] * 4, defect("01-05", severity="critical"))
    both = told(tables={**data.tables, "requests": frame_of("requests", ["time", "status"], failing)})
    assert row_of("app_error_rate", both)["value"] == pytest.approx(0.02)
    assert row_of("severe_defects", both)["value"] == 1


def test_a_repeated_test_counts_once_and_by_its_last_result() -> None:
    data = runs(
        ("r1", "a", "failed", True),
        ("r1", "a", "passed", True),
        ("r1", "b", "failed", True),
        ("r2", "a", "skipped", True),
    )
    assert row_of("failed_tests", data)["value"] == 1 / 2
    assert row_of("tests_executed", data)["value"] == 2


def test_automation_counts_cases_and_not_runs() -> None:
    """One automated test that runs every night is one case."""
    data = runs(
        *((f"r{i}", "night", "passed", True) for i in range(20)),
        ("r0", "x", "passed", False),
        ("r0", "y", "failed", False),
    )
    found = row_of("test_automation_rate", data)
    assert (found["value"], found["n"]) == (1 / 3, 3)


def test_requests_fail_with_the_server() -> None:
    rows = [(moment("01-05"), status) for status in (200, 404, 500, 503, None)]
    data = told(tables={"requests": frame_of("requests", ["time", "status"], rows)})
    assert row_of("app_error_rate", data)["value"] == 2 / 4
    assert row_of("app_error_rate", data, failed_from_status=400)["value"] == 3 / 4
