"""What kpi list says: the tables that data can be mapped to, and what a workspace lacks for each KPI."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from kpi_lib.cli.main import cli
from kpi_lib.core.schema import TABLES
from kpi_lib.kpis.registry import catalogue
from tests.cli.conftest import Said

Kpi = Callable[..., Said]


def test_every_table_and_column_is_listed(kpi: Kpi) -> None:
    found = kpi("list", "--tables", "--json").json["tables"]
    assert {each["table"]: [c["column"] for c in each["columns"]] for each in found} == {
        name: [c.name for c in columns] for name, columns in TABLES.items()
    }
    text = kpi("list", "--tables").out
    assert all(name in text for name in TABLES)
    assert "user_id!, event!, time!, event_id" in text


@pytest.mark.parametrize("table", TABLES)
def test_one_table_is_told_in_full_and_fits_the_terminal(kpi: Kpi, table: str) -> None:
    text = kpi("list", "--tables", table).out
    assert all(column.name in text for column in TABLES[table])
    readers = {name for name, body in catalogue().items() if any(i.startswith(table + ".") for i in body.inputs)}
    assert set(kpi("list", "--tables", table, "--json").json["tables"][0]["kpis"]) == readers
    assert max(map(len, text.splitlines())) <= 100


def test_words_and_rules_are_told(kpi: Kpi) -> None:
    text = kpi("list", "--tables", "transactions").out
    assert "sale refund credit" in text
    assert "first_response lies before opened" in kpi("list", "--tables", "tickets").out


def test_an_unknown_table_names_the_nearest(kpi: Kpi) -> None:
    said = kpi("list", "--tables", "ticket")
    assert said.status == 2
    assert "Did you mean tickets" in said.err


def test_what_is_missing_is_grouped_by_category_and_fits_80_columns(kpi: Kpi, stranger: Path) -> None:
    said = kpi("list", "--available", "--workspace", stranger)
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    answer = kpi("list", "--available", "--workspace", stranger, "--json").json["kpis"]
    for category in dict.fromkeys(each["category"] for each in answer):
        own = [each for each in answer if each["category"] == category]
        assert f"{category}: {sum(each['available'] for each in own)} of {len(own)}" in lines
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if line[:2] == "  " and line[2] != " "}
    assert set(told) == set(catalogue())
    assert {name for name, text in told.items() if text == "yes"} == {e["kpi"] for e in answer if e["available"]}
    assert told["total_revenue"].startswith("needs transactions (user_id, time, amount)")


def test_every_kpi_says_truly_what_a_complete_workspace_lacks(kpi: Kpi, demo: Path) -> None:
    """A KPI is available exactly if compute does not answer missing_input or needs_choice."""
    answer = kpi("list", "--available", "--workspace", demo, "--json").json["kpis"]
    names = [each["kpi"] for each in answer]
    rows = kpi("compute", *names, "--period", "2026-09", "--workspace", demo, "--json").json["rows"]
    lacking = {row["kpi"] for row in rows if row["status"] in ("missing_input", "needs_choice")}
    assert lacking == {each["kpi"] for each in answer if not each["available"]}


@pytest.mark.parametrize(
    ("span", "warned"),
    [
        (("--from", "2026-03-05", "--to", "2026-04-01"), ["--from 2026-03-05", "2026-03-01"]),
        (("--from", "2026-03-01", "--to", "2026-03-20"), ["--to 2026-03-20", "2026-04-01"]),
        (("--from", "2026-03-01", "--to", "2026-04-01"), []),
    ],
)
def test_a_span_that_is_no_whole_period_is_said(
    kpi: Kpi, stranger: Path, span: tuple[str, ...], warned: list[str]
) -> None:
    said = kpi("compute", "dau", *span, "--every", "month", "--workspace", stranger, "--json")
    assert [row["start"] for row in said.json["rows"]] == ["2026-03-01"]
    assert all(part in said.err for part in warned)
    assert ("warning:" in said.err) == bool(warned)


def test_a_definition_fits_80_columns_and_loses_no_word(kpi: Kpi) -> None:
    record = kpi("show", "mrr", "--json").json
    said = kpi("show", "mrr").out
    assert max(map(len, said.splitlines())) <= 80
    assert record["sources_wrong"] in " ".join(said.split())


@pytest.mark.parametrize("verb", sorted(cli.list_commands(click.Context(cli))))
def test_every_help_fits_80_columns_and_has_an_example(kpi: Kpi, verb: str) -> None:
    said = kpi(verb, "--help").out
    assert "Example" in said
    assert max(map(len, said.splitlines())) <= 80
