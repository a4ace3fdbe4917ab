"""What customers have brought, by plain counting: every customer in the mean, no month that is not over."""

import statistics
from collections import defaultdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.cohort_revenue import cohort_revenue
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from tests.build import moment, told


def test_a_hand_worked_table() -> None:
    """Ann 10 in January and 5 in February, of which 2 come back in March; Bob 30 in January; Cat 7 in February."""
    orders = "ann 01-05 1000\nann 02-05 500\nann 03-02 -200 - refund\nbob 01-09 3000\ncat 02-20 700"
    data = told(orders=orders, since="01-01", until="04-01")
    found = cohort_revenue(data, "month")
    rows = found.table.select("start", "size", "k", "total", "per_customer").rows()
    assert rows == [
        (date(2026, 1, 1), 2, 0, 40.0, 20.0), (date(2026, 1, 1), 2, 1, 45.0, 22.5), (date(2026, 1, 1), 2, 2, 43.0, 21.5),
        (date(2026, 2, 1), 1, 0, 7.0, 7.0), (date(2026, 2, 1), 1, 1, 7.0, 7.0),
    ]  # fmt: skip
    assert found.pooled.select("k", "customers", "per_customer").rows() == [
        (0, 3, 47 / 3),
        (1, 3, 52 / 3),
        (2, 2, 21.5),
    ]
    assert found.early
    assert found.to_dict()["cohorts"][0]["start"] == "2026-01-01"


def test_a_quarter_is_told_as_far_as_its_youngest_customer_was_watched() -> None:
    data = told(orders="ann 01-05 1000\nbob 03-09 3000", until="06-01")
    assert cohort_revenue(data, "quarter").table.select("size", "k").rows() == [(2, 0), (2, 1), (2, 2)]
    assert cohort_revenue(data, "year").pooled["customers"].to_list() == [2, 2, 2, 1, 1]


def test_a_month_that_is_not_over_is_no_month() -> None:
    assert cohort_revenue(told(orders="ann 01-05 1000", until="01-31"), "month").table.is_empty()
    assert cohort_revenue(told(orders="-"), "month").table.is_empty()


def test_without_orders_it_says_what_is_missing() -> None:
    found = cohort_revenue(told(events="ann 01-05 look"))
    assert found.reason == "needs the column amount of a table of transactions"
    assert found.to_dict() == {"cohorts": [], "pooled": [], "currency": "USD"}
    with pytest.raises(UsageError, match="unknown grain 'decade'"):
        cohort_revenue(told(orders="ann 01-05 1000"), "decade")


row = st.tuples(st.sampled_from("abcdef"), st.integers(1, 5), st.integers(1, 28), st.integers(1, 10**9), st.booleans())


@given(st.lists(row, min_size=1, max_size=40))
def test_it_agrees_with_plain_counting(rows: list[tuple[str, int, int, int, bool]]) -> None:
    lines = [
        f"{u} 0{m}-{d:02}T{i % 24:02}:{i // 24:02} {-c if back else c} - {'refund' if back else 'sale'}"
        for i, (u, m, d, c, back) in enumerate(rows)
    ]
    data = told(orders="\n".join(lines), until="05-01")
    listed = sorted((moment(each.split()[1]), *each.split()) for each in lines if each.split()[1] < "05-01")
    first: dict[str, tuple[object, int]] = {}
    for time, user, *_, kind in listed:
        if kind == "sale":
            first.setdefault(user, (time, time.month))
    brought: dict[int, dict[str, int]] = defaultdict(dict)
    for user, (begun, month) in first.items():
        for k in range(4 - month + 1):
            brought[k][user] = sum(
                int(cents) for time, who, _, cents, *_ in listed
                if who == user and time >= begun and time.month <= month + k  # type: ignore[operator]
            )  # fmt: skip
    pooled = cohort_revenue(data, "month").pooled.to_dicts()
    assert [each["k"] for each in pooled] == sorted(brought)
    for each in pooled:
        values = [cents / 100 for cents in brought[each["k"]].values()]
        assert each["customers"] == len(values)
        assert each["per_customer"] == pytest.approx(statistics.mean(values), abs=1e-6)
        if len(values) > 1:
            half = 1.959963984540054 * statistics.stdev(values) / len(values) ** 0.5
            assert each["high"] - each["low"] == pytest.approx(2 * half, rel=1e-9, abs=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = ["ann 01-05 1000", "ann 02-05 500", "bob 01-09 3000", "cat 02-20 700"]

    def of(lines: list[str]) -> Dataset:
        return told(orders="\n".join(lines))

    assert cohort_revenue(of(rows)).to_dict() == cohort_revenue(of(rows[::-1])).to_dict()
