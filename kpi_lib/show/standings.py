"""The scorecard as a table: figure, interval, history, changes, target and owner, one row a KPI; and who works on what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from kpi_lib.answers.portfolio import Portfolio
from kpi_lib.answers.scorecard import COMPANION, STAR, Scorecard, Standing
from kpi_lib.show.blocks import Cell, Change, Headline, Phrase, Strong, Table
from kpi_lib.show.changes import compared, compared_year
from kpi_lib.show.phrases import figure, interval, period_name
from kpi_lib.show.render import TARGETS
from kpi_lib.show.tiles import headline, spark_of, target_of

ARROWS = {"up": "▲ ", "down": "▼ "}
BETTER = {"good": " better", "bad": " worse"}
MARKS = {STAR: "★ ", COMPANION: "+ "}
COLUMNS = (
    "KPI",
    "Value",
    "95 %",
    "n",
    "History",
    "Against the period before",
    "Against the year before",
    "Target",
    "Owner",
)
ALONE = "{} stands alone: these data allow no depth figure, so how many came is known and not what they did."


def scorecard_table(scorecard: Scorecard) -> Table:
    """All figures of the scorecard, and why the missing ones are missing."""
    rows = tuple(_row(each, scorecard) for each in scorecard.standings)
    left = " ".join(f"{name}: {why}." for name, why in scorecard.left_out.items())
    notes = [*(ALONE.format(name) for name in scorecard.alone), f"Not computed – {left}" if left else ""]
    return Table(
        title=f"Scorecard, {period_name(*_span(scorecard))}" if scorecard.standings else "Scorecard",
        columns=COLUMNS,
        rows=rows,
        note=" ".join(filter(None, notes)),
        text_columns=1,
    )


def _span(scorecard: Scorecard) -> tuple[date, date]:
    row = scorecard.standings[0].row
    return row["start"], row["end"]


def portfolio_table(portfolio: Portfolio) -> Table:
    """Of each product its north star and the figures that clearly moved; the period stands on top if all have one."""
    told = portfolio.standings()
    periods = {period_name(each.row["start"], each.row["end"]) for _, each in told}
    one = len(periods) == 1
    rows = tuple((name, *_of_product(name, each, portfolio.cards[name], one=one)) for name, each in told)
    reach = ", ".join(f"{name} {day}" for name, day in portfolio.until.items())
    notes = [f"★ north star. Data reach until: {reach}.", *_missing(portfolio)]
    return Table(
        title=", ".join(["Products side by side", *(periods if one else ())]),
        columns=("Product", "KPI", "Value (95 %, n)", "History", "Changes", "Target"),
        rows=rows,
        note=" ".join(notes),
        text_columns=2,
    )


def _missing(portfolio: Portfolio) -> Iterator[str]:
    told = {name for name, _ in portfolio.standings()}
    yield from (
        f"{name}: none of the figures that it watches can be computed." for name in portfolio.cards if name not in told
    )
    if len(portfolio.cards) == 1:
        yield f"{next(iter(portfolio.cards))} stands alone: name the folders of other workspaces in products."


def _of_product(name: str, standing: Standing, scorecard: Scorecard, *, one: bool) -> tuple[Phrase | Cell, ...]:
    row, by = {**standing.row, "product": name}, ("product", *standing.part)
    title, _, _, _, past, before, year, _, _ = _row(replace(standing, row=row), scorecard, "product")
    when = "" if one else f", {period_name(row['start'], row['end'])}"
    value, span = (told(row, currency=scorecard.currency, by=by) for told in (figure, interval))
    n: Phrase = ("n ", figure(row, "n", by=by))
    moved: Phrase = (before, "; ", year) if before and year else before or year  # type: ignore[assignment]
    aim = target_of(standing.aim, scorecard.currency, every=scorecard.every) if standing.aim else None
    target: Phrase = (aim.phrase, " · ", TARGETS[aim.state]) if aim else ""
    return (f"{title}{when}", (value, " (", *((span, " · ") if span else ()), n, ")"), past, moved, target)


def portfolio_headline(portfolio: Portfolio) -> Headline:
    """The first sentence of each product's own headline."""
    said = {name: headline(card).sentences[0] for name, card in portfolio.cards.items()}
    return Headline(tuple((Strong(name), ": ", sentence) for name, sentence in said.items()))


def _row(standing: Standing, scorecard: Scorecard, *more: str) -> tuple[Phrase | Cell, ...]:
    row, currency, by = standing.row, scorecard.currency, (*more, *standing.part)
    moved = [compared(standing, scorecard.every), compared_year(standing, scorecard.every)]
    told = [_told(each) if each is not None and row["value"] is not None else "" for each in moved]
    target: Phrase = ""
    if standing.aim:
        aim = target_of(standing.aim, currency, every=scorecard.every)
        target = (aim.phrase, " · ", TARGETS[aim.state], f" ({aim.why})" if aim.why else "")
    spark = spark_of(standing, scorecard)
    return (
        MARKS.get(standing.role, "") + standing.title,
        figure(row, currency=currency, by=by),
        interval(row, currency=currency, by=by),
        figure(row, "n", by=by),
        Cell(spark=spark) if spark else "",
        *told,
        target,
        standing.owner,
    )


def _told(change: Change) -> Phrase:
    """A change in words: the arrow never alone says whether it is good."""
    return (ARROWS.get(change.points, ""), change.phrase, BETTER.get(change.tone, ""), " ", change.against)


def teams(scorecard: Scorecard) -> Table:
    """Which team answers for a KPI (●) and which works on it as well (○)."""
    named = sorted({team for each in scorecard.standings for team in each.teams})
    rows = tuple((each.title, *(_part(team, each) for team in named)) for each in scorecard.standings)
    free = [each.title for each in scorecard.standings if not each.teams]
    if not named:
        missing = 'No owner is named: add [owners] to kpi.toml, as in wau = ["product", "growth"].'
        return Table(title="Teams and KPIs", columns=("KPI",), rows=(), note=missing)
    note = "● answers for it, ○ works on it." + (f" Nobody is named for: {', '.join(free)}." if free else "")
    return Table(title="Teams and KPIs", columns=("KPI", *named), rows=rows, note=note, text_columns=1 + len(named))


def _part(team: str, standing: Standing) -> str:
    return "● answers" if team == standing.owner else "○ works on it" if team in standing.teams else ""
