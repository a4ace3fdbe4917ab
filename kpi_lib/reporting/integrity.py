"""What can be checked of a finished report without trusting the notebook that made it: the list at the end of each page."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

import polars as pl

from kpi_lib.answers.scorecard import ACTIVITY
from kpi_lib.core.units import SHARE
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.bridge import LOST, MOVEMENTS
from kpi_lib.show.markup import Html, tag

FIGURE = re.compile(r'<data class="kpi-figure"([^>]*)>')
ATTRIBUTE = re.compile(r' (?:data-)?([a-z]+)="([^"]*)"')
TOLD_TOGETHER = {*ACTIVITY, "stickiness"}  # one row of actives holds several figures, each in its own column
LISTED = 3
OWN = ("kpi", "start", "end", "unit", "status", "event")  # texts of values that are no segment
DIVIDED = (("funnel", ("step",), "units"), ("cohort", ("start", "k"), "size"))  # told whole and by segment on one page
Rows = dict[tuple[str, str], list[dict[str, Any]]]  # by KPI and first day


def checklist(html: str, values: pl.DataFrame, facts: Mapping[str, Any], *, least: int = 0) -> list[tuple[bool, str]]:
    """Each check with whether it held, in words; where figures about fewer than `least` are withheld, no sum is whole."""
    return [
        *_figures(html, values),
        *_rows(facts),
        *_period(facts),
        *_intervals(values),
        *_shares(values),
        *_bridge(values),
        *(() if least else _segments(values)),
    ]


def checklist_html(checks: list[tuple[bool, str]]) -> Html:
    """The list as it stands on the page, open when something did not hold."""
    lines = [tag("li", tag("span", "✓ " if held else "✕ ", class_="kpi-mark"), words) for held, words in checks]
    failed = sum(not held for held, _ in checks)
    title = f"Checked after rendering: {failed} did not hold" if failed else "Checked after rendering: all held"
    body = tag("div", tag("ul", *lines, class_="checks"))
    tone, opened = ("bad", "") if failed else ("plain", None)
    return tag("details", tag("summary", title), body, class_="kpi-fold", data_tone=tone, open=opened)


def _said(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _held(count: int, odd: int, what: str, rule: str) -> str:
    """How many keep a rule."""
    return f"of {_said(count, what)} each {rule}" + (f", but not {odd:,}" if odd else "")


def _figures(html: str, values: pl.DataFrame) -> Iterator[tuple[bool, str]]:
    """Every printed figure stands in values.parquet, to the last bit."""
    rows: Rows = defaultdict(list)
    for row in values.to_dicts():
        for start in {"", str(row.get("start"))}:  # a figure may name the period, or leave it out
            rows[row["kpi"], start].append(row)
    printed = [{name: unescape(value) for name, value in ATTRIBUTE.findall(each)} for each in FIGURE.findall(html)]
    wrong = [each for each in printed if not _there(each, rows)]
    named = ", ".join(dict.fromkeys(f"{each['kpi']} ({each['field']})" for each in wrong[:LISTED]))
    yield (
        not wrong,
        f"{_said(len(wrong), 'figure')} of {len(printed):,} on this page not found in values.parquet: {named}"
        if wrong
        else f"{_said(len(printed), 'figure')} on this page found in values.parquet to the last bit",
    )


def _there(figure: Mapping[str, str], rows: Rows) -> bool:
    kpi, field, raw, start = figure["kpi"], figure["field"], figure["value"], figure.get("start", "")
    by = dict(pair.partition("=")[::2] for pair in figure.get("by", "").split(";") if pair)
    places = [(rows.get((kpi, start), []), field)]
    if kpi in TOLD_TOGETHER and field == "value":
        places.append((rows.get(("actives", start), []), kpi))
    for found, column in places:
        for row in found:
            if any(str(row.get(name)) != value for name, value in by.items() if row.get(name) is not None):
                continue
            value = row.get(column)
            if (raw == "" and value is None) or (raw != "" and value is not None and float(value) == float(raw)):
                return True
    return False


def _rows(facts: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Rows read = kept + filtered + deduplicated + set aside."""
    for table, counts in sorted(facts.get("rows", {}).items()):
        parts = [counts[name] for name in ("kept", "filtered", "deduplicated", "quarantined")]
        sums = " + ".join(f"{part:,}" for part in parts)
        held = counts["read"] == sum(parts)
        yield (
            held,
            f"{table}: {counts['read']:,} rows read {'=' if held else 'is not'} {sums} kept, filtered, deduplicated, set aside",
        )


def _period(facts: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    if facts.get("end"):
        over = facts["end"] <= facts["observed_until"]
        yield over, "the period is over in these data" if over else "the period is not over in these data"


def _intervals(values: pl.DataFrame) -> Iterator[tuple[bool, str]]:
    if {"low", "value", "high"} <= set(values.columns):
        known = values.drop_nulls(["low", "value", "high"])
        outside = known.filter((pl.col("low") > pl.col("value")) | (pl.col("value") > pl.col("high")))
        yield (
            outside.is_empty(),
            _held(known.height, outside.height, "interval", "holds its value"),
        )


def _shares(values: pl.DataFrame) -> Iterator[tuple[bool, str]]:
    shares = [name for name, kpi in catalogue().items() if kpi.unit is SHARE and kpi.measure.name == "proportion"]
    if "value" in values.columns:
        known = values.filter(pl.col("kpi").is_in(shares)).drop_nulls("value")
        odd = known.filter(~pl.col("value").is_between(0, 1))
        yield odd.is_empty(), _held(known.height, odd.height, "share", "lies between 0 and 100 %")


def _bridge(values: pl.DataFrame) -> Iterator[tuple[bool, str]]:
    """Recurring revenue: opening and movements give the closing, to the cent."""
    bridge = values.filter(kpi="mrr_bridge")
    if bridge.is_empty() or not {"opening", *MOVEMENTS, "closing"} <= set(values.columns):
        return
    moved = pl.sum_horizontal([pl.col("opening"), *(-pl.col(m) if m in LOST else pl.col(m) for m in MOVEMENTS)])
    known = bridge.drop_nulls("closing")
    odd = known.filter((moved - pl.col("closing")).abs() > 0.005)
    words = f"{_said(known.height, 'period')} of recurring revenue: opening and movements give the closing"
    yield odd.is_empty(), words if odd.is_empty() else f"{words}, but not in {odd.height:,}"


def _segments(values: pl.DataFrame) -> Iterator[tuple[bool, str]]:
    """Nobody of the whole is missing in its segments; somebody may be in several, so they may hold more."""
    for name, keys, field in DIVIDED:
        rows = values.filter(kpi=name)
        if rows.is_empty() or not {*keys, field} <= set(rows.columns):
            continue
        columns = [each for each, kind in rows.schema.items() if kind == pl.String and each not in OWN]
        alone = [pl.col(each).is_null() for each in columns]
        whole = rows.filter(pl.col(field).is_not_null(), *alone).unique([*keys, field])
        whole = whole.filter(pl.len().over(keys) == 1).select(
            *keys, whole=field
        )  # of several none is known to be meant
        for column in columns:
            others = [pl.col(each).is_null() for each in columns if each != column]
            parts = rows.filter(pl.col(column).is_not_null(), *others).unique([*keys, column])
            parts = parts.group_by(keys).agg(pl.col(field).sum())
            both = whole.join(parts, on=list(keys), how="inner")
            odd = both.filter(pl.col(field) < pl.col("whole")).height
            if both.height:
                yield (
                    odd == 0,
                    _held(both.height, odd, "count", f"is there again in the segments by {column} ({name})"),
                )
