"""The funnel oracle on logs small enough to answer by hand."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from .attempts import Labelled, unbroken
from .funnel import funnel
from .rows import SECOND, Row

FAR = 10**15


def log(text: str, unit: str = "u") -> list[Row]:
    """`A0 B5` = event A at second 0, B at second 5; `A0#2` gives it sequence number 2."""
    rows = []
    for word in text.split():
        stamp, _, seq = word[1:].partition("#")
        rows.append(Row(unit, int(stamp) * SECOND, word[0], int(seq) if seq else None))
    return rows


def ask(text: str, steps: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """One unit's funnel; `within` and `until` in seconds."""
    within, until = options.pop("within", 10), options.pop("until", FAR)
    return funnel(
        log(text),
        steps.split(",") if "," in steps else list(steps),
        within=None if within is None else within * SECOND,
        observed_until=until * SECOND,
        **options,
    )


def depth(text: str, steps: str, **options: Any) -> int:  # noqa: ANN401
    """Depth of the one unit, 0 when it is in no step."""
    found = ask(text, steps, **options)["units"].get("u")
    return 0 if found is None else found["depth"]


def reached(answer: dict[str, Any]) -> list[tuple[int, list[float]]]:
    """(entry, times) of each counted attempt, in seconds."""
    attempts = answer["units"]["u"]["attempts"]
    return [(one["entry"] / SECOND, [time / SECOND for time in one["times"]]) for one in attempts]


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        ("A0 B10", "AB", 2),  # the window is inclusive
        ("A0 B11", "AB", 1),
        ("A0 B8 C16", "ABC", 2),  # it runs from step 1, not from the last step
        ("A0 A8 B12", "AB", 2),  # a later entry still fits
        ("A0 B5 A20 B22 C25", "ABC", 3),
        ("A0 B1 A2 C9", "ABC", 3),
        ("A0 B1 A8 B9 C10", "ABC", 3),
        ("B0 A0", "AB", 2),  # one instant: any order
        ("A0", "AA", 1),  # one event never fills two steps
        ("A0 A3", "AA", 2),
        ("A0 A0", "AA", 2),
        ("A0 B1 A2", "AB", 2),
        ("A0 B1 A2", "ABA", 3),
        ("A0 X1 B2", "AB", 2),
        ("A0 C1 B2 C3", "ABC", 3),
        ("A0 B1 B2 C3", "ABC", 3),
        ("X0 A1 B2", "AB", 2),
        ("B0 A1", "AB", 1),
        ("B0 C1", "ABC", 0),
        ("A0 A0 B0", "AAB", 3),
        ("A0 B0", "ABA", 2),
    ],
)
def test_ordered_depth(text: str, steps: str, expected: int) -> None:
    assert depth(text, steps) == expected


def test_window_of_zero_and_none() -> None:
    assert depth("A5 B5", "AB", within=0) == 2
    assert depth("A5 B6", "AB", within=0) == 1
    assert depth("A0 B999999", "AB", within=None) == 2


def test_strict_ties_need_rising_times() -> None:
    assert depth("A0 B0", "AB", ties="strict") == 1
    assert depth("A0 A5 B5", "AB", ties="strict") == 2  # the earlier entry still reaches B
    assert depth("A0 B0 B1", "AB", ties="strict") == 2


def test_sequence_orders_one_instant() -> None:
    assert depth("A0#2 B0#1", "AB", ties="sequence") == 1
    assert depth("B0#2 A0#1", "AB", ties="sequence") == 2
    assert depth("A0#1 B0#1", "AB", ties="sequence") == 2  # same number: either order
    assert depth("A0#9 B1#1", "AB", ties="sequence") == 2  # time comes first
    with pytest.raises(ValueError, match="sequence number"):
        ask("A0 B0", "AB", ties="sequence")


@pytest.mark.parametrize(
    ("text", "ties", "expected"),
    [
        ("A0 B1", "any", 2),
        ("A0 X1 B2", "any", 1),
        ("A0 C1 B2 C3", "any", 1),
        ("A0 B1 B2 C3", "any", 2),
        ("A0 X0 B1", "any", 2),  # X may stand before A
        ("A0 B1 X1 C1", "any", 3),  # X may stand last
        ("A0 X1 B1 C2", "any", 2),  # X may stand behind B, but then it stands before C
        ("A0 B0 X0 C0", "any", 3),
        ("A0 X1 A2 B3", "any", 2),
        ("A0 X0 B1", "strict", 1),
        ("A0 B1 X1", "strict", 1),
        ("A0 B1 X2", "strict", 2),
        ("X0 A1 B2", "strict", 2),
        ("A0 B0", "strict", 1),
        ("A0#1 X0#2 B1#3", "sequence", 1),
        ("X0#1 A0#2 B1#3", "sequence", 2),
        ("A0#2 X0#2 B1#3", "sequence", 2),
    ],
)
def test_strict_order(text: str, ties: str, expected: int) -> None:
    assert depth(text, "ABC", order="strict", ties=ties) == expected


