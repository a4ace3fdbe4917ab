"""The world around: costs, deals, social networks, mentions, competitors, benchmarks and the people of the company."""

import numpy as np
import polars as pl

from kpi_lib.sources.sample.people import busy_hour
from kpi_lib.sources.sample.story import (
    DAY,
    NEVER,
    Floats,
    Ints,
    Story,
    decimals,
    draw,
    ids,
    instants,
    names,
)

# what a month costs in euros at the start, and by how much it grows a month
COSTS = {
    "hosting": (420, 0.05), "payment fees": (60, 0.06), "support salaries": (1_900, 0.03), "sales salaries": (1_400, 0.02),
    "marketing salaries": (1_600, 0.02), "tools": (300, 0.02), "development salaries": (6_500, 0.02), "rent": (900, 0.0),
    "insights licences": (60, 0.0),
}  # fmt: skip
COMPETITORS = {"Plannery": 2.2, "Stackdesk": 1.3, "Kanbo": 0.7}
STAGES = ("lead", "opportunity", "proposal", "won", "lost")
SOCIAL = ("photo network", "short messages", "career network")
MENTIONED = ("press", "forum", "social", "blog")
INVENTED = "invented for the demo company"


def costs(story: Story, spend: pl.DataFrame) -> pl.DataFrame:
    """One row per month and category; advertising is what the table marketing_spend says."""
    chance, scale, parts = story.chance("costs"), story.users / 20_000, []
    for name, (start, growth) in COSTS.items():
        amount = (
            start * scale * (1 + growth) ** np.arange(len(story.months)) * chance.lognormal(0, 0.03, len(story.months))
        )
        parts.append(
            pl.DataFrame(
                {
                    "date": _first_days(story),
                    "category": name,
                    "amount": decimals(np.rint(amount * 100).astype(np.int64)),
                }
            )
        )
    month = pl.max_horizontal(pl.col("date").dt.month_start(), pl.lit(story.calendar_day(0)))
    adverts = (
        spend.group_by(month.alias("date"))
        .agg(pl.col("amount").sum())
        .select("date", category=pl.lit("advertising"), amount="amount")
    )
    return pl.concat([*parts, adverts], how="vertical_relaxed").sort("date", "category")


def _first_days(story: Story) -> pl.Series:
    return pl.Series([max(month, story.calendar_day(0)) for month in story.months], dtype=pl.Date)


def deals(story: Story) -> pl.DataFrame:
    """One row per deal that the sales team worked on; some are still open."""
    chance = story.chance("deals")
    day = np.repeat(np.arange(story.days), chance.poisson(0.7 * (story.weekdays < 5)))
    lead = np.sort(story.within(day, busy_hour(chance, len(day))))
    seen = story.before_end(lead + _days(chance, 6, len(day)))
    reached = (seen != NEVER) & (chance.random(len(day)) < 0.75)
    closed = np.where(seen == NEVER, NEVER, story.before_end(seen + _days(chance, 28, len(day))))
    won = (closed != NEVER) & reached & (chance.random(len(day)) < 0.35)
    stage = np.select([won, closed != NEVER, reached & (chance.random(len(day)) < 0.5), reached], [3, 4, 2, 1], 0)
    amount = np.rint(chance.lognormal(6.8, 0.6, len(day))).astype(np.int64) * 100
    return pl.DataFrame({
        "deal_id": ids("f", np.arange(len(day))), "lead_ts": instants(lead), "closed_ts": instants(closed),
        "stage": names(STAGES, stage), "won": pl.Series(won).set(pl.Series(closed == NEVER), None),
        "amount": decimals(amount), "opportunity_ts": instants(np.where(reached, seen, NEVER)),
    })  # fmt: skip


def _days(chance: np.random.Generator, median: float, size: int) -> Ints:
    wait: Floats = median * chance.lognormal(0, 0.7, size) * DAY
    return wait.astype(np.int64) // 1000 * 1000


