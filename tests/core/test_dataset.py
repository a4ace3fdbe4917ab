"""The data set: what counts as an order, what has been observed, segments, and the data as they stood at a time."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from kpi_lib.core.dataset import OTHER, PURCHASE, SEGMENT_LIMIT, Dataset
from kpi_lib.core.errors import DataError, KpiWarning, UsageError
from kpi_lib.core.period import INSTANT
from tests.build import transactions

DAY = datetime(2026, 1, 5, tzinfo=UTC)


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def events(rows: list[tuple[str, float, str]], **more: list[str | None]) -> pl.DataFrame:
    columns = {"user_id": [r[0] for r in rows], "time": [at(r[1]) for r in rows], "event": [r[2] for r in rows], **more}
    return pl.DataFrame(columns, schema_overrides={"time": INSTANT})


def test_an_order_is_its_rows_together_at_the_time_of_the_first() -> None:
    rows = [
        ("u", at(2), 500, "A", "sale"),
        ("u", at(1), 700, "A", "sale"),
        ("u", at(3), -700, "A", "refund"),
        ("v", at(1), 100, "A", "sale"),  # another customer's order may carry the same number
    ]
    found = Dataset.of({"transactions": transactions(rows)}).orders().collect()
    assert found.select("user_id", "time", "amount").rows() == [("u", at(1), 1_200), ("v", at(1), 100)]


def test_a_missing_order_number_is_an_order_of_its_own() -> None:
    rows = [
        ("u", at(1), 1, None, None),
        ("u", at(1), 2, None, None),
        ("u", at(1), 4, "A", None),
        ("u", at(2), 8, "A", None),
    ]
    found = Dataset.of({"transactions": transactions(rows)}).orders().collect()
    assert sorted(found["amount"]) == [1, 2, 12]


def test_without_order_numbers_a_row_is_an_order_and_refunds_are_none() -> None:
    table = transactions(
        [("u", at(1), 5, None, "sale"), ("u", at(1), 5, None, "sale"), ("u", at(2), -5, None, "credit")]
    )
    assert Dataset.of({"transactions": table.drop("order_id")}).orders().collect().height == 2
    assert Dataset.of({"transactions": table.drop("order_id", "kind")}).orders().collect().height == 3


def test_orders_stand_in_for_events_where_there_are_none() -> None:
    table = transactions([("u", at(1), 5, "A", "sale"), ("u", at(2), -5, "A", "refund")])
    data = Dataset.of({"transactions": table})
    assert data.activity == "transactions"
    assert data.events().collect()["event"].to_list() == [PURCHASE]
    both = Dataset.of({"transactions": table, "events": events([("u", 0, "view")])})
    assert both.events().collect()["event"].to_list() == ["view"]
    assert both.reading("transactions").events().collect()["event"].to_list() == [PURCHASE]
    with pytest.raises(UsageError, match=r"unknown table 'users' in --table"):
        both.reading("users")


def test_the_observed_span_is_whole_local_days() -> None:
    table = events([("u", 22.5, "a"), ("u", 30, "a")])  # 5 January 22:30 UTC is the 6th in Kolkata
    data = Dataset.of({"events": table}, zone="Asia/Kolkata")
    assert data.observed_from == datetime(2026, 1, 5, 18, 30, tzinfo=UTC)
    assert data.observed_until == datetime(2026, 1, 6, 18, 30, tzinfo=UTC)


def test_the_span_reaches_over_events_and_transactions_and_no_other_table() -> None:
    users = pl.DataFrame({"user_id": ["u"], "time": [at(-9_999)]}, schema_overrides={"time": INSTANT})
    tables = {
        "events": events([("u", 30, "a")]),
        "transactions": transactions([("u", at(1), 5, None, None)]),
        "users": users,
    }
    data = Dataset.of(tables)
    assert (data.observed_from.date(), data.observed_until.date()) == (date(2026, 1, 5), date(2026, 1, 7))


def test_a_given_span_wins_and_no_data_have_a_span_too() -> None:
    given = {"observed_from": at(-100), "observed_until": at(100)}
    data = Dataset.of({"events": events([("u", 0, "a")])}, **given)
    assert (data.observed_from, data.observed_until) == (at(-100), at(100))
    empty = Dataset.of({"events": events([])}, observed_until=at(48))
    assert empty.observed_from <= empty.observed_until == at(48)
    nothing = Dataset.of({})
    assert nothing.observed_from < nothing.observed_until


def test_tables_are_ordered_by_user_and_time_and_ties_by_event() -> None:
    table = events([("v", 0, "a"), ("u", 2, "c"), ("u", 1, "z"), ("u", 1, "a"), ("u", 1, "m")])
    ordered = Dataset.of({"events": table}).tables["events"]
    assert ordered["event"].to_list() == ["a", "m", "z", "c", "a"]  # the order of a file never decides
    assert table["event"].to_list() == ["a", "c", "z", "a", "m"]  # the input stays as it was


@pytest.mark.parametrize(
    "dtype", [pl.Datetime("us"), pl.Datetime("ms", "UTC"), pl.Datetime("us", "Europe/Berlin"), pl.Date]
)
def test_times_must_be_utc_instants(dtype: pl.DataType) -> None:
    table = pl.DataFrame({"user_id": ["u"], "time": [None], "event": ["a"]}, schema_overrides={"time": dtype})
    with pytest.raises(DataError, match=r"column time has type .*UTC instants"):
        Dataset.of({"events": table})


def test_a_table_that_is_not_there_is_empty_and_a_wrong_name_is_refused() -> None:
    data = Dataset.of({"events": events([("u", 0, "a")])})
    assert data["users"].collect().height == 0
    assert data.columns("users") == {}
    with pytest.raises(UsageError, match="Did you mean events"):
        data["event"]


def plans() -> Dataset:
    users = pl.DataFrame({"user_id": ["u", "v", "w"], "country": ["DE", "FR", None]})
    return Dataset.of(
        {"events": events([("u", 0, "a"), ("v", 1, "b"), ("u", 2, "c")], plan=["pro", None, "free"]), "users": users}
    )


def test_segments_come_from_wherever_the_column_is() -> None:
    data = plans()
    assert data.segments("plan").to_list() == ["free", "pro", None]
    assert data.segments("country").to_list() == ["DE", "FR", None]
    with pytest.raises(UsageError, match=r"unknown column 'contry' in --by\. Did you mean country"):
        data.segments("contry")


def test_of_too_many_values_those_with_most_rows_stay() -> None:
    """Value v has v rows, but for the least two, which have one each: the later by name is `(other)`."""
    names = {f"c{i:03}": max(i, 1) for i in range(SEGMENT_LIMIT + 1)}
    rows = [("u", 0.0, "a")] * (sum(names.values()) + 1)
    data = Dataset.of({"events": events(rows, city=[None, *(n for n, times in names.items() for _ in range(times))])})
    kept = [name for name in names if name != "c001"]
    assert data.segments("city").to_list() == [OTHER, *kept, None]
    with pytest.warns(KpiWarning, match="'city' has more than 200 values"):
        seen = data.with_by(("city",))
    counts = dict(seen.tables["events"].group_by("city").len().iter_rows())
    assert counts == {name: names[name] for name in kept} | {OTHER: 1, None: 1}
    assert seen.segments("city").to_list() == [OTHER, *kept, None]
    assert data.only(f"city={OTHER}").tables["events"]["city"].to_list() == ["c001"]
    fewer = data.only("city=c005")
    assert fewer.segments("city").to_list() == ["c005"]


def test_as_many_values_as_allowed_are_all_segments() -> None:
    rows = [(f"u{i:03}", 0.0, "a") for i in range(SEGMENT_LIMIT)]
    assert Dataset.of({"events": events(rows)}).segments("user_id").to_list() == [user for user, *_ in rows]


def test_segment_columns_become_text_and_are_carried_by_their_own_table() -> None:
    users = pl.DataFrame({"user_id": ["u"], "age": [30]})
    data = Dataset.of({"events": events([("u", 0, "a")], plan=["pro"]), "users": users}).with_by(("age", "plan"))
    assert data.carried("events") == ["plan"]
    assert data.carried("users") == ["age"]
    assert data.tables["users"]["age"].to_list() == ["30"]
    assert data.by == ("age", "plan")


def test_one_segment_keeps_its_rows_and_the_rows_of_its_users() -> None:
    data = plans()
    assert data.only("plan=pro").tables["events"]["event"].to_list() == ["a"]
    assert data.only("country=FR").tables["events"]["event"].to_list() == ["b"]
    assert data.only("country=FR").tables["users"]["user_id"].to_list() == ["v"]
    assert data.only("") is data
    assert data.only("plan=pro").observed_until == data.observed_until
    with pytest.raises(UsageError, match=r"unknown value of plan 'prof'\. Did you mean pro"):
        data.only("plan=prof")
    with pytest.raises(DataError, match="column=value"):
        data.only("plan")


def test_the_data_as_they_stood_leave_out_what_came_later() -> None:
    data = plans().as_of(at(1))
    assert data.tables["events"]["event"].to_list() == ["a"]
    assert data.tables["users"].height == 3
    assert data.observed_until == at(1)


def utc(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def tickets() -> pl.DataFrame:
    return pl.DataFrame(
        {"ticket_id": ["a", "b"], "opened": [utc(2, 9), utc(4, 9)], "resolved": [utc(9, 9), None]},
        schema={"ticket_id": pl.String, "opened": INSTANT, "resolved": INSTANT},
    )


def test_without_events_and_orders_the_span_is_that_of_what_else_happened() -> None:
    data = Dataset.of({"tickets": tickets()})
    assert (data.observed_from, data.observed_until) == (utc(2), utc(10))
    spend = pl.DataFrame({"date": [date(2026, 3, 3)], "channel": ["ads"]})
    zoned = Dataset.of({"marketing_spend": spend}, zone="Asia/Tokyo")
    assert zoned.observed_until == datetime(2026, 3, 3, 15, tzinfo=UTC)


def test_plans_and_rates_are_nothing_that_happened() -> None:
    plan = pl.DataFrame({"user_id": ["u"], "start": [utc(1)], "end": [utc(30)], "term_end": [utc(31)]})
    rates = pl.DataFrame({"date": [date(2026, 5, 1)], "currency": ["EUR"], "rate": [1.1]})
    data = Dataset.of({"subscriptions": plan, "rates": rates})
    assert (data.observed_from, data.observed_until) == (utc(1), utc(2))
    alone = Dataset.of({"rates": rates}, observed_until=utc(5))
    assert (alone.observed_from, alone.observed_until) == (utc(5), utc(5))


def test_events_decide_where_there_are_any() -> None:
    data = Dataset.of({"events": events([("u", 0, "a")]), "tickets": tickets()})
    assert data.observed_until < utc(2)


def test_as_of_an_instant_nothing_later_is_known() -> None:
    data = Dataset.of({"tickets": tickets()})
    then = data.as_of(utc(4)).tables["tickets"]
    assert then["ticket_id"].to_list() == ["a"]
    assert then["resolved"].to_list() == [None]
    assert data.as_of(utc(10)).tables["tickets"].equals(data.tables["tickets"])
    spend = pl.DataFrame({"date": [date(2026, 3, 3), date(2026, 3, 4)], "channel": ["ads"] * 2})
    assert Dataset.of({"marketing_spend": spend}).as_of(utc(4)).tables["marketing_spend"].height == 1


def test_as_of_an_instant_what_was_ingested_later_is_not_there() -> None:
    ingested = pl.Series([utc(2), utc(3), utc(4), None], dtype=INSTANT)
    rows = pl.DataFrame({"user_id": list("abcd"), "event": ["e"] * 4, "time": [utc(1)] * 4, "ingested": ingested})
    then = Dataset.of({"events": rows}).as_of(utc(3)).tables["events"]
    assert then["user_id"].to_list() == ["a", "b", "d"]


def test_as_of_keeps_plans_that_lie_ahead() -> None:
    plan = {"start": [utc(1)], "end": [utc(30)], "renewed_ts": [utc(20)], "term_end": [utc(28)]}
    data = Dataset.of({"subscriptions": pl.DataFrame({"user_id": ["u"], **plan})})
    then = data.as_of(utc(5)).tables["subscriptions"].row(0, named=True)
    assert (then["end"], then["renewed_ts"], then["term_end"]) == (None, None, utc(28))
