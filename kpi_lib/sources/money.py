"""Amounts: exact minor units of their currency, then the workspace's currency through the rates table."""

from dataclasses import dataclass

import polars as pl

from kpi_lib.core.errors import DataError
from kpi_lib.core.period import local_date
from kpi_lib.core.units import MINOR_DIGITS, SIGNS, minor_digits
from kpi_lib.sources.csvfile import LINE
from kpi_lib.sources.findings import NO_AMOUNT, NO_CURRENCY, NO_RATE, TOO_LARGE
from kpi_lib.sources.kinds import as_text, blank_to_null

SHAPE = r"^(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?$"
SCIENTIFIC = r"^[+-]?[0-9]+(?:\.[0-9]*)?[eE][+-]?[0-9]{1,2}$"
LARGEST = 10**17
RATE_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts in minor units, the reasons against some, and how many lost digits that the currency does not have."""

    values: pl.Series
    reasons: pl.Series
    rounded: pl.Series


def currencies(values: pl.Series | None, default: str, rows: int) -> tuple[pl.Series, pl.Series]:
    """The currency of every row (the workspace's where none is given) and the reasons against some."""
    if values is None:
        return pl.repeat(default, rows, dtype=pl.String, eager=True), pl.repeat(None, rows, dtype=pl.String, eager=True)
    code = as_text(blank_to_null(values)).str.to_uppercase().fill_null(default)
    wrong = ~code.str.contains("^[A-Z]{3}$")
    return code, pl.select(pl.when(wrong).then(pl.lit(NO_CURRENCY))).to_series()


def parse_amounts(values: pl.Series, currency: pl.Series) -> Amounts:
    """Read amounts in whole minor units; text is read digit by digit, so that no cent is lost on the way."""
    there = blank_to_null(values)
    digits = currency.replace_strict(MINOR_DIGITS, default=minor_digits("?"), return_dtype=pl.Int64)
    symbol = currency.replace(SIGNS)
    frame = pl.DataFrame({"raw": there, "digits": digits, "scale": 10**digits, "code": currency, "symbol": symbol})
    read = _from_floats(frame) if there.dtype.is_float() else _from_text(frame)
    reason = (
        pl.when(pl.col("raw").is_null()).then(None)
        .when(pl.col("large")).then(pl.lit(TOO_LARGE))
        .when(pl.col("minor").is_null()).then(pl.lit(NO_AMOUNT))
    )  # fmt: skip
    found = read.select("minor", "rounded", reason=reason)
    minor = found.select(pl.when(pl.col("reason").is_null()).then(pl.col("minor"))).to_series()
    return Amounts(minor, found["reason"], found["rounded"].fill_null(False))


def sign_of(values: pl.Series) -> str | None:
    """The currency whose sign or code stands in most amounts, such as $12.50 or 12,50 EUR."""
    if values.dtype != pl.String:
        return None
    signs = pl.select(
        pl.lit(values).str.extract(r"([$€£¥₹₩]|\b[A-Z]{3}\b)").drop_nulls().value_counts(sort=True)
    ).to_series()
    if signs.is_empty() or signs[0]["count"] * 2 < values.count():
        return None
    found = str(signs.struct[0][0])
    return found if len(found) == 3 else next(code for code, sign in SIGNS.items() if sign == found)


def _bare() -> pl.Expr:
    """Amounts without the sign or the code of their own currency; with another one they cannot be read."""
    minus = pl.col("raw").str.starts_with("-")
    body = pl.col("raw").str.strip_prefix("-")
    for mark in ("code", "symbol"):
        body = body.str.strip_prefix(pl.col(mark)).str.strip_suffix(pl.col(mark)).str.strip_chars()
    return pl.when(minus).then("-" + body).otherwise(body)


def _from_floats(frame: pl.DataFrame) -> pl.DataFrame:
    scaled = pl.col("raw").cast(pl.Float64) * pl.col("scale")
    large = ~(scaled.abs() < 2**53)
    minor = pl.when(~large).then(scaled.round(mode="half_away_from_zero")).cast(pl.Int64)
    # a float is an approximation: only what is off by more than that has digits too many
    rounded = (scaled - scaled.round()).abs() > 1e-6 * pl.max_horizontal(scaled.abs() * 1e-6, pl.lit(1.0))
    return frame.with_columns(minor=minor, large=large.fill_null(False), rounded=rounded)


def _from_text(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(as_text(frame["raw"]).alias("raw"))
    if frame["raw"].str.contains(r"[^0-9.+-]").any():
        frame = frame.with_columns(raw=_bare())
    scientific = pl.col("raw").str.contains(SCIENTIFIC)
    plain = (
        pl.when(scientific).then(pl.col("raw").cast(pl.Decimal(38, 6), strict=False).cast(pl.String)).otherwise("raw")
    )
    parts = frame.with_columns(plain.str.extract_groups(SHAPE).alias("parts")).unnest("parts")
    whole, part = pl.col("whole").fill_null(""), pl.col("part").fill_null("")
    shaped = pl.col("whole").is_not_null() & ((whole.str.len_bytes() > 0) | (part.str.len_bytes() > 0))
    large = shaped & (whole.str.strip_chars_start("0").str.len_bytes() > 15)
    padded = part.str.pad_end(4, "0")
    kept = pl.when(pl.col("digits") > 0).then(padded.str.slice(0, pl.col("digits"))).otherwise(pl.lit("0"))
    beyond = padded.str.slice(pl.col("digits"))
    up = beyond.str.contains("^[5-9]").cast(pl.Int64)
    units = pl.when(~large & shaped).then(pl.when(whole == "").then(pl.lit("0")).otherwise(whole)).cast(pl.Int64)
    size = units * pl.col("scale") + kept.cast(pl.Int64) + up
    minor = pl.when(shaped).then(pl.when(pl.col("sign") == "-").then(-size).otherwise(size))
    return parts.with_columns(minor=minor, large=large.fill_null(False), rounded=shaped & beyond.str.contains("[1-9]"))


@dataclass(frozen=True, slots=True)
class Rates:
    """Daily rates to the workspace currency; `table` is null where no rates are mapped."""

    table: pl.DataFrame | None
    currency: str
    zone: str
    place: str


def exchange(frame: pl.DataFrame, columns: list[str], time: str, rates: Rates) -> tuple[pl.DataFrame, pl.Series]:
    """Bring amounts into the workspace currency by the latest rate on or before the day; say which rows have none."""
    nothing = pl.repeat(None, len(frame), dtype=pl.String, eager=True)
    if (frame["currency"] == rates.currency).all():
        return frame, nothing
    if rates.table is None:
        raise _mixed(frame, rates)
    moment = pl.col(time)
    day = moment if frame.schema[time] == pl.Date else local_date(moment, rates.zone)
    table = rates.table.select(
        pl.col("date").alias("\x00day"), pl.col("currency").str.to_uppercase(), "rate"
    ).drop_nulls()
    keyed = frame.with_row_index("\x00row").with_columns(day.alias("\x00day"))
    known = table.sort("\x00day", maintain_order=True).unique(["\x00day", "currency"], keep="last", maintain_order=True)
    found = keyed.filter(pl.col("\x00day").is_not_null()).sort("\x00day", maintain_order=True)
    found = found.join_asof(known, on="\x00day", by="currency", strategy="backward", check_sortedness=False)
    rate = keyed.select("\x00row").join(
        found.select("\x00row", "rate"), on="\x00row", how="left", maintain_order="left"
    )["rate"]
    own = frame["currency"] == rates.currency
    scaled = [pl.when(own).then(pl.col(c)).otherwise(_times(pl.col(c), rate, rates.currency)).alias(c) for c in columns]
    changed = frame.with_columns(scaled)
    lost = pl.any_horizontal(frame[c].is_not_null() & changed[c].is_null() for c in columns)
    reason = pl.when(~own & rate.is_null()).then(pl.lit(NO_RATE)).when(lost).then(pl.lit(TOO_LARGE))
    return changed, pl.select(reason).to_series()


def _times(amount: pl.Expr, rate: pl.Series, home: str) -> pl.Expr:
    """Amount by rate in whole minor units of the home currency: no float on the way, halves away from zero.

    The rate counts with the digits that it is written with, up to twelve after the point.
    """
    digits = pl.col("currency").replace_strict(MINOR_DIGITS, default=minor_digits("?"), return_dtype=pl.Int64)
    units = {places: 10 ** (RATE_DIGITS + places - minor_digits(home)) for places in range(5)}
    unit = digits.replace_strict(units, return_dtype=pl.Int64).cast(pl.Int128)
    product = amount.cast(pl.Int128) * (rate * 10.0**RATE_DIGITS).round().cast(pl.Int128)
    found = (product.abs() * 2 + unit) // (unit * 2) * product.sign()
    return pl.when(found.abs() < LARGEST).then(found).cast(pl.Int64)


def _mixed(frame: pl.DataFrame, rates: Rates) -> DataError:
    currency = rates.currency
    line = frame.filter(pl.col("currency") != currency)[LINE][0]
    counts = frame.group_by("currency").len().sort("len", "currency", descending=[True, False]).head(6)
    there = ", ".join(f"{code} ({rows:,} rows)" for code, rows in counts.iter_rows())
    only = f' Or set [workspace] currency = "{counts["currency"][0]}".' if len(counts) == 1 else ""
    return DataError(
        f"{rates.place}, line {line}: amounts are in {there}, the workspace counts in {currency}.\n"
        "Map a table rates with the columns date, currency and rate "
        f"(what one unit of that currency is worth in {currency} from that day on).{only}"
    )
