"""A word-sized line: how a figure moved, without axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from kpi_lib.show.markup import Html, tag

_WIDTH, _HEIGHT, _MARGIN = 168, 34, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """The last values of a figure, oldest first; None leaves a gap, a partial last period is drawn hollow."""

    values: tuple[float | None, ...]
    text: str
    low: float | None = None
    high: float | None = None
    partial: bool = False


def spark_html(spark: Spark) -> Html | None:
    """Draw it, or nothing when fewer than two values are known."""
    known = [each for each in spark.values if each is not None and isfinite(each)]
    if len(known) < 2:
        return None
    bounds = [each for each in (spark.low, spark.high) if each is not None]
    bottom, top = min(known + bounds), max(known + bounds)
    places = _places(spark.values, bottom, top)
    band = _band(spark.low, spark.high, bottom=bottom, top=top)
    runs = [tag("path", class_="kpi-spark-line", d=_path(run)) for run in _runs(places)]
    last = [place for place in places if place is not None][-1]
    hollow = "yes" if spark.partial else None
    dot = tag("circle", class_="kpi-spark-dot", cx=_at(last[0]), cy=_at(last[1]), r="3", data_hollow=hollow)
    size = f"0 0 {_WIDTH} {_HEIGHT}"
    return tag("svg", band, *runs, dot, class_="kpi-spark", viewBox=size, role="img", aria_label=spark.text)


def _places(values: Sequence[float | None], bottom: float, top: float) -> list[tuple[float, float] | None]:
    """Where each value stands; a flat line stands low, so that nothing looks like much."""
    across = (_WIDTH - 2 * _MARGIN) / max(len(values) - 1, 1)
    return [
        None if value is None or not isfinite(value) else (_MARGIN + at * across, _height(value, bottom, top))
        for at, value in enumerate(values)
    ]


def _height(value: float, bottom: float, top: float) -> float:
    """The vertical place of a value."""
    share = (value - bottom) / (top - bottom) if top > bottom else 0.0
    return _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)


def _runs(places: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Cut the line where a value is missing."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            runs.append([])
        else:
            runs[-1].append(place)
    return [run for run in runs if len(run) > 1]


def _path(run: Sequence[tuple[float, float]]) -> str:
    """The drawing commands of one stretch."""
    return "M" + "L".join(f"{_at(x)} {_at(y)}" for x, y in run)


def _band(low: float | None, high: float | None, *, bottom: float, top: float) -> Html | None:
    """The usual range behind the line, when both ends are known."""
    if low is None or high is None:
        return None
    y, foot = _height(high, bottom, top), _height(low, bottom, top)
    return tag("rect", class_="kpi-spark-band", x="0", y=_at(y), width=str(_WIDTH), height=_at(max(foot - y, 1)))


def _at(place: float) -> str:
    """A coordinate with one decimal: enough for the eye, equal on every run."""
    return f"{place:.1f}".removesuffix(".0")
