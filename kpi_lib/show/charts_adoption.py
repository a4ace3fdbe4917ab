"""Charts of feature adoption: how many use a feature against how often, its share over time, and how many each uses."""

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import polars as pl

from kpi_lib.core.units import RATIO, SHARE
from kpi_lib.shapes.adoption import Adoption
from kpi_lib.show.adoption import VERDICTS, adoption_table, breadth_table, last, sentence, verdict
from kpi_lib.show.blocks import Phrase
from kpi_lib.show.canvas import DESK, INK, PHONE, Scale, cut, from_left, round_scale, spread, value_axis, wide
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.charts_rank import Ranks, Row, rank_chart, ranks_picture
from kpi_lib.show.charts_stack import Stack, stack_picture
from kpi_lib.show.phrases import between, listed, named, plain, short_period, told, whole, written
from kpi_lib.show.picture import Picture

HEIGHT, LINE = 320, 15
LABELS, MOST, BARS = 14, 6, 16
Side = Literal["left", "right"]
CORNERS: dict[str, tuple[Side, int]] = {
    "promote": ("left", -12),
    "keep": ("right", -12),
    "drop": ("left", HEIGHT + 34),
    "watch": ("right", HEIGHT + 34),
}


def adoption_picture(result: Adoption) -> Picture:
    """One period: each feature by how many use it and how often. Several: its share over time. Segments: side by side."""
    words, figures = plain(sentence(result).phrase), adoption_table(result)
    if result.table["start"].n_unique() > 1 and not result.by:
        return lines_picture(_over_time(result), alt=words, note="Share of those who could see it.", table=figures)
    rows = sorted(last(result), key=lambda row: (-(row["rate"] or 0), row["feature"]))
    bars = Ranks(
        rows=tuple(_bar(row, result.by) for row in rows if row["rate"] is not None)[:BARS], dots=bool(result.by)
    )
    note = "Share of those who could see it, with its 95 % interval; beside it the uses on an active day of those who use it."
    used = [row for row in rows if row["adopters"]]
    if result.by or len(used) < 2 or used[0]["cut_uses"] is None:
        return ranks_picture(bars, alt=words, note=note, table=figures)
    unused = [row["feature"] for row in rows if row["corner"] == "unused"]
    note = "How many of those who could see it use a feature, and how often on an active day, with 95 % intervals. Dashed: the "
    note += "median feature; what half of the people use is used by many."
    note += f" Unused: {listed(unused)}." if unused else ""
    return Picture(wide=quadrant(used), narrow=rank_chart(bars, PHONE), alt=words, note=note, table=figures)


def breadth_picture(result: Adoption) -> Picture:
    """How many people use no feature, one, two and so on; segments are stacked."""
    newest = result.breadth.filter(pl.col("start") == pl.col("start").max())
    at = [str(each) for each in range(max(newest["features"], default=0) + 1)]
    names = list(dict.fromkeys(_segment(row, result.by) for row in newest.to_dicts()))
    bars = [
        {"at": str(row["features"]), "series": _segment(row, result.by), "value": float(row["users"]), "open": False,
         "told": whole(row["users"])}
        for row in newest.to_dicts()
    ]  # fmt: skip
    hues = [*INK.categories, *[INK.ghost] * len(names)]
    stack = Stack(bars=bars, at=tuple(at), colours=dict(zip(names, hues, strict=False)))
    summary = [row for row in result.summary.to_dicts() if row["users"]]
    words: Phrase = "People by how many of the features they use."
    if summary and not result.by:
        none = told(summary[-1], "users_of_none", whole(summary[-1]["users_of_none"]), of="adoption_summary")
        words = (words, " ", none, " uses none." if none.value == 1 else " use none.")
    return stack_picture(stack, alt=plain(words), note=words, table=breadth_table(result))


def _segment(row: dict[str, Any], by: Sequence[str]) -> str:
    return " / ".join(named(row[column]) for column in by) or "People"


def _bar(row: dict[str, Any], by: Sequence[str]) -> Row:
    often = "" if row["uses_per_active_day"] is None else f"{written(row['uses_per_active_day'], RATIO)} a day"
    return Row(
        name=f"{row['feature']} · {_segment(row, by)}" if by else row["feature"],
        value=row["rate"],
        text=written(row["rate"], SHARE),
        beside=" · ".join(filter(None, (often, "" if by else verdict(row)))),
        low=row["low"],
        high=row["high"],
        quiet=row["status"] == "small_n",
    )


