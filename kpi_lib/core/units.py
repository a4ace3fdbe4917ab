"""Units of a KPI, which way is better, and how a figure is written for a person."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from kpi_lib.core.errors import UsageError

MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NOTHING = "\N{EM DASH}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a value counts; `name` is the word in JSON and files, `percent` how people write it."""

    name: str
    money: bool = False
    percent: bool = False

    @property
    def points(self) -> bool:
        """Whether its changes are told as differences, not in percent."""
        return not self.money and (self.percent or self.name in ("ratio", "score"))


SHARE = Unit("share", percent=True)
COUNT = Unit("count")
MONEY = Unit("money", money=True)
SECONDS = Unit("seconds")
SCORE = Unit("score")
RATIO = Unit("ratio")
FRACTION = Unit("ratio", percent=True)  # a quotient that people write in percent, such as net revenue retention
PER_USER = Unit("per_user")
MONEY_PER_USER = Unit("per_user", money=True)

UP = "higher_better"
DOWN = "lower_better"
CONTEXT = "context"

# ISO 4217, list one: every currency whose smallest unit is not a hundredth
DIGITS_AS_TEXT = """
0: BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
3: BHD IQD JOD KWD LYD OMR TND
4: CLF UYW
"""
MINOR_DIGITS = {
    code: int(line[0]) for line in DIGITS_AS_TEXT.strip().splitlines() for code in line.split(":")[1].split()
}
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}


def minor_digits(currency: str) -> int:
    """Decimal places of a currency's smallest unit.

    >>> minor_digits("USD"), minor_digits("JPY")
    (2, 0)
    """
    return MINOR_DIGITS.get(currency, 2)


def significant(value: float, digits: int = 3) -> str:
    """Write a number with at most three significant digits (whole numbers in full), thousands separated, a true minus.

    >>> significant(0.04289), significant(1506), significant(-37.254), significant(76109.49)
    ('0.0429', '1,506', '−37.3', '76,109')
    """
    size = abs(value)
    whole = size >= 10 ** (digits - 1) or size == 0
    text = f"{size:,.0f}" if whole else f"{Decimal(f'{size:.{digits}g}'):f}"
    return MINUS + text if value < 0 and text.strip("0.,") else text


def percent(share: float, digits: int = 3) -> str:
    r"""Write a fraction as percent with the same decimals for the same size: 0.65 → 65.0 %.

    >>> percent(0.4948), percent(0.65), percent(1.0), percent(0.0004), percent(0.00001)
    ('49.5\u202f%', '65.0\u202f%', '100\u202f%', '0.04\u202f%', '0.001\u202f%')
    """
    size = abs(share * 100)
    if size == 0 or size >= 99.95 or size < 0.01:
        return f"{significant(share * 100, digits)}{NARROW_SPACE}%"
    text = f"{size:.1f}" if size >= 9.995 else f"{size:.2f}"
    return f"{MINUS if share < 0 else ''}{text}{NARROW_SPACE}%"


def part_of(share: float) -> str:
    r"""A part of a whole in whole percents.

    >>> part_of(0.4146)
    '41\u202f%'
    """
    return f"{share * 100:.0f}{NARROW_SPACE}%"


def likely(chance: float) -> str:
    r"""A probability in whole percents; never a certainty.

    >>> likely(0.999), likely(0.414), likely(0.001)
    ('over 99\u202f%', '41\u202f%', 'under 1\u202f%')
    """
    return "over " + part_of(0.99) if chance > 0.99 else "under " + part_of(0.01) if chance < 0.01 else part_of(chance)


def money(amount: float, currency: str) -> str:
    r"""Write an amount with its currency; cents only below 1,000.

    >>> money(37.2532, "USD"), money(76109.5, "USD"), money(-5, "CHF")
    ('$37.25', '$76,110', '−CHF\xa05.00')
    """
    places = minor_digits(currency) if abs(amount) < 1000 else 0
    sign = SIGNS.get(currency, currency + "\N{NO-BREAK SPACE}")
    text = f"{abs(amount):,.{places}f}"
    return (MINUS if amount < 0 and text.strip("0.,") else "") + sign + text


def span(seconds: float) -> str:
    """Write a duration in its two largest fitting parts, rounded to the smaller.

    >>> span(45), span(150), span(5399), span(86400 * 3.5)
    ('45 s', '2 min 30 s', '1 h 30 min', '3 d 12 h')
    """
    if abs(seconds) < 60:
        return f"{significant(seconds)} s"
    parts = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    left = round(abs(seconds))
    at = next(i for i, (_, size) in enumerate(parts) if left >= size)
    fine = parts[min(at + 1, 3)][1]
    left = int(left / fine + 0.5) * fine
    at = next(i for i, (_, size) in enumerate(parts) if left >= size)  # 23 h 59 min 40 s are a day
    (big, size), (small, fine) = parts[at], parts[min(at + 1, 3)]
    whole, rest = divmod(left, size)
    text = f"{whole} {big}" + (f" {rest // fine} {small}" if rest // fine else "")
    return MINUS + text if seconds < 0 else text


def show(value: float | None, unit: Unit, currency: str = "USD") -> str:
    """Write a KPI's value for a person; no value is a dash, never a zero.

    >>> show(0.4948, SHARE), show(None, SHARE), show(1506, COUNT), show(12.3, MONEY, "EUR")
    ('49.5\\u202f%', '—', '1,506', '€12.30')
    """
    if value is None:
        return NOTHING
    if unit.money:
        return money(value, currency)
    if unit.percent:
        return percent(value)
    if unit is SECONDS:
        return span(value)
    return significant(value)


def duration(text: str) -> timedelta:
    """Read an exact duration: 30m, 24h, 7d (= 168 h), 90s, 2w.

    >>> duration("7d")
    datetime.timedelta(days=7)
    """
    sizes = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
    number, letter = text.strip()[:-1], text.strip()[-1:]
    if letter not in sizes or not number.isdecimal() or int(number) == 0:
        raise UsageError(
            f"{text!r} is no duration: write a whole number above 0 and s, m, h, d or w, as in 30m, 24h or 7d."
        )
    try:
        return timedelta(seconds=int(number) * sizes[letter])
    except OverflowError:
        raise UsageError(f"{text!r} is longer than any calendar: write a duration below 10,000 years.") from None
