"""The verb decide: put a decision on record, or list what was decided and what happened since."""

import textwrap
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import Place, day_of, shared
from kpi_lib.cli.text import plain

if TYPE_CHECKING:
    from kpi_lib.answers.decisions import Followed, FollowUp

WIDTH = 80


@click.command("decide")
@click.argument("decision", required=False)
@click.option("--signal", metavar="TEXT", help="What was seen that led to it.")
@click.option("--type", "kind", metavar="T", help="feature, experience, marketing, price, support, market, resources …")
@click.option("--owner", metavar="TEAM", help="The team that sees to it (a team, not a person).")
@click.option("--kpi", metavar="KPI", help="The KPI that it is to move.")
@click.option("--expect", metavar="E", help='How: "+5 %", "-2 points", "up" or "down".')
@click.option("--due", metavar="D", type=day_of, help="By which day.")
@click.option("--look", metavar="D", type=day_of, help="When to look again (default: the due day).")
@click.option("--date", "taken", metavar="D", type=day_of, help="When it was taken (default: today).")
@click.option("--list", "listing", is_flag=True, help="What was decided, and what the KPIs did since.")
@click.option("--period", metavar="P", help="With --list: as of the end of this period (default: the last month).")
@shared
def decide(place: Place, **asked: Any) -> int:  # noqa: ANN401
    """Put a decision on record as a file in decisions/; later reports show what its KPI did since.

    \b
    Example:
      kpi decide "One page less in the sign-up" --type experience \\
        --signal "activation fell by 4 points since March" --owner growth \\
        --kpi activation_rate --expect "+3 points" --due 2026-12-31
      kpi decide --list
    """
    if asked["listing"]:
        return _list(place, asked["period"])
    from kpi_lib.answers.decisions import TYPES, Decision
    from kpi_lib.core.errors import UsageError, unknown

    names = ("decision", "signal", "kind", "owner", "kpi", "expect", "due")
    missing = [name for name in names if not asked[name] or not str(asked[name]).strip()]
    if missing:
        options = [
            "the decision itself" if name == "decision" else f"--{name.replace('kind', 'type')}" for name in missing
        ]
        raise UsageError(f"a decision needs {', '.join(options)}. kpi decide --help shows one in full.")
    if asked["kind"] not in TYPES:
        raise unknown("type", asked["kind"], TYPES, where="--type")
    workspace = place.open()
    given = {name: asked[name] for name in ("decision", "signal", "owner", "kpi", "expect", "due")}
    when = asked["taken"] or workspace.today
    made = Decision(**given, type=asked["kind"], date=when, look=asked["look"] or asked["due"])
    return _keep(place, workspace, made)


def _keep(place: Place, workspace: Any, made: Any) -> int:  # noqa: ANN401 - a Workspace and a Decision
    from kpi_lib.answers.demands import in_words, missing_inputs
    from kpi_lib.kpis.registry import find
    from kpi_lib.sources.decisions import KEYS, write_decision

    file = write_decision(workspace.folder, made)
    if lacking := missing_inputs(find(made.kpi), workspace.data):
        click.echo(f"warning: {made.kpi} cannot be computed here: it needs {in_words(lacking)}", err=True)
    near = file.relative_to(workspace.folder).as_posix()
    kept = {key: str(value) if isinstance(value := getattr(made, key), date) else value for key in KEYS}
    place.show({"file": near, "decision": kept}, f"on record: {near}\nnext look: {made.look}")
    return 0


def _list(place: Place, period: str | None) -> int:
    from kpi_lib.answers.decisions import follow_up

    workspace = place.open()
    decisions = workspace.decisions
    grid = workspace.grid(period, cadence="month")
    found = follow_up(decisions, workspace.data.as_of(grid.ends[-1]), grid)
    later = len(decisions) - len(found.followed)
    note = f"{later} taken since {found.until}, after the period: name a later --period" if later else ""
    place.show(found.to_dict(), _text(found) + (f"\n{note}" if note else ""))
    return 0


def _text(found: "FollowUp") -> str:
    from kpi_lib.show.decisions import NOT_ITS_CAUSE, sentence
    from kpi_lib.show.phrases import plain as words

    blocks = [_block(each, found) for each in found.followed]
    return "\n\n".join(
        [_wrapped("", words(sentence(found).phrase)), *blocks, *([_wrapped("", NOT_ITS_CAUSE)] if blocks else [])]
    )


def _block(each: "Followed", found: "FollowUp") -> str:
    from kpi_lib.show.decisions import since
    from kpi_lib.show.phrases import plain as words
    from kpi_lib.show.phrases import title_of

    decision = each.decision
    come = ", has come" if decision.look < found.until else ""
    facts = {
        "because": decision.signal,
        "expected": f"{title_of(decision.kpi)} {decision.expect} by {decision.due}",
        "since": words(since(each, found.every)),
        "next look": f"{decision.look}{come}",
    }
    head = _wrapped("", f"{decision.date}  {decision.decision} ({decision.type}, {decision.owner})")
    return "\n".join([head, *(_wrapped(f"  {name:9}  ", text) for name, text in facts.items())])


def _wrapped(lead: str, text: str) -> str:
    """One fact, hanging under its first line; what people wrote is printed and not obeyed."""
    return textwrap.fill(plain(text), WIDTH, initial_indent=lead, subsequent_indent=" " * max(len(lead), 2))


COMMANDS = {"decide": decide}
