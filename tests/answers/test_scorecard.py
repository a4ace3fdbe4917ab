"""How KPIs stand: changes against a jackknife in plain Python, history, targets."""

from datetime import date, timedelta
from random import Random
from statistics import fmean
from typing import Any

import polars as pl
import pytest
from scipy import stats

from kpi_lib.answers.change import Change
from kpi_lib.answers.compute import compute
from kpi_lib.answers.scorecard import Standing, scorecard, watched
from kpi_lib.answers.targets import targets as judged
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import Grid, parse_period
from tests.build import told

FEBRUARY = parse_period("2026-02", zone="UTC")


def sales(seed: int, users: int = 120) -> Dataset:
    draw = Random(seed)
    rows = []
    for user in range(users):
        for month, chance in ((1, 0.7), (2, 0.6)):
            if draw.random() < chance:
                rows += [
                    f"u{user} 0{month}-{draw.randrange(1, 29):02} {draw.randrange(100, 9_000)}"
                    for _ in range(draw.choice((1, 1, 2)))
                ]
    return told(orders="\n".join(rows))


def fold_of(user: str) -> int:
    return pl.select(pl.lit(user).hash(seed=0) % 20).item()


def by_user(data: Dataset, month: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for user, time, amount in data.tables["transactions"].select("user_id", "time", "amount").iter_rows():
        if time.month == month:
            found.setdefault(user, []).append(amount)
    return found


def revenue(people: dict[str, list[int]]) -> float:
    return sum(sum(amounts) for amounts in people.values()) / 100


def repeaters(people: dict[str, list[int]]) -> float:
    return fmean(len(amounts) >= 2 for amounts in people.values())


def mean_order(people: dict[str, list[int]]) -> float:
    return sum(sum(a) for a in people.values()) / 100 / sum(len(a) for a in people.values())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "figure", "points"),
    [
        ("total_revenue", revenue, False),
        ("repeat_purchase_rate", repeaters, True),
        ("average_order_value", mean_order, False),
    ],
)
def test_a_change_and_its_interval_equal_plain_python(seed: int, name: str, figure: Any, points: bool) -> None:  # noqa: ANN401
    data = sales(seed)
    folds = {user: fold_of(user) for user in data.tables["transactions"]["user_id"].unique()}

    def moved(out: int | None) -> float:
        before, now = (figure({u: a for u, a in by_user(data, month).items() if folds[u] != out}) for month in (1, 2))
        return now - before if points else now / before - 1

    parts = [moved(out) for out in range(20)]
    half = stats.t.ppf(0.975, 19) * (19 / 20 * sum((part - fmean(parts)) ** 2 for part in parts)) ** 0.5
    change = scorecard(data, [name], FEBRUARY).standings[0].change
    assert change.points is points
    assert change.amount == pytest.approx(moved(None), rel=1e-9)
    assert (change.low, change.high) == pytest.approx((moved(None) - half, moved(None) + half), rel=1e-6)
    assert change.previous == pytest.approx(figure(by_user(data, 1)), rel=1e-9)


def test_a_change_is_clear_only_when_its_interval_leaves_out_nothing_changed() -> None:
    assert Change(0.1, 0.02, 0.18, points=False, previous=1.0).clear
    assert Change(-0.1, -0.18, -0.02, points=False, previous=1.0).clear
    assert not Change(0.1, -0.02, 0.22, points=False, previous=1.0).clear
    assert not Change(0.1, None, None, points=False, previous=1.0).clear


def test_better_follows_the_declared_direction() -> None:
    data = told("\n".join(f"u{i} 01-{1 + i % 28:02} v\nu{i} 02-{1 + i % 28:02} v" for i in range(60)))
    board = scorecard(data, ["user_churn_rate", "active_users", "avg_session_duration"], FEBRUARY)
    churn, actives, length = board.standings
    up = Change(0.5, 0.1, 0.9, points=True, previous=0.1)
    for standing, wanted in ((churn, False), (actives, True), (length, None)):
        other = Standing(standing.kpi, standing.row, standing.history, up, None)
        assert other.better is wanted
    assert churn.better is None  # nothing clear changed


