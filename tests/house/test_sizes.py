"""Nothing grows into a drawer: ceilings on modules and functions, and no name that could hold anything."""

import ast
from collections.abc import Iterator

import pytest

MODULE_LINES = 400
FUNCTION_LINES = 40
DRAWERS = {"base", "common", "core", "helper", "helpers", "misc", "util", "utils"}


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Each function's name and code lines: its span without its docstring."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        first = node.body[0]
        if ast.get_docstring(node) is not None:
            lines -= (first.end_lineno or first.lineno) - first.lineno + 1
        yield node.name, lines


@pytest.fixture(scope="session")
def modules(texts: dict[str, str]) -> dict[str, str]:
    """Every Python module of the project."""
    return {path: text for path, text in texts.items() if path.endswith(".py")}


def test_no_module_is_a_drawer(modules: dict[str, str]) -> None:
    long = {path: lines for path, text in modules.items() if (lines := len(text.splitlines())) > MODULE_LINES}
    assert long == {}


def test_no_function_is_too_long_to_read(modules: dict[str, str]) -> None:
    long = {
        f"{path}:{name}": lines
        for path, text in modules.items()
        for name, lines in functions(text)
        if lines > FUNCTION_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is_for(modules: dict[str, str]) -> None:
    rooms = {path for path in modules if path.startswith("kpi_lib/")}
    assert {path for path in rooms if path.rsplit("/", 1)[-1].removesuffix(".py") in DRAWERS} == set()
    assert {path for path in rooms if not ast.get_docstring(ast.parse(modules[path]))} == set()


def test_the_measure_leaves_out_docstrings_and_nothing_else() -> None:
    source = 'def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    # why\n\n    return a\n'
    assert list(functions(source)) == [("f", 6)]
