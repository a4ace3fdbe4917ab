"""Charts of computed figures and of actives: a line a segment over time, or a bar a name in one period."""

from dataclasses import replace
from typing import Any

import altair as alt
import polars as pl

from kpi_lib.answers.actives import Actives
from kpi_lib.answers.compute import Values
from kpi_lib.core.units import COUNT, RATIO, SHARE, significant
from kpi_lib.show.active import NAMES, actives_sentence, actives_table
from kpi_lib.show.canvas import DESK, INK, PHONE, Layout, begun
from kpi_lib.show.charts_line import Lines, label_room, line_chart, lines_picture, points_of
from kpi_lib.show.charts_rank import Ranks, Row, ranks_picture
from kpi_lib.show.facts import facts
from kpi_lib.show.phrases import known, named, plain, short_period, title_of, unit_of, whole, written
from kpi_lib.show.picture import Picture
from kpi_lib.show.values import group_of, groups, kpis, sentence, values_table

MOST = 6
BARS = 10
OPEN = ("partial", "early")


def values_pictures(values: Values) -> list[Picture]:
    """A picture for each KPI that has something to draw; of several each says which it is."""
    found = {
        name: replace(picture, facts=facts(values.only(name)))
        for name in kpis(values)
        if (picture := _picture(values.only(name), name))
    }
    return [_titled(each, title_of(name)) if len(found) > 1 else each for name, each in found.items()]


def _titled(picture: Picture, title: str) -> Picture:
    head = alt.Title(title, anchor="start", fontSize=12, fontWeight="normal", color=INK.muted, offset=8, limit=330)
    wide: Any = picture.wide
    narrow: Any = picture.narrow
    return replace(
        picture, wide=wide.properties(title=head), narrow=None if narrow is None else narrow.properties(title=head)
    )


def _picture(values: Values, kpi: str) -> Picture | None:
    rows = [row for row in values.table.to_dicts() if known(row["value"]) is not None]
    if not rows:
        return None
    periods = values.table["start"].n_unique()
    columns = groups(values, kpi)
    if periods > 1 and not _once(rows, columns):
        return _series(values, kpi, columns)
    return _ranked(values, rows, columns) if columns else None


