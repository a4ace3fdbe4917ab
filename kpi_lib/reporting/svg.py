"""Makes a drawn chart fit to stand inside the page: only shapes and text, own names, colours that follow the mode."""

import re
from xml.etree import ElementTree as ET

from kpi_lib.core.errors import ReportError
from kpi_lib.show import theme

_SHAPES = frozenset(
    {
        *(
            "svg",
            "g",
            "path",
            "rect",
            "circle",
            "ellipse",
            "line",
            "polyline",
            "polygon",
            "text",
            "tspan",
            "title",
            "desc",
        ),
        *("defs", "clipPath", "mask", "pattern", "linearGradient", "radialGradient", "stop"),
    }
)
_DROPPED = frozenset({"width", "height", "class", "version", "role", "tabindex"})
_COLOURED = frozenset({"fill", "stroke", "stop-color"})
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^'\")]+)['\"]?\s*\)")


def inline_svg(source: str, *, prefix: str, label: str | None = None) -> tuple[str, float]:
    """Give the markup of an SVG for inlining, and its natural width.

    Whatever is no shape or text goes, and with it every script, link and handler. Names inside get the prefix, as two
    drawings on one page would otherwise share their clip paths.
    """
    if "<!DOCTYPE" in source or "<!ENTITY" in source:
        raise ReportError("a drawn chart holds a document type, which no chart of this library does. It was refused.")
    try:
        root = ET.fromstring(source)
    except ET.ParseError as error:
        raise ReportError(f"a drawn chart is no well-formed SVG: {error}.") from None
    width, height = _number(root.get("width")), _number(root.get("height"))
    _clean(root, prefix, theme.variables())
    if "viewBox" not in root.attrib:
        root.set("viewBox", f"0 0 {width:g} {height:g}")
    root.attrib.update({"role": "img", "aria-label": label} if label is not None else {"aria-hidden": "true"})
    return ET.tostring(root, encoding="unicode"), width


def _number(length: str | None) -> float:
    """A length in px, 0 when it is something else."""
    found = re.match(r"[\d.]+", length or "")
    return float(found.group()) if found else 0.0


def _clean(element: ET.Element, prefix: str, variables: dict[str, str]) -> None:
    """Clean an element and all below it."""
    element.tag = element.tag.rpartition("}")[2]
    kept = {name: _value(name, value, prefix=prefix, variables=variables) for name, value in element.attrib.items()}
    element.attrib.clear()
    element.attrib.update({name: value for name, value in kept.items() if value is not None})
    for child in list(element):
        name = str(child.tag).rpartition("}")[2]  # comments carry a function for a tag
        if name == "a":  # keep what a link holds, lose the link
            child.tag = "g"
            child.attrib.clear()
            name = "g"
        if name in _SHAPES:
            _clean(child, prefix, variables)
        else:
            element.remove(child)


def _value(name: str, value: str, *, prefix: str, variables: dict[str, str]) -> str | None:
    """What becomes of one attribute; None drops it."""
    if "}" in name or name in _DROPPED or name.lower().startswith(("on", "aria-", "href")):
        return None
    if name == "id":
        return f"{prefix}-{value}"
    if name in _COLOURED and value.lower() in variables:
        return f"var({variables[value.lower()]})"
    if "url(" in value.lower() or name == "style":
        outside = _REFERENCE.sub("", value).lower()
        if "url" in outside or "@" in outside or "expression" in outside:
            return None
        return _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
    return value
