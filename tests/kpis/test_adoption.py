"""Feature use by hand: among whom, how many, how often."""

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from tests.build import frame_of, moment, row_of, rows_of, told

WEEK = "2026-W02"
USES = """
ann 01-05T10:00 search
ann 01-05T10:01 search
ann 01-06T10:00 filter
bob 01-05T10:00 view
cid 01-05T10:00 chat
dan 01-12T00:00 search
"""
FEATURES = {"search": ("search", "filter"), "chat": ("chat",), "never": ("nothing",)}


def figures(name: str, text: str = USES, **options: int) -> dict[str, tuple[float | None, int]]:
    table = rows_of(name, told(text, features=FEATURES), WEEK, **options)
    return {feature: (value, n) for feature, value, n in table.select("feature", "value", "n").rows()}


def test_adoption_is_among_those_active_in_the_period() -> None:
    found = figures("feature_adoption_rate")
    assert found == {"search": (1 / 3, 3), "chat": (1 / 3, 3), "never": (0.0, 3)}
    assert figures("feature_adoption_rate", feature_min_uses=3)["search"] == (1 / 3, 3)
    assert figures("feature_adoption_rate", feature_min_uses=4)["search"] == (0.0, 3)


def test_frequency_is_adoption_times_depth() -> None:
    frequency, depth, rate = (
        figures(name) for name in ("feature_usage_frequency", "feature_engagement_depth", "feature_adoption_rate")
    )
    assert (frequency["search"], depth["search"]) == ((1.0, 3), (3.0, 1))
    assert frequency["chat"][0] == pytest.approx(rate["chat"][0] * depth["chat"][0])  # type: ignore[operator]
    assert frequency["never"] == (0.0, 3)


def test_wrong_base_everybody_ever_is_no_base() -> None:
    """The sources leave the base open. Dan, active only in the week after, is in none."""
    assert figures("feature_adoption_rate")["search"][1] == 3
    after = rows_of("feature_adoption_rate", told(USES, features=FEATURES), "2026-W03")
    assert after.filter(after["feature"] == "search").select("value", "n").row(0) == (1.0, 1)


def test_an_event_that_shows_two_features_counts_for_both_and_one_named_twice_once() -> None:
    twice = {"a": ("search", "search"), "b": ("search",)}
    table = rows_of("feature_usage_frequency", told(USES, features=twice), WEEK)
    assert table["value"].to_list() == [2 / 3, 2 / 3]


def test_doubled_rows_double_uses_and_change_no_share() -> None:
    assert figures("feature_adoption_rate", USES + USES) == figures("feature_adoption_rate")
    assert figures("feature_usage_frequency", USES + USES)["search"] == (2.0, 3)


def test_without_activity_there_is_no_share_and_without_features_no_question() -> None:
    for name in ("feature_adoption_rate", "feature_usage_frequency", "feature_engagement_depth"):
        none = rows_of(name, told("-", features=FEATURES), WEEK)
        assert none["value"].is_null().all()
        assert none["n"].sum() == 0
        assert row_of(name, told(USES), WEEK)["status"] == "needs_choice"


def test_a_product_is_adopted_on_enough_distinct_days() -> None:
    """Ann on three days, bob three times on two, cid too late, dan too young."""
    text = """
    ann 01-05 v
    ann 01-06 v
    ann 01-06T20:00 v
    ann 01-08 v
    bob 01-05 v
    bob 01-05T09:00 v
    bob 01-06 v
    cid 01-05 v
    cid 01-06 v
    cid 01-20 v
    dan 01-25 v
    """
    found = row_of("product_adoption_rate", told(text, until="02-01"), adoption_within="10d")
    assert (found["value"], found["n"], found["unripe"]) == (1 / 3, 3, 1)
    assert row_of("product_adoption_rate", told(text), adoption_within="10d", adoption_days=2)["value"] == 3 / 4
    users = {"users": frame_of("users", ["user_id", "signup_ts"], [("ann", moment("01-06")), ("eve", moment("01-07"))])}
    signed = row_of("product_adoption_rate", told(text, tables=users), adoption_within="10d", adoption_days=2)
    assert (signed["value"], signed["n"]) == (1 / 2, 2)  # what came before the sign-up does not count


def test_who_has_the_update_or_a_later_one() -> None:
    """Ann updated, bob went on to 1.10 (later in time, though not in letters), cid did not, dan came only before."""
    text = "ann 01-11 v\nann 01-12 v\nbob 01-12 v\ncid 01-12 v\ndan 01-09 v\n"
    versions = {"ann": "1.9", "bob": "1.10", "cid": "1.8", "dan": "1.8"}
    shipped = [("a", moment("01-01"), "1.8"), ("b", moment("01-10"), "1.9"), ("c", moment("01-11"), "1.10")]
    tables = {"releases": frame_of("releases", ["release_id", "time", "version"], shipped)}
    base = told(text, tables=tables)
    events = base.tables["events"].with_columns(version=pl.col("user_id").replace_strict(versions))
    edges = {"observed_from": base.observed_from, "observed_until": base.observed_until}
    data = Dataset.of({**tables, "events": events}, **edges)
    found = rows_of("update_adoption_rate", data, update_within="5d")
    assert dict(found.select("version", "value").rows()) == {
        "1.9": pytest.approx(2 / 3),
        "1.10": pytest.approx(1 / 3),
    }
