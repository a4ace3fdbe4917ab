"""The canonical tables: which columns each has, of what kind, and which it cannot do without.

Written as text, one table a line, because that is how people read a schema: `name:kind`, `!` = required, `#` = unique key,
`~` = a plan, so the time may lie ahead of the data.
Kinds: id (text key), text, time (instant), day (calendar day), money (amount in a currency), number, whole, flag (true/false).
"""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from kpi_lib.core.errors import unknown
from kpi_lib.core.period import INSTANT

TABLES_AS_TEXT = """
events: user_id:id! event:text! time:time! event_id:id# ingested:time session_id:id version:text
transactions: user_id:id! time:time! amount:money! currency:text order_id:id transaction_id:id# product:text kind:text
users: user_id:id!# signup_ts:time account_id:id channel:text deleted_ts:time plan:text
subscriptions: subscription_id:id! user_id:id! start:time! end:time~ mrr:money amount:money interval:text currency:text plan:text is_trial:flag trial_start:time trial_end:time~ term_end:time~ renewed_ts:time
marketing_spend: date:day! channel:text! impressions:whole reach:whole campaign:text amount:money conversions:whole clicks:whole
web_visits: visitor_id:id! user_id:id time:time! source:text session_id:id page:text medium:text
costs: date:day! category:text! amount:money!
installs: device_id:id! user_id:id time:time! store:text
products: product:text!# launch_ts:time!~
deals: deal_id:id!# lead_ts:time! closed_ts:time stage:text won:flag amount:money opportunity_ts:time
surveys: user_id:id time:time! kind:text! score:number answer:text ticket_id:id item:whole
reviews: user_id:id time:time! source:text rating:number text:text
feature_requests: request_id:id! user_id:id time:time! feature:text!
usability_tasks: user_id:id task:text! time:time! completed:flag errors:whole opportunities:whole
ticket_messages: ticket_id:id! time:time! author:text!
tickets: ticket_id:id!# user_id:id opened:time! channel:text first_response:time resolved:time contacts:whole escalated:flag reopened:flag csat:number
requests: time:time! service:text status:whole kind:text route:text latency_ms:number
defects: defect_id:id!# release:id severity:text opened:time! status:text closed:time found_by:text
code_size: release:id! kloc:number story_points:number
tests: run_id:id! test_id:id! time:time! automated:flag result:text!
releases: release_id:id!# time:time! kind:text version:text committed:time
incidents: incident_id:id!# start:time! end:time kind:text severity:text repair_start:time detected:time release:id
units: unit_id:id!# start:time! failed:time
features: feature:text!# started:time launched:time~
work_items: item_id:id!# team:text assignee:id created:time! due:time~ completed:time points:number
rates: date:day!~ currency:text! rate:number!
work_log: item_id:id! assignee:id date:day!
notifications: member:id! time:time! cleared_ts:time
goals: goal:text! target:text! type:text! start_value:number target_value:number current_value:number start:day~ due:day~ weight:number
emails: email_id:id! user_id:id campaign:text delivered:time opened:time clicked:time
social: date:day! platform:text! followers:whole impressions:whole likes:whole comments:whole shares:whole clicks:whole
market: period:text! competitor:text! metric:text! value:number!
benchmarks: kpi:text! segment:text period:text value:number! source:text!
employee_surveys: employee_id:id time:time! kind:text! score:number!
mentions: time:time! source:text sentiment:text
inquiries: inquiry_id:id!# received:time! responded:time kind:text
"""

DTYPES: dict[str, pl.DataType] = {
    "id": pl.String(),
    "text": pl.String(),
    "time": INSTANT,
    "day": pl.Date(),
    "money": pl.Int64(),
    "number": pl.Float64(),
    "whole": pl.Int64(),
    "flag": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column."""

    name: str
    kind: str
    required: bool
    key: bool
    planned: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type that this kind has inside; money is in minor units."""
        return DTYPES[self.kind]


def _column(text: str) -> Column:
    name, kind = text.split(":")
    return Column(name, kind.rstrip("!#~"), "!" in kind, "#" in kind, "~" in kind)


TABLES: dict[str, tuple[Column, ...]] = {
    line.split(":", 1)[0]: tuple(_column(part) for part in line.split(":", 1)[1].split())
    for line in TABLES_AS_TEXT.strip().splitlines()
}


def columns(table: str) -> dict[str, Column]:
    """The canonical columns of a table by name; an unknown table is an error that names the nearest.

    >>> columns("events")["time"].kind
    'time'
    """
    if table not in TABLES:
        raise unknown("table", table, TABLES, where="kpi.toml")
    return {column.name: column for column in TABLES[table]}


def moment(table: str) -> str | None:
    """The column that says when a row of the table happened; none where rows only state or plan something.

    >>> moment("tickets"), moment("users"), moment("rates")
    ('opened', 'signup_ts', None)
    """
    optional = {"users": "signup_ts", "features": "started", "emails": "delivered"}
    return optional.get(table) or next(
        (c.name for c in TABLES[table] if c.required and c.kind in ("time", "day") and not c.planned), None
    )


def since(table: str, there: Collection[str]) -> pl.Expr | None:
    """From when on a row is there: its moment, or a trial before it; none where the table does not say.

    >>> str(since("tickets", ["opened"]))
    'col("opened")'
    """
    own = moment(table) if table in TABLES else None
    if own is None or own not in there:
        return None
    before = {"subscriptions": "trial_start"}.get(table)
    return pl.min_horizontal(own, before) if before in there else pl.col(own)


def empty(table: str) -> pl.DataFrame:
    """A table of that shape without rows: its required columns only."""
    return pl.DataFrame(schema={c.name: c.dtype for c in TABLES[table] if c.required})
