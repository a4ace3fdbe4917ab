"""Where the clear changes of a review come from: each divided among the segments of the column that explains it best."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from kpi_lib.answers.contributions import Contributions, best_explained
from kpi_lib.answers.review import Review
from kpi_lib.answers.scorecard import Standing
from kpi_lib.core.dataset import Dataset, plain_name
from kpi_lib.core.period import Grid

SCHEMA = {"of": pl.String, "column": pl.String, "segment": pl.String} | dict.fromkeys(
    ("before", "after", "mix", "rate", "effect", "change"), pl.Float64
)


@dataclass(frozen=True, slots=True)
class Move:
    """A figure that clearly moved on the period before or (`yearly`) on the year before.

    `source` divides its change among segments; None where no segment stands out.
    """

    standing: Standing
    yearly: bool
    source: Contributions | None


@dataclass(frozen=True, slots=True)
class DrillDown:
    """The clear changes of a review in the order of its agenda, each with where it came from."""

    moves: tuple[Move, ...]
    currency: str
    every: str

    @property
    def table(self) -> pl.DataFrame:
        """One row per KPI (`of`) and segment of its column: before, after, mix, rate, effect, and the whole change."""
        return pl.DataFrame([row for each in self.moves for row in rows_of(each)], schema=SCHEMA)

    def to_dict(self) -> dict[str, Any]:
        """The rows as JSON values."""
        return {"moves": self.table.rename({"of": "kpi"}).to_dicts()}


def rows_of(move: Move) -> list[dict[str, Any]]:
    """The segments of one move, largest effect first."""
    if move.source is None:
        return []
    found = move.source
    whole = {"of": found.kpi, "column": plain_name(found.column), "change": found.change}
    kept = ("segment", "before", "after", "mix", "rate", "effect")
    return [whole | {name: row[name] for name in kept} for row in found.table.iter_rows(named=True)]


def drill_down(agenda: Review, data: Dataset, grid: Grid) -> DrillDown:
    """Divide each clear change on the agenda, the one on the period before if that is clear, else the one on the year before.

    What stayed within chance on both is left alone.
    """
    last = grid.only(len(grid) - 1)
    moves = []
    for standing in (each.standing for each in (*agenda.attention, *agenda.wins)):
        yearly = not standing.change.clear
        if yearly and not (standing.year and standing.year.clear):
            continue
        before = last.year_before() if yearly else last.before()
        # of a figure with several values one part is shown, which divides among no further column
        source = None if standing.part else best_explained(standing.kpi.name, data, before, last)
        moves.append(Move(standing, yearly, source))
    return DrillDown(tuple(moves), agenda.card.currency, agenda.card.every)
