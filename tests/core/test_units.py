"""How figures are written, and which durations are none."""

from datetime import timedelta

import pytest

from kpi_lib.core.errors import UsageError
from kpi_lib.core.units import (
    COUNT,
    MONEY,
    MONEY_PER_USER,
    PER_USER,
    RATIO,
    SCORE,
    SECONDS,
    SHARE,
    Unit,
    duration,
    minor_digits,
    percent,
    show,
    significant,
    span,
)

SHOWN = [
    (None, SHARE, "—"),
    (0.0, SHARE, "0\u202f%"),
    (0.428, SHARE, "42.8\u202f%"),
    (-0.0123, SHARE, "−1.23\u202f%"),
    (1.5, SHARE, "150\u202f%"),
    (0, COUNT, "0"),
    (999.6, COUNT, "1,000"),
    (1_234_567, COUNT, "1,234,567"),
    (0.1666, RATIO, "0.167"),
    (-12.345, SCORE, "−12.3"),
    (2.5, PER_USER, "2.5"),
    (0.0, MONEY, "$0.00"),
    (-0.001, MONEY, "$0.00"),
    (999.994, MONEY, "$999.99"),
    (1000, MONEY, "$1,000"),
    (-1234.5, MONEY, "−$1,234"),
    (12.5, MONEY_PER_USER, "$12.50"),
    (0, SECONDS, "0 s"),
    (59.5, SECONDS, "59.5 s"),
    (3599.7, SECONDS, "1 h"),
    (86_400, SECONDS, "1 d"),
    (90_000, SECONDS, "1 d 1 h"),
    (-150, SECONDS, "−2 min 30 s"),
]


@pytest.mark.parametrize(("value", "unit", "text"), SHOWN)
def test_a_figure_is_written_for_a_person(value: float | None, unit: Unit, text: str) -> None:
    assert show(value, unit) == text


def test_currencies_keep_their_sign_and_their_smallest_unit() -> None:
    assert show(1234.4, MONEY, "JPY") == "¥1,234"
    assert show(12.3456, MONEY, "KWD") == "KWD\xa012.346"
    assert show(5, MONEY, "CHF") == "CHF\xa05.00"
    assert [minor_digits(code) for code in ("JPY", "EUR", "BHD", "XYZ")] == [0, 2, 3, 2]


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.0004, 0.05, 0.33333, 0.5, 0.95, 0.9949, 1.0, 7.25])
def test_percent_and_significant_mean_the_same_number(value: float) -> None:
    assert float(percent(value).removesuffix("\u202f%").replace(",", "")) / 100 == pytest.approx(value, rel=6e-3)
    assert float(significant(value)) == pytest.approx(value, rel=6e-3)
    if value:
        assert percent(-value) == "−" + percent(value)
        assert significant(-value) == "−" + significant(value)


def test_a_value_that_rounds_to_nothing_has_no_sign() -> None:
    assert significant(-0.0) == "0"
    assert span(-0.0) == "0 s"


DURATIONS = [("90s", 90), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600), (" 1h ", 3_600)]


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_durations_are_exact(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "-1d", "1.5h", "1y", "1 d", "1_0d", "²d", "7D", "7days", "∞d", "1mo"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no duration: write a whole number"):
        duration(text)


def test_a_duration_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(UsageError, match="longer than any calendar"):
        duration("999999999999w")


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
        (2, "USD EUR GBP CHF INR BRL HUF TWD IDR COP"),
    ],
)
def test_minor_units_are_those_of_iso_4217(digits: int, codes: str) -> None:
    assert {code: minor_digits(code) for code in codes.split()} == dict.fromkeys(codes.split(), digits)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (387_558.0, "4 d 12 h"),
        (86_380.0, "1 d"),
        (3_599.7, "1 h"),
        (3_570, "59 min 30 s"),
        (5_369, "1 h 29 min"),
        (5_370, "1 h 30 min"),
        (59.9996, "60 s"),
        (-5_399, "−1 h 30 min"),
    ],
)
def test_durations_are_rounded_to_what_is_shown(seconds: float, text: str) -> None:
    """They were cut off: 1 h 29 min 59 s read as 1 h 29 min."""
    assert show(seconds, SECONDS) == text
