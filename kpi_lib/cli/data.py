"""Verbs for data: init and check."""

from pathlib import Path

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import paragraph, table


@click.command("init")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--profile", metavar="P", help="saas, freemium, commerce or app: adds settings that fit.")
@shared
def init(place: Place, files: tuple[str, ...], profile: str | None) -> int:
    """Write a commented kpi.toml guess for somebody's files. Never overwrites one.

    \b
    Example:
      kpi init exports/orders.csv exports/events.ndjson --profile commerce
    """
    from kpi_lib.sources.starter import write_starter

    started = write_starter([Path(file) for file in files], Path(place.folder), profile)
    for each in started.left_out:
        click.echo(f"left out: {each}", err=True)
    text = f"wrote {started.path}\nRead it through: every guess has its reason beside it. Then: kpi check"
    place.show({"written": str(started.path), "left_out": list(started.left_out)}, text)
    return 0


@click.command("check")
@shared
def check(place: Place) -> int:
    """Check the workspace: what was read, set aside and why, and what looks odd.

    Exit status 1 when an error is found in the data; warnings alone leave it 0.

    \b
    Example:
      kpi check --workspace data/cdnow
    """
    from kpi_lib.sources.quality import check as check_workspace

    found = check_workspace(place.open())
    document = found.to_dict()
    counts = table(
        ["table", "read", "kept", "filtered", "deduplicated", "quarantined"],
        [
            [name, *(f"{c[part]:,}" for part in ("read", "kept", "filtered", "deduplicated", "quarantined"))]
            for name, c in document["tables"].items()
        ],
    )
    said = []
    for each in document["findings"]:
        spot = ", ".join(
            f"{part} {'(empty)' if each[part] == '' else each[part]}"
            for part in ("file", "line", "column", "value")
            if each.get(part) is not None
        )
        rows = f" ({each['rows']:,} rows)" if (each["rows"] or 0) > 1 else ""
        where = f"{each['severity']}: {each['table'] or 'workspace'}"
        lines = [paragraph(f"{where}: {each['message']}{rows}"), *([paragraph(f"in {spot}", "   ")] if spot else [])]
        said.append("\n".join([*lines, paragraph(f"→ {each['mend']}", "   ")]))
    place.show(document, "\n\n".join([counts, *(said or ["nothing to complain about."])]))
    return 1 if found.failed else 0


COMMANDS = {"init": init, "check": check}