def _once(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> bool:
    """Whether every segment has one figure alone, as a version of a product has the month after its release."""
    names = [group_of(row, columns) for row in rows]
    return bool(columns) and len(names) > 1 and len(set(names)) == len(names)


def _ranked(values: Values, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Picture:
    """The largest first; figures of several periods by time, the latest first."""
    unit = unit_of(rows[0]["kpi"], rows[0]["unit"])
    dated = len({row["start"] for row in rows}) > 1
    rows = sorted(rows, key=lambda row: (-row["value"], group_of(row, columns)))
    rows = sorted(rows, key=lambda row: row["start"], reverse=True) if dated else rows
    bars = [
        Row(
            name=group_of(row, columns) + (f" · {short_period(row['start'], row['end'])}" if dated else ""),
            value=row["value"],
            text=written(row["value"], unit, values.currency),
            beside=f"n {whole(row['n'])}",
            low=known(row["low"]),
            high=known(row["high"]),
            quiet=row["status"] == "small_n",
        )
        for row in rows[:BARS]
    ]
    note = "The line at the end of a bar is the 95 % interval." if any(bar.low is not None for bar in bars) else ""
    note += " Grey: too few to tell." if any(bar.quiet for bar in bars) else ""
    note += f" The {'latest' if dated else 'largest'} {BARS} of {len(rows)}." if len(rows) > BARS else ""
    return ranks_picture(
        Ranks(rows=tuple(bars)), alt=plain(sentence(values).phrase), note=note.strip(), table=values_table(values)
    )


def _series(values: Values, kpi: str, columns: tuple[str, ...]) -> Picture:
    """Many periods: a line each for the largest segments, the others grey."""
    rows = values.table.to_dicts()
    unit, title = unit_of(kpi, rows[0]["unit"]), title_of(kpi)
    sizes: dict[str, int] = {}
    for row in rows:
        name = group_of(row, columns) if columns else title
        if row["value"] is not None:
            sizes[name] = sizes.get(name, 0) + row["n"]
    # by name, so that a segment has one colour in the charts of a page, whoever is larger
    largest = sorted(sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST])
    at = tuple(
        dict.fromkeys(short_period(row["start"], row["end"]) for row in sorted(rows, key=lambda row: row["start"]))
    )
    points = [
        {
            "at": short_period(row["start"], row["end"]),
            "series": group_of(row, columns) if columns else title,
            **{name: row[name] for name in ("value", "low", "high")},
            "open": row["status"] in OPEN,
            "told": written(known(row["value"]), unit, values.currency),
        }
        for row in sorted(rows, key=lambda row: row["start"])
    ]
    hues = INK.categories if columns else (INK.accent,)
    lines = Lines(
        points=points_of(points),
        at=at,
        unit=unit,
        colours=dict(zip(largest, hues, strict=False)),
        currency=values.currency,
    )
    return lines_picture(
        lines, alt=plain(sentence(values).phrase), note=_note(rows, len(sizes)), table=values_table(values)
    )


def _note(rows: list[dict[str, Any]], series: int) -> str:
    said = []
    if any(known(row["low"]) is not None for row in rows) and series <= 2:
        said.append("The band is the 95 % interval.")
    if any(row["status"] in OPEN for row in rows):
        said.append("Hollow: a period that is not over or began before the data.")
    if series > MOST:
        said.append(f"Grey: {series - MOST} smaller segments.")
    return " ".join(said)


def actives_picture(result: Actives) -> Picture:
    """Daily, weekly and monthly actives above, stickiness below; by segment the daily ones."""
    note = "Hollow: a period that is not over." if not result.table["complete"].all() else ""
    finding, table = plain(actives_sentence(result).phrase), actives_table(result)
    if result.by:
        return _daily(result, alt=finding, note=note, table=table)
    rows, at = _rows(result)
    upper = [_point(row, name, NAMES[name]) for row in rows for name in NAMES]
    lower = [_point(row, "stickiness", "Stickiness") for row in rows]
    colours = dict(zip(NAMES.values(), INK.categories, strict=False))
    top = Lines(points=points_of(upper), at=at, unit=COUNT, colours=colours, height=180)
    foot = Lines(points=points_of(lower), at=at, unit=SHARE, colours={"Stickiness": INK.muted}, height=64)
    return Picture(
        wide=_stacked(top, foot, DESK), narrow=_stacked(top, foot, PHONE), alt=finding, note=note, table=table
    )


def _stacked(top: Lines, foot: Lines, layout: Layout) -> alt.VConcatChart:
    """Two panels on one axis of time."""
    extent = 56
    room = label_room(top, layout)
    upper = line_chart(top, layout, extent=extent, room=room, marked=False)
    label = alt.Title(
        "Stickiness: share of days on which an active person shows up",
        fontSize=12,
        fontWeight="normal",
        color=INK.muted,
        offset=4,
    )
    if layout.narrow:
        label = alt.Title("Stickiness (share of days)", fontSize=12, fontWeight="normal", color=INK.muted, offset=4)
    lower = line_chart(foot, layout, extent=extent, room=room).properties(title=label)
    both: alt.VConcatChart = alt.vconcat(upper, lower, spacing=14)
    drawn: alt.VConcatChart = both.resolve_scale(color="independent", stroke="independent", x="independent")
    return drawn


def _rows(result: Actives) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    rows = result.table.sort("start", maintain_order=True).to_dicts()
    places = [(short_period(row["start"], row["end"]), row["dau"] is not None) for row in rows]
    return rows, begun([place for place, _ in places], [place for place, there in places if there])


def _point(row: dict[str, Any], field: str, series: str) -> dict[str, Any]:
    value = known(row[field])
    told = "—" if value is None else written(value, SHARE) if field == "stickiness" else significant(value)
    own = {"at": short_period(row["start"], row["end"]), "series": series, "value": value, "low": None, "high": None}
    return own | {"open": not row["complete"], "told": told}


def _daily(result: Actives, **words: Any) -> Picture:  # noqa: ANN401 - the words of a picture
    rows, at = _rows(result)
    points = [_point(row, "dau", " / ".join(named(row[column]) for column in result.by)) for row in rows]
    frame = points_of(points)
    sizes = (
        frame.group_by("series").agg(pl.col("value").sum()).sort("value", "series", descending=[True, False])["series"]
    )
    colours = dict(zip(sizes.head(MOST).sort(), INK.categories, strict=False))
    return lines_picture(Lines(points=frame, at=at, unit=RATIO, colours=colours), **words)
