"""Support: how fast and how well questions are answered."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import MEDIAN_TIME
from kpi_lib.core.measure import COUNT, PROPORTION, RATIO, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import COUNT as TICKETS
from kpi_lib.core.units import DOWN, MONEY, SECONDS, SHARE, UP, duration
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
    GEEKS,
    KPIS_101,
    MATURE,
    STANDARD,
    UNDERSTANDING,
    ChoiceNeeded,
    kpi,
)  # fmt: skip
from kpi_lib.shapes.costs import categories, costs
from kpi_lib.shapes.records import rows, waiting
from kpi_lib.shapes.tickets import replies

SUPPORT = f"{KPIS_101}: support"
QUALITY = f"{CLICKUP}: product quality"
OPENED = "tickets.opened"
USUAL = ("support", "support salaries", "support tools", "customer support")
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
OPEN_WAITS = (
    "Tickets without an answer count as still waiting (Kaplan-Meier); while there are any, the figure is ripening."
)
MAY_ESCALATE = (
    "A ticket counts once escalation_within has passed since it was opened; younger ones are counted as unripe."
)

act = partial(kpi, stages=(MATURE,), cadence="week", use=ACTIONABLE)
context = partial(kpi, stages=(), cadence="week", use=CONTEXTUAL)


@act(
    title="Average support response time",
    unit=SECONDS,
    direction=DOWN,
    measure=RATIO,
    inputs=("ticket_messages.ticket_id", "ticket_messages.time", "ticket_messages.author", "tickets.ticket_id"),
    formula="mean over the replies of agent_authors in the period of reply - first message of customer_authors since the last reply",
    ripeness="Messages that nobody has answered yet are in no reply; see first_response_time for those still waiting.",
    counter=("first_contact_resolution",),
    references=(SUPPORT, f"{GEEKS}: operational"),
    sources_wrong="One source lists it beside the first response time: this is over all replies, that over the first one. "
    "Automatic replies are no answers.",
)
def avg_support_response_time(
    data: Dataset,
    grid: Grid,
    *,
    agent_authors: Sequence[str] = ("agent",),
    customer_authors: Sequence[str] = ("customer",),
) -> pl.LazyFrame:
    """How long customers wait for each reply, on average. One row per reply to a customer; num = microseconds."""
    return replies(data, agents=agent_authors, customers=customer_authors)


@act(
    title="First response time (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=MEDIAN_TIME,
    inputs=(OPENED, "tickets.first_response"),
    formula="median of first human public reply - opened, over the tickets opened in the period, around the clock",
    ripeness=OPEN_WAITS,
    counter=("first_contact_resolution",),
    references=(SUPPORT, STANDARD),
    sources_wrong="The source offers it or first contact resolution: a duration and a share. Leaving unanswered tickets out "
    "would flatter it: waits of 1, 2 and 3 h with two unanswered have the median 3 h, not 2 h.",
)
def first_response_time(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long half of the tickets wait for a first answer. One row per ticket; `key` = seconds waited, `ended` = answered."""
    return rows(data, "tickets", time="opened", **waiting(data, "opened", "first_response"))


@act(
    title="First contact resolution",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("tickets.resolved", "tickets.contacts"),
    formula="tickets resolved with one contact, neither reopened nor escalated / tickets resolved in the period",
    ripeness="A ticket counts once fcr_within has passed since it was resolved: until then it may come back.",
    counter=("support_csat",),
    references=(SUPPORT, STANDARD),
    sources_wrong="The source offers it or the first response time, and names no window in which a ticket may come back.",
)
def first_contact_resolution(data: Dataset, grid: Grid, *, fcr_within: str = "7d") -> pl.LazyFrame:
    """What share of resolved tickets took one contact. One row per resolved ticket; `hit` = it did."""
    there = data.columns("tickets")
    again = [pl.col(c).fill_null(False) for c in ("reopened", "escalated") if c in there]
    hit = (pl.col("contacts") <= 1) & ~pl.any_horizontal(pl.lit(False), *again)
    ripe = pl.col("resolved") + duration(fcr_within) <= data.observed_until
    return rows(data, "tickets", time="resolved", where=pl.col("contacts").is_not_null(), hit=hit, ripe=ripe)


