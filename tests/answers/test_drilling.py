"""The clear changes of an agenda, taken apart: the parts add up to the change, and a planted source is found."""

from dataclasses import replace
from typing import Any

from kpi_lib.answers.change import Change
from kpi_lib.answers.contributions import contributions
from kpi_lib.answers.drilling import drill_down
from kpi_lib.answers.review import review
from kpi_lib.answers.scorecard import Scorecard, Standing, scorecard
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import parse_period
from kpi_lib.show.faces import faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.render import html
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_review import NONE, STILL, UP
from tests.build import told

MARCH = parse_period("2026-03", zone="UTC")
# in March ten new people of the plan free come beside the eight of each plan that came in February
LINES = [f"{plan}{at} 0{month}-05 a {plan}" for plan in ("free", "pro") for at in range(8) for month in (2, 3)]
DATA = told("\n".join([*LINES, *(f"new{at} 03-06 a free" for at in range(10))]), until="04-01")


def card(data: Dataset = DATA, **moves: Any) -> Scorecard:  # noqa: ANN401 - of a KPI: change and year's change
    """A scorecard whose changes are told."""
    board = scorecard(data, ["mau", "new_users"], MARCH)

    def changed(each: Standing) -> Standing:
        change, year = moves.get(each.kpi.name, (STILL, STILL))
        return replace(each, change=change, year=year)

    return replace(board, standings=tuple(map(changed, board.standings)))


def test_the_planted_segment_is_found_and_the_parts_add_up() -> None:
    found = drill_down(review(card(mau=(UP, STILL)), NONE, product={}), DATA, MARCH)
    (move,) = found.moves
    rows = found.table.to_dicts()
    assert (rows[0]["of"], rows[0]["column"], rows[0]["segment"], rows[0]["effect"]) == ("mau", "plan", "free", 10.0)
    assert sum(row["effect"] for row in rows) == rows[0]["change"] == 10.0
    assert not move.yearly
    assert found.to_dict()["moves"][0]["kpi"] == "mau"
    sentence, line, segments = faces(found)
    assert html(sentence).text.endswith("</strong>; in 1 of them one segment stands out.</p>")
    assert "Mostly from plan free" in html(line).text
    assert [plain(cell) for cell in segments.rows[0]] == ["free", "8", "18", "+10"]
    assert len(table(found).rows) == 2


def test_what_stayed_within_chance_is_left_alone_and_the_year_counts_too() -> None:
    still = drill_down(review(card(), NONE, product={}), DATA, MARCH)
    assert still.moves == ()
    assert "nothing to take apart" in plain(say(still).phrase)
    yearly = drill_down(review(card(mau=(STILL, UP)), NONE, product={}), DATA, MARCH)
    assert [(move.standing.kpi.name, move.yearly) for move in yearly.moves] == [("mau", True)]
    assert yearly.table.is_empty()  # nobody was there a year before
    assert "No segment stands out." in html(faces(yearly)[1]).text


def test_people_who_changed_their_plan_explain_no_growth() -> None:
    """All twelve went from old to new and four more came: new has +16 of +4, and says nothing about why."""
    lines = [f"u{at} 02-05 a old" for at in range(12)] + [f"u{at} 03-05 a new" for at in range(16)]
    data = told("\n".join(lines), until="04-01")
    found = drill_down(review(card(data, mau=(UP, STILL)), NONE, product={}), data, MARCH)
    assert [move.source for move in found.moves] == [None]
    divided = contributions("mau", data, MARCH.before(), MARCH, column="plan")
    assert divided is not None
    assert divided.table["effect"].to_list() == [16.0, -12.0]


def test_a_part_larger_than_the_change_says_that_others_took_from_it() -> None:
    """Free lost eight of sixteen, pro gained three of eight: minus eight makes minus five with the others."""
    lines = [
        f"{plan}{at} 0{month}-05 a {plan}"
        for plan, old, new in (("free", 16, 8), ("pro", 8, 11))
        for month, n in ((2, old), (3, new))
        for at in range(n)
    ]
    data = told("\n".join(lines), until="04-01")
    found = drill_down(review(card(data, mau=(UP, STILL)), NONE, product={}), data, MARCH)
    assert [row["effect"] for row in found.table.to_dicts()] == [-8.0, 3.0]
    assert "Mostly from plan free: −8, with the others −5." in plain(faces(found)[1].phrase)


def test_an_unknown_change_is_none() -> None:
    unknown = Change(None, None, None, points=False, previous=None)
    assert drill_down(review(card(mau=(unknown, None)), NONE, product={}), DATA, MARCH).moves == ()
