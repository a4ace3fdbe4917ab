"""kpi init on files as strangers write them: the right figures at once, or one message that says what is missing."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import polars as pl
import pytest

from .conftest import Said

Kpi = Callable[..., Said]
DRAW = Random(11)
SPAN = 60 * 86_400
Row = tuple[int, str, datetime, int]


def drawn() -> Row:
    """User, event, time, cents."""
    time = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=DRAW.randrange(SPAN))
    return DRAW.randrange(30), DRAW.choice(("view", "cart", "buy")), time, DRAW.randrange(100, 900_000)


LOG = [drawn() for _ in range(200)]
MARCH = [row for row in LOG if row[2].month == 3]
PEOPLE = float(len({row[0] for row in MARCH}))
REVENUE = sum(row[3] for row in MARCH) / 100


def lines(head: str, write: Callable[..., str]) -> bytes:
    return "\n".join([head, *(write(*row) for row in LOG), ""]).encode()


def german(cents: int) -> str:
    return f"{cents / 100:,.2f}".translate(str.maketrans(",.", ".,"))


def parquet(path: Path) -> bytes:
    users, events, times, cents = zip(*LOG, strict=True)
    frame = pl.DataFrame({
        "user": [{"id": 10**17 + user, "vip": False} for user in users],
        "event": pl.Series(events, dtype=pl.Categorical),
        "time": pl.Series(times).dt.cast_time_unit("ns").dt.convert_time_zone("Asia/Tokyo"),
        "price": pl.Series([Decimal(each) / 100 for each in cents], dtype=pl.Decimal(12, 2)),
    })  # fmt: skip
    frame.write_parquet(path)
    return path.read_bytes()


def nested(user: int, event: str, time: datetime, cents: int) -> str:
    return json.dumps({
        "user": {"id": f"u{user}", "country": "DE", "last": cents}, "event": {"name": event},
        "timestamp": int(time.timestamp() * 1_000), "tags": [1],
    })  # fmt: skip


EVENTS = {
    "latin names, tabs.tsv": lines("customer id\tEvent Name\tEvent Time", lambda u, e, t, c: f"{u}\t{e}\t{t:%Y-%m-%d %H:%M:%S}"),
    "seconds.csv": lines("uid,action,ts", lambda u, e, t, c: f"{u},{e},{int(t.timestamp())}"),
    "half days.txt": lines("user|what|at", lambda u, e, t, c: f"{u}|{e}|{t:%m/%d/%Y %I:%M:%S %p}"),
    "half days after the year.csv": lines("userId,eventType,createdAt", lambda u, e, t, c: f"{u},{e},{t:%Y-%m-%d %I:%M %p}"),
    "objects.ndjson.gz": gzip.compress("\n".join(nested(*row) for row in LOG).encode()),
    "objects.json": "\n".join(nested(*row) for row in LOG).encode(),
}  # fmt: skip
SALES = {
    "bom, commas.csv": "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
    + lines("Customer;Order Date;Order No;Betrag;Total", lambda u, e, t, c: f"{u};{t:%d.%m.%Y};{t:%s};x;{german(c)}"),
    "dollars.csv": lines(
        'Customer,Date,"Amount (USD)",Order ID', lambda u, e, t, c: f'{10**18 + u},{t:%m/%d/%Y},"${c / 100:,.2f}",{t:%s}'
    ),
    "euros.csv": lines("client,purchaseDate,totalPrice", lambda u, e, t, c: f'{u},{t.isoformat()},"{german(c)} €"'),
    "codes.csv": lines("buyer_id,paid_at,total", lambda u, e, t, c: f"{u},{t.isoformat()},CHF {c / 100:.2f}"),
}  # fmt: skip


def asked(kpi: Kpi, file: Path, content: bytes, what: str) -> float | None:
    file.write_bytes(content)
    folder = file.parent
    said = kpi("init", file, "--workspace", folder)
    assert said.status == 0, said.err
    (row,) = kpi("compute", what, "--period", "2026-03", "--workspace", folder, "--json").json["rows"]
    assert kpi("check", "--workspace", folder, "--json").json["tables"].popitem()[1]["kept"] == len(LOG)
    value: float | None = row["value"]
    return value


@pytest.mark.parametrize("name", EVENTS)
def test_events_count_the_right_people(name: str, tmp_path: Path, kpi: Kpi) -> None:
    assert asked(kpi, tmp_path / name, EVENTS[name], "active_users") == PEOPLE
    steps = kpi("funnel", "--steps", "view,buy", "--workspace", tmp_path, "--json").json["steps"]
    seen = {user for user, event, *_ in LOG if event == "view"}
    assert steps[0]["units"] == len(seen)
    cohorts = kpi("cohort", "--grain", "month", "--workspace", tmp_path, "--json").json["cohorts"]
    assert cohorts[0]["size"] == PEOPLE


def test_records_in_a_parquet_file_are_columns(tmp_path: Path, kpi: Kpi) -> None:
    content = parquet(tmp_path / "draft")
    assert asked(kpi, tmp_path / "export.parquet", content, "active_users") == PEOPLE


@pytest.mark.parametrize("name", SALES)
def test_sales_add_up_to_the_cent(name: str, tmp_path: Path, kpi: Kpi) -> None:
    assert asked(kpi, tmp_path / name, SALES[name], "total_revenue") == REVENUE
    currency = {"euros.csv": "EUR", "codes.csv": "CHF"}.get(name, "USD")
    assert f'currency = "{currency}"' in (tmp_path / "kpi.toml").read_text("utf-8")


def test_a_sign_of_another_currency_is_no_amount(tmp_path: Path, kpi: Kpi) -> None:
    rows = "user_id,time,amount\n" + "".join(f"u{i},2026-01-0{i},${i}.50\n" for i in range(1, 8))
    (tmp_path / "a.csv").write_text(rows + "u8,2026-01-08,€9.00\n", "utf-8")
    kpi("init", tmp_path / "a.csv", "--workspace", tmp_path)
    (found,) = [f for f in kpi("check", "--workspace", tmp_path, "--json").json["findings"] if f["severity"] == "error"]
    assert (found["line"], found["column"], found["value"]) == (9, "amount", "€9.00")


REFUSED = {
    "names are missing": (
        "a.csv", lines("u1,view,2026-03-05T10:00:00Z", lambda u, e, t, c: f"u{u},{e},{t.isoformat()}"),
        ["a.csv: the first line holds data", "Put a line with the names above it"],
    ),
    "a title above the names": (
        "a.csv", lines("Export of 2026\n\nuser_id,event,time", lambda u, e, t, c: f"u{u},{e},{t.isoformat()}"),
        ["Line 3: the line has 3 fields, the header 1", "names of the columns must stand in the first line"],
    ),
    "another encoding": (
        "a.csv", lines("user_id,event,time,city", lambda u, e, t, c: f"u{u},{e},{t.isoformat()},Münster").decode().encode("latin-1"),
        ["none of its 200 rows can be read. Line 2: the line is not UTF-8 text", "save the file as UTF-8"],
    ),
    "one document": (
        "a.json", json.dumps([json.loads(nested(*row)) for row in LOG], indent=1).encode(),
        ["a.json is one JSON document", "one object a line"],
    ),
    "an object over many lines": ("a.json", json.dumps({"rows": []}, indent=1).encode(), ["no line is a JSON object"]),
    "the same name twice": ("a.ndjson", b'{"user": {"id": 1}, "user.id": 2}\n', ["no column says when"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_said_in_one_message(case: str, tmp_path: Path, kpi: Kpi) -> None:
    name, content, parts = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    said = kpi("init", tmp_path / name, "--workspace", tmp_path)
    assert (said.status, said.out) == (2, "")
    assert all(part in said.err for part in parts), said.err
    assert len(said.err.strip().splitlines()) <= 5
    assert not (tmp_path / "kpi.toml").exists()
