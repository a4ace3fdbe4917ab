"""The ladder of lifetime values, as a table and a sentence."""

from kpi_lib.core.units import minor_digits, money
from kpi_lib.shapes.lifetime import Lifetime
from kpi_lib.show.blocks import Figure, Say, Strong, Table
from kpi_lib.show.phrases import plural, whole


def _amount(minor: float | None, field: str, currency: str, of: str) -> Figure:
    value = None if minor is None else minor / 10 ** minor_digits(currency)
    text = "—" if value is None else money(value, currency)
    return Figure(text=text, kpi=of, value=value, field=field)


def lifetime_table(ladder: Lifetime) -> Table:
    """One row a method: value, interval, how far it reaches, and what to mind."""
    scale = 10 ** minor_digits(ladder.currency)
    rows = []
    for row in ladder.table.iter_rows(named=True):
        low, high = (None if row[end] is None else money(row[end] / scale, ladder.currency) for end in ("low", "high"))
        span = between_text(low, high)
        reach = plural(row["months"], "month") if row["months"] else "without end"
        told = row["status"] if row["status"] != "ok" else ""
        value = _amount(row["value"], "value", ladder.currency, f"lifetime {row['method']}")
        rows.append((row["method"], value, span, whole(row["n"]), reach, told, row["warning"]))
    columns = ("Method", "Value", "95 %", "Customers", "Reach", "", "Mind")
    return Table(title="What a new customer is worth", columns=columns, rows=tuple(rows), note=_terms(ladder))


def between_text(low: str | None, high: str | None) -> str:
    """An interval of which an end may be unknown."""
    if low is None and high is None:
        return "—"
    return f"above {low}" if high is None else f"{low} – {high}"


def _terms(ladder: Lifetime) -> str:
    margin, yearly = f"{ladder.gross_margin:.0%}", f"{ladder.discount:.0%}"
    return (
        f"Gross profit at a margin of {margin} over {plural(ladder.horizon, 'month')}, discounted by {yearly} a year."
    )


def lifetime_sentence(ladder: Lifetime) -> Say:
    """What the best rung that could be climbed says, with its interval."""
    known = ladder.table.filter(ladder.table["value"].is_not_null() & (ladder.table["method"] != "simple"))
    if known.is_empty():
        return Say(phrase="What a new customer is worth cannot be told from these data yet.")
    row = known.row(-1, named=True)
    scale = 10 ** minor_digits(ladder.currency)
    low, high = (None if row[end] is None else money(row[end] / scale, ladder.currency) for end in ("low", "high"))
    value = _amount(row["value"], "value", ladder.currency, f"lifetime {row['method']}")
    sure = f" (95 %: {between_text(low, high)})" if low is not None else ""
    return Say(phrase=("A new customer is worth ", Strong(value), sure, f", by {row['method']}. ", _terms(ladder)))
