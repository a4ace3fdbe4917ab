"""Numbers, ranges and dates as they stand in sentences; a computed figure keeps its KPI and its raw value."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import isfinite
from typing import Any

from kpi_lib.core.units import (
    COUNT,
    MINUS,
    MONEY,
    NARROW_SPACE,
    PER_USER,
    RATIO,
    SCORE,
    SECONDS,
    SHARE,
    Unit,
    show,
    significant,
)
from kpi_lib.kpis.registry import catalogue
from kpi_lib.show.blocks import Figure, Phrase

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
UNITS = {unit.name: unit for unit in (SHARE, COUNT, MONEY, SECONDS, SCORE, RATIO, PER_USER)}
COUNTED = ("n", "unripe")
MONTH_DAYS = range(28, 32)
UNKNOWN = {
    "early": "the data begin too late for it",
    "partial": "the period is not over",
    "ripening": "nobody has been watched long enough",
    "no_denominator": "there was nobody to count",
    "small_n": "too few to tell",
    "no_segment": "the figure has no such column",
    "needs_choice": "a choice in kpi.toml is missing",
    "missing_input": "the workspace lacks the data",
}
LEAST_TOLD = 0.01  # of a percent, or of a point
WITHIN_CHANCE = "the difference is within what chance gives"


def unit_of(kpi: str, word: str = "") -> Unit:
    """The unit of a KPI; of one that is not declared here, the unit of that word."""
    known = catalogue().get(kpi)
    return known.unit if known else UNITS.get(word, RATIO)


def title_of(kpi: str) -> str:
    """The words for a KPI."""
    known = catalogue().get(kpi)
    return known.title if known else kpi


def known(value: Any) -> float | None:  # noqa: ANN401 - a cell of a frame
    """A number, or None for what is missing or not finite."""
    return None if value is None or not isfinite(value) else float(value)


def whole(count: float | None) -> str:
    """Write a count in full.

    >>> whole(23570), whole(None)
    ('23,570', '—')
    """
    return "—" if count is None else f"{count:,.0f}"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun.

    >>> plural(1, "user"), plural(1200, "user"), plural(2, "person", "people")
    ('1 user', '1,200 users', '2 people')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def written(value: float | None, unit: Unit, currency: str = "USD") -> str:
    """A value in words; a share of everyday size keeps one decimal.

    >>> written(0.0682, SHARE), written(1.0, SHARE)
    ('6.8\\u202f%', '100\\u202f%')
    """
    if value is not None and unit.percent and 0.001 <= abs(value) < 1:
        text = f"{abs(value) * 100:.1f}{NARROW_SPACE}%"
        return MINUS + text if value < 0 else text
    return show(value, unit, currency)


def figure(row: Mapping[str, Any], field: str = "value", *, currency: str = "USD", by: Sequence[str] = ()) -> Figure:
    """One figure of a row of the tidy frame, with all that is needed to find it there again."""
    raw = row[field] if field in COUNTED else known(row[field])
    text = whole(raw) if field in COUNTED else written(raw, unit_of(row["kpi"], row["unit"]), currency)
    segment = tuple((column, named(row[column])) for column in by)
    return Figure(text=text, kpi=row["kpi"], value=raw, field=field, start=str(row["start"]), by=segment)


def interval(row: Mapping[str, Any], *, currency: str = "USD", by: Sequence[str] = ()) -> Phrase:
    """The 95 % interval of a row as `low – high`, one of them alone as a bound; empty where there is none."""
    there = [field for field in ("low", "high") if known(row[field]) is not None]
    ends = [figure(row, field, currency=currency, by=by) for field in there]
    if len(ends) == 1:
        return ("≥ " if there == ["low"] else "≤ ", ends[0])
    return (ends[0], " – ", ends[1]) if ends else ""


def told(row: Mapping[str, Any], field: str, text: str, *, of: str, by: Sequence[str] = ()) -> Figure:
    """One figure of a table that is no tidy frame, such as a funnel's: the column is its field, `by` finds its row.

    >>> told({"step": 2, "units": 40}, "units", "40", of="funnel", by=("step",)).by
    (('step', '2'),)
    """
    start = str(row["start"]) if "start" in row else ""
    return Figure(
        text=text, kpi=of, value=row[field], field=field, start=start, by=tuple((each, named(row[each])) for each in by)
    )


def told_between(
    row: Mapping[str, Any], low: str = "low", high: str = "high", *, of: str, by: Sequence[str] = ()
) -> Phrase:
    """An interval of shares as two figures of such a table; empty where there is none."""
    if known(row[low]) is None or known(row[high]) is None:
        return ""
    first, last = between(row[low], row[high]).split(" – ")
    return (told(row, low, first, of=of, by=by), " – ", told(row, high, last, of=of, by=by))


def named(segment: object) -> str:
    """The name of a segment's value; nothing is said to be nothing."""
    if segment is None:
        return "(none)"
    return str(segment) if str(segment).strip() else "(blank)"


def plain(phrase: Phrase) -> str:
    """A phrase as bare text, for descriptions of charts.

    >>> plain(("a ", Figure(text="3", kpi="k", value=3.0)))
    'a 3'
    """
    match phrase:
        case str():
            return phrase
        case tuple():
            return "".join(plain(part) for part in phrase)
        case Figure():
            return phrase.text
    return phrase.word if hasattr(phrase, "word") else plain(phrase.phrase)


