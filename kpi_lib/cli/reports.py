"""Verbs for telling: report and lab."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import table

AS_ROOT = "running as root: JupyterLab is started with --allow-root"
OPTIONS = ("period", "backfill", "by", "audience", "least", "pdf", "timeout", "cell_timeout")
TOLD = ("name", "period", "by", "status", "folder", "seconds", "error")  # of an outcome
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
@click.option("--jobs", type=click.IntRange(1), default=1, metavar="N", help="How many to render at once.")
@click.option(
    "--timeout", type=float, default=600, show_default=True, metavar="S", help="Seconds that one report may take."
)
@click.option(
    "--cell-timeout",
    type=float,
    default=300,
    show_default=True,
    metavar="S",
    help="Seconds that one of its cells may take.",
)
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
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.remembered import memory, recall

    if asked["listing"]:
        return _list(place)
    out = Path(asked["out"])
    known = memory(out, Path(place.folder), {"names": names, "everything": everything, **asked, "jobs": 1})
    told = recall(known) or _render(place, names, everything=everything, asked=asked, known=known)
    return _tell(place, told, write_index(out))


def _render(
    place: Place, names: tuple[str, ...], *, everything: bool, asked: dict[str, Any], known: Path
) -> dict[str, Any]:
    """Render what is asked for, and remember it if all of it stands; gives what is to be told."""
    from kpi_lib.core.errors import UsageError
    from kpi_lib.reporting import remembered
    from kpi_lib.reporting.plan import Request, lasts, plan, render, sorted_out, workspaces
    from kpi_lib.reporting.reconcile import reconciled, told

    workspace = place.open()
    if everything == bool(names):
        raise UsageError(f"name reports or give --all. kpi.toml has: {', '.join(workspace.reports) or 'none'}.")
    chosen, refused = sorted_out(workspace) if everything else (names, {})
    options = {key: asked[key] for key in OPTIONS}
    options["least"] *= asked["share"] or asked["audience"] == "investor"
    request = Request(names=chosen, out=Path(asked["out"]), parameters=_pairs(asked["params"]), **options)
    planned = plan(workspace, request)
    folders = workspaces(workspace, planned)
    inputs = remembered.state(folders)
    with Bar(planned) as bar:
        outcomes = render(planned, jobs=asked["jobs"], progress=bar.step)
    rows = [{name: getattr(each, name) for name in TOLD} | {"folder": str(each.folder)} for each in outcomes]
    nothing = {"period": "", "by": {}, "status": "failed", "folder": "", "seconds": 0.0}
    rows += [{"name": name, **nothing, "error": why} for name, why in refused.items()]
    sums = reconciled(outcomes)
    found = {"reports": rows, "reconciled": sums, "sums": told(outcomes)}
    if all(row["status"] != "failed" for row in rows):
        again = {**found, "reports": [{**row, "status": "unchanged", "seconds": 0.0} for row in rows]}
        stand = [each.folder for each in outcomes]
        until = lasts(workspace, planned)
        remembered.remember(known, again, inputs=inputs, workspaces=folders, folders=stand, until=until)
    return found


def _tell(place: Place, found: dict[str, Any], index: Path) -> int:
    """What became of each run; the status is 1 when one failed or could not be made."""
    rows = [{**row, "folder": row["folder"] and _near(Path(row["folder"]))} for row in found["reports"]]
    failed = [row for row in rows if row["status"] == "failed"]
    files = {True: "error.txt", False: "report.html"}
    lines = [f"{row['status']:9}  {Path(row['folder']) / files[row in failed]}" for row in rows if row["folder"]]
    for row in failed:
        click.echo(f"failed: {row['name']} {row['period']}".rstrip() + f": {row['error']}", err=True)
    document = {"reports": rows, "reconciled": found["reconciled"]}
    place.show(document, "\n".join([*lines, *found["sums"], f"open       {index}"]))
    return 1 if failed else 0


def _near(path: Path) -> str:
    """A path as seen from here, where it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_absolute() and Path.cwd() in path.parents else str(path)


def _list(place: Place) -> int:
    """The reports of kpi.toml, then those of the pack that it does not name, with what is missing for each."""
    from kpi_lib.core.errors import KpiError
    from kpi_lib.reporting.pack import lacking, packed, template
    from kpi_lib.sources.workspace import open_workspace

    workspace = open_workspace(place.folder)
    taken = {body["notebook"] for body in workspace.reports.values()}
    names = [*workspace.reports, *(name for name in packed() if name not in taken and name not in workspace.reports)]
    rows: list[dict[str, Any]] = []
    told: list[list[object]] = []
    for name in names:
        try:
            each = template(workspace, name)
        except KpiError as error:
            own = {"name": name, "notebook": workspace.reports[name]["notebook"], "every": "", "from": "kpi.toml"}
            rows.append({**own, "missing": [], "error": str(error)})
            told.append([*own.values(), f"its notebook: {error}"])
            continue
        missing = lacking(each, workspace.data)
        shelf = "kpi.toml" if name in workspace.reports else "pack"
        own = {"name": name, "notebook": each.notebook.stem, "every": each.every, "from": shelf}
        rows.append({**own, "missing": missing})
        told.append([*own.values(), _needs(missing)])
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
    """A progress bar over the cells of all runs, on standard error: how far, time left, and the question that is worked on."""

    def __init__(self, planned: Any) -> None:  # noqa: ANN401 - a list of Planned
        """Count the cells."""
        from kpi_lib.reporting.plan import cells

        self.counts = [cells(each) for each in planned]
        self.names = [f"{each.job.head.report} {each.job.period}" for each in planned]
        self.done = [0 for _ in self.counts]
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

    def step(self, at: int, outcome: Any, done: int, question: str) -> None:  # noqa: ANN401 - an Outcome or None
        """A cell begins or ends, or (with an outcome) the whole run."""
        done = self.counts[at] if outcome is not None else min(done, self.counts[at])
        moved, self.done[at] = done - self.done[at], done
        self.bar.current_item = f"{self.names[at]} · {question}" if question else self.names[at]
        if moved:
            self.bar.update(moved, self.bar.current_item)
        else:
            self.bar.render_progress()


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
    from kpi_lib.core.errors import UsageError
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.prune import outdated, remove
    from kpi_lib.reporting.remembered import SHELF, forget

    if not Path(out).is_dir():
        raise UsageError(f"{out} is no folder, so there are no reports in it. Name theirs by --out.")
    old = outdated(Path(out), keep)
    if yes and old:
        remove(old)
        forget(Path(out) / SHELF)
        write_index(Path(out))
    rows = [_near(folder) for folder in old]
    verb = "removed" if yes else "would go"
    text = "\n".join(f"{verb}  {row}" for row in rows) or f"Nothing: no report has more than {keep} periods."
    place.show(
        {"removed": rows if yes else [], "outdated": rows}, text if yes or not rows else f"{text}\nRemove with --yes."
    )
    return 0


COMMANDS = {"report": report, "lab": lab, "prune": prune}
