"""Satisfaction: what people say when they are asked, and whether they manage what they came for."""

from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, NPS, PROPORTION, RATE, RATIO
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, SCORE, SHARE, UP
from kpi_lib.core.units import COUNT as ITEMS
from kpi_lib.core.units import RATIO as QUOTIENT
from kpi_lib.kpis.registry import (
    ACTIONABLE,
    CLICKUP,
    CONTEXTUAL,
    EARLY,
    GEEKS,
    GROWTH,
    KPIS_101,
    MATURE,
    NOTE,
    SEMI,
    STANDARD,
    UNDERSTANDING,
    kpi,
)  # fmt: skip
from kpi_lib.shapes.activity import placed
from kpi_lib.shapes.records import answers, last_of_each, mean_of, questionnaires, rows

ASKED = ("surveys.kind", "surveys.score", "surveys.time")
NPS_SCALE, CSAT_SCALE = (0, 10), (1, 5)
AS_ANSWERED = "Answers of a period count as they stand; a period that is not over is marked partial."
EXPERIENCE = f"{KPIS_101}: satisfaction and experience"

asked = partial(kpi, inputs=ASKED, stages=(GROWTH, MATURE), cadence="month", ripeness=AS_ANSWERED, use=ACTIONABLE)
shown = partial(kpi, cadence="month", ripeness=AS_ANSWERED, stages=())
tried = partial(
    kpi, stages=(EARLY, GROWTH), cadence="quarter", use=ACTIONABLE,
    ripeness="Attempts of a period count as they stand; a period that is not over is marked partial.",
)  # fmt: skip


