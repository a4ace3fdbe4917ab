"""The verb that chooses KPIs: which ones for stage, goals and product, why, and what they need beside them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.listing import hanging, missing
from kpi_lib.cli.options import Place, day_of, shared
from kpi_lib.cli.text import plain

if TYPE_CHECKING:
    from kpi_lib.answers.stages import Advice
    from kpi_lib.sources.workspace import Workspace

REASONS = {"limit": "beyond the first few"}


@click.command("stage")
@click.option("--stage", metavar="S", help="early, growth or mature.")
@click.option("--goal", "goals", metavar="G", multiple=True, help="engagement, revenue or satisfaction; also several.")
@click.option("--profile", metavar="P", help="saas, freemium, commerce or app.")
@click.option("--new-features", is_flag=True, help="New features are planned: add the product-development KPIs.")
@click.option("--north-star", metavar="KPI", help="The figure in the middle (else one is proposed).")
@click.option("--limit", metavar="N", type=int, default=5, help="How many primary KPIs at most (default 5).")
@click.option("--write", is_flag=True, help="Write the choice to kpi.toml, the KPIs as a new version of the KPI set.")
@click.option("--why", metavar="TEXT", help="With --write: why the KPI set changes.")
@click.option("--look", metavar="D", type=day_of, help="With --write: on which day to look at the KPI set again.")
@shared
def stage(place: Place, *, write: bool, why: str | None, look: date | None, **asked: Any) -> int:  # noqa: ANN401
    """Choose KPIs for a stage, a goal or both; without them, for what [product] says, or what the data look like.

    \b
    Example:
      kpi stage --stage growth --goal revenue
      kpi stage --goal satisfaction --write --look 2026-12-01
    """
    from kpi_lib.answers.kpi_sets import story
    from kpi_lib.answers.stages import stage as advise
    from kpi_lib.core.errors import WorkspaceError

    workspace = None
    try:
        workspace = place.open()
    except WorkspaceError:  # a choice can be made before there are data
        if write or not (asked["stage"] or asked["goals"]):
            raise
    proposed: dict[str, Any] = {}
    if workspace is not None:
        proposed = _fill(asked, workspace)
    advice = advise(workspace.data if workspace else None, **asked)
    document = advice.to_dict() | ({"proposed": proposed} if proposed else {})
    lines = _told(advice, "" if asked["north_star"] else " (proposed)") + _proposal(proposed, asked["stage"])
    if workspace is not None and write:
        versions = len(workspace.kpi_sets)
        changed, workspace = _write(workspace, asked, advice, {"why": why, "look": look})
        lines += ["kpi.toml is changed." if changed else "kpi.toml says so already."]
        if (why or look) and len(workspace.kpi_sets) == versions:
            lines += hanging(
                "", "The KPI set is the same, so --why and --look are not written; change them in kpi.toml."
            )
    if workspace is not None and (set_ := story(workspace.kpi_sets)):
        document["kpi_set"] = set_
        lines += hanging("KPI set: ", set_)
    place.show(document, "\n".join(map(plain, lines)))
    return 0


def _fill(asked: dict[str, Any], workspace: "Workspace") -> dict[str, Any]:
    """Take what was not asked for from [product]; without stage and goals there, take the stage that the data look like."""
    from kpi_lib.answers.proposal import propose_stage

    product, proposed = workspace.product, {}
    if not (asked["stage"] or asked["goals"]):
        proposed = propose_stage(workspace.data).to_dict()
        asked["stage"], asked["goals"] = product.get("stage"), tuple(product.get("goals", ()))
        if not (asked["stage"] or asked["goals"]):
            asked["stage"] = proposed["stage"]
    asked["profile"] = asked["profile"] or product.get("profile")
    asked["north_star"] = asked["north_star"] or product.get("north_star")
    return proposed


def _told(advice: "Advice", proposed: str) -> list[str]:
    lines = []
    for title, rows in (("primary", advice.primary), ("secondary", advice.secondary), ("also advised", advice.also)):
        lines += [title] if rows else []
        for row in rows:
            said = [REASONS.get(row["reason"], row["reason"]), _can(row)]
            said += [f"watch with {advice.counters[row['kpi']]}"] if row["kpi"] in advice.counters else []
            lines += hanging(f"  {row['kpi']:<30}", "; ".join(said))
    lines += hanging(
        f"north star{proposed}: ", f"{advice.north_star}, moved by {_tree(advice.inputs) or 'nothing that is known'}"
    )
    kinds = [f"{name}: {', '.join(names) or 'none'}" for name, names in advice.families.items()]
    lines += [line for kind in kinds for line in hanging("  ", kind)]
    return lines + [line for each in advice.warnings for line in hanging("note: ", each)]


def _tree(inputs: Sequence[Mapping[str, Any]]) -> str:
    """The drivers in a row, those of a driver in brackets behind it."""
    return ", ".join(each["kpi"] + (f" ({_tree(each['inputs'])})" if each["inputs"] else "") for each in inputs)


def _proposal(proposed: Mapping[str, Any], chosen: str | None) -> list[str]:
    if not proposed:
        return []
    looks = f"looks {proposed['stage']}" if proposed["stage"] else "cannot tell its stage yet"
    other = f", kpi.toml says {chosen}" if proposed["stage"] and chosen and chosen != proposed["stage"] else ""
    return hanging("stage: ", f"by its data the product {looks}{other}: {'; '.join(proposed['reasons'])}.")


def _write(
    workspace: "Workspace", asked: Mapping[str, Any], advice: "Advice", more: Mapping[str, object]
) -> "tuple[bool, Workspace]":
    """Write the choice; the KPI set is dated by the day on which it was chosen."""
    from kpi_lib.answers.kpi_sets import next_set
    from kpi_lib.core.period import local_day
    from kpi_lib.sources.rewriting import choose
    from kpi_lib.sources.workspace import open_workspace

    names = {"profile": asked["profile"], "stage": asked["stage"], "goals": list(asked["goals"])}
    product = {name: value for name, value in {**names, "north_star": asked["north_star"]}.items() if value}
    today = local_day(workspace.now, workspace.config["workspace"].get("timezone", "UTC"))
    primary, secondary = ([row["kpi"] for row in rows] for rows in (advice.primary, advice.secondary))
    found = next_set(workspace.kpi_sets, primary, secondary, today)
    told = {name: value for name, value in more.items() if value}
    changed = choose(workspace.folder, product, {**found, **told} if found else found)
    return changed, open_workspace(workspace.folder, now=workspace.now)


def _can(row: Mapping[str, Any]) -> str:
    if row["available"]:
        return "can be computed"
    return "needs " + missing(row["missing_inputs"]) if row["missing_inputs"] else "not computed yet"


COMMANDS = {"stage": stage}
