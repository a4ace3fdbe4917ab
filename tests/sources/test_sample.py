"""The demo company hangs together: whoever uses, pays or asks has signed up before, and money follows from contracts."""

import hashlib
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.answers.demands import available
from kpi_lib.core.errors import KpiError, UsageError
from kpi_lib.core.schema import TABLES
from kpi_lib.kpis.registry import catalogue
from kpi_lib.sources.quality import check
from kpi_lib.sources.sample.folder import write_sample
from kpi_lib.sources.sample.story import Story
from kpi_lib.sources.workspace import Workspace, open_workspace

Rows = list[dict[str, Any]]
BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2026, 11, 1, tzinfo=BERLIN).astimezone(UTC)


@pytest.fixture(scope="module")
def workspace(demo: Path) -> Workspace:
    """The small demo company as the workbench reads it."""
    found = open_workspace(demo)
    _ = found.data
    return found


@pytest.fixture(scope="module")
def raw(demo: Path) -> dict[str, Rows]:
    """All its tables as they stand in the files, row by row."""
    found: dict[str, Rows] = {}
    for path in sorted((demo / "raw").iterdir()):
        found.setdefault(path.stem.split("-")[0], []).extend(_rows(path))
    return found


def _rows(path: Path) -> Rows:
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dicts()
    names = pl.read_csv(path, n_rows=0).columns
    text = {name: pl.String for name in names if name == "version"}  # 1.1.0 is no date
    return pl.read_csv(path, try_parse_dates=True, schema_overrides=text).to_dicts()


@pytest.fixture(scope="module")
def signup(raw: dict[str, Rows]) -> dict[str, datetime]:
    """When everybody signed up."""
    return {row["user_id"]: row["signup_ts"] for row in raw["users"]}


def test_nothing_is_set_aside_and_only_what_was_planted_is_odd(workspace: Workspace) -> None:
    found = check(workspace)
    assert [f for f in found.findings if f.severity == "error"] == []
    assert {name for name, counts in found.counts.items() if counts.quarantined or counts.filtered} == set()
    assert {name for name, counts in found.counts.items() if counts.deduplicated} == {"events"}
    assert all(counts.read for counts in found.counts.values())


def test_every_table_is_there_with_all_its_columns(raw: dict[str, Rows]) -> None:
    assert set(raw) == set(TABLES)
    assert {
        name: lacking for name, rows in raw.items() if (lacking := {c.name for c in TABLES[name]} - set(rows[0]))
    } == {}


def test_every_kpi_has_what_it_needs(workspace: Workspace) -> None:
    lacking = available(workspace.data)
    assert lacking
    assert {kpi: missing for kpi, missing in lacking.items() if missing} == {}


def test_every_kpi_has_an_answer(workspace: Workspace) -> None:
    refused = {}
    for name, kpi in catalogue().items():
        try:
            found = compute(name, workspace.data, workspace.grid(None, cadence=kpi.cadence)).table
        except KpiError as error:
            refused[name] = str(error)
        else:
            if not found["status"].is_in(["needs_choice", "missing_input"]).not_().all():
                refused[name] = str(found)
    assert refused == {}


def test_columns_have_their_canonical_names(raw: dict[str, Rows]) -> None:
    extra = {name: set(rows[0]) - {c.name for c in TABLES[name]} for name, rows in raw.items()}
    assert {name: found for name, found in extra.items() if found} == {
        "events": {"platform"},
        "users": {"country", "platform", "onboarding"},
        "subscriptions": {"seats"},
        "requests": {"platform"},
        "surveys": {"wave"},
        "tickets": {"topic"},
    }


def test_everything_happens_inside_the_span(raw: dict[str, Rows]) -> None:
    first = datetime(2026, 7, 4, tzinfo=BERLIN).astimezone(UTC)  # 120 days before the end
    for name, rows in raw.items():
        times = [row["time"] for row in rows if "time" in row]
        assert all(first <= time < END for time in times), name


def test_nobody_acts_before_signing_up(raw: dict[str, Rows], signup: dict[str, datetime]) -> None:
    for name, column in (
        ("events", "time"), ("subscriptions", "start"), ("transactions", "time"), ("tickets", "opened"),
        ("surveys", "time"), ("reviews", "time"), ("feature_requests", "time"), ("emails", "delivered"),
    ):  # fmt: skip
        rows = [row for row in raw[name] if row[column] is not None]
        assert rows, name
        assert all(row[column] >= signup[row["user_id"]] for row in rows), name


def test_everybody_starts_by_signing_up_once(raw: dict[str, Rows], signup: dict[str, datetime]) -> None:
    lost = date(2026, 10, 18)  # the day without events
    told = [
        (row["user_id"], row["time"])
        for row in {r["event_id"]: r for r in raw["events"]}.values()
        if row["event"] == "sign_up"
    ]
    assert len(told) == len({user for user, _ in told})
    assert dict(told) == {user: time for user, time in signup.items() if time.astimezone(BERLIN).date() != lost}


