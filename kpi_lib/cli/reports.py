"""Verbs for telling: report and lab."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import table

AS_ROOT = "running as root: JupyterLab is started with --allow-root"
AUDIENCES = ("team", "executive", "investor")


@click.command("report")
@click.argument("names", nargs=-1, metavar="NAME…")
@click.option("--all", "everything", is_flag=True, help="All reports of kpi.toml.")
@click.option("--period", metavar="P", help="2026-10, 2026-W46 … (default: the last complete period).")
@click.option("--backfill", type=int, default=1, metavar="N", help="This many periods, ending with that one.")
@click.option("--by", metavar="COL", help="One report per value of a column, besides the whole.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter that the notebook declares.")
@click.option(
    "--audience",
    type=click.Choice(AUDIENCES),
    default="team",
    show_default=True,
    help="executive: findings and pictures only; investor: the same as --share, without code.",
)
@click.option("--share", is_flag=True, help="For outsiders: figures about few people are withheld.")
@click.option(
    "--least", type=int, default=11, show_default=True, metavar="K", help="The fewest people in a shared figure."
)
@click.option("--pdf", is_flag=True, help="Also as report.pdf (needs Chromium or WeasyPrint).")
@click.option("--jobs", type=int, default=1, metavar="N", help="How many to render at once.")
@click.option("--out", default="reports", metavar="DIR", show_default=True, help="Where reports are published.")
@click.option("--list", "listing", is_flag=True, help="List the reports there are and render none.")
@shared
def report(place: Place, names: tuple[str, ...], everything: bool, **asked: Any) -> int:  # noqa: ANN401
    """Render reports: a notebook runs, and the page is published in one piece or not at all.

    Exit status 1 when a report failed; the last good one stays where it was.

    \b
    Example:
      kpi report monthly --period 1998-06 --workspace data/cdnow
      kpi report funnel-report --param funnel=checkout --audience executive
      kpi report --all --backfill 3 --jobs 2
      kpi report --all --share --out for-the-board
    """
    from kpi_lib.core.errors import UsageError
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.plan import Request, plan, render, sorted_out

    if asked["listing"]:
        return _list(place)
    workspace = place.open()
    if everything == bool(names):
        raise UsageError(f"name reports or give --all. kpi.toml has: {', '.join(workspace.reports) or 'none'}.")
    chosen, refused = sorted_out(workspace) if everything else (names, {})
    options = {key: asked[key] for key in ("period", "backfill", "by", "audience", "least", "pdf")}
    options["least"] *= asked["share"] or asked["audience"] == "investor"
    request = Request(names=chosen, out=Path(asked["out"]), parameters=_pairs(asked["params"]), **options)
    planned = plan(workspace, request)
    with Bar(planned) as bar:
        outcomes = render(planned, jobs=asked["jobs"], progress=bar.step)
    return _tell(place, outcomes, refused, write_index(Path(asked["out"])))


def _tell(place: Place, outcomes: Any, refused: dict[str, str], index: Path) -> int:  # noqa: ANN401 - Outcomes
    """What became of each run; the status is 1 when one failed or could not be made."""
    from kpi_lib.reporting.reconcile import reconciled, told

    rows = [{**asdict(each), "folder": _near(each.folder)} for each in outcomes]
    nothing = {"period": "", "by": {}, "status": "failed", "folder": "", "seconds": 0.0}
    rows += [{"name": name, **nothing, "error": why} for name, why in refused.items()]
    lines = [
        f"{o.status:9}  {_near(o.folder / ('error.txt' if o.status == 'failed' else 'report.html'))}" for o in outcomes
    ]
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed:
        click.echo(f"failed: {row['name']} {row['period']}".rstrip() + f": {row['error']}", err=True)
    sums = reconciled(outcomes)
    place.show({"reports": rows, "reconciled": sums}, "\n".join([*lines, *map(told, sums), f"open       {index}"]))
    return 1 if failed else 0


def _near(path: Path) -> str:
    """A path as seen from here, where it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and Path.cwd() in path.parents else str(path)


def _list(place: Place) -> int:
    """The reports of kpi.toml, then those of the pack that it does not name, with what is missing for each."""
    from kpi_lib.reporting.pack import lacking, packed, template
    from kpi_lib.sources.workspace import open_workspace

    workspace = open_workspace(place.folder)
    own = {body["notebook"] for body in workspace.reports.values()}
    names = [*workspace.reports, *(name for name in packed() if name not in own and name not in workspace.reports)]
    found = [template(workspace, name) for name in names]
    rows = [
        {
            "name": each.name,
            "notebook": each.notebook.stem,
            "every": each.every,
            "from": "kpi.toml" if each.name in workspace.reports else "pack",
            "missing": lacking(each, workspace.data),
        }
        for each in found
    ]
    told = [
        [*list(row.values())[:4], _needs(lacking(each, workspace.data))] for row, each in zip(rows, found, strict=True)
    ]
    place.show({"reports": rows}, table(["report", "notebook", "every", "from", "missing"], told, left=5))
    return 0


def _needs(missing: list[str]) -> str:
    return ", ".join(each.replace("|", " or ") for each in missing) or "–"


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
    from kpi_lib.reporting.pack import pack
    from kpi_lib.sources.workspace import open_workspace

    workspace = open_workspace(place.folder)
    own = workspace.folder / "notebooks"
    root = own if own.is_dir() else pack()
    command = lab_command(
        root, port=port, browser=not no_browser, root_user=os.geteuid() == 0 if hasattr(os, "geteuid") else False
    )
    if "--allow-root" in command:
        click.echo(AS_ROOT, err=True)
    environment = {**os.environ, "KPI_WORKSPACE": str(workspace.folder.resolve())}
    click.echo(f"notebooks: {root}\nworkspace: {workspace.folder.resolve()} (KPI_WORKSPACE)", err=True)
    os.execve(command[0], command, environment)


def lab_command(root: Path, *, port: int, browser: bool, root_user: bool) -> list[str]:
    """The command line: bound to 127.0.0.1, token left on, nothing trusted by itself."""
    options = [f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    options += [] if browser else ["--no-browser"]
    return [sys.executable, "-m", "jupyterlab", *options, *(["--allow-root"] if root_user else [])]


@click.command("prune")
@click.option(
    "--keep", type=int, default=24, show_default=True, metavar="N", help="How many periods of each report stay."
)
@click.option("--out", default="reports", metavar="DIR", show_default=True, help="Where reports are published.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
@shared
def prune(place: Place, keep: int, out: str, yes: bool) -> int:
    """Take away old reports: the latest periods of each stay, and so does whatever is no report.

    \b
    Example:
      kpi prune --keep 12          what would go
      kpi prune --keep 12 --yes    take it away
    """
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.prune import outdated, remove

    old = outdated(Path(out), keep)
    if yes and old:
        remove(old)
        write_index(Path(out))
    rows = [_near(folder) for folder in old]
    verb = "removed" if yes else "would go"
    text = "\n".join(f"{verb}  {row}" for row in rows) or f"Nothing: no report has more than {keep} periods."
    place.show(
        {"removed": rows if yes else [], "outdated": rows}, text if yes or not rows else f"{text}\nRemove with --yes."
    )
    return 0


COMMANDS = {"report": report, "lab": lab, "prune": prune}
