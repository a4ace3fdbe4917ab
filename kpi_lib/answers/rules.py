"""Named rules of the sources: what several figures together say that none of them says alone.

A rule holds, does not hold, or cannot be told; it always names the figures that it rests on. A change is that on the same
period of the year before where the data reach so far, else on the period before.
"""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from kpi_lib.answers.change import Change, better
from kpi_lib.answers.compute import compute, segmentable
from kpi_lib.answers.demands import available, in_words
from kpi_lib.answers.rulebook import (
    NO,
    RULES,
    UNKNOWN,
    YES,
    Book,
    Evidence,
    Finding,
    Findings,
    Judged,
    Rule,
    course,
    falls,
    rises,
    rule,
    seen,
)
from kpi_lib.answers.signals import LASTING, segment_name, signals
from kpi_lib.answers.unit_economics import FIGURES, unit_economics
from kpi_lib.core.control import adjusted
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.origin import origin_of
from kpi_lib.core.period import Grid
from kpi_lib.core.units import percent
from kpi_lib.kpis.registry import CLICKUP, UNDERSTANDING, find
from kpi_lib.shapes.adoption import adoption

ENGAGED = 10.0  # seconds: a shorter visit is no engaged one (the bound that Google Analytics 4 draws)
SHORTER = 0.1  # visits are called shorter from so much on
SATISFIED = 0.5  # where fewer are satisfied, most are not
GROWS, FLAT = 0.05, 0.05  # revenue that grows by more, while active users move by less
FALSE_SHARE, ONE_SIDED = 0.05, 0.025
FEW = 30
TOPICS = ("feature", "topic", "category", "product")


def rules(data: Dataset, grid: Grid) -> Findings:
    """Look which of the sources' named rules hold in the last period of a grid, with the figures that say so.

    What the tables do not allow, and what has too little history, cannot be told and says what is missing.
    """
    book, lacking = Book(data, grid), available(data)
    found = [_found(each, book, lacking) for each in RULES]
    return Findings(
        tuple(sorted(found, key=lambda each: (YES, NO, UNKNOWN).index(each.verdict))),
        data.currency,
        book.last.stops[-1],
        origin_of(data),
    )


def _found(each: Rule, book: Book, lacking: Mapping[str, Sequence[str]]) -> Finding:
    missing = list(dict.fromkeys(column for name in each.needs for column in lacking[name]))
    if each.parts and not any(column in book.data.columns(name) for name, column in (p.split(".") for p in each.parts)):
        missing.append("|".join(each.parts))
    if missing:
        return Finding(each, UNKNOWN, reason=f"needs {in_words(missing)}")
    verdict, evidence, beside = each.judge(book)
    without = [] if evidence else [name for name in each.needs if book.standing(name) is None]
    reason = f"{', '.join(find(name).title for name in without)}: no figure in this period" if without else ""
    if verdict == UNKNOWN and not reason:
        compared = all(one.change is None or one.change.amount is not None for one in evidence)
        reason = "the intervals leave it open" if evidence and compared else "no earlier figure to compare with"
    return Finding(each, verdict, tuple(evidence), beside, reason if verdict == UNKNOWN else "")


@rule(
    title="Active users hold, but visits are shallow",
    when=f"daily actives do not clearly fall, while a mean visit is surely shorter than {ENGAGED:.0f} seconds, "
    f"or clearly and by at least {percent(SHORTER, 1)} shorter than before",
    hint="Look at what people do in their first minute: paths from the first event, and the pages that they leave at once.",
    source=UNDERSTANDING,
    needs=("dau", "avg_session_duration"),
    parts=("events.event",),
)
def shallow_visits(book: Book) -> Judged:
    """Many log in, but do little. Orders are moments: what lies between them is no visit."""
    if book.data.activity == "transactions":
        return UNKNOWN, [], ()
    found = book.standings("avg_session_duration", "dau")
    if not found:
        return UNKNOWN, [], ()
    depth, active = found
    bound = depth.row["high"]
    moved = course(depth)
    shallow = (bound is not None and bound < ENGAGED) or (falls(moved) and (moved.amount or 0.0) <= -SHORTER)
    return YES if shallow and not falls(course(active)) else NO, seen(found), ()


@rule(
    title="Revenue grows on few payers",
    when=f"revenue is clearly up by at least {percent(GROWS, 1)} while daily actives move by less than {percent(FLAT, 1)}, or grow "
    "less than half as fast while the top tenth of payers clearly pays a larger part",
    hint="Look who the largest payers are, and what would be left without them.",
    source=UNDERSTANDING,
    needs=("total_revenue", "dau", "revenue_concentration", "revenue_gini"),
)
def revenue_on_few(book: Book) -> Judged:
    """Revenue up while activity is flat: perhaps a few carry all of it."""
    found = book.standings("revenue_concentration", "revenue_gini", "total_revenue", "dau")
    if not found:
        return UNKNOWN, [], ()
    top, _, revenue, active = (course(each) for each in found)
    if revenue.amount is None or active.amount is None:
        return UNKNOWN, seen(found), ()
    flat = abs(active.amount) < FLAT and not falls(top)
    behind = active.amount < revenue.amount / 2 and rises(top)
    return YES if rises(revenue) and revenue.amount >= GROWS and (flat or behind) else NO, seen(found), ()


