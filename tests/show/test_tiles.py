"""What stands on top of a report and in its tiles: the changes, the targets, what is missing."""

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from kpi_lib.answers.change import Change
from kpi_lib.answers.scorecard import Scorecard, scorecard
from kpi_lib.core.period import parse_period
from kpi_lib.show.blocks import Headline, Say
from kpi_lib.show.phrases import plain
from kpi_lib.show.tiles import headline, tiles
from tests.show.results import shop

SHOP = ("orders", "total_revenue", "average_order_value", "repeat_purchase_rate", "new_customers")
JUNE = parse_period("2026-06", zone="UTC")


def text(shown: Say | Headline) -> str:
    return plain(shown.phrase) if isinstance(shown, Say) else " | ".join(plain(each) for each in shown.sentences)


def card(**more: object) -> Scorecard:
    return scorecard(shop(), SHOP, JUNE, north_star="active_customers", **more)  # type: ignore[arg-type]


@cache
def plain_card() -> Scorecard:
    return card()


def with_change(change: Change, kpi: str = "active_customers") -> Scorecard:
    whole = plain_card()
    changed = [replace(each, change=change) if each.kpi.name == kpi else each for each in whole.standings]
    return replace(whole, standings=tuple(changed))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(0.012, -0.05, 0.08, False, 10.0), "within what chance gives (−5.0 to +8.0\u202f%)"),
        (Change(-0.2, -0.3, -0.1, False, 10.0), "fell by 20\u202f% to"),
        (Change(0.2, 0.1, 0.3, False, 10.0), "more than chance gives (+10 to +30\u202f%)"),
        (Change(0.2, None, None, False, 10.0), "how much of that is chance cannot be told"),
        (Change(0.0, None, None, False, 10.0), ", as in May 2026"),
        (Change(None, None, None, False, None), "cannot be compared yet"),
    ],
)
def test_a_change_is_told_with_what_chance_gives(change: Change, words: str) -> None:
    assert words in plain(headline(with_change(change)).sentences[0])


def test_the_clearest_mover_comes_second() -> None:
    moving = with_change(Change(0.5, 0.4, 0.6, False, 10.0), "orders")
    assert "Orders rose by 50\u202f%" in plain(headline(moving).sentences[1])
    still = Change(0.01, -0.1, 0.12, False, 10.0)
    quiet = replace(moving, standings=tuple(replace(each, change=still) for each in moving.standings))
    assert "Nothing else moved clearly" in plain(headline(quiet).sentences[1])


def test_tiles_colour_only_clear_changes_and_say_what_is_better() -> None:
    churn = with_change(Change(0.5, 0.4, 0.6, False, 10.0), "orders")
    tones = {each.label: each.change.tone for each in tiles(churn).tiles if each.change}
    assert tones["Orders"] == "good"
    quiet = with_change(Change(0.5, -0.4, 1.6, False, 10.0), "orders")
    assert {each.label: each.change.tone for each in tiles(quiet).tiles if each.change}["Orders"] == "plain"


@pytest.mark.parametrize(
    ("target", "state"),
    [
        ({"value": 1}, "met"),
        ({"value": 9999, "due": date(2026, 6, 30)}, "missed"),
        ({"value": 9999, "due": date(2027, 1, 1)}, "cannot_tell"),
        ({"value": 9999}, "cannot_tell"),
    ],
)
def test_a_target_that_is_not_due_is_not_missed(target: dict[str, object], state: str) -> None:
    whole = card(targets=[{"kpi": "orders", **target}])
    tile = next(each for each in tiles(whole).tiles if each.label == "Orders")
    assert tile.target is not None
    assert tile.target.state == state


def test_a_target_of_months_beside_a_quarter_says_so() -> None:
    aims = [{"kpi": "orders", "value": 30, "due": date(2026, 6, 30)}]
    quarter = scorecard(shop(), ["orders"], parse_period("2026-Q2", zone="UTC"), targets=aims)
    (wide,), (month,) = (tiles(each).tiles for each in (quarter, scorecard(shop(), ["orders"], JUNE, targets=aims)))
    assert wide.target is not None
    assert month.target is not None
    assert (wide.target.phrase, month.target.phrase) == (
        "30 a month (June 2026: 15) by 30 June 2026",
        "30 by 30 June 2026",
    )


def test_two_kpis_that_come_to_the_same_are_told_once() -> None:
    rise = Change(0.5, 0.4, 0.6, False, 10.0)
    double = with_change(rise)
    (star,) = [each for each in double.standings if each.kpi.name == "active_customers"]
    same = {name: star.row[name] for name in ("value", "low", "high", "n")}
    twins = [replace(each, row=each.row | same, change=rise) for each in double.standings]
    assert text(headline(replace(double, standings=tuple(twins)))).count("rose by") == 1


def test_what_cannot_be_told_has_a_name_and_doubtful_targets_come_first() -> None:
    still = Change(0.01, -0.1, 0.12, False, 10.0)
    quiet = replace(plain_card(), standings=tuple(replace(each, change=still) for each in plain_card().standings))
    assert "1 figure cannot be told from these data: Net promoter score." in text(
        headline(replace(quiet, left_out={"nps": "needs surveys.score"}))
    )
    aims = card(targets=[{"kpi": "orders", "value": 10**6, "due": date(2026, 12, 31)}]).standings
    doubtful = [replace(each, change=still, aim=each.aim and replace(each.aim, status="at_risk")) for each in aims]
    assert "1 of 1 target at risk: Orders." in text(headline(replace(quiet, standings=tuple(doubtful))))
