"""What the verbs share: where the workspace is, how to print, which period."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.main import print_json

if TYPE_CHECKING:
    from kpi_lib.core.dataset import Dataset
    from kpi_lib.core.period import Grid
    from kpi_lib.sources.workspace import Workspace

Verb = Callable[..., Any]
GAP_HELP = "A pause longer than this starts a new session (default: [settings] session_gap, else 30m; a mapped session_id is trusted)."


def shared(verb: Verb) -> Verb:
    """Take --workspace, --json and --debug after the verb as well as before it."""

    @click.option("--workspace", metavar="DIR", default=None, help="Folder with the kpi.toml (default: this folder).")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @click.pass_context
    @functools.wraps(verb)
    def with_shared(ctx: click.Context, /, workspace: str | None, as_json: bool, debug: bool, **rest: Any) -> Any:  # noqa: ANN401
        before = ctx.obj or {}
        place = workspace or before.get("workspace") or "."
        return verb(Place(place, as_json or bool(before.get("json")), silent=bool(before.get("silent"))), **rest)

    return with_shared


FEW = 4  # tables whose rows are told one by one
PARTS = ("kept", "filtered", "deduplicated", "quarantined")


class Place:
    """Where a verb works and how it prints."""

    def __init__(self, folder: str, as_json: bool, *, silent: bool = False) -> None:
        """Keep them; a silent place does the work and shows nothing."""
        self.folder, self.as_json, self.silent = folder, as_json, silent

    def open(self) -> "Workspace":
        """Open the workspace, load its data and say on standard error what was read."""
        from kpi_lib.sources.workspace import open_workspace

        workspace = open_workspace(self.folder)
        _ = workspace.data
        if workspace.stale:
            click.echo(
                f"the store is not used: {workspace.stale}. The files are read instead; renew it with: kpi store build",
                err=True,
            )
        for line in _read_lines({name: each.to_dict() for name, each in workspace.log.counts.items()}):
            click.echo(line, err=True)
        return workspace

    def read(self, asked: dict[str, Any]) -> "tuple[Workspace, Dataset]":
        """Open the workspace as it stood on the day of --as-of, and give its data with --table as what users did."""
        workspace = self.open()
        if asked["as_of"]:
            workspace = workspace.as_of(asked["as_of"])
        return workspace, workspace.data.reading(asked["table"]) if asked["table"] else workspace.data

    @contextmanager
    def engine(self, workspace: "Workspace", asked: dict[str, Any]) -> Iterator[None]:
        """Let the engine that was asked for do the work over users."""
        if asked["engine"] == "spark":
            from kpi_lib.sources.cluster import on_spark

            with on_spark(workspace, asked["master"] or "local[*]"):
                yield
        elif asked["master"]:
            raise click.UsageError("--master is an address of Spark: give --engine spark as well.")
        else:
            yield

    def show(self, document: dict[str, Any], text: str) -> None:
        """Print the JSON document or the text for people."""
        if self.silent:
            return
        if self.as_json:
            print_json(document)
        else:
            click.echo(text)


def _read_lines(tables: dict[str, dict[str, int]]) -> list[str]:
    """What became of the rows: a line each for a few tables; of many only those that lost some, the others in one line."""
    said = {name: counts for name, counts in tables.items() if counts["read"] != counts["kept"] or len(tables) <= FEW}
    rest = [counts for name, counts in tables.items() if name not in said]
    if rest:
        lead = "other " if said else ""
        said[f"{len(rest)} {lead}tables"] = {part: sum(each[part] for each in rest) for part in ("read", *PARTS)}
    return [
        f"{name}: {counts['read']:,} rows read = " + " + ".join(f"{counts[part]:,} {part}" for part in PARTS)
        for name, counts in said.items()
    ]


def period(verb: Verb) -> Verb:
    """Take --period, or --from, --to and --every."""
    for option in (
        click.option(
            "--every", type=click.Choice(["day", "week", "month", "quarter", "year"]), help="Grid of --from and --to."
        ),
        click.option("--to", "stop", metavar="D", type=day_of, help="First day after the grid."),
        click.option("--from", "start", metavar="D", type=day_of, help="First day of a grid of periods."),
        click.option(
            "--period",
            metavar="P",
            help="2026-10, 2026-W46, 2026-Q3, 2026, 2026-10-05 or 2026-10-01..2026-10-15 (end excluded).",
        ),
    ):
        verb = option(verb)
    return verb


def engines(verb: Verb) -> Verb:
    """Take --engine and --master."""
    master = click.option(
        "--master", metavar="URL", help="Where Spark is: local[N], spark://host:7077, yarn (default local[*])."
    )
    choice = click.Choice(["local", "spark"])
    told = "Do the work here (default) or on Spark, on the store of the workspace: docs/clusters.md."
    return click.option("--engine", type=choice, default="local", help=told)(master(verb))


def segments(verb: Verb) -> Verb:
    """Take --by COL[,COL]."""
    return click.option("--by", metavar="COL[,COL]", help="Segment columns.")(verb)


def reading(verb: Verb) -> Verb:
    """Take --table, where events and transactions both exist, and --as-of; Place.read obeys both."""
    choice = click.Choice(["events", "transactions"])
    table = click.option(
        "--table", type=choice, help="Which table tells what users did (default: events where there are any)."
    )
    told = "As the data stood when this day began, which gives the figures of a report whose period ended there."
    return table(click.option("--as-of", metavar="D", type=day_of, help=told)(verb))


def day_of(text: str) -> date:
    """Read a day, as an option's type."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-10-05.") from None


def columns(text: str | None) -> tuple[str, ...]:
    """Split COL,COL.

    >>> columns("plan, country")
    ('plan', 'country')
    """
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def grid_of(workspace: "Workspace", asked: dict[str, Any], cadence: str) -> "Grid":
    """The grid that the period options ask for; by default the last complete period of the cadence."""
    return workspace.grid(
        asked["period"], start=asked["start"], stop=asked["stop"], every=asked["every"], cadence=cadence
    )
