"""Charts show the right fields in both widths, say their finding, and draw anything the data hold."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import altair as alt
import polars as pl
import pytest
from altair.utils.schemapi import SchemaValidationError
from hypothesis import Phase, given, settings

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.answers.intake import intake
from kpi_lib.answers.scorecard import scorecard
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.core.units import COUNT, MONEY, RATIO, SCORE, SECONDS, SHARE
from kpi_lib.shapes.adoption import adoption
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.engagement import habits
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.lifecycle import daily_states, lifecycle
from kpi_lib.shapes.paths import paths
from kpi_lib.show import theme
from kpi_lib.show.blocks import Table, Tile
from kpi_lib.show.canvas import DESK, PHONE, marks_of, round_scale, spread
from kpi_lib.show.charts import chart
from kpi_lib.show.charts_line import Lines, line_chart, points_of
from kpi_lib.show.charts_rank import Ranks, Row, rank_chart
from kpi_lib.show.charts_stack import Stack, stack_chart
from kpi_lib.show.charts_star import north_star
from kpi_lib.show.charts_values import values_pictures
from kpi_lib.show.charts_waterfall import Fall, waterfall_picture
from kpi_lib.show.picture import Picture, drawable
from kpi_lib.show.stills import still
from tests.build import told
from tests.shapes.test_adoption import CROWD, FOUR
from tests.show.results import HOSTILE, log, logs, shop, visits

MONTHS = Grid.calendar("month", date(2026, 1, 1), date(2026, 7, 1), zone="UTC")
WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 2), zone="UTC")
JUNE = parse_period("2026-06", zone="UTC")
FALLS = (Fall("begun", 5, "5", total=True), Fall("lost", -2, "2"))
STEPS = Funnel(("look", "cart", "buy"), within="24h")


def walk(part: object) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from walk(value)
    elif isinstance(part, list):
        for each in part:
            yield from walk(each)


def specs(picture: Picture) -> list[dict[str, Any]]:
    assert picture.narrow is not None
    return [drawable(picture.wide), drawable(picture.narrow)]


def data_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for rows in spec["datasets"].values() for row in rows]


def pictures() -> dict[str, Picture]:
    data = visits()
    return {
        "funnel": chart(funnel(data, STEPS)),
        "split": chart(funnel(data.with_by(("plan",)), STEPS)),
        "cohort": chart(cohorts(data, Cohorts(grain="week"))),
        "actives": chart(actives(data, WEEKS)),
        "lifecycle": chart(lifecycle(data)),
        "lifecycle split": chart(lifecycle(data.with_by(("plan",)))),
        "states": chart(daily_states(data)),
        "paths": chart(paths(data)),
        "habits": chart(habits(data)),
        "actives split": chart(actives(data, WEEKS, ["plan"])),
        "series": chart(compute("average_order_value", shop(), MONTHS)),
        "ranked": chart(compute("goal_conversion_rate", data, parse_period("2026-01", zone="UTC"), ["plan"])),
        "star": chart(scorecard(shop(), ["orders"], JUNE, north_star="active_customers")),
        "adoption": chart(adoption(told(CROWD, features=FOUR), parse_period("2026-W02", zone="UTC"))),
        "waterfall": waterfall_picture(
            FALLS, alt="Two of the five that were there at first are lost.", table=Table(title="", columns=(), rows=())
        ),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, Picture]:
    return pictures()


def test_every_chart_has_two_widths_a_finding_and_figures(drawn: dict[str, Picture]) -> None:
    for name, picture in drawn.items():
        assert len(picture.alt) > 30, name
        assert picture.table is not None, name
        for spec, most in zip(specs(picture), (theme.WIDE, theme.NARROW), strict=True):
            drawing = still(spec)
            width = float(drawing.split('width="')[1].split('"')[0])
            assert width <= most + 6, (name, width)


def test_every_chart_keeps_to_the_schema_of_vega_lite(drawn: dict[str, Picture]) -> None:
    for picture in drawn.values():
        for each in (picture.wide, picture.narrow):
            assert each is not None
            each.to_dict(validate=True)  # raises where it does not
    with pytest.raises(SchemaValidationError, match="no such mark"):
        alt.Chart({"values": []}, mark="no such mark").to_dict(validate=True)


def test_no_chart_lets_altair_look_for_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(*_: object, **__: object) -> None:
        raise AssertionError(
            "a channel is given as text or as a plain value: each costs some 10 ms more than alt.Text and the like"
        )

    monkeypatch.setattr(alt.utils.schemapi.SchemaBase, "from_dict", looks)
    assert all(specs(picture) for picture in pictures().values())
    with pytest.raises(AssertionError, match="a channel"):
        alt.Chart().mark_bar().encode(x="a:Q")


def test_only_colours_of_the_theme_are_used(drawn: dict[str, Picture]) -> None:
    known = {colour.lower() for colour in theme.swaps()}
    for name, picture in drawn.items():
        for spec in specs(picture):
            layers = json.dumps({key: value for key, value in spec.items() if key not in ("config", "datasets")})
            used = {f"#{part[:6]}".lower() for part in layers.split('"#')[1:]}
            assert used <= known, name


def test_no_text_is_smaller_than_eleven_pixels(drawn: dict[str, Picture]) -> None:
    for picture in drawn.values():
        for spec in specs(picture):
            sizes = [value for key, value in walk(spec) if key in ("fontSize", "labelFontSize", "titleFontSize")]
            assert min(sizes) >= 11


def test_no_instant_reaches_a_chart(drawn: dict[str, Picture]) -> None:
    for name, picture in drawn.items():
        for spec in specs(picture):
            assert "temporal" not in {value for key, value in walk(spec) if key == "type"}, name
            assert not any("T00:00" in str(value) for row in data_of(spec) for value in row.values()), name


def test_nothing_newer_than_the_lab_can_draw_is_used(drawn: dict[str, Picture]) -> None:
    import vl_convert

    for picture in drawn.values():
        for spec in specs(picture):
            assert "<svg" in vl_convert.vegalite_to_svg(spec, vl_version="5.8", allowed_base_urls=[])


def test_the_funnel_has_a_bar_for_each_step(drawn: dict[str, Picture]) -> None:
    rows = {row["name"]: row for row in data_of(specs(drawn["funnel"])[0]) if "beside" in row}
    assert [row["text"] for row in rows.values()] == ["40", *(f"{row['value']:.0f}" for row in list(rows.values())[1:])]
    assert "of the step before" in rows["cart"]["beside"]
    scales = [value for key, value in walk(specs(drawn["funnel"])[0]) if key == "scale" and "domain" in value]
    assert all(scale["domain"][0] == 0 for scale in scales)


def test_lines_start_at_zero_and_end_in_a_label(drawn: dict[str, Picture]) -> None:
    spec = specs(drawn["series"])[0]
    scales = [v for k, v in walk(spec) if k == "scale" and "domain" in v and isinstance(v["domain"][0], int | float)]
    assert scales
    assert all(scale["domain"][0] == 0 for scale in scales)
    assert any(str(row.get("text", "")).startswith("$") for row in data_of(spec))


def test_what_is_lost_stands_below_the_line(drawn: dict[str, Picture]) -> None:
    rows = [row for row in data_of(specs(drawn["lifecycle"])[0]) if "series" in row]
    table = lifecycle(visits()).table
    for word, column, sign in (
        ("New", "new", 1),
        ("Stayed", "returning", 1),
        ("Came back", "resurrected", 1),
        ("Gone", "dormant", -1),
    ):
        assert [row["value"] for row in rows if row["series"] == word] == [sign * n for n in table[column]]


def test_an_axis_begins_where_the_data_do() -> None:
    longer = Grid.calendar("week", date(2025, 11, 3), date(2026, 3, 2), zone="UTC")
    flows = lifecycle(visits(), grid=longer)
    for picture in (chart(actives(visits(), longer)), chart(flows), chart(compute("wau", visits(), longer))):
        for spec in specs(picture):
            places = [v["domain"] for k, v in walk(spec) if k == "scale" and isinstance(v, dict) and "domain" in v]
            times = [each for each in places if str(each[0]).startswith("20")]
            assert times
            assert {each[0] for each in times} <= {"2025-12-29", "2026-01-05"}
    before = [row for row in data_of(specs(chart(flows))[0]) if str(row.get("at")) < "2025-12"]
    assert {row["value"] for row in before} == {None}  # not known is not zero


def test_money_lost_has_its_minus_and_people_lost_have_none() -> None:
    bars: list[dict[str, object]] = [
        {"at": "2026-01", "series": "a", "value": sign * 400.0, "open": False, "told": ""} for sign in (1, -1)
    ]
    for unit, below in ((MONEY, "−$400"), (COUNT, "400")):
        drawn = stack_chart(Stack(bars=bars, at=("2026-01",), colours={"a": "#000000"}, unit=unit), DESK)
        assert next(words for words in _axis_texts(drawn.to_dict()) if "400" in words) == below


def _axis_texts(spec: dict[str, Any]) -> list[str]:
    (labels,) = [value for key, value in walk(spec["encoding"]["y"]) if key == "labelExpr"]
    return re.findall(r"'([^']*)'", labels)


def test_an_axis_keeps_no_room_for_bands_that_are_not_drawn() -> None:
    rows = [
        {"at": at, "series": name, "value": 4.0, "low": 0.0, "high": 90.0, "open": False, "told": ""}
        for name in "abc"
        for at in ("1", "2")
    ]
    tops = []
    for kept in (rows, rows[:4]):
        lines = Lines(points=points_of(kept), at=("1", "2"), unit=COUNT, colours={"a": "#000000"})
        scales = [
            v for k, v in walk(drawable(line_chart(lines, DESK))) if k == "scale" and v.get("domain", [""])[0] == 0
        ]
        tops.append({scale["domain"][1] for scale in scales})
    assert tops == [{4}, {100}]


def test_bands_fill_the_bars_they_join(drawn: dict[str, Picture]) -> None:
    spec = specs(drawn["paths"])[0]
    bars = {(round(r["x"], 6), round(r["y"], 6)): r for r in data_of(spec) if "ours" in r and r["y2"] > r["y"]}
    ends: dict[float, float] = {}
    for row in (r for r in data_of(spec) if "band" in r):
        ends[round(row["x"], 6)] = ends.get(round(row["x"], 6), 0.0) + row["y2"] - row["y"]
    first = min(row["x"] for row in bars.values())
    for x in {row["x"] for row in bars.values() if row["x"] > first}:
        assert ends[round(x, 6)] == pytest.approx(sum(r["y2"] - r["y"] for r in bars.values() if r["x"] == x))


def test_a_period_that_is_not_over_is_hollow() -> None:
    year = Grid.calendar("month", date(2026, 1, 1), date(2026, 8, 1), zone="UTC")
    early = replace(shop(), observed_until=JUNE.starts[0].replace(day=20))
    spec = specs(chart(compute("orders", early, year)))[0]
    assert any(value == theme.LIGHT.paper for key, value in walk(spec) if key == "fill")
    assert any(row.get("open") for row in data_of(spec))


def test_more_than_six_segments_turn_grey() -> None:
    data = log([(f"u{at}-{k}", at * 20.0, "look", f"plan {k}") for at in range(40) for k in range(9)])
    picture = chart(compute("dau", data, WEEKS, ["plan"]))
    colours = [value for key, value in walk(specs(picture)[0]) if key == "range" and len(value) == 9]
    assert colours[0].count(theme.LIGHT.ghost) == 3
    assert "Grey: 3 smaller segments." in str(picture.note)
    assert any(row.get("text") == "(other)" for row in data_of(specs(picture)[0]))


def test_a_segment_keeps_its_colour_whoever_is_larger() -> None:
    found = []
    for sizes in ({"app": 30, "web": 9}, {"app": 9, "web": 30}):
        data = log([(f"{n}{at}", at * 20.0, "look", n) for n, size in sizes.items() for at in range(size)])
        spec = specs(chart(compute("dau", data, WEEKS, ["plan"])))[0]
        scale = next(value for key, value in walk(spec) if key == "scale" and "app" in value.get("domain", []))
        found.append(dict(zip(scale["domain"], scale["range"], strict=True)))
    assert found[0] == found[1]
    assert found[0]["app"] != found[0]["web"]


def test_the_north_star_stands_beside_its_tile() -> None:
    picture = north_star(scorecard(shop(), ["orders"], JUNE, north_star="active_customers"))
    assert isinstance(picture, Picture)
    assert isinstance(picture.tile, Tile)
    assert north_star(scorecard(shop(), ["orders"], JUNE)) is None
    assert isinstance(north_star(scorecard(shop(), ["orders"], JUNE, north_star="orders", history=1)), Tile)


@pytest.mark.parametrize("names", [["dau", "wau"], ["total_revenue"]])
def test_what_cannot_be_one_chart_is_refused_in_words(names: list[str]) -> None:
    with pytest.raises(UsageError, match=r"one chart shows one KPI|nothing to draw"):
        chart(compute(names, visits(), WEEKS))


def test_a_result_without_a_chart_is_refused() -> None:
    with pytest.raises(TypeError, match="Intake is no result that has a chart"):
        chart(intake(shop(), JUNE))
    with pytest.raises(UsageError, match="north star"):
        chart(scorecard(shop(), ["orders"], JUNE))


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ([0.0, 3000.0], COUNT, ("0", "1,000", "2,000", "3,000")),
        ([0.05, 0.2], SHARE, ("0\u202f%", "5\u202f%", "10\u202f%", "15\u202f%", "20\u202f%")),
        ([1.2, 4.4], SCORE, ("0", "1", "2", "3", "4", "5")),
        ([None], RATIO, ("0", "0.25", "0.5", "0.75", "1")),
        ([0.0, 60.0], MONEY, ("$0", "$20", "$40", "$60")),
        ([-0.4, 0.4], SHARE, ("−40\u202f%", "−20\u202f%", "0\u202f%", "20\u202f%", "40\u202f%")),
        ([7200.0, 14400.0], SECONDS, ("0 h", "1 h", "2 h", "3 h", "4 h")),
    ],
)
def test_axes_are_round(values: list[float | None], unit: Any, texts: tuple[str, ...]) -> None:  # noqa: ANN401
    assert round_scale(values, unit).texts == texts


def test_a_currency_cannot_leave_its_axis() -> None:
    label = round_scale([5.0], MONEY, currency="X' + datum + '").label()
    assert "' + datum" not in label


def test_labels_never_cover_each_other() -> None:
    moved = spread({"a": 99.0, "b": 98.0, "c": 0.0}, gap=15, top=100)
    places = sorted(moved.values())
    assert places[-1] <= 100
    assert all(later - earlier >= 15 for earlier, later in pairwise(places))
    assert marks_of(["a"], 4) == ["a"]


@pytest.mark.parametrize("layout", [DESK, PHONE])
@pytest.mark.parametrize("dots", [False, True])
def test_hostile_names_are_drawn_as_text(layout: Any, dots: bool) -> None:  # noqa: ANN401
    rows = tuple(
        Row(name=name, value=0.1 * at, text=f"{at}", beside=name, low=0.0, high=1.0) for at, name in enumerate(HOSTILE)
    )
    drawing = still(drawable(rank_chart(Ranks(rows=rows, dots=dots), layout)))
    assert "<script" not in drawing
    frame = points_of(
        [
            {"at": str(at), "series": name, "value": value, "low": None, "high": None, "open": False, "told": name}
            for name in HOSTILE
            for at, value in enumerate((1.0, float("nan"), 2.0))
        ]
    )
    lines = Lines(points=frame, at=("0", "1", "2"), unit=RATIO, colours={HOSTILE[0]: theme.LIGHT.accent})
    assert "<script" not in still(drawable(line_chart(lines, layout)))


@settings(max_examples=settings.default.max_examples // 8, phases=[Phase.generate])  # drawing is too slow to shrink by
@given(logs)
def test_any_log_can_be_drawn(data: Dataset) -> None:
    split = data.with_by(("plan",))
    for seen in (data, split):
        for result in (
            funnel(seen, STEPS),
            cohorts(seen, Cohorts(grain="week")),
            lifecycle(seen),
            actives(data, WEEKS, seen.by),
        ):
            if not result.table.is_empty():
                assert "<script" not in still(drawable(chart(result).wide))


def test_an_empty_result_still_draws() -> None:
    empty = cohorts(log([]), Cohorts())
    assert isinstance(chart(empty), Picture)
    assert "<svg" in still(drawable(chart(empty).wide))
    nobody = funnel(visits(), STEPS)
    nobody = replace(nobody, table=nobody.table.with_columns(units=pl.lit(0), from_start=None, from_previous=None))
    assert "<svg" in still(drawable(chart(nobody).wide))


def test_of_several_charts_each_says_which_figure_it_is() -> None:
    """Without a name above them, only the last value tells two charts of one answer apart."""
    both = values_pictures(compute(["orders", "total_revenue"], shop(), MONTHS))
    alone = values_pictures(compute("orders", shop(), MONTHS))
    heads = [[spec.get("title", {}).get("text") for spec in specs(each)] for each in both]
    assert heads == [["Orders", "Orders"], ["Revenue", "Revenue"]]
    assert [spec.get("title") for each in alone for spec in specs(each)] == [None, None]


@pytest.mark.parametrize("length", [1, 30, 300])
def test_long_labels_of_emoji_are_drawn(length: int) -> None:
    """The engine cuts them in the middle of a character, and then stops."""
    label = "plan " + "🚀" * length
    rows = (Row(name=label, value=1.0, text="1", beside=label, low=0.0, high=1.0),)
    assert "plan" in still(drawable(rank_chart(Ranks(rows=rows), DESK)))
    lone = {"mark": "bar", "data": {"values": [{"l": label}]}, "encoding": {"y": {"field": "l", "type": "nominal"}}}
    assert "plan" in still({"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **lone})
    with pytest.raises(ValueError, match="failed"):
        still({"mark": "no mark"})


def test_segments_with_one_figure_each_are_bars_by_time_and_no_scattered_dots() -> None:
    grid = Grid.calendar("week", date(2026, 1, 5), date(2026, 1, 19), zone="UTC")
    values = compute("actions_per_user", visits().with_by(("plan",)), grid)
    first, second = grid.firsts
    seen = {"free": first, "paid": second}
    kept = [row for row in values.table.to_dicts() if seen.get(row["plan"]) == row["start"]]
    assert len(kept) == 2
    (picture,) = values_pictures(replace(values, table=pl.DataFrame(kept, schema=values.table.schema)))
    named = [row["name"] for rows in picture.wide.to_dict()["datasets"].values() for row in rows if "name" in row]
    assert list(dict.fromkeys(named)) == ["paid · 2026-01-12", "free · 2026-01-05"]
    (lines,) = values_pictures(values)
    assert not any("name" in row for rows in lines.wide.to_dict()["datasets"].values() for row in rows)
