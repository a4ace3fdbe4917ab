"""Early depth against a loop over people: time in sessions of the first days, and who came back later."""

import random
from datetime import timedelta
from itertools import pairwise

import pytest

from kpi_lib.core.compare import share_difference
from kpi_lib.core.errors import UsageError
from kpi_lib.shapes.early_depth import early_depth
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.build import dataset, instant

DAY = 86_400_000_000
GAP = 30 * 60_000_000


def log(seed: int) -> list[tuple[str, int, str, int, dict[str, str]]]:
    """Eighty people over ninety days; who spends more at first comes back more often."""
    dice, rows = random.Random(seed), []
    for at in range(80):
        user, begun = f"u{at:02}", dice.randrange(60 * DAY)
        for _ in range(dice.randrange(1, 6)):
            time = begun + dice.randrange(9 * DAY)
            rows += [(user, time + step * dice.randrange(1, 2 * GAP), "use") for step in range(dice.randrange(1, 5))]
        if dice.random() < 0.3 + 0.1 * (at % 5):
            rows.append((user, begun + dice.randrange(20 * DAY, 50 * DAY), "use"))
    return [(user, time, event, n, {}) for n, (user, time, event) in enumerate(sorted(rows))]


def plainly(rows: list[tuple[str, int, str, int, dict[str, str]]], until: int) -> list[tuple[float, bool]]:
    """Of each person watched for 35 days: seconds spent in the first seven, and whether they came in days 28 to 34."""
    found = []
    for user in sorted({row[0] for row in rows}):
        times = sorted(row[1] for row in rows if row[0] == user)
        if times[0] + 35 * DAY > until:
            continue
        spent = 0
        for one, other in pairwise(times):
            if other < times[0] + 7 * DAY and other - one <= GAP:
                spent += other - one
        found.append((spent / 1e6, any(28 * DAY <= time - times[0] < 35 * DAY for time in times)))
    return sorted(found)


@pytest.mark.parametrize("seed", range(40))
def test_equals_a_loop_over_people(seed: int) -> None:
    rows, until = log(seed), 90 * DAY
    people = plainly(rows, until)
    found = early_depth(dataset(rows, until=until))
    quarters: dict[int, list[tuple[float, bool]]] = {}
    for spent, back in people:
        place = sum(other < spent for other, _ in people)
        quarters.setdefault(place * 4 // len(people), []).append((spent, back))
    if len(quarters) < 2 or min(map(len, quarters.values())) < 10:
        assert found.reason
        return
    expected = [
        (len(part), sum(back for _, back in part), part[0][0], part[-1][0]) for _, part in sorted(quarters.items())
    ]
    rows_found = found.table.select("users", "returned", "shortest", "longest").rows()
    assert len(rows_found) == len(expected)
    assert all(one == pytest.approx(other, abs=1e-9) for one, other in zip(rows_found, expected, strict=True))
    first, last = expected[0], expected[-1]
    assert found.difference == share_difference((first[1], first[0]), (last[1], last[0]))
    assert found.unripe == len({row[0] for row in rows}) - len(people)


def test_some_seeds_are_told_and_not_all_refused() -> None:
    assert sum(not early_depth(dataset(log(seed), until=90 * DAY)).reason for seed in range(40)) > 20


def test_the_later_days_must_be_over() -> None:
    rows = [(f"u{at:02}", at % 3, "use", at, {}) for at in range(40)]
    edge = 2 + 35 * DAY
    assert early_depth(dataset(rows, until=edge)).unripe == 0
    assert early_depth(dataset(rows, until=edge - 1)).unripe == 13  # those who began last still have a microsecond


def test_what_cannot_be_told_says_why() -> None:
    found = early_depth(dataset([("a", 0, "use", 0, {})], until=90 * DAY))
    assert found.reason == "1 people have been watched for 35 days, too few for groups of 10".replace(
        "1 people", "1 people"
    )
    assert plain(say(found).phrase).endswith(f"cannot be told yet: {found.reason}.")
    assert not table(found).rows


def test_it_is_told_as_going_together() -> None:
    found = next(each for seed in range(40) if not (each := early_depth(dataset(log(seed), until=90 * DAY))).reason)
    said = plain(say(found).phrase)
    assert said.startswith("Of those who spent most time in their first 7d (")
    assert "need not mean that one brings the other" in said or "within what chance gives" in said
    assert len(table(found).rows) == found.table.height
    assert found.to_dict()["later_days"] == [28, 35]


def test_first_days_end_before_the_later_ones() -> None:
    assert instant(DAY) - instant(0) == timedelta(days=1)
    with pytest.raises(UsageError, match="do not fit"):
        early_depth(dataset([("a", 0, "use", 0, {})], until=DAY), first="30d")
