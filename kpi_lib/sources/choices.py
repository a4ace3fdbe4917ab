"""What each key of kpi.toml takes: one small check for each kind of value, and the keys of each section."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from kpi_lib.answers.targets import BANDS
from kpi_lib.core.errors import KpiError, nearest, shown
from kpi_lib.core.period import EVERY, WEEKDAYS
from kpi_lib.core.units import duration
from kpi_lib.sources.times import time_form

Check = Callable[[Any], Any]


class Mismatch(Exception):
    """A value that a key cannot take; the text says what is expected."""


def text(value: object) -> str:
    """A piece of text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Mismatch("must be text in quotes")
    return value


def flag(value: object) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise Mismatch("must be true or false")
    return value


def texts(value: object) -> list[str]:
    """A list of text."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise Mismatch('must be a list of text, as in ["a", "b"]')
    return value


def files(value: object) -> list[str]:
    """One path, or a list of them."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(p, str) and p and "\x00" not in p for p in found):
        raise Mismatch('must be a file, a pattern such as "raw/*.csv", or a list of them')
    return found


def plain(value: object) -> dict[str, Any]:
    """A table of keys."""
    if not isinstance(value, dict):
        raise Mismatch("must be a table: { key = value }")
    return value


def names(value: object) -> dict[str, str]:
    """A table whose values are text."""
    for key, each in plain(value).items():
        if not isinstance(each, str) or not each:
            raise Mismatch(f"must map names to names; {key} = {shown(each)} is no text")
    return plain(value)


def time_forms(value: object) -> str | dict[str, str]:
    """A form of times, or one for each column."""
    for form in names(value).values() if isinstance(value, dict) else [text(value)]:
        try:
            time_form(form)
        except ValueError:
            raise Mismatch(
                f'must say how a day is written, as in "%d.%m.%Y" or "%d/%m/%Y %H:%M", not {shown(form)}'
            ) from None
    return names(value) if isinstance(value, dict) else text(value)


def meanings(value: object) -> dict[str, dict[str, str]]:
    """For each column a table of what its values mean."""
    found = plain(value)
    for column, pairs in found.items():
        if not isinstance(pairs, dict) or not pairs:
            raise Mismatch(
                f'must say column by column what values mean, as in {{ kind = {{ paid = "sale" }} }}; {column} does not'
            )
    return {column: constants(pairs) for column, pairs in found.items()}


def constants(value: object) -> dict[str, str]:
    """A table of constants; each is read like a field of a CSV file."""
    found = plain(value)
    if bad := [key for key, each in found.items() if isinstance(each, dict | list)]:
        raise Mismatch(f"must hold single values; {bad[0]} does not")
    return {key: str(each).lower() if isinstance(each, bool) else str(each) for key, each in found.items()}


def span(value: object) -> str:
    """A duration such as 30m, 24h or 7d."""
    try:
        duration(text(value))
    except KpiError as error:
        raise Mismatch(str(error)) from None
    return str(value)


def one_of(choices: Iterable[str]) -> Check:
    """One word out of several."""
    known = tuple(choices)

    def check(value: object) -> str:
        if value not in known:
            raise Mismatch(f"must be one of {', '.join(known)}, not {shown(value)}. {nearest(str(value), known)}")
        return str(value)

    return check


def many_of(choices: Iterable[str]) -> Check:
    """A list of such words."""
    one = one_of(choices)
    return lambda value: [one(each) for each in texts(value)]


def currency(value: object) -> str:
    """A three-letter currency code."""
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Mismatch(f'must be a three-letter code such as "EUR", not {shown(value)}')
    return value


