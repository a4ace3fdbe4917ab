"""The pooled return curve of cohorts, with its band."""

from typing import Any

from kpi_lib.core.units import SHARE
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.cohorts import age, curve_table, curves, sentence
from kpi_lib.show.phrases import between, plain, whole, written
from kpi_lib.show.picture import Picture

MOST = 6


def cohort_picture(result: CohortResult) -> Picture:
    """Share of all members who came back k periods after their start; one line a segment."""
    parts = sorted(curves(result), key=lambda pair: -max((row["eligible"] for row in pair[1]), default=0))
    rows = [_point(name, row) for name, part in parts for row in part if row["k"] > 0]
    named = [name for name, _ in parts[:MOST]]
    at = tuple(
        dict.fromkeys(age(row) for row in sorted((r for _, p in parts for r in p if r["k"] > 0), key=lambda r: r["k"]))
    )
    grain = str(result.definition.get("grain", "period"))
    hues = [INK.accent] if len(parts) == 1 else list(INK.categories)
    lines = Lines(
        points=points_of(rows),
        at=at,
        unit=SHARE,
        colours=dict(zip(named, hues, strict=False)),
        axis=f"{grain}s since the start",
        height=210,
    )
    note = (
        "All cohorts whose period is over, pooled; the band is the 95 % interval." if rows else "Nothing to draw yet."
    )
    return lines_picture(lines, alt=plain(sentence(result).phrase), note=note, table=curve_table(result))


def _point(name: str, row: dict[str, Any]) -> dict[str, Any]:
    told = f"{written(row['rate'], SHARE)} ({between(row['low'], row['high'])}) of {whole(row['eligible'])}"
    values = {"value": row["rate"], "low": row["low"], "high": row["high"]}
    return {"at": age(row), "series": name, **values, "open": False, "told": told}
