"""Signals: what is planted in a company is found, what is lost is no drop, and contributions add up exactly."""

from datetime import date, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.contributions import SEVERAL, contributions
from kpi_lib.answers.signals import Signals, outage_days, signals
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import INSTANT, Grid, midnight, parse_period

FIRST = date(2026, 1, 5)
DAYS = 126


def company(
    seed: int = 1,
    *,
    lost: int | None = None,
    broken: tuple[int, float] | None = None,
    dearer: int | None = None,
) -> Dataset:
    """Eighteen weeks of a shop: people who come on most days, some of whom order, half of them on a phone."""
    draw, events, orders = Random(seed), [], []
    for day in range(DAYS):
        start = midnight(FIRST + timedelta(days=day), "UTC")
        for user in range(160):
            phone = user % 2
            usual = 0.6 if day % 7 < 5 else 0.35
            if broken and day >= broken[0] and phone:
                usual *= 1 - broken[1]
            if day == lost or draw.random() > usual:
                continue
            time = start + timedelta(minutes=draw.randrange(1_440))
            events.append((f"u{user}", time, "open", ("web", "phone")[phone]))
            if draw.random() < 0.2:
                price = draw.randrange(900, 1_100) * (2 if dearer and day >= dearer and not phone else 1)
                orders.append((f"u{user}", time, price, ("web", "phone")[phone]))
    columns = {"user_id": pl.String, "time": INSTANT}
    tables = {
        "events": pl.DataFrame(events, schema=columns | {"event": pl.String, "platform": pl.String}, orient="row"),
        "transactions": pl.DataFrame(
            orders, schema=columns | {"amount": pl.Int64, "platform": pl.String}, orient="row"
        ),
        "releases": pl.DataFrame(
            {"release_id": ["r7"], "time": [midnight(FIRST + timedelta(days=112), "UTC")]},
            schema={"release_id": pl.String, "time": INSTANT},
        ),
    }
    return Dataset.of(tables, observed_from=midnight(FIRST, "UTC"), observed_until=midnight(day_of(DAYS), "UTC"))


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def grid(every: str, first: int, last: int = DAYS) -> Grid:
    return Grid.calendar(every, day_of(first), day_of(last), zone="UTC")


def kinds(found: Signals) -> list[tuple[Any, ...]]:
    return [(each.kpi, each.kind, each.since) for each in found.signals]


def test_a_quiet_company_gives_no_signal() -> None:
    names = ["dau", "total_revenue", "orders", "average_order_value"]
    assert kinds(signals(company(), names, grid("week", 98))) == []
    assert kinds(signals(company(), ["dau", "orders"], grid("day", 63))) == []


def test_a_broken_platform_is_a_drop_with_its_release_and_its_segment() -> None:
    found = signals(company(broken=(119, 0.8)), ["dau", "orders"], grid("week", 98))
    drop = next(each for each in found.signals if each.kpi == "dau")
    assert (drop.kind, drop.start, drop.better) == ("drop", day_of(119), False)
    assert drop.observed < drop.low < drop.expected
    assert drop.size == pytest.approx(drop.observed / drop.expected - 1)
    assert drop.beside == (f"release r7 ({day_of(112)})",)
    assert drop.contributions is not None
    assert drop.contributions.column == "platform"
    assert drop.contributions.table["segment"][0] == "phone"


def test_a_release_of_another_time_is_not_named() -> None:
    found = signals(company(broken=(105, 0.8)), ["dau"], grid("week", 98))
    assert [each.beside for each in found.signals] == [()]


def test_by_segment_only_the_broken_one_is_told() -> None:
    found = signals(company(broken=(119, 0.8)), ["dau"], grid("day", 112), by=["platform"])
    assert [(dict(each.by)["platform"], each.since) for each in found.signals] == [("phone", day_of(119))]


def test_a_day_without_a_row_is_an_outage_and_no_drop() -> None:
    data = company(lost=100)
    assert outage_days(data) == [day_of(100)]
    found = signals(data, ["dau"], grid("day", 90))
    assert [(each.kind, each.start, each.better) for each in found.signals] == [("outage", day_of(100), None)]
    assert str(day_of(100)) in found.signals[0].note
    assert found.outages == (day_of(100),)


def test_a_last_day_without_a_row_is_an_outage_as_well() -> None:
    found = signals(company(lost=DAYS - 1), ["dau"], grid("day", DAYS - 3))
    assert found.outages == (day_of(DAYS - 1),)
    assert kinds(found) == [("dau", "outage", day_of(DAYS - 1))]


def test_quiet_days_of_a_small_product_are_no_outages() -> None:
    rows = pl.DataFrame(
        {"user_id": ["a", "b"], "time": [midnight(day_of(day), "UTC") for day in (0, 5)], "event": ["x", "x"]},
        schema={"user_id": pl.String, "time": INSTANT, "event": pl.String},
    )
    assert outage_days(Dataset.of({"events": rows})) == []


