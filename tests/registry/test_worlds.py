"""What the worlds promise to the modules that add tables to them."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT
from kpi_lib.core.units import COUNT as PEOPLE
from kpi_lib.core.units import UP
from kpi_lib.kpis import registry
from tests.build import moment

from .worlds import USERS, grid_of, joined, merged, of_users, remade, twofold, world

COSTS = pl.DataFrame({"date": [date(2026, 2, 1 + i) for i in range(28)], "category": "rent", "amount": range(28)})
USED = pl.DataFrame({"user_id": ["a", "b"], "country": ["DE", None]})


def test_choices_of_all_modules_are_merged_and_must_agree() -> None:
    assert merged({"a": 1}, {"b": 2}, {"a": 1}) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r"the worlds set a to 1 and to 2"):
        merged({"a": 1}, {"a": 2})


def test_tables_are_added_and_users_gain_columns() -> None:
    accounts = pl.DataFrame({"user_id": ["b", "a", "c"], "account_id": ["x", "y", "z"]})
    found = joined({"users": USED}, {"users": accounts, "costs": COSTS})
    assert found["users"].rows() == [("a", "DE", "y"), ("b", None, "x")]
    assert found["costs"] is COSTS
    with pytest.raises(ValueError, match="two makers of the table costs"):
        joined(found, {"costs": COSTS})


def test_twice_the_people_have_twice_the_rows_but_not_twice_the_products() -> None:
    products = pl.DataFrame({"product": ["pen"], "launch_ts": [datetime(2026, 2, 1)]})
    found = twofold({"users": USED, "costs": COSTS, "products": products})
    assert found["users"].rows() == [("a", "DE"), ("b", None), ("ax", "DE"), ("bx", None)]
    assert found["costs"].equals(pl.concat([COSTS, COSTS]))
    assert found["products"] is products


@pytest.fixture
def bills(monkeypatch: pytest.MonkeyPatch) -> str:
    """A KPI over a table that knows no users, and one made of it and of a KPI of users."""
    registry.catalogue()
    monkeypatch.setattr(registry, "REGISTRY", dict(registry.REGISTRY))
    meta: dict[str, Any] = {
        "title": "T", "unit": PEOPLE, "direction": UP, "stages": (), "cadence": "week", "formula": "f", "ripeness": "r",
        "counter": (), "references": (), "sources_wrong": "", "use": "context",
    }  # fmt: skip

    def bills(data: Dataset, grid: Any) -> pl.LazyFrame:  # noqa: ANN401
        return data["costs"].with_columns(time=pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))

    def bills_per_user(bills: pl.Expr, active_users: pl.Expr) -> pl.Expr:
        return bills / active_users

    for function, measure in ((bills, COUNT), (bills_per_user, registry.DERIVED)):
        function.__module__ = "kpi_lib.kpis.team"
        registry.kpi(measure=measure, inputs=("costs.date",), **meta)(function)
    return "bills"


def test_what_knows_no_users_has_no_countries(bills: str) -> None:
    data = remade(world(0), {**world(0).tables, "costs": COSTS})
    assert compute(bills, data, grid_of(data)).table["value"].sum() == 28
    parts = compute(bills, data, grid_of(data), ("country",)).table
    assert parts["status"].unique().to_list() == ["no_segment"]
    assert parts["value"].is_null().all()
    assert (of_users("active_users"), of_users(bills), of_users("bills_per_user")) == (True, False, False)


def test_the_worlds_users_are_those_of_the_observed_time() -> None:
    for seed in (0, 1, 2):
        data = world(seed)
        assert set(data.tables["events"]["user_id"]) | set(data.tables["transactions"]["user_id"]) <= set(USERS)
        assert data.observed_from == moment("02-01", data.zone)
