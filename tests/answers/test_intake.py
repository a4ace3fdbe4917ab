"""Whether anybody new still comes, and whether fewer actives mean ageing or decline."""

from collections import defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, variance

import pytest

from kpi_lib.answers.intake import intake
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import Z
from kpi_lib.core.period import Grid, last_complete
from kpi_lib.sources.workspace import open_workspace
from tests.build import told

DATA = Path(__file__).parents[2] / "data"


def months(count: int, first: int = 1) -> Grid:
    return Grid.calendar("month", date(2026, first, 1), date(2026, first + count, 1), zone="UTC")


def test_an_intake_is_closed_when_three_periods_brought_nobody() -> None:
    data = told("ann 01-05 v\nbob 01-20 v\nann 04-05 v\n", until="06-01")
    assert [intake(data, months(n)).closed for n in (1, 2, 3, 4)] == [False, False, False, True]
    found = intake(data, months(4))
    assert (found.last_new, found.members, found.quiet_periods, found.every) == (date(2026, 1, 20), 2, 3, "month")
    again = told("ann 01-05 v\nbob 04-20 v\n", until="06-01")
    assert not intake(again, months(5)).closed


def test_nobody_at_all_is_no_intake() -> None:
    found = intake(told("-", until="06-01"), months(3))
    assert (found.closed, found.last_new, found.members, found.gap, found.declining) == (False, None, 0, None, None)
    later = intake(told("ann 05-05 v", until="06-01"), months(3))
    assert later.last_new is None


def test_one_intake_has_nothing_to_be_compared_with() -> None:
    found = intake(told("ann 01-05 v\nann 02-05 v\n", until="06-01"), months(4))
    assert (found.table.height, found.gap, found.declining) == (0, None, None)


def company(seed: int, fall: float) -> tuple[Dataset, dict[str, set[int]], dict[str, int]]:
    """Months of activity by user; later members come back less by `fall`."""
    draw, active, start = Random(seed), defaultdict[str, set[int]](set), {}
    for i in range(240):
        user, start[f"u{i}"] = f"u{i}", 1 + i % 4
        active[user].add(start[user])
        for month in range(start[user] + 1, 9):
            if draw.random() < 0.6 - fall * (start[user] - 1):
                active[user].add(month)
    lines = [f"{user} 0{month}-{1 + i % 28:02} v" for i, user in enumerate(active) for month in sorted(active[user])]
    return told("\n".join(lines), until="09-01"), active, start


@pytest.mark.parametrize(("seed", "fall", "declining"), [(1, 0.0, False), (2, 0.15, True), (3, 0.15, True)])
def test_members_are_compared_at_the_same_age(seed: int, fall: float, declining: bool) -> None:
    data, active, start = company(seed, fall)
    found = intake(data, months(8))
    ages = 4  # the fourth intake has been watched for May, June, July, August
    counts = [
        [sum(start[u] + age in active[u] for age in range(1, ages + 1)) for u in start if start[u] == cohort]
        for cohort in (1, 4)
    ]
    gap = fmean(counts[1]) - fmean(counts[0])
    half = Z * (variance(counts[0]) / len(counts[0]) + variance(counts[1]) / len(counts[1])) ** 0.5
    assert found.ages == ages
    assert found.table["members"].to_list() == [60, 60]
    assert found.table["active_periods"].to_list() == pytest.approx([fmean(each) for each in counts])
    assert (found.gap, found.gap_low, found.gap_high) == pytest.approx((gap, gap - half, gap + half))
    assert found.declining is declining


def test_a_month_that_is_not_over_is_no_age() -> None:
    """Two days into the last month hardly anybody has come back: that is no decline."""
    data, _, _ = company(1, 0.0)
    early = data.as_of(data.observed_until - timedelta(days=29))
    assert intake(early, months(8)).ages == 3
    assert intake(early, months(8)).gap == intake(early, months(7)).gap


def test_weeks_and_quarters() -> None:
    data = told("ann 01-05 v\nbob 01-12 v\n", until="06-01")
    weeks = Grid.calendar("week", date(2026, 1, 5), date(2026, 2, 2), zone="UTC")
    assert (intake(data, weeks).every, intake(data, weeks).quiet_periods) == ("week", 2)
    quarter = Grid.calendar("quarter", date(2026, 1, 1), date(2026, 4, 1), zone="UTC")
    assert intake(data, quarter).every == "month"


@cache
def cdnow() -> Dataset:
    return open_workspace(DATA / "cdnow").data


def test_the_music_shop_took_nobody_in_after_march_1997() -> None:
    data = cdnow()
    found = intake(data, last_complete("month", data.observed_until, zone="UTC"))
    assert found.closed
    assert (found.last_new, found.members, found.quiet_periods, found.ages) == (date(1997, 3, 25), 23_570, 15, 15)
    assert found.table["members"].to_list() == [7_846, 7_248]
    before = Grid.calendar("month", date(1997, 4, 1), date(1997, 5, 1), zone="UTC")
    assert not intake(data, before).closed


def test_its_fall_is_ageing_and_no_decline() -> None:
    data = cdnow()
    months_of: dict[str, set[int]] = defaultdict(set)
    for user, day in data.tables["transactions"].select("user_id", "time").iter_rows():
        months_of[user].add(day.year * 12 + day.month)
    counts: dict[int, list[int]] = defaultdict(list)
    for seen in months_of.values():
        counts[min(seen)].append(sum(min(seen) < month <= min(seen) + 15 for month in seen))
    first, last = counts[1997 * 12 + 1], counts[1997 * 12 + 3]
    found = intake(data, last_complete("month", data.observed_until, zone="UTC"))
    assert found.gap == pytest.approx(fmean(last) - fmean(first), rel=1e-12)
    half = Z * (variance(first) / len(first) + variance(last) / len(last)) ** 0.5
    assert (found.gap_low, found.gap_high) == pytest.approx((found.gap - half, found.gap + half))
