"""Files become raw tables: CSV, ndjson and Parquet, one or many, plain or gzipped, with the line each row came from."""

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kpi_lib.core.errors import DataError, nearest, shown
from kpi_lib.sources.csvfile import LINE, check_names, decode, read_csv
from kpi_lib.sources.findings import NO_JSON, no_rejects

KINDS = ("csv", "csv.gz", "parquet", "ndjson", "ndjson.gz")
ENDINGS = {".parquet": "parquet", ".pq": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson"}


@dataclass(frozen=True, slots=True)
class Raw:
    """One file as it is: every row with its line, the lines that could not be read, and a digest of the content."""

    name: str
    rows: pl.DataFrame
    rejects: pl.DataFrame
    digest: str

    @property
    def columns(self) -> list[str]:
        """The file's own columns."""
        return [name for name in self.rows.columns if not name.startswith("\x00")]


def find(folder: Path, patterns: list[str], where: str) -> list[Path]:
    """The files that the patterns name, each once, in the order of their names within a pattern."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        matches = _matches(folder, pattern)
        if not matches:
            raise DataError(f"{where}: {_missing(folder, pattern)}")
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(folder: Path, pattern: str) -> list[Path]:
    path = folder / pattern
    if path.is_dir():
        raise DataError(
            f"{path} is a folder. Name its files with a pattern, as in {shown(pattern.rstrip('/') + '/*.csv')}."
        )
    if not re.search(r"[*?\[]", pattern) or path.is_file():
        return [path] if path.is_file() else []
    root = Path(path.anchor) if Path(pattern).is_absolute() else folder
    relative = str(path.relative_to(root))
    try:
        return sorted(each for each in root.glob(relative) if each.is_file())
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"the pattern {shown(pattern)} cannot be used: {error}.") from None


def _missing(folder: Path, pattern: str) -> str:
    path = folder / pattern
    if re.search(r"[*?\[]", pattern):
        return f"no file matches {shown(pattern)} in {folder}. Correct path, or put the files there."
    there = [each.name for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
    if not path.parent.is_dir():
        return f"the file {path} is not there: the folder {path.parent} does not exist. Correct path."
    return f"the file {path} is not there. {nearest(path.name, there)} Correct path, or put the file there."


def read(path: Path, name: str) -> Raw:
    """Read one file; `name` is how messages and the quarantine call it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from None
    digest = hashlib.sha256(content).hexdigest()
    kind = ENDINGS.get(Path(path.name.removesuffix(".gz")).suffix.lower(), "csv")
    if content[:4] == b"PAR1":
        kind = "parquet"
    elif content[:2] == b"\x1f\x8b":
        content = _unzipped(name, content)
    if content[:4] == b"PK\x03\x04":
        raise DataError(
            f"{name} is a zip archive or a spreadsheet, which is not read. Save the sheet as CSV; "
            f"read are {', '.join(KINDS)}."
        )
    if kind == "csv":
        kind = _of_objects(name, content)
    if kind == "parquet":
        return Raw(name, _parquet(name, content), no_rejects(), digest)
    rows, rejects = read_csv(name, content) if kind == "csv" else _ndjson(name, content)
    return Raw(name, rows, rejects, digest)


def _of_objects(name: str, content: bytes) -> str:
    """Whether text is JSON objects, one a line; one JSON document is refused."""
    if re.match(rb"\s*\[\s*[{\[]", content):
        raise DataError(
            f"{name} is one JSON document, which is not read. Write one object a line (as `jq -c '.[]' {name}` does); "
            f"read are {', '.join(KINDS)}."
        )
    return "ndjson" if re.match(rb'\s*\{\s*"', content) else "csv"


def _unzipped(name: str, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file ({error}). Copy or export it again.") from None


def _parquet(name: str, content: bytes) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"{name} cannot be read as Parquet: {shown(first, 120)}. Copy or export it again.") from None
    while nested := [column for column, kind in frame.schema.items() if kind == pl.Struct]:
        frame = _unnested(name, frame, nested)
    check_names(name, frame.columns)
    return (
        frame.with_columns(map(_plain, frame)).with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))
    )


def _unnested(name: str, frame: pl.DataFrame, nested: list[str]) -> pl.DataFrame:
    """The fields of records as columns of their own, such as user.id."""
    try:
        return frame.unnest(nested, separator=".")
    except pl.exceptions.DuplicateError as error:
        raise DataError(f"{name}: {shown(str(error), 100)}. Rename one of the columns.") from None


def _plain(values: pl.Series) -> pl.Series:
    """Types that no canonical column has become text, so that all that follows meets few of them."""
    if isinstance(values.dtype, pl.Categorical | pl.Enum | pl.Time):
        return values.cast(pl.String)
    if isinstance(values.dtype, pl.Duration):
        return values.dt.to_string("iso")
    if values.dtype == pl.Binary:
        try:
            return values.cast(pl.String)
        except pl.exceptions.PolarsError:
            return values.bin.encode("hex")
    return values


def _ndjson(name: str, content: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    lines = decode(name, content)
    columns: dict[str, list[str | None]] = {}
    numbers: list[int] = []
    # figures stay the text they are, so that amounts are exact and long ids keep all their digits
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    for number, text in zip(lines.numbers, lines.texts, strict=True):
        found = _object(decoder, text)
        if found is None:
            lines.reject(number, NO_JSON, text)
            continue
        for key in found.keys() - columns.keys():
            columns[key] = [None] * len(numbers)
        for key, values in columns.items():
            values.append(_scalar(found.get(key)))
        numbers.append(number)
    if not numbers and lines.rejects:
        raise DataError(f"{name}, line {lines.rejects[0][1]}: no line is a JSON object. Write one object a line.")
    ordered = {key.strip() or "column": columns[key] for key in sorted(columns)}
    series = [pl.Series(key, values, dtype=pl.String) for key, values in ordered.items()]
    return pl.DataFrame([pl.Series(LINE, numbers, dtype=pl.Int64), *series]), lines.rejected()


def _object(decoder: json.JSONDecoder, text: str) -> dict[str, Any] | None:
    try:
        found = decoder.decode(text.strip())
        return dict(_fields(found)) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None


def _fields(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of an object, those of objects in it by names such as user.id."""
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _scalar(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
