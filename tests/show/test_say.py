"""Sentences are computed: they follow the numbers, name their uncertainty, and never fail on odd data."""

from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl
import pytest
from hypothesis import Phase, given, settings

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import Values, compute
from kpi_lib.answers.intake import Intake, intake
from kpi_lib.answers.scorecard import Scorecard, moved_by, scorecard
from kpi_lib.answers.stages import stage
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.core.units import COUNT, SHARE
from kpi_lib.reporting.notebooks import learned
from kpi_lib.shapes.adoption import adoption
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.engagement import habits
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.funnel_compare import compare_funnels
from kpi_lib.shapes.funnel_strip import definition_strip
from kpi_lib.shapes.funnel_trend import funnel_trend
from kpi_lib.shapes.lifecycle import daily_states, lifecycle
from kpi_lib.shapes.paths import paths
from kpi_lib.shapes.sessions import session_figures
from kpi_lib.show.blocks import Headline, Say
from kpi_lib.show.cohorts import cohort_table
from kpi_lib.show.faces import FACES, faces
from kpi_lib.show.phrases import between, moved, period_name, plain, plural, span_of_change, written
from kpi_lib.show.say import UNCUT, by_segment, say
from kpi_lib.show.tables import table
from kpi_lib.show.tiles import headline, tiles
from tests.build import frame_of, told
from tests.show.results import figures, log, logs, shop, visits

MONTHS = Grid.calendar("month", date(2026, 1, 1), date(2026, 7, 1), zone="UTC")
WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 2), zone="UTC")
JUNE = parse_period("2026-06", zone="UTC")
# results whose faces tests of their own show
SHOWN_ELSEWHERE = set(
    [
        "MrrBridge",
        "CohortRevenue",
        "UnitEconomics",
        "Lifetime",
        "Goals",
        "Statement",
        "Proposal",
        "FollowUp",
        "Findings",
        "Budget",
        "EarlyDepth",
        "Opportunities",
        "Taken",
        "DrillDown",
        "Review",
        "Unhappy",
        "Themes",
        "Signals",
        "Forecast",
        "Segmented",
        "Portfolio",
    ]
)
SHOP = ("orders", "total_revenue", "average_order_value", "repeat_purchase_rate", "new_customers")


@cache
def plain_card() -> Scorecard:
    return scorecard(shop(), SHOP, JUNE, north_star="active_customers")


def text(shown: Say | Headline) -> str:
    return plain(shown.phrase) if isinstance(shown, Say) else " | ".join(plain(each) for each in shown.sentences)


def test_the_funnel_tells_conversion_loss_and_time() -> None:
    told = text(say(funnel(visits(), Funnel(("look", "cart", "buy"), within="24h"))))
    assert "of 40 users got from look to buy (95\u00a0% interval".replace("\u00a0", " ") in told
    assert "Most are lost between look and cart" in told
    assert "took 2 h or less" in told


def test_only_what_is_there_is_mentioned() -> None:
    result = funnel(visits(), Funnel(("look", "buy"), within="24h"))
    assert "not counted" not in text(say(result))
    waiting = replace(result, table=result.table.with_columns(in_progress=pl.lit(1), tie_sensitive=pl.lit(3)))
    assert "1 user is still within the time allowed" in text(say(waiting))
    assert "For 3 users it depends on the order of events at the same instant" in text(say(waiting))


def test_nobody_in_a_funnel_is_not_zero_percent() -> None:
    assert text(say(funnel(log([("u", 1.0, "other", None)]), Funnel(("look", "buy"))))) == (
        "Nobody entered at look, so there is no conversion to tell."
    )
    late = log([("u", 59.5 * 24, "look", None)])
    assert text(say(funnel(late, Funnel(("look", "buy"), within="7d"), grid=parse_period("2026-Q1", zone="UTC")))) == (
        "Nobody whose time is up entered at look in Q1 2026; 1 user still under way: conversion cannot be told yet."
    )


def test_segments_that_overlap_are_not_called_different() -> None:
    result = funnel(visits().with_by(("plan",)), Funnel(("look", "buy"), within="24h"))
    assert "chance" in text(say(result))
    apart = pl.col("from_start") - 0.01, pl.col("from_start") + 0.01
    narrow = replace(result, table=result.table.with_columns(low=apart[0], high=apart[1]))
    worst = narrow.table.filter(pl.col("step") == 2)["from_start"]
    assert ("do not overlap" in text(say(narrow))) == (abs(worst[0] - worst[1]) > 0.02)


