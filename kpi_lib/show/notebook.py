"""How things show themselves in a notebook: charts, pictures, the parts of a report, and results of the library."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from kpi_lib.show import theme
from kpi_lib.show.blocks import KINDS
from kpi_lib.show.markup import clean, safe
from kpi_lib.show.picture import HTML_MIME, PICTURE_MIME, Picture, chart_bundle, picture_bundle
from kpi_lib.show.render import html

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["HTML_MIME", "PICTURE_MIME", "Picture", "bundle", "clean", "register", "safe", "stylesheet"]

Face = Callable[[Any], object]


def register(ipython: "InteractiveShell | None" = None, faces: Mapping[type, Face] | None = None) -> bool:
    """Let everything show itself from now on; gives False outside a notebook.

    `faces` says for each result type how it shows: a function that gives something showable (a chart, a `Picture`, a
    block) or a tuple of such things, shown one after the other.
    """
    import altair as alt

    theme.enable()
    alt.renderers.register("kpi", lambda spec, **_: chart_bundle(spec))
    alt.renderers.enable("kpi")
    shell = ipython or _shell()
    if shell is None or shell.display_formatter is None:
        return False
    bundles = shell.display_formatter.mimebundle_formatter
    for block in (Picture, *KINDS):
        bundles.for_type(block, _formatter)
    for result, face in (faces or {}).items():
        shell.display_formatter.ipython_display_formatter.for_type(result, partial(_display, face))
    return True


def _shell() -> "InteractiveShell | None":
    """The notebook this runs in, if any."""
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _formatter(shown: object, include: object = None, exclude: object = None) -> dict[str, Any]:
    """IPython's calling convention."""
    return bundle(shown)


def _display(face: Face, result: object) -> None:
    """Show a result by its face."""
    from IPython.display import display

    show: Callable[[object], object] = display
    parts = face(result)
    for part in parts if isinstance(parts, tuple) else (parts,):
        if part is not None:
            show(part)


def bundle(shown: object) -> dict[str, Any]:
    """What a notebook keeps of a picture or a block: its own form for the report page, and a fallback for the Lab."""
    if isinstance(shown, Picture):
        return picture_bundle(shown)
    body = html(shown).text
    return {
        HTML_MIME: body,
        "text/html": f'<style>{stylesheet()}</style><div class="kpi-block">{body}</div>',
        "text/plain": f"[{type(shown).__name__.lower()}]",
    }


@cache
def stylesheet(root: str = ".kpi-block") -> str:
    """The CSS of all blocks under one root."""
    return theme.css(root) + files("kpi_lib.show").joinpath("blocks.css").read_text("utf-8")