@rule(
    title="A channel gets dearer",
    when="what a conversion costs in a channel drifts up, or stands on a higher level, against its own past year",
    hint="Look at this channel's audience and bids before spending more on it; move what it no longer earns.",
    source=UNDERSTANDING,
    needs=("cpa",),
)
def dearer_channel(book: Book) -> Judged:
    """Costs of acquisition that creep up month by month, channel by channel."""
    by = segmentable("cpa", book.data, ("channel",))
    looked = signals(book.data, ["cpa"], book.last, by=by, explain=0)
    if not looked.looked:
        return UNKNOWN, [], ()
    worse = [each for each in looked.signals if each.kind in LASTING and each.better is False]
    evidence = []
    for each in worse:
        own = [pl.col(name).eq_missing(value) for name, value in each.by]
        row = looked.values.table.filter(pl.col("start") == each.start, *own).row(0, named=True)
        moved = Change(each.size, None, None, each.points, each.expected, each.since)
        evidence.append(Evidence(row, segment_name(each.by), moved))
    return YES if worse else NO, evidence, ()


@rule(
    title="Customers bring less than they should for what they cost",
    when="gross profit over a customer's life is surely less than three times the cost of winning one, or a channel surely loses",
    hint="Look at price, margin and churn for all, and stop or mend the channels that lose.",
    source=UNDERSTANDING,
    needs=("ltv_cac_ratio",),
)
def thin_economics(book: Book) -> Judged:
    """LTV against CAC with margin, the ratio and the payback; by channel where users have one."""
    found = unit_economics(book.data, book.last)
    rows = found.table.to_dicts()
    if found.reason or not rows or rows[0]["band"] in ("unknown", "free"):
        return UNKNOWN, [], ()
    evidence = [Evidence(found.together.only(name).table.row(0, named=True)) for name in sorted(FIGURES, reverse=True)]
    losing = [row for row in rows[1:] if row["band"] == "loses" and row["sure"]]
    for row in losing:
        own = [pl.col(column).eq_missing(row[column]) for column in found.by]
        ratio = found.figures.only("ltv_cac_ratio").table.filter(*own).row(0, named=True)
        evidence.append(Evidence(ratio, segment_name(tuple((column, row[column]) for column in found.by))))
    healthy, sure = rows[0]["band"] == "healthy", rows[0]["sure"]
    return YES if losing or (sure and not healthy) else NO if sure else UNKNOWN, evidence, ()


def _in_corner(book: Book, *corners: str) -> Judged:
    """Features in a corner of the quadrant of adoption and use."""
    uptake = adoption(book.data, book.last)
    if uptake.reason or uptake.table["corner"].drop_nulls().is_empty():
        return UNKNOWN, [], ()
    rates = compute("feature_adoption_rate", book.data, book.last).table
    names = uptake.table.filter(pl.col("corner").is_in(corners))["feature"].to_list()
    evidence = [Evidence(row, row["feature"]) for row in rates.to_dicts() if row["feature"] in names]
    return YES if evidence else NO, evidence, ()


@rule(
    title="A feature is used by few, but often",
    when="fewer use it than the feature in the middle, and those more often than its users do",
    hint="Show it to more people and make it better: who finds it keeps using it.",
    source=UNDERSTANDING,
    needs=("feature_adoption_rate",),
)
def hidden_feature(book: Book) -> Judged:
    """Low adoption with high engagement among those who use it."""
    return _in_corner(book, "promote")


@rule(
    title="A feature is hardly used",
    when="fewer use it than the feature in the middle, and those less often, or nobody does",
    hint="Ask whether anybody can find it; if so, put the work elsewhere.",
    source=UNDERSTANDING,
    needs=("feature_adoption_rate",),
)
def idle_feature(book: Book) -> Judged:
    """A candidate to let go."""
    return _in_corner(book, "drop", "unused")


def _falls(book: Book, name: str) -> Judged:
    """Whether one figure is clearly worse than before."""
    found = book.standings(name)
    if not found or course(found[0]).amount is None:
        return UNKNOWN, seen(found), ()
    return YES if better(found[0].kpi, course(found[0])) is False else NO, seen(found), ()


@rule(
    title="A customer is worth less",
    when="the gross profit of a customer over its life is clearly lower than before",
    hint="Look at what new customers miss at first: activation, and the retention of the latest cohorts.",
    source=UNDERSTANDING,
    needs=("ltv",),
)
def customers_worth_less(book: Book) -> Judged:
    """Lifetime value that goes down: people leave early, or pay less."""
    return _falls(book, "ltv")


