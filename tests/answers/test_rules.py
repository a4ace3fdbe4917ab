"""Named rules: each holds in a small world made for it, not in the same world without it, and tells by which figures."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from kpi_lib.answers.rulebook import NO, RULES, UNKNOWN, YES, Finding, Findings
from kpi_lib.answers.rules import _higher, rules
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.period import INSTANT, Grid, midnight
from kpi_lib.show.phrases import plain
from kpi_lib.show.say import say
from kpi_lib.show.tables import table
from tests.answers.test_unit_economics import company
from tests.build import frame_of, moment, told

FEBRUARY = Grid.calendar("month", date(2026, 2, 1), date(2026, 3, 1), zone="UTC")
JANUARY = Grid.calendar("month", date(2026, 1, 1), date(2026, 2, 1), zone="UTC")
PEOPLE = [f"u{at:02}" for at in range(60)]


def visits(seconds: Callable[[int, int], int]) -> Dataset:
    """Sixty people, each once a day for twenty days of January and of February; visits of so many seconds."""
    rows = []
    for month in (1, 2):
        for day in range(1, 21):
            for at, user in enumerate(PEOPLE):
                begun = moment(f"{month:02}-{day:02}T10:00")
                rows += [(user, begun, "open"), (user, begun + timedelta(seconds=seconds(month, at)), "close")]
    schema = {"user_id": pl.String, "time": INSTANT, "event": pl.String}
    events = pl.DataFrame(rows, schema=schema, orient="row")
    return Dataset.of({"events": events}, observed_from=moment("01-01"), observed_until=moment("03-01"))


def shallow(bad: bool) -> Dataset:
    return visits(lambda month, at: (20 if bad and month == 2 else 300) + at)


def few_payers(bad: bool) -> Dataset:
    """The same people each month; in February all pay double, or the first eight pay ten times as much."""
    events = "\n".join(
        f"{user} {month}-{day}T10 open" for user in PEOPLE for month in ("01", "02") for day in ("03", "17")
    )
    paid = {"01": lambda at: 1_000 + at, "02": lambda at: (12_000 if at < 8 else 1_000) if bad else 1_000 + at}
    orders = "\n".join(
        f"{user} {month}-05 {pays(at)}" for month, pays in paid.items() for at, user in enumerate(PEOPLE)
    )
    return told(events, orders)


def channels(bad: bool) -> Dataset:
    """Two years of what two channels cost; one gets dearer month by month."""
    rows = []
    for month in range(24):
        day = date(2024 + month // 12, month % 12 + 1, 10)
        for channel, cost in (("ads", 1_000 * (1.05**month if bad else 1)), ("mail", 800)):
            rows.append((day, channel, int(cost * 100 * (1 + 0.02 * ((month * 7) % 5 - 2))), 100))
    spend = frame_of("marketing_spend", ["date", "channel", "amount", "conversions"], rows)
    events = pl.DataFrame(
        {"user_id": ["a"], "time": [midnight(date(2024, 1, 1), "UTC")], "event": ["x"]},
        schema={"user_id": pl.String, "time": INSTANT, "event": pl.String},
    )
    since, until = (midnight(day, "UTC") for day in (date(2024, 1, 1), date(2026, 1, 1)))
    return Dataset.of({"events": events, "marketing_spend": spend}, observed_from=since, observed_until=until)


def features(bad: bool, often: bool) -> Dataset:
    """Three features: two that most use once a day, and one that few use, often or rarely."""
    text = []
    for at, user in enumerate(PEOPLE):
        for day in ("03", "10", "17"):
            text += [f"{user} 02-{day}T10 open", f"{user} 02-{day}T10:05 search", f"{user} 02-{day}T10:05:30 search"]
            text += [f"{user} 02-{day}T10:06 share", f"{user} 02-{day}T10:06:30 share"] if at < 50 else []
            if at < (6 if bad else 50):
                uses = 9 if often else 1 if bad else 2
                text += [f"{user} 02-{day}T11:00:{second:02} macro" for second in range(uses)]
    return told("\n".join(text), features={name: (name,) for name in ("search", "share", "macro")})


def answers(bad: bool) -> Dataset:
    """Answers of sixty people each month; in February, after a release, nearly all recommend."""
    rows = []
    for month in (1, 2):
        for at, user in enumerate(PEOPLE):
            score = 10.0 if bad and month == 2 and at % 10 else (10.0 if at % 2 else 3.0)
            rows.append((f"{user}-{month}", moment(f"{month:02}-09T10"), "nps", score))
    surveys = frame_of("surveys", ["user_id", "time", "kind", "score"], rows)
    releases = frame_of("releases", ["release_id", "time"], [("r7", moment("02-02"))])
    return told("a 01-01 open\na 02-27 open", tables={"surveys": surveys, "releases": releases})


def tickets(bad: bool) -> Dataset:
    """Two hundred tickets on two topics; of one more are escalated."""
    rows = []
    for at in range(200):
        topic, turn = ("export", "login")[at % 2], at // 2
        rows.append(
            (f"t{at}", moment(f"02-{1 + at % 20:02}T09"), turn % (3 if bad and topic == "export" else 12) == 0, topic)
        )
    frame = pl.DataFrame(
        rows,
        schema={"ticket_id": pl.String, "opened": INSTANT, "escalated": pl.Boolean, "topic": pl.String},
        orient="row",
    )
    return told("a 01-01 open\na 02-27 open", tables={"tickets": frame})


def defects(bad: bool) -> Dataset:
    """Two releases with sixty defects each, most of them found by the team; of the second users find more."""
    releases = frame_of("releases", ["release_id", "time"], [("r1", moment("01-10")), ("r2", moment("02-10"))])
    rows = []
    for release, month, escaped in (("r1", 1, 6), ("r2", 2, 30 if bad else 7)):
        for at in range(60):
            found_by, day = ("user", 12) if at < escaped else ("team", 8)
            rows.append((f"{release}-{at}", release, moment(f"{month:02}-{day:02}"), found_by, "open"))
    frame = frame_of("defects", ["defect_id", "release", "opened", "found_by", "status"], rows)
    tables = {"releases": releases, "defects": frame}
    return told("a 01-01 open\na 02-27 open", until="06-01", tables=tables)


def worth(bad: bool) -> Dataset:
    """Two hundred customers at 10 a month, of whom twenty leave each month; from February on the rest pay 2, or as before."""
    rows = []
    for at in range(200):
        leaves = moment(f"{1 + at % 2:02}-20") if at < 40 else None
        cheap_now = bad and leaves is None
        began, stops = moment("01-01") - timedelta(days=20), moment("02-05") if cheap_now else leaves
        rows.append((f"s{at}", f"u{at:03}", began, stops, 1_000))
        if cheap_now:
            rows.append((f"t{at}", f"u{at:03}", moment("02-05"), None, 200))
    table = frame_of("subscriptions", ["subscription_id", "user_id", "start", "end", "mrr"], rows)
    span = {"observed_from": moment("01-01") - timedelta(days=31), "observed_until": moment("03-01")}
    return Dataset.of({"subscriptions": table}, **span, settings={"gross_margin": 0.5})


def novelties(bad: bool) -> Dataset:
    """Sixty people who buy a new product and an old one each month; in February few take the new one."""
    rows = []
    for month in (1, 2):
        for at, user in enumerate(PEOPLE):
            new = at % 2 if not (bad and month == 2) else at % 10 == 0
            rows.append((user, moment(f"{month:02}-0{1 + at % 9}"), 1_000, "new" if new else "old"))
    sales = frame_of("transactions", ["user_id", "time", "amount", "product"], rows)
    launches = frame_of(
        "products", ["product", "launch_ts"], [("new", moment("01-01")), ("old", moment("01-01").replace(year=2020))]
    )
    tables = {"transactions": sales, "products": launches}
    return Dataset.of(tables, observed_from=moment("01-01"), observed_until=moment("03-01"))


def satisfaction(bad: bool) -> Dataset:
    """Sixty answers a month, four of five satisfied; in February one of five, or as before."""
    rows = []
    for month in (1, 2):
        for at, user in enumerate(PEOPLE):
            content = at % 5 == 0 if bad and month == 2 else at % 5 > 0
            rows.append((user, moment(f"{month:02}-10T10"), "csat", 5.0 if content else 2.0))
    surveys = frame_of("surveys", ["user_id", "time", "kind", "score"], rows)
    return told("a 01-01 open\na 02-27 open", tables={"surveys": surveys})


LAST_MONTH = Grid.calendar("month", date(2025, 12, 1), date(2026, 1, 1), zone="UTC")
HOLDS: dict[str, tuple[Callable[[bool], Dataset], Grid]] = {
    "shallow_visits": (shallow, FEBRUARY),
    "revenue_on_few": (few_payers, FEBRUARY),
    "dearer_channel": (channels, LAST_MONTH),
    "thin_economics": (lambda bad: company(gross_margin=0.5) if bad else cheap(), JANUARY),
    "customers_worth_less": (worth, FEBRUARY),
    "old_products_carry": (novelties, FEBRUARY),
    "low_satisfaction": (satisfaction, FEBRUARY),
    "hidden_feature": (lambda bad: features(bad, often=True), FEBRUARY),
    "idle_feature": (lambda bad: features(bad, often=False), FEBRUARY),
    "nps_after_release": (answers, FEBRUARY),
    "escalating_topic": (tickets, FEBRUARY),
    "escaping_defects": (defects, FEBRUARY),
}


def cheap() -> Dataset:
    """The company of unit economics, with a hundredth of the spend."""
    data = company(gross_margin=0.9)
    spend = data.tables["marketing_spend"].with_columns(pl.col("amount") // 100)
    tables = {**data.tables, "marketing_spend": spend}
    return Dataset.of(
        tables, observed_from=data.observed_from, observed_until=data.observed_until, settings=data.settings
    )


def one(name: str, found: Findings) -> Finding:
    return next(each for each in found.findings if each.rule.name == name)


def test_every_rule_has_its_world() -> None:
    assert set(HOLDS) == {each.name for each in RULES}


@pytest.mark.parametrize("name", HOLDS)
def test_a_rule_holds_where_it_was_planted_and_not_elsewhere(name: str) -> None:
    world, grid = HOLDS[name]
    found = rules(world(True), grid)
    bad, good = one(name, found), one(name, rules(world(False), grid))
    assert (bad.verdict, good.verdict) == (YES, NO), (bad, good)
    assert bad.evidence
    assert bad.rule.when
    assert bad.rule.hint
    assert bad.rule.source
    assert bad in found.holding


def test_what_stands_beside_is_no_cause() -> None:
    found = one("nps_after_release", rules(answers(True), FEBRUARY))
    assert found.beside == ("release r7 (2026-02-02)",)
    assert "association, not a cause" in found.rule.hint
    topic = one("escalating_topic", rules(tickets(True), FEBRUARY))
    assert [each.part for each in topic.evidence] == ["", "topic export"]


def test_nothing_is_told_of_data_that_are_not_there() -> None:
    found = rules(told("a 01-05T10 open\nb 01-06T10 open"), FEBRUARY)
    verdicts = {each.rule.name: (each.verdict, each.reason) for each in found.findings}
    assert verdicts["nps_after_release"] == (UNKNOWN, "needs the columns kind, score and time of surveys")
    assert all(verdict != YES for verdict, _ in verdicts.values())
    assert all(reason for verdict, reason in verdicts.values() if verdict == UNKNOWN)
    assert plain(say(found).phrase).startswith("No named rule can be told yet")


def test_a_score_is_compared_with_the_last_time_that_it_was_asked() -> None:
    """In March nobody was asked; April stands against February, and the release of February does not count as since."""
    data = answers(True)
    surveys = data.tables["surveys"]
    later = surveys.filter(pl.col("time") >= moment("02-01")).with_columns(
        pl.col("time").dt.offset_by("2mo"), pl.col("user_id") + "x", score=pl.lit(3.0)
    )
    releases = frame_of("releases", ["release_id", "time"], [("r7", moment("01-02")), ("r8", moment("03-02"))])
    tables = {**data.tables, "surveys": pl.concat([surveys, later]), "releases": releases}
    span = {"observed_from": data.observed_from, "observed_until": moment("05-01")}
    april = Grid.calendar("month", date(2026, 4, 1), date(2026, 5, 1), zone="UTC")
    found = one("nps_after_release", rules(Dataset.of(tables, **span), april))
    assert (found.verdict, found.beside) == (YES, ("release r8 (2026-03-02)",))
    moved = found.evidence[0].change
    assert moved is not None
    assert (moved.since, moved.previous, found.evidence[0].row["value"]) == (date(2026, 2, 1), 80.0, -100.0)


def test_defects_are_judged_in_the_last_period_that_is_ripe() -> None:
    data = defects(True)
    may = Grid.calendar("month", date(2026, 5, 1), date(2026, 6, 1), zone="UTC")
    found = one("escaping_defects", rules(data, may))
    assert found.evidence[0].row["start"] == date(2026, 2, 1)
    assert found.verdict == YES
    assert "February 2026" in plain(table(rules(data, may)).rows[0][2])  # type: ignore[arg-type]


def test_tickets_without_a_topic_tell_of_none() -> None:
    data = tickets(True)
    tables = {**data.tables, "tickets": data.tables["tickets"].drop("topic")}
    span = {"observed_from": data.observed_from, "observed_until": data.observed_until}
    found = one("escalating_topic", rules(Dataset.of(tables, **span), FEBRUARY))
    assert (found.verdict, found.reason) == (
        UNKNOWN,
        "needs the column feature (or topic or category or product) of tickets",
    )


def test_orders_are_no_visits() -> None:
    """Between two orders of a shop lies no visit that could be shallow."""
    orders = "\n".join(f"{user} {month}-05 1000" for month in ("01", "02") for user in PEOPLE)
    data = told("", orders, until="03-01")
    found = one("shallow_visits", rules(data, FEBRUARY))
    assert (found.verdict, found.reason) == (UNKNOWN, "needs the column event of events")


def test_a_single_month_is_compared_with_nothing() -> None:
    found = one("revenue_on_few", rules(few_payers(True), JANUARY))
    assert (found.verdict, found.reason) == (UNKNOWN, "no earlier figure to compare with")


def test_intervals_that_leave_it_open_are_no_verdict() -> None:
    data = company(gross_margin=0.5)
    spend = data.tables["marketing_spend"].with_columns(pl.col("amount") * 3 // 10)  # a ratio near three
    tables = {**data.tables, "marketing_spend": spend}
    span = {"observed_from": data.observed_from, "observed_until": data.observed_until}
    found = one("thin_economics", rules(Dataset.of(tables, **span, settings=data.settings), JANUARY))
    assert (found.verdict, found.reason) == (UNKNOWN, "the intervals leave it open")


def test_the_sentence_and_the_table_print_figures_that_are_handed_over() -> None:
    found = rules(few_payers(True), FEBRUARY)
    said = plain(say(found).phrase)
    assert said.startswith(
        "2 named rules could be looked at, and 2 of them hold: active users hold, but visits are shallow (Av"
    )
    assert "; revenue grows on few payers (Revenue concentration (top tenth of payers) 48.6" in said
    rows = found.frames["rules"].to_dicts()
    shown = table(found)
    assert len(shown.rows) == len(RULES)
    cells = " ".join(plain(row[2]) for row in shown.rows)  # type: ignore[arg-type]
    assert "Revenue inequality (Gini)" in cells
    assert [row["nth"] for row in rows] == list(range(1, len(rows) + 1))


def test_the_answer_is_plain_json() -> None:
    found = rules(few_payers(True), FEBRUARY).to_dict()
    told_again: Any = json.loads(json.dumps(found))
    assert [each["name"] for each in told_again["rules"] if each["verdict"] == YES] == [
        "shallow_visits",
        "revenue_on_few",
    ]
    figures = next(each["figures"] for each in told_again["rules"] if each["name"] == "revenue_on_few")
    assert {row["figure"] for row in figures} == {"revenue_concentration", "revenue_gini", "total_revenue", "dau"}


def test_a_part_is_compared_with_the_rest() -> None:
    """30 of 100 against 15 of 100: z = 0.15 / sqrt(0.225 * 0.775 * 2 / 100), of which 0.0055 lies beyond."""
    assert _higher(0.30, 100, 0.225, 200) == pytest.approx(0.005546, abs=1e-5)
    assert _higher(0.1, 50, 0.1, 50) == 1.0
