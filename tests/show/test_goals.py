"""Goals shown: every figure is that of the result, nothing bad looks good, and the chart ends at the due day."""

from datetime import date

import pytest

from kpi_lib.answers.goals import Goals, goals
from kpi_lib.answers.smart import statement
from kpi_lib.answers.targets import STATUSES
from kpi_lib.core.errors import UsageError
from kpi_lib.show.charts import chart
from kpi_lib.show.faces import faces
from kpi_lib.show.goals import WORDS, goals_pictures, verdicts
from kpi_lib.show.phrases import plain
from kpi_lib.show.picture import drawable
from kpi_lib.show.render import html
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_goals import aims
from tests.answers.test_targets import GROWING
from tests.show.results import HOSTILE, figures

AHEAD = {"kpi": "orders", "value": 22, "every": "week", "due": date(2026, 4, 26)}
WANTED = [{**AHEAD, "goal": "grow"}, {**AHEAD, "value": 90}, {"kpi": "mrr", "value": 3}, {"kpi": "<b>", "value": 1}]


def result() -> Goals:
    return goals(GROWING, WANTED)


def test_every_figure_is_that_of_its_row() -> None:
    found = result()
    rows = {str(row["nth"]): row for row in found.table.to_dicts()}
    shown = [*figures(table(found)), *figures(say(found))]
    assert len(shown) > 8
    for each in shown:
        assert each.kpi == "goals"
        assert each.value == rows[dict(each.by)["nth"]][each.field]


def test_the_sentence_names_what_needs_a_look() -> None:
    text = plain(say(result()).phrase)
    assert text.startswith("1 of 4 targets met or on track.")
    assert "To mend: MRR" in text or "To mend: Monthly recurring revenue" in text
    assert "Off track: Orders (under 1\u202f% likely)" in text
    assert "write [[targets]]" in plain(say(goals(GROWING)).phrase)


def test_the_states_have_words_and_marks_of_their_own() -> None:
    assert set(WORDS) == set(STATUSES)
    assert len({word[0] for word in WORDS.values()}) == len(WORDS)  # colour is never needed


def test_the_table_holds_goals_and_targets_with_their_reasons() -> None:
    shown = table(result())
    words = [[plain(cell) for cell in row] for row in shown.rows]  # type: ignore[arg-type]
    assert [row[0] for row in words] == ["grow", "Orders", "Without a goal", "Orders", words[4][0], "<b>"]
    assert all(row[2] for row in words if row[0] not in ("grow", "Without a goal"))
    assert "&lt;b&gt;" in html(shown).text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    data = aims((name or "g", name or "t", "number", 0.0, 1.0, 0.5, date(2026, 1, 1), date(2026, 1, 10), 1.0))
    for part in faces(goals(data)):
        assert "<script>" not in html(part).text


def test_the_chart_ends_with_the_period_of_the_due_day_and_holds_the_band() -> None:
    found = result()
    first, second = goals_pictures(found)
    assert "off track" in first.alt
    assert "on track" in second.alt
    assert chart(found).alt == first.alt
    sets = drawable(second.wide)["datasets"]
    points = next(rows for rows in sets.values() if any(row.get("open") for row in rows) and len(rows) > 10)
    lead = [row for row in points if row["series"] == "leads to"]
    assert [row["at"] for row in lead if row["open"]] == ["2026-03-30", "2026-04-06", "2026-04-13", "2026-04-20"]
    target = found.targets[0]
    assert target.projection is not None
    assert (lead[-1]["value"], lead[-1]["low"]) == (target.projection.value, target.projection.low)
    assert {row["value"] for row in points if row["series"] == "wanted"} == {22.0}


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        chart(goals(GROWING, WANTED[2:]))


def test_the_verdicts_say_why_not() -> None:
    shown = verdicts(result())
    text = html(shown).text
    assert ("✓" in text, "✕" in text, "○" in text) == (True, True, True)
    assert "no goal is linked" in text
    assert "no target on a KPI" in plain(verdicts(goals(GROWING)).phrase)  # type: ignore[union-attr]


def test_a_statement_is_told() -> None:
    assert "+16.7 %" in plain(say(statement("trials +23 %, from 18 to 21 a week, in 2021")).phrase)  # type: ignore[union-attr]
    assert "adds up" in plain(say(statement("trials +17 %, from 18 to 21 a week, in 2021")).phrase)  # type: ignore[union-attr]
    assert len(faces(statement("x"))) == 1
