"""Verbs for behaviour: funnel and cohort."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from kpi_lib.cli.options import Place, columns, segments, shared, table_choice
from kpi_lib.cli.text import table
from kpi_lib.core.units import SHARE, show, span


@click.command("funnel")
@click.argument("name", required=False)
@click.option("--steps", metavar="A,B,C", help="The steps, separated by commas.")
@click.option(
    "--step", "step", metavar="A", multiple=True, help="A step; give it once per step when names hold commas."
)
@click.option("--within", metavar="D", help="Time allowed from the first step, such as 30m, 24h or 7d (end included).")
@click.option("--order", metavar="O", help="ordered (default), strict or unordered.")
@click.option("--attempt", metavar="A", help="best (default), first or all.")
@click.option("--ties", metavar="T", help="any (default), strict, or a column that orders events at the same instant.")
@click.option("--time-to-convert", metavar="T", help="earliest (default) or fastest.")
@click.option("--unripe", metavar="U", help="exclude (default) or include attempts whose window is not over.")
@click.option("--unit", metavar="U", help="user (default), session or a column.")
@click.option("--preset", metavar="P", help="Count as posthog, mixpanel, amplitude or windowfunnel do by default.")
@click.option("--exclude", metavar="EVENT", multiple=True, help="An event that ends an attempt.")
@click.option("--hold", metavar="COL", help="A column whose value must stay the same.")
@click.option("--period", metavar="P", help="Entries of this period, read on to the end of the window (default: all).")
@segments
@table_choice
@shared
def funnel(place: Place, name: str | None, **asked: Any) -> int:  # noqa: ANN401
    """How many get how far through the steps, how long it takes, and who is still under way.

    NAME is a funnel of kpi.toml; options given here win over its keys.

    \b
    Example:
      kpi funnel --steps product_view,add_to_cart,purchase --within 24h --by platform
    """
    from kpi_lib.shapes.funnel import funnel as count

    given = {k: v for k, v in asked.items() if k in OPTIONS and v not in (None, ())}
    steps = asked["step"] or columns(asked["steps"])
    workspace = place.open()
    spec, rest = _spec(workspace.funnels, name, steps, given=given, preset=asked["preset"])
    data = workspace.data.reading(asked["table"]) if asked["table"] else workspace.data
    by = columns(asked["by"]) or _listed(rest.get("by"))
    for column in by:
        data.segments(column)
    period = asked["period"] or rest.get("period")
    seen = data.with_by(by)
    found = count(seen, spec, grid=workspace.grid(period) if period else None)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    place.show(found.to_dict(), _funnel_text(found.table, seen.by, found.definition))
    return 0


OPTIONS = ("within", "order", "attempt", "ties", "time_to_convert", "unripe", "unit", "exclude", "hold")


def _listed(value: object) -> tuple[str, ...]:
    return columns(value) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()


def _spec(
    declared: Mapping[str, Any], name: str | None, steps: tuple[str, ...], *, given: dict[str, Any], preset: str | None
) -> tuple[Any, dict[str, Any]]:
    """The funnel that is meant, and the keys of its section that are no rules (by, period)."""
    from kpi_lib.core.errors import UsageError, unknown
    from kpi_lib.shapes.funnel import Funnel

    section: dict[str, Any] = {}
    if name is not None or not steps:
        if name is not None and name not in declared:
            raise unknown("funnel", name, declared, where="kpi.toml ([funnels.NAME])")
        if name is None and len(declared) != 1:
            raise UsageError(
                f"which funnel? Give --steps A,B,C or a name of kpi.toml: {', '.join(declared) or 'none is declared there'}."
            )
        section = dict(declared[name or next(iter(declared))])
    rest: dict[str, Any] = {key: section.pop(key) for key in ("by", "period") if key in section}
    chosen = steps or tuple(section.pop("steps"))
    section.pop("steps", None)
    preset = preset or section.pop("preset", None)
    section.pop("preset", None)
    options = {**section, **given}
    return (Funnel.preset(preset, chosen, **options) if preset else Funnel(chosen, **options)), rest


def _funnel_text(found: Any, by: tuple[str, ...], definition: Mapping[str, Any]) -> str:  # noqa: ANN401 - a DataFrame
    rows = []
    for r in found.iter_rows(named=True):
        median = span(r["median_seconds"]) if r["median_seconds"] is not None and r["step"] > 1 else None
        shares = [
            show(r["from_start"], SHARE),
            f"{show(r['low'], SHARE)} – {show(r['high'], SHARE)}",
            show(r["from_previous"], SHARE),
        ]
        rows.append([*(r[c] for c in by), r["step"], r["event"], f"{r['units']:,}", *shares, median])
    heads = [
        *by,
        "step",
        "event",
        definition["unit"] + "s" if definition["unit"] in ("user", "session") else "units",
        "of step 1",
        "95 % interval",
        "of step before",
        "median time",
    ]
    first = found.row(0, named=True)
    names = {
        "in_progress": "in progress",
        "excluded": "excluded",
        "tie_sensitive": "depend on the order of tied events",
    }
    counts = (
        "" if by else " · ".join(f"{told} {first[name]:,}" for name, told in names.items()) + f" · {first['status']}\n"
    )
    rules = ", ".join(f"{k} {v}" for k, v in definition.items() if k in OPTIONS and v not in (None, []))
    return table(heads, rows, left=len(by) + 2) + f"\n{counts}rules: {rules}"


@click.command("cohort")
@click.option("--start-event", metavar="E", default="first", help="first (default), signup, or an event.")
@click.option("--return-event", metavar="E", help="What counts as coming back (default: any activity).")
@click.option("--grain", default="week", metavar="G", help="day, week (default) or month.")
@click.option("--mode", default=None, metavar="M", help="on (default), on_or_after or bracket.")
@click.option("--brackets", metavar="1-3,4-7", help="Brackets of periods; sets mode bracket.")
@click.option("--clock", default="calendar", metavar="C", help="calendar (default) or elapsed.")
@click.option("--periods", type=int, metavar="N", help="Last period to show.")
@click.option("--min-events", type=int, default=1, metavar="N", help="Events a period needs to count.")
@click.option("--value", metavar="COL", help="Sum a column per cell, such as amount.")
@click.option("--period", metavar="P", help="Cohorts that start in this period (default: all).")
@segments
@table_choice
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
    workspace = place.open()
    data = workspace.data.reading(asked["table"]) if asked["table"] else workspace.data
    active = tuple(data.settings.get("active_events", ("*",)))
    spec = Cohorts(**{k: v for k, v in asked.items() if k in names}, brackets=brackets, events=active)
    by = columns(asked["by"])
    for column in by:
        data.segments(column)
    grid = workspace.grid(asked["period"]) if asked["period"] else None
    seen = data.with_by(by)
    by, found = seen.by, cohorts(seen, spec, grid=grid)
    rows = [
        [
            *(r[c] for c in by),
            r["k"],
            f"{r['eligible']:,}",
            f"{r['retained']:,}",
            show(r["rate"], SHARE),
            f"{show(r['low'], SHARE)} – {show(r['high'], SHARE)}",
        ]
        for r in found.pooled.iter_rows(named=True)
    ]
    sizes = found.table.filter(found.table["k"] == 0)
    head = f"{sizes.height} cohorts, {sizes['size'].sum():,} members; over all cohorts whose period k is complete:"
    place.show(
        found.to_dict(),
        head + "\n" + table([*by, spec.grain, "eligible", "retained", "rate", "95 % interval"], rows, left=len(by)),
    )
    return 0


def _brackets(text: str | None) -> tuple[tuple[int, int], ...]:
    from kpi_lib.core.errors import UsageError

    found = []
    for part in columns(text):
        low, dash, high = part.partition("-")
        if not (low.isdigit() and (high.isdigit() or not dash)):
            raise UsageError(f"{part!r} is no bracket: write first-last, as in 1-3,4-7.")
        found.append((int(low), int(high or low)))
    return tuple(found)


COMMANDS = {"funnel": funnel, "cohort": cohort}
