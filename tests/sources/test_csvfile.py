"""What a CSV writer wrote is what comes back, with the line that an editor shows."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_lib.sources.csvfile import LINE, LONGEST_RECORD, read_csv

# a carriage return inside a field is line-end to most editors, and NUL is refused on purpose
cells = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=12)
rows = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=12)


def written(rows: list[tuple[str, ...]], separator: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\n").writerows([("a", "b", "c"), *rows])  # type: ignore[arg-type]
    return out.getvalue().encode()


def fields(frame: pl.DataFrame) -> list[tuple[str, ...]]:
    return frame.select("a", "b", "c").rows()


@given(rows, st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_was_written_comes_back(rows: list[tuple[str, ...]], separator: str, quoting: int) -> None:
    frame, rejects = read_csv("f.csv", written(rows, separator, quoting))
    # a line of blanks and separators only is a row; an empty one is not
    assert fields(frame) == rows
    assert rejects.is_empty()
    assert frame[LINE].is_sorted()


@given(rows)
def test_windows_lines_and_a_byte_order_mark_change_nothing(rows: list[tuple[str, ...]]) -> None:
    plain = [tuple(cell.replace("\n", " ") for cell in row) for row in rows]
    content = written(plain)
    assert fields(read_csv("f.csv", b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))[0]) == plain


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_rejects(noise: bytes) -> None:
    frame, rejects = read_csv("f.csv", b"a,b,c\n1,2,3\n" + noise)
    assert len(frame) + len(rejects) >= 1
    numbers = [*frame[LINE], *rejects["line"]]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_the_header_uses_most(separator: str) -> None:
    header = separator.join(["a", '"b, x; y"', "c"])
    frame, _ = read_csv("f.csv", f"{header}\n1{separator}2{separator}3\n".encode())
    assert frame.columns == [LINE, "a", "b, x; y", "c"]


def test_lines_are_counted_as_an_editor_does() -> None:
    frame, rejects = read_csv("f.csv", b'a,b,c\n\n1,"two\n\nlines",3\n4,5\n7,8,9\n')
    assert frame[LINE].to_list() == [3, 7]
    assert frame["b"].to_list() == ["two\n\nlines", "8"]
    assert rejects["line"].to_list() == [6]


def test_a_single_column_and_old_line_ends_are_read() -> None:
    frame, rejects = read_csv("f.csv", b"a\r1\r2")
    assert frame["a"].to_list() == ["1", "2"]
    assert rejects.is_empty()


def test_a_quote_in_the_middle_of_a_field_is_only_a_character() -> None:
    frame, rejects = read_csv("f.csv", b'a,b,c\n1,5" pipe,3\n1,say ""hi"",3\n')
    assert frame["b"].to_list() == ['5" pipe', 'say ""hi""']
    assert rejects.is_empty()


def test_an_open_quote_does_not_swallow_the_rest_of_the_file() -> None:
    body = "".join(f"{i},x,y\n" for i in range(3 * LONGEST_RECORD))
    frame, rejects = read_csv("f.csv", f'a,b,c\n0,"open,z\n{body}'.encode())
    assert (len(frame), rejects["line"].to_list()) == (3 * LONGEST_RECORD, [2])


def test_columns_without_a_name_get_one() -> None:
    frame, _ = read_csv("f.csv", b",a,\n1,2,3\n")
    assert frame.columns == [LINE, "column_1", "a", "column_3"]
