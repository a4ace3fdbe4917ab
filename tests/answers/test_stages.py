"""The scenario table of the sources, row by row, and how stage and goal are put together."""

import pytest

from kpi_lib.answers.stages import GOALS, LIMIT, STAGES, stage
from kpi_lib.core.errors import UsageError
from kpi_lib.kpis.registry import catalogue, find
from tests.build import told

BUILD = ["release_velocity", "defect_density", "time_to_market", "dev_team_nps", "bug_resolution_time"]
ROWS = [
    ({"stage": "early"}, "early_acquisition", ["cac", "cpa", "new_signups"], ["dau", "mau", "feature_adoption_rate"]),
    (
        {"stage": "growth"},
        "growth_engagement",
        ["dau", "mau", "avg_session_duration"],
        ["arpu", "user_churn_rate", "paid_feature_conversion_rate"],
    ),
    (
        {"stage": "mature"},
        "mature_retention",
        ["user_churn_rate", "ltv", "subscription_renewal_rate"],
        ["uptime", "avg_support_response_time", "employee_satisfaction_score"],
    ),
    (
        {"goals": ["engagement"]},
        "goal_engagement",
        ["dau", "mau", "feature_adoption_rate", "actions_per_user"],
        [],
    ),
    (
        {"goals": ["revenue"]},
        "goal_revenue",
        ["arpu", "user_churn_rate", "paid_feature_conversion_rate"],
        ["ltv", "customer_support_costs", "marketing_impressions", "marketing_clicks", "campaign_conversions"],
    ),
]


def names(rows: tuple[dict[str, object], ...]) -> list[object]:
    return [row["kpi"] for row in rows]


@pytest.mark.parametrize(("asked", "scenario", "primary", "secondary"), ROWS, ids=[row[1] for row in ROWS])
def test_a_stage_or_a_goal_alone_is_its_row_exactly(
    asked: dict[str, object], scenario: str, primary: list[str], secondary: list[str]
) -> None:
    advice = stage(**asked)  # type: ignore[arg-type]
    assert names(advice.primary) == primary  # type: ignore[arg-type]
    assert names(advice.secondary) == secondary  # type: ignore[arg-type]
    assert {row["scenario"] for row in (*advice.primary, *advice.secondary)} == {scenario}
    assert all(row["reason"] for row in (*advice.primary, *advice.secondary))


def test_what_builds_the_product_is_watched_only_when_something_is_built() -> None:
    planned = stage(goals=["engagement"], new_features=True)
    assert names(planned.secondary) == BUILD  # type: ignore[arg-type]
    assert names(stage(goals=["revenue"], new_features=True).secondary) == ROWS[4][3]  # type: ignore[arg-type]


def test_with_both_the_stage_comes_first_and_nothing_comes_twice() -> None:
    advice = stage(stage="growth", goals=["revenue"])
    assert names(advice.primary) == ["dau", "mau", "avg_session_duration", "arpu", "user_churn_rate"]  # type: ignore[arg-type]
    over = advice.secondary[0]
    assert (over["kpi"], over["reason"], over["scenario"]) == ("paid_feature_conversion_rate", "limit", "goal_revenue")
    assert names(advice.secondary) == [  # type: ignore[arg-type]
        "paid_feature_conversion_rate",
        "ltv",
        "customer_support_costs",
        "marketing_impressions",
        "marketing_clicks",
        "campaign_conversions",
    ]
    assert any("more than 5 primary" in said for said in advice.warnings)


def test_a_kpi_of_both_is_primary_once_and_told_for_the_stage() -> None:
    advice = stage(stage="growth", goals=["engagement"])
    assert names(advice.primary) == ["dau", "mau", "avg_session_duration", "feature_adoption_rate", "actions_per_user"]  # type: ignore[arg-type]
    assert advice.primary[0]["scenario"] == "growth_engagement"
    assert advice.warnings == tuple(said for said in advice.warnings if "more than 5" not in said)


