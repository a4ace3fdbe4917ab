"""Goals shown: how many targets are on their way, each with its figure and its chance, and where the figures lead."""

from collections.abc import Mapping
from typing import Any

from kpi_lib.answers.goals import Goals
from kpi_lib.answers.smart import Statement
from kpi_lib.answers.targets import STATUSES, TargetStatus, held, settled
from kpi_lib.core.period import step
from kpi_lib.core.projection import project
from kpi_lib.core.units import likely, part_of
from kpi_lib.kpis.registry import catalogue
from kpi_lib.show.blocks import Figure, Phrase, Say, Strong, Table
from kpi_lib.show.canvas import INK
from kpi_lib.show.charts_line import Lines, lines_picture, points_of
from kpi_lib.show.phrases import day_name, listed, plural, short_period, title_of, told, written
from kpi_lib.show.picture import Picture

WORDS = {
    "met": "● met", "missed": "✕ missed", "on_track": "▲ on track", "at_risk": "◆ at risk", "off": "▼ off track",
    "cannot_tell": "○ cannot tell yet", "past": "– past", "faulty": "! to mend",
}  # fmt: skip
MOST_AHEAD = 60
DRAWN = 3


def goals_sentence(result: Goals) -> Say:
    """How the targets stand together, the ones that need a look first by name."""
    rows = result.table.to_dicts()
    if not rows:
        return Say(
            "There are no targets: write [[targets]] with kpi, value and due to kpi.toml, or map the table goals."
        )
    good = [row for row in rows if row["status"] in ("met", "on_track")]
    said: list[Phrase] = [Strong(f"{len(good)} of {plural(len(rows), 'target')} met or on track"), "."]
    for status in STATUSES:
        named = [row for row in rows if row["status"] == status]
        if status in ("met", "on_track") or not named:
            continue
        said += [f" {WORDS[status][2:].capitalize()}: "]
        for at, row in enumerate(named):
            said += [", " if at else "", title_of(row["target"]), *_chance(row)]
        said += ["."]
    return Say(tuple(said))


def _chance(row: Mapping[str, Any]) -> tuple[Phrase, ...]:
    if row["probability"] is None:
        return ()
    return (" (", told(row, "probability", likely(row["probability"]), of="goals", by=("nth",)), " likely)")


def goals_table(result: Goals) -> Table:
    """Each goal with its targets: figure, what is wanted, how much is done and how likely the rest."""
    by_name = {row["nth"]: row for row in result.table.to_dicts()}
    rows: list[tuple[Phrase, ...]] = []
    nth = 0
    for goal in result.goals:
        done = "" if goal.progress is None else part_of(goal.progress)
        pace = "" if goal.pace is None else f"{goal.pace:.2f}"
        name = Strong(goal.name or "Without a goal")
        rows.append((name, _word(goal.status), "", "", "", "", done, pace, ""))
        for target in goal.targets:
            nth += 1
            rows.append(_row(target, by_name[nth], result))
    columns = ("Target", "Status", "Why", "Now", "Wanted", "By", "Done", "Pace", "Likely")
    note = "Done: the part of the way. Pace: done over the time that has gone. Likely: that the figure of the due day reaches the target, "
    note += "from where its history leads; seasons and plans are not in it. Targets of the table goals have no history and stand by "
    note += "their pace, yes-or-no ones once they are done. A goal stands as its worst target does."
    return Table(title="Goals and targets", columns=columns, rows=tuple(rows), text_columns=3, note=note)


def _word(status: str) -> str:
    return WORDS[status].replace(" ", "\N{NO-BREAK SPACE}")


def _row(target: TargetStatus, row: Mapping[str, Any], result: Goals) -> tuple[Phrase, ...]:
    unit = target.unit

    def shown(field: str, text: str) -> Figure | str:
        return "" if row[field] is None else told(row, field, text, of="goals", by=("nth",))

    def figure(field: str) -> Figure | str:
        return shown(
            field, _yes(row[field]) if target.type == "boolean" else written(row[field], unit, result.currency)
        )

    most: Phrase = ("at most ", figure("wanted")) if target.lower else figure("wanted")
    done = "" if target.type == "boolean" else shown("progress", part_of(row["progress"] or 0.0))
    pace = shown("pace", f"{row['pace'] or 0.0:.2f}")
    chance = shown("probability", likely(row["probability"] or 0.0))
    due = day_name(target.due) if target.due else ""
    reasons = (
        target.reasons if target.kpi in catalogue() or target.row is None else ()
    )  # the note tells of imported ones
    why = ". ".join(each[:1].upper() + each[1:] for each in (*reasons, *_published(target, result)))
    return (title_of(target.kpi), _word(target.status), why, figure("current"), most, due, done, pace, chance)


