"""The generators are nasty enough, and the oracles keep their laws on what they make."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from .actives import actives
from .cohort import cohort
from .funnel import funnel
from .lifecycle import lifecycle
from .logs import ODD_DAYS, Log, Question, cohorts, funnels, logs, random_cohort, random_funnel, random_log
from .sessions import session_summary, sessions

SEEDS = range(150)
RELAXED = settings(suppress_health_check=list(HealthCheck))


def test_a_seed_is_a_log() -> None:
    assert [random_funnel(seed) for seed in range(20)] == [random_funnel(seed) for seed in range(20)]
    assert random_cohort(3) == random_cohort(3)
    assert random_log(3) != random_log(4)


def test_the_logs_hold_what_goes_wrong_elsewhere() -> None:
    made = [random_log(seed) for seed in range(400)]
    assert {log.zone for log in made} == set(ODD_DAYS)
    assert any(not log.rows for log in made)
    assert any(len({row.unit for row in log.rows}) == 1 for log in made)
    assert sum(len({row[:2] for row in log.rows}) < len(log.rows) for log in made) > 200  # same user and instant
    assert sum(len({row[:4] for row in log.rows}) < len(log.rows) for log in made) > 50  # same event and sequence too
    assert all(log.observed_from <= row.time < log.observed_until for log in made for row in log.rows)


def test_the_questions_reach_every_branch() -> None:
    states: Counter[str] = Counter()
    depths: Counter[int] = Counter()
    for seed in range(400):
        log, question = random_funnel(seed)
        answer = funnel(log.rows, **question)
        states.update(one["state"] for one in answer["units"].values())
        states["tie_sensitive"] += answer["tie_sensitive"]
        depths.update(one["depth"] for one in answer["units"].values())
    assert min(states[name] for name in ("counted", "in_progress", "excluded", "tie_sensitive")) >= 20
    assert set(depths) >= {1, 2, 3, 4}


@pytest.mark.parametrize("seed", SEEDS)
def test_funnel_laws(seed: int) -> None:
    log, question = random_funnel(seed)
    steps = [step.partition("@")[0] for step in question["steps"]]  # which tied row is the second is up to row order
    question |= {"steps": steps, "attempt": "best", "exclude": ()}
    answer = funnel(log.rows, **question)
    assert funnel(Random(seed).sample(log.rows, len(log.rows)), **question) == answer
    units = [step["units"] for step in answer["steps"]]
    assert units == sorted(units, reverse=True)
    assert units[0] + answer["in_progress"] == len(answer["units"])
    if question["within"] is not None:
        chosen = [one for found in answer["units"].values() for one in found["attempts"]]
        assert all(0 <= time - one["entry"] <= question["within"] for one in chosen for time in one["times"])
    ranked = [
        {"order": "strict", "ties": "strict"},
        {"order": "strict", "ties": "any"},
        {"order": "ordered", "ties": "any"},
    ]
    deeper = [funnel(log.rows, **(question | rules))["units"] for rules in ranked]
    for less, more in pairwise(deeper):
        assert all(less[unit]["depth"] <= more[unit]["depth"] for unit in less)


@pytest.mark.parametrize("seed", SEEDS)
def test_cohort_laws(seed: int) -> None:
    log, question = random_cohort(seed)
    answer = cohort(log.rows, **question)
    for one in answer["cohorts"]:
        assert one["cells"][0]["retained"] == one["size"]
        assert all(cell["retained"] <= one["size"] >= cell["eligible"] for cell in one["cells"])
        assert all(cell["complete"] == (cell["eligible"] == one["size"]) for cell in one["cells"])
        eligible = [cell["eligible"] for cell in one["cells"]]
        assert eligible == sorted(eligible, reverse=True)
    assert all(row["retained"] <= row["eligible"] for row in answer["pooled"])


@pytest.mark.parametrize("seed", SEEDS)
def test_actives_sessions_and_lifecycle_agree(seed: int) -> None:
    log = random_log(seed)
    every = ("day", "week", "month")[seed % 3]
    window = {"every": every, "zone": log.zone}
    found = actives(log.rows, observed_from=log.observed_from, observed_until=log.observed_until, **window)
    cycle = lifecycle(log.rows, observed_until=log.observed_until, **window)
    active = {"day": "dau", "week": "wau", "month": "mau"}[every]
    counts = {row["start"]: row[active] for row in found}
    for row in cycle:
        assert counts[row["start"]] in (row["active"], None)
        assert row["active"] == row["new"] + row["returning"] + row["resurrected"]
    assert all(row["stickiness"] is None or 1 / 31 <= row["stickiness"] <= 1 for row in found)
    assert sum(one.events for one in sessions(log.rows)) == len(log.rows)
    assert session_summary(log.rows)["users"] == len({row.unit for row in log.rows})


@RELAXED
@given(funnels())
def test_hypothesis_asks_funnels(case: tuple[Log, Question]) -> None:
    log, question = case
    assert len(funnel(log.rows, **question)["steps"]) == len(question["steps"])


@RELAXED
@given(cohorts())
def test_hypothesis_asks_cohorts(case: tuple[Log, Question]) -> None:
    log, question = case
    assert sum(one["size"] for one in cohort(log.rows, **question)["cohorts"]) <= 7


@RELAXED
@given(logs())
def test_hypothesis_makes_logs(log: Log) -> None:
    assert log.observed_from < log.observed_until
