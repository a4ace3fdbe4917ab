"""What the rows of each canonical table must obey, beyond the kinds of its columns: words, rules and keys, as text."""

from dataclasses import dataclass
from functools import cache

import polars as pl

from kpi_lib.core.schema import TABLES

# `table.column: word word=other,spellings`. `!`: a row with another word is set aside; otherwise it is kept and told.
# Words are compared, and stored, in small letters.
WORDS_AS_TEXT = """
transactions.kind!: sale refund credit
subscriptions.interval!: day=daily week=weekly month=monthly quarter=quarterly half-year=semi-annual,half-yearly year=yearly,annual,annually
tests.result!: passed=pass failed=fail skipped=skip blocked
defects.found_by!: team user
goals.type!: number percent currency boolean tasks
surveys.kind: nps csat ces sus rating=product_rating feature
defects.status: open in_progress=in-progress reopened fixed verified closed rejected duplicate
defects.severity: blocker critical major moderate minor trivial
mentions.sentiment: positive neutral negative
ticket_messages.author: customer agent bot
"""

# `table.column | what must hold | what a row that breaks it does [| its mend]`. Whole numbers count something, so none
# is negative. Nothing is asked of rows in which a part is missing.
RULES_AS_TEXT = """
users.deleted_ts | deleted_ts >= signup_ts | lies before signup_ts
subscriptions.end | "end" >= "start" | lies before start
subscriptions.trial_end | trial_end >= trial_start | lies before trial_start
subscriptions.term_end | term_end >= "start" | lies before start
subscriptions.renewed_ts | renewed_ts >= "start" | lies before start
subscriptions.mrr | mrr >= 0 | is negative | sign
subscriptions.amount | amount >= 0 | is negative | sign
marketing_spend.amount | amount >= 0 | is negative | sign
marketing_spend.reach | reach <= impressions | is more than impressions | part
marketing_spend.clicks | clicks <= impressions | is more than impressions | part
deals.opportunity_ts | opportunity_ts >= lead_ts | lies before lead_ts
deals.closed_ts | closed_ts >= lead_ts | lies before lead_ts
deals.closed_ts | closed_ts >= opportunity_ts | lies before opportunity_ts
deals.amount | amount >= 0 | is negative | sign
surveys.score | kind <> 'nps' OR (score BETWEEN 0 AND 10 AND score % 1 = 0) | is no whole number from 0 to 10 | scale
surveys.score | kind <> 'csat' OR score BETWEEN 1 AND 5 | lies outside 1 to 5 | scale
surveys.score | kind <> 'ces' OR score BETWEEN 1 AND 7 | lies outside 1 to 7 | scale
surveys.score | kind <> 'sus' OR score BETWEEN 0 AND 100 | lies outside 0 to 100 | scale
surveys.score | item IS NULL OR (score BETWEEN 1 AND 5 AND score % 1 = 0) | is no whole number from 1 to 5 | scale
surveys.item | item BETWEEN 1 AND 10 | lies outside 1 to 10 | item
surveys.score | kind <> 'rating' OR score BETWEEN 1 AND 5 | lies outside 1 to 5 | scale
employee_surveys.score | kind NOT IN ('nps', 'enps') OR (score BETWEEN 0 AND 10 AND score % 1 = 0) | is no whole number from 0 to 10 | scale
employee_surveys.score | kind NOT IN ('satisfaction', 'engagement') OR score BETWEEN 1 AND 5 | lies outside 1 to 5 | scale
reviews.rating | rating >= 0 | is negative | sign
usability_tasks.errors | errors <= opportunities | is more than opportunities | part
tickets.first_response | first_response >= opened | lies before opened
tickets.resolved | resolved >= opened | lies before opened
tickets.csat | csat BETWEEN 1 AND 5 | lies outside 1 to 5 | scale
requests.latency_ms | latency_ms >= 0 | is negative | sign
requests.status | status BETWEEN 100 AND 599 | is no HTTP status code | code
releases.committed | committed <= "time" | lies after time
defects.closed | closed >= opened | lies before opened
code_size.kloc | kloc >= 0 | is negative | sign
code_size.story_points | story_points >= 0 | is negative | sign
incidents.end | "end" >= "start" | lies before start
incidents.detected | detected >= "start" | lies before start
incidents.detected | detected <= "end" | lies after end
incidents.repair_start | repair_start >= "start" | lies before start
incidents.repair_start | repair_start <= "end" | lies after end
units.failed | failed >= "start" | lies before start
features.launched | launched >= started | lies before started
work_items.completed | completed >= created | lies before created
work_items.points | points >= 0 | is negative | sign
rates.rate | rate > 0 | is not above zero | rate
notifications.cleared_ts | cleared_ts >= "time" | lies before time
goals.weight | weight > 0 | is not above zero | sign
goals.due | due >= "start" | lies before start
emails.opened | opened >= delivered | lies before delivered
emails.clicked | clicked >= delivered | lies before delivered
market.value | value >= 0 | is negative | sign
inquiries.responded | responded >= received | lies before received
"""

