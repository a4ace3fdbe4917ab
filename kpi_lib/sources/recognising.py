"""Which of the many other tables a file holds: recognised by the name of the file and the names of its columns."""

from pathlib import Path

from kpi_lib.core.schema import TABLES, Column
from kpi_lib.sources.looks import plain, reads_as
from kpi_lib.sources.reading import Raw

# parts of file names that tell of a table; the table's own name always does
HINTS_AS_TEXT = """
marketing_spend: spend marketing adcost campaign
web_visits: visit pageview webtraffic
subscriptions: subscription subs
surveys: survey nps csat feedback
tickets: ticket support
ticket_messages: ticketmessage message
employee_surveys: employee
requests: request latency accesslog
defects: defect bug
tests: test
incidents: incident outage
releases: release deployment
work_items: workitem task issue
work_log: worklog
emails: email mailing
inquiries: inquir
costs: cost expense
rates: rate exchange fx
deals: deal opportunit
reviews: review
"""
# other usual names of canonical columns, written without separators
ALSO_AS_TEXT = """
time: timestamp ts datetime date createdat created at occurredat submittedat answeredat
date: day
user_id: userid user uid customerid customer custid clientid client accountid account memberid member subscriberid
user_id: user customer account learnerid learner studentid student respondent respondentid buyerid buyer
subscription_id: subid id
visitor_id: visitor anonymousid cookieid
start: started startdate startedat startsat begin beganat startts createdat activatedat created currentperiodstart
end: ended enddate endedat endsat endts cancelled canceled cancelledat canceledat expiredat resolvedat
opened: openedat createdat created openedts
created: createdat createdts
resolved: resolvedat solved solvedat closedat resolvedts
closed: closedat closedts
completed: completedat completedts doneat finishedat
first_response: firstresponseat firstreply firstreplyat firstresponsets firstanswer
due: duedate dueat
lead_ts: leadat createdat created
closed_ts: closedat closedate closed
delivered: deliveredat sentat sent
received: receivedat createdat
responded: respondedat repliedat
mrr: monthlyrecurringrevenue monthlyprice pricepermonth monthlyamount monthlyfee
amount: spend cost total value price fee planamount unitamount
interval: billinginterval billingperiod billing planinterval recurringinterval
committed: committedat commitat commitdate firstcommit firstcommitat mergedat
release: releaseid deployment deploymentid causedby
item: question questionid questionnumber
score: rating answer value
rating: stars score
csat: satisfaction stars rating
kind: type survey surveytype
latency_ms: latency duration durationms responsetimems
status: statuscode state
result: outcome status
author: authortype from sender
channel: source medium
points: storypoints
category: type
rate: exchangerate
"""


def listed(text: str) -> dict[str, list[str]]:
    """Lines such as `time: ts when` as lists of names, the surest first."""
    found: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        found.setdefault(line.split(":")[0], []).extend(line.split(":")[1].split())
    return found


HINTS = listed(HINTS_AS_TEXT)
ALSO = listed(ALSO_AS_TEXT)
BASIC = ("events", "transactions", "users")
TELLING = 3  # so many columns that few tables have tell of a table even where the file's name does not
OWNERS = {
    c.name: sum(c.name in {d.name for d in columns} for columns in TABLES.values()) for t in TABLES.values() for c in t
}


def recognise(raw: Raw) -> tuple[str, str, dict[str, tuple[str, str]]] | None:
    """The table, why, and its columns with the reason for each; nothing where the file tells of none of these tables."""
    best = None
    for table in TABLES:
        if table in BASIC:
            continue
        hint = _hint(raw, table)
        found = _columns(raw, table)
        if found is None:
            continue
        telling = sum(OWNERS[name] <= 2 and plain(name) == plain(theirs) for name, (theirs, _) in found.items())
        if (hint or telling >= TELLING) and (best is None or (len(hint), telling) > best[0]):
            why = f"the file's name says {hint}" if hint else f"{telling} columns that only this table has"
            best = ((len(hint), telling), (table, why, found))
    return best[1] if best else None


def _hint(raw: Raw, table: str) -> str:
    """The longest part of the file's name that tells of the table."""
    stem = plain(Path(raw.name).name.split(".")[0])
    own = plain(table)
    parts = [own, own.removesuffix("s"), *HINTS.get(table, ())]
    return max((part for part in parts if part in stem), key=len, default="")


def _columns(raw: Raw, table: str) -> dict[str, tuple[str, str]] | None:
    """The file's columns of a table, required ones first; nothing where a required one is missing."""
    found: dict[str, tuple[str, str]] = {}
    for column in sorted(TABLES[table], key=lambda each: not each.required):
        used = {theirs for theirs, _ in found.values()}
        usual = [plain(column.name), *(["id"] if column.key and column.required else [])]
        bare = [plain(column.name.removesuffix("_id"))] if column.required and column.kind == "id" else []
        theirs = _first(raw, [*usual, *bare, *ALSO.get(column.name, ())], column, used)
        if theirs is not None:
            found[column.name] = (theirs, "by its name")
        elif column.required and not _kind_from_name(raw, table, column):
            return None
    return found


def _first(raw: Raw, usual: list[str], column: Column, used: set[str]) -> str | None:
    names = {name: plain(name) for name in raw.columns if name not in used}
    return next((c for each in usual for c, bare in names.items() if bare == each and reads_as(raw, c, column)), None)


def _kind_from_name(raw: Raw, table: str, column: Column) -> bool:
    return bool(constants_of(raw, table)) and column.name == "kind"


def constants_of(raw: Raw, table: str) -> dict[str, tuple[str, str]]:
    """The kind of a survey, where only the file's name tells it."""
    stem = plain(Path(raw.name).name)
    kind = next((each for each in ("nps", "csat", "ces", "sus") if each in stem), None)
    if table != "surveys" or kind is None:
        return {}
    return {"kind": (kind, "the file's name says so")}
