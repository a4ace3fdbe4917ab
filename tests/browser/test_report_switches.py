"""What a reader can choose on a live page: series, periods, by mouse and by keyboard; without scripts all of it stands there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kpi_lib.answers.scorecard import Scorecard, scorecard
from kpi_lib.core.period import parse_period
from kpi_lib.core.units import COUNT
from kpi_lib.reporting.page import Head, page
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.show.blocks import Figure, Table, Tiles
from kpi_lib.show.charts_funnel import segment_pictures
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.charts_stack import Stack, stack_picture
from kpi_lib.show.notebook import bundle
from kpi_lib.show.phrases import plain
from kpi_lib.show.tiles import tile, tiles
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import axe, breaks
from tests.show.results import log, shop

__all__ = ["axe"]
pytestmark = pytest.mark.browser

MONTHS = tuple(f"2026-{month:02}" for month in range(1, 11))
HOSTILE = "</script><img src=x onerror=document.title='run'>"
SERIES = ("Daily", "Weekly", HOSTILE)
HUES = dict(zip(SERIES, ("#1b5e8c", "#d55e00", "#009e73"), strict=True))


def point(month: str, series: str) -> dict[str, Any]:
    value = float(MONTHS.index(month) + 10 * SERIES.index(series) + 1)
    return {
        "at": month,
        "series": series,
        "value": value,
        "low": None,
        "high": None,
        "open": False,
        "told": f"{value:g}",
    }


def figures() -> Table:
    rows = tuple((month, Figure(text=month, kpi="dau", value=1.0, start=f"{month}-01")) for month in MONTHS)
    return Table(title="By month", columns=("Month", "People"), rows=rows)


def picture() -> Any:  # noqa: ANN401 - a Picture
    points = points_of([point(month, name) for name in SERIES for month in MONTHS])
    lines = Lines(points=points, at=MONTHS, unit=COUNT, colours=HUES)
    return lines_picture(lines, alt="People by month.", table=figures())


def bars() -> Any:  # noqa: ANN401 - a Picture
    rows = [{**point(month, "Daily"), "series": name} for name in ("New", "Gone") for month in MONTHS]
    stack = Stack(bars=rows, at=MONTHS, colours={"New": "#1b5e8c", "Gone": "#b8bfc7"})
    return stack_picture(stack, alt="Who came and went.")


def ages() -> Any:  # noqa: ANN401 - a Picture
    at = ("1", "2", "3", "4")
    points = [{**point("2026-01", "Daily"), "series": "all", "at": age} for age in at]
    lines = Lines(
        points=points_of(points), at=at, unit=COUNT, colours={"all": "#1b5e8c"}, axis="months since the start"
    )
    return lines_picture(lines, alt="Who comes back.")


@pytest.fixture(scope="module")
def html() -> str:
    return shown_page(picture(), bars(), ages())


def shown_page(*pictures: object) -> str:
    """A report of these pictures."""
    cells = [nbformat.v4.new_markdown_cell("# How?\n## What moved?"), nbformat.v4.new_code_cell("shown")]
    shown = [nbformat.v4.new_output("display_data", bundle(each)) for each in pictures]
    cells[-1].outputs.extend(shown)
    return page(nbformat.v4.new_notebook(cells=cells), Head(workspace="Shop", report="weekly", title="June"))


@pytest.fixture
def opened(html: str, visit: Callable[..., Visit]) -> Visit:
    seen = visit(html)
    for chart in seen.page.locator("[data-chart]").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".live svg").wait_for()
    seen.page.evaluate("window.scrollTo(0, 0)")
    return seen


def texts(figure: Any) -> list[str]:  # noqa: ANN401 - a locator
    """What is written in the live chart."""
    found: list[str] = figure.locator(".live svg text").all_text_contents()
    return found


def settled(figure: Any, words: str) -> None:  # noqa: ANN401 - a locator
    figure.locator(".live svg text").get_by_text(words, exact=True).first.wait_for()


def test_a_series_can_be_taken_out_and_put_back_by_keyboard(opened: Visit) -> None:
    figure = opened.page.locator("figure").first
    assert "Weekly 20" in texts(figure)
    box = figure.get_by_role("checkbox", name="Weekly")
    box.focus()
    opened.page.keyboard.press("Space")
    figure.locator(".live svg text").get_by_text("Weekly 20").wait_for(state="detached")
    assert {"Daily 10", "2026-10"} <= set(texts(figure))
    assert box.evaluate("each => each === document.activeElement")
    opened.page.keyboard.press("Space")
    settled(figure, "Weekly 20")
    assert opened.complaints == []


def test_the_periods_of_all_charts_over_time_move_together_with_their_tables(opened: Visit) -> None:
    first, second, third = opened.page.locator("figure").all()
    assert first.get_by_role("button", name="all periods").is_hidden()
    first.get_by_role("combobox", name="from").select_option("2026-03-01")
    first.get_by_role("combobox", name="to").select_option("2026-06-01")
    settled(first, "Daily 6")
    settled(second, "2026-03")
    for each in (first, second):
        assert not {"2026-01", "2026-10", "Daily 10"} & set(texts(each))
        assert each.locator("select").evaluate_all("lists => lists.map(list => list.value)") == [
            "2026-03-01",
            "2026-06-01",
        ]
    assert third.locator("select").count() == 0
    assert "4" in texts(third)
    first.locator("summary").click()
    assert first.locator("tbody tr:visible").count() == 4
    second.get_by_role("button", name="all periods").click()
    settled(first, "Daily 10")
    assert first.locator("tbody tr:visible").count() == 10
    assert opened.complaints == []


def test_from_and_to_the_wrong_way_round_are_turned(opened: Visit) -> None:
    figure = opened.page.locator("figure").first
    figure.get_by_role("combobox", name="to").select_option("2026-04-01")
    figure.get_by_role("combobox", name="from").select_option("2026-08-01")
    assert figure.locator("select").evaluate_all("all => all.map(each => each.value)") == ["2026-04-01", "2026-08-01"]


def test_a_stretch_drawn_with_the_mouse_chooses_its_periods(opened: Visit) -> None:
    figure = opened.page.locator("figure").first
    box = figure.locator(".live svg").bounding_box()
    mouse = opened.page.mouse
    mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 90)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 95, steps=4)
    mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 100, steps=4)
    mouse.up()
    figure.get_by_role("button", name="all periods").wait_for()
    start, stop = figure.locator("select").evaluate_all("lists => lists.map(list => list.value)")
    assert "2026-01-01" < start < stop < "2026-10-01"
    assert opened.complaints == []


def test_series_without_a_colour_of_their_own_share_a_box(visit: Callable[..., Visit]) -> None:
    points = [{**point(month, "Daily"), "series": name} for name in "abcd" for month in MONTHS]
    lines = Lines(points=points_of(points), at=MONTHS, unit=COUNT, colours={"a": "#1b5e8c", "b": "#d55e00"})
    seen = visit(shown_page(lines_picture(lines, alt="Four.")))
    boxes = seen.page.locator(".switches label:has(input)")
    boxes.first.wait_for()
    assert boxes.all_text_contents() == ["a", "b", "(other 2)"]


def test_names_from_the_data_stay_words(opened: Visit) -> None:
    assert opened.page.get_by_role("checkbox", name=HOSTILE).count() == 1
    assert opened.page.title() != "run"
    assert opened.requests == opened.requests[:1]


def test_without_scripts_and_on_paper_everything_stands_there(
    html: str, visit: Callable[..., Any], opened: Visit
) -> None:
    still = visit(html, scripts=False).page
    assert still.locator(".switches").count() == 0
    assert "2026-02" in still.locator(".still.wide svg").first.text_content()
    figure = opened.page.locator("figure").first
    figure.get_by_role("combobox", name="from").select_option("2026-08-01")
    settled(figure, "2026-08")
    figure.locator("summary").click()
    assert figure.locator("tbody tr:visible").count() == 3
    opened.page.emulate_media(media="print")
    assert figure.locator("tbody tr:visible").count() == 10
    assert opened.page.locator(".switches:visible").count() == 0


@pytest.mark.parametrize(("width", "mode"), [(1200, "light"), (1200, "dark"), (390, "light")])
def test_the_choices_break_no_rule_of_accessibility(
    *, html: str, visit: Callable[..., Any], axe: str, width: int, mode: str, pictures: Path
) -> None:
    seen = visit(html, width=width, mode=mode)
    seen.page.locator(".switches").first.wait_for()
    seen.page.screenshot(path=pictures / f"switches-{width}-{mode}.png", full_page=True)
    assert breaks(seen, axe) == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") == width


def test_of_alternatives_one_is_shown_and_the_keyboard_chooses(visit: Callable[..., Visit], axe: str) -> None:
    rows = [(user, 0.0, "look", plan) for plan in ("free", "pro") for user in (f"{plan}{at}" for at in range(20))]
    bought = [(user, 1.0, "buy", plan) for user, _, _, plan in rows[::2]]
    way = funnel(log([*rows, *bought]).with_by(("plan",)), Funnel(("look", "buy"), within="7d"))
    seen = visit(shown_page(*segment_pictures(way)))
    group = seen.page.get_by_role("group", name="plan")
    figures = seen.page.locator("figure")
    assert group.get_by_role("radio").count() == figures.count() == 2
    assert [each.is_visible() for each in figures.all()] == [True, False]
    group.get_by_role("radio", name="free").focus()
    seen.page.keyboard.press("ArrowRight")
    assert [each.is_visible() for each in figures.all()] == [False, True]
    figures.nth(1).locator(".live svg").wait_for()
    assert breaks(seen, axe) == []
    assert seen.complaints == []
    seen.page.emulate_media(media="print")
    assert figures.locator(":scope:visible").count() == 2
    still = visit(shown_page(*segment_pictures(way)), scripts=False).page
    assert still.locator("figure:visible").count() == 2
    assert still.locator(".option").all_text_contents() == ["plan free", "plan pro"]


def triangle(*names: str) -> Table:
    """Cohorts of three months by plan, the size of each beside its start."""
    rows = tuple(
        (
            name,
            f"2026-0{month}",
            Figure(text=f"{size}", kpi="cohort", value=size, field="size", start=f"2026-0{month}-01"),
        )
        for size, name in enumerate(names, 10)
        for month in (1, 2, 3)
    )
    return Table(title="Came back", columns=("plan", "Start", "Size"), rows=rows, text_columns=2, choices=(0,))


def seen_rows(table: Any) -> list[list[str]]:  # noqa: ANN401 - a locator
    return [row.locator("th, td").all_text_contents()[:2] for row in table.locator("tbody tr:visible").all()]


def test_a_table_shows_the_segment_and_the_periods_that_are_chosen(visit: Callable[..., Visit], axe: str) -> None:
    seen = visit(shown_page(triangle("free", HOSTILE)))
    table = seen.page.locator(".kpi-table")
    assert len(seen_rows(table)) == 6
    segment = table.get_by_role("combobox", name="plan")
    assert segment.locator("option").all_text_contents() == ["all", "free", HOSTILE]
    segment.select_option(label=HOSTILE)
    assert [name for name, _ in seen_rows(table)] == [HOSTILE] * 3
    table.get_by_role("combobox", name="from").select_option("2026-02-01")
    assert [start for _, start in seen_rows(table)] == ["2026-02", "2026-03"]
    segment.select_option(label="all")
    assert [start for _, start in seen_rows(table)] == ["2026-02", "2026-03"] * 2
    assert breaks(seen, axe) == []
    assert (seen.complaints, seen.page.title() == "run") == ([], False)
    seen.page.emulate_media(media="print")
    assert len(seen_rows(table)) == 6
    still = visit(shown_page(triangle("free", HOSTILE)), scripts=False).page
    assert len(seen_rows(still.locator(".kpi-table"))) == 6
    assert still.locator("select").count() == 0


def test_periods_move_together_in_charts_and_tables(visit: Callable[..., Visit]) -> None:
    seen = visit(shown_page(picture(), triangle("free", "pro")))
    seen.page.locator("figure").get_by_role("combobox", name="from").select_option("2026-02-01")
    alone = seen.page.locator(".kpi-table:not(figure *)")
    assert [start for _, start in seen_rows(alone)] == ["2026-02", "2026-03"] * 2
    seen.page.get_by_role("button", name="all periods").first.click()
    assert len(seen_rows(alone)) == 6


def told_tiles() -> tuple[Tiles, Scorecard]:
    card = scorecard(
        shop(), ("orders", "average_order_value", "repeat_purchase_rate"), parse_period("2026-06", zone="UTC")
    )
    return tiles(card), card


def test_tiles_show_the_period_that_is_chosen_in_the_words_of_its_own_report(
    visit: Callable[..., Visit], axe: str
) -> None:
    shown, card = told_tiles()
    seen = visit(shown_page(shown))
    list_of = seen.page.get_by_role("combobox", name="Period in the tiles")
    assert list_of.locator("option").all_text_contents()[:3] == ["June 2026", "May 2026", "April 2026"]
    list_of.focus()
    seen.page.keyboard.press("ArrowDown")
    names = [each.kpi.name for each in card.standings]
    may = scorecard(shop(), names, parse_period("2026-05", zone="UTC"))
    for tile_of, standing in zip(seen.page.locator(".kpi-tile").all(), may.standings, strict=True):
        texts_of = tile_of.locator(".kpi-then > *").all_inner_texts()
        words = [each.replace("\N{NO-BREAK SPACE}", " ") for each in texts_of if each]
        own = tile(standing, may)
        assert words[:2] == ["May 2026", plain(own.value)]
        assert own.change is not None
        assert plain(own.change.phrase) in words[2]
        assert plain(own.change.against) in words[2]
        assert words[3] == plain(own.note)
        assert tile_of.locator(":scope > .kpi-value").is_hidden()
    assert seen.page.get_by_role("status").text_content() == "The tiles show May 2026."
    assert breaks(seen, axe) == []
    assert seen.complaints == []
    seen.page.emulate_media(media="print")
    assert seen.page.locator(".kpi-then:visible").count() == 0
    assert seen.page.locator(".kpi-tile > .kpi-value:visible").count() == len(names)
    seen.page.emulate_media(media="screen")
    seen.page.get_by_role("button", name="back to June 2026").click()
    assert seen.page.locator(".kpi-then").count() == 0
    still = visit(shown_page(shown), scripts=False).page
    assert still.locator(".kpi-tile > .kpi-value:visible").count() == len(names)
    assert "May 2026" not in still.locator("main").inner_text().replace("on May 2026", "")


QUARTERS = {"Q2 2025": "2025-04-01", "Q3 2025": "2025-07-01", "Q4 2025": "2025-10-01", "Q1 2026": "2026-01-01"}


def test_quarters_are_periods_of_charts_and_of_tables(visit: Callable[..., Visit]) -> None:
    rows = tuple(
        (name, Figure(text=str(at), kpi="dau", value=1.0, start=day)) for at, (name, day) in enumerate(QUARTERS.items())
    )
    points = [{**point("2026-01", "Daily"), "at": name, "value": float(at)} for at, name in enumerate(QUARTERS)]
    lines = Lines(points=points_of(points), at=tuple(QUARTERS), unit=COUNT, colours={"Daily": HUES["Daily"]})
    alone = Table(title="By quarter", columns=("Quarter", "People"), rows=rows)
    seen = visit(shown_page(lines_picture(lines, alt="By quarter."), alone))
    seen.page.locator("[data-chart]").scroll_into_view_if_needed()
    seen.page.locator(".live svg").wait_for()
    for box in (seen.page.locator("figure"), seen.page.locator(".kpi-table")):
        assert box.get_by_role("combobox", name="from").locator("option").all_text_contents() == list(QUARTERS)
    seen.page.locator(".kpi-table").get_by_role("combobox", name="from").select_option("2025-07-01")
    assert seen.page.locator(".kpi-table tbody tr:visible").count() == 3
    seen.page.locator(".live svg text").get_by_text("Q2 2025", exact=True).wait_for(state="detached")
    assert seen.complaints == []


def test_products_side_by_side_are_no_course_of_time(visit: Callable[..., Visit]) -> None:
    names = ("Shop", "Shop", "App", "Game")
    days = ("2026-10-01", "2026-10-01", "2026-04-01", "1998-06-01")
    rows = tuple(
        (name, Figure(text="1", kpi="dau", value=1.0, start=day)) for name, day in zip(names, days, strict=True)
    )
    seen = visit(shown_page(Table(title="Products", columns=("Product", "People"), rows=rows)))
    assert seen.page.locator(".kpi-table select").count() == 0
    assert seen.complaints == []
