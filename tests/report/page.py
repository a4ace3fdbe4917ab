"""Reads a report page as a reader does: every printed figure with where it says it comes from, and every other number."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from kpi_lib.show.facts_shapes import NAMES
from kpi_lib.show.phrases import named

FIGURE = "\N{WHITE SQUARE}"  # stands for a figure in the text around it
BLOCKS = frozenset(("p", "li", "td", "th", "dt", "dd", "summary", "h1", "h2", "h3", "caption"))
HIDDEN = frozenset(("script", "style", "svg", "title", "pre"))  # drawings and code are no text of the page
VOID = frozenset(("meta", "link", "br", "hr", "img", "input"))


@dataclass
class Printed:
    """A figure as printed, with its attributes."""

    attributes: Mapping[str, str]
    text: str = ""

    @property
    def by(self) -> dict[str, str]:
        """The columns and values that find its row."""
        pairs = (each.partition("=") for each in self.attributes.get("data-by", "").split(";") if each)
        return {column: value for column, _, value in pairs}


@dataclass
class Text:
    """The words of one block, with a mark for each figure in it."""

    tag: str
    classes: tuple[str, ...]
    regions: tuple[str, ...] = ()
    words: str = ""
    figures: list[Printed] = field(default_factory=list)

    @property
    def read(self) -> str:
        """The words with the figures in place."""
        left = iter(self.figures)
        return re.sub(FIGURE, lambda _: next(left).text, " ".join(self.words.split()))


class Page(HTMLParser):
    """All texts of a page and the figures in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.blocks: list[Text] = []
        self.texts: list[Text] = []
        self.figure: Printed | None = None
        self.feed(html)

    @property
    def figures(self) -> list[Printed]:
        return [figure for text in self.texts for figure in text.figures]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        attributes = {name: value or "" for name, value in attrs}
        self.open.append((tag, attributes))
        if tag in BLOCKS:
            classes = (each for _, found in self.open for each in found.get("class", "").split())
            regions = tuple(found["aria-label"] for _, found in self.open if "aria-label" in found)
            self.blocks.append(Text(tag, tuple(classes), regions))
            self.texts.append(self.blocks[-1])
        if tag == "data" and self.blocks:
            self.figure = Printed(attributes)
            self.blocks[-1].figures.append(self.figure)
            self.blocks[-1].words += FIGURE

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass
        if tag == "data":
            self.figure = None
        if tag in BLOCKS and self.blocks:
            self.blocks.pop()

    def handle_data(self, data: str) -> None:
        if any(tag in HIDDEN for tag, _ in self.open) or not data.strip():
            return
        if self.figure is not None:
            self.figure.text += data
        elif self.blocks:
            self.blocks[-1].words += data
        else:
            self.texts.append(Text("", (), words=data))


