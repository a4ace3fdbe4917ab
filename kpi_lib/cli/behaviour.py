"""The verb cohort."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from kpi_lib.cli.options import Place, columns, engines, reading, segments, shared
from kpi_lib.cli.text import table
from kpi_lib.core.units import SHARE, show


@click.command("cohort")
@click.option("--start-event", metavar="E", default="first", help="first (default), signup, or an event.")
@click.option("--return-event", metavar="E", help="What counts as coming back (default: any activity).")
@click.option("--grain", default="week", metavar="G", help="day, week (default) or month.")
@click.option("--mode", default=None, metavar="M", help="on (default), on_or_after or bracket.")
@click.option("--brackets", metavar="1-3,4-7", help="Brackets of periods; sets mode bracket.")
@click.option("--clock", default="calendar", metavar="C", help="calendar (default) or elapsed.")
@click.option("--periods", type=int, metavar="N", help="Last period to show.")
@click.option("--min-events", type=int, default=1, metavar="N", help="Events a period needs to count.")
@click.option(
    "--value", metavar="COL", help="Sum a column per cell, such as amount (refunds taken off when they happen)."
)
@click.option(
    "--recurring", is_flag=True, help="Enter a cohort in every period with a start event, not only the first."
)
@click.option(
    "--gone-after", type=int, metavar="N", help="Periods away that make somebody gone; tells the share not gone."
)
@click.option(
    "--mean", type=click.Choice(["pooled", "simple"]), default="pooled", help="Weigh members (default) or cohorts."
)
@click.option("--period", metavar="P", help="Cohorts that start in this period (default: all).")
@segments
@reading
@engines
@shared
def cohort(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Who comes back k periods after the start, cohort by cohort; cells not yet observed stay empty.

    \b
    Example:
      kpi cohort --grain month --value amount --workspace data/cdnow
    """
    from kpi_lib.shapes.cohort import Cohorts, cohorts

    brackets = _brackets(asked["brackets"])
    asked["mode"] = asked["mode"] or ("bracket" if brackets else "on")
    names = {field.name for field in fields(Cohorts)} - {"brackets", "events"}
    workspace, data = place.read(asked)
    active = tuple(data.settings.get("active_events", ("*",)))
    spec = Cohorts(**{k: v for k, v in asked.items() if k in names}, brackets=brackets, events=active)
    by = columns(asked["by"])
    for column in by:
        data.segments(column)
    grid = workspace.grid(asked["period"]) if asked["period"] else None
    seen = data.with_by(by)
    with place.engine(workspace, asked):
        by, found = seen.by, cohorts(seen, spec, grid=grid)
    rows = _rows(found, asked["mean"])
    sizes = found.table.filter(found.table["k"] == 0)
    head = f"{sizes.height} cohorts, {sizes['size'].sum():,} members; over all cohorts whose period k is complete:"
    counted = ["eligible", "retained", "rate"] if asked["mean"] == "pooled" else ["cohorts", "mean rate"]
    left = ["not gone", "95 % interval"] if spec.gone_after else []
    heads = [*by, spec.grain, *counted, "95 % interval", *left]
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    place.show(found.to_dict(), head + "\n" + table(heads, rows, left=len(by)))
    return 0


def _rows(found: Any, mean: str) -> list[list[object]]:  # noqa: ANN401 - a CohortResult
    """The rates by k, with the share not gone yet where it was asked for."""
    rows = []
    for pooled, line in zip(found.pooled.iter_rows(named=True), found.curve.iter_rows(named=True), strict=True):
        told = [f"{pooled['eligible']:,}", f"{pooled['retained']:,}", *_share(pooled, "rate", "")]
        told = told if mean == "pooled" else [line["cohorts"], *_share(line, "simple", "simple_")]
        left = _share(line, "survival", "survival_") if found.definition["gone_after"] is not None else []
        rows.append([*(pooled[column] for column in found.by), _age(pooled), *told, *left])
    return rows


def _age(row: Mapping[str, Any]) -> str:
    """The period of a rate, or its bracket."""
    return str(row["k"]) if row["to"] == row["k"] else f"{row['k']}–{row['to']}"


def _share(row: dict[str, Any], value: str, ends: str) -> list[object]:
    low, high = row[ends + "low"], row[ends + "high"]
    return [show(row[value], SHARE), "" if low is None else f"{show(low, SHARE)} – {show(high, SHARE)}"]


def _brackets(text: str | None) -> tuple[tuple[int, int], ...]:
    from kpi_lib.core.errors import UsageError

    found = []
    for part in columns(text):
        low, dash, high = part.partition("-")
        if not (low.isdigit() and (high.isdigit() or not dash)):
            raise UsageError(f"{part!r} is no bracket: write first-last, as in 1-3,4-7.")
        found.append((int(low), int(high or low)))
    return tuple(found)


COMMANDS = {"cohort": cohort}
