"""Paths are told by where sessions begin, where most go next, and what comes right before a goal."""

from kpi_lib.shapes.paths import paths
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from tests.show.results import log


def test_paths_tell_the_start_the_commonest_way_and_who_stops() -> None:
    rows = [(f"u{user}", 0.0, "home" if user < 3 else "ad", "free") for user in range(4)]
    data = log([*rows, *((f"u{user}", 0.1, "look", "free") for user in (1, 2, 3)), ("u3", 0.2, "buy", "free")])
    assert plain(say(paths(data)).phrase) == (
        "Of 4 sessions, 75.0\u202f% begin with home; most go from home to look at step 1: 2 sessions, 66.7\u202f% of those who "
        "were there. After one step 33.3\u202f% of those at home are gone."
    )
    assert "Of 3 sessions that hold this path (of 4)" in plain(say(paths(data, from_event="look")).phrase)
    assert "No session holds such a path (buy)" in plain(say(paths(log([]), to_event="buy")).phrase)


def test_the_way_to_a_goal_tells_what_comes_right_before_it() -> None:
    """One session begins with buy, two come from look and one from home: what they do afterwards does not matter."""
    rows = [("a", 0.0, "buy", None), ("b", 0.0, "look", None), ("b", 0.1, "buy", None), ("c", 0.0, "home", None)]
    rows += [("c", 0.1, "look", None), ("c", 0.2, "buy", None), ("d", 0.0, "home", None), ("d", 0.1, "buy", None)]
    rows += [("e", 0.0, "look", None), ("b", 0.2, "home", None)]
    assert plain(say(paths(log(rows), to_event="buy")).phrase) == (
        "Of 4 sessions that hold this path (of 5), 1 begins with buy, so that nothing leads to it; most others come from look: "
        "2 sessions."
    )
    assert plain(say(paths(log(rows[1:]), to_event="buy", max_steps=2)).phrase) == (
        "Of 3 sessions that hold this path (of 4), most come from look: 2 sessions."
    )
    at_once = say(paths(log([rows[0], rows[8]]), to_event="buy"))
    assert (
        plain(at_once.phrase)
        == "Of 1 session that holds this path (of 2), each begins with buy: nothing in it leads there."
    )


def test_sessions_of_one_event_are_told_as_what_they_are() -> None:
    data = log([(f"u{user}", 0.0, "buy", None) for user in range(4)])
    assert plain(say(paths(data)).phrase) == "Of 4 sessions, each begins with buy, none goes on to another event."
    told = plain(say(paths(data, from_event="buy")).phrase)
    assert told == "Of 4 sessions, none goes on to another event."
