"""Times of every written form become UTC instants; what cannot be placed says why.

Pure dates are calendar days of the workspace and begin at its local midnight; date-times without a zone are local
times of the file's zone; numbers are seconds, milli- or microseconds since 1970.
"""

from datetime import UTC, date, datetime
from typing import Literal

import polars as pl

from kpi_lib.core.period import INSTANT, midnight
from kpi_lib.sources.findings import GAP, NO_DAY, NO_TIME, TOO_EARLY

FORM = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<clock>[0-9]{2}:[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r" ?(?P<offset>Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
NUMBER = r"^[0-9]{10}(?:\.[0-9]+)?$|^[0-9]{13}(?:\.[0-9]+)?$|^[0-9]{16}$"
COMPACT = r"^(?:19|20)[0-9]{6}$"
EARLIEST = date(1971, 1, 1)
# 9999-12-31 stands for "never ends" in many tables; a zone west of UTC would carry it out of the calendar
LATEST = datetime(9998, 12, 31, tzinfo=UTC)
MICRO = 1_000_000
MOSTLY = 0.8
TWELVE_HOURS = (" %I:%M %p", " %I:%M:%S %p")


def parse_times(
    values: pl.Series, *, workspace_zone: str, file_zone: str | None, form: str | None = None
) -> pl.DataFrame:
    """Read times: columns `time` (instant), `day` (as written), `reason` (null if fine), `naive` (lacks a zone), `twice`.

    `twice` marks local times that clocks showed twice, in autumn: the first pass is taken. A declared `form` is the only one
    read in a column in which it fits any value.
    """
    frame = pl.DataFrame({"raw": values})
    if values.dtype == pl.Date:
        frame = frame.with_columns(
            day=pl.col("raw"), local=pl.lit(None, pl.Datetime("us")), instant=pl.lit(None, INSTANT)
        )
    elif isinstance(values.dtype, pl.Datetime):
        frame = _native(frame, values.dtype.time_zone)
    else:
        frame = frame.with_columns(_text(values).alias("raw"))
        formed = _formed(frame, form) if form else None
        frame = _written(frame) if formed is None else formed
    return _placed(frame, workspace_zone, file_zone)


def _native(frame: pl.DataFrame, zone: str | None) -> pl.DataFrame:
    micros = pl.col("raw").dt.cast_time_unit("us")
    nothing = {"day": pl.lit(None, pl.Date), "local": pl.lit(None, pl.Datetime("us")), "instant": pl.lit(None, INSTANT)}
    found = {"instant": micros.dt.convert_time_zone("UTC")} if zone else {"local": micros}
    return frame.with_columns(**(nothing | found))


def _text(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        micros = ((values - values.floor()) * MICRO).round().cast(pl.Int64, strict=False)
        whole = (values.floor().cast(pl.Int64, strict=False) + micros // MICRO).cast(pl.String)
        rest = (micros % MICRO).cast(pl.String).str.zfill(6)
        return pl.select(pl.when(rest == "000000").then(whole).otherwise(pl.format("{}.{}", whole, rest))).to_series()
    return values.cast(pl.String, strict=False).str.strip_chars()


def time_form(form: str) -> str:
    """Check a form such as %d.%m.%Y by writing a day with it and reading it again; ValueError if that fails."""
    sample = pl.Series([datetime(2026, 11, 23, 10, 15)])
    try:
        back = sample.dt.strftime(form).str.to_datetime(form, strict=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from None
    if back[0] is None or back[0].date() != date(2026, 11, 23):
        raise ValueError("does not name a whole day")
    return form


def _formed(frame: pl.DataFrame, form: str) -> pl.DataFrame | None:
    """Read text in a declared form; nothing where no value has it."""
    found = frame["raw"].str.to_datetime(form, strict=False)
    if not found.count():
        return None
    if found.dtype.time_zone:  # type: ignore[attr-defined]
        return frame.with_columns(
            day=pl.lit(None, pl.Date), local=pl.lit(None, pl.Datetime("us")), instant=found.cast(INSTANT), shaped=False
        )
    found = found.dt.cast_time_unit("us")
    sample = pl.Series([datetime(2026, 11, 23, 10, 15)]).dt.strftime(form).str.to_datetime(form)
    dated = sample[0] == datetime(2026, 11, 23)
    day = found.dt.date() if dated else pl.lit(None, pl.Date)
    local = pl.lit(None, pl.Datetime("us")) if dated else found
    return frame.with_columns(day=day, local=local, instant=pl.lit(None, INSTANT), shaped=False)


def usual_forms(values: pl.Series) -> list[str]:
    """The forms that dates such as 31.12.2026 or 12/31/2026 may have; two where the day and the month could be swapped.

    >>> usual_forms(pl.Series(["05/01/2026 10:15"])), usual_forms(pl.Series(["31.12.2026"]))
    (['%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M'], ['%d.%m.%Y'])
    """
    texts = _text(values.drop_nulls())
    forms = [
        first.replace(".", mark) + clock
        for mark in (".", "/", "-")
        for clock in ("", " %H:%M", " %H:%M:%S", *TWELVE_HOURS)
        for first in ("%d.%m.%Y", "%m.%d.%Y")
    ] + ["%Y-%m-%d" + clock for clock in TWELVE_HOURS]
    read = {form: int(texts.str.to_datetime(form, strict=False).dt.year().gt(999).sum()) for form in forms}
    # a few bad rows, such as one on 32.01.2026, hide no form
    best = max(read.values())
    fits = [form for form in forms if read[form] == best and best > 0 and best >= MOSTLY * len(texts)]
    # days first wherever points divide them
    return [form for form in fits if not (form.startswith("%m.") and form.replace("%m.%d", "%d.%m") in fits)]


def _written(frame: pl.DataFrame) -> pl.DataFrame:
    parts = frame.select("raw", pl.col("raw").str.extract_groups(FORM).alias("parts")).unnest("parts")
    compact = pl.when(pl.col("raw").str.contains(COMPACT)).then(pl.col("raw").str.to_date("%Y%m%d", strict=False))
    written = pl.col("day").str.to_date("%Y-%m-%d", strict=False)
    dated = pl.col("clock").is_null()
    local = _local(written)
    return parts.select(
        "raw",
        day=pl.when(dated).then(pl.coalesce(written, compact)),
        local=pl.when(pl.col("offset").is_null()).then(local),
        instant=pl.coalesce(
            pl.when(pl.col("offset").is_not_null()).then((local - _offset()).dt.replace_time_zone("UTC")), _epoch()
        ),
        shaped=pl.col("day").is_not_null() | pl.col("raw").str.contains(COMPACT),
    )


def _local(day: pl.Expr) -> pl.Expr:
    hour = pl.col("clock").str.slice(0, 2).cast(pl.Int64)
    minute = pl.col("clock").str.slice(3, 2).cast(pl.Int64)
    second = pl.col("second").cast(pl.Int64).fill_null(0)
    fraction = pl.col("fraction").fill_null("0").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    real = (hour < 24) & (minute < 60) & (second < 60)
    micros = ((hour * 60 + minute) * 60 + second) * MICRO + fraction
    return pl.when(real).then(day.cast(pl.Datetime("us")) + pl.duration(microseconds=micros))


def _offset() -> pl.Expr:
    digits = pl.col("offset").str.replace_all("[^0-9]", "").str.pad_end(4, "0")
    minutes = digits.str.slice(0, 2).cast(pl.Int64) * 60 + digits.str.slice(2, 2).cast(pl.Int64)
    signed = pl.when(pl.col("offset").str.starts_with("-")).then(-minutes).otherwise(minutes)
    return pl.duration(minutes=pl.when(pl.col("offset").str.contains("[0-9]")).then(signed).otherwise(0))


def _epoch() -> pl.Expr:
    number = pl.when(pl.col("raw").str.contains(NUMBER)).then(pl.col("raw"))
    whole = number.str.extract("^([0-9]+)").cast(pl.Int64)
    rest = number.str.extract(r"\.([0-9]{1,6})").fill_null("").str.pad_end(6, "0").cast(pl.Int64)
    length = number.str.extract("^([0-9]+)").str.len_bytes()
    micros = (
        pl.when(length == 10)
        .then(whole * MICRO + rest)
        .when(length == 13)
        .then(whole * 1000 + rest // 1000)
        .otherwise(whole)
    )
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _placed(frame: pl.DataFrame, workspace_zone: str, file_zone: str | None) -> pl.DataFrame:
    """Place local times and days, and say for each value that has no place why."""
    zoned, twice = pl.lit(None, INSTANT), pl.lit(False)
    if file_zone is not None:
        zoned = _zoned(file_zone, "earliest")
        twice = (zoned != _zoned(file_zone, "latest")).fill_null(False)
    frame = frame.with_columns(begins=_midnights(frame["day"], workspace_zone))
    time = pl.coalesce("instant", zoned, "begins")
    shaped = pl.col("shaped") if "shaped" in frame.columns else pl.lit(True)
    naive = pl.col("local").is_not_null() if file_zone is None else pl.lit(False)
    early = (
        (pl.col("day").fill_null(EARLIEST) < EARLIEST)
        | (time.dt.year() < EARLIEST.year)
        | (pl.col("local").dt.year() < EARLIEST.year)
    )
    reason = (
        pl.when(pl.col("raw").is_null() | naive).then(None)
        .when(early.fill_null(False)).then(pl.lit(TOO_EARLY))
        .when(time.is_not_null()).then(None)
        .when(pl.col("local").is_not_null()).then(pl.lit(GAP))
        .when(shaped).then(pl.lit(NO_DAY))
        .otherwise(pl.lit(NO_TIME))
    )  # fmt: skip
    time = pl.when(time > LATEST).then(pl.lit(LATEST, INSTANT)).otherwise(time)
    return frame.select(time=time, day=pl.col("day"), reason=reason, naive=naive, twice=twice)


def _zoned(zone: str, ambiguous: Literal["earliest", "latest"]) -> pl.Expr:
    local = pl.col("local").dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _midnights(days: pl.Series, zone: str) -> pl.Series:
    """First instants of local days; only the distinct days are looked up."""
    distinct = days.unique().sort().drop_nulls().to_list()
    known = {day: midnight(min(day, LATEST.date()), zone) for day in distinct if day >= EARLIEST}
    if not known:
        return pl.Series([None] * len(days), dtype=INSTANT)
    starts = pl.DataFrame({"day": list(known), "begins": pl.Series(list(known.values()), dtype=INSTANT)})
    return days.to_frame("day").join(starts, on="day", how="left", maintain_order="left")["begins"]
