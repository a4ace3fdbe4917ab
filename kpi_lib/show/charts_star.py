"""The north star: its tile beside its history."""

from kpi_lib.answers.scorecard import Scorecard, Standing
from kpi_lib.answers.sharing import shared
from kpi_lib.show.blocks import Table, Tile
from kpi_lib.show.canvas import INK
from kpi_lib.show.changes import history_rows, sentence_of
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.phrases import figure, interval, known, period_name, plain, short_period, written
from kpi_lib.show.picture import Picture
from kpi_lib.show.tiles import star_of, tile


def north_star(scorecard: Scorecard) -> Picture | Tile | None:
    """The north star with its history; only its tile while there is no history, nothing without a north star."""
    scorecard = shared(scorecard)
    star = star_of(scorecard)
    if star is None:
        return None
    own = tile(star, scorecard, spark=False, earlier=True)
    return star_history(star, scorecard, tile=own) or own


def star_history(standing: Standing, scorecard: Scorecard, *, tile: Tile | None = None) -> Picture | None:
    """The history of one figure as a line from zero, if two periods are known."""
    rows = history_rows(standing)
    if sum(known(row["value"]) is not None for row in rows) < 2:
        return None
    title, currency = standing.title, scorecard.currency
    points = [
        {
            "at": short_period(row["start"], row["end"]),
            "series": title,
            **{name: row[name] for name in ("value", "low", "high")},
            "open": row["status"] in ("partial", "early"),
            "told": written(known(row["value"]), standing.kpi.unit, currency),
        }
        for row in rows
    ]
    at = tuple(point["at"] for point in points)
    lines = Lines(
        points=points_of(points),
        at=at,
        unit=standing.kpi.unit,
        colours={title: INK.accent},
        currency=currency,
        height=190,
    )
    note = "Hollow: a period that is not over or began before the data." if any(p["open"] for p in points) else ""
    alt = (
        f"{title} by {scorecard.every}, {len(rows)} periods. {plain(sentence_of(standing, scorecard.every, currency))}"
    )
    return lines_picture(lines, alt=alt, note=note, table=_figures(standing, currency), tile=tile)


def _figures(standing: Standing, currency: str) -> Table:
    by = tuple(standing.part)
    rows = tuple(
        (
            period_name(row["start"], row["end"]),
            figure(row, currency=currency, by=by),
            interval(row, currency=currency, by=by),
            figure(row, "n", by=by),
        )
        for row in history_rows(standing)
    )
    return Table(title=f"{standing.title} by period", columns=("Period", standing.title, "95 %", "n"), rows=rows)