@lru_cache(maxsize=64)
def _zone_works(zone: str) -> bool:
    try:
        ZoneInfo(zone)
        pl.Series([0]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    except (KeyError, ValueError, OSError, pl.exceptions.PolarsError):
        return False
    return True


def zone(value: object) -> str:
    """An IANA time zone."""
    name = text(value)
    if not _zone_works(name):
        raise Mismatch(f"must be an IANA time zone such as Europe/Berlin, not {shown(name)}. {_near_zone(name)}")
    return name


def _near_zone(name: str) -> str:
    known = sorted(available_timezones())
    ends = [each for each in known if each.rsplit("/", 1)[-1].casefold() == name.strip().replace(" ", "_").casefold()]
    return nearest(ends[0], ends) if ends else nearest(name, known)


def moment(value: object) -> date | datetime:
    """A day (its first instant) or a time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            raise Mismatch(f"must be a day such as 2026-07-01, not {shown(value)}") from None
    if not isinstance(value, date):
        raise Mismatch(f"must be a day such as 2026-07-01, not {shown(value)}")
    if not 1971 <= value.year < 9000:
        raise Mismatch(f"is no believable end of the data: {value}")
    return value


def day(value: object) -> date:
    """A calendar day."""
    found = moment(value)
    return found.date() if isinstance(found, datetime) else found


def figure(value: object) -> float | bool:
    """A number, or true and false."""
    if not isinstance(value, bool | int | float) or value != value:
        raise Mismatch(f"must be a number (or true or false), not {shown(value)}")
    return value


def figure_or_band(value: object) -> float | bool | str:
    """A number, true and false, or the name of a band of ratings."""
    return value if isinstance(value, str) and value in BANDS else figure(value)


def number(value: object) -> float:
    """A plain number."""
    if isinstance(value, bool):
        raise Mismatch("must be a number, not true or false")
    return float(figure(value))


def whole(value: object) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Mismatch(f"must be a whole number above 0, not {shown(value)}")
    return value


def above_zero(value: object) -> float:
    """A number above 0."""
    found = number(value)
    if not found > 0:
        raise Mismatch(f"must be above 0, not {shown(value)}")
    return found


WORKSPACE: Mapping[str, Check] = {
    "name": text,
    "timezone": zone,
    "currency": currency,
    "week_start": one_of(WEEKDAYS),
    "observed_from": moment,
    "observed_until": moment,
}
TABLE: Mapping[str, Check] = {
    "path": files,
    "columns": names,
    "constants": constants,
    "values": meanings,
    "timezone": zone,
    "time_format": time_forms,
    "decimal": one_of((".", ",")),
    "where": text,
    "dedupe": flag,
    "pii": texts,
}
PRODUCT: Mapping[str, Check] = {
    "profile": one_of(("saas", "freemium", "commerce", "app")),
    "stage": one_of(("early", "growth", "mature")),
    "goals": many_of(("engagement", "revenue", "satisfaction")),
    "north_star": text,
}
FRESHNESS: Mapping[str, Check] = {"warn_after": span, "error_after": span}
TARGET: Mapping[str, Check] = {
    "kpi": text,
    "value": figure_or_band,
    "type": one_of(("number", "currency", "percent", "boolean", "tasks")),
    "due": day,
    "owner": text,
    "every": one_of(EVERY),
    "set": day,
    "base": number,
    "goal": text,
    "weight": above_zero,
    "definition": text,
    "statement": text,
}
KPI_SET: Mapping[str, Check] = {
    "version": whole,
    "since": day,
    "primary": texts,
    "secondary": texts,
    "why": text,
    "look": day,
}
REPORT: Mapping[str, Check] = {"notebook": text, "every": one_of(EVERY), "by": texts, "params": plain}
FUNNEL: Mapping[str, Check] = {
    "steps": texts,
    "within": span,
    "order": text,
    "attempt": text,
    "ties": text,
    "time_to_convert": text,
    "unripe": text,
    "unit": text,
    "exclude": texts,
    "hold": text,
    "within_step": texts,
    "grace": span,
    "repeats": flag,
    "exclusion": text,
    "attribution": text,
    "value": text,
    "preset": text,
    "by": texts,
    "period": text,
}
