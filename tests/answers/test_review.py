"""The agenda of a review by hand, and unhappy people by a loop: those that the KPIs count, told to nobody else."""

from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest

from kpi_lib.answers.change import Change
from kpi_lib.answers.decisions import Decision, FollowUp, follow_up
from kpi_lib.answers.review import review, unhappy
from kpi_lib.answers.scorecard import Scorecard, Standing, scorecard
from kpi_lib.answers.targets import TargetStatus
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import parse_period
from kpi_lib.reporting.notebooks import frames_of
from kpi_lib.show.faces import faces
from kpi_lib.show.render import html
from tests.build import frame_of, row_of, told

FEBRUARY = parse_period("2026-02", zone="UTC")
UP, DOWN, STILL = (Change(x, x - 0.1, x + 0.1, points=True, previous=0.5) for x in (0.3, -0.3, 0.02))
NONE = FollowUp((), "month", date(2026, 3, 1), "USD")
ORDERS = "\n".join(f"u{i % 9} 0{m}-{1 + i % 28:02} 100" for i in range(30) for m in (1, 2))
DATA = told("\n".join(f"u{i} 0{m}-{1 + i % 28:02} v" for i in range(40) for m in (1, 2)), ORDERS)
NAMES = ["active_users", "user_churn_rate", "new_users", "avg_session_duration", "total_revenue", "orders"]


def card(**moves: Any) -> Scorecard:  # noqa: ANN401 - of a KPI: change, year's change, status of the target
    """A scorecard whose changes and targets are told."""

    def changed(each: Standing) -> Standing:
        change, year, status = moves.get(each.kpi.name, (STILL, STILL, ""))
        aim = (
            TargetStatus(kpi=each.kpi.name, value=1.0, due=None, status=status, reasons=("no unit",))
            if status
            else None
        )
        return replace(each, change=change, year=year, aim=aim)

    board = scorecard(DATA, NAMES, FEBRUARY, north_star="active_users")
    return replace(board, standings=tuple(changed(each) for each in board.standings))


def names(points: Any) -> list[str]:  # noqa: ANN401
    return [each.standing.kpi.name for each in points]


def test_the_agenda_by_hand() -> None:
    """Churn that rises is bad news, session length has no good way, a met target is good news, worse weighs more."""
    found = review(
        card(
            user_churn_rate=(UP, STILL, ""),
            new_users=(UP, DOWN, ""),
            avg_session_duration=(UP, UP, ""),
            total_revenue=(STILL, UP, ""),
            orders=(STILL, STILL, "met"),
        ),
        NONE,
        product={},
    )
    assert names(found.attention) == ["user_churn_rate", "new_users"]
    assert [each.reasons for each in found.attention] == [("worse",), ("better", "worse_year")]
    assert names(found.wins) == ["total_revenue", "orders"]
    assert [each.kpi.name for each in found.quiet] == ["active_users", "avg_session_duration"]
    assert found.table["side"].to_list() == ["attention"] * 2 + ["win"] * 2 + ["quiet"] * 2


@pytest.mark.parametrize("status", ["missed", "off", "at_risk", "faulty"])
def test_a_target_that_is_short_needs_attention_whatever_moved(status: str) -> None:
    found = review(card(orders=(UP, UP, status)), NONE, product={})
    assert names(found.attention) == ["orders"]
    assert found.attention[0].reasons == ("better", "better_year", status)
    wanted = "who mends its target (no unit)?" if status == "faulty" else "what would bring it to its target"
    assert any(wanted in question for question in found.questions)


@pytest.mark.parametrize("status", ["on_track", "cannot_tell", "past"])
def test_a_target_that_is_open_is_no_news(status: str) -> None:
    found = review(card(orders=(STILL, STILL, status)), NONE, product={})
    assert (found.attention, found.wins) == ((), ())


