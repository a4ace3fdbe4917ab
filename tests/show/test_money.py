"""Money told: the bridge, what customers have brought, unit economics; every figure is one of the result."""

from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.cohort_revenue import CohortRevenue, cohort_revenue
from kpi_lib.answers.compute import compute
from kpi_lib.answers.unit_economics import UnitEconomics, unit_economics
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import Grid
from kpi_lib.shapes.bridge import MrrBridge, mrr_bridge
from kpi_lib.show.canvas import DESK, PHONE
from kpi_lib.show.charts import chart
from kpi_lib.show.charts_waterfall import Fall, waterfall
from kpi_lib.show.faces import FACES, faces
from kpi_lib.show.phrases import plain
from kpi_lib.show.picture import Picture, picture_bundle
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_unit_economics import JANUARY, company
from tests.build import told
from tests.shapes.test_revenue import months, sold
from tests.show.results import figures

ROWS = (
    {"user_id": "ann", "start": "01-05", "mrr": 1_000},
    {"user_id": "bob", "start": "01-07", "end": "02-10", "mrr": 2_000},
    {"user_id": "ann", "start": "02-11", "mrr": 500},
    {"user_id": "cat", "start": "02-12", "mrr": 3_000},
)
ORDERS = "ann 01-05 1000\nann 02-05 500\nbob 01-09 3000\ncat 02-20 700"


def results() -> list[Any]:
    return [
        mrr_bridge(sold(*ROWS, until="03-01"), months(2)),
        cohort_revenue(told(orders=ORDERS, until="04-01"), "month"),
        unit_economics(company(), JANUARY),
    ]


def test_the_bridge_tells_what_came_and_what_went() -> None:
    data = sold(*ROWS, until="03-01")
    assert plain(say(mrr_bridge(data, months(2))).phrase) == (
        "In February 2026, recurring revenue grew from $30.00 to $45.00: $30.00 new, $5.00 expanded and $0.00 came back, "
        "against $0.00 contracted and $20.00 churned. So 1.75 came for each 1 that went."
    )
    ratio = next(each for each in figures(say(mrr_bridge(data, months(2)))) if each.field == "quick_ratio")
    assert ratio.value == compute("quick_ratio", data, months(2)).table["value"][1]
    assert "Nothing was lost." in plain(say(mrr_bridge(data, months(1))).phrase)
    assert plain(say(mrr_bridge(sold(ROWS[0] | {"mrr": 0}), months(1))).phrase) == "Nobody has paid a subscription yet."


def test_a_period_that_is_not_over_is_told_so_far() -> None:
    found = mrr_bridge(sold(*ROWS, until="01-20"), months(1))
    assert plain(say(found).phrase).startswith("In January 2026 so far, recurring revenue grew from $0.00 to $30.00")


@pytest.mark.parametrize("at", range(3))
def test_every_figure_is_one_of_the_result(at: int) -> None:
    """The values behind the printed figures are cells of the frames that a notebook hands over."""
    result = results()[at]
    frames = {
        MrrBridge: lambda: result.frames,
        CohortRevenue: lambda: result.frames,
        UnitEconomics: lambda: {"kpi": result.figures.table, "together": result.together.table},
    }[type(result)]()
    known = {value for frame in frames.values() for name in frame.columns for value in frame[name].to_list()}
    shown = [*figures(say(result)), *figures(table(result))]
    assert len(shown) > 10
    assert all(each.value in known for each in shown)


def test_a_triangle_of_amounts_fits_the_page_and_tells_what_it_leaves_out() -> None:
    found = cohort_revenue(told(orders=ORDERS, until="04-01"), "month")
    span = max(found.table["k"]) + 1
    long = pl.concat([found.table.with_columns(k=pl.col("k") + span * turn) for turn in range(24 // span)])
    shown = table(replace(found, table=long))
    assert [int(str(each)) for each in shown.columns[2:]] == [0, 1, 2, 3, 4, 6, 12, 16, 23]
    assert "15 columns between them left out" in plain(shown.note)
    assert "left out" not in plain(table(found).note)


def test_each_shows_itself_and_its_pictures_can_be_drawn() -> None:
    for result in results():
        assert type(result) in FACES
        parts = faces(result)
        assert len(parts) >= 2
        for part in parts:
            if isinstance(part, Picture):
                assert "<svg" in picture_bundle(part)["image/svg+xml"]


def test_what_is_missing_is_one_sentence() -> None:
    events = told(events="ann 01-05 look")
    grid = Grid.calendar("month", date(2026, 1, 1), date(2026, 2, 1), zone="UTC")
    missing = [mrr_bridge(events, grid), cohort_revenue(events), unit_economics(events, grid)]
    sentences = [plain(say(each).phrase) for each in missing]
    assert all("cannot be told: it needs " in each and each.endswith(".") and ". " not in each for each in sentences)
    assert all(len(faces(each)) == 1 for each in missing)
    with pytest.raises(UsageError, match="needs a table of subscriptions"):
        chart(missing[0])


def test_the_waterfall_ends_where_its_parts_lead() -> None:
    falls = [Fall("start", 10, "10", True), Fall("won", 5, "+5"), Fall("lost", -7, "-7"), Fall("end", 8, "8", True)]
    for layout in (DESK, PHONE):
        bars = waterfall(falls, layout).data.to_dicts()
        assert [(bar["from"], bar["to"]) for bar in bars] == [(0, 10), (10, 15), (15, 8), (0, 8)]
        assert [bar["kind"] for bar in bars] == ["total", "up", "down", "total"]


def test_unit_economics_name_the_channel_that_loses() -> None:
    said = plain(say(unit_economics(company(), JANUARY)).phrase)
    assert said.startswith("In January 2026 a new customer is worth 0.792 times what it costs")
    assert "ads loses: $10.00 for $40.00, a ratio of 0.25" in said
    assert "mail" not in said
    rows = table(unit_economics(company(), JANUARY)).rows
    assert [row[0] for row in rows] == ["All together", "ads", "fair", "friends", "mail"]
    assert rows[3][1] == "no spend"


def test_what_customers_brought_is_told_to_the_last_month() -> None:
    said = plain(say(results()[1]).phrase)
    assert said.startswith(
        "Within the month of the first order a customer brings $15.67, after 2 months $22.50 in all (95 % "
    )
    cells = table(results()[1]).rows
    assert [row[0] if isinstance(row[0], str) else "all" for row in cells] == ["2026-01", "2026-02", "all"]
