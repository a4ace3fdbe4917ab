"""The session oracle on logs small enough to answer by hand."""

from __future__ import annotations

from .rows import HOUR, MINUTE, SECOND, Row
from .sessions import Session, session_summary, sessions


def log(*minutes: float, user: str = "u") -> list[Row]:
    """Events of one user at these minutes."""
    return [Row(user, round(minute * MINUTE), "e") for minute in minutes]


def test_a_pause_of_exactly_the_gap_stays() -> None:
    assert sessions(log(0, 30)) == [Session("u", 0, 30 * MINUTE, 2)]
    assert len(sessions([Row("u", 0, "e"), Row("u", 30 * MINUTE + 1, "e")])) == 2


def test_the_pause_is_measured_from_the_last_event_not_the_first() -> None:
    assert sessions(log(50, 0, 25)) == [Session("u", 0, 50 * MINUTE, 3)]


def test_users_do_not_share_sessions() -> None:
    assert [one.user for one in sessions(log(0) + log(1, user="v"))] == ["u", "v"]


def test_summary_by_hand() -> None:
    rows = log(0, 10, 100, 100) + log(0, 20, 30, 200, user="v")
    # u: 0–10 (2), 100–100 (2); v: 0–30 (3), 200 (1)
    assert session_summary(rows) == {
        "sessions": 4,
        "users": 2,
        "median_seconds": 300.0,
        "mean_seconds": 600.0,
        "events_per_session": 2.0,
        "single_event_share": 0.25,
        "zero_length_share": 0.5,
    }
    assert session_summary(rows, gap=3 * HOUR)["sessions"] == 2


def test_two_events_of_one_instant_are_no_single_event_session() -> None:
    answer = session_summary(log(5, 5))
    assert (answer["single_event_share"], answer["mean_seconds"]) == (0, 0)


def test_a_session_belongs_to_the_period_of_its_start() -> None:
    rows = log(-10, 10, 59, 70, 300)
    answer = session_summary(rows, period=(0, 60 * MINUTE))
    assert (answer["sessions"], answer["mean_seconds"]) == (1, 11 * MINUTE / SECOND)  # −10 starts before, 300 after


def test_nothing() -> None:
    answer = session_summary([])
    assert (answer["sessions"], answer["users"]) == (0, 0)
    assert answer["mean_seconds"] is answer["median_seconds"] is answer["single_event_share"] is None
