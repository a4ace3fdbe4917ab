"""The canonical tables read as they are written."""

import polars as pl
import pytest

from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT
from kpi_lib.core.schema import DTYPES, TABLES, columns, empty
from kpi_lib.kpis.registry import alternatives, catalogue


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_well_formed(table: str) -> None:
    found = columns(table)
    assert len(found) == len(TABLES[table])
    assert any(column.required for column in found.values())
    for name, column in found.items():
        assert name.isidentifier()
        assert column.kind in DTYPES
        assert column.dtype == DTYPES[column.kind]
    assert empty(table).columns == [column.name for column in TABLES[table] if column.required]
    assert empty(table).height == 0


def test_times_are_instants_and_money_whole() -> None:
    assert columns("events")["time"].dtype == INSTANT
    assert columns("transactions")["amount"].dtype == pl.Int64
    assert columns("marketing_spend")["date"].dtype == pl.Date
    assert [c.name for c in TABLES["events"] if c.key] == ["event_id"]
    assert [c.name for c in TABLES["transactions"] if c.key] == ["transaction_id"]


def test_every_input_of_every_kpi_is_a_column_of_the_schema() -> None:
    for kpi in catalogue().values():
        for each in kpi.inputs:
            for table, column in (at for way in alternatives(each) for at in way):
                assert column in columns(table), (kpi.name, each)


def test_an_unknown_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown table 'event' in kpi\.toml\. Did you mean events"):
        columns("event")
