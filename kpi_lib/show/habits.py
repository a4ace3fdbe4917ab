"""How habits are told: on how many days people come, and the rhythm that most of them keep."""

from collections.abc import Mapping, Sequence
from typing import Any

from kpi_lib.core.units import RATIO, SHARE, significant
from kpi_lib.shapes.engagement import Habits
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_stack import Stack, stack_picture
from kpi_lib.show.phrases import known, named, plain, told, whole, written
from kpi_lib.show.picture import Picture

SHARES = ("share", "at_least_share", "stickiness", "participation")


def printed(row: Mapping[str, Any], field: str, by: Sequence[str] = (), *, of: str = "habits_summary") -> Figure:
    """One figure of the habits."""
    value = row[field]
    text = written(known(value), SHARE) if field in SHARES else whole(value)
    if isinstance(value, float) and field not in SHARES:
        text = significant(value) if field == "mean_days" else written(value, RATIO)
    return told(row, field, text, of=of, by=by)


def sentence(result: Habits) -> Say:
    """On how many days somebody active comes, who comes most, and the pause that most keep to."""
    window = result.definition["window_days"]
    rows = [row for row in result.summary.to_dicts() if row["users"]]
    if not rows:
        why = "nobody came" if result.definition["watched"] else "they have not been watched from start to end"
        return Say(f"How often people come in {window} days cannot be told: {why}.")
    if result.by:
        return Say(_segments(rows, result))
    row = rows[0]
    said: list[Phrase] = [
        Strong(("Somebody active comes on ", printed(row, "mean_days"), f" of {window} days")),
        " (", printed(row, "stickiness"), "); of all who ever came, a day finds ", printed(row, "participation"), ".",
    ]  # fmt: skip
    half = [each for each in result.table.to_dicts() if each["days"] * 2 >= window]
    if half:
        said += [
            " ",
            printed(half[0], "at_least", ("days",), of="habits"),
            f" of them come on {half[0]['days']} days or more.",
        ]
    if row["most_pause"] is not None:
        pause = printed(row, "most_pause")
        said += [
            " Of those who come again, 80 % usually come within ",
            pause,
            " days: look at them in steps no shorter than that.",
        ]
    return Say(tuple(said))


def _segments(rows: list[dict[str, Any]], result: Habits) -> Phrase:
    top = max(rows, key=lambda row: row["mean_days"])
    name = " / ".join(named(top[column]) for column in result.by)
    days = printed(top, "mean_days", result.by)
    return (Strong(f"{name} comes most often"), ": on ", days, f" of {result.definition['window_days']} days.")


def habits_table(result: Habits) -> Table:
    """The power-user curve in figures."""
    fields = ("users", "share", "at_least", "at_least_share")
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in result.by),
            str(row["days"]),
            *(printed(row, field, (*result.by, "days"), of="habits") for field in fields),
        )
        for row in result.table.to_dicts()
    ]
    columns = (*result.by, "Active days", "People", "Share", "So many or more", "Share")
    title = f"Active days in the {result.definition['window_days']} days to {result.definition['end']}"
    return Table(
        title=title,
        columns=columns,
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
    )


def habits_picture(result: Habits) -> Picture:
    """How many people came on one day, on two, and so on; segments are stacked."""
    days = range(1, result.definition["window_days"] + 1)
    names = list(dict.fromkeys(_name(row, result) for row in result.summary.to_dicts()))
    bars = [
        {"at": str(row["days"]), "series": _name(row, result), "value": float(row["users"]), "open": False,
         "told": whole(row["users"])}
        for row in result.table.to_dicts()
    ]  # fmt: skip
    hues = [*INK.categories, *[INK.ghost] * len(names)]
    stack = Stack(bars=bars, at=tuple(map(str, days)), colours=dict(zip(names, hues, strict=False)))
    note = f"People by their active days in the {len(days)} days to {result.definition['end']}. A rise at the right end are power users."
    return stack_picture(stack, alt=plain(sentence(result).phrase), note=note, table=habits_table(result))


def _name(row: Mapping[str, Any], result: Habits) -> str:
    return " / ".join(named(row[column]) for column in result.by) or "People"
