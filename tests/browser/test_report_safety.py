"""Nothing that comes from data runs in a report, and a report asks no network for anything."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import altair as alt
import nbformat
import polars as pl
import pytest

from kpi_lib.reporting.index import Entry, index_page
from kpi_lib.reporting.page import Head, page
from kpi_lib.show import theme
from kpi_lib.show.blocks import Figure, Headline, Note, Pill, Pills, Say, Table, Term, Tile, Tiles, lineage, marked
from kpi_lib.show.markup import safe
from kpi_lib.show.notebook import bundle
from kpi_lib.show.picture import Picture

pytestmark = pytest.mark.browser

RUN = "window.ran=(window.ran||0)+1"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"</style><script>{RUN}</script>",
    f"--><script>{RUN}</script>",
    "<!--<script>",
    f"]]><script>{RUN}</script>",
    f"<img src=x onerror='{RUN}'>",
    f'"><img src=x onerror="{RUN}">',
    f"' onmouseover='{RUN}' x='",
    f"<svg onload='{RUN}'>",
    f"<svg><script>{RUN}</script></svg>",
    f"<details open ontoggle='{RUN}'>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<input autofocus onfocus='{RUN}'>",
    f"<body onload='{RUN}'>",
    f"[a](javascript:{RUN})",
    "![a](https://example.invalid/x.png)",
    f"<a href='javascript:{RUN}'>x</a>",
    "{{7*7}}{% raw %}${7*7}`x`",
    "<meta http-equiv=refresh content='0;url=https://example.invalid'>",
    "<base href='https://example.invalid/'><link rel=stylesheet href='/x.css'>",
    "a\x00b\x08c\x1b[31md\ufffe\ud800e\u2028f\u202eg",
]


def chart(label: str, **size: Any) -> alt.Chart:  # noqa: ANN401 - passed on
    frame = pl.DataFrame({"label": [label.encode("utf-8", "replace").decode()], "value": [3]})
    y = alt.Y("label:N", sort=[label], title=label)
    mark = alt.Chart(frame, title=label, description=label).mark_bar(tooltip=True)
    return mark.encode(y=y, x=alt.X("value:Q", title=label), color="label:N").properties(**size)


def tile(label: str, figure: Figure) -> Tile:
    """A tile that can be turned to an earlier period of that name."""
    own = Tile(label=label, value=figure, note=label, quiet=label, period=("2026-01-01", label))
    told = {"meaning": Term(label, label), "facts": ((label, label),)}
    return replace(own, period=("2026-02-01", f"now {label}"), earlier=(own,), **told)  # type: ignore[arg-type]


def table(label: str, figure: Figure) -> Table:
    """Rows to choose from by names of that kind."""
    rows = ((label, figure), (label, figure), ("other", figure))
    return Table(title=label, columns=(label, label), rows=rows, note=label, facts=((label, label),), choices=(0,))


def hostile(label: str) -> str:
    """A report that has the label in every place a label can stand."""
    figure = Figure(text=label, kpi=label, value=1.0, by=((label, label),))
    shown = [
        Headline((label, marked(f"**{label}**"), figure)),
        Pills((Pill(label, "warn", label),)),
        Tiles((tile(label, figure),)),
        table(label, figure),
        Note(title=label, phrases=(label,)),
        lineage({label: label}),
        Say(label),
        Picture(wide=chart(label), narrow=chart(label, width=120), alt=label, note=label, facts=((label, label),)),
        Picture(wide=chart(label), alt=label, tile=Tile(label=label, value=figure)),
    ]
    outputs = [nbformat.v4.new_output("display_data", bundle(each)) for each in shown]
    for kind in ("text/html", "text/markdown", "application/javascript", "image/svg+xml", "text/latex"):
        raw = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{RUN}</script></svg>" if "svg" in kind else label
        outputs.append(nbformat.v4.new_output("display_data", {kind: raw, "text/plain": label}))
    outputs.append(nbformat.v4.new_output("display_data", {"text/markdown": f"## {safe(label)}\n\n{label}"}))
    outputs.append(nbformat.v4.new_output("stream", name="stdout", text=label))
    outputs.append(nbformat.v4.new_output("error", ename=label, evalue=label, traceback=[label]))
    cells = [
        nbformat.v4.new_markdown_cell(f"# {safe(label)}\n{label}"),
        nbformat.v4.new_markdown_cell(f"## {label}\n{label}"),
        nbformat.v4.new_code_cell(f"x = {label!r}  # {label}", outputs=outputs),
    ]
    return page(nbformat.v4.new_notebook(cells=cells), Head(workspace=label, report=label, title=label))


def poke(opened: Any) -> None:  # noqa: ANN401 - playwright's page
    """Unfold and choose everything, let every chart come alive and move a real pointer over all marks."""
    opened.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    choices = opened.locator(".switches select").all()
    assert len(choices) == 2  # the period of the tiles, the segment of the table
    for choice in choices:
        choice.select_option(index=1)
    for figure in opened.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".live svg").wait_for()
        for mark in figure.locator(".live .mark-rect path").all():
            mark.hover(force=True)


@pytest.fixture(autouse=True)
def _theme() -> Iterator[None]:
    theme.enable()
    yield
    alt.theme.enable("default")


@pytest.mark.parametrize("label", PAYLOADS, ids=[f"payload{at}" for at in range(len(PAYLOADS))])
def test_no_payload_runs_and_every_chart_is_drawn(label: str, visit: Callable[..., Any]) -> None:
    seen = visit(hostile(label))
    poke(seen.page)
    assert seen.page.evaluate("window.ran") is None
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.page.locator(".drawn").count() == 2
    literal = re.sub(r"\s+", "", label) if label.isprintable() else "␀"
    assert literal in re.sub(r"\s+", "", seen.page.inner_text("body"))


def test_the_stock_export_fails_this_very_test(visit: Callable[..., Any]) -> None:
    seen = visit(chart(PAYLOADS[1]).to_html(inline=True))
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate("window.ran") is not None


def test_a_script_that_got_into_the_page_is_held_by_the_policy(demo_html: str, visit: Callable[..., Any]) -> None:
    planted = demo_html.replace("</main>", f"<img src=x onerror='{RUN}'><script>{RUN}</script></main>")
    seen = visit(planted)
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in said for said in seen.complaints)


def test_the_policy_allows_our_scripts_alone(demo_html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', demo_html)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe-eval" not in policy.group(1)
    tags = re.findall(r"<script[ >][^>]*>", demo_html)
    nonce = policy.group(1).split("'nonce-")[1].split("'")[0]
    assert len(tags) == 4
    assert all(f'nonce="{nonce}"' in tag for tag in tags)
    assert "University of Washington Interactive Data Lab" in demo_html


def test_the_catalogue_is_as_safe_and_can_be_searched(visit: Callable[..., Any]) -> None:
    names = {"workspace": PAYLOADS[1], "report": PAYLOADS[8], "link": "a/b/c/report.html"}
    found = [
        Entry(title=f"Period {at}", period=str(at), by=PAYLOADS[7], sentence=PAYLOADS[0], **names) for at in (11, 12)
    ]
    seen = visit(index_page([*found, Entry(title="Bad", period="9", by="", error=PAYLOADS[6], **names)]))
    assert seen.page.locator("li:visible").count() == 3
    seen.page.fill("#seek", "period 12")
    assert seen.page.locator("li:visible").count() == 1
    seen.page.fill("#seek", "nowhere")
    assert seen.page.locator("#none").is_visible()
    assert seen.page.evaluate("window.ran") is None
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []


# forms of the OWASP cheat sheet on filter evasion, beside the ones above: together more than sixty
MORE = [
    f"<IMG SRC=/ onerror=\"{RUN}\"></img>",
    f"<img src=x:x onerror={RUN}>",
    f"<IMG \"\"\"><SCRIPT>{RUN}</SCRIPT>\"\\>",
    f"<IMG SRC=# onmouseover=\"{RUN}\">",
    f"<IMG SRC=javascript:{RUN}>",
    f"<IMG SRC=`javascript:{RUN}`>",
    "<IMG SRC=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;window.ran=1>",
    "<IMG SRC=&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;window.ran=1>",
    f"<IMG SRC=\"jav\tascript:{RUN}\">",
    f"<SCRIPT/XSS>{RUN}</SCRIPT>",
    f"<SCRIPT/SRC=\"data:text/javascript,{RUN}\"></SCRIPT>",
    f"<<SCRIPT>{RUN};//\\<</SCRIPT>",
    f"<SCRIPT >{RUN}</SCRIPT >",
    "<SCRIPT SRC=//example.invalid/.j>",
    f"<BODY BACKGROUND=\"javascript:{RUN}\">",
    f"<BODY ONLOAD={RUN}>",
    f"<INPUT TYPE=\"IMAGE\" SRC=\"javascript:{RUN};\">",
    f"<IMG DYNSRC=\"javascript:{RUN}\">",
    f"<STYLE>li {{list-style-image: url(\"javascript:{RUN}\");}}</STYLE><UL><LI>x</br>",
    f"<svg/onload={RUN}>",
    f"<BGSOUND SRC=\"javascript:{RUN};\">",
    f"<BR SIZE=\"&{{{RUN}}}\">",
    f"<LINK REL=\"stylesheet\" HREF=\"javascript:{RUN};\">",
    "<STYLE>@import'https://example.invalid/x.css';</STYLE>",
    f"<IMG STYLE=\"xss:expr/*XSS*/ession({RUN})\">",
    f"<XSS STYLE=\"behavior: url(xss.htc);\" onclick={RUN}>",
    f"<META HTTP-EQUIV=\"refresh\" CONTENT=\"0;url=javascript:{RUN};\">",
    f"<IFRAME SRC=\"javascript:{RUN};\"></IFRAME>",
    f"<IFRAME SRC=# onload={RUN}></IFRAME>",
    f"<FRAMESET><FRAME SRC=\"javascript:{RUN};\"></FRAMESET>",
    f"<TABLE><TD BACKGROUND=\"javascript:{RUN}\">",
    f"<DIV STYLE=\"width: expression({RUN});\">",
    f"<!--[if gte IE 4]><SCRIPT>{RUN};</SCRIPT><![endif]-->",
    f"<BASE HREF=\"javascript:{RUN};//\">",
    f"<OBJECT DATA=\"data:text/html,<script>{RUN}</script>\"></OBJECT>",
    f"<EMBED SRC=\"data:image/svg+xml,<svg onload='{RUN}'/>\" AllowScriptAccess=\"always\"></EMBED>",
    f"<video><source onerror=\"{RUN}\"></video>",
    f"<audio src=x onerror={RUN}>",
    f"<marquee onstart={RUN}>x</marquee>",
    f"<form><button formaction=\"javascript:{RUN}\">x</button></form>",
    f"<math><a xlink:href=\"javascript:{RUN}\">x</a></math>",
    f"<template><script>{RUN}</script></template>",
    f"\\\";{RUN};//",
    f"</textarea><script>{RUN}</script>",
    f"\u003cscript\u003e{RUN}\u003c/script\u003e",
]  # fmt: skip


def crowded(labels: list[str]) -> str:
    """One report with all labels, each in a table, tile, fold, sentence, picture and error."""
    figures = [Figure(text=label, kpi=label, value=1.0, by=((label, label),)) for label in labels]
    facts = tuple((label, label) for label in labels)
    tiles = tuple(replace(tile(each, f), facts=facts) for each, f in zip(labels, figures, strict=True))
    frame = pl.DataFrame({"label": labels, "value": range(1, len(labels) + 1)})
    drawn = alt.Chart(frame, title=labels[0]).mark_bar(tooltip=True).encode(y="label:N", x="value:Q", color="label:N")
    shown = [
        Headline(tuple(labels)),
        Tiles(tiles),
        Table(
            title="t", columns=("a", "b"), rows=tuple(zip(labels, figures, strict=True)) * 2, facts=facts, choices=(0,)
        ),
        Note(title="n", phrases=tuple(labels)),
        lineage(dict(facts)),
        Picture(wide=drawn, alt="; ".join(labels)),
    ]
    outputs = [nbformat.v4.new_output("display_data", bundle(each)) for each in shown]
    outputs += [nbformat.v4.new_output("error", ename="E", evalue=label, traceback=[label]) for label in labels]
    cells = [nbformat.v4.new_markdown_cell(f"# {safe(each)}\n\n## {each}\n{each}") for each in labels]
    book = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("x", outputs=outputs)])
    return page(book, Head(workspace=labels[0], report=labels[1], title=labels[2], notice=labels[3]))


def test_sixty_forms_of_attack_stay_text(visit: Callable[..., Any]) -> None:
    assert len(PAYLOADS) + len(MORE) >= 60
    seen = visit(crowded(MORE))
    poke(seen.page)
    assert seen.page.evaluate("window.ran") is None
    assert seen.complaints == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.page.locator(".drawn").count() == 1
    body = re.sub(r"\s+", "", seen.page.inner_text("body"))
    assert [label for label in MORE if re.sub(r"\s+", "", label) not in body] == []
