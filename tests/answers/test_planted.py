"""What was planted in the demo company is found within two periods of its beginning, by those who knew no more than then."""

from collections.abc import Sequence
from datetime import date

import pytest

import kpi_lib as kpi
from kpi_lib.answers.rulebook import YES
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, step
from kpi_lib.kpis.registry import find
from kpi_lib.sources.sample.folder import write_sample
from kpi_lib.sources.sample.service import REASONS
from kpi_lib.sources.sample.story import Story

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The demo company as `kpi sample` writes it."""
    folder = tmp_path_factory.mktemp("planted") / "company"
    write_sample(folder, Story())
    return kpi.open_workspace(folder).data


# what was planted: the first whole period, its grid, the figure, the column and segment, the kind of signal
PLANTED = {
    "incident": (date(2026, 5, 26), "day", "dau", "platform", "android", "drop"),
    "incident, in its week": (date(2026, 5, 25), "week", "dau", "platform", "android", "drop"),
    "incident, in requests": (date(2026, 5, 26), "day", "app_error_rate", "platform", "android", "jump"),
    "release": (date(2026, 2, 1), "month", "feature_adoption_rate", "feature", "automation", "jump"),
    "backlog": (date(2026, 3, 1), "month", "first_response_time", "", "", "jump"),
    "new product": (date(2026, 4, 1), "month", "new_product_revenue_share", "", "", "jump"),
    "outage": (date(2026, 8, 5), "day", "dau", "", "", "outage"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_sudden_truth_is_found_within_two_periods(name: str, company: Dataset) -> None:
    begun, every, figure, column, segment, kind = PLANTED[name]
    own = find(figure).parts
    by = (column,) if column and column not in own else ()
    found = []
    for number in range(2):
        first = step(begun, every, number)
        grid = Grid.calendar(every, first, step(first, every), zone=company.zone, week_start=company.week_start)
        told = kpi.signals(company.as_of(grid.ends[-1]), [figure], grid, by=by, explain=0).signals
        found += [(each.kind, dict(each.by).get(column, "")) for each in told]
    assert (kind, segment) in found


@pytest.mark.parametrize(
    ("figure", "by", "worse"),
    [("cpa", ("channel",), {"channel": "ads"}), ("api_latency", ("route",), {"route": "/search", "percentile": "p95"})],
)
def test_a_slow_truth_is_found_as_a_creep(
    figure: str, by: Sequence[str], worse: dict[str, str], company: Dataset
) -> None:
    grid = kpi.last_complete("month", company.observed_until, zone=company.zone)
    told = kpi.signals(company, [figure], grid, by=by, explain=0).signals
    assert worse in [dict(each.by) for each in told if each.kind == "creep" and each.better is False]


def test_the_concentration_of_revenue_is_found(company: Dataset) -> None:
    grid = kpi.last_complete("month", company.observed_until, zone=company.zone)
    holding = {each.rule.name for each in kpi.rules(company, grid).findings if each.verdict == YES}
    assert {"revenue_on_few", "dearer_channel", "hidden_feature"} <= holding


def test_nothing_is_found_on_the_web_while_android_fails(company: Dataset) -> None:
    days = (date(2026, 5, 26), date(2026, 5, 29))
    grid = Grid.calendar("day", *days, zone=company.zone)
    told = kpi.signals(company.as_of(grid.ends[-1]), ["dau"], grid, by=("platform",), explain=0).signals
    assert {dict(each.by)["platform"] for each in told} == {"android"}


def test_the_reasons_of_detractors_are_named_with_as_many_as_gave_them(company: Dataset) -> None:
    grid = kpi.parse_period("2026-Q3", zone=company.zone)
    given = kpi.unhappy(company, grid).people.filter(kind="nps")["answer"].drop_nulls().value_counts()
    found = kpi.themes(company, grid).table.filter(kind="nps")
    assert dict(found.select("theme", "people").rows()) == dict(given.rows())
    assert set(found["theme"]) == set(REASONS)


def test_the_topic_that_escalates_is_named_after_its_release_and_not_before(company: Dataset) -> None:
    for period, wanted in (("2025-Q3", []), ("2026-Q3", ["topic automation"])):
        grid = kpi.parse_period(period, zone=company.zone)
        told = kpi.rules(company.as_of(grid.ends[-1]), grid).findings
        (found,) = [each for each in told if each.rule.name == "escalating_topic"]
        assert [each.part for each in found.evidence if each.part] == wanted
