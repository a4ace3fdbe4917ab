"""A change told: how far, which way, against what, and whether it is more than chance gives."""

from datetime import date
from typing import Any

from kpi_lib.answers.scorecard import Standing
from kpi_lib.core.period import step
from kpi_lib.core.units import Unit
from kpi_lib.show.blocks import Change, Figure, Phrase, Strong
from kpi_lib.show.phrases import UNKNOWN, figure, moved, period_name, span_of_change

FLAT = 1e-9


def before_name(start: date, end: date, every: str) -> str:
    """The name of the period before."""
    if every in ("day", "week", "month", "quarter", "year"):
        return period_name(step(start, every, -1), start)
    return period_name(start - (end - start), start)


def compared(standing: Standing, every: str) -> Change:
    """The change for a tile: an arrow only where something moved, a colour only where chance is not enough."""
    change, unit = standing.change, standing.kpi.unit
    against = f"on {before_name(standing.row['start'], standing.row['end'], every)}"
    if change.amount is None:
        return Change(phrase=_why_none(standing, against), points="none")
    if abs(change.amount) < FLAT:
        return Change(phrase="no change", against=against, points="flat")
    points = "up" if change.amount > 0 else "down"
    phrase = moved(change.amount, unit, points=change.points)
    chance = _range(standing, unit)
    if change.clear:
        tone = {True: "good", False: "bad", None: "plain"}[standing.better]
        return Change(phrase=phrase, against=f"{against} ({chance})", points=points, tone=tone)
    told = f"{against}, within chance ({chance})" if chance else against
    return Change(phrase=phrase, against=told, points=points)


def _why_none(standing: Standing, against: str) -> str:
    row, change = standing.row, standing.change
    if row["status"] == "partial":
        return "so far; compared when the period is over"
    if change.previous == 0 and row["value"] == 0:
        return f"no change {against}"
    if change.previous == 0:
        return f"from none {against.removeprefix('on ')}"
    return "a change in itself" if standing.kpi.measure.name == "derived" else "cannot be compared yet"


def _range(standing: Standing, unit: Unit) -> str:
    change = standing.change
    if change.low is None or change.high is None:
        return ""
    return span_of_change(change.low, change.high, unit, points=change.points)


def sentence_of(standing: Standing, every: str, currency: str) -> Phrase:
    """One figure in one sentence: where it stands, what it did, and whether chance would do."""
    row, title = standing.row, standing.kpi.title
    value = figure(row, currency=currency)
    period = period_name(row["start"], row["end"])
    if row["value"] is None:
        return f"{title} cannot be told yet for {period}: {UNKNOWN.get(row['status'], 'the data do not allow it')}."
    if row["status"] in ("partial", "early"):
        return (Strong((f"{title} so far: ", value)), f" in {period}; {UNKNOWN[row['status']]}.")
    change = standing.change
    if change.amount is None:
        return (Strong((f"{title} stood at ", value)), f" in {period}; {_why_none(standing, 'on the period before')}.")
    before = before_name(row["start"], row["end"], every)
    if abs(change.amount) < FLAT:
        return (Strong((f"{title} stood at ", value)), f" in {period}, as in {before}.")
    if change.clear:
        return (
            _clear(standing, value),
            f" in {period} against {before}: more than chance gives ({_range(standing, standing.kpi.unit)}).",
        )
    return (Strong((f"{title} stood at ", value)), f" in {period}, ", *_unclear(standing, before))


def _clear(standing: Standing, value: Figure) -> Strong:
    change = standing.change
    verb = "rose" if (change.amount or 0) > 0 else "fell"
    return Strong(
        (
            f"{standing.kpi.title} {verb} by {moved(change.amount or 0, standing.kpi.unit, points=change.points)} to ",
            value,
        )
    )


def _unclear(standing: Standing, before: str) -> tuple[Phrase, ...]:
    change, unit = standing.change, standing.kpi.unit
    amount = change.amount or 0.0
    side = "above" if amount > 0 else "below"
    told = f"{moved(amount, unit, points=change.points)} {side} {before}"
    chance = _range(standing, unit)
    if not chance:
        return (f"{told}; how much of that is chance cannot be told.",)
    return (f"{told}; the difference is within what chance gives ({chance}).",)


def strength(standing: Standing) -> float:
    """How far a change stands out of its own uncertainty: the order in which movers are told."""
    change = standing.change
    if change.amount is None or change.low is None or change.high is None or change.high <= change.low:
        return 0.0
    return abs(change.amount) / ((change.high - change.low) / 2)


def history_rows(standing: Standing) -> list[dict[str, Any]]:
    """The rows of the figure's past, oldest first; none where a figure has several values a period."""
    return [] if standing.kpi.parts else standing.history.table.to_dicts()
