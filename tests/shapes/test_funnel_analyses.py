"""Funnels over time, compared, and under other systems' rules."""

import random
from datetime import date
from itertools import pairwise
from math import hypot
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest

from kpi_lib.core.compare import holm, wilson_interval
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid
from kpi_lib.shapes.funnel import Funnel, FunnelResult, funnel
from kpi_lib.shapes.funnel_compare import compare_funnels
from kpi_lib.shapes.funnel_strip import ASKED, definition_strip
from kpi_lib.shapes.funnel_trend import funnel_trend, ripe_period
from tests.brute.funnel import funnel as oracle
from tests.brute.logs import random_log
from tests.build import dataset, told

DAY = 86_400_000_000
SHOP = """
ann 01-05T10:00 view
ann 01-05T11:00 buy
ann 01-12T10:00 view
bob 01-06T10:00 view
bob 01-13T10:00 view
bob 01-13T12:00 buy
cat 01-13T10:00 view
"""


def weeks(first: int, stop: int) -> Grid:
    return Grid.calendar("week", date(2026, 1, first), date(2026, 1, stop), zone="UTC")


def test_a_period_in_which_nobody_can_be_ripe_gives_way_to_the_latest_ripe_one() -> None:
    data = told(SHOP, since="01-05", until="02-02")
    spans = {"1d": 26, "7d": 26, "8d": 12, "14d": 12, "15d": 5, "21d": 5, "22d": 26, "60d": 26, None: 26}
    found = {
        within: ripe_period(Funnel(("view", "buy"), within=within), data, weeks(12, 31)).firsts[0].day
        for within in spans
    }
    assert found == spans
    last = ripe_period(Funnel(("view", "buy"), within="8d"), data, weeks(26, 31))
    assert (last.firsts, last.stops, last.shown) == ((date(2026, 1, 12),), (date(2026, 1, 19),), (date(2026, 1, 12),))
    open_too = Funnel(("view", "buy"), within="8d", unripe="include")
    assert ripe_period(open_too, data, weeks(26, 31)).firsts == (date(2026, 1, 26),)


def test_each_period_of_entry_is_a_funnel_of_its_own() -> None:
    found = funnel_trend(told(SHOP), Funnel(("view", "buy"), within="24h"), weeks(5, 19))
    rows = found.table.select("start", "end", "step", "units").rows()
    first, second, third = date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)
    assert rows == [(first, second, 1, 2), (first, second, 2, 1), (second, third, 1, 3), (second, third, 2, 1)]
    assert any("do not add up" in warning for warning in found.warnings)
    document = found.to_dict()
    assert [(p["start"], p["status"]) for p in document["periods"]] == [("2026-01-05", "ok"), ("2026-01-12", "ok")]
    assert document["definition"]["every"] == "week"


