"""How charts are laid out: two widths, round axes, marks that carry their own labels, nothing cut off."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil, floor, log10
from typing import Any

import altair as alt

from kpi_lib.core.units import MINUS, NARROW_SPACE, SCORE, SECONDS, SIGNS, Unit
from kpi_lib.show import theme

INK = theme.LIGHT
GLYPH = 7.2  # width of an average letter at 12 px, on the generous side
STEPS = (1, 2, 2.5, 5, 10)
CLOCK = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
OTHER = "(other)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One of the two widths a chart is drawn in, and how many marks its time axis bears."""

    total: int
    marks: int
    letters: int
    narrow: bool = False


DESK = Layout(total=theme.WIDE, marks=9, letters=34)
PHONE = Layout(total=theme.NARROW, marks=4, letters=16, narrow=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A value axis: its end, its marks and how they are written."""

    bottom: float
    top: float
    values: tuple[float, ...]
    texts: tuple[str, ...]

    @property
    def extent(self) -> int:
        """Room in px that the written marks need."""
        return wide(max(self.texts, key=len)) + 10

    def label(self) -> str:
        """A Vega expression that writes each mark; the texts are ours, never the data's."""
        near = (self.top - self.bottom) / 1000 or 1e-9
        pairs = (
            f"abs(datum.value - {at!r}) < {near!r} ? {_quoted(text)}"
            for at, text in zip(self.values, self.texts, strict=True)
        )
        return " : ".join([*pairs, "''"])


def wide(text: str) -> int:
    """About how many px a text takes at 12 px."""
    return ceil(GLYPH * len(text))


def cut(text: str, letters: int) -> str:
    """Shorten a text.

    >>> cut("acquisition channel", 10)
    'acquisiti…'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= letters else flat[: letters - 1] + "…"


def _quoted(text: str) -> str:
    """A text inside a Vega expression; a currency code comes from somebody's file."""
    safe = "".join(each for each in text if each.isprintable() and each not in "\\'\"<>`")
    return f"'{safe}'"


def round_scale(values: Sequence[float | None], unit: Unit, *, currency: str = "USD", marks: int = 4) -> Scale:
    """An axis from 0 (or below) over round numbers that holds all values.

    >>> from kpi_lib.core.units import SHARE
    >>> round_scale([0.12, 0.38], SHARE).texts
    ('0\\u202f%', '10\\u202f%', '20\\u202f%', '30\\u202f%', '40\\u202f%')
    """
    there = [each for each in values if each is not None]
    low, high = min([0.0, *there]), max([0.0, *there])
    size, word = next((pair for pair in CLOCK if high >= 2 * pair[0]), CLOCK[-1]) if unit is SECONDS else (1, "")
    if high <= low:
        high = size * (0.01 if unit.percent else 1.0)
    rough = (high - low) / size / (marks + (unit is SCORE))  # scores of 1 to 5 end at 5
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in STEPS if each * power >= rough * (1 - 1e-9)) * size
    ends = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    places = [round(at * step, 12) for at in range(ends[0], ends[1] + 1)]
    texts = [_mark(place / size, unit, currency=currency, word=word) for place in places]
    return Scale(bottom=places[0], top=places[-1], values=tuple(places), texts=tuple(texts))


def _mark(value: float, unit: Unit, *, currency: str, word: str) -> str:
    text = f"{abs(round(value * (100 if unit.percent else 1), 9)):,.9f}".rstrip("0").rstrip(".")
    lead = MINUS if value < 0 and text != "0" else ""
    if unit.percent:
        return f"{lead}{text}{NARROW_SPACE}%"
    if unit is SECONDS:
        return f"{lead}{text} {word}"
    return f"{lead}{SIGNS.get(currency, currency + ' ') if unit.money else ''}{text}"


def marks_of(at: Sequence[str], most: int) -> list[str]:
    """Which places of an axis are written: evenly spaced, the last one always; of ages the round ones.

    >>> marks_of(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    >>> marks_of([str(age) for age in range(1, 24)], 5)
    ['5', '10', '15', '20']
    """
    every = max(ceil(len(at) / most), 1)
    if len(at) > most and all(each.isdecimal() for each in at):
        step = next(each * 10**power for power in count() for each in (1, 2, 5) if each * 10**power >= every)
        return [each for each in at if int(each) % step == 0]
    return list(at)[::-1][::every][::-1]


def begun(at: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The places of an axis from the first of which anything is known; all of them where nothing is.

    >>> begun(["a", "b", "b", "c"], ["c", "b"]), begun(["a", "b"], [])
    (('b', 'c'), ('a', 'b'))
    """
    places, there = tuple(dict.fromkeys(at)), set(known)
    first = next((index for index, place in enumerate(places) if place in there), 0)
    return places[first:]


def spread(places: Mapping[str, float], *, gap: float, top: float, bottom: float = 0.0) -> dict[str, float]:
    """Move labels apart so that none covers another, between bottom and top.

    >>> spread({"a": 1.0, "b": 2.0}, gap=5, top=100)
    {'a': 1.0, 'b': 6.0}
    """
    ordered = sorted(places, key=lambda name: places[name])
    moved: dict[str, float] = {}
    below = bottom - gap
    for name in ordered:
        below = moved[name] = max(places[name], below + gap)
    ceiling = top + gap
    for name in reversed(ordered):
        ceiling = moved[name] = min(moved[name], ceiling - gap)
    return moved


def value_axis(field: str, scale: Scale, *, extent: int | None = None) -> alt.Y:
    """The vertical axis of a line chart."""
    room = extent or scale.extent
    axis = alt.Axis(values=scale.values, labelExpr=scale.label(), minExtent=room, maxExtent=room, labelOverlap=False)
    return alt.Y(
        f"{field}:Q", title=None, axis=axis, scale=alt.Scale(domain=[scale.bottom, scale.top], nice=False, zero=False)
    )


def from_left(px: float) -> alt.XValue:
    """A place so far from the left edge."""
    return alt.XValue(px)  # type: ignore[no-untyped-call]


def category(title: str | None = None, **more: Any) -> alt.Axis:  # noqa: ANN401 - settings of an axis
    """The axis of names: no line, no grid."""
    return alt.Axis(title=title, domain=False, grid=False, labelColor=INK.ink, **more)
