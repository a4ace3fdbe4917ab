"""Tables of results, every figure with its interval and n."""

from dataclasses import replace
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
from kpi_lib.answers.review import Review
from kpi_lib.answers.rulebook import Findings
from kpi_lib.answers.scorecard import Scorecard
from kpi_lib.answers.signals import Signals
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
    values,
)
from kpi_lib.show.blocks import Table
from kpi_lib.show.facts import facts
from kpi_lib.show.themes import themes_table


def table(result: object) -> Table:
    """Put a result into a table that a report or a notebook shows; what its figures are unfolds below."""
    shown = _table(result)
    return shown if shown.facts or not shown.rows else replace(shown, facts=facts(result))


@singledispatch
def _table(result: object) -> Table:
    if isinstance(result, quality.Checked):
        return quality.findings_table(result)
    raise TypeError(f"{type(result).__name__} is no result that has a table")


_table.register(FunnelResult, funnels.steps_table)
_table.register(FunnelTrend, funnel_trend.trend_table)
_table.register(FunnelComparison, funnel_compare.comparison_table)
_table.register(DefinitionStrip, funnel_strip.strip_table)
_table.register(CohortResult, cohorts.cohort_table)
_table.register(Actives, active.actives_table)
_table.register(Sessions, active.sessions_table)
_table.register(Lifecycle, lifecycles.lifecycle_table)
_table.register(Paths, flows.paths_table)
_table.register(Adoption, adoption.adoption_table)
_table.register(Habits, habits.habits_table)
_table.register(Values, values.values_table)
_table.register(Advice, advice.advice_table)
_table.register(Goals, goals.goals_table)
_table.register(Intake, intakes.intake_table)
_table.register(FollowUp, decisions.follow_up_table)
_table.register(Taken, decisions.taken_table)
_table.register(DrillDown, drilling.drill_table)
_table.register(Review, reviews.review_table)
_table.register(Themes, themes_table)
_table.register(Scorecard, standings.scorecard_table)
_table.register(Portfolio, standings.portfolio_table)
_table.register(Lifetime, lifetimes.lifetime_table)
_table.register(MrrBridge, bridges.bridge_table)
_table.register(CohortRevenue, economics.brought_table)
_table.register(Budget, budgets.budget_table)
_table.register(Opportunities, chances.opportunities_table)
_table.register(EarlyDepth, depths.depth_table)
_table.register(UnitEconomics, economics.economics_table)
_table.register(Findings, rules.rules_table)
_table.register(Signals, signals.signals_table)
_table.register(Forecast, forecasts.forecast_table)
