"""Several products side by side: the scorecard of each, read as it stands and never added up."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kpi_lib.answers.scorecard import STAR, Scorecard, Standing, moved_by


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The scorecard of each product by its name, in the order asked for, the day up to which its data reach, and their fingerprint."""

    cards: Mapping[str, Scorecard]
    until: Mapping[str, str]
    fingerprints: Mapping[str, str]

    def standings(self) -> tuple[tuple[str, Standing], ...]:
        """Of each product its north star (else its first figure), then the other figures whose change is clear."""
        return tuple((name, each) for name, card in self.cards.items() for each in _told(card))

    @property
    def table(self) -> pl.DataFrame:
        """One row per product, KPI and period of its history: `product`, the columns of `compute`, and the change of the last."""
        frames = [
            _history(each).with_columns(product=pl.lit(name))
            for name, card in self.cards.items()
            for each in card.standings
        ]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame({"product": [], "kpi": []})


def _told(card: Scorecard) -> tuple[Standing, ...]:
    first, rest = card.standings[:1], card.standings[1:]
    return (*first, *(each for each in rest if each.change.clear and each.role != STAR))


def _history(standing: Standing) -> pl.DataFrame:
    last = pl.col("start") == standing.row["start"]
    moved = {**moved_by("", standing.change), **moved_by("year_", standing.year)}
    columns = {name: pl.when(last).then(pl.lit(value, pl.Float64)) for name, value in moved.items()}
    return standing.history.table.with_columns(**columns)
