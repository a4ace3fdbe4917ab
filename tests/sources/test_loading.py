"""From files to tables: every row read is kept, filtered, deduplicated or quarantined, and never anything else."""

import gzip
import io
import json
import tomllib
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpi_lib.core.errors import DataError, UsageError, WorkspaceError
from kpi_lib.sources.findings import REPEATED, UNOBSERVED
from kpi_lib.sources.starter import write_starter
from kpi_lib.sources.workspace import open_workspace

from .conftest import NOW, Maker

EVENTS = '[tables.events]\npath = "events.csv"\n'
HEAD = "user_id,event,time\n"
cells = st.sampled_from(["u1", "u2", "", "x", '"', "2026-01-05", "2026-01-05T10:00:00Z", "2099-01-01", "a,b", "1", "="])
lines = st.lists(st.lists(cells, min_size=1, max_size=4).map(",".join), max_size=15)


def parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.booleans(), st.sampled_from(["", "where = \"event <> 'x'\"\n"]))
def test_every_row_has_one_fate(make: Maker, rows: list[str], dedupe: bool, where: str) -> None:
    toml = f"{EVENTS}dedupe = {str(dedupe).lower()}\n{where}"
    workspace = make(toml, events_csv=HEAD + "u0,view,2026-01-05\n" + "\n".join(rows))
    counts = workspace.log.counts["events"]
    assert counts.read == counts.kept + counts.filtered + counts.deduplicated + counts.quarantined
    assert counts.kept == len(workspace.data.tables["events"])
    written = workspace.folder / ".kpi" / "quarantine" / "events.csv"
    assert written.exists() == (counts.quarantined > 0)


def test_rows_that_come_twice_are_dropped_only_if_asked(make: Maker) -> None:
    rows = HEAD + "u1,view,2026-01-05\n" * 3 + "u2,view,2026-01-05\n"
    kept = make(EVENTS, "a", events_csv=rows)
    assert (kept.log.counts["events"].kept, kept.log.counts["events"].deduplicated) == (4, 0)
    (finding,) = kept.log.findings
    assert (finding.severity, finding.rows, finding.line) == ("warning", 2, 3)
    assert "dedupe = true" in finding.mend
    dropped = make(EVENTS + "dedupe = true\n", "b", events_csv=rows)
    assert (dropped.log.counts["events"].kept, dropped.log.counts["events"].deduplicated) == (2, 2)
    assert dropped.log.findings == ()


def test_of_a_repeated_event_id_the_first_that_came_in_stays(make: Maker) -> None:
    rows = "a,late,2026-01-05,1,2026-01-09\na,early,2026-01-05,1,2026-01-07\na,none,2026-01-05,1,\n"
    rows += "b,x,2026-01-05,,\nb,y,2026-01-05,,\n"
    workspace = make(EVENTS, events_csv="user_id,event,time,event_id,ingested\n" + rows)
    assert workspace.data.tables["events"]["event"].to_list() == ["early", "x", "y"]
    assert workspace.log.counts["events"].deduplicated == 2


