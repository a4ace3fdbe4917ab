"""What somebody's file probably holds: which canonical table, and which column is which, each with the reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from kpi_lib.core.contracts import words
from kpi_lib.core.errors import UsageError, shown
from kpi_lib.sources.kinds import as_text, blank_to_null
from kpi_lib.sources.money import currencies, parse_amounts
from kpi_lib.sources.reading import Raw
from kpi_lib.sources.times import parse_times

# usual names, the surest first; written without separators and in small letters
USUAL_AS_TEXT = """
user: userid user uid customerid customer custid clientid client visitorid visitor accountid account memberid member
user: personid person distinctid anonymousid userpseudoid profileid buyerid buyer subscriberid playerid player guestid
user: contactid studentid patientid userkey customerkey username useremail customeremail email deviceid cookieid who
time: time timestamp ts eventtime eventtimestamp datetime occurredat eventdate createdat created at when orderdate
time: orderedat ordertime purchasedat purchasedate purchasetime paidat invoicedate transactiondate transactiontime
time: paymentdate servertime clienttime visittime visitdate starttime startedat loggedat date day dt updatedat
sure: event eventname eventtype action activity actionname activityname eventaction behavior behaviortype
event: type name what verb step page screen kind interaction operation category
amount: amount revenue total totalamount ordertotal ordervalue orderamount totalprice grandtotal value price sales
amount: salesamount paid payment paymentamount gross net netamount spend spent sum cost subtotal monetaryvalue
order: orderid orderno ordernumber order invoiceid invoiceno invoice receiptid basketid checkoutid
signup: signupts signupdate signupat signedupat signup registeredat registrationdate registered joinedat joindate joined
currency: currency currencycode ccy cur
event_id: eventid insertid messageid eventuuid uuid
session_id: sessionid session usersession visitid sid
ingested: ingested ingestedat receivedat loadedat insertedat
transaction_id: transactionid transaction paymentid chargeid
product: product productid productname sku item itemid
channel: channel acquisitionchannel source utmsource
plan: plan planname tier
"""
USUAL: dict[str, list[str]] = {}
for _row in USUAL_AS_TEXT.strip().splitlines():
    USUAL.setdefault(_row.split(":")[0], []).extend(_row.split(":")[1].split())

BELONGS = {
    "events": ("event_id", "session_id", "ingested"),
    "transactions": ("transaction_id", "product"),
    "users": ("channel", "plan"),
}
MONEY_WORDS = ("amount", "revenue", "price", "total", "value", "sales")
ENOUGH = 0.8
SAMPLE = 100_000


@dataclass(frozen=True, slots=True)
class Guess:
    """A file's table, its columns with the reason for each, constants, and what else is worth saying."""

    raw: Raw
    table: str
    why: str
    columns: dict[str, tuple[str, str]]
    constants: dict[str, tuple[str, str]]
    naive: bool = False
    where: tuple[str, str] | None = None
    currency: str | None = None

    @property
    def unused(self) -> list[str]:
        """The file's columns that no canonical column takes."""
        used = {theirs for theirs, _ in self.columns.values()}
        return [name for name in self.raw.columns if name not in used]

    def values(self, canonical: str) -> pl.Series:
        """The file's values behind a guessed column."""
        return as_text(blank_to_null(self.raw.rows[self.columns[canonical][0]]))


def guess(raw: Raw) -> Guess:
    """Guess what one file is; a file without a user or a time is refused, with what it has."""
    table, why, columns = _table(raw)
    constants: dict[str, tuple[str, str]] = {}
    if table == "events" and "event" not in columns:
        constants["event"] = ("visit", "no column names what happened, so every row counts as a visit")
    for name in BELONGS[table]:
        if found := _named(raw, USUAL[name], _anything):
            _other(raw, name, found, columns)
    where = currency = None
    if table == "transactions":
        where, currency = _money_extras(raw, columns, constants)
    elif (theirs := _same(raw, "event_id")) and "event_id" not in columns:
        constants["event_id"] = ("", f"{theirs} repeats, so it does not tell rows apart")
    time = columns.get("time") or columns.get("signup_ts")
    naive = time is not None and bool(_times(raw, time[0])["naive"].any())
    return Guess(raw, table, why, columns, constants, naive, where, currency)


