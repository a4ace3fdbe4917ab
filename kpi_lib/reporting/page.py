"""Writes an executed notebook as one HTML file that is safe to open anywhere, without any network.

Before the first `##` heading stands what a hurried reader needs; every further heading opens a section with its code
folded away. The security policy of the page lets nothing run but our own scripts, known by a number made of the
page's content; so the same content gives the same bytes.
"""

import atexit
import base64
import hashlib
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from html import unescape
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from kpi_lib.reporting.markdown import markdown_html
from kpi_lib.reporting.outputs import Specs, embedded, parts
from kpi_lib.reporting.vega import vega_bundle
from kpi_lib.show import theme
from kpi_lib.show.markup import clean
from kpi_lib.show.notebook import stylesheet

if TYPE_CHECKING:
    from nbconvert.exporters import TemplateExporter
    from nbformat import NotebookNode

_HEADING = re.compile(r"^## +(?=\S)", re.MULTILINE)
_TITLE = re.compile(r"\A\s*# +(.+)$", re.MULTILINE)
_TAGS = re.compile(r"<[^>]+>")
_SAY = ('<p class="kpi-say"', '<div class="kpi-told"><p class="kpi-say"')
_FINDING: tuple[str | tuple[str, ...], ...] = (_SAY, "<figure>")  # what an executive reads of a section
_HEADLINE = ('<ul class="kpi-headline"', '<div class="kpi-told"><ul class="kpi-headline"')
# what stands above everything else, in this order
_FIRST: tuple[str | tuple[str, ...], ...] = (_HEADLINE, '<ul class="kpi-pills"')


_HELD = ExitStack()  # the template's folder, as long as the process lives
atexit.register(_HELD.close)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who and when: the lines over a report."""

    workspace: str
    report: str
    title: str
    notice: str = ""
    audience: str = "team"
    least: int = 0
    language: str = "en"
    # to the segments, or to the whole: words, and the ways
    links: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(slots=True)
class Section:
    """One question: its heading, what answers it, and the code behind the answer."""

    heading: str = ""
    anchor: str = ""
    parts: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The heading without markup, for the list of contents."""
        return clean(unescape(_TAGS.sub("", self.heading)))


@dataclass(slots=True)
class Story:
    """A notebook taken apart into what the page shows."""

    top: Section = field(default_factory=Section)
    question: str = ""
    intro: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    specs: Specs = field(default_factory=Specs)


def page(notebook: "NotebookNode", head: Head, *, live: bool = True) -> str:
    """Write the page; `live=False` leaves the scripts out, for print and mail."""
    from nbformat.v4 import new_notebook

    head = replace(head, workspace=clean(head.workspace), report=clean(head.report))
    head = replace(head, title=clean(head.title), notice=clean(head.notice))
    ways = [(clean(lead), tuple((clean(text), href) for text, href in each)) for lead, each in head.links]
    head = replace(head, links=tuple(ways))
    story = read(notebook)
    _for(head.audience, story)
    charts = [spec for spec in story.specs.found if spec["wide"] is not None]
    scripted = live and bool(charts)
    content = {
        "head": head,
        "story": story,
        "css": stylesheet(":root") + _resource("page.css"),
        "specs": embedded(story.specs.told_once()) if scripted else "",
        "swaps": embedded({"colours": theme.swaps(), "breakpoint": theme.BREAKPOINT}) if scripted else "",
        "bundle": vega_bundle() if scripted else "",
        "script": _script(charts=scripted) if scripted or (live and _offers(story)) else "",
    }
    # the template writes what `read` made of the notebook; the notebook itself would only be copied, which takes long
    body: str = _exporter().from_notebook_node(new_notebook(), {"page": {**content, "nonce": _nonce(head, content)}})[0]
    return body


@cache
def _exporter() -> "TemplateExporter":
    """What fills in the template; read once, as a process may write many pages."""
    from nbconvert.exporters import TemplateExporter

    room = _HELD.enter_context(as_file(files("kpi_lib.reporting")))
    return TemplateExporter(template_name="template", template_file="page.html.j2", extra_template_basedirs=[str(room)])


def _offers(story: Story) -> bool:
    """Whether there is something to choose beside charts."""
    parts = (part for section in (story.top, *story.sections) for part in section.parts)
    return any('class="kpi-table"' in part or "<template " in part for part in parts)


def _script(*, charts: bool) -> str:
    """What makes a page answer: its choices, and its charts where there are any."""
    drawn = _resource("switches.js") + _resource("live.js") if charts else ""
    return _resource("choices.js") + drawn + "tables();\ntiles();\nalternatives();\n"


def _for(audience: str, story: Story) -> None:
    """Executives get the finding and the picture of each question; code is for the team."""
    if audience == "team":
        return
    for section in (story.top, *story.sections):
        section.code.clear()
    if audience == "executive":
        for section in story.sections:
            found = [[part for part in section.parts if part.startswith(kind)][:1] for kind in _FINDING]
            section.parts[:] = [part for parts in found for part in parts]
        story.sections[:] = [section for section in story.sections if section.parts]


def _nonce(head: Head, content: dict[str, Any]) -> str:
    """A number that no text inside the page can know, as it is made of all of them."""
    story: Story = content["story"]
    everything = [repr(head), repr(story), content["specs"], content["css"], content["script"], content["bundle"]]
    digest = hashlib.sha256("\0".join(everything).encode("utf-8", "backslashreplace")).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()


def read(notebook: "NotebookNode") -> Story:
    """Take a notebook apart: heading by heading, text and outputs to the reader, code into the fold."""
    story = Story()
    for cell in notebook.cells:
        here = story.sections[-1] if story.sections else story.top
        if cell.cell_type == "markdown":
            _read_text(story, cell.source)
        elif cell.cell_type == "code":
            if cell.source.strip():
                here.code.append(highlighted(cell.source))
            here.parts += [part for part in parts(cell, story.specs) if part]
    story.top.parts.sort(key=_rank)
    return story


def _rank(part: str) -> int:
    """The sentences first, then the quality of the data, then the rest as the notebook has it."""
    return next((at for at, start in enumerate(_FIRST) if part.startswith(start)), len(_FIRST))


def _read_text(story: Story, source: str) -> None:
    """Sort a Markdown cell into the intro, the current section, or new sections."""
    before, *chunks = _HEADING.split(source)
    if not story.sections:
        title = _TITLE.match(before)
        if title:
            story.question = _inline(title.group(1))
            before = before[title.end() :]
    if before.strip():
        written = f'<div class="prose">{markdown_html(before)}</div>'
        (story.sections[-1].parts if story.sections else story.intro).append(written)
    for chunk in chunks:
        heading, _, text = chunk.partition("\n")
        section = Section(heading=_inline(heading), anchor=f"section-{len(story.sections) + 1}")
        if text.strip():
            section.parts.append(f'<div class="prose">{markdown_html(text)}</div>')
        story.sections.append(section)


def _inline(text: str) -> str:
    """One line of Markdown without its paragraph."""
    return markdown_html(text.strip()).strip().removeprefix("<p>").removesuffix("</p>")


def highlighted(source: str) -> str:
    """Python code as HTML."""
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers.python import PythonLexer

    return str(highlight(clean(source), PythonLexer(), HtmlFormatter(nowrap=True))).rstrip()


@cache
def _resource(name: str) -> str:
    """A file of the template."""
    return files("kpi_lib.reporting").joinpath("template", name).read_text("utf-8")