def test_a_key_that_must_be_unique_sends_the_later_row_to_quarantine(make: Maker) -> None:
    workspace = make('[tables.users]\npath = "users.csv"\n', users_csv="user_id,plan\na,free\na,pro\nb,free\n")
    assert workspace.data.tables["users"].select("user_id", "plan").rows() == [("a", "free"), ("b", "free")]
    (finding,) = workspace.log.findings
    assert (finding.line, finding.column, finding.value) == (3, "user_id", "a")
    assert REPEATED in finding.message


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("value >= 2", ["b", "c"]),
        ("value >= 2 AND country = 'CH'", ["c"]),
        ("zip = '01'", ["a", "b"]),
        ("code = '7'", ["a"]),
        ("code = 7", ["a"]),
        ("day >= '2026-01-06'", ["b", "c"]),
        ("day >= DATE '2026-01-06'", ["b", "c"]),
        ("paid", ["a"]),
        ("paid = true OR value IS NULL", ["a", "d"]),
        ("country LIKE 'C%'", ["c"]),
        ("true", ["a", "b", "c", "d"]),
        ("false", []),
        ("user_id = 'a'", ["a"]),
    ],
)
def test_the_filter_compares_as_people_mean_it(make: Maker, where: str, kept: list[str]) -> None:
    rows = (
        "a,1,DE,01,7,2026-01-05,true\nb,2.5,,01,8,2026-01-06,false\nc,10,CH,02,9,2026-01-07,false\nd,,DE,02,10,,false\n"
    )
    toml = f'[tables.users]\npath = "users.csv"\nwhere = "{where}"\n'
    workspace = make(toml, users_csv="user_id,value,country,zip,code,day,paid\n" + rows)
    assert workspace.data.tables["users"]["user_id"].to_list() == kept
    assert workspace.log.counts["users"].filtered == 4 - len(kept)


def test_a_spoilt_cell_does_not_stop_the_filter_and_is_told(make: Maker) -> None:
    toml = '[tables.transactions]\npath = "t.csv"\nwhere = "amount >= 0"\n'
    workspace = make(toml, t_csv="user_id,time,amount\na,2026-01-05,5\nb,2026-01-05,oops\nc,2026-01-05,-5\n")
    counts = workspace.log.counts["transactions"]
    assert (counts.kept, counts.quarantined, counts.filtered) == (1, 1, 1)
    assert workspace.log.findings[0].value == "oops"


def test_columns_come_by_mapping_constant_or_name_and_the_rest_stay_as_segments(make: Maker) -> None:
    toml = EVENTS + 'columns = { user_id = "uid", time = "at" }\nconstants = { event = "visit" }\n'
    workspace = make(toml, events_csv="uid,at,time,event,country,visits,zip\nu1,2026-01-05,noon,x,CH,3,01\n")
    row = workspace.data.tables["events"].row(0, named=True)
    assert row == {
        "user_id": "u1",
        "event": "visit",
        "time": datetime(2026, 1, 5, tzinfo=UTC),
        "country": "CH",
        "visits": 3,
        "zip": "01",
    }
    assert {finding.column for finding in workspace.log.findings} == {"time", "event"}


def test_a_column_mapped_to_one_name_is_not_taken_for_another(make: Maker) -> None:
    toml = '[tables.transactions]\npath = "t.csv"\ncolumns = { order_id = "transaction_id" }\n'
    rows = "u,2026-01-05,1,A\nu,2026-01-05,2,A\n"
    workspace = make(toml, t_csv="user_id,time,amount,transaction_id\n" + rows)
    assert workspace.log.counts["transactions"].kept == 2
    assert workspace.data.columns("transactions").keys() == {"user_id", "time", "amount", "order_id"}


def test_many_files_in_many_forms_make_one_table(make: Maker) -> None:
    toml = '[tables.events]\npath = ["raw/*.csv", "more.csv.gz", "x.parquet", "y.ndjson"]\n'
    frame = pl.DataFrame(
        {"user_id": [7, None], "event": ["p", "p"], "time": [datetime(2026, 1, 7, tzinfo=UTC)] * 2, "n": [1.5, 2.0]}
    )
    folder = make(
        toml, raw__b_csv=HEAD + "b,x,2026-01-05\n", raw__a_csv="event,user_id,time,n\nx,a,2026-01-05,3\n"
    ).folder
    (folder / "more.csv.gz").write_bytes(gzip.compress(f"{HEAD}c,x,2026-01-06\n".encode()))
    (folder / "x.parquet").write_bytes(parquet(frame))
    (folder / "y.ndjson").write_text('{"user_id": 12345678901234567890, "event": "j", "time": 1767607200, "n": null}\n')
    workspace = open_workspace(folder, now=NOW)
    assert sorted(workspace.data.tables["events"]["user_id"]) == ["12345678901234567890", "7", "a", "b", "c"]
    assert workspace.log.counts["events"].read == 6
    assert workspace.log.findings[0].file == "x.parquet"
    assert workspace.log.findings[0].line == 2


