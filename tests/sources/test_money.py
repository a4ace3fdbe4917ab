"""Amounts lose no cent on the way in, and other currencies come in by the rate of their day."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpi_lib.core.units import minor_digits
from kpi_lib.sources.findings import NO_AMOUNT, NO_RATE, TOO_LARGE
from kpi_lib.sources.money import Rates, exchange, parse_amounts

from .conftest import Maker

DIGITS = {"USD": 2, "JPY": 0, "KWD": 3}
amounts = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=5)


def minor(values: pl.Series, currency: str) -> list[int | None]:
    code = pl.Series([currency] * len(values), dtype=pl.String)
    return parse_amounts(values, code).values.to_list()


@given(st.lists(amounts, min_size=1, max_size=20), st.sampled_from(sorted(DIGITS)))
def test_text_is_exact_to_the_last_digit(values: list[Decimal], currency: str) -> None:
    unit = Decimal(1).scaleb(-DIGITS[currency])
    exact = [int(value.quantize(unit, ROUND_HALF_UP).scaleb(DIGITS[currency])) for value in values]
    assert minor(pl.Series([f"{value:f}" for value in values]), currency) == exact


@given(st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=20), st.sampled_from(sorted(DIGITS)))
def test_floats_come_back_to_the_units_they_stood_for(units: list[int], currency: str) -> None:
    floats = pl.Series([unit / 10 ** DIGITS[currency] for unit in units], dtype=pl.Float64)
    read = parse_amounts(floats, pl.Series([currency] * len(units)))
    assert read.values.to_list() == units
    assert not read.rounded.any()


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("12", 1200),
        ("12.5", 1250),
        ("12.", 1200),
        (".5", 50),
        ("+3.10", 310),
        ("007.00", 700),
        ("1.005", 101),
        ("1.5e3", 150_000),
        ("-0", 0),
        ("$5", 500),
        ("-$ 5.50", -550),
        ("5 USD", 500),
    ],
)
def test_the_usual_forms_are_read(text: str, cents: int) -> None:
    assert minor(pl.Series([text]), "USD") == [cents]


@pytest.mark.parametrize("text", ["1,234.50", "1,5", "€5", "5 EUR", "$", "$-$5", "--5", ".", "-", "1e", "0x1f", "١٢"])
def test_other_forms_are_no_amounts(text: str) -> None:
    read = parse_amounts(pl.Series([text]), pl.Series(["USD"]))
    assert (read.values.to_list(), read.reasons.to_list()) == ([None], [NO_AMOUNT])


SALES = '[tables.transactions]\npath = "sales.csv"\n'


def test_more_digits_than_the_currency_has_are_rounded_and_counted(make: Maker) -> None:
    workspace = make(SALES, sales_csv="user_id,time,amount\nu1,2026-01-05,1.999\nu2,2026-01-05,2.500\n")
    assert workspace.data.tables["transactions"]["amount"].to_list() == [200, 250]
    (finding,) = workspace.log.findings
    assert (finding.severity, finding.rows, finding.line, finding.value) == ("warning", 1, 2, "'1.999'")


RATES = '[workspace]\ncurrency = "CHF"\n' + SALES + '[tables.rates]\npath = "rates.csv"\n'


def test_amounts_take_the_latest_rate_on_or_before_their_day(make: Maker) -> None:
    workspace = make(
        RATES,
        rates_csv="date,currency,rate\n2026-01-10,EUR,0.9\n2026-01-05,EUR,0.95\n2026-01-05,JPY,0.006\n2026-01-06,USD,0\n",
        sales_csv="user_id,time,amount,currency\n"
        "a,2026-01-05,10.00,EUR\nb,2026-01-09,10.00,eur\nc,2026-01-10,10.00,EUR\n"
        "d,2026-01-07,1000,JPY\ne,2026-01-07,7.77,CHF\nf,2026-01-04,10.00,EUR\ng,2026-01-07,1,USD\n",
    )
    assert workspace.data.tables["transactions"]["amount"].to_list() == [950, 950, 900, 600, 777]
    assert workspace.log.counts["transactions"].quarantined == 2
    told = next(finding for finding in workspace.log.findings if "changed into CHF" in finding.message)
    assert (told.severity, told.rows, told.line) == ("warning", 4, 2)
    assert "4 rows in EUR, JPY were changed" in told.message
    reasons = " ".join(finding.message for finding in workspace.log.findings)
    assert NO_RATE in reasons
    assert "rate is not above zero" in reasons


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=10),
    st.decimals("0.000001", "30000", places=6),
    st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
@example([50], Decimal("1.01"), "EUR", "USD")  # 50.5 cents: a float rounds to the even 50
@example([100], Decimal("1.005"), "EUR", "USD")  # 100.5, and 1.005 as a float is a little less
def test_a_rate_multiplies_exactly_and_halves_go_up(amounts: list[int], rate: Decimal, code: str, home: str) -> None:
    day = date(2026, 1, 5)
    table = pl.DataFrame({"date": [day], "currency": [code], "rate": [float(rate)]})
    frame = pl.DataFrame({"date": [day] * len(amounts), "currency": code, "amount": amounts})
    found, reasons = exchange(frame, ["amount"], "date", Rates(table, home, "UTC", ""))
    if code != home:
        whole = [Decimal(a).scaleb(minor_digits(home) - minor_digits(code)) * rate for a in amounts]
        amounts = [int(each.quantize(Decimal(1), ROUND_HALF_UP)) for each in whole]
    assert found["amount"].to_list() == amounts
    assert reasons.null_count() == len(amounts)


def test_an_amount_that_a_rate_makes_too_large_is_no_amount() -> None:
    day = date(2026, 1, 5)
    table = pl.DataFrame({"date": [day], "currency": ["EUR"], "rate": [1e4]})
    frame = pl.DataFrame({"date": [day] * 2, "currency": "EUR", "amount": [10**14, 1]})
    found, reasons = exchange(frame, ["amount"], "date", Rates(table, "USD", "UTC", ""))
    assert found["amount"].to_list() == [None, 10_000]
    assert reasons.to_list() == [TOO_LARGE, None]


def test_refunds_are_negative_however_they_are_written(make: Maker) -> None:
    amounts = ("5,refund", "-6,Refund", "7,credit", "8,", "9,sale", "1,refnd")
    rows = "".join(f"u,2026-01-05,{each}\n" for each in amounts)
    workspace = make(SALES, sales_csv="user_id,time,amount,kind\n" + rows)
    amounts_read = sorted(workspace.data.tables["transactions"]["amount"].to_list())  # all at one instant
    assert amounts_read == [-700, -600, -500, 800, 900]
    assert "Did you mean refund?" in workspace.log.findings[0].message


def test_a_constant_currency_sets_the_digits(make: Maker) -> None:
    toml = '[workspace]\ncurrency = "JPY"\n' + SALES + 'constants = { currency = "JPY" }\n'
    workspace = make(toml, sales_csv="user_id,time,amount\nu,2026-01-05,500\n")
    assert workspace.data.tables["transactions"].select("amount", "currency").rows() == [(500, "JPY")]


def test_a_currency_column_counts_in_every_table_with_amounts(make: Maker) -> None:
    toml = RATES.replace(SALES, '[tables.costs]\npath = "costs.csv"\n')
    workspace = make(
        toml,
        rates_csv="date,currency,rate\n2026-01-01,EUR,0.5\n",
        costs_csv="date,category,amount,currency\n2026-01-05,ads,8,EUR\n",
    )
    assert workspace.data.tables["costs"]["amount"].to_list() == [400]
