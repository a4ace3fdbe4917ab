"""The controls of explorers: labelled, wide enough for their words, in rows that break where the screen is narrow."""

from collections.abc import Iterable, Sequence
from typing import Any

import ipywidgets
import polars as pl

from kpi_lib.core.dataset import Dataset
from kpi_lib.core.schema import TABLES

NOTHING = ""
MOST_VALUES = 50
WORDS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
LABELLED = {"description_width": "initial"}
WIDTH = "16rem"
ROOM = "2px 12px 2px 2px"


def dropdown(label: str, options: Sequence[tuple[str, Any]], value: Any) -> Any:  # noqa: ANN401 - ipywidgets is untyped
    """A labelled list to choose from."""
    return ipywidgets.Dropdown(options=list(options), value=value, description=label, **_looks())


def choice(label: str, none: str, values: Iterable[str], value: str = NOTHING) -> Any:  # noqa: ANN401
    """A labelled list whose first choice, `none` in words, is nothing."""
    return dropdown(label, [(none, NOTHING), *((each, each) for each in values)], value)


def text(label: str, value: str = NOTHING, hint: str = "") -> Any:  # noqa: ANN401
    """A labelled line to write in; it counts once Enter is pressed or the line is left."""
    return ipywidgets.Text(value=value, description=label, placeholder=hint, continuous_update=False, **_looks())


def number(label: str, value: int, least: int, most: int) -> Any:  # noqa: ANN401
    """A labelled whole number within bounds."""
    return ipywidgets.BoundedIntText(value=value, min=least, max=most, description=label, **_looks("10rem"))


def toggle(label: str, *, on: bool = False) -> Any:  # noqa: ANN401
    """A labelled box to tick."""
    return ipywidgets.Checkbox(
        value=on, description=label, indent=False, layout=ipywidgets.Layout(width="auto", margin=ROOM)
    )


def row(controls: Iterable[Any]) -> Any:  # noqa: ANN401
    """Controls beside each other, in as many lines as the screen needs."""
    return ipywidgets.HBox(list(controls), layout=ipywidgets.Layout(flex_flow="row wrap", overflow="hidden"))


def folded(title: str, inside: Any) -> Any:  # noqa: ANN401
    """Something under a title to unfold."""
    return ipywidgets.Accordion(children=[inside], titles=(title,), selected_index=None)


def _looks(width: str = WIDTH) -> dict[str, Any]:
    return {"style": LABELLED, "layout": ipywidgets.Layout(width=width, max_width="100%", margin=ROOM)}


def split_by(data: Dataset, by: str | None = None) -> Any:  # noqa: ANN401
    """The choice of a segment column."""
    return choice("Split by", "nothing", dict.fromkeys([*segment_columns(data), *([by] if by else [])]), by or NOTHING)


def segment_columns(data: Dataset) -> list[str]:
    """Columns that can split a figure: words with few values, neither ids nor the event itself."""
    found: list[str] = []
    for table in (data.activity, "users"):
        barred = {column.name for column in TABLES.get(table, ()) if column.required or column.kind != "text"}
        worded = [name for name, kind in data.columns(table).items() if kind in WORDS and name not in barred]
        found += [name for name in worded if data.segments(name).len() <= MOST_VALUES]
    return list(dict.fromkeys(found))