def test_ids_keep_their_shape_in_every_file_form(make: Maker) -> None:
    floats = pl.DataFrame({"user_id": [1.0, 2.0, None], "plan": ["a", "b", "c"]})
    by_parquet = make('[tables.users]\npath = "u.parquet"\n', "p", u_parquet=parquet(floats))
    by_text = make('[tables.users]\npath = "u.csv"\n', "c", u_csv="user_id,plan\n1.0,a\n2.0,b\n,c\n")
    assert by_parquet.data.tables["users"]["user_id"].to_list() == ["1", "2"]
    assert by_text.data.tables["users"].equals(by_parquet.data.tables["users"])


def test_rows_at_or_after_the_end_of_the_data_are_set_aside(make: Maker) -> None:
    toml = '[workspace]\ntimezone = "Europe/Berlin"\nobserved_until = 2026-01-06\n' + EVENTS
    rows = "a,x,2026-01-05T22:59:59Z\nb,x,2026-01-05T23:00:00Z\nc,x,2026-01-06\n"
    workspace = make(toml, events_csv=HEAD + rows)
    assert workspace.data.tables["events"]["user_id"].to_list() == ["a"]
    assert workspace.data.observed_until == datetime(2026, 1, 5, 23, tzinfo=UTC)
    assert UNOBSERVED in workspace.log.findings[0].message


@pytest.mark.parametrize("table", ["events", "transactions", "users", "subscriptions"])
def test_a_header_without_rows_is_an_empty_table(make: Maker, table: str) -> None:
    header = "user_id,event,time,amount,subscription_id,start,mrr,currency,kind\n"
    toml = f'[tables.{table}]\npath = "t.csv"\nwhere = "user_id <> \'x\'"\n'
    workspace = make(toml, t_csv=header)
    assert workspace.data.tables[table].is_empty()
    assert workspace.log.counts[table].read == 0


def test_loading_twice_changes_nothing_and_clean_data_clear_the_quarantine(make: Maker) -> None:
    bad = HEAD + "a,x,2026-01-05\nb,=cmd(),never\n"
    first = make(EVENTS, events_csv=bad)
    assert first.data.fingerprint
    written = first.folder / ".kpi" / "quarantine" / "events.csv"
    before = written.read_text()
    assert (first.folder / ".kpi" / ".gitignore").read_text() == "*\n"
    again = open_workspace(first.folder, now=NOW)
    assert again.data.tables["events"].equals(first.data.tables["events"])
    assert again.data.fingerprint == first.data.fingerprint
    assert written.read_text() == before
    assert [path.name for path in written.parent.iterdir()] == ["events.csv"]
    clean = make(EVENTS, events_csv=HEAD + "a,x,2026-01-05\n")
    assert clean.log.counts["events"].quarantined == 0
    assert not written.exists()


def test_the_quarantine_is_safe_in_a_spreadsheet_and_keeps_the_row(make: Maker) -> None:
    workspace = make(EVENTS, events_csv=HEAD + 'a,x,2026-01-05\n"=1+1",x,@sum\n"-u",x,\n"\tu",,2026-01-05\n')
    assert workspace.log.counts["events"].quarantined == 3
    frame = pl.read_csv(workspace.folder / ".kpi" / "quarantine" / "events.csv")
    assert frame["value"][0] == "'@sum"
    assert frame["raw"].to_list()[:2] == ["'=1+1,x,@sum", "'-u,x,"]


