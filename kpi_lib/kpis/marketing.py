"""Marketing: who is reached, where visits come from, and what they do."""

from collections.abc import Sequence
from functools import partial

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.measure import COUNT, COUNTED, PROPORTION, QUOTIENT, STOCK, TOTAL
from kpi_lib.core.period import Grid
from kpi_lib.core.units import CONTEXT, SHARE, UP, duration
from kpi_lib.core.units import COUNT as ITEMS
from kpi_lib.kpis.registry import ACTIONABLE, CLICKUP, GEEKS, KPIS_101, SEMI, STANDARD, VANITY, kpi
from kpi_lib.shapes.activity import placed
from kpi_lib.shapes.records import days, rows
from kpi_lib.shapes.visits import visits

MARKETING = f"{KPIS_101}: marketing"
BOUGHT = f"{GEEKS}: acquisition"
DIRECT = "(direct)"
AT_ONCE = "A period counts as it stands; one that is not over is marked partial."
WATCHED = "A message counts once email_within has passed since it was delivered; younger ones are counted as unripe."
GROUP = 'Part of the group "marketing campaign performance", which its source lists as if it were one KPI. '

sums = partial(kpi, unit=ITEMS, measure=TOTAL, ripeness=AT_ONCE, stages=(), cadence="week")
visited = partial(kpi, ripeness=AT_ONCE, stages=(), cadence="week")
mailed = partial(
    kpi,
    unit=SHARE,
    direction=UP,
    measure=PROPORTION,
    stages=(),
    cadence="month",
    ripeness=WATCHED,
    references=(MARKETING,),
)
posted = partial(kpi, ripeness=AT_ONCE, stages=(), cadence="month")