@pytest.mark.parametrize(
    ("text", "steps", "times"),
    [
        ("B0 A3", "AB", [0, 3]),
        ("C0 A4 B10", "ABC", [0, 4, 10]),
        ("C0 A4 B11", "ABC", [4, 11]),  # two of three either way; see the test below for which
        ("A0 A1", "AB", [1]),
        ("A0", "AA", [0]),
        ("A0 A2", "AA", [0, 2]),
        ("A1 B1 C1", "ABC", [1, 1, 1]),
        ("X0 B1", "AB", [1]),
    ],
)
def test_unordered(text: str, steps: str, times: list[float]) -> None:
    answer = ask(text, steps, order="unordered", ttc="fastest")
    assert reached(answer)[0][1] == times


def test_unordered_prefers_the_earliest_start_among_equals() -> None:
    assert reached(ask("C0 A4 B11", "ABC", order="unordered")) == [(0, [0, 4])]


def test_each_step_takes_its_earliest_time() -> None:
    assert reached(ask("A0 B2 B4 C5 C6", "ABC")) == [(0, [0, 2, 5])]


def test_time_to_convert_earliest_and_fastest() -> None:
    text = "A0 A4 B6 A7 A20"
    assert reached(ask(text, "AB")) == [(0, [0, 6])]
    assert reached(ask(text, "AB", ttc="fastest")) == [(4, [4, 6])]
    assert ask(text, "AB", ttc="fastest")["steps"][1]["median_seconds"] == 2.0


def test_first_attempt_may_be_worse_than_best() -> None:
    assert depth("A0 A20 B25", "AB") == 2
    assert depth("A0 A20 B25", "AB", attempt="first") == 1


def test_all_attempts_do_not_overlap() -> None:
    text = "A0 A1 B3 A3 A4 B5 A20 A25 B31 A32"
    # 0→3 converts and ends at 3; A3 is not later than 3; 4→5; 20 fails and holds until 30; 32 is alone.
    assert reached(ask(text, "AB", attempt="all")) == [(0, [0, 3]), (4, [4, 5]), (20, [20]), (32, [32])]
    answer = ask(text, "AB", attempt="all")
    assert [step["units"] for step in answer["steps"]] == [4, 2]
    assert answer["steps"][1]["median_seconds"] == 2.0


def test_all_attempts_without_window_wait_for_ever() -> None:
    assert reached(ask("A0 A9 B10 A20 A30", "AB", attempt="all", within=None)) == [(0, [0, 10]), (20, [20])]


def test_exclusion_kills_the_attempt_but_not_the_unit() -> None:
    answer = ask("A0 X1 B2", "AB", exclude=("X",))
    assert (answer["excluded"], answer["steps"][0]["units"]) == (1, 0)
    assert answer["steps"][1]["from_start"] is None
    assert reached(ask("A0 X1 A2 B3", "AB", exclude=("X",))) == [(2, [2, 3])]
    assert ask("A0 X1 A2 B3", "AB", exclude=("X",), attempt="first")["excluded"] == 1


@pytest.mark.parametrize(
    ("text", "within", "excluded"),
    [
        ("A0 X0 B2", 10, 0),  # at the entry: not between
        ("A0 X2 B2", 10, 0),  # at the completion: not between
        ("A0 B2 X3", 10, 0),  # after the completion
        ("A0 X10", 10, 1),  # not converted: anywhere in the window, its end included
        ("A0 X11", 10, 0),
        ("A0 X999", None, 1),
    ],
)
def test_when_an_exclusion_kills(text: str, within: int | None, excluded: int) -> None:
    assert ask(text, "AB", within=within, exclude=("X",))["excluded"] == excluded


def test_a_killed_attempt_ends_where_it_was_killed() -> None:
    assert reached(ask("A0 A2 X3 A3 A4 B5", "AB", attempt="all", exclude=("X",))) == [(4, [4, 5])]


