"""Parameters are read without running anything, and checked before anything runs."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.core.errors import KpiError, ReportError, UsageError
from kpi_lib.reporting.parameters import checked, declarations, declared, from_text

CELL = '''"""What can be set."""
period: str = "1998-06"  # the month
rows: int = 3
share: float = 0.5  # of all
deep: bool = False
by: list[str] = ["country"]
limit: int | None = None
'''


def test_lines_become_parameters() -> None:
    found = declarations(CELL)
    assert [each.name for each in found] == ["period", "rows", "share", "deep", "by", "limit"]
    assert found[0].help == "the month"
    assert found[4].default == ["country"]
    assert found[5].kind == "int | None"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rows = 3", "Write it as: name: type = value"),
        ("rows: int", "Write it as"),
        ("rows: int = open('x')", "no literal"),
        ("rows: int = 'three'", "declared as int"),
        ("rows: bytes = b''", "cannot be 'bytes'"),
        ("rows: int = ", "invalid syntax"),
        ("import os", "Write it as"),
        ("if True:\n    rows: int = 3", "Write it as"),
    ],
)
def test_a_line_of_another_form_is_told(line: str, words: str) -> None:
    with pytest.raises(ReportError, match="cell 'parameters'") as caught:
        declarations(line)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 1.5),
        ("rows", True),
        ("rows", "3"),
        ("deep", 1),
        ("by", "country"),
        ("by", [1]),
        ("limit", "x"),
        ("period", None),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"parameter {name} is"):
        checked(declarations(CELL), {name: value})


def test_given_values_stand_beside_the_declared_ones() -> None:
    values = checked(declarations(CELL), {"share": 1, "by": ("a", "b"), "limit": 4})
    assert values == {"period": "1998-06", "rows": 3, "share": 1.0, "deep": False, "by": ["a", "b"], "limit": 4}
    assert isinstance(values["share"], float)


def test_typed_values_are_read_as_declared() -> None:
    texts = {"rows": "12", "share": "1e-3", "deep": "true", "by": "a, b", "limit": "none", "period": "2026-W46"}
    read = from_text(declarations(CELL), texts)
    assert read == {"rows": 12, "share": 0.001, "deep": True, "by": ["a", "b"], "limit": None, "period": "2026-W46"}


@pytest.mark.parametrize(
    ("name", "text"), [("rows", "1.5"), ("deep", "maybe"), ("share", "half"), ("limit", "x"), ("row", "1")]
)
def test_typed_values_that_do_not_fit_are_refused(name: str, text: str) -> None:
    with pytest.raises(UsageError, match="parameter"):
        from_text(declarations(CELL), {name: text})


@given(name=st.text(max_size=30), value=st.one_of(st.text(), st.integers(), st.none(), st.lists(st.integers())))
def test_no_unknown_name_passes(name: str, value: object) -> None:
    known = declarations(CELL)
    if name in {each.name for each in known}:
        return
    with pytest.raises(UsageError, match="unknown parameter"):
        checked(known, {name: value})


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with contextlib.suppress(KpiError):
        assert isinstance(declarations(text), tuple)


def test_a_notebook_without_the_cell_declares_nothing(notebook: Callable[..., Path]) -> None:
    import nbformat

    place = notebook("1")
    made = nbformat.read(place, as_version=4)
    made.cells = [cell for cell in made.cells if "tags" not in cell.metadata]
    nbformat.write(made, place)
    assert declared(place) == ()
