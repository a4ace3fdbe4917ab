"""The parameters a notebook declares, and the check of given values before any kernel starts.

A notebook declares them in its cell tagged `parameters`, one line each: `name: type = value  # help`.
"""

import ast
import io
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpi_lib.core.errors import ReportError, UsageError, shown, unknown

Value = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter: its type as written, the value it has without being given, and what it is for."""

    name: str
    kind: str
    default: Value
    help: str = ""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FITS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _is_whole,
    "float": lambda value: isinstance(value, float) or _is_whole(value),
    "bool": lambda value: isinstance(value, bool),
    "list[str]": lambda value: isinstance(value, list | tuple) and all(isinstance(each, str) for each in value),
    "None": lambda value: value is None,
}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_READ: dict[str, Callable[[str], Value]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda text: _TRUTH[text.casefold()],
    "list[str]": lambda text: [part.strip() for part in text.split(",") if part.strip()],
}


def declared(notebook: Path) -> tuple[Parameter, ...]:
    """Read what a notebook declares; nothing in it is executed."""
    import nbformat

    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReportError(f"{notebook.name} cannot be read as a notebook: {error}") from None
    sources = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return declarations(sources[0], where=notebook.name) if sources else ()


def declarations(source: str, *, where: str = "notebook") -> tuple[Parameter, ...]:
    """Read the lines of a parameters cell.

    >>> declarations("rows: int = 3  # how many")
    (Parameter(name='rows', kind='int', default=3, help='how many'),)
    """
    try:
        lines = ast.parse(source).body
        helps = _helps(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise ReportError(f"{where}, cell 'parameters': {error}") from None
    found = [_declaration(line, helps, where) for line in lines if not _is_docstring(line)]
    return tuple(found)


def _is_docstring(line: ast.stmt) -> bool:
    """A lone string is a remark."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _helps(source: str) -> dict[int, str]:
    """Line number → comment."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _declaration(line: ast.stmt, helps: Mapping[int, str], where: str) -> Parameter:
    """One line as a parameter."""
    place = f"{where}, cell 'parameters', line {line.lineno}"
    if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name) or line.value is None:
        raise ReportError(f"{place}: {shown(ast.unparse(line))}. Write it as: name: type = value  # help")
    kind = ast.unparse(line.annotation)
    if not set(_kinds(kind)) <= set(_FITS):
        raise ReportError(f"{place}: a parameter cannot be {shown(kind)}. Types: {', '.join(_READ)}, each with | None.")
    try:
        default = ast.literal_eval(line.value)
    except ValueError:
        raise ReportError(f"{place}: {shown(ast.unparse(line.value))} is no literal. Write the value itself.") from None
    found = Parameter(line.target.id, kind, default, helps.get(line.end_lineno or line.lineno, ""))
    if not _fits(found, default):
        raise ReportError(f"{place}: {found.name} is declared as {kind}, yet its value is {shown(default)}.")
    return found


def _kinds(kind: str) -> list[str]:
    """The alternatives of a type."""
    return [part.strip() for part in kind.split("|")]


def _fits(parameter: Parameter, value: object) -> bool:
    """Whether a value has the declared type."""
    return any(_FITS[kind](value) for kind in _kinds(parameter.kind))


def checked(parameters: tuple[Parameter, ...], given: Mapping[str, object], *, where: str = "") -> dict[str, Value]:
    """The values to run with: given ones checked for name and type, the others as declared."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Value] = {name: parameter.default for name, parameter in known.items()}
    for name, value in given.items():
        if name not in known:
            raise unknown("parameter", str(name), known, where=where)
        values[name] = _value(known[name], value, where)
    return values


def _value(parameter: Parameter, value: object, where: str) -> Value:
    """One given value in its declared type."""
    if not _fits(parameter, value):
        place = f" of {where}" if where else ""
        raise UsageError(f"parameter {parameter.name}{place} is {parameter.kind}, not {shown(value)}.")
    kinds = set(_kinds(parameter.kind))
    if isinstance(value, int) and "float" in kinds and not {"int", "bool"} & kinds:
        return float(value)
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]


def from_text(parameters: tuple[Parameter, ...], texts: Mapping[str, str], *, where: str = "") -> dict[str, Value]:
    """Values typed at a command line, read as the declared types and checked.

    >>> from_text(declarations("rows: int = 3"), {"rows": "5"})
    {'rows': 5}
    """
    known = {parameter.name: parameter for parameter in parameters}
    read: dict[str, Value] = {}
    for name, text in texts.items():
        if name not in known:
            raise unknown("parameter", name, known, where=where)
        read[name] = _read(known[name], text, where)
    return read


def _read(parameter: Parameter, text: str, where: str) -> Value:
    """One typed value."""
    kinds = _kinds(parameter.kind)
    if "None" in kinds and text.casefold() in ("", "none"):
        return None
    for kind in (each for each in kinds if each != "None"):
        try:
            return _READ[kind](text)
        except (ValueError, KeyError):
            continue
    place = f" of {where}" if where else ""
    raise UsageError(f"parameter {parameter.name}{place} is {parameter.kind}, not {shown(text)}.")
