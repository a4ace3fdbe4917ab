"""The cohort oracle on logs small enough to answer by hand."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from .cohort import cohort
from .periods import Calendar
from .rows import DAY, HOUR, Row
from .test_brute_periods import at

START = at(2026, 1, 5)  # a Monday


def log(**days: str) -> list[Row]:
    """`a="0 1.5 2r"`: user a has an event `e` at day 0 and day 1.5, and an event `r` at day 2."""
    rows = []
    for user, text in days.items():
        for word in text.split():
            rows.append(Row(user, START + round(float(word.rstrip("r")) * DAY), "r" if word.endswith("r") else "e"))
    return rows


def ask(rows: list[Row], until: float = 100.0, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Daily cohorts in UTC unless told otherwise; `until` in days after START."""
    defaults: dict[str, Any] = {"grain": "day", "zone": "UTC", "observed_until": START + round(until * DAY)}
    return cohort(rows, **(defaults | options))


def cells(answer: dict[str, Any], which: int = 0) -> list[tuple[int, int, int, bool]]:
    """(k, eligible, retained, complete) of one cohort."""
    return [(c["k"], c["eligible"], c["retained"], c["complete"]) for c in answer["cohorts"][which]["cells"]]


def test_on_by_hand() -> None:
    answer = ask(log(a="0 1 2", b="0.5 2.9", c="0.9"), until=3)
    assert [(one["start"], one["size"]) for one in answer["cohorts"]] == [("2026-01-05", 3)]
    assert cells(answer) == [(0, 3, 3, True), (1, 3, 1, True), (2, 3, 2, True)]
    assert answer["pooled"][2] == {"k": 2, "eligible": 3, "retained": 2, "rate": 2 / 3}


def test_midnight_crosser_is_day_one_by_calendar_and_day_zero_by_clock() -> None:
    rows = log(a="0.9 1.1")
    assert cells(ask(rows))[1][2] == 1
    assert cells(ask(rows, clock="elapsed")) == [(0, 1, 1, True)]


def test_on_or_after_counts_any_later_period() -> None:
    rows = log(a="0 3", b="0 1")
    assert [cell[2] for cell in cells(ask(rows, mode="on_or_after"))] == [2, 2, 1, 1]
    assert [cell[2] for cell in cells(ask(rows))] == [2, 1, 0, 1]


def test_min_events_is_per_period() -> None:
    rows = log(a="0 1 2", b="0 2 2.5")
    assert [cell[2] for cell in cells(ask(rows, min_events=2))] == [2, 0, 1]
    assert [cell[2] for cell in cells(ask(rows, min_events=2, mode="on_or_after"))] == [2, 1, 1]
    assert [cell[2] for cell in cells(ask(rows, min_events=2, mode="bracket", brackets=[(1, 2)]))] == [2, 2]


def test_brackets_count_a_user_once_and_wait_for_their_end() -> None:
    rows = log(a="0 1 2", b="0 3", c="0 4")
    answer = ask(rows, mode="bracket", brackets=[(1, 3), (4, 6), (7, 9)], until=5)
    assert cells(answer) == [(0, 3, 3, True), (1, 3, 2, True), (4, 0, 1, False)]
    assert [cell["to"] for cell in answer["cohorts"][0]["cells"]] == [0, 3, 6]
    assert answer["pooled"][2] == {"k": 4, "eligible": 0, "retained": 0, "rate": None}


def test_calendar_cells_are_eligible_together() -> None:
    rows = log(a="0 1", b="0.5 1.9")
    assert cells(ask(rows, until=2))[1] == (1, 2, 2, True)
    assert cells(ask(rows, until=1.99))[1] == (1, 0, 2, False)
    assert ask(rows, until=1.99)["pooled"][1]["rate"] is None


def test_elapsed_cells_pool_their_eligible_members() -> None:
    rows = log(a="0 1.2", b="0.75", c="0.8 1.9")
    answer = ask(rows, clock="elapsed", until=2.75)
    assert cells(answer)[1] == (1, 2, 2, False)  # c is retained so far but not yet eligible
    assert answer["pooled"][1] == {"k": 1, "eligible": 2, "retained": 1, "rate": 0.5}


