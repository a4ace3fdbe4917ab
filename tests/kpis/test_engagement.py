"""Engagement by hand: actives, stickiness, sessions, actions, log-ins, paths."""

import polars as pl
import pytest

from kpi_lib.core.errors import UsageError
from tests.build import frame_of, moment, row_of, rows_of, told

WEEK = "2026-W02"  # 5 to 11 January
VISITS = """
ann 01-05T10:00 view
ann 01-05T10:20 buy
ann 01-07T23:50 view
ann 01-08T00:10 view
bob 01-05T09:00 view
bob 01-05T09:00 view
cid 01-12T00:00 view
dan 01-04T23:59 view
"""


def test_daily_actives_are_people_on_a_day_and_over_a_week_the_mean_of_its_days() -> None:
    data = told(VISITS)
    assert row_of("dau", data, "2026-01-05")["value"] == 2
    assert row_of("dau", data, "2026-01-06")["value"] == 0
    assert row_of("dau", data, WEEK)["value"] == pytest.approx((2 + 0 + 1 + 1) / 7)


def test_weekly_actives_end_before_the_next_week_begins() -> None:
    data = told(VISITS)
    assert row_of("wau", data, WEEK)["value"] == 2  # not cid at midnight of the 12th, not dan a minute before the 5th
    assert row_of("wau", data, "2026-01-11")["value"] == 2
    assert row_of("wau", data, "2026-01-12")["value"] == 2  # ann, cid
    assert row_of("wau", data, "2026-01-10")["value"] == 3


def test_a_window_from_before_the_data_has_no_value() -> None:
    found = row_of("wau", told(VISITS, since="01-04"), "2026-01-09")
    assert (found["value"], found["status"]) == (None, "early")


def test_monthly_actives_are_those_of_the_month_or_of_thirty_days() -> None:
    data = told(VISITS)
    assert row_of("mau", data, "2026-01")["value"] == 4
    assert row_of("mau", data, "2026-02")["value"] == 0
    assert row_of("mau", data, "2026-02-05")["value"] == 2  # 7 January to 5 February: ann, cid
    assert row_of("mau", data, "2026-02-07")["value"] == 1
    assert row_of("mau", data, "2026-02-06")["value"] == 2


def test_active_users_by_your_own_bar() -> None:
    data = told(VISITS)
    assert row_of("active_users", data, WEEK)["value"] == 2
    assert row_of("active_users", data, WEEK, active_min_events=3)["value"] == 1
    assert row_of("active_users", data, WEEK, active_events=["buy"])["value"] == 1
    with pytest.raises(UsageError, match="Did you mean view"):
        row_of("active_users", data, WEEK, active_events=["veiw"])


def test_wrong_daily_actives_may_be_other_people_each_day() -> None:
    """One source reads 10,000 daily users as 10,000 who come every day. Here ten a day, never the same: 310 in January."""
    data = told("\n".join(f"u{day}x{i} 01-{day:02} v" for day in range(1, 32) for i in range(10)))
    assert (row_of("dau", data)["value"], row_of("dau", data, "2026-01-20")["value"]) == (10, 10)
    assert (row_of("mau", data)["value"], row_of("active_users", data)["value"]) == (310, 310)
    assert row_of("stickiness", data)["value"] == pytest.approx(1 / 31)  # a count of people does not show it
    true = told("\n".join(f"u{i} 01-{day:02} v" for day in range(1, 32) for i in range(10)))
    assert (row_of("dau", true)["value"], row_of("mau", true)["value"]) == (10, 10)
    assert row_of("stickiness", true)["value"] == 1


STICKY = "ann 01-05 v\nann 01-06 v\nann 01-06T12:00 v\nbob 01-05 v\n"


def test_stickiness_is_mean_daily_over_monthly_actives() -> None:
    found = row_of("stickiness", told(STICKY))
    assert found["value"] == pytest.approx((3 / 31) / 2)
    assert (found["n"], found["status"]) == (2, "small_n")


def test_wrong_active_share_stickiness_is_not_always_one() -> None:
    """One source divides actives by actives. Here 2 people, each there on 1 or 2 of 31 days."""
    data = told(STICKY)
    assert row_of("stickiness", data)["value"] < 0.05
    assert row_of("mau", data)["value"] / row_of("active_users", data)["value"] == 1  # what that source computes
    every_day = told("\n".join(f"ann 01-{day:02} v" for day in range(1, 32)))
    assert row_of("stickiness", every_day)["value"] == 1


def test_stickiness_lies_between_one_day_and_all_days() -> None:
    assert row_of("stickiness", told("ann 01-31T23:59 v"))["value"] == pytest.approx(1 / 31)
    assert row_of("stickiness", told("-"))["value"] is None


