"""An answer as one piece of safe markup for a widget: its parts, its charts in both widths, the lines that give the same."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from threading import Lock

from altair.utils import schemapi

from kpi_lib.shapes.funnel import FunnelResult
from kpi_lib.show import theme
from kpi_lib.show.blocks import Tile, Tiles
from kpi_lib.show.charts import chart
from kpi_lib.show.faces import faces
from kpi_lib.show.facts import explained, unfolding
from kpi_lib.show.markup import tag
from kpi_lib.show.notebook import stylesheet
from kpi_lib.show.picture import Chart, Picture, below, drawable
from kpi_lib.show.render import html
from kpi_lib.show.say import say
from kpi_lib.show.stills import still

PEN = Lock()  # the theme and its checks belong to the whole process: one drawing at a time
MARK = re.compile(r'(<(?:path|rect|text)\b[^>]*\saria-label="([^"]+)"[^>]*)/>')
NAMED = re.compile(r'(\bid="|url\(#)')
STYLE = f"""
.kpi-panel {{ container-type: inline-size; background: var(--kpi-paper); padding: 8px 2px; }}
.kpi-panel figure {{ margin: 0; overflow-x: auto; background: {theme.LIGHT.paper}; }}
.kpi-panel figure svg {{ display: block; }}
.kpi-panel .kpi-narrow {{ display: none; }}
@container (max-width: {theme.BREAKPOINT}px) {{
  .kpi-panel .kpi-wide {{ display: none; }}
  .kpi-panel .kpi-narrow {{ display: block; }}
  .kpi-panel .kpi-pair {{ grid-template-columns: minmax(0, 1fr); }}
}}
.kpi-panel pre {{ margin: 4px 0 0; padding: 8px 12px; border-radius: 6px; background: var(--kpi-panel); }}
.kpi-panel pre, .kpi-panel code {{ font: 400 var(--kpi-type-small)/1.45 var(--kpi-mono); color: var(--kpi-ink); }}
.kpi-panel pre, .kpi-panel code {{ white-space: pre-wrap; overflow-wrap: anywhere; word-break: normal; }}
.kpi-pair {{ display: grid; grid-template-columns: minmax(15rem, 1fr) auto; gap: 16px; align-items: start; }}
.kpi-refused {{ border-left: 3px solid var(--kpi-warn); background: var(--kpi-panel); }}
.kpi-refused {{ padding: 12px 16px; margin: 0; max-width: 44rem; }}
"""


@contextmanager
def drawing() -> Iterator[None]:
    """Draw alone and without checks of specs, which take most of the time: the suite has checked what our charts write."""
    with PEN, schemapi.debug_mode(False):
        yield


def parts_of(result: object) -> list[object]:
    """What is on show for a result: its face, but of a funnel by segments not the steps of each, which take longer than the rest."""
    if isinstance(result, FunnelResult) and result.by and result.table["units"].sum():
        return [say(result), explained(chart(result), result)]
    return [_of_now(each) for each in unfolding(faces(result), result) if each is not None]


def _of_now(part: object) -> object:
    """A part without the tiles of earlier periods, which only a page can turn to: an explorer has a control for the period."""
    match part:
        case Tiles():
            return replace(part, tiles=tuple(replace(each, earlier=()) for each in part.tiles))
        case Tile():
            return replace(part, earlier=())
        case Picture(tile=Tile()):
            return replace(part, tile=replace(part.tile, earlier=()))  # type: ignore[type-var]
    return part


def panel(result: object, lines: Mapping[str, str], *, name: str = "k") -> str:
    """What is on show for a result: the parts of its face, then lines of code, each under its label."""
    with drawing():
        parts = [_part(each, f"{name}-{at}") for at, each in enumerate(parts_of(result))]
    for label, line in lines.items():
        parts += [tag("p", label, class_="kpi-note").text, tag("pre", tag("code", line)).text]
    return framed("".join(parts))


def refusal(message: str) -> str:
    """Why there is no answer, in words."""
    return framed(tag("p", message, class_="kpi-refused", role="alert").text)


def framed(text: str) -> str:
    """Markup with the styles that it needs where no page brings them."""
    return f'<style>{_styles()}</style><div class="kpi-block kpi-panel" aria-live="polite">{text}</div>'


@cache
def _styles() -> str:
    return stylesheet() + STYLE


def _part(shown: object, name: str) -> str:
    if not isinstance(shown, Picture):
        return html(shown).text
    wide = _inline(shown.wide, f"{name}w", "kpi-wide" if shown.narrow is not None else "kpi-lone")
    narrow = _inline(shown.narrow, f"{name}n", "kpi-narrow") if shown.narrow is not None else ""
    box = tag("figure", aria_label=shown.alt, role="img").text.replace("></figure>", f">{wide}{narrow}</figure>")
    if shown.tile is not None:
        box = f'<div class="kpi-pair">{html(shown.tile).text}{box}</div>'
    return box + below(shown).text


def _inline(chart: Chart, name: str, kind: str) -> str:
    """A drawn chart with names of its own, as drawings on one page would share them; each mark tells its figures on hover."""
    drawn = still({**drawable(chart), "background": theme.LIGHT.paper})
    own = NAMED.sub(rf"\g<1>{name}-", drawn)
    told = MARK.sub(lambda mark: f"{mark[1]}><title>{mark[2]}</title></{mark[1][1:].split()[0]}>", own)
    return f'<div class="{kind}">{told}</div>'
