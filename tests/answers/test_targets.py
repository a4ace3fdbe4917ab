"""How targets stand: by interval and direction once they are due, by the trajectory before, and never green when bad."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.answers.targets import (
    AT_RISK,
    CANNOT_TELL,
    FAULTY,
    LIKELY,
    MET,
    MISSED,
    OFF,
    ON_TRACK,
    PAST,
    UNLIKELY,
    TargetStatus,
    fingerprint,
    pace_of,
    progress_of,
    standing,
    targets,
)  # fmt: skip
from kpi_lib.core.dataset import Dataset
from kpi_lib.kpis.registry import find
from tests.build import told

GREEN = (MET, ON_TRACK)


def weekly(counts: list[int], first: date = date(2026, 1, 5), **more: Any) -> Dataset:  # noqa: ANN401
    """Orders: so many in each week of 2026 from the first Monday on, each by another customer."""
    lines = [
        f"u{week}_{at} {first + timedelta(days=7 * week + at % 7):%m-%d}T12:00 1000"
        for week, count in enumerate(counts)
        for at in range(count)
    ]
    end = first + timedelta(days=7 * len(counts))
    return told(orders="\n".join(lines), since=f"{first:%m-%d}", until=f"{end:%m-%d}", **more)


def one(data: Dataset, until: date | None = None, **target: Any) -> TargetStatus:  # noqa: ANN401
    (found,) = targets(data, [target], until=until)
    return found


GROWING = weekly([10, 12, 11, 13, 14, 14, 15, 16, 18, 17, 19, 20])  # the last week ends on 30 March


@pytest.mark.parametrize(
    ("kpi", "value", "status"),
    [("orders", 22, ON_TRACK), ("orders", 60, OFF), ("orders", 24, AT_RISK), ("orders", 1, ON_TRACK)],
)
def test_before_the_due_day_the_trajectory_decides(kpi: str, value: float, status: str) -> None:
    found = one(GROWING, kpi=kpi, value=value, every="week", due=date(2026, 4, 26))
    assert found.status == status, found
    assert found.ahead == 4
    assert found.projection is not None
    assert found.probability == pytest.approx(found.projection.above(value), rel=1e-12)
    assert (found.status == ON_TRACK) == (found.probability >= LIKELY)
    assert (found.status == OFF) == (found.probability <= UNLIKELY)
    assert "leads to" in found.reasons[0]


@pytest.mark.parametrize(
    ("due", "ahead"),
    [(date(2026, 4, 5), 1), (date(2026, 4, 4), 0), (date(2026, 4, 11), 1), (date(2026, 4, 12), 2)],
)
def test_a_period_counts_when_it_ends_with_the_due_day(due: date, ahead: int) -> None:
    assert one(GROWING, kpi="orders", value=30, every="week", due=due).ahead == ahead


def test_less_is_better_where_the_kpi_says_so() -> None:
    use = "\n".join(
        f"m{month}u{at} 0{month}-{1 + at % 28:02} v\n" + (f"m{month}u{at} 0{month + 1}-{1 + at % 28:02} v" if at % 10 >= lost else "")
        for month, lost in ((1, 6), (2, 5), (3, 5), (4, 4), (5, 3), (6, 3), (7, 2))
        for at in range(100)
    )  # fmt: skip
    data = told(use, until="08-01")
    low = one(data, kpi="user_churn_rate", value=0.9, due=date(2026, 10, 31))
    high = one(data, kpi="user_churn_rate", value=0.0, due=date(2026, 10, 31))
    assert low.lower
    assert (low.status, high.status) == (ON_TRACK, OFF)
    assert low.probability is not None
    assert low.probability > 0.95


@pytest.mark.parametrize(("value", "status"), [(0.30, MET), (0.75, MISSED), (0.55, CANNOT_TELL), (0.60, CANNOT_TELL)])
def test_on_the_due_day_the_interval_decides_and_not_the_bare_point(value: float, status: str) -> None:
    orders = "\n".join(f"u{i} 02-{1 + i % 28:02} 100" + (f"\nu{i} 02-27 100" if i % 2 else "") for i in range(60))
    data = told(orders=orders)  # half of sixty came twice: 37.7 % to 62.3 %
    found = one(data, kpi="repeat_purchase_rate", value=value, due=date(2026, 2, 28))
    assert found.row is not None
    assert (found.row["low"], found.row["high"]) == pytest.approx((0.3773, 0.6227), abs=1e-4)
    assert found.status == status
    assert found.probability is None


@given(st.floats(-10, 10), st.floats(-10, 10), st.tuples(st.floats(0, 5), st.floats(0, 5)), st.sampled_from([1, -1]))
def test_a_target_is_met_only_when_every_figure_of_the_interval_meets_it(
    value: float, target: float, sides: tuple[float, float], sign: int
) -> None:
    below, above = sides
    word = standing(value, target, (value - below, value + above), sign)
    ends = [sign * end >= sign * target for end in (value - below, value, value + above)]
    assert word == (MET if all(ends) else MISSED if not any(ends) else CANNOT_TELL)
    assert standing(-value, -target, (-value - above, -value + below), -sign) == word


def test_of_fewer_than_six_periods_nothing_can_be_told_yet() -> None:
    short = weekly([10, 11, 12, 13])
    found = one(short, kpi="orders", value=12, every="week", due=date(2026, 3, 1))
    assert (found.status, found.probability) == (CANNOT_TELL, None)
    assert found.reasons == (
        "6 whole weeks in a row are needed to see where it leads, there are 4: from 2026-02-16 on",
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown KPI": ({"kpi": "order", "value": 3}, "Did you mean orders"),
    "no data for it": ({"kpi": "mrr", "value": 3}, "cannot be computed here: add subscriptions"),
    "several values": ({"kpi": "traffic_source_mix", "value": 0.3}, "has several values"),
    "no choice made": ({"kpi": "activation_rate", "value": 0.3}, "activation_event"),
    "money for a count": ({"kpi": "orders", "value": 3, "type": "currency"}, "counted in numbers, not in currency"),
    "percent for money": ({"kpi": "total_revenue", "value": 3, "type": "percent"}, "counted in money, not in percent"),
    "a number for money": ({"kpi": "total_revenue", "value": 3, "type": "number"}, 'write type = "currency"'),
    "yes for a count": ({"kpi": "orders", "value": True}, "not in yes or no"),
    "thirty for a share": ({"kpi": "repeat_purchase_rate", "value": 30}, "write 0.3 for 30 %"),
    "a share below 0": ({"kpi": "repeat_purchase_rate", "value": -0.1}, "is no share"),
    "without end": ({"kpi": "orders", "value": float("inf")}, "no size that can be reached"),
    "before it was set": ({"kpi": "orders", "value": 3, "set": date(2026, 5, 1), "due": date(2026, 4, 1)}, "not after"),
    "before the data": ({"kpi": "orders", "value": 3, "due": date(2020, 4, 1)}, "before the data begin"),
    "another definition": ({"kpi": "orders", "value": 3, "definition": "00000000"}, "has changed since it was set"),
    "which way": ({"kpi": "avg_session_duration", "value": 60}, "write base ="),
}


@pytest.mark.parametrize(("target", "why"), BAD.values(), ids=BAD)
def test_a_bad_target_is_told_and_never_green(target: dict[str, Any], why: str) -> None:
    use = "\n".join(f"u{at} 0{1 + at % 3}-{1 + at % 28:02} v" for at in range(40))
    data = told(use, "\n".join(f"u{at} 0{1 + at % 3}-{1 + at % 28:02} 100" for at in range(40)), until="04-01")
    found = one(data, **{"due": date(2026, 12, 31), **target})
    assert found.status == FAULTY
    assert why in " ".join(found.reasons)
    assert (found.probability, found.progress, found.projection) == (None, None, None)


def test_what_is_long_over_is_past_and_not_green() -> None:
    found = one(GROWING, kpi="orders", value=12, every="week", due=date(2026, 2, 15))
    assert found.status == PAST
    assert found.reasons == ("it was due 2026-02-15: set a new one (then 14, met)",)
    assert (
        one(GROWING, kpi="orders", value=15, every="week", due=date(2026, 2, 15))
        .reasons[0]
        .endswith("(then 14, missed)")
    )


def test_without_a_due_day_there_is_nothing_to_be_on_track_for() -> None:
    assert one(GROWING, kpi="orders", value=30, every="week").status == CANNOT_TELL
    assert one(GROWING, kpi="orders", value=20, every="week").status == MET


def test_nothing_later_than_the_day_of_the_report_is_known() -> None:
    early = one(GROWING, until=date(2026, 3, 2), kpi="orders", value=24, every="week", due=date(2026, 4, 26))
    assert early.row is not None
    assert (early.row["end"], early.row["value"], early.ahead) == (date(2026, 3, 2), 16.0, 8)


def test_a_figure_that_may_still_change_is_not_judged() -> None:
    days = [date(2026, 1, 5) + timedelta(days=at) for at in range(70)]
    use = "\n".join(
        f"u{at} {day:%m-%d}T10:00 v" + (f"\nu{at} {day + timedelta(days=7):%m-%d}T10:00 v" if at % 2 else "")
        for at, day in enumerate(days)
    )
    data = told(use, since="01-05", until="03-16")
    found = one(data, kpi="retention_day_7", value=0.3, every="week", due=date(2026, 6, 30))
    assert found.row is not None
    assert found.row["end"] == date(2026, 3, 9)  # those of the last week still have days to come back
    assert found.row["status"] != "ripening"


def test_no_figure_is_no_zero() -> None:
    data = told(orders="ann 01-05 100\n", until="03-01")
    found = one(data, kpi="repeat_purchase_rate", value=0.0, due=date(2026, 2, 28))
    assert (found.status, found.progress) == (CANNOT_TELL, None)
    assert "nobody to count" in found.reasons[0]


@pytest.mark.parametrize(
    ("current", "target", "base", "progress"),
    [
        (0.06, 0.04, 0.08, 0.5),
        (21, 22.14, 18, 0.72463768),
        (0.09, 0.04, 0.08, 0.0),
        (30, 20, 10, 1.0),
        (18, 18, 18, 1.0),
        (17, 18, 18, 0.0),
        (5, 4, None, None),
    ],
)
def test_progress_is_the_part_of_the_way(
    current: float, target: float, base: float | None, progress: float | None
) -> None:
    assert progress_of(current, target, base) == (None if progress is None else pytest.approx(progress, abs=1e-8))


def test_pace_is_progress_over_time() -> None:
    first, due = date(2026, 1, 1), date(2026, 1, 10)
    assert pace_of(0.5, first, due, date(2026, 1, 6)) == pytest.approx(1.0)  # five of ten days
    assert pace_of(0.5, first, due, date(2026, 3, 1)) == pytest.approx(0.5)  # the time is over
    assert [pace_of(None, first, due, due), pace_of(0.5, None, due, due), pace_of(0.5, first, due, first)] == [None] * 3


def test_progress_and_pace_of_a_target() -> None:
    target = {"kpi": "orders", "value": 30, "every": "week", "due": date(2026, 5, 31), "set": date(2026, 1, 5)}
    found = one(GROWING, **target, base=10)
    assert found.progress == pytest.approx(0.5)
    assert found.pace == pytest.approx(0.5 / (84 / 147))
    assert one(GROWING, **target).progress == pytest.approx(20 / 30)  # a count begins at nothing


def test_the_fingerprint_follows_every_choice_and_those_of_the_parts() -> None:
    churn = find("retention_day_7")
    assert fingerprint(churn, {}) == churn.definition_hash({})
    made = find("ltv_cac_ratio")
    assert "gross_margin" not in made.options  # it is a choice of one of its parts
    plain = fingerprint(made, {"gross_margin": 0.4})
    assert plain != fingerprint(made, {"gross_margin": 0.5})
    found = one(
        GROWING, kpi="orders", value=22, every="week", due=date(2026, 4, 26), definition=fingerprint(find("orders"), {})
    )
    assert found.status == ON_TRACK


def test_a_status_as_json() -> None:
    told_ = one(
        GROWING, kpi="orders", value=24, every="week", due=date(2026, 4, 26), owner="shop", goal="grow"
    ).to_dict()
    assert list(told_)[:2] == ["kpi", "value"]
    assert (told_["owner"], told_["goal"], told_["type"], told_["weight"]) == ("shop", "grow", "number", 1.0)
    assert told_["current"]["value"] == 20.0
    assert told_["expected"]["periods"] == 4
    assert told_["expected"]["low"] < told_["expected"]["value"] < told_["expected"]["high"]
