"""Visits, mail and posts by hand: what a visit is, what clicks are divided by, what the last reading says."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from tests.build import frame_of, moment, row_of, rows_of, told

PAGES = ["visitor_id", "user_id", "time", "source", "medium", "page"]


def site(*rows: tuple[str, str, str | None, str | None], **columns: Any) -> Dataset:  # noqa: ANN401
    listed = [(who, None, moment(time), source, medium, "home") for who, time, source, medium in rows]
    return told(tables={"web_visits": frame_of("web_visits", PAGES, listed).with_columns(**columns)})


VISITS = (
    ("a", "01-05T10:00", "search", "organic"), ("a", "01-05T10:30", "shop", "referral"), ("a", "01-05T11:01", None, None),
    ("b", "01-06T10:00", "shop", "referral"), ("c", "01-06T10:00", "bank", "referral"), ("c", "02-01", "search", "organic"),
)  # fmt: skip


def test_a_visit_has_the_source_of_its_first_page_and_ends_with_a_pause() -> None:
    """Half an hour to the second is no pause: the second page of a belongs to the visit that came by search."""
    found = rows_of("traffic_source_mix", site(*VISITS))
    assert found.select("source", "value", "n").rows() == [
        ("(direct)", 0.25, 4), ("bank", 0.25, 4), ("search", 0.25, 4), ("shop", 0.25, 4),
    ]  # fmt: skip
    assert row_of("organic_traffic", site(*VISITS))["value"] == 1
    assert row_of("organic_traffic", site(*VISITS), organic_media=["organic", "referral"])["value"] == 3


def test_wrong_referral_ones_own_pages_refer_nobody() -> None:
    """A visitor who comes back from the bank's payment page was not sent by the bank."""
    assert row_of("referral_traffic", site(*VISITS))["value"] == 2
    assert row_of("referral_traffic", site(*VISITS), own_sources=["bank"])["value"] == 1


def test_a_session_id_is_trusted() -> None:
    data = site(*VISITS[:3], session_id=pl.Series(["x", "x", "x"]))
    assert rows_of("traffic_source_mix", data).select("source", "n").rows() == [("search", 1)]


def test_visitors_are_distinct_and_pages_are_not() -> None:
    assert row_of("website_visitors", site(*VISITS))["value"] == 3
    assert row_of("website_visitors", site(*VISITS), "2026-01-05..2026-02-02")["value"] == 3  # not 3 + 1
    assert row_of("page_views", site(*VISITS))["value"] == 5


SPEND = ["date", "channel", "impressions", "clicks", "conversions", "amount"]


def test_campaigns_are_added_up_by_day() -> None:
    rows = [
        (date(2026, 1, 5), "ad", 1_000, 30, 2, 100),
        (date(2026, 1, 31), "ad", 500, None, 1, 50),
        (date(2026, 2, 1), "ad", 9, 9, 9, 9),
    ]
    data = told(tables={"marketing_spend": frame_of("marketing_spend", SPEND, rows)}, zone="Pacific/Apia")
    found = {
        name: row_of(name, data)["value"]
        for name in ("marketing_impressions", "marketing_clicks", "campaign_conversions")
    }
    assert found == {"marketing_impressions": 1_500, "marketing_clicks": 30, "campaign_conversions": 3}


def mailed(*hours: tuple[float | None, float | None], until: str = "03-01") -> Dataset:
    sent = moment("01-05")
    rows = [
        (f"e{i}", "ann", sent, *(None if h is None else sent + timedelta(hours=h) for h in pair))
        for i, pair in enumerate(hours)
    ]
    return told(
        tables={"emails": frame_of("emails", ["email_id", "user_id", "delivered", "opened", "clicked"], rows)},
        until=until,
    )


def test_wrong_click_rate_the_base_is_what_was_delivered() -> None:
    """10 clicks, 25 opened, 100 delivered: 10 %, not 40 %."""
    data = mailed(*[(1, 2)] * 10, *[(1, None)] * 15, *[(None, None)] * 75)
    assert row_of("email_click_rate", data)["value"] == pytest.approx(0.10)
    assert row_of("email_open_rate", data)["value"] == pytest.approx(0.25)


def test_late_openers_and_young_mail() -> None:
    data = mailed((24 * 7, None), (24 * 7 + 1, None))
    assert row_of("email_open_rate", data)["value"] == 0.5
    assert row_of("email_open_rate", mailed((1, None), until="01-11"))["unripe"] == 1


POSTS = ["date", "platform", "followers", "impressions", "likes", "comments", "shares", "clicks"]


def posts() -> Dataset:
    rows = [
        (date(2026, 1, 10), "photos", 100, 1_000, 20, 5, 5, 10), (date(2026, 1, 31), "photos", 110, 0, 1, 0, 0, 0),
        (date(2026, 1, 20), "texts", 50, 1_000, 10, None, 0, 10), (date(2026, 2, 1), "photos", 200, 100, 1, 0, 0, 0),
    ]  # fmt: skip
    return told(tables={"social": frame_of("social", POSTS, rows)}, since="01-01")


def test_followers_are_those_of_the_last_reading() -> None:
    assert row_of("social_followers", posts())["value"] == 160
    assert row_of("social_followers", posts(), "2026-02")["value"] == 250  # texts were not read again
    before = row_of("social_followers", posts(), "2026-01-05")
    assert (before["value"], before["status"]) == (None, "no_denominator")  # nobody has looked yet: not 0


def test_followers_by_platform_are_those_of_each() -> None:
    found = rows_of("social_followers", posts().with_by(("platform",)))
    assert found.select("platform", "value").rows() == [("photos", 110), ("texts", 50)]


def test_engagement_is_reactions_for_what_was_shown() -> None:
    assert row_of("social_engagement_rate", posts())["value"] == pytest.approx(60 / 2_000)
    assert row_of("social_likes", posts())["value"] == 31


def test_a_source_that_sent_nobody_in_a_period_has_none_of_it() -> None:
    """The same alone as in a grid: which sources there are does not depend on the period that is asked for."""
    found = rows_of("traffic_source_mix", site(*VISITS), "2026-02")
    assert dict(found.select("source", "value").rows()) == {"(direct)": 0, "bank": 0, "search": 1, "shop": 0}