@act(
    title="Satisfaction with support",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("tickets.resolved", "tickets.csat"),
    formula="answers of csat_satisfied_from (4) or more on 1-5 / answers, about the tickets resolved in the period",
    ripeness="Answers count as they stand; late ones still change the figure of the period in which the ticket was resolved.",
    counter=("first_response_time",),
    references=(SUPPORT, f"{UNDERSTANDING}: satisfaction"),
    sources_wrong="One source pools it with satisfaction with the product; here answers about tickets stand apart.",
)
def support_csat(data: Dataset, grid: Grid, *, csat_satisfied_from: int = 4) -> pl.LazyFrame:
    """What share is satisfied with how a ticket was handled. One row per answered ticket; `hit` = satisfied."""
    valid = pl.col("csat").is_between(1, 5)
    return rows(data, "tickets", time="resolved", where=valid, hit=pl.col("csat") >= csat_satisfied_from)


@context(
    title="Escalated tickets",
    unit=TICKETS,
    direction=DOWN,
    measure=COUNT,
    inputs=(OPENED, "tickets.escalated"),
    formula="tickets opened in the period that went beyond the first tier, each once",
    ripeness=f"{AT_ONCE} It is ripening until escalation_within has passed since the last was opened.",
    counter=("support_escalation_rate",),
    references=(QUALITY,),
    sources_wrong="The source also counts chats, calls and posts: other units, which belong apart (by channel).",
)
def escalated_tickets(data: Dataset, grid: Grid, *, escalation_within: str = "7d") -> pl.LazyFrame:
    """How many tickets were escalated; it grows with the customers. One row per escalated ticket."""
    young = pl.col("opened") + duration(escalation_within) > data.observed_until
    return rows(data, "tickets", time="opened", where=pl.col("escalated"), open=young)


@act(
    title="Support escalation rate",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    inputs=(OPENED, "tickets.escalated"),
    formula="tickets opened in the period and escalated beyond the first tier / tickets opened in the period",
    ripeness=MAY_ESCALATE,
    counter=("first_response_time",),
    references=(QUALITY,),
    sources_wrong="Right, without a period: both sides must be the same tickets. 30 of 600 are 5 %. Escalated twice counts once.",
)
def support_escalation_rate(data: Dataset, grid: Grid, *, escalation_within: str = "7d") -> pl.LazyFrame:
    """What share of tickets the first tier cannot solve. One row per ticket; `hit` = escalated."""
    ripe = pl.col("opened") + duration(escalation_within) <= data.observed_until
    known = pl.col("escalated").is_not_null()
    return rows(data, "tickets", time="opened", where=known, hit=pl.col("escalated"), ripe=ripe)


@context(
    title="Ticket volume",
    unit=TICKETS,
    direction=DOWN,
    measure=COUNT,
    inputs=(OPENED,),
    formula="tickets opened in the period",
    ripeness=AT_ONCE,
    counter=("support_csat",),
    references=(QUALITY,),
    sources_wrong="Part of a formula only; it grows with the users, so look at it for each active user.",
)
def ticket_volume(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many questions came in. One row per ticket."""
    return rows(data, "tickets", time="opened")


@context(
    title="Customer support costs",
    unit=MONEY,
    direction=DOWN,
    measure=TOTAL,
    inputs=("costs.date", "costs.category", "costs.amount"),
    formula="sum of the costs of the categories in support_categories in the period (capitals make no difference)",
    ripeness="Costs count on their day; a period that is not over is marked partial.",
    counter=("support_csat",),
    references=(GEEKS,),
    sources_wrong="The source lists it among what to watch for revenue and defines it nowhere.",
    use=ACTIONABLE,
)
def customer_support_costs(
    data: Dataset, grid: Grid, *, support_categories: Sequence[str] | None = None
) -> pl.LazyFrame:
    """What support costs: salaries, tools, services. One row per cost; value in minor units."""
    there = categories(data)
    usual = [each for each in there if each in USUAL]
    if support_categories is None and there and not usual:
        raise ChoiceNeeded(
            f"which costs are those of support is not known: write support_categories under [settings]; categories: {', '.join(there)}."
        )
    return costs(data, grid, usual if support_categories is None else support_categories)
