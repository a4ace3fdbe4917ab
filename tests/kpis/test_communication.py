"""Mentions and inquiries by hand. Visitors and pages stand with the visits, employees with the teams."""

from datetime import timedelta

import pytest

from tests.build import frame_of, moment, row_of, told


def test_tone_is_between_minus_one_and_one() -> None:
    tones = ("positive", "positive", "positive", "neutral", "negative", None)
    table = frame_of("mentions", ["time", "source", "sentiment"], [(moment("01-05"), "press", tone) for tone in tones])
    data = told(tables={"mentions": table})
    found = row_of("brand_sentiment", data)
    assert (found["value"], found["n"]) == (pytest.approx(2 / 5), 5)
    assert row_of("brand_mentions", data)["value"] == 6


def test_inquiries_without_an_answer_still_wait() -> None:
    start = moment("01-05")
    rows = [
        (f"q{i}", start, None if hours is None else start + timedelta(hours=hours))
        for i, hours in enumerate((1, 2, 5, None))
    ]
    data = told(tables={"inquiries": frame_of("inquiries", ["inquiry_id", "received", "responded"], rows)})
    found = row_of("inquiry_response_time", data)
    assert (found["value"], found["unripe"]) == (3.5 * 3_600, 1)  # half are answered after 2 h, the next after 5