def test_events_lie_in_the_file_of_their_quarter(demo: Path) -> None:
    files = sorted((demo / "raw").glob("events-*.parquet"))
    assert [path.stem for path in files] == ["events-2026-Q3", "events-2026-Q4"]
    for path in files:
        days = {row["time"].astimezone(BERLIN).date() for row in _rows(path)}
        assert {f"{day.year}-Q{(day.month + 2) // 3}" for day in days} == {path.stem.removeprefix("events-")}


def test_sessions_belong_to_one_person_and_one_day(raw: dict[str, Rows]) -> None:
    seen: dict[str, set[tuple[str, date]]] = {}
    for row in raw["events"]:
        seen.setdefault(row["session_id"], set()).add((row["user_id"], row["time"].astimezone(BERLIN).date()))
    assert {session for session, places in seen.items() if len(places) > 1} == set()


def test_web_sign_ups_come_from_a_visit_and_app_sign_ups_from_an_install(
    raw: dict[str, Rows], signup: dict[str, datetime]
) -> None:
    visits = {row["user_id"]: row["time"] for row in raw["web_visits"] if row["user_id"]}
    installs = {row["user_id"]: row["time"] for row in raw["installs"] if row["user_id"]}
    came = {row["user_id"]: row["platform"] for row in raw["users"]}
    assert set(visits) == {user for user, platform in came.items() if platform == "web"}
    assert set(installs) == {user for user, platform in came.items() if platform == "android"}
    assert all(time <= signup[user] for user, time in (visits | installs).items())


def test_conversions_of_a_channel_are_its_sign_ups(raw: dict[str, Rows], signup: dict[str, datetime]) -> None:
    bought: dict[tuple[date, str], int] = {}
    for row in raw["marketing_spend"]:
        bought[row["date"], row["channel"]] = bought.get((row["date"], row["channel"]), 0) + row["conversions"]
        assert row["conversions"] <= row["clicks"] <= row["impressions"]
    came: dict[tuple[date, str], int] = {}
    for row in raw["users"]:
        key = (row["signup_ts"].astimezone(BERLIN).date(), row["channel"])
        came[key] = came.get(key, 0) + 1
    assert {key: count for key, count in bought.items() if count} == {
        key: count for key, count in came.items() if key[1] in ("ads", "social", "partner")
    }


def test_contracts_of_a_customer_follow_one_another(raw: dict[str, Rows]) -> None:
    paid: dict[str, Rows] = {}
    for row in sorted(raw["subscriptions"], key=lambda each: each["start"]):
        if not row["is_trial"]:
            paid.setdefault(row["user_id"], []).append(row)
    for rows in paid.values():
        for before, after in itertools.pairwise(rows):
            assert before["end"] is not None
            assert before["end"] <= after["start"]
            assert before["currency"] == after["currency"]


def test_trials_last_two_weeks_and_cost_nothing(raw: dict[str, Rows]) -> None:
    trials = [row for row in raw["subscriptions"] if row["is_trial"]]
    assert trials
    for row in trials:
        assert row["trial_start"] == row["start"]
        assert row["trial_end"] - row["trial_start"] == timedelta(days=14)
        assert row["end"] == (row["trial_end"] if row["trial_end"] < END else None)
        assert row["mrr"] == row["amount"] == 0


def test_the_monthly_amount_is_the_price_of_the_plan(raw: dict[str, Rows]) -> None:
    price = {  # price list: before and after the change; a year costs ten months
        ("pro", "EUR"): (12, 15), ("pro", "USD"): (Decimal("13.20"), Decimal("16.20")),
        ("team", "EUR"): (9, 9), ("team", "USD"): (Decimal("9.60"), Decimal("9.60")),
    }  # fmt: skip
    change = datetime(2026, 9, 1, tzinfo=BERLIN)
    for row in raw["subscriptions"]:
        if not row["is_trial"]:
            term = price[row["plan"], row["currency"]][row["start"] >= change] * row["seats"]
            assert row["amount"] == (term * 10 if row["interval"] == "year" else term)
            assert row["mrr"] * (12 if row["interval"] == "year" else 1) == row["amount"]


def _due(row: dict[str, Any]) -> Iterator[date]:
    """The days on which a contract is paid, by the calendar: the same day of each month, or the last day of a short one."""
    first, end = row["start"].astimezone(BERLIN).date(), (row["end"] or END).astimezone(BERLIN).date()
    day = first
    while day < end:
        yield day
        months = day.month + (12 if row["interval"] == "year" else 1) - 1
        year, month = day.year + months // 12, months % 12 + 1
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        day = date(year, month, min(day.day, last))


