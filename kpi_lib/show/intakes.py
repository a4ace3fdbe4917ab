"""Whether anybody new comes, told: a closed group ages, and that must not be taken for decline."""

from typing import Any

from kpi_lib.answers.intake import Intake
from kpi_lib.core.units import MINUS, significant
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import day_name, plural, told, whole


def newcomers(intake: Intake) -> Phrase:
    """Since when nobody new came, and what that makes of falling actives."""
    if intake.last_new is None:
        return "Nobody has come yet, so there is nothing to compare."
    if not intake.closed:
        return (
            Strong("New people still come"),
            f": the last on {day_name(intake.last_new)}, ",
            _found("all_members", intake.members, whole(intake.members)),
            " in all.",
        )
    first = Strong(f"Nobody new has come since {day_name(intake.last_new)}")
    members = _found("all_members", intake.members, whole(intake.members))
    return (first, ": this is one closed group of ", members, ". ", *ageing(intake))


def _found(field: str, value: float | None, text: str) -> Figure:
    """A figure about everybody."""
    return Figure(text=text, kpi="intake", value=value, field=field)


def _first(intake: Intake) -> str:
    """Over which ages both are compared."""
    return f"first {plural(intake.ages, intake.every)}" if intake.ages > 1 else f"first {intake.every}"


def ageing(intake: Intake) -> tuple[Phrase, ...]:
    """The newest intake against the oldest at the same age."""
    if intake.gap is None or intake.gap_low is None or intake.gap_high is None or intake.table.height != 2:
        return ("Whether later newcomers are less active than earlier ones cannot be told yet.",)
    old, new = (_active(row) for row in intake.table.sort("cohort").to_dicts())
    gap = [
        _found(f"gap_{end}", value, _signed(value))
        for end, value in (("low", intake.gap_low), ("high", intake.gap_high))
    ]
    figures = (new, " against ", old, f" active {intake.every}s in the {_first(intake)} after the start")
    evidence: Phrase = (*figures, ", difference ", gap[0], " to ", gap[1])
    if intake.gap_high < 0:
        return (
            Strong("At the same age the newest members are clearly less active than the oldest"),
            (" (", evidence, "): that is more than ageing."),
        )
    if intake.gap_low > 0:
        return (
            "At the same age the newest members are more active than the oldest",
            (" (", evidence, "): fewer actives come with ageing, not with weaker newcomers."),
        )
    if not intake.alike:
        return (
            "Whether later newcomers are less active than earlier ones cannot be told from so few",
            (": at the same age the newest members have ", evidence, "."),
        )
    return (
        Strong("A fall in actives is then ageing, not decline, as far as can be told"),
        (": at the same age the newest members are about as active as the oldest (", evidence, ")."),
    )


def _active(row: dict[str, Any]) -> Figure:
    return told(row, "active_periods", _signed(row["active_periods"], plain=True), of="intake", by=("cohort",))


def _members(row: dict[str, Any]) -> Figure:
    return told(row, "members", whole(row["members"]), of="intake", by=("cohort",))


def _signed(value: float, *, plain: bool = False) -> str:
    """Two decimals below ten: such means differ in the second.

    >>> _signed(-0.129), _signed(0.0065), _signed(1.2493, plain=True)
    ('−0.13', '+0.01', '1.25')
    """
    text = f"{abs(value):.2f}" if abs(value) < 10 else significant(abs(value))
    if plain:
        return text
    return text if not text.strip("0.") else (MINUS if value < 0 else "+") + text


def sentence(intake: Intake) -> Say:
    """The finding under a heading."""
    return Say(newcomers(intake))


def intake_table(intake: Intake) -> Table:
    """The oldest and the newest members at the same age."""
    rows: tuple[tuple[Phrase, ...], ...] = ()
    note = "Too little has been observed to compare."
    if intake.table.height == 2:
        names = ("oldest", "newest")
        note = f"Counted over the {_first(intake)} after the start."
        pairs = zip(names, intake.table.sort("cohort").to_dicts(), strict=True)
        rows = tuple((name, _members(row), _active(row)) for name, row in pairs)
    columns = ("Members", "Count", f"Active {intake.every}s each")
    return Table(title="Oldest and newest members at the same age", columns=columns, rows=rows, note=note)
