"""Do the segments' reports add up to the whole's? Made of the values of each report, for figures that can be added at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from kpi_lib.core.measure import PROPORTION
from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.integrity import OWN
from kpi_lib.reporting.outcome import Addends, Outcome, Place
from kpi_lib.shapes.bridge import MOVEMENTS
from kpi_lib.show.markup import Html, tag
from kpi_lib.show.phrases import listed, plural, title_of, unit_of, written

ADDITIVE = ("count", "total", "per_day")  # measures whose figures of parts add up, where nobody is in two parts
# what else adds up: counts and amounts of other results, by the columns that tell their rows apart
TABLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "funnel": (("step",), ("units", "in_progress")),
    "funnel_trend": (("start", "step"), ("units",)),
    "cohort": (("start", "k"), ("retained",)),
    "cohort_revenue": (("start", "k"), ("total",)),
    "lifecycle": (("start",), ("active", "new", "returning", "resurrected", "dormant")),
    "sessions": ((), ("sessions", "users")),
    "mrr_bridge": (("start",), ("opening", *MOVEMENTS, "closing", "customers_opening", "customers_closing")),
}
NAMES = {
    "funnel": "steps of the funnel",
    "funnel_trend": "the funnel over time",
    "cohort": "who came back",
    "cohort_revenue": "what cohorts brought",
    "lifecycle": "states",
    "sessions": "sessions",
    "mrr_bridge": "recurring revenue",
}
VALUE = "value"
Sums = dict[Place, float]


def reconciled(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row per report, period, segment column and figure that can be added up: whole, sum over the segments, and the rest.

    Those are counts and totals of every period of the values, the n and the hits of shares, and counts and amounts of
    funnels, cohorts, states, sessions and recurring revenue; `at` says of which period, step or age. A rest above zero has no
    value of the column; below zero, somebody counts in several segments.
    """
    rows = []
    for whole, column, parts in _groups(outcomes):
        for (kpi, name, at), value in whole.addends.sums.items():
            total = sum(each.addends.sums.get((kpi, name, at), 0.0) for each in parts)
            place = {"name": whole.name, "period": whole.period, "column": column, "segments": len(parts)}
            what = {"kpi": kpi, "field": name, "at": dict(at)}
            rows.append({**place, **what, "whole": value, "sum": round(total, 6), "rest": round(value - total, 6)})
    return rows


def _groups(outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, str, list[Outcome]]]:
    """Each report of the whole with those of the segments of one column."""
    good = [each for each in outcomes if each.status != "failed"]
    for whole in (each for each in good if not each.by):
        parts = [each for each in good if each.by and (each.name, each.period) == (whole.name, whole.period)]
        for column in dict.fromkeys(name for each in parts for name in each.by):
            yield whole, column, [each for each in parts if column in each.by]


def addends(values: pl.DataFrame) -> Addends:
    """What can be added up of the values of a report. Where two results have the same rows, none can be told from the other."""
    known = catalogue()
    additive: dict[str, tuple[str, ...]] = {
        name: (VALUE,) for name, kpi in known.items() if kpi.measure.name in ADDITIVE and not kpi.parts
    }
    additive |= {name: ("n", "hits") for name, kpi in known.items() if kpi.measure is PROPORTION and not kpi.parts}
    tables = {**{name: (("start",), fields) for name, fields in additive.items()}, **TABLES}
    found: Sums = {}
    there_are = values["kpi"].unique(maintain_order=True).to_list() if "kpi" in values.columns else []
    for name in there_are:
        keys, fields = tables.get(name, ((), ()))
        there = [field for field in fields if field in values.columns]
        if there and set(keys) <= set(values.columns):
            found |= _of(name, values.filter(pl.col("kpi") == name), keys, there)
    added = {name for name, _, _ in found}
    return Addends(found, tuple(name for name in there_are if name in known and name not in added))


def _of(name: str, rows: pl.DataFrame, keys: Iterable[str], fields: Sequence[str]) -> Sums:
    """The figures of one result by their place, those of segments within the report left aside."""
    segments = [column for column, kind in rows.schema.items() if kind == pl.String and column not in OWN]
    found: dict[Place, set[float]] = {}
    for row in rows.filter(pl.col("kpi").is_not_null(), *(pl.col(column).is_null() for column in segments)).to_dicts():
        at = tuple((key, str(row[key])) for key in keys)
        for field in fields:
            if row[field] is not None:
                found.setdefault((name, field, at), set()).add(float(row[field]))
    return {place: values.pop() for place, values in found.items() if len(values) == 1}


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """Lines for people: counts and totals of the last period, the others together, and what cannot be added up."""
    lines = []
    rows = reconciled(outcomes)
    for whole, column, _ in _groups(outcomes):
        last, others = _parted([row for row in rows if _about(row, whole, column)])
        lines += [line(row) for row in last]
        lines += _others(column, others)
        lines += _apart(column, whole.addends.apart)
    return lines


