"""How actives and sessions are told."""

from collections.abc import Sequence
from typing import Any

from kpi_lib.answers.actives import Actives
from kpi_lib.core.units import COUNT, RATIO, SECONDS, SHARE, significant
from kpi_lib.shapes.sessions import Sessions
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.phrases import known, named, period_name, plural, told, whole, written

NAMES = {"dau": "Daily", "wau": "Weekly", "mau": "Monthly"}
PARTIAL = " (so far)"
SHOWN = (
    "sessions",
    "users",
    "median_seconds",
    "mean_seconds",
    "events_per_session",
    "single_event_share",
    "zero_length_share",
)


def printed(row: dict[str, Any], name: str, by: tuple[str, ...] = ()) -> Figure:
    """One figure of a row of actives, as the KPI it is."""
    value = known(row[name])
    text = written(value, SHARE) if name == "stickiness" else "—" if value is None else significant(value)
    segment = tuple((column, named(row[column])) for column in by)
    return Figure(text=text, kpi=name, value=value, start=str(row["start"]), by=segment)


def actives_sentence(result: Actives) -> Say:
    """How many came in the last whole period, and on how many days."""
    rows = [row for row in result.table.to_dicts() if row["complete"] and row["dau"] is not None]
    if not rows:
        return Say("How many are active cannot be told yet: no whole period has been observed.")
    last = rows[-1]
    same = [row for row in rows if row["start"] == last["start"]]
    if result.by:
        top = max(same, key=lambda row: row["dau"])
        name = " / ".join(named(top[column]) for column in result.by)
        return Say(
            (
                Strong(f"{name} has the most daily actives"),
                " in ",
                period_name(last["start"], last["end"]),
                ": ",
                printed(top, "dau", result.by),
                ".",
            )
        )
    said: list[Phrase] = [
        "In ",
        period_name(last["start"], last["end"]),
        ", ",
        Strong((printed(last, "dau"), " people came on a day")),
    ]
    said += [" on average"] if result.every != "day" else []
    if last["wau"] is not None:
        said += [", ", printed(last, "wau"), " in a week"]
    if last["mau"] is not None:
        said += [", ", printed(last, "mau"), " in a month"]
    said.append(".")
    return Say((*said, *_days(last), *_against(rows, last)))


def _days(last: dict[str, Any]) -> list[Phrase]:
    """On how many days of a month somebody active shows up."""
    if last["stickiness"] is None:
        return []
    days = significant(last["stickiness"] * 30, 2)
    return [
        " Who is active in a month shows up on ",
        printed(last, "stickiness"),
        " of its days, about ",
        Figure(text=days, kpi="stickiness", value=last["stickiness"], start=str(last["start"])),
        " of 30.",
    ]


def _against(rows: list[dict[str, Any]], last: dict[str, Any]) -> list[Phrase]:
    """The range the daily actives kept to before, so that one period is not taken for a trend."""
    before = [row for row in rows if row["start"] != last["start"]]
    if len(before) < 3:
        return []
    low, high = (end(before, key=lambda row: row["dau"]) for end in (min, max))
    place = "within" if low["dau"] <= last["dau"] <= high["dau"] else "below" if last["dau"] < low["dau"] else "above"
    return [
        f" Daily actives are {place} the range of the {len(before)} periods before (",
        printed(low, "dau"),
        " to ",
        printed(high, "dau"),
        ").",
    ]


def actives_table(result: Actives) -> Table:
    """Actives by period."""
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in result.by),
            period_name(row["start"], row["end"]) + ("" if row["complete"] else PARTIAL),
            *(printed(row, name, result.by) for name in (*NAMES, "stickiness")),
        )
        for row in result.table.to_dicts()
    ]
    columns = (*result.by, "Period", "Daily", "Weekly", "Monthly", "Stickiness")
    note = "Weekly: the 7 days to the end of the period; monthly: the calendar month, else the 30 days to its end. "
    note += "A dash: the window began before the data."
    return Table(
        title="Active people by period",
        columns=columns,
        rows=tuple(rows),
        text_columns=len(result.by) + 1,
        choices=tuple(range(len(result.by))),
        note=note,
    )


def _segments(result: Sessions) -> list[str]:
    return result.table.columns[: result.table.columns.index("sessions")]


def sessions_sentence(result: Sessions) -> Say:
    """How many visits there were and how long they last."""
    rows = result.table.to_dicts()
    total = sum(row["sessions"] for row in rows)
    if not total:
        return Say("There was no session in this period.")
    if by := _segments(result):
        longest = max((row for row in rows if row["median_seconds"] is not None), key=lambda row: row["median_seconds"])
        name = " / ".join(named(longest[column]) for column in by)
        return Say(
            (
                f"{plural(total, 'session')}; the longest typical ones in ",
                Strong((f"{name}: ", _held(longest, "median_seconds", by))),
                ".",
            )
        )
    row = rows[0]
    if not row["mean_seconds"]:
        counted: Phrase = (_counted(row, "sessions", "session"), " of ", _counted(row, "users", "user"))
        return Say((Strong(counted), "; how long they last is not in these data: each holds one moment only."))
    return Say(
        (
            Strong((_counted(row, "sessions", "session"), " of ", _counted(row, "users", "user"))),
            "; half last ",
            _held(row, "median_seconds"),
            " or less (mean ",
            _held(row, "mean_seconds"),
            "). ",
            _held(row, "single_event_share"),
            " hold a single event and count as no time.",
        )
    )


HELD = {
    "sessions": COUNT,
    "users": COUNT,
    "single_event_share": SHARE,
    "zero_length_share": SHARE,
    "events_per_session": RATIO,
}


def _held(row: dict[str, Any], field: str, by: Sequence[str] = ()) -> Figure:
    """One figure of a row of sessions."""
    unit = HELD.get(field, SECONDS)
    text = whole(row[field]) if unit is COUNT else written(known(row[field]), unit)
    return told(row, field, text, of="sessions", by=by)


def _counted(row: dict[str, Any], field: str, noun: str) -> Phrase:
    return (_held(row, field), f" {noun}" if row[field] == 1 else f" {noun}s")


def sessions_table(result: Sessions) -> Table:
    """The figures of sessions."""
    by = _segments(result)
    rows: list[tuple[Phrase, ...]] = [
        (
            *(named(row[column]) for column in by),
            *(_held(row, field, by) for field in SHOWN),
        )
        for row in result.table.to_dicts()
    ]
    columns = (*by, "Sessions", "Users", "Median length", "Mean length", "Events each", "Single event", "No length")
    return Table(
        title="Sessions", columns=columns, rows=tuple(rows), text_columns=len(by), choices=tuple(range(len(by)))
    )