def test_a_period_that_is_not_over_is_not_judged() -> None:
    data = company()
    one = parse_period("2026-W19", zone="UTC")
    with pytest.raises(UsageError, match="is over"):
        signals(data, ["dau"], Grid.calendar("week", day_of(DAYS), day_of(DAYS + 7), zone="UTC"))
    with pytest.raises(UsageError, match="by day, week, month, quarter"):
        signals(data, ["dau"], parse_period("2026-02-01..2026-02-05", zone="UTC"))
    assert one.every == "week"


def test_too_short_a_history_says_what_is_missing() -> None:
    found = signals(company(), ["orders"], grid("month", 89, 120))
    assert found.looked == 0
    assert found.unknown["orders"].startswith("cannot tell yet: 9 whole months")
    assert "mrr" in signals(company(), ["mrr", "orders"], grid("week", 119)).unknown


def test_the_clearest_is_told_first_and_all_is_plain_data() -> None:
    found = signals(company(broken=(119, 0.8), dearer=119), ["dau", "average_order_value", "orders"], grid("week", 98))
    assert [each.p for each in found.signals] == sorted(each.p for each in found.signals)
    assert all(each.p <= each.q <= 0.05 for each in found.signals)
    assert found.table.height == len(found.signals) == len(found.to_dict()["signals"]) >= 2


def weeks(first: int) -> Grid:
    return Grid.calendar("week", day_of(first), day_of(first + 7), zone="UTC")


def plain(data: Dataset, first: int) -> dict[str, tuple[float, int]]:
    """Revenue and orders of a week by platform, in plain Python."""
    found: dict[str, tuple[float, int]] = {}
    start, stop = midnight(day_of(first), "UTC"), midnight(day_of(first + 7), "UTC")
    for time, amount, platform in data.tables["transactions"].select("time", "amount", "platform").iter_rows():
        if start <= time < stop:
            money, count = found.get(platform, (0.0, 0))
            found[platform] = (money + amount / 100, count + 1)
    return found


def test_a_mean_divides_into_mix_and_rate_that_add_up() -> None:
    data = company(broken=(119, 0.5), dearer=119)
    found = contributions("average_order_value", data, weeks(112), weeks(119), column="platform")
    assert found is not None
    old, new = plain(data, 112), plain(data, 119)
    whole = [sum(m for m, _ in side.values()) / sum(n for _, n in side.values()) for side in (old, new)]
    assert found.change == pytest.approx(whole[1] - whole[0])
    assert found.table["effect"].sum() == pytest.approx(found.change, rel=1e-12)
    for row in found.table.iter_rows(named=True):
        (m0, n0), (m1, n1) = old[row["segment"]], new[row["segment"]]
        w0, w1 = (n / sum(k for _, k in side.values()) for n, side in ((n0, old), (n1, new)))
        assert (row["before"], row["after"]) == pytest.approx((m0 / n0, m1 / n1))
        assert row["rate"] == pytest.approx((m1 / n1 - m0 / n0) * (w0 + w1) / 2)
        assert row["mix"] == pytest.approx((w1 - w0) * ((m0 / n0 + m1 / n1) / 2 - sum(whole) / 2))
    assert found.table["segment"][0] == "web"


@pytest.mark.parametrize("name", ["total_revenue", "orders", "dau", "new_customers", "arppu", "actions_per_user"])
def test_contributions_add_up_whatever_the_figure(name: str) -> None:
    data = company(broken=(119, 0.5), dearer=119)
    found = contributions(name, data, weeks(112), weeks(119), column="platform")
    if found is not None:
        assert found.table["effect"].sum() == pytest.approx(found.change, rel=1e-9)
        assert (found.table["mix"] + found.table["rate"]).to_list() == pytest.approx(found.table["effect"].to_list())
    assert found is not None or name in ("new_customers", "arppu")


def test_who_is_in_several_segments_belongs_to_none() -> None:
    data = company()
    both = data.tables["events"].with_columns(platform=pl.lit("web")).filter(pl.col("user_id") == "u1")
    rows = pl.concat([data.tables["events"], both])
    twice = Dataset.of({"events": rows}, observed_from=data.observed_from, observed_until=data.observed_until)
    found = contributions("dau", twice, weeks(112), weeks(119), column="platform")
    assert found is not None
    assert SEVERAL in found.table["segment"]
    assert found.table["effect"].sum() == pytest.approx(found.change, rel=1e-9)


def test_what_does_not_divide_says_so() -> None:
    data = company()
    assert contributions("revenue_concentration", data, weeks(112), weeks(119), column="platform") is None
    assert contributions("mrr", data, weeks(112), weeks(119), column="platform") is None