@sums(
    title="Campaign impressions",
    direction=CONTEXT,
    inputs=("marketing_spend.date", "marketing_spend.impressions"),
    formula="sum of impressions in the period (by campaign, by channel)",
    counter=("marketing_clicks",),
    references=(BOUGHT,),
    sources_wrong=f"{GROUP}Impressions are no people: one person sees many.",
    use=VANITY,
)
def marketing_impressions(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often adverts were shown. One row per day and campaign."""
    return _spent(data, grid, "impressions")


@sums(
    title="Campaign clicks",
    direction=UP,
    inputs=("marketing_spend.date", "marketing_spend.clicks"),
    formula="sum of clicks in the period (by campaign, by channel)",
    counter=("campaign_conversions",),
    references=(BOUGHT,),
    sources_wrong=f"{GROUP}The count grows with what is spent; clicks for each impression tell more.",
    use=SEMI,
)
def marketing_clicks(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often adverts were clicked. One row per day and campaign."""
    return _spent(data, grid, "clicks")


@sums(
    title="Campaign conversions",
    direction=UP,
    inputs=("marketing_spend.date", "marketing_spend.conversions"),
    formula="sum of the conversions that the advertising platforms attribute to campaigns, in the period",
    counter=("user_churn_rate",),
    references=(BOUGHT,),
    sources_wrong=f"{GROUP}It names no rule of attribution; this is the platforms' own, and two of them may claim one sale.",
    use=ACTIONABLE,
)
def campaign_conversions(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many conversions campaigns claim. One row per day and campaign."""
    return _spent(data, grid, "conversions")


@visited(
    title="Organic traffic",
    unit=ITEMS,
    direction=UP,
    measure=COUNT,
    inputs=("web_visits.visitor_id", "web_visits.time", "web_visits.medium"),
    formula="visits that begin in the period and come by one of organic_media",
    counter=("bounce_rate",),
    references=(f"{KPIS_101}: acquisition and activation", CLICKUP),
    sources_wrong="One source lists traffic as a KPI, another gives it as the example of a figure that is none.",
    use=SEMI,
)
def organic_traffic(data: Dataset, grid: Grid, *, organic_media: Sequence[str] = ("organic",)) -> pl.LazyFrame:
    """How many visits come from unpaid search. One row per visit."""
    return visits(data).filter(pl.col("medium").is_in(list(organic_media)))


@visited(
    title="Traffic sources",
    unit=SHARE,
    direction=CONTEXT,
    measure=COUNTED,
    inputs=("web_visits.visitor_id", "web_visits.time", "web_visits.source"),
    parts=("source",),
    formula="visits from a source / all visits that begin in the period; without a source they are direct",
    counter=(),
    references=(MARKETING,),
    sources_wrong="A breakdown, not one number: it has no target.",
    use=ACTIONABLE,
)
def traffic_source_mix(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """Where visits come from. One row per period and source; hits = visits from there, of = all visits."""
    keys = ["period", *[c for c in data.by if c in data.columns("web_visits")]]
    seen = visits(data).with_columns(pl.col("source").fill_null(DIRECT))
    known = ["user_id"] if "user_id" in seen.collect_schema().names() else []
    came = placed(seen, grid)
    whole = came.group_by(*keys, *known).agg(of=pl.len().cast(pl.Int64))
    each = came.group_by(*keys, *known, "source").agg(hits=pl.len().cast(pl.Int64))
    # a source that sends nobody in a period sends 0 of its visits, as long as it ever sent anybody
    ways = whole.join(seen.select("source").unique(), how="cross")
    met = ways.join(each, on=[*keys, *known, "source"], how="left", nulls_equal=True)
    return met.with_columns(pl.col("hits").fill_null(0))


@visited(
    title="Referral traffic",
    unit=ITEMS,
    direction=UP,
    measure=COUNT,
    inputs=("web_visits.visitor_id", "web_visits.time", "web_visits.source", "web_visits.medium"),
    formula="visits that begin in the period, come by one of referral_media and not from own_sources",
    counter=("bounce_rate",),
    references=(MARKETING,),
    sources_wrong="Part of traffic sources. One's own pages and payment providers refer nobody: name them in own_sources.",
    use=SEMI,
)
def referral_traffic(
    data: Dataset, grid: Grid, *, referral_media: Sequence[str] = ("referral",), own_sources: Sequence[str] = ()
) -> pl.LazyFrame:
    """How many visits other sites send. One row per visit."""
    ours = pl.col("source").is_in(list(own_sources)).fill_null(False)
    return visits(data).filter(pl.col("medium").is_in(list(referral_media)) & ~ours)


@mailed(
    title="E-mail open rate",
    inputs=("emails.delivered", "emails.opened"),
    formula="messages opened within email_within / messages delivered in the period",
    counter=("email_click_rate",),
    sources_wrong="One line with the click rate in the source. Unreliable: mail programs load pictures before anybody reads, which "
    "counts as opened.",
    use=VANITY,
)
def email_open_rate(data: Dataset, grid: Grid, *, email_within: str = "7d") -> pl.LazyFrame:
    """What share of delivered messages is opened, as far as one can know. One row per message; `hit` = opened."""
    return _mail(data, "opened", email_within)


@mailed(
    title="E-mail click rate",
    inputs=("emails.delivered", "emails.clicked"),
    formula="messages clicked within email_within / messages delivered in the period",
    counter=("email_open_rate",),
    sources_wrong="The source names no base. Of messages delivered, neither of those sent nor of those opened: 10 clicks on 100 "
    "delivered and 25 opened are 10 %, not 40 %.",
    use=ACTIONABLE,
)
def email_click_rate(data: Dataset, grid: Grid, *, email_within: str = "7d") -> pl.LazyFrame:
    """What share of delivered messages brings somebody. One row per message; `hit` = clicked."""
    return _mail(data, "clicked", email_within)


@posted(
    title="Social media followers",
    unit=ITEMS,
    direction=CONTEXT,
    measure=STOCK,
    inputs=("social.date", "social.platform", "social.followers"),
    formula="followers at the end of the period, the last reading of each platform added up",
    counter=("social_engagement_rate",),
    references=(MARKETING,),
    sources_wrong="The source calls a KPI what another gives as the example of vanity. One person follows on several platforms.",
    use=VANITY,
)
def social_followers(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many follow, as last read. One row per reading and the periods at whose end it is the last."""
    ends = pl.lit(pl.Series(grid.stops, dtype=pl.Date))
    first = ends.search_sorted(pl.col("date"), side="right").cast(pl.Int32)
    read = data.known("social").filter(pl.col("followers").is_not_null()).sort("platform", "date", "followers")
    carried = [column for column in data.carried("social") if column != "platform"]
    last = read.unique(["platform", *carried, "date"], keep="last", maintain_order=True)
    later = pl.col("first").shift(-1).over("platform", *carried).fill_null(len(grid))
    return last.select("platform", *carried, first=first, value=pl.col("followers")).with_columns(stop=later)


@posted(
    title="Social media engagement rate",
    unit=SHARE,
    direction=UP,
    measure=QUOTIENT,
    inputs=("social.date", "social.impressions", "social.likes", "social.comments", "social.shares", "social.clicks"),
    formula="(likes + comments + shares + clicks) / impressions in the period",
    counter=("social_followers",),
    references=(MARKETING, STANDARD),
    sources_wrong="The source leaves the base open: impressions, reach or followers. Here: impressions.",
    use=SEMI,
)
def social_engagement_rate(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How often what is shown moves somebody. One row per day and platform; num = reactions, den = impressions."""
    reactions = pl.sum_horizontal("likes", "comments", "shares", "clicks")
    shown = pl.col("impressions") > 0
    return days(data, grid, "social", where=shown, num=reactions, den=pl.col("impressions"))


@posted(
    title="Social likes",
    unit=ITEMS,
    direction=CONTEXT,
    measure=TOTAL,
    inputs=("social.date", "social.likes"),
    formula="sum of likes in the period",
    counter=(),
    references=(CLICKUP,),
    sources_wrong="Named by its source as vanity: it looks good and explains nothing.",
    use=VANITY,
)
def social_likes(data: Dataset, grid: Grid) -> pl.LazyFrame:
    """How many likes there were. One row per day and platform."""
    return days(data, grid, "social", where=pl.col("likes").is_not_null(), value=pl.col("likes"))


def _spent(data: Dataset, grid: Grid, column: str) -> pl.LazyFrame:
    return days(data, grid, "marketing_spend", where=pl.col(column).is_not_null(), value=pl.col(column))


def _mail(data: Dataset, what: str, within: str) -> pl.LazyFrame:
    last = pl.col("delivered") + duration(within)
    hit = (pl.col(what) <= last).fill_null(False)
    return rows(data, "emails", time="delivered", hit=hit, ripe=last <= data.observed_until)
