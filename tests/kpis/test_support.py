"""Tickets by hand: waits that go on, tickets that come back, replies to whom."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from kpi_lib.answers.compute import compute
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError
from kpi_lib.core.period import parse_period
from tests.build import frame_of, moment, row_of, told

HOUR = 3_600.0
COLUMNS = ["ticket_id", "user_id", "opened", "first_response", "resolved", "contacts", "escalated", "reopened", "csat"]


def ticket(opened: str, hours: float | None = None, **other: Any) -> dict[str, Any]:  # noqa: ANN401
    start = moment(opened)
    answered = None if hours is None else start + timedelta(hours=hours)
    return {"opened": start, "first_response": answered, "user_id": "ann"} | other


def desk(*tickets: dict[str, Any], until: str = "03-01") -> Dataset:
    rows = [tuple({"ticket_id": f"t{i}", **each}.get(c) for c in COLUMNS) for i, each in enumerate(tickets)]
    return told(tables={"tickets": frame_of("tickets", COLUMNS, rows)}, until=until)


def test_first_response_is_the_median() -> None:
    answered = [ticket("01-05", hours) for hours in (1, 2, 3, 10)]
    found = row_of("first_response_time", desk(*answered))
    assert (found["value"], found["n"], found["status"]) == (2.5 * HOUR, 4, "small_n")
    assert row_of("first_response_time", desk(*answered[:3]))["value"] == 2 * HOUR


def test_wrong_first_response_the_unanswered_are_not_left_out() -> None:
    """Waits of 1, 2 and 3 h and two without an answer: half have one after 3 h; leaving the two out would say 2 h."""
    tickets = [ticket("01-05", hours) for hours in (1, 2, 3, None, None)]
    found = row_of("first_response_time", desk(*tickets))
    assert (found["value"], found["n"], found["unripe"], found["status"]) == (3 * HOUR, 5, 2, "ripening")
    nobody = row_of("first_response_time", desk(*tickets[3:]))
    assert (nobody["value"], nobody["n"], nobody["unripe"]) == (None, 2, 2)


def test_an_answer_after_the_end_of_the_data_is_not_known_yet() -> None:
    found = row_of("first_response_time", desk(ticket("01-05", 1), ticket("01-05", 24 * 80)))
    assert (found["value"], found["unripe"]) == (HOUR, 1)


def solved(day: str, contacts: int = 1, **other: Any) -> dict[str, Any]:  # noqa: ANN401
    return ticket(day) | {"resolved": moment(day), "contacts": contacts} | other


def test_first_contact_means_one_contact_and_nothing_after() -> None:
    data = desk(
        solved("01-05"),
        solved("01-06", 2),
        solved("01-07", reopened=True),
        solved("01-08", escalated=True),
        ticket("01-09"),
    )
    found = row_of("first_contact_resolution", data)
    assert (found["value"], found["n"]) == (1 / 4, 4)


def test_a_ticket_resolved_lately_may_still_come_back() -> None:
    data = desk(solved("01-05"), solved("01-20"), until="01-25")
    found = row_of("first_contact_resolution", data)
    assert (found["n"], found["unripe"], found["status"]) == (1, 1, "partial")
    assert row_of("first_contact_resolution", data, fcr_within="5d")["n"] == 2


def test_escalation_follows_the_tickets_opened_in_the_period() -> None:
    """30 of 600 are 5 %; those of another month belong to that month."""
    tickets = [ticket("01-05", escalated=i < 30) for i in range(600)] + [ticket("02-05", escalated=True)]
    data = desk(*tickets, until="04-01")
    assert row_of("support_escalation_rate", data)["value"] == pytest.approx(0.05)
    assert row_of("escalated_tickets", data)["value"] == 30
    assert row_of("ticket_volume", data)["value"] == 600
    young = desk(*tickets, until="02-08")
    assert row_of("support_escalation_rate", young, "2026-02")["unripe"] == 1
    counted = row_of("escalated_tickets", young, "2026-02")
    assert (counted["value"], counted["unripe"]) == (1, 1)


def test_satisfaction_with_support_is_about_resolved_tickets() -> None:
    data = desk(*[solved("01-05", csat=score) for score in (5, 4, 3, None, 9)], ticket("01-05", csat=1))
    found = row_of("support_csat", data)
    assert (found["value"], found["n"]) == (2 / 3, 3)


def talk(*turns: tuple[str, str, str]) -> Dataset:
    rows = [(ticket_id, moment("01-05T" + time), author) for ticket_id, time, author in turns]
    opened = [(name, moment("01-05")) for name in sorted({turn[0] for turn in turns})]
    tables = {
        "ticket_messages": frame_of("ticket_messages", ["ticket_id", "time", "author"], rows),
        "tickets": frame_of("tickets", ["ticket_id", "opened"], opened),
    }
    return told(tables=tables)


def test_a_reply_answers_what_was_said_since_the_last_one() -> None:
    data = talk(
        ("a", "10:00", "customer"), ("a", "10:01", "bot"), ("a", "10:20", "customer"), ("a", "11:00", "agent"),
        ("a", "11:05", "agent"), ("a", "12:00", "customer"), ("a", "12:30", "agent"), ("b", "09:00", "agent"),
        ("b", "10:00", "customer"),
    )  # fmt: skip
    found = row_of("avg_support_response_time", data)
    assert (found["value"], found["n"]) == (45 * 60.0, 2)  # 60 and 30 minutes; nobody waited for the others
    assert row_of("avg_support_response_time", data, agent_authors=["agent", "bot"])["n"] == 3


@pytest.mark.parametrize("seed", range(30))
def test_replies_equal_a_plain_loop(seed: int) -> None:
    draw = Random(seed)
    turns = [
        (draw.choice("ab"), f"{minute // 60:02}:{minute % 60:02}", draw.choice(("customer", "agent", "bot")))
        for minute in draw.sample(range(1_440), draw.randrange(1, 25))
    ]
    waits, since = [], {}
    for name, time, author in sorted(turns, key=lambda turn: turn[1]):
        at = datetime.fromisoformat("2026-01-05T" + time)
        if author == "customer":
            since.setdefault(name, at)
        elif author == "agent" and name in since:
            waits.append((at - since.pop(name)).total_seconds())
    found = row_of("avg_support_response_time", talk(*turns))
    assert found["n"] == len(waits)
    assert found["value"] == (pytest.approx(sum(waits) / len(waits)) if waits else None)


def spent(*rows: tuple[date, str, int]) -> Dataset:
    return told(tables={"costs": frame_of("costs", ["date", "category", "amount"], list(rows))})


def test_support_costs_are_those_of_the_chosen_categories() -> None:
    data = spent(
        (date(2026, 1, 5), "Support", 1_050), (date(2026, 1, 6), "helpdesk", 200), (date(2026, 1, 7), "rent", 9_999)
    )
    assert row_of("customer_support_costs", data)["value"] == 10.5
    assert row_of("customer_support_costs", data, support_categories=["support", "Helpdesk"])["value"] == 12.5


def test_support_costs_of_no_known_category_are_not_zero() -> None:
    """What goes by another name is not free: it must be named, and a name that is not there is refused."""
    data = spent((date(2026, 1, 6), "helpdesk", 200), (date(2026, 1, 7), "rent", 9_999))
    found = compute("customer_support_costs", data, parse_period("2026-01", zone="UTC"))
    assert found.table.select("value", "status").row(0) == (None, "needs_choice")
    assert "categories: helpdesk, rent" in found.reasons["customer_support_costs"]
    with pytest.raises(UsageError, match=r"unknown category 'help desk' in costs\. Did you mean helpdesk"):
        row_of("customer_support_costs", data, support_categories=["help desk"])
