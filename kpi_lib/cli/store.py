"""Verbs for the fast form of the data: store and explain."""

from typing import Any

import click

from kpi_lib.cli.main import GROUPS
from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import table

HERE = {"ignore_unknown_options": True, "allow_interspersed_args": False}
EXPLAINED = tuple(verb for verb in GROUPS["Ask"] if verb != "explain")


@click.group("store")
def store() -> None:
    """Keep the data in a form that opens and answers faster: `kpi store build`.

    \b
    Example:
      kpi store build
    """


@store.command("build")
@shared
def build(place: Place) -> int:
    """Write the tables as they were checked and converted, ordered by user, into .kpi/store of the workspace.

    A store is used as long as the files and kpi.toml are what it was made from; otherwise the files are read and a line
    says so. A build that fails or is stopped leaves the old store as it was, and the next one goes on with what was
    finished. Of files that were added or changed only these are read again.

    \b
    Example:
      kpi store build --workspace data/clickstream
    """
    from kpi_lib.sources.workspace import open_workspace

    begun = False

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal begun
        width, begun = 20 * done // max(total, 1), done < total
        click.echo(f"\r{stage:5} [{'#' * width}{'.' * (20 - width)}] {done}/{total}", err=True, nl=not begun)

    try:
        document = open_workspace(place.folder).build_store(tell)
    finally:
        if begun:  # what went wrong is told on a line of its own
            click.echo(err=True)
    rows = [[name, f"{count:,}"] for name, count in document["tables"].items()]
    said = "built" if document["built"] else "up to date, nothing to do"
    text = f"{table(['table', 'rows'], rows)}\n{said}: {_size(document['bytes'])}, data {document['fingerprint']}"
    place.show(document, text)
    return 0


def _size(size: int) -> str:
    """A size on disk; a small store is not 0.0 MB.

    >>> _size(41_200), _size(2_345_678)
    ('41 kB', '2.3 MB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


@click.command("explain", context_settings=HERE)
@click.argument("question", nargs=-1, required=True, type=click.UNPROCESSED, metavar="VERB [OPTION]…")
@shared
def explain(place: Place, question: tuple[str, ...]) -> int:
    """Say which form of the data a question uses, and why; the question is asked, its answer is not shown.

    \b
    Example:
      kpi explain funnel --steps product_view,add_to_cart,purchase --within 24h
    """
    from kpi_lib.cli.main import cli
    from kpi_lib.core.errors import unknown
    from kpi_lib.core.store import traced

    verb, *options = question
    if verb not in EXPLAINED:
        raise unknown("question", verb, EXPLAINED, where="kpi explain")
    own = [word for word in options if word != "--json"]
    silent: dict[str, Any] = {"workspace": place.folder, "json": place.as_json, "debug": False, "silent": True}
    command = cli.get_command(click.get_current_context(), verb)
    if command is None:
        raise TypeError(verb)
    with traced() as forms, command.make_context(f"kpi {verb}", own, obj=silent) as context:
        command.invoke(context)
    Place(place.folder, place.as_json or "--json" in options).show(
        {"question": verb, "forms": forms},
        table(["reads", "form", "why"], [[each["shape"], each["form"], each["why"]] for each in forms], left=3),
    )
    return 0


COMMANDS = {"store": store, "explain": explain}