@asked(
    title="Net promoter score",
    unit=SCORE,
    direction=UP,
    measure=NPS,
    formula='100 x (answers 9-10 - answers 0-6) / answers of kind "nps" on 0-10, the last of each person in the period',
    counter=("user_churn_rate",),
    references=(
        EXPERIENCE, f"{NOTE}: satisfaction and loyalty", f"{UNDERSTANDING}: satisfaction", f"{CLICKUP}: business performance",
        GEEKS, "Sampling variance of the net promoter score (Rocks 2016)",
    ),
    sources_wrong="One source counts 7 and 8 as promoters: the answers 10, 9, 8, 7, 6 give +20, not its +60. Another asks on "
    "1 to 10; the scale is 0 to 10. It is a difference of shares from -100 to 100, neither a percentage nor satisfaction.", signed=True,
)  # fmt: skip
def nps(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many more would recommend the product than would warn of it. One row per person and period; `score` = 0 to 10."""
    return answers(data, grid, "nps", NPS_SCALE)


@asked(
    title="Share of promoters",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    formula='answers 9-10 / answers of kind "nps" on 0-10, the last of each person in the period',
    counter=("nps_detractor_share",),
    references=(f"{CLICKUP}: business performance", STANDARD),
    sources_wrong="The source counts 7 and 8 as promoters: of the answers 10, 9, 8, 7, 6 two are promoters (40 %), not four.",
    use=CONTEXTUAL,
)
def nps_promoter_share(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share would recommend the product. One row per person and period; `hit` = 9 or 10."""
    return answers(data, grid, "nps", NPS_SCALE).with_columns(hit=pl.col("score") >= 9)


@asked(
    title="Share of detractors",
    unit=SHARE,
    direction=DOWN,
    measure=PROPORTION,
    formula='answers 0-6 / answers of kind "nps" on 0-10, the last of each person in the period',
    counter=("nps_promoter_share",),
    references=(f"{CLICKUP}: business performance", STANDARD),
    sources_wrong="The source speaks of their number; it is a share, and the passive 7 and 8 are in its base.",
)
def nps_detractor_share(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share would warn of the product: those to talk to. One row per person and period; `hit` = 0 to 6."""
    return answers(data, grid, "nps", NPS_SCALE).with_columns(hit=pl.col("score") <= 6)


@asked(
    title="Customer satisfaction (share satisfied)",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    formula='answers of csat_satisfied_from (4) or more / answers of kind "csat" on 1-5, the last of each person',
    counter=("nps_detractor_share",),
    references=(
        EXPERIENCE, f"{NOTE}: satisfaction and loyalty", f"{UNDERSTANDING}: satisfaction", f"{CLICKUP}: customer",
    ),
    sources_wrong="One source gives three formulas under one name; the scores 4, 5, 3, 2, 5 are 60 % satisfied and 3.8 on "
    "average. Another names it as a stand-in for the net promoter score, which asks something else.",
)  # fmt: skip
def csat(data: Dataset, grid: Grid, *, csat_satisfied_from: int = 4) -> pl.LazyFrame:
    """What share is satisfied (top two boxes). One row per person and period; `hit` = satisfied."""
    return answers(data, grid, "csat", CSAT_SCALE).with_columns(hit=pl.col("score") >= csat_satisfied_from)


@shown(
    title="Customer satisfaction (mean)",
    unit=SCORE,
    direction=UP,
    measure=RATIO,
    inputs=ASKED,
    formula='sum of scores / answers of kind "csat" on 1-5, the last of each person in the period',
    counter=("csat",),
    references=(f"{CLICKUP}: customer",),
    sources_wrong="Divided by answers, not by the people asked. Not comparable with a share satisfied: 4, 5, 3, 2, 5 are 3.8.",
    use=CONTEXTUAL,
)
def csat_mean(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How satisfied people are on average; it hides who is torn. One row per person and period; num = score."""
    return answers(data, grid, "csat", CSAT_SCALE).with_columns(**mean_of(pl.col("score")))


@shown(
    title="System usability scale (SUS)",
    unit=SCORE,
    direction=UP,
    measure=RATIO,
    inputs=ASKED,
    formula='mean of the answers of kind "sus", the last of each person in the period: a score from 0 to 100, or ten rows with '
    "item 1-10 and 1-5 each: 2.5 x (sum over odd items of answer - 1 + over even ones of 5 - answer), a missing answer as 3",
    counter=("task_completion_rate",),
    references=("SUS: a quick and dirty usability scale (Brooke 1996)", STANDARD),
    sources_wrong="Neither a percentage nor a percentile: the average product has 68.",
    use=CONTEXTUAL,
)
def sus(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How usable people find the product, from 0 to 100. One row per person and period; num = score."""
    found = last_of_each(placed(questionnaires(data), grid), "person", "period").drop("person", "time")
    return found.with_columns(**mean_of(pl.col("score")))


@shown(
    title="Customer effort (share who found it easy)",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=ASKED,
    formula='answers 5-7 / answers of kind "ces" on 1-7 ("it was easy": 7 = fully agree), the last of each person in the period',
    counter=("csat",),
    references=(STANDARD,),
    sources_wrong="The older question asks how much effort it was, where low is good: bring such answers to this direction before.",
    use=CONTEXTUAL,
)
def ces(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share found it easy to get done what they came for. One row per person and period; `hit` = 5 to 7."""
    return answers(data, grid, "ces", (1, 7)).with_columns(hit=pl.col("score") >= 5)


@shown(
    title="Average review rating",
    unit=SCORE,
    direction=UP,
    measure=RATIO,
    inputs=("reviews.rating", "reviews.time"),
    formula="sum of ratings / ratings given in the period",
    counter=("feedback_volume",),
    references=(EXPERIENCE,),
    sources_wrong="The source puts ratings and reviews into one KPI: a score and an amount of text (feedback_volume).",
    use=SEMI,
)
def avg_review_rating(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What reviewers give on average; who reviews chooses to. One row per rating; num = rating."""
    return rows(data, "reviews", where=pl.col("rating").is_not_null(), rating=pl.col("rating")).with_columns(
        **mean_of(pl.col("rating"))
    )


@shown(
    title="Volume of feedback",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("reviews.time",),
    formula="reviews and other feedback received in the period",
    counter=(),
    references=(EXPERIENCE, UNDERSTANDING),
    sources_wrong="Named only: the themes of feedback can be acted on, its amount cannot.",
    use=CONTEXTUAL,
)
def feedback_volume(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How much feedback came in. One row per review."""
    return rows(data, "reviews")


@shown(
    title="Feature favourites and wishes",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("feature_requests.user_id", "feature_requests.feature", "feature_requests.time"),
    parts=("feature",),
    formula="distinct users who ask for a feature in the period, by feature",
    counter=(),
    references=(f"{CLICKUP}: user engagement",),
    sources_wrong="Named as survey content only. A user who asks twice has one vote.",
    use=ACTIONABLE,
)
def feature_request_votes(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people want which feature. One row per user, feature and period."""
    asked_for = placed(rows(data, "feature_requests", feature=pl.col("feature")), grid)
    return last_of_each(asked_for, "user_id", "feature", "period").drop("time")


@tried(
    title="Task completion rate",
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    inputs=("usability_tasks.task", "usability_tasks.time", "usability_tasks.completed"),
    formula="task attempts completed / task attempts in the period",
    counter=("usability_error_rate",),
    references=(EXPERIENCE,),
    sources_wrong='Named only, with "or error rates": a share of attempts and a share of chances to err.',
)
def task_completion_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """What share of tries at a task succeeds. One row per attempt; `hit` = completed."""
    return rows(data, "usability_tasks", where=pl.col("completed").is_not_null(), hit=pl.col("completed"))


@tried(
    title="Usability error rate",
    unit=QUOTIENT,
    direction=DOWN,
    measure=RATE(),
    inputs=("usability_tasks.time", "usability_tasks.errors", "usability_tasks.opportunities"),
    formula="user errors / opportunities for an error, over the attempts of the period",
    counter=("task_completion_rate",),
    references=(EXPERIENCE,),
    sources_wrong='"Error rate" also names software errors (app_error_rate): errors of users are kept apart here.',
)
def usability_error_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often people err where they could. One row per attempt; num = errors, den = opportunities."""
    known = pl.col("errors").is_not_null() & (pl.col("opportunities") > 0)
    return rows(data, "usability_tasks", where=known, num=pl.col("errors"), den=pl.col("opportunities"))