def _about(row: Mapping[str, Any], whole: Outcome, column: str) -> bool:
    return (row["name"], row["period"], row["column"]) == (whole.name, whole.period, column)


def _parted(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Counts and totals of the last period, and the others."""
    ends = max((row["at"].get("start", "") for row in rows if row["field"] == VALUE), default="")
    last = [row for row in rows if row["field"] == VALUE and row["at"]["start"] == ends]
    return last, [row for row in rows if row not in last]


def line(row: Mapping[str, Any], currency: str = "") -> str:
    """One figure; with a currency in the words of a page.

    >>> line({"kpi": "orders", "sum": 7.0, "whole": 9.0, "segments": 2, "column": "plan", "rest": 2.0})
    'orders by plan: 7 in 2 segments of 9 in all; 2 without a plan'
    >>> line({"kpi": "dau", "sum": 88.741935, "whole": 88.74193548, "segments": 2, "column": "plan", "rest": 0.0})
    'dau by plan: 88.74 in 2 segments of 88.74 in all'
    """

    def amount(value: float) -> str:
        plain = f"{round(value, 2 if abs(value) >= 1 else 6):,.12g}"
        return written(value, unit_of(row["kpi"]), currency) if currency else plain

    name = title_of(row["kpi"]) if currency else row["kpi"]
    text = f"{name} by {row['column']}: {amount(row['sum'])} in {plural(row['segments'], 'segment')} of {amount(row['whole'])} in all"
    if row["rest"] > 0:
        return f"{text}; {amount(row['rest'])} without a {row['column']}"
    return f"{text}; {amount(-row['rest'])} counted in several segments" if row["rest"] < 0 else text


def _others(column: str, rows: Sequence[Mapping[str, Any]], *, titles: bool = False) -> list[str]:
    if not rows:
        return []
    less, more = (sum(sign * row["rest"] > 0 for row in rows) for sign in (1, -1))
    name = (lambda kpi: NAMES.get(kpi) or title_of(kpi)) if titles else str
    kinds = ", ".join(dict.fromkeys("earlier periods" if row["field"] == VALUE else name(row["kpi"]) for row in rows))
    text = f"{len(rows):,} more by {column} ({kinds}): {len(rows) - less - more:,} add up"
    text += f", {less:,} leave some without a {column}" if less else ""
    return [text + (f", {more:,} count somebody in several segments" if more else "")]


def _apart(column: str, names: Sequence[str]) -> list[str]:
    why = f"not added up by {column}, as they are means, shares, people of a window or made of others"
    return [f"{why}: {', '.join(names)}"] if names else []


def summary(outcomes: Sequence[Outcome], currency: str) -> list[str]:
    """What the page of the whole says of its segments: the same in its words, and which could not be made."""
    lines = []
    rows = reconciled(outcomes)
    for whole, column, _ in _groups(outcomes):
        last, others = _parted([row for row in rows if _about(row, whole, column)])
        lines += [("✓ " if row["rest"] == 0 else "○ ") + line(row, currency) for row in last]
        lines += [
            ("✓ " if not any(row["rest"] for row in others) else "○ ") + each
            for each in _others(column, others, titles=True)
        ]
        lines += [f"○ N{each[1:]}" for each in _apart(column, [title_of(name) for name in whole.addends.apart])]
    failed = [" ".join(pair) for each in outcomes if each.status == "failed" for pair in each.by.items()]
    return [*lines, *([f"✕ Could not be made: {listed(failed)}; not in these sums"] if failed else [])]


def summary_html(lines: Sequence[str]) -> Html | None:
    """The lines as they stand below the checks of a page."""
    if not lines:
        return None
    shown = [tag("li", tag("span", each[:2], class_="kpi-mark"), each[2:]) for each in lines]
    whole = all(each.startswith("✓") for each in lines)
    title = "Segments added up: all give the whole" if whole else "Segments added up, and what is left over"
    return tag("details", tag("summary", title), tag("div", tag("ul", *shown, class_="checks")), class_="kpi-fold")


def links(outcomes: Sequence[Outcome], whole: Path) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """The segments by column with the way to the page of each, from the folder of the whole; of those that were made."""
    good = [(*pair, each.folder) for each in outcomes if each.status != "failed" for pair in each.by.items()]
    return tuple(
        (f"By {column}", tuple((value, _way(folder, whole)) for name, value, folder in good if name == column))
        for column in dict.fromkeys(name for name, _, _ in good)
    )


def _way(folder: Path, whole: Path) -> str:
    return quote((folder.relative_to(whole) / "report.html").as_posix())
