"""What can be unfolded at a figure: the rules in force, who is counted, how sure it is, and where it comes from."""

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import kpi_lib as kpi
from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.answers.drilling import Move
from kpi_lib.answers.intake import intake
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.reporting.notebooks import definitions_of, frames_of
from kpi_lib.shapes.cohort import cohorts
from kpi_lib.shapes.cohort_rules import Cohorts
from kpi_lib.shapes.engagement import habits
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.funnel_compare import compare_funnels
from kpi_lib.shapes.funnel_strip import definition_strip
from kpi_lib.shapes.funnel_trend import funnel_trend
from kpi_lib.shapes.lifecycle import lifecycle
from kpi_lib.shapes.paths import paths
from kpi_lib.shapes.sessions import session_figures
from kpi_lib.show.blocks import Facts, Headline, Say, Table
from kpi_lib.show.explore_segments import explore_segments
from kpi_lib.show.faces import readable
from kpi_lib.show.facts import facts
from kpi_lib.show.facts_answers import followed_facts, move_facts
from kpi_lib.show.facts_shapes import NAMES
from kpi_lib.show.panel import parts_of
from kpi_lib.show.phrases import plain
from kpi_lib.show.picture import Picture
from kpi_lib.show.render import html
from kpi_lib.show.tiles import headline
from tests.show.results import shop, visits

WEEKS = Grid.calendar("week", date(2026, 1, 5), date(2026, 3, 2), zone="UTC")
JUNE, JULY = (parse_period(month, zone="UTC") for month in ("2026-06", "2026-07"))
WAY = Funnel(("look", "cart", "buy"), within="24h")


def words(told: Facts) -> dict[str, str]:
    return {name: plain(phrase) for name, phrase in told}


@cache
def everything() -> dict[str, object]:
    seen, plans = visits(), visits().with_by(("plan",))
    return {
        "funnel": funnel(seen, WAY),
        "segments": funnel(plans, WAY),
        "trend": funnel_trend(seen, WAY, WEEKS),
        "comparison": compare_funnels(funnel(plans, WAY)),
        "strip": definition_strip(seen, WAY),
        "cohort": cohorts(seen, Cohorts(grain="week")),
        "cohorts": cohorts(plans, Cohorts(grain="week")),
        "actives": actives(seen, WEEKS),
        "sessions": session_figures(seen),
        "lifecycle": lifecycle(seen),
        "habits": habits(seen),
        "paths": paths(seen),
        "intake": intake(seen, WEEKS),
        "values": compute("dau", seen, WEEKS),
        "parted": compute("dau", seen, WEEKS, ("plan",)),
        "several": compute(["orders", "average_order_value"], shop(), JUNE),
    }


KINDS = "funnel segments trend comparison strip cohort cohorts actives sessions lifecycle habits paths intake values parted several"


@pytest.mark.parametrize("name", KINDS.split())
def test_every_chart_and_table_of_a_result_unfolds_to_all_facts(name: str) -> None:
    shown = [part for part in readable(everything()[name]) if isinstance(part, Picture | Table)]
    for part in shown:
        told = words(part.facts)
        assert tuple(told) == NAMES
        assert all(text.strip() for text in told.values()), told
    assert shown or name == "intake"


def test_a_funnel_tells_its_rules_its_entries_and_its_tables() -> None:
    result = funnel(visits(), WAY, grid=WEEKS)
    told = words(facts(result))
    assert "look → cart → buy; within 24h of the first step" in told["Definition"]
    assert told["n"] == f"{result.table['units'][0]}"
    assert told["Unripe"] == f"{result.table['in_progress'][0]} still on their way, in neither"
    assert "Wilson" in told["95 % interval"]
    assert told["Made from"] == "events"
    assert "2026-01-05 to 2026-03-02" in told["Data"]


def test_segments_tell_their_own_entries() -> None:
    result = funnel(visits().with_by(("plan",)), WAY)
    first = result.table.filter(pl.col("step") == 1)
    expected = ", ".join(f"{plan} {units}" for plan, units in first.select("plan", "units").iter_rows())
    assert words(facts(result))["n"] == expected


def test_a_cohort_table_tells_members_and_open_cells() -> None:
    result = cohorts(visits(), Cohorts(grain="week"))
    told = words(facts(result))
    members = result.table.unique("start")["size"].sum()
    assert told["n"].startswith(f"{members} members in all")
    assert told["Unripe"].startswith(f"{result.table.filter(~pl.col('complete')).height} cell")
    assert "by the week of the first" in told["Definition"]


def test_a_kpi_tells_its_formula_its_columns_and_the_last_n() -> None:
    values = compute("average_order_value", shop(), JUNE)
    told, row = words(facts(values)), values.table.row(0, named=True)
    assert values.definitions["average_order_value"] in told["Definition"]
    assert told["n"] == f"{row['n']}"
    assert told["Denominator"]
    assert "transactions.amount" in told["Made from"]
    assert "period 2026-06-01 to 2026-07-01, end excluded" in told["Data"]


@pytest.fixture(scope="module")
def company(demo: Path) -> dict[str, object]:
    ws = kpi.open_workspace(demo)
    data, grid = ws.data, ws.grid(cadence="month")
    return {
        "bridge": kpi.mrr_bridge(data, grid),
        "lifetime": kpi.lifetime(data, gross_margin=0.8),
        "brought": kpi.cohort_revenue(data),
        "economics": kpi.unit_economics(data, grid),
        "adoption": kpi.adoption(data, grid),
        "signals": kpi.signals(data, ["dau", "orders"], ws.grid(cadence="week").back(20)),
        "opportunities": kpi.opportunities("repeat_purchase_rate", data, grid, by=("platform",)),
        "forecast": kpi.forecast(data),
        "budget": kpi.budget(data, grid),
        "depth": kpi.early_depth(data),
        "goals": kpi.goals(data, ws.targets, product=ws.product),
        "portfolio": kpi.portfolio(ws, []),
        "rules": kpi.rules(data, grid),
        "unhappy": kpi.unhappy(data, grid),
        "themes": kpi.themes(data, grid),
        "segmented": explore_segments(data, name="dau", by="platform"),
        "scorecard": kpi.scorecard(data, ["dau", "nps"], grid),
        "proposal": kpi.propose_stage(data),
        "advice": kpi.stage(data, stage="early"),
    }