def test_ripeness_depends_on_the_entry_only() -> None:
    for text in ("A5 B6", "A5"):  # converted or not makes no difference
        answer = ask(text, "AB", until=14)
        assert (answer["in_progress"], answer["steps"][0]["units"]) == (1, 0)
    assert ask("A5", "AB", until=15)["in_progress"] == 0  # exactly ripe
    assert depth("A5 B6", "AB", until=14, unripe="include") == 2
    assert ask("A5 B6", "AB", until=14, within=None)["in_progress"] == 0
    # the ripe attempt is worse, yet the unripe one is not looked at
    assert depth("A0 A13 B14", "AB", until=14) == 1


def test_entry_period_is_half_open_and_chains_read_on() -> None:
    period = (5 * SECOND, 8 * SECOND)
    assert depth("A5 B12", "AB", entry=period) == 2
    assert depth("A8 B9", "AB", entry=period) == 0
    assert ask("A4 B5", "AB", entry=period)["units"] == {}


def test_nth_event_of_the_owner() -> None:
    assert depth("A0 A1 A2", "A@1,A@3", within=None) == 2
    assert depth("A0 A1", "A@1,A@3", within=None) == 1
    rows = [Row("s1", 0, "A", None, {"user_id": "u"}), Row("s2", SECOND, "A", None, {"user_id": "u"})]
    answer = funnel(rows, ["A@2"], within=None, observed_until=FAR)
    assert list(answer["units"]) == ["s2"]  # counted over all sessions of the user


def test_tie_sensitive_units() -> None:
    rows = log("A0 B0", "tied") + log("A0 B1", "clear") + log("A0 A5 B5", "rescued") + log("B0", "absent")
    answer = funnel(rows, ["A", "B"], within=10 * SECOND, observed_until=FAR)
    assert answer["tie_sensitive"] == 1
    assert [step["units"] for step in answer["steps"]] == [3, 3]
    assert funnel(rows, "AB", within=10 * SECOND, observed_until=FAR, order="unordered")["tie_sensitive"] == 0


def test_summary_by_hand() -> None:
    rows = log("A0 B1 C5", "a") + log("A0 B3", "b") + log("A0", "c") + log("A0 B8 C9", "d")
    steps = funnel(rows, "ABC", within=10 * SECOND, observed_until=FAR)["steps"]
    assert [step["units"] for step in steps] == [4, 3, 2]
    assert [step["from_start"] for step in steps] == [1.0, 0.75, 0.5]
    assert [step["from_previous"] for step in steps] == [1.0, 0.75, 2 / 3]
    assert [step["median_seconds"] for step in steps] == [0.0, 3.0, 7.0]


def test_nothing_gives_nulls_and_not_zero_rates() -> None:
    steps = funnel([], "AB", within=SECOND, observed_until=FAR)["steps"]
    assert [(step["units"], step["from_start"], step["from_previous"], step["median_seconds"]) for step in steps] == [
        (0, None, None, None)
    ] * 2


def test_misspelt_option_is_refused() -> None:
    with pytest.raises(ValueError, match="attempt"):
        ask("A0", "AB", attempt="bets")


def test_input_order_and_irrelevant_events_change_nothing() -> None:
    dice = random.Random(7)
    for _ in range(200):
        rows = [Row("u", dice.randrange(6) * SECOND, dice.choice("ABC")) for _ in range(dice.randrange(9))]
        mixed = dice.sample(rows, len(rows))
        kwargs: dict[str, Any] = {"within": 3 * SECOND, "observed_until": 6 * SECOND}
        expected = funnel(rows, "ABA", **kwargs)
        assert funnel(mixed, "ABA", **kwargs) == expected
        noise = [Row("u", dice.randrange(6) * SECOND, "Z") for _ in range(3)]
        assert funnel(rows + noise, "ABA", **kwargs) == expected


def test_widening_the_window_never_lowers_a_level() -> None:
    dice = random.Random(8)
    for _ in range(100):
        rows = [Row("u", dice.randrange(8) * SECOND, dice.choice("AB")) for _ in range(7)]
        depths = [
            funnel(rows, "ABAB", within=window * SECOND, observed_until=FAR)["units"].get("u", {}).get("depth", 0)
            for window in range(8)
        ]
        assert depths == sorted(depths)


def test_strict_order_is_the_existence_of_an_arrangement() -> None:
    dice = random.Random(9)
    for _ in range(300):
        rows = [Row("u", dice.randrange(4), "A") for _ in range(dice.randrange(2, 6))]
        chain = tuple(sorted(dice.sample(range(len(rows)), 2), key=lambda place: rows[place].time))
        arrangements = (
            order
            for order in itertools.permutations(range(len(rows)))
            if [rows[place].time for place in order] == sorted(row.time for row in rows)
        )
        exists = any(order.index(chain[1]) - order.index(chain[0]) == 1 for order in arrangements)
        assert unbroken([Labelled(row, frozenset()) for row in rows], chain, "any") == exists