def _published(target: TargetStatus, result: Goals) -> list[str]:
    """What others publish for the figure."""
    other = result.benchmarks.get(target.kpi)
    if other is None or target.row is None:
        return []
    where = ", ".join(str(other[name]) for name in ("population", "period") if other[name])
    lacks = f", an opinion without {listed(other['lacks'])}" if other["lacks"] else ""
    value = written(other["value"], target.unit, result.currency)
    return [f"Benchmark {value} ({'; '.join(filter(None, (where, other['source'])))}{lacks})"]


def _yes(value: float | None) -> str:
    return "yes" if value else "no"


def goals_pictures(result: Goals) -> tuple[Picture, ...]:
    """Where the figures of the targets lead, those that need a look first."""
    lead = [each for each in result.targets if each.projection is not None and each.ahead <= MOST_AHEAD]
    ordered = sorted(lead, key=lambda each: (STATUSES.index(each.status), each.kpi))
    return tuple(target_picture(each, result.currency) for each in ordered[:DRAWN])


def target_picture(target: TargetStatus, currency: str) -> Picture:
    """A target's figure so far, where it leads with the 95 % band, and what is wanted."""
    points = _points(target)
    at = tuple(dict.fromkeys(point["at"] for point in points))
    unit = target.unit
    colours = {"leads to": INK.accent, "wanted": INK.muted}
    points += [
        {"at": each, "series": "wanted", "value": target.value, "low": None, "high": None} for each in (at[0], at[-1])
    ]
    full = [{"open": False, "told": written(point["value"], unit, currency), **point} for point in points]
    lines = Lines(points=points_of(full), at=at, unit=unit, colours=colours, currency=currency, height=200)
    due = f" by {day_name(target.due)}" if target.due else ""
    words = f"{title_of(target.kpi)}: {written(target.value, unit, currency)} wanted{due}, "
    words += f"{WORDS[target.status][2:]}, {likely(target.probability or 0.0)} likely."
    return lines_picture(
        lines, alt=words, note=f"{words} Hollow: still to come, with the 95 % interval of where the figure leads."
    )


def _points(target: TargetStatus) -> list[dict[str, Any]]:
    """The figures so far, then where they lead, period by period up to the due day."""
    if target.history is None or target.row is None:
        return []
    table = target.history.table
    rows = [row for row in table.iter_rows(named=True) if row["end"] <= target.row["end"]]
    series, found = settled(rows), []
    for row in rows[-13:]:
        place = {"at": short_period(row["start"], row["end"]), "series": "leads to", "open": False}
        found.append({**place, "value": row["value"], "low": None, "high": None})
    found[-1] |= {"low": found[-1]["value"], "high": found[-1]["value"]}
    start = target.row["end"]
    for ahead in range(1, target.ahead + 1):
        lead, stop = project(series, ahead), step(start, target.every)
        if lead is not None:
            ends = held(lead, target.unit, series)
            place = {"at": short_period(start, stop), "series": "leads to", "open": True}
            found.append({**place, "value": ends.value, "low": ends.low, "high": ends.high})
        start = stop
    return found


ROLES = {"kpi": "KPI", "metric": "metric, no KPI", "vanity": "vanity"}
MARKS = {True: "✓", False: "✕", None: "○"}


def verdicts(result: Goals) -> Table | Say:
    """Whether each target on a KPI is specific, measurable, achievable, relevant and time-bound, with the reasons for a no."""
    if not result.checks:
        return Say("There is no target on a KPI to check.")
    rows = []
    for check in result.checks:
        marks = [MARKS[verdict.good] for verdict in check.verdicts.values()]
        open_ones = [(name, verdict.reason) for name, verdict in check.verdicts.items() if verdict.good is not True]
        why = ". ".join(f"{name.replace('_', '-').capitalize()}: {reason}" for name, reason in open_ones)
        rows.append((title_of(check.kpi), ROLES[check.role], why, *marks))
    names = [name.replace("_", "-").capitalize() for name in result.checks[0].verdicts]
    note = "✓ yes, ✕ no, ○ cannot be told yet. A figure is a KPI when it serves a goal and has a target that holds; else it is a metric."
    return Table(
        title="SMART", columns=("Target", "Is a", "Why not", *names), rows=tuple(rows), text_columns=3, note=note
    )


def statement_sentence(result: Statement) -> Say:
    """Whether a target in words says all and adds up."""
    if not result.faults:
        return Say((Strong("It adds up"), ": base, target, change and date are there and fit."))
    said = "; ".join(result.faults)
    return Say((Strong("It does not hold"), f": {said}."))
