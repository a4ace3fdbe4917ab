"""What a notebook of the pack must hold, in which order; each rule gives its faults in words."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import kpi_lib
from kpi_lib.core.errors import KpiError
from kpi_lib.reporting.parameters import declarations

Cell = Mapping[str, Any]

LINES = {"parameters": 20, "code": 10}
OPENING, SECTION = 6, 6
BRANCHING = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor, ast.While, ast.If,
    ast.IfExp, ast.Try, ast.With, ast.Match, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
QUESTION = re.compile(r"## .+\?$")
PROSE = ("## Limits and method", "## What next?", "## Where next?")  # typed on purpose: they hold whatever the figures


def faults(book: Mapping[str, Any], *, report: bool) -> list[str]:
    """Every break of the anatomy in a notebook; an empty list for a good one."""
    cells = list(book["cells"])
    try:
        checks = (
            _opening(cells),
            _data(cells),
            _top(cells, report),
            _sections(cells, report),
            _end(cells),
            _code(cells),
        )
        return [fault for check in checks for fault in check]
    except SyntaxError as error:
        return [f"a cell is no Python: {error.msg}"]


def source(cell: Cell) -> str:
    """The text of a cell."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Cell) -> list[str]:
    """The tags of a cell."""
    return list(cell.get("metadata", {}).get("tags", []))


def is_code(cell: Cell) -> bool:
    """Whether a cell is executed."""
    return bool(cell["cell_type"] == "code")


def _opening(cells: list[Cell]) -> Iterator[str]:
    """The question with one sentence, how to read in three bullets, the parameters."""
    first = [line for line in source(cells[0]).splitlines() if line.strip()]
    if len(first) != 2 or not re.fullmatch(r"# .+\?", first[0]):
        yield "the first cell is not `# Question?` and one line"
    elif not first[1].endswith(".") or ". " in first[1]:
        yield "under the question stands more or less than one sentence"
    bullets = source(cells[1]).strip().splitlines()
    if len(bullets) != 3 or not all(line.startswith("- ") for line in bullets):
        yield "how to read this is not three bullets"
    if [at for at, cell in enumerate(cells) if "parameters" in tags(cell)] != [2]:
        yield "the third cell alone is not the parameters cell"
        return
    typed = [isinstance(line, ast.AnnAssign) for line in ast.parse(source(cells[2])).body]
    try:
        found = declarations(source(cells[2]))
        if not found or not all(typed) or not all(each.help for each in found):
            yield "a line of the parameters is not `name: type = literal  # help`"
    except KpiError as error:
        yield f"a parameter cannot be read: {error}"


def _data(cells: list[Cell]) -> Iterator[str]:
    """The cell that opens the data, then the line on their quality."""
    opening = source(cells[3])
    if "kpi.open_workspace(workspace)" not in opening or len(lines_of(opening)) > OPENING:
        yield f"the fourth cell does not open the workspace in {OPENING} lines"
    if not source(cells[4]).startswith("kpi.pills(kpi.check(ws)"):
        yield "the data-quality line does not come right after the opening"


def _top(cells: list[Cell], report: bool) -> Iterator[str]:
    """A report tells its headline before its first section; a notebook goes straight to the first question."""
    first = next((at for at, cell in enumerate(cells) if source(cell).startswith("## ")), len(cells))
    before = [source(cell) for cell in cells[5:first]]
    if report and not any(last(text).startswith(("kpi.headline(", "kpi.learned(")) for text in before):
        yield "the report has no headline on top"
    if not report and before:
        yield "something stands between the data-quality line and the first question"


def _sections(cells: list[Cell], report: bool) -> Iterator[str]:
    """Questions with their answers; the closing ones must be there."""
    heads = [at for at, cell in enumerate(cells) if source(cell).startswith("## ")]
    names = [source(cells[at]).splitlines()[0] for at in heads]
    for at, end in zip(heads, [*heads[1:], len(cells)], strict=True):
        yield from _section(cells[at:end], closing=end == len(cells))
    wanted = () if report else ("## What have we learned?", "## Limits and method")
    yield from (f"{name!r} is missing" for name in wanted if name not in names)
    if report and names[-1:] != ["## How was this computed?"]:
        yield "the report does not end with how it was computed"


def _section(cells: list[Cell], *, closing: bool) -> Iterator[str]:
    """A question, then one short code cell that ends in what it shows."""
    name = source(cells[0]).splitlines()[0]
    code = [source(cell) for cell in cells if is_code(cell)]
    if name in PROSE:
        if code and not closing:
            yield f"{name!r} holds code"
    elif not QUESTION.match(name):
        yield f"{name!r} is no question"
    elif len(cells) != 2 or len(code) != 1:
        yield f"{name!r} is not followed by one code cell"
    elif len(lines_of(code[0])) > SECTION:
        yield f"the code of {name!r} has more than {SECTION} lines"
    elif not isinstance((ast.parse(code[0]).body or [None])[-1], ast.Expr):
        yield f"the code of {name!r} shows nothing"


def _end(cells: list[Cell]) -> Iterator[str]:
    if not is_code(cells[-1]) or not re.fullmatch(r"kpi\.conclude\(.+\)", source(cells[-1]).strip()):
        yield "the last cell is not kpi.conclude(…)"


def _code(cells: list[Cell]) -> Iterator[str]:
    """No logic, no outputs, short cells, public names alone."""
    for cell in filter(is_code, cells):
        text, kind = source(cell), "parameters" if "parameters" in tags(cell) else "code"
        label = lines_of(text)[0] if lines_of(text) else "an empty cell"
        tree = ast.parse(text)
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"{label!r} keeps outputs or an execution count"
        if not lines_of(text) or len(text.splitlines()) > LINES[kind]:
            yield f"{label!r} has no line or more than {LINES[kind]}"
        for node in ast.walk(tree):
            if isinstance(node, BRANCHING):
                yield f"{label!r} holds {type(node).__name__}"
        yield from (f"{label!r} {fault}" for fault in _names(tree))


def _names(tree: ast.AST) -> Iterator[str]:
    """Imports other than the library, names of the library that are not public, and anything private."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield f"imports from {node.module}"
        elif isinstance(node, ast.Import):
            yield from (f"imports {each.name}" for each in node.names if (each.name, each.asname) != ("kpi_lib", "kpi"))
        elif isinstance(node, ast.Attribute):
            of_library = isinstance(node.value, ast.Name) and node.value.id == "kpi"
            if node.attr.startswith("_") or (of_library and node.attr not in kpi_lib.__all__):
                yield f"uses {node.attr}, which is not public"


def lines_of(text: str) -> list[str]:
    """Lines that hold code."""
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def last(text: str) -> str:
    """The last line of a cell."""
    return (lines_of(text) or [""])[-1]