def test_a_curve_settles_only_when_one_rate_fits_all_later_ages() -> None:
    result = cohorts(visits(), Cohorts(grain="week"))
    falling = pl.DataFrame(
        {
            "k": range(1, 9),
            "to": range(1, 9),
            "eligible": [1000] * 8,
            "retained": [500, 300, 250, 200, 200, 200, 200, 200],
            "rate": [0.5, 0.3, 0.25, 0.2, 0.2, 0.2, 0.2, 0.2],
        }
    ).with_columns(low=pl.col("rate") - 0.02, high=pl.col("rate") + 0.02)
    assert "From week 4 on it holds near 20.0\u202f%" in text(say(replace(result, pooled=falling)))
    steep = falling.with_columns(low=pl.col("rate") - 0.001 * pl.col("k"), rate=0.9 / pl.col("k"))
    steep = steep.with_columns(low=pl.col("rate") - 0.001, high=pl.col("rate") + 0.001)
    assert "has not settled" in text(say(replace(result, pooled=steep)))
    assert "cannot be told yet" in text(say(replace(result, pooled=falling.head(2))))
    assert "cannot be told yet" in text(say(replace(result, pooled=falling.clear())))


def test_who_comes_back_then_or_later_is_told_in_good_order() -> None:
    found = text(say(cohorts(visits(), Cohorts(grain="week", mode="on_or_after"))))
    assert "came back in week 1 or later" in found
    assert "in week 4 or later" in found


def test_a_table_of_then_or_later_says_that_its_last_cells_had_less_time() -> None:
    low = "The newer the week, the less time was left to come back later"
    for mode in ("on", "on_or_after"):
        assert (low in str(cohort_table(cohorts(visits(), Cohorts(grain="week", mode=mode))).note)) == (mode != "on")


def test_sessions_of_one_moment_have_no_length_to_tell() -> None:
    found = text(say(session_figures(log([("u", 1.0, "look", None), ("v", 2.0, "look", None)]))))
    assert found == "2 sessions of 2 users; how long they last is not in these data: each holds one moment only."


def closed(low: float | None, high: float | None) -> Intake:
    ages = pl.DataFrame(
        {"cohort": [1, 3], "members": [7846, 7248], "active_periods": [1.3106, 1.2493], "variance": [4.8, 4.2]}
    )
    gap = None if low is None else -0.06
    return Intake(True, date(1997, 3, 25), 23570, 15, "month", ages, 15, gap, low, high)


def test_ageing_is_not_called_decline() -> None:
    told = text(say(closed(-0.13, 0.0065)))
    assert "Nobody new has come since 25 March 1997: this is one closed group of 23,570." in told
    assert "1.25 against 1.31 active months in the first 15 months" in told
    assert "difference −0.13 to +0.01" in told
    assert "ageing, not decline" in told


def test_decline_is_called_decline_and_ignorance_ignorance() -> None:
    assert "clearly less active" in text(say(closed(-0.2, -0.05)))
    assert "more active" in text(say(closed(0.02, 0.2)))
    assert "cannot be told yet" in text(say(closed(None, None)))


def test_a_closed_group_is_found_in_the_data() -> None:
    found = intake(shop(), JUNE)
    assert "Nobody new has come since 24 January 2026: this is one closed group of 60." in text(say(found))
    assert "closed group" in text(headline(plain_card(), found))


def test_a_whole_period_is_told_before_one_that_is_not_over() -> None:
    values = compute("orders", shop(), Grid.calendar("month", date(2026, 1, 1), date(2026, 9, 1), zone="UTC"))
    assert "in June 2026" in text(say(values))


def every_figure(values: Values) -> dict[tuple[object, ...], dict[str, object]]:
    keyed = {}
    for row in values.table.iter_rows(named=True):
        columns = (*values.by, *values.parts.get(row["kpi"], ()))
        by = tuple((column, "(none)" if row[column] is None else row[column]) for column in columns)
        keyed[row["kpi"], str(row["start"]), by] = row
    return keyed


@pytest.mark.parametrize(
    ("names", "by"),
    [
        (["orders", "total_revenue", "average_order_value"], ()),
        (["goal_conversion_rate", "dau"], ("plan",)),
        (["stickiness"], ()),
    ],
)
def test_every_printed_figure_is_the_computed_one(names: list[str], by: tuple[str, ...]) -> None:
    data = shop() if "orders" in names else visits()
    values = compute(names, data, MONTHS, by)
    known = every_figure(values)
    printed = [*figures(say(values)), *figures(table(values))]
    assert len(printed) > len(names)
    for figure in printed:
        assert figure.value == known[figure.kpi, figure.start, figure.by][figure.field]


