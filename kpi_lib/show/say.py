"""Computed sentences: what a result says, with its uncertainty, never typed by hand."""

from functools import singledispatch

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.budget import Budget
from kpi_lib.answers.cohort_revenue import CohortRevenue
from kpi_lib.answers.compute import Values
from kpi_lib.answers.decisions import FollowUp, Taken
from kpi_lib.answers.drilling import DrillDown
from kpi_lib.answers.forecast import Forecast
from kpi_lib.answers.goals import Goals
from kpi_lib.answers.intake import Intake
from kpi_lib.answers.opportunities import Opportunities
from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.proposal import Proposal
from kpi_lib.answers.review import Review, Unhappy
from kpi_lib.answers.rulebook import Findings
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.answers.signals import Signals
from kpi_lib.answers.smart import Statement
from kpi_lib.answers.stages import Advice
from kpi_lib.answers.themes import Themes
from kpi_lib.answers.unit_economics import UnitEconomics
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
from kpi_lib.show import (
    active,
    adoption,
    advice,
    bridges,
    budgets,
    chances,
    cohorts,
    decisions,
    depths,
    drilling,
    economics,
    flows,
    forecasts,
    funnel_compare,
    funnel_strip,
    funnel_trend,
    funnels,
    goals,
    habits,
    intakes,
    lifecycles,
    lifetimes,
    quality,
    reviews,
    rules,
    signals,
    standings,
    tiles,
    values,
)
from kpi_lib.show.blocks import Headline, Say
from kpi_lib.show.themes import themes_sentence

UNCUT = (
    "No column cuts these data into a few groups, so nobody can be told apart here. The parameter “by” can name one with "
    "more values."
)


def by_segment(result: FunnelResult | CohortResult | Values) -> object:
    """A result by segment as it is; of one that no column cuts the sentence that says so, instead of the whole once more."""
    return result if result.by else Say(UNCUT)


@singledispatch
def say(result: object) -> Say | Headline:
    """Tell a result in sentences: what it is, how sure, and what cannot be told yet."""
    if isinstance(result, quality.Checked):
        return quality.sentence(result)
    raise TypeError(f"{type(result).__name__} is no result that can be told")


say.register(FunnelResult, funnels.sentence)
say.register(FunnelTrend, funnel_trend.sentence)
say.register(FunnelComparison, funnel_compare.sentence)
say.register(DefinitionStrip, funnel_strip.sentence)
say.register(CohortResult, cohorts.sentence)
say.register(Actives, active.actives_sentence)
say.register(Sessions, active.sessions_sentence)
say.register(Lifecycle, lifecycles.sentence)
say.register(Paths, flows.sentence)
say.register(Adoption, adoption.sentence)
say.register(Habits, habits.sentence)
say.register(Values, values.sentence)
say.register(Advice, advice.sentence)
say.register(Proposal, advice.proposal_sentence)
say.register(Goals, goals.goals_sentence)
say.register(Statement, goals.statement_sentence)
say.register(Intake, intakes.sentence)
say.register(FollowUp, decisions.sentence)
say.register(Taken, decisions.taken_sentence)
say.register(DrillDown, drilling.sentence)
say.register(Review, reviews.sentence)
say.register(Unhappy, reviews.unhappy_sentence)
say.register(Themes, themes_sentence)
say.register(Scorecard, tiles.headline)
say.register(Portfolio, standings.portfolio_headline)
say.register(Lifetime, lifetimes.lifetime_sentence)
say.register(MrrBridge, bridges.bridge_sentence)
say.register(CohortRevenue, economics.brought_sentence)
say.register(Budget, budgets.budget_sentence)
say.register(Opportunities, chances.opportunities_sentence)
say.register(EarlyDepth, depths.depth_sentence)
say.register(UnitEconomics, economics.economics_sentence)
say.register(Findings, rules.rules_sentence)
say.register(Signals, signals.signals_sentence)
say.register(Forecast, forecasts.forecast_sentence)
