"""Every KPI on random shops in odd zones is what plain Python makes of the definition."""

from functools import cache

import pytest

from kpi_lib.kpis.registry import catalogue
from tests.brute import plain_making, plain_money, plain_people, plain_service, plain_winning
from tests.brute.plain import PLAIN, Period, Shop
from tests.registry.worlds import NAMES, SEEDS, grid_of, usual, world

MODULES = (plain_people, plain_money, plain_winning, plain_service, plain_making)
# made of KPIs that are here, by a test of its own
ELSEWHERE = {
    "benchmark_gap",
    "ltv",
    "ltv_cac_ratio",
    "avg_customer_lifetime",
    "revenue_growth_rate",
    "relative_acquisition_rate",
}
UNKNOWN = ("early", "partial")  # not wholly observed, so that there may be no value


@cache
def shop(seed: int, every: str) -> Shop:
    data = world(seed)
    tables = {name: frame.to_dicts() for name, frame in data.tables.items()}
    return Shop(tables, data.observed_from, data.observed_until, data.zone, data.settings, data.features, every)


def test_every_kpi_is_here_or_has_a_test_of_its_own() -> None:
    assert len(MODULES) == 5
    assert set(NAMES) - set(PLAIN) == ELSEWHERE
    assert set(PLAIN) <= set(NAMES)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("every", ["week", "month"])
def test_a_kpi_is_what_plain_python_says(name: str, every: str) -> None:
    parts, compared = catalogue()[name].parts, 0
    for seed in SEEDS:
        grid = grid_of(world(seed), every)
        edges = zip(grid.firsts, grid.stops, grid.starts, grid.ends, strict=True)
        periods = {first: Period(first, *rest) for first, *rest in edges}
        wanted = {first: PLAIN[name](shop(seed, every), period) for first, period in periods.items()}
        table = usual(seed, every)[name]
        told = {(row["start"], *(str(row[part]) for part in parts)) for row in table.iter_rows(named=True)}
        listed = ((first, each) for first, each in wanted.items() if isinstance(each, dict))
        assert {(first, *key) for first, each in listed for key, n in each.items() if n is not None} <= told
        for row in table.iter_rows(named=True):
            found = wanted[row["start"]]
            value = found.get(tuple(str(row[part]) for part in parts)) if isinstance(found, dict) else found
            if row["value"] is None and row["status"] in UNKNOWN:
                continue
            if (
                isinstance(found, dict) and not value and not row["value"]
            ):  # a component that does not occur in this period
                continue
            assert row["value"] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), (seed, row)
            compared += value is not None
    assert compared > 3 or every == "month"
