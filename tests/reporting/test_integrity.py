"""What a page says about itself after rendering: each check holds on good figures and fails on a planted fault."""

from typing import Any

import polars as pl
import pytest

from kpi_lib.reporting.integrity import checklist, checklist_html
from kpi_lib.show.blocks import Figure, Say
from kpi_lib.show.render import html

ROWS = {
    "kpi": ["repeat_purchase_rate", "orders", "mrr_bridge", "actives"],
    "start": ["2026-01-01"] * 4,
    "plan": ["pro", None, None, None],
    "value": [0.5, 40.0, None, None],
    "low": [0.4, None, None, None],
    "high": [0.6, None, None, None],
    "opening": [None, None, 100.0, None],
    "new": [None, None, 30.0, None],
    "expansion": [None, None, 5.5, None],
    "reactivation": [None, None, 0.0, None],
    "contraction": [None, None, 2.5, None],
    "churn": [None, None, 3.0, None],
    "closing": [None, None, 130.0, None],
    "wau": [None, None, None, 7.0],
}
COUNTS = {"read": 10, "kept": 7, "filtered": 1, "deduplicated": 1, "quarantined": 1}
FACTS = {"rows": {"events": COUNTS}, "end": "2026-02-01T00:00:00+00:00", "observed_until": "2026-02-01T00:00:00+00:00"}
PAGE = "".join(
    html(Say(Figure(text="x", kpi=kpi, value=value, start="2026-01-01", by=by))).text
    for kpi, value, by in (
        ("repeat_purchase_rate", 0.5, (("plan", "pro"),)),
        ("orders", 40.0, ()),
        ("wau", 7.0, ()),
    )
)


def failing(page: str = PAGE, facts: dict[str, Any] | None = None, **rows: list[Any]) -> list[str]:
    checks = checklist(page, pl.DataFrame(ROWS | rows), facts or FACTS)
    assert len(checks) == 6
    return [words for held, words in checks if not held]


def test_a_sound_report_passes_every_check() -> None:
    assert failing() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": [0.5, 41.0, None, None]}, "1 figure of 3 on this page not found in values.parquet: orders (value)"),
        ({"plan": ["free", None, None, None]}, "repeat_purchase_rate (value)"),
        ({"start": ["2026-01-01", "2026-02-01", "2026-01-01", "2026-01-01"]}, "orders (value)"),
        ({"wau": [None, None, None, 8.0]}, "wau (value)"),
        ({"low": [0.55, None, None, None]}, "of 1 interval each holds its value, but not 1"),
        ({"closing": [None, None, 130.02, None]}, "but not in 1"),
        ({"facts": FACTS | {"rows": {"events": COUNTS | {"kept": 8}}}}, "10 rows read is not 8 + 1 + 1 + 1"),
        ({"facts": FACTS | {"end": "2026-02-02T00:00:00+00:00"}}, "the period is not over"),
    ],
)
def test_each_check_can_fail(change: dict[str, Any], words: str) -> None:
    (told,) = failing(**change)
    assert words in told


def test_a_share_above_one_is_told() -> None:
    told = failing(page="", value=[1.5, 40.0, None, None], high=[1.6, None, None, None])
    assert told == ["of 1 share each lies between 0 and 100 %, but not 1"]


def test_the_list_opens_itself_when_something_is_wrong() -> None:
    good, bad = checklist_html([(True, "a <b>")]).text, checklist_html([(True, "a"), (False, "c")]).text
    assert "all held" in good
    assert "a &lt;b&gt;" in good
    assert "open=" not in good
    assert "1 did not hold" in bad
    assert 'open=""' in bad


@pytest.mark.parametrize(("free", "held"), [(6, True), (9, True), (5, False)])
def test_segments_hold_everybody_of_the_whole(*, free: int, held: bool) -> None:
    steps = {"kpi": ["funnel"] * 6, "step": [1, 2] * 3, "units": [10, 4, free, 3, 4, 1], "event": ["a", "b"] * 3}
    values = pl.DataFrame({**steps, "plan": [None, None, "free", "free", "pro", "pro"]})
    told = [(fine, words) for fine, words in checklist("", values, {}) if "segments" in words]
    assert [fine for fine, _ in told] == [held]
    assert told[0][1] == "of 2 counts each is there again in the segments by plan (funnel)" + (
        "" if held else ", but not 1"
    )
    assert not [words for _, words in checklist("", values, {}, least=11) if "segments" in words]
    alone = values.filter(pl.col("plan").is_null())
    assert not [words for _, words in checklist("", alone, {}) if "segments" in words]


def test_two_funnels_or_two_columns_at_once_are_not_taken_for_a_whole_and_its_parts() -> None:
    steps = {"kpi": ["funnel"] * 4, "step": [1] * 4, "units": [10, 20, 3, 4]}
    two = pl.DataFrame({**steps, "plan": [None, None, "free", "pro"]})
    crossed = pl.DataFrame(
        {**steps, "units": [10, 1, 1, 1], "plan": [None, "a", "a", "b"], "land": [None, "x", "y", "x"]}
    )
    for values in (two, crossed):
        assert not [words for _, words in checklist("", values, {}) if "segments" in words]
