"""The KPI workbench's library: definitions of record, exact calculations, figures that carry their story.

>>> import kpi_lib as kpi
>>> kpi.Funnel(("view", "buy"), within="7d").order
'ordered'
"""

import importlib
from typing import Any

_PLACES = {
    "core.dataset": ("Dataset",),
    "core.errors": ("DataError", "KpiError", "ReportError", "UsageError", "WorkspaceError"),
    "core.period": ("Grid", "last_complete", "parse_period"),
    "shapes.adoption": ("Adoption", "adoption"),
    "shapes.bridge": ("MrrBridge", "mrr_bridge"),
    "shapes.cohort": ("CohortResult", "Cohorts", "cohorts"),
    "shapes.early_depth": ("EarlyDepth", "early_depth"),
    "shapes.engagement": ("Habits", "habits"),
    "shapes.funnel": ("Funnel", "FunnelResult", "attempts", "funnel"),
    "shapes.funnel_compare": ("FunnelComparison", "compare_funnels"),
    "shapes.funnel_strip": ("DefinitionStrip", "definition_strip"),
    "shapes.funnel_trend": ("FunnelTrend", "funnel_trend", "ripe_period"),
    "shapes.lifecycle": ("Lifecycle", "daily_states", "lifecycle"),
    "shapes.paths": ("Paths", "paths"),
    "shapes.lifetime": ("Lifetime", "lifetime"),
    "shapes.rhythm": ("usual_grain",),
    "shapes.sessions": ("SessionRules", "Sessions", "session_figures"),
    "kpis.registry": ("Kpi", "catalogue", "find", "kpi"),
    "answers.actives": ("Actives", "actives"),
    "answers.budget": ("Budget", "budget"),
    "answers.cohort_revenue": ("CohortRevenue", "cohort_revenue"),
    "answers.compute": ("Values", "compute", "segmentable"),
    "answers.contributions": ("Contributions", "contributions"),
    "answers.decisions": ("Decision", "FollowUp", "Taken", "follow_up", "taken"),
    "answers.demands": ("available",),
    "answers.drilling": ("DrillDown", "drill_down"),
    "answers.forecast": ("Forecast", "forecast"),
    "answers.goals": ("Goals", "goals"),
    "answers.intake": ("Intake", "intake"),
    "answers.opportunities": ("Opportunities", "opportunities"),
    "answers.portfolio": ("Portfolio",),
    "answers.proposal": ("Proposal", "propose_stage"),
    "answers.review": ("Review", "Unhappy", "review", "unhappy"),
    "answers.scorecard": ("Scorecard", "scorecard"),
    "answers.smart": ("statement",),
    "answers.rulebook": ("Findings",),
    "answers.rules": ("rules",),
    "answers.signals": ("Signal", "Signals", "signals"),
    "answers.stages": ("Advice", "stage"),
    "answers.targets": ("TargetStatus", "targets"),
    "answers.themes": ("Themes", "themes"),
    "answers.unit_economics": ("UnitEconomics", "unit_economics"),
    "sources.quality": ("Check", "check"),
    "sources.starter": ("write_starter",),
    "reporting.notebooks": ("conclude", "declared_funnel", "handful", "learned", "months_to", "open_workspace"),
    "reporting.portfolio": ("portfolio",),
    "reporting.session": ("decide",),
    "sources.workspace": ("Workspace",),
    "show.charts": ("chart",),
    "show.charts_star": ("north_star",),
    "show.cohort_curves": ("cohort_means", "cohort_survival"),
    "show.funnel_times": ("funnel_times",),
    "show.chooser": ("KpiChooser",),
    "show.goals": ("verdicts",),
    "show.lifetimes": ("payback",),
    "show.quality": ("pills",),
    "show.say": ("by_segment", "say"),
    "show.standings": ("teams",),
    "show.tables": ("table",),
    "show.tiles": ("headline", "tiles"),
    "show.explore_cohorts": ("CohortExplorer", "explore_cohorts"),
    "show.explore_funnel": ("FunnelExplorer", "explore_funnel"),
    "show.explore_paths": ("PathExplorer", "explore_paths"),
    "show.explore_scorecard": ("ScorecardExplorer", "explore_scorecard"),
    "show.explore_segments": ("SegmentExplorer", "explore_segments"),
}
_HOME = {name: place for place, names in _PLACES.items() for name in names}

__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Load a public name from its room on first use, so that importing the library loads only Polars."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"kpi_lib.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """All public names."""
    return [*__all__, "__version__"]
