"""Tables hold every figure, leave out what cannot be known, and stay readable when there is much."""

from datetime import date
from types import SimpleNamespace

import pytest

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.answers.scorecard import scorecard
from kpi_lib.answers.stages import stage
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.sessions import session_figures
from kpi_lib.show.blocks import Cell, Figure, Pills
from kpi_lib.show.cohorts import COLUMNS, ROWS, shown_ages
from kpi_lib.show.faces import check_face
from kpi_lib.show.funnels import definition, step_name
from kpi_lib.show.phrases import plain
from kpi_lib.show.quality import pills
from kpi_lib.show.render import html
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.show.results import log, shop, visits

WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 2), zone="UTC")
JUNE = parse_period("2026-06", zone="UTC")


def found(severity: str = "warning") -> SimpleNamespace:
    return SimpleNamespace(severity=severity, table="events", message="<b>odd</b>", mend="look")


def checked(*findings: SimpleNamespace, quarantined: int = 0) -> SimpleNamespace:
    counts = SimpleNamespace(read=10, kept=10 - quarantined, filtered=0, deduplicated=0, quarantined=quarantined)
    return SimpleNamespace(findings=findings, counts={"events": counts})


def test_the_triangle_has_a_dot_where_nothing_was_observed_and_never_a_zero() -> None:
    result = cohorts(visits(), Cohorts(grain="week"))
    shown = table(result)
    cells = [cell for row in shown.rows for cell in row if isinstance(cell, Cell)]
    whole = {(r["start"], r["k"]): r for r in result.table.to_dicts()}
    ages = range(1, len(shown.columns) - 1)
    seen = sum(row["complete"] for (_, k), row in whole.items() if k in ages)
    assert sum(cell.unseen for cell in cells) >= result.table["start"].n_unique() * len(ages) - seen > 0
    assert all(cell.phrase == "" for cell in cells if cell.unseen)
    first = shown.rows[0]
    row = whole[date(2026, 1, 5), 1]
    size, cell = first[1:3]
    assert isinstance(size, Figure)
    assert (size.text, size.value) == (str(row["size"]), row["size"])
    assert isinstance(cell, Cell)
    rate = row["retained"] / row["size"]
    assert cell.phrase == Figure(
        text=f"{rate * 100:.0f}", kpi="cohort", value=rate, field="rate", start="2026-01-05", by=(("k", "1"),)
    )


def test_seventy_columns_become_a_readable_set_that_ends_with_the_last() -> None:
    ages = shown_ages(range(1, 71))
    assert len(ages) <= COLUMNS
    assert ages[:8] == list(range(1, 9))
    assert ages[-1] == 70
    data = log(
        [(f"u{week}", week * 168.0, "look", None) for week in range(40)]
        + [("u0", w * 168.0, "look", None) for w in range(40)],
        days=300,
    )
    shown = table(cohorts(data, Cohorts(grain="week")))
    assert len(shown.columns) <= COLUMNS + 2
    assert len(shown.rows) == ROWS + 1
    assert "columns between them left out" in plain(shown.note)
    assert f"The last {ROWS} of 40 cohorts" in plain(shown.note)


def test_the_funnel_table_prints_the_definition_in_force() -> None:
    spec = Funnel(("look", "buy"), within="24h", order="strict", exclude=("cart",), hold="plan", ties="strict")
    rules = definition(funnel(visits(), spec))
    for words in (
        "look → buy",
        "within 24h",
        "one directly after the other",
        "ended by cart",
        "with the same plan throughout",
    ):
        assert words in rules
    assert "either order" not in rules
    assert "under way included" in definition(funnel(visits(), Funnel(("look", "buy"), within="24h", unripe="include")))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("purchase@1", "1st purchase"),
        ("purchase@11", "11th purchase"),
        ("purchase@22", "22nd purchase"),
        ("a@b", "a@b"),
        ("@2", "@2"),
    ],
)
def test_steps_read_as_people_say_them(step: str, words: str) -> None:
    assert step_name(step) == words


def test_a_missing_step_is_told_under_the_table() -> None:
    assert "no event is named" in plain(table(funnel(visits(), Funnel(("look", "by")))).note)


def test_segments_without_a_value_are_named() -> None:
    shown = table(session_figures(log([("u", 1.0, "look", None), ("v", 1.0, "look", "")]).with_by(("plan",))))
    assert {row[0] for row in shown.rows} == {"(none)", "(blank)"}


def test_a_period_that_is_not_over_says_so() -> None:
    year = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 20), zone="UTC")
    assert "(so far)" in plain(table(actives(visits(), year)).rows[-1][0])  # type: ignore[arg-type]


def test_what_was_left_out_is_told() -> None:
    shown = table(scorecard(visits(), ["dau", "orders"], parse_period("2026-01", zone="UTC")))
    assert "orders: needs" in plain(shown.note)


def test_advice_names_what_is_missing() -> None:
    shown = table(stage(visits(), stage="early"))
    assert any("○ not yet" in row for row in shown.rows)


def test_many_figures_stand_in_one_table() -> None:
    shown = table(compute(["orders", "total_revenue"], shop(), JUNE))
    assert shown.columns[0] == "KPI"
    assert [row[0] for row in shown.rows] == ["Orders", "Revenue"]


def test_pills_say_how_far_the_data_can_be_trusted() -> None:
    good = pills(checked(), shop(), JUNE)
    assert [pill.phrase for pill in good.pills] == [
        "complete month",
        "10 rows of events read · 0 set aside",
        "data to 30 June 2026",
        "nothing odd found",
    ]
    bad = pills(checked(found("error"), found(), found(), quarantined=1), shop(), parse_period("2026-07", zone="UTC"))
    assert [pill.status for pill in bad.pills] == ["warn", "warn", "plain", "bad", "warn"]
    assert bad.pills[0].phrase == "the month is not over"
    early = pills(checked(), shop(), parse_period("2026-01", zone="UTC"))
    assert early.pills[0].phrase == "the data begin inside the month"


def test_many_clean_tables_share_a_pill() -> None:
    check = checked()
    bad = checked(quarantined=2).counts["events"]
    check.counts = {**{f"t{at}": check.counts["events"] for at in range(6)}, "orders": bad}
    told = pills(check).pills
    assert [pill.phrase for pill in told[:2]] == [
        "10 rows of orders read · 2 set aside",
        "60 rows of 6 tables read · 0 set aside",
    ]
    assert "t5: 10 read = 10 kept" in plain(told[1].detail)


def test_a_check_shows_itself_without_being_known() -> None:
    assert len(check_face(checked())) == 1
    shown, listed = check_face(checked(found("error")))
    assert isinstance(shown, Pills)
    assert "&lt;b&gt;odd" in html(listed).text
    assert "1 error" in plain(say(checked(found("error"))).phrase)  # type: ignore[union-attr]
    assert "Nothing odd" in plain(say(checked()).phrase)  # type: ignore[union-attr]


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(TypeError, match="int is no result"):
        table(1)