def social(story: Story) -> pl.DataFrame:
    """One row per day and network."""
    chance, parts = story.chance("social"), []
    for number, name in enumerate(SOCIAL):
        seen = chance.poisson(900 / (number + 1), story.days)
        parts.append(pl.DataFrame({
            "date": [story.calendar_day(day) for day in range(story.days)], "platform": name,
            "followers": 800 * (number + 1) + np.cumsum(chance.poisson(2.5, story.days)), "impressions": seen,
            "likes": chance.binomial(seen, 0.02), "comments": chance.binomial(seen, 0.003),
            "shares": chance.binomial(seen, 0.002), "clicks": chance.binomial(seen, 0.01),
        }))  # fmt: skip
    return pl.concat(parts).sort("date", "platform")


def mentions(story: Story) -> pl.DataFrame:
    """One row per mention of the product somewhere."""
    chance = story.chance("mentions")
    day = np.repeat(np.arange(story.days), chance.poisson(1.4, story.days))
    return pl.DataFrame({
        "time": instants(np.sort(story.within(day, busy_hour(chance, len(day))))),
        "source": names(MENTIONED, draw(chance, (1, 3, 5, 2), len(day))),
        "sentiment": names(("positive", "neutral", "negative"), draw(chance, (4, 4, 2), len(day))),
    })  # fmt: skip


def market(story: Story) -> pl.DataFrame:
    """One row per month, competitor and figure; and the whole market's revenue."""
    chance, rows = story.chance("market"), []
    for number, month in enumerate(story.months):
        base = story.users * 0.05 * (1 + 0.03 * number)
        for name, size in COMPETITORS.items():
            users = round(base * size * float(chance.uniform(0.95, 1.05)))
            start = round(users * 0.1)
            rows += [(month, name, metric, float(value)) for metric, value in (
                ("users", users), ("revenue", users * 6), ("customers_start", start), ("new_customers", round(start * 0.09)),
                ("acquisition_rate", 0.09), ("churn_rate", round(float(chance.uniform(0.04, 0.07)), 4)),
            )]  # fmt: skip
        rows.append((month, "(market)", "revenue", float(round(base * sum(COMPETITORS.values()) * 9))))
    table = pl.DataFrame(rows, schema=["month", "competitor", "metric", "value"], orient="row")
    return table.select(pl.col("month").dt.strftime("%Y-%m").alias("period"), "competitor", "metric", "value")


def benchmarks(story: Story) -> pl.DataFrame:
    """One row per published figure to compare with; these are invented as well, and say so."""
    year = str(story.months[-1].year)
    figures = {"retention_day_7": 0.2, "stickiness": 0.2, "user_churn_rate": 0.3, "nps": 21.0, "csat": 0.75}
    return pl.DataFrame(
        [(kpi, "freemium tools", year, value, INVENTED) for kpi, value in figures.items()],
        schema=["kpi", "segment", "period", "value", "source"], orient="row",
    )  # fmt: skip


def employee_surveys(story: Story) -> pl.DataFrame:
    """One row per answer of somebody who works at the company, asked every quarter."""
    chance, rows = story.chance("employee_surveys"), []
    for month in (each for each in reversed(story.months[::-3]) if each >= story.calendar_day(0)):
        day = story.number(month) + 4
        for member in range(18):
            time = (
                int(story.within(np.array([day]), np.array([0.5]))[0])
                + int(chance.integers(0, DAY // 4)) // 1000 * 1000
            )
            for kind, mean, spread, low, high in (
                ("enps", 7.6, 1.9, 0, 10),
                ("satisfaction", 3.9, 0.8, 1, 5),
                ("engagement", 3.8, 0.9, 1, 5),
            ):
                rows.append((member, time, kind, float(np.clip(np.rint(chance.normal(mean, spread)), low, high))))
    table = pl.DataFrame(rows, schema=["member", "time", "kind", "score"], orient="row")
    return table.select(
        ids("h", table["member"].to_numpy()).alias("employee_id"), instants(table["time"].to_numpy()).alias("time"), "kind", "score"
    ).sort("time", "employee_id", "kind")  # fmt: skip