def _table(raw: Raw) -> tuple[str, str, dict[str, tuple[str, str]]]:
    user = _named(raw, USUAL["user"], _anything) or _containing(
        raw, ("user", "customer", "client", "visitor", "member", "buyer")
    )
    if user is None:
        raise _refused(raw, "who did it (a user, customer, visitor or account id)", "user_id")
    time = _named(raw, USUAL["time"], _is_time) or _containing(raw, ("time", "date", "_at", "day"), _is_time)
    signup = _named(raw, USUAL["signup"], _is_time)
    if time is None and signup is None:
        raise _refused(raw, "when it happened (a time or a date such as 2026-01-05 10:00)", "time")
    sure = _named(raw, USUAL["sure"], _is_name)
    amount = _named(raw, USUAL["amount"], _is_amount) or _containing(raw, MONEY_WORDS, _is_amount)
    once = raw.rows[user].n_unique() == len(raw.rows) > 0
    weak = None if amount or (once and signup) else _named(raw, USUAL["event"], _is_name)
    if once and not (sure or weak or amount):
        return _users(raw, user, signup or str(time))
    columns = {"user_id": _user(raw, user), "time": (str(time or signup), "its values read as times")}
    if event := sure or weak:
        columns["event"] = (event, f"{raw.rows[event].n_unique():,} different names")
        return "events", f"column {event} says what happened", columns
    if amount:
        columns["amount"] = (amount, _priced(raw, amount))
        return "transactions", f"column {amount} holds amounts and no column names an event", columns
    return "events", "users and times, but neither amounts nor names of events", columns


def _users(raw: Raw, user: str, signup: str) -> tuple[str, str, dict[str, tuple[str, str]]]:
    number = next((c for c in raw.columns if _plain(c) == "id" and raw.rows[c].is_unique().all()), None)
    # a number says less about a person than an address or a name
    key = number if number and _plain(user) in ("email", "useremail", "customeremail", "username") else user
    columns = {"user_id": _user(raw, key), "signup_ts": (signup, "a time, and each user has one row")}
    return "users", "one row for each user, with the day they came", columns


def _user(raw: Raw, column: str) -> tuple[str, str]:
    return column, f"{raw.rows[column].n_unique():,} different values in {len(raw.rows):,} rows"


def _priced(raw: Raw, amount: str) -> str:
    many = next((c for c in raw.columns if _plain(c) in ("quantity", "qty", "units", "count")), None)
    if many and "price" in amount.lower():
        return f"its values read as amounts; if they are for one piece, multiply them by {many} before"
    return "its values read as amounts"


def _other(raw: Raw, name: str, theirs: str, columns: dict[str, tuple[str, str]]) -> None:
    if theirs in {used for used, _ in columns.values()}:
        return
    unique = raw.rows[theirs].drop_nulls().is_unique().all()
    if name in ("event_id", "transaction_id") and not unique:
        # a repeated key would drop rows; as the number of an order it puts them together
        if name == "transaction_id":
            columns["order_id"] = (theirs, "rows with the same value are one order")
        return
    if name == "ingested" and not _is_time(raw, theirs):
        return
    columns[name] = (theirs, "by its name")


def _money_extras(
    raw: Raw, columns: dict[str, tuple[str, str]], constants: dict[str, tuple[str, str]]
) -> tuple[tuple[str, str] | None, str | None]:
    """Order, kind and currency of transactions; other currencies than the main one are filtered for now."""
    if "order_id" not in columns and (order := _named(raw, USUAL["order"], _anything)):
        columns["order_id"] = (order, "rows with the same value are one order")
    kind = next((c for c in raw.columns if _plain(c) in ("kind", "type") and _is_kind(raw, c)), None)
    if kind:
        columns["kind"] = (kind, "its values are sale, refund or credit")
    elif theirs := _same(raw, "kind"):
        constants["kind"] = ("sale", f"{theirs} holds something else than sale, refund or credit")
    theirs = _named(raw, USUAL["currency"], _is_currency)
    if theirs is None:
        if same := _same(raw, "currency"):
            constants["currency"] = ("USD", f"{same} holds no currency codes")
        return None, _currency_in(columns["amount"][0])
    columns["currency"] = (theirs, "its values are currency codes")
    codes = as_text(blank_to_null(raw.rows[theirs])).drop_nulls().to_frame("code").group_by("code").len()
    ranked = codes.sort("len", "code", descending=[True, False])
    if ranked.is_empty():
        return None, _currency_in(columns["amount"][0])
    main = ranked["code"][0]
    if len(ranked) == 1:
        return None, str(main).upper()
    others = ", ".join(f"{code} ({rows:,} rows)" for code, rows in ranked[1:6].iter_rows())
    quoted = theirs.replace('"', '""')
    condition = f"\"{quoted}\" = '{main}'"
    return (condition, f"left out until a table rates is mapped: {others}"), str(main).upper()


