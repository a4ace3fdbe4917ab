"""Trend, comparison, strip and times of a funnel: said in sentences, drawn at two widths, every figure handed over."""

import json
from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid
from kpi_lib.reporting.notebooks import frames_of
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.funnel_compare import compare_funnels
from kpi_lib.shapes.funnel_strip import definition_strip
from kpi_lib.shapes.funnel_trend import funnel_trend
from kpi_lib.show.blocks import Figure, Say
from kpi_lib.show.faces import faces
from kpi_lib.show.funnel_times import funnel_times
from kpi_lib.show.funnels import definition
from kpi_lib.show.phrases import named, plain
from kpi_lib.show.picture import Picture, drawable
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.show.results import figures, log, logs, visits

STEPS = Funnel(("look", "cart", "buy"), within="24h")
WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 2), zone="UTC")


def results(data: Dataset) -> dict[str, object]:
    weeks = [WEEKS.only(at) for at in (1, 0)]
    optional = Funnel(("look", "cart?", "buy"), within="24h")
    return {
        "trend": funnel_trend(data, STEPS, WEEKS),
        "trend by plan": funnel_trend(data.with_by(("plan",)), STEPS, WEEKS),
        "segments": compare_funnels(funnel(data.with_by(("plan",)), STEPS)),
        "periods": compare_funnels(*(funnel(data, STEPS, grid=week) for week in weeks)),
        "strip": definition_strip(data, Funnel(("cart", "look"))),
        "agreed": definition_strip(data, STEPS),
        "optional": funnel(data, optional),
    }


def handed(result: object, figure: Figure) -> bool:
    """Whether a figure is in the frames that a report hands over: the same row, the same raw value."""
    for frame in frames_of(result):
        rows = frame.filter(pl.col("kpi") == figure.kpi).to_dicts()
        for row in rows:
            same = all(key in row and named(row[key]) == value for key, value in figure.by)
            if same and (not figure.start or str(row["start"]) == figure.start) and figure.field in row:
                value = row[figure.field]
                if value == figure.value or (value is not None and value == pytest.approx(figure.value)):
                    return True
    return False


@pytest.mark.parametrize("name", results(visits()))
def test_every_figure_is_handed_over(name: str) -> None:
    result = results(visits())[name]
    told = list(figures((say(result), table(result))))
    assert len(told) > 3
    assert [figure for figure in told if not handed(result, figure)] == []


def test_figures_of_times_are_handed_over() -> None:
    result = funnel(visits(), STEPS)
    drawn = funnel_times(result)
    assert isinstance(drawn, Picture)
    told = list(figures(drawn.table))
    assert len(told) >= 6
    assert [figure for figure in told if not handed(result, figure)] == []


def text(result: object) -> str:
    shown = say(result)
    assert isinstance(shown, Say)
    return plain(shown.phrase)


def test_the_sentences() -> None:
    found = {name: text(result) for name, result in results(visits()).items()}
    assert "got through" in found["trend"]
    assert "; the two are not distinguishable" in found["trend"]
    assert found["segments"].startswith("Between segments: ")
    assert found["periods"].startswith("The week of 12 January 2026 against the week of 5 January 2026: ")
    assert "by the rules of amplitude" in found["strip"]
    assert found["strip"].count("as asked") == 1
    assert found["agreed"].startswith("All definitions agree: 50.0")
    assert "lost between look and buy" not in found["optional"]  # one way, nothing to choose from


def test_a_clear_difference_is_said_with_its_caution() -> None:
    rows = [(f"u{at}", 0.0, "look", "x" if at % 2 else "y") for at in range(200)]
    rows += [(f"u{at}", 1.0, "buy", "x") for at in range(1, 200, 4)]
    data = log([(user, hours, event, plan) for user, hours, event, plan in rows]).with_by(("plan",))
    found = text(compare_funnels(funnel(data, Funnel(("look", "buy"), within="24h"))))
    assert "x 50.0" in found
    assert "of y, +50 points" in found
    assert found.endswith("What goes together need not cause each other.")


def test_nothing_at_all_is_said_as_such() -> None:
    found = results(log([]))
    assert text(found["trend"]).startswith("No period is over yet in which anybody entered")
    assert text(found["segments"]) == text(found["periods"]) == "There are no two groups with entries to compare."
    assert text(found["strip"]) == "Nobody entered this funnel under any of the definitions."
    assert all(len(faces(result)) == 1 for result in found.values())
    assert funnel_times(funnel(log([]), STEPS)) == Say("Nobody got to the end, so there is no time to tell.")


def test_where_no_two_groups_can_be_compared_no_empty_chart_is_drawn() -> None:
    alone = log([("u", 24.0 * 8, "look", None)])  # entries in one of the two weeks only
    weeks = [WEEKS.only(at) for at in (1, 0)]
    found = compare_funnels(*(funnel(alone, STEPS, grid=week) for week in weeks))
    assert [plain(part.phrase) for part in faces(found)] == ["There are no two groups with entries to compare."]


def test_periods_and_repeated_steps_are_named_as_people_name_them() -> None:
    twice = Funnel(("look@1", "look@2"), within="24h")
    found = compare_funnels(*(funnel(visits(), twice, grid=WEEKS.only(at)) for at in (1, 0)))
    shown = [plain(cell) for row in table(found).rows for cell in row]
    assert shown[:3] == ["the week of 12 January 2026", "1st look → 2nd look", "the week of 5 January 2026"]
    assert definition(funnel(visits(), STEPS, grid=WEEKS.only(1))).endswith("entries of the week of 12 January 2026.")


def test_the_reasons_beside_a_strip_are_figures() -> None:
    found = definition_strip(visits(), Funnel(("cart", "look")))
    told = list(figures(table(found).note))
    assert told
    assert [figure for figure in told if not handed(found, figure)] == []


def test_times_are_of_one_funnel() -> None:
    with pytest.raises(UsageError, match="leave the segments out"):
        funnel_times(funnel(visits().with_by(("plan",)), STEPS))


def test_bars_of_time_are_the_bins() -> None:
    drawn = funnel_times(funnel(visits(), STEPS))
    assert isinstance(drawn, Picture)
    for side in (drawn.wide, drawn.narrow):
        bars = [row for rows in drawable(side)["datasets"].values() for row in rows if "reach" in row]
        assert {row["name"]: row["value"] for row in bars} == {"1 h to 3 h": 20.0}


def test_rarer_rules_are_said() -> None:
    spec = Funnel(("look", "cart?", "buy"), within_step=("1h", None), grace="2s", exclude=("x",), exclusion="unit")
    said = definition(funnel(visits(), spec))
    assert "look → cart (may be left out) → buy" in said
    assert "each step within 1h and any time of the one before" in said
    assert "up to 2s apart" in said
    assert "leaves out whom it happened to" in said
    assert "counted as mixpanel does" in definition(funnel(visits(), Funnel.preset("mixpanel", ("look", "buy"))))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(logs)
def test_faces_take_any_data(data: Dataset) -> None:
    for result in results(data).values():
        for part in faces(result):
            if isinstance(part, Picture):
                assert json.dumps(drawable(part.wide))
                assert part.alt


def test_pairs_of_user_and_value_are_no_users() -> None:
    rows = [
        ("a", 0.0, "look", "free"),
        ("a", 1.0, "look", "pro"),
        ("a", 2.0, "cart", "pro"),
        ("b", 0.0, "look", "free"),
    ]
    held = funnel(log(rows), Funnel(("look", "cart"), hold="plan"))
    assert "33.3\u202f% of 3 pairs of user and plan got from look to cart" in plain(say(held).phrase)
