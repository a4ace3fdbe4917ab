"""The catalogue of all reports in a folder: one page to open first, searchable without any network."""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kpi_lib.reporting.publish import FAILED, unwritable
from kpi_lib.show.blocks import marked
from kpi_lib.show.markup import Html, join, tag
from kpi_lib.show.notebook import stylesheet
from kpi_lib.show.render import inline
from kpi_lib.show.spark import Spark, spark_html

INDEX = "index.html"
_DEEPEST = 4  # workspace / report / period / segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A report in the catalogue; `error` is set for a failed run."""

    workspace: str
    report: str
    title: str
    period: str
    by: str
    link: str
    sentence: str = ""
    error: str = ""
    star: str = ""
    past: tuple[float | None, ...] = ()
    partial: bool = False


def write_index(out: Path) -> Path:
    """Write `index.html` over all reports under a folder, whole or not at all; gives its path."""
    text = index_page(entries(out))
    place, part = out / INDEX, None
    try:
        out.mkdir(parents=True, exist_ok=True)
        if place.is_file() and place.read_text("utf-8") == text:
            return place
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=out, prefix=".index", delete=False) as file:
            part = Path(file.name)
            file.write(text)
        part.chmod(0o666 & ~_umask())
        part.replace(place)
    except OSError as error:
        raise unwritable(place, error) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return place


def _umask() -> int:
    """The permissions that new files here do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def entries(out: Path) -> list[Entry]:
    """All reports under a folder: by workspace and report, the latest period first; failed runs stand with them."""
    found = [_good(file, out) for file in _files(out, "manifest.json")] + [
        _failed(f, out) for f in _files(out, "error.txt")
    ]
    kept = sorted((each for each in found if each is not None), key=lambda each: (each.by, each.link))
    kept.sort(key=lambda each: each.period, reverse=True)
    return sorted(
        kept, key=lambda each: (each.workspace.casefold(), each.workspace, each.report.casefold(), each.report)
    )


def _files(out: Path, name: str) -> Iterable[Path]:
    """Files of that name at the depth of reports, hidden folders left out."""
    for depth in range(3, _DEEPEST + 1):
        for file in out.glob("/".join(["*"] * depth + [name])):
            if not any(part.startswith(".") for part in file.relative_to(out).parts):
                yield file


def _good(manifest: Path, out: Path) -> Entry | None:
    """A published report; a manifest of another making is passed over."""
    try:
        content: dict[str, Any] = json.loads(manifest.read_text("utf-8"))
        sentences = content["facts"].get("sentences") or [""]
        star = content["facts"].get("star") or {}
        return Entry(
            workspace=str(content["workspace"]),
            report=str(content["name"]),
            title=str(content["title"]),
            period=str(content["period"]),
            by=", ".join(f"{column} = {value}" for column, value in content["by"].items()),
            link=_link(manifest.with_name("report.html"), out),
            sentence=str(sentences[0]),
            star=str(star.get("title", "")),
            past=tuple(None if each is None else float(each) for each in star.get("values", ())),
            partial=star.get("partial") is True,
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, IndexError):
        return None


def _failed(error: Path, out: Path) -> Entry | None:
    """A failed run, known by its place alone."""
    parts = error.parent.relative_to(out).parts
    if not parts[-1].endswith(FAILED):
        return None
    last = parts[-1].removesuffix(FAILED)
    names = [*parts[:-1], last]
    return Entry(
        workspace=names[0],
        report=names[1],
        title=names[2],
        period=names[2],
        by=names[3] if len(names) > 3 else "",
        link=_link(error, out),
        error=error.read_text("utf-8", errors="replace").strip(),
    )


def _link(file: Path, out: Path) -> str:
    """The address of a file, seen from the catalogue."""
    return quote(file.relative_to(out).as_posix())


def index_page(found: Sequence[Entry]) -> str:
    """The catalogue as one page; the same reports give the same bytes."""
    groups = [
        _group(workspace, report, list(group))
        for (workspace, report), group in groupby(found, key=lambda each: (each.workspace, each.report))
    ]
    body = join(*groups) if groups else tag("p", "No report stands here yet. Make one with: kpi report --all")
    style, script = stylesheet(":root") + _resource("page.css") + _resource("index.css"), _resource("index.js")
    digest = hashlib.sha256("\0".join((body.text, style, script)).encode("utf-8", "backslashreplace")).digest()
    parts = {
        "nonce": base64.urlsafe_b64encode(digest[:18]).decode(),
        "style": style,
        "script": script,
        "count": _count(found),
        "body": body.text,
    }
    page = _resource("index.html")
    for name, text in parts.items():  # the body comes last, so that nothing in it is taken for a place to fill
        page = page.replace(f"[[{name}]]", text)
    return page


def _count(found: Sequence[Entry]) -> str:
    """How many there are."""
    failed = sum(1 for each in found if each.error)
    good = len(found) - failed
    return f"{good} report{'' if good == 1 else 's'}" + (f" · {failed} failed" if failed else "")


def _group(workspace: str, report: str, group: list[Entry]) -> Html:
    """All periods of one report, the latest in full."""
    rows = [_row(entry, latest=at == 0) for at, entry in enumerate(group)]
    heading = tag("h2", tag("span", workspace, class_="who"), " ", report)
    return tag("section", heading, tag("ul", *rows, class_="reports"), class_="shelf")


def _row(entry: Entry, *, latest: bool) -> Html:
    """One report with its first sentence, or one failed run with its reason."""
    words = " ".join((entry.workspace, entry.report, entry.title, entry.period, entry.by)).casefold()
    by = tag("span", entry.by, class_="by") if entry.by else None
    if entry.error:
        mark = tag("span", "✕ failed", class_="state")
        told = tag("p", entry.error.splitlines()[-1], class_="kpi-note")
        return tag("li", tag("a", entry.title, href=entry.link), by, mark, told, data_words=words, data_state="failed")
    told = tag("p", inline(marked(entry.sentence)), class_="kpi-note")
    text = f"{entry.star} over {len(entry.past)} periods"
    drawn = spark_html(Spark(values=entry.past, text=text, partial=entry.partial)) if latest else None
    spark = tag("p", drawn, tag("span", entry.star), class_="past") if drawn else None
    link, kind = tag("a", entry.title, href=entry.link), "latest" if latest else None
    return tag("li", link, by, told, spark, data_words=words, class_=kind)


def _resource(name: str) -> str:
    """A file of the template."""
    return files("kpi_lib.reporting").joinpath("template", name).read_text("utf-8")