class Folds(HTMLParser):
    """The figures of a page (charts, tables, tiles), each with the facts that can be unfolded at it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str, dict[str, str] | None]] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self.name = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        kinds = (dict(attrs).get("class") or "").split()
        inside = any(unit is not None for _, _, unit in self.open)
        folded = any(each == "details" for each, _, _ in self.open)
        unit: dict[str, str] | None = None
        if (
            not inside
            and not folded
            and (tag == "figure" or {"star", "kpi-tile", "kpi-table", "kpi-told"} & set(kinds))
        ):
            unit = {}
            self.found.append((" ".join([tag, *kinds]), unit))
        self.open.append((tag, " ".join(kinds), unit))
        if tag == "dt":
            self.name = ""

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _, _ in self.open]
        unit = next((unit for _, _, unit in self.open if unit is not None), None)
        if unit is None or "details" not in tags or not any("kpi-lineage" in kinds for _, kinds, _ in self.open):
            return
        if "dt" in tags:
            self.name += data
        elif "dd" in tags:
            unit[self.name] = unit.get(self.name, "") + data


def folded_away(html: str) -> list[str]:
    """The figures of a page at which a fact that must unfold is missing or says nothing."""
    found = Folds(html).found
    return [f"{kind}: {name}" for kind, told in found for name in NAMES if not told.get(name, "").strip(" .·;,")]


class Places(HTMLParser):
    """Where the figures of a page stand: each part with the KPIs of its figures and the facts that unfold in it."""

    PARTS = frozenset(("star", "kpi-tile", "kpi-table", "kpi-told", "kpi-aside"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str, int | None]] = []
        self.facts: list[dict[str, str]] = []
        self.charts: list[int] = []  # parts that draw, whose figures stand in a picture
        self.figures: list[tuple[int | None, str, str]] = []  # its part, its KPI, the text that it stands in
        self.name = ""
        self.feed(html)

    @property
    def part(self) -> int | None:
        """The innermost part that is open."""
        return next((part for _, _, part in reversed(self.open) if part is not None), None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        told = dict(attrs)
        kinds = (told.get("class") or "").split()
        outer = all(part is None for _, _, part in self.open)
        part = None
        if outer and (tag == "figure" or self.PARTS & set(kinds) or (tag == "details" and "kpi-fold" in kinds)):
            part = len(self.facts)
            self.facts.append({})
            self.charts += [part] if tag == "figure" or "star" in kinds else []
        self.open.append((tag, " ".join(kinds), part))
        if tag == "dt":
            self.name = ""
        if tag == "data":
            names = {name for _, each, _ in self.open for name in each.split()}
            text = next((name for name in REPEATING if name in names), "")
            block = next((f"{tag}.{kinds}" for tag, kinds, _ in reversed(self.open) if tag in BLOCKS), "")
            self.figures.append((self.part, told.get("data-kpi") or "", text or block))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        part, tags = self.part, [tag for tag, _, _ in self.open]
        if part is None or "details" not in tags or not any("kpi-lineage" in kinds for _, kinds, _ in self.open):
            return
        if "dt" in tags:
            self.name += data
        elif "dd" in tags:
            self.facts[part][self.name] = self.facts[part].get(self.name, "") + data


# texts that repeat figures of a part that unfolds, which must stand on the same page; of a result with several frames they begin alike
REPEATING: Mapping[str, str] = {
    "kpi-headline": "the sentences on top, and what was learned",
    "kpi-say": "the finding above a chart, a table or tiles",
}


def foldless(html: str) -> list[str]:
    """Figures in a part at which nothing unfolds, and figures in a text whose KPI no part of the page unfolds."""
    places = Places(html)
    whole = {at for at, facts in enumerate(places.facts) if all(facts.get(name, "").strip(" .·;,") for name in NAMES)}
    unfolded = {kpi for part, kpi, _ in places.figures if part in whole}
    wrong = [f"a chart without {name}" for at in places.charts for name in NAMES if not places.facts[at].get(name)]
    for part, kpi, block in places.figures:
        if part in whole or (part is None and block in REPEATING and any(kpi.startswith(each) for each in unfolded)):
            continue
        wrong.append(f"{kpi} in {block}")
    return list(dict.fromkeys(wrong))


MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
# what may stand in a page without being a figure of the values file, each with its reason
ALLOWED: tuple[tuple[str, str], ...] = (
    (r"\bQ[1-4] \d{4}\b|\b\d{4}-Q[1-4]\b", "a quarter"),
    (r"\bDay-\d+ (?=retention)", "the name of a KPI"),
    (r"\b\d+\.\d+\.\d+\b", "the name of a version"),
    (r"\w+ = 0\.8\b", "a setting to write"),
    (r"\b\d+ figures? cannot be told", "a count of what is not on the page"),
    (r"\b(?:all )?\d+ (?:other )?differences? (?:is|are)", "a count of what stands on the page"),
    (r"\b\d+ of \d+ targets? met or on track", "a count of the targets on the page"),
    (r"\bof \d+ features?\.", "a count of the features in the table"),
    (r"\b[Tt]he (?:last|latest) \d+ of \d+", "how much of a table is shown"),
    (r"\b(?:after|within|over|By month) \d+(?: months)?|^\d+ months$", "an age of customers"),
    (r"\bfor each 1 that went", "the unit of a ratio"),
    (r": \S+(?: %)? wanted by .* likely\.", "a target, held by tests/show/test_goals.py"),
    (r"at a margin of [\d.]+ %|discounted by [\d.]+ % a year", "settings of kpi.toml"),
    (r"Loses: below 1\. Thin: below 3\.", "the bands of lifetime value over cost"),
    (rf"\bWeek \d+: \d+(?: {MONTH})?(?: \d{{4}})?–(?=\d)", "the week in the title"),
    (rf"\b\d{{1,2}} {MONTH} \d{{4}}\b|\b{MONTH} \d{{4}}\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b", "a date"),
    (r"\b95 %", "the level of all intervals, a choice of the house"),
    (r"\b\d+(?:st|nd|rd|th) (?=\w)", "the name of a step"),
    (r"\b(?:week|month|day) \d+(?:–\d+)?\b", "an age of cohorts"),
    (r"\bfirst \d+ (?:week|month|day)s?\b", "the ages that both intakes were watched for"),
    (r"\bwithin \d+[smhdw]\b", "the window of the funnel, from kpi.toml"),
    (r"\b\d+ of \d+ targets? (?:missed|off track|at risk)", "a count of the tiles with a target"),
    (r"\b(?:changes of|of the) \d+ (?:other )?(?:figures|periods)", "a count of what stands on the page"),
    (r"\b\d+ columns between them left out", "a count of what is not on the page"),
    (r"\bfewer than 10 members", "the line under which cells stay unshaded"),
    (r"\babout □ of 30\b", "days of a month"),
    (r"\b(?:last|next) \d+ (?:days|weeks)|\b7 days|\b30 days", "a window in words"),
)


def strays(page: Page) -> list[str]:
    """Texts with a number that is neither a figure nor allowed."""
    return [text.read for text in page.texts if not _apart(text) and re.search(r"\d", _left(text))]


def _left(text: Text) -> str:
    words = " ".join(text.words.split()).replace("\N{NARROW NO-BREAK SPACE}", " ")
    for pattern, _ in ALLOWED:
        words = re.sub(pattern, "", words)
    return words


def _apart(text: Text) -> bool:
    """Numbers that tests of their own compare: quality, lineage, targets, formulas, ages beside and above a triangle."""
    held = {"kpi-pills", "kpi-lineage", "kpi-target", "checks"} & set(text.classes)
    age = text.tag == "th" and re.fullmatch(r"\d+(–\d+)?", text.words.strip())
    key = {"kpi-text"} & set(text.classes) and re.fullmatch(
        r"\d+|\d{4}-\d{2}|Q\d \d{4}|\d+(\.\d+){2}", text.words.strip()
    )
    held |= {"Goals and targets"} & set(text.regions)  # tests/show/test_goals.py
    return bool(held or age or key or " Counted as: " in text.words)


MONTH_SECONDS = 86_400 * 365.25 / 12
SIZES = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


def misread(figure: Printed) -> bool:
    """Whether the printed text is another number than the raw value, beyond the rounding of its last digit."""
    raw, text = figure.attributes["value"], figure.text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    if not raw:
        return text not in ("—", "")
    value = float(raw)
    if text in ("yes", "no"):  # a goal that is reached or not
        return value != (text == "yes")
    if bound := re.fullmatch(r"(over|under) (\d+) %", text):
        share = float(bound[2]) / 100
        return value <= share if bound[1] == "over" else value >= share
    if months := re.fullmatch(r"(\d+(?:\.(\d+))?) months", text):
        return abs(float(months[1]) - value / MONTH_SECONDS) > 0.51 * 10 ** -len(months[2] or "")
    spans = re.findall(r"([\d.]+) (d|h|min|s)\b", text)
    if spans:
        shown = sum(float(number) * SIZES[size] for number, size in spans)
        return abs(shown - value) > SIZES[spans[-1][1]] / 2 + 1e-6
    if less := re.fullmatch(r"<([\d.]+) (?:%|points)", text):
        return not 0 < abs(value) * 100 < float(less[1])
    found = re.fullmatch(r"[−+]?[$€£]?([\d,]+(?:\.(\d+))?)(?: %| points| units?)?", text)
    if found is None:
        return True
    shown, digits = float(found[1].replace(",", "")), len(found[2] or "")
    signed = -shown if text.startswith("\N{MINUS SIGN}") else shown
    signs = (value, abs(value)) if figure.attributes["data-field"] in CHANGES else (value,)
    near = 0.5 * 10**-digits * 1.0001
    return not any(abs(signed - each * scale) <= near for each in signs for scale in _scales(figure, text))


CHANGES = ("change", "year_change")


def _scales(figure: Printed, text: str) -> tuple[int, ...]:
    """Shares are printed as percent; at the lower end of an interval and in a triangle the sign is left out."""
    if text.endswith((" %", " points")):
        return (100,)
    field, kpi = figure.attributes["data-field"], figure.attributes["data-kpi"]
    if field in ("change_low", "year_change_low", "previous_low") or (
        kpi.startswith(("funnel", "cohort", "adoption"))
        and not kpi.startswith("cohort_revenue")
        and field in ("low", "high", "rate")
    ):
        return (100, 1) if field != "previous_low" and "change" in field else (100,)
    return (1, 30) if kpi == "stickiness" else (1,)


ACTIVE = ("dau", "wau", "mau", "stickiness")


def found(figure: Printed, rows: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """What the values file holds in the place that a figure names."""
    kpi, column = figure.attributes["data-kpi"], figure.attributes["data-field"]
    start, by = figure.attributes.get("data-start"), figure.by
    for row in rows:
        own = row["kpi"] == kpi
        if not own and not (row["kpi"] == "actives" and kpi in ACTIVE and column == "value"):
            continue
        if start and str(row["start"]) != start:
            continue
        if any(named(row.get(name)) != value for name, value in by.items()):
            continue
        value = row.get(column if own else kpi)
        if value is not None:
            yield value


def unfounded(page: Page, rows: list[dict[str, Any]]) -> list[str]:
    """Figures that are not, to the last bit, what the values file holds in their place."""
    wrong = []
    for figure in page.figures:
        raw = figure.attributes["value"]
        there = set(found(figure, rows))
        if there != ({float(raw)} if raw else set()):
            wrong.append(f"{figure.text}: {dict(figure.attributes)} is {sorted(there)} in the values")
    return wrong
