"""The verb review: a review session in JupyterLab with the code hidden, and its minutes as one page."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.reports import AS_ROOT, lab_command

if TYPE_CHECKING:
    from kpi_lib.core.period import Grid
    from kpi_lib.sources.workspace import Workspace

BOOK = "90-review"
LIVE = "interactive"  # the tag of cells that a run of a report leaves out
HOW = "**Begin:** *Run* ▸ *Run All Cells*. Add Markdown cells for notes anywhere; they are kept, and stand in the minutes."


@click.command("review")
@click.option("--period", metavar="P", help="2026-10, 2026-W46 … (default: the last complete month).")
@click.option("--port", type=int, default=8888, show_default=True, help="Port on this machine.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--minutes", is_flag=True, help="Write the session with all notes as one HTML page and end.")
@click.option("--out", default="reports", metavar="DIR", show_default=True, help="With --minutes: where it goes.")
@shared
def review(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Open a review: agenda, figures, questions and decisions on one page, for this machine only and with a token.

    Add Markdown cells for notes; the session of a period is kept in .kpi/review/ and opened again the next time.

    \b
    Example:
      kpi review --period 1998-06 --workspace data/cdnow
      kpi review --period 1998-06 --minutes --workspace data/cdnow
    """
    from kpi_lib.sources.workspace import open_workspace

    workspace = place.open() if asked["minutes"] else open_workspace(place.folder)
    grid = workspace.grid(asked["period"], cadence="month")
    book = session(workspace, grid)
    if asked["minutes"]:
        return _minutes(place, workspace, (grid, book), Path(asked["out"]))
    root = os.geteuid() == 0 if hasattr(os, "geteuid") else False
    command = review_command(book, port=asked["port"], browser=not asked["no_browser"], root_user=root)
    if root:
        click.echo(AS_ROOT, err=True)
    click.echo(f"session: {book}\nworkspace: {workspace.folder.resolve()} (KPI_WORKSPACE)", err=True)
    os.execve(command[0], command, {**os.environ, "KPI_WORKSPACE": str(workspace.folder.resolve())})


def review_command(book: Path, *, port: int, browser: bool, root_user: bool) -> list[str]:
    """The command line of JupyterLab on one document, bound to 127.0.0.1 with its token left on."""
    command = lab_command(book.parent.resolve(), port=port, browser=browser, root_user=root_user)
    return [*command, f"--LabApp.default_url=/doc/tree/{book.name}"]


def session(workspace: "Workspace", grid: "Grid") -> Path:
    """The notebook of a period's session, its code hidden; one that is there keeps its notes."""
    from kpi_lib.core.period import label
    from kpi_lib.reporting.pack import find_notebook

    period = label(grid.shown[-1], grid.every, grid.stops[-1])
    book = workspace.folder / ".kpi" / "review" / f"review-{period}.ipynb"
    if not book.exists():
        content = json.loads(find_notebook(BOOK, workspace.folder).read_text("utf-8"))
        how = {"cell_type": "markdown", "id": "how", "metadata": {"tags": [LIVE]}, "source": HOW}
        content["cells"].insert(1, how)
        for cell in content["cells"]:
            if cell["cell_type"] == "code":
                cell["metadata"]["jupyter"] = {"source_hidden": True}
                cell["source"] = "\n" + "".join(cell["source"])  # JupyterLab shows the first line of what is hidden
            if "parameters" in cell["metadata"].get("tags", []):
                text = "".join(cell["source"])
                cell["source"] = text.replace('period: str = ""', f"period: str = {json.dumps(period)}")
        book.parent.mkdir(parents=True, exist_ok=True)
        book.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return book


def _minutes(place: Place, workspace: "Workspace", at: "tuple[Grid, Path]", out: Path) -> int:
    """Run the session once more and publish it, notes included, like any report."""
    from dataclasses import replace

    from kpi_lib.core.period import label
    from kpi_lib.reporting.index import write_index
    from kpi_lib.reporting.plan import Request, plan, render

    grid, book = at
    period = label(grid.shown[-1], grid.every, grid.stops[-1])
    declared = {**workspace.reports, "review": {"notebook": BOOK, "every": grid.every}}
    known = replace(workspace, config={**workspace.config, "reports": declared})
    request = Request(names=("review",), out=out, period=period)
    planned = [replace(each, notebook=book) for each in plan(known, request)]
    (outcome,) = render(planned)
    write_index(out)
    if outcome.error:
        click.echo(f"failed: {outcome.error}", err=True)
    page = outcome.folder / ("error.txt" if outcome.status == "failed" else "report.html")
    place.show({"status": outcome.status, "page": str(page)}, f"{outcome.status}  {page}")
    return 1 if outcome.status == "failed" else 0


COMMANDS = {"review": review}
