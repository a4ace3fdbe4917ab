"""The verb funnel: its options, the question that they make, and the answer as text."""

import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from kpi_lib.cli.options import Place, columns, segments, shared, table_choice
from kpi_lib.cli.text import table
from kpi_lib.core.units import SHARE, show, significant, span
from kpi_lib.shapes.funnel_rules import Funnel

DEFAULTS = {each.name: each.default for each in fields(Funnel) if each.name not in ("steps", "system")}
ALWAYS = ("within", "order", "attempt", "ties", "time_to_convert", "unripe", "unit")


@click.command("funnel")
@click.argument("name", required=False)
@click.option(
    "--steps", metavar="A,B,C", help="The steps, separated by commas; B? may be left out, A@3 is a user's third A."
)
@click.option(
    "--step", "step", metavar="A", multiple=True, help="A step; give it once per step when names hold commas."
)
@click.option("--within", metavar="D", help="Time allowed from the first step, such as 30m, 24h or 7d (end included).")
@click.option(
    "--within-step", metavar="D,D", help="Time allowed for each later step, from the last required one; - for none."
)
@click.option("--order", metavar="O", help="ordered (default), strict or unordered.")
@click.option("--repeats", is_flag=True, default=None, help="With order strict: the current step may happen again.")
@click.option("--attempt", metavar="A", help="best (default), first, first_ever or all.")
@click.option("--ties", metavar="T", help="any (default), strict, or a column that orders events at the same instant.")
@click.option("--grace", metavar="D", help="Events up to this far apart may stand in either order, such as 2s.")
@click.option("--time-to-convert", metavar="T", help="earliest (default) or fastest.")
@click.option("--unripe", metavar="U", help="exclude (default) or include attempts whose window is not over.")
@click.option("--unit", metavar="U", help="user (default), session or a column.")
@click.option("--preset", metavar="P", help="Count as posthog, mixpanel, amplitude or windowfunnel do by default.")
@click.option("--exclude", metavar="EVENT", multiple=True, help="An event that ends an attempt.")
@click.option("--exclusion", metavar="X", help="What an excluded event takes out: its attempt (default) or the unit.")
@click.option("--hold", metavar="COL", help="A column whose value must stay the same.")
@click.option("--attribution", metavar="A", help="Where the segment is read: first (default), last, step:N or all.")
@click.option("--value", metavar="COL", help="Add up a column over the events of each step, such as amount.")
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

    workspace = place.open()
    spec, rest = _spec(workspace.funnels, name, asked)
    data = workspace.data.reading(asked["table"]) if asked["table"] else workspace.data
    by = columns(asked["by"]) or _listed(rest.get("by"))
    for column in by:
        data.segments(column)
    period = asked["period"] or rest.get("period")
    seen = data.with_by(by)
    found = count(seen, spec, grid=workspace.grid(period) if period else None)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    place.show(found.to_dict(), _steps_text(found.table, seen.by, found.definition))
    return 0


def _listed(value: object) -> tuple[str, ...]:
    return columns(value) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()


def _spec(declared: Mapping[str, Any], name: str | None, asked: dict[str, Any]) -> tuple[Funnel, dict[str, Any]]:
    """The funnel that is meant, and the keys of its section that are no rules (by, period)."""
    from kpi_lib.core.errors import UsageError, unknown

    steps = asked["step"] or columns(asked["steps"])
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
    declared_steps, preset = section.pop("steps", ()), section.pop("preset", None)
    given = asked | {"within_step": columns(asked["within_step"])}
    options = section | {key: given[key] for key in DEFAULTS if given[key] not in (None, ())}
    chosen, preset = steps or tuple(declared_steps), asked["preset"] or preset
    return (Funnel.preset(preset, chosen, **options) if preset else Funnel(chosen, **options)), rest


def _steps_text(found: Any, by: tuple[str, ...], definition: Mapping[str, Any]) -> str:  # noqa: ANN401 - a DataFrame
    valued = definition["value"] is not None
    rows = []
    for r in found.iter_rows(named=True):
        median = span(r["median_seconds"]) if r["median_seconds"] is not None and r["step"] > 1 else None
        interval = f"{show(r['low'], SHARE)} – {show(r['high'], SHARE)}"
        shares = [show(r["from_start"], SHARE), interval, show(r["from_previous"], SHARE)]
        value = [significant(r["value"])] if valued else []
        rows.append([*(r[c] for c in by), r["step"], r["event"], f"{r['units']:,}", *shares, median, *value])
    units = f"{definition['unit']}s" if definition["unit"] in ("user", "session") else "units"
    heads = [*by, "step", "event", units, "of step 1", "95 % interval", "of step before", "median time"]
    first = found.row(0, named=True)
    names = {
        "in_progress": "in progress",
        "excluded": "excluded",
        "tie_sensitive": "depend on the order of tied events",
    }
    counts = (
        "" if by else " · ".join(f"{told} {first[name]:,}" for name, told in names.items()) + f" · {first['status']}\n"
    )
    return f"{table([*heads, *['value'] * valued], rows, left=len(by) + 2)}\n{counts}{_rules(definition)}"


def _rules(definition: Mapping[str, Any]) -> str:
    """The rules in force; those that few ask for only where they are not the default."""
    told = []
    for name, default in DEFAULTS.items():
        value = definition[name]
        if value not in (None, []) if name in ALWAYS else value not in (default, []):
            written = ", ".join(each or "-" for each in value) if isinstance(value, list) else value
            told.append(f"{name} {written}".removesuffix(" True"))
    lead = f"rules (as {definition['preset']}): " if definition["preset"] else "rules: "
    return textwrap.fill(lead + ", ".join(told), 80)


COMMANDS = {"funnel": funnel}
