"""The funnel's chart: a bar a step, or a dot a segment."""

from dataclasses import replace
from typing import Any

import polars as pl

from kpi_lib.core.dataset import plain_name
from kpi_lib.core.units import SECONDS, SHARE, show
from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.show.canvas import DESK, PHONE
from kpi_lib.show.charts_rank import Ranks, Row, rank_chart
from kpi_lib.show.facts import facts
from kpi_lib.show.funnels import FEW, definition, description, groups, step_name, steps_table
from kpi_lib.show.phrases import between, named, whole, written
from kpi_lib.show.picture import Picture

SEGMENTS, OWN = 12, 8


def funnel_picture(result: FunnelResult) -> Picture:
    """Steps as bars; with segments, how many of each reach the last step, with intervals."""
    if result.by:
        rows, dropped = _segments(result)
        note = f"Share of those who entered that reached the last step; the line is the 95 % interval. {definition(result)}"
        if dropped:
            note += f" {dropped} more in the table."
        ranks = [Ranks(rows=rows, dots=True)] * 2
    else:
        steps = result.table.to_dicts()
        ranks = [Ranks(rows=tuple(_bar(steps, at, short=short) for at in range(len(steps)))) for short in (False, True)]
        note = f"Percent of the step before, with the 95 % interval; times from the start. {definition(result)}"
    wide, narrow = rank_chart(ranks[0], DESK), rank_chart(ranks[1], PHONE)
    figures = replace(steps_table(result), note=" ".join(result.warnings))  # the rules stand above it already
    return Picture(wide=wide, narrow=narrow, alt=description(result), note=note, table=figures)


def segment_pictures(result: FunnelResult) -> tuple[Picture, ...]:
    """The steps of each segment on their own, the largest first, for readers to choose from; their figures stand under the whole."""
    if not result.by or result.table.is_empty():
        return ()
    sizes = result.table.group_by(result.by).agg(pl.col("units").max())
    chosen = sizes.filter(pl.col("units") > 0).sort("units", *result.by, descending=[True, *[False] * len(result.by)])
    found = []
    for row in chosen.head(OWN).to_dicts():
        part = result.table.filter(pl.all_horizontal(pl.col(name).eq_missing(pl.lit(row[name])) for name in result.by))
        own = replace(result, table=part.drop(result.by), by=())
        name = " / ".join(named(row[column]) for column in result.by)
        whole_one = funnel_picture(own)
        note = "Percent of the step before, with the 95 % interval; times from the start."
        alt = f"{name}: {description(own)}"
        found.append(
            replace(
                whole_one,
                alt=alt,
                note=note,
                table=None,
                facts=facts(own),
                choice=(" / ".join(map(plain_name, result.by)), name),
            )
        )
    return tuple(found) if len(found) > 1 else ()


def _bar(steps: list[dict[str, Any]], at: int, *, short: bool) -> Row:
    step = steps[at]
    beside = "" if at or not step["units"] else "entered"
    if at and step["from_previous"] is not None:
        span = f"({between(step['previous_low'], step['previous_high'])})"
        beside = f"{written(step['from_previous'], SHARE)} {'' if short else 'of the step before '}{span}"
        if step["median_seconds"] is not None:
            beside += f" · median {show(step['median_seconds'], SECONDS)}{'' if short else ' from the start'}"
    return Row(name=step_name(step["event"]), value=float(step["units"]), text=whole(step["units"]), beside=beside)


def _segments(result: FunnelResult) -> tuple[tuple[Row, ...], int]:
    rated = [(name, steps[0], steps[-1]) for name, steps in groups(result) if steps and steps[0]["units"]]
    kept = sorted(rated, key=lambda each: (-each[1]["units"], each[0]))[:SEGMENTS]
    kept.sort(key=lambda each: (-each[2]["from_start"], each[0]))
    rows = [
        Row(
            name=name,
            value=last["from_start"],
            text=written(last["from_start"], SHARE),
            beside=f"{between(last['low'], last['high'])} · {whole(last['units'])} of {whole(first['units'])}",
            low=last["low"],
            high=last["high"],
            quiet=first["units"] < FEW,
        )
        for name, first, last in kept
    ]
    return tuple(rows), len(rated) - len(rows)
