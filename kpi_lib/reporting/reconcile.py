"""Do the segments' reports add up to the whole's? Read from the published values, for figures that can be added at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from kpi_lib.core.measure import PROPORTION
from kpi_lib.kpis.registry import catalogue
from kpi_lib.reporting.integrity import OWN
from kpi_lib.reporting.runner import Outcome
from kpi_lib.shapes.bridge import MOVEMENTS

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
VALUE = "value"
Place = tuple[str, str, tuple[tuple[str, str], ...]]  # what, in which column, and where
Sums = dict[Place, float]


def reconciled(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row per report, period, segment column and figure that can be added up: whole, sum over the segments, and the rest.

    Those are counts and totals of every period of the values, the n and the hits of shares, and counts and amounts of
    funnels, cohorts, states, sessions and recurring revenue; `at` says of which period, step or age. A rest above zero has no
    value of the column; below zero, somebody counts in several segments.
    """
    rows = []
    for whole, column, parts in _groups(outcomes):
        named = [_sums(each) for each in parts]
        for (kpi, field, at), value in _sums(whole).items():
            total = sum(each.get((kpi, field, at), 0.0) for each in named)
            place = {"name": whole.name, "period": whole.period, "column": column, "segments": len(named)}
            what = {"kpi": kpi, "field": field, "at": dict(at)}
            rows.append({**place, **what, "whole": value, "sum": round(total, 6), "rest": round(value - total, 6)})
    return rows


def _groups(outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, str, list[Outcome]]]:
    """Each report of the whole with those of the segments of one column."""
    good = [each for each in outcomes if each.status != "failed"]
    for whole in (each for each in good if not each.by):
        parts = [each for each in good if each.by and (each.name, each.period) == (whole.name, whole.period)]
        for column in dict.fromkeys(name for each in parts for name in each.by):
            yield whole, column, [each for each in parts if column in each.by]


def _values(outcome: Outcome) -> pl.DataFrame:
    return pl.read_parquet(outcome.folder / "values.parquet")


def _sums(outcome: Outcome) -> Sums:
    """What can be added up of a published report. Where two results have the same rows, none can be told from the other."""
    values = _values(outcome)
    known = catalogue()
    additive: dict[str, tuple[str, ...]] = {
        name: (VALUE,) for name, kpi in known.items() if kpi.measure.name in ADDITIVE and not kpi.parts
    }
    additive |= {name: ("n", "hits") for name, kpi in known.items() if kpi.measure is PROPORTION and not kpi.parts}
    tables = {**{name: (("start",), fields) for name, fields in additive.items()}, **TABLES}
    found: Sums = {}
    for name in values["kpi"].unique(maintain_order=True) if "kpi" in values.columns else ():
        keys, fields = tables.get(name, ((), ()))
        there = [field for field in fields if field in values.columns]
        if there and set(keys) <= set(values.columns):
            found |= _of(name, values.filter(pl.col("kpi") == name), keys, there)
    return found


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
        own = [row for row in rows if (row["name"], row["period"], row["column"]) == (whole.name, whole.period, column)]
        ends = max((row["at"].get("start", "") for row in own if row["field"] == VALUE), default="")
        last = [row for row in own if row["field"] == VALUE and row["at"]["start"] == ends]
        lines += [line(row) for row in last]
        lines += _others(column, [row for row in own if row not in last])
        if apart := _apart(whole):
            lines.append(
                f"not added up by {column}, as they are means, shares, people of a window or made of others: {', '.join(apart)}"
            )
    return lines


def line(row: Mapping[str, Any]) -> str:
    """One figure.

    >>> line({"kpi": "orders", "sum": 7.0, "whole": 9.0, "segments": 2, "column": "plan", "rest": 2.0})
    'orders by plan: 7 in 2 segments of 9 in all; 2 without a plan'
    """
    text = f"{row['kpi']} by {row['column']}: {row['sum']:,.10g} in {row['segments']} segments of {row['whole']:,.10g} in all"
    if row["rest"] > 0:
        return f"{text}; {row['rest']:,.10g} without a {row['column']}"
    return f"{text}; {-row['rest']:,.10g} counted in several segments" if row["rest"] < 0 else text


def _others(column: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    less, more = (sum(sign * row["rest"] > 0 for row in rows) for sign in (1, -1))
    kinds = ", ".join(dict.fromkeys("earlier periods" if row["field"] == VALUE else row["kpi"] for row in rows))
    text = f"{len(rows):,} more by {column} ({kinds}): {len(rows) - less - more:,} add up"
    text += f", {less:,} leave some without a {column}" if less else ""
    return [text + (f", {more:,} count somebody in several segments" if more else "")]


def _apart(whole: Outcome) -> list[str]:
    """The KPIs of a report that cannot be added up."""
    values = _values(whole)
    there = values["kpi"].unique(maintain_order=True).to_list() if "kpi" in values.columns else []
    added = {name for name, _, _ in _sums(whole)}
    return [name for name in there if name in catalogue() and name not in added]