def test_elapsed_interval_is_half_open() -> None:
    assert [cell[2] for cell in cells(ask(log(a="0 1"), clock="elapsed"))] == [1, 1]
    assert [cell[2] for cell in cells(ask(log(a="0 2"), clock="elapsed"))] == [1, 0, 1]


def test_pooled_is_not_a_mean_of_rates() -> None:
    rows = log(a="0 1", b="0", c="0", d="1 2")
    assert ask(rows)["pooled"][1] == {"k": 1, "eligible": 4, "retained": 2, "rate": 0.5}  # mean of rates: 2/3


def test_cells_run_to_the_last_event_of_the_data() -> None:
    rows = log(a="0", b="2")
    answer = ask(rows)
    assert [len(one["cells"]) for one in answer["cohorts"]] == [3, 1]
    assert cells(ask(rows, periods=1)) == [(0, 1, 1, True), (1, 1, 0, True)]


def test_start_and_return_events() -> None:
    rows = log(a="0 1r 2", b="0r 1 3r", c="0")
    answer = ask(rows, start="r", ret="e")
    assert [(one["start"], one["size"]) for one in answer["cohorts"]] == [("2026-01-05", 1), ("2026-01-06", 1)]
    assert [cell[2] for cell in cells(answer)] == [1, 1, 0, 0]  # b enters on day 0 and does `e` on day 1
    assert [cell[2] for cell in cells(answer, 1)] == [1, 1, 0]


def test_sign_up_times_bring_users_without_events() -> None:
    answer = ask(log(a="1"), start={"a": START, "z": START})
    assert cells(answer) == [(0, 2, 2, True), (1, 2, 1, True)]
    assert ask([], start={"z": START})["cohorts"][0]["cells"][0]["retained"] == 1
    assert ask([]) == {"cohorts": [], "pooled": [], "curve": []}


def test_weeks_months_and_week_start() -> None:
    rows = log(a="0 6 7 13", b="20")
    assert [cell[2] for cell in cells(ask(rows, grain="week"))] == [1, 1, 0]
    assert [one["start"] for one in ask(rows, grain="week", week_start="sunday")["cohorts"]] == [
        "2026-01-04",
        "2026-01-25",
    ]
    month = ask([Row("a", at(2024, 1, 31), "e"), Row("a", at(2024, 2, 29), "e")], grain="month", until=0)
    assert [cell[2] for cell in cells(month)] == [1, 1]
    rows = [Row("a", 0, "e"), Row("a", 30 * DAY - 1, "e"), Row("b", 30 * DAY, "e")]
    elapsed = ask(rows, grain="month", clock="elapsed")
    assert [cell[2] for cell in cells(elapsed)] == [2, 0]


def test_days_follow_the_zone_and_its_clock_changes() -> None:
    berlin = Calendar("Europe/Berlin")
    evening = berlin.start(date(2026, 3, 29)) - HOUR
    rows = [Row("a", evening, "e"), Row("a", evening + 24 * HOUR, "e")]  # 23:00, then 00:00 two dates later
    assert [cell[2] for cell in cells(ask(rows, zone="Europe/Berlin"))] == [1, 0, 1]
    assert [cell[2] for cell in cells(ask(rows, zone="Europe/Berlin", clock="elapsed"))] == [1, 1]
    apia = Calendar("Pacific/Apia")
    rows = [Row("a", apia.start(date(2011, 12, 29)), "e"), Row("a", apia.start(date(2011, 12, 31)), "e")]
    assert [cell[2] for cell in cells(ask(rows, zone="Pacific/Apia", until=0))] == [1, 1]


def test_laws() -> None:
    dice = random.Random(3)
    for _ in range(60):
        rows = [Row(dice.choice("abc"), START + dice.randrange(40) * 6 * HOUR, "e") for _ in range(12)]
        on, after = (ask(rows, mode=mode)["cohorts"] for mode in ("on", "on_or_after"))
        for plain, unbounded in zip(on, after, strict=True):
            late = [cell["retained"] for cell in unbounded["cells"]]
            assert late == sorted(late, reverse=True)
            assert all(cell["retained"] <= more for cell, more in zip(plain["cells"], late, strict=True))
        assert sum(one["size"] for one in on) == len({row.unit for row in rows})


@pytest.mark.parametrize("options", [{"mode": "bracket"}, {"brackets": [(1, 2)]}, {"clock": "wall"}])
def test_unknown_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="="):
        ask([], **options)
