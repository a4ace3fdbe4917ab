"""How a funnel over time is told: a line of who gets to the end, period by period."""

from typing import Any

import polars as pl

from kpi_lib.core.compare import share_difference
from kpi_lib.core.units import SHARE
from kpi_lib.shapes.funnel_trend import FunnelTrend
from kpi_lib.show.blocks import Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.funnels import rules_in_words, step_name
from kpi_lib.show.phrases import known, named, period_name, plain, short_period, told, told_between, whole, written
from kpi_lib.show.picture import Picture

MOST = 6
UNFINISHED = ("partial", "ripening")


def ends(result: FunnelTrend) -> list[dict[str, Any]]:
    """The last step of every period and segment, with how many entered."""
    entered = pl.col("units").first().over("start", *result.by).alias("entered")
    rows = result.table.with_columns(entered).filter(pl.col("step") == len(result.definition["steps"]))
    return rows.sort("start", *result.by, nulls_last=True).to_dicts()


def sentence(result: FunnelTrend) -> Say:
    """The newest finished period against the one before it; what is not over is left aside."""
    rows = [row for row in ends(result) if row["entered"] and row["status"] not in UNFINISHED]
    if not rows:
        return Say("No period is over yet in which anybody entered: the course of this funnel cannot be told.")
    if result.by:
        return Say(f"The last finished period is {period_name(rows[-1]['start'], rows[-1]['end'])}; a line a segment.")
    now = rows[-1]
    phrase: list[Phrase] = [
        Strong(
            (f"In {period_name(now['start'], now['end'])} ", _share(now), " of ", _part(now, "entered"), " got through")
        ),
        " (95 % interval ",
        told_between(now, of="funnel_trend", by=("step",)),
        ").",
    ]
    if len(rows) > 1:
        phrase += _change(rows[-2], now)
    return Say(tuple(phrase))


def _change(then: dict[str, Any], now: dict[str, Any]) -> list[Phrase]:
    gap = share_difference((then["units"], then["entered"]), (now["units"], now["entered"]))
    clear = gap is not None and gap.clear
    verdict = "; the change is more than chance gives." if clear else "; the two are not distinguishable."
    return [f" In {period_name(then['start'], then['end'])} it was ", _share(then), verdict]


def _share(row: dict[str, Any]) -> Phrase:
    return told(row, "from_start", written(known(row["from_start"]), SHARE), of="funnel_trend", by=("step",))


def _part(row: dict[str, Any], field: str) -> Phrase:
    return told(row, field, whole(row[field]), of="funnel_trend", by=("step",))


def trend_table(result: FunnelTrend) -> Table:
    """Every period: how many entered and got to the end, share with interval, who is still under way."""
    rows: list[tuple[Phrase, ...]] = []
    for row in ends(result):
        names = tuple(named(row[column]) for column in result.by)
        counts = (_part(row, "entered"), _part(row, "units"), _share(row))
        interval = told_between(row, of="funnel_trend", by=(*result.by, "step"))
        rows.append(
            (
                *names,
                short_period(row["start"], row["end"]),
                *counts,
                interval,
                _part(row, "in_progress"),
                row["status"],
            )
        )
    heads = (*result.by, "Entered in", "Units", "Got through", "Share", "95 %", "In progress", "Status")
    notes = " ".join((*result.warnings, rules_in_words(result.definition)))
    return Table(
        title="Funnel over time",
        columns=heads,
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=notes,
    )


def trend_picture(result: FunnelTrend) -> Picture:
    """The share that gets through by period of entry; hollow where the period can still change."""
    rows = ends(result)
    sizes: dict[str, int] = {}
    points = []
    for row in rows:
        series = " / ".join(named(row[column]) for column in result.by) or step_name(row["event"])
        sizes[series] = sizes.get(series, 0) + row["entered"]
        points.append({
            "at": short_period(row["start"], row["end"]),
            "series": series,
            "value": row["from_start"],
            "low": row["low"],
            "high": row["high"],
            "open": row["status"] in UNFINISHED,
            "told": written(known(row["from_start"]), SHARE),
        })  # fmt: skip
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST]
    hues = INK.categories if result.by else (INK.accent,)
    at = tuple(dict.fromkeys(point["at"] for point in points))
    lines = Lines(points=points_of(points), at=at, unit=SHARE, colours=dict(zip(largest, hues, strict=False)))
    said = ["Share of those who entered that got to the last step."]
    said += ["The band is the 95 % interval."] if len(sizes) <= 2 else []
    said += ["Hollow: may still change."] if any(point["open"] for point in points) else []
    said += [f"Grey: {len(sizes) - MOST} smaller segments."] if len(sizes) > MOST else []
    alt = plain(sentence(result).phrase)
    return lines_picture(lines, alt=alt, note=" ".join(said), table=trend_table(result))
