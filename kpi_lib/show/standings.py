"""The scorecard as a table: figure, interval, history, changes, target and owner, one row a KPI; and who works on what."""

from kpi_lib.answers.scorecard import COMPANION, STAR, Scorecard, Standing
from kpi_lib.show.blocks import Cell, Change, Phrase, Table
from kpi_lib.show.changes import compared, compared_year
from kpi_lib.show.phrases import figure, interval
from kpi_lib.show.render import TARGETS
from kpi_lib.show.tiles import spark_of, target_of

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
        title=f"Scorecard {scorecard.period}",
        columns=COLUMNS,
        rows=rows,
        note=" ".join(filter(None, notes)),
        text_columns=1,
    )


def _row(standing: Standing, scorecard: Scorecard) -> tuple[Phrase | Cell, ...]:
    row, currency, by = standing.row, scorecard.currency, tuple(standing.part)
    moved = [compared(standing, scorecard.every), compared_year(standing, scorecard.every)]
    told = [_told(each) if each is not None and row["value"] is not None else "" for each in moved]
    target: Phrase = ""
    if standing.aim:
        aim = target_of(standing.aim, currency)
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
    return Table(title="Teams and KPIs", columns=("KPI", *named), rows=rows, note=note)


def _part(team: str, standing: Standing) -> str:
    return "● answers" if team == standing.owner else "○ works on it" if team in standing.teams else ""
