"""A change told: how far, which way, against what, and whether it is more than chance gives."""

from datetime import date
from typing import Any

from kpi_lib.answers.change import Change as Moved
from kpi_lib.answers.change import better, compares
from kpi_lib.answers.scorecard import Standing
from kpi_lib.core.period import step
from kpi_lib.show.blocks import Change, Figure, Phrase, Strong
from kpi_lib.show.phrases import UNKNOWN, figure, moved, named, period_name, span_of_change

FLAT = 1e-9
YEAR = "year_"


def before_name(start: date, end: date, every: str) -> str:
    """The name of the period before."""
    if every in ("day", "week", "month", "quarter", "year"):
        return period_name(step(start, every, -1), start)
    return period_name(start - (end - start), start)


def compared(standing: Standing, every: str) -> Change:
    """The change for a tile: an arrow only where something moved, a colour only where chance is not enough."""
    against = f"on {before_name(standing.row['start'], standing.row['end'], every)}"
    return _compared(standing, standing.change, against, lead="")


def compared_year(standing: Standing, every: str) -> Change | None:
    """The change against the same period a year earlier; None where there is nothing to compare with."""
    year = standing.year
    if year is None or year.amount is None or year.since is None:
        return None
    against = f"on {period_name(year.since, step(year.since, every))}"
    return _compared(standing, year, against, lead=YEAR)


def _compared(standing: Standing, change: Moved, against: str, *, lead: str) -> Change:
    if change.amount is None:
        return Change(phrase=_why_none(standing, against), points="none")
    if abs(change.amount) < FLAT:
        return Change(phrase="no change", against=against, points="flat")
    points = "up" if change.amount > 0 else "down"
    phrase, chance = _amount(standing, change, lead), _range(standing, change, lead)
    if change.clear:
        tone = {True: "good", False: "bad", None: "plain"}[better(standing.kpi, change)]
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
    return "cannot be compared yet" if compares(standing.kpi) else "a change in itself"


def _moved(standing: Standing, field: str, value: float | None, text: str) -> Figure:
    row = standing.row
    by = tuple((name, named(each)) for name, each in standing.part.items())
    return Figure(text=text, kpi=row["kpi"], value=value, field=field, start=str(row["start"]), by=by)


def _amount(standing: Standing, change: Moved, lead: str = "") -> Figure:
    """How far the figure moved, without its sign: words or an arrow say which way."""
    text = moved(change.amount or 0.0, standing.kpi.unit, points=change.points)
    return _moved(standing, f"{lead}change", change.amount, text)


def _range(standing: Standing, change: Moved, lead: str = "") -> Phrase:
    """The 95 % interval of the change, signed."""
    if change.low is None or change.high is None:
        return ""
    low, high = span_of_change(change.low, change.high, standing.kpi.unit, points=change.points).split(" to ")
    return (
        _moved(standing, f"{lead}change_low", change.low, low),
        " to ",
        _moved(standing, f"{lead}change_high", change.high, high),
    )


def sentence_of(standing: Standing, every: str, currency: str) -> Phrase:
    """One figure in one sentence: where it stands, what it did, and whether chance would do."""
    row, title = standing.row, standing.title
    value = figure(row, currency=currency, by=tuple(standing.part))
    period = period_name(row["start"], row["end"])
    if row["value"] is None:
        return f"{title} cannot be told yet for {period}: {UNKNOWN.get(row['status'], 'the data do not allow it')}."
    if row["status"] == "partial":
        return (Strong((f"{title} so far: ", value)), f" in {period}; {UNKNOWN[row['status']]}.")
    if row["status"] == "early":
        return (Strong((f"{title} stood at ", value)), f" in {period}, of which the data lack the beginning.")
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
            _range(standing, change),
            ").",
        )
    return (Strong((f"{title} stood at ", value)), f" in {period}, ", *_unclear(standing, before))


def _clear(standing: Standing, value: Figure) -> Strong:
    change = standing.change
    verb = "rose" if (change.amount or 0) > 0 else "fell"
    return Strong((f"{standing.title} {verb} by ", _amount(standing, change), " to ", value))


def _unclear(standing: Standing, before: str) -> tuple[Phrase, ...]:
    change = standing.change
    side, amount = "above" if (change.amount or 0.0) > 0 else "below", _amount(standing, change)
    chance = _range(standing, change)
    if not chance:
        return (amount, f" {side} {before}; how much of that is chance cannot be told.")
    return (amount, f" {side} {before}; the difference is within what chance gives (", chance, ").")


def strength(standing: Standing) -> float:
    """How far a change stands out of its own uncertainty: the order in which movers are told."""
    change = standing.change
    if change.amount is None or change.low is None or change.high is None or change.high <= change.low:
        return 0.0
    return abs(change.amount) / ((change.high - change.low) / 2)


def history_rows(standing: Standing) -> list[dict[str, Any]]:
    """The rows of the figure's past, oldest first."""
    return standing.history.table.to_dicts()