def test_no_change_against_a_period_that_is_not_whole() -> None:
    data = sales(1)
    early = told(orders="ann 01-20 500\nbob 02-05 700\n", since="01-10")
    assert scorecard(early, ["total_revenue"], FEBRUARY).standings[0].change.amount is None
    partial = data.as_of(data.observed_until - timedelta(days=2))
    assert scorecard(partial, ["total_revenue"], FEBRUARY).standings[0].change.amount is None
    nothing = told(orders="bob 02-05 700\n")
    assert scorecard(nothing, ["total_revenue"], FEBRUARY).standings[0].change.amount is None  # from 0


def test_history_goes_back_as_far_as_the_data() -> None:
    data = told(orders="\n".join(f"u{d} 01-{d:02} 100" for d in range(1, 29)), since="01-05")
    weeks = Grid.calendar("week", date(2026, 1, 19), date(2026, 1, 26), zone="UTC")
    history = scorecard(data, ["orders"], weeks).standings[0].history
    assert history.table["start"].to_list() == [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)]
    assert history.table.equals(compute("orders", data, weeks.back(3)).table)
    assert scorecard(data, ["orders"], weeks, history=2).standings[0].history.table.height == 2
    custom = scorecard(data, ["orders"], parse_period("2026-01-10..2026-01-15", zone="UTC"))
    assert custom.standings[0].history.table.height == 1
    assert (custom.period, custom.every) == ("2026-01-10..2026-01-15", "custom")


def test_a_target_stands_as_targets_judge_it() -> None:
    """On its own periods, as of the end of the scorecard's; of several for one KPI the last counts."""
    use = "\n".join(f"u{i} 01-05 v" for i in range(60)) + "\n" + "\n".join(f"u{i} 02-05 v" for i in range(42))
    data = told(use, "\n".join(f"u{i} 02-{1 + i:02} 100" for i in range(28)), until="04-01")
    wanted = [
        {"kpi": "orders", "value": 9_999},
        {"kpi": "orders", "value": 28, "due": date(2026, 2, 28), "owner": "us"},
        {"kpi": "user_churn_rate", "value": 0.05, "due": date(2026, 2, 28)},
        {"kpi": "repeat_purchase_rate", "value": 30.0, "due": date(2026, 12, 31)},
    ]
    names = ["orders", "user_churn_rate", "repeat_purchase_rate", "active_users"]
    board = scorecard(data, names, FEBRUARY, targets=wanted)
    aims = [each.aim for each in board.standings]
    assert [a.to_dict() for a in aims if a] == [a.to_dict() for a in judged(data, wanted[1:], until=date(2026, 3, 1))]
    assert [aim.status if aim else None for aim in aims[:4]] == ["met", "missed", "faulty", None]
    assert (board.standings[0].owner, board.to_dict()["rows"][0]["target"]["status"]) == ("us", "met")
    assert board.table["target"].to_list() == [28.0, 0.05, 30.0, None, None]


def test_the_north_star_stands_first_and_what_cannot_be_computed_is_told() -> None:
    data = told(orders="ann 01-05 100\nann 02-05 100\n")
    board = scorecard(data, ["orders", "arppu", "funnel_dropoff_rate"], FEBRUARY, north_star="arppu")
    assert board.table["kpi"].to_list() == ["arppu", "orders"]
    assert (board.north_star, board.period, board.currency) == ("arppu", "2026-02", "USD")
    assert list(board.left_out) == ["funnel_dropoff_rate"]
    lost = scorecard(told("ann 01-05 v"), ["dau"], FEBRUARY, north_star="total_revenue")
    assert lost.north_star is None
    assert lost.left_out["total_revenue"] == "needs the columns user_id, time and amount of transactions"
    row = board.to_dict()["rows"][1]
    assert (row["kpi"], row["start"], row["end"], row["value"], row["previous"]) == (
        "orders",
        "2026-02-01",
        "2026-03-01",
        1.0,
        1.0,
    )


