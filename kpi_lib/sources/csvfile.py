"""CSV as people really send it: every physical line becomes a row or a named reject, never a silent guess.

Stock readers pass short rows and NUL bytes without a word. Here each row must have as many fields as the header, and
line numbers are those that an editor shows.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from kpi_lib.core.errors import DataError, shown
from kpi_lib.sources.findings import BROKEN_QUOTE, NOT_UTF8, NUL, REJECTS, WIDTH

SEPARATORS = (",", ";", "\t", "|")
LONGEST_RECORD = 100  # physical lines that one quoted field may span
LINE = "\x00line"
FILE = "\x00file"
TEXT = "\x00text"
DISARMED = r"^'('*[=+\-@\t\r])"  # how `exporting` writes a text that a spreadsheet would run
SIMPLE = r'^(?:"[^"SEP]*"|[^"SEP]*)(?:SEP(?:"[^"SEP]*"|[^"SEP]*))*$'


@dataclass(slots=True)
class Lines:
    """The physical lines of a text file with their numbers, and the lines that cannot be read."""

    name: str
    texts: list[str]
    numbers: list[int]
    rejects: list[tuple[str, int, None, None, str, str]] = field(default_factory=list)

    def reject(self, number: int, reason: str, raw: str) -> None:
        """Set one line aside."""
        self.rejects.append((self.name, number, None, None, reason, raw))

    def rejected(self) -> pl.DataFrame:
        """The lines set aside, in file order."""
        return pl.DataFrame(self.rejects, schema=REJECTS, orient="row").sort("line", maintain_order=True)


def decode(name: str, content: bytes) -> Lines:
    """Cut a file into its lines; lines that are not UTF-8 or hold NUL bytes are set aside, blank ones do not count."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(content) > 3 and content[1::2][:64].count(0) > 16):
        raise DataError(f"{name}: the file is UTF-16 text, which is not read. Save it as UTF-8.")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    lines = Lines(name, [], [])
    try:
        found = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        found = _decoded(lines, content)
    if b"\r" in content:
        found = [line.removesuffix("\r") for line in found]
    if b"\x00" in content:
        found = _without_nul(lines, found)
    lines.numbers = [number for number, line in enumerate(found, 1) if line and not line.isspace()]
    lines.texts = [found[number - 1] for number in lines.numbers]
    return lines


def _decoded(lines: Lines, content: bytes) -> list[str]:
    found = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            found.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            found.append("")
            lines.reject(number, NOT_UTF8, line.decode("utf-8", "backslashreplace"))
    return found


def _without_nul(lines: Lines, found: list[str]) -> list[str]:
    for number, line in enumerate(found, 1):
        if "\x00" in line:
            lines.reject(number, NUL, line)
    return ["" if "\x00" in line else line for line in found]


