"""The verb scorecard: how the KPIs of a review stand, of one workspace or of several."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kpi_lib.cli.options import Place, shared
from kpi_lib.cli.text import interval, plain, table

if TYPE_CHECKING:
    from kpi_lib.answers.change import Change
    from kpi_lib.answers.scorecard import Scorecard, Standing
    from kpi_lib.sources.workspace import Workspace

STANDS = {
    "partial": "so far",
    "ripening": "not all ripe yet",
    "small_n": "few to go by",
    "early": "begins before the data",
}
WIDTH, BARS = 80, "▁▂▃▄▅▆▇█"
LEGEND = "+ better  − worse  · clear, no better way  ~ within chance  pt = points  (95 %)"
NO_DEPTH = "{} stands alone: these data allow no depth figure, so how many came is known and not what they did."


@click.command("scorecard")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option("--period", metavar="P", help="2026-10, 2026-W46 … (default: the last complete month).")
@click.option(
    "--every", type=click.Choice(["day", "week", "month", "quarter", "year"]), help="Kind of the default period."
)
@click.option("--by-owner", is_flag=True, help="Group by the team that answers for a KPI, with a table of teams.")
@click.option("--portfolio", is_flag=True, help="The names are folders of workspaces: one line for each product.")
@shared
def scorecard(place: Place, names: tuple[str, ...], **asked: Any) -> int:  # noqa: ANN401
    """Show how the KPIs stand: north star first, change on the period before and on the year before, target, owner.

    Without names: the KPIs of the workspace's stage and goals, and those with a target.

    \b
    Example:
      kpi scorecard --period 1998-06 --workspace data/cdnow
      kpi scorecard wau retention_day_7 --by-owner
      kpi scorecard --portfolio data/cdnow data/clickstream
    """
    if asked["portfolio"]:
        return _portfolio(place, names, asked)
    from kpi_lib.kpis.registry import find

    for name in names:
        find(name)
    workspace = place.open()
    card = _card(workspace, names, asked)
    title = f"{workspace.name}, {_period(card)}"
    owned = card.owners() if asked["by_owner"] else {}
    parts = [f"{name or 'nobody named'}\n{_rows(own, card)}" for name, own in owned.items()]
    teams = [_matrix(card)] if asked["by_owner"] else []
    text = "\n\n".join([title, *(parts or [_rows(card.standings, card)]), *teams, _notes(card)])
    place.show({"workspace": workspace.name, **card.to_dict()}, _safe(text))
    return 0


def _card(workspace: "Workspace", names: Sequence[str], asked: dict[str, Any]) -> "Scorecard":
    from kpi_lib.reporting.portfolio import scorecard_of

    return scorecard_of(workspace, names, period=asked["period"], every=asked["every"] or "month")


def _period(card: "Scorecard") -> str:
    from kpi_lib.show.phrases import period_name

    row = card.standings[0].row if card.standings else None
    return period_name(row["start"], row["end"]) if row else card.period


def _rows(standings: Sequence["Standing"], card: "Scorecard") -> str:
    """Two lines a KPI: figure, changes and history; then how sure, target and owner."""
    if not standings:
        return "none of the figures asked for can be computed from these data"
    cells = [_cells(each, card) for each in standings]
    heads = ["", "figure", "on before", "year ago", "history"]
    rest = [max(len(row[at]) for row in [heads, *cells]) + 2 for at in range(1, len(heads))]
    most = max(WIDTH - sum(rest), 16)
    lines = table(heads, [[_cut(row[0], most), *row[1:]] for row in cells]).splitlines()
    told = [line for row, each in zip(lines[1:], standings, strict=True) for line in (row, _second(each, card))]
    return "\n".join([lines[0], *filter(None, told)])


def _cells(standing: "Standing", card: "Scorecard") -> list[str]:
    from kpi_lib.core.units import show

    mark = {"north_star": "★ ", "companion": "  + "}.get(standing.role, "  ")
    value = show(standing.row["value"], standing.kpi.unit, card.currency)
    moved = [_moved(standing, change) for change in (standing.change, standing.year)]
    return [mark + standing.title, value, *moved, spark(standing.history.table["value"].to_list())]


def _moved(standing: "Standing", change: "Change | None") -> str:
    """A change in ten characters: arrow, size, and how to take it."""
    from kpi_lib.answers.change import better
    from kpi_lib.core.units import NARROW_SPACE
    from kpi_lib.show.phrases import moved

    if change is None or change.amount is None:
        return "—"
    size = moved(change.amount, standing.kpi.unit, points=change.points).replace(" points", " pt")
    arrow = "▲" if change.amount > 0 else "▼" if change.amount < 0 else "●"
    good = {True: "+", False: "−", None: "·" if change.clear else "~"}[better(standing.kpi, change)]
    return f"{arrow} {size} {good if change.low is not None else ' '}".replace(NARROW_SPACE, " ")


def spark(values: Sequence[float | None]) -> str:
    """The history in one word: a bar a period, a dot where nothing is known.

    >>> spark([1, None, 3, 2])
    '▁·█▅'
    """
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    height = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join("·" if value is None else BARS[round((value - low) * height)] for value in values)


def _second(standing: "Standing", card: "Scorecard") -> str:
    from kpi_lib.show.phrases import UNKNOWN

    row, kpi = standing.row, standing.kpi
    spread = interval(row, kpi.unit, card.currency)
    why = STANDS.get(row["status"], UNKNOWN.get(row["status"], "") if row["value"] is None else "")
    said = [f"95 % {spread}" if spread else "", f"n {row['n']:,}" if spread else "", why]
    said += [_target(standing, card), standing.owner]
    return _folded(" · ".join(filter(None, said))) if any(said) else ""


def _target(standing: "Standing", card: "Scorecard") -> str:
    from kpi_lib.show.render import TARGETS
    from kpi_lib.show.tiles import target_of

    if standing.aim is None:
        return ""
    target = target_of(standing.aim, card.currency, every=card.every)
    return f"target {target.phrase} {TARGETS[target.state]}" + (f" ({target.why})" if target.why else "")


def _folded(text: str) -> str:
    return "\n".join(
        textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ", break_long_words=False)
    )


def _safe(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _matrix(card: "Scorecard") -> str:
    """Which team works on which KPI."""
    teams = sorted({team for each in card.standings for team in each.teams})
    if not teams:
        return 'No owner is named: add [owners] to kpi.toml, as in: wau = ["product", "growth"]'
    marks = [
        ["●" if team == each.owner else "○" if team in each.teams else "" for team in teams] for each in card.standings
    ]
    rows = [[each.title, *own] for each, own in zip(card.standings, marks, strict=True)]
    return table(["● answers for it, ○ works on it", *teams], rows, left=1)


def _notes(card: "Scorecard") -> str:
    alone = [NO_DEPTH.format(name) for name in card.alone]
    missing = [f"{name}: {why}" for name, why in card.left_out.items()]
    return "\n".join([LEGEND, *alone, *(["not computed:", *("  " + each for each in missing)] if missing else [])])


def _portfolio(place: Place, folders: Sequence[str], asked: dict[str, Any]) -> int:
    """One line a product: its north star; below it the primaries that moved."""
    from kpi_lib.core.errors import UsageError

    if not folders:
        raise UsageError("name the folders of the workspaces: kpi scorecard --portfolio DIR DIR")
    found = []
    for folder in folders:
        workspace = Place(folder, place.as_json).open()
        found.append((workspace.name, _card(workspace, (), asked)))
    blocks = [f"{name}, {_period(card)}\n{_rows(card.standings, card)}" for name, card in found]
    document = {"portfolio": [{"workspace": name, **card.to_dict()} for name, card in found]}
    place.show(document, _safe("\n\n".join([*blocks, LEGEND])))
    return 0


COMMANDS = {"scorecard": scorecard}