@pytest.mark.parametrize("before", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("name", ["new_users", "orders"])
def test_a_count_that_falls_to_none_is_judged_by_how_many_people_it_was(name: str, before: int) -> None:
    events = "\n".join(f"u{i} 01-{5 + i % 7:02} v" for i in range(before))
    sales = "\n".join(f"u{i % 3} 01-{5 + i % 7:02} 100" for i in range(before))  # never more than three people
    week = parse_period("2026-W03", zone="UTC")
    change = scorecard(told(f"{events}\nu0 01-13 v\n", sales, until="01-19"), [name], week).standings[0].change
    people = len({fold_of(f"u{i}") for i in range(before if name == "new_users" else min(before, 3))})
    share = stats.binomtest(0, people).proportion_ci(0.95, "exact").high
    assert (change.amount, change.low, change.previous) == (-1.0, -1.0, before)
    assert change.high == pytest.approx(share / (1 - share) - 1)
    assert change.clear is (people >= 6)


def test_an_activity_figure_never_stands_without_a_depth_figure() -> None:
    data = told("\n".join(f"u{i} 0{m}-{1 + i % 28:02} v" for i in range(40) for m in (1, 2)))
    board = scorecard(data, ["new_users", "dau", "user_churn_rate"], FEBRUARY, north_star="new_users")
    assert [(each.kpi.name, each.role) for each in board.standings] == [
        ("new_users", "north_star"),
        ("dau", "primary"),
        ("avg_session_duration", "companion"),
        ("user_churn_rate", "primary"),
    ]
    named = scorecard(data, ["dau", "actions_per_user"], FEBRUARY)
    assert [each.role for each in named.standings] == ["primary", "primary"]
    assert scorecard(data, ["user_churn_rate"], FEBRUARY).table["kpi"].to_list() == ["user_churn_rate"]


def test_an_activity_figure_without_any_depth_figure_is_said_to_stand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = told("\n".join(f"u{i} 02-{1 + i % 28:02} v" for i in range(40)))
    monkeypatch.setattr("kpi_lib.answers.scorecard.DEPTH", ("nps",))
    board = scorecard(data, ["dau", "new_users"], FEBRUARY)
    assert (board.alone, [each.role for each in board.standings]) == (("dau",), ["primary", "primary"])


def test_owners_come_from_the_workspace_and_else_from_the_target() -> None:
    data = told(orders="ann 01-05 100\nann 02-05 100\n")
    target = {"kpi": "orders", "value": 5, "owner": "shop"}
    board = scorecard(
        data, ["orders", "arppu", "total_revenue"], FEBRUARY, targets=[target], owners={"arppu": ["growth", "shop"]}
    )
    assert [(each.owner, each.teams) for each in board.standings] == [
        ("shop", ("shop",)), ("growth", ("growth", "shop")), ("", ()),
    ]  # fmt: skip
    assert list(board.owners()) == ["growth", "shop", ""]


def test_a_kpi_with_several_values_shows_its_declared_or_its_greatest_component() -> None:
    uses = "\n".join(f"u{i} 02-03 s\n" + (f"u{i} 02-04 x" if i < 12 else "") for i in range(30))
    data = told(uses, features={"export": ("x",), "search": ("s",)})
    (adopted,) = scorecard(data, ["feature_adoption_rate"], FEBRUARY).standings
    assert (dict(adopted.part), adopted.row["value"], adopted.title) == (
        {"feature": "search"}, 1.0, "Feature adoption rate (search)",
    )  # fmt: skip
    assert adopted.history.table["feature"].unique().to_list() == ["search"]
    kept = told("\n".join(f"u{i} 01-05 v\nu{i} 02-{3 + i % 9:02} v" for i in range(40)), until="04-01")
    (cohort,) = scorecard(kept, ["user_retention_rate"], parse_period("2026-01", zone="UTC")).standings
    assert (dict(cohort.part), cohort.row["value"]) == ({"k": 1}, 1.0)


def test_what_a_workspace_watches() -> None:
    data = told("\n".join(f"u{i} 02-03 s" for i in range(9)))
    aims = [{"kpi": "new_users", "value": 5}, {"kpi": "nps", "value": 20}]
    assert watched(data, {"stage": "growth"}, aims) == ("dau", "mau", "avg_session_duration", "new_users", "nps")
    assert watched(data, {}, aims) == ("new_users", "nps")
    assert watched(data, {}) == ("active_users", "stickiness", "new_users", "user_churn_rate")
