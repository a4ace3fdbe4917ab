"""The global rules of the definitions of record, G1 to G13, each as a property."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.compute import compute
from kpi_lib.answers.scorecard import scorecard
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import DataError, KpiError
from kpi_lib.core.measure import BOOKED, COUNT, GAP, PER_DAY, QUOTIENT, STOCK, TOTAL
from kpi_lib.core.period import Grid, parse_period
from kpi_lib.kpis.registry import catalogue
from kpi_lib.sources.workspace import Workspace, open_workspace
from tests.brute.periods import Calendar
from tests.build import moment, row_of, told

from .worlds import NAMES, SEEDS, grid_of, of_users, usual, world

Open = Callable[..., Workspace]
visits = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 20 * 24 * 60), st.sampled_from(("view", "buy"))), max_size=25
)


def shop(rows: list[tuple[str, int, str]], **choices: str) -> Dataset:
    text = "\n".join(
        f"{user} {datetime(2026, 1, 5) + timedelta(minutes=minute):%m-%dT%H:%M} {event}" for user, minute, event in rows
    )
    return told(text or "-", since="01-01", until="02-01", **choices)


@pytest.fixture
def workspace(tmp_path: Path) -> Open:
    def build(events: str = "", transactions: str = "", extra: str = "", workspace: str = "") -> Workspace:
        toml = f"[workspace]\n{workspace}\n"
        for name, text in (("events", events), ("transactions", transactions)):
            if text:
                (tmp_path / f"{name}.csv").write_text(text)
                toml += f'[tables.{name}]\npath = "{name}.csv"\n' + (extra if name == "events" or not events else "")
        (tmp_path / "kpi.toml").write_text(toml)
        return open_workspace(tmp_path, now=datetime(2026, 6, 1, tzinfo=UTC))

    return build


@given(visits)
def test_g01_nothing_below_the_line_is_null_with_a_reason_and_counts_of_nothing_are_zero(
    rows: list[tuple[str, int, str]],
) -> None:
    data = shop(rows)
    grid = Grid.calendar("day", date(2026, 1, 5), date(2026, 1, 26), zone="UTC")
    for name in ("active_users", "actions_per_user", "retention_day_1", "avg_session_duration"):
        table = compute(name, data, grid).table
        assert table.height == 21  # a row for every day, whatever happened on it
        nobody = table.filter((pl.col("n") == 0) & (pl.col("unripe") == 0))
        if name == "active_users":
            assert (nobody["value"] == 0).all()
        else:
            assert nobody["value"].is_null().all()
            assert (nobody["status"] == "no_denominator").all()
        assert table["value"].drop_nulls().is_finite().all()


@pytest.mark.parametrize("name", NAMES)
def test_g02_every_rate_comes_with_n_and_interval_and_totals_are_of_sums(name: str) -> None:
    """The month is Σ numerator / Σ denominator of its parts: with n as weights where each unit counts once."""
    measure = catalogue()[name].measure
    for seed in SEEDS:
        found = usual(seed)[name].filter(
            pl.col("value").is_not_null() & (pl.col("n") >= 30) & (pl.col("status") == "ok")
        )
        if measure.name in (COUNT.name, TOTAL.name, PER_DAY.name):
            assert found["low"].is_null().all()
        elif measure.name in ("proportion", "ratio"):
            assert found["low"].is_not_null().all()
    if measure.name == "proportion" and not catalogue()[name].parts and of_users(name):
        whole, parts = usual(0)[name], usual(0, "week", ("country",))[name]
        hits = parts.with_columns(hits=pl.col("value") * pl.col("n")).group_by("start").agg(pl.col("hits", "n").sum())
        met = whole.filter(pl.col("n") > 0).join(hits, on="start")
        assert (met["hits"] / met["n_right"]).to_list() == pytest.approx(met["value"].to_list())


@given(visits, st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham")))
def test_g03_periods_are_half_open_in_the_named_zone(rows: list[tuple[str, int, str]], zone: str) -> None:
    data = shop(rows)  # the same instants, read in another zone
    other = Dataset.of(data.tables, zone=zone, observed_from=data.observed_from, observed_until=data.observed_until)
    grid = Grid.calendar("day", date(2026, 1, 4), date(2026, 1, 27), zone=zone)
    found = compute("dau", other, grid).table
    calendar = Calendar(zone)
    people: dict[date, set[str]] = {}
    for user, time in data.tables["events"].select("user_id", pl.col("time").dt.epoch("us")).iter_rows():
        people.setdefault(calendar.day_of(time), set()).add(user)
    assert found["value"].to_list() == [len(people.get(day, ())) for day in grid.firsts]


def test_g03_times_without_a_zone_are_refused(workspace: Open) -> None:
    naive = "user_id,event,time\nu,a,2026-01-05 10:00:00\n"
    with pytest.raises(KpiError, match="zone"):
        _ = workspace(naive).data
    declared = workspace(naive, extra='timezone = "Europe/Berlin"\n')
    assert declared.data.tables["events"]["time"].to_list() == [datetime(2026, 1, 5, 9, tzinfo=UTC)]


@pytest.mark.parametrize("seed", SEEDS)
def test_g04_a_period_that_is_not_over_is_partial_and_in_no_growth(seed: int) -> None:
    data = world(seed)
    cut = data.as_of(data.observed_until - timedelta(days=3, hours=5))
    grid = grid_of(cut)
    for name in ("wau", "total_revenue", "orders", "active_users", "user_churn_rate"):
        assert compute(name, cut, grid).table["status"].to_list()[-1] == "partial", name
    growth = compute("revenue_growth_rate", cut, grid).table
    assert growth["value"][-1] is None
    assert growth["value"][-2] is not None
    assert scorecard(cut, ["total_revenue"], grid).standings[0].change.amount is None


@given(visits, st.integers(2, 20))
def test_g05_only_users_whose_window_was_watched_are_in_a_rate(rows: list[tuple[str, int, str]], last: int) -> None:
    until = f"01-{5 + last:02}"
    text = "\n".join(
        f"{u} {datetime(2026, 1, 5) + timedelta(minutes=m):%m-%dT%H:%M} {e}" for u, m, e in rows if m < last * 1_440
    )
    data = told(text or "-", until=until)
    firsts: dict[str, int] = {}
    for user, minute, _ in rows:
        if minute < last * 1_440:
            firsts[user] = min(firsts.get(user, minute), minute)
    ripe = [user for user, minute in firsts.items() if minute // 1_440 + 1 < last]
    found = row_of("retention_day_1", data)
    assert (found["n"], found["unripe"]) == (len(ripe), len(firsts) - len(ripe))
    back = [u for u in ripe if any(v == u and m // 1_440 == firsts[u] // 1_440 + 1 for v, m, _ in rows)]
    assert found["value"] == (len(back) / len(ripe) if ripe else None)


LOG = "event_id,user_id,event,time\n" + "".join(
    f"e{i},u{i % 4},{'view' if i % 3 else 'buy'},2026-01-{5 + i % 9:02}T{i % 24:02}:00:00Z\n" for i in range(40)
)


def test_g06_the_same_event_twice_counts_once(workspace: Open) -> None:
    once = workspace(LOG).data
    head, *rows = LOG.splitlines(keepends=True)
    again = workspace(head + "".join(rows + rows[::3])).data
    for name in ("actions_per_user", "dau", "avg_session_duration", "retention_day_1"):
        assert row_of(name, again) == row_of(name, once)


def test_g06_equal_rows_without_an_id_are_kept_unless_asked(workspace: Open) -> None:
    text = "user_id,event,time\n" + "u,view,2026-01-05T10:00:00Z\n" * 3
    assert workspace(text).data.tables["events"].height == 3
    assert workspace(text, extra="dedupe = true\n").data.tables["events"].height == 1


@given(visits, st.randoms(use_true_random=False))
def test_g07_the_order_of_rows_changes_nothing(rows: list[tuple[str, int, str]], draw: Random) -> None:
    mixed = draw.sample(rows, len(rows))
    for name in ("dau", "new_users", "actions_per_user", "avg_session_duration", "retention_day_7", "user_churn_rate"):
        assert row_of(name, shop(rows)) == row_of(name, shop(mixed))


def test_g08_a_figure_as_of_a_day_is_the_figure_of_that_day() -> None:
    """What came later changes nothing: neither rows of later times nor an export that was made later."""
    early = told("ann 01-05 v\nbob 01-06 v\nann 01-12 v\n", until="01-13")
    late = told("ann 01-05 v\nbob 01-06 v\nann 01-12 v\nbob 01-13 v\ncid 01-20 v\n", until="02-01")
    as_of = late.as_of(early.observed_until)
    for name in NAMES:
        grid = parse_period("2026-W02", zone="UTC")
        assert compute(name, as_of, grid).table.equals(compute(name, early, grid).table)


def test_g09_rows_without_a_user_are_counted_and_never_dropped_in_silence(workspace: Open) -> None:
    opened = workspace(
        "user_id,event,time\nu,view,2026-01-05T10:00:00Z\n,view,2026-01-05T10:00:00Z\n,buy,2026-01-06T10:00:00Z\n"
    )
    assert row_of("active_users", opened.data)["value"] == 1
    counts = opened.log.counts["events"]
    assert (counts.read, counts.kept, counts.quarantined) == (3, 1, 2)
    assert any("user_id" in str(finding.to_dict()) for finding in opened.log.findings)


def test_g10_money_is_exact_and_currencies_are_not_mixed(workspace: Open) -> None:
    paid = "user_id,time,amount,currency\n" + "".join(
        f"u{i},2026-01-05T10:00:00Z,0.{i % 10}{i % 7},USD\n" for i in range(1, 301)
    )
    wanted = sum((i % 10) * 10 + i % 7 for i in range(1, 301)) / 100
    assert row_of("total_revenue", workspace(transactions=paid).data)["value"] == wanted
    with pytest.raises(DataError, match=r"EUR"):
        _ = workspace(transactions=paid + "u1,2026-01-05T10:00:00Z,5,EUR\n").data


def test_g10_a_negative_amount_is_a_refund_or_an_error_that_names_its_row(workspace: Open) -> None:
    text = "user_id,time,amount,kind\nu,2026-01-05T10:00:00Z,10,sale\nu,2026-02-05T10:00:00Z,-4,refund\nu,2026-02-06T10:00:00Z,-3,sale\n"
    opened = workspace(transactions=text)
    assert row_of("total_revenue", opened.data, "2026-01")["value"] == 10.0  # the sale is not restated
    assert row_of("total_revenue", opened.data, "2026-02")["value"] == -4.0
    found = [finding.to_dict() for finding in opened.log.findings]
    assert [each["line"] for each in found] == [4]


def test_g11_who_pays_nothing_is_no_customer_by_subscription() -> None:
    """Trials and free plans bring no recurring revenue, and nobody is a customer by them."""
    rows = [("trial", True, 900), ("free", False, 0), ("paying", False, 500)]
    columns = {"user_id": pl.String, "is_trial": pl.Boolean, "mrr": pl.Int64}
    subscriptions = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        subscription_id="user_id", start=pl.lit(moment("01-05"))
    )
    shop = told("ann 01-05 v", tables={"subscriptions": subscriptions})
    assert (row_of("mrr", shop)["value"], row_of("arpa", shop)["n"]) == (5.0, 1)
    # where paying is told by orders, a customer without one is none
    data = told("ann 01-05 trial\nbob 01-05 trial\n", "ann 01-06 500\n")
    assert (row_of("active_customers", data)["value"], row_of("arppu", data)["value"]) == (1, 5.0)


def test_g12_rates_change_by_points_and_amounts_by_percent() -> None:
    data = told(
        "ann 01-05 v\nbob 01-05 v\nann 02-05 v\n",
        "ann 01-05 1000\nann 01-06 1000\nbob 01-05 2000\nann 02-05 1000\nbob 02-06 4000\n",
    )
    board = scorecard(data, ["repeat_purchase_rate", "total_revenue"], parse_period("2026-02", zone="UTC"))
    rate, revenue = (each.change for each in board.standings)
    assert (rate.points, rate.previous, rate.amount) == (True, 0.5, -0.5)
    assert (revenue.points, revenue.previous, revenue.amount) == (False, 40.0, 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_g13_intervals_come_with_n_and_small_samples_are_marked(name: str) -> None:
    measure = catalogue()[name].measure
    if measure is GAP:  # as small as what is compared
        assert "small_n" in set(usual(0)[name]["status"])
        return
    floor = max(measure.floor, 10 if measure.name == "derived" else 0)
    for seed in SEEDS:
        found = usual(seed)[name]
        assert found["n"].null_count() == 0
        plain = found.filter(pl.col("status").is_in(("ok", "small_n")))
        assert ((plain["n"] < floor) == (plain["status"] == "small_n")).all()
    assert floor >= 10 or measure.zero or measure in (BOOKED, QUOTIENT, STOCK) or measure.name.startswith("against")