# rows that agree in all of these columns are the same row twice
KEYS_AS_TEXT = """
rates: date currency
goals: goal target
"""
COUNT = "is negative, but counts something"
MENDS = {
    "order": "correct one of the two times, or leave such rows out with where",
    "scale": "correct the answer or its kind; bring answers on another scale to this one before",
    "sign": "correct the figure, or leave such rows out with where",
    "part": "correct one of the two figures, or leave such rows out with where",
    "item": "write the number of the statement in the questionnaire, 1 to 10",
    "code": "write codes such as 200 or 503",
    "rate": "write what one unit of that currency is worth in the workspace's currency",
    "count": "write counts as 0, 1, 2 …",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The words that a column may hold, other spellings of them, and whether a row with another word is set aside."""

    column: str
    words: tuple[str, ...]
    spellings: dict[str, str]
    closed: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold in a row; `reason` completes the sentence that begins with the column."""

    column: str
    condition: str
    reason: str
    mend: str

    @property
    def needs(self) -> set[str]:
        """The columns that the condition speaks of."""
        return set(pl.sql_expr(self.condition).meta.root_names())


@cache
def words(table: str) -> dict[str, Words]:
    """The columns of a table that hold words of a fixed list.

    >>> words("tests")["result"].spellings["pass"]
    'passed'
    """
    found = {}
    for line in WORDS_AS_TEXT.strip().splitlines():
        place, listed = line.split(":")
        owner, column = place.rstrip("!").split(".")
        if owner == table:
            pairs = [each.partition("=") for each in listed.split()]
            spellings = {other: word for word, _, others in pairs for other in others.split(",") if other}
            found[column] = Words(column, tuple(word for word, *_ in pairs), spellings, place.endswith("!"))
    return found


@cache
def rules(table: str) -> tuple[Rule, ...]:
    """The rules of a table, those about counts last.

    >>> rules("inquiries")[0].reason
    'lies before received'
    """
    found = []
    for line in RULES_AS_TEXT.strip().splitlines():
        place, condition, reason, *mend = (part.strip() for part in line.split(" | "))
        if place.split(".")[0] == table:
            found.append(Rule(place.split(".")[1], condition, reason, MENDS[mend[0] if mend else "order"]))
    counts = [c.name for c in TABLES[table] if c.kind == "whole"]
    return (*found, *(Rule(name, f"{name} >= 0", COUNT, MENDS["count"]) for name in counts))


@cache
def mend(table: str, column: str | None, reason: str) -> str | None:
    """What mends a broken rule."""
    return next((rule.mend for rule in rules(table) if (rule.column, rule.reason) == (column, reason)), None)


@cache
def keys(table: str) -> tuple[str, ...]:
    """The columns that together tell the rows of a table apart, where no single column does."""
    lines = (line.split(":") for line in KEYS_AS_TEXT.strip().splitlines())
    return next((tuple(listed.split()) for name, listed in lines if name == table), ())