FORTY = "\n".join(
    f"u{user} 01-05T{hour:02}:{minute:02} v" for user in range(10) for hour in (1, 3, 5, 7) for minute in (0, 10)
)


def test_wrong_session_duration_is_not_time_per_user() -> None:
    """400 minutes over 40 sessions of 10 users are 10 minutes a session; one source divides by users and prints 40."""
    data = told(FORTY)
    session, person = row_of("avg_session_duration", data, WEEK), row_of("avg_time_per_user", data, WEEK)
    assert (session["value"], person["value"]) == (600.0, 2400.0)
    assert (session["n"], person["n"]) == (10, 10)
    assert session["unit"] == person["unit"] == "seconds"


def test_a_session_counts_where_it_begins_and_crosses_midnight() -> None:
    data = told("ann 01-11T23:50 v\nann 01-12T00:10 v\nann 01-12T08:00 v\n")
    assert row_of("avg_session_duration", data, WEEK)["value"] == 1_200.0
    assert row_of("avg_session_duration", data, "2026-W03")["value"] == 0.0
    assert row_of("avg_time_per_user", data, "2026-W03")["value"] == 0.0  # active then, though the session began before


def test_a_pause_of_exactly_the_gap_does_not_end_a_session() -> None:
    assert row_of("avg_session_duration", told("ann 01-05T10:00 v\nann 01-05T10:30 v"), WEEK)["value"] == 1_800
    apart = told("ann 01-05T10:00:00 v\nann 01-05T10:30:01 v")
    assert row_of("avg_session_duration", apart, WEEK)["value"] == 0
    assert row_of("avg_session_duration", apart, WEEK, session_gap="31m")["value"] == 1_801


def test_a_session_that_may_go_on_is_not_settled() -> None:
    """The week is over, but ann's last session of it is not: it counts as it stands, and the period stays open."""
    text = "ann 01-11T23:50 a\nbob 01-06T10:00 a\nbob 01-06T10:10 b\n"
    then, now = told(text, until="01-12"), told(text + "ann 01-12T00:10 b\n", until="01-13")
    for name, value in (("avg_session_duration", 300), ("avg_time_per_user", 300), ("actions_per_session", 1.5)):
        found = row_of(name, then, WEEK)
        assert (found["value"], found["n"], found["unripe"], found["status"]) == (value, 2, 1, "ripening"), name
        assert row_of(name, now, WEEK)["unripe"] == 0
    assert row_of("avg_session_duration", now, WEEK)["value"] == 900
    ways = rows_of("user_path_analysis", then, WEEK).filter(pl.col("from") == "a")
    assert ways.select("to", "value", "n", "unripe").rows() == [("(end)", 0.5, 2, 1), ("b", 0.5, 2, 1)]
    exactly = row_of("avg_session_duration", told(text, until="01-12T00:20"), WEEK)
    assert exactly["unripe"] == 1  # an event at 00:20 would still belong to it


def test_no_sessions_have_no_mean_length() -> None:
    for name in ("avg_session_duration", "avg_time_per_user", "actions_per_user", "actions_per_session"):
        found = row_of(name, told("-"), WEEK)
        assert (found["value"], found["n"], found["status"]) == (None, 0, "no_denominator")


def test_actions_per_user_count_the_idle_and_per_session_the_sessions() -> None:
    data = told("ann 01-05T10:00 buy\nann 01-05T10:01 buy\nann 01-06T10:00 buy\nbob 01-05T10:00 view\n")
    assert row_of("actions_per_user", data, WEEK, action_events=["buy"])["value"] == 1.5
    assert row_of("actions_per_user", data, WEEK)["value"] == 2.0
    assert row_of("actions_per_session", data, WEEK, action_events=["buy"])["value"] == 1.0
    only = row_of("actions_per_user", data, WEEK, action_events=["buy"], active_events=["view"])
    assert (only["value"], only["n"]) == (0.0, 1)  # bob is the only one active; ann's actions are nobody's


def test_doubled_rows_double_actions_and_no_people() -> None:
    once, twice = told(VISITS), told(VISITS + VISITS)
    for name in ("dau", "wau", "active_users", "avg_session_duration"):
        assert row_of(name, once, WEEK)["value"] == row_of(name, twice, WEEK)["value"]
    assert row_of("actions_per_user", twice, WEEK)["value"] == 2 * row_of("actions_per_user", once, WEEK)["value"]


def test_log_ins_are_counted_once_it_is_known_what_they_are() -> None:
    data = told("ann 01-05 login\nann 01-06 login\nbob 01-05 view\n")
    assert row_of("logins", data, WEEK)["value"] == 2
    assert row_of("logins", told("ann 01-05 view"), WEEK)["status"] == "needs_choice"
    assert row_of("logins", data, WEEK, login_events=["view"])["value"] == 1


