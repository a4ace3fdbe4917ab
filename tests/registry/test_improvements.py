"""What is plainly better moves every KPI the way that its declaration calls better."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache

import polars as pl
import pytest

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.units import CONTEXT, UP
from kpi_lib.kpis.registry import catalogue

from .worlds import NAMES, Figures, grid_of, remade, twofold, usual, world

KPIS = catalogue()
SEED = 0
Tables = dict[str, pl.DataFrame]
BEST = {"nps": 10, "csat": 5, "rating": 5, "ces": 7, "sus": 100, "satisfaction": 5, "engagement": 5, "enps": 10}


def sooner(table: str, begin: str, *ends: str) -> Callable[[Tables], Tables]:
    """What lasted from `begin` on takes half the time."""
    halves = [(pl.col(begin) + (pl.col(end) - pl.col(begin)) / 2).alias(end) for end in ends]
    return lambda tables: {table: tables[table].with_columns(halves)}


def with_(table: str, **columns: pl.Expr) -> Callable[[Tables], Tables]:
    return lambda tables: {table: tables[table].with_columns(**columns)}


def fewer(*names: str) -> Callable[[Tables], Tables]:
    return lambda tables: {name: tables[name].gather_every(2) for name in names}


def all_days(tables: Tables) -> Tables:
    """From their first event on, everybody does everything every day."""
    firsts = tables["events"].group_by("user_id").agg(pl.col("time").min(), pl.col("plan").first())
    days = firsts.join(pl.DataFrame({"day": range(1, 77)}), how="cross")
    acts = pl.DataFrame({"event": ["view", "search", "buy", "login"], "minute": [0, 9, 18, 27]})
    more = days.join(acts, how="cross").with_columns(
        time=pl.col("time") + pl.duration(days="day", minutes="minute"), version=pl.lit("1.0")
    )
    return {"events": pl.concat([tables["events"], more.select(tables["events"].columns)])}


def latest_version(tables: Tables) -> Tables:
    out = tables["releases"].select("time", new="version").sort("time")
    events = tables["events"].sort("time").join_asof(out, on="time")
    return {"events": events.with_columns(version=pl.coalesce("new", "version")).drop("new")}


def replies_sooner(tables: Tables) -> Tables:
    met = tables["ticket_messages"].join(tables["tickets"].select("ticket_id", "opened"), on="ticket_id", how="left")
    half = pl.col("opened") + (pl.col("time") - pl.col("opened")) / 2
    return {"ticket_messages": met.with_columns(time=half).drop("opened")}


def growing(tables: Tables) -> Tables:
    """Every week sales are twice those of the week before, as they are beside it."""
    week = grid_of(world(SEED)).period(pl.col("time")).fill_null(0)
    return {"transactions": tables["transactions"].with_columns(amount=pl.col("amount").abs() * 2 ** (week + 1))}


def alike(tables: Tables) -> Tables:
    """Every customer of a week pays the same in it."""
    week = grid_of(world(SEED)).period(pl.col("time"))
    sold = pl.col("kind") == "sale"
    share = 2_520 // sold.sum().over("user_id", week).cast(pl.Int64)
    return {"transactions": tables["transactions"].with_columns(amount=pl.when(sold).then(share).otherwise(0))}


def launched(tables: Tables) -> Tables:
    """What is launched in between sells nine times as well."""
    launch = tables["products"].filter(pl.col("product") == "p2")["launch_ts"][0]
    sold = (pl.col("product") == "p2") & (pl.col("time") >= launch) & (pl.col("kind") == "sale")
    return {
        "transactions": tables["transactions"].with_columns(
            pl.when(sold).then(pl.col("amount") * 9).otherwise("amount")
        )
    }


def again(tables: Tables) -> Tables:
    sales = tables["transactions"].filter(pl.col("kind") == "sale")
    more = sales.with_columns(pl.col("order_id") + "x", time=pl.col("time") + timedelta(microseconds=1))
    return {"transactions": pl.concat([tables["transactions"], more])}


def newcomers(tables: Tables) -> Tables:
    """Every week some more begin to pay, and have left again before it ends."""
    weeks = [start + timedelta(days=2) for start in grid_of(world(SEED)).starts]
    rows = [(f"y{n}", f"new{n}", at, at + timedelta(days=1), 900) for n, at in enumerate(weeks)]
    more = pl.DataFrame(rows, schema=["subscription_id", "user_id", "start", "end", "mrr"], orient="row")
    typed = more.with_columns(pl.col("start", "end").cast(tables["subscriptions"].schema["start"]))
    return {"subscriptions": pl.concat([tables["subscriptions"], typed], how="diagonal")}


def paying(tables: Tables) -> Tables:
    """Everybody pays from the day after the sign-up on."""
    users = tables["users"].drop_nulls("signup_ts").select("user_id", start=pl.col("signup_ts") + timedelta(days=1))
    rows = users.with_columns(subscription_id="z" + pl.col("user_id"), mrr=pl.lit(900, pl.Int64), is_trial=False)
    return {"subscriptions": pl.concat([tables["subscriptions"], rows], how="diagonal")}


def staying(tables: Tables) -> Tables:
    """Of those who leave, every second stays."""
    rows = tables["subscriptions"].with_row_index("row")
    return {"subscriptions": rows.with_columns(end=pl.when(pl.col("row") % 2 == 1).then("end")).drop("row")}


SCORE = pl.when(pl.col("item").is_null()).then(pl.col("kind").replace_strict(BEST, return_dtype=pl.Float64))
SALES = pl.when(pl.col("kind") == "sale").then(pl.col("amount") * 2).otherwise("amount")
TRIAL = pl.col("trial_start")
# on the whole only: who has stayed cannot come back, and a tenth of few customers is rounded up
MIXED = ("net_mrr_churn", "revenue_concentration")
# a change for the better, and the KPIs that must show it
BETTER: Mapping[str, tuple[tuple[Callable[[Tables], Tables], ...], str]] = {
    "twice the people and twice of what they do": (
        (twofold,),
        "new_users new_customers new_signups trial_signups app_downloads wau orders active_customers mrr "
        "marketing_clicks campaign_conversions organic_traffic referral_traffic market_share relative_user_base "
        "deployment_frequency",
    ),
    "everybody comes every day": (
        (all_days,),
        "dau mau active_users stickiness actions_per_user active_user_ratio bounce_rate feature_adoption_rate "
        "feature_usage_frequency feature_engagement_depth product_adoption_rate retention_day_1 retention_day_7 "
        "retention_day_30 user_retention_rate user_churn_rate goal_conversion_rate activation_rate funnel_dropoff_rate "
        "benchmark_gap",
    ),
    "everybody has the latest version": ((latest_version,), "update_adoption_rate"),
    "only who signs up visits": (
        (lambda tables: {"web_visits": tables["web_visits"].filter(pl.col("visitor_id").str.starts_with("w"))},),
        "visitor_to_signup_rate",
    ),
    "half the time": (
        (
            sooner("tickets", "opened", "first_response", "resolved"), replies_sooner, sooner("defects", "opened", "closed"),
            sooner("incidents", "start", "detected", "repair_start", "end"), sooner("deals", "lead_ts", "closed_ts"),
            with_("requests", latency_ms=pl.col("latency_ms") / 2), sooner("features", "launched", "started"),
            sooner("inquiries", "received", "responded"), sooner("releases", "time", "committed"),
            sooner("work_items", "created", "completed"), sooner("notifications", "time", "cleared_ts"),
        ),
        "first_response_time avg_support_response_time bug_resolution_time bug_resolution_rate active_defects uptime mtbf "
        "mttr_repair mttr_resolution failed_deployment_recovery_time sales_cycle_length site_response_time "
        "api_latency apdex time_to_market inquiry_response_time change_lead_time overdue_tasks uncleared_notifications",
    ),
    "all are content, and nothing goes wrong": (
        (
            with_("surveys", score=SCORE.when(pl.col("item") % 2 == 1).then(5.0).otherwise(1.0)),
            with_("reviews", rating=pl.lit(5.0)), with_("mentions", sentiment=pl.lit("positive")),
            with_("employee_surveys", score=pl.col("kind").replace_strict(BEST, return_dtype=pl.Float64)),
            with_("tickets", csat=pl.lit(5.0), escalated=pl.lit(False), reopened=pl.lit(False), contacts=pl.lit(1, pl.Int64)),
            with_("usability_tasks", completed=pl.lit(True), errors=pl.lit(0, pl.Int64)),
            with_("requests", status=pl.lit(200, pl.Int64)), with_("tests", result=pl.lit("passed"), automated=pl.lit(True)),
            with_("defects", severity=pl.lit("minor"), status=pl.lit("closed")),
            with_("emails", opened="delivered", clicked="delivered"), with_("deals", won=pl.lit(True)),
            with_("releases", kind=pl.lit("feature")),
            with_("goals", current_value="target_value"), with_("social", likes=pl.col("likes") * 2 + 1),
        ),
        "nps nps_promoter_share nps_detractor_share csat csat_mean sus ces avg_review_rating employee_satisfaction_score "
        "dev_team_nps kpi_rating_score employee_engagement brand_sentiment support_csat support_escalation_rate "
        "escalated_tickets first_contact_resolution task_completion_rate usability_error_rate app_error_rate failed_tests "
        "tests_passed test_automation_rate rejected_defects severe_defects email_open_rate "
        "email_click_rate lead_to_sale_rate deployment_rework_rate goal_progress social_engagement_rate",
    ),
    "the team finds all defects": ((with_("defects", found_by=pl.lit("team")),), "defect_detection_effectiveness"),
    "half of what is bad": (
        (fewer("tickets", "defects", "incidents"), with_("costs", amount=pl.col("amount") // 2),
         with_("marketing_spend", amount=pl.col("amount") // 2), with_("units", failed=pl.lit(None, pl.Datetime("us", "UTC")))),
        "ticket_volume customer_support_costs defect_density change_failure_rate cpa cac cac_payback_period ltv_cac_ratio "
        "gross_margin profit_margin",
    ),
    "every tenth machine does not fail": (
        (with_("units", failed=pl.when(pl.col("unit_id").str.ends_with("1").not_()).then("failed")),), "mttf",
    ),
    "sales bring twice as much": (
        (with_("transactions", amount=SALES),),
        "total_revenue arpu arppu average_order_value feature_attributed_revenue roi",
    ),
    "sales grow": ((growing,), "revenue_growth_rate"),
    "all customers pay the same": ((alike,), "revenue_concentration revenue_gini"),
    "new products sell": ((launched,), "new_product_revenue_share"),
    "everything is bought again": ((again,), "repeat_purchase_rate"),
    "subscriptions cost twice as much": ((with_("subscriptions", mrr=pl.col("mrr") * 2),), "arpa ltv"),
    "every second stays": (
        (staying,),
        "customer_retention_rate customer_churn_rate grr nrr gross_mrr_churn net_mrr_churn quick_ratio relative_churn_rate "
        "avg_customer_lifetime",
    ),
    "all renew, and trials are paid for after a day": (
        (with_("subscriptions", renewed_ts="term_end", end=pl.lit(None, pl.Datetime("us", "UTC")), is_trial=pl.lit(False),
               mrr=pl.lit(900, pl.Int64), trial_end=TRIAL + timedelta(days=1)),),
        "subscription_renewal_rate trial_to_paid_rate time_to_convert",
    ),
    "more begin to pay": ((newcomers,), "relative_acquisition_rate"),
    "everybody pays": ((paying,), "free_to_paid_rate paid_feature_conversion_rate"),
}  # fmt: skip


@cache
def better(how: str) -> Figures:
    data = world(SEED)
    tables = dict(data.tables)
    for change in BETTER[how][0]:
        tables |= change(tables)
    changed: Dataset = remade(data, tables)
    return Figures(changed, grid_of(changed))


def test_every_kpi_that_has_a_better_side_is_tried_once() -> None:
    tried = [name for _, names in BETTER.values() for name in names.split()]
    assert sorted(tried) == sorted(name for name in NAMES if KPIS[name].direction != CONTEXT)


@pytest.mark.parametrize(("how", "name"), [(how, name) for how, (_, names) in BETTER.items() for name in names.split()])
def test_what_is_better_moves_a_kpi_the_way_that_is_declared_better(how: str, name: str) -> None:
    keys = [*KPIS[name].parts, "start"]
    then = usual(SEED)[name].filter(pl.col("status") != "partial").select(*keys, before="value")
    met = then.join(better(how)[name].select(*keys, after="value"), on=keys).drop_nulls(["before", "after"])
    sign = 1 if KPIS[name].direction == UP else -1
    moved = ((met["after"] - met["before"]) * sign).to_list()
    assert moved
    assert max(moved) > 0, met
    assert sum(moved) > 0 if name in MIXED else min(moved) >= -1e-9, met
