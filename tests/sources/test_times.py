"""Times come in as the instants they mean, in every zone and form, and go wrong only with a reason."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpi_lib.core.period import local_day, midnight
from kpi_lib.sources.findings import GAP, NO_DAY, NO_TIME
from kpi_lib.sources.times import parse_times, usual_forms

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Asia/Kolkata",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Africa/Cairo",
)  # fmt: skip
instants = st.datetimes(datetime(1972, 1, 1), datetime(2030, 12, 31)).map(lambda t: t.replace(tzinfo=UTC))
# clock changes happen within these days in one zone or another: look there more often than chance would
edges = st.builds(
    lambda day, seconds: datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=seconds),
    st.sampled_from(
        [
            date(2026, 3, 29),
            date(2026, 10, 25),
            date(2026, 3, 8),
            date(2026, 11, 1),
            date(2011, 12, 30),
            date(2017, 10, 15),
        ]
    ),
    st.integers(-86_400, 2 * 86_400),
)


def read(*texts: str, zone: str | None = None, workspace: str = "UTC") -> pl.DataFrame:
    return parse_times(pl.Series(list(texts), dtype=pl.String), workspace_zone=workspace, file_zone=zone)


@given(st.lists(instants | edges, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_written_with_its_offset_an_instant_comes_back_exactly(times: list[datetime], zone: str) -> None:
    local = [time.astimezone(ZoneInfo(zone)) for time in times]
    # offsets with seconds exist only before 1972 in these zones
    assert read(*(t.isoformat() for t in local))["time"].to_list() == times


@given(st.lists(instants | edges, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_a_local_time_comes_back_and_the_repeated_hour_is_the_earlier_one(times: list[datetime], zone: str) -> None:
    local = [time.astimezone(ZoneInfo(zone)) for time in times]
    found = read(*(t.strftime("%Y-%m-%d %H:%M:%S.%f") for t in local), zone=zone)
    first = [t.replace(fold=0).astimezone(UTC) for t in local]
    assert found["time"].to_list() == first
    assert found["reason"].null_count() == len(times)
    assert found["twice"].to_list() == [t.replace(fold=0).utcoffset() != t.replace(fold=1).utcoffset() for t in local]


@given(
    st.datetimes(datetime(1972, 1, 1), datetime(2030, 1, 1)) | edges.map(lambda t: t.replace(tzinfo=None)),
    st.sampled_from(ZONES),
)
def test_a_local_time_is_in_a_gap_exactly_when_it_never_comes_back(clock: datetime, zone: str) -> None:
    there = clock.replace(tzinfo=ZoneInfo(zone))
    exists = there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == clock
    found = read(clock.isoformat(), zone=zone)
    assert (found["reason"][0] == GAP) is not exists
    assert (found["time"][0] is not None) is exists


@given(
    st.lists(st.dates(date(1971, 1, 2), date(2035, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
)
def test_a_pure_date_is_a_day_of_the_workspace_whatever_the_zone_of_the_file(
    days: list[date], zone: str, file_zone: str
) -> None:
    found = read(*map(str, days), workspace=zone, zone=file_zone)
    assert found["time"].to_list() == [midnight(day, zone) for day in days]
    assert found["day"].to_list() == days
    skipped = date(2011, 12, 30)
    assert [local_day(time, zone) for time, day in zip(found["time"], days, strict=True) if day != skipped] == [
        d for d in days if d != skipped
    ]


@given(st.lists(instants, min_size=1, max_size=20))
def test_numbers_are_seconds_milliseconds_or_microseconds(times: list[datetime]) -> None:
    late = [time for time in times if time >= datetime(2001, 9, 9, 2, tzinfo=UTC)]
    micros = [(time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for time in late]
    for size in (1, 1_000, 1_000_000):
        expected = [time.replace(microsecond=time.microsecond // size * size) for time in late]
        assert read(*(str(value // size) for value in micros))["time"].to_list() == expected
        assert (
            parse_times(pl.Series([v // size for v in micros], dtype=pl.Int64), workspace_zone="UTC", file_zone=None)[
                "time"
            ].to_list()
            == expected
        )


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00+00:00"),
        ("2026-01-05t10:00:00z", "2026-01-05T10:00:00+00:00"),
        ("2026-01-05 10:00:00 UTC", "2026-01-05T10:00:00+00:00"),
        ("2026-01-05T10:00Z", "2026-01-05T10:00:00+00:00"),
        ("2026-01-05T10:00:00+02", "2026-01-05T08:00:00+00:00"),
        ("2026-01-05T10:00:00+0530", "2026-01-05T04:30:00+00:00"),
        ("2026-01-05 10:00:00-03:30", "2026-01-05T13:30:00+00:00"),
        ("2026-01-05T10:00:00.5Z", "2026-01-05T10:00:00.500000+00:00"),
        ("2026-01-05T10:00:00,123456789Z", "2026-01-05T10:00:00.123456+00:00"),
        (" 2026-01-05T10:00:00Z ", "2026-01-05T10:00:00+00:00"),
        ("20260105", "2026-01-05T00:00:00+00:00"),
        ("1767607200.25", "2026-01-05T10:00:00.250000+00:00"),
    ],
)
def test_the_usual_forms_are_read(text: str, instant: str) -> None:
    assert read(text)["time"][0] == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30", NO_DAY),
        ("2026-1-5", NO_TIME),
        ("5.1.2026", NO_TIME),
        ("12345", NO_TIME),
        ("20261301", NO_DAY),
        ("x", NO_TIME),
    ],
)
def test_other_forms_get_a_reason(text: str, reason: str) -> None:
    assert read(text).row(0) == (None, None, reason, False, False)


def test_an_open_end_in_the_year_9999_stays_inside_the_calendar() -> None:
    found = read("9999-12-31", "9999-12-31T23:59:59", workspace="America/New_York", zone="America/New_York")
    assert [time.year for time in found["time"]] == [9998, 9998]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_typed_times_need_a_zone_only_where_they_have_none(unit: str) -> None:
    naive = pl.Series([datetime(2026, 1, 5, 10)]).cast(pl.Datetime(unit))  # type: ignore[arg-type]
    assert parse_times(naive, workspace_zone="UTC", file_zone=None)["naive"].to_list() == [True]
    berlin = parse_times(naive, workspace_zone="UTC", file_zone="Europe/Berlin")
    assert berlin["time"].to_list() == [datetime(2026, 1, 5, 9, tzinfo=UTC)]
    aware = naive.dt.replace_time_zone("Asia/Kolkata")
    assert parse_times(aware, workspace_zone="UTC", file_zone=None)["time"].to_list() == [
        datetime(2026, 1, 5, 4, 30, tzinfo=UTC)
    ]


def test_seconds_as_floats_keep_their_fraction() -> None:
    found = parse_times(pl.Series([1767607200.0, 1767607200.25, None]), workspace_zone="UTC", file_zone=None)
    start = datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert found["time"].to_list() == [start, start + timedelta(milliseconds=250), None]


@given(st.lists(st.floats(1e9, 9_999_999_999, exclude_max=True), min_size=1, max_size=20))
@example([1700000000.9999998])
def test_seconds_as_floats_are_the_nearest_microsecond(seconds: list[float]) -> None:
    found = parse_times(pl.Series(seconds), workspace_zone="UTC", file_zone=None)["time"].to_list()
    for time, value in zip(found, seconds, strict=True):
        exact = Fraction(value) * 1_000_000
        assert abs(Fraction((time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)) - exact) <= 1


def test_typed_days_are_days_of_the_workspace() -> None:
    found = parse_times(pl.Series([date(2026, 1, 5), None]), workspace_zone="Asia/Tokyo", file_zone=None)
    assert found["time"].to_list() == [datetime(2026, 1, 4, 15, tzinfo=UTC), None]
    assert found["reason"].to_list() == [None, None]


FORMS = ["%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%y %H:%M:%S", "%d %b %Y %H:%M:%S %z"]


@given(st.lists(instants, min_size=1, max_size=20), st.sampled_from(FORMS), st.sampled_from(ZONES))
def test_a_declared_form_reads_what_it_writes(times: list[datetime], form: str, zone: str) -> None:
    local = [time.astimezone(ZoneInfo(zone)).replace(microsecond=0) for time in times]
    texts = pl.Series([t.strftime(form) for t in local])
    found = parse_times(texts, workspace_zone=zone, file_zone=zone, form=form)
    whole = [midnight(t.date(), zone) if "H" not in form and "I" not in form else t.astimezone(UTC) for t in local]
    back = [t.replace(fold=0).astimezone(UTC) for t in local] if "z" not in form and "M" in form else whole
    assert found["time"].to_list() == back
    assert found["reason"].null_count() == len(times)


def test_where_a_declared_form_fits_no_other_is_read() -> None:
    mixed = pl.Series(["13.01.2026", "2026-01-14", "01.13.2026", None])
    found = parse_times(mixed, workspace_zone="UTC", file_zone=None, form="%d.%m.%Y")
    assert found["day"].to_list() == [date(2026, 1, 13), None, None, None]
    assert found["reason"].to_list() == [None, NO_TIME, NO_TIME, None]
    iso = parse_times(pl.Series(["2026-01-14"]), workspace_zone="UTC", file_zone=None, form="%d.%m.%Y")
    assert iso["day"].to_list() == [date(2026, 1, 14)]


@pytest.mark.parametrize(
    ("texts", "forms"),
    [
        (["31.12.2026", "1.2.2026"], ["%d.%m.%Y"]),
        (["05.01.2026 10:15"], ["%d.%m.%Y %H:%M"]),
        (["31/12/2026"], ["%d/%m/%Y"]),
        (["12/31/2026 10:15:30"], ["%m/%d/%Y %H:%M:%S"]),
        (["05/01/2026"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["31/12/2026", "12/31/2026"], []),
        (["yesterday"], []),
        (["31.12.2026"] * 4 + ["32.01.2026"], ["%d.%m.%Y"]),  # one bad row in five hides no form
        (["31.12.2026"] * 3 + ["32.01.2026"], []),
        ([], []),
    ],
)
def test_the_form_of_dates_is_recognised_where_only_one_fits(texts: list[str], forms: list[str]) -> None:
    assert usual_forms(pl.Series(texts, dtype=pl.String)) == forms