def test_every_term_of_a_contract_is_paid_and_nothing_else(raw: dict[str, Rows]) -> None:
    owed = sorted(
        (row["user_id"], day, row["plan"], row["amount"], row["currency"])
        for row in raw["subscriptions"] if not row["is_trial"] for day in _due(row)
    )  # fmt: skip
    sold = [row for row in raw["transactions"] if row["kind"] == "sale" and row["product"] != "insights pack"]
    paid = sorted(
        (row["user_id"], row["time"].astimezone(BERLIN).date(), row["product"], row["amount"], row["currency"])
        for row in sold
    )
    assert owed
    assert paid == owed


def test_refunds_give_back_a_sale(raw: dict[str, Rows]) -> None:
    sales = {row["order_id"]: row for row in raw["transactions"] if row["kind"] == "sale"}
    back = [row for row in raw["transactions"] if row["kind"] == "refund"]
    assert len(sales) == sum(row["kind"] == "sale" for row in raw["transactions"])
    for row in back:
        sale = sales[row["order_id"]]
        assert (row["user_id"], row["currency"], row["product"]) == (sale["user_id"], sale["currency"], sale["product"])
        assert row["amount"] == -sale["amount"] < 0
        assert row["time"] > sale["time"]
    assert len(back) == len({row["order_id"] for row in back})


def test_plans_of_users_are_their_open_contracts(raw: dict[str, Rows]) -> None:
    current = {
        row["user_id"]: row["plan"] for row in raw["subscriptions"] if not row["is_trial"] and row["end"] is None
    }
    owner = {row["account_id"].replace("a", "u"): row["plan"] for row in raw["users"]}
    for row in raw["users"]:
        account = row["account_id"].replace("a", "u")
        assert row["plan"] == current.get(account, "free"), row
    assert set(owner.values()) <= {"free", "pro", "team"}


def test_notices_go_to_people_of_the_teams(raw: dict[str, Rows]) -> None:
    """So that they can be told by team."""
    assert {row["member"] for row in raw["notifications"]} <= {row["assignee"] for row in raw["work_items"]}


def test_messages_tell_the_same_as_their_tickets(raw: dict[str, Rows]) -> None:
    tickets = {row["ticket_id"]: row for row in raw["tickets"]}
    said: dict[str, Rows] = {}
    for row in raw["ticket_messages"]:
        said.setdefault(row["ticket_id"], []).append(row)
    assert set(said) == set(tickets)
    for key, rows in said.items():
        assert min(row["time"] for row in rows if row["author"] == "customer") == tickets[key]["opened"]
        answers = [row["time"] for row in rows if row["author"] == "agent"]
        assert min(answers, default=None) == tickets[key]["first_response"]
        solved = tickets[key]["resolved"]
        assert solved is None or solved == (answers[-1] if tickets[key]["contacts"] > 1 else solved)


def test_rows_exported_twice_are_exact_copies(raw: dict[str, Rows]) -> None:
    seen: dict[str, dict[str, Any]] = {}
    twice = [row for row in raw["events"] if seen.setdefault(row["event_id"], row) is not row]
    assert twice
    assert all(seen[row["event_id"]] == row for row in twice)
    assert len({row["time"].astimezone(BERLIN).date() for row in twice}) == 1


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_seed_is_a_company_byte_for_byte(demo: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "again", Story(users=300, days=120))
    write_sample(tmp_path / "other", Story(users=300, days=120, seed=2))
    first, again, other = _digests(demo), _digests(tmp_path / "again"), _digests(tmp_path / "other")
    assert again == first
    assert set(other) == set(first)
    same = {name for name in first if other[name] == first[name]}
    assert same <= {"kpi.toml", *(f"raw/{name}.csv" for name in ("products", "goals", "benchmarks", "releases"))}


def test_the_folder_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kpi_lib.sources.sample.folder.readme", fail)
    with pytest.raises(UsageError, match="No space left"):
        write_sample(tmp_path / "demo", Story(users=100, days=90))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder, said in (
        (tmp_path, "mine.txt"),
        (tmp_path / "mine.txt", "no folder"),
        (tmp_path / "mine.txt" / "x", "written"),
    ):
        with pytest.raises(UsageError, match=said):
            write_sample(folder, Story(users=100, days=90))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert write_sample(tmp_path / "empty", Story(users=100, days=90))["users"] == 100


@pytest.mark.parametrize(
    ("choice", "said"), [({"users": 5}, "--users"), ({"days": 30}, "--days"), ({"seed": -1}, "--seed")]
)
def test_sizes_without_room_for_the_truths_are_refused(choice: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Story(**choice)
