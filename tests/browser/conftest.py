"""A real Chromium, a report to look at, and a page that tells everything it did."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import altair as alt
import nbformat
import polars as pl
import pytest

from kpi_lib.reporting.page import Head, page
from kpi_lib.show import theme
from kpi_lib.show.blocks import (
    Cell,
    Change,
    Figure,
    Headline,
    Note,
    Pill,
    Pills,
    Say,
    Strong,
    Table,
    Target,
    Term,
    Tile,
    Tiles,
    lineage,
    marked,
)
from kpi_lib.show.notebook import bundle
from kpi_lib.show.picture import Picture
from kpi_lib.show.spark import Spark

PLACES = ("chromium", "chromium-browser", "google-chrome")
HEAD = Head(workspace="Demo shop", report="monthly review", title="June 1998")


def chromium() -> str | None:
    """Where Chromium is, if anywhere."""
    return os.environ.get("KPI_CHROMIUM") or next(filter(None, map(shutil.which, PLACES)), None)


@pytest.fixture(scope="module")  # not longer: while Playwright runs, other tests would meet its event loop
def browser() -> Iterator[Any]:
    place = chromium()
    if place is None:
        pytest.skip("NOT RUN: no Chromium on this machine (apt-get install chromium, or name it in KPI_CHROMIUM)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield running
        running.close()


@dataclass
class Visit:
    """An opened page and everything that went wrong or out while it was open."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Visit]]:  # noqa: ANN401 - playwright's own type
    opened = []

    def open_page(html: str, *, width: int = 1200, mode: str = "light", scripts: bool = True) -> Visit:
        place = tmp_path / f"page{len(opened)}.html"
        place.write_text(html, "utf-8", errors="surrogatepass")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=mode, java_script_enabled=scripts
        )
        opened.append(context)
        seen = Visit(context.new_page())
        seen.page.on("console", lambda said: seen.complaints.append(said.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("request", lambda asked: seen.requests.append(asked.url))
        seen.page.goto(place.as_uri())
        return seen

    yield open_page
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go: ignored by git, kept for eyes."""
    place = Path(__file__).parents[2] / "reports" / "pictures"
    place.mkdir(parents=True, exist_ok=True)
    return place


def code(source: str, *shown: object) -> Any:  # noqa: ANN401 - a notebook cell
    """A code cell that has shown these things."""
    cell = nbformat.v4.new_code_cell(source)
    for each in shown:
        cell.outputs.append(nbformat.v4.new_output("display_data", bundle(each)))
    return cell


@pytest.fixture(scope="session")
def demo() -> Any:  # noqa: ANN401 - a notebook
    """A report of the shape that the main job writes, with made-up figures."""
    theme.enable()
    text = nbformat.v4.new_markdown_cell
    cells = [
        text("# How did the month go?\nThe lead decides what to look into next.\n\n- A range is a 95 % interval."),
        code("period: str = '1998-06'  # the month"),
        code("review.quality", _pills()),
        code("review.headline", _headline()),
        code("review.north_star", _north_star()),
        code("review.tiles", _tiles()),
        text("## How far do customers get?\nEach bar is the customers who placed at least so many orders."),
        code("funnel = kpi.funnel(data, steps)\nfunnel", _funnel_say(), _funnel()),
        text("## Who comes back?"),
        code("cohorts = kpi.cohorts(data)  # by week\ncohorts", _triangle()),
        text("## Limits and method\nOne group of customers, joined within three months."),
        code("review.method", *_method()),
    ]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture(scope="session")
def demo_html(demo: Any) -> str:  # noqa: ANN401 - a notebook
    return page(demo, HEAD)


def _band(values: tuple[float, ...], share: float) -> float:
    return min(values) + share * (max(values) - min(values))


def _figure(text: str, kpi: str, value: float) -> Figure:
    return Figure(text=text, kpi=kpi, value=value, start="1998-06-01")


def _pills() -> Pills:
    return Pills(
        (
            Pill("complete month", "good"),
            Pill("69,659 orders read · 0 set aside", "plain"),
            Pill("255 exact duplicates kept", "warn", "They carry no order number, so each may be real."),
            Pill("data to 30 June 1998"),
        )
    )


def _headline() -> Headline:
    buyers = _figure("1,506", "active_customers", 1506)
    bought = (Strong((buyers, " of 23,570 customers bought")), " in June, 1.2 % more")
    return Headline(
        (
            (*bought, " than in May; the difference is within what chance gives (−4 to +7 %)."),
            marked("**Revenue rose 7.2 % to $76,109**: three fifths of it from larger orders, two fifths from more."),
            marked("**Half of all customers (49.5 %) have now ordered twice**; the gain a month is slowing."),
        )
    )


def _north_star() -> Picture:
    months = [f"{97 + (3 + at) // 12}-{(3 + at) % 12 + 1:02}" for at in range(15)]
    counts = [2820, 2210, 2340, 2180, 1770, 1735, 1840, 2030, 1860, 1530, 1545, 2060, 1430, 1488, 1506]
    frame = pl.DataFrame({"month": months, "buyers": counts})
    tile = Tile(
        label="North star · buyers in the month",
        value=_figure("1,506", "active_customers", 1506),
        change=Change(phrase="1.2 %", against="vs May", points="up", tone="plain"),
        note="within chance · full count",
        target=Target(phrase="1,600 by 30 June", state="at_risk", share=0.94),
        meaning=("Customers with ", Term("an order", "one row of the purchase log"), " in the month."),
    )
    alt_text = "Buyers a month fell from 2,820 in April 1997 to 1,506 in June 1998 and have been level since."
    return Picture(
        wide=_line(frame, width=560, height=150, every=2),
        narrow=_line(frame, width=240, height=120, every=7),
        alt=alt_text,
        tile=tile,
        note="Purchases by calendar month. Source: purchase log, full count.",
    )


def _line(frame: pl.DataFrame, *, width: int, height: int, every: int) -> alt.LayerChart:
    shown = frame["month"].to_list()[::every]
    x = alt.X("month:O", title=None, axis=alt.Axis(values=shown))
    y = alt.Y("buyers:Q", title=None, scale=alt.Scale(domain=[0, 3000]), axis=alt.Axis(tickCount=4))
    line = alt.Chart(frame).mark_line().encode(x=x, y=y, tooltip=["month", "buyers"])
    last = alt.Chart(frame.tail(1))
    dot = last.mark_point(size=50).encode(x=x, y=y)
    label = last.mark_text(align="left", dx=8, fontWeight=600).encode(x=x, y=y, text=alt.Text("buyers:Q", format=","))
    return (line + dot + label).properties(width=width, height=height)


def _spark(*values: float) -> Spark:
    return Spark(values=values, text="the last eight months", low=_band(values, 0.3), high=_band(values, 0.7))


def _moved(phrase: str, tone: str) -> Change:
    return Change(phrase=phrase, against="vs May", points="up", tone=tone)


def _tiles() -> Tiles:
    orders = Tile(
        label="Orders",
        value=_figure("2,043", "orders", 2043),
        change=_moved("2.9 %", "good"),
        spark=_spark(2500, 2300, 2310, 2200, 2400, 2100, 1985, 2043),
        note="full count",
        target=Target(phrase="2,000", state="met", share=1.0),
        meaning="Purchases in the month, one row each.",
    )
    revenue = Tile(
        label="Revenue",
        value=_figure("$76,109", "revenue", 76109.0),
        change=_moved("7.2 %", "good"),
        spark=_spark(90, 80, 82, 70, 75, 88, 71, 76),
        note="full count",
        meaning="Paid amounts of all purchases in the month.",
    )
    return Tiles((orders, revenue, *_more_tiles()))


def _more_tiles() -> tuple[Tile, ...]:
    value = Tile(
        label="Average order value",
        value=_figure("$37.25", "average_order_value", 37.25),
        change=_moved("4.2 %", "good"),
        spark=_spark(36, 35, 37, 38, 35, 36, 35.8, 37.25),
        note="35.73 – 38.78 · n 2,043",
        target=Target(phrase="$40 by 31 December", state="on_track", share=0.93),
    )
    late = Tile(
        label="Late deliveries",
        value=_figure("4.1 %", "late", 0.041),
        change=_moved("0.6 points", "bad"),
        spark=_spark(2, 2.5, 3, 2.8, 3.1, 3.3, 3.5, 4.1),
        note="3.3 – 5.1 % · n 2,043",
        target=Target(phrase="2 %", state="missed", share=0.2),
    )
    new = Tile(
        label="New buyers",
        value=_figure("0", "new_customers", 0),
        change=Change(phrase="no new buyers since March 1997"),
        spark=Spark(values=(0, 0, 0, 0, 0), text="nobody new", partial=True),
        quiet="few units: 7 sessions",
    )
    return value, late, new


STEPS = ["1st order", "2nd", "3rd", "5th", "10th"]
REACHED = [23570, 11662, 7583, 3925, 1154]


def _funnel_say() -> Say:
    return Say(marked("The second order is the step to win: **11,908 customers stopped after the first**."))


def _funnel() -> Picture:
    notes = ["", "49.5 % of the step before", "65.0 %", "51.8 %", "29.4 %"]
    frame = pl.DataFrame({"step": STEPS, "units": REACHED, "note": notes})
    rows = tuple((step, _figure(f"{units:,}", "funnel", units)) for step, units in zip(STEPS, REACHED, strict=True))
    return Picture(
        wide=_bars(frame, width=560, notes=True),
        narrow=_bars(frame, width=190, notes=False),
        alt="Half of 23,570 customers ordered a second time; 1,154 reached ten orders.",
        note="Full count of customers. Source: purchase log.",
        table=Table(title="Customers by order reached", columns=("Step", "Customers"), rows=rows),
    )


def _bars(frame: pl.DataFrame, *, width: int, notes: bool) -> alt.LayerChart:
    y = alt.Y("step:N", sort=STEPS, title=None, axis=alt.Axis(labelColor=theme.LIGHT.ink))
    x = alt.X("units:Q", axis=None, scale=alt.Scale(domain=[0, 23570]))
    base = alt.Chart(frame).encode(y=y, x=x, tooltip=["step", "units"])
    count = base.mark_text(align="left", dx=6, fontWeight=600).encode(text=alt.Text("units:Q", format=","))
    layers = [base.mark_bar(height=22), count]
    if notes:
        layers.append(base.mark_text(align="left", dx=56, color=theme.LIGHT.muted).encode(text="note:N"))
    return alt.layer(*layers).properties(width=width, height=alt.Step(34))


def _triangle() -> Table:
    shares = [[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], [15, 12, 9, 10, 9, 8, 7, 8, 9, 8, 6, 7, 8, 6, None]]
    rows = tuple(
        (f"1997-0{at}", f"{size:,}", *(_cell(each) for each in line))
        for at, (size, line) in enumerate(zip((7846, 8476), shares, strict=True), 1)
    )
    columns = ("First order", "Buyers", *(str(k) for k in range(1, 16)))
    note = "Percent of each first-order month that bought again k months later. A dot: not yet observed."
    return Table(title="Bought again, by month of the first order", columns=columns, rows=rows, note=note)


def _cell(share: float | None) -> Cell:
    if share is None:
        return Cell(unseen=True)
    return Cell(phrase=_figure(str(share), "retention", share), shade=share / 16)


def _method() -> tuple[Note, Note, Any]:
    return (
        Note(title="What an interval means", phrases=("It holds the true value 19 times of 20.",)),
        Note(title="A closed group", phrases=("Nobody new came after March 1997.",), tone="warn", folded=False),
        lineage({"Data": "8c1e4a", "Period": "1998-06-01 – 1998-06-30", "kpi_lib": "0.1.0", "Time zone": "UTC"}),
    )


def as_json(value: object) -> str:
    """JSON for a script in a test page."""
    return json.dumps(value)
