"""How features are taken up, against a plain loop over users; corners, waits and what nobody could see."""

from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.measure import wilson
from kpi_lib.core.period import INSTANT, Grid, parse_period
from kpi_lib.shapes.adoption import Adoption, adoption
from tests.brute import adoption as oracle
from tests.brute.logs import Log, logs, random_log
from tests.brute.periods import Calendar
from tests.brute.rows import DAY
from tests.build import dataset, frame_of, instant, moment, row_of, told

FEATURES = {"one": ("a",), "two": ("b", "c"), "never": ("nothing",), "again": ("a", "a", "x")}


def launched(outs: Mapping[str, int | None]) -> pl.DataFrame:
    rows = [(name, None if at is None else instant(at)) for name, at in outs.items()]
    return pl.DataFrame(rows, schema={"feature": pl.String, "launched": INSTANT}, orient="row")


def asked(log: Log, seed: int) -> tuple[Dataset, Grid, dict[str, Any]]:
    """A dataset with launches and sign-ups, a period, and the oracle's arguments."""
    dice, calendar = Random(seed), Calendar(log.zone)
    times = [*log.instants, log.observed_from - DAY, log.observed_until + DAY, None]
    outs = {name: dice.choice(times) for name in FEATURES if dice.random() < 0.7}
    users = {row.unit for row in log.rows} | {"quiet"}
    signups = {
        user: dice.choice(log.instants) - dice.choice((0, 1, DAY)) for user in sorted(users) if dice.random() < 0.5
    }
    tables = {"features": launched(outs)}
    if signups:
        signed = [(user, instant(at)) for user, at in signups.items()]
        tables["users"] = pl.DataFrame(signed, schema={"user_id": pl.String, "signup_ts": INSTANT}, orient="row")
    data = dataset(
        log.rows, log.observed_until, since=log.observed_from, zone=log.zone, features=FEATURES, tables=tables
    )
    grain = dice.choice(("day", "week", "month"))
    first = calendar.floor(calendar.day_of(dice.choice(log.instants)), grain)
    stop = calendar.next(first, grain)
    grid = Grid.of([first], [stop], zone=log.zone, every="custom")
    period = (calendar.start(first), calendar.start(stop))
    return data, grid, {"outs": outs, "signups": signups, "period": period, "uses": dice.choice((1, 1, 2))}


def agree(log: Log, seed: int) -> bool:
    data, grid, ask = asked(log, seed)
    found = adoption(data, grid, min_uses=ask["uses"], within="1d")
    wanted = oracle.taken_up(log.rows, FEATURES, ask["outs"], period=ask["period"], zone=log.zone, min_uses=ask["uses"])
    for row in found.table.to_dicts():
        assert {name: row[name] or 0 for name in wanted[row["feature"]]} == wanted[row["feature"]], (seed, row)
        people, count = row["eligible"] or 0, row["adopters"] or 0
        assert row["rate"] == (count / people if people else None), seed
    broad = oracle.breadth(log.rows, FEATURES, ask["outs"], period=ask["period"], min_uses=ask["uses"])
    assert dict(found.breadth.select("features", "users").iter_rows()) == broad, seed
    observed = (log.observed_from, log.observed_until)
    for row in found.waits.to_dicts():
        lives = oracle.waits(log.rows, row["feature"], FEATURES, ask["outs"], signups=ask["signups"], observed=observed)
        assert (row["users"], row["adopted"]) == (len(lives), sum(used for _, used in lives)), (seed, row)
        half, share = oracle.half_by(lives), oracle.share_by(lives, DAY) if lives else None
        assert row["median_seconds"] == (None if half is None else pytest.approx(half / 1e6, rel=1e-12)), (seed, row)
        assert row["by_then"] == (None if share is None else pytest.approx(share, abs=1e-12)), (seed, row)
    return any(each["adopters"] for each in wanted.values())


def test_adoption_equals_brute_force() -> None:
    assert sum(agree(random_log(seed), seed) for seed in range(150)) > 60


@pytest.mark.slow
def test_adoption_equals_brute_force_on_a_thousand_logs() -> None:
    assert sum(agree(random_log(seed), seed) for seed in range(150, 1150)) > 400


@given(logs(), st.integers(0, 50))
def test_adoption_equals_brute_force_wherever_hypothesis_looks(log: Log, seed: int) -> None:
    agree(log, seed)


USES = """
ann 01-05T10:00 search
ann 01-05T10:01 search
ann 01-06T10:00 chat
bob 01-05T10:00 view
bob 01-07T10:00 search
cid 01-05T10:00 chat
dan 01-12T00:00 search
"""
THREE = {"search": ("search",), "chat": ("chat",), "never": ("nothing",)}


