"""Verbs for figures: compute, active and sessions."""

from typing import Any

import click

from kpi_lib.cli.options import GAP_HELP, Place, columns, engines, grid_of, period, reading, segments, shared
from kpi_lib.cli.text import interval, table
from kpi_lib.core.units import COUNT, FRACTION, RATIO, SHARE, show, span

LAST = 30


@click.command("compute")
@click.argument("kpis", nargs=-1, required=True, metavar="KPI…")
@period
@segments
@reading
@engines
@shared
def compute(place: Place, kpis: tuple[str, ...], **asked: Any) -> int:  # noqa: ANN401
    """Compute KPIs: value, 95 % interval, n and status for each period and segment.

    \b
    Example:
      kpi compute orders --period 1998-06 --workspace data/cdnow
      kpi compute dau --from 2024-06-01 --to 2024-06-08 --every day --json
    """
    from kpi_lib.answers.compute import compute as compute_kpis
    from kpi_lib.kpis.registry import find

    for name in kpis:  # a misspelt name is told before the data are read
        find(name)
    workspace, data = place.read(asked)
    with place.engine(workspace, asked):
        values = compute_kpis(kpis, data, lambda kpi: grid_of(workspace, asked, kpi.cadence), columns(asked["by"]))
    rows, lines = values.to_dict()["rows"], []
    for row in rows:
        unit = find(row["kpi"]).unit
        where = ", ".join(f"{k}={'(none)' if v is None else v}" for k, v in row["by"].items())
        figure, spread = show(row["value"], unit, data.currency), interval(row, unit, data.currency)
        lines.append([row["kpi"], where, row["start"], figure, spread, f"{row['n']:,}", row["status"]])
    for name, reason in values.reasons.items():
        click.echo(f"{name}: {reason}", err=True)
    place.show(
        {"rows": rows}, table(["kpi", "segment", "from", "value", "95 % interval", "n", "status"], lines, left=3)
    )
    return 0


@click.command("active")
@period
@click.option(
    "--window", type=int, metavar="N", help="Also the distinct people of the N days to the end of each period."
)
@segments
@reading
@shared
def active(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Daily, weekly and monthly actives with stickiness; without a period, every day of the data (as text the last 30).

    \b
    Example:
      kpi active --from 2024-06-01 --to 2024-07-01 --every week
    """
    from kpi_lib.answers.actives import actives
    from kpi_lib.core.period import local_day

    workspace, data = place.read(asked)
    given = any(asked[name] for name in ("period", "start", "stop"))
    grid = grid_of(workspace, asked, "day") if given else workspace.grid(every=asked["every"] or "day")
    found = actives(
        data, grid, columns(asked["by"]), events=data.settings.get("active_events", ("*",)), window=asked["window"]
    )
    last = found.table["start"].unique().sort().tail(LAST)
    shown = found.table if given else found.table.filter(found.table["start"].is_in(last.implode()))
    until = local_day(data.observed_until, data.zone)
    names = ("dau", "wau", "mau", *(("rolling",) if asked["window"] else ()))
    wide = [f"{asked['window']} days"] if asked["window"] else []
    heads = [*found.by, "from", "daily", "weekly", "monthly", *wide, "stickiness", ""]
    rows = [
        [
            *(r[c] for c in found.by),
            r["start"],
            *(show(r[k], COUNT) for k in names),
            show(r["stickiness"], FRACTION),
            "" if r["complete"] else "not over" if r["end"] > until else "not watched",
        ]
        for r in shown.iter_rows(named=True)
    ]
    hidden = found.table["start"].n_unique() - shown["start"].n_unique()
    note = f"\nThe last {LAST} periods; {hidden:,} earlier ones with --from and --to, or with --json." if hidden else ""
    place.show(found.to_dict(), table(heads, rows, left=len(found.by) + 1) + note)
    return 0


@click.command("sessions")
@click.option("--gap", metavar="D", help=GAP_HELP)
@click.option("--midnight", is_flag=True, help="End sessions at midnight of the workspace's zone as well.")
@click.option("--max-length", metavar="D", help="End sessions that would last longer than this, such as 24h.")
@click.option("--end-event", metavar="E", help="An event that ends its session.")
@click.option(
    "--exclude", metavar="EVENT", multiple=True, help="An event that neither begins a session nor keeps one going."
)
@click.option("--period", metavar="P", help="Sessions that start in this period (default: all).")
@segments
@reading
@shared
def sessions(place: Place, gap: str | None, **asked: Any) -> int:  # noqa: ANN401
    """Count sessions and say how long they last.

    \b
    Example:
      kpi sessions --gap 30m --period 2024-W25
    """
    from kpi_lib.core.units import duration
    from kpi_lib.shapes.sessions import SessionRules, session_figures

    length = duration(gap) if gap else None
    longest = duration(asked["max_length"]) if asked["max_length"] else None
    rules = SessionRules(asked["midnight"], longest, asked["end_event"], asked["exclude"])
    workspace, data = place.read(asked)
    grid = workspace.grid(asked["period"]) if asked["period"] else None
    by = columns(asked["by"])
    for column in by:
        data.segments(column)
    seen = data.with_by(by)
    by, found = seen.by, session_figures(seen, gap=length, grid=grid, rules=rules)
    heads = [*by, "sessions", "users", "median", "mean", "events a session", "single event", "0 seconds"]
    rows = []
    for r in found.table.iter_rows(named=True):
        lengths = [span(r[k]) if r[k] is not None else None for k in ("median_seconds", "mean_seconds")]
        rows.append(
            [
                *(r[c] for c in by),
                f"{r['sessions']:,}",
                f"{r['users']:,}",
                *lengths,
                show(r["events_per_session"], RATIO),
                show(r["single_event_share"], SHARE),
                show(r["zero_length_share"], SHARE),
            ]
        )
    place.show(found.to_dict(), table(heads, rows, left=len(by)))
    return 0


COMMANDS = {"compute": compute, "active": active, "sessions": sessions}
