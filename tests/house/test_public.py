"""The public list is the library's table of contents: sorted, complete, and all that notebooks use."""

import ast
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import kpi_lib


@pytest.fixture(scope="session")
def public() -> list[str]:
    """The names that `kpi_lib` offers."""
    names = getattr(kpi_lib, "__all__", None)
    if names is None:
        pytest.skip("kpi_lib has no public list yet")
    return list(names)


def test_the_public_list_is_sorted_without_repeats(public: list[str]) -> None:
    assert public == sorted(set(public))


def test_every_public_name_is_there(public: list[str]) -> None:
    missing = [name for name in public if getattr(kpi_lib, name, None) is None]
    assert missing == []


def test_nothing_else_is_offered(public: list[str]) -> None:
    offered = {name for name in dir(kpi_lib) if not name.startswith("_")}
    rooms = {name for name in offered if isinstance(getattr(kpi_lib, name, None), ModuleType)}
    assert offered - rooms == set(public)


def test_no_public_name_is_hidden_by_a_room(root: Path, public: list[str]) -> None:
    """Importing kpi_lib.show sets the attribute `show`, whatever was meant by that name."""
    rooms = {path.stem for path in (root / "kpi_lib").iterdir()}
    assert rooms & set(public) == set()


def test_every_public_function_and_type_explains_itself(public: list[str]) -> None:
    offered = {name: getattr(kpi_lib, name) for name in public}
    silent = [name for name, value in offered.items() if callable(value) and not (value.__doc__ or "").strip()]
    assert silent == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = kpi_lib.no_such_thing  # type: ignore[attr-defined]


def code_cells(texts: dict[str, str]) -> dict[str, str]:
    """The code of every notebook of the pack."""
    books = {
        path: json.loads(text) for path, text in texts.items() if path.startswith("notebooks/") and "ipynb" in path
    }
    return {
        f"{path}#{number}": re.sub(r"^\s*%.*$", "", "".join(cell["source"]), flags=re.MULTILINE)
        for path, book in books.items()
        for number, cell in enumerate(book["cells"])
        if cell["cell_type"] == "code"
    }


def private_uses(code: str, public: list[str]) -> list[str]:
    """What a cell takes from the library beyond its public list."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "kpi":
            found += [f"kpi.{node.attr}"] if node.attr not in public else []
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.startswith("kpi_lib.")]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kpi_lib"):
            found.append(f"from {node.module}")
    return found


def test_notebooks_use_public_names_only(texts: dict[str, str], public: list[str]) -> None:
    uses = {place: found for place, code in code_cells(texts).items() if (found := private_uses(code, public))}
    assert uses == {}


def test_a_private_use_is_seen() -> None:
    assert private_uses("import kpi_lib.core\nkpi.secret(kpi.open)", ["open"]) == ["kpi_lib.core", "kpi.secret"]
