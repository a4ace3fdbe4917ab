"""Operations by hand: overlapping incidents, the error budget, failures that did not come, the clocks of MTTR."""

from math import exp, log
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy import stats

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from tests.build import frame_of, moment, row_of, rows_of, told

DAY = 86_400.0
COLUMNS = ["incident_id", "start", "end", "kind", "repair_start", "detected"]


def down(*spans: tuple[str, str | None], until: str = "03-01", **other: list[Any]) -> Dataset:
    rows = []
    for i, (start, end) in enumerate(spans):
        extra = {name: values[i] for name, values in other.items()}
        times = {"start": moment(start), "end": moment(end) if end else None, "incident_id": f"i{i}"}
        rows.append(tuple({**times, **extra}.get(column) for column in COLUMNS))
    return told(tables={"incidents": frame_of("incidents", COLUMNS, rows)}, until=until)


def test_the_budget_of_three_nines_is_43_minutes_of_thirty_days() -> None:
    """43,200 minutes of which 43.2 are down."""
    found = row_of("uptime", down(("01-05T10:00", "01-05T10:43:12")), "2026-01-01..2026-01-31")
    assert (found["value"], found["n"], found["status"]) == (pytest.approx(0.999, rel=1e-15), 1, "ok")


def test_two_incidents_at_once_are_one_outage() -> None:
    spans = [("01-05T10:00", "01-05T12:00"), ("01-05T11:00", "01-05T13:00"), ("01-05T11:30", "01-05T11:40")]
    assert row_of("uptime", down(*spans), "2026-01-05")["value"] == pytest.approx(1 - 3 / 24)


def test_nothing_happened_is_all_of_the_time_and_no_table_is_no_answer() -> None:
    quiet = down(("01-05", "01-06"))
    assert (row_of("uptime", quiet, "2026-02")["value"], row_of("uptime", quiet, "2026-02")["status"]) == (1.0, "ok")
    assert row_of("uptime", told("ann 01-05 view"))["status"] == "missing_input"
    assert row_of("uptime", quiet, "2026-04")["value"] is None  # nobody has watched yet


def test_what_goes_on_is_down_and_what_was_planned_is_not() -> None:
    running = down(("01-31T12:00", None), until="02-01")
    assert row_of("uptime", running, "2026-01-31")["value"] == 0.5
    planned = down(("01-05T00:00", "01-05T12:00"), kind=["maintenance"])
    assert row_of("uptime", planned, "2026-01-05")["value"] == 1.0
    assert row_of("uptime", planned, "2026-01-05", planned_kinds=[])["value"] == 0.5


@pytest.mark.parametrize("seed", range(40))
def test_uptime_and_failures_equal_a_walk_over_the_minutes(seed: int) -> None:
    draw = Random(seed)
    spans = [sorted(draw.sample(range(-2_000, 4 * 1_440), 2)) for _ in range(draw.randrange(1, 9))]
    clock = np.datetime64("2026-01-10T00:00")

    def text(minute: int) -> str:
        return str(clock + np.timedelta64(minute, "m"))[5:]

    data = down(*((text(a), text(b)) for a, b in spans), until="02-01")
    up, failed = rows_of("uptime", data, "2026-01-10..2026-01-12"), row_of("mtbf", data, "2026-01-10..2026-01-12")
    dark = {minute for a, b in spans for minute in range(max(a, 0), min(b, 2_880))}
    fell = sum(0 <= a < 2_880 for a, _ in spans)
    assert up["value"][0] == pytest.approx(1 - len(dark) / 2_880)
    assert failed["n"] == fell
    assert failed["value"] == (pytest.approx((2_880 - len(dark)) * 60 / fell) if fell else None)


def test_time_between_failures_has_the_exact_poisson_interval() -> None:
    found = row_of("mtbf", down(*((f"01-{day:02}T10:00", f"01-{day:02}T11:00") for day in (5, 9, 20))))
    up = 31 * DAY - 3 * 3_600
    assert (found["value"], found["n"]) == (pytest.approx(up / 3), 3)
    assert found["low"] == pytest.approx(2 * up / stats.chi2.ppf(0.975, 8))
    assert found["high"] == pytest.approx(2 * up / stats.chi2.ppf(0.025, 6))


def test_wrong_mtbf_without_a_failure_there_is_no_mean() -> None:
    """Neither 0 nor the length of the period: with 95 %, at least a third of it (3 failures are expected in exp(-3) = 5 %)."""
    found = row_of("mtbf", down(("01-05", "01-06")), "2026-02")
    assert (found["value"], found["n"], found["status"]) == (None, 0, "no_denominator")
    assert (found["low"], found["high"]) == (pytest.approx(28 * DAY / 3, rel=2e-3), None)
    assert exp(-28 * DAY / found["low"]) == pytest.approx(0.05)
    assert row_of("mtbf", down(("01-05", "01-06")), "2026-04")["low"] is None  # nobody has watched yet


