"""The parts a report is made of, as small records that hold words and numbers and no markup.

A phrase is a string, a `Figure`, a `Strong`, a `Term`, or a tuple of phrases. Every printed number is a `Figure`: it
carries the KPI and the raw value beside the text, so that a report can be checked against its values file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kpi_lib.show.spark import Spark


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A printed number and what it is: `field` names the column of the tidy frame (value, low, high, n, unripe)."""

    text: str
    kpi: str
    value: float | None
    field: str = "value"
    start: str = ""
    by: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Strong:
    """The words of a sentence that carry the finding."""

    phrase: "Phrase"


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the trade with its meaning one tap away."""

    word: str
    meaning: str


Phrase = str | Figure | Strong | Term | tuple["Phrase", ...]
Facts = tuple[tuple[str, Phrase], ...]  # names and what they say


@dataclass(frozen=True, slots=True)
class Headline:
    """What happened, by how much, how sure: the sentences a hurried reader gets; `facts` of what no other part tells."""

    sentences: tuple[Phrase, ...]
    facts: Facts = ()


@dataclass(frozen=True, slots=True)
class Say:
    """A computed sentence under a heading; `facts` unfold below where no chart or table beside it tells them."""

    phrase: Phrase
    facts: Facts = ()


@dataclass(frozen=True, slots=True)
class Pill:
    """One line on the quality of the data; `status` is good, warn, bad or plain, `detail` unfolds."""

    phrase: Phrase
    status: str = "plain"
    detail: Phrase = ""


@dataclass(frozen=True, slots=True)
class Pills:
    """The row of data-quality lines."""

    pills: tuple[Pill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A like-for-like change: where it points (up, down, flat, none) and whether that is good, bad or plain."""

    phrase: Phrase
    against: Phrase = ""
    points: str = "none"
    tone: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was aimed for: `state` is that of a target's status, `share` of the way there fills the bar, `why` explains."""

    phrase: Phrase
    state: str
    share: float | None = None
    why: Phrase = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One KPI at a glance; `facts` unfold with the meaning, `quiet` greys a figure that stands on few units and says why.

    `period` is its first day and its name. `earlier` holds the tiles of earlier periods: a live page lets readers choose one.
    """

    label: str
    value: Phrase
    change: Change | None = None
    year: Change | None = None
    spark: Spark | None = None
    note: Phrase = ""
    made_of: Phrase = ""
    target: Target | None = None
    meaning: Phrase = ""
    facts: Facts = ()
    quiet: Phrase = ""
    period: tuple[str, str] = ("", "")
    earlier: tuple["Tile", ...] = ()


@dataclass(frozen=True, slots=True)
class Tiles:
    """A grid of tiles."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A table cell that stands out: shaded by a share of the deepest colour, a small line, or not yet observed."""

    phrase: Phrase = ""
    shade: float | None = None
    spark: Spark | None = None
    unseen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under column names; `text_columns` counts the left-aligned columns at the start. Wide tables scroll.

    `facts` unfold below: what the figures are and what stands behind them. `choices` are columns, such as segments, by whose
    values a reader of a live page can choose rows.
    """

    title: str
    columns: tuple[Phrase, ...]
    rows: tuple[tuple[Phrase | Cell, ...], ...]
    text_columns: int = 1
    note: Phrase = ""
    facts: Facts = ()
    choices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to know: folded under its title, or open; tone is plain, warn or bad; `facts` of its figures unfold below."""

    title: str
    phrases: tuple[Phrase, ...]
    tone: str = "plain"
    folded: bool = True
    facts: Facts = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the figures come from: names and values, in the order given."""

    facts: tuple[tuple[str, str], ...]


Block = Headline | Say | Pills | Tile | Tiles | Table | Note | Lineage
KINDS = (Headline, Say, Pills, Tile, Tiles, Table, Note, Lineage)


def marked(text: str) -> Phrase:
    """Read `**…**` in a sentence as its strong words; everything else stays text.

    >>> marked("**1,506 bought** in June")
    (Strong(phrase='1,506 bought'), ' in June')
    """
    parts = re.split(r"\*\*(.+?)\*\*", text)
    return tuple(Strong(part) if at % 2 else part for at, part in enumerate(parts) if part)


def lineage(facts: Mapping[str, object]) -> Lineage:
    """Make the lineage of a mapping, values written as they are."""
    return Lineage(tuple((name, str(value)) for name, value in facts.items()))