@pytest.mark.parametrize("chosen", [s for s in STAGES])
@pytest.mark.parametrize("goals", [[], ["engagement"], ["revenue", "engagement"], list(GOALS), ["revenue", "revenue"]])
def test_never_more_than_a_handful_and_never_twice(chosen: str, goals: list[str]) -> None:
    advice = stage(stage=chosen, goals=goals, new_features=True)
    all_names = [*names(advice.primary), *names(advice.secondary)]  # type: ignore[arg-type]
    assert len(advice.primary) <= LIMIT
    assert len(all_names) == len(set(all_names))
    wanted = {name for s in (STAGES[chosen], *(GOALS[goal] for goal in goals)) for name in (*s.primary, *s.secondary)}
    assert wanted <= set(all_names)


def test_what_the_data_allow_is_told() -> None:
    advice = stage(told("ann 01-05 v"), stage="growth", goals=["revenue"])
    rows = {row["kpi"]: row for row in (*advice.primary, *advice.secondary)}
    assert (rows["dau"]["available"], rows["dau"]["missing_inputs"]) == (True, [])
    assert rows["arpu"]["missing_inputs"] == ["transactions.user_id", "transactions.time", "transactions.amount"]
    assert not rows["arpu"]["available"]
    assert rows["ltv"]["missing_inputs"] == list(find("ltv").inputs)
    assert not rows["ltv"]["available"]


def test_every_kpi_of_the_table_is_declared() -> None:
    named = {
        name for s in (*STAGES.values(), *GOALS.values()) for name in (*s.primary, *s.secondary, *s.with_new_features)
    }
    assert named <= set(catalogue())


def test_gaps_of_the_table_are_said() -> None:
    mature = " ".join(stage(stage="mature").warnings)
    assert "no activation KPI" in mature
    assert "no retention KPI" not in mature
    engagement = " ".join(stage(goals=["engagement"]).warnings)
    assert "no retention KPI" in engagement
    assert "no satisfaction KPI" in engagement
    assert "no satisfaction KPI" not in " ".join(stage(goals=["satisfaction"]).warnings)
    assert "customers who cancel" in " ".join(stage(stage="mature", profile="saas").warnings)
    assert "customers who cancel" not in " ".join(stage(stage="mature", profile="commerce").warnings)
    absent = [name for name in (*STAGES["mature"].primary, *STAGES["mature"].secondary) if name not in catalogue()]
    assert ("not computed by this version yet" in mature) == bool(absent)
    assert all(name in mature for name in absent)


def test_unknown_words_are_refused_with_the_nearest() -> None:
    for options, match in (
        ({"stage": "grown"}, r"unknown stage 'grown'\. Did you mean growth"),
        ({"goals": ["revenu"]}, r"unknown goal 'revenu'\. Did you mean revenue"),
        ({"stage": "early", "profile": "sass"}, r"unknown profile 'sass'\. Did you mean saas"),
        ({}, "name a stage"),
    ):
        with pytest.raises(UsageError, match=match):
            stage(**options)  # type: ignore[arg-type]


def test_advice_as_a_table_and_as_json() -> None:
    advice = stage(stage="early")
    assert advice.table.columns == ["rank", "kpi", "reason", "scenario", "available", "missing_inputs"]
    assert advice.table["rank"].to_list() == ["primary"] * 3 + ["secondary"] * 3
    more = {"also", "counters", "families", "vanity", "north_star"}
    assert set(advice.to_dict()) == {"primary", "secondary", "warnings"} | more
    assert set(advice.to_dict()["primary"][0]) == {"kpi", "reason", "scenario", "available", "missing_inputs"}


def test_a_shop_is_taken_for_one_while_nobody_says_what_it_is() -> None:
    shop = told("", "a 01-05 1000\nb 01-06 2000")
    advice = stage(shop, stage="mature")
    assert advice.north_star == "active_customers"
    assert "a shop has nothing to renew: repeat_purchase_rate tells who buys again." in advice.warnings
    assert stage(shop, stage="mature", profile="app").north_star == "wau"
    assert stage(told("a 01-05 open"), stage="mature").north_star == "wau"
