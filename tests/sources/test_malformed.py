"""A corpus of broken input: each piece has one outcome, and it is a message or a reason, never a traceback."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from kpi_lib.core.errors import DataError
from kpi_lib.sources.findings import (
    BROKEN_QUOTE,
    EMPTY,
    FUTURE,
    GAP,
    NEGATIVE,
    NO_AMOUNT,
    NO_CURRENCY,
    NO_DAY,
    NO_JSON,
    NO_TIME,
    NOT_UTF8,
    NUL,
    TOO_EARLY,
    TOO_LARGE,
)
from kpi_lib.sources.quality import check

from .conftest import Maker

HEAD = b"user_id,event,time\n"
GOOD = b"u1,view,2026-01-05T10:00:00Z\n"
EVENTS = '[tables.events]\npath = "events.csv"\n'
LOCAL = EVENTS + 'timezone = "Europe/Berlin"\n'
SALES = '[tables.transactions]\npath = "events.csv"\n'
MONEY = b"user_id,time,amount"


Case = tuple[str, str, bytes, int, str | None, str]
# name, kpi.toml, content, line of the row that is set aside, column, reason
SET_ASIDE: list[Case] = [
    ("short row", EVENTS, HEAD + GOOD + b"u2,view\n", 3, None, "the line has 2 fields, the header 3"),
    ("one field", EVENTS, HEAD + GOOD + b"u2\n", 3, None, "the line has 1 field, the header 3"),
    ("long row", EVENTS, HEAD + GOOD + b"u2,view,2026-01-05,x\n", 3, None, "the line has 4 fields, the header 3"),
    (
        "short row after a blank line",
        EVENTS,
        HEAD + b"\n" + GOOD + b"u2,view\n",
        4,
        None,
        "the line has 2 fields, the header 3",
    ),
    (
        "short row in windows lines",
        EVENTS,
        b"user_id,event,time\r\nu1,v,2026-01-05\r\nu2\r\n",
        3,
        None,
        "the line has 1 field, the header 3",
    ),
    ("open quote", EVENTS, HEAD + b'u2,"view,2026-01-05\n' + GOOD, 2, None, BROKEN_QUOTE),
    ("open quote in the last line", EVENTS, HEAD + GOOD + b'u2,"view,2026-01-05', 3, None, BROKEN_QUOTE),
    (
        "open quote that a later one closes",
        EVENTS,
        HEAD + b'u2,"view,2026-01-05\n' + GOOD + b'u3,"a",2026-01-05\n',
        2,
        None,
        BROKEN_QUOTE,
    ),
    ("text after a closed quote", EVENTS, HEAD + b'u2,"vi"ew,2026-01-05\n' + GOOD, 2, None, BROKEN_QUOTE),
    ("quoted short row", EVENTS, HEAD + b'"u2","view"\n' + GOOD, 2, None, "the line has 2 fields, the header 3"),
    (
        "quoted row with an extra field",
        EVENTS,
        HEAD + b'u2,"a,b",2026-01-05,x\n' + GOOD,
        2,
        None,
        "the line has 4 fields, the header 3",
    ),
    ("latin-1", EVENTS, HEAD + GOOD + b"u2,caf\xe9,2026-01-05\n", 3, None, NOT_UTF8),
    ("half a character", EVENTS, HEAD + GOOD + b"u2,caf\xc3,2026-01-05\n", 3, None, NOT_UTF8),
    ("nul byte", EVENTS, HEAD + GOOD + b"u2,vi\x00ew,2026-01-05\n", 3, None, NUL),
    ("no user", EVENTS, HEAD + GOOD + b",view,2026-01-05\n", 3, "user_id", EMPTY),
    ("user of blanks", EVENTS, HEAD + GOOD + b"   ,view,2026-01-05\n", 3, "user_id", EMPTY),
    ("user NULL", EVENTS, HEAD + GOOD + b"NULL,view,2026-01-05\n", 3, "user_id", EMPTY),
    ("no event", EVENTS, HEAD + GOOD + b"u2,,2026-01-05\n", 3, "event", EMPTY),
    ("no time", EVENTS, HEAD + GOOD + b"u2,view,\n", 3, "time", EMPTY),
    ("impossible day", EVENTS, HEAD + GOOD + b"u2,view,2026-02-30\n", 3, "time", NO_DAY),
    ("impossible month", EVENTS, HEAD + GOOD + b"u2,view,2026-13-01T10:00:00Z\n", 3, "time", NO_DAY),
    ("29 February of a common year", EVENTS, HEAD + GOOD + b"u2,view,2025-02-29\n", 3, "time", NO_DAY),
    ("hour 25", EVENTS, HEAD + GOOD + b"u2,view,2026-01-05T25:00:00Z\n", 3, "time", NO_DAY),
    ("second 61", EVENTS, HEAD + GOOD + b"u2,view,2026-01-05T10:00:61Z\n", 3, "time", NO_DAY),
    ("ambiguous day", EVENTS, HEAD + GOOD + b"u2,view,05/01/2026\n", 3, "time", NO_TIME),
    ("word for a time", EVENTS, HEAD + GOOD + b"u2,view,yesterday\n", 3, "time", NO_TIME),
    ("clock without a day", EVENTS, HEAD + GOOD + b"u2,view,10:00:00\n", 3, "time", NO_TIME),
    ("other digits", EVENTS, HEAD + GOOD + "u2,view,٢٠٢٦-01-05\n".encode(), 3, "time", NO_TIME),
    ("epoch zero", EVENTS, HEAD + GOOD + b"u2,view,1970-01-01T00:00:00Z\n", 3, "time", TOO_EARLY),
    ("before 1971", EVENTS, HEAD + GOOD + b"u2,view,0001-01-01\n", 3, "time", TOO_EARLY),
    ("future", EVENTS, HEAD + GOOD + b"u2,view,2099-01-01\n", 3, "time", FUTURE),
    ("far future", EVENTS, HEAD + GOOD + b"u2,view,9999-12-31T23:59:59Z\n", 3, "time", FUTURE),
    ("end of all days", EVENTS, HEAD + GOOD + b"u2,view,9999-12-31\n", 3, "time", FUTURE),
    ("skipped hour", LOCAL, HEAD + GOOD + b"u2,view,2026-03-29 02:30:00\n", 3, "time", GAP),
    (
        "skipped day",
        LOCAL.replace("Europe/Berlin", "Pacific/Apia"),
        HEAD + GOOD + b"u2,view,2011-12-30 12:00\n",
        3,
        "time",
        GAP,
    ),
    ("word for an amount", SALES, MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,abc\n", 3, "amount", NO_AMOUNT),
    (
        "decimal comma",
        SALES,
        MONEY.replace(b",", b";") + b"\nu1;2026-01-05;9\nu2;2026-01-05;1,50\n",
        3,
        "amount",
        NO_AMOUNT,
    ),
    (
        "sign of another currency",
        SALES,
        MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,\xe2\x82\xac5\n",
        3,
        "amount",
        NO_AMOUNT,
    ),
    ("no amount", SALES, MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,\n", 3, "amount", EMPTY),
    ("amount NaN", SALES, MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,NaN\n", 3, "amount", EMPTY),
    (
        "amount without end",
        SALES,
        MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,9999999999999999999999\n",
        3,
        "amount",
        TOO_LARGE,
    ),
    ("amount 1e99", SALES, MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,1e99\n", 3, "amount", NO_AMOUNT),
    ("negative sale", SALES, MONEY + b"\nu1,2026-01-05,9\nu2,2026-01-05,-5\n", 3, "amount", NEGATIVE),
    (
        "no currency code",
        SALES,
        MONEY + b",currency\nu1,2026-01-05,9,USD\nu2,2026-01-05,5,dollars\n",
        3,
        "currency",
        NO_CURRENCY,
    ),
]


@pytest.mark.parametrize("case", SET_ASIDE, ids=[case[0] for case in SET_ASIDE])
def test_a_bad_row_is_set_aside_with_its_line_and_the_good_ones_stay(make: Maker, case: Case) -> None:
    _, toml, content, line, column, reason = case
    workspace = make(toml, events_csv=content)
    (counts,) = workspace.log.counts.values()
    assert counts.quarantined == 1
    assert counts.kept >= 1
    assert counts.read == counts.kept + counts.quarantined
    (row,) = pl.read_csv(next((workspace.folder / ".kpi" / "quarantine").glob("*.csv"))).to_dicts()
    assert (row["file"], row["line"], row["column"], row["reason"]) == ("events.csv", line, column, reason)
    finding = next(each for each in check(workspace).findings if each.severity == "error")
    assert (finding.line, finding.column, finding.rows, finding.file) == (line, column, 1, "events.csv")
    assert finding.mend
    assert reason in finding.message


def _parquet(**columns: list[object]) -> bytes:
    import io

    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out)
    return out.getvalue()


# name, kpi.toml, content, what the message holds
REFUSED = [
    ("nothing", EVENTS, b"", ["events.csv is empty", "header"]),
    ("blanks only", EVENTS, b"\n \n\n", ["events.csv is empty"]),
    ("utf-16", EVENTS, "user_id,event,time\nu,v,2026-01-05\n".encode("utf-16"), ["UTF-16", "UTF-8"]),
    ("utf-16 without mark", EVENTS, ("user_id,event,time\n" * 5).encode("utf-16-le"), ["UTF-16"]),
    ("header twice", EVENTS, b"user_id,event,time,event\nu,v,2026-01-05,v\n", ["line 1", "'event'", "2 times", "2, 4"]),
    ("header with an open quote", EVENTS, b'user_id,"event,time\n' + GOOD, ["line 1", "quote"]),
    ("header not UTF-8", EVENTS, b"user_id,\xe9vent,time\n" + GOOD, ["line 1", "header"]),
    ("column missing", EVENTS, b"user_id,evnt,time\n" + GOOD, ["event", "required", "Did you mean evnt?", "columns ="]),
    (
        "naive times",
        EVENTS,
        HEAD + GOOD + b"u2,view,2026-01-05 10:00\n",
        ["line 3", "'2026-01-05 10:00'", "timezone ="],
    ),
    (
        "no time at all",
        EVENTS,
        HEAD + b"u1,view,05/01/2026\nu1,view,06/01/2026\n",
        ["line 2", "05/01/2026", 'time_format = "%d/%m/%Y" or'],
    ),
    (
        "no amount at all",
        SALES,
        MONEY + b"\nu1,2026-01-05,a\nu1,2026-01-05,b\n",
        ["line 2", "column amount", "'a' is no amount", "1234.50"],
    ),
    ("a spreadsheet", EVENTS, b"PK\x03\x04rest", ["spreadsheet", "CSV"]),
    ("half a gzip", EVENTS, gzip.compress(HEAD + GOOD * 50)[:40], ["gzip"]),
    ("half a parquet", EVENTS, _parquet(user_id=["u"], event=["v"], time=["2026-01-05"])[:60], ["Parquet"]),
    (
        "mixed currencies",
        SALES,
        MONEY + b",currency\nu1,2026-01-05,9,EUR\nu1,2026-01-05,9,USD\n",
        ["EUR (1 rows)", "rates"],
    ),
    ("another currency", SALES, MONEY + b",currency\nu1,2026-01-05,9,EUR\n", ["EUR", "USD", 'currency = "EUR"']),
    ("where with a wrong column", EVENTS + "where = \"evnt = 'a'\"\n", HEAD + GOOD, ["'evnt'", "Did you mean event?"]),
    ("where without sense", EVENTS + 'where = "event >"\n', HEAD + GOOD, ["where", "SQL"]),
    ("where that is no condition", EVENTS + 'where = "event"\n', HEAD + GOOD, ["where", "condition"]),
    ("where with an unknown function", EVENTS + 'where = "nope(event)"\n', HEAD + GOOD, ["where", "nope"]),
    (
        "mapped column missing",
        EVENTS + 'columns = { event = "action" }\n',
        b"user_id,Action,time\n" + GOOD,
        ["event = 'action'", "Did you mean Action?"],
    ),
]


@pytest.mark.parametrize(
    ("toml", "content", "parts"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_file_that_cannot_be_used_is_refused_in_a_few_lines_that_name_it(
    make: Maker, toml: str, content: bytes, parts: list[str]
) -> None:
    workspace = make(toml, events_csv=content)
    with pytest.raises(DataError) as caught:
        workspace.data  # noqa: B018 - reading is what is tested
    message = str(caught.value)
    assert "events.csv" in message
    assert len(message.splitlines()) <= 5
    for part in parts:
        assert part in message
    assert not (workspace.folder / ".kpi").exists()


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b"12", b'{"user_id": "u", }', b"[" * 100_000], ids=lambda line: repr(line[:8])
)
def test_a_bad_json_line_is_set_aside(make: Maker, line: bytes) -> None:
    good = b'{"user_id": "u1", "event": "view", "time": "2026-01-05T10:00:00Z"}\n'
    workspace = make('[tables.events]\npath = "events.ndjson"\n', events_ndjson=good + line + b"\n" + good)
    assert workspace.log.counts["events"].quarantined == 1
    assert NO_JSON in workspace.log.findings[0].message


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("event.csv", ["event.csv", "Did you mean events.csv?"]),
        ("raw/*.csv", ["raw/*.csv", "no file matches"]),
        (".", ["is a folder", "*.csv"]),
        ("nowhere/events.csv", ["nowhere", "does not exist"]),
    ],
)
def test_a_file_that_is_not_there_is_named_with_its_table(make: Maker, path: str, parts: list[str]) -> None:
    workspace = make(f'[tables.events]\npath = "{path}"\n', events_csv=HEAD + GOOD)
    with pytest.raises(DataError) as caught:
        workspace.data  # noqa: B018
    for part in parts:
        assert part in str(caught.value)


def test_a_folder_that_cannot_be_written_only_costs_the_quarantine(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make(EVENTS, events_csv=HEAD + GOOD + b"u2,view\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert workspace.log.counts["events"].kept == 1
    warning = workspace.log.findings[-1]
    assert (warning.severity, warning.table) == ("warning", "events")
    assert "Permission denied" in warning.message


def test_one_bad_value_alone_is_a_bad_row(make: Maker) -> None:
    workspace = make(EVENTS, events_csv=HEAD + b"u1,view,05/01/2026\n")
    assert workspace.log.counts["events"].quarantined == 1


@pytest.mark.parametrize("content", [b"[1]\n2\n", b"not json\n"])
def test_a_file_without_any_json_object_is_refused(make: Maker, content: bytes) -> None:
    with pytest.raises(DataError, match=r"events\.ndjson, line 1: no line is a JSON object"):
        make('[tables.events]\npath = "events.ndjson"\n', events_ndjson=content).data  # noqa: B018


def test_a_pattern_and_a_file_that_cannot_be_used_are_refused(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="pattern"):
        make('[tables.events]\npath = "**x/*.csv"\n', "a").data  # noqa: B018
    workspace = make(EVENTS, "b", events_csv=HEAD + GOOD)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"events\.csv cannot be read: Permission denied"):
        workspace.data  # noqa: B018


def test_a_quarantine_that_fails_half_way_leaves_nothing_behind(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make(EVENTS, events_csv=HEAD + GOOD + b"u2,view\n")

    def refuse(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    assert "No space left" in workspace.log.findings[-1].message
    assert list((workspace.folder / ".kpi" / "quarantine").iterdir()) == []
