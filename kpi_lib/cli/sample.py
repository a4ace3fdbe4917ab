"""The verb that makes the demo company."""

from pathlib import Path

import click

from kpi_lib.cli.options import Place, shared


@click.command("sample")
@click.argument("folder", metavar="DIR")
@click.option("--users", default=20_000, show_default=True, metavar="N", help="How many people sign up.")
@click.option("--days", default=731, show_default=True, metavar="N", help="How many days, ending on 31 October 2026.")
@click.option("--seed", default=1, show_default=True, metavar="N", help="Another seed, another company.")
@shared
def sample(place: Place, folder: str, *, users: int, days: int, seed: int) -> int:
    """Write a demo company into a new folder: a synthetic subscription product with planted truths.

    \b
    Example:
      kpi sample demo --users 3000
      kpi check --workspace demo
    """
    from kpi_lib.sources.sample.folder import write_sample
    from kpi_lib.sources.sample.story import Story

    story = Story(users, days, seed)
    rows = write_sample(Path(folder), story, lambda line: click.echo(line, err=True))
    text = f"wrote {folder}: {sum(rows.values()):,} rows in {len(rows)} tables, all synthetic\nThen: kpi check --workspace {folder}"
    place.show({"written": folder, "users": users, "days": days, "seed": seed, "synthetic": True, "tables": rows}, text)
    return 0


COMMANDS = {"sample": sample}
