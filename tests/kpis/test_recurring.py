"""Recurring revenue and customers by hand: what is left, what is lost, who stays."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import parse_period
from kpi_lib.core.schema import columns
from tests.build import moment, row_of, rows_of, told


def subscribed(text: str, until: str = "04-01", **choices: Any) -> Dataset:  # noqa: ANN401
    """A data set from lines of user, start, end (- for none), cents and plan."""
    rows = []
    for number, line in enumerate(text.strip().splitlines()):
        user, start, end, cents, plan = [*line.split(), "basic"][:5]
        stop = None if end == "-" else moment(end)
        rows.append((f"s{number}", user, moment(start), stop, int(cents), plan))
    named = ("subscription_id", "user_id", "start", "end", "mrr", "plan")
    schema = {name: columns("subscriptions")[name].dtype for name in named}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return told("ann 01-01 v", until=until, tables={"subscriptions": frame, **choices.pop("tables", {})}, **choices)


# January ends with 100; in February one of 10 goes, one shrinks by 10, one grows by 10, one of 50 comes
PUBLISHED = """
left 01-05 02-10 1000
less 01-05 02-10 4000
less 02-10 - 3000
more 01-05 02-10 5000
more 02-10 - 6000
late 02-20 - 5000
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gross_mrr_churn", 0.2),
        ("net_mrr_churn", 0.1),
        ("nrr", 0.9),
        ("grr", 0.8),
        ("quick_ratio", 3.0),
        ("mrr", 140.0),
        ("arpa", 140 / 3),
        ("customer_churn_rate", 1 / 3),
        ("customer_retention_rate", 2 / 3),
    ],
)
def test_the_published_example(name: str, value: float) -> None:
    """ChartMogul: 100 at the start, 10 churned, 10 contracted, 10 expanded: gross churn 20 %, net churn 10 %."""
    assert row_of(name, subscribed(PUBLISHED), "2026-02")["value"] == pytest.approx(value)


def test_who_comes_back_lowers_net_churn_but_is_not_in_net_retention() -> None:
    """So 1 − net churn is not NRR in general."""
    data = subscribed("ann 01-05 - 1000\nbob 01-01 01-20 500\nbob 02-10 - 500")
    assert row_of("net_mrr_churn", data, "2026-02")["value"] == -0.5
    assert row_of("nrr", data, "2026-02")["value"] == 1.0


def test_gross_retention_takes_the_lower_of_both_ends_of_each_customer() -> None:
    """Up by 4 and down by 4 within the month is no loss, although contractions by event say so."""
    data = subscribed("ann 01-05 - 1000\nann 02-05 02-20 400")
    assert row_of("grr", data, "2026-02")["value"] == 1.0
    assert row_of("gross_mrr_churn", data, "2026-02", mrr_movements="events")["value"] == 0.4


def test_who_comes_back_counts_in_the_quick_ratio() -> None:
    """10 new, 5 expanded and 20 back, against 10 gone and 4 contracted: 35 / 14."""
    before = "gone 01-05 02-10 1000\nup 01-05 02-10 1000\nup 02-10 - 1500\ndown 01-05 02-10 1000\ndown 02-10 - 600"
    data = subscribed(f"{before}\nnew 02-05 - 1000\nback 01-05 01-20 2000\nback 02-10 - 2000")
    assert row_of("quick_ratio", data, "2026-02")["value"] == 2.5


def test_nothing_lost_has_no_quick_ratio() -> None:
    found = row_of("quick_ratio", subscribed("ann 01-05 - 1000\nbob 02-05 - 1000"), "2026-02")
    assert (found["value"], found["n"], found["status"]) == (None, 0, "no_denominator")


def test_wrong_recurring_revenue_is_no_revenue_per_user_times_users() -> None:
    """Ten at 20 a month and one at 1,200 a year: 300. The source's product is the month's takings, 1,400 here."""
    frame = pl.DataFrame(
        {
            "subscription_id": [f"s{i}" for i in range(11)],
            "user_id": [f"u{i}" for i in range(11)],
            "start": [moment("01-05")] * 11,
            "amount": [2_000] * 10 + [120_000],
            "interval": ["month"] * 10 + ["year"],
        }
    ).cast({"start": columns("subscriptions")["start"].dtype})
    orders = "\n".join(f"u{i} 01-05 {2_000 if i < 10 else 120_000}" for i in range(11))
    data = told(orders=orders, tables={"subscriptions": frame})
    assert row_of("mrr", data)["value"] == 300.0
    assert row_of("total_revenue", data)["value"] == 1_400.0  # ARPU × users


def test_wrong_recurring_revenue_is_no_profit() -> None:
    """One source says that it tracks profitability: 100 a month with costs of 150 are a loss of half the revenue."""
    rent = pl.DataFrame({"date": [date(2026, 2, 9)], "category": ["rent"], "amount": [15_000]})
    bought = "ann 02-05 10000"
    without, within = subscribed("ann 02-05 - 10000"), {"costs": rent, **told(orders=bought).tables}
    data = subscribed("ann 02-05 - 10000", tables=within)
    assert row_of("mrr", data, "2026-02")["value"] == row_of("mrr", without, "2026-02")["value"] == 100.0
    assert row_of("profit_margin", data, "2026-02")["value"] == -0.5


def crowd(start: int, lost: int, new: int, passing: int) -> str:
    rows = [f"a{i} 01-05 {'02-10' if i < lost else '-'} 100" for i in range(start)]
    rows += [f"b{i} 02-05 - 100" for i in range(new)] + [f"c{i} 02-05 02-20 100" for i in range(passing)]
    return "\n".join(rows)


