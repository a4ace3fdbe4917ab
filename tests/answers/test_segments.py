"""Segments: any name, any table, one report each; and what must not depend on how a file happens to be written."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kpi_lib.answers.actives import actives
from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import MARK, RESERVED, Dataset, plain_name
from kpi_lib.core.errors import KpiWarning, UsageError
from kpi_lib.core.period import parse_period
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.cohort import Cohorts, cohorts
from kpi_lib.shapes.funnel import Funnel, funnel
from kpi_lib.shapes.sessions import group_name, session_figures
from tests.build import told

MARCH = parse_period("2026-03", zone="UTC")
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def shop(name: str = "plan", *, orders: bool = True) -> Dataset:
    """Two users, two segments, in a column of any name on events and orders."""
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "v", "v"],
            "time": pl.Series(
                [T0, T0 + timedelta(hours=1), T0, T0 + timedelta(days=9)], dtype=pl.Datetime("us", "UTC")
            ),
            "event": ["a", "b", "a", "a"],
            name: ["x", "x", "y", "y"],
        }
    )
    bought = events.filter(pl.col("event") == "b").select("user_id", "time", name, amount=pl.lit(1000, pl.Int64))
    tables = {"events": events, "transactions": bought} if orders else {"events": events}
    features = {"f": ("b",)}
    return Dataset.of(
        tables, observed_until=datetime(2026, 5, 1, tzinfo=UTC), features=features, settings={"goal_event": "b"}
    )


EVERYDAY = {"group", "status", "cohort", "unit", "session", "value", "period", "target"}
TAKEN = RESERVED - {"user_id", "time", "event", "amount"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERYDAY else pytest.mark.slow) for name in sorted(TAKEN)]
)
def test_every_kpi_takes_a_segment_of_any_name(name: str) -> None:
    asked = list(catalogue())
    plain = compute(asked, shop(), MARCH, ["plan"])
    found = compute(asked, shop(name), MARCH, [name])
    assert found.table.drop("kpi", found.by[0]).equals(plain.table.drop("kpi", "plan"))
    assert plain_name(found.by[0]) == name


@pytest.mark.parametrize("name", ["status", "complete", "start", "size", "entry", "seconds", "end"])
def test_the_other_shapes_do_too(name: str) -> None:
    seen, plain = shop(name).with_by((name,)), shop().with_by(("plan",))
    assert cohorts(seen, Cohorts()).to_dict()["groups"].keys() == cohorts(plain, Cohorts()).to_dict()["groups"].keys()
    assert session_figures(seen).to_dict() == session_figures(plain).to_dict()
    rows = actives(shop(name), MARCH, [name]).to_dict()["rows"]
    assert [row["by"] for row in rows] == [{name: "x"}, {name: "y"}]
    assert not any(MARK in key for row in rows for key in row)


def test_a_column_that_one_kpi_lacks_does_not_stop_the_others() -> None:
    data = shop()
    only_orders = Dataset.of(
        {"events": data.tables["events"].drop("plan"), "transactions": data.tables["transactions"]},
        observed_until=data.observed_until,
    )
    found = compute(["total_revenue", "dau"], only_orders, MARCH, ["plan"])
    assert found.table.filter(pl.col("kpi") == "dau")["status"].to_list() == ["no_segment"]
    assert found.table.filter(pl.col("kpi") == "total_revenue")["value"].to_list() == [10.0]
    with pytest.raises(UsageError, match="unknown column"):
        compute("dau", only_orders, MARCH, ["plan"])


def test_one_segments_report_never_shows_everybodys_orders() -> None:
    data = shop()
    events = data.tables["events"]
    bought = data.tables["transactions"].drop("plan")
    both = Dataset.of({"events": events, "transactions": bought}, observed_until=data.observed_until)
    part = both.only("plan=y")
    assert compute("total_revenue", part, MARCH).table["status"].to_list() == ["missing_input"]
    users = pl.DataFrame({"user_id": ["u", "v"], "plan": ["x", "y"]})
    known = Dataset.of(
        {"events": events.drop("plan"), "transactions": bought, "users": users}, observed_until=data.observed_until
    )
    assert compute("total_revenue", known.only("plan=x"), MARCH).table["value"].to_list() == [10.0]
    assert compute("total_revenue", known.only("plan=y"), MARCH).table["value"].to_list() == [0.0]


def test_the_order_of_a_file_never_decides() -> None:
    events = pl.DataFrame(
        {
            "user_id": ["u"] * 4,
            "time": pl.Series([T0, T0, T0, T0 + timedelta(minutes=1)], dtype=pl.Datetime("us", "UTC")),
            "event": ["b", "a", "c", "d"],
            "plan": ["x", "y", None, "x"],
        }
    )
    asked = ["user_path_analysis", "new_users", "avg_session_duration"]
    told = []
    for frame in (events, events.reverse(), events.sort("event"), events.sort("plan")):
        data = Dataset.of({"events": frame}, observed_until=datetime(2026, 5, 1, tzinfo=UTC))
        told.append(compute(asked, data, MARCH, ["plan"]).table)
    assert all(each.equals(told[0]) for each in told)


def test_a_cohort_week_without_money_is_worth_nothing_not_unknown() -> None:
    data = shop().reading("transactions")
    later = data.tables["transactions"].with_columns(pl.col("time") + timedelta(days=21))
    both = Dataset.of(
        {"transactions": pl.concat([data.tables["transactions"], later])}, observed_until=data.observed_until
    )
    cells = cohorts(both, Cohorts(value="amount")).to_dict()["cohorts"][0]["cells"]
    assert [cell["value"] for cell in cells] == [10.0, 0.0, 0.0, 10.0]
    with pytest.raises(UsageError, match="holds no numbers"):
        cohorts(both, Cohorts(value="user_id"))


def test_who_only_got_money_back_is_not_one_of_those_who_paid() -> None:
    rows = {"user_id": ["a", "b"], "time": [T0, T0], "amount": [1000, -300], "kind": ["sale", "refund"]}
    orders = pl.DataFrame(rows).with_columns(pl.col("time").dt.cast_time_unit("us"))
    data = Dataset.of({"transactions": orders}, observed_until=datetime(2026, 5, 1, tzinfo=UTC))
    found = compute("arppu", data, MARCH).table.row(0, named=True)
    assert (found["value"], found["n"]) == (7.0, 1)


def test_sign_ups_after_the_data_end_are_not_there_yet() -> None:
    users = pl.DataFrame(
        {"user_id": ["u", "w"], "signup_ts": pl.Series([T0, T0 + timedelta(days=90)], dtype=pl.Datetime("us", "UTC"))}
    )
    data = shop()
    whole = Dataset.of({**data.tables, "users": users}, observed_until=data.observed_until)
    found = cohorts(whole, Cohorts(start_event="signup")).to_dict()["cohorts"]
    assert [(c["start"], c["size"]) for c in found] == [("2026-02-23", 1)]
    assert whole.as_of(T0 + timedelta(days=1))["users"].collect()["signup_ts"].null_count() == 1


def test_group_names_are_never_the_same_for_different_groups() -> None:
    rows = [{"p": None, "q": "x"}, {"p": "null", "q": "x"}, {"p": "a / b", "q": "c"}, {"p": "a", "q": "b / c"}]
    assert len({group_name(row, ["p", "q"]) for row in rows}) == 4
    assert group_name({"p": None}, ["p"]) == "null"
    assert group_name({"p": "a / b"}, ["p"]) == "a / b"


def test_more_values_than_segments_leave_one_axis_for_every_answer() -> None:
    """300 users in 201 cities: 99 cities have two users each, the others one; the last by name is `(other)`."""
    cities = [f"c{i:03}" for i in range(201)]
    homes = cities + cities[:99]
    rows = [(f"u{i}", T0 + timedelta(hours=i), event, home) for i, home in enumerate(homes) for event in "ab"]
    schema = {"user_id": pl.String, "time": pl.Datetime("us", "UTC"), "event": pl.String, "city": pl.String}
    data = Dataset.of({"events": pl.DataFrame(rows, schema=schema, orient="row")})
    axis = ["(other)", *cities[:200]]
    told = "'city' has more than 200 values"
    with pytest.warns(KpiWarning, match=told):
        seen = data.with_by(("city",))
    with pytest.warns(KpiWarning, match=told):
        values = compute("active_users", data, MARCH, ("city",)).table
    with pytest.warns(KpiWarning, match=told):
        active = actives(data, MARCH, ("city",), events=("*",)).table
    assert values["city"].to_list() == active["city"].to_list() == axis
    assert values["value"].to_list() == active["mau"].to_list() == [1, *[2] * 99, *[1] * 101]
    steps = funnel(seen, Funnel(("a", "b"))).to_dict()["groups"]
    assert {name: body["steps"][0]["units"] for name, body in steps.items()} == dict(
        zip(axis, values["value"], strict=True)
    )
    members = cohorts(seen, Cohorts(grain="month")).table.filter(pl.col("k") == 0)
    assert dict(members.select("city", "size").iter_rows()) == dict(zip(axis, values["value"], strict=True))
    assert session_figures(seen).table["city"].to_list() == axis


def test_a_column_of_the_figures_own_table_is_meant_and_none_of_that_name_elsewhere() -> None:
    data = told("ann 01-05 v\nbob 01-06 v\n")
    users = pl.DataFrame({"user_id": ["ann", "bob"], "channel": ["ads", "organic"]})
    tickets = pl.DataFrame(
        {
            "ticket_id": ["t1", "t2"],
            "opened": data.tables["events"]["time"],
            "user_id": ["ann", "bob"],
            "channel": ["mail", None],
        }
    )
    both = Dataset.of({**data.tables, "users": users, "tickets": tickets}, observed_until=data.observed_until)
    week = parse_period("2026-W02", zone="UTC")
    rows = compute(["ticket_volume", "active_users"], both, week, ["channel"]).table
    found = {(row["kpi"], row["channel"]): row["value"] for row in rows.to_dicts()}
    assert found == {
        ("ticket_volume", "mail"): 1, ("ticket_volume", None): 1, ("active_users", "ads"): 1, ("active_users", "organic"): 1,
    }  # fmt: skip
