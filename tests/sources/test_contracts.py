"""Every rule of every table sets a row aside that breaks it, and only that row; words are read as they were meant."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.contracts import KEYS_AS_TEXT, RULES_AS_TEXT, WORDS_AS_TEXT, keys, rules, words
from kpi_lib.core.errors import WorkspaceError
from kpi_lib.core.schema import TABLES, columns
from kpi_lib.sources.obeying import overlaps
from kpi_lib.sources.quality import check

from .conftest import Maker

# one good row of each table, in the words of a file
GOOD = {
    "users": "user_id=u signup_ts=2026-01-05 deleted_ts=2026-02-01",
    "subscriptions": "subscription_id=s user_id=u start=2026-01-05 end=2026-03-01 trial_start=2026-01-01 "
    "trial_end=2026-01-05 term_end=2026-02-05 renewed_ts=2026-02-04 mrr=9.00 amount=9.00 interval=month",
    "marketing_spend": "date=2026-01-05 channel=ads amount=5.00 impressions=100 reach=80 clicks=9 conversions=2",
    "deals": "deal_id=d lead_ts=2026-01-05 opportunity_ts=2026-01-08 closed_ts=2026-02-01 amount=500",
    "surveys": "time=2026-01-05 kind=nps score=9",
    "releases": "release_id=r time=2026-01-05T10:00Z committed=2026-01-04",
    "employee_surveys": "time=2026-01-05 kind=nps score=9",
    "reviews": "time=2026-01-05 rating=4",
    "usability_tasks": "task=t time=2026-01-05 errors=1 opportunities=5",
    "tickets": "ticket_id=t opened=2026-01-05 first_response=2026-01-06 resolved=2026-01-07 csat=4 contacts=1",
    "requests": "time=2026-01-05 status=200 latency_ms=12.5",
    "defects": "defect_id=d opened=2026-01-05 closed=2026-01-09 found_by=team status=closed severity=major",
    "code_size": "release=r kloc=12.5 story_points=30",
    "incidents": "incident_id=i start=2026-01-05T10:00Z end=2026-01-05T12:00Z repair_start=2026-01-05T11:00Z "
    "detected=2026-01-05T10:05Z",
    "units": "unit_id=u start=2026-01-05 failed=2026-03-01",
    "features": "feature=f started=2026-01-05 launched=2026-03-01",
    "work_items": "item_id=i created=2026-01-05 completed=2026-01-09 points=3",
    "rates": "date=2026-01-05 currency=EUR rate=1.1",
    "notifications": "member=m time=2026-01-05 cleared_ts=2026-01-06",
    "goals": "goal=g target=t type=number start=2026-01-05 due=2026-02-01 weight=1",
    "emails": "email_id=e delivered=2026-01-05 opened=2026-01-06 clicked=2026-01-07",
    "market": "period=2026-01 competitor=c metric=users value=10",
    "inquiries": "inquiry_id=i received=2026-01-05 responded=2026-01-06",
    "social": "date=2026-01-05 platform=p followers=1 impressions=9 likes=1 comments=1 shares=1 clicks=1",
    "transactions": "user_id=u time=2026-01-05 amount=5.00 kind=sale",
    "tests": "run_id=r test_id=t time=2026-01-05 result=passed",
    "mentions": "time=2026-01-05 sentiment=neutral",
    "ticket_messages": "ticket_id=t time=2026-01-05 author=agent",
}

# what breaks the rules of a column, one value a rule, in the order of the rules; "a=1,b=2" sets other columns as well
BROKEN = {
    "users.deleted_ts": ["2026-01-04"],
    "subscriptions.end": ["2026-01-04"],
    "subscriptions.trial_end": ["2025-12-31"],
    "subscriptions.term_end": ["2026-01-04"],
    "subscriptions.renewed_ts": ["2026-01-04"],
    "subscriptions.mrr": ["-9.00"],
    "subscriptions.amount": ["-0.01"],
    "marketing_spend.amount": ["-5"],
    "marketing_spend.reach": ["101", "-1"],
    "marketing_spend.clicks": ["101", "-9"],
    "marketing_spend.impressions": ["-1,clicks=,reach="],
    "marketing_spend.conversions": ["-1"],
    "deals.opportunity_ts": ["2026-01-04"],
    "deals.closed_ts": ["2026-01-04", "2026-01-07"],
    "deals.amount": ["-1"],
    "surveys.score": ["11", "0,kind=csat", "8,kind=ces", "101,kind=sus", "2.5,kind=sus,item=1", "6,kind=rating"],
    "surveys.item": ["11,kind=sus,score=3", "-1,kind=sus,score=3"],
    "releases.committed": ["2026-01-06"],
    "employee_surveys.score": ["7.5", "6,kind=engagement"],
    "reviews.rating": ["-1"],
    "usability_tasks.errors": ["6", "-1"],
    "usability_tasks.opportunities": ["-1,errors="],
    "tickets.first_response": ["2026-01-04"],
    "tickets.resolved": ["2026-01-04"],
    "tickets.csat": ["5.5"],
    "tickets.contacts": ["-1"],
    "requests.latency_ms": ["-0.5"],
    "requests.status": ["99", "-200"],
    "defects.closed": ["2026-01-04"],
    "code_size.kloc": ["-1"],
    "code_size.story_points": ["-1"],
    "incidents.end": ["2026-01-05T09:00Z"],
    "incidents.detected": ["2026-01-05T09:59Z", "2026-01-05T12:01Z"],
    "incidents.repair_start": ["2026-01-05T09:59Z", "2026-01-05T12:01Z"],
    "units.failed": ["2026-01-04"],
    "features.launched": ["2026-01-04"],
    "work_items.completed": ["2026-01-04"],
    "work_items.points": ["-1"],
    "rates.rate": ["0"],
    "notifications.cleared_ts": ["2026-01-04"],
    "goals.weight": ["0"],
    "goals.due": ["2026-01-04"],
    "emails.opened": ["2026-01-04"],
    "emails.clicked": ["2026-01-04"],
    "market.value": ["-1"],
    "inquiries.responded": ["2026-01-04"],
    **{f"social.{name}": ["-1"] for name in ("followers", "impressions", "likes", "comments", "shares", "clicks")},
}
RULED = {f"{table}.{rule.column}" for table in TABLES for rule in rules(table)}
CASES = [(place, text) for place, values in BROKEN.items() for text in values]


def row(table: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in GOOD[table].split())


def csv(*rows: dict[str, str]) -> str:
    names = list(dict.fromkeys(name for each in rows for name in each))
    return "\n".join([",".join(names), *(",".join(each.get(name, "") for name in names) for each in rows)]) + "\n"


def table_of(make: Maker, table: str, *rows: dict[str, str], extra: str = "") -> Any:  # noqa: ANN401
    return make(f'[tables.{table}]\npath = "rows.csv"\n{extra}', rows_csv=csv(*rows))


def test_every_rule_is_tried_here_and_speaks_of_columns_that_exist() -> None:
    assert set(BROKEN) == RULED
    for table in TABLES:
        for rule in rules(table):
            assert rule.needs | {rule.column} <= set(columns(table))
        for column in (*words(table), *keys(table)):
            assert column in columns(table)
    assert {place for place, _ in CASES} == RULED
    assert sum(len(rules(table)) for table in TABLES) >= len(RULES_AS_TEXT.strip().splitlines())
    for text in (WORDS_AS_TEXT, KEYS_AS_TEXT, RULES_AS_TEXT):
        assert {re.split(r"[.:]", line)[0] for line in text.strip().splitlines()} <= set(TABLES)


@pytest.mark.parametrize("table", GOOD)
def test_a_good_row_is_kept(make: Maker, table: str) -> None:
    workspace = table_of(make, table, row(table))
    assert (workspace.log.counts[table].kept, workspace.log.findings) == (1, ())


@pytest.mark.parametrize(("place", "text"), CASES)
def test_a_row_that_breaks_a_rule_is_set_aside_with_place_and_mend(make: Maker, place: str, text: str) -> None:
    table, column = place.split(".")
    value, *others = text.split(",")
    key = next((c.name for c in TABLES[table] if c.key or c.name in ("subscription_id", "goal")), None)
    date = {"date": "2026-01-06"} if table == "rates" else {}
    bad = row(table) | date | {column: value} | dict(other.split("=") for other in others)
    bad |= {key: "other"} if key else {}
    workspace = table_of(make, table, row(table), bad)
    (finding,) = workspace.log.findings
    assert (finding.severity, finding.table, finding.line, finding.column) == ("error", table, 3, column)
    assert finding.value == value
    assert finding.mend
    reasons = [rule.reason for rule in rules(table) if rule.column == column]
    assert finding.message.split("; ")[0].removeprefix(f"{column} ") in reasons
    assert workspace.log.counts[table].quarantined == 1


@pytest.mark.parametrize("place", sorted(RULED))
def test_where_a_part_is_missing_nothing_is_asked(make: Maker, place: str) -> None:
    table, column = place.split(".")
    needed = {c.name for c in TABLES[table] if c.required}
    if column not in needed:
        assert table_of(make, table, row(table) | {column: ""}).log.counts[table].kept == 1
    thin = {name: value for name, value in row(table).items() if name in needed or name == column}
    assert table_of(make, table, thin).log.counts[table].kept == 1


OPEN = [line.split(":") for line in WORDS_AS_TEXT.strip().splitlines() if "!" not in line]
CLOSED = [line.split("!:") for line in WORDS_AS_TEXT.strip().splitlines() if "!" in line]


@pytest.mark.parametrize(("place", "listed"), CLOSED)
def test_an_unknown_word_is_set_aside_with_the_nearest_and_the_line_to_write(
    make: Maker, place: str, listed: str
) -> None:
    table, column = place.split(".")
    known = listed.split()[0].split("=")[0]
    slip = row(table) | {column: known + "x"}
    (finding,) = table_of(make, table, slip).log.findings
    assert (finding.line, finding.column, finding.value) == (2, column, known + "x")
    assert f"Did you mean {known}?" in finding.message
    assert finding.mend == f'say what it means in [tables.{table}]: values.{column} = {{ "{known}x" = "…" }}'
    meant = table_of(make, table, slip, extra=finding.mend.split(": ")[1].replace("…", known))
    assert meant.data.tables[table][column].to_list() == [known]


@pytest.mark.parametrize(("place", "listed"), OPEN)
def test_an_unknown_word_that_may_be_right_is_kept_and_told(make: Maker, place: str, listed: str) -> None:
    table, column = place.split(".")
    known = listed.split()[0].split("=")[0]
    rows = [row(table) | {column: each} | keyed(table, i) for i, each in enumerate((known.upper(), known + "x", "zz"))]
    workspace = table_of(make, table, *rows)
    assert workspace.data.tables[table][column].sort().to_list() == sorted([known, known + "x", "zz"])
    first, second = (each for each in workspace.log.findings if each.column == column)
    assert (first.severity, first.line, first.value, first.rows) == ("warning", 3, known + "x", 1)
    assert f"Did you mean {known}" in first.message
    assert "Did you mean" not in second.message


def keyed(table: str, number: int) -> dict[str, str]:
    return {c.name: f"k{number}" for c in TABLES[table] if c.key}


def test_other_spellings_and_letters_of_a_word_are_read(make: Maker) -> None:
    rows = [row("tests") | {"result": each, "test_id": each} for each in ("Pass", "FAILED", "skip", "blocked")]
    found = table_of(make, "tests", *rows).data.tables["tests"]["result"]
    assert sorted(found.to_list()) == ["blocked", "failed", "passed", "skipped"]
    plans = [
        row("subscriptions") | {"subscription_id": each, "interval": each} for each in ("Annually", "monthly", "week")
    ]
    kept = table_of(make, "subscriptions", *plans).data.tables["subscriptions"]
    assert sorted(kept["interval"].to_list()) == ["month", "week", "year"]


def test_values_of_the_file_are_read_as_kpi_toml_says(make: Maker) -> None:
    toml = (
        '[tables.transactions]\npath = "t.csv"\nvalues = { kind = { paid = "sale", chargeback = "refund" } }\n'
        '[tables.subscriptions]\npath = "s.csv"\nvalues.is_trial = { oui = true, non = false }\n'
    )
    workspace = make(
        toml,
        t_csv="user_id,time,amount,kind\na,2026-01-05,5,paid\na,2026-01-06,2,chargeback\na,2026-01-07,3,sale\n",
        s_csv="subscription_id,user_id,start,is_trial\n1,a,2026-01-05,oui\n2,a,2026-01-05,non\n3,a,2026-01-05,Y\n",
    )
    assert workspace.data.tables["transactions"].select("kind", "amount").rows() == [
        ("sale", 500),
        ("refund", -200),
        ("sale", 300),
    ]
    trials = workspace.data.tables["subscriptions"].select("subscription_id", "is_trial").rows()
    assert dict(trials) == {"1": True, "2": False, "3": True}
    assert not workspace.log.findings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ('{ kind = { paid = "sold" } }', ["'paid' in kind means 'sold'", "none of sale, refund, credit"]),
        ('{ kind = { paid = "refnd" } }', ["Did you mean refund?"]),
        ('{ knid = { paid = "sale" } }', ["unknown column 'knid'", "Did you mean kind?"]),
        ('{ kind = "sale" }', ["kind does not"]),
        ('{ kind = { paid = ["sale"] } }', ["paid does not"]),
    ],
)
def test_a_wrong_meaning_is_refused_with_its_line(make: Maker, values: str, said: list[str]) -> None:
    with pytest.raises(WorkspaceError) as error:
        make(f'[tables.transactions]\npath = "t.csv"\nvalues = {values}\n')
    assert "kpi.toml, line 3: [tables.transactions] values" in str(error.value)
    assert all(part in str(error.value) for part in said)


def test_rows_with_the_same_key_are_one(make: Maker) -> None:
    first = row("goals")
    (finding,) = table_of(make, "goals", first, first | {"target": "other"}, first | {"weight": "2"}).log.findings
    assert (finding.line, finding.column, finding.rows) == (4, "target", 1)
    assert "repeats a key" in finding.message


def test_terms_of_one_subscription_must_not_overlap(make: Maker) -> None:
    head = "subscription_id,user_id,start,end\n"
    rows = "s,u,2026-01-05,2026-02-01\ns,u,2026-02-01,\ns,u,2026-03-01,2026-04-01\nt,u,2026-01-10,2026-01-20\n"
    workspace = make('[tables.subscriptions]\npath = "s.csv"\n', s_csv=head + rows)
    (finding,) = workspace.log.findings
    assert (finding.line, finding.column, finding.rows) == (4, "start", 1)
    assert workspace.log.counts["subscriptions"].kept == 3


T0 = datetime(2026, 1, 1, tzinfo=UTC)
spans = st.tuples(st.sampled_from("ab"), st.integers(0, 8), st.one_of(st.none(), st.integers(0, 5)))


@given(st.lists(spans, max_size=8))
def test_overlaps_are_those_that_pairs_show(found: list[tuple[str, int, int | None]]) -> None:
    """A row is set aside if some earlier row of its id (by start, then by line) still runs, or begins, when it begins."""
    rows = [(key, start, None if long is None else start + long) for key, start, long in found]
    wanted = [
        any(
            other == key and (s, j) < (start, i) and (e is None or e > start or s == start)
            for j, (other, s, e) in enumerate(rows)
        )
        for i, (key, start, _) in enumerate(rows)
    ]
    frame = pl.DataFrame(
        [(k, T0 + timedelta(days=s), None if e is None else T0 + timedelta(days=e)) for k, s, e in rows],
        schema={
            "subscription_id": pl.String,
            "start": pl.Datetime("us", "UTC"),
            "end": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    assert overlaps(frame).is_not_null().to_list() == wanted


def wave(month: int, scores: list[int]) -> list[dict[str, str]]:
    return [{"time": f"2026-{month:02}-{1 + i % 28:02}", "kind": "NPS", "score": str(s)} for i, s in enumerate(scores)]


def test_wrong_nps_scale_a_wave_without_any_zero_may_have_been_asked_on_one_to_ten(make: Maker) -> None:
    odd, fine, small = [1 + i % 10 for i in range(100)], [i % 11 for i in range(100)], [5] * 99
    rows = [*wave(1, fine), *wave(2, odd), *wave(3, small)]
    (finding,) = [f for f in check(table_of(make, "surveys", *rows)).findings if f.table == "surveys" and f.column]
    assert (finding.severity, finding.column, finding.rows, finding.value) == ("warning", "score", 100, "2026-02")
    assert "1 to 10" in finding.message


def test_findings_are_plain_json(make: Maker) -> None:
    found = check(table_of(make, "requests", row("requests") | {"status": "9"})).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["findings"][0]["mend"] == "write codes such as 200 or 503"


@pytest.mark.parametrize("until", ["", "2026-02-01"])
@pytest.mark.parametrize("place", ["tickets.opened", "marketing_spend.date", "users.signup_ts"])
def test_nothing_happens_after_the_end_of_the_data(make: Maker, place: str, until: str) -> None:
    table, column = place.split(".")
    late = {name: value for name, value in row(table).items() if name in ("channel", "amount")} | keyed(table, 7)
    end = f"[workspace]\nobserved_until = {until}\n" if until else ""
    rows = csv(row(table) | {column: "2026-01-05"}, late | {column: "2026-02-01" if until else "2026-07-01"})
    workspace = make(f'{end}[tables.{table}]\npath = "rows.csv"\n', rows_csv=rows)
    (finding,) = workspace.log.findings
    assert (finding.line, finding.column) == (3, column)
    assert ("at or after observed_until" if until else "lies in the future") in finding.message
