"""Two more pictures of cohorts: whether large and small ones differ, and how many are not gone for good."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from kpi_lib.core.errors import UsageError
from kpi_lib.core.units import SHARE
from kpi_lib.shapes.cohort import CohortResult
from kpi_lib.show.blocks import Phrase, Say, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.cohorts import age
from kpi_lib.show.facts import facts
from kpi_lib.show.facts_shapes import fact_list
from kpi_lib.show.phrases import between, plain, told, told_between, whole, written
from kpi_lib.show.picture import Picture

POOLED, SIMPLE = "members alike", "cohorts alike"


def cohort_means(result: CohortResult) -> Picture | Say:
    """Draw the return rate with each member weighed alike and with each cohort weighed alike; without segments."""
    _whole(result)
    met = result.curve.join(result.pooled, on=["k", "to"], how="left", maintain_order="left")
    rows = met.filter((pl.col("k") > 0) & (pl.col("cohorts") > 1) & pl.col("rate").is_not_null()).to_dicts()
    if not rows:
        return Say("Whether large and small cohorts differ cannot be told yet: no age is complete in two cohorts.")
    points = []
    for row in rows:
        for name, field in ((POOLED, "rate"), (SIMPLE, "simple")):
            points.append(_point(row, name, field, f"{written(row[field], SHARE)} of {row['cohorts']} cohorts"))
    grain = result.definition["grain"]
    # outside the interval over cohorts, their sizes matter by more than chance
    apart = [
        row
        for row in rows
        if row["simple_low"] is not None and not row["simple_low"] <= row["rate"] <= row["simple_high"]
    ]
    words: Phrase = f"In no {grain} do cohorts of different sizes return differently by more than chance gives."
    if apart:
        widest = max(apart, key=lambda row: (abs(row["simple"] - row["rate"]), -row["k"]))
        more = "small" if widest["simple"] > widest["rate"] else "large"
        words = (
            f"In {grain} {age(widest)} ", _figure(widest, "rate"), " of the members came back, ", _figure(widest, "simple"),
            " in the mean cohort (", told_between(widest, "simple_low", "simple_high", of="cohort_curve", by=("k",)),
            f"): {more} cohorts return more.",
        )  # fmt: skip
    table = Table(
        title="Members alike and cohorts alike",
        columns=(f"{grain.capitalize()}s since the start", "Cohorts", "Each member alike", "Each cohort alike", "95 %"),
        rows=tuple(_means(row) for row in rows),
    )
    drawn = _drawn(points, words, table, grain=grain, colours={POOLED: INK.accent, SIMPLE: INK.categories[1]})
    return _behind(drawn, result, "Student's t over the cohorts, in the figures")


def cohort_survival(result: CohortResult) -> Picture | Say:
    """Draw the share of members who are not gone yet; of cohorts asked with gone_after, without segments."""
    _whole(result)
    gone, grain = result.definition["gone_after"], result.definition["grain"]
    if gone is None:
        raise UsageError("who is gone for good needs gone_after, as in Cohorts(gone_after=4).")
    rows = result.curve.filter(pl.col("survival").is_not_null()).to_dicts()
    if len(rows) <= gone:
        return Say(
            f"How many are gone cannot be told yet: nobody has been watched for {gone} {grain}s after the start."
        )
    points = [
        _point(row, "not gone", "survival", f"{written(row['survival'], SHARE)} ({between(row['survival_low'], row['survival_high'])})")
        | {"low": row["survival_low"], "high": row["survival_high"]}
        for row in rows
    ]  # fmt: skip
    last, half = rows[-1], next((row for row in rows if row["survival"] <= 0.5), None)
    words: list[Phrase] = [
        "After ",
        f"{grain} {last['k']} still ",
        _figure(last, "survival"),
        " (",
        _span(last),
        ") are not gone",
    ]
    words += [f"; half were gone after {grain} {half['k']}." if half else "; fewer than half are gone."]
    words += [f" Gone is who stayed away for {gone} {grain}s in a row; who has not been watched so long still counts."]
    table = Table(
        title="Not gone yet",
        columns=(f"{grain.capitalize()}s since the start", "Not gone", "95 %"),
        rows=tuple((str(row["k"]), _figure(row, "survival"), _span(row)) for row in rows),
    )
    drawn = _drawn(points, tuple(words), table, grain=grain, colours={"not gone": INK.accent})
    return _behind(drawn, result, "Greenwood's, on the log-log scale, in the figures")


def _behind(drawn: Picture, result: CohortResult, sure: str) -> Picture:
    """The picture with what stands behind its figures, and how sure those are."""
    return replace(drawn, facts=fact_list(*({**dict(facts(result)), "95 % interval": sure}).values()))


def _whole(result: CohortResult) -> None:
    if result.by:
        raise UsageError("these curves are drawn for all cohorts together: leave the segments out.")


def _point(row: Mapping[str, Any], name: str, field: str, words: str) -> dict[str, Any]:
    return {
        "at": age(dict(row)),
        "series": name,
        "value": row[field],
        "low": None,
        "high": None,
        "open": False,
        "told": words,
    }


def _figure(row: Mapping[str, Any], field: str) -> Phrase:
    return told(
        row, field, written(row[field], SHARE), of="cohort_pooled" if field == "rate" else "cohort_curve", by=("k",)
    )


def _span(row: Mapping[str, Any]) -> Phrase:
    return told_between(row, "survival_low", "survival_high", of="cohort_curve", by=("k",))


def _means(row: Mapping[str, Any]) -> tuple[Phrase, ...]:
    span = told_between(row, "simple_low", "simple_high", of="cohort_curve", by=("k",))
    count = told(row, "cohorts", whole(row["cohorts"]), of="cohort_curve", by=("k",))
    return (age(dict(row)), count, _figure(row, "rate"), _figure(row, "simple"), span)


def _drawn(
    points: list[dict[str, Any]], words: Phrase, table: Table, *, grain: str, colours: Mapping[str, str]
) -> Picture:
    at = tuple(dict.fromkeys(each["at"] for each in points))
    axis = f"{grain}s since the start"
    lines = Lines(points=points_of(points), at=at, unit=SHARE, colours=colours, axis=axis, height=210)
    return lines_picture(lines, alt=plain(words), note=words, table=table)
