"""The flow chart of paths: a column a step, a band a move; on a phone the largest moves below each other."""

from typing import Any

import altair as alt
import polars as pl

from kpi_lib.core.units import SHARE
from kpi_lib.shapes.paths import END, MORE, OTHER, START, Paths
from kpi_lib.show.canvas import DESK, INK, PHONE, cut, wide
from kpi_lib.show.charts_rank import Ranks, Row, rank_chart
from kpi_lib.show.flows import paths_table, sentence, whole_flow
from kpi_lib.show.phrases import plain, whole, written
from kpi_lib.show.picture import Picture

HEIGHT, GAP, NODE, LETTERS = 300, 10.0, 12, 18
MOVES = 10
BARS = {
    "x": pl.Float64,
    "x2": pl.Float64,
    "y": pl.Float64,
    "y2": pl.Float64,
    "ours": pl.Boolean,
    "name": pl.String,
    "told": pl.String,
}
LAST = {OTHER: 1, MORE: 2, END: 3}
BEND = 10  # points of a band; enough for a smooth bend


def paths_picture(result: Paths) -> Picture:
    """Where sessions go, step by step; all segments together."""
    moves, nodes = whole_flow(result)
    total = max(int(result.totals["sessions"].sum()), 1)
    note = "A column is a step, the height of a bar its sessions; on a narrow page the commonest moves, with the step in front. "
    note += "(end): the session ends; (more): it goes on beyond what is shown."
    flow = flow_chart(moves, nodes, total)
    return Picture(
        wide=flow,
        narrow=_largest(moves, nodes),
        alt=plain(sentence(result).phrase),
        note=note,
        table=paths_table(result),
    )


def flow_chart(moves: pl.DataFrame, nodes: pl.DataFrame, total: int) -> alt.LayerChart:
    """Bars and bands at the width of a desk."""
    shown = nodes.filter(pl.col("event") != START)
    places = _places(shown.to_dicts(), total)
    steps = sorted({step for step, _ in places}) or [1]
    label = max((wide(cut(name, LETTERS)) for _, name in places), default=0) + NODE + 8
    apart = (DESK.total - 8 - label) / max(len(steps) - 1, 1)
    x = {step: index * apart for index, step in enumerate(steps)}
    bars = [
        {"x": x[step], "x2": x[step] + NODE, "y": top, "y2": top + size, "ours": name in LAST,
         "name": cut(name, LETTERS), "told": f"{whole(count)} ({written(count / total, SHARE)})"}
        for (step, name), (top, size, count) in places.items()
    ]  # fmt: skip
    told = [alt.Tooltip("name:N", title="what"), alt.Tooltip("told:N", title="sessions")]
    bands = alt.Chart(_bands(moves.to_dicts(), places, x)).mark_area(opacity=0.6, color=INK.soft)
    bands = bands.encode(x=_x("x"), y=_y("y"), y2=alt.Y2("y2:Q"), detail=alt.Detail("band:N"), tooltip=told)
    frame = pl.DataFrame(bars, schema=BARS)
    colour = alt.ColorValue(INK.accent, condition={"test": "datum.ours", "value": INK.ghost})
    drawn = (
        alt.Chart(frame)
        .mark_rect()
        .encode(x=_x("x"), x2=alt.X2("x2:Q"), y=_y("y"), y2=alt.Y2("y2:Q"), color=colour, tooltip=told)
    )
    middle = (
        frame.with_columns(y=(pl.col("y") + pl.col("y2")) / 2)
        .filter(pl.col("y2") - pl.col("y") >= 3)
        .select("name", "x2", "y")
    )
    words = alt.Chart(middle).mark_text(align="left", baseline="middle", dx=4, limit=label)
    named = words.encode(x=_x("x2"), y=_y("y"), text=alt.Text("name:N"))
    return alt.LayerChart(layer=[bands, drawn, named], width=DESK.total - 8, height=HEIGHT)


def _x(field: str) -> alt.X:
    scale = alt.Scale(domain=[0, DESK.total - 8], nice=False, zero=False)
    return alt.X(f"{field}:Q", scale=scale, axis=None, title=None)


def _y(field: str) -> alt.Y:
    scale = alt.Scale(domain=[0, HEIGHT], reverse=True, nice=False, zero=False)
    return alt.Y(f"{field}:Q", stack=None, scale=scale, axis=None, title=None)


Places = dict[tuple[int, str], tuple[float, float, int]]


def _places(nodes: list[dict[str, Any]], total: int) -> Places:
    """Top, height and sessions of each bar: the largest on top of its step, our own nodes at the foot."""
    columns: dict[int, list[dict[str, Any]]] = {}
    for node in nodes:
        columns.setdefault(node["step"], []).append(node)
    most = max((len(own) for own in columns.values()), default=1)
    scale, found = (HEIGHT - GAP * (most - 1)) / total, {}
    for step, own in sorted(columns.items()):
        top = 0.0
        for node in sorted(own, key=lambda n: (LAST.get(n["event"], 0), -n["sessions"], n["event"])):
            size = node["sessions"] * scale
            found[step, node["event"]] = (top, size, node["sessions"])
            top += size + GAP
    return found


def _bands(moves: list[dict[str, Any]], places: Places, x: dict[int, float]) -> pl.DataFrame:
    """The points of every band, from the right edge of one bar to the left edge of the next."""
    left = {place: top for place, (top, _, _) in places.items()}
    came, rows = dict(left), []
    drawn = [move for move in moves if (move["step"], move["from"]) in places]
    drawn.sort(key=lambda m: (m["step"], places[m["step"], m["from"]], places[m["step"] + 1, m["to"]]))
    for number, move in enumerate(drawn):
        out, into = (move["step"], move["from"]), (move["step"] + 1, move["to"])
        thick = places[into][1] * move["sessions"] / places[into][2]
        a, b = left[out], came[into]
        left[out], came[into] = a + thick, b + thick
        name = f"{move['from']} → {move['to']}"
        for point in range(BEND + 1):
            share = point / BEND
            bent = share * share * (3 - 2 * share)
            along = x[out[0]] + NODE + share * (x[into[0]] - x[out[0]] - NODE)
            y = a + bent * (b - a)
            rows.append((str(number), along, y, y + thick, name, whole(move["sessions"])))
    schema = {
        "band": pl.String,
        "x": pl.Float64,
        "y": pl.Float64,
        "y2": pl.Float64,
        "name": pl.String,
        "told": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _largest(moves: pl.DataFrame, nodes: pl.DataFrame) -> alt.LayerChart:
    there = {(row["step"], row["event"]): row["sessions"] for row in nodes.to_dicts()}
    named = ~pl.col("from").is_in([MORE, OTHER]) & ~pl.col("to").is_in([MORE, OTHER])
    kept = moves.filter((pl.col("step") >= 1) & named).sort(
        "sessions", "step", "from", "to", descending=[True, False, False, False]
    )
    rows = tuple(
        Row(
            name=f"{row['step']}. {cut(row['from'], 12)} → {cut(row['to'], 12)}",
            value=float(row["sessions"]),
            text=whole(row["sessions"]),
            beside=written(row["sessions"] / there[row["step"], row["from"]], SHARE),
        )
        for row in kept.head(MOVES).to_dicts()
    )
    return rank_chart(Ranks(rows=rows), PHONE)