def step_times(text: str, steps: str, **options: Any) -> list[float | None]:  # noqa: ANN401
    """Times of the one counted attempt, in seconds; a step not taken is None."""
    found = ask(text, steps, **options)["units"]["u"]["attempts"][0]["times"]
    return [None if time is None else time / SECOND for time in found]


def test_windows_of_steps_run_from_the_required_step_before() -> None:
    windows = (None, 3 * SECOND, 5 * SECOND)
    assert step_times("A0 B3 C8", "ABC", within_step=windows, within=None) == [0, 3, 8]
    assert step_times("A0 B4 C8", "ABC", within_step=windows, within=None) == [0]
    assert step_times("A0 B3 C9", "ABC", within_step=windows, within=None) == [0, 3]
    # the earliest event of a step is taken, though the later one would have led to C
    assert step_times("A0 B1 B3 C7", "ABC", within_step=windows, within=None) == [0, 1]


def test_an_attempt_is_over_when_a_steps_window_is() -> None:
    windows = (None, 3 * SECOND, 5 * SECOND)
    text = "A0 A4 B5"
    answer = ask(text, "AB", attempt="all", within=None, within_step=windows[:2])
    assert reached(answer) == [(0, [0]), (4, [4, 5])]
    assert ask("A0", "ABC", within=None, within_step=windows, until=7)["in_progress"] == 1
    assert ask("A0", "ABC", within=None, within_step=windows, until=8)["in_progress"] == 0
    assert ask("A0 X4", "ABC", within=None, within_step=windows, exclude=("X",))["excluded"] == 0
    assert ask("A0 X3", "ABC", within=None, within_step=windows, exclude=("X",))["excluded"] == 1


def test_a_step_that_may_be_left_out() -> None:
    free = (False, True, False)
    assert step_times("A0 B1 C2", "ABC", optional=free) == [0, 1, 2]
    assert step_times("A0 C2", "ABC", optional=free) == [0, None, 2]
    assert step_times("A0 C2 B3", "ABC", optional=free) == [0, None, 2]  # too late: not between
    assert step_times("A0 B3", "ABC", optional=free) == [0, 3]  # while the attempt waits
    assert step_times("A0 B11", "ABC", optional=free) == [0]
    assert step_times("B0 A0 C0", "ABC", optional=free) == [0, 0, 0]  # one instant
    assert step_times("B0 A0 C0", "ABC", optional=free, ties="strict") == [0]
    assert step_times("A0 B4 C5", "ABC", optional=free, within_step=(None, 3 * SECOND, None)) == [0, None, 5]


def test_grace_lets_close_events_change_places() -> None:
    assert depth("B0 A2", "AB", grace=2 * SECOND) == 2
    assert depth("B0 A3", "AB", grace=2 * SECOND) == 1
    assert step_times("B0 A2 C1", "ABC", grace=2 * SECOND) == [2, 2, 2]
    assert step_times("A0 C4 B5", "ABC", grace=2 * SECOND) == [0, 5, 5]
    # measured from the moment at which the step before was reached, not from one early event to the next
    assert depth("C0 B2 A4", "ABC", grace=2 * SECOND) == 2


def test_repeats_of_the_current_step_break_nothing() -> None:
    assert depth("A0 A1 B2", "AB", order="strict", attempt="first") == 1
    assert depth("A0 A1 B2", "AB", order="strict", attempt="first", repeats=True) == 2
    assert depth("A0 B1 A2 C3", "ABC", order="strict", repeats=True) == 2  # no longer the current step
    assert depth("A0 B1 B1 C2", "ABC", order="strict", repeats=True) == 3
    assert depth("A0 B1 B1 C2", "ABC", order="strict", repeats=True, ties="strict") == 1


def test_excluding_the_unit_and_the_first_attempt_ever() -> None:
    text = "A0 X1 A20 B21"
    assert depth(text, "AB", exclude=("X",)) == 2
    assert ask(text, "AB", exclude=("X",), exclusion="unit")["excluded"] == 1
    period = (15 * SECOND, 30 * SECOND)
    assert depth("A0 A20 B21", "AB", entry=period, attempt="first") == 2
    assert ask("A0 A20 B21", "AB", entry=period, attempt="first_ever")["units"] == {}
    assert depth("A0 A20 B21", "AB", attempt="first_ever") == 1
