"""Which KPIs, when: the scenario table of the sources, matched to stage and goals and to what the data allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from kpi_lib.answers import balance
from kpi_lib.answers.demands import available, missing_inputs
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
# a second document's advice and examples, beside the table
ALSO: Mapping[str, tuple[str, ...]] = {
    "early": ("product_adoption_rate", "feedback_volume"),
    "mature": ("customer_churn_rate", "ltv", "profit_margin"),
    "engagement": ("active_users", "avg_session_duration", "user_retention_rate"),
    "satisfaction": ("nps", "csat"),
}
PROFILES = ("saas", "freemium", "commerce", "app")
DEPTH = ("avg_session_duration", "feature_adoption_rate", "actions_per_user", "stickiness")
SUBSCRIPTION = ("saas", "freemium")


@dataclass(frozen=True, slots=True)
class Advice:
    """The KPIs to watch: rows of kpi, reason, scenario, available, missing_inputs; first and beside, with warnings.

    `also` holds what another document advises for the same. `counters` names for each primary KPI what would show that it
    was reached the wrong way, `families` the KPIs of usage, money and satisfaction, `vanity` those that explain nothing,
    each with the figure to act on instead, `inputs` what moves the north star.
    """

    primary: tuple[Mapping[str, Any], ...]
    secondary: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    also: tuple[Mapping[str, Any], ...] = ()
    counters: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    vanity: Mapping[str, str] = field(default_factory=dict)
    north_star: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()

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
            "also": [dict(r) for r in self.also],
            "counters": dict(self.counters),
            "families": dict(self.families),
            "vanity": dict(self.vanity),
            "north_star": {"kpi": self.north_star, "inputs": list(self.inputs)},
        }


def stage(
    data: Dataset | None = None,
    *,
    stage: str | None = None,
    goals: Sequence[str] = (),
    profile: str | None = None,
    new_features: bool = False,
    north_star: str | None = None,
    limit: int = LIMIT,
) -> Advice:
    """Choose KPIs for a stage, goals or both: the stage's primaries first, then the goals'; beyond `limit` they step back.

    Without a north star one that the data allow is proposed.
    """
    if limit < 1:
        raise UsageError(f"a limit of {limit} leaves no KPI: write 1 or more, as in limit=5.")
    chosen = _scenarios(stage, goals, profile)
    taken = profile or (profile_of(data) if data is not None else None)
    primary = _merge([(s, name) for s in chosen for name in s.primary])
    beside = [(s, name) for s in chosen for name in (*s.secondary, *(s.with_new_features if new_features else ()))]
    kept, over = dict(list(primary.items())[:limit]), dict(list(primary.items())[limit:])
    secondary = over | {name: s for name, s in _merge(beside).items() if name not in primary}
    rows = [_row(name, s, data, s.label) for name, s in kept.items()]
    more = [_row(name, s, data, "limit" if name in over else s.label) for name, s in secondary.items()]
    lacking = available(data) if data is not None else {}
    star = find(north_star).name if north_star else balance.north_star(taken, lacking)
    names = [*kept, *secondary]
    advice = Advice(
        tuple(rows), tuple(more), (), _also(chosen, names, data), balance.counters(kept, lacking),
        balance.families(names), balance.vanity(names), star, tuple(balance.drivers(star)),
    )  # fmt: skip
    many = [f"{len(over)} more than {limit} primary KPIs: a handful gets attention, a dozen does not."] if over else []
    many += [f"{len(kept)} primary KPIs: a handful ({LIMIT}) gets attention."] if len(kept) > LIMIT else []
    return replace(advice, warnings=(*many, *_gaps(names, lacking), *_misfits(advice, taken)))


def profile_of(data: Dataset) -> str | None:
    """What kind of product the tables speak of, while nobody has said it: one with subscriptions, a shop, or unknown."""
    if data.columns("subscriptions"):
        return "saas"
    return "commerce" if data.columns("transactions") and not data.columns("events") else None


def _also(chosen: Sequence[Scenario], names: Sequence[str], data: Dataset | None) -> tuple[Mapping[str, Any], ...]:
    """What the other document advises and the table does not name."""
    words = {id(scenario): word for word, scenario in (*STAGES.items(), *GOALS.items())}
    found: dict[str, Mapping[str, Any]] = {}
    for scenario in chosen:
        for name in ALSO.get(words[id(scenario)], ()):
            if name not in names:
                found.setdefault(name, _row(name, scenario, data, f"another document, {scenario.label}"))
    return tuple(found.values())


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


def _gaps(names: list[str], lacking: Mapping[str, list[str]]) -> list[str]:
    """What the table leaves out: depth, retention, activation, and families that none is of."""
    said = []
    if any(k in names for k in ("dau", "mau")) and not any(k in names for k in DEPTH):
        said.append(
            "daily and monthly actives do not tell what people do: set a depth figure such as avg_session_duration beside them."
        )
    if not any(k.startswith("retention_") or "retention" in k or "churn" in k or "repeat" in k for k in names):
        said.append("no retention KPI among them: add retention_day_7 or, for shops, repeat_purchase_rate.")
    if not any("activation" in k for k in names):
        said.append("no activation KPI among them: activation_rate shows whether newcomers reach the value.")
    absent = balance.missing(names, lacking)
    return said + [f"no {each} KPI among them: {UNTOLD[each]}, add {name}." for each, name in absent.items()]


UNTOLD = {
    balance.USAGE: "money and opinions do not tell whether people use the product",
    balance.MONEY: "usage and opinions do not tell whether it pays",
    balance.SATISFACTION: "usage and money do not tell whether people are content",
}


def _misfits(advice: Advice, profile: str | None) -> list[str]:
    """What does not fit the product, what is not balanced, and what explains nothing."""
    names = [row["kpi"] for row in (*advice.primary, *advice.secondary)]
    said = [
        f"{name} looks good and explains nothing{f': judge by {other}' if other else ', keep it aside'}."
        for name, other in advice.vanity.items()
    ]
    alone = [row["kpi"] for row in advice.primary if row["kpi"] not in advice.counters]
    if alone:
        said.append(f"nothing shows whether {', '.join(alone)} is reached the wrong way: name a counter-metric.")
    if profile in SUBSCRIPTION and "user_churn_rate" in names:
        said.append(
            "with subscriptions, customers who cancel matter more than users who pause: set customer churn beside user_churn_rate."
        )
    if profile == "commerce" and "subscription_renewal_rate" in names:
        said.append("a shop has nothing to renew: repeat_purchase_rate tells who buys again.")
    return said
