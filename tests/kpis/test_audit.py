"""What the five documents got wrong: each has a test of that name, and `kpi show` tells it with the same worked example."""

import ast
from pathlib import Path

import pytest

from kpi_lib.cli.catalogue import described
from kpi_lib.kpis.registry import find

# KPI, test (after test_wrong_), a part of the worked example that `kpi show` prints
AUDIT = """
trial_signups                  growth_from_18_to_21_is_16_7_percent               +16.7 %
revenue_growth_rate            growth_it_is_a_rate_and_not_an_amount              from 100 to 120 is 20 %
new_signups                    sign_up_rate_above_100_percent                     5 sign-ups are 5
visitor_to_signup_rate         sign_up_rate_above_100_percent                     would be 125 %
cpa                            cost_of_a_conversion_is_not_that_of_a_customer     for 100 sign-ups is 10
cac                            cost_of_a_conversion_is_not_that_of_a_customer     50,000 for 250 new ones is 200
dau                            daily_actives_may_be_other_people_each_day         310 people in January
stickiness                     active_share_stickiness_is_not_always_one          4.8 %
active_users                   daily_actives_may_be_other_people_each_day         does not show stickiness
active_user_ratio              active_ratio_actives_by_actives_is_always_one      300 of 1,000 are 30 %
avg_session_duration           session_duration_is_not_time_per_user              10 min a session, not 40
avg_time_per_user              session_duration_is_not_time_per_user              calls session duration
feature_adoption_rate          base_everybody_ever_is_no_base                     leave the base open
retention_day_7                retention_unripe_users_are_no_losses
user_churn_rate                churn_the_base_is_who_was_there_at_the_start       customers who cancel
customer_retention_rate        retention_without_brackets_says_195                read literally 195
customer_retention_rate        retention_takes_newcomers_off_who_left_again       95 %, not 91 %
customer_churn_rate            churn_over_all_customers                           not 8.7 %
subscription_renewal_rate      renewals_over_all_subscribers                      80 %, not 8 %
goal_conversion_rate           conversion_payers_of_other_trials_are_no_conversions trials to payers
trial_to_paid_rate             trials_over_all_payers                             it is 20 %
time_to_convert                conversion_rate_does_not_track_how_long            time of 20 days
free_to_paid_rate              free_to_paid_a_plan_of_today_hides_who_was_free    has no end
funnel_dropoff_rate            drop_off_who_is_inside_the_window_has_not_dropped_off has not dropped off
ltv                            value_of_a_customer_without_the_margin             it is 320, not 400
ltv_cac_ratio                  health_by_revenue_alone                            is 0.6 and loses
gross_margin                   margin_is_no_amount_and_gross_is_not_net           that is gross profit
profit_margin                  margin_is_no_amount_and_gross_is_not_net           the profit margin 20 %
mrr                            recurring_revenue_is_no_revenue_per_user_times_users it is 300
mrr                            recurring_revenue_is_no_profit                     no cost is in it
arpu                           revenue_per_user_says_which_users                  is 6.75
new_product_revenue_share      share_of_new_products_upside_down                  25 %, not 4
nps                            nps_seven_is_no_promoter                           +20, not its +60
nps_promoter_share             nps_seven_is_no_promoter                           (40 %), not four
csat                           csat_one_name_for_a_share_and_a_mean               60 % satisfied and 3.8
csat_mean                      csat_one_name_for_a_share_and_a_mean               are 3.8
support_csat                   csat_answers_about_a_ticket_are_about_support      stand apart
sus                            usability_a_mean_of_answers_is_no_score
first_response_time            first_response_the_unanswered_are_not_left_out     median 3 h, not 2 h
app_error_rate                 error_rate_how_often_is_not_how_bad                2 of 100 requests are 2 %
failed_tests                   defect_rate_a_count_of_failed_tests_is_no_rate     12 of 400 failed are 3 %
tests_executed                 velocity_tests_executed_are_a_count_of_tests       300 + 100 is a count
release_velocity               velocity_tests_executed_are_a_count_of_tests       400 of them
bug_resolution_rate            resolution_rate_is_a_share_and_no_time             2 of 5 within 14 days, 40 %
bug_resolution_time            resolution_rate_is_a_share_and_no_time             half are closed after 20 days
bug_resolution_time            resolution_time_open_defects_are_the_slow_ones     only flatters
defect_detection_effectiveness detection_a_fresh_release_is_not_perfect           are 90 %
mtbf                           mtbf_without_a_failure_there_is_no_mean            for what is repaired
mttf                           mttf_units_in_use_give_their_time                  halves it or worse
mttr_repair                    mttr_has_two_clocks_and_each_says_which            the clock must be named
mttr_resolution                mttr_has_two_clocks_and_each_says_which            repaired in 20
site_response_time             latency_the_mean_hides_the_slow                    p99 says 10 s
apdex                          apdex_tolerating_is_up_to_four_times_the_target
apdex                          apdex_a_fast_failure_satisfies_nobody
failed_deployment_recovery_time recovery_only_of_what_is_over_flatters            mean time to restore
goal_progress                  progress_a_falling_target_needs_its_start          not 150 %
dev_team_nps                   nps_of_the_team_is_apart_from_that_of_customers    never pooled
kpi_rating_score               mean_answers_by_ratings_is_always_one              5, 4, 4, 3 are 4.0
referral_traffic               referral_ones_own_pages_refer_nobody               refer nobody
email_click_rate               click_rate_the_base_is_what_was_delivered          10 %, not 40 %
market_share                   market_the_listed_competitors_are_not_all_of_it    there is no share
"""
LINES = [(*line.split(maxsplit=2), "")[:3] for line in AUDIT.strip().splitlines()]


@pytest.mark.parametrize(("name", "example"), sorted({(name, example) for name, _, example in LINES if example}))
def test_the_definition_tells_what_its_source_got_wrong(name: str, example: str) -> None:
    shown = " ".join(described(find(name).record()).split())
    assert example in shown.partition("sources wrong")[2]


def test_every_wrong_formula_has_a_test_of_that_name() -> None:
    files = Path(__file__).parent.glob("test_*.py")
    found = {
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert {each for each in found if each.startswith("test_wrong_")} == {f"test_wrong_{test}" for _, test, _ in LINES}
