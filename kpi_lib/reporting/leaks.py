"""The second lock of a shared report: what is about to be published is read again, whoever wrote it, and refused if it tells of a few."""

import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.errors import ReportError
from kpi_lib.core.schema import TABLES
from kpi_lib.core.units import COUNT
from kpi_lib.kpis.registry import catalogue
from kpi_lib.shapes.lifecycle import FLOWS, STATES

_FUNNEL = ("units", "lost", "in_progress", "excluded", "tie_sensitive")
_COHORT = ("size", "retained", "eligible", "same_period", "members", "all_members")
_ACTIVE = ("users", "dau", "wau", "mau", "rolling", "active")
_CUSTOMERS = ("customers", *(f"customers_{part}" for part in ("opening", "new", "back", "lost", "closing")))
COUNTED = frozenset(("n", "hits", "unripe", *_FUNNEL, *_COHORT, *_ACTIVE, *_CUSTOMERS, *FLOWS, *STATES))
FIGURE = re.compile(r'data-kpi="([^"]*)" data-field="([^"]*)" value="([^"]*)"')
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w[\w.-]*")
PHONE = re.compile(r"(?<![\w.])\+\d[\d ()/-]{7,}\d")
# they have a rule of their own, and +74 beside 95 % is no number to call
FIGURES = re.compile(r"<data [^>]*>[^<]*</data>")
NO_TEXT = re.compile(r"<style.*?</style>|<script type=\"module\".*?</script>|<[^>]+>", re.DOTALL)
WORD = re.compile(r"[\w@.+-]+")
SHORTEST = 4  # a shorter text, or a bare number, cannot be told from a figure


def personal(data: Dataset, marked: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """What names a person in these data: ids of people and the values of the columns that kpi.toml marks as `pii`."""
    found: set[str] = set()
    for table in data.tables:
        there = data.columns(table)
        ids = (
            [each.name for each in TABLES[table] if each.kind == "id" and each.name in there] if table in TABLES else []
        )
        for column in dict.fromkeys([*ids, *(each for each in marked.get(table, ()) if each in there)]):
            found |= set(data[table].select(pl.col(column).cast(pl.String).unique()).collect()[column].drop_nulls())
    return frozenset(each for each in found if len(each) >= SHORTEST and not each.replace(".", "").isdigit())


def refuse_leaks(folder: Path, *, least: int, people: frozenset[str]) -> None:
    """Raise a `ReportError` if a shared report holds a small count, an address, a telephone number or the name of a person."""
    html = (folder / "report.html").read_text("utf-8")
    values = pl.read_parquet(folder / "values.parquet")
    for where in (*_small_on_page(html, least), *_small_in(values, least)):
        raise ReportError(
            f"nothing is shared: {where} is about fewer than {least} people. Leave it out of the notebook."
        )
    texts = {"report.html": unescape(NO_TEXT.sub(" ", html)), "values.parquet": " ".join(_texts(values))}
    texts["report.ipynb"] = _notebook(folder / "report.ipynb")
    called = {**texts, "report.html": unescape(NO_TEXT.sub(" ", FIGURES.sub("·", html)))}
    for file, text in texts.items():
        for kind, found in (
            ("an e-mail address", MAIL.search(text)),
            ("a telephone number", PHONE.search(called[file])),
        ):
            if found:
                raise ReportError(f"nothing is shared: {file} holds {kind}. Leave out the column that has it.")
        words = set(WORD.findall(text))
        if words & people or any(name in text for name in people if " " in name):
            raise ReportError(
                f"nothing is shared: {file} names a person (an id or a pii column). Leave that column out."
            )


def _small(kpi: str, field: str) -> bool:
    """Whether a figure counts people."""
    return field in COUNTED or (field == "value" and kpi in catalogue() and catalogue()[kpi].unit is COUNT)


def _small_on_page(html: str, least: int) -> Iterator[str]:
    for kpi, field, raw in FIGURE.findall(html):
        if raw and _small(unescape(kpi), field) and 0 < float(raw) < least:
            yield f"a figure of {unescape(kpi)} ({field})"


def _small_in(values: pl.DataFrame, least: int) -> Iterator[str]:
    few = [
        name for name in values.columns if name in COUNTED and values[name].is_between(0, least, closed="none").any()
    ]
    yield from (f"a row of values.parquet ({name})" for name in few)
    if "value" in values.columns:
        small = values.filter(pl.col("value").is_between(0, least, closed="none"))["kpi"].unique().sort()
        yield from (f"a row of values.parquet ({kpi})" for kpi in small if _small(kpi, "value"))


def _texts(values: pl.DataFrame) -> Iterator[str]:
    for name, kind in values.schema.items():
        if kind == pl.String:
            yield from values[name].unique().drop_nulls()


def _notebook(file: Path) -> str:
    """The sources and printed outputs of a notebook; its pictures and blocks are those of the page."""
    book: dict[str, Any] = json.loads(file.read_text("utf-8"))
    printed = [output.get("text", "") for cell in book["cells"] for output in cell.get("outputs", [])]
    return " ".join("".join(each) for each in [*(cell["source"] for cell in book["cells"]), *printed])
