"""How each part of a report is written: HTML that is escaped by construction and styled by blocks.css."""

import re
from functools import singledispatch

from kpi_lib.show.blocks import (
    Cell,
    Change,
    Facts,
    Figure,
    Headline,
    Lineage,
    Note,
    Phrase,
    Pill,
    Pills,
    Say,
    Strong,
    Table,
    Target,
    Term,
    Tile,
    Tiles,
)
from kpi_lib.show.markup import Html, escape, join, tag
from kpi_lib.show.spark import spark_html

DASH = "\N{NO-BREAK SPACE}– "  # no line begins with it
FOLDED = 32  # letters of a figure's cell from which it takes several lines
ARROWS = {"up": "▲", "down": "▼", "flat": "●", "none": ""}
MARKS = {"good": "✓", "warn": "!", "bad": "✕", "plain": ""}
TARGETS = {
    "met": "✓ met", "on_track": "● on track", "at_risk": "! at risk", "off": "✕ off track", "missed": "✕ missed",
    "cannot_tell": "? cannot tell yet", "past": "– past", "faulty": "! to mend",
}  # fmt: skip


def inline(phrase: Phrase) -> Html:
    """Write a phrase.

    >>> inline(("a ", Figure(text="3", kpi="orders", value=3))).text
    'a <data class="kpi-figure" data-kpi="orders" data-field="value" value="3">3</data>'
    """
    match phrase:
        case Figure():
            return _figure(phrase)
        case Strong():
            return tag("strong", inline(phrase.phrase))
        case Term():
            meaning = tag("span", phrase.meaning, class_="kpi-meaning", role="note")
            return tag("span", phrase.word, meaning, class_="kpi-term", tabindex="0")
        case tuple():
            return join(*(inline(part) for part in phrase))
        case _:
            return Html(escape(phrase.replace(" – ", DASH)))


def _figure(figure: Figure) -> Html:
    """A number with its raw value; no value leaves the attribute empty."""
    raw = "" if figure.value is None else repr(figure.value)
    segment = ";".join(f"{column}={value}" for column, value in figure.by) or None
    return tag(
        "data",
        figure.text,
        class_="kpi-figure",
        data_kpi=figure.kpi,
        data_field=figure.field,
        value=raw,
        data_start=figure.start or None,
        data_by=segment,
    )


@singledispatch
def html(block: object) -> Html:
    """Write a block as safe HTML; the classes are styled by blocks.css."""
    raise TypeError(f"{type(block).__name__} is no block of a report")


@html.register
def _(block: Headline) -> Html:
    told = tag("ul", *(tag("li", inline(each)) for each in block.sentences), class_="kpi-headline")
    return tag("div", told, facts_html(block.facts), class_="kpi-told") if block.facts else told


@html.register
def _(block: Say) -> Html:
    said = tag("p", inline(block.phrase), class_="kpi-say")
    return tag("div", said, facts_html(block.facts), class_="kpi-told") if block.facts else said


@html.register
def _(block: Pills) -> Html:
    return tag("ul", *(_pill(each) for each in block.pills), class_="kpi-pills", aria_label="Quality of the data")


def _pill(pill: Pill) -> Html:
    """One pill, with its detail folded inside."""
    mark = tag("span", MARKS[pill.status], class_="kpi-mark") if MARKS[pill.status] else None
    if not pill.detail:
        return tag("li", tag("span", mark, inline(pill.phrase), class_="kpi-pill", data_status=pill.status))
    summary = tag("summary", mark, inline(pill.phrase), class_="kpi-pill", data_status=pill.status)
    return tag("li", tag("details", summary, tag("p", inline(pill.detail), class_="kpi-detail")))


@html.register
def _(block: Tile) -> Html:
    quiet = tag("p", inline(block.quiet), class_="kpi-quiet") if block.quiet else None
    listed = _listed(block.facts) if block.facts else None
    meaning = _fold("What it means", join(tag("p", inline(block.meaning)), listed)) if block.meaning else None
    return tag(
        "article",
        tag("h3", block.label, class_="kpi-label"),
        tag("p", inline(block.value), class_="kpi-value"),
        _change(block.change) if block.change else None,
        _change(block.year) if block.year else None,
        spark_html(block.spark) if block.spark else None,
        tag("p", inline(block.note), class_="kpi-note") if block.note else None,
        tag("p", "From ", inline(block.made_of), class_="kpi-note") if block.made_of else None,
        quiet,
        _target(block.target) if block.target else None,
        *(_earlier(each) for each in block.earlier),
        meaning,
        class_="kpi-tile",
        data_quiet="yes" if block.quiet else None,
        data_at=block.period[0] if block.earlier else None,
        data_name=block.period[1] if block.earlier else None,
    )


def _earlier(block: Tile) -> Html:
    """What a tile says of an earlier period: kept in the page until a reader asks for it."""
    lines = join(
        tag("p", inline(block.value), class_="kpi-value"),
        _change(block.change) if block.change else None,
        tag("p", inline(block.note), class_="kpi-note") if block.note else None,
        tag("p", inline(block.quiet), class_="kpi-quiet") if block.quiet else None,
    )
    return tag("template", lines, data_at=block.period[0], data_name=block.period[1])


