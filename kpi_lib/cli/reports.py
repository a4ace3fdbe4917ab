"""Verbs for telling: report and lab."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import table


@click.command("report")
@click.argument("names", nargs=-1, metavar="NAME…")
@click.option("--all", "everything", is_flag=True, help="All reports of kpi.toml.")
@click.option("--period", metavar="P", help="2026-10, 2026-W46 … (default: the last complete period).")
@click.option("--backfill", type=int, default=1, metavar="N", help="This many periods, ending with that one.")
@click.option("--by", metavar="COL", help="One report per value of a column, besides the whole.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter that the notebook declares.")
@click.option("--jobs", type=int, default=1, metavar="N", help="How many to render at once.")
@click.option("--out", default="reports", metavar="DIR", show_default=True, help="Where reports are published.")
@click.option("--list", "listing", is_flag=True, help="List the reports of kpi.toml and render none.")
@shared
def report(place: Place, names: tuple[str, ...], everything: bool, **asked: Any) -> int:  # noqa: ANN401
    """Render reports: a notebook runs, and the page is published in one piece or not at all.

    Exit status 1 when a report failed; the last good one stays where it was.

    \b
    Example:
      kpi report monthly --period 1998-06 --workspace data/cdnow
      kpi report --all --backfill 3 --jobs 2
    """
    from kpi_lib.core.errors import UsageError
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.plan import Request, plan, render

    if asked["listing"]:
        return _list(place)
    workspace = place.open()
    if everything == bool(names):
        raise UsageError(f"name reports or give --all. kpi.toml has: {', '.join(workspace.reports) or 'none'}.")
    chosen = tuple(workspace.reports) if everything else names
    options = {key: asked[key] for key in ("period", "backfill", "by")}
    request = Request(names=chosen, out=Path(asked["out"]), parameters=_pairs(asked["params"]), **options)
    planned = plan(workspace, request)
    with Bar(planned) as bar:
        outcomes = render(planned, jobs=asked["jobs"], progress=bar.step)
    index = write_index(request.out)
    rows = [
        {
            "name": o.name,
            "period": o.period,
            "by": dict(o.by),
            "status": o.status,
            "folder": _near(o.folder),
            "seconds": o.seconds,
            "error": o.error,
        }
        for o in outcomes
    ]
    lines = [
        f"{o.status:9}  {_near(o.folder / ('error.txt' if o.status == 'failed' else 'report.html'))}" for o in outcomes
    ]
    for outcome in outcomes:
        if outcome.error:
            click.echo(f"failed: {outcome.name} {outcome.period}: {outcome.error}", err=True)
    place.show({"reports": rows}, "\n".join([*lines, f"open       {index}"]))
    return 1 if any(o.status == "failed" for o in outcomes) else 0


def _near(path: Path) -> str:
    """A path as seen from here, where it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and Path.cwd() in path.parents else str(path)


def _list(place: Place) -> int:
    from kpi_lib.sources.workspace import open_workspace

    workspace = open_workspace(place.folder)
    rows = [
        {"name": n, "notebook": body["notebook"], "every": body.get("every", "month")}
        for n, body in workspace.reports.items()
    ]
    text = table(["report", "notebook", "every"], [list(row.values()) for row in rows], left=3)
    place.show(
        {"reports": rows}, text if rows else "kpi.toml declares no reports: add [reports.NAME] with notebook and every."
    )
    return 0


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    from kpi_lib.core.errors import UsageError

    pairs = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark:
            raise UsageError(f"--param {text!r} has no value: write NAME=VALUE.")
        pairs[name.strip()] = value
    return pairs


class Bar:
    """A progress bar over the cells of all runs, on standard error."""

    def __init__(self, planned: Any) -> None:  # noqa: ANN401 - a list of Planned
        """Count the cells."""
        from kpi_lib.reporting.plan import cells

        self.counts = [cells(each) for each in planned]
        self.names = [f"{each.job.head.report} {each.job.period}" for each in planned]
        self.left = list(self.counts)
        self.bar = click.progressbar(
            length=sum(self.counts), label="rendering", file=sys.stderr, item_show_func=lambda name: name
        )

    def __enter__(self) -> "Bar":
        """Show it."""
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        """Close the line."""
        self.bar.__exit__(*error)

    def step(self, at: int, outcome: Any) -> None:  # noqa: ANN401 - an Outcome or None
        """A cell is done, or (with an outcome) the whole run."""
        count = self.left[at] if outcome is not None else min(1, self.left[at])
        self.left[at] -= count
        self.bar.update(count, self.names[at])


@click.command("lab")
@click.option("--port", type=int, default=8888, show_default=True, help="Port on this machine.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@shared
def lab(place: Place, port: int, no_browser: bool) -> int:
    """Open JupyterLab on the notebooks, for this machine only and with a token.

    \b
    Example:
      kpi lab --workspace data/cdnow
    """
    from kpi_lib.reporting.plan import pack
    from kpi_lib.sources.workspace import open_workspace

    workspace = open_workspace(place.folder)
    own = workspace.folder / "notebooks"
    root = own if own.is_dir() else pack()
    command = lab_command(
        root, port=port, browser=not no_browser, root_user=os.geteuid() == 0 if hasattr(os, "geteuid") else False
    )
    if "--allow-root" in command:
        click.echo("running as root: JupyterLab is started with --allow-root", err=True)
    environment = {**os.environ, "KPI_WORKSPACE": str(workspace.folder.resolve())}
    click.echo(f"notebooks: {root}\nworkspace: {workspace.folder.resolve()} (KPI_WORKSPACE)", err=True)
    os.execve(command[0], command, environment)


def lab_command(root: Path, *, port: int, browser: bool, root_user: bool) -> list[str]:
    """The command line: bound to 127.0.0.1, token left on, nothing trusted by itself."""
    options = [f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    options += [] if browser else ["--no-browser"]
    return [sys.executable, "-m", "jupyterlab", *options, *(["--allow-root"] if root_user else [])]


COMMANDS = {"report": report, "lab": lab}
