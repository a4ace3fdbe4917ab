"""Turns what a cell left behind into parts of the page. Markup is taken from our own forms alone."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kpi_lib.reporting.markdown import markdown_html
from kpi_lib.reporting.svg import inline_svg
from kpi_lib.show.markup import escape
from kpi_lib.show.picture import HTML_MIME, PICTURE_MIME, VEGALITE_MIME

_COLOUR_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TALLEST = 60  # lines of printed text that a page shows of one output


@dataclass(slots=True)
class Specs:
    """The chart specs of a page, collected while it is written."""

    found: list[dict[str, Any]] = field(default_factory=list)

    def add(self, *, wide: object, narrow: object) -> int:
        """Keep a chart's two layouts; gives its number on the page."""
        self.found.append({"wide": wide, "narrow": narrow})
        return len(self.found)

    def told_once(self) -> dict[str, Any]:
        """All of them with what they have in common written once: the look of all charts, and rows by the name that they have.

        A dataset that stands in `datasets` of the whole is null in its chart.
        """
        there = [spec for each in self.found for spec in each.values() if spec is not None]
        config = next((spec["config"] for spec in there if "config" in spec), None)
        rows: dict[str, Any] = {}
        for name, value in (pair for spec in there for pair in spec.get("datasets", {}).items()):
            rows.setdefault(name, value)

        def lean(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
            if spec is None:
                return None
            own = {name: value for name, value in spec.items() if name != "config" or value != config}
            own |= {} if "config" in spec or config is None else {"config": {}}
            if "datasets" not in spec:
                return own
            return {
                **own,
                "datasets": {name: None if rows[name] == each else each for name, each in spec["datasets"].items()},
            }

        charts = [{layout: lean(spec) for layout, spec in each.items()} for each in self.found]
        return {"config": config, "datasets": rows, "charts": charts}


def parts(cell: Mapping[str, Any], specs: Specs) -> Iterator[str]:
    """The HTML of all outputs of a code cell, in order."""
    for output in cell.get("outputs", []):
        kind = output["output_type"]
        if kind in ("display_data", "execute_result"):
            yield shown(output["data"], specs)
        elif kind == "stream" and output["name"] == "stdout":
            yield _printed(_text(output["text"]))
        elif kind == "error":
            yield f'<pre class="stopped">{escape(plain(output["ename"] + ": " + output["evalue"]))}</pre>'


def shown(data: Mapping[str, Any], specs: Specs) -> str:
    """The HTML of one output: the first form we know; foreign HTML and scripts are never among them."""
    if PICTURE_MIME in data:
        return figure(data[PICTURE_MIME], specs)
    if HTML_MIME in data:
        return _text(data[HTML_MIME])
    if "image/svg+xml" in data:
        return _drawing(data, specs)
    if "image/png" in data:
        return _photograph(_text(data["image/png"]))
    if "text/markdown" in data:
        return f'<div class="prose">{markdown_html(_text(data["text/markdown"]))}</div>'
    return _printed(_text(data["text/plain"])) if "text/plain" in data else ""


def figure(picture: Mapping[str, Any], specs: Specs) -> str:
    """A chart: drawn still at once, live where scripts run, with its own layout for narrow screens."""
    number = specs.add(wide=picture["wide"], narrow=picture.get("narrow"))
    alt, both = picture["alt"], picture.get("narrow_svg")
    wide, width = inline_svg(picture["wide_svg"], prefix=f"c{number}w", label=alt)
    stills = f'<div class="still wide" style="--natural:{width:g}px">{wide}</div>'
    if both:
        narrow, width = inline_svg(both, prefix=f"c{number}n", label=alt)
        stills += f'<div class="still narrow" style="--natural:{width:g}px">{narrow}</div>'
    kind = "chart" if both else "chart lone"
    live = f'<div class="live" role="img" aria-label="{escape(alt)}"></div>'
    chart = f'<div class="{kind}" data-chart="{number}">{stills}{live}</div>'
    below = picture.get("below") or ""
    if picture.get("tile"):
        return f'<section class="star">{picture["tile"]}<figure>{chart}{below}</figure></section>'
    if picture.get("choice"):
        kind, name = (escape(word) for word in picture["choice"])
        named = f'<p class="option">{kind} <strong>{name}</strong></p>'
        return f'<figure data-switch="{kind}" data-option="{name}">{named}{chart}{below}</figure>'
    return f"<figure>{chart}{below}</figure>"


def _drawing(data: Mapping[str, Any], specs: Specs) -> str:
    """A lone chart, or a drawing without any spec behind it."""
    alt = _text(data.get("text/plain", "chart")).removeprefix("[chart] ")
    source = _text(data["image/svg+xml"])
    if VEGALITE_MIME in data:
        spec = {key: value for key, value in data[VEGALITE_MIME].items() if key != "background"}
        return figure({"wide": {**spec, "background": None}, "wide_svg": source, "alt": alt}, specs)
    drawn, width = inline_svg(source, prefix=f"d{specs.add(wide=None, narrow=None)}", label=alt)
    still = f'<div class="still" style="--natural:{width:g}px">{drawn}</div>'
    return f'<figure><div class="chart lone">{still}</div></figure>'


def _photograph(encoded: str) -> str:
    """A PNG, after a look that it is one."""
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
    except binascii.Error:
        return ""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return ""
    return f'<figure><img alt="" src="data:image/png;base64,{base64.b64encode(content).decode()}"></figure>'


def _printed(text: str) -> str:
    """Printed text, as it is; a flood is cut and says so."""
    lines = plain(text).rstrip().splitlines()
    more = [f"… {len(lines) - _TALLEST:,} more lines"] if len(lines) > _TALLEST else []
    body = escape("\n".join(lines[:_TALLEST] + more))
    return f'<pre class="printed" tabindex="0">{body}</pre>' if body else ""


def plain(text: str) -> str:
    """Text without the colour codes of a terminal.

    >>> plain("\\x1b[31mred\\x1b[0m")
    'red'
    """
    return _COLOUR_CODES.sub("", text)


def _text(value: object) -> str:
    """Text of an output, which the notebook format may keep as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def embedded(value: object) -> str:
    """JSON that cannot end or confuse the script element it stands in."""
    finite = json.loads(json.dumps(value), parse_constant=lambda _: None)  # browsers read no NaN
    text = json.dumps(finite, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