def _change(change: Change) -> Html:
    """The change with its arrow; where the arrow alone could mislead, a word says which way is better."""
    better = {"good": "better", "bad": "worse"}.get(change.tone)
    misleading = (change.points, change.tone) in {("up", "bad"), ("down", "good")}
    word = tag("span", f" {better}", class_="kpi-word" if misleading else "kpi-hidden") if better else None
    arrow = f"{ARROWS[change.points]} " if ARROWS[change.points] else None
    kind = "kpi-moved" if arrow else "kpi-told"
    moved = tag("span", arrow, inline(change.phrase), word, class_=kind, data_tone=change.tone)
    against = tag("span", " ", inline(change.against)) if change.against else None
    return tag("p", moved, against, class_="kpi-change")


def _target(target: Target) -> Html:
    """The target in words, and a bar that is full when it is reached."""
    share = min(max(target.share, 0.0), 1.0) if target.share is not None else None
    fill = tag("span", class_="kpi-bar-fill", style=f"width:{share * 100:.1f}%") if share is not None else None
    bar = tag("span", fill, class_="kpi-bar", aria_hidden="true") if fill else None
    why = Html("") if not target.why else join(", ", inline(target.why))
    words = tag("span", "Target ", inline(target.phrase), " · ", tag("b", TARGETS[target.state]), why)
    return tag("p", bar, words, class_="kpi-target", data_state=target.state)


@html.register
def _(block: Tiles) -> Html:
    return tag("div", *(html(each) for each in block.tiles), class_="kpi-tiles")


@html.register
def _(block: Table) -> Html:
    from kpi_lib.core.dataset import plain_name  # the index of reports is written without it, and without Polars

    text = block.text_columns
    heads = [
        plain_name(each) if isinstance(each, str) else each for each in block.columns
    ]  # not how a cut column is marked
    names = [tag("th", inline(each), scope="col", class_=_side(at, text)) for at, each in enumerate(heads)]
    rows = [tag("tr", *(_cell(each, at, text=text) for at, each in enumerate(row))) for row in block.rows]
    head, body = tag("thead", tag("tr", *names)), tag("tbody", *rows)
    caption, chosen = tag("caption", block.title, class_="kpi-hidden"), " ".join(map(str, block.choices)) or None
    table = tag("table", caption, head, body, data_choices=chosen)
    box = tag("div", table, class_="kpi-scroll", tabindex="0", role="region", aria_label=block.title)
    note = tag("p", inline(block.note), class_="kpi-note") if block.note else None
    return tag("div", box, note, facts_html(block.facts), class_="kpi-table")


def facts_html(facts: Facts) -> Html | None:
    """What figures are and what stands behind them, folded away."""
    return _fold("What these figures are", _listed(facts)) if facts else None


def _listed(facts: Facts) -> Html:
    """Names with what they say."""
    pairs = [tag("div", tag("dt", name), tag("dd", inline(value))) for name, value in facts]
    return tag("dl", *pairs, class_="kpi-lineage")


def _side(at: int, text_columns: int) -> str:
    """Words stand left, numbers right."""
    return "kpi-text" if at < text_columns else "kpi-number"


def _cell(cell: Phrase | Cell, at: int, *, text: int) -> Html:
    """One table cell; the first of a row names it."""
    side = _side(at, text)
    if isinstance(cell, Cell):
        if cell.unseen:
            return tag("td", "·", class_=f"{side} kpi-unseen", title="not yet observed")
        if cell.spark:
            return tag("td", spark_html(cell.spark), class_=side)
        shade = None if cell.shade is None else min(max(cell.shade, 0.0), 1.0)
        style = None if shade is None else f"--kpi-shade:{shade * 100:.0f}%"
        return tag("td", inline(cell.phrase), class_=side + _depth(shade), style=style)
    short = " kpi-short" if at < text and isinstance(cell, str) and len(cell) <= 20 else ""
    if at > 0:
        if at >= text and isinstance(cell, tuple) and " (" in cell:  # the bracket may go to a line of its own
            place = cell.index(" (")
            bracket = tag("span", "(", inline(cell[place + 1 :]), class_="kpi-short")
            return tag("td", inline(cell[:place]), " ", bracket, class_=f"{side} kpi-both")
        shown = inline(cell)
        letters = re.sub("<[^>]*>", "", str(shown)) if at >= text else ""
        folds = " kpi-both kpi-words" if len(letters) > FOLDED else ""
        return tag("td", shown, class_=side + short + folds)
    return tag("th", inline(cell), scope="row", class_=side + short)


def _depth(shade: float | None) -> str:
    """Classes of a shaded cell: the text turns where it would lose contrast, in dark mode earlier than in light."""
    if shade is None:
        return ""
    return " kpi-shaded" + (" kpi-mid" if shade > 0.72 else "") + (" kpi-deep" if shade > 0.88 else "")


@html.register
def _(block: Note) -> Html:
    body = join(*(tag("p", inline(each)) for each in block.phrases), facts_html(block.facts))
    if block.folded:
        return _fold(block.title, body, tone=block.tone)
    return tag("aside", tag("p", tag("strong", block.title)), body, class_="kpi-aside", data_tone=block.tone)


@html.register
def _(block: Lineage) -> Html:
    pairs = [tag("div", tag("dt", name), tag("dd", value)) for name, value in block.facts]
    return tag("dl", *pairs, class_="kpi-lineage")


def _fold(title: str, body: Html, *, tone: str = "plain") -> Html:
    """Something folded away until asked for."""
    return tag("details", tag("summary", title), tag("div", body), class_="kpi-fold", data_tone=tone)