def test_where_people_go_next() -> None:
    data = told("ann 01-05T10:00 a\nann 01-05T10:01 b\nbob 01-05T10:00 a\nbob 01-05T10:01 a\n")
    found = rows_of("user_path_analysis", data, WEEK)
    assert found.select("from", "to", "value", "n").rows() == [
        ("a", "(end)", 0.5, 2),
        ("a", "b", 0.5, 2),
        ("b", "(end)", 1.0, 1),
    ]
    assert rows_of("user_path_analysis", told("-"), WEEK)["status"].to_list() == ["no_denominator"]


def test_shares_of_the_ways_from_one_event_add_to_one() -> None:
    data = told(
        "\n".join(f"u{i % 5} 01-0{1 + i % 9}T{i % 24:02}:{i * 7 % 60:02} {'abc'[i * i % 3]}" for i in range(90))
    )
    found = rows_of("user_path_analysis", data, "2026-01")
    for total in found.group_by("from").agg(pl.col("value").sum())["value"]:
        assert total == pytest.approx(1)


def test_a_day_is_a_local_day() -> None:
    late = "ann 01-05T23:30 v\n"
    assert row_of("dau", told(late, zone="America/New_York"), "2026-01-05")["value"] == 1  # 04:30 UTC on the 6th
    assert row_of("dau", told(late, zone="Asia/Kolkata"), "2026-01-05")["value"] == 1
    assert row_of("dau", told("ann 01-06T04:30 v", zone="UTC"), "2026-01-05")["value"] == 0


def test_a_period_that_is_not_over_is_partial() -> None:
    found = row_of("wau", told(VISITS, until="01-08"), WEEK)
    assert (found["value"], found["status"]) == (2, "partial")


def test_a_trailing_window_that_nobody_watched_is_unknown_and_not_nobody() -> None:
    data = told("ann 01-05 use", until="01-20")  # the last week of January lies wholly behind the data
    found = row_of("wau", data, "2026-01")
    assert (found["value"], found["n"], found["status"]) == (None, 0, "partial")
    assert row_of("mau", data, "2026-01")["value"] == 1
    assert row_of("wau", told("ann 01-05 use", until="01-26"), "2026-01")["value"] == 0  # a day of the week was watched


def registered(*rows: tuple[str, str, str | None]) -> dict[str, pl.DataFrame]:
    listed = [(who, moment(signed), moment(left) if left else None) for who, signed, left in rows]
    return {"users": frame_of("users", ["user_id", "signup_ts", "deleted_ts"], listed)}


def test_wrong_active_ratio_actives_by_actives_is_always_one() -> None:
    """Of ten registered users three come: 30 %. One who is not registered, and one who has left, are in neither."""
    users = registered(
        *((f"u{i}", "01-01", None) for i in range(10)), ("gone", "01-01", "01-20"), ("later", "02-01", None)
    )
    data = told("u1 01-05 v\nu2 01-06 v\nu2 01-07 v\nu3 01-31 v\nstranger 01-05 v\ngone 01-05 v\n", tables=users)
    found = row_of("active_user_ratio", data)
    assert (found["value"], found["n"]) == (pytest.approx(0.3), 10)
    assert row_of("active_user_ratio", data, "2026-02")["n"] == 11


BOUNCES = """
ann 01-05T10:00 view
bob 01-05T10:00:00 view
bob 01-05T10:00:09 click
cid 01-05T10:00:00 view
cid 01-05T10:00:10 click
dan 01-05T10:00:00 view
dan 01-05T10:00:01 view
"""


def test_a_session_bounces_unless_it_lasts_or_has_views_or_a_key_event() -> None:
    one = {"view_events": ["view"]}
    found = row_of("bounce_rate", told(BOUNCES), **one)
    assert (found["value"], found["n"]) == (2 / 4, 4)  # ann, and bob after 9 s
    assert row_of("bounce_rate", told(BOUNCES), key_events=["click"], **one)["value"] == 1 / 4
    assert row_of("bounce_rate", told(BOUNCES))["value"] == 1 / 4  # any event is a view
    single = row_of("bounce_rate", told(BOUNCES), engaged_after="9999d", **one)
    assert single["value"] == 3 / 4  # the older meaning: one page, however long


def test_a_bounce_is_told_by_events_that_there_are() -> None:
    with pytest.raises(UsageError, match="veiw"):
        row_of("bounce_rate", told(BOUNCES), view_events=["veiw"])


def test_monthly_actives_by_week_look_back_thirty_days_and_no_fewer() -> None:
    """The week ends with 15 February: 17 January is the thirtieth day before its end, 16 January the thirty-first."""
    data = told("ann 01-17 v\nbob 01-16T23:59 v\ncid 01-19 v", since="01-01", until="03-01")
    assert (row_of("mau", data, "2026-W07")["value"], row_of("mau", data, "2026-02-15")["value"]) == (2, 2)
