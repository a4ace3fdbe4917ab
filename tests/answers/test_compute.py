"""Names, data and a grid in, tidy rows out: statuses in their order, segments, derived parts, clear refusals."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.compute import TAIL, compute, replicated, segmentable
from kpi_lib.answers.demands import available
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.motions import FOLDS, WHOLE
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.kpis.registry import REQUIRED, catalogue, find
from tests.build import moment, row_of, rows_of, told

EVENTS = "ann 01-05 v pro\nann 01-12 v free\nbob 01-06 v free\ncid 01-07 buy pro\n"
ORDERS = "ann 01-05 1000\nbob 01-06 500\nbob 02-06 700\n"
USERS = pl.DataFrame({"user_id": ["ann", "bob", "zoe"], "country": ["DE", "FR", "IT"]})
JANUARY = parse_period("2026-01", zone="UTC")


def shop(**choices: Any) -> Dataset:  # noqa: ANN401
    return told(EVENTS, ORDERS, tables={"users": USERS}, **choices)


def test_the_tidy_frame_has_the_columns_of_the_contract_in_order() -> None:
    values = compute(["dau", "user_path_analysis"], shop(), JANUARY, by=["country"])
    assert values.table.columns == ["kpi", "country", "from", "to", *TAIL]
    assert TAIL == ("start", "end", "value", "low", "high", "n", "unripe", "unit", "status")
    row = values.to_dict()["rows"][0]
    assert list(row) == ["kpi", "by", *TAIL]
    assert (row["by"], row["start"], row["end"]) == ({"country": "DE"}, "2026-01-01", "2026-02-01")
    assert values.only("user_path_analysis").to_dict()["rows"][0]["by"].keys() == {"country", "from", "to"}


def test_a_number_carries_its_story() -> None:
    values = compute("goal_conversion_rate", shop(fingerprint="abc"), JANUARY, options={"goal_event": "buy"})
    assert (values.fingerprint, values.currency, values.every) == ("abc", "USD", "month")
    assert values.definitions["goal_conversion_rate"] == find("goal_conversion_rate").definition_hash(
        {"goal_event": "buy"}
    )
    assert values.definitions != compute("goal_conversion_rate", shop(), JANUARY).definitions


def test_settings_of_the_workspace_hold_unless_an_option_says_otherwise() -> None:
    data = shop(settings={"active_events": ["buy"]})
    assert row_of("active_users", data)["value"] == 1
    assert row_of("active_users", data, active_events=["*"])["value"] == 3


# what is missing, in the order in which it is told: each line also has all that is told after it
def test_statuses_come_in_their_order() -> None:
    no_orders = told("-")
    assert row_of("repeat_purchase_rate", no_orders, repeat_window="x")["status"] == "missing_input"
    by_city = Dataset.of(
        {**told("ann 01-05 v").tables, "web": pl.DataFrame({"city": ["B"]})},
        observed_until=moment("01-20"),
        observed_from=moment("01-01"),
    )
    both = compute(["goal_conversion_rate", "dau"], told(EVENTS, ORDERS), JANUARY, by=["plan"]).table
    assert both.filter(pl.col("kpi") == "goal_conversion_rate")["status"].to_list() == ["needs_choice"]
    assert by_city.columns("web") == {"city": pl.String()}
    lacking = compute(["orders", "dau"], told(EVENTS, ORDERS), JANUARY, by=["plan"])
    assert lacking.table.filter(pl.col("kpi") == "orders")["status"].to_list() == ["no_segment"]
    assert lacking.reasons == {"orders": "has no column plan"}
    # begins before the data and ends after them, without anybody: early comes first
    assert row_of("retention_day_1", told("-", since="01-10", until="01-20"))["status"] == "early"
    assert row_of("retention_day_1", told("-", until="01-20"))["status"] == "partial"
    assert row_of("retention_day_1", told("ann 01-31 v", until="02-01"))["status"] == "ripening"
    assert row_of("retention_day_1", told("-"))["status"] == "no_denominator"
    assert row_of("retention_day_1", told("ann 01-05 v"))["status"] == "small_n"
    assert row_of("retention_day_1", told("\n".join(f"u{i} 01-05 v" for i in range(30))))["status"] == "ok"


def test_a_choice_that_is_missing_is_told_before_a_segment_that_is_missing() -> None:
    data = told(EVENTS, ORDERS)
    found = compute(["repeat_purchase_rate", "dau"], data, JANUARY, by=["plan"], options={"repeat_window": "x"}).table
    assert found.filter(pl.col("kpi") == "repeat_purchase_rate")["status"].to_list() == ["needs_choice"]


def test_a_count_of_nothing_is_ok_inside_the_data_and_unknown_outside() -> None:
    """Nobody came is a figure; nobody looked is none."""
    data = told("ann 01-05 v", "ann 01-05 100", since="01-01", until="01-20")
    inside = {name: row_of(name, data, "2026-01-10") for name in ("active_users", "orders", "total_revenue", "dau")}
    assert {(row["value"], row["status"]) for row in inside.values()} == {(0.0, "ok")}
    for name in inside:
        later, before = row_of(name, data, "2026-03"), row_of(name, data, "2025-06")
        assert (later["value"], later["status"]) == (None, "partial"), name
        assert (before["value"], before["status"]) == (None, "early"), name


def test_missing_tables_are_told_and_the_rest_is_computed() -> None:
    values = compute(["total_revenue", "dau"], told(EVENTS), JANUARY)
    assert values.table["status"].to_list() == ["missing_input", "ok"]
    assert values.reasons == {"total_revenue": "needs the columns user_id, time and amount of transactions"}
    assert available(told(EVENTS))["dau"] == []
    assert available(told(orders=ORDERS))["arpu"] == []  # orders stand in for events
    assert set(available(told(EVENTS))) == set(catalogue())


def test_segments_come_from_the_own_table_first_and_then_from_the_users() -> None:
    data = shop()
    own = compute("active_users", data, JANUARY, by=["plan"]).table
    assert own.select("plan", "value").rows() == [("free", 2.0), ("pro", 2.0), (None, 0.0)][: own.height]
    users = compute("active_users", data, JANUARY, by=["country"]).table
    assert users.select("country", "value").rows() == [("DE", 1.0), ("FR", 1.0), ("IT", 0.0), (None, 1.0)]
    both = compute("active_users", data, JANUARY, by=["plan", "country"]).table
    assert both.filter(pl.col("value") > 0).select("plan", "country", "value").rows() == [
        ("free", "DE", 1.0),
        ("free", "FR", 1.0),
        ("pro", "DE", 1.0),
        ("pro", None, 1.0),
    ]


def test_the_axis_of_segments_is_the_whole_data_in_every_period() -> None:
    grid = Grid.calendar("week", date(2026, 1, 5), date(2026, 1, 26), zone="UTC")
    table = compute("active_users", shop(), grid, by=["country"]).table
    assert table.height == 4 * 3
    assert table.filter(pl.col("country") == "IT")["value"].to_list() == [0.0, 0.0, 0.0]


def test_a_column_that_only_another_table_has_is_a_status_and_one_that_nobody_has_an_error() -> None:
    values = compute(["arpu", "dau"], told(EVENTS, ORDERS), JANUARY, by=["plan"])
    assert values.table.filter(pl.col("kpi") == "arpu")["status"].to_list() == ["no_segment"]
    assert values.reasons["arpu"] == "has no column plan"
    with pytest.raises(UsageError, match=r"unknown column 'contry'.*Did you mean country"):
        compute("dau", shop(), JANUARY, by=["contry"])
    with pytest.raises(UsageError, match=r"unknown column 'plan' in the tables of orders"):
        compute("orders", told(EVENTS, ORDERS), JANUARY, by=["plan"])
    with pytest.raises(UsageError, match=r"unknown KPI 'dua'\. Did you mean dau"):
        compute(["dau", "dua"], shop(), JANUARY)


WRONG = [
    ("goal_conversion_rate", {"goal_event": "buy", "goal_within": 7}),
    ("goal_conversion_rate", {"goal_event": ["buy"]}),
    ("active_users", {"active_min_events": "2"}),
    ("active_users", {"active_min_events": True}),
    ("active_users", {"active_events": "v"}),
    ("active_users", {"active_events": [1]}),
    ("active_users", {"active_events": 5}),
    ("feature_adoption_rate", {"feature_min_uses": "two"}),
    ("avg_session_duration", {"session_gap": 30}),
    ("repeat_purchase_rate", {"repeat_window": 5}),
]


@pytest.mark.parametrize(("name", "options"), WRONG, ids=[f"{name} {options}" for name, options in WRONG])
def test_a_setting_of_the_wrong_type_is_refused_with_its_name(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=list(options)[-1]):
        rows_of(name, shop(features={"a": ("v",)}), **options)


def test_growth_takes_the_period_before_even_of_a_single_period() -> None:
    data = told(orders="ann 01-05 1000\nann 02-05 1500\nann 03-05 3000\n", until="04-01")
    assert row_of("revenue_growth_rate", data, "2026-02")["value"] == 0.5
    assert row_of("revenue_growth_rate", data, "2026-03")["value"] == 1.0
    custom = row_of("revenue_growth_rate", data, "2026-02-05..2026-02-10")
    assert custom["value"] is None  # nothing in the five days before
    grid = Grid.calendar("month", date(2026, 1, 1), date(2026, 4, 1), zone="UTC")
    table = compute("revenue_growth_rate", data, grid).table
    assert table["value"].to_list() == [None, 0.5, 1.0]
    assert table["status"].to_list() == ["early", "small_n", "small_n"]
    assert table["n"].to_list() == [0, 1, 1]  # of the last part, the base


def test_growth_by_segment_is_that_of_the_segment() -> None:
    data = told(orders="ann 01-05 1000\nann 02-05 1500\nbob 01-05 100\nbob 02-05 50\n", tables={"users": USERS})
    table = compute("revenue_growth_rate", data, parse_period("2026-02", zone="UTC"), by=["country"]).table
    assert table.select("country", "value").rows() == [("DE", 0.5), ("FR", -0.5), ("IT", None)]


def test_the_interval_of_growth_knows_that_the_same_customers_come_again() -> None:
    """Everybody doubles: leaving anybody out changes nothing, so there is no spread and no interval."""
    text = "\n".join(f"u{i} 01-05 {100 + i}\nu{i} 02-05 {200 + 2 * i}" for i in range(200))
    found = row_of("revenue_growth_rate", told(orders=text), "2026-02")
    assert found["value"] == 1.0
    assert found["low"] is None or found["high"] - found["low"] < 1e-9
    mixed = "\n".join(f"u{i} 01-05 {100 + i}\nu{(i * 7) % 260} 02-05 {90 + i * i % 180}" for i in range(200))
    spread = row_of("revenue_growth_rate", told(orders=mixed), "2026-02")
    assert spread["low"] < spread["value"] < spread["high"]


def test_replicates_of_one_period() -> None:
    data = told(orders="\n".join(f"u{i} 01-05 {100 * i}" for i in range(60)))
    copies = dict(replicated(find("total_revenue"), data, JANUARY).select("left_out", "value").iter_rows())
    assert copies[WHOLE] == sum(range(60))
    assert sum(copies[fold] for fold in range(FOLDS)) == pytest.approx(copies[WHOLE] * (FOLDS - 1))
    assert replicated(find("total_revenue"), data, parse_period("2025-12", zone="UTC")).is_empty()
    assert replicated(find("total_revenue"), data, parse_period("2026-03", zone="UTC")).is_empty()
    assert replicated(find("revenue_growth_rate"), data, JANUARY).is_empty()


def test_no_kpi_of_the_catalogue_demands_a_choice_by_its_signature() -> None:
    """They explain what to choose themselves; one that did demand it is told with its name."""
    assert all(default is not REQUIRED for kpi in catalogue().values() for default in kpi.options.values())


def test_of_the_columns_asked_for_those_stay_by_which_the_kpis_can_be_cut() -> None:
    columns = ("plan", "country", "shoe_size")
    assert segmentable("dau", shop(), columns) == ("plan", "country")
    assert segmentable(["ticket_volume"], shop(), columns) == ("country",)
    assert segmentable("dau", told(EVENTS.replace(" pro", "").replace(" free", "")), ("shoe_size",)) == ()


def test_some_parts_of_a_kpi_can_be_picked_and_the_reason_for_none_stays() -> None:
    paths = compute(["user_path_analysis", "api_latency"], shop(), JANUARY)
    steps = paths.only("user_path_analysis").table
    picked = paths.only("user_path_analysis", **{"from": "v"}).table
    assert picked.rows() == [row for row in steps.rows() if row[steps.columns.index("from")] == "v"]
    assert 0 < len(picked) < len(steps)
    none = paths.only("api_latency", percentile="p95")
    assert none.table["status"].to_list() == ["missing_input"]
    assert none.reasons["api_latency"].startswith("needs the columns time")
