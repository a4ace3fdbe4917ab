"""Answers by hand: the published examples, the sources' wrong formulas, and who is asked twice."""

from collections.abc import Iterable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.dataset import Dataset
from tests.build import frame_of, moment, row_of, rows_of, told

SCORES = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 59), st.integers(0, 10)), max_size=40)


def surveyed(scores: Iterable[float], kind: str = "nps", **columns: Any) -> Dataset:  # noqa: ANN401
    rows = [(f"u{i}", moment("01-10"), kind, float(score)) for i, score in enumerate(scores)]
    table = frame_of("surveys", ["user_id", "time", "kind", "score"], rows)
    return told(tables={"surveys": table.with_columns(**columns)})


def test_wrong_nps_seven_is_no_promoter() -> None:
    """Counting 7 and 8 as promoters would say +60; and 40/40/20 gives +20, not +60."""
    scores = [10, 9, 8, 7, 6]
    wrong = 100 * (sum(s >= 7 for s in scores) - sum(s <= 6 for s in scores)) / 5
    found = row_of("nps", surveyed(scores))
    assert (wrong, found["value"], found["n"], found["status"]) == (60, pytest.approx(20.0), 5, "small_n")
    assert row_of("nps", surveyed([10] * 40 + [8] * 40 + [3] * 20))["value"] == pytest.approx(20.0)


def test_the_interval_of_nps_is_the_published_one() -> None:
    """15 answers of which 10 promoters and 3 detractors: (10.75 − 3.75)/18 ± 1.96 · √(0.65432/18)."""
    found = row_of("nps", surveyed([10] * 10 + [7] * 2 + [0] * 3))
    assert found["value"] == pytest.approx(46.6667, abs=1e-4)
    assert (found["low"], found["high"]) == (pytest.approx(1.5202, abs=1e-3), pytest.approx(76.2576, abs=1e-3))


def test_shares_of_promoters_and_detractors() -> None:
    data = surveyed([10, 9, 8, 7, 6])
    assert row_of("nps_promoter_share", data)["value"] == 2 / 5
    assert row_of("nps_detractor_share", data)["value"] == 1 / 5


def test_answers_off_the_scale_and_of_other_kinds_do_not_count() -> None:
    assert row_of("nps", surveyed([10, 9, 11, -1]))["n"] == 2
    assert row_of("nps", surveyed([4, 5], kind="csat"))["n"] == 0
    assert row_of("nps", surveyed([]))["status"] == "no_denominator"


def test_wrong_csat_one_name_for_a_share_and_a_mean() -> None:
    """The scores 4, 5, 3, 2, 5: one source calls 60 %, 3.8 and 0.6 by one name."""
    data = surveyed([4, 5, 3, 2, 5], kind="csat")
    assert row_of("csat", data)["value"] == pytest.approx(0.6)
    assert row_of("csat_mean", data)["value"] == pytest.approx(3.8)
    assert row_of("csat", data, csat_satisfied_from=5)["value"] == 0.4


def test_wrong_csat_answers_about_a_ticket_are_about_support() -> None:
    data = surveyed([5, 5, 1], kind="csat", ticket_id=pl.Series([None, None, "t1"], dtype=pl.String))
    assert (row_of("csat", data)["value"], row_of("csat", data)["n"]) == (1.0, 2)


@given(SCORES)
def test_the_last_answer_of_each_person_counts(answers: list[tuple[str, int, int]]) -> None:
    days = {day: (who, score) for who, day, score in answers}  # one answer a day, so that there is a last one
    rows = [(who, moment("01-01T00:00"), "nps", float(score)) for who, score in days.values()]
    table = frame_of("surveys", ["user_id", "time", "kind", "score"], rows)
    table = table.with_columns(pl.col("time") + pl.duration(hours=pl.Series(list(days), dtype=pl.Int64)))
    found = row_of("nps", told(tables={"surveys": table}))
    last = {who: score for _, (who, score) in sorted(days.items())}
    plus, minus = sum(s >= 9 for s in last.values()), sum(s <= 6 for s in last.values())
    assert found["n"] == len(last)
    assert found["value"] == (pytest.approx(100 * (plus - minus) / len(last)) if last else None)
    if last:
        assert -100 <= found["low"] <= found["value"] + 1e-9
        assert found["value"] - 1e-9 <= found["high"] <= 100


def test_answers_without_a_name_are_all_different() -> None:
    data = surveyed([10, 10, 0], user_id=pl.lit(None, pl.String))
    assert row_of("nps", data)["n"] == 3


