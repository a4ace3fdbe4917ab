"""A change told: how far, which way, against what, and whether it is more than chance gives."""

from datetime import date
from typing import Any

from kpi_lib.answers.scorecard import Standing
from kpi_lib.core.period import step
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
    change = standing.change
    against = f"on {before_name(standing.row['start'], standing.row['end'], every)}"
    if change.amount is None:
        return Change(phrase=_why_none(standing, against), points="none")
    if abs(change.amount) < FLAT:
        return Change(phrase="no change", against=against, points="flat")
    points = "up" if change.amount > 0 else "down"
    phrase, chance = _amount(standing), _range(standing)
    if change.clear:
        tone = {True: "good", False: "bad", None: "plain"}[standing.better]
        return Change(phrase=phrase, against=(f"{against} (", chance, ")"), points=points, tone=tone)
    told = (f"{against}, within chance (", chance, ")") if chance else against
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


def _moved(standing: Standing, field: str, value: float | None, text: str) -> Figure:
    row = standing.row
    return Figure(text=text, kpi=row["kpi"], value=value, field=field, start=str(row["start"]))


def _amount(standing: Standing) -> Figure:
    """How far the figure moved, without its sign: words or an arrow say which way."""
    change = standing.change
    text = moved(change.amount or 0.0, standing.kpi.unit, points=change.points)
    return _moved(standing, "change", change.amount, text)


def _range(standing: Standing) -> Phrase:
    """The 95 % interval of the change, signed."""
    change = standing.change
    if change.low is None or change.high is None:
        return ""
    low, high = span_of_change(change.low, change.high, standing.kpi.unit, points=change.points).split(" to ")
    return (
        _moved(standing, "change_low", change.low, low),
        " to ",
        _moved(standing, "change_high", change.high, high),
    )


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
            f" in {period} against {before}: more than chance gives (",
            _range(standing),
            ").",
        )
    return (Strong((f"{title} stood at ", value)), f" in {period}, ", *_unclear(standing, before))


def _clear(standing: Standing, value: Figure) -> Strong:
    change = standing.change
    verb = "rose" if (change.amount or 0) > 0 else "fell"
    return Strong((f"{standing.kpi.title} {verb} by ", _amount(standing), " to ", value))


def _unclear(standing: Standing, before: str) -> tuple[Phrase, ...]:
    side = "above" if (standing.change.amount or 0.0) > 0 else "below"
    chance = _range(standing)
    if not chance:
        return (_amount(standing), f" {side} {before}; how much of that is chance cannot be told.")
    return (_amount(standing), f" {side} {before}; the difference is within what chance gives (", chance, ").")


def strength(standing: Standing) -> float:
    """How far a change stands out of its own uncertainty: the order in which movers are told."""
    change = standing.change
    if change.amount is None or change.low is None or change.high is None or change.high <= change.low:
        return 0.0
    return abs(change.amount) / ((change.high - change.low) / 2)


def history_rows(standing: Standing) -> list[dict[str, Any]]:
    """The rows of the figure's past, oldest first; none where a figure has several values a period."""
    return [] if standing.kpi.parts else standing.history.table.to_dicts()
