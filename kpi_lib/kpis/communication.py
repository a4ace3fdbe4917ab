"""Communication: who is reached by what the company says, and in what tone it is spoken of."""

from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.distribution import MEDIAN_TIME
from kpi_lib.core.measure import COUNT, MEAN, RATIO, hidden_below
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, DOWN, SCORE, SECONDS, UP
from kpi_lib.core.units import COUNT as ITEMS
from kpi_lib.kpis.registry import ACTIONABLE, GEEKS, SEMI, VANITY, kpi
from kpi_lib.shapes.records import answers, mean_of, rows, waiting
from kpi_lib.shapes.visits import visitors

AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
FEWEST = 5
TONES = {"positive": 1, "neutral": 0, "negative": -1}

told = partial(kpi, ripeness=AT_ONCE, stages=(), cadence="month", references=(f"{GEEKS}: communication",))


@told(
    title="Website visitors",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("web_visits.visitor_id", "web_visits.time"),
    formula="distinct visitors of the period",
    counter=("bounce_rate",),
    sources_wrong="Named as a KPI here and as a mere metric by another source. Visitors of days do not add up to those of a month.",
    use=VANITY,
)
def website_visitors(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many people (or rather browsers) came. One row per visitor and period."""
    return visitors(data, grid)


@told(
    title="Page views",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("web_visits.time", "web_visits.page"),
    formula="pages viewed in the period",
    counter=("website_visitors",),
    sources_wrong="One line with visitors in the source; a page view is no visitor.",
    use=VANITY,
)
def page_views(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many pages were looked at. One row per page view."""
    return rows(data, "web_visits", where=pl.col("page").is_not_null())


@told(
    title="Employee engagement",
    unit=SCORE,
    direction=UP,
    measure=hidden_below(FEWEST, RATIO),
    inputs=("employee_surveys.kind", "employee_surveys.score", "employee_surveys.time"),
    formula='mean of the answers of kind "engagement" on 1-5, the last of each person; hidden below 5 answers',
    counter=("employee_satisfaction_score",),
    sources_wrong="What its source describes is sentiment towards internal messages, not engagement.",
    use=ACTIONABLE,
)
def employee_engagement(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How people take what the company tells them. One row per person and period; num = score."""
    found = answers(data, grid, "engagement", (1, 5), table="employee_surveys", who="employee_id")
    return found.with_columns(**mean_of(pl.col("score")))


@told(
    title="Brand mentions",
    unit=ITEMS,
    direction=CONTEXT,
    measure=COUNT,
    inputs=("mentions.time",),
    formula="mentions of the brand in the period",
    counter=("brand_sentiment",),
    sources_wrong="A scandal is mentioned most: look at the tone beside it.",
    use=VANITY,
)
def brand_mentions(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often the brand is spoken of. One row per mention."""
    return rows(data, "mentions")


@told(
    title="Brand sentiment",
    unit=SCORE,
    direction=UP,
    measure=MEAN,
    inputs=("mentions.time", "mentions.sentiment"),
    formula="(positive - negative mentions) / mentions with a tone, in the period: -1 to 1",
    counter=("brand_mentions",),
    sources_wrong="",
    use=SEMI,
    signed=True,
)
def brand_sentiment(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """In what tone the brand is spoken of. One row per mention; value = 1, 0 or -1."""
    tone = pl.col("sentiment").replace_strict(TONES, default=None, return_dtype=pl.Int64)
    return rows(data, "mentions", where=tone.is_not_null(), value=tone)


@told(
    title="Inquiry response time (median)",
    unit=SECONDS,
    direction=DOWN,
    measure=MEDIAN_TIME,
    inputs=("inquiries.received", "inquiries.responded"),
    formula="median of responded - received over the inquiries received in the period (by kind)",
    counter=("first_response_time",),
    sources_wrong="The same source counts customers' questions twice; tickets are support, this is for press and crisis. Inquiries "
    "without an answer count as still waiting.",
    use=ACTIONABLE,
)
def inquiry_response_time(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How long half of the inquiries wait. One row per inquiry; `key` = seconds waited, `ended` = answered."""
    return rows(data, "inquiries", time="received", **waiting(data, "received", "responded"))
