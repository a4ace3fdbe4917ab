"""What stands behind the figures of a result: definition, numerator and denominator, n, interval, source and lineage.

Each result tells it of itself, so that every figure of every report can be unfolded and counted again.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import Any

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.budget import Budget
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.compute import Values
from kpi_lib.answers.contributions import Segmented
from kpi_lib.answers.forecast import Forecast
from kpi_lib.answers.goals import Goals
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.opportunities import Opportunities
from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.proposal import Proposal
from kpi_lib.answers.review import Unhappy
from kpi_lib.answers.rulebook import Findings
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.answers.signals import Signals
from kpi_lib.answers.stages import Advice
from kpi_lib.answers.themes import Themes
from kpi_lib.answers.unit_economics import UnitEconomics
from kpi_lib.kpis.registry import find
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.shapes.bridge import MrrBridge
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.shapes.early_depth import EarlyDepth
from kpi_lib.shapes.engagement import Habits
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.shapes.funnel_compare import FunnelComparison
from kpi_lib.shapes.funnel_strip import DefinitionStrip
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.shapes.lifecycle import Lifecycle
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.shapes.paths import Paths
from kpi_lib.shapes.sessions import Sessions
from kpi_lib.show import facts_shapes
from kpi_lib.show.blocks import Facts, Figure, Phrase, Say, Strong, Table, Tiles
from kpi_lib.show.facts_answers import (
    advice_facts,
    findings_facts,
    proposal_facts,
    standings_facts,
    themes_facts,
    unhappy_facts,
)
from kpi_lib.show.facts_shapes import NONE, NOTHING, ROWS, RULES, days_of, fact_list, origin_in_words
from kpi_lib.show.phrases import figure, interval, plural
from kpi_lib.show.picture import Picture
from kpi_lib.show.values import groups, kpis

CHANCES = {
    "proportion": "Wilson's score interval (1927)",
    "nps": "adjusted Wald interval (Rocks 2016)",
    "mean": "Student's t",
    "ratio": "delta method",
    "survival": "Greenwood's, on the log-log scale",
    "derived": "jackknife over twenty parts of the users",
}


def explained(part: object, result: object) -> object:
    """A chart or table with the facts of the result that it shows; anything else, and what tells its own, as it is."""
    if isinstance(part, Picture | Table) and not part.facts and not (isinstance(part, Picture) and part.tile):
        return replace(part, facts=facts(result))
    return part


def unfolding(parts: Sequence[object], result: object) -> tuple[object, ...]:
    """The parts of a result with what stands behind them: at each chart and table, else at the last sentence that prints a figure."""
    told = [explained(part, result) for part in parts]
    if any(isinstance(part, Picture | Table | Tiles) or getattr(part, "facts", ()) for part in told):
        return tuple(told)
    last = max((at for at, part in enumerate(told) if isinstance(part, Say) and prints(part.phrase)), default=None)
    return tuple(replace(part, facts=facts(result)) if at == last else part for at, part in enumerate(told))  # type: ignore[type-var]


def prints(phrase: Phrase) -> bool:
    """Whether a phrase holds a figure; one that says why nothing can be told does not."""
    match phrase:
        case tuple():
            return any(map(prints, phrase))
        case Strong():
            return prints(phrase.phrase)
    return isinstance(phrase, Figure)


@singledispatch
def facts(result: object) -> Facts:
    """What stands behind the figures of a result, by the names of NAMES; of a kind that has none to tell, nothing."""
    return ()


@facts.register
def _(result: Values) -> Facts:
    chosen = [find(name) for name in kpis(result)]
    hashes = [f"{each.title}: {each.formula} ({result.definitions.get(each.name, '')})" for each in chosen]
    halves = [each.formula.partition(" / ") for each in chosen]
    ways = dict.fromkeys(CHANCES.get(each.measure.name, "") for each in chosen)
    row = _only(result)
    return fact_list(
        "; ".join(hashes),
        "; ".join(dict.fromkeys(above for above, _, _ in halves)),
        "; ".join(dict.fromkeys(below or NOTHING for _, _, below in halves)),
        figure(row, "n") if row else ROWS,
        figure(row, "unripe") if row else ROWS,
        _sure(result, row, [way for way in ways if way]),
        "; ".join(dict.fromkeys(text for each in chosen for text in each.references)),
        ", ".join(dict.fromkeys(name for each in chosen for name in (*each.inputs, *each.components))),
        f"period {days_of(result.table)} · {result.fingerprint}",
    )


def _only(result: Values) -> dict[str, Any] | None:
    """The last row, where there is one figure a period."""
    names = kpis(result)
    alone = len(names) == 1 and not groups(result, names[0])
    return result.table.row(-1, named=True) if alone and result.table.height else None


def _sure(result: Values, row: dict[str, Any] | None, ways: Sequence[str]) -> Phrase:
    if result.table["low"].is_null().all() and result.table["high"].is_null().all():
        return NONE
    method = f" ({', '.join(ways)})" if ways else ""
    return (interval(row, currency=result.currency) or "none in the last period", method) if row else ROWS + method


@facts.register
def _(result: UnitEconomics) -> Facts:
    return facts(result.figures)


@facts.register
def _(result: Segmented) -> Facts:
    return facts(result.values)


@facts.register
def _(result: Scorecard) -> Facts:
    return standings_facts(result.standings, result.currency) if result.standings else ()


@facts.register
def _(result: Goals) -> Facts:
    chosen = [each for each in result.targets if each.history]
    names = dict.fromkeys(each.kpi for each in chosen)
    known = [each.history for each in chosen if each.history]
    files = dict.fromkeys(each.fingerprint for each in known)
    terms = "; ".join(f"{find(name).title}: {find(name).formula}" for name in names)
    return fact_list(
        f"Progress of each target from its base to what is wanted. {terms}",
        "how far the figure has come from its base",
        "how far it has to come",
        "as in the tile of each KPI",
        "a target whose figure is not ripe cannot be told",
        "of where the figure leads, in the row of the target",
        RULES.format("Where a figure leads, and whether a target will be reached"),
        ", ".join(dict.fromkeys(inputs for name in names for inputs in find(name).inputs)) or "no table",
        " · ".join(files) or "no figure of a target is known",
    )


@facts.register
def _(result: Signals) -> Facts:
    return facts(result.values)


@facts.register
def _(result: Opportunities) -> Facts:
    kpi = find(result.kpi)
    return fact_list(
        f"Parts of {kpi.title} that lie behind all others of their column: gap × whom they reach. {kpi.formula}",
        "gap: the figure of all other parts less that of the part; won: gap × n",
        kpi.formula.partition(" / ")[2] or NOTHING,
        ROWS,
        kpi.ripeness,
        f"{CHANCES.get(kpi.measure.name, '')}, in each row; clear where it leaves out what the others reach".lstrip(
            ", "
        ),
        "; ".join(kpi.references),
        *origin_in_words(result.origin, f"{result.start} to {result.end}, end excluded"),
    )


@facts.register
def _(result: Budget) -> Facts:
    return fact_list(
        f"What channels cost and bring beside a plan. {result.assumption}",
        "planned spend; of what it brings, the customers to expect times their gross profit",
        "what a new customer of the channel costs (CAC)",
        "new customers, in each row",
        find("cac").ripeness,
        "from the intervals of CAC and of LTV to CAC, in each row; the whole has none",
        "; ".join(find("cac").references),
        *origin_in_words(result.origin, f"from {result.start}"),
    )


@facts.register
def _(result: Forecast) -> Facts:
    return fact_list(
        "Payers to expect from open trials, and recurring revenue in the months to come; what each assumes stands in its row",
        "of payers, the trials that paid from the same age on; of revenue, its level and trend so far",
        "trials whose time is up",
        ROWS,
        "trials whose time is not up are what is judged",
        "95 %, in each row: posterior of the trials, and of the trend",
        RULES.format("Where a figure leads, and whether a target will be reached"),
        *origin_in_words(result.origin),
    )


@facts.register
def _(result: EarlyDepth) -> Facts:
    since, until = result.later
    return fact_list(
        f"New people in four groups by the time spent in the first {result.first}; back is who came on days {since} to {until - 1}",
        "people of the group who came back",
        "people of the group",
        ROWS,
        f"{plural(result.unripe, 'person', 'people')} whose later days are not over, left out",
        "Wilson's score interval (1927), in each row",
        RULES.format("Sessions"),
        *origin_in_words(result.origin),
    )


@facts.register
def _(result: Portfolio) -> Facts:
    chosen = {each.kpi.name: each.kpi for _, each in result.standings()}
    return fact_list(
        "; ".join(f"{each.title}: {each.formula}" for each in chosen.values()),
        "as the definition says",
        "as the definition says",
        ROWS,
        "a figure that is not ripe says so",
        "in each row, where the figure has one",
        "; ".join(dict.fromkeys(text for each in chosen.values() for text in each.references)),
        ", ".join(dict.fromkeys(text for each in chosen.values() for text in each.inputs)),
        "; ".join(f"{name} to {result.until[name]} · {text}" for name, text in result.fingerprints.items()),
    )


facts.register(Findings, findings_facts)
facts.register(Unhappy, unhappy_facts)
facts.register(Themes, themes_facts)
facts.register(Advice, advice_facts)
facts.register(Proposal, proposal_facts)
facts.register(FunnelResult, facts_shapes.funnel_facts)
facts.register(FunnelTrend, facts_shapes.trend_facts)
facts.register(FunnelComparison, facts_shapes.comparison_facts)
facts.register(DefinitionStrip, facts_shapes.strip_facts)
facts.register(CohortResult, facts_shapes.cohort_facts)
facts.register(Actives, facts_shapes.actives_facts)
facts.register(Sessions, facts_shapes.sessions_facts)
facts.register(Lifecycle, facts_shapes.lifecycle_facts)
facts.register(MrrBridge, facts_shapes.bridge_facts)
facts.register(Lifetime, facts_shapes.lifetime_facts)
facts.register(CohortRevenue, facts_shapes.brought_facts)
facts.register(Adoption, facts_shapes.adoption_facts)
facts.register(Intake, facts_shapes.intake_facts)
facts.register(Habits, facts_shapes.way_facts)
facts.register(Paths, facts_shapes.way_facts)