def test_every_figure_of_a_scorecard_is_the_computed_one() -> None:
    whole = plain_card()
    rows = {(r["kpi"], str(r["start"])): r for s in whole.standings for r in s.history.table.to_dicts()}
    for row in whole.table.to_dicts():
        rows[row["kpi"], str(row["start"])] |= row
    for standing in whole.standings:
        assert len(standing.earlier) > 3
        for day, change in standing.earlier.items():
            rows[standing.kpi.name, str(day)] |= moved_by("", change)
    for row in rows.values():  # a tile unfolds its share into so many of so many
        row["hits"] = row["value"] and row["n"] and round(row["value"] * row["n"])
    printed = [*figures(headline(whole)), *figures(tiles(whole)), *figures(table(whole))]
    assert {figure.kpi for figure in printed} == {*SHOP, "active_customers"}
    for figure in printed:
        assert figure.value == rows[figure.kpi, figure.start][figure.field]


def test_actives_print_the_kpis_they_are() -> None:
    result = actives(visits(), WEEKS)
    known = every_figure(compute(["dau", "wau", "mau", "stickiness"], visits(), WEEKS))
    printed = [*figures(say(result)), *figures(table(result))]
    assert {figure.kpi for figure in printed} == {"dau", "wau", "mau", "stickiness"}
    for figure in printed:
        assert figure.value == known[figure.kpi, figure.start, figure.by]["value"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_one_is_singular(count: int) -> None:
    assert plural(count, "user") == {0: "0 users", 1: "1 user", 2: "2 users"}[count]


def test_one_session_of_one_user() -> None:
    assert "1 session of 1 user" in text(say(session_figures(log([("u", 1.0, "look", None)]))))


def test_intervals_say_their_unit_once() -> None:

    assert between(0.1, 0.2) == "10.0 – 20.0\u202f%"
    assert between(None, 0.2) == ""
    assert span_of_change(0.001, 0.02, SHARE, points=True) == "+0.10 to +2.0 points"
    assert moved(0.0, COUNT, points=False, sign=True) == "0\u202f%"
    assert written(None, SHARE) == "—"


@pytest.mark.parametrize(
    ("first", "end", "words"),
    [
        (date(2026, 1, 1), date(2026, 4, 1), "Q1 2026"),
        (date(2026, 1, 1), date(2027, 1, 1), "2026"),
        (date(2026, 1, 5), date(2026, 1, 6), "5 January 2026"),
        (date(2026, 1, 5), date(2026, 1, 15), "5 January 2026 to 14 January 2026"),
    ],
)
def test_periods_have_names(first: date, end: date, words: str) -> None:
    assert period_name(first, end) == words


def test_advice_says_what_is_missing() -> None:
    told = text(say(stage(visits(), stage="growth")))
    assert "Watch 3 KPIs first" in told


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(TypeError, match="int is no result"):
        say(1)


@settings(max_examples=settings.default.max_examples // 5, phases=[Phase.generate])
@given(logs)
def test_nothing_is_too_odd_to_be_told(data: Dataset) -> None:
    split = data.with_by(("plan",))
    for seen in (data, split):
        spec = Funnel(("look", "cart", "buy"), within="24h")
        results = [funnel(seen, spec), cohorts(seen, Cohorts(grain="week")), session_figures(seen)]
        results.append(actives(data, WEEKS, seen.by))
        results.append(compute(["dau", "retention_day_7", "total_revenue"], data, WEEKS, seen.by))
        for result in results:
            assert text(say(result)).strip()
            assert table(result).columns
    for result in (intake(data, WEEKS), scorecard(data, ["dau", "retention_day_7", "orders"], WEEKS, north_star="dau")):
        assert text(say(result)).strip()
        assert all(part is not None for part in table(result).rows)


def test_each_result_has_a_face() -> None:
    data = visits()
    shown = [
        funnel(data, Funnel(("look", "buy"))),
        funnel_trend(data, Funnel(("look", "buy")), WEEKS),
        compare_funnels(funnel(data.with_by(("plan",)), Funnel(("look", "buy")))),
        definition_strip(data, Funnel(("look", "buy"))),
        cohorts(data, Cohorts()),
        actives(data, WEEKS),
        session_figures(data),
        lifecycle(data),
        paths(data),
        habits(data),
        adoption(replace(data, features={"looks": ("look",)}), WEEKS),
        compute("dau", data, WEEKS),
        compute("dau", data, JUNE),
        stage(data, stage="growth"),
        intake(data, WEEKS),
        plain_card(),
    ]
    assert {type(each).__name__ for each in shown} | SHOWN_ELSEWHERE == {
        kind.__name__ for kind in FACES if isinstance(kind, type)
    }
    assert all(len(faces(each)) >= 2 for each in shown)


def test_the_lifecycle_tells_its_last_whole_period() -> None:
    rows = [(f"u{user}", 24.0 * 7 * week, "look", "free") for user in range(4) for week in range(3) if week != user]
    told = plain(say(lifecycle(log(rows, days=21))).phrase)
    assert told == (
        "In the week of 19 January 2026, 3 people were active: 0 new, 2 who stayed and 1 who came back; 1 of the period "
        "before did not. So as many are won as lost: 1 won for each lost."
    )
    late = log([*rows, ("u0", 24.0 * 35, "look", None)], days=36)
    assert "1 person came: 0 new, 0 who had come in the week before, 1 back" in plain(say(daily_states(late)).phrase)
    assert "cannot be told yet" in plain(say(lifecycle(log(rows, days=7))).phrase)


def test_where_nobody_is_new_no_segment_won_the_most() -> None:
    rows = [(f"u{user}", 24.0 * 7 * week, "look", "pro" if user else "free") for user in range(3) for week in range(3)]
    told = plain(say(lifecycle(log(rows, days=21).with_by(("plan",)))).phrase)
    assert told == "In the week of 19 January 2026, nobody came for the first time; pro has the most active people: 2."


def test_habits_tell_days_and_rhythm() -> None:
    rows = [("a", 24.0 * day, "look", None) for day in range(6)] + [("b", 0.0, "look", None), ("b", 48.0, "look", None)]
    assert plain(say(habits(log(rows, days=6), window=6)).phrase) == (
        "Somebody active comes on 4 of 6 days (66.7\u202f%); of all who ever came, a day finds 66.7\u202f%. 1 of them come on "
        "6 days or more. Of those who come again, 80 % usually come within 2 days: look at them in steps no shorter than that."
    )
    assert "not been watched" in plain(say(habits(log(rows, days=6))).phrase)


def test_figures_that_all_lack_their_tables_are_told_in_one_breath() -> None:
    values = compute(["ticket_volume", "uptime"], log([]), JUNE)
    (only,) = faces(values)
    assert plain(only.phrase) == (  # type: ignore[attr-defined]
        "Ticket volume cannot be told: it needs the column opened of tickets. "
        "Uptime cannot be told: it needs the columns start and end of incidents."
    )
    assert len(faces(compute(["ticket_volume", "dau"], log([]), JUNE))) == 2


def test_a_bound_without_a_figure_is_told() -> None:
    incidents = frame_of("incidents", ["incident_id", "start", "end"], [])
    values = compute("mtbf", told(tables={"incidents": incidents}), parse_period("2026-01", zone="UTC"))
    assert text(say(values)) == (
        "Mean time between failures in January 2026: none came to an end, so at least 10 d 8 h (95 %)."
    )
    (row,) = [[plain(cell) for cell in row] for row in table(values).rows]
    assert row == ["January 2026", "—", "≥ 10 d 8 h", "0", "no denominator"]


def test_without_a_time_limit_who_has_not_come_may_still_come() -> None:
    said = text(say(funnel(visits(), Funnel(("look", "cart", "buy")))))
    assert "stopped" not in said
    assert "have not come further so far" in said
    assert said.endswith("There is no time limit, so who entered lately may still come.")
    closed = text(say(funnel(visits(), Funnel(("look", "cart", "buy"), within="24h"))))
    assert "stopped there" in closed
    assert "still come" not in closed
    assert "no time limit" not in text(say(funnel(visits(), Funnel(("look", "look")))))


def test_what_no_column_cuts_is_said_and_not_told_twice() -> None:
    way = Funnel(("look", "cart", "buy"), within="24h")
    whole = funnel(visits(), way)
    assert by_segment(whole) == Say(UNCUT)
    parts = funnel(visits().with_by(("plan",)), way)
    assert by_segment(parts) is parts
    assert len(learned(whole, funnel(visits(), way), parts).sentences) == 2