REVIEWS = [
    ("ann", moment("01-05"), "shop", 4.5),
    ("ann", moment("01-06"), "shop", 3.6),
    ("bob", moment("01-06"), "web", None),
]


def test_ratings_are_averaged_and_reviews_counted() -> None:
    """A review without stars is feedback and no rating."""
    data = told(tables={"reviews": frame_of("reviews", ["user_id", "time", "source", "rating"], REVIEWS)})
    assert row_of("avg_review_rating", data)["value"] == pytest.approx((4.5 + 3.6) / 2)
    assert row_of("feedback_volume", data)["value"] == 3


def test_each_user_has_one_vote_for_a_feature() -> None:
    rows = [(str(i), who, moment("01-05"), what) for i, (who, what) in enumerate(("aX", "aX", "bX", "aY"))]
    data = told(
        tables={"feature_requests": frame_of("feature_requests", ["request_id", "user_id", "time", "feature"], rows)}
    )
    found = rows_of("feature_request_votes", data)
    assert found.select("feature", "value").rows() == [("X", 2.0), ("Y", 1.0)]


def test_tasks_done_and_errors_made() -> None:
    rows = [("a", moment("01-05"), done, errors, chances) for done, errors, chances in
            ((True, 1, 4), (True, 0, 4), (False, 3, 4), (None, 2, 0))]  # fmt: skip
    table = frame_of("usability_tasks", ["user_id", "time", "completed", "errors", "opportunities"], rows)
    data = told(tables={"usability_tasks": table.with_columns(task=pl.lit("pay"))})
    assert row_of("task_completion_rate", data)["value"] == 2 / 3
    assert row_of("usability_error_rate", data)["value"] == 4 / 12  # an attempt without a chance to err is none


def questioned(*sheets: dict[int, int], who: tuple[str, ...] = ("ann", "bob", "cid")) -> Dataset:
    """Answers to the statements of the usability scale, a sheet for each person."""
    columns = ["user_id", "time", "kind", "score", "item"]
    rows = [
        (who[at], moment(f"01-1{at}"), "sus", float(score), item)
        for at, sheet in enumerate(sheets)
        for item, score in sheet.items()
    ]
    return told(tables={"surveys": frame_of("surveys", columns, rows)})


def sheet(*answers: int) -> dict[int, int]:
    return dict(enumerate(answers, start=1))


@pytest.mark.parametrize(
    ("answers", "score"),
    [
        (sheet(5, 1, 5, 1, 5, 1, 5, 1, 5, 1), 100.0),
        (sheet(1, 5, 1, 5, 1, 5, 1, 5, 1, 5), 0.0),
        (sheet(*[3] * 10), 50.0),
        (sheet(*[5] * 10), 50.0),  # who ticks everything has said nothing
        (sheet(4, 2, 5, 1, 4, 3, 4, 2, 3, 2), 2.5 * (3 + 3 + 4 + 4 + 3 + 2 + 3 + 3 + 2 + 3)),
        ({1: 5, 3: 5}, 2.5 * (4 + 4 + 8 * 2)),  # what was left out counts as 3
    ],
)
def test_the_usability_scale_is_scored_as_published(answers: dict[int, int], score: float) -> None:
    """Brooke 1996: 2.5 × (Σ odd (x − 1) + Σ even (5 − x))."""
    assert row_of("sus", questioned(answers))["value"] == pytest.approx(score)


def test_wrong_usability_a_mean_of_answers_is_no_score() -> None:
    """The mean answer of the best sheet is 3 of 5, which would be 60 %; its score is 100."""
    best = sheet(5, 1, 5, 1, 5, 1, 5, 1, 5, 1)
    assert sum(best.values()) / 10 == 3
    assert row_of("sus", questioned(best))["value"] == 100.0


def test_scores_and_sheets_count_alike_and_the_last_of_a_person() -> None:
    data = questioned(sheet(*[3] * 10), sheet(5, 1, 5, 1, 5, 1, 5, 1, 5, 1), who=("ann", "ann"))
    assert (row_of("sus", data)["value"], row_of("sus", data)["n"]) == (100.0, 1)
    assert (row_of("sus", surveyed([60, 81, 101, -1], kind="sus"))["value"]) == pytest.approx(70.5)


def test_effort_is_easy_from_five_of_seven() -> None:
    assert row_of("ces", surveyed([7, 5, 4, 1, 8, 0], kind="ces"))["value"] == 2 / 4
