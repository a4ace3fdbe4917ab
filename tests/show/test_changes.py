"""How changes and targets are told: no digits that say nothing, no figure twice, no target of other periods unnamed."""

from dataclasses import replace
from datetime import date

from kpi_lib.answers.change import Change
from kpi_lib.answers.targets import TargetStatus
from kpi_lib.core.units import COUNT, RATIO, SHARE
from kpi_lib.kpis.registry import find
from kpi_lib.show.phrases import moved, span_of_change
from kpi_lib.show.tiles import headline, target_of
from tests.show.test_tiles import card, text


def test_a_change_too_small_to_tell_is_not_written_out_in_digits() -> None:
    assert moved(0.0000068, SHARE, points=True) == "<0.01 points"
    assert moved(-0.00004, COUNT, points=False) == "<0.01\u202f%"
    assert moved(0.0001, SHARE, points=True) == "0.01 points"
    assert moved(0.0068, RATIO, points=True) == "0.0068"
    assert span_of_change(-0.00001, 0.02, SHARE, points=True) == "0 to +2.0 points"
    assert span_of_change(0.000031, 0.00004, SHARE, points=True) == "+0.0031 to +0.004 points"


def test_the_headline_tells_one_figure_once_under_whatever_name() -> None:
    whole = card(history=3)
    star = whole.standings[0]
    clear = replace(star, change=Change(-0.2, -0.3, -0.1, False, 10.0))
    twin = replace(clear, kpi=find("mau"), row={**star.row, "kpi": "mau"})
    other = replace(clear, kpi=find("orders"), row={**star.row, "kpi": "orders", "value": 7.0})
    both = headline(replace(whole, standings=(clear, twin, other)))
    assert "Monthly active users" not in text(both)
    assert "Orders fell by 20" in text(both)


def test_a_target_of_other_periods_says_of_which() -> None:
    row = {"value": 120.0, "low": None, "high": None, "start": date(2026, 5, 1), "end": date(2026, 6, 1)}
    aim = TargetStatus(kpi="orders", value=150.0, due=date(2026, 12, 31), status="on_track", every="month", row=row)
    assert target_of(aim, "USD", every="month").phrase == "150 by 31 December 2026"
    assert target_of(aim, "USD", every="week").phrase == "150 a month (May 2026: 120) by 31 December 2026"