def between(low: float | None, high: float | None) -> str:
    """An interval of shares, the sign of percent said once.

    >>> between(0.488, 0.501)
    '48.8 – 50.1\\u202f%'
    """
    if low is None or high is None:
        return ""
    ends = [written(end, SHARE) for end in (low, high)]
    return f"{ends[0].removesuffix(NARROW_SPACE + '%')} – {ends[1]}"


def moved(amount: float, unit: Unit, *, points: bool, sign: bool = False) -> str:
    """The size of a change: percent, or points for a share; what is smaller than a hundredth of them is not told apart.

    >>> moved(0.0121, COUNT, points=False), moved(-0.0039, SHARE, points=True, sign=True)
    ('1.2\\u202f%', '−0.39 points')
    >>> moved(0.04, COUNT, points=False), moved(0.0000068, SHARE, points=True)
    ('4.0\\u202f%', '<0.01 points')
    """
    scaled = amount if points and not unit.percent else amount * 100
    suffix = _suffix(unit, points=points)
    if suffix and not sign and 0 < abs(scaled) < LEAST_TOLD:
        return f"<{LEAST_TOLD}{suffix}"
    text = _two(abs(scaled)) if suffix else significant(abs(scaled), 2)
    lead = (MINUS if amount < 0 else "+") if sign and text.strip("0.,") else ""
    return lead + text + suffix


def _two(size: float) -> str:
    """Percents and points in two digits, zeros at the end included, and where a hundredth shows it nothing finer."""
    if round(size, 1) >= 10 or size < 0.005:
        return significant(size, 2)
    return f"{size:.1f}" if round(size, 2) >= 1 else f"{size:.2f}"


def span_of_change(low: float, high: float, unit: Unit, *, points: bool) -> str:
    """The interval of a change, signed, its unit said once.

    >>> span_of_change(-0.054, 0.079, COUNT, points=False)
    '−5.4 to +7.9\\u202f%'
    """
    around = LEAST_TOLD / 200 if _suffix(unit, points=points) and low <= 0 <= high else 0.0  # so near to none is none
    ends = [moved(0.0 if abs(end) < around else end, unit, points=points, sign=True) for end in (low, high)]
    return f"{ends[0].removesuffix(_suffix(unit, points=points))} to {ends[1]}"


def _suffix(unit: Unit, *, points: bool) -> str:
    if not points:
        return f"{NARROW_SPACE}%"
    return " points" if unit.percent else ""


def day_name(day: date) -> str:
    """A date that cannot be misread.

    >>> day_name(date(1997, 3, 25))
    '25 March 1997'
    """
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period_name(start: date, end: date) -> str:
    """A period, its end excluded, in words.

    >>> period_name(date(1998, 6, 1), date(1998, 7, 1)), period_name(date(2024, 6, 17), date(2024, 6, 24))
    ('June 1998', 'the week of 17 June 2024')
    >>> period_name(date(1998, 4, 1), date(1998, 7, 1)), period_name(date(1998, 1, 1), date(1999, 1, 1))
    ('Q2 1998', '1998')
    """
    days = (end - start).days
    if whole := _quarter_or_year(start, end):
        return whole
    if start.day == end.day == 1 and days in MONTH_DAYS:
        return f"{MONTHS[start.month - 1]} {start.year}"
    if days == 1:
        return day_name(start)
    return (
        f"the week of {day_name(start)}" if days == 7 else f"{day_name(start)} to {day_name(end - timedelta(days=1))}"
    )


def _quarter_or_year(start: date, end: date) -> str:
    """A calendar quarter or year, which reads the same in a sentence and on an axis; anything else is empty."""
    if start.day == end.day == 1:
        months = (end.year - start.year) * 12 + end.month - start.month
        if months == 3 and start.month % 3 == 1:
            return f"Q{start.month // 3 + 1} {start.year}"
        if months == 12 and start.month == 1:
            return str(start.year)
    return ""


def span_name(span: str) -> str:
    """A period written as two days, the second excluded, in words; whatever else stands there as it stands.

    >>> span_name("2024-06-17..2024-06-24"), span_name("2024-06-17 to 2024-06-24"), span_name("all")
    ('the week of 17 June 2024', 'the week of 17 June 2024', 'all')
    """
    first, _, stop = span.replace("..", " to ").partition(" to ")
    try:
        return period_name(date.fromisoformat(first), date.fromisoformat(stop))
    except ValueError:
        return span


def short_period(start: date, end: date) -> str:
    """A period as a mark on an axis.

    >>> short_period(date(1998, 6, 1), date(1998, 7, 1)), short_period(date(2024, 6, 17), date(2024, 6, 24))
    ('1998-06', '2024-06-17')
    >>> short_period(date(1998, 4, 1), date(1998, 7, 1))
    'Q2 1998'
    """
    if whole := _quarter_or_year(start, end):
        return whole
    return f"{start:%Y-%m}" if start.day == end.day == 1 and (end - start).days > 7 else f"{start}"


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