def test_the_fingerprint_knows_data_and_meaning_and_not_the_place(make: Maker) -> None:
    rows = HEAD + "a,x,2026-01-05\n"

    def of(toml: str, folder: str, content: str = rows) -> str:
        return make(toml, folder, events_csv=content).data.fingerprint

    base = of(EVENTS, "a")
    assert of(EVENTS, "b") == base
    assert of("# a remark\n" + EVENTS + '[product]\nstage = "mature"\n', "c") == base
    assert of(EVENTS + "dedupe = true\n", "d") != base
    assert of('[workspace]\ntimezone = "Asia/Tokyo"\n' + EVENTS, "e") != base
    assert of(EVENTS, "f", rows + "b,x,2026-01-05\n") != base


def test_choices_reach_the_data_set(make: Maker) -> None:
    toml = (
        '[workspace]\nweek_start = "sunday"\ncurrency = "EUR"\n' + EVENTS + '[settings]\nsession_gap = "10m"\n'
        '[features]\nsearch = ["x"]\n[funnels.f]\nsteps = ["x", "y"]\n'
    )
    data = make(toml, events_csv=HEAD + "a,x,2026-01-05\n").data
    assert (data.week_start, data.currency, data.settings["session_gap"]) == ("sunday", "EUR", "10m")
    assert data.features == {"search": ("x",)}
    assert data.funnels["f"].steps == ("x", "y")


def test_other_kinds_of_columns_are_read(make: Maker) -> None:
    toml = '[tables.tickets]\npath = "t.csv"\ntimezone = "UTC"\n[tables.work_log]\npath = "w.csv"\n'
    tickets = "ticket_id,opened,contacts,escalated,csat\n1,2026-01-05 10:00,2.0,YES,4.5\n2,2026-01-05 10:00,,no,\n"
    bad = "3,2026-01-05 10:00,1.5,no,1\n4,2026-01-05 10:00,1,maybe,1\n5,2026-01-05 10:00,1,0,many\n"
    work = "item_id,date\ni,2026-01-05\ni,2026-01-05T23:30:00Z\ni,2026-02-30\n"
    workspace = make('[workspace]\ntimezone = "Asia/Tokyo"\n' + toml, t_csv=tickets + bad, w_csv=work)
    rows = workspace.data.tables["tickets"].select("contacts", "escalated", "csat").rows()
    assert rows == [(2, True, 4.5), (None, False, None)]
    assert {f.column for f in workspace.log.findings} == {"contacts", "escalated", "csat", "date"}
    assert workspace.data.tables["work_log"]["date"].to_list() == [date(2026, 1, 5), date(2026, 1, 6)]


def test_nested_columns_are_left_out_and_said(make: Maker) -> None:
    frame = pl.DataFrame({"user_id": ["a"], "tags": [["x"]], "plan": pl.Series(["p"], dtype=pl.Categorical)})
    workspace = make('[tables.users]\npath = "u.parquet"\n', u_parquet=parquet(frame))
    assert workspace.data.columns("users").keys() == {"user_id", "plan"}
    assert workspace.log.findings[0].column == "tags"


def test_records_become_columns_of_their_own(make: Maker) -> None:
    """In one text, two people of whom one has moved would be three."""
    lines = "\n".join(json.dumps({"user": {"id": user, "at": at}, "tags": [1]}) for user, at in (("a", 1), ("b", 2)))
    toml = 'columns.user_id = "user.id"\n'
    by_line = make(f'[tables.users]\npath = "u.ndjson"\n{toml}', "j", u_ndjson=lines).data.tables["users"]
    assert by_line.select("user_id", "user.at", "tags").rows() == [("a", 1, '["1"]'), ("b", 2, '["1"]')]
    frame = pl.DataFrame({"user": [{"id": "a", "at": {"city": "Bern"}}], "plan": ["p"]})
    data = make(f'[tables.users]\npath = "u.parquet"\n{toml}', "p", u_parquet=parquet(frame)).data
    assert data.tables["users"].select("user_id", "user.at.city", "plan").rows() == [("a", "Bern", "p")]
    twice = frame.with_columns(pl.lit("b").alias("user.id"))
    with pytest.raises(DataError, match=r"u\.parquet: .*user\.id.* Rename one of the columns"):
        make(f'[tables.users]\npath = "u.parquet"\n{toml}', "t", u_parquet=parquet(twice)).data  # noqa: B018