MONEY = "bridge lifetime brought economics adoption signals opportunities forecast budget depth goals portfolio "
MONEY += "rules unhappy themes segmented scorecard proposal advice"


@pytest.mark.parametrize("name", MONEY.split())
def test_money_features_and_what_lies_ahead_tell_theirs(company: dict[str, object], name: str) -> None:
    told = words(facts(company[name]))
    assert tuple(told) == NAMES
    assert all(text.strip() for text in told.values()), told
    assert name == "advice" or "no table" not in told["Made from"]


def test_a_sentence_unfolds_where_no_table_stands_beside_it(company: dict[str, object]) -> None:
    (said,) = readable(company["unhappy"])
    assert isinstance(said, Say)
    assert words(said.facts)["Made from"] == "surveys"
    first, *rest = readable(company["themes"])
    assert isinstance(first, Say)
    assert bool(first.facts) != any(isinstance(part, Table) for part in rest)


def test_a_public_table_unfolds_and_so_do_the_further_pictures_of_funnels_and_cohorts() -> None:
    shown = [kpi.table(everything()["actives"]), kpi.funnel_times(everything()["funnel"])]
    back = cohorts(visits(), Cohorts(grain="week", gone_after=2))
    shown += [kpi.cohort_means(back), kpi.cohort_survival(back)]
    for part in shown:
        assert tuple(words(part.facts)) == NAMES
    assert "Student" in words(shown[2].facts)["95 % interval"]
    assert "Greenwood" in words(shown[3].facts)["95 % interval"]


def test_an_explorer_unfolds_what_a_notebook_does() -> None:
    told = [part for part in parts_of(everything()["trend"]) if isinstance(part, Picture | Table)]
    told += [part for part in parts_of(everything()["segments"]) if isinstance(part, Picture | Table)]
    assert len(told) == 2
    assert all(tuple(words(part.facts)) == NAMES for part in told)


def test_a_figure_that_moved_tells_both_periods_and_its_parts(company: dict[str, object]) -> None:
    card = company["scorecard"]
    assert isinstance(card, kpi.Scorecard)
    standing = card.standings[0]
    since = date(2026, 9, 1)
    moved = replace(standing, change=replace(standing.change, since=since))
    parts = pl.DataFrame({"segment": ["web"], "before": [1.0], "after": [2.0], "effect": [1.0]})
    source = kpi.Contributions("dau", "platform", since, date(2026, 10, 1), 1.0, parts)
    told = words(move_facts(Move(moved, yearly=False, source=source), "month", "EUR"))
    assert "change is on September 2026" in told["Definition"]
    assert "Divided by platform" in told["Definition"]
    alone = words(move_facts(Move(moved, yearly=False, source=None), "month", "EUR"))
    assert "Divided" not in alone["Definition"]


def test_a_decision_tells_its_figure_then_and_now_with_its_n() -> None:
    made = kpi.Decision(
        date=date(2026, 6, 10), decision="Shorter", type="feature", signal="many leave", owner="growth", kpi="repeat_purchase_rate",
        expect="up", due=date(2026, 12, 1), look=date(2026, 8, 1), file="one",
    )  # fmt: skip
    result = kpi.follow_up([made], shop(), JULY)
    (found,) = result.followed
    row = compute("repeat_purchase_rate", shop(), JULY).table.row(0, named=True)
    assert (found.n, found.unripe) == (row["n"], row["unripe"])
    told = words(followed_facts(found, result.every, "EUR"))
    assert tuple(told) == NAMES
    assert f"version {found.definition}" in told["Definition"]
    assert "Expected: up by 2026-12-01" in told["Definition"]
    assert told["n"] == str(row["n"])
    assert told["Data"] == "May 2026, and from 2026-07-01 on"


def test_a_sentence_without_a_figure_has_nothing_to_unfold(company: dict[str, object]) -> None:
    (only,) = readable(compute("uptime", visits(), WEEKS))
    assert isinstance(only, Say)
    assert only.facts == ()
    (proposed,) = readable(company["proposal"])
    assert isinstance(proposed, Say)
    assert words(proposed.facts)["Source"].endswith("Which stage a product seems to be in")


def test_what_is_drawn_of_signals_is_handed_over_with_its_definitions(company: dict[str, object]) -> None:
    found = company["signals"]
    assert isinstance(found, kpi.Signals)
    assert found.values.table["kpi"].unique().sort().to_list() == ["dau", "orders"]
    assert any(frame.equals(found.values.table) for frame in frames_of(found))
    assert definitions_of(found) == dict(found.values.definitions)


def test_a_headline_of_newcomers_unfolds_what_no_tile_tells(company: dict[str, object]) -> None:
    card = company["scorecard"]
    assert isinstance(card, kpi.Scorecard)
    closed = replace(intake(visits(), WEEKS), closed=True)
    told = headline(card, closed)
    assert words(told.facts)["Definition"].startswith("Active weeks of each member")
    assert headline(card, replace(closed, closed=False)).facts == ()
    assert html(told).text.startswith('<div class="kpi-told"><ul class="kpi-headline"')
    assert html(Headline(told.sentences)).text.startswith('<ul class="kpi-headline"')
