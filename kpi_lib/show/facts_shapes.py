"""What stands behind the figures of each shape: its rules, who is counted, and what was read."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.intake import Intake
from kpi_lib.core.dataset import plain_name
from kpi_lib.core.origin import Origin
from kpi_lib.kpis.registry import find
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.shapes.bridge import MrrBridge
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.engagement import Habits
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.shapes.funnel_strip import DefinitionStrip
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.lifecycle import Lifecycle
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.shapes.paths import Paths
from kpi_lib.shapes.sessions import Sessions
from kpi_lib.show.blocks import Facts, Phrase
from kpi_lib.show.funnels import rules_in_words
from kpi_lib.show.phrases import listed, named, plural, told, whole

NAMES = ("Definition", "Numerator", "Denominator", "n", "Unripe", "95 % interval", "Source", "Made from", "Data")
NONE = "none: everybody is counted, nothing is sampled"
NOTHING = "none: it is counted or added up"
ROWS = "in each row of the figures"
RULES = "Workbench definition: docs/semantics.md, {}"
WILSON = "Wilson's score interval (1927), in the figures"
NO_LIMIT = "none: without a time limit everybody counts at once, and who entered lately may still come"
WATCHED = "none: each period counts as it stands, and one that is not over is marked"


def fact_list(*said: Phrase) -> Facts:
    """What stands behind figures, in the order of NAMES; none may be left out."""
    return tuple(zip(NAMES, said, strict=True))


def origin_in_words(origin: Origin, period: str = "") -> tuple[Phrase, Phrase]:
    """The tables that were read, and the days and files behind them."""
    days = f"observed {origin.first} to {origin.last}, zone {origin.zone}" if origin.first else ""
    asked = f"period {period}" if period else ""
    return ", ".join(origin.tables) or "no table", " · ".join(filter(None, (asked, days, origin.fingerprint)))


def days_of(table: pl.DataFrame) -> str:
    """The days that the rows of a table are about."""
    first, stop = table.select(pl.col("start").min().cast(pl.String), pl.col("end").max().cast(pl.String)).row(0)
    return f"{first} to {stop}, end excluded"


def _span(table: pl.DataFrame, origin: Origin) -> tuple[Phrase, Phrase]:
    """Tables, days and files of a result whose rows name their periods."""
    return origin_in_words(origin, "" if table.is_empty() else days_of(table))


def funnel_facts(result: FunnelResult) -> Facts:
    """A funnel: its rules, who entered, who is still on the way."""
    first = result.table.group_by(result.by or pl.lit(0), maintain_order=True).first().to_dicts()
    n = [_entered(row, "units", result) for row in first]
    waiting = [_entered(row, "in_progress", result) for row in first]
    return fact_list(
        rules_in_words(result.definition) + (f"; by {' and '.join(map(plain_name, result.by))}" if result.by else ""),
        "those who reached the step",
        "those who entered the first step; of the share of the step before, those who reached that one",
        _joined(n),
        (*_joined(waiting), " still on their way, in neither") if result.definition.get("within") else NO_LIMIT,
        WILSON,
        RULES.format("Funnels"),
        *origin_in_words(result.origin, _asked(result.definition)),
    )


def _asked(rules: Mapping[str, Any]) -> str:
    period = str(rules.get("period") or "")
    return period.replace("..", " to ") + ", end excluded" if period else ""


def _entered(row: dict[str, Any], field: str, result: FunnelResult) -> tuple[Phrase, ...]:
    name = " / ".join(named(row[column]) for column in result.by)
    count = told(row, field, whole(row[field]), of="funnel", by=(*result.by, "step"))
    return (f"{name} ", count) if name else (count,)


def _joined(parts: Sequence[tuple[Phrase, ...]]) -> tuple[Phrase, ...]:
    return tuple(each for at, part in enumerate(parts) for each in ((", ", *part) if at else part))


def _funnels(result: FunnelTrend | FunnelComparison | DefinitionStrip, what: str, n: str, sure: str) -> Facts:
    return fact_list(
        f"{what}: {rules_in_words(result.definition)}",
        "those who reached the step",
        "those who entered, or who reached the step before, as the figures say",
        n,
        "those still on their way are in neither",
        sure,
        RULES.format("Funnels"),
        *origin_in_words(result.origin, _asked(result.definition)),
    )


def trend_facts(result: FunnelTrend) -> Facts:
    """A funnel over time."""
    return _funnels(result, "The funnel in each period of entry", ROWS, WILSON)


def comparison_facts(result: FunnelComparison) -> Facts:
    """A funnel compared."""
    groups_of = "segments, each against all others" if result.kind == "segments" else "two periods, step by step"
    sure = "Newcombe's of the difference (1998); clear after Holm's correction over all rows (1979)"
    return _funnels(result, f"The funnel compared, {groups_of}", ROWS, sure)


def strip_facts(result: DefinitionStrip) -> Facts:
    """A funnel under the rules of others."""
    return _funnels(result, "The funnel under the rules of several systems; as asked", ROWS, WILSON)


def cohort_facts(result: CohortResult) -> Facts:
    """A cohort table: who counts as back, how many members, which cells are open."""
    rules = result.definition
    grain, mode = str(rules.get("grain")), str(rules.get("mode"))
    open_cells = result.table.filter(~pl.col("complete")).height
    sizes = int(result.table.unique([*result.by, "start"])["size"].sum())
    back = {"on_or_after": "in period k or later", "bracket": "in the bracket of periods"}.get(mode, "in period k")
    return fact_list(
        f"Everybody by the {grain} of the first {rules.get('start_event') or 'event'}; back is who had "
        f"{' or '.join(rules.get('events', ())).replace('*', 'any event')} {back}",
        f"members of the cohort who came back {back}",
        "members whose period k is over",
        f"{plural(sizes, 'member')} in all; how many were watched to each age stands in the figures",
        f"{plural(open_cells, 'cell')} not over or withheld, left out",
        f"{WILSON} of the pooled curve; a cell of the table is the share of its cohort, counted in full",
        RULES.format("Coming back"),
        *origin_in_words(result.origin),
    )


def actives_facts(result: Actives) -> Facts:
    """Actives: what each count is."""
    words = [f"{find(name).title}: {find(name).formula}" for name in ("dau", "wau", "mau", "stickiness")]
    return fact_list(
        "; ".join(words),
        "distinct people with an event; of stickiness the daily ones",
        "none: they are counted; of stickiness the monthly ones",
        "the people themselves, in each row",
        WATCHED,
        NONE,
        RULES.format("Actives"),
        *_span(result.table, result.origin),
    )


def sessions_facts(result: Sessions) -> Facts:
    """Sessions: how they are counted."""
    length = find("avg_session_duration")
    return fact_list(
        f"{length.title}: {length.formula}",
        *length.formula.split(" / ")[:1],
        length.formula.partition(" / ")[2] or "sessions",
        "sessions and users, in each row",
        "none: a session that goes on beyond the period belongs to the one in which it began",
        NONE,
        RULES.format("Sessions"),
        *origin_in_words(result.origin),
    )


def lifecycle_facts(result: Lifecycle) -> Facts:
    """The states of people."""
    return fact_list(
        f"People of each {result.every} by state: {listed([each.replace('_', ' ') for each in result.states])}",
        "people in the state; of won per lost, those new or back",
        "none: they are counted; of won per lost, those gone",
        "the people themselves, in each row",
        WATCHED,
        NONE,
        RULES.format("Lifecycle"),
        *_span(result.table, result.origin),
    )


def bridge_facts(result: MrrBridge) -> Facts:
    """Recurring revenue: what adds up to what."""
    return fact_list(
        "Opening + new + expansion + reactivation − contraction − churn = closing, of what subscriptions bring a month",
        "amounts of the customers that moved that way",
        "none: amounts are added up",
        "customers, in each row",
        WATCHED,
        NONE,
        RULES.format("Recurring revenue and lifetime value"),
        *_span(result.table, result.origin),
    )


def lifetime_facts(result: Lifetime) -> Facts:
    """Lifetime value: what it is made of."""
    return fact_list(
        "Gross profit that a new customer brings, by each method; what it assumes stands in its row",
        f"revenue times a gross margin of {result.gross_margin:g}, a yearly discount of {result.discount:g}",
        "customers",
        ROWS,
        "customers who may still pay count for the months that they were watched",
        "in each row, where the method has one",
        RULES.format("Recurring revenue and lifetime value"),
        *origin_in_words(result.origin),
    )


def brought_facts(result: CohortRevenue) -> Facts:
    """Revenue of cohorts."""
    return fact_list(
        f"Revenue per customer within k months, refunds taken off, by the {result.every} of the first order",
        "what the customers had brought by the end of month k",
        "all customers of the cohort, also who never came back",
        "customers, in each row",
        "months that are not over for every customer of the cohort are left out",
        "normal, of the mean over customers; pooled over the cohorts",
        RULES.format("Orders and money"),
        *origin_in_words(result.origin),
    )


def adoption_facts(result: Adoption) -> Facts:
    """Features: who counts as having used one."""
    return fact_list(
        f"Who used a feature {result.definition['min_uses']} times or more in the period, of active people who could see it",
        "people who used the feature; of uses a day, the uses",
        "active people who could see it; of uses a day, the days with a use",
        "people, in each row",
        WATCHED,
        f"{WILSON} of the share; delta method of the uses",
        RULES.format("Features"),
        *_span(result.table, result.origin),
    )


def intake_facts(result: Intake) -> Facts:
    """Oldest and newest members."""
    return fact_list(
        f"Active {result.every}s of each member over the first {plural(result.ages, result.every)}, oldest and newest members",
        f"{result.every}s with an event",
        "members",
        "members, in each row",
        "only ages that both have been watched to",
        "of the difference between the means, in the sentence",
        RULES.format("Actives"),
        *origin_in_words(result.origin),
    )


def way_facts(result: Habits | Paths) -> Facts:
    """Habits and paths: the rules in force."""
    rules = "; ".join(f"{name.replace('_', ' ')} {each}" for name, each in result.definition.items() if each)
    return fact_list(
        rules,
        "people, or sessions, of the row",
        "all of the window, or of the step",
        ROWS,
        "none: only what was watched to its end",
        NONE,
        RULES.format("Paths" if isinstance(result, Paths) else "Lifecycle"),
        *origin_in_words(result.origin),
    )
