"""The verb funnel: its options, the question that they make, and the answer as text."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import click

from kpi_lib.cli.options import Place, columns, engines, reading, segments, shared
from kpi_lib.cli.text import interval, table
from kpi_lib.core.units import MINUS, SHARE, show, significant, span
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
@click.option("--every", metavar="E", help="One funnel for each day, week, month or quarter of entry.")
@click.option("--against", metavar="P", help="Compare with the entries of this period, step by step.")
@click.option("--strip", is_flag=True, help="The same question under other systems' rules, and why they differ.")
@click.option("--histogram", is_flag=True, help="Also how long those who converted took, in bins.")
@click.option("--users", metavar="FILE", help="Write who got how far to a CSV file.")
@click.option("--period", metavar="P", help="Entries of this period, read on to the end of the window (default: all).")
@segments
@reading
@engines
@shared
def funnel(place: Place, name: str | None, **asked: Any) -> int:  # noqa: ANN401
    """How many get how far through the steps, how long it takes, and who is still under way.

    NAME is a funnel of kpi.toml; options given here win over its keys. With --by segments are compared with each other.

    \b
    Example:
      kpi funnel --steps add_to_cart,purchase --within 24h --by platform
    """
    workspace, data = place.read(asked)
    spec, rest = _spec(workspace.funnels, name, asked)
    by = columns(asked["by"]) or _listed(rest.get("by"))
    for column in by:
        data.segments(column)
    asked["period"] = asked["period"] or rest.get("period")
    form = _form(asked)
    with place.engine(workspace, asked):
        document, text, warnings = form(workspace, data.with_by(by), spec, asked)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    place.show(document, text)
    return 0


Answer = tuple[dict[str, Any], str, tuple[str, ...]]


def _form(asked: Mapping[str, Any]) -> Callable[..., Answer]:
    """Which of the answers is asked for; they exclude each other."""
    from kpi_lib.core.errors import UsageError

    forms = {"every": _over_time, "strip": _strip, "against": _against}
    chosen = [name for name in forms if asked[name]]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} are two questions: ask one at a time.")
    if chosen and (extra := next((name for name in ("histogram", "users") if asked[name]), None)):
        raise UsageError(f"--{extra} belongs to one funnel: leave --{chosen[0]} out.")
    alone = next((name for name in (*forms, "histogram", "users") if asked[name]), None)
    if alone and asked["engine"] != "local":
        raise UsageError(
            f"--{alone} looks at people one by one, which --engine {asked['engine']} does not: ask it here."
        )
    return forms[chosen[0]] if chosen else _once


def _once(workspace: Any, data: Any, spec: Funnel, asked: Mapping[str, Any]) -> Answer:  # noqa: ANN401
    from kpi_lib.shapes.funnel import funnel as count
    from kpi_lib.shapes.funnel_compare import compare_funnels
    from kpi_lib.sources.exporting import write_csv

    found = count(data, spec, grid=workspace.grid(asked["period"]) if asked["period"] else None)
    document, parts = found.to_dict(), [_steps_text(found.table, data.by, found.definition)]
    if data.by and spec.attribution != "all":
        told = compare_funnels(found)
        document["comparison"] = told.to_dict()
        parts.append(_comparison_text(told))
    if asked["histogram"]:
        bins = found.histogram()
        document["histogram"] = bins.to_dicts()
        parts.append(_histogram_text(bins, data.by))
    if asked["users"]:
        written = write_csv(found.users(), asked["users"])
        click.echo(f"{written:,} rows in {asked['users']}", err=True)
    return document, "\n\n".join(parts), found.warnings


def _over_time(workspace: Any, data: Any, spec: Funnel, asked: Mapping[str, Any]) -> Answer:  # noqa: ANN401
    from kpi_lib.shapes.funnel_trend import funnel_trend

    found = funnel_trend(data, spec, workspace.grid(asked["period"], every=asked["every"]))
    rows = []
    for r in found.table.iter_rows(named=True):
        if r["step"] == 1:
            entered = r["units"]
        if r["step"] == len(spec.steps):
            figures = [f"{entered:,}", f"{r['units']:,}", show(r["from_start"], SHARE), interval(r, SHARE, "")]
            rows.append([*(r[c] for c in data.by), r["start"], *figures, r["status"]])
    heads = [*data.by, "from", "entered", "converted", "share", "95 % interval", "status"]
    body = table(heads, rows, left=len(data.by) + 1)
    return found.to_dict(), f"{body}\n{_rules(found.definition)}", found.warnings


def _strip(workspace: Any, data: Any, spec: Funnel, asked: Mapping[str, Any]) -> Answer:  # noqa: ANN401
    from kpi_lib.shapes.funnel_strip import definition_strip

    found = definition_strip(data, spec, grid=workspace.grid(asked["period"]) if asked["period"] else None)
    rows, lines = [], []
    for part in found.table.partition_by("definition", maintain_order=True):
        end, name = part.row(-1, named=True), part["definition"][0]
        took = None if end["median_seconds"] is None else span(end["median_seconds"])
        rows.append([name, *(f"{units:,}" for units in part["units"]), show(end["from_start"], SHARE), took])
        for why in found.reasons.rows(named=True):
            if why["definition"] == name:
                lines.append(textwrap.fill(f"{name} {why['why']}: {_changed(why)}", 80, subsequent_indent="  "))
    heads = ["rules", *(f"step {step}" for step in range(1, len(spec.steps) + 1)), "share", "median time"]
    text = "\n".join([table(heads, rows), "", *lines, _rules(found.definition)])
    return found.to_dict(), text, found.warnings


def _changed(why: Mapping[str, Any]) -> str:
    """For how many a rule alone changes the answer."""
    parts = [f"{word} for {why[part]:,}" for part, word in (("units", "other steps"), ("retimed", "only other times"))]
    return (
        ", ".join(text for text, part in zip(parts, ("units", "retimed"), strict=True) if why[part]) or "no change here"
    )


def _against(workspace: Any, data: Any, spec: Funnel, asked: Mapping[str, Any]) -> Answer:  # noqa: ANN401
    from kpi_lib.core.errors import UsageError
    from kpi_lib.shapes.funnel import funnel as count
    from kpi_lib.shapes.funnel_compare import compare_funnels

    if not asked["period"]:
        raise UsageError("--against compares two periods: give the other one with --period.")
    now, then = (count(data, spec, grid=workspace.grid(asked[name])) for name in ("period", "against"))
    told = compare_funnels(now, then)
    document = {"now": now.to_dict(), "before": then.to_dict(), "comparison": told.to_dict()}
    warnings = tuple(dict.fromkeys((*now.warnings, *then.warnings)))
    return document, f"{_comparison_text(told)}\n{_rules(now.definition)}", warnings


def _comparison_text(told: Any) -> str:  # noqa: ANN401 - a FunnelComparison
    rows, segments = [], told.kind == "segments"
    for r in told.table.iter_rows(named=True):
        if r["difference"] is None:
            continue
        points = [f"{100 * r[name]:+.1f}".replace("-", MINUS) for name in ("difference", "low", "high")]
        verdict = "clear" if r["clear"] else "not distinguishable"
        shares = (show(r["share"], SHARE), show(r["other_share"], SHARE))
        rows.append(
            [*([r["what"]] * segments), r["event"], *shares, f"{points[0]} ({points[1]} to {points[2]})", verdict]
        )
    if not rows:
        return "There are no two groups to compare."
    against = ", ".join(dict.fromkeys(told.table["against"]))
    heads = [*[""] * segments, "step", "share", "against", "points (95 % together)", ""]
    lead = f"Against: {against}." if segments else f"{told.table['what'][0]} against {against}."
    notes = textwrap.fill(" ".join((lead, *told.notes)), 80)
    return f"{table(heads, rows, left=1 + segments)}\n{notes}"


def _histogram_text(bins: Any, by: tuple[str, ...]) -> str:  # noqa: ANN401 - a DataFrame
    most = max(bins["units"], default=0) or 1
    rows = []
    for r in bins.iter_rows(named=True):
        until = f"{span(r['low_seconds'])} to {span(r['high_seconds'])}" if r["high_seconds"] else "longer"
        bar = "█" * round(30 * r["units"] / most) or ("▏" if r["units"] else "")
        rows.append([*(r[c] for c in by), until, bar, f"{r['units']:,}"])
    if not rows:
        return "Nobody converted, so there are no times."
    return table([*by, "time to convert", "", "units"], rows, left=len(by) + 2)


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
        shares = [show(r["from_start"], SHARE), interval(r, SHARE, ""), show(r["from_previous"], SHARE)]
        value = [significant(r["value"])] if valued else []
        rows.append([*(r[c] for c in by), r["step"], r["event"], f"{r['units']:,}", *shares, median, *value])
    units = f"{definition['unit']}s" if definition["unit"] in ("user", "session") else "units"
    units = f"{definition['unit']} × {definition['hold']}" if definition["hold"] else units
    units = "attempts" if definition["attempt"] == "all" else units
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
