"""What a funnel says beside its steps: whether it is settled, in which order segments stand, and what money is divided by."""

from typing import Any

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.shapes.funnel import Funnel, FunnelResult, funnel
from tests.build import parted, scanned, told

DONE_YOUNG = "ann 01-30T10 a\nann 01-30T11 b"  # converted, and watched for a day of the seven


def of(log: str, steps: tuple[str, ...] = ("a", "b"), **rules: Any) -> FunnelResult:  # noqa: ANN401
    return funnel(told(log, until="02-01"), Funnel(steps, within="7d", **rules))


@pytest.mark.parametrize(
    ("log", "rules", "status"),
    [
        (DONE_YOUNG, {"unripe": "include"}, "partial"),
        ("ann 01-05T10 a\nann 01-05T11 b", {"unripe": "include"}, "ok"),
        ("ann 01-05T10 a\nann 01-05T11 b", {}, "ok"),
        ("ann 01-05T10 a\nann 01-05T11 b\nann 01-30T10 a", {}, "ok"),  # the goal is reached: a second try adds nothing
        ("ann 01-05T10 a\nann 01-05T11 b\nann 01-30T10 a", {"attempt": "all"}, "ripening"),
        ("ann 01-05T10 a\nann 01-30T10 a", {}, "ripening"),  # the second try may get further
        ("ann 01-05T10 a\nann 01-30T10 a", {"attempt": "first"}, "ok"),
        (
            "ann 01-05T10 a\nann 01-05T11 b\nann 01-30T10 a\nbob 01-05 x",
            {"exclude": ("x",), "exclusion": "unit"},
            "ripening",
        ),
        ("ann 01-05T10 a\nann 01-05T11 b\nann 01-30T10 a\nbob 01-05 x", {"exclude": ("x",)}, "ok"),
    ],
)
def test_a_funnel_ripens_while_somebody_may_still_get_further(log: str, rules: dict[str, Any], status: str) -> None:
    assert set(of(log, **rules).table["status"]) == {status}


def test_segments_stand_in_order_and_those_without_one_last() -> None:
    log = "ann 01-05T10 a\nbob 01-05T10 a paid\ncat 01-06T10 a free\ncat 01-06T11 b free"
    found = funnel(told(log).with_by(("plan",)), Funnel(("a", "b")))
    assert found.table["plan"].to_list() == ["free", "free", "paid", "paid", None, None]
    assert found.table["units"].to_list() == [1, 1, 1, 0, 1, 0]
    hours = found.histogram()
    assert hours.filter(pl.col("units") > 0).select("plan", "low_seconds", "units").rows() == [("free", 3600.0, 1)]
    nobody = funnel(told("ann 01-05T10 a\nann 01-05T11 b\nbob 01-05T10 a paid").with_by(("plan",)), Funnel(("a", "b")))
    assert nobody.histogram().select("plan", "units").rows() == [("paid", 0), (None, 1)]


def test_who_got_how_far_stands_by_user() -> None:
    found = of("cat 01-05T10 a\nann 01-06T10 a\nann 01-06T11 b\nbob 01-30T10 a\ndan 01-05 b").users()
    assert found.select("user_id", "step", "event", "seconds", "outcome").rows() == [
        ("ann", 2, "b", 3600.0, "converted"),
        ("bob", 0, None, None, "in_progress"),
        ("cat", 1, "a", 0.0, "dropped"),
    ]


def test_only_money_is_divided_by_its_hundredths() -> None:
    shop = told(orders="ann 01-05 1000\nann 01-06 250\nbob 01-07 400")
    steps = Funnel(("purchase@1", "purchase@2"), value="amount")
    assert funnel(shop, steps).table["value"].to_list() == [14.0, 2.5]
    events = told("ann 01-05T10 a\nann 01-05T11 b").tables["events"].with_columns(amount=pl.Series([100, 250]))
    plain = Dataset.of({"events": events}, observed_until=shop.observed_until)
    assert funnel(plain, Funnel(("a", "b"), value="amount")).table["value"].to_list() == [100.0, 250.0]


def test_users_have_their_own_names_and_those_of_the_unit_in_every_form() -> None:
    log = "cat 01-05T10 a p\nann 01-06T10 a p\nann 01-06T11 b p\nbob 01-07T10 a q"
    data = told(log, until="02-01")
    plain = funnel(data, Funnel(("a", "b"))).users()
    for form in (parted, scanned):
        assert funnel(form(data), Funnel(("a", "b"))).users().equals(plain)
    assert plain["user_id"].to_list() == ["ann", "bob", "cat"]
    by_plan = funnel(data, Funnel(("a", "b"), unit="plan")).users()
    assert by_plan.select("plan", "step").rows() == [("q", 1), ("p", 2)]
    assert "plan" not in plain.columns