def read_csv(name: str, content: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read one CSV file: its rows as text with their line numbers, and the lines set aside.

    The apostrophe that keeps spreadsheets from running a text is taken off again.
    """
    rows, rejected = _read(name, content)
    if not re.search(rb"'[=+\-@\t\r]", content):
        return rows, rejected
    names = {each: re.sub(DISARMED, r"\1", each) for each in rows.columns}
    return rows.with_columns(pl.col(pl.String).str.replace(DISARMED, "$1")).rename(names), rejected


def _read(name: str, content: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    lines = decode(name, content)
    header, separator = _header(lines)
    texts = pl.Series(lines.texts, dtype=pl.String)
    bare, hard = _bare(texts, separator) if b'"' in content else (texts, [])
    rows = pl.DataFrame({LINE: pl.Series(lines.numbers, dtype=pl.Int64), TEXT: bare})[1:]
    if not hard:
        return _split(lines, rows, header, separator), lines.rejected()
    taken, extra = _quoted(lines, hard, header, separator)
    left = rows.with_row_index("i", offset=1).filter(~pl.col("i").is_in([*taken, *hard])).drop("i")
    return pl.concat([_split(lines, left, header, separator), extra]).sort(LINE), lines.rejected()


def _bare(texts: pl.Series, separator: str) -> tuple[pl.Series, list[int]]:
    """Lines without the quotes that only wrap fields (cutting them is then safe), and the lines with harder quotes."""
    quoted = texts.str.contains('"', literal=True)
    simple = quoted & texts.str.contains(SIMPLE.replace("SEP", "\\" + separator if separator == "|" else separator))
    bare = pl.select(pl.when(simple).then(texts.str.replace_all('"', "", literal=True)).otherwise(texts)).to_series()
    return bare, [i for i in (quoted & ~simple).arg_true().to_list() if i > 0]


def _header(lines: Lines) -> tuple[list[str], str]:
    if lines.rejects and (not lines.numbers or lines.rejects[0][1] < lines.numbers[0]):
        _, number, _, _, reason, _ = lines.rejects[0]
        raise DataError(f"{lines.name}, line {number}: the header cannot be read: {reason}.")
    if not lines.texts:
        raise DataError(f"{lines.name} is empty: not even a header line with the names of the columns is there.")
    first, number = lines.texts[0], lines.numbers[0]
    outside = "".join(first.split('"')[::2])
    separator = max(SEPARATORS, key=outside.count)
    try:
        fields = next(csv.reader([first], delimiter=separator, strict=True))
    except csv.Error:
        raise DataError(f"{lines.name}, line {number}: the header has a broken quote: {shown(first, 100)}") from None
    header = [field.strip() or f"column_{i}" for i, field in enumerate(fields, 1)]
    check_names(lines.name, header, number)
    return header, separator


def check_names(name: str, header: list[str], line: int | None = None) -> None:
    """Refuse a file in which a column name stands twice."""
    for each in header:
        if header.count(each) > 1:
            at = [i for i, other in enumerate(header, 1) if other == each]
            place = f"{name}, line {line}" if line else name
            raise DataError(
                f"{place}: the column {shown(each)} stands {len(at)} times (fields {', '.join(map(str, at))}). "
                "Rename all but one."
            )


def _split(lines: Lines, plain: pl.DataFrame, header: list[str], separator: str) -> pl.DataFrame:
    fields = pl.col(TEXT).str.count_matches(separator, literal=True) + 1
    right = plain.select(fields == len(header)).to_series()
    for number, text, count in plain.with_columns(fields.alias("n")).filter(~right).iter_rows():
        lines.reject(number, _fields(count, header), text)
    parts = pl.col(TEXT).str.split_exact(separator, len(header) - 1).struct.rename_fields(header)
    return plain.filter(right).select(LINE, parts.alias("\x00parts")).unnest("\x00parts")


def _fields(count: int, header: list[str]) -> str:
    return f"{WIDTH} {count} field{'s' if count != 1 else ''}, the header {len(header)}"


def _frame(rows: list[list[str]], header: list[str], numbers: list[int] | None = None) -> pl.DataFrame:
    columns = {name: pl.Series(name, [row[i] for row in rows], dtype=pl.String) for i, name in enumerate(header)}
    return pl.DataFrame({LINE: pl.Series(numbers or [], dtype=pl.Int64), **columns})


def _quoted(lines: Lines, quoted: list[int], header: list[str], separator: str) -> tuple[list[int], pl.DataFrame]:
    """Read the lines with harder quotes one by one; also say which other lines their quoted fields run over."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    taken: list[int] = []
    for at, stop, fields in _records(lines, quoted, len(header), separator):
        if isinstance(fields, str):
            lines.reject(lines.numbers[at], fields, lines.texts[at])
        elif len(fields) != len(header):
            lines.reject(lines.numbers[at], _fields(len(fields), header), lines.texts[at])
        else:
            rows.append(fields)
            numbers.append(lines.numbers[at])
        if stop > at + 1:
            taken.extend(range(at, stop))
    return taken, _frame(rows, header, numbers)


def _records(lines: Lines, quoted: list[int], width: int, separator: str) -> Iterator[tuple[int, int, list[str] | str]]:
    """Yield (first line, line after the last, fields or what is wrong) for each record that begins on a quoted line."""
    position = 0
    while position < len(quoted):
        reader = csv.reader((lines.texts[i] for i in quoted[position:]), delimiter=separator, strict=True)
        begun = position
        try:
            for count, fields in enumerate(reader, 1):
                if reader.line_num != count:
                    break
                yield quoted[begun + count - 1], quoted[begun + count - 1] + 1, fields
                position = begun + count
        except csv.Error:
            pass
        if position < len(quoted):
            at = quoted[position]
            stop, found = _long(lines, at, width, separator)
            yield at, stop, found
            while position < len(quoted) and quoted[position] < stop:
                position += 1


def _long(lines: Lines, at: int, width: int, separator: str) -> tuple[int, list[str] | str]:
    """Follow an open quote over the next lines; only a record of the right width is believed."""
    texts, numbers = lines.texts, lines.numbers
    joined = texts[at]
    for stop in range(at + 1, min(at + LONGEST_RECORD, len(texts)) + 1):
        if stop == at + 1 or '"' in texts[stop - 1]:
            try:
                fields = next(csv.reader([joined], delimiter=separator, strict=True))
                return (stop, fields) if len(fields) == width or stop == at + 1 else (at + 1, BROKEN_QUOTE)
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    break
        if stop < len(texts):
            joined += "\n" * (numbers[stop] - numbers[stop - 1]) + texts[stop]
    return at + 1, BROKEN_QUOTE