def of(text: str, features: Mapping[str, tuple[str, ...]] = THREE, period: str = "2026-W02", **more: Any) -> Adoption:  # noqa: ANN401
    return adoption(told(text, features=features), parse_period(period, zone="UTC"), **more)


def named(found: pl.DataFrame, *columns: str) -> dict[str, Any]:
    """A feature's figures by its name."""
    return {row[0]: row[1:] if len(columns) > 1 else row[1] for row in found.select("feature", *columns).rows()}


def test_rate_breadth_and_use_per_active_day_by_hand() -> None:
    """Of three active in the week two search: three times on four active days. Ann uses two features, bob and cid one."""
    found = of(USES)
    assert named(found.table, "eligible", "adopters", "uses", "active_days") == {
        "chat": (3, 2, 2, 3),
        "never": (3, 0, 0, 0),
        "search": (3, 2, 3, 4),
    }
    assert named(found.table, "uses_per_active_day") == {"chat": 2 / 3, "never": None, "search": 3 / 4}
    assert found.breadth.select("features", "users", "at_least").rows() == [(1, 2, 3), (2, 1, 1)]
    assert found.summary.select("users", "mean_features", "users_of_none").row(0) == (3, 4 / 3, 0)
    low, high = pl.select(
        *(each.alias(name) for each, name in zip(wilson(pl.lit(2), pl.lit(3)), "lh", strict=True))
    ).row(0)
    assert found.table.filter(feature="search").select("low", "high").row(0) == (low, high)


def test_a_feature_is_seen_from_its_launch_on() -> None:
    """Search came out on the 6th: bob came again and searched, ann came again and did not, cid never saw it."""
    outs = frame_of("features", ["feature", "launched"], [("search", moment("01-06")), ("chat", None)])
    data = told(USES, features=THREE, tables={"features": outs})
    found = adoption(data, parse_period("2026-W02", zone="UTC"))
    assert named(found.table, "eligible", "adopters", "active_days") == {
        "chat": (0, 0, 0),  # named there without a launch: not out yet
        "never": (3, 0, 0),  # not named there: always visible
        "search": (2, 1, 1),
    }
    assert named(found.table, "rate", "status")["chat"] == (None, "no_denominator")
    assert named(found.waits, "before_launch") == {"chat": 2, "never": 0, "search": 1}
    assert named(found.waits, "users", "adopted")["search"] == (
        3,
        2,
    )  # ann, bob, dan; the last two at their first visit


def test_the_kpi_counts_the_same() -> None:
    data = told(USES, features=THREE)
    found = adoption(data, parse_period("2026-W02", zone="UTC")).table
    one = {
        name: row_of("feature_adoption_rate", told(USES, features={name: THREE[name]}), "2026-W02") for name in THREE
    }
    assert named(found, "rate", "low", "high", "eligible") == {
        name: tuple(row[field] for field in ("value", "low", "high", "n")) for name, row in one.items()
    }


def test_half_take_it_up_after_so_long_and_who_has_not_yet_waits() -> None:
    """Waits: ann 1 day, bob 3 days, cid not within 20 days, dan not within 5. S falls to 3/4 and, 3 at risk left, to 1/2."""
    text = """
    ann 02-01 view
    ann 02-02 search
    bob 02-01 view
    bob 02-04 search
    cid 02-09 view
    dan 02-24 view
    """
    row = of(text, {"search": ("search",)}, "2026-02", within="2d").waits.row(0, named=True)
    assert (row["users"], row["adopted"], row["median_seconds"]) == (4, 2, 3 * 86_400.0)
    assert row["by_then"] == 0.25
    later = of(text, {"search": ("search",)}, "2026-02", within="60d").waits.row(0, named=True)
    assert later["by_then"] is None  # nobody has been watched for sixty days


def test_who_was_there_before_the_data_may_have_used_it_unseen() -> None:
    users = pl.DataFrame({"user_id": ["old", "new"], "signup_ts": [moment("01-01"), moment("01-10")]})
    text = "old 01-11 search\nnew 01-12 search"
    for since, seen in (("01-05", 1), ("01-01", 2)):
        data = told(text, since=since, features={"search": ("search",)}, tables={"users": users})
        assert adoption(data, parse_period("2026-01", zone="UTC")).waits["users"].item() == seen
    outs = frame_of("features", ["feature", "launched"], [("search", moment("01-06"))])
    data = told(text, since="01-05", features={"search": ("search",)}, tables={"users": users, "features": outs})
    assert adoption(data, parse_period("2026-01", zone="UTC")).waits.select("users", "adopted").row(0) == (2, 2)


def many(feature: str, users: range, times: int) -> str:
    return "\n".join(f"u{user} 01-05T10:{n:02} {feature}" for user in users for n in range(times))