def test_a_trend_equals_the_oracle_period_by_period() -> None:
    for seed in range(25):
        log = random_log(seed)
        data = dataset(log.rows, log.observed_until)
        start = log.instants[0] // DAY * DAY
        days = [date.fromordinal(719_163 + start // DAY + at) for at in range(3)]
        grid = Grid.calendar("day", days[0], days[-1], zone="UTC")
        found = funnel_trend(data, Funnel(("a", "b"), within="2h"), grid)
        for at in range(2):
            span = (start + at * DAY, start + (at + 1) * DAY)
            asked: dict[str, Any] = {"within": DAY // 12, "observed_until": log.observed_until, "entry": span}
            wanted = oracle(log.rows, ("a", "b"), **asked)
            mine = found.table.filter(pl.col("start") == days[at])
            assert mine["units"].to_list() == [step["units"] for step in wanted["steps"]], (seed, at)
            for name in ("in_progress", "excluded", "tie_sensitive"):
                assert mine[name][0] == wanted[name], (seed, at, name)


def test_a_trend_by_segment_has_every_segment_in_every_period() -> None:
    data = told("ann 01-05 view x\nann 01-05 buy x\nbob 01-12 view y").with_by(("plan",))
    found = funnel_trend(data, Funnel(("view", "buy"), within="24h"), weeks(5, 19)).to_dict()["groups"]
    steps = {name: [[s["units"] for s in p["steps"]] for p in group["periods"]] for name, group in found.items()}
    assert steps == {"x": [[1, 1], [0, 0]], "y": [[0, 0], [1, 0]]}
    assert [p["status"] for p in found["x"]["periods"]] == ["ok", "no_denominator"]


def newcombe(first: tuple[int, int], second: tuple[int, int], level: float) -> tuple[float, float]:
    """Newcombe's interval of second minus first, from Wilson's two, written down once more."""
    z = NormalDist().inv_cdf(1 - level / 2)
    (p1, (l1, u1)), (p2, (l2, u2)) = (((x / n), wilson_interval(x, n, z)) for x, n in (first, second))
    return p2 - p1 - hypot(p2 - l2, u1 - p1), p2 - p1 + hypot(u2 - p2, p1 - l1)


def touching(pair: tuple[tuple[int, int], tuple[int, int]]) -> float:
    """The level at which a pair's interval just touches zero."""
    low, high = 1e-14, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        bottom, top = newcombe(*pair, middle)
        low, high = (low, middle) if bottom > 0 or top < 0 else (middle, high)
    return low


def test_holm_gives_each_pair_the_interval_of_its_rank() -> None:
    dice = random.Random(3)
    for _ in range(100):
        sizes = [(dice.randrange(5, 200), dice.randrange(5, 200)) for _ in range(dice.randrange(1, 6))]
        pairs = [((dice.randrange(n + 1), n), (dice.randrange(m + 1), m)) for n, m in sizes]
        found = holm(pairs)
        ranked = sorted(range(len(pairs)), key=lambda at: (touching(pairs[at]), at))
        refused = False
        for rank, at in enumerate(ranked):
            gap, p = found[at]
            assert gap is not None
            assert p is not None
            level = 0.05 / (len(pairs) - rank)
            if not refused:
                assert (gap.low, gap.high) == pytest.approx(newcombe(*pairs[at], level))
            refused = refused or not gap.clear
            assert gap.clear == (p < 0.05) or abs(p - 0.05) < 1e-6
            assert not (refused and gap.clear)
        assert all((found[a][1] or 0) <= (found[b][1] or 0) for a, b in pairwise(ranked))


def test_a_group_without_units_is_compared_with_nobody() -> None:
    assert holm([((0, 0), (3, 5)), ((1, 4), (3, 4))])[0] == (None, None)
    assert holm([]) == []


def of_plans(**plans: tuple[int, int]) -> FunnelResult:
    """A funnel in which of each plan so many of so many convert."""
    rows: list[tuple[Any, ...]] = []
    for plan, (hits, n) in plans.items():
        for at in range(n):
            rows.append((f"{plan}{at}", 0, "a", 0, {"plan": plan}))
            if at < hits:
                rows.append((f"{plan}{at}", 60_000_000, "b", 0, {"plan": plan}))
    return funnel(dataset(rows, DAY * 2).with_by(("plan",)), Funnel(("a", "b"), within="1d"))


def test_segments_are_compared_with_all_others_together() -> None:
    found = compare_funnels(of_plans(x=(30, 100), y=(10, 100), z=(20, 100), empty=(0, 0))).table
    told_rows = found.select("what", "against", "units", "of", "other_units", "other_of", "clear").rows()
    others = "the others"
    assert told_rows == [
        ("x", others, 30, 100, 30, 200, True),
        ("y", others, 10, 100, 50, 200, True),
        ("z", others, 20, 100, 40, 200, False),
    ]
    z = found.row(2, named=True)
    assert (z["low"], z["high"]) == pytest.approx(newcombe((40, 200), (20, 100), 0.05))


def test_two_segments_are_one_comparison_and_one_is_none() -> None:
    found = compare_funnels(of_plans(x=(30, 100), y=(10, 100)))
    assert found.table.select("what", "against", "clear").rows() == [("x", "y", True)]
    assert "associated, not caused" in found.notes[-1]
    assert compare_funnels(of_plans(x=(3, 10))).table.is_empty()


def test_two_periods_are_compared_step_by_step_and_as_a_whole() -> None:
    data, steps = told(SHOP), ("view", "help?", "buy")
    now, then = (funnel(data, Funnel(steps, within="24h"), grid=grid) for grid in (weeks(12, 19), weeks(5, 12)))
    found = compare_funnels(now, then)
    rows = found.table.select("event", "units", "of", "other_units", "other_of").rows()
    assert rows == [("view → help", 0, 3, 0, 2), ("view → buy", 1, 3, 1, 2)]
    assert "both periods" in found.notes[0]
    three = funnel(data, Funnel(("view", "view", "buy")))
    assert compare_funnels(three, three).table["event"].to_list() == ["view → view", "view → buy", "view → buy"]


def test_what_cannot_be_compared_is_refused() -> None:
    data = told(SHOP)
    one = funnel(data, Funnel(("view", "buy")))
    assert compare_funnels(one).table.is_empty()
    with pytest.raises(UsageError, match="different steps"):
        compare_funnels(one, funnel(data, Funnel(("buy", "view"))))
    parted = told("ann 01-05 view x\nann 01-05 buy y").with_by(("plan",))
    with pytest.raises(UsageError, match="another attribution"):
        compare_funnels(funnel(parted, Funnel(("view", "buy"), attribution="all")))
    with pytest.raises(UsageError, match="without segments"):
        compare_funnels(funnel(parted, Funnel(("view", "buy"))), one)


def test_the_strip_says_which_rule_changes_whom() -> None:
    # ann is slow, bob's second try succeeds, cat has only just begun
    log = "ann 01-05T10:00 view\nann 01-08T10:00 buy\nbob 01-05T10:00 view\nbob 01-20T10:00 view\nbob 01-20T11:00 buy"
    data = told(log + "\ncat 01-31T12:00 view\ncat 01-31T13:00 buy", until="02-01")
    found = definition_strip(data, Funnel(("view", "buy")))
    units = {name: part["units"].to_list() for (name,), part in found.table.group_by("definition", maintain_order=True)}
    assert units == {
        ASKED: [3, 3],
        "posthog": [3, 3],
        "mixpanel": [3, 2],
        "amplitude": [3, 2],
        "windowfunnel": [3, 3],
    }
    assert [row[:2] + row[5:] for row in found.reasons.rows()] == [
        ("posthog", "within", 2, 0),  # cat has only just begun; bob's second try is not over yet
        ("posthog", "unripe", 2, 0),
        ("posthog", "time_to_convert", 0, 0),
        ("mixpanel", "within", 1, 1),
        ("mixpanel", "unripe", 1, 0),
        ("mixpanel", "grace", 0, 0),
        ("mixpanel", "attempt", 1, 0),
        ("amplitude", "within", 2, 1),
        ("amplitude", "unripe", 1, 0),
        ("windowfunnel", "unripe", 0, 0),
        ("windowfunnel", "time_to_convert", 0, 1),
    ]


def test_a_window_that_is_asked_for_holds_for_all_systems() -> None:
    data = told("ann 01-05T10:00 view\nann 01-08T10:00 buy")
    found = definition_strip(data, Funnel(("view", "buy"), within="24h"))
    assert "within" not in found.reasons["rule"].to_list()
    assert found.table.filter(pl.col("step") == 2)["units"].to_list() == [0] * 5
    own = definition_strip(data, Funnel(("view", "buy")))
    assert own.table.filter(pl.col("step") == 2)["units"].to_list() == [1, 1, 1, 0, 1]  # only a day in the fourth


def test_each_line_of_the_strip_is_the_funnel_of_that_preset() -> None:
    for seed in range(10):
        log = random_log(seed)
        data, steps = dataset(log.rows, log.observed_until), ("a", "b", "c")
        found = definition_strip(data, Funnel(steps, within="2h", exclude=("x",)))
        for name in ("posthog", "mixpanel", "amplitude", "windowfunnel"):
            alone = funnel(data, Funnel.preset(name, steps, within="2h", exclude=("x",))).table
            line = found.table.filter(pl.col("definition") == name)
            assert line["units"].to_list() == alone["units"].to_list(), (seed, name)
            assert line["median_seconds"].to_list() == alone["median_seconds"].to_list(), (seed, name)


def test_a_preset_gives_up_what_the_question_rules_out() -> None:
    assert Funnel.preset("mixpanel", ("a", "b")).grace == "2s"
    assert Funnel.preset("mixpanel", ("a", "b"), order="strict").grace is None
    assert Funnel.preset("mixpanel", ("a", "b"), ties="strict").grace is None
    strict = definition_strip(told(SHOP), Funnel(("view", "buy"), order="strict"))
    assert "grace" not in strict.reasons["rule"].to_list()
