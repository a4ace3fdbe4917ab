"""Draws Vega-Lite specs as SVG; run as a program it draws what it reads, so that its engine starts once for many charts.

As a program: one request a line on standard input, a JSON list of specs; one answer a line, the drawings or why there is none.
It imports nothing of this library, which would take longer than the drawing.
"""

import json
import re
import sys
from collections.abc import Callable
from math import isfinite
from typing import Any

VEGALITE_VERSION = "6.4"
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_SMALL = {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}}


def still(spec: dict[str, Any]) -> str:
    """Draw a spec as SVG, without any network and without any script.

    The engine cuts long labels between the halves of a character beyond the first plane, such as an emoji, and then fails on
    the half; such a drawing is made once more with a sign in their place.
    """
    import vl_convert

    try:
        return vl_convert.vegalite_to_svg(spec, vl_version=VEGALITE_VERSION, allowed_base_urls=[])
    except ValueError:
        narrow: dict[str, Any] = over_texts(spec, lambda text: _BEYOND.sub("\N{WHITE SQUARE}", text))
        if narrow == spec:
            raise
        return vl_convert.vegalite_to_svg(narrow, vl_version=VEGALITE_VERSION, allowed_base_urls=[])


def over_texts(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any shape
    """Apply a change to every string of a JSON value, names of fields included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(key)): over_texts(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [over_texts(each, change) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None  # JSON has no word for it, and no chart a place
    return value


def answer(request: str) -> str:
    """One line for one line.

    >>> answer('[{"mark": "no mark"}]')[:20]
    '{"refused": "Vega-Li'
    """
    try:
        told: dict[str, Any] = {"drawn": [still(spec) for spec in json.loads(request)]}
    except ValueError as error:
        told = {"refused": str(error)}
    return json.dumps(told)


def serve() -> None:
    """Draw until nobody asks any more; the engine starts before the first request comes."""
    still(_SMALL)
    for request in sys.stdin:
        sys.stdout.write(answer(request) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