FOUR = {name: (name,) for name in ("much", "rare", "often", "little", "none")}
CROWD = "\n".join(
    many(*each)
    for each in (
        ("view", range(100), 1),
        ("much", range(80), 5),
        ("often", range(10), 9),
        ("rare", range(70), 1),
        ("little", range(10, 20), 1),
    )
)


def test_corners_are_those_of_the_median_feature_in_use() -> None:
    found = of(CROWD, FOUR).table
    assert named(found, "corner", "clear") == {
        "much": ("keep", True),
        "often": ("promote", True),
        "rare": ("watch", True),
        "little": ("drop", True),
        "none": ("unused", None),
    }
    table = found.filter(pl.col("adopters") > 0)
    rates, depths = named(table, "rate"), named(table, "uses_per_active_day")
    assert oracle.corners(rates, depths) == named(table, "corner")


def test_what_most_people_use_is_not_used_by_few() -> None:
    """All three by most: the least used is watched and no candidate to go."""
    wide = "\n".join([many("much", range(10), 3), many("often", range(9), 2), many("rare", range(6), 1)])
    found = of(wide, {name: FOUR[name] for name in ("much", "often", "rare")}).table
    assert named(found, "corner", "cut_rate") == {"much": ("keep", 0.5), "often": ("keep", 0.5), "rare": ("watch", 0.5)}


def test_two_features_are_too_few_to_compare() -> None:
    found = of(CROWD, {name: FOUR[name] for name in ("much", "often", "none")}).table
    assert named(found, "corner", "clear") == {"much": (None, None), "often": (None, None), "none": ("unused", None)}


def test_a_difference_that_chance_may_give_is_not_clear() -> None:
    few = "\n".join([many("much", range(8), 5), many("often", range(3), 6), many("rare", range(6), 1)])
    assert of(few, {name: FOUR[name] for name in ("much", "often", "rare")}).table["clear"].to_list() == [False] * 3


def test_each_segment_and_period_has_its_own_rows() -> None:
    data = told("ann 01-05 search free\nann 01-12 view free\nbob 01-06 view paid", features=THREE).with_by(("plan",))
    grid = Grid.calendar("week", date(2026, 1, 5), date(2026, 1, 19), zone="UTC")
    found = adoption(data, grid)
    rows = found.table.filter(feature="search").select("plan", "start", "eligible", "adopters").rows()
    assert rows == [
        ("free", date(2026, 1, 5), 1, 1),
        ("free", date(2026, 1, 12), 1, 0),
        ("paid", date(2026, 1, 5), 1, 0),
        ("paid", date(2026, 1, 12), 0, 0),
    ]
    groups = found.to_dict()["groups"]
    assert groups["paid"]["summary"][1] == {
        "start": date(2026, 1, 12), "end": date(2026, 1, 19), "users": 0, "mean_features": None, "users_of_none": 0
    }  # fmt: skip


@given(logs(), st.integers(0, 50))
def test_laws(log: Log, seed: int) -> None:
    """Shares lie in their intervals; more uses asked, fewer adopters; breadth adds up to the active and to the adopters."""
    data, grid, _ = asked(log, seed)
    once, twice = (adoption(data, grid, min_uses=count) for count in (1, 2))
    for row in once.table.drop_nulls("rate").to_dicts():
        assert 0 <= row["low"] <= row["rate"] <= row["high"] <= 1
        assert row["uses"] >= row["adopters"]
    assert (once.table["adopters"] >= twice.table["adopters"]).all()
    spread = once.breadth.select((pl.col("features") * pl.col("users")).sum(), pl.col("users").sum()).row(0)
    assert spread == (once.table["adopters"].sum(), once.summary["users"].sum() or 0)


def test_where_nobody_looked_nothing_is_counted() -> None:
    found = of(USES, period="2026-05")
    assert found.table.select("eligible", "rate", "status").row(0) == (None, None, "partial")
    assert found.summary.select("users", "mean_features").row(0) == (None, None)
    empty = of("-")
    assert named(empty.table, "eligible", "rate", "status")["search"] == (0, None, "no_denominator")
    assert named(empty.waits, "users", "median_seconds")["search"] == (0, None)


def test_what_cannot_be_asked_is_said() -> None:
    none = of(USES, {})
    assert "no features are declared" in none.reason
    assert none.frames == {}  # a report hands no figures over
    assert none.table.height + none.waits.height + none.breadth.filter(pl.col("features") > 0).height == 0
    with pytest.raises(UsageError, match="must be 1 or more"):
        of(USES, min_uses=0)
    with pytest.raises(UsageError, match="no duration"):
        of(USES, within="soon")