def test_wrong_mttf_units_in_use_give_their_time() -> None:
    """Units of 10, 20 and 30 days of which one failed: 60 days a failure; averaging the failed alone would say 10."""
    rows = [("a", moment("01-01"), moment("01-11")), ("b", moment("01-12"), None), ("c", moment("01-02"), None)]
    data = told(tables={"units": frame_of("units", ["unit_id", "start", "failed"], rows)})
    found = row_of("mttf", data)
    assert (found["value"], found["n"]) == (60 * DAY, 1)
    later = row_of("mttf", data, "2026-02")
    assert (later["value"], later["low"]) == (None, pytest.approx(2 * 28 * DAY / -log(0.05)))
    nothing = told(tables={"units": frame_of("units", ["unit_id", "start", "failed"], [])})
    assert row_of("mttf", nothing)["low"] is None


def test_wrong_mttr_has_two_clocks_and_each_says_which() -> None:
    """Down at 10:00, seen at 10:10, worked on from 10:40, up at 11:00: one source calls 60 and 20 minutes by one name."""
    data = down(
        ("01-05T10:00", "01-05T11:00"), ("01-31T23:00", "02-01T01:00"), ("01-06", None),
        repair_start=[moment("01-05T10:40"), moment("01-31T23:00"), None], detected=[moment("01-05T10:10"), None, None],
    )  # fmt: skip
    assert row_of("mttr_repair", data)["value"] == 20 * 60
    assert row_of("mttr_resolution", data)["value"] == 60 * 60
    assert row_of("mttr_resolution", data, resolution_clock="detected")["value"] == 50 * 60
    assert row_of("mttr_resolution", data, "2026-02")["value"] == 120 * 60  # it ended then
    assert row_of("mttr_resolution", data, resolution_clock="noticed")["status"] == "needs_choice"


def test_wrong_latency_the_mean_hides_the_slow() -> None:
    """Of 95 answers in 0.1 s and 5 in 10 s the mean is 0.6 s."""
    draw = Random(1)
    slow = [(moment("01-05"), "page", 100.0)] * 95 + [(moment("01-20"), "page", 10_000.0)] * 5
    api = [(moment("01-05"), "api", draw.random() * 1_000) for _ in range(60)]
    data = told(tables={"requests": frame_of("requests", ["time", "kind", "latency_ms"], [*slow, *api])})
    found = rows_of("site_response_time", data)
    assert found.select("percentile", "value", "n").rows() == [
        ("p50", 0.1, 100),
        ("p95", pytest.approx(0.595), 100),
        ("p99", 10.0, 100),
    ]
    wanted = np.quantile([latency / 1_000 for _, _, latency in api], [0.5, 0.95, 0.99])
    assert rows_of("api_latency", data)["value"].to_list() == pytest.approx(list(wanted))


def answered(*groups: tuple[int, float, int | None]) -> Dataset:
    """Requests: how many, in milliseconds, with which status."""
    rows = [(moment("01-05"), ms, status) for count, ms, status in groups for _ in range(count)]
    return told(tables={"requests": frame_of("requests", ["time", "latency_ms", "status"], rows)})


def test_apdex_of_the_published_vector() -> None:
    """40 satisfied, 200 tolerating, 48 frustrated of 288: 140 / 288 = 0.4861, printed elsewhere as 0.47."""
    data = answered((40, 500, 200), (200, 2_000, 200), (48, 2_001, 200))
    found = row_of("apdex", data)
    assert (round(found["value"], 4), found["n"]) == (0.4861, 288)
    assert row_of("apdex", answered())["value"] is None


def test_wrong_apdex_tolerating_is_up_to_four_times_the_target() -> None:
    """At T = 0.5 s an answer in 1.9 s is tolerated; taken as "just T", as one page says, nobody would be."""
    data = answered((1, 1_900, 200))
    assert row_of("apdex", data)["value"] == 0.5
    assert row_of("apdex", data, apdex_seconds=0.4)["value"] == 0.0
    assert row_of("apdex", data, apdex_seconds=2)["value"] == 1.0
    with pytest.raises(UsageError, match="apdex_seconds is -1"):
        row_of("apdex", data, apdex_seconds=-1)


def test_wrong_apdex_a_fast_failure_satisfies_nobody() -> None:
    data = answered((1, 10, 503), (1, 10, 404), (1, 10, None))
    assert row_of("apdex", data)["value"] == pytest.approx(2 / 3)
    assert row_of("apdex", data, failed_from_status=400)["value"] == pytest.approx(1 / 3)


def test_availability_is_between_failures_over_between_failures_and_repair() -> None:
    """MTBF / (MTBF + MTTR) is the share of time up where every outage begins and ends in the period."""
    data = down(("01-05", "01-05T06:00"), ("01-09T10:00", "01-09T11:30"), ("01-20", "01-21"))
    between, repair = (row_of(name, data)["value"] for name in ("mtbf", "mttr_resolution"))
    assert between / (between + repair) == pytest.approx(row_of("uptime", data)["value"], abs=1e-12)


def test_availability_by_requests_is_what_did_not_fail() -> None:
    """Successful over successful and failed: 997 of 1,000, whatever the clock says."""
    assert 1 - row_of("app_error_rate", answered((997, 5, 200), (3, 5, 500)))["value"] == pytest.approx(0.997)