def test_questions_name_the_counter_metric_the_decisions_and_what_is_missing() -> None:
    made = Decision(
        date=date(2026, 1, 5), decision="Fewer <b>mails</b>", type="marketing", signal="s", owner="growth", kpi="orders",
        expect="up", due=date(2026, 6, 1), look=date(2026, 2, 10),
    )  # fmt: skip
    board = replace(
        card(user_churn_rate=(UP, STILL, ""), new_users=(DOWN, STILL, "")), left_out={"nps": "needs surveys.score"}
    )
    found = review(board, follow_up([made], DATA, FEBRUARY), product={})
    asked = "\n".join(found.questions)
    assert "User churn rate (by activity) and New users both moved clearly" in asked
    assert "“Fewer <b>mails</b>” (growth): go on, change or stop?" in asked
    assert "nps cannot be computed: needs surveys.score" in asked
    page = "".join(html(part).text for part in faces(found))
    assert "<b>mails" not in page


def test_the_eight_steps_are_judged_by_what_is_there() -> None:
    product = {"stage": "growth", "goals": ["revenue"], "north_star": "active_users"}
    bare = {each.name: each.done for each in review(replace(card(), north_star=None), NONE, product={}).steps}
    assert [name for name, done in bare.items() if done] == ["Collect", "Analyse", "Look again"]
    full = review(card(orders=(UP, UP, "met")), NONE, product=product, reports={"weekly": {}}).steps
    assert [each.name for each in full if not each.done] == ["Act"]
    many = review(card(), NONE, product=product)
    assert "5 beside the north star" in many.steps[1].told
    wrong = review(card(orders=(UP, UP, "faulty")), NONE, product=product).steps
    assert not next(each.done for each in wrong if each.name == "Set targets")


def surveyed(seed: int) -> tuple[Dataset, list[tuple[Any, ...]]]:
    draw = Random(seed)
    people, kinds, tickets = [None, *(f"u{i}" for i in range(20))], ("nps", "csat"), (None, None, "t1")
    times = [
        datetime(2026, draw.choice((1, 2)), draw.randrange(1, 28), at % 24, at % 60, tzinfo=UTC) for at in range(120)
    ]
    rows = [
        (draw.choice(people), time, draw.choice(kinds), float(draw.randrange(12)), f"words {at}", draw.choice(tickets))
        for at, time in enumerate(times)
    ]
    columns = ["user_id", "time", "kind", "score", "answer", "ticket_id"]
    return told("u0 01-02 v", tables={"surveys": frame_of("surveys", columns, rows)}), rows


@pytest.mark.parametrize("seed", range(4))
def test_the_unhappy_are_those_that_the_kpi_counts(seed: int) -> None:
    data, rows = surveyed(seed)
    found = unhappy(data, FEBRUARY)
    counts = {row["kind"]: row for row in found.counts.to_dicts()}
    share = row_of("nps_detractor_share", data, "2026-02")
    assert counts["nps"]["n"] == share["n"]
    assert counts["nps"]["unhappy"] == pytest.approx(share["value"] * share["n"])
    wanted = []
    for kind, top, bar in (("csat", (1, 5), 2), ("nps", (0, 10), 6)):
        last: dict[Any, tuple[Any, ...]] = {}
        for at, row in enumerate(sorted(rows, key=lambda each: each[1])):
            if row[1].month == 2 and row[2] == kind and top[0] <= row[3] <= top[1] and row[5] is None:
                last[row[0] if row[0] is not None else at] = row
        wanted += [(row[0], kind, row[3], row[4]) for row in last.values() if row[3] <= bar]
    assert sorted(found.people.rows(), key=str) == sorted(wanted, key=str)


def test_no_report_holds_the_unhappy() -> None:
    data, rows = surveyed(1)
    found = unhappy(data, FEBRUARY)
    assert found.people.height > 3
    page = "".join(html(part).text for part in faces(found))
    assert all(str(person) not in page for person in found.people["user_id"].drop_nulls())
    assert "words " not in page
    (handed,) = frames_of(found)  # the figures on the page, and no person
    assert handed.columns == ["kpi", "kind", "n", "unhappy"]
    assert handed["unhappy"].sum() == found.people.height
    assert len(rows) == 120


def test_without_surveys_nobody_is_told() -> None:
    found = unhappy(DATA, FEBRUARY)
    assert (found.people.height, found.counts["n"].to_list()) == (0, [0, 0])
    assert "Nobody answered" in "".join(html(part).text for part in faces(found))
