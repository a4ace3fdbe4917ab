"""Decisions followed: which periods are compared, and how the change stands to what was expected."""

from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest

from kpi_lib.answers import decisions as module
from kpi_lib.answers.change import Change, changes
from kpi_lib.answers.decisions import Decision, expected, follow_up
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.kpis.registry import find
from tests.build import row_of, told

MADE = Decision(
    date=date(2026, 2, 10), decision="Shorter form", type="experience", signal="people leave", owner="growth",
    kpi="orders", expect="+5 %", due=date(2026, 6, 30), look=date(2026, 4, 15), file="2026-02-10-shorter-form",
)  # fmt: skip


def shop(**per_month: int) -> Dataset:
    """So many orders in each month, of twenty customers in turn."""
    months = {"january": 1, "february": 2, "march": 3, "april": 4}
    rows = [
        f"u{at % 20} {months[name]:02}-{1 + at % 28:02} 100" for name, count in per_month.items() for at in range(count)
    ]
    return told(orders="\n".join(rows), until="05-01")


APRIL = parse_period("2026-04", zone="UTC")
SHOP = shop(january=60, february=50, march=70, april=90)


@pytest.mark.parametrize(
    ("day", "base"),
    [
        (date(2026, 2, 1), "2026-01"),
        (date(2026, 2, 10), "2026-01"),
        (date(2026, 2, 28), "2026-01"),
        (date(2026, 3, 1), "2026-02"),
        (date(2026, 4, 1), "2026-03"),
    ],
)  # fmt: skip
def test_the_base_is_the_last_period_over_when_it_was_decided(day: date, base: str) -> None:
    (found,) = follow_up([replace(MADE, date=day)], SHOP, APRIL).followed
    wanted = row_of("orders", SHOP, base)
    assert (found.change.since, found.change.previous, found.value) == (wanted["start"], wanted["value"], 90.0)
    assert found.change == changes(find("orders"), SHOP, APRIL, [parse_period(base, zone="UTC")])[0]


def test_nothing_is_told_before_a_whole_period_has_passed() -> None:
    (found,) = follow_up([replace(MADE, date=date(2026, 4, 2))], SHOP, APRIL).followed
    assert (found.state, found.change.amount) == ("early", None)
    assert found.reason == "the first whole month after it begins on 2026-05-01"
    week = Grid.calendar("week", date(2026, 4, 6), date(2026, 4, 13), zone="UTC")
    (soon,) = follow_up([replace(MADE, date=date(2026, 4, 6))], SHOP, week).followed
    assert (soon.state != "early", soon.change.since) == (True, date(2026, 3, 30))
    first = follow_up([replace(MADE, date=date(2026, 4, 7))], SHOP, week).followed[0]
    assert first.reason == "the first whole week after it begins on 2026-04-13"


def test_decisions_after_the_period_belong_to_a_later_report() -> None:
    later = [replace(MADE, date=date(2026, 5, 1)), replace(MADE, date=date(2026, 4, 30)), MADE]
    found = follow_up(later, SHOP, APRIL)
    assert [each.decision.date for each in found.followed] == [date(2026, 2, 10), date(2026, 4, 30)]
    assert [each.decision.date for each in found.to_look_at] == [date(2026, 2, 10), date(2026, 4, 30)]
    assert follow_up([replace(MADE, look=date(2026, 5, 1))], SHOP, APRIL).to_look_at == ()
    assert follow_up([], SHOP, APRIL).table.columns == found.table.columns


# change, its interval, what was expected -> the word; "+5 %" means at least 0.05
STATES = [
    ((0.20, 0.10, 0.30), "+5 %", "reached"),
    ((0.20, 0.05, 0.35), "+5 %", "reached"),
    ((0.10, 0.01, 0.19), "+5 %", "toward"),
    ((0.10, 0.01, 0.19), "up", "reached"),
    ((0.02, -0.10, 0.14), "+5 %", "open"),
    ((0.02, -0.01, 0.04), "+5 %", "short"),
    ((0.02, -0.01, 0.04), "up", "open"),
    ((-0.20, -0.30, -0.10), "+5 %", "against"),
    ((-0.20, -0.30, -0.10), "-5 %", "reached"),
    ((-0.10, -0.19, -0.01), "-5 %", "toward"),
    ((-0.20, -0.30, -0.10), "down", "reached"),
    ((0.20, 0.10, 0.30), "down", "against"),
    ((0.0, -0.02, 0.02), "-5 %", "short"),
    ((0.20, None, None), "+5 %", "open"),
    ((None, None, None), "+5 %", "unknown"),
]


