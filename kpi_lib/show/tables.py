"""Tables of results, every figure with its interval and n."""

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
from kpi_lib.show.themes import themes_table


@singledispatch
def table(result: object) -> Table:
    """Put a result into a table that a report or a notebook shows."""
    if isinstance(result, quality.Checked):
        return quality.findings_table(result)
    raise TypeError(f"{type(result).__name__} is no result that has a table")


table.register(FunnelResult, funnels.steps_table)
table.register(FunnelTrend, funnel_trend.trend_table)
table.register(FunnelComparison, funnel_compare.comparison_table)
table.register(DefinitionStrip, funnel_strip.strip_table)
table.register(CohortResult, cohorts.cohort_table)
table.register(Actives, active.actives_table)
table.register(Sessions, active.sessions_table)
table.register(Lifecycle, lifecycles.lifecycle_table)
table.register(Paths, flows.paths_table)
table.register(Adoption, adoption.adoption_table)
table.register(Habits, habits.habits_table)
table.register(Values, values.values_table)
table.register(Advice, advice.advice_table)
table.register(Goals, goals.goals_table)
table.register(Intake, intakes.intake_table)
table.register(FollowUp, decisions.follow_up_table)
table.register(Taken, decisions.taken_table)
table.register(DrillDown, drilling.drill_table)
table.register(Review, reviews.review_table)
table.register(Themes, themes_table)
table.register(Scorecard, standings.scorecard_table)
table.register(Portfolio, standings.portfolio_table)
table.register(Lifetime, lifetimes.lifetime_table)
table.register(MrrBridge, bridges.bridge_table)
table.register(CohortRevenue, economics.brought_table)
table.register(Budget, budgets.budget_table)
table.register(Opportunities, chances.opportunities_table)
table.register(EarlyDepth, depths.depth_table)
table.register(UnitEconomics, economics.economics_table)
table.register(Findings, rules.rules_table)
table.register(Signals, signals.signals_table)
table.register(Forecast, forecasts.forecast_table)