@rule(
    title="New products bring a smaller part of revenue",
    when="the share of revenue from products launched of late is clearly lower than before",
    hint="Update the product, or ask the market what it lacks.",
    source=CLICKUP,
    needs=("new_product_revenue_share",),
)
def old_products_carry(book: Book) -> Judged:
    """A product that is not renewed."""
    return _falls(book, "new_product_revenue_share")


@rule(
    title="Customers are not satisfied",
    when=f"the share of satisfied answers is surely below {percent(SATISFIED, 1)}, or clearly lower than before",
    hint="Look at what the low answers say, by channel and topic, before anything else is built.",
    source=UNDERSTANDING,
    needs=("csat",),
)
def low_satisfaction(book: Book) -> Judged:
    """A low or falling CSAT: work to do on the experience."""
    found = book.standings("csat")
    if not found:
        return UNKNOWN, [], ()
    bound = found[0].row["high"]
    low = bound is not None and bound < SATISFIED
    return YES if low or better(found[0].kpi, course(found[0])) is False else NO, seen(found), ()


@rule(
    title="Recommendation moved after a release",
    when="NPS clearly changed against the last period in which it was asked, and something was released since that one began",
    hint="An association, not a cause: ask the people who answered, and look at who saw the release.",
    source=UNDERSTANDING,
    needs=("nps",),
)
def nps_after_release(book: Book) -> Judged:
    """A score that moves after updates, told as what stands beside what."""
    found = book.standing("nps")
    moved = book.since_last("nps") if found else None
    if found is None or moved is None or moved.amount is None:
        return UNKNOWN, [], ()
    released = book.releases(moved.since)
    return YES if moved.clear and released else NO, [Evidence(found.row, "", moved)], released[-4:]


@rule(
    title="Tickets on one topic escalate more often",
    when="the share that escalates is higher in one topic than in all others, by more than chance gives "
    f"(of the topics told at most {percent(FALSE_SHARE, 1)} are false)",
    hint="Look for a running problem of that topic, and at what was released before.",
    source=CLICKUP,
    needs=("support_escalation_rate",),
    parts=tuple(f"tickets.{name}" for name in TOPICS),
)
def escalating_topic(book: Book) -> Judged:
    """A high rate of escalation is traced to a feature or topic of the tickets."""
    columns = [name for name in TOPICS if name in book.data.columns("tickets")]
    whole = book.standings("support_escalation_rate")
    if not whole:
        return UNKNOWN, [], ()
    rows = [
        (column, row)
        for column in columns
        for row in compute("support_escalation_rate", book.data, book.last, by=(column,)).table.to_dicts()
        if row["value"] is not None and row["n"] >= FEW
    ]
    total = whole[0].row
    chances = adjusted([_higher(row["value"], row["n"], total["value"], total["n"]) for _, row in rows])
    worse = [
        Evidence(row, f"{plain_name(column)} {row[column]}")
        for (column, row), q in zip(rows, chances, strict=True)
        if q <= FALSE_SHARE
    ]
    return YES if worse else NO, [*seen(whole), *worse], book.releases()[-4:] if worse else ()


def _higher(share: float, n: int, whole: float, all_n: int) -> float:
    """Chance that a part is so much above the rest: the one-sided z test of two shares with their pooled variance.

    >>> round(_higher(0.2, 100, 0.15, 200), 4)
    0.0238
    """
    rest = all_n - n
    spread = whole * (1 - whole) * (1 / n + 1 / rest) if rest > 0 else 0.0
    if spread <= 0:
        return 1.0
    z = (share - (whole * all_n - share * n) / rest) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2


@rule(
    title="More defects get past the tests",
    when=f"the share of defects found before users found them is lower than before, which chance gives in {percent(ONE_SIDED, 2)}",
    hint="Look at which releases they came with, and what their tests did not cover.",
    source=CLICKUP,
    needs=("defect_detection_effectiveness",),
)
def escaping_defects(book: Book) -> Judged:
    """The trend of how many defects the team finds itself."""
    latest = book.ripe("defect_detection_effectiveness")  # what users find, they find later
    found = [latest] if latest else []
    if not found or course(found[0]).amount is None:
        return UNKNOWN, seen(found), ()
    past = found[0].history.table.filter(pl.col("start") == course(found[0]).since).to_dicts()
    if not past:
        return UNKNOWN, seen(found), ()
    # defects have no users, so the change has no interval of its own: two shares of defects are compared
    (now, n), (before, m) = ((row["value"], row["n"]) for row in (found[0].row, past[0]))
    chance = _higher(1 - now, n, 1 - (now * n + before * m) / (n + m), n + m)
    return YES if chance <= ONE_SIDED else NO, seen(found), ()
