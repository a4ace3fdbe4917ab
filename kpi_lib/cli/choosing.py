"""The verb for goals: how targets stand, whether they are SMART, and what they add up to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.listing import hanging
from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import plain
from kpi_lib.core.units import likely, part_of, show

if TYPE_CHECKING:
    from kpi_lib.answers.goals import Goal, Goals
    from kpi_lib.answers.smart import Smart
    from kpi_lib.answers.targets import TargetStatus
    from kpi_lib.sources.workspace import Workspace

WORDS = {
    "met": "met", "missed": "missed", "on_track": "on track", "at_risk": "at risk", "off": "off track",
    "cannot_tell": "cannot tell", "past": "past", "faulty": "to mend",
}  # fmt: skip
ROLES = {"kpi": "a KPI", "metric": "a metric: no KPI without a goal and a target that holds", "vanity": "vanity"}
MARKS = {True: "yes", False: "no", None: "?"}


@click.command("goals")
@click.option("--goal", metavar="G", help="Only this goal.")
@click.option(
    "--smart", "smart", is_flag=True, help="Is each target specific, measurable, achievable, relevant, timed?"
)
@click.option("--statement", metavar="TEXT", help="Check the arithmetic of a target in words, nothing else.")
@click.option("--pin", is_flag=True, help="Write to kpi.toml for which definition each target is set.")
@shared
def goals(place: Place, *, goal: str | None, smart: bool, statement: str | None, pin: bool) -> int:
    """How far goals are: targets with progress, pace, and how likely they are to be reached by their due day.

    \b
    Example:
      kpi goals --smart
      kpi goals --statement "trials +17 %, from 18 to 21 a week, by June"
    """
    from kpi_lib.answers.goals import goals as rolled_up
    from kpi_lib.core.errors import unknown

    if statement is not None:
        return _statement(place, statement)
    workspace = place.open()
    if pin:
        return _pin(place, workspace)
    found = rolled_up(workspace.data, workspace.targets, product=workspace.product)
    names = [each.name for each in found.goals]
    if goal is not None and goal not in names:
        raise unknown("goal", goal, [name for name in names if name], where="kpi.toml and the table goals")
    document = found.to_dict()
    if goal is not None:
        document["goals"] = [each for each in document["goals"] if each["goal"] == goal]
    told = [each for each in found.goals if goal in (None, each.name)]
    lines = [line for each in told for line in _goal(each, found)]
    lines += [line for each in found.checks for line in _smart(each)] if smart else []
    empty = "no targets yet: write [[targets]] with kpi, value and due to kpi.toml, or map the table goals."
    place.show(document, "\n".join(lines) or empty)
    return 0


def _goal(goal: "Goal", found: "Goals") -> list[str]:
    name = goal.name or "targets without a goal"
    said = [WORDS[goal.status]]
    if goal.progress is not None:
        said.append(f"{part_of(goal.progress)} done" + ("" if len(goal.known) == len(goal.targets) else _of(goal)))
    said += [f"pace {goal.pace:.2f}"] if goal.pace is not None else []
    lines = _hung(f"{name}: ", ", ".join(said))
    return lines + [line for each in goal.targets for line in _target(each, found)]


def _hung(lead: str, text: str) -> list[str]:
    """Text after a lead; a figure and its unit stay on one line."""
    return [plain(line) for line in hanging(lead, text)]


def _of(goal: "Goal") -> str:
    return f" ({len(goal.known)} of {len(goal.targets)} targets)"


def _target(target: "TargetStatus", found: "Goals") -> list[str]:
    said = [figures(target, found.currency)]
    if target.progress is not None and target.type != "boolean":
        said.append(
            f"{part_of(target.progress)} done" + (f", pace {target.pace:.2f}" if target.pace is not None else "")
        )
    if target.probability is not None:
        said.append(f"{likely(target.probability)} likely")
    said += target.reasons
    if (other := found.benchmarks.get(target.kpi)) and target.row:
        said.append(_benchmark(other, target, found.currency))
    if target.owner:
        said.append(f"owner {target.owner}")
    return _hung(f"  {WORDS[target.status]:<13}", "; ".join(said))


def figures(target: "TargetStatus", currency: str) -> str:
    """The figure and what is wanted of it, as people write it."""
    wanted = _shown(target, target.value, currency)
    now = _shown(target, target.row["value"], currency) if target.row else "no figure"
    most = "at most " if target.lower else ""
    due = f" by {target.due}" if target.due else ""
    return f"{target.kpi}: {now}, wanted {most}{wanted}{due}"


def _shown(target: "TargetStatus", value: float | None, currency: str) -> str:
    if target.type == "boolean" and value is not None:
        return "yes" if value else "no"
    return show(value, target.unit, currency)


def _benchmark(other: Mapping[str, Any], target: "TargetStatus", currency: str) -> str:
    where = ", ".join(str(other[name]) for name in ("population", "period") if other[name])
    stands = {"met": "reached", "missed": "not reached", "cannot_tell": "within chance"}[other["standing"]]
    lacks = f"; without {' and '.join(other['lacks'])} it is an opinion" if other["lacks"] else ""
    return f"benchmark {_shown(target, other['value'], currency)} ({where or 'anybody'}; {other['source']}): {stands}{lacks}"


def _smart(check: "Smart") -> list[str]:
    lines = ["", plain(f"{check.kpi} is {ROLES[check.role]}")]
    for name, verdict in check.verdicts.items():
        lines += _hung(f"  {name.replace('_', '-'):<11} {MARKS[verdict.good]:<4}", verdict.reason)
    return lines


def _statement(place: Place, text: str) -> int:
    from kpi_lib.answers.smart import statement

    found = statement(text)
    document = {name: getattr(found, name) for name in ("base", "target", "change")} | {"faults": list(found.faults)}
    place.show({"statement": document}, "\n".join(found.faults) or "it has base, target, change and date, and adds up.")
    return 0


def _pin(place: Place, workspace: "Workspace") -> int:
    from kpi_lib.answers.targets import fingerprint
    from kpi_lib.kpis.registry import catalogue
    from kpi_lib.sources.rewriting import pin

    known, wanted = catalogue(), workspace.targets
    there = [known.get(each["kpi"]) for each in wanted]
    pinned = [fingerprint(kpi, workspace.data.settings) if kpi else "" for kpi in there]
    rows = [
        {"kpi": each["kpi"], "before": each.get("definition"), "definition": now}
        for each, now in zip(wanted, pinned, strict=True)
    ]
    pin(workspace.folder, pinned)
    said = [
        f"{row['kpi']}: {row['before'] or 'not pinned'} → {row['definition'] or 'unknown KPI, left alone'}"
        for row in rows
    ]
    place.show({"pinned": rows}, "\n".join(said) or "there are no targets to pin.")
    return 0


COMMANDS = {"goals": goals}
