"""Alarms in one series: what is planted is found when and as what it was planted, and chance hardly ever gives one."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from kpi_lib.answers.alarms import CREEP, RULES, SHIFT, SUDDEN, Look, Series, watch

WEEKDAYS = np.array([1.2, 1.2, 1.15, 1.1, 1.0, 0.65, 0.65])


def far(observed: float, expected: float, part: float) -> bool:
    return abs(observed - expected) >= part * abs(expected)


def of(values: np.ndarray) -> Series:
    return Series([float(x) for x in np.log(values)], None, 0.0, math.exp, far)


def steady(every: str, count: int, seed: int, *, alike: float = 0.0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    noise = chance.normal(0, 1, count)
    for at in range(1, count):
        noise[at] = alike * noise[at - 1] + math.sqrt(1 - alike**2) * noise[at]
    season = WEEKDAYS[np.arange(count) % 7] if every == "day" else 1.0
    return 1_000 * season * np.exp(0.04 * noise)


def hits(looks: list[Look]) -> list[Look]:
    return [look for look in looks if look.hit]


@pytest.mark.parametrize("every", ["day", "week", "month", "quarter"])
def test_a_drop_is_found_in_its_period(every: str) -> None:
    x, at = steady(every, 90, 1), 80
    x[at] *= 0.6
    found = hits(watch(of(x), every, 70))
    assert [(look.kind, look.at) for look in found if look.kind == SUDDEN] == [(SUDDEN, at)]
    assert found[0].observed < found[0].low < found[0].expected < found[0].high


@pytest.mark.parametrize("every", ["day", "week", "month"])
def test_a_new_level_is_found_and_then_usual(every: str) -> None:
    x, at = steady(every, 110, 2), 70
    x[at:] *= 1.3
    found = hits(watch(of(x), every, 60))
    level = next(look for look in found if look.kind == SHIFT)
    assert level.since in (at, at - 1)
    assert level.observed / level.expected == pytest.approx(1.3, abs=0.1)
    assert [look.at for look in found if look.at > level.at + 2 and look.kind != CREEP] == []


def test_a_weak_level_that_no_single_period_shows() -> None:
    x, at = steady("week", 80, 3), 60
    x[at:] *= 1.22
    found = hits(watch(of(x), "week", 50))
    assert SHIFT in {look.kind for look in found}
    assert all(look.at >= at for look in found)


@pytest.mark.parametrize("every", ["week", "month"])
def test_a_creep_is_a_creep(every: str) -> None:
    x = steady(every, 40, 4) * np.exp(0.03 * np.arange(40))
    found = hits(watch(of(x), every, 39))
    assert [look.kind for look in found] == [CREEP]
    assert found[0].observed > 1.2 * found[0].expected


def test_growth_gives_no_drop_and_no_jump() -> None:
    x = steady("month", 40, 5) * np.exp(0.05 * np.arange(40))
    assert {look.kind for look in hits(watch(of(x), "month", 20))} <= {CREEP}


def test_growth_that_slackens_is_no_fall() -> None:
    x = steady("month", 44, 5) * np.exp(0.08 * np.minimum(np.arange(44), 20))
    found = hits(watch(of(x), "month", 21))
    assert SHIFT not in {look.kind for look in found}
    assert len(found) <= 1  # where it leaves its trend, once, and not every few months again


def test_a_new_level_is_told_by_what_was_seen() -> None:
    x, at = steady("month", 30, 11) * np.exp(0.02 * np.arange(30)), 24
    x[at:] *= 0.6
    level = next(look for look in hits(watch(of(x), "month", 20)) if look.kind == SHIFT)
    seen = np.exp(np.log(x[level.at - 2 : level.at + 1]).mean())
    assert level.observed == pytest.approx(seen)
    assert level.observed < level.low < level.expected < level.high


def test_a_creep_is_told_by_what_was_seen_at_both_ends() -> None:
    """A start from nothing: a line through it would begin below what ever was."""
    x = (2 + 9 * np.arange(24)) * np.exp(0.02 * np.random.default_rng(3).normal(size=24))
    series = Series([2 * math.sqrt(v) for v in x], [1.0] * 24, 1.0, lambda z: (z / 2) ** 2, far)
    (creep,) = [look for look in hits(watch(series, "month", 23)) if look.kind == CREEP]
    seen = x[creep.since :]
    assert creep.expected == pytest.approx(np.median(seen[:3]), rel=0.05)
    assert creep.observed == pytest.approx(np.median(seen[-3:]), rel=0.05)


def test_weekends_are_no_drops() -> None:
    assert hits(watch(of(steady("day", 200, 6)), "day", 70)) == []


def test_an_odd_period_does_not_hide_the_next_one() -> None:
    x = steady("week", 60, 7)
    x[45], x[52] = x[45] * 0.3, x[52] * 0.6
    assert [look.at for look in hits(watch(of(x), "week", 40)) if look.kind == SUDDEN] == [45, 52]


def test_too_short_a_history_says_nothing() -> None:
    assert watch(of(steady("month", 8, 8)), "month", 7) == []
    assert watch(of(steady("month", 9, 8)), "month", 8) != []


def test_what_comes_later_does_not_change_what_was_said() -> None:
    x = steady("week", 70, 9)
    x[50:] *= 0.7
    now = [look for look in watch(of(x[:60]), "week", 40) if look.kind != CREEP and look.at < 59]
    later = [look for look in watch(of(x), "week", 40) if look.kind != CREEP and look.at < 59]
    assert now == later


def test_small_moves_are_not_told_however_clear() -> None:
    x = 1_000 * np.exp(0.001 * np.random.default_rng(1).normal(size=60))
    x[50] *= 1.04
    assert hits(watch(of(x), "week", 40)) == []
    x[50] *= 1.04
    assert [look.at for look in hits(watch(of(x), "week", 40))] == [50]


def false_alarms(every: str, draw: Callable[[int, int], Series], series: int) -> float:
    """Alarms per series and year in which nothing happened; those in a row are one."""
    rules, count = RULES[every], 0
    year = round(rules.a_year)
    for seed in range(series):
        found = hits(watch(draw(2 * rules.window + year, seed), every, 2 * rules.window))
        told = sorted({look.at for look in found})
        count += sum(at - 1 not in told for at in told)
    return count / series


def counts(every: str, mean: float) -> Callable[[int, int], Series]:
    def draw(count: int, seed: int) -> Series:
        season = WEEKDAYS[np.arange(count) % 7] if every == "day" else 1.0
        x = np.random.default_rng(seed).poisson(mean * season, count)
        roots = [2 * math.sqrt(v + 0.375) for v in x]
        return Series(
            roots, [1.0] * count, 1.0, lambda z: (max(z, 0) / 2) ** 2 - 0.375, lambda a, b, _: abs(a - b) >= 5
        )

    return draw


def shares(true: float) -> Callable[[int, int], Series]:
    def draw(count: int, seed: int) -> Series:
        chance = np.random.default_rng(seed)
        n = chance.poisson(300, count)
        p = (chance.binomial(n, true) + 0.375) / (n + 0.75)
        arcs = [2 * math.asin(math.sqrt(v)) for v in p]
        return Series(arcs, [1 / math.sqrt(v) for v in n], 1.0, lambda z: math.sin(max(z, 0) / 2) ** 2, far)

    return draw


def amounts(every: str, alike: float = 0.0) -> Callable[[int, int], Series]:
    return lambda count, seed: of(steady(every, count, seed, alike=alike))


STATIONARY = {
    "counts by month": ("month", counts("month", 40)),
    "few by month": ("month", counts("month", 3)),
    "shares by month": ("month", shares(0.1)),
    "amounts by month": ("month", amounts("month")),
    "alike by month": ("month", amounts("month", 0.3)),
    "counts by week": ("week", counts("week", 40)),
    "shares by week": ("week", shares(0.1)),
    "amounts by week": ("week", amounts("week")),
    "counts by day": ("day", counts("day", 60)),
    "amounts by day": ("day", amounts("day")),
}


@pytest.mark.parametrize("name", ["amounts by month", "counts by week", "shares by month"])
def test_chance_gives_at_most_a_tenth_of_an_alarm_a_year(name: str) -> None:
    """150 series here, 1,000 in the slow suite: the mean of so many may be above 0.1 by three standard errors."""
    every, draw = STATIONARY[name]
    assert false_alarms(every, draw, 150) <= 0.1 + 3 * math.sqrt(0.1 / 150)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATIONARY)
def test_chance_gives_at_most_a_tenth_of_an_alarm_a_year_over_a_thousand_series(name: str) -> None:
    every, draw = STATIONARY[name]
    assert false_alarms(every, draw, 1_000 if every == "month" else 300) <= 0.1 + 2 * math.sqrt(0.1 / 300)


@pytest.mark.slow
def test_a_scorecard_of_fifteen_gives_less_than_an_alarm_a_month() -> None:
    """Fifteen figures of all kinds and grids, a year of each in forty shops where nothing happens."""
    draws = [draw for draw in STATIONARY.values() for _ in range(2)][:15]
    a_year = sum(false_alarms(every, draw, 40) for every, draw in draws)
    assert a_year / 12 <= 1
    assert a_year <= 15 * 0.1 + 3 * math.sqrt(15 * 0.1 / 40)