def test_a_file_elsewhere_and_an_absolute_pattern_are_read(make: Maker, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text(HEAD + "a,x,2026-01-05\n")
    workspace = make(f'[tables.events]\npath = ["../far.csv", "{tmp_path}/f*.csv"]\n')
    with pytest.raises(DataError):
        make('[tables.events]\npath = "/nowhere/*.csv"\n', "n").data  # noqa: B018
    assert workspace.log.counts["events"].read in (1, 2)


STRANGE = {
    "integer": pl.Series([1767607200, 2]),
    "unsigned": pl.Series([2**63 + 1, 5], dtype=pl.UInt64),
    "float": pl.Series([1.5, float("nan")]),
    "infinite": pl.Series([float("inf"), 1.0]),
    "flag": pl.Series([True, None]),
    "day": pl.Series([date(2026, 1, 5), date(9999, 12, 31)]),
    "time": pl.Series([datetime(2026, 1, 5), None], dtype=pl.Datetime("ns")),
    "aware": pl.Series([datetime(2026, 1, 5), datetime(1, 1, 1)]).dt.replace_time_zone("UTC"),
    "clock": pl.Series([time(1), None]),
    "duration": pl.Series([timedelta(1), None]),
    "bytes": pl.Series([b"\xff", b"a"]),
    "list": pl.Series([[1], [2]]),
    "record": pl.Series([{"a": 1}, {"a": 2}]),
    "category": pl.Series(["a", "b"], dtype=pl.Categorical),
    "nothing": pl.Series([None, None]),
    "decimal": pl.Series([Decimal("1.25"), Decimal("-3")]),
}


@pytest.mark.parametrize("column", ["user_id", "time", "amount", "kind", "currency", "transaction_id", "extra"])
@pytest.mark.parametrize("kind", sorted(STRANGE))
def test_any_type_in_any_column_is_read_or_refused(make: Maker, column: str, kind: str) -> None:
    good = {"user_id": ["a", "b"], "time": [date(2026, 1, 5)] * 2, "amount": [1, 2]}
    toml = '[tables.transactions]\npath = "t.parquet"\ntimezone = "America/New_York"\n'
    workspace = make(toml, t_parquet=parquet(pl.DataFrame(good | {column: STRANGE[kind]})))
    try:
        counts = workspace.log.counts["transactions"]
    except DataError as error:
        assert "t.parquet, " in str(error)  # noqa: PT017 - either outcome is right, only this one has a message
    else:
        assert counts.read == counts.kept + counts.quarantined == 2
    (workspace.folder / "kpi.toml").unlink()
    with suppress(UsageError):
        write_starter([workspace.folder / "t.parquet"], workspace.folder)
        assert tomllib.loads((workspace.folder / "kpi.toml").read_text())["tables"]


def test_the_hour_that_clocks_show_twice_is_told(make: Maker) -> None:
    rows = "user_id,event,time\na,x,2025-10-25 02:30:00\nb,x,2025-10-26 02:30:00\nc,x,2025-10-26 02:59:59\n"
    toml = '[tables.events]\npath = "e.csv"\ntimezone = "Europe/Berlin"\n'
    workspace = make(toml, e_csv=rows + "d,x,2025-10-26T02:30:00+01:00\ne,x,2025-10-26 03:00:00\n")
    (finding,) = workspace.log.findings
    assert (finding.severity, finding.column, finding.rows, finding.line) == ("warning", "time", 2, 3)
    assert "+01:00" in finding.mend
    assert workspace.log.counts["events"].kept == 5


GERMAN = "user_id,time,amount,currency\na,31.12.2025,5,USD\nb,1.2.2026,6,USD\n"


def test_a_declared_form_of_times_is_read(make: Maker) -> None:
    toml = '[tables.transactions]\npath = "t.csv"\n'
    with pytest.raises(DataError, match=r'add to \[tables.transactions\]: time_format = "%d.%m.%Y"'):
        _ = make(toml, t_csv=GERMAN).data
    days = [datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    for form in ('"%d.%m.%Y"', '{ time = "%d.%m.%Y" }'):
        assert make(f"{toml}time_format = {form}\n", t_csv=GERMAN).data.tables["transactions"]["time"].to_list() == days


def test_an_optional_column_in_another_form_says_so_as_well(make: Maker) -> None:
    rows = "user_id,signup_ts\na,12/31/2025\nb,02/01/2026\n"
    with pytest.raises(DataError, match="%m/%d/%Y"):
        _ = make('[tables.users]\npath = "u.csv"\n', u_csv=rows).data


COMMAS = "user_id;time;amount\na;2026-01-05;1.234,50\nb;2026-01-06;-0\nc;2026-01-07;7,5\nd;2026-01-08;12.000\n"


def test_figures_with_a_decimal_comma_are_read_where_the_table_says_so(make: Maker) -> None:
    toml = '[tables.transactions]\npath = "t.csv"\n'
    with pytest.raises(DataError, match=r'add to \[tables.transactions\]: decimal = ","'):
        _ = make(toml, t_csv="user_id;time;amount\na;2026-01-05;1,50\nb;2026-01-05;7,5\n").data
    workspace = make(f'{toml}decimal = ","\n', t_csv=COMMAS + "e;2026-01-09;19.90\n")
    assert workspace.data.tables["transactions"]["amount"].to_list() == [123450, 0, 750, 1200000]
    (finding,) = workspace.log.findings
    assert (finding.line, finding.value, finding.rows) == (6, "19.90", 1)  # a point that groups no thousands


def test_scores_with_a_decimal_comma_are_read(make: Maker) -> None:
    rows = "user_id;time;kind;score\na;2026-01-05;csat;4,5\nb;2026-01-05;csat;3\n"
    workspace = make('[tables.surveys]\npath = "s.csv"\ndecimal = ","\n', s_csv=rows)
    assert workspace.data.tables["surveys"]["score"].to_list() == [4.5, 3.0]


@pytest.mark.parametrize("form", ['";"', "true"])
def test_a_decimal_mark_is_a_point_or_a_comma(make: Maker, form: str) -> None:
    with pytest.raises(WorkspaceError, match="decimal"):
        make(f'[tables.transactions]\npath = "t.csv"\ndecimal = {form}\n')


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ('"%d.%m"', "%d.%m.%Y"),
        ('"DD.MM.YYYY"', "%d.%m.%Y"),
        ('{ tme = "%d.%m.%Y" }', "Did you mean time"),
        ("5", "text"),
    ],
)
def test_a_form_that_names_no_day_is_refused(make: Maker, form: str, said: str) -> None:
    with pytest.raises(WorkspaceError, match=r"time_format") as error:
        make(f'[tables.transactions]\npath = "t.csv"\ntime_format = {form}\n')
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        (["1.9", "1.10", "2.0"], ["1.9", "1.10", "2.0"]),
        (["1.50", "12.25", "3.00"], [1.5, 12.25, 3.0]),
        (["1.5", "2", "0.25"], [1.5, 2.0, 0.25]),
    ],
)
def test_versions_stay_text_and_figures_become_numbers(make: Maker, values: list[str], read: list[object]) -> None:
    rows = "".join(f"u{i},x,2026-01-05,{value}\n" for i, value in enumerate(values))
    frame = make(EVENTS, events_csv="user_id,event,time,extra\n" + rows).data.tables["events"]
    assert frame["extra"].to_list() == read