def test_wrong_retention_without_brackets_says_195() -> None:
    """S = 200, E = 210, N = 30: (210 − 30) / 200 = 90 %; read literally, 210 − 30 / 200 × 100 = 195."""
    data = subscribed(crowd(200, 20, 30, 0))
    assert row_of("customer_retention_rate", data, "2026-02")["value"] == 0.9
    assert row_of("active_customers", data, "2026-02")["status"] == "missing_input"  # which needs orders


def test_wrong_retention_takes_newcomers_off_who_left_again() -> None:
    """S = 100, 5 old leave, 10 join of whom 4 leave: 95 %; with all who joined taken off, (101 − 10) / 100 = 91 %."""
    assert row_of("customer_retention_rate", subscribed(crowd(100, 5, 6, 4)), "2026-02")["value"] == 0.95


def test_wrong_churn_over_all_customers() -> None:
    """200 at the start, 20 lost, 30 new: 10 %; over 230 it would be 8.7 %, over 210 at the end 9.5 %."""
    found = row_of("customer_churn_rate", subscribed(crowd(200, 20, 30, 0)), "2026-02")
    assert (found["value"], found["n"]) == (0.1, 200)


def test_churn_and_retention_are_one_together_and_segments_follow_the_plan_at_the_start() -> None:
    text = "ann 01-05 02-10 900 small\nann 02-10 - 1900 large\nbob 01-05 02-10 900 small\ncid 01-05 - 1900 large"
    data = subscribed(text)
    grid = parse_period("2026-02", zone="UTC")
    stay, go = (
        compute(name, data, grid, ("plan",)).table.drop_nulls("plan")
        for name in ("customer_retention_rate", "customer_churn_rate")
    )
    assert stay.select("plan", "value", "n").rows() == [("large", 1.0, 1), ("small", 0.5, 2)]
    assert (stay["value"] + go["value"]).to_list() == [1.0, 1.0]


def test_a_lifetime_is_the_inverse_of_a_months_churn_on_any_grid() -> None:
    data = subscribed(crowd(40, 2, 0, 0))
    months = 365.25 / 12 * 86_400
    for period in ("2026-02", "2026-W09", "2026-02-28"):
        span = "2026-02-01..2026-03-01" if period == "2026-W09" else period
        assert row_of("avg_customer_lifetime", data, span)["value"] == pytest.approx(20 * months)
    quarter = subscribed(crowd(40, 2, 0, 0), until="04-01")
    assert row_of("avg_customer_lifetime", quarter, "2026-Q1")["value"] is None  # nobody left in March
    assert row_of("avg_customer_lifetime", quarter, "2026-Q1")["status"] == "no_denominator"


def renewals(rows: list[tuple[str, str | None]], until: str = "04-01", trial: bool = False) -> Dataset:
    times = {"start": [moment("01-01")] * len(rows), "term_end": [moment(due) for due, _ in rows]}
    renewed = [None if done is None else moment(done) for _, done in rows]
    frame = pl.DataFrame({"subscription_id": [f"s{i}" for i in range(len(rows))], **times, "renewed_ts": renewed})
    frame = frame.with_columns(user_id="subscription_id", is_trial=pl.lit(trial))
    kinds = {c: each.dtype for c, each in columns("subscriptions").items() if c in frame.columns}
    return told("ann 01-01 v", until=until, tables={"subscriptions": frame.cast(kinds)})


def test_wrong_renewals_over_all_subscribers() -> None:
    """1,000 subscribers, 100 due, 80 renewed: 80 %; over all of them it would be 8 %."""
    due = [("02-10", "02-09")] * 80 + [("02-10", None)] * 20 + [("03-20", None)] * 900
    found = row_of("subscription_renewal_rate", renewals(due), "2026-02")
    assert (found["value"], found["n"]) == (0.8, 100)


def test_renewals_have_days_of_grace_and_are_judged_when_these_are_over() -> None:
    rows: list[tuple[str, str | None]] = [("02-10", "02-17"), ("02-10", "02-17T00:01"), ("02-27", "02-20")]
    assert row_of("subscription_renewal_rate", renewals(rows), "2026-02")["value"] == pytest.approx(2 / 3)
    assert row_of("subscription_renewal_rate", renewals(rows), "2026-02", renewal_grace="8d")["value"] == 1.0
    young = row_of("subscription_renewal_rate", renewals(rows, until="03-02"), "2026-02")
    assert (young["n"], young["unripe"], young["status"]) == (2, 1, "ripening")
    assert row_of("subscription_renewal_rate", renewals(rows, trial=True), "2026-02")["status"] == "no_denominator"


def test_a_cohorts_retention_is_told_month_by_month_and_only_when_a_month_is_over() -> None:
    text = "ann 01-05 v\nann 02-05 v\nann 03-05 v\nbob 01-31 v\nbob 03-01 v\ncid 02-01 v"
    found = rows_of("user_retention_rate", told(text, since="01-01", until="03-20"), "2026-01", cohort_periods=3)
    assert found.select("k", "value", "n", "unripe").rows() == [(1, 0.5, 2, 0), (2, None, 0, 2), (3, None, 0, 2)]
    later = rows_of("user_retention_rate", told(text, since="01-01", until="04-01"), "2026-01", cohort_periods=2)
    assert later["value"].to_list() == [0.5, 1.0]
    weekly = rows_of("user_retention_rate", told(text, until="03-20"), "2026-W05", cohort_periods=5)
    assert weekly["value"].to_list() == [0.0, 0.0, 0.0, 0.5, 0.0]  # bob, the week of 23 February


def test_a_share_may_be_a_whole_number_and_nothing_else() -> None:
    with pytest.raises(UsageError, match="the setting cohort_periods is '3'; it must be a whole number"):
        rows_of("user_retention_rate", told("ann 01-05 v"), cohort_periods="3")