def _over_time(result: Adoption) -> Lines:
    rows = result.table.filter(pl.col("rate").is_not_null()).to_dicts()
    at = tuple(dict.fromkeys(short_period(row["start"], row["end"]) for row in result.table.sort("start").to_dicts()))
    size = {row["feature"]: row["rate"] for row in sorted(rows, key=lambda row: row["start"])}
    largest = sorted(size, key=lambda name: (-size[name], name))[:MOST]
    points = [
        {"at": short_period(row["start"], row["end"]), "series": row["feature"], "value": row["rate"], "low": row["low"],
         "high": row["high"], "open": row["status"] in ("partial", "early"),
         "told": f"{written(row['rate'], SHARE)} ({between(row['low'], row['high'])}) of {whole(row['eligible'])}"}
        for row in rows
    ]  # fmt: skip
    return Lines(points=points_of(points), at=at, unit=SHARE, colours=dict(zip(largest, INK.categories, strict=False)))


def quadrant(used: list[dict[str, Any]]) -> alt.LayerChart:
    """Features in use on a desk: how many people across, how often upwards, with intervals, names and named corners."""
    across = round_scale([row["high"] for row in used], SHARE, marks=5)
    up = round_scale([row["uses_high"] or row["uses_per_active_day"] for row in used], RATIO, marks=5)
    plot = DESK.total - 16 - up.extent
    frame = pl.DataFrame(
        {
            "name": [row["feature"] for row in used],
            "x": [row["rate"] for row in used],
            "y": [row["uses_per_active_day"] for row in used],
            "told": [f"{written(row['rate'], SHARE)}, {verdict(row)}" for row in used],
            **{new: [row[old] for row in used] for new, old in ENDS.items()},
        },
        schema_overrides={name: pl.Float64 for name in ("x", "y", *ENDS)},
    )
    x, y = _x("x", across), value_axis("y", up)
    told = [alt.Tooltip("name:N", title="feature"), alt.Tooltip("told:N", title="stands")]
    base = alt.Chart(frame)
    cuts = alt.Chart(pl.DataFrame({"x": [used[0]["cut_rate"]], "y": [used[0]["cut_uses"]]}))
    layers = [
        cuts.mark_rule(color=INK.ghost, strokeDash=[4, 4]).encode(x=x),
        cuts.mark_rule(color=INK.ghost, strokeDash=[4, 4]).encode(y=y),
        *(_corner(name, plot) for name in CORNERS),
        base.mark_rule(color=INK.soft, strokeWidth=2).encode(x=_x("low", across), x2=alt.X2("high:Q"), y=y),
        base.mark_rule(color=INK.soft, strokeWidth=2).encode(x=x, y=value_axis("below", up), y2=alt.Y2("above:Q")),
        base.mark_point(filled=True, size=80, opacity=1, color=INK.accent).encode(x=x, y=y, tooltip=told),
        *_names(frame, across, up, plot),
    ]
    return alt.LayerChart(layer=layers, width=plot, height=HEIGHT)


ENDS = {"low": "low", "high": "high", "below": "uses_low", "above": "uses_high"}


def _x(field: str, scale: Scale) -> alt.X:
    axis = alt.Axis(values=list(scale.values), labelExpr=scale.label(), grid=False, labelOverlap=False)
    return alt.X(
        f"{field}:Q", title=None, axis=axis, scale=alt.Scale(domain=[scale.bottom, scale.top], nice=False, zero=False)
    )


def _corner(name: str, plot: int) -> alt.Chart:
    """The word of a corner, above or below the plot, where no feature can stand on it."""
    side, place = CORNERS[name]
    words = alt.Chart(pl.DataFrame({"text": [VERDICTS[name]]})).mark_text(
        align=side, baseline="middle", color=INK.muted, fontStyle="italic"
    )
    high = alt.YValue(place)  # type: ignore[no-untyped-call]
    drawn: alt.Chart = words.encode(x=from_left(0 if side == "left" else plot), y=high, text=alt.Text("text:N"))
    return drawn


def _names(frame: pl.DataFrame, across: Scale, up: Scale, plot: int) -> list[alt.Chart]:
    """The names beside their points, moved apart where points lie close together."""
    rows = frame.head(LABELS).to_dicts()
    high = HEIGHT / (up.top - up.bottom)
    places = spread(
        {row["name"]: (row["y"] - up.bottom) * high for row in rows}, gap=LINE, top=HEIGHT - LINE, bottom=LINE
    )
    sides: dict[Side, list[dict[str, Any]]] = {"left": [], "right": []}
    for row in rows:
        name, at = cut(row["name"], DESK.letters), (row["x"] - across.bottom) / (across.top - across.bottom) * plot
        side: Side = "left" if at + wide(name) + 12 < plot else "right"
        sides[side].append({"x": row["x"], "y": places[row["name"]] / high + up.bottom, "name": name})
    drawn = []
    for side, words in sides.items():
        if words:
            text = alt.Chart(pl.DataFrame(words)).mark_text(
                align=side, baseline="middle", dx=9 if side == "left" else -9
            )
            drawn.append(text.encode(x=_x("x", across), y=value_axis("y", up), text=alt.Text("name:N")))
    return drawn
