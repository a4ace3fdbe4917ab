"""The `kpi` command: parse, call the library once, print.

Verbs are loaded when they are used, so that `kpi --help` answers at once.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from kpi_lib import __version__

# verb -> (module below kpi_lib.cli, one line for the overview)
VERBS: dict[str, tuple[str, str]] = {
    "init": ("data", "write a commented kpi.toml for somebody's files"),
    "sample": ("sample", "write a synthetic demo company with planted truths"),
    "check": ("data", "contracts and data quality of the workspace"),
    "list": ("catalogue", "the KPIs there are, or that this workspace can compute"),
    "show": ("catalogue", "the definition of a KPI"),
    "stage": ("staging", "which KPIs for which stage and goal, and why"),
    "goals": ("choosing", "how far goals are, and how likely targets are to be reached"),
    "compute": ("figures", "KPIs by period and segment"),
    "active": ("figures", "daily, weekly and monthly actives, and stickiness"),
    "sessions": ("figures", "how many sessions, and how long"),
    "funnel": ("funnels", "how far people get through a sequence of steps"),
    "cohort": ("behaviour", "who comes back, or pays again, and when"),
    "lifecycle": ("engagement", "who is new, who stayed, who came back, who is gone"),
    "paths": ("engagement", "which way sessions take from event to event"),
    "store": ("store", "the fast form of the data"),
    "explain": ("store", "which form of the data a question uses, and why"),
    "adoption": ("engagement", "who uses which feature, how much and how soon"),
    "habits": ("engagement", "on how many days people come, and after which pause"),
    "scorecard": ("scorecards", "how the KPIs stand: changes, targets, owners"),
    "decide": ("decisions", "put a decision on record, or see what came of those there are"),
    "signals": ("watching", "what stands out, against its own past"),
    "opportunities": ("watching", "where most is to be won: gaps of parts by whom they reach"),
    "forecast": ("watching", "what is to be expected, and what a target asks of its drivers"),
    "report": ("reports", "render reports"),
    "prune": ("reports", "take away old reports"),
    "review": ("reviewing", "a review session in JupyterLab, and its minutes"),
    "lab": ("reports", "JupyterLab on the notebooks"),
}
GROUPS = {
    "Start": ("init", "sample", "check", "store"),
    "Choose": ("list", "show", "stage", "goals"),
    "Ask": ("compute", "active", "sessions", "funnel", "cohort", "lifecycle", "paths", "habits", "adoption", "explain"),
    "Tell": ("scorecard", "signals", "opportunities", "forecast", "decide", "report", "prune", "review", "lab"),
}
ENGINES = ("compute", "funnel", "cohort")


class Overview(click.Group):
    """A group that knows its verbs by name and loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which people need them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb; None lets click say that there is none."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"kpi_lib.cli.{VERBS[cmd_name][0]}")
        command: click.Command = module.COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest verb when one is misspelt."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from kpi_lib.core.errors import unknown

            raise unknown("command", args[0], VERBS, where="kpi")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs in groups, without loading them."""
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, VERBS[verb][1]) for verb in verbs])


@click.group(cls=Overview, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--workspace", metavar="DIR", default=None, help="Folder with the kpi.toml (default: this folder).")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="kpi")
@click.pass_context
def cli(ctx: click.Context, workspace: str | None, as_json: bool, debug: bool) -> None:
    """From raw product data to KPI reports that can be trusted.

    \b
    Example:
      kpi init orders.csv          guess a kpi.toml
      kpi check                    is the data sound?
      kpi compute orders           a figure, with interval and n
      kpi funnel --step view --step buy --within 7d
    """
    ctx.obj = {"workspace": workspace, "json": as_json, "debug": debug}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; leave with 0 (done), 1 (done, with errors found) or 2 (unusable request or input)."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command and give its exit status; errors become one message, never a traceback (but for --debug)."""
    from kpi_lib.core.errors import KpiError, KpiWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", KpiWarning)
            warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {message}", err=True)
            status = cli.main(args=list(arguments), prog_name="kpi", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Abort:
        return _failed("stopped.")
    except click.ClickException as error:
        return _failed(f"{_refused(error)} `{_asked(error, arguments)} --help` shows what it takes.")
    except KpiError as error:
        if "--debug" in arguments:
            raise
        return _failed(str(error))
    except BrokenPipeError:  # the reader went away, as with `| head`
        sys.stderr.close()
        return 0
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _failed(
            f"something went wrong inside ({type(error).__name__}: {str(error)[:300]}). `--debug` shows where."
        )


def _asked(error: click.ClickException, arguments: Sequence[str]) -> str:
    """The command that an error is about; the parser of options does not know it."""
    if isinstance(error, click.UsageError) and error.ctx:
        return error.ctx.command_path
    return " ".join(["kpi", *[word for word in arguments if word in VERBS][:1]])


def _refused(error: click.ClickException) -> str:
    """What is wrong with the options; of an engine, which questions have one."""
    if isinstance(error, click.NoSuchOption) and error.option_name in ("--engine", "--master"):
        return f"{error.option_name} belongs to {', '.join(ENGINES)}: everything else is answered on this machine."
    return error.format_message()


def _failed(message: str) -> int:
    lines = message.strip().splitlines()[:5]
    click.echo("kpi: " + "\n     ".join(lines), err=True)
    return 2


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    """Print one JSON document; what JSON cannot say (NaN, infinity) never gets here."""
    click.echo(json.dumps(document, ensure_ascii=False, allow_nan=False, default=str))