@pytest.mark.parametrize(("moved", "wanted", "state"), STATES)
def test_a_change_is_judged_by_its_whole_interval(
    moved: tuple[Any, Any, Any], wanted: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "changes", lambda *_: [Change(*moved, points=False, previous=50.0)])
    assert follow_up([replace(MADE, expect=wanted)], SHOP, APRIL).followed[0].state == state


def test_a_planted_rise_is_found() -> None:
    """Of sixty customers about half order in January and nearly all twice in April."""
    draw = Random(3)
    rows = [f"u{user} 01-{draw.randrange(1, 28):02} 100" for user in range(60) if draw.random() < 0.5]
    rows += [
        f"u{user} 04-{draw.randrange(1, 28):02} 100" for user in range(60) for _ in range(draw.choice((1, 2, 2, 2)))
    ]
    data = told(orders="\n".join(rows), until="05-01")
    (found,) = follow_up([replace(MADE, expect="+50 %")], data, APRIL).followed
    assert found.state == "reached"
    (less,) = follow_up([replace(MADE, expect="-50 %")], data, APRIL).followed
    assert less.state == "against"


def test_what_cannot_be_computed_says_why() -> None:
    (found,) = follow_up([replace(MADE, kpi="nps", expect="up")], SHOP, APRIL).followed
    assert (found.state, found.value) == ("unknown", None)
    assert found.reason.startswith("needs the columns ")
    (choice,) = follow_up(
        [replace(MADE, kpi="activation_rate", expect="up")], told("u 02-03 v", until="05-01"), APRIL
    ).followed
    assert (choice.state, "activation_event" in choice.reason) == ("unknown", True)
    (before,) = follow_up([replace(MADE, date=date(2026, 1, 10))], SHOP, APRIL).followed
    assert (before.state, before.reason) == ("unknown", "one of the two periods is not wholly known")


@pytest.mark.parametrize(
    ("text", "kpi", "wanted"),
    [
        ("+5 %", "orders", (1, 0.05)),
        ("-5%", "orders", (-1, -0.05)),
        ("−2.5 points", "user_churn_rate", (-1, -0.025)),
        ("+1 point", "retention_day_7", (1, 0.01)),
        ("+5 points", "nps", (1, 5.0)),
        ("+12.5 %", "arppu", (1, 0.125)),
        (" down ", "orders", (-1, None)),
    ],
)
def test_an_expected_effect_is_read(text: str, kpi: str, wanted: tuple[int, float | None]) -> None:
    assert expected(text, find(kpi)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "kpi", "why"),
    [
        ("+5 %", "retention_day_7", "told in points"),  # five percent or five points: nobody knows
        ("+5 points", "orders", "told in %"),
        ("+5", "orders", "told in %"),
        ("5 %", "orders", "told in %"),
        ("+0 %", "orders", "told in %"),
        ("better", "orders", "told in %"),
        ("+\N{ARABIC-INDIC DIGIT FIVE} %", "orders", "told in %"),
        ("up", "feature_adoption_rate", "has several values"),
        ("up", "revenue_growth_rate", "a change in itself"),
    ],
)
def test_an_effect_that_can_be_misread_is_refused(text: str, kpi: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        expected(text, find(kpi))


def test_what_is_wrong_with_a_decision_is_named_by_key() -> None:
    wrong = replace(MADE, kpi="order", due=date(2026, 2, 10), look=date(2026, 2, 9))
    assert [key for key, _ in wrong.faults()] == ["kpi", "due", "look"]
    assert replace(MADE, expect="much").faults()[0][0] == "expect"
    assert MADE.faults() == []
