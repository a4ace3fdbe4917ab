"""Which KPIs, when: the scenario table of the sources, matched to stage and goals and to what the data allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kpi_lib.answers.demands import missing_inputs
from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import UsageError, unknown
from kpi_lib.kpis.registry import GEEKS, UNDERSTANDING, find

LIMIT = 5


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the scenario table: what to watch first, and what beside it."""

    name: str
    label: str
    primary: tuple[str, ...]
    secondary: tuple[str, ...]
    with_new_features: tuple[str, ...] = ()
    source: str = GEEKS


STAGES: Mapping[str, Scenario] = {
    "early": Scenario(
        "early_acquisition",
        "early stage: winning users",
        ("cac", "cpa", "new_signups"),
        ("dau", "mau", "feature_adoption_rate"),
    ),
    "growth": Scenario(
        "growth_engagement",
        "growth stage: deepening engagement",
        ("dau", "mau", "avg_session_duration"),
        ("arpu", "user_churn_rate", "paid_feature_conversion_rate"),
    ),
    "mature": Scenario(
        "mature_retention",
        "mature stage: keeping users",
        ("user_churn_rate", "ltv", "subscription_renewal_rate"),
        ("uptime", "avg_support_response_time", "employee_satisfaction_score"),
    ),
}
GOALS: Mapping[str, Scenario] = {
    "engagement": Scenario(
        "goal_engagement",
        "goal: more engagement",
        ("dau", "mau", "feature_adoption_rate", "actions_per_user"),
        (),
        ("release_velocity", "defect_density", "time_to_market", "dev_team_nps", "bug_resolution_time"),
    ),
    "revenue": Scenario(
        "goal_revenue",
        "goal: more revenue",
        ("arpu", "user_churn_rate", "paid_feature_conversion_rate"),
        ("ltv", "customer_support_costs", "marketing_impressions", "marketing_clicks", "campaign_conversions"),
    ),
    "satisfaction": Scenario(
        "goal_satisfaction", "goal: more satisfied users", ("nps", "csat"), (), source=UNDERSTANDING
    ),
}
PROFILES = ("saas", "freemium", "commerce", "app")
DEPTH = ("avg_session_duration", "feature_adoption_rate", "actions_per_user", "stickiness")
SUBSCRIPTION = ("saas", "freemium")


@dataclass(frozen=True, slots=True)
class Advice:
    """The KPIs to watch: rows of kpi, reason, scenario, available, missing_inputs; first and beside, with warnings."""

    primary: tuple[Mapping[str, Any], ...]
    secondary: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]

    @property
    def computable(self) -> tuple[str, ...]:
        """The names of those that these data allow, in order."""
        return tuple(row["kpi"] for row in (*self.primary, *self.secondary) if row["available"])

    @property
    def table(self) -> pl.DataFrame:
        """One row per KPI: rank (primary, secondary), kpi, reason, scenario, available, missing_inputs."""
        rows = [
            {"rank": rank, **row}
            for rank, part in (("primary", self.primary), ("secondary", self.secondary))
            for row in part
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """The advice as JSON values."""
        return {
            "primary": [dict(r) for r in self.primary],
            "secondary": [dict(r) for r in self.secondary],
            "warnings": list(self.warnings),
        }


def stage(
    data: Dataset | None = None,
    *,
    stage: str | None = None,
    goals: Sequence[str] = (),
    profile: str | None = None,
    new_features: bool = False,
) -> Advice:
    """Choose KPIs for a stage, goals or both: the stage's primaries first, then the goals'; beyond five they step back."""
    chosen = _scenarios(stage, goals, profile)
    primary = _merge([(s, name) for s in chosen for name in s.primary])
    beside = [(s, name) for s in chosen for name in (*s.secondary, *(s.with_new_features if new_features else ()))]
    kept, over = dict(list(primary.items())[:LIMIT]), dict(list(primary.items())[LIMIT:])
    secondary = over | {name: s for name, s in _merge(beside).items() if name not in primary}
    rows = [_row(name, s, data, s.label) for name, s in kept.items()]
    more = [_row(name, s, data, "limit" if name in over else s.label) for name, s in secondary.items()]
    return Advice(tuple(rows), tuple(more), tuple(_warnings(list(kept), list(secondary), profile, over)))


def _scenarios(stage: str | None, goals: Sequence[str], profile: str | None) -> list[Scenario]:
    if stage is not None and stage not in STAGES:
        raise unknown("stage", stage, STAGES)
    if profile is not None and profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    for goal in goals:
        if goal not in GOALS:
            raise unknown("goal", goal, GOALS)
    chosen = ([STAGES[stage]] if stage else []) + [GOALS[goal] for goal in dict.fromkeys(goals)]
    if not chosen:
        raise UsageError("name a stage (early, growth, mature), a goal (engagement, revenue, satisfaction) or both.")
    return chosen


def _merge(named: list[tuple[Scenario, str]]) -> dict[str, Scenario]:
    merged: dict[str, Scenario] = {}
    for scenario, name in named:
        merged.setdefault(name, scenario)
    return merged


def _row(name: str, scenario: Scenario, data: Dataset | None, reason: str) -> dict[str, Any]:
    missing = [] if data is None else missing_inputs(find(name), data)
    return {
        "kpi": name,
        "reason": reason,
        "scenario": scenario.name,
        "available": not missing,
        "missing_inputs": missing,
    }


def _warnings(primary: list[str], secondary: list[str], profile: str | None, over: Mapping[str, Scenario]) -> list[str]:
    said = []
    if over:
        said.append(f"{len(over)} more than {LIMIT} primary KPIs: a handful gets attention, a dozen does not.")
    both = [*primary, *secondary]
    if any(k in both for k in ("dau", "mau")) and not any(k in both for k in DEPTH):
        said.append(
            "daily and monthly actives do not tell what people do: set a depth figure such as avg_session_duration beside them."
        )
    if not any(k.startswith("retention_") or "retention" in k or "churn" in k or "repeat" in k for k in both):
        said.append("no retention KPI among them: add retention_day_7 or, for shops, repeat_purchase_rate.")
    if not any(k in both for k in ("nps", "csat", "employee_satisfaction_score")):
        said.append(
            "no satisfaction KPI among them: usage and money do not tell whether people are content (nps, csat)."
        )
    if not any("activation" in k for k in both):
        said.append("no activation KPI among them: activation_rate shows whether newcomers reach the value.")
    if profile in SUBSCRIPTION and "user_churn_rate" in both:
        said.append(
            "with subscriptions, customers who cancel matter more than users who pause: set customer churn beside user_churn_rate."
        )
    return said