def _currency_in(name: str) -> str | None:
    found = re.search(r"(?:^|[^a-z])(usd|eur|gbp|chf|jpy|cad|aud|sek|nok|dkk|pln|inr|brl)(?:$|[^a-z])", name.lower())
    return found[1].upper() if found else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _same(raw: Raw, name: str) -> str | None:
    return name if name in raw.columns else None


def _named(raw: Raw, usual: list[str], test: Callable[[Raw, str], bool]) -> str | None:
    """The first column with a usual name (the surest name first) whose values also look like it."""
    plain = {name: _plain(name) for name in raw.columns}
    return next((c for each in usual for c in raw.columns if plain[c] == each and test(raw, c)), None)


def _containing(raw: Raw, parts: tuple[str, ...], test: Callable[[Raw, str], bool] | None = None) -> str | None:
    return next((c for part in parts for c in raw.columns if part in c.lower() and (test or _anything)(raw, c)), None)


def _anything(raw: Raw, column: str) -> bool:
    return not raw.rows.schema[column].is_nested() and (raw.rows.is_empty() or raw.rows[column].count() > 0)


def _times(raw: Raw, column: str) -> pl.DataFrame:
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    return parse_times(values, workspace_zone="UTC", file_zone=None)


def _share(good: int, values: pl.Series) -> bool:
    return values.is_empty() or good >= ENOUGH * max(values.count(), 1)


def _is_time(raw: Raw, column: str) -> bool:
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    if values.dtype.is_nested() or values.dtype == pl.Boolean:
        return False
    found = _times(raw, column)
    return _share(int((found["time"].is_not_null() | found["naive"]).sum()), values)


def _is_amount(raw: Raw, column: str) -> bool:
    values = blank_to_null(raw.rows[column].head(SAMPLE))
    if not (values.dtype.is_numeric() or values.dtype == pl.String):
        return False
    code, _ = currencies(None, "USD", len(values))
    return _share(parse_amounts(values, code).values.count(), values)


def _is_name(raw: Raw, column: str) -> bool:
    """Names of events: text, and far fewer of them than rows."""
    values = raw.rows[column].head(SAMPLE).drop_nulls()
    if values.dtype != pl.String:
        return False
    if values.is_empty():
        return True
    figures = int(values.str.contains(r"^[0-9.,:-]+$").sum())
    return values.n_unique() <= max(20, len(values) // 5) and not _share(figures, values)


def _is_kind(raw: Raw, column: str) -> bool:
    if raw.rows.schema[column].is_nested():
        return False
    values = as_text(blank_to_null(raw.rows[column])).drop_nulls().str.to_lowercase()
    return not values.is_empty() and bool(values.is_in(list(words("transactions")["kind"].words)).all())


def _is_currency(raw: Raw, column: str) -> bool:
    if raw.rows.schema[column].is_nested():
        return False
    values = as_text(blank_to_null(raw.rows[column])).drop_nulls().str.to_uppercase()
    return _share(int(values.str.contains("^[A-Z]{3}$").sum()), values)


def _refused(raw: Raw, what: str, canonical: str) -> UsageError:
    there = ", ".join(_sampled(raw, name) for name in raw.columns[:12])
    more = f" … ({len(raw.columns)} in all)" if len(raw.columns) > 12 else ""
    return UsageError(
        f"{raw.name}: no column says {what}.\nIts columns, with a first value: {there}{more}\n"
        f"Rename the right column to {canonical} in a copy of the file, or write kpi.toml by hand."
    )


def _sampled(raw: Raw, name: str) -> str:
    values = as_text(raw.rows[name].head(1)) if not raw.rows.schema[name].is_nested() else pl.Series([None])
    return f"{name} ({shown(values[0], 24)})" if len(values) and values[0] is not None else name
