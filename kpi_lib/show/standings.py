"""The scorecard as a table: figure, interval, change and target, one row a KPI."""

from kpi_lib.answers.scorecard import Scorecard, Standing
from kpi_lib.core.units import show
from kpi_lib.show.blocks import Phrase, Table
from kpi_lib.show.changes import compared
from kpi_lib.show.phrases import figure, interval

ARROWS = {"up": "▲ ", "down": "▼ "}


def scorecard_table(scorecard: Scorecard) -> Table:
    """All figures of the scorecard, and why the missing ones are missing."""
    rows = tuple(_row(each, scorecard) for each in scorecard.standings)
    columns = ("KPI", "Value", "95 %", "n", "Change", "Target")
    left = " ".join(f"{name}: {why}." for name, why in scorecard.left_out.items())
    note = f"Not computed – {left}" if left else ""
    return Table(title=f"Scorecard {scorecard.period}", columns=columns, rows=rows, note=note)


def _row(standing: Standing, scorecard: Scorecard) -> tuple[Phrase, ...]:
    row, currency = standing.row, scorecard.currency
    change = compared(standing, scorecard.every)
    told: Phrase = (
        (ARROWS.get(change.points, ""), change.phrase, " ", change.against) if row["value"] is not None else ""
    )
    target = show(standing.aim.value, standing.kpi.unit, currency) if standing.aim else ""
    span = interval(row, currency=currency)
    return (standing.kpi.title, figure(row, currency=currency), span, figure(row, "n"), told, target)
